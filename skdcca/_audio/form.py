"""Measure the form of songs: length, density, tempo, loudness, register and mode."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.rhythm import autocorrelate, count_onsets, onset_strength, tempo
from skdcca._audio.silence import DEPTH
from skdcca._audio.songs import check_songs, each_song, load_sound
from skdcca._audio.spectra import chroma, mel_filters, power_spectrogram, to_decibels
from skdcca._utils.lengths import is_usual_length
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_integer, check_option

# Increase it whenever features change, so that old caches are ignored. Saved models keep theirs.
# Models of format 1 measure the silence around the music too, and `loudness` with the gain of the file.
_FORMAT = 2
_N_FFT, _HOP = 2048, 512
# Ratings of how well each degree of the scale fits a key, from probe-tone experiments.
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


class AudioForm(RawInputMixin, TransformerMixin, BaseEstimator):
    """Form of songs: their length, density, tempo, loudness, register and mode.

    *Form* is how a song is built, as opposed to how it sounds: how long it is, how many notes it has,
    how fast, loud and high they are, and whether they are in major or minor. Each song becomes one
    row of 16 numbers that describe it as a whole.

    `AudioForm` is the counterpart of `LyricsForm`: a long song has many words, and a dense one has
    many syllables. Combine `AudioForm` with features of the sound in a `FeatureUnion`. If the audio
    files are complete songs, their length alone reveals much about the length of the lyrics; also
    report the score of a model without these features.

    A clip is not a short song: its length says nothing about the song that it comes from. For clips that
    are shorter than all training songs, the length and the number of onsets are therefore those of the
    mean training song. All other columns hold for clips and songs alike.

    Parameters
    ----------
    excerpts : {"mean", "measured"}, default="mean"
        Columns ``log_seconds`` and ``log_onsets`` of songs with less sound than the shortest training
        song, such as clips:

        - ``"mean"``: the mean of the training songs. `fit` decodes these; `fit_transform` decodes them
          once for both;
        - ``"measured"``: the length and the number of onsets of the clip itself.
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
    mean_ : ndarray of shape (16,)
        Mean features of the training songs. Only defined if ``excerpts="mean"``.
    min_seconds_ : float
        Seconds of sound of the shortest training song. Songs with less than a tenth of the median are
        outliers: they count neither here nor in the mean. Only defined if ``excerpts="mean"``.
    feature_names_ : list of str
        Names of the columns:

        - ``log_seconds``, ``log_onsets``: logarithms of the length in seconds, from the first sound to
          the last, and of 1 plus the number of note onsets; ``onsets_per_second``: onsets per second;
        - ``log2_tempo``: base-2 logarithm of the tempo in beats per minute; ``pulse``: maximum
          autocorrelation of the onset strength at lags from 0.25 s to 2 s, near 1 for a steady beat;
        - ``loudness``, ``loudness_std``: mean and standard deviation of the loudness over time, in
          dB relative to the loudest frame; ``silence``: fraction of frames that are silent, which means
          more than 60 dB below the loudest one. All columns from ``loudness`` on, except ``silence``,
          ignore these frames;
        - ``register``, ``register_std``: mean and standard deviation over time of the spectral
          centroid, in octaves above 1 Hz; ``low``, ``high``: frequencies below which 10 % and 90 %
          of the power lie, in the same unit;
        - ``major``: correlation of the pitch classes with the best major key, minus their
          correlation with the best minor key; positive for songs in major; ``key``: the larger of
          the two correlations; ``chroma_entropy``: entropy of the distribution of pitch classes, 1
          if all twelve are equally frequent; ``harmonic_change``: mean distance between the
          distributions of pitch classes in consecutive seconds, in [0, 1].

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
    LyricsForm : Form of lyrics.
    AudioDynamics : Level, rises and falls of each frequency band.
    TemporalSummary : Summary of spectrograms over time, with their rhythm.

    Notes
    -----
    Songs are decoded from beginning to end. Silence before the first sound and after the last one is
    left out, where silence is what is more than 60 dB below the peak of the song; rests between them
    are part of the music. The gain of a recording changes none of the columns. Each spectral frame is
    2048 samples long, and frames start 512 samples apart. Onsets and tempo are those of
    ``librosa.onset.onset_detect`` and ``librosa.feature.tempo``. Keys are found by correlation with the
    key profiles of [1]_.

    References
    ----------
    .. [1] C. L. Krumhansl, "Cognitive foundations of musical pitch", Oxford University Press, 1990.

    Examples
    --------
    A tone that sounds twice a second, first for four seconds and then for two:

    >>> import numpy as np
    >>> from skdcca import AudioForm
    >>> time = np.arange(4 * 22050) / 22050
    >>> song = np.sin(2 * np.pi * 440 * time) * (np.sin(4 * np.pi * time) > 0)
    >>> form = AudioForm().set_output(transform="pandas").fit_transform([song, song[:44100]])
    >>> form.shape
    (2, 16)
    >>> np.exp(form["log_seconds"]).round().tolist()
    [4.0, 2.0]
    """

    _format = 1  # of models in files of older versions; `fit` sets it

    def __init__(
        self,
        *,
        excerpts: str = "mean",
        sample_rate: int = 22050,
        memory: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.excerpts = excerpts
        self.sample_rate = sample_rate
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute the mean features of the songs and find the shortest song.

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
        self._check(X)
        self._learn(self._measure(X) if self.excerpts == "mean" else None)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray:
        """Fit the transformer and compute the features of the same songs, which are decoded once.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.
        y : object
            Ignored.

        Returns
        -------
        form : ndarray of shape (n_samples, 16)
            One row per song, with the columns in `feature_names_`.
        """
        self._check(X)
        rows = self._measure(X)
        self._learn(rows if self.excerpts == "mean" else None)
        return self._without_lengths_of_clips(rows)

    def transform(self, X: Any) -> NDArray:
        """Compute the features of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        form : ndarray of shape (n_samples, 16)
            One row per song, with the columns in `feature_names_`.
        """
        check_is_fitted(self)
        return self._without_lengths_of_clips(self._measure(X))

    def _check(self, X):
        check_option("excerpts", self.excerpts, ("mean", "measured"))
        check_integer("sample_rate", self.sample_rate, ge=1000)
        check_songs(X, self.sample_rate)
        self._format = _FORMAT

    def _measure(self, X):
        seconds = check_songs(X, self.sample_rate)
        settings = {"sample_rate": self.sample_rate, "version": self._format}
        rows = np.empty((len(seconds), len(_NAMES)))
        each = [settings | {"seconds": length} for length in seconds]
        for i, row in each_song(_form, X, each, self, "form of songs"):
            rows[i] = row
        return rows

    def _learn(self, rows):
        """Store the mean and the length of the shortest song; `rows` is None if they are not used."""
        self.feature_names_ = list(_NAMES)
        if rows is None:
            return
        seconds = np.exp(rows[:, _LOG_SECONDS])
        usual = is_usual_length(seconds)
        self.mean_ = rows[usual].mean(axis=0)
        self.min_seconds_ = float(seconds[usual].min())

    def _without_lengths_of_clips(self, rows):
        """Replace the length and the number of onsets of clips by those of the mean song."""
        if self.excerpts == "mean" and hasattr(self, "mean_"):
            clips = np.exp(rows[:, _LOG_SECONDS]) < self.min_seconds_
            for column in (_LOG_SECONDS, _LOG_ONSETS):
                rows[clips, column] = self.mean_[column]
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
            ``log_seconds``, ``log_onsets``, ...
        """
        return np.array(_NAMES, dtype=object)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "feature_names_")

    def __setstate__(self, state):
        super().__setstate__({"excerpts": "measured"} | state)  # missing in files of older versions


