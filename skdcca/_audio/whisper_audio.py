"""Represent songs by the states of the encoder of a speech recognizer."""

from itertools import pairwise
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, check_memory

from skdcca._audio.pooling import PoolingMixin, is_table
from skdcca._audio.songs import check_songs
from skdcca._audio.whisper_songs import RATE, WhisperSongs, identity, load_voice, recognizer_of
from skdcca._utils.validation import check_integer, check_option

# Increase it whenever features change, so that old caches are ignored.
_FORMAT = 1
_POOLINGS = ("statistics", "sequence")


class WhisperAudio(PoolingMixin, WhisperSongs):
    """States of the encoder of a Whisper model, which hears words without writing them.

    The encoder of a speech recognizer gives a vector for every 0.02 s, from which the words are
    decoded. Its mean and standard deviation over time are a view for any CCA, in particular of songs
    whose voice matters. To find lyrics word by word, use `WhisperWords`, which takes longer. Songs are
    passed in the forms that `MelSpectrogram` accepts.

    Parameters
    ----------
    model : str, path-like or recognizer, default="base"
        Name or folder of a Whisper model, or a recognizer of your own, as in `WhisperWords`.
    pooling : {"statistics", "sequence"}, default="statistics"
        Way to combine the states of a song: ``"statistics"`` takes the mean and the standard deviation
        of each feature over time, and ``"sequence"`` the means over consecutive segments of the song,
        as input of a `SequenceEncoder`.
    n_segments : int, default=None
        Number of segments of equal length into which the sound of each song is divided. Must be set
        if ``pooling="sequence"``; ignored otherwise.
    sample_rate : int, default=16000
        Sample rate in Hz of waveforms that come without one.
    memory : str, path-like or joblib.Memory, default=None
        Folder or `joblib.Memory` that caches the features of each song. Songs and models are
        identified by their content. If None, nothing is cached.
    n_jobs : int, default=None
        Number of songs that are processed in parallel, each on one core, in threads unless
        `joblib.parallel_config` sets another backend. None means 1; -1 uses all processors.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of features of a song, or of each segment if ``pooling="sequence"``.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `X` is not a list of songs or is empty.
    SpeechModelError
        If there is no such model, its folder was moved, or it cannot be downloaded.
    InvalidSongsError
        If songs cannot be used (see `MelSpectrogram`) or are silent. The error lists all of them.
    MissingDependencyError
        If faster-whisper is not installed.

    Warns
    -----
    SilentSongWarning
        If songs have less than one second of sound.

    See Also
    --------
    WhisperWords : Hear the words of songs.
    MelCNNAudio : Embed songs with a network that was trained to tag music.
    skdcca.encoders.SequenceEncoder : Encode sequences, such as those of ``pooling="sequence"``.

    Notes
    -----
    The model encodes 30 s at a time. The silence around the music is left out, and the gain of a
    recording changes nothing. The model is not part of the transformer: see the notes of `WhisperWords`.

    Examples
    --------
    A recognizer of your own that gives the loudness of every 0.02 s as its only feature:

    >>> import numpy as np
    >>> from skdcca import WhisperAudio
    >>> class Loudness:
    ...     def transcribe(self, waveform, language):
    ...         return None, []
    ...
    ...     def encode(self, waveform):
    ...         return np.abs(waveform[: len(waveform) // 320 * 320]).reshape(-1, 320).mean(1)[:, None]
    >>> time = np.arange(32000) / 16000
    >>> song = np.sin(2 * np.pi * 440 * time) * np.exp(-time)
    >>> WhisperAudio(Loudness()).fit_transform([song]).round(2)
    array([[0.28, 0.15]], dtype=float32)
    >>> audio = WhisperAudio(Loudness(), pooling="sequence", n_segments=4)
    >>> audio.fit_transform([song]).shape
    (1, 1, 4)
    """

    def __init__(
        self,
        model: str | PathLike[str] | Any = "base",
        *,
        pooling: str = "statistics",
        n_segments: int | None = None,
        sample_rate: int = 16000,
        memory: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.n_segments = n_segments
        self.sample_rate = sample_rate
        self.memory = memory
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the songs, and find or download the model.

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
        self._check_parameters()
        model = self._check_model()
        check_songs(X, self.sample_rate)
        width = check_memory(self.memory).cache(_width, ignore=["model", "n_workers"])
        named = None if self.memory is None else identity(model)
        n_summaries = 2 if is_table(self) else 1
        n_features = width(named, model=model, n_workers=self._n_workers())
        self.n_features_out_ = n_summaries * n_features
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the features of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out_), float32
            One row per song. With ``pooling="sequence"``, the shape is
            ``(n_samples, n_features_out_, n_segments)``.
        """
        check_is_fitted(self)
        self._check_parameters()
        n_segments = None if is_table(self) else self.n_segments
        return np.stack(
            list(self._each(_encode, X, "states", n_segments=n_segments, version=_FORMAT))
        )

    def _summaries(self):
        return ("mean", "std")

    def _check_parameters(self):
        check_option("pooling", self.pooling, _POOLINGS)
        check_integer("n_segments", self.n_segments, or_none=True)
        if self.pooling == "sequence" and self.n_segments is None:
            raise ValueError(
                '`n_segments` must be an integer >= 1 with pooling="sequence", got None. Set it, so '
                "that all songs have the same number of segments."
            )


def _width(identity, *, model, n_workers):
    """Return the number of features of a state. `identity` only identifies it in the cache."""
    return recognizer_of(model, n_workers).encode(np.zeros(RATE, dtype=np.float32)).shape[1]


def _encode(key, *, song, seconds, model, n_workers, identity, sample_rate, n_segments, version):
    """Return the statistics or the sequence of a song, and its seconds of sound.

    `key`, `identity` and `version` only identify the result in the cache.
    """
    waveform, _, sound = load_voice(song, seconds, sample_rate)
    if not sound:
        return None, sound
    states = np.asarray(recognizer_of(model, n_workers).encode(waveform), dtype=np.float64)
    if n_segments is None:
        features = np.concatenate([states.mean(axis=0), states.std(axis=0)])
    else:
        features = np.stack([one.mean(axis=0) for one in _segments(states, n_segments)], axis=-1)
    return features.astype(np.float32), sound


def _segments(states, n_segments):
    """Yield segments of equal length, which share states if there are too few."""
    edges = np.linspace(0, len(states), n_segments + 1).astype(int)
    for first, last in pairwise(edges):
        start = min(first, len(states) - 1)
        yield states[start : max(start + 1, last)]
