"""Form of songs in a few numbers: how long, how dense, how fast, how high, major or minor."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.mel import check_songs, each_song, load_song, song_name
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_integer

_FORMAT = 1  # raise it whenever the numbers come out differently, so that caches are not used
_HOP = 512
_SILENT = 60.0  # dB below the loudest frame
# How well each degree of the scale fits a key, by probe tones.
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


class AudioForm(RawInputMixin, TransformerMixin, BaseEstimator):
    """Form of whole songs, whatever they sound like: length, density, tempo, loudness, register, mode.

    The counterpart of `LyricsForm`: a long song has many words, a dense one many syllables. An honest
    signal where songs are whole, and a shortcut: tell what a model reaches without it as well.

    Parameters
    ----------
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
        Names of the numbers:

        - ``log_seconds``, ``log_onsets``: logarithms of the length and of the number of onsets;
          ``onsets_per_second``;
        - ``log2_tempo``: of the beats a minute; ``pulse``: the greatest autocorrelation of the onset
          strength between a quarter of a second and two;
        - ``loudness``, ``loudness_std``: mean and deviation over time in dB, of the frames that are
          not silent; ``silence``: share of those that are;
        - ``register``, ``register_std``: mean and deviation over time of the spectral centroid, in
          octaves above 1 Hz; ``low``, ``high``: octaves below which 10 and 90 % of the power lie;
        - ``major``: correlation of the pitch classes with the best major key less that with the best
          minor key; ``key``: the better one of both; ``chroma_entropy``: of the pitch classes, 1 if all
          are alike; ``harmonic_change``: mean distance of their distributions from second to second.

    Raises
    ------
    ValueError
        With the songs named: if they cannot be used (see `MelSpectrogram`), or are silent.

    See Also
    --------
    LyricsForm : The form of lyrics.
    TemporalSummary : What a spectrogram holds on average, and its rhythm.

    Notes
    -----
    The whole song is decoded at once. Keys are by correlation with the profiles of [1]_.

    References
    ----------
    .. [1] C. L. Krumhansl, "Cognitive foundations of musical pitch", Oxford University Press, 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import AudioForm
    >>> time = np.arange(2 * 22050) / 22050
    >>> song = np.sin(2 * np.pi * 440 * time) * (np.sin(4 * np.pi * time) > 0)
    >>> form = AudioForm().set_output(transform="pandas").fit_transform([song, song[:22050]])
    >>> form.shape
    (2, 16)
    >>> np.exp(form["log_seconds"]).round().tolist()
    [2.0, 1.0]
    """

    def __init__(self, *, sample_rate=22050, memory=None, n_jobs=None, verbose=0):
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
        check_integer("sample_rate", self.sample_rate)
        if self.sample_rate < 1000:
            raise ValueError(f"sample_rate={self.sample_rate!r}; it must be 1000 Hz or more")
        check_songs(X, self.sample_rate)
        self.feature_names_ = list(_NAMES)
        return self

    def transform(self, X):
        """Measure songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.

        Returns
        -------
        form : ndarray of shape (n_samples, n_features_out)
            One row a song.
        """
        check_is_fitted(self)
        import librosa

        seconds = check_songs(X, self.sample_rate)
        settings = {"sample_rate": self.sample_rate, "version": (_FORMAT, librosa.__version__)}
        rows = np.empty((len(seconds), len(_NAMES)))
        each = [settings | {"seconds": length} for length in seconds]
        for i, row in each_song(_form, X, each, self, "form of songs"):
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
            ``log_seconds``, ``log_onsets``, ...
        """
        return np.array(_NAMES, dtype=object)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "feature_names_")


_NAMES = (
    "log_seconds log_onsets onsets_per_second log2_tempo pulse loudness loudness_std silence register "
    "register_std low high major key chroma_entropy harmonic_change"
).split()


