"""Sound and silence: where sound begins, and queries that are silent, short, soft or late."""

import os

import numpy as np
import pytest
import soundfile
from _programs import run_program
from _songs import RATE, chirp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import (
    AudioDynamics,
    AudioForm,
    CrossModalIndex,
    LinearCCA,
    MelSpectrogram,
    TemporalSummary,
)
from skdcca._audio.silence import sound_range
from skdcca.datasets import make_songs
from skdcca.exceptions import NoSoundError
from skdcca.metrics import mrr_scorer


@pytest.mark.parametrize("gain", [1, 1e-3, 1e3])
def test_the_range_of_a_sound(gain):
    sound = np.r_[np.zeros(50), 0.0005, 0.002, -1, np.zeros(90), 0.5, 0.0009, np.zeros(7)]
    assert sound_range(gain * sound) == (51, 144)  # rests belong to the music


def test_silence_has_no_range():
    assert sound_range(np.zeros(5)) == sound_range(np.zeros(0)) == (0, 0)
    assert sound_range(np.array([1, -1, 0, 2]) / 2**15) == (0, 0)  # dither of 16-bit files


@pytest.fixture(scope="module")
def model_and_songs():
    songs = make_songs(70, strength=0.97, duration=5.0, random_state=0)
    mel = MelSpectrogram(n_mels=32, hop_length=1024, duration=5.0, offset="first_sound")
    model = make_pipeline(mel, TemporalSummary(), StandardScaler(), LinearCCA(4, reg=1.0))
    return model.fit(songs.audio[:40], songs.lyrics_mood[:40]), songs


def test_soft_and_late_clips_are_found_as_well(model_and_songs):
    model, songs = model_and_songs
    waveforms, moods = [song for song, _ in songs.audio[40:]], songs.lyrics_mood[40:]
    plain = mrr_scorer(model, waveforms, moods)
    assert plain > 0.4  # chance is 0.13
    changes = {
        "20 dB softer": lambda song: 0.1 * song,
        "60 dB softer": lambda song: 1e-3 * song,
        "after 2 s": lambda song: np.pad(song, (2 * RATE, 0)),
        "after 40 s": lambda song: 0.1 * np.pad(song, (40 * RATE, 0)),
    }
    for change in changes.values():
        found = mrr_scorer(model, [change(song) for song in waveforms], moods)
        assert found == pytest.approx(plain, abs=0.01)


def test_queries_without_sound_are_refused(model_and_songs, tmp_path):
    model, songs = model_and_songs
    index = CrossModalIndex(model).fit(y=songs.lyrics_mood)
    path = str(tmp_path / "silent.wav")
    soundfile.write(path, np.zeros(5 * RATE), RATE)
    for clip, found in (
        (path, r"no sound in query 0 \('.*silent.wav'\)"),
        (chirp(0.5), "0.50 s of"),
    ):
        with pytest.raises(NoSoundError, match=f"must have at least 1 s of sound, got {found}"):
            index.query(X=[clip])
    assert index.query(X=[chirp(1.0)], n_neighbors=1)[1].shape == (1, 1)
    X, y = songs.audio[:6], songs.lyrics_mood[:6]
    for transformer in (AudioForm(), AudioDynamics(n_mels=12)):
        index = CrossModalIndex(make_pipeline(transformer, LinearCCA(1, reg=1.0)).fit(X, y)).fit(
            y=y
        )
        with pytest.raises(NoSoundError, match="no sound in query 0"):
            index.query(X=[path], n_neighbors=1)


def test_nothing_is_compiled(tmp_path):
    program = """
import sys, warnings
import numpy as np, skdcca
song = np.sin(np.arange(48000.0) ** 1.2), 24000
for name in ("MelSpectrogram", "AudioForm", "AudioDynamics", "MelCNNAudio"):
    assert np.isfinite(getattr(skdcca, name)().fit_transform([song])).all()
assert not {"numba", "llvmlite", "librosa"} & set(sys.modules)
"""
    run_program(program, env={"NUMBA_CACHE_DIR": str(tmp_path)})
    assert os.listdir(tmp_path) == []
