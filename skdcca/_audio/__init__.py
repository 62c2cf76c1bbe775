"""Read sound files, and compute features of songs.

Other parts of skdcca may use only the names below. Importing them does not require torch.
"""

from skdcca._audio.clips import has_sound, is_recording, middle_of_sound
from skdcca._audio.files import (
    AUDIO_SUFFIXES,
    NATIVE_SUFFIXES,
    AudioHeader,
    read_excerpt,
    read_header,
)
from skdcca._audio.once import heard_once
from skdcca._audio.pyav import is_installed as can_read_m4a
from skdcca._audio.silence import sound_required
from skdcca._audio.whisper_models import find_whisper

__all__ = [
    "AUDIO_SUFFIXES",
    "NATIVE_SUFFIXES",
    "AudioHeader",
    "can_read_m4a",
    "find_whisper",
    "has_sound",
    "heard_once",
    "is_recording",
    "middle_of_sound",
    "read_excerpt",
    "read_header",
    "sound_required",
]
