"""Find the onsets of notes and the tempo, with NumPy and SciPy alone.

The functions give the same numbers as those of librosa with its defaults; see `skdcca._audio.spectra`
for why librosa is not called.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import get_window

_HALF_WINDOW = 2  # frames; half of a window of 2048 samples at a hop of 512
_START_TEMPO, _MAX_TEMPO = 120.0, 320.0  # beats per minute
_TEMPO_WINDOW = 8.0  # seconds
_BLOCK = 2048  # frames whose tempo is found at a time


def onset_strength(level):
    """Return the onset strength of each frame: the mean rise of the bands since the frame before.

    Parameters
    ----------
    level : ndarray of shape (n_mels, n_frames)
        Mel spectrogram in dB, whose windows are four hops long.

    Returns
    -------
    strength : ndarray of shape (n_frames,)
        Onset strength. It is shifted by half a window, because a window that is centered on a frame
        sees an onset that early.
    """
    rise = np.maximum(np.diff(level, axis=1), 0).mean(axis=0)
    return np.pad(rise, (1 + _HALF_WINDOW, 0))[: level.shape[1]]


def count_onsets(strength, frame_rate):
    """Return the number of note onsets, which are peaks of the onset strength.

    Parameters
    ----------
    strength : ndarray of shape (n_frames,)
        Onset strength.
    frame_rate : float
        Number of frames per second.
    """
    strength = strength - strength.min()
    if not strength.any():
        return 0
    strength = strength / (strength.max() + np.finfo(strength.dtype).tiny)
    near, far = int(0.03 * frame_rate), int(0.1 * frame_rate)
    return len(peak_pick(strength, near, 1, far, far + 1, 0.07, near))


def peak_pick(x, pre_max, post_max, pre_avg, post_avg, delta, wait):
    """Return the positions of the peaks of a sequence.

    A peak is the maximum of the values from `pre_max` before it to `post_max` - 1 after it. It exceeds
    the mean of the values from `pre_avg` before it to `post_avg` - 1 after it by at least `delta`, and
    is more than `wait` values after the previous peak.

    Parameters
    ----------
    x : ndarray of shape (n,)
        The sequence.
    pre_max, post_max, pre_avg, post_avg, wait : int
        Numbers of values.
    delta : float
        Minimum difference from the mean.
    """
    peaks, earliest = [], 0
    for n, value in enumerate(x):
        if n < earliest or value < x[max(0, n - pre_max) : n + post_max].max():
            continue
        if value >= x[max(0, n - pre_avg) : n + post_avg].mean() + delta:
            peaks.append(n)
            earliest = n + wait + 1
    return np.array(peaks, dtype=int)


def tempo(strength, frame_rate):
    """Return the tempo in beats per minute, found in the autocorrelation of the onset strength.

    Parameters
    ----------
    strength : ndarray of shape (n_frames,)
        Onset strength.
    frame_rate : float
        Number of frames per second.
    """
    length = int(_TEMPO_WINDOW * frame_rate)
    tempi = np.concatenate([[np.inf], 60 * frame_rate / np.arange(1, length)])
    prior = -0.5 * np.log2(tempi / _START_TEMPO) ** 2  # a log-normal distribution
    prior[: np.argmax(tempi < _MAX_TEMPO)] = -np.inf
    likelihood = np.log1p(1e6 * _mean_autocorrelation(strength, length))
    return tempi[np.argmax(likelihood + prior)]


def autocorrelate(x, max_size):
    """Return the autocorrelation of the last axis at the lags 0 to `max_size` - 1."""
    n = x.shape[-1]
    size = next_fast_len(2 * n - 1, real=True)
    power = np.abs(rfft(x, n=size)) ** 2
    return irfft(power, n=size)[..., : min(n, max_size)]


def _mean_autocorrelation(strength, length):
    """Return the mean of the normalized autocorrelations of a window around each frame."""
    padded = np.pad(strength, length // 2, mode="linear_ramp", end_values=0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(strength)]
    weights = get_window("hann", length)
    total = np.zeros(length)
    for first in range(0, len(windows), _BLOCK):
        correlation = autocorrelate(windows[first : first + _BLOCK] * weights, length)
        peak = np.abs(correlation).max(axis=1, keepdims=True)
        total += (correlation / np.where(peak < np.finfo(peak.dtype).tiny, 1, peak)).sum(axis=0)
    return total / len(windows)
