"""Measure the level, rises and falls of the frequency bands of whole songs, one row per song."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.songs import check_songs, each_song, load_sound
from skdcca._audio.spectra import check_filters, mel_power, to_decibels
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_integer

# Increase it whenever features change, so that old caches are ignored. Saved models keep theirs.
# Models of format 1 measure the silence around the music too, and levels with the gain of the file.
_FORMAT = 2
_N_FFT, _HOP = 2048, 512
_FMIN, _FMAX = 60.0, 8000.0  # Hz
_FLOOR = 70.0  # dB; levels are clipped at this distance below the loudest level of the song
_THRESHOLD = 3.0  # dB subtracted from each change; smaller changes count as 0
_LAGS = (1, 3, 8)  # frames; at 22050 Hz 23, 70 and 186 ms
_HELD = 8  # frames over which the minimum level is taken


class AudioDynamics(RawInputMixin, TransformerMixin, BaseEstimator):
    r"""Dynamics of songs: level, rises and falls of each frequency band.

    Each note makes the level of some frequency bands rise, suddenly or slowly. The rises of a whole
    song, measured in each band and at several time scales, therefore describe how many notes it has
    and how they begin, without a transcription. A linear model can learn which rises belong to the
    voice. Try these features first for complete songs: in ``benchmarks/paper_table.py``, they
    retrieve the lyrics of art songs better than the other audio features.

    Parameters
    ----------
    n_mels : int, default=96
        Number of mel bands between 60 Hz and 8000 Hz, or half of `sample_rate` if that is lower.
    sample_rate : int, default=22050
        Sample rate in Hz, at least 1000. Every song is resampled to it; waveforms that come without a
        sample rate are assumed to have it.
    memory : str, path-like or joblib.Memory, default=None
        Folder or `joblib.Memory` that caches the features of each song. Files are identified by their
        content, so they can be moved or renamed. If None, nothing is cached.
    n_jobs : int, default=None
        Number of songs that are processed in parallel, in threads. None means 1; -1 uses all
        processors.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar.

    Attributes
    ----------
    feature_names_ : list of str
        Names of the columns. ``log_seconds`` is the logarithm of the length in seconds, from the first
        sound to the last. The other features have one column for each band, such as ``mean_mel0``:

        - ``mean``, ``std``: mean and standard deviation of the level over time, in dB relative to the
          loudest level of the song;
        - ``rise1``, ``fall1``, ``rise3``, ``fall3``, ``rise8``, ``fall8``: total rise and total fall of
          the level between frames that are 1, 3 or 8 frames apart (23, 70 or 186 ms at 22050 Hz).
          3 dB are subtracted from each change, and changes below 3 dB count as 0. The column is the
          logarithm of 1 plus the sum of the results in dB;
        - ``held``: mean over time of the minimum level within 8 frames, in dB; ``heldrise``: total
          rise of this minimum between frames that are 4 frames apart. Both respond to sustained
          tones and ignore tones that decay.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `X` is not a list of songs or is empty.
    InvalidSongsError
        If songs cannot be used (see `MelSpectrogram`) or are silent. The error lists all of them.
    MissingDependencyError
        If soundfile or soxr is not installed and a file is read or resampled.

    Warns
    -----
    SilentSongWarning
        If songs have less than one second of sound.

    See Also
    --------
    AudioForm : Length, density, tempo, loudness, register and mode of songs.
    TemporalSummary : Summary of spectrograms over time, with their rhythm.

    Notes
    -----
    The sum of the positive changes of a spectrum is known as its spectral flux [1]_. Here it is the
    total rise of band :math:`b` at the lag :math:`l`,

    .. math:: \log\Big(1 + \sum_t \max(L_{b, t + l} - L_{b, t} - 3, 0)\Big),

    where :math:`L_{b, t}` is the level in frame :math:`t` in dB, relative to the loudest level of the
    song and clipped at 70 dB below it. Songs are decoded from beginning to end. Silence before the first
    sound and after the last one is left out, where silence is what is more than 60 dB below the peak
    of the song; rests between them are part of the music. The gain of a recording changes none of the
    columns. Each frame is 2048 samples long, and frames start 512 samples apart.

    References
    ----------
    .. [1] S. Dixon, "Onset detection revisited", Proc. of the 9th Int. Conference on Digital Audio
       Effects (DAFx), 2006.

    Examples
    --------
    A tone that is interrupted four times a second has more and greater rises than a steady tone:

    >>> import numpy as np
    >>> from skdcca import AudioDynamics
    >>> time = np.arange(2 * 22050) / 22050
    >>> tone = np.sin(2 * np.pi * 440 * time)
    >>> dynamics = AudioDynamics(n_mels=40).set_output(transform="pandas")
    >>> table = dynamics.fit_transform([tone, tone * (np.sin(8 * np.pi * time) > 0)])
    >>> table.shape
    (2, 401)
    >>> table["rise1_mel9"].round(1).tolist()
    [3.4, 6.0]
    """

    _format = 1  # of models in files of older versions; `fit` sets it

    def __init__(
        self,
        *,
        n_mels: int = 96,
        sample_rate: int = 22050,
        memory: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_mels = n_mels
        self.sample_rate = sample_rate
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the songs. No statistics are estimated.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_integer("n_mels", self.n_mels)
        check_integer("sample_rate", self.sample_rate, ge=1000)
        check_filters(**_spectrum(self.sample_rate, self.n_mels))
        check_songs(X, self.sample_rate)
        bands = [f"{name}_mel{i}" for name in _NAMES for i in range(self.n_mels)]
        self.feature_names_ = ["log_seconds", *bands]
        self._format = _FORMAT
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the features of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        dynamics : ndarray of shape (n_samples, 1 + 10 * n_mels)
            One row per song, with the columns in `feature_names_`.
        """
        check_is_fitted(self)
        seconds = check_songs(X, self.sample_rate)
        n_mels = (len(self.feature_names_) - 1) // len(_NAMES)
        settings = {"sample_rate": self.sample_rate, "n_mels": n_mels, "version": self._format}
        rows = np.empty((len(seconds), len(self.feature_names_)))
        each = [settings | {"seconds": length} for length in seconds]
        for i, row in each_song(_dynamics, X, each, self, "dynamics of songs"):
            rows[i] = row
        return rows

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the columns.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``log_seconds``, ``mean_mel0``, ...
        """
        check_is_fitted(self)
        return np.array(self.feature_names_, dtype=object)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "feature_names_")


_NAMES = ["mean", "std", *(f"{way}{lag}" for lag in _LAGS for way in ("rise", "fall"))]
_NAMES += ["held", "heldrise"]


def _spectrum(sample_rate, n_mels):
    """Return the parameters of the filters."""
    limits = {"fmin": _FMIN, "fmax": min(_FMAX, sample_rate / 2)}
    return {"sr": sample_rate, "n_fft": _N_FFT, "n_mels": n_mels, **limits}


def _dynamics(key, *, song, seconds, sample_rate, n_mels, version):
    """Return the features of a song and its seconds of sound; `key` only identifies it in the cache."""
    waveform, seconds, sound = load_sound(song, seconds, sample_rate, _N_FFT, whole=version == 1)
    if not sound:
        return None, sound
    power = mel_power(waveform, hop_length=_HOP, **_spectrum(sample_rate, n_mels))
    level = to_decibels(power, amin=1e-30, top_db=_FLOOR)
    if version > 1:
        level -= level.max()
    return np.concatenate([[np.log(seconds)], *_statistics(level)]), sound


def _statistics(level):
    """Return the statistics of each band, in the order of the columns."""
    # Pad short songs with their last frame, so that every lag fits.
    level = np.pad(level, ((0, 0), (0, max(0, 2 * _HELD - level.shape[1]))), mode="edge")
    features = [level.mean(axis=1), level.std(axis=1)]
    for lag in _LAGS:
        change = level[:, lag:] - level[:, :-lag]
        features += [_total_rise(change), _total_rise(-change)]
    held = np.lib.stride_tricks.sliding_window_view(level, _HELD, axis=1).min(axis=-1)
    held_change = held[:, _HELD // 2 :] - held[:, : -_HELD // 2]
    return [*features, held.mean(axis=1), _total_rise(held_change)]


def _total_rise(change):
    """Return the logarithm of 1 plus the total rise of each band."""
    return np.log1p(np.maximum(change - _THRESHOLD, 0).sum(axis=1, dtype=np.float64))
