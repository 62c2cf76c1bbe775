"""Find the sound in waveforms, and report songs that have too little of it."""

from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from skdcca._utils.warnings import warn
from skdcca.exceptions import NoSoundError, SilentSongWarning

DEPTH = 60.0  # dB; what is further than this below the peak of a song is silence
MIN_SECONDS = 1.0  # with less sound, statistics over time mean little
# A clip of one second has less than a second of sound, because it begins and ends softly.
_SLACK = 0.9
# Peak of a waveform without any sound: two steps of a 16-bit file, the dither of digital silence.
_NOISE_PEAK = 2**-14
_N_LISTED = 20  # maximum number of songs in a message
_SOUND_REQUIRED = ContextVar("sound_required", default=False)


def sound_range(waveform):
    """Return the position of the first sample with sound and the position after the last one.

    Sound is what is at most 60 dB below the peak of the waveform. Rests between the two positions
    belong to the music. Without any sound, both positions are 0.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    """
    level = np.abs(waveform)
    peak = level.max(initial=0.0)
    if peak <= _NOISE_PEAK:
        return 0, 0
    sounds = level > peak * 10 ** (-DEPTH / 20)
    return int(sounds.argmax()), len(sounds) - int(sounds[::-1].argmax())


def least_seconds(duration):
    """Return the seconds of sound that an excerpt of `duration` seconds must have."""
    return MIN_SECONDS if duration is None else min(MIN_SECONDS, duration / 4)


def is_quiet(seconds, least=MIN_SECONDS):
    """Return True if a song with so many seconds of sound has less than `least` of them."""
    return seconds < _SLACK * least


@contextmanager
def sound_required():
    """Make audio transformers raise `NoSoundError` within the context, instead of a warning."""
    token = _SOUND_REQUIRED.set(True)
    try:
        yield
    finally:
        _SOUND_REQUIRED.reset(token)


def require_sound(seconds, songs, least, name):
    """Raise NoSoundError within `sound_required`, if a song has less than `least` seconds of sound.

    Parameters
    ----------
    seconds : dict of int to float
        Seconds of sound in each song, by its position.
    songs : sequence
        The songs.
    least : float
        Seconds of sound that every song must have.
    name : callable
        Function that returns the name of a song.
    """
    for i in _quiet(seconds, least) if _SOUND_REQUIRED.get() else []:
        raise NoSoundError(
            f"A query must have at least {least:g} s of sound, got {_amount(seconds[i])} in query {i} "
            f"({name(songs[i])}). Choose another clip, or cut the silence before its music."
        )


def warn_of_silence(seconds, songs, least, name, offset=None):
    """Issue a SilentSongWarning that lists the songs with less than `least` seconds of sound.

    The parameters are those of `require_sound`, and the `offset` of the transformer if it has one.
    """
    quiet = _quiet(seconds, least)
    if not quiet:
        return
    listed = [f"song {i}: {name(songs[i])} has {_amount(seconds[i])}" for i in quiet[:_N_LISTED]]
    if len(listed) < len(quiet):
        listed.append("...")
    summary = (
        f"{len(quiet)} of {len(seconds)} songs have less than {least:g} s of sound. Leave them out"
    )
    if offset not in (None, "first_sound"):
        summary += ', or set offset="first_sound" if they begin with silence'
    listed.insert(0, f"{summary}.")
    warn(SilentSongWarning("\n  ".join(listed), quiet), SilentSongWarning)


def _quiet(seconds, least):
    return [i for i, length in seconds.items() if is_quiet(length, least)]


def _amount(seconds):
    return f"{seconds:.2f} s of sound" if seconds > 0 else "no sound"
