"""Identify the audio files that may be served to a browser."""

import os
import re
from pathlib import Path

# Media types as browsers name them; Python's own table differs between machines.
SOUND_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".mp2": "audio/mpeg",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".au": "audio/basic",
    ".snd": "audio/basic",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mp4": "audio/mp4",
    ".3gp": "audio/3gpp",
    ".aac": "audio/aac",
    ".ac3": "audio/ac3",
    ".wma": "audio/x-ms-wma",
    ".webm": "audio/webm",
    ".mka": "audio/x-matroska",
    ".caf": "audio/x-caf",
    ".rf64": "audio/wav",
}
_SIGNATURES = (
    re.compile(rb"(RIFF|RIFX|RF64)....WAVE", re.DOTALL),
    re.compile(rb"FORM....AIF[FC]", re.DOTALL),
    re.compile(rb"fLaC|OggS|\.snd|caff"),
    re.compile(rb"....ftyp", re.DOTALL),  # m4a, mp4
    re.compile(rb"\x1a\x45\xdf\xa3"),  # webm, mka
    re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # wma
    re.compile(rb"\xff[\xf0\xf1\xf8\xf9]|\x0b\x77"),  # aac, ac3
    re.compile(
        rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd]"
    ),  # mp3: tags, or a frame of layer II or III
)


def sound_type(path):
    """Return the media type of an audio file by its suffix, or None for other files."""
    return SOUND_TYPES.get(Path(path).suffix.lower())


def is_sound(path):
    """Return True if both the name and the content of a file identify it as audio.

    An untrusted index may name any file of this machine as the audio of a song.
    """
    if sound_type(path) is None:
        return False
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            beginning = file.read(12)
    except (OSError, ValueError):  # no permission; invalid file name
        return False
    return any(signature.match(beginning) for signature in _SIGNATURES)
