"""Compute spectra of waveforms with NumPy and SciPy.

The functions give the same numbers as those of librosa with the same settings. Importing librosa
compiles functions with numba, which takes half a minute on a new machine, and two processes that do
so at once can leave a cache that crashes every later one. Nothing here is compiled.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import get_window

from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.optional import needed_by
from skdcca._utils.warnings import warn

_BLOCK = 256  # frames that are transformed at a time; all frames of a long song need much memory
# The mel scale of Slaney: linear up to 1000 Hz, logarithmic above.
_HZ_PER_MEL = 200 / 3
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27


def power_spectrogram(waveform, n_fft, hop_length):
    """Return the power spectrogram of a waveform, of shape (1 + n_fft // 2, n_frames).

    Frames are centered: frame t is a Hann window around sample ``t * hop_length``, and the waveform is
    followed and preceded by zeros.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        The waveform.
    n_fft : int
        Length of the window in samples.
    hop_length : int
        Number of samples between the starts of consecutive frames.
    """
    return np.concatenate(list(_power_blocks(waveform, n_fft, hop_length))).T


def mel_power(waveform, device=None, *, sr, n_fft, hop_length, **bands):
    """Return the mel power spectrogram of a waveform, of shape (n_mels, n_frames).

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        The waveform.
    device : torch.device, default=None
        Device on which torch computes the spectrogram. If None, NumPy computes it on the CPU.
    sr, n_fft, hop_length, **bands : int or float
        Sample rate, window and hop in samples, and `n_mels`, `fmin` and `fmax` of `mel_filters`.
    """
    filters = mel_filters(sr, n_fft, **bands)
    if device is not None:
        return _mel_power_on(device, waveform, filters, n_fft, hop_length)
    blocks = [block @ filters.T for block in _power_blocks(waveform, n_fft, hop_length)]
    return np.concatenate(blocks).T


@lru_cache(maxsize=32)
def mel_filters(sr, n_fft, n_mels=128, fmin=0.0, fmax=None):
    """Return triangular filters of equal area on the mel scale, of shape (n_mels, 1 + n_fft // 2).

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    n_fft : int
        Length of the Fourier window in samples.
    n_mels : int, default=128
        Number of bands.
    fmin : float, default=0.0
        Lowest frequency in Hz.
    fmax : float, default=None
        Highest frequency in Hz. If None, half of the sample rate.
    """
    fmax = sr / 2 if fmax is None else fmax
    edges = _mel_to_hz(np.linspace(*_hz_to_mel(np.array([fmin, fmax])), n_mels + 2))
    widths = np.diff(edges)
    slopes = np.subtract.outer(edges, np.fft.rfftfreq(n_fft, 1 / sr))
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    filters *= 2 / (edges[2:] - edges[:-2])[:, None]
    filters = filters.astype(np.float32)
    filters.flags.writeable = False  # the cache returns the same array again
    return filters


def check_filters(sr, n_fft, n_mels, fmin, fmax):
    """Warn if bands are so narrow that no frequency of the spectrum is in them."""
    filters = mel_filters(sr, n_fft, n_mels, fmin, fmax)
    n_empty = int((filters.max(axis=1) == 0).sum())
    if n_empty:
        warn(
            f"{n_empty} of {n_mels} mel bands are narrower than the resolution of the spectrum, so they "
            "are always silent. Decrease `n_mels` or increase the length of the Fourier window.",
            UserWarning,
        )


def to_decibels(power, amin=1e-10, top_db=80.0):
    """Return power in dB.

    Parameters
    ----------
    power : ndarray
        Power, such as a mel spectrogram.
    amin : float, default=1e-10
        Lower powers are clipped to this one.
    top_db : float, default=80.0
        Levels are clipped at this distance below the highest one. If None, they are not.
    """
    level = 10 * np.log10(np.maximum(amin, power))
    return level if top_db is None else np.maximum(level, level.max() - top_db)


def chroma(power, sample_rate):
    """Return the power in each of the twelve pitch classes, from C on, in concert pitch.

    Parameters
    ----------
    power : ndarray of shape (1 + n_fft // 2, n_frames)
        Power spectrogram.
    sample_rate : int
        Sample rate in Hz.

    Returns
    -------
    chroma : ndarray of shape (12, n_frames)
        Power in each pitch class.
    """
    return _chroma_filters(sample_rate, 2 * (len(power) - 1)) @ power


@lru_cache(maxsize=8)
def _chroma_filters(sr, n_fft):
    """Return filters of shape (12, 1 + n_fft // 2), with the most weight around 440 Hz."""
    frequencies = np.linspace(0, sr, n_fft, endpoint=False)[1:]
    semitones = 12 * np.log2(frequencies / (440 / 16))  # 0 is the A at 27.5 Hz
    semitones = np.concatenate([[semitones[0] - 18], semitones])  # 0 Hz has no pitch
    widths = np.concatenate([np.maximum(np.diff(semitones), 1), [1]])
    distance = np.remainder(semitones - np.arange(12)[:, None] + 6, 12) - 6
    filters = np.exp(-0.5 * (2 * distance / widths) ** 2)
    filters /= np.linalg.norm(filters, axis=0)
    filters *= np.exp(-0.5 * ((semitones / 12 - 5) / 2) ** 2)
    return np.roll(filters, -3, axis=0)[:, : 1 + n_fft // 2].astype(np.float32)


def _power_blocks(waveform, n_fft, hop_length):
    """Yield the power of consecutive blocks of frames, of shape (n_frames, 1 + n_fft // 2)."""
    window = get_window("hann", n_fft).astype(waveform.dtype)
    padded = np.pad(waveform, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    for first in range(0, len(frames), _BLOCK):
        # In single precision, NumPy's transform is ten times as accurate as SciPy's.
        spectrum = np.fft.rfft(frames[first : first + _BLOCK] * window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        yield power.astype(waveform.dtype, copy=False)  # NumPy 1 computes in double precision


def _mel_power_on(device, waveform, filters, n_fft, hop_length):
    """Return the mel power spectrogram of a waveform, computed by torch."""
    with needed_by("MelSpectrogram(device=...)"):
        import torch

    make_torch_fork_safe()
    window = torch.from_numpy(get_window("hann", n_fft).astype(np.float32))
    with torch.inference_mode():
        spectrum = torch.stft(
            torch.from_numpy(np.array(waveform, dtype=np.float32)).to(device),
            n_fft,
            hop_length,
            window=window.to(device),
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return (torch.from_numpy(filters.copy()).to(device) @ power).cpu().numpy()


def _hz_to_mel(hz):
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _HZ_PER_MEL, above)


def _mel_to_hz(mel):
    above = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _HZ_PER_MEL, above)
