"""Make songs whose words are spoken by a speech synthesizer over music."""

import subprocess

import numpy as np

VOICE_GAIN = 0.75  # share of the voice in the mix; the music has the rest
LEAD = 0.5  # seconds of music before and after the words
_RATE = 22050  # of espeak-ng, in Hz
_HEADER = 44  # bytes; the header of a WAVE file in a pipe declares a wrong length


def spoken_song(text, music, rate, *, language="en", words_per_minute=140):
    """Speak a text over music, and return the waveform and its sample rate.

    Parameters
    ----------
    text : str
        The words.
    music : ndarray of shape (n_samples,)
        Waveform in [-1, 1], which is repeated if the words take longer.
    rate : int
        Sample rate of the music in Hz, 22,050.
    language : str, default="en"
        Language of the voice, as espeak-ng names it.
    words_per_minute : int, default=140
        Speed of the voice.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), dtype float32
        Waveform in [-1, 1], as long as the words and a little music around them.
    rate : int
        Sample rate in Hz.
    """
    if rate != _RATE:
        raise ValueError(f"`rate` must be {_RATE}, that of the voice, got {rate}.")
    command = ["espeak-ng", "-v", language, "-s", str(words_per_minute), "--stdout", text]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    voice = np.frombuffer(spoken[_HEADER:], dtype="<i2").astype(np.float32)
    lead = round(LEAD * rate)
    mixed = (1 - VOICE_GAIN) * np.resize(music, len(voice) + 2 * lead).astype(np.float32)
    mixed[lead : lead + len(voice)] += VOICE_GAIN * voice / max(np.abs(voice).max(), 1)
    return mixed, rate
