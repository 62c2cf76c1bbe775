"""Summarize spectrograms over time, as one row per song."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skdcca._audio.files import MAX_AMPLITUDE
from skdcca._utils.validation import check_integer, check_number

_MIN_FRAMES = 16
# Saved models keep their format. Models of format 1 summarize the silence before the music too, and
# those of format 2 the noise around it; both take levels as they are given.
_FORMAT = 3
_DEPTH = (
    50.0  # dB; frames at both ends that are further than this below the loudest frame are left out
)


class TemporalSummary(TransformerMixin, BaseEstimator):
    """Summary of spectrograms over time, as one row per song.

    This transformer turns the output of `MelSpectrogram` into a table for models such as
    `LinearCCA` and `KernelCCA`. With the defaults, a row has 3 numbers for each band and 32 for the
    rhythm.

    Parameters
    ----------
    statistics : sequence of str, default=("mean", "std", "delta", "rhythm")
        Statistics in a row, in the order given:

        - ``"mean"``, ``"std"``: mean and standard deviation of each band over time;
        - ``"delta"``: mean absolute change of each band from frame to frame;
        - ``"rhythm"``: autocorrelation of the onset strength at `n_lags` lags, from 2 frames to a
          quarter of the excerpt, evenly spaced on a logarithmic scale. The onset strength is the
          mean rise of the bands from one frame to the next, where falls count as 0.
    n_lags : int, default=32
        Number of lags of the rhythm.
    floor : float, default=None
        Distance in dB below the loudest level of a song at which levels are clipped. Noise below it
        changes nothing, and neither do the softest sounds of the music. Try 40 if recordings or
        queries have audible noise. If None, levels are not clipped.

    Attributes
    ----------
    n_features_in_ : int
        Number of bands.
    n_frames_ : int
        Number of frames seen in `fit`, which determines the lags.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `X` is not three-dimensional, has fewer than 16 frames,
        contains NaN, infinity or values above 1e10 in absolute value, or has a different number of
        bands in `transform` than in `fit`.

    See Also
    --------
    MelSpectrogram : Compute the spectrograms.
    AudioDynamics : Summarize whole songs by the rises and falls of each band.

    Notes
    -----
    Levels are relative to the loudest one of the song, so that the gain of a recording changes nothing.
    Frames at the beginning and the end of a spectrogram whose loudest band is more than 50 dB below this
    level, or below `floor` if that is higher, are left out. So neither the silence that `MelSpectrogram`
    appends to short songs nor silence or faint noise in the recording changes a row. At least 16
    frames are summarized.

    Models that were saved by versions before these rules keep their own rules.

    Examples
    --------
    >>> from skdcca import MelSpectrogram, TemporalSummary
    >>> from skdcca.datasets import make_songs
    >>> songs = make_songs(5, duration=2, random_state=0)
    >>> spectrograms = MelSpectrogram(n_mels=40, duration=2).fit_transform(songs.audio)
    >>> TemporalSummary().fit_transform(spectrograms).shape
    (5, 152)
    """

    _format = 1  # of models in files of older versions; `fit` sets it

    def __init__(
        self,
        statistics: Sequence[str] = ("mean", "std", "delta", "rhythm"),
        *,
        n_lags: int = 32,
        floor: float | None = None,
    ) -> None:
        self.statistics = statistics
        self.n_lags = n_lags
        self.floor = floor

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the spectrograms and set the lags.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_mels, n_frames)
            Spectrograms in dB.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._check_parameters()
        X = self._check_spectrograms(X, reset=True)
        self.n_frames_ = X.shape[2]
        self._format = _FORMAT
        return self

    def transform(self, X: Any) -> NDArray:
        """Summarize the spectrograms.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_mels, n_frames)
            Spectrograms in dB.

        Returns
        -------
        summary : ndarray of shape (n_samples, n_features_out)
            One row per song.
        """
        check_is_fitted(self)
        X = self._check_spectrograms(X, reset=False)
        lags = self._lags()
        return np.stack([self._summary(self._sound(song), lags) for song in X])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the bands, by default ``mel0``, ``mel1``, ...

        Returns
        -------
        names : ndarray of str
            ``mean_mel0``, ..., ``rhythm_lag2``, ...
        """
        check_is_fitted(self)
        bands = input_features
        if bands is None:
            bands = [f"mel{i}" for i in range(self.n_features_in_)]
        names = []
        for name in self.statistics:
            suffixes = [f"lag{lag:.3f}" for lag in self._lags()] if name == "rhythm" else bands
            names += [f"{name}_{suffix}" for suffix in suffixes]
        return np.array(names, dtype=object)

    def _check_parameters(self):
        statistics = self.statistics
        known = isinstance(statistics, (list, tuple)) and all(
            name in list(_STATISTICS) for name in statistics
        )
        if not known or not len(statistics):
            raise ValueError(
                f"`statistics` must be a non-empty list of names from {sorted(_STATISTICS)}, "
                f"got {statistics!r}."
            )
        check_integer("n_lags", self.n_lags)
        check_number("floor", self.floor, gt=0, or_none=True)

    def _check_spectrograms(self, X, reset):
        X = validate_data(self, X, reset=reset, dtype=(np.float64, np.float32), allow_nd=True)
        if X.ndim != 3 or X.shape[1] < 1 or X.shape[2] < _MIN_FRAMES:
            raise ValueError(
                f"X must have shape (n_samples, n_mels, n_frames) with {_MIN_FRAMES} frames or more, "
                f"got {X.shape}. Compute spectrograms with MelSpectrogram."
            )
        peak = max(-X.min(), X.max())
        if peak > MAX_AMPLITUDE:
            raise ValueError(
                f"X must have absolute values of at most {MAX_AMPLITUDE:g}, got {peak:.3g}. Pass "
                "spectrograms in decibels."
            )
        return X

    def _summary(self, song, lags):
        return np.concatenate([_STATISTICS[name](song, lags) for name in self.statistics])

    def _sound(self, song):
        """Return a spectrogram without the silence around the music, relative to its loudest level."""
        if self._format < 3:
            first, last = _sounding_frames(song, song.min())
            return song[:, 0 if self._format == 1 else first : last]
        loudest = song.max()
        depth = _DEPTH if self.floor is None else min(_DEPTH, self.floor)
        first, last = _sounding_frames(song, loudest - depth)
        song = song[:, first:last] - loudest
        return song if self.floor is None else np.maximum(song, -self.floor)

    def _lags(self):
        return np.geomspace(2, self.n_frames_ / 4, self.n_lags)

    def __setstate__(self, state):
        super().__setstate__({"floor": None} | state)  # missing in files of older versions

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _sounding_frames(song, silence):
    """Return the first frame with sound and the frame after the last one, at least 16 frames apart.

    A frame has sound if any band exceeds the level `silence`.
    """
    sounding = np.flatnonzero((song > silence).any(axis=0))
    if not sounding.size:
        return 0, song.shape[1]
    first = min(sounding[0], song.shape[1] - _MIN_FRAMES)
    return first, max(first + _MIN_FRAMES, sounding[-1] + 1)


def _rhythm(song, lags):
    """Return the autocorrelation of the onset strength at fractional lags, scaled to 1 at lag 0."""
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
