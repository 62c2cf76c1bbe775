"""Synthesize waveforms from notes, as sums of harmonics."""

import numpy as np

from skdcca._utils.validation import check_integer, check_number

TABLE = 2**15  # samples per period; a power of two, so that a bit mask wraps phases
ATTACK, RELEASE = 0.008, 0.05  # seconds; ramps of this length do not click
DECAY = 1.5  # seconds in which a sustained tone falls to 1 / e
PEAK = 0.9  # of full scale


def synthesize(notes, sample_rate=22050, *, brightness=0.6, duration=None):
    """Synthesize notes to a mono waveform.

    Each tone is a sum of harmonics below half the sample rate, in which harmonic k has amplitude
    ``brightness ** (k - 1)``. Its envelope has a short attack, a slow decay, and a short release
    after the end of the note. Notes above half the sample rate are silent.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 4)
        Onset in seconds, duration in seconds, MIDI pitch (69 is 440 Hz; fractions are allowed)
        and velocity from 0 to 1, one note per row, in any order.
    sample_rate : int, default=22050
        Sample rate in Hz, at least 1000.
    brightness : float, default=0.6
        Amplitude of each harmonic relative to the one below it, in [0, 1); 0 gives a sine wave.
    duration : float, default=None
        Length of the waveform in seconds; notes that last longer are truncated. If None, the
        waveform ends after the release of its last note.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        Waveform scaled to a peak of 0.9, or all zeros if no note is audible.

    Raises
    ------
    ValueError
        If `notes` has the wrong shape or contains NaN, infinity or negative times, or `sample_rate`
        or `brightness` is out of range.
    """
    notes = _check_notes(notes)
    check_integer("sample_rate", sample_rate, ge=1000)
    check_number("brightness", brightness, ge=0, lt=1)
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
            "`notes` must have shape (n_notes, 4) (onset, duration, pitch, velocity), got "
            f"{notes.shape}."
        )
    if not np.isfinite(notes).all() or (notes[:, :2] < 0).any():
        raise ValueError(
            "`notes` must be finite and their times >= 0, got NaN, infinite or negative values. "
            "Correct or drop these rows."
        )
    return notes


def _one_period(frequency, sample_rate, brightness):
    """Return one period of a tone, without harmonics that would alias."""
    n_harmonics = min(int(np.ceil(sample_rate / 2 / frequency)) - 1, TABLE // 2 - 1)
    spectrum = np.zeros(TABLE // 2 + 1, dtype=complex)
    # -1j turns cosines into sines, which start at 0 and do not click.
    spectrum[1 : n_harmonics + 1] = -1j * brightness ** np.arange(n_harmonics)
    return (np.fft.irfft(spectrum) * TABLE / 2).astype(np.float32)


def _add_notes(waveform, notes, period, frequency, sample_rate):
    """Add the notes of one pitch to `waveform` in place."""
    time = np.arange(round((notes[:, 1].max() + RELEASE) * sample_rate)) / sample_rate
    # One long tone serves all notes of a pitch. The phase is truncated to 1 / TABLE of a period,
    # without interpolation; the resulting noise is about 75 dB below the tone.
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
