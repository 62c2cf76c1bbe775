"""Dynamics of songs whose notes are known, as they were made so; and librosa for the levels."""

import librosa
import numpy as np
import pytest
import soundfile
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from skdcca import AudioDynamics, LinearCCA, LyricsForm

RATE = 22050


def notes(n, seconds, frequency=440.0, decay=0.0, rate=RATE):
    """So many tones with gaps between them, which may die away."""
    time = np.arange(round(seconds / n * rate)) / rate
    sounding = np.minimum(1, 50 * np.minimum(time, np.maximum(0, 0.6 * seconds / n - time)))
    return np.tile(np.sin(2 * np.pi * frequency * time) * sounding * np.exp(-decay * time), n)


def dynamics(*songs, **parameters):
    transformer = AudioDynamics(**parameters)
    names = transformer.fit(songs).get_feature_names_out()
    return [dict(zip(names, row, strict=True)) for row in transformer.transform(songs)]


def band_of(frequency, n_mels=96):
    centres = librosa.mel_frequencies(n_mels + 2, fmin=60, fmax=8000)[1:-1]
    return int(np.abs(centres - frequency).argmin())


@pytest.mark.parametrize("lag", [1, 3, 8])
@pytest.mark.parametrize("way", ["rise", "fall"])
def test_rises_and_falls_are_proportional_to_the_number_of_notes(lag, way):
    # The same notes, and so many seconds of silence that both songs are equally long.
    few = np.concatenate([notes(6, 6), np.zeros(12 * RATE)])
    few, many = dynamics(few, notes(18, 18))
    assert few["log_seconds"] == many["log_seconds"] == pytest.approx(np.log(18))
    name = f"{way}{lag}_mel{band_of(440)}"
    assert np.expm1(many[name]) / np.expm1(few[name]) == pytest.approx(3, rel=0.15)


def test_a_band_rises_where_its_notes_are():
    (low,) = dynamics(notes(8, 8, 220.0))
    rises = [low[f"rise3_mel{i}"] for i in range(96)]
    assert abs(int(np.argmax(rises)) - band_of(220)) <= 1


def test_what_lasts_is_told_from_what_dies_away():
    lasting, dying = dynamics(notes(8, 8), notes(8, 8, decay=25.0))
    band = band_of(440)
    assert lasting[f"held_mel{band}"] > dying[f"held_mel{band}"] + 3
    assert lasting[f"heldrise_mel{band}"] > dying[f"heldrise_mel{band}"]


def test_levels_are_those_of_librosa():
    song = notes(5, 5) + 0.01 * np.random.default_rng(0).normal(size=5 * RATE)
    power = librosa.feature.melspectrogram(
        y=song, sr=RATE, n_fft=2048, hop_length=512, n_mels=96, fmin=60, fmax=8000
    )
    level = librosa.power_to_db(power, top_db=70)
    row = AudioDynamics().fit_transform([song])[0]
    assert row.shape == (1 + 10 * 96,)
    np.testing.assert_allclose(row[1:97], level.mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(row[97:193], level.std(axis=1), atol=1e-3)
    rise = np.maximum(np.diff(level, axis=1) - 3, 0).sum(axis=1)
    np.testing.assert_allclose(row[193:289], np.log1p(rise), atol=1e-2)


def test_loudness_moves_the_levels_alone():
    song = notes(5, 5)
    loud, soft = AudioDynamics(n_mels=40).fit_transform([song, 0.01 * song])
    moved = np.r_[1:41, 321:361]  # mean and held
    np.testing.assert_allclose(loud[moved] - soft[moved], 40, atol=0.01)
    np.testing.assert_allclose(np.delete(loud, moved), np.delete(soft, moved), atol=0.01)


def test_a_very_short_song_has_finite_numbers():
    for n in (10, 600, 5000):
        assert np.isfinite(
            AudioDynamics(n_mels=20).fit_transform([notes(1, 1.0)[500 : 500 + n]])
        ).all()


def test_files_of_any_rate_and_jobs_and_cache_give_the_same(tmp_path):
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
        ({"n_mels": 0}, [notes(1, 1)], "n_mels=0"),
        ({"sample_rate": 1.5}, [notes(1, 1)], "sample_rate=1.5"),
        ({"sample_rate": 100}, [notes(1, 1)], "sample_rate=100; it must be 1000 Hz or more"),
        (
            {},
            [notes(1, 1), np.zeros(RATE)],
            "1 of 2 songs cannot be used:\\n  song 1: it is silent",
        ),
        ({}, ["missing.wav"], "song 0: there is no file"),
    ],
)
def test_what_cannot_be_measured_is_named(parameters, songs, message):
    with pytest.raises(ValueError, match=message):
        AudioDynamics(**parameters).fit_transform(songs)


@pytest.mark.parametrize(
    "check",
    "estimator_cloneable estimator_repr estimator_tags_renamed get_params_invariance mixin_order "
    "no_attributes_set_in_init parameters_default_constructible set_params valid_tag_types".split(),
)
def test_scikit_learn_contract(check):
    getattr(estimator_checks, f"check_{check}")("AudioDynamics", AudioDynamics())


def test_in_a_pipeline_the_number_of_notes_finds_the_length_of_the_lyrics():
    rng = np.random.default_rng(0)
    counts = rng.integers(4, 30, size=60)
    songs = [notes(n, 5.0) for n in counts]  # all of one length
    lyrics = [" ".join(["la"] * n) + "." for n in counts]
    model = make_pipeline(
        AudioDynamics(n_mels=12),
        LinearCCA(1, reg=0.1, y_transformer=LyricsForm(), similarity="likelihood"),
    )
    assert clone(model).fit(songs[:40], lyrics[:40]).score(songs[40:], lyrics[40:]) > 0.95