_NAMES = (
    "log_seconds log_onsets onsets_per_second log2_tempo pulse loudness loudness_std silence register "
    "register_std low high major key chroma_entropy harmonic_change"
).split()
_LOG_SECONDS, _LOG_ONSETS = _NAMES.index("log_seconds"), _NAMES.index("log_onsets")


def _form(key, *, song, seconds, sample_rate, version):
    """Return the features of a song and its seconds of sound; `key` only identifies it in the cache."""
    waveform, seconds, sound = load_sound(song, seconds, sample_rate, _N_FFT, whole=version == 1)
    if not sound:
        return None, sound
    if version > 1:
        waveform = waveform / np.abs(waveform).max()
    power = power_spectrogram(waveform, _N_FFT, _HOP)
    loudness = to_decibels(power.mean(axis=0), amin=1e-20, top_db=None)
    sounds = loudness > loudness.max() - DEPTH
    if version > 1:
        loudness -= loudness.max()
    rhythm = _rhythm(power, seconds, sample_rate)
    register = _register(power[:, sounds], sample_rate)
    harmony = _harmony(power[:, sounds], sample_rate)
    loud = [loudness[sounds].mean(), loudness[sounds].std(), 1 - sounds.mean()]
    return np.array([np.log(seconds), *rhythm, *loud, *register, *harmony]), sound


