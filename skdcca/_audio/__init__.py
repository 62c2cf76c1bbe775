"""Read sound files, and compute features of songs.

Other parts of skdcca may use only the names below. Importing them requires neither torch nor
librosa.
"""

from skdcca._audio.files import AUDIO_SUFFIXES, AudioHeader, read_header

__all__ = ["AUDIO_SUFFIXES", "AudioHeader", "read_header"]
