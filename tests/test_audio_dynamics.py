"""AudioDynamics of synthesized notes, with levels from librosa."""

import librosa
import numpy as np
import pytest
import soundfile
from _contract import each_check, run_check
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skdcca import AudioDynamics, LinearCCA, LyricsForm
from skdcca.exceptions import SilentSongWarning

RATE = 22050


def notes(n, seconds, frequency=440.0, decay=0.0, rate=RATE):
    """Return n tones with gaps between them, which may decay."""
    time = np.arange(round(seconds / n * rate)) / rate
    sounding = np.minimum(1, 50 * np.minimum(time, np.maximum(0, 0.6 * seconds / n - time)))
    return np.tile(np.sin(2 * np.pi * frequency * time) * sounding * np.exp(-decay * time), n)


def dynamics(*songs, **parameters):
    transformer = AudioDynamics(**parameters)
    names = transformer.fit(songs).get_feature_names_out()
    return [dict(zip(names, row, strict=True)) for row in transformer.transform(songs)]


def band_of(frequency, n_mels=96):
    centers = librosa.mel_frequencies(n_mels + 2, fmin=60, fmax=8000)[1:-1]
    return int(np.abs(centers - frequency).argmin())


@pytest.mark.parametrize("lag", [1, 3, 8])
@pytest.mark.parametrize("way", ["rise", "fall"])
def test_rises_and_falls_are_proportional_to_the_number_of_notes(lag, way):
    # The same notes, and a rest that makes both songs equally long.
    few = np.concatenate([notes(3, 3), np.zeros(12 * RATE), notes(3, 3)])
    few, many = dynamics(few, notes(18, 18))
    assert few["log_seconds"] == many["log_seconds"] == pytest.approx(np.log(17.6), abs=1e-3)
    name = f"{way}{lag}_mel{band_of(440)}"
    assert np.expm1(many[name]) / np.expm1(few[name]) == pytest.approx(3, rel=0.15)


def test_a_band_rises_where_its_notes_are():
    (low,) = dynamics(notes(8, 8, 220.0))
    rises = [low[f"rise3_mel{i}"] for i in range(96)]
    assert abs(int(np.argmax(rises)) - band_of(220)) <= 1


def test_sustained_and_decaying_notes_differ():
    lasting, dying = dynamics(notes(8, 8), notes(8, 8, decay=25.0))
    band = band_of(440)
    assert lasting[f"held_mel{band}"] > dying[f"held_mel{band}"] + 3
    assert lasting[f"heldrise_mel{band}"] > dying[f"heldrise_mel{band}"]


def test_levels_equal_librosa():
    song = notes(5, 5) + 0.01 * np.random.default_rng(0).normal(size=5 * RATE)
    song[[0, -1]] = 0.1  # no silence before or after it
    power = librosa.feature.melspectrogram(
        y=song, sr=RATE, n_fft=2048, hop_length=512, n_mels=96, fmin=60, fmax=8000
    )
    level = librosa.power_to_db(power, ref=np.max, top_db=70)
    row = AudioDynamics().fit_transform([song])[0]
    assert row.shape == (1 + 10 * 96,)
    np.testing.assert_allclose(row[1:97], level.mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(row[97:193], level.std(axis=1), atol=1e-3)
    rise = np.maximum(np.diff(level, axis=1) - 3, 0).sum(axis=1)
    np.testing.assert_allclose(row[193:289], np.log1p(rise), atol=1e-2)


def test_gain_and_silence_around_a_song_change_nothing():
    song = notes(3, 3)
    padded = np.pad(song, (2 * RATE + 77, RATE))
    rows = AudioDynamics(n_mels=40).fit_transform([song, 1e-3 * song, 0.1 * padded])
    np.testing.assert_allclose(rows, rows[[0, 0, 0]], atol=1e-3)


def test_a_very_short_song_has_finite_numbers():
    short = [notes(1, 1.0)[500 : 500 + n] for n in (10, 600, 5000)]
    with pytest.warns(SilentSongWarning, match="3 of 3 songs have less than 1 s of sound"):
        assert np.isfinite(AudioDynamics(n_mels=20).fit_transform(short)).all()


def test_rates_of_files_jobs_and_cache_change_nothing(tmp_path):
    paths = [str(tmp_path / f"{i}.wav") for i in range(3)]
    for i, path in enumerate(paths):
        soundfile.write(path, 0.5 * notes(3 + i, 3, rate=44100), 44100)
    plain = AudioDynamics(n_mels=30).fit_transform(paths)
    many = AudioDynamics(n_mels=30, n_jobs=2, memory=tmp_path / "cache").fit(paths)
    np.testing.assert_array_equal(many.transform(paths), plain)
    np.testing.assert_array_equal(many.transform(paths[::-1]), plain[::-1])


@pytest.mark.parametrize(
    ("parameters", "songs", "message"),
    [
        ({"n_mels": 0}, [notes(1, 1)], "`n_mels` must be an integer >= 1, got 0"),
        ({"sample_rate": 1.5}, [notes(1, 1)], "`sample_rate` must be an integer .* got 1.5"),
        ({"sample_rate": 100}, [notes(1, 1)], "`sample_rate` must be an integer >= 1000, got 100"),
        (
            {},
            [notes(1, 1), np.zeros(RATE)],
            "1 of 2 songs cannot be used:\\n  song 1: it is silent",
        ),
        ({}, ["missing.wav"], "song 0: there is no file"),
    ],
)
def test_bad_parameters_and_songs_are_named(parameters, songs, message):
    with pytest.raises(ValueError, match=message):
        AudioDynamics(**parameters).fit_transform(songs)


@each_check
def test_scikit_learn_contract(check):
    run_check(check, AudioDynamics())


def test_note_counts_predict_the_length_of_lyrics_in_a_pipeline():
    rng = np.random.default_rng(0)
    counts = rng.integers(4, 30, size=60)
    songs = [notes(n, 5.0) for n in counts]  # all of one length
    lyrics = [" ".join(["la"] * n) + "." for n in counts]
    model = make_pipeline(
        AudioDynamics(n_mels=12),
        LinearCCA(1, reg=0.1, y_transformer=LyricsForm(), similarity="likelihood"),
    )
    assert clone(model).fit(songs[:40], lyrics[:40]).score(songs[40:], lyrics[40:]) > 0.95
