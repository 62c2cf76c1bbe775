"""Compute log-mel spectrograms of songs."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.silence import least_seconds, sound_range
from skdcca._audio.songs import check_excerpt, check_songs, each_song, excerpt_start, load_song
from skdcca._audio.spectra import check_filters, mel_power, to_decibels
from skdcca._utils.mixins import NoTableMixin, RawInputMixin
from skdcca._utils.validation import check_device, check_integer, is_number

# Increase it whenever spectrograms change, so that old caches are ignored. Saved models keep theirs.
# Models of format 1 give levels with the gain of the file, as librosa.power_to_db(power) does.
_FORMAT = 2
_FLOOR = 80.0  # dB below the loudest level


class MelSpectrogram(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    r"""Log-mel spectrograms of audio files or waveforms, all of the same length.

    A log-mel spectrogram is the power of a sound in dB, by frequency band and time. It is the usual
    input of a convolutional network: use the output as the view of a `DeepCCA` with an encoder such
    as :class:`~skdcca.encoders.MelCNN`, or summarize it with `TemporalSummary` for a linear or
    kernel model.

    A song is one of

    - the path of an audio file: wav, flac, ogg, mp3 or another format that libsndfile reads,
      or m4a, aac, wma, webm and others where PyAV is installed;
    - a pair ``(waveform, sample_rate)``;
    - a waveform at `sample_rate`.

    Waveforms are float arrays in [-1, 1] of shape ``(n_samples,)`` or ``(n_channels, n_samples)``.
    Each song is mixed to mono and resampled to `sample_rate`. Its excerpt begins at `offset` and
    lasts `duration` seconds; if the song ends earlier, silence is appended.

    The defaults suit most music. For large collections, first set `memory` to a folder, so that
    each song is decoded only once.

    Parameters
    ----------
    sample_rate : int, default=22050
        Sample rate in Hz to which every song is resampled.
    n_fft : int, default=2048
        Length of the Fourier window in samples. Longer windows resolve pitch better and time worse.
    hop_length : int, default=512
        Number of samples between the starts of consecutive frames.
    n_mels : int, default=128
        Number of mel bands. Values between 40 and 128 are common.
    fmin : float, default=0.0
        Lowest frequency in Hz; must be in [0, fmax).
    fmax : float, default=None
        Highest frequency in Hz; must be at most half of `sample_rate`. If None, half of
        `sample_rate`.
    duration : float, default=30.0
        Length of each excerpt in seconds. If None, all excerpts are as long as the longest song
        passed to `fit`, measured from `offset`.
    offset : float, "center" or "first_sound", default=0.0
        Start of the excerpt in seconds. ``"center"`` takes the excerpt from the middle of each song;
        ``"first_sound"`` skips the silence at the beginning, for which the whole song is decoded.
    memory : str, path-like or joblib.Memory, default=None
        Folder or `joblib.Memory` that caches the spectrogram of each song, so that cross-validation and
        searches compute it only once. Files are identified by their content, so they can be moved or
        renamed; waveforms are identified by their values. If None, nothing is cached.
    n_jobs : int, default=None
        Number of songs that are processed in parallel, in threads unless `joblib.parallel_config` sets
        another backend. None means 1; -1 uses all processors.
    device : str, default=None
        Name of the torch device that computes the spectra, such as ``"cuda"``. If None, NumPy computes
        them on the CPU. Files are always decoded and resampled on the CPU, which `n_jobs` speeds up.
        `fit` requires the device; `transform` uses the CPU if it is not available.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar.

    Attributes
    ----------
    duration_ : float
        Length of each excerpt in seconds.
    n_frames_ : int
        Number of frames of each spectrogram, ``1 + round(duration_ * sample_rate) // hop_length``.

    Raises
    ------
    ValueError
        If a parameter is out of range, the excerpt is shorter than one Fourier window, or `X` is
        not a list of songs or is empty.
    InvalidSongsError
        If songs cannot be used. The error lists all of them. Missing files, files without a valid
        header, invalid waveforms and songs that end before `offset` are found before any song is
        decoded. Files with a valid header but damaged audio are reported at the end of `transform`.
    MissingDependencyError
        If soundfile or soxr is not installed and a file is read or resampled, or torch is not
        installed and `device` is set.

    Warns
    -----
    SilentSongWarning
        If songs have less than one second of sound in the excerpt, or less than a quarter of `duration`
        if that is shorter.

    See Also
    --------
    TemporalSummary : Summarize spectrograms as one row per song.
    MelCNNAudio : Embed songs with a pretrained network.
    AudioDynamics : Summarize whole songs by the rises and falls of each band.

    Notes
    -----
    Levels are relative to the loudest one of the excerpt, so that the gain of a recording changes
    nothing,

    .. math:: S_{b, t} = \max(10 \log_{10} P_{b, t} - 10 \log_{10} \max_{b', t'} P_{b', t'}, -80),

    where :math:`P_{b, t}` is the power in band :math:`b` and frame :math:`t`. This equals
    ``librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)`` with the defaults of librosa
    for all other parameters. Frames before the first sound and after the last one are at -80 dB, as are
    those that are appended to short songs, where sound is what is at most 60 dB below the peak of the
    excerpt: the spectrogram of a song is the same with and without the silence after it. Spectra
    computed on a `device` differ only by rounding in single precision; they use the same cache.

    Examples
    --------
    Two tones as spectrograms of 40 bands and 44 frames:

    >>> import numpy as np
    >>> from skdcca import MelSpectrogram
    >>> time = np.arange(22050) / 22050
    >>> songs = [np.sin(2 * np.pi * 440 * time), (np.sin(2 * np.pi * 880 * time), 22050)]
    >>> spectrograms = MelSpectrogram(n_mels=40, duration=1.0).fit_transform(songs)
    >>> spectrograms.shape
    (2, 40, 44)

    The band with the most power is higher for the higher tone:

    >>> spectrograms.mean(axis=2).argmax(axis=1)
    array([ 4, 10])
    """

    _format = 1  # of models in files of older versions; `fit` sets it

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
        """Check the parameters and the songs, and set the number of frames.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs: paths, pairs or waveforms.
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
                f"The duration of {self.duration_:g} s is shorter than one window of "
                f"n_fft={self.n_fft} samples. Increase `duration` or decrease `n_fft`."
            )
        check_filters(self.sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax)
        self.n_frames_ = self._n_frames()
        self._format = _FORMAT
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the spectrograms.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs: paths, pairs or waveforms.

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
        least = least_seconds(self.duration_)
        songs = each_song(_log_mel, X, each, self, "spectrograms", least=least, ignore=["device"])
        for i, spectrogram in songs:
            spectrograms[i] = spectrogram
        return spectrograms

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the mel bands, which are the second axis of the output.

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
            "version": self._format,
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
        super().__setstate__({"device": None} | state)  # missing in files of older versions


def _log_mel(key, *, song, start, n_samples, sample_rate, hop_length, version, device, **spectrum):
    """Return the log-mel spectrogram of a song and its seconds of sound.

    The spectrogram has shape (n_mels, 1 + n_samples // hop_length). `key` only identifies it in the
    cache.
    """
    waveform = load_song(song, start, n_samples, sample_rate)[:n_samples]
    first, last = sound_range(waveform)
    sound = (last - first) / sample_rate
    # The last frame is centered on the end of the excerpt and padded by half a window.
    waveform = np.pad(waveform, (0, n_samples - len(waveform)))
    power = mel_power(waveform, device, sr=sample_rate, hop_length=hop_length, **spectrum)
    if version == 1:
        level = to_decibels(power)
    else:
        frames = slice(first // hop_length, last // hop_length + 1) if sound else slice(0)
        level = _relative_level(power, frames)
    return level.astype(np.float32), sound


def _relative_level(power, frames):
    """Return the level in dB relative to the loudest one, and the lowest level outside of `frames`."""
    level = np.full_like(power, -_FLOOR)
    if level[:, frames].size:
        sounding = to_decibels(power[:, frames], amin=1e-30, top_db=_FLOOR)
        level[:, frames] = sounding - sounding.max()
    return level
