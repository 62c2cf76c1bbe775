"""Compute embeddings and tags of songs with pretrained convolutional networks."""

from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._audio.musicnn import (
    N_FRAMES,
    N_MELS,
    RATE,
    SHIPPED,
    cut_segments,
    filled,
    load_excerpt,
    load_network,
    log_mel,
    network_key,
    prepare,
    resolve_weights,
    run,
)
from skdcca._audio.pooling import PoolingMixin
from skdcca._audio.silence import least_seconds, sound_range
from skdcca._audio.songs import check_excerpt, check_songs, each_song, excerpt_start
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_device, check_integer, check_option

# Increase it whenever embeddings change, so that old caches are ignored. Saved models keep theirs.
# Models of format 1 embed the silence around the music too, and songs at the level of the file.
_FORMAT = 2
_POOLINGS = ("mean", "max", "mean_std", "sequence")


class MelCNNAudio(PoolingMixin, RawInputMixin, TransformerMixin, BaseEstimator):
    r"""Embeddings of songs from a convolutional network that was trained to tag music.

    Try this transformer when there are too few songs to train a network, or when timbre matters
    more than the length of a song and its number of notes, which `AudioDynamics` measures. The
    networks are part of the package, and nothing is downloaded.

    Songs are cut into segments of 3 s. The embedding of a segment is the input of the last layer of
    the network. The embedding of a song summarizes the embeddings of its segments, or is the
    sequence of them. The network is not trained further. Songs are passed in the forms that
    `MelSpectrogram` accepts.

    Parameters
    ----------
    weights : str, path-like or torch.nn.Module, default="MTT_musicnn"
        The network:

        - ``"MTT_musicnn"``: trained on 50 tags of the data set MagnaTagATune, with filters designed for
          timbre and rhythm (200 features);
        - ``"MTT_vgg"``: trained on the same tags, with small square filters (256 features);
        - ``"MSD_musicnn"``, ``"MSD_vgg"``: the same networks, trained on 50 listener tags of the
          Million Song Dataset;
        - the path of a safetensors file that has the tensors and metadata of one of these networks;
        - a module that maps log-mel spectrograms of shape ``(n, 187, 96)`` (see Notes) to
          ``(n, n_features)``. It is copied, and the copy runs on `device` in evaluation mode.
    pooling : {"mean", "max", "mean_std", "sequence"}, default="mean"
        Way to combine the embeddings of the segments of a song: ``"mean"`` and ``"max"`` take the
        mean or maximum of each feature, ``"mean_std"`` appends the standard deviations to the
        means, and ``"sequence"`` keeps all embeddings, in order, as input of a `SequenceEncoder`.
    n_segments : int, default=None
        Number of segments, evenly spaced from the beginning of the excerpt to its end. They overlap
        if the excerpt is short. A single segment is taken from the middle. If None, the excerpt is
        cut into consecutive segments, and the remainder at the end is ignored. Must be set if
        ``pooling="sequence"``.
    duration : float, default=None
        Length of the excerpt of each song in seconds. If None, the excerpt extends to the
        end of the song.
    offset : float, "center" or "first_sound", default=0.0
        Start of the excerpt in seconds. ``"center"`` takes the excerpt from the middle of each song;
        ``"first_sound"`` skips the silence at the beginning, for which the whole song is decoded.
    sample_rate : int, default=16000
        Sample rate in Hz of waveforms that come without one. Every song is then resampled to 16000
        Hz, the rate of the networks.
    memory : str, path-like or joblib.Memory, default=None
        Folder or `joblib.Memory` that caches the embeddings of each song, so that cross-validation and
        searches compute them only once. Songs and networks are identified by their content. If None,
        nothing is cached.
    n_jobs : int, default=None
        Number of songs that are processed in parallel, in threads unless `joblib.parallel_config` sets
        another backend. None means 1; -1 uses all processors.
    device : str, default=None
        Name of the torch device that computes the spectra and runs the network, such as ``"cuda"``.
        If None, NumPy computes the spectra and the network runs on the CPU. Files are always
        decoded and resampled on the CPU, which `n_jobs` speeds up. `fit` requires the device;
        `transform` uses the CPU if the device is not available.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of features of a song, or of each segment if ``pooling="sequence"``.
    tag_names_ : list of str
        Names of the tags, in the order of the columns of `predict_tags`. Not set if `weights` is a
        module, which has no tags.
    weights_ : str, bytes or torch.nn.Module
        The shipped network by name, the content of the safetensors file, or the module.

    Raises
    ------
    ValueError
        If a parameter is out of range, a file of weights cannot be used, a network has the wrong
        output, or `X` is not a list of songs or is empty.
    InvalidSongsError
        If songs cannot be used (see `MelSpectrogram`). Excerpts must also be at least 0.032 s long and
        must not be silent. The error lists all songs that cannot be used.
    MissingDependencyError
        If torch is not installed, or if soundfile or soxr is not installed and a file is read or
        resampled.

    Warns
    -----
    SilentSongWarning
        If songs have less than one second of sound in the excerpt, or less than a quarter of `duration`
        if that is shorter.

    See Also
    --------
    MelSpectrogram : Compute spectrograms, the input of a network that is trained with the model.
    AudioDynamics : Summarize whole songs by the rises and falls of each band.
    skdcca.encoders.SequenceEncoder : Encode sequences, such as those of ``pooling="sequence"``.

    Notes
    -----
    The networks and their weights come from [1]_, under the ISC license. The embedding is the
    output of the layer that the package musicnn calls ``penultimate`` (musicnn) or ``pool5`` (vgg).
    The input of the networks is

    .. math:: \log_{10}(10000 P + 1),

    where :math:`P` is librosa's mel power spectrogram with 96 bands and a window of 512 samples every
    256 samples. The silence before the first sound of an excerpt and after the last one is left out,
    and the gain of a recording changes nothing: the excerpt is scaled to a root mean square of 0.125,
    or less if its peak would exceed 1, which is the level of the songs that the networks were trained
    on. Excerpts shorter than a segment are repeated until they fill it, as in training.

    At most `n_jobs` songs are decoded at a time, and only their embeddings are kept in memory.

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

    The network also predicts tags:

    >>> audio.predict_tags(songs).shape
    (2, 50)
    >>> audio.tag_names_[:3]
    ['guitar', 'classical', 'slow']
    """

    _format = 1  # of models in files of older versions; `fit` sets it

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
        """Check the parameters and the songs, and load the network.

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
        device = check_device("device", self.device)
        check_songs(X, self.sample_rate, self.offset)
        self.weights_ = resolve_weights(self.weights)
        try:
            network, tags = load_network(self.weights_, device)
        except ValueError as error:
            raise ValueError(f"`weights` {self.weights!r} cannot be used: {error}.") from error
        # Run one segment to learn the number of features. Its values rise because a constant row or
        # column could give NaN in a network that normalizes its input.
        rising = np.linspace(0, 5, N_FRAMES * N_MELS, dtype=np.float32)
        embeddings, _ = run(network, rising.reshape(1, N_FRAMES, N_MELS), device)
        n_summaries = 2 if self.pooling == "mean_std" else 1
        self.n_features_out_ = embeddings.shape[1] * n_summaries
        self._format = _FORMAT
        if tags is not None:
            self.tag_names_ = tags
        elif hasattr(self, "tag_names_"):  # left by an earlier fit
            del self.tag_names_
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the embeddings of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_features_out_), float32
            One row per song. With ``pooling="sequence"``, the shape is
            ``(n_samples, n_features_out_, n_segments)``.
        """
        songs = (_pool(embedding, self.pooling) for embedding, _ in self._each(X))
        return np.stack(list(songs))

    def predict_tags(self, X: Any) -> Any:
        """Predict the tags of songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs, in the forms that `MelSpectrogram` accepts.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_tags), float32
            Probability of each tag in `tag_names_`, averaged over the segments.

        Raises
        ------
        ValueError
            If `weights` is a module, which has no tags.
        """
        check_is_fitted(self)
        if not hasattr(self, "tag_names_"):
            raise ValueError(
                "`weights` must be a network with tags to predict them, got a torch.nn.Module. Use one "
                f"of {sorted(SHIPPED)}."
            )
        return np.stack([tags.mean(axis=0) for _, tags in self._each(X)])

    def _summaries(self):
        return self.pooling.split("_")

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
        # The setting `weights` identifies the network in the cache.
        results = each_song(
            _embed,
            songs,
            each,
            self,
            "embeddings",
            least=least_seconds(self.duration),
            ignore=["network", "device"],
        )
        return (result for _, result in results)

    def _settings(self):
        return {
            "version": self._format,
            "sample_rate": self.sample_rate,
            "n_segments": self.n_segments,
        }

    def _excerpt(self, seconds):
        """Return the start of the excerpt in seconds and its length in samples at 16 kHz."""
        start = excerpt_start(seconds, self.duration, self.offset)
        length = seconds if start == "first_sound" else seconds - start
        if self.duration is not None:
            length = min(length, self.duration)
        return {"start": start, "n_samples": max(1, round(length * RATE))}

    def _check_parameters(self):
        check_option("pooling", self.pooling, _POOLINGS)
        check_integer("n_segments", self.n_segments, or_none=True)
        if self.pooling == "sequence" and self.n_segments is None:
            raise ValueError(
                '`n_segments` must be an integer >= 1 with pooling="sequence", got None. Set it, so '
                "that all songs have the same number of segments."
            )
        check_integer("sample_rate", self.sample_rate)
        check_excerpt(self.duration, self.offset)

    def __setstate__(self, state):
        super().__setstate__({"device": None} | state)  # missing in files of older versions

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")


def _embed(
    key, *, song, network, weights, start, n_samples, sample_rate, n_segments, version, device
):
    """Return the embeddings and the tag probabilities of a song, and its seconds of sound.

    The first two have one row per segment; without tags, the second is None. `key` and `weights` only
    identify the result in the cache.
    """
    waveform = load_excerpt(song, start, n_samples, sample_rate)
    first, last = sound_range(waveform)
    seconds = (last - first) / RATE
    if not seconds:
        return None, seconds
    if version > 1:
        waveform = prepare(waveform, first, last)
    frames = log_mel(filled(waveform), song, device)
    return run(network, cut_segments(frames, n_segments), device), seconds


def _pool(embedding, pooling):
    """Return a summary of the segments of a song, or their sequence with time as the last axis."""
    if pooling == "sequence":
        return embedding.T
    summaries = {"mean": np.mean, "max": np.max, "std": np.std}
    return np.concatenate([summaries[name](embedding, axis=0) for name in pooling.split("_")])
