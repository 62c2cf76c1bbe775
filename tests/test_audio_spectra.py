"""Spectra, onsets and tempo against librosa, and peaks in random sequences."""

import librosa
import numpy as np
import pytest

from skdcca import AudioDynamics, MelSpectrogram
from skdcca._audio.rhythm import autocorrelate, count_onsets, onset_strength, peak_pick, tempo
from skdcca._audio.spectra import chroma, mel_filters, mel_power, power_spectrogram, to_decibels


def bursts(rate, seconds=5.0, seed=0):
    """Return noise that swells and fades."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=len(time))
    return (noise * np.exp(-8 * (time % 0.4))).astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "bands"),
    [
        (22050, {"n_fft": 2048, "n_mels": 128}),
        (22050, {"n_fft": 1000, "n_mels": 40, "fmin": 50.0, "fmax": 8000.0}),
        (8000, {"n_fft": 512, "n_mels": 30, "fmin": 100.0}),
    ],
)
def test_mel_spectrograms_equal_librosa(rate, bands):
    waveform = bursts(rate)
    expected = librosa.feature.melspectrogram(y=waveform, sr=rate, hop_length=300, **bands)
    power = mel_power(waveform, sr=rate, hop_length=300, **bands)
    assert power.dtype == np.float32
    np.testing.assert_allclose(power, expected, rtol=1e-4, atol=1e-9 * expected.max())
    np.testing.assert_allclose(to_decibels(power), librosa.power_to_db(expected), atol=1e-3)
    np.testing.assert_allclose(
        mel_filters(rate, **bands), librosa.filters.mel(sr=rate, **bands), atol=1e-8
    )


def test_chroma_equals_librosa():
    waveform = bursts(22050)
    power = power_spectrogram(waveform, 2048, 512)
    expected = np.abs(librosa.stft(waveform)) ** 2
    np.testing.assert_allclose(power, expected, atol=1e-5 * expected.max())
    pitches = librosa.feature.chroma_stft(S=expected, sr=22050, norm=None, tuning=0.0)
    np.testing.assert_allclose(chroma(power, 22050), pitches, rtol=1e-4)


@pytest.mark.parametrize("rate", [16000, 22050])
def test_onsets_and_tempo_equal_librosa(rate):
    level = librosa.power_to_db(librosa.feature.melspectrogram(y=bursts(rate, 9.0), sr=rate))
    expected = librosa.onset.onset_strength(S=level, sr=rate)
    strength = onset_strength(level)
    np.testing.assert_allclose(strength, expected, atol=1e-5)
    onsets = librosa.onset.onset_detect(onset_envelope=expected, sr=rate)
    assert count_onsets(strength, rate / 512) == len(onsets) > 15
    beats_per_minute = librosa.feature.tempo(onset_envelope=expected, sr=rate)[0]
    assert tempo(strength, rate / 512) == pytest.approx(beats_per_minute)
    np.testing.assert_allclose(
        autocorrelate(strength, 50),
        librosa.autocorrelate(expected, max_size=50),
        rtol=1e-3,
        atol=1e-2,
    )


def test_peaks_equal_librosa():
    rng = np.random.default_rng(0)
    for _ in range(60):
        x = rng.normal(size=rng.integers(1, 80)).round(rng.integers(0, 3))  # with ties
        pre_max, pre_avg, wait = rng.integers(0, 6, size=3).tolist()
        post_max, post_avg = rng.integers(1, 6, size=2).tolist()
        settings = (pre_max, post_max, pre_avg, post_avg, rng.uniform(0, 0.5), wait)
        names = ("pre_max", "post_max", "pre_avg", "post_avg", "delta", "wait")
        expected = librosa.util.peak_pick(x, **dict(zip(names, settings, strict=True)))
        np.testing.assert_array_equal(peak_pick(x, *settings), expected)


def test_bands_without_any_frequency_are_reported():
    for transformer in (MelSpectrogram(n_mels=999), AudioDynamics(n_mels=999)):
        with pytest.warns(UserWarning, match="of 999 mel bands are narrower"):
            transformer.fit([bursts(22050)])
