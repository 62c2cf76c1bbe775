"""Pretrained networks over audio: what they were taught to hear, as features of a song."""

import copy
import hashlib
import json
import os
from importlib import resources

import numpy as np
import torch
from joblib import hash as joblib_hash
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.nn import functional

from skdcca._audio.mel import (
    _as_pair,
    check_excerpt,
    check_songs,
    each_song,
    excerpt_start,
    load_song,
    mel_power,
    song_name,
)
from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_device, check_integer

make_torch_fork_safe()

_FORMAT = 1  # raise it whenever features come out differently, so that caches are not used
_SHIPPED = ("MTT_musicnn", "MTT_vgg", "MSD_musicnn", "MSD_vgg")
_RATE = 16000  # Hz
_N_FFT, _HOP, _N_MELS = 512, 256, 96
_N_FRAMES = 187  # of a segment, the input of every network
_LEAST = (_N_FRAMES - 1) * _HOP  # samples that have so many frames
# Segments at once; the widest layer holds 10 MB for each.
_AT_ONCE, _AT_ONCE_ON_DEVICE = 4, 64
_POOLINGS = ("mean", "max", "mean_std", "sequence")


def _is_table(transformer):
    return transformer.pooling != "sequence"


class MelCNNAudio(RawInputMixin, TransformerMixin, BaseEstimator):
    """Embeddings of songs by a convolutional network that was trained to tag music.

    Songs are cut into segments of 3 s, each of which the network turns into one row of numbers, the
    input of its last layer; a song is their summary over time, or their sequence. The network stays
    as it is: nothing is trained. Songs are given as to `MelSpectrogram`.

    Parameters
    ----------
    weights : str, path-like or torch.nn.Module, default="MTT_musicnn"
        The network:

        - ``"MTT_musicnn"``, ``"MTT_vgg"``: trained on the 50 tags of MagnaTagATune, with filters that
          are shaped after timbre and rhythm (200 features), or small and square (256 features);
        - ``"MSD_musicnn"``, ``"MSD_vgg"``: the same, trained on the Million Song Dataset and 50 tags
          of its listeners;
        - the path of a safetensors file with the tensors and metadata of the shipped ones;
        - a module that takes log-mel spectrograms of shape ``(n, 187, 96)`` (see Notes) and gives
          ``(n, n_features)``; a copy of it runs on the device, in evaluation mode.
    pooling : {"mean", "max", "mean_std", "sequence"}, default="mean"
        What becomes of the segments of a song: their mean, their maximum, mean and standard deviation
        side by side, or the sequence as it is, for `SequenceEncoder`.
    n_segments : int, default=None
        Number of segments, evenly spaced from the beginning of the excerpt to its end; in a short one
        they overlap. A single one lies in the middle. None: all consecutive segments, without what is
        left at the end; ``"sequence"`` needs a number.
    duration : float, default=None
        Seconds of each song that are used. None: the whole song.
    offset : float or "center", default=0.0
        Where the excerpt begins, in seconds; ``"center"`` takes it from the middle of each song.
    sample_rate : int, default=16000
        Rate in Hz of waveforms that come without. Every song is resampled to 16000 Hz.
    memory : str, path-like or joblib.Memory, default=None
        Where to keep the segments' embeddings of each song, so that the folds and candidates of a
        search compute them once. Songs and networks are known by their content.
    n_jobs : int, default=None
        Number of songs at a time, in threads unless `joblib.parallel_config` says otherwise. None
        means 1, -1 all processors.
    device : str, default=None
        Where spectra and network are computed: None on the CPU, the spectra by librosa, else by torch on
        its device of that name, ``"cuda"`` say. Files are read and resampled on the CPU all the same, so
        take `n_jobs` for them. Where there is no such device any more, `transform` takes the CPU.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of features of a song, or of each segment of a sequence.
    tag_names_ : list of str
        Tags in the order of `predict_tags`; only of networks that have them.
    weights_ : str, bytes or torch.nn.Module
        Name of the shipped network, content of the file, or the module.

    Raises
    ------
    ValueError
        If a parameter is out of range, a file of weights cannot be used, or a network does not fit;
        with the songs named, all at once: if they cannot be used (see `MelSpectrogram`), have less than
        0.032 s in the excerpt, are silent there, or far louder than [-1, 1].

    See Also
    --------
    MelSpectrogram : Spectrograms alone, to train a network of one's own on.
    skdcca.encoders.SequenceEncoder : Reads sequences.

    Notes
    -----
    The networks and weights are those of [1]_, under the ISC licence; the embedding is what its
    extractor calls ``penultimate`` (musicnn) or ``pool5`` (vgg). Their input is
    ``log10(10000 * P + 1)``, where ``P`` is librosa's mel spectrogram of power: 96 bands, windows of 512
    samples every 256. Excerpts shorter than a segment are repeated up to its length, as in training.

    Songs are decoded one at a time (`n_jobs` at a time), and only their embeddings are kept.

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
        weights="MTT_musicnn",
        *,
        pooling="mean",
        n_segments=None,
        duration=None,
        offset=0.0,
        sample_rate=16000,
        memory=None,
        n_jobs=None,
        device=None,
        verbose=0,
    ):
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

    def fit(self, X, y=None):
        """Check the songs and the network; there is nothing to learn.

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
        self._check_parameters()
        device = check_device("device", self.device)
        check_songs(X, self.sample_rate, self.offset)
        self.weights_ = _settle(self.weights)
        try:
            network, tags = _load_network(self.weights_, device)
        except ValueError as error:
            raise ValueError(f"weights={self.weights!r} cannot be used: {error}") from error
        # Any segment tells the number of features, if only it has no constant rows or columns.
        rising = np.linspace(0, 5, _N_FRAMES * _N_MELS, dtype=np.float32)
        n_features = _run(network, rising.reshape(1, _N_FRAMES, _N_MELS), device)[0].shape[1]
        self.n_features_out_ = n_features * (2 if self.pooling == "mean_std" else 1)
        if tags is not None:
            self.tag_names_ = tags
        elif hasattr(self, "tag_names_"):  # of an earlier fit
            del self.tag_names_
        return self

    def transform(self, X):
        """Embed songs.

        Parameters
        ----------
        X : sequence of str, path-like, (waveform, sample rate) or waveform
            The songs.

        Returns
        -------
        embeddings : ndarray of shape (n_samples, n_features_out_), float32
            One row a song; for ``pooling="sequence"`` of shape
            ``(n_samples, n_features_out_, n_segments)``.
        """
        songs = (_pool(embedding, self.pooling) for embedding, _ in self._each(X))
        return np.stack(list(songs))

    def predict_tags(self, X):
        """Tag songs.

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
            raise ValueError("a module of one's own has no tags; take one of the shipped networks")
        return np.stack([tags.mean(axis=0) for _, tags in self._each(X)])

    @available_if(_is_table)
    def get_feature_names_out(self, input_features=None):
        """Names of the columns; sequences have none.

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

    def set_output(self, *, transform=None):
        """Choose the container of the output, for all but sequences.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Container; sequences have three axes and no table can hold them.

        Returns
        -------
        self : object
            The transformer.
        """
        return super().set_output(transform=transform) if _is_table(self) else self

    def _each(self, songs):
        """Embeddings and tags of the segments of each song in turn."""
        check_is_fitted(self)
        self._check_parameters()
        seconds = check_songs(songs, self.sample_rate, self.offset)
        device = check_device("device", self.device, must_exist=False)
        network, _ = _load_network(self.weights_, device)
        settings = self._settings() | {"network": network, "device": device}
        settings["weights"] = _network_key(self.weights_) if self.memory is not None else None
        each = [settings | self._excerpt(length) for length in seconds]
        # For the cache the network counts by its key.
        results = each_song(_embed, songs, each, self, "embeddings", ignore=["network", "device"])
        return (result for _, result in results)

    def _settings(self):
        import librosa

        return {
            "version": (_FORMAT, librosa.__version__),
            "sample_rate": self.sample_rate,
            "n_segments": self.n_segments,
        }

    def _excerpt(self, seconds):
        """Second at which the excerpt of a song of this length begins, and its samples at 16 kHz."""
        start = excerpt_start(seconds, self.duration, self.offset)
        length = seconds - start
        length = length if self.duration is None else min(length, self.duration)
        return {"start": start, "n_samples": max(1, round(length * _RATE))}

    def _check_parameters(self):
        if self.pooling not in _POOLINGS:
            raise ValueError(f"pooling={self.pooling!r}; it must be one of {list(_POOLINGS)}")
        check_integer("n_segments", self.n_segments, or_none=True)
        if self.pooling == "sequence" and self.n_segments is None:
            raise ValueError(
                'pooling="sequence" needs n_segments, a whole number from 1: all songs must have the '
                "same number of segments"
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
    """Embeddings and tags of the segments of one song, shapes (n_segments, n_features or n_tags).

    `key`, `weights` and `version` are for the cache alone.
    """
    waveform = _excerpt_of(song, start, n_samples, sample_rate)
    log_mel = _log_mel(waveform, song, device)
    return _run(network, _cut(log_mel, n_segments), device)


def _excerpt_of(song, start, n_samples, sample_rate):
    """Waveform at 16 kHz, repeated if it has less than one segment."""
    if not isinstance(song, (str, os.PathLike)):
        song = _as_pair(song, sample_rate)  # a bare waveform has another rate than the networks
    waveform = load_song(song, start, n_samples, _RATE)[:n_samples]
    if len(waveform) < _N_FFT:
        raise ValueError(
            f"{song_name(song)} has {len(waveform) / _RATE:.3f} s in the excerpt; it must be "
            f"{_N_FFT / _RATE:.3f} s or more"
        )
    if not waveform.any():
        raise ValueError(f"{song_name(song)} is silent in the excerpt; leave it out")
    return np.resize(waveform, _LEAST) if len(waveform) < _LEAST else waveform


def _log_mel(waveform, song, device=None):
    """Input of the networks, frame by frame, shape (n_frames, 96)."""
    power = mel_power(waveform, device, sr=_RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=_N_MELS)
    with np.errstate(over="ignore"):
        # Half precision as in musicnn, but not for the logarithm: 10000 times it overflows.
        power = power.T.astype(np.float16).astype(np.float32)
    if not np.isfinite(power).all():
        raise ValueError(
            f"the waveform of {song_name(song)} goes up to {np.abs(waveform).max():.3g}; it must be in "
            "[-1, 1] (divide 16-bit integers by 32768)"
        )
    return np.log10(10000 * power + 1)


def _cut(log_mel, n_segments):
    """Segments of shape (n_segments, 187, 96)."""
    room = len(log_mel) - _N_FRAMES
    if n_segments is None:
        starts = range(0, room + 1, _N_FRAMES)
    elif n_segments == 1:
        starts = [room // 2]
    else:
        starts = np.linspace(0, room, n_segments).round().astype(int)
    return np.stack([log_mel[start : start + _N_FRAMES] for start in starts])


def _run(network, segments, device=None):
    """Embeddings and, of a network that has them, tags of segments, a few at a time."""
    device = torch.device("cpu") if device is None else device
    at_once = _AT_ONCE if device.type == "cpu" else _AT_ONCE_ON_DEVICE
    embeddings, tags = [], []
    with torch.inference_mode():
        for first in range(0, len(segments), at_once):
            batch = torch.from_numpy(segments[first : first + at_once]).to(device)
            output = network(batch)
            if output.ndim != 2 or len(output) != len(batch):
                raise ValueError(
                    f"the network gives shape {tuple(output.shape)} for input of shape "
                    f"{tuple(batch.shape)}; it must be ({len(batch)}, n_features)"
                )
            embeddings.append(output.cpu().numpy())
            if isinstance(network, _Tagger):
                tags.append(network.probabilities(output).cpu().numpy())
    embeddings = np.concatenate(embeddings)
    if not np.isfinite(embeddings).all():
        raise ValueError("the network gives NaN or infinity")
    return embeddings, np.concatenate(tags) if tags else None


def _pool(embedding, pooling):
    """Summary over the segments of a song, or their sequence as encoders read it."""
    if pooling == "sequence":
        return embedding.T
    summaries = {"mean": np.mean, "max": np.max, "std": np.std}
    return np.concatenate([summaries[name](embedding, axis=0) for name in pooling.split("_")])


def _settle(weights):
    """What a fitted transformer keeps of its network: a name, a file's content, or a module."""
    if isinstance(weights, nn.Module) or (isinstance(weights, str) and weights in _SHIPPED):
        return weights
    if not isinstance(weights, (str, os.PathLike)) or not os.path.isfile(weights):
        raise ValueError(
            f"weights={weights!r}; it must be one of {list(_SHIPPED)}, the path of a safetensors file "
            "that is there, or a torch.nn.Module"
        )
    with open(weights, "rb") as file:
        return file.read()


def _content(weights):
    if isinstance(weights, bytes):
        return weights
    return resources.files("skdcca").joinpath("weights", f"{weights}.safetensors").read_bytes()


def _load_network(weights, device=None):
    """Network in evaluation mode on a device and its tags, which a module has not."""
    device = torch.device("cpu") if device is None else device
    if isinstance(weights, nn.Module):
        return copy.deepcopy(weights).to(device).eval(), None
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = _content(weights)
    try:
        tensors = load(content)
        end = 8 + int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8:end])["__metadata__"]
        tags = json.loads(metadata["tags"])
        with torch.device(
            "meta"
        ):  # without weights: to draw them takes from the caller's generator
            network = _ARCHITECTURES[metadata["architecture"]](
                len(tags), json.loads(metadata["pools"])
            )
        network.to_empty(device="cpu").load_state_dict(_restored(tensors))
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{type(error).__name__}: {error}; it must be safetensors with the tensors and metadata "
            "of the shipped ones"
        ) from error
    return network.to(device).eval(), tags


