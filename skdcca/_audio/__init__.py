"""Audio: sound files, and features of songs.

The names below are what other parts of skdcca may use; they need neither torch nor librosa.
"""

from skdcca._audio.files import AUDIO_SUFFIXES, AudioHeader, read_header

__all__ = ["AUDIO_SUFFIXES", "AudioHeader", "read_header"]
