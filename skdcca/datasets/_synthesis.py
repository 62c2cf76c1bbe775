"""A small additive synthesiser: notes in, waveform out. NumPy only."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_scalar

TABLE = 2**15  # samples of one period; a power of two, so that phases wrap by a bit mask
ATTACK, RELEASE = 0.008, 0.05  # seconds; ramps this long do not click
DECAY = 1.5  # seconds in which a held tone falls to 1 / e
PEAK = 0.9  # of full scale


def synthesise(notes, sample_rate=22050, *, brightness=0.6, duration=None):
    """Sound notes as a mono waveform.

    Every tone is a sum of harmonics below half the sample rate, harmonic k having the amplitude
    ``brightness ** (k - 1)``, under an envelope of a short attack, a slow decay and a short
    release after the end of the note. A note above half the sample rate is silent.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 4)
        Onset in seconds, duration in seconds, MIDI pitch (69 is 440 Hz; fractions are allowed)
        and velocity from 0 to 1, one note a row, in any order.
    sample_rate : int, default=22050
        Samples a second, at least 1000.
    brightness : float, default=0.6
        Spectral decay, from 0 (a sine) to less than 1 (a buzz).
    duration : float, default=None
        Length of the waveform in seconds; notes are cut there. By default the waveform ends with
        its last note.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        Values within [-0.9, 0.9], the largest of them at that limit.
    """
    notes = _check_notes(notes)
    check_scalar(sample_rate, "sample_rate", Integral, min_val=1000)
    check_scalar(brightness, "brightness", Real, min_val=0, max_val=1, include_boundaries="left")
    if duration is None:
        duration = (notes[:, 0] + notes[:, 1]).max(initial=0) + RELEASE
    waveform = np.zeros(round(duration * sample_rate), dtype=np.float32)
    for pitch in np.unique(notes[:, 2]):
        frequency = 440 * 2 ** ((pitch - 69) / 12)
        period = _one_period(frequency, sample_rate, brightness)
        _add_notes(waveform, notes[notes[:, 2] == pitch], period, frequency, sample_rate)
    largest = np.abs(waveform).max(initial=0)
    return waveform * np.float32(PEAK / largest) if largest > 0 else waveform


def _check_notes(notes):
    notes = np.asarray(notes, dtype=float)
    if notes.ndim != 2 or notes.shape[1] != 4:
        raise ValueError(
            f"notes has shape {notes.shape}; "
            "expected (n_notes, 4): onset, duration, pitch, velocity"
        )
    if not np.isfinite(notes).all() or (notes[:, :2] < 0).any():
        raise ValueError("notes has NaN, infinite or negative times; correct or drop these rows")
    return notes


def _one_period(frequency, sample_rate, brightness):
    """One period of a tone, made from its spectrum without harmonics that would alias."""
    n_harmonics = min(int(np.ceil(sample_rate / 2 / frequency)) - 1, TABLE // 2 - 1)
    spectrum = np.zeros(TABLE // 2 + 1, dtype=complex)
    # -1j turns cosines into sines: they start at 0, without a click
    spectrum[1 : n_harmonics + 1] = -1j * brightness ** np.arange(n_harmonics)
    return (np.fft.irfft(spectrum) * TABLE / 2).astype(np.float32)


def _add_notes(waveform, notes, period, frequency, sample_rate):
    """Add the notes of one pitch to `waveform`, in place."""
    time = np.arange(round((notes[:, 1].max() + RELEASE) * sample_rate)) / sample_rate
    # One long tone serves all notes of the pitch. Cutting the phase to 1 / TABLE of a period
    # instead of interpolating leaves noise some 75 dB below the tone.
    phase = (time * (frequency * TABLE)).astype(np.int64) & (TABLE - 1)
    tone = period[phase] * np.exp(-time / DECAY).astype(np.float32)
    tone *= np.minimum(time / ATTACK, 1).astype(np.float32)
    fade = np.linspace(1, 0, max(round(RELEASE * sample_rate), 1), dtype=np.float32)
    for onset, duration, _, velocity in notes:
        note = tone[: round((duration + RELEASE) * sample_rate)] * np.float32(velocity)
        note[-len(fade) :] *= fade[-len(note) :]
        start = round(onset * sample_rate)
        target = waveform[start : start + len(note)]
        target += note[: len(target)]
