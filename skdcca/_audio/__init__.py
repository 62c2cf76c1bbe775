"""Read sound files, and compute features of songs.

Other parts of skdcca may use only the names below. Importing them does not require torch.
"""

from skdcca._audio.files import AUDIO_SUFFIXES, NATIVE_SUFFIXES, AudioHeader, read_header
from skdcca._audio.pyav import is_installed as can_read_m4a
from skdcca._audio.silence import sound_required

__all__ = [
    "AUDIO_SUFFIXES",
    "NATIVE_SUFFIXES",
    "AudioHeader",
    "can_read_m4a",
    "read_header",
    "sound_required",
]