def _restored(tensors):
    """Tensors in which kernels that are kept as integers are multiplied with their scale."""
    kernels = dict(tensors)
    for name in tensors:
        if name.endswith(".scale"):
            kernel, scale = name.removesuffix("scale") + "weight", kernels.pop(name)
            kernels[kernel] = (tensors[kernel].movedim(0, -1) * scale).movedim(-1, 0)
    return kernels


def _network_key(weights):
    """What tells one network from another for the cache."""
    if not isinstance(weights, nn.Module):
        return hashlib.blake2b(_content(weights)).hexdigest()
    common = vars(nn.Module()).keys()
    parts = []
    for name, part in weights.named_modules():
        kind = f"{type(part).__module__}.{type(part).__qualname__}"
        own = {key: value for key, value in vars(part).items() if key not in common}
        parts.append((name, kind, own))
    tensors = [*weights.named_parameters(), *weights.named_buffers()]
    arrays = [(name, tensor.detach().cpu().double().numpy()) for name, tensor in tensors]
    return joblib_hash((parts, arrays))


class _Tagger(nn.Module):
    """Network that gives embeddings, and tags by a linear layer over them."""

    def probabilities(self, embeddings):
        return self.tags(embeddings).sigmoid()


class _Layer(nn.Module):
    """Convolution that is rectified first and normalised then."""

    def __init__(self, conv, norm):
        super().__init__()
        self.conv = conv
        self.norm = norm(conv.out_channels, eps=1e-3)

    def forward(self, x):
        return self.norm(self.conv(x).relu_())