def _rhythm(power, seconds, sample_rate):
    """Return the columns log_onsets, onsets_per_second, log2_tempo and pulse."""
    frame_rate = sample_rate / _HOP
    strength = onset_strength(to_decibels(mel_filters(sample_rate, _N_FFT) @ power))
    onsets = count_onsets(strength, frame_rate)
    beats_per_minute = tempo(strength, frame_rate)
    correlation = autocorrelate(strength - strength.mean(), round(2 * frame_rate))
    beats = correlation[round(frame_rate / 4) :]
    pulse = 0.0
    if len(beats) and correlation[0] > 0:
        pulse = beats.max() / correlation[0]
    return np.log1p(onsets), onsets / seconds, np.log2(max(beats_per_minute, 1.0)), pulse


def _register(power, sample_rate):
    """Return the columns register, register_std, low and high, in octaves above 1 Hz."""
    frequencies = np.linspace(0, sample_rate / 2, len(power))
    audible = frequencies > 20
    power, octaves = power[audible], np.log2(frequencies[audible])
    total = power.sum(axis=0)
    centroid = octaves @ power / np.where(total > 0, total, 1.0)
    centroid = centroid[total > 0] if (total > 0).any() else np.zeros(1)
    share = np.cumsum(power.sum(axis=1))
    low, high = octaves[np.searchsorted(share, [0.1 * share[-1], 0.9 * share[-1]])]
    return centroid.mean(), centroid.std(), low, high


def _harmony(power, sample_rate):
    """Return the columns major, key, chroma_entropy and harmonic_change."""
    # Assume concert pitch: an estimated tuning would differ between excerpts of a song.
    pitches = chroma(power, sample_rate)
    total = pitches.sum(axis=1)
    share = total / total.sum() if total.sum() > 0 else np.full(12, 1 / 12)
    major, minor = (max(_key_correlations(share, profile)) for profile in (_MAJOR, _MINOR))
    entropy = -np.sum(share[share > 0] * np.log(share[share > 0])) / np.log(12)
    change = _harmonic_change(pitches, max(1, round(sample_rate / _HOP)))
    return major - minor, max(major, minor), entropy, change


def _harmonic_change(pitches, second):
    """Return the mean distance between the pitch-class distributions of consecutive seconds."""
    steps = np.add.reduceat(pitches, np.arange(0, pitches.shape[1], second), axis=1)
    sizes = steps.sum(axis=0)
    steps = steps[:, sizes > 0] / sizes[sizes > 0]
    if steps.shape[1] < 2:
        return 0.0
    return np.abs(np.diff(steps, axis=1)).sum(axis=0).mean() / 2


def _key_correlations(share, profile):
    """Return the correlation of the pitch classes with the profile of each of the 12 keys."""
    if np.ptp(share) < 1e-12:
        return [0.0]
    return [np.corrcoef(share, np.roll(profile, key))[0, 1] for key in range(12)]
