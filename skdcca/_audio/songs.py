"""Validate and load songs, and process many songs in parallel with a cache.

A song is the path of a sound file, a pair ``(waveform, sample_rate)``, or a waveform at the sample rate
of the transformer.
"""

import hashlib
import math
import os
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock

import numpy as np
from joblib import Parallel, delayed
from joblib.memory import NotMemorizedFunc
from joblib.parallel import get_active_backend
from sklearn.utils.validation import check_memory
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from skdcca._audio.files import check_amplitude, read_excerpt, read_header, resample, to_mono
from skdcca._audio.silence import MIN_SECONDS, require_sound, sound_range, warn_of_silence
from skdcca._utils.validation import check_number, is_number
from skdcca.exceptions import InvalidSongsError, SpeechModelError

_N_LISTED = 20  # maximum number of faults in a message; a longer list would be unreadable
_LIMITING_BLAS = Lock()
# Minimum sample rate of a pair in Hz; a lower number is probably one of kHz.
_MIN_RATE = 1000
_NAMED_OFFSETS = ("center", "first_sound")


# ---- excerpts ---------------------------------------------------------------------------------


def check_excerpt(duration, offset):
    """Raise ValueError if `duration` or `offset` is out of range."""
    check_number("duration", duration, gt=0, or_none=True)
    if not _is_named(offset):
        remedy = 'Use "center" for the middle of each song, or "first_sound".'
        check_number("offset", offset, ge=0, remedy=remedy)


def excerpt_start(seconds, duration, offset):
    """Return the start in seconds of the excerpt of a song that is `seconds` long.

    The start "first_sound" is returned as it is: `load_song` finds it when it decodes the song.
    """
    if offset == "first_sound":
        return offset
    if offset != "center":
        return float(offset)
    if duration is None:
        return 0.0
    return max(0.0, (seconds - duration) / 2)


def _is_named(offset):
    return isinstance(offset, str) and offset in _NAMED_OFFSETS


# ---- validation -------------------------------------------------------------------------------


def check_songs(songs, sample_rate, offset=0.0):
    """Check songs and return their lengths in seconds, without decoding any file.

    Parameters
    ----------
    songs : sequence
        The songs.
    sample_rate : int
        Sample rate in Hz of waveforms that come without one.
    offset : float, "center" or "first_sound", default=0.0
        Start of the excerpt in seconds; songs that end before it cannot be used.

    Raises
    ------
    ValueError
        If `songs` is not a sequence of songs, or is empty.
    InvalidSongsError
        If songs cannot be used. The error lists all of them.
    """
    _check_is_list(songs)
    first = 0.0 if _is_named(offset) else offset
    seconds, faults = [], {}
    for i, song in enumerate(songs):
        try:
            seconds.append(_seconds_after(song, sample_rate, first))
        except ValueError as error:
            faults[i] = error
    _raise_faults(faults, len(songs))
    if not seconds:
        raise ValueError("Found array with 0 sample(s): X has no songs. Pass at least one.")
    return seconds


def song_name(song):
    """Return the name of a song in an error: its file, or "it" for a waveform."""
    return repr(os.fspath(song)) if _is_path(song) else "it"


def as_pair(song, sample_rate):
    """Return the waveform and the sample rate of a song that is not a file.

    Raise ValueError if the sample rate or the waveform is invalid. The waveform must have shape
    ``(n_samples,)`` or ``(n_channels, n_samples)``.
    """
    waveform, rate = song, None
    if isinstance(song, (tuple, list)) and len(song) == 2:
        waveform, rate = song
        _check_order(waveform, rate)
    if rate is None:
        rate = sample_rate
    elif is_number(rate, gt=0) and rate < _MIN_RATE:
        raise ValueError(
            f"its sample rate is {rate} Hz; it must be >= {_MIN_RATE} Hz (kHz? pass {1000 * rate:.0f})"
        )
    if not is_number(rate, gt=0):
        raise ValueError(f"its sample rate is {rate!r}; it must be a number of Hz > 0")
    try:
        waveform = np.asarray(waveform)
    except ValueError as error:
        raise ValueError(
            "it is a list of parts of different lengths; pass (waveform, sample_rate), or one array of "
            "shape (n_samples,) or (n_channels, n_samples)"
        ) from error
    _check_waveform(waveform)
    return waveform, rate


def _check_order(waveform, rate):
    """Raise ValueError for a pair in another order, or of two waveforms."""
    if np.ndim(rate) == 0:
        return
    if np.ndim(waveform) == 0:
        raise ValueError(
            "it is a pair (sample_rate, waveform), as scipy.io.wavfile.read returns; swap it to "
            "(waveform, sample_rate)"
        )
    raise ValueError(
        "its sample rate is an array; pass (waveform, sample_rate), and two channels as one array of "
        "shape (2, n_samples)"
    )


def _is_path(song):
    return isinstance(song, (str, os.PathLike))


