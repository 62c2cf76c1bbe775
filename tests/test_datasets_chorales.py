"""Chorales of Bach: texts, tunes, sounds and the cache."""

import gzip
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import soundfile
from _songs import CORE, check_core, spectrum

from skdcca.datasets import _chorales, load_chorales
from skdcca.exceptions import MissingDependencyError

CHORALES = ["bwv8.6", "bwv26.6", "bwv161.6", "bwv244.15", "bwv286"]


@pytest.fixture
def few_chorales(monkeypatch, tmp_path):
    """Use five pieces instead of all, and a cache of their own."""
    pytest.importorskip("music21")
    files = [file for file in _chorales._score_files() if file.stem in CHORALES]
    monkeypatch.setattr(_chorales, "_score_files", lambda: files)
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_parsing(monkeypatch):
    def refuse(*_):
        raise AssertionError("the cache was not used")

    return lambda: monkeypatch.setattr(_chorales, "_parse", refuse)


def test_a_few_chorales(few_chorales, capsys, no_parsing):
    songs = load_chorales(sample_rate=8000)
    check_core(songs, 5)
    assert songs.ids == CHORALES
    assert songs.titles[3] == "O Haupt voll Blut und Wunden"
    assert songs.lyrics[4] == (
        "Danket dem Herren, denn er ist sehr freundlich,\n"
        "und seine Güt' und Wahrheit bleibet ewiglich."
    )
    assert songs.lyrics[3].splitlines()[:3] == [
        "O Haupt voll Blut und Wunden,",
        "voll Schmerz und voller Hohn!",
        "O Haupt, zu Spott gebunden",  # words of the repeat
    ]
    # one tune in another key, and nothing else in common
    assert songs.groups[2] == songs.groups[3]
    assert len(set(songs.groups)) == 4
    # 24 and 80 quarter notes (44 + 20 + 16, with first and second ending) of 0.75 seconds
    seconds = [soundfile.info(songs.audio[i]).duration for i in (4, 0)]
    assert seconds == pytest.approx([18, 60], abs=0.1)
    assert soundfile.info(songs.audio[0]).samplerate == 8000
    assert capsys.readouterr() == ("", "")

    no_parsing()
    again = load_chorales(sample_rate=8000)
    assert all(np.array_equal(songs[field], again[field]) for field in CORE)
    assert len(list(few_chorales.rglob("*"))) == 1 + 1 + 5  # no temporary files


def test_the_last_chord_sounds_as_written(few_chorales):
    """The last chord holds the final notes of all four parts of the score."""
    from music21 import corpus

    waveform, sample_rate = soundfile.read(load_chorales(sample_rate=8000).audio[4])
    frequencies, amplitudes = spectrum(waveform[-int(0.7 * sample_rate) :], sample_rate)
    for part in corpus.parse("bach/bwv286").parts:
        hertz = part.flatten().notes[-1].pitch.frequency
        assert amplitudes[np.abs(frequencies - hertz) < 3].max() > 0.1


def test_a_damaged_or_missing_cache_is_rebuilt(few_chorales, no_parsing, capsys):
    songs = load_chorales(sample_rate=8000, cache=few_chorales / "other", verbose=1)
    assert "reading chorales" in capsys.readouterr().err
    (cached,) = (few_chorales / "other").glob("*.json.gz")
    content = gzip.decompress(cached.read_bytes())
    for damage in (b"no gzip", cached.read_bytes()[:100], gzip.compress(b"{")):
        cached.write_bytes(damage)
        assert load_chorales(sample_rate=8000, cache=few_chorales / "other").ids == songs.ids
        assert gzip.decompress(cached.read_bytes()) == content
    Path(songs.audio[1]).unlink()
    no_parsing()
    load_chorales(sample_rate=8000, cache=few_chorales / "other")
    assert all(Path(file).exists() for file in songs.audio)


def test_a_missing_music21_is_named(monkeypatch, tmp_path):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_chorales, "version", missing)
    with pytest.raises(MissingDependencyError, match=r'music21.*`pip install "skdcca\[songs\]"`'):
        load_chorales(cache=tmp_path)


@pytest.mark.slow
def test_all_chorales(tmp_path):
    pytest.importorskip("music21")
    songs = load_chorales(cache=tmp_path, sample_rate=8000, n_jobs=2)
    check_core(songs, len(songs.ids))
    assert len(songs.ids) > 300
    sizes = np.unique(songs.groups, return_counts=True)[1]
    assert 150 < len(sizes) < 250
    assert sizes.max() < 15
    group = dict(zip(songs.ids, songs.groups, strict=True))
    assert group["bwv270"] == group["bwv244.62"] == group["bwv153.5"]  # passion chorale
    assert group["bwv392"] == group["bwv244.37"] == group["bwv13.6"]  # Innsbruck
    assert group["bwv326"] == group["bwv327"]  # Old Hundredth, two texts
    assert group["bwv70.11"] != group["bwv379"]  # two hymns that begin with the same words
    words = [len(text.split()) for text in songs.lyrics]
    assert min(words) > 10
    assert 30 < np.median(words) < 45
