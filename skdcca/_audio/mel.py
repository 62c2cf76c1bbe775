"""Log-mel spectrograms of songs."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.songs import check_excerpt, check_songs, each_song, excerpt_start, load_song
from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.mixins import NoTableMixin, RawInputMixin
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_device, check_integer, is_number

_FORMAT = 1  # raise it whenever spectrograms change, so that caches are not used


class MelSpectrogram(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Log-mel spectrograms of audio files or waveforms, all of one length.

    A song is the path of an audio file (wav, flac, ogg, mp3 and every other format of libsndfile), a
    pair ``(waveform, sample_rate)``, or a waveform at `sample_rate`; waveforms are float arrays of
    shape ``(n_samples,)`` or ``(n_channels, n_samples)``. Channels are mixed to mono, every song is
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
        Highest frequency in Hz, by default half of `sample_rate`.
    duration : float, default=30.0
        Seconds of each song. None: the length of the longest song seen in `fit`.
    offset : float or "center", default=0.0
        Where the excerpt begins, in seconds; ``"center"`` takes it from the middle of each song.
    memory : str, path-like or joblib.Memory, default=None
        Cache of the spectrogram of each song, so that the folds and candidates of a search compute it
        once. The key of a file is its content, wherever it lies; that of a waveform its values.
    n_jobs : int, default=None
        Number of songs at a time, in threads unless `joblib.parallel_config` says otherwise. None
        means 1, -1 all processors.
    device : str, default=None
        Where the spectra are computed: by default by librosa on the CPU, otherwise by torch on the
        device of this name, such as ``"cuda"``. Files are read and resampled on the CPU in either
        case; `n_jobs` speeds that up. If the device is not available in `transform`, the CPU is used.
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
        If a parameter is out of range.
    InvalidSongsError
        If songs cannot be used; it lists all of them. Files that are missing or have no valid header,
        and waveforms that are empty or contain NaN or infinity, are found before any song is decoded;
        files that are damaged after their header at the end of `transform`.
    MissingDependencyError
        If librosa or soundfile is not installed, or torch for a `device`.

    See Also
    --------
    TemporalSummary : Summarize spectrograms as one row per song.

    Notes
    -----
    Values are decibels, ``librosa.power_to_db(librosa.feature.melspectrogram(...))`` with the other
    defaults of librosa: 0 dB is a power of 1, and values are clipped at 80 dB below the peak of the
    song. Those of a `device` differ by the rounding of single precision, and share the cache.

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
        sample_rate: int = 22050,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_mels: int = 128,
        fmin: float = 0.0,
        fmax: float | None = None,
        duration: float | None = 30.0,
        offset: float | str = 0.0,
        memory: Any = None,
        n_jobs: int | None = None,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
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

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the songs and set the number of frames.

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
        _librosa()
        self._check_parameters()
        check_device("device", self.device)
        seconds = check_songs(X, self.sample_rate, self.offset)
        if self.duration is None:
            self.duration_ = max(length - self._start(length) for length in seconds)
        else:
            self.duration_ = float(self.duration)
        if self._n_samples() < self.n_fft:
            raise ValueError(
                f"The duration of {self.duration_:g} s is shorter than one window of "
                f"n_fft={self.n_fft} samples. Increase `duration` or decrease `n_fft`."
            )
        self.n_frames_ = self._n_frames()
        return self

    def transform(self, X: Any) -> NDArray:
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
        settings = self._settings()
        seconds = check_songs(X, self.sample_rate, self.offset)
        spectrograms = np.empty((len(seconds), self.n_mels, self._n_frames()), dtype=np.float32)
        settings["device"] = check_device("device", self.device, must_exist=False)
        each = [settings | {"start": self._start(length)} for length in seconds]
        songs = each_song(_log_mel, X, each, self, "spectrograms", ignore=["device"])
        for i, spectrogram in songs:
            spectrograms[i] = spectrogram
        return spectrograms

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the mel bands, the second axis of the output.

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

    def _settings(self):
        return {
            "version": (_FORMAT, _librosa().__version__),
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
        highest = self.sample_rate / 2
        fmax = highest if self.fmax is None else self.fmax
        if not (is_number(fmax, le=highest) and is_number(self.fmin, ge=0, lt=fmax)):
            raise ValueError(
                f"`fmin` and `fmax` must satisfy 0 <= fmin < fmax <= sample_rate / 2 = {highest:g}, got "
                f"fmin={self.fmin!r} and fmax={self.fmax!r}."
            )

    def __setstate__(self, state):
        super().__setstate__({"device": None} | state)  # older files lack it


def _log_mel(key, *, song, start, n_samples, sample_rate, version, device, **mel):
    """Return the log-mel spectrogram of a song, of shape (n_mels, 1 + n_samples // hop_length).

    `key` and `version` identify the result in the cache.
    """
    librosa = _librosa()
    waveform = load_song(song, start, n_samples, sample_rate)
    # The last frame is centered on the end: librosa pads by half a window there.
    waveform = librosa.util.fix_length(waveform, size=n_samples)
    power = mel_power(waveform, device, sr=sample_rate, **mel)
    return librosa.power_to_db(power).astype(np.float32)


def mel_power(waveform, device, *, sr, n_fft, hop_length, **bands):
    """Return the mel power spectrogram of shape (n_mels, n_frames), as librosa computes it.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        The waveform.
    device : torch.device or None
        Where torch computes it; None leaves it to librosa.
    sr, n_fft, hop_length, **bands : int or float
        Parameters of ``librosa.feature.melspectrogram``.
    """
    librosa = _librosa()
    if device is None:
        settings = {"sr": sr, "n_fft": n_fft, "hop_length": hop_length, **bands}
        return librosa.feature.melspectrogram(y=waveform, **settings)
    with needed_by("MelSpectrogram(device=...)"):
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


def _librosa():
    with needed_by("MelSpectrogram"):
        import librosa

    return librosa