def _check_is_list(songs):
    """Raise ValueError for a single song, a table, or anything else that cannot be indexed."""
    listed = hasattr(songs, "__len__") and hasattr(songs, "__getitem__")
    one_song = _is_path(songs) or isinstance(songs, bytes)
    is_table = isinstance(songs, dict) or hasattr(songs, "columns")
    if not listed or one_song or is_table:
        raise ValueError(
            f"X must be a list of songs or one column, got {type(songs).__name__}. Pass a list, even "
            "for one song."
        )
    is_vector = isinstance(songs, np.ndarray) and songs.ndim == 1 and len(songs) > 0
    if is_vector and np.asarray(songs).dtype.kind in "fiu":
        raise ValueError(
            f"X must be a list of songs, got one waveform of {len(songs)} samples. Pass [X]."
        )


def _seconds_after(song, sample_rate, offset):
    """Check a song and `offset`, and return the length of the whole song in seconds."""
    if _is_path(song):
        seconds = _file_seconds(os.fspath(song))
    else:
        waveform, rate = as_pair(song, sample_rate)
        seconds = waveform.shape[-1] / rate
    if seconds <= offset:
        raise ValueError(f"`offset` is {offset} s, past the end of the song at {seconds:.2f} s")
    return seconds


def _file_seconds(path):
    if not os.path.exists(path):
        shown = path if len(path) <= 300 else f"{path[:300]}... ({len(path)} characters)"
        raise ValueError(f"there is no file {shown!r}")
    if not os.path.isfile(path):
        raise ValueError(f"{path!r} is not a file")
    try:
        header = read_header(path)
    except ValueError as error:
        raise ValueError(
            f"{path!r} cannot be read as audio ({error}); leave it out, or convert it to wav, flac, "
            "ogg or mp3"
        ) from error
    if header.n_frames == 0:
        raise ValueError(f"{path!r} has no audio")
    return header.n_frames / header.sample_rate


def _check_waveform(waveform):
    if waveform.dtype.kind in "iu":
        raise ValueError(
            f"its waveform has dtype {waveform.dtype}; it must be float, in [-1, 1]: "
            f"{_to_float(waveform.dtype)}"
        )
    if waveform.dtype.kind != "f":
        raise ValueError(
            f"its waveform has dtype {waveform.dtype}; it must be float, in [-1, 1]; a path must be a "
            "str"
        )
    if waveform.ndim not in (1, 2) or waveform.size == 0:
        raise ValueError(
            f"its waveform has shape {waveform.shape}; it must be (n_samples,) or (n_channels, "
            "n_samples), and not empty"
        )
    if waveform.ndim == 2 and waveform.shape[0] > waveform.shape[1]:
        raise ValueError(
            f"its waveform has shape {waveform.shape}, more channels than samples; it must be "
            "(n_channels, n_samples): transpose the output of soundfile.read"
        )
    if not np.isfinite(waveform).all():
        raise ValueError("its waveform contains NaN or infinity")
    check_amplitude(waveform, "its waveform")


def _to_float(dtype):
    """Return how to convert integer samples, which are centered at 0 unless they are unsigned."""
    half = 2 ** (8 * dtype.itemsize - 1)
    if dtype.kind == "u":
        return f"subtract {half} and divide it by {half}.0"
    return f"divide it by {half}.0"


def _raise_faults(faults, n_songs):
    """Raise one error that lists the faults, given by the positions of their songs."""
    if faults:
        raise InvalidSongsError(
            f"{len(faults)} of {n_songs} songs cannot be used",
            [f"song {i}: {fault}" for i, fault in faults.items()],
            n_usable=n_songs - len(faults),
            n_listed=_N_LISTED,
            songs=faults,
        )


# ---- work -------------------------------------------------------------------------------------


def load_song(song, start, n_samples, sample_rate):
    """Return about `n_samples` mono samples of a song at `sample_rate`, from `start` seconds on.

    If `start` is "first_sound", decode the whole song to find its first sound.
    """
    seconds = n_samples / sample_rate
    if start == "first_sound":
        waveform, rate = read_song(song, sample_rate)
        first, _ = sound_range(waveform)
        waveform = waveform[first : first + math.ceil(seconds * rate)]
    elif _is_path(song):
        waveform, rate = read_excerpt(song, start, seconds)
        waveform = to_mono(waveform)
    else:
        waveform, rate = as_pair(song, sample_rate)
        first = int(start * rate)
        waveform = waveform[..., first : first + math.ceil(seconds * rate)]
        waveform = to_mono(waveform.astype(np.float32))
    return resample(waveform, rate, sample_rate)