class _VGG(_Tagger):
    """Five layers of small square filters; all that is left of time and bands is the embedding."""

    def __init__(self, n_tags, pools):
        super().__init__()
        self.pools = pools
        self.input_norm = nn.BatchNorm2d(1, eps=1e-3)
        convs = (nn.Conv2d(n_in, 128, 3, padding=1) for n_in in (1, 128, 128, 128, 128))
        self.blocks = nn.ModuleList(_Layer(conv, nn.BatchNorm2d) for conv in convs)
        self.tags = nn.Linear(256, n_tags)

    def forward(self, x):
        x = self.input_norm(x.unsqueeze(1))
        for block, (size, stride) in zip(self.blocks, self.pools, strict=True):
            x = functional.max_pool2d(block(x), size, stride)
        return x.permute(0, 2, 3, 1).flatten(1)  # the channels change fastest


class _MusiCNN(_Tagger):
    """Filters of timbre and of rhythm, three layers over time, and a dense one over their summary."""

    def __init__(self, n_tags, _):
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, eps=1e-3)
        shapes = [(204, 7, 38), (204, 7, 67), (51, 128, 1), (51, 64, 1), (51, 32, 1)]
        convs = (nn.Conv2d(1, n, (n_frames, n_bands)) for n, n_frames, n_bands in shapes)
        self.front = nn.ModuleList(_Layer(conv, nn.BatchNorm2d) for conv in convs)
        convs = (nn.Conv1d(n_in, 64, 7, padding=3) for n_in in (561, 64, 64))
        self.middle = nn.ModuleList(_Layer(conv, nn.BatchNorm1d) for conv in convs)
        self.pool_norm = nn.BatchNorm1d(1506, eps=1e-3)
        self.hidden = nn.Linear(1506, 200)
        self.hidden_norm = nn.BatchNorm1d(200, eps=1e-3)
        self.tags = nn.Linear(200, n_tags)

    def forward(self, x):
        x = self.input_norm(x.unsqueeze(1))
        front = torch.cat([self._over_bands(layer, x) for layer in self.front], dim=1)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        x = torch.cat([front, first, second, third], dim=1)
        x = torch.stack([x.amax(dim=2), x.mean(dim=2)], dim=2).flatten(1)  # pair by pair
        return self.hidden_norm(self.hidden(self.pool_norm(x)).relu())

    @staticmethod
    def _over_bands(layer, x):
        """Strongest response of each filter over the bands, with as many frames as before."""
        around = layer.conv.kernel_size[0] - 1
        padded = functional.pad(x, (0, 0, around // 2, around - around // 2))
        return layer(padded).amax(dim=3)


_ARCHITECTURES = {"musicnn": _MusiCNN, "vgg": _VGG}
