"""Embeddings and tags of songs by pretrained convolutional networks."""

from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.musicnn import (
    N_FRAMES,
    N_MELS,
    RATE,
    cut_segments,
    load_excerpt,
    load_network,
    log_mel,
    network_key,
    resolve_weights,
    run,
)
from skdcca._audio.songs import check_excerpt, check_songs, each_song, excerpt_start
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_device, check_integer, check_option

_FORMAT = 1  # raise it whenever embeddings change, so that caches are not used
_POOLINGS = ("mean", "max", "mean_std", "sequence")


def _is_table(transformer):
    return transformer.pooling != "sequence"


class MelCNNAudio(RawInputMixin, TransformerMixin, BaseEstimator):
    """Embeddings of songs by a convolutional network that was trained to tag music.

    Songs are cut into segments of 3 s. The embedding of a segment is the input of the last layer of the
    network; that of a song is the summary of its segments over time, or their sequence. The network is
    not trained further. Songs have the same forms as for `MelSpectrogram`.

    Parameters
    ----------
    weights : str, path-like or torch.nn.Module, default="MTT_musicnn"
        The network:

        - ``"MTT_musicnn"``, ``"MTT_vgg"``: trained on the 50 tags of MagnaTagATune, with filters
          shaped after timbre and rhythm (200 features), or small and square ones (256 features);
        - ``"MSD_musicnn"``, ``"MSD_vgg"``: the same, trained on the Million Song Dataset and 50 tags
          of its listeners;
        - the path of a safetensors file with the tensors and metadata of the shipped ones;
        - a module that maps log-mel spectrograms of shape ``(n, 187, 96)`` (see Notes) to
          ``(n, n_features)``; a copy of it runs on the device, in evaluation mode.
    pooling : {"mean", "max", "mean_std", "sequence"}, default="mean"
        How the segments of a song are combined: by their mean, by their maximum, by mean and standard
        deviation side by side, or not at all, as input of a `SequenceEncoder`.
    n_segments : int, default=None
        Number of segments, evenly spaced from the beginning of the excerpt to its end; in a short
        excerpt they overlap. A single segment lies in the middle. By default all consecutive segments
        are used, without the remainder at the end; ``"sequence"`` requires a number.
    duration : float, default=None
        Seconds of each song that are used, by default the whole song.
    offset : float or "center", default=0.0
        Where the excerpt begins, in seconds; ``"center"`` takes it from the middle of each song.
    sample_rate : int, default=16000
        Rate in Hz of waveforms that come without one. Every song is resampled to 16000 Hz.
    memory : str, path-like or joblib.Memory, default=None
        Cache of the embeddings of each song, so that the folds and candidates of a search compute them
        once. The key of songs and networks is their content.
    n_jobs : int, default=None
        Number of songs at a time, in threads unless `joblib.parallel_config` says otherwise. None
        means 1, -1 all processors.
    device : str, default=None
        Where spectra and network are computed: by default on the CPU, the spectra by librosa, otherwise
        by torch on the device of this name, such as ``"cuda"``. Files are read and resampled on the CPU
        in either case; `n_jobs` speeds that up. If the device is not available in `transform`, the CPU
        is used.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of features of a song, or of each segment of a sequence.
    tag_names_ : list of str
        Tags in the order of `predict_tags`; only for networks that have tags.
    weights_ : str, bytes or torch.nn.Module
        Name of the shipped network, content of the file, or the module.

    Raises
    ------
    ValueError
        If a parameter is out of range, a file of weights cannot be used, or a network has the wrong
        output.
    InvalidSongsError
        If songs cannot be used (see `MelSpectrogram`), have less than 0.032 s in the excerpt, are silent
        there, or far louder than [-1, 1]; it lists all of them.
    MissingDependencyError
        If torch, librosa or soundfile is not installed.

    See Also
    --------
    MelSpectrogram : Spectrograms, the input of a network that is trained with the model.
    skdcca.encoders.SequenceEncoder : Encoder of sequences.

    Notes
    -----
    The networks and weights are those of [1]_, under the ISC license; the embedding is called
    ``penultimate`` (musicnn) or ``pool5`` (vgg) in its extractor. Their input is
    ``log10(10000 * P + 1)``, where ``P`` is librosa's mel spectrogram of power: 96 bands, windows of 512
    samples every 256. Excerpts shorter than a segment are repeated to its length, as in training.

    Only `n_jobs` songs are decoded at a time, and only their embeddings are kept in memory.

    References
    ----------
    .. [1] J. Pons and X. Serra, "musicnn: Pre-trained convolutional neural networks for music audio
       tagging", 2019, arXiv:1909.06654.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import MelCNNAudio
    >>> time = np.arange(6 * 16000) / 16000
    >>> songs = [np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 110 * time) * np.exp(-time)]
    >>> audio = MelCNNAudio().fit(songs)
    >>> audio.transform(songs).shape
    (2, 200)
    >>> audio.predict_tags(songs).shape
    (2, 50)
    >>> audio.tag_names_[:3]
    ['guitar', 'classical', 'slow']
    """

    def __init__(
        self,
        weights: str | PathLike[str] = "MTT_musicnn",
        *,
        pooling: str = "mean",
        n_segments: int | None = None,
        duration: float | None = None,
        offset: float | str = 0.0,
        sample_rate: int = 16000,
        memory: Any = None,
        n_jobs: int | None = None,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.weights = weights
        self.pooling = pooling
        self.n_segments = n_segments
        self.duration = duration
        self.offset = offset
        self.sample_rate = sample_rate
        self.memory = memory
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the songs and load the network.

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
        device = check_device("device", self.device)
        check_songs(X, self.sample_rate, self.offset)
        self.weights_ = resolve_weights(self.weights)
        try:
            network, tags = load_network(self.weights_, device)
        except ValueError as error:
            raise ValueError(f"`weights` {self.weights!r} cannot be used: {error}.") from error
        # Any segment shows the number of features, as long as no row or column is constant.
        rising = np.linspace(0, 5, N_FRAMES * N_MELS, dtype=np.float32)
        embeddings, _ = run(network, rising.reshape(1, N_FRAMES, N_MELS), device)
        n_summaries = 2 if self.pooling == "mean_std" else 1
        self.n_features_out_ = embeddings.shape[1] * n_summaries
        if tags is not None:
            self.tag_names_ = tags
        elif hasattr(self, "tag_names_"):  # of an earlier fit
            del self.tag_names_
        return self

    def transform(self, X: Any) -> NDArray:
        """Embed songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_features_out_), float32
            One row per song; for ``pooling="sequence"`` of shape
            ``(n_samples, n_features_out_, n_segments)``.
        """
        songs = (_pool(embedding, self.pooling) for embedding, _ in self._each(X))
        return np.stack(list(songs))

    def predict_tags(self, X: Any) -> Any:
        """Predict the tags of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_tags), float32
            Probability of each of `tag_names_`, the mean over the segments.
        """
        check_is_fitted(self)
        if not hasattr(self, "tag_names_"):
            raise ValueError("A module has no tags. Set `weights` to one of the shipped networks.")
        return np.stack([tags.mean(axis=0) for _, tags in self._each(X)])

    @available_if(_is_table)
    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the columns; not available for sequences.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``mean0``, ``mean1``, ..., ``std0``, ...
        """
        check_is_fitted(self)
        parts = self.pooling.split("_")
        width = self.n_features_out_ // len(parts)
        return np.array([f"{part}{i}" for part in parts for i in range(width)], dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Set the container of the output; sequences always remain arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Container of tables.

        Returns
        -------
        self : object
            The transformer.
        """
        return super().set_output(transform=transform) if _is_table(self) else self

    def _each(self, songs):
        """Yield the embeddings and tags of the segments of each song in turn."""
        check_is_fitted(self)
        self._check_parameters()
        settings = self._settings()
        seconds = check_songs(songs, self.sample_rate, self.offset)
        device = check_device("device", self.device, must_exist=False)
        network, _ = load_network(self.weights_, device)
        settings |= {"network": network, "device": device}
        settings["weights"] = None if self.memory is None else network_key(self.weights_)
        each = [settings | self._excerpt(length) for length in seconds]
        # In the cache the network is identified by its key.
        results = each_song(_embed, songs, each, self, "embeddings", ignore=["network", "device"])
        return (result for _, result in results)

    def _settings(self):
        return {
            "version": (_FORMAT, _librosa().__version__),
            "sample_rate": self.sample_rate,
            "n_segments": self.n_segments,
        }

    def _excerpt(self, seconds):
        """Return where the excerpt of a song of this length begins, and its samples at 16 kHz."""
        start = excerpt_start(seconds, self.duration, self.offset)
        length = seconds - start
        if self.duration is not None:
            length = min(length, self.duration)
        return {"start": start, "n_samples": max(1, round(length * RATE))}

    def _check_parameters(self):
        check_option("pooling", self.pooling, _POOLINGS)
        check_integer("n_segments", self.n_segments, or_none=True)
        if self.pooling == "sequence" and self.n_segments is None:
            raise ValueError(
                '`n_segments` must be an integer >= 1 with pooling="sequence", got None. All songs must '
                "have the same number of segments."
            )
        check_integer("sample_rate", self.sample_rate)
        check_excerpt(self.duration, self.offset)

    def __setstate__(self, state):
        super().__setstate__({"device": None} | state)  # older files lack it

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")


def _embed(
    key, *, song, network, weights, start, n_samples, sample_rate, n_segments, version, device
):
    """Return embeddings and tags of the segments of a song, each of shape (n_segments, width).

    `key`, `weights` and `version` identify the result in the cache.
    """
    waveform = load_excerpt(song, start, n_samples, sample_rate)
    frames = log_mel(waveform, song, device)
    return run(network, cut_segments(frames, n_segments), device)


def _pool(embedding, pooling):
    """Return the summary of the segments of a song, or their sequence with time as the last axis."""
    if pooling == "sequence":
        return embedding.T
    summaries = {"mean": np.mean, "max": np.max, "std": np.std}
    return np.concatenate([summaries[name](embedding, axis=0) for name in pooling.split("_")])


def _librosa():
    with needed_by("MelCNNAudio"):
        import librosa

    return librosa