def load_sound(song, seconds, sample_rate, min_samples, *, whole=False):
    """Return the sound of a song, without the silence before and after it.

    Parameters
    ----------
    song : str, path-like, pair or ndarray
        The song.
    seconds : float
        Length of the whole song.
    sample_rate : int
        Sample rate of the waveform in Hz.
    min_samples : int
        Number of samples to which a shorter waveform is padded.
    whole : bool, default=False
        If True, keep the silence.

    Returns
    -------
    waveform : ndarray of shape (n_samples,)
        Mono waveform.
    seconds : float
        Length of the waveform without padding.
    sound : float
        Seconds of sound; 0 if the song is silent.
    """
    waveform = load_song(song, 0.0, round(seconds * sample_rate), sample_rate)
    first, last = sound_range(waveform)
    sound = (last - first) / sample_rate
    if not whole:
        waveform, seconds = waveform[first:last], sound
    return np.pad(waveform, (0, max(0, min_samples - len(waveform)))), seconds, sound


def read_song(song, sample_rate):
    """Return the whole waveform of a song, mixed to mono, and its sample rate."""
    if _is_path(song):
        waveform, rate = read_excerpt(song, 0.0)
    else:
        waveform, rate = as_pair(song, sample_rate)
        waveform = waveform.astype(np.float32)
    return to_mono(waveform), rate


def each_song(function, songs, settings, transformer, desc, *, least=MIN_SECONDS, ignore=()):
    """Call a function for each song, and yield the position and the features of each song in order.

    Song ``i`` is passed as ``function(key, song=songs[i], **settings[i])``. The parameters `n_jobs`,
    `memory` and `verbose` of the transformer set the number of threads, the cache and the progress bar.

    Parameters
    ----------
    function : callable
        Function of one song, which returns its features and the seconds of sound in it. The features
        are None if silence has none. The argument `key` identifies the song in the cache. A ValueError
        or OSError that it raises is reported as a fault of the song.
    songs : sequence
        The songs.
    settings : list of dict
        Keyword arguments of the function for each song.
    transformer : estimator
        The transformer.
    desc : str
        Label of the progress bar.
    least : float, default=1.0
        Songs with fewer seconds of sound are reported after the last song.
    ignore : sequence of str, default=()
        Names of settings that are not part of the cache key.

    Raises
    ------
    InvalidSongsError
        After the last song, if any songs cannot be used. The error lists all of these songs.
    NoSoundError
        Within `sound_required`, if a song has too little sound.

    Warns
    -----
    SilentSongWarning
        Otherwise, if songs have too little sound.
    """
    memory = transformer.memory
    memory = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    function = check_memory(memory).cache(function, ignore=["song", *ignore])
    work = (
        delayed(_attempt)(function, song, **one) for song, one in zip(songs, settings, strict=True)
    )
    shown = {"desc": desc, "unit": "song", "disable": not transformer.verbose}
    faults, sounds = {}, {}
    with _one_blas_thread():
        results = _in_parallel(work, transformer.n_jobs)
        for i, (result, fault) in enumerate(tqdm(results, total=len(settings), **shown)):
            if fault is None:
                features, sounds[i] = result
                if features is None:
                    fault = f"{song_name(songs[i])} is silent; leave it out"
                else:
                    yield i, features
            if fault is not None:
                faults[i] = fault
    require_sound(sounds, songs, least, song_name)
    _raise_faults(faults, len(settings))
    warn_of_silence(sounds, songs, least, song_name, getattr(transformer, "offset", None))


def _in_parallel(work, n_jobs):
    # Use Parallel from joblib. Parallel from scikit-learn sets the warning filters in every thread,
    # although these filters belong to the whole process.
    backend, _ = get_active_backend(prefer="threads")
    # Some backends, such as ray, return results only after all of them are complete.
    return_as = "generator" if backend.supports_return_generator else "list"
    return Parallel(n_jobs=n_jobs, prefer="threads", return_as=return_as)(work)


def _attempt(function, song, **settings):
    """Return the result and the fault of a song, one of which is None.

    The fault is returned, because raising an error would leave the other threads running.
    """
    try:
        # The key requires reading the whole file, so compute it only if there is a cache.
        key = None if isinstance(function, NotMemorizedFunc) else _cache_key(song)
        return function(key, song=song, **settings), None
    except SpeechModelError:  # not a fault of the song
        raise
    except ValueError as error:
        return None, str(error)
    except OSError as error:
        return None, f"it cannot be read ({error})"


@contextmanager
def _one_blas_thread():
    """Limit BLAS to one thread, since matrices are small and songs are processed in parallel.

    The limit applies to the whole process. If another thread has already set it, do nothing.
    Otherwise, this thread would take the limit for the original setting, and could restore it on
    exit after the other thread has removed it.
    """
    if not _LIMITING_BLAS.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _LIMITING_BLAS.release()


def _cache_key(song):
    """Return the cache key of a song: the hash of its file, or the waveform itself."""
    return file_digest(os.path.abspath(song)) if _is_path(song) else song


def file_digest(path):
    """Return the hash of a file, which is the same wherever the file is."""
    status = os.stat(path)
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _digest(path, size, changed):
    """Return the hash of a file; an unchanged file is read only once per process."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
