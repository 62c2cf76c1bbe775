"""Audio in: log-mel spectrograms of songs, and their summary over time."""

import hashlib
import math
import os
import re
from contextlib import contextmanager
from functools import lru_cache
from numbers import Real
from threading import Lock

import numpy as np
from joblib import Parallel, delayed
from joblib.memory import NotMemorizedFunc
from joblib.parallel import get_active_backend
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.mixins import NoTableMixin, RawInputMixin
from skdcca._utils.validation import check_device, check_integer

_FORMAT = 1  # raise it whenever spectrograms come out differently, so that caches are not used
_LOUDEST = 1e10  # far above any sound, and far below what overflows in the power of its spectrum
_DENSE = 8  # frames a byte of a file, above which its header is not taken at its word
# What libsndfile says of a file whose length it corrects in silence. What wrote it as a stream did not
# know its length, and tells of the greatest there is.
_CUT = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED = 0.9 * 0x7FFF0000
_SHORT = 0.9  # share of the frames that a header tells of, below which a file is cut off
_LIMITING = Lock()


class MelSpectrogram(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Log-mel spectrograms of audio files or waveforms, all of one length.

    A song is a path to an audio file (wav, flac, ogg, mp3 and whatever else libsndfile reads), a
    pair ``(waveform, sample_rate)``, or a waveform at `sample_rate`; waveforms are float arrays of
    shape ``(n_samples,)`` or ``(n_channels, n_samples)``. Channels are mixed to mono, every song
    resampled to `sample_rate`, cut to `duration` and, if it is shorter, padded with silence.

    Parameters
    ----------
    sample_rate : int, default=22050
        Rate in Hz to which every song is resampled.
    n_fft : int, default=2048
        Length of the Fourier window in samples.
    hop_length : int, default=512
        Step between frames in samples.
    n_mels : int, default=128
        Number of mel bands.
    fmin : float, default=0.0
        Lowest frequency in Hz.
    fmax : float, default=None
        Highest frequency in Hz; None: half of `sample_rate`.
    duration : float, default=30.0
        Seconds of each song. None: the length of the longest song seen in `fit`.
    offset : float or "center", default=0.0
        Where the excerpt begins, in seconds; ``"center"`` takes it from the middle of each song.
    memory : str, path-like or joblib.Memory, default=None
        Where to keep the spectrogram of each song, so that the folds and candidates of a search read
        it once. A file is known by its content, wherever it lies, a waveform by its values.
    n_jobs : int, default=None
        Number of songs at a time, in threads unless `joblib.parallel_config` says otherwise. None
        means 1, -1 all processors.
    device : str, default=None
        Where the spectra are computed: None by librosa, else by torch on its device of that name,
        ``"cuda"`` say. Files are read and resampled on the CPU all the same, so take `n_jobs` for them.
        Where there is no such device any more, `transform` takes the CPU.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    duration_ : float
        Seconds of each song.
    n_frames_ : int
        Number of frames of each spectrogram, ``1 + duration_ * sample_rate // hop_length``.

    Raises
    ------
    ValueError
        With the songs named: before any is worked on, if files are missing or their heads cannot be
        read as audio, or waveforms are empty or hold NaN or infinity; and at the end, all at once, if
        files turn out to be damaged further on.

    See Also
    --------
    TemporalSummary : Turns the spectrograms into one row of numbers a song.

    Notes
    -----
    Values are decibels, ``librosa.power_to_db(librosa.feature.melspectrogram(...))`` with librosa's
    defaults otherwise: 0 dB is a power of 1, and nothing is more than 80 dB below the song's peak.
    Those of a `device` are the same but for the rounding of single precision, and share the cache.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import MelSpectrogram
    >>> time = np.arange(22050) / 22050
    >>> songs = [np.sin(2 * np.pi * 440 * time), (np.sin(2 * np.pi * 880 * time), 22050)]
    >>> MelSpectrogram(n_mels=40, duration=1.0).fit_transform(songs).shape
    (2, 40, 44)
    """

    def __init__(
        self,
        *,
        sample_rate=22050,
        n_fft=2048,
        hop_length=512,
        n_mels=128,
        fmin=0.0,
        fmax=None,
        duration=30.0,
        offset=0.0,
        memory=None,
        n_jobs=None,
        device=None,
        verbose=0,
    ):
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.fmin = fmin
        self.fmax = fmax
        self.duration = duration
        self.offset = offset
        self.memory = memory
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def fit(self, X, y=None):
        """Check the songs and settle the number of frames.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._check_parameters()
        check_device("device", self.device)
        seconds = check_songs(X, self.sample_rate, self.offset)
        if self.duration is None:
            self.duration_ = max(length - self._start(length) for length in seconds)
        else:
            self.duration_ = float(self.duration)
        if self._n_samples() < self.n_fft:
            raise ValueError(
                f"the duration of {self.duration_:g} s is shorter than one window of "
                f"n_fft={self.n_fft} samples"
            )
        self.n_frames_ = self._n_frames()
        return self

    def transform(self, X):
        """Compute the spectrograms.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.

        Returns
        -------
        spectrograms : ndarray of shape (n_samples, n_mels, n_frames_), float32
            Log-mel spectrograms in dB.
        """
        check_is_fitted(self)
        self._check_parameters()
        seconds = check_songs(X, self.sample_rate, self.offset)
        spectrograms = np.empty((len(seconds), self.n_mels, self._n_frames()), dtype=np.float32)
        settings = self._settings() | {
            "device": check_device("device", self.device, must_exist=False)
        }
        each = [settings | {"start": self._start(length)} for length in seconds]
        songs = each_song(_log_mel, X, each, self, "spectrograms", ignore=["device"])
        for i, spectrogram in songs:
            spectrograms[i] = spectrogram
        return spectrograms

    def get_feature_names_out(self, input_features=None):
        """Names of the mel bands, the second axis of the output.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``mel0``, ``mel1``, ...
        """
        return np.array([f"mel{i}" for i in range(self.n_mels)], dtype=object)

    def __setstate__(self, state):
        super().__setstate__({"device": None} | state)  # older files lack it

    def _settings(self):
        import librosa

        return {
            "version": (_FORMAT, librosa.__version__),
            "n_samples": self._n_samples(),
            "sample_rate": self.sample_rate,
            "n_fft": self.n_fft,
            "hop_length": self.hop_length,
            "n_mels": self.n_mels,
            "fmin": self.fmin,
            "fmax": self.fmax,
        }

    def _n_samples(self):
        return round(self.duration_ * self.sample_rate)

    def _n_frames(self):
        return 1 + self._n_samples() // self.hop_length

    def _start(self, seconds):
        return excerpt_start(seconds, self.duration, self.offset)

    def _check_parameters(self):
        for name in ("sample_rate", "n_fft", "hop_length", "n_mels"):
            check_integer(name, getattr(self, name))
        check_excerpt(self.duration, self.offset)
        fmax = self.sample_rate / 2 if self.fmax is None else self.fmax
        numbers = _is_number(self.fmin) and _is_number(fmax)
        if not (numbers and 0 <= self.fmin < fmax <= self.sample_rate / 2):
            raise ValueError(
                f"fmin={self.fmin!r} and fmax={self.fmax!r}: it must be 0 <= fmin < fmax <= "
                f"sample_rate / 2 = {self.sample_rate / 2:g}"
            )


def _is_number(value, least=-np.inf, above=-np.inf):
    return isinstance(value, Real) and np.isfinite(value) and value >= least and value > above


def check_excerpt(duration, offset):
    """Refuse parameters that choose no part of a song."""
    if duration is not None and not _is_number(duration, above=0):
        raise ValueError(f"duration={duration!r}; it must be seconds above 0, or None")
    centred = isinstance(offset, str) and offset == "center"
    if not (centred or _is_number(offset, least=0)):
        raise ValueError(f'offset={offset!r}; it must be seconds from 0, or "center"')


def excerpt_start(seconds, duration, offset):
    """Second at which the excerpt of a song of this length begins."""
    if offset != "center":
        return float(offset)
    return 0.0 if duration is None else max(0.0, (seconds - duration) / 2)


def check_songs(songs, sample_rate, offset=0.0):
    """Length of each song in seconds; one error for all that are wrong or end before the offset."""
    first = 0.0 if offset == "center" else offset
    listed = hasattr(songs, "__len__") and hasattr(songs, "__getitem__")
    if (
        not listed
        or isinstance(songs, (str, bytes, os.PathLike, dict))
        or hasattr(songs, "columns")
    ):
        raise ValueError(f"X is a {type(songs).__name__}; give a list of songs, or one column")
    if (
        isinstance(songs, np.ndarray)
        and songs.ndim == 1
        and songs.dtype.kind in "fiu"
        and len(songs)
    ):
        raise ValueError(f"X is one waveform, of shape {songs.shape}; give a list of songs: [X]")
    seconds, problems = [], []
    for i, song in enumerate(songs):
        try:
            seconds.append(_seconds(song, sample_rate))
            if seconds[-1] <= first:
                raise ValueError(f"offset={first} s is past its end, it has {seconds[-1]:.2f} s")
        except ValueError as error:
            problems.append(f"song {i}: {error}")
    _report(problems, len(songs))
    if not seconds:
        raise ValueError("Found array with 0 sample(s): X holds no songs")
    return seconds


def _report(problems, n_songs):
    if problems:
        listed = "\n  ".join(problems[:20] + ["..."] * (len(problems) > 20))
        raise ValueError(f"{len(problems)} of {n_songs} songs cannot be used:\n  {listed}")


def _seconds(song, sample_rate):
    """Length of a song, read from its header alone; ValueError if it cannot be used."""
    if isinstance(song, (str, os.PathLike)):
        return _file_seconds(os.fspath(song))
    waveform, rate = _as_pair(song, sample_rate)
    return waveform.shape[-1] / rate


def _file_seconds(path):
    if not os.path.exists(path):
        shown = path if len(path) <= 300 else f"{path[:300]}... ({len(path)} letters)"
        raise ValueError(f"there is no file {shown!r}")
    if not os.path.isfile(path):
        raise ValueError(f"{path!r} is not a file")
    try:
        n_frames, rate = read_header(path)
    except ValueError as error:
        raise ValueError(
            f"{path!r} cannot be read as audio ({error}); leave it out, or convert it to wav, flac, "
            "ogg or mp3"
        ) from error
    if n_frames == 0:
        raise ValueError(f"{path!r} holds no sound")
    return n_frames / rate


def read_header(path):
    """Number of frames and sample rate of a file; ValueError with what is wrong, without its name."""
    import soundfile

    if not os.access(path, os.R_OK):
        raise ValueError("there is no permission to read it")
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise ValueError(str(error)) from error
    except TypeError as error:  # soundfile asks for the rate of a file that ends in .raw
        raise ValueError("it has no header") from error
    if claimed := _CUT.search(info.extra_info):
        said, held = map(int, claimed.groups())
        if held < _SHORT * said < _STREAMED:
            raise ValueError(
                f"it is cut off: its header tells of {said} bytes of sound, it has {held}"
            )
    if info.frames > _DENSE * os.path.getsize(path) and not _reaches(path, info.frames):
        seconds = info.frames / info.samplerate
        raise ValueError(f"its header tells of {seconds:g} s, and it ends before")
    return info.frames, info.samplerate


def _reaches(path, n_frames):
    """Whether a file goes on to about the end of its header: room is made for that length only then."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            file.seek(int(_SHORT * n_frames))
            return len(file.read(1)) > 0
    except soundfile.SoundFileError:
        return False


def _as_pair(song, sample_rate):
    """Waveform of shape (n_samples,) or (n_channels, n_samples) and its rate, checked."""
    waveform, rate = song if isinstance(song, (tuple, list)) and len(song) == 2 else (song, None)
    rate = sample_rate if rate is None else rate
    if not _is_number(rate, above=0):
        raise ValueError(f"its sample rate is {rate!r}; it must be a number of Hz above 0")
    waveform = np.asarray(waveform)
    if waveform.dtype.kind != "f":
        raise ValueError(
            f"its waveform has the type {waveform.dtype}; it must be floats in [-1, 1] (divide 16-bit "
            "integers by 32768), or a path as str"
        )
    if waveform.ndim not in (1, 2) or waveform.size == 0:
        raise ValueError(
            f"its waveform has shape {waveform.shape}; it must be (n_samples,) or (n_channels, "
            "n_samples), and not empty"
        )
    if waveform.ndim == 2 and waveform.shape[0] > waveform.shape[1]:
        raise ValueError(
            f"its waveform has shape {waveform.shape}, more channels than samples; it must be "
            "(n_channels, n_samples): transpose what soundfile.read gives"
        )
    if not np.isfinite(waveform).all():
        raise ValueError("its waveform holds NaN or infinity")
    _check_loudness(waveform, "its waveform")
    return waveform, rate


def _check_loudness(waveform, name):
    """Refuse numbers whose squares overflow."""
    peak = max(-waveform.min(), waveform.max())
    if peak > _LOUDEST:
        raise ValueError(
            f"{name} goes up to {peak:.3g}; it must be in [-1, 1] (divide 16-bit integers by 32768)"
        )


def song_name(song):
    """A song as errors name it: its file, if it is one."""
    return repr(os.fspath(song)) if isinstance(song, (str, os.PathLike)) else "it"


def _cache_key(song):
    """What tells one song from another for the cache: the bytes of a file, or the sound itself."""
    if isinstance(song, (str, os.PathLike)):
        path = os.path.abspath(song)
        status = os.stat(path)
        return _digest(path, status.st_size, status.st_mtime_ns)
    return song


@lru_cache(maxsize=100_000)
def _digest(path, size, changed):
    """Hash of a file's bytes, which a process reads once for as long as the file stays as it is."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def each_song(function, songs, settings, transformer, desc, ignore=()):
    """Number and result of each song in turn; one error in the end for all that are damaged.

    ``function(key, song=..., **settings[i])`` works on one song, in as many threads and with the cache
    and progress bar that the transformer's parameters ask for. The settings in `ignore` do not count
    for the cache.
    """
    memory = transformer.memory
    memory = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    function = check_memory(memory).cache(function, ignore=["song", *ignore])
    work = (
        delayed(_attempt)(function, song, **one) for song, one in zip(songs, settings, strict=True)
    )
    # joblib's own: scikit-learn's sets the filters of warnings in every thread, which are the process's.
    backend, _ = get_active_backend(prefer="threads")
    # Some, that of ray for one, give results only when all are there.
    return_as = "generator" if backend.supports_return_generator else "list"
    parallel = Parallel(n_jobs=transformer.n_jobs, prefer="threads", return_as=return_as)
    problems = []
    shown = {"desc": desc, "unit": "song", "disable": not transformer.verbose}
    with _one_blas_thread():
        for i, result in enumerate(tqdm(parallel(work), total=len(settings), **shown)):
            if isinstance(result, str):
                problems.append(f"song {i}: {result}")
            else:
                yield i, result
    _report(problems, len(settings))


@contextmanager
def _one_blas_thread():
    """Limit BLAS: its threads would only wait for each other in products so small, and for other songs.

    The limit is the process's: a thread that comes while another has set it would put it back when
    that one has left.
    """
    if not _LIMITING.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _LIMITING.release()


def _attempt(function, song, **settings):
    """Result for a song, or what is wrong with it: an error would leave threads behind.

    `function` is one of joblib's; where it keeps nothing the bytes need not be read for a key.
    """
    try:
        key = None if isinstance(function, NotMemorizedFunc) else _cache_key(song)
        return function(key, song=song, **settings)
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read ({error})"


def _log_mel(key, *, song, start, n_samples, sample_rate, version, device, **mel):
    """Log-mel spectrogram of one song, shape (n_mels, 1 + n_samples // hop_length).

    `key` and `version` are for the cache alone.
    """
    import librosa

    waveform = load_song(song, start, n_samples, sample_rate)
    # The last frame is centred on the end: librosa pads half a window there by itself.
    waveform = librosa.util.fix_length(waveform, size=n_samples)
    power = mel_power(waveform, device, sr=sample_rate, **mel)
    return librosa.power_to_db(power).astype(np.float32)


def mel_power(waveform, device, *, sr, n_fft, hop_length, **bands):
    """Mel spectrogram of power, shape (n_mels, n_frames): by librosa, or as librosa's on a device."""
    import librosa

    if device is None:
        settings = {"sr": sr, "n_fft": n_fft, "hop_length": hop_length, **bands}
        return librosa.feature.melspectrogram(y=waveform, **settings)
    import torch

    make_torch_fork_safe()

    window = torch.from_numpy(librosa.filters.get_window("hann", n_fft).astype(np.float32))
    filters = torch.from_numpy(librosa.filters.mel(sr=sr, n_fft=n_fft, **bands))
    with torch.inference_mode():
        spectrum = torch.stft(
            torch.from_numpy(np.asarray(waveform, dtype=np.float32)).to(device),
            n_fft,
            hop_length,
            window=window.to(device),
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return (filters.to(device) @ power).cpu().numpy()


def load_song(song, start, n_samples, sample_rate):
    """Mono waveform at `sample_rate` from `start` seconds on, about `n_samples` of it."""
    import librosa

    seconds = n_samples / sample_rate
    if isinstance(song, (str, os.PathLike)):
        waveform, rate = _read(song, start, seconds)
    else:
        waveform, rate = _as_pair(song, sample_rate)
        first = int(start * rate)
        waveform = waveform[..., first : first + math.ceil(seconds * rate)].astype(np.float32)
    waveform = _to_mono(waveform)
    if rate != sample_rate:
        waveform = librosa.resample(waveform, orig_sr=rate, target_sr=sample_rate)
    return waveform


def _to_mono(waveform):
    """Mean of the channels; added one by one, as the mean over so short an axis is slow."""
    if waveform.ndim == 1:
        return waveform
    mono = waveform[0].copy()
    for channel in waveform[1:]:
        mono += channel
    return mono / len(waveform)


def _read(path, start, seconds):
    """Part of a file as (n_channels, n_samples), and its sample rate."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            first = int(start * rate)
            file.seek(first)
            wanted = min(math.ceil(seconds * rate), file.frames - first)
            waveform = file.read(wanted, dtype="float32", always_2d=True).T
    except soundfile.SoundFileError as error:
        raise ValueError(f"{str(path)!r} is damaged ({error}); leave it out") from error
    if waveform.size == 0 or waveform.shape[1] < _SHORT * wanted:
        raise ValueError(f"{str(path)!r} ends before its header says; leave it out")
    if not np.isfinite(waveform).all():
        raise ValueError(f"the sound of {str(path)!r} holds NaN or infinity; leave it out")
    _check_loudness(waveform, f"the sound of {str(path)!r}")
    return waveform, rate


class TemporalSummary(TransformerMixin, BaseEstimator):
    """Summary of spectrograms over time: one row of numbers a song, for the classical models.

    Parameters
    ----------
    statistics : sequence of str, default=("mean", "std", "delta", "rhythm")
        What the row holds, in this order:

        - ``"mean"``, ``"std"``: mean and standard deviation of each band over time;
        - ``"delta"``: mean absolute change of each band from frame to frame;
        - ``"rhythm"``: autocorrelation of the onset strength (the mean rise over all bands from
          frame to frame) at `n_lags` lags, 2 frames the shortest and a quarter of the excerpt the
          longest, evenly spaced on a logarithmic scale.
    n_lags : int, default=32
        Number of lags of the rhythm.

    Attributes
    ----------
    n_features_in_ : int
        Number of bands.
    n_frames_ : int
        Number of frames seen in `fit`.

    See Also
    --------
    MelSpectrogram : Makes the spectrograms.

    Notes
    -----
    Frames at the end in which every band is at the song's minimum are the silence that a short song
    was padded with; they are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import TemporalSummary
    >>> spectrograms = np.random.default_rng(0).normal(size=(5, 40, 200))
    >>> TemporalSummary().fit_transform(spectrograms).shape
    (5, 152)
    """

    def __init__(self, statistics=("mean", "std", "delta", "rhythm"), *, n_lags=32):
        self.statistics = statistics
        self.n_lags = n_lags

    def fit(self, X, y=None):
        """Check the spectrograms and settle the lags.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_mels, n_frames)
            Spectrograms.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        statistics = self.statistics
        known = isinstance(statistics, (list, tuple)) and all(
            s in list(_STATISTICS) for s in statistics
        )
        if not known or not len(statistics):
            raise ValueError(
                f"statistics={self.statistics!r}; it must be a list of some of {list(_STATISTICS)}"
            )
        check_integer("n_lags", self.n_lags)
        X = self._check_spectrograms(X, reset=True)
        self.n_frames_ = X.shape[2]
        return self

    def transform(self, X):
        """Summarise the spectrograms.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_mels, n_frames)
            Spectrograms.

        Returns
        -------
        summary : ndarray of shape (n_samples, n_features_out)
            One row a song.
        """
        check_is_fitted(self)
        X = self._check_spectrograms(X, reset=False)
        lags = self._lags()
        return np.stack([self._summary(song[:, : _n_sounding(song)], lags) for song in X])

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the bands; None: ``mel0``, ``mel1``, ...

        Returns
        -------
        names : ndarray of str
            ``mean_mel0``, ..., ``rhythm_lag2``, ...
        """
        check_is_fitted(self)
        bands = [f"mel{i}" for i in range(self.n_features_in_)]
        bands = bands if input_features is None else input_features
        names = []
        for name in self.statistics:
            suffixes = [f"lag{lag:.3f}" for lag in self._lags()] if name == "rhythm" else bands
            names += [f"{name}_{suffix}" for suffix in suffixes]
        return np.array(names, dtype=object)

    def _summary(self, song, lags):
        return np.concatenate([_STATISTICS[name](song, lags) for name in self.statistics])

    def _lags(self):
        return np.geomspace(2, self.n_frames_ / 4, self.n_lags)

    def _check_spectrograms(self, X, reset):
        X = validate_data(self, X, reset=reset, dtype=(np.float64, np.float32), allow_nd=True)
        if X.ndim != 3 or X.shape[1] < 1 or X.shape[2] < 16:
            raise ValueError(
                f"X has shape {X.shape}; it must be (n_samples, n_mels, n_frames) with 16 frames or "
                "more, as MelSpectrogram makes it"
            )
        if (peak := max(-X.min(), X.max())) > _LOUDEST:
            raise ValueError(f"X has a number of {peak:.3g}; spectrograms are decibels")
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _n_sounding(song):
    """Number of frames up to the last that is not at the song's minimum in every band."""
    sounding = np.flatnonzero((song > song.min()).any(axis=0))
    return max(16, sounding[-1] + 1) if sounding.size else song.shape[1]


def _rhythm(song, lags):
    """Autocorrelation of the onset strength, 1 at lag 0, interpolated between whole lags."""
    onset = np.maximum(np.diff(song, axis=1), 0).mean(axis=0, dtype=np.float64)
    onset -= onset.mean()
    spectrum = np.fft.rfft(onset, n=2 * len(onset))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(onset)]
    peak = correlation[0] if correlation[0] > 0 else 1.0
    return np.interp(lags, np.arange(len(onset)), correlation / peak, right=0.0).astype(song.dtype)


_STATISTICS = {
    "mean": lambda song, lags: song.mean(axis=1),
    "std": lambda song, lags: song.std(axis=1),
    "delta": lambda song, lags: np.abs(np.diff(song, axis=1)).mean(axis=1),
    "rhythm": _rhythm,
}
