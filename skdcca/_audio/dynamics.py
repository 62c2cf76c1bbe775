"""How each band of whole songs moves: levels, rises and falls, in one row a song."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.mel import check_songs, each_song, load_song, song_name
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_integer

_FORMAT = 1  # raise it whenever the numbers come out differently, so that caches are not used
_N_FFT, _HOP = 2048, 512
_FMIN, _FMAX = 60.0, 8000.0  # Hz
_FLOOR = 70.0  # dB below the loudest number of the song
_LEAST = 3.0  # dB, below which a change is none
_LAGS = (1, 3, 8)  # frames; at 22050 Hz 23, 70 and 186 ms
_HELD = 8  # frames


class AudioDynamics(RawInputMixin, TransformerMixin, BaseEstimator):
    """How each mel band of whole songs moves: its level, and how much it rises and falls.

    Every note is a rise in some bands, sudden or slow, and so the rises of a whole song, band by band
    and at several time scales, count its notes, without a transcription: a linear model learns which of
    them are the voice's. On art songs they find the lyrics better than the other features
    (``benchmarks/paper_table.py``).

    Parameters
    ----------
    n_mels : int, default=96
        Number of mel bands, between 60 and 8000 Hz or half of `sample_rate`.
    sample_rate : int, default=22050
        Rate in Hz to which every song is resampled, and that of waveforms which come without.
    memory : str, path-like or joblib.Memory, default=None
        Where to keep the numbers of each song, known by its content.
    n_jobs : int, default=None
        Number of songs at a time, in threads. None means 1, -1 all processors.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    feature_names_ : list of str
        Names of the numbers. ``log_seconds``: logarithm of the length; and of each band, in dB or the
        logarithm of a sum of dB over the song:

        - ``mean``, ``std``: mean and deviation of its level over time;
        - ``rise1``, ``fall1``, ``rise3``, ``fall3``, ``rise8``, ``fall8``: sums of the changes of more
          than 3 dB from each frame to the 1st, 3rd and 8th after it (frames are 23 ms apart);
        - ``held``: mean of its least level within 8 frames, ``heldrise``: sum of the rises of that
          within 4 frames: tones that last, without those that die away.

    Raises
    ------
    ValueError
        With the songs named: if they cannot be used (see `MelSpectrogram`), or are silent.

    See Also
    --------
    AudioForm : Length, density, tempo, register and mode in a few numbers.
    TemporalSummary : What spectrograms of one length hold on average.

    Notes
    -----
    Sums of positive changes are known as spectral flux [1]_. Levels are no more than 70 dB below the
    loudest one of the song. The whole song is decoded at once.

    References
    ----------
    .. [1] S. Dixon, "Onset detection revisited", Proc. of the 9th Int. Conference on Digital Audio
       Effects (DAFx), 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import AudioDynamics
    >>> time = np.arange(2 * 22050) / 22050
    >>> tone = np.sin(2 * np.pi * 440 * time)
    >>> dynamics = AudioDynamics(n_mels=40).set_output(transform="pandas")
    >>> numbers = dynamics.fit_transform([tone, tone * (np.sin(8 * np.pi * time) > 0)])
    >>> numbers.shape
    (2, 401)
    >>> numbers["rise1_mel9"].round(1).tolist()
    [3.4, 6.0]
    """

    def __init__(self, *, n_mels=96, sample_rate=22050, memory=None, n_jobs=None, verbose=0):
        self.n_mels = n_mels
        self.sample_rate = sample_rate
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None):
        """Check the songs; there is nothing to learn.

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
        check_integer("n_mels", self.n_mels)
        check_integer("sample_rate", self.sample_rate)
        if self.sample_rate < 1000:
            raise ValueError(f"sample_rate={self.sample_rate!r}; it must be 1000 Hz or more")
        check_songs(X, self.sample_rate)
        bands = [f"{name}_mel{i}" for name in _NAMES for i in range(self.n_mels)]
        self.feature_names_ = ["log_seconds", *bands]
        return self

    def transform(self, X):
        """Measure songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.

        Returns
        -------
        dynamics : ndarray of shape (n_samples, 1 + 10 * n_mels)
            One row a song.
        """
        check_is_fitted(self)
        import librosa

        seconds = check_songs(X, self.sample_rate)
        n_mels = (len(self.feature_names_) - 1) // len(_NAMES)
        settings = {"sample_rate": self.sample_rate, "n_mels": n_mels}
        settings["version"] = _FORMAT, librosa.__version__
        rows = np.empty((len(seconds), len(self.feature_names_)))
        each = [settings | {"seconds": length} for length in seconds]
        for i, row in each_song(_dynamics, X, each, self, "dynamics of songs"):
            rows[i] = row
        return rows

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

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


def _dynamics(key, *, song, seconds, sample_rate, n_mels, version):
    """Numbers of one song; `key` and `version` are for the cache alone."""
    import librosa

    waveform = load_song(song, 0.0, round(seconds * sample_rate), sample_rate)
    waveform = librosa.util.fix_length(waveform, size=max(len(waveform), _N_FFT))
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=sample_rate,
        n_fft=_N_FFT,
        hop_length=_HOP,
        n_mels=n_mels,
        fmin=_FMIN,
        fmax=min(_FMAX, sample_rate / 2),
    )
    if not power.max() > 0:
        raise ValueError(f"{song_name(song)} is silent: there is nothing that moves; leave it out")
    level = librosa.power_to_db(power, ref=np.max, amin=1e-30, top_db=_FLOOR)
    level += 10 * np.log10(power.max())
    # A song shorter than the longest lag stays as it is at its end.
    level = np.pad(level, ((0, 0), (0, max(0, 2 * _HELD - level.shape[1]))), mode="edge")
    numbers = [level.mean(axis=1), level.std(axis=1)]
    for lag in _LAGS:
        change = level[:, lag:] - level[:, :-lag]
        numbers += [_total(change), _total(-change)]
    held = np.lib.stride_tricks.sliding_window_view(level, _HELD, axis=1).min(axis=-1)
    numbers += [held.mean(axis=1), _total(held[:, _HELD // 2 :] - held[:, : -_HELD // 2])]
    return np.concatenate([[np.log(seconds)], *numbers])


def _total(change):
    """Logarithm of the sum of the rises of each band."""
    return np.log1p(np.maximum(change - _LEAST, 0).sum(axis=1, dtype=np.float64))
