"""Read the headers of sound files, decode them, mix them to mono and resample them."""

import math
import os
import shlex
from typing import NamedTuple

import numpy as np

from skdcca._audio import mpeg, pyav
from skdcca._audio.libsndfile import LibsndfileSource
from skdcca._utils.optional import needed_by
from skdcca._utils.warnings import warn
from skdcca.exceptions import AudioFileWarning

# Suffixes of formats that libsndfile reads, and of those for which PyAV is needed.
NATIVE_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".mp3", ".aif", ".aifc", ".aiff", ".au", ".caf", ".mp2", ".oga", ".opus",
    ".rf64", ".snd", ".w64",
)  # fmt: skip
PYAV_SUFFIXES = (
    ".m4a", ".aac", ".wma", ".3gp", ".ac3", ".m4b", ".mka", ".mp4", ".webm",
)  # fmt: skip
AUDIO_SUFFIXES = NATIVE_SUFFIXES + PYAV_SUFFIXES
# Maximum absolute value of a waveform: far above the level of any sound, but low enough that the
# power of a spectrum cannot overflow.
MAX_AMPLITUDE = 1e10
# If the header declares more frames per byte than this, check the end of the file first: a false
# header could otherwise cause an allocation of any size.
_MAX_FRAMES_PER_BYTE = 8
# Channels cancel each other if their mean has less than this fraction of the power that it would have
# if they were independent.
_CANCELLED = 0.5
# Minimum fraction of the declared audio that a file must contain. A file with less is truncated.
_LEAST_SHARE = mpeg.LEAST_SHARE


class AudioHeader(NamedTuple):
    """Length, sample rate and number of channels of a sound file."""

    n_frames: int
    sample_rate: int
    n_channels: int


def read_header(path: str | os.PathLike) -> AudioHeader:
    """Return the `AudioHeader` of a file without decoding it.

    Raises
    ------
    ValueError
        If the file cannot be read as audio or is truncated. The message does not name the file.

    Warns
    -----
    AudioFileWarning
        If the header of an uncompressed file declares no audio, or more than there is.
    """
    if not os.access(path, os.R_OK):
        raise ValueError("there is no permission to read it")
    source = _open(path)
    if source.n_frames > _MAX_FRAMES_PER_BYTE * os.path.getsize(path):
        _check_declared_end(source)
    if source.note is not None:
        warn(
            f"{os.fspath(path)!r} is incomplete: {source.note}. All that was found is used; leave the "
            "file out if it is the rest of a broken download.",
            AudioFileWarning,
        )
    return AudioHeader(source.n_frames, source.sample_rate, source.n_channels)


def _open(path):
    """Return the source of a file, by its content, because names are often wrong.

    Raise ValueError if no source can read it.
    """
    with open(path, "rb") as file:
        beginning = file.read(12)
    if beginning.startswith((b"ID3", b"APETAGEX")) or mpeg.is_frame(beginning):
        # libsndfile would guess the length, and report damage on the standard error.
        audio = mpeg.find_audio(path)
        if audio is not None:
            return mpeg.MpegSource(path, audio)
    demuxer = pyav.find_demuxer(path)
    if demuxer is not None:
        return _open_with_pyav(path, demuxer)
    try:
        source = LibsndfileSource(path)
        if source.format != "MP3":
            return source
        fault = "it has no complete frame of MPEG audio"
    except ValueError as error:
        fault = str(error)
    audio = mpeg.find_audio(path)  # after bytes of unknown meaning
    if audio is None:
        raise ValueError(fault)
    return mpeg.MpegSource(path, audio)


def _open_with_pyav(path, demuxer):
    if not pyav.is_installed():
        name = os.path.basename(os.fspath(path))
        stem = os.path.splitext(name)[0]
        raise ValueError(
            f'its format needs the package av: run `pip install "skdcca[av]"`, or '
            f"`ffmpeg -i {shlex.quote(name)} {shlex.quote(stem + '.flac')}`"
        )
    return pyav.PyAVSource(path, demuxer)


def _check_declared_end(source):
    """Raise ValueError if nothing can be read near the declared end of the file."""
    seconds = source.n_frames / source.sample_rate
    try:
        waveform, _ = source.read(_LEAST_SHARE * seconds, 1 / source.sample_rate)
        complete = waveform.size > 0
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(f"the file is truncated: its header declares {seconds:g} s of audio")


def read_excerpt(path, start, seconds=None):
    """Return an excerpt of a sound file and its sample rate.

    Parameters
    ----------
    path : str or path-like
        The file.
    start : float
        Start of the excerpt in seconds.
    seconds : float, default=None
        Length of the excerpt in seconds; it is shorter if the file ends earlier. If None, it ends with
        the file.

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
    try:
        source = _open(path)
        seconds_left = source.n_frames / source.sample_rate - start
        seconds = seconds_left if seconds is None else seconds
        waveform, rate = source.read(start, seconds)
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is damaged ({error}); leave it out") from error
    n_wanted = math.ceil(min(seconds, seconds_left) * rate)
    if waveform.size == 0 or waveform.shape[1] < _LEAST_SHARE * n_wanted:
        raise ValueError(
            f"{str(path)!r} is truncated: it ends earlier than its header declares; leave it out"
        )
    if not np.isfinite(waveform).all():
        raise ValueError(f"the audio of {str(path)!r} contains NaN or infinity; leave it out")
    check_amplitude(waveform, f"the audio of {str(path)!r}")
    return waveform, rate


def check_amplitude(waveform, name):
    """Raise ValueError if the squares of a waveform would overflow."""
    peak = max(-float(waveform.min()), float(waveform.max()))
    if peak > MAX_AMPLITUDE:
        raise ValueError(
            f"{name} has an amplitude of {peak:.3g}; it must be in [-1, 1] (divide 16-bit integers by "
            "32768)"
        )


def to_mono(waveform):
    """Return the mean of the channels of a waveform.

    In some recordings one channel has the wrong sign, so that the channels cancel each other. Then
    those with the opposite sign of the loudest channel are inverted.
    """
    if waveform.ndim == 1:
        return waveform
    mono = _mean_of_channels(waveform)
    powers = [np.vdot(channel, channel) for channel in waveform]
    if np.vdot(mono, mono) < _CANCELLED * sum(powers) / len(powers) ** 2:
        signs = np.where(waveform @ waveform[np.argmax(powers)] < 0, -1, 1)
        mono = _mean_of_channels(signs.astype(waveform.dtype)[:, None] * waveform)
    return mono


def _mean_of_channels(waveform):
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
        import soxr

    n_samples = math.ceil(len(waveform) * new_rate / rate)
    resampled = soxr.resample(waveform, rate, new_rate, quality="HQ")[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))