def _form(key, *, song, seconds, sample_rate, version):
    """Numbers of one song; `key` and `version` are for the cache alone."""
    import librosa

    waveform = load_song(song, 0.0, round(seconds * sample_rate), sample_rate)
    waveform = librosa.util.fix_length(waveform, size=max(len(waveform), 2048))
    power = np.abs(librosa.stft(waveform, hop_length=_HOP)) ** 2
    frame_power = power.mean(axis=0)
    if not frame_power.max() > 0:
        raise ValueError(f"{song_name(song)} is silent: there is no form to measure; leave it out")
    loudness = librosa.power_to_db(frame_power, amin=1e-20, top_db=None)
    sounds = loudness > loudness.max() - _SILENT
    rhythm = _rhythm(power, seconds, sample_rate)
    register = _register(power[:, sounds], sample_rate)
    harmony = _harmony(power[:, sounds], sample_rate)
    loud = [loudness[sounds].mean(), loudness[sounds].std(), 1 - sounds.mean()]
    return np.array([np.log(seconds), *rhythm, *loud, *register, *harmony])


def _rhythm(power, seconds, sample_rate):
    import librosa

    mel = librosa.feature.melspectrogram(S=power, sr=sample_rate)
    strength = librosa.onset.onset_strength(S=librosa.power_to_db(mel), sr=sample_rate)
    times = {"sr": sample_rate, "hop_length": _HOP}
    onsets = len(librosa.onset.onset_detect(onset_envelope=strength, **times))
    tempo = librosa.feature.tempo(onset_envelope=strength, **times)[0]
    second = sample_rate / _HOP
    centred = strength - strength.mean()
    correlation = librosa.autocorrelate(centred, max_size=round(2 * second))
    beats = correlation[round(second / 4) :]
    pulse = beats.max() / correlation[0] if len(beats) and correlation[0] > 0 else 0.0
    return np.log1p(onsets), onsets / seconds, np.log2(max(tempo, 1.0)), pulse


def _register(power, sample_rate):
    """Octaves above 1 Hz, of what is above 20 Hz."""
    frequencies = np.linspace(0, sample_rate / 2, len(power))
    heard = frequencies > 20
    power, octaves = power[heard], np.log2(frequencies[heard])
    total = power.sum(axis=0)
    centroid = octaves @ power / np.where(total > 0, total, 1.0)
    centroid = centroid[total > 0] if (total > 0).any() else np.zeros(1)
    share = np.cumsum(power.sum(axis=1))
    low, high = octaves[np.searchsorted(share, [0.1 * share[-1], 0.9 * share[-1]])]
    return centroid.mean(), centroid.std(), low, high


def _harmony(power, sample_rate):
    import librosa

    # Tuning is that of the concert pitch: estimated, it would depend on the excerpt.
    chroma = librosa.feature.chroma_stft(S=power, sr=sample_rate, norm=None, tuning=0.0)
    total = chroma.sum(axis=1)
    share = total / total.sum() if total.sum() > 0 else np.full(12, 1 / 12)
    best = [max(_fits(share, profile)) for profile in (_MAJOR, _MINOR)]
    entropy = -np.sum(share[share > 0] * np.log(share[share > 0])) / np.log(12)
    second = max(1, round(sample_rate / _HOP))
    steps = np.add.reduceat(chroma, np.arange(0, chroma.shape[1], second), axis=1)
    sizes = steps.sum(axis=0)
    steps = steps[:, sizes > 0] / sizes[sizes > 0]
    change = np.abs(np.diff(steps, axis=1)).sum(axis=0).mean() / 2 if steps.shape[1] > 1 else 0.0
    return best[0] - best[1], max(best), entropy, change


def _fits(share, profile):
    """Correlation with the profile of each of the 12 keys."""
    if np.ptp(share) < 1e-12:
        return [0.0]
    return [np.corrcoef(share, np.roll(profile, key))[0, 1] for key in range(12)]
