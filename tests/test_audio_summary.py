"""TemporalSummary against known spectrograms and NumPy."""

import numpy as np
import pytest
from _songs import chirp

from skdcca import MelSpectrogram, TemporalSummary


def test_summary_of_known_spectrograms():
    spectrogram = np.tile(np.arange(4.0)[:, None], (1, 100))
    spectrogram[0] = np.arange(100) % 2  # 0, 1, 0, 1, ...
    row = TemporalSummary(("mean", "std", "delta")).fit_transform(spectrogram[None])[0]
    np.testing.assert_allclose(row, [0.5, 1, 2, 3, 0.5, 0, 0, 0, 1, 0, 0, 0])


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


def test_models_of_older_files_summarize_the_silence_before_the_music():
    spectrogram = np.random.default_rng(0).normal(size=(1, 4, 60))
    spectrogram[:, :, :20] = spectrogram[:, :, 50:] = -80.0
    summary = TemporalSummary(("mean",)).fit(spectrogram)
    middle, older = spectrogram[0, :, 20:50], spectrogram[0, :, :50]
    np.testing.assert_allclose(summary.transform(spectrogram)[0], middle.mean(axis=1))
    del summary._format
    np.testing.assert_allclose(summary.transform(spectrogram)[0], older.mean(axis=1))


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
