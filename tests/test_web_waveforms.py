"""Waveforms of songs."""

import numpy as np
import pytest
import soundfile
from _page import client_of, number_index, one_song_index, wav

from skdcca.web import _limits, _waveforms
from skdcca.web._waveforms import N_LEVELS, Waveforms

pytest.importorskip("fastapi", reason='the page needs the extra: pip install "skdcca[web]"')
# Starlette deprecates httpx for its test client.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

RATE = 8000


@pytest.fixture
def song(tmp_path):
    """A second of silence, a second at a quarter of the full level, and a second at the full one."""
    level = np.repeat([0.0, 0.2, 0.8], RATE)
    tone = np.sin(np.arange(3 * RATE) * 2 * np.pi / 8)  # 1,000 periods in each part
    path = tmp_path / "song.flac"
    soundfile.write(path, np.column_stack([level * tone, level * tone]), RATE)
    return path


def test_levels_are_those_of_the_sound(song):
    answer = client_of(one_song_index(song)).get("/api/waveform/0")
    assert answer.status_code == 200
    waveform = answer.json()
    assert waveform["seconds"] == 3.0
    expected = np.repeat([0, 25, 100], N_LEVELS // 3)
    np.testing.assert_allclose(waveform["levels"], expected, atol=1)


def test_a_song_may_be_decoded_in_many_blocks(song, monkeypatch):
    whole = Waveforms().of(str(song))
    monkeypatch.setattr(_waveforms, "_BLOCK", 0.17)
    assert Waveforms().of(str(song)) == whole


def test_a_short_sound_has_fewer_levels(tmp_path):
    path = tmp_path / "click.wav"
    soundfile.write(path, [0.5, 0.25, 0.0], RATE, subtype="FLOAT")
    assert Waveforms().of(str(path)) == {"seconds": 0.0, "levels": [100, 50, 0]}


def test_silence_is_flat(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    assert set(Waveforms().of(str(path))["levels"]) == {0}


def test_songs_without_a_waveform(tmp_path):
    damaged = tmp_path / "damaged.flac"
    soundfile.write(damaged, np.random.default_rng(0).normal(size=RATE) / 9, RATE)
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 3])
    audio = [str(damaged), str(tmp_path / "gone.wav"), str(tmp_path), None, "/etc/passwd"]
    client = client_of(number_index(5, metadata=[{"audio": path} for path in audio]))
    for position in [*range(5), 5, "00", "-1", "x"]:
        answer = client.get(f"/api/waveform/{position}")
        assert answer.status_code == 404
        assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_DRAWN_SECONDS", 2), ("MAX_RATE", 4000), ("MAX_CHANNELS", 1)]
)
def test_sounds_beyond_the_limits_are_not_decoded(song, monkeypatch, limit, value):
    monkeypatch.setattr(_limits, limit, value)
    monkeypatch.setattr(_waveforms, "read_excerpt", None)
    assert Waveforms().of(str(song)) is None


def test_waveforms_are_kept_until_the_file_changes(song, monkeypatch):
    waveforms = Waveforms()
    first = waveforms.of(str(song))
    assert waveforms.of(str(song)) is first
    song.write_bytes(wav(1.0))
    assert waveforms.of(str(song))["seconds"] == 1.0


def test_a_bounded_number_of_waveforms_is_kept(tmp_path):
    waveforms, paths = Waveforms(most=2), [tmp_path / f"{i}.wav" for i in range(3)]
    for path in paths:
        path.write_bytes(wav(0.1))
        waveforms.of(str(path))
    assert [path for path, *_ in waveforms.kept] == [str(path) for path in paths[1:]]
