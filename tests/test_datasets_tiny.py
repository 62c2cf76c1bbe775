"""The tiny songs, and the tool that converts them from ABC notation."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from _songs import check_core, loudest_frequency

from skdcca.datasets import _synthesis, load_tiny_songs


@pytest.fixture(scope="module")
def tiny():
    return load_tiny_songs()


def test_tiny_songs(tiny):
    check_core(tiny, 20)
    assert tiny.groups.tolist() == tiny.ids
    assert tiny.tags[tiny.titles.index("Clementine")] == ["sad", "story"]
    assert sorted(set(tiny.languages)) == ["de", "en", "fr"]
    text = " ".join(tiny.lyrics)
    assert "Freude, schöner Götterfunken, Tochter aus Elysium" in text
    assert "Amazing grace, how sweet the sound, that saved a wretch like me!" in text
    assert "a-riding on a pony" in text
    assert "prête-moi ta plume, pour écrire un mot" in text
    assert not set("_*\\|") & set(text)
    assert "- " not in text


@pytest.mark.parametrize(
    ("title", "beats", "tempo"),
    [
        ("Twinkle Twinkle Little Star", 48, 92),
        ("Joy to the World", 13.5, 96),
        ("Silent Night", 24, 46),  # dotted quarters
        ("Amazing Grace", 49, 76),
        ("My Bonnie", 24, 132),
    ],
)
def test_tiny_songs_last_their_beats(tiny, title, beats, tempo):
    waveform, sample_rate = tiny.audio[tiny.titles.index(title)]
    seconds = beats * 60 / tempo + _synthesis.RELEASE
    assert len(waveform) / sample_rate == pytest.approx(seconds, abs=1e-3)


def test_twinkle_starts_with_c_c_g_g_a_a_g(tiny):
    waveform, sample_rate = tiny.audio[0]
    beat = sample_rate * 60 / 92
    notes = [waveform[int((i + 0.15) * beat) : int((i + 0.9) * beat)] for i in range(7)]
    pitches = [69 + 12 * np.log2(loudest_frequency(note, sample_rate) / 440) for note in notes]
    np.testing.assert_allclose(pitches, [60, 60, 67, 67, 69, 69, 67], atol=0.3)


def test_tiny_songs_at_another_sample_rate(tiny):
    slow = load_tiny_songs(sample_rate=8000)
    assert slow.audio[0][1] == 8000
    assert len(slow.audio[0][0]) == pytest.approx(len(tiny.audio[0][0]) * 8000 / 22050, abs=1)
    assert slow.lyrics == tiny.lyrics


# The tool


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def abc():
    file = ROOT / "tools" / "abc_to_json.py"
    if not file.exists():
        pytest.skip("tools are not part of this installation")
    spec = importlib.util.spec_from_file_location("abc_to_json", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TUNE = """X:1
T:Test
%%tags calm test
M:3/4
L:1/8
Q:1/4=60
K:Dm
D2 | ^F2 F B,- B,2 | F2 z2 c'/c'/ b- | b3/ a/4 a/4 A4 |]
w: One two three four_ five six sev-en
"""


def test_abc_is_read(abc):
    (song,) = abc.read_abc(TUNE)
    assert song["tags"] == ["calm", "test"]
    assert song["tempo"] == 60
    assert song["lyrics"] == "One two three four five six seven"
    assert song["notes"] == [
        [0.0, 1.0, 62],  # the upbeat
        [1.0, 1.0, 66],  # F sharp,
        [2.0, 0.5, 66],  # which lasts for its bar
        [2.5, 1.5, 58],  # B flat by the key, tied to the next
        [4.0, 1.0, 65],  # F natural again
        [6.0, 0.25, 84],
        [6.25, 0.25, 84],
        [6.5, 1.25, 82],  # tied over the bar
        [7.75, 0.125, 81],
        [7.875, 0.125, 81],
        [8.0, 2.0, 69],
    ]


@pytest.mark.parametrize(
    ("field", "quarters"), [("1/4=92", 92), ("3/8=46", 69), ('"Slow" 1/2=30', 60), ("120", 60)]
)
def test_abc_tempo(abc, field, quarters):
    (song,) = abc.read_abc(TUNE.replace("1/4=60", field))
    assert song["tempo"] == quarters


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("F2 z2", "F2 z", "bar 3 has 2.5 quarters"),
        ("A4", "A4 A6", "bar -1 is too long"),
        ("One two", "One two a b c d e f", "15 syllables for 13 notes"),
        ("D2 |", "|: D2 |", "cannot read"),
    ],
)
def test_abc_faults_are_reported(abc, old, new, message):
    with pytest.raises(ValueError, match=message):
        abc.read_abc(TUNE.replace(old, new))


def test_shipped_songs_come_from_the_tool(abc, tmp_path, monkeypatch):
    source = Path(os.environ.get("SKDCCA_DATA", "")) / "tiny_pd_songs.abc"
    if not source.is_file():
        pytest.skip("set SKDCCA_DATA to the folder of tiny_pd_songs.abc")
    monkeypatch.setattr(sys, "argv", ["abc_to_json", str(source), str(tmp_path / "made.json")])
    abc.main()
    shipped = ROOT / "skdcca" / "datasets" / "data" / "tiny_songs.json"
    assert (tmp_path / "made.json").read_bytes() == shipped.read_bytes()
