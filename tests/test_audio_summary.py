"""TemporalSummary against known spectrograms and NumPy."""

import numpy as np
import pytest
from _songs import chirp

from skdcca import MelSpectrogram, TemporalSummary


def test_summary_of_known_spectrograms():
    spectrogram = np.tile(np.arange(4.0)[:, None], (1, 100))
    spectrogram[0] = np.arange(100) % 2  # 0, 1, 0, 1, ...
    row = TemporalSummary(("mean", "std", "delta")).fit_transform(spectrogram[None])[0]
    # Levels are relative to the loudest one, which is 3.
    np.testing.assert_allclose(row, [-2.5, -2, -1, 0, 0.5, 0, 0, 0, 1, 0, 0, 0])


def test_rhythm_peaks_at_the_beat():
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(0, 0.1, size=(1, 8, 400))
    spectrogram[:, :, ::20] += 5  # a beat every 20 frames
    summary = TemporalSummary(("rhythm",), n_lags=60).fit(spectrogram)
    lags = [float(name.removeprefix("rhythm_lag")) for name in summary.get_feature_names_out()]
    best = lags[summary.transform(spectrogram)[0][:50].argmax()]
    assert best == pytest.approx(20, abs=1.5)


def test_rhythm_is_the_autocorrelation_of_the_onsets():
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(size=(6, 64))
    onset = np.maximum(spectrogram[:, 1:] - spectrogram[:, :-1], 0).mean(axis=0)
    onset = onset - onset.mean()
    whole = np.correlate(onset, onset, mode="full")[len(onset) - 1 :] / np.sum(onset**2)
    summary = TemporalSummary(["rhythm"], n_lags=4)
    row = summary.fit_transform(spectrogram[None])[0]
    np.testing.assert_allclose(
        row, np.interp(np.geomspace(2, 16, 4), np.arange(63), whole), atol=1e-12
    )
    assert summary.get_feature_names_out()[0] == "rhythm_lag2.000"


def test_silence_around_a_song_does_not_change_the_summary():
    song = chirp(4.0)
    long = MelSpectrogram(duration=9.0, n_mels=40)
    alone = MelSpectrogram(duration=4.0, n_mels=40).fit_transform([song])
    later = np.pad(song, (150 * 512, 20000))
    padded = long.fit_transform([song, later, 1e-3 * later])
    summary = TemporalSummary().fit(padded)
    np.testing.assert_allclose(
        summary.transform(padded), summary.transform(alone[[0, 0, 0]]), atol=1e-3
    )
    assert np.abs(padded.mean(axis=2) - alone.mean(axis=2)).min() > 5


def noise_between_noise(level=-60.0):
    """Return a spectrogram of music in frames 20 to 50, and of noise at a level before and after."""
    rng = np.random.default_rng(0)
    spectrogram = np.full((1, 4, 70), -80.0)
    spectrogram[0, :, 5:65] = level + rng.uniform(-3, 3, size=(4, 60))
    spectrogram[0, :, 20:50] = rng.uniform(-40, 0, size=(4, 30))
    return spectrogram


def test_models_of_older_files_keep_their_rules():
    spectrogram = noise_between_noise()
    summary = TemporalSummary(("mean",)).fit(spectrogram)
    song = spectrogram[0]
    expected = {3: song[:, 20:50] - song.max(), 2: song[:, 5:65], 1: song[:, :65]}
    for version, frames in expected.items():
        summary._format = version
        np.testing.assert_allclose(summary.transform(spectrogram)[0], frames.mean(axis=1))
    summary.floor = 10
    state = summary.__getstate__()
    del state["_format"], state["floor"]
    old = TemporalSummary.__new__(TemporalSummary)
    old.__setstate__(state)
    np.testing.assert_allclose(old.transform(spectrogram)[0], song[:, :65].mean(axis=1))
    assert old.get_params()["floor"] is None


def test_faint_noise_around_the_music_and_gain_change_nothing():
    noisy = noise_between_noise()
    clean = np.where(noisy < -45, -80.0, noisy)
    summary = TemporalSummary().fit(clean)
    expected = summary.transform(clean)
    for same in (noisy, noisy + 17.0, np.pad(noisy, ((0, 0), (0, 0), (40, 9)), mode="edge")):
        np.testing.assert_allclose(summary.transform(same), expected, atol=1e-9)
    assert np.abs(summary.transform(noise_between_noise(-45.0)) - expected).max() > 1


def test_levels_of_a_repeated_song_are_those_of_the_song():
    song = np.random.default_rng(0).uniform(-40, 0, size=(1, 4, 60))
    summary = TemporalSummary(("mean", "std")).fit(song)
    np.testing.assert_allclose(
        summary.transform(np.tile(song, 3)), summary.transform(song), atol=1e-12
    )


def test_noise_below_the_floor_changes_nothing():
    rng = np.random.default_rng(0)
    clean = np.where(rng.random((1, 4, 60)) < 0.5, rng.uniform(-35, 0, (1, 4, 60)), -70.0)
    noisy = np.maximum(clean, rng.uniform(-70, -41, clean.shape))
    ends = np.pad(noisy, ((0, 0), (0, 0), (30, 30)), constant_values=-45.0)
    summary = TemporalSummary(floor=40).fit(clean)
    expected = summary.transform(clean)
    np.testing.assert_allclose(summary.transform(noisy), expected)
    np.testing.assert_allclose(summary.transform(ends), expected)
    clipped = np.maximum(clean[0] - clean.max(), -40)
    np.testing.assert_allclose(expected[0, :4], clipped.mean(axis=1))
    assert np.abs(TemporalSummary().fit(clean).transform(noisy) - expected).max() > 1
    for floor in (0, -3, "loud", np.inf):
        with pytest.raises(ValueError, match="`floor` must be a finite number > 0, or None"):
            TemporalSummary(floor=floor).fit(clean)


def test_summary_of_a_very_short_sound_in_long_silence():
    spectrogram = np.full((1, 4, 200), -80.0)
    spectrogram[:, :, 0] = 0.0
    row = TemporalSummary(("mean", "delta")).fit_transform(spectrogram)[0]
    np.testing.assert_allclose(row, [-75.0] * 4 + [80 / 15] * 4)  # over at least 16 frames


def test_other_shapes_and_statistics_are_refused():
    for shape in [(5, 40), (5, 40, 8), (5, 40, 30, 2)]:
        with pytest.raises(ValueError, match=r"X must have shape|Found array with dim"):
            TemporalSummary().fit(np.zeros(shape))
    with pytest.raises(
        ValueError, match=r"`statistics` must be a non-empty list of names from .*'mode'"
    ):
        TemporalSummary(("mean", "mode")).fit(np.zeros((2, 3, 20)))
    fitted = TemporalSummary().fit(np.ones((2, 3, 20)))
    with pytest.raises(ValueError, match="features"):
        fitted.transform(np.ones((2, 4, 20)))
    assert (
        fitted.transform(np.ones((2, 3, 40))).shape == fitted.transform(np.ones((2, 3, 20))).shape
    )


def test_summary_parameters_are_checked():
    with pytest.raises(
        ValueError, match=r"`statistics` must be a non-empty list of names from .* got 'mean'"
    ):
        TemporalSummary("mean").fit(np.zeros((2, 3, 20)))
    for n_lags in (0, 1.5):
        with pytest.raises(ValueError, match=f"`n_lags` must be an integer >= 1, got {n_lags}"):
            TemporalSummary(n_lags=n_lags).fit(np.zeros((2, 3, 20)))
