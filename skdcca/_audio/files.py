"""Read the headers of sound files, decode them, mix them to mono and resample them."""

import math
import os
import re
from typing import NamedTuple

import numpy as np

from skdcca._utils.optional import needed_by

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
# Maximum absolute value of a waveform: far above the level of any sound, but low enough that the
# power of a spectrum cannot overflow.
MAX_AMPLITUDE = 1e10
# Minimum fraction of the declared audio that a file must contain. A file with less is truncated.
_LEAST_SHARE = 0.9
# If the header declares more frames per byte than this, check the end of the file first: a false
# header could otherwise cause an allocation of any size.
_MAX_FRAMES_PER_BYTE = 8
# libsndfile corrects a wrong length without an error; only its log shows the declared length.
_CORRECTED_LENGTH = re.compile(
    r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
# Programs that write to a pipe do not know the length and declare the greatest possible length.
_UNKNOWN_LENGTH = 0.9 * 0x7FFF0000


class AudioHeader(NamedTuple):
    """Length, sample rate and number of channels that the header of a sound file declares."""

    n_frames: int
    sample_rate: int
    n_channels: int


def read_header(path: str | os.PathLike) -> AudioHeader:
    """Return the `AudioHeader` of a file without decoding it.

    Raises
    ------
    ValueError
        If the file cannot be read as audio or is truncated. The message does not name the file.
    """
    soundfile = _soundfile()
    if not os.access(path, os.R_OK):
        raise ValueError("there is no permission to read it")
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise ValueError(str(error)) from error
    except TypeError as error:  # soundfile requires a sample rate for names that end in .raw
        raise ValueError("it has no header") from error
    _check_declared_bytes(info.extra_info)
    if info.frames > _MAX_FRAMES_PER_BYTE * os.path.getsize(path):
        _check_declared_frames(path, info)
    return AudioHeader(info.frames, info.samplerate, info.channels)


def _check_declared_bytes(log):
    """Raise ValueError if libsndfile found much less audio than the header declares."""
    lengths = _CORRECTED_LENGTH.search(log)
    if lengths is None:
        return
    declared, found = map(int, lengths.groups())
    if found < _LEAST_SHARE * declared < _UNKNOWN_LENGTH:
        raise ValueError(
            f"the file is truncated: its header declares {declared} bytes of audio, {found} were found"
        )


def _check_declared_frames(path, info):
    """Raise ValueError if nothing can be read near the declared end of the file."""
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(path) as file:
            file.seek(int(_LEAST_SHARE * info.frames))
            complete = len(file.read(1)) > 0
    except soundfile.SoundFileError:
        complete = False
    if not complete:
        seconds = info.frames / info.samplerate
        raise ValueError(f"the file is truncated: its header declares {seconds:g} s of audio")


def read_excerpt(path, start, seconds):
    """Return an excerpt of a sound file and its sample rate.

    Parameters
    ----------
    path : str or path-like
        The file.
    start : float
        Start of the excerpt in seconds.
    seconds : float
        Length of the excerpt in seconds; it is shorter if the file ends earlier.

    Returns
    -------
    waveform : ndarray of shape (n_channels, n_samples), float32
        The excerpt.
    rate : int
        Sample rate of the file in Hz.

    Raises
    ------
    ValueError
        If the file is damaged or truncated, or contains NaN, infinity or a huge amplitude.
    """
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            first = int(start * rate)
            file.seek(first)
            wanted = min(math.ceil(seconds * rate), file.frames - first)
            waveform = file.read(wanted, dtype="float32", always_2d=True).T
    except soundfile.SoundFileError as error:
        raise ValueError(f"{str(path)!r} is damaged ({error}); leave it out") from error
    if waveform.size == 0 or waveform.shape[1] < _LEAST_SHARE * wanted:
        raise ValueError(
            f"{str(path)!r} is truncated: it ends earlier than its header declares; leave it out"
        )
    if not np.isfinite(waveform).all():
        raise ValueError(f"the audio of {str(path)!r} contains NaN or infinity; leave it out")
    check_amplitude(waveform, f"the audio of {str(path)!r}")
    return waveform, rate


def check_amplitude(waveform, name):
    """Raise ValueError if the squares of a waveform would overflow."""
    peak = max(-waveform.min(), waveform.max())
    if peak > MAX_AMPLITUDE:
        raise ValueError(
            f"{name} has an amplitude of {peak:.3g}; it must be in [-1, 1] (divide 16-bit integers by "
            "32768)"
        )


def to_mono(waveform):
    """Return the mean of the channels of a waveform."""
    if waveform.ndim == 1:
        return waveform
    # Channels are added one by one because np.mean is slow over such a short axis.
    mono = waveform[0].copy()
    for channel in waveform[1:]:
        mono += channel
    return mono / len(waveform)


def resample(waveform, rate, new_rate):
    """Return a mono waveform, resampled from `rate` to `new_rate` in Hz."""
    if rate == new_rate:
        return waveform
    with needed_by("Resampling audio"):
        import librosa
        import soxr  # noqa: F401  librosa imports it only when it resamples

    return librosa.resample(waveform, orig_sr=rate, target_sr=new_rate)


def _soundfile():
    with needed_by("Reading audio files"):
        import soundfile

    return soundfile


def import_librosa(feature):
    """Return the package librosa; without it, raise an error that names the class that needs it."""
    with needed_by(feature):
        import librosa

    return librosa
