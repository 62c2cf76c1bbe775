"""Cut clips from the middle of the sound of songs."""

import os

import numpy as np

from skdcca._audio.silence import is_quiet, sound_range
from skdcca._audio.songs import read_song


def is_recording(song):
    """Return True for a sound file or a pair (waveform, sample_rate), which can be cut in seconds."""
    if isinstance(song, str | os.PathLike):
        return os.path.isfile(song)
    is_pair = isinstance(song, tuple | list) and len(song) == 2 and np.ndim(song[1]) == 0
    return is_pair and np.ndim(song[0]) in (1, 2)


def has_sound(waveform, rate):
    """Return True if a clip has the second of sound that a query must have."""
    first, last = sound_range(waveform)
    return not is_quiet((last - first) / rate)


def middle_of_sound(song, seconds):
    """Return a clip from the middle of the sound of a song, and the length of this sound.

    The silence at the beginning and the end of the song is left out first.

    Parameters
    ----------
    song : str, path-like or pair
        A sound file, or a pair (waveform, sample_rate).
    seconds : float
        Length of the clip in seconds; it is shorter if the song has less sound.

    Returns
    -------
    clip : ndarray of shape (n_samples,), float32
        Mono waveform at the sample rate of the song.
    rate : int
        Sample rate in Hz.
    sound : float
        Seconds of sound that the song has.

    Raises
    ------
    ValueError
        If the song is damaged or invalid.
    """
    waveform, rate = read_song(song, None)
    first, last = sound_range(waveform)
    n_samples = min(round(seconds * rate), last - first)
    start = first + (last - first - n_samples) // 2
    # A copy, so that the whole song need not stay in memory.
    return waveform[start : start + n_samples].copy(), rate, (last - first) / rate
