"""Encoders of deep canonical correlation analysis: descriptions of networks, to be built later.

An encoder is a parameter object, like a kernel of a Gaussian process: an estimator without data and
without weights, whose parameters are keys of a grid (``x_encoder__n_filters``). `DeepCCA` calls its
``build`` once the shape of a view is known, and gives the network the view centred and scaled.

To bring a network of your own, subclass `Encoder`; the class must be importable where the fitted
model is loaded.
"""

import math
from itertools import pairwise
from numbers import Real

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.validation import check_integer, is_integer

__all__ = ["MLP", "Encoder", "MelCNN", "SequenceEncoder"]

make_torch_fork_safe()

_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class Encoder(BaseEstimator):
    """Base of the encoders; subclass it to bring any ``torch.nn.Module``.

    ``__init__`` only stores parameters; ``build(shape, n_outputs)`` makes the network.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from torch import nn
    >>> from skdcca import DeepCCA
    >>> from skdcca.encoders import Encoder
    >>> class Bottleneck(Encoder):
    ...     def __init__(self, width=8):
    ...         self.width = width
    ...     def build(self, shape, n_outputs):
    ...         down, up = nn.Linear(math.prod(shape), self.width), nn.Linear(self.width, n_outputs)
    ...         return nn.Sequential(down, nn.Tanh(), up)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = X[:, :3] + 0.1 * rng.normal(size=(200, 3))
    >>> cca = DeepCCA(2, x_encoder=Bottleneck(width=4), max_epochs=5, random_state=0).fit(X, y)
    >>> cca.transform(X).shape
    (200, 2)
    """

    def build(self, shape, n_outputs):
        """Network for samples of this shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample: ``(n_features,)`` for vectors, ``(n_mels, n_frames)`` for
            spectrograms.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Takes float32 of shape ``(n_samples, *shape)`` and gives ``(n_samples, n_outputs)``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build(shape, n_outputs)")


class MLP(Encoder):
    """Multi-layer perceptron; a sample of any shape is read as one vector.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(1024,)
        Widths of the hidden layers; ``()`` is a linear map. One wide layer serves retrieval, two reach
        higher correlations.
    activation : {"relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid"}, default="relu"
        Activation of the hidden layers.
    batch_norm : bool, default=True
        Normalise every hidden layer before its activation.
    dropout : float, default=0.2
        Share of the hidden units that are left out in training. Correlation objectives bear little of
        it: half of the units left out destroys them.
    input_noise : float, default=0.0
        Share of the input's numbers that are masked in training: set to their mean.

    Raises
    ------
    ValueError
        From `build`, for a parameter out of range.

    Examples
    --------
    >>> import torch
    >>> from skdcca.encoders import MLP
    >>> network = MLP((64, 32)).build((10,), n_outputs=3)
    >>> network(torch.zeros(5, 10)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        hidden_layer_sizes=(1024,),
        *,
        activation="relu",
        batch_norm=True,
        dropout=0.2,
        input_noise=0.0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.input_noise = input_noise

    def build(self, shape, n_outputs):
        """Network for samples of this shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Takes ``(n_samples, *shape)`` and gives ``(n_samples, n_outputs)``.
        """
        activation = _choice(self.activation, "activation", _ACTIVATIONS)
        _check_share(self.dropout, "dropout")
        _check_share(self.input_noise, "input_noise")
        layers, width = [nn.Flatten()], math.prod(shape)
        if self.input_noise:
            layers.append(_Masking(self.input_noise))
        sizes = self.hidden_layer_sizes
        if not isinstance(sizes, (tuple, list)) or not all(map(is_integer, sizes)):
            raise ValueError(
                f"hidden_layer_sizes={sizes!r}; it must be a tuple of whole numbers from 1, such as "
                "(512,) or ()"
            )
        for next_width in sizes:
            layers.append(nn.Linear(width, next_width))
            if self.batch_norm:
                layers.append(nn.BatchNorm1d(next_width))
            layers.append(activation())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            width = next_width
        return nn.Sequential(*layers, nn.Linear(width, n_outputs))


class _Masking(nn.Module):
    """Set a share of the numbers to 0 in training; unlike dropout, the others keep their size."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.share) if self.training else x


class MelCNN(Encoder):
    """Convolutions over a log-mel spectrogram, and a head that reads their output over time.

    Each layer convolves over bands and frames, pools both by their maximum, normalises the batch and
    rectifies. What is left of the bands is laid side by side, so that a sequence of vectors over
    time reaches the head.

    Parameters
    ----------
    n_filters : int, default=16
        Filters of the first layer; each layer has twice as many as the one before.
    n_layers : int, default=3
        Number of convolutions.
    kernel_size : int or pair of int, default=3
        Bands and frames that a filter sees; odd numbers.
    pool_size : int or pair of int, default=(2, 4)
        Bands and frames that are pooled into one after each layer.
    head : {"mean", "attention", "gru", "steps"}, default="gru"
        What becomes of the sequence: its mean over time; a mean weighted by learned attention; the
        last states of a gated recurrent unit read in both directions, to which the order in time
        counts beyond the reach of the filters; or the sequence itself, in `n_steps` steps, for two
        views that run side by side in time (see `SequenceEncoder`).
    n_steps : int, default=20
        Number of steps that are left of the sequence, for "steps" only.
    dropout : float, default=0.1
        Share of the head's inputs or outputs that are left out in training.

    Raises
    ------
    ValueError
        From `build`, for a parameter out of range, samples that are not ``(n_mels, n_frames)``, or
        fewer bands or frames than the layers pool.

    Notes
    -----
    The second kind of audio branch of [1]_: convolutions trained end to end with the correlation
    objective. The head by attention is that of [2]_.

    References
    ----------
    .. [1] Y. Yu, S. Tang, F. Raposo and L. Chen, "Deep cross-modal correlation learning for audio and
       lyrics in music retrieval", 2017, arXiv:1711.08976.
    .. [2] M. Ilse, J. Tomczak and M. Welling, "Attention-based deep multiple instance learning",
       ICML 2018.

    Examples
    --------
    >>> import torch
    >>> from skdcca.encoders import MelCNN
    >>> network = MelCNN(n_filters=8).build((40, 128), n_outputs=3)
    >>> network(torch.zeros(5, 40, 128)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_filters=16,
        *,
        n_layers=3,
        kernel_size=3,
        pool_size=(2, 4),
        head="gru",
        n_steps=20,
        dropout=0.1,
    ):
        self.n_filters = n_filters
        self.n_layers = n_layers
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.head = head
        self.n_steps = n_steps
        self.dropout = dropout

    def build(self, shape, n_outputs):
        """Network for spectrograms of this shape.

        Parameters
        ----------
        shape : tuple of int
            ``(n_mels, n_frames)``.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Takes ``(n_samples, n_mels, n_frames)`` and gives ``(n_samples, n_outputs)``.
        """
        if len(shape) != 2:
            raise ValueError(
                f"MelCNN reads spectrograms of shape (n_mels, n_frames); a sample here has {shape}"
            )
        for name in ("n_filters", "n_layers"):
            check_integer(name, getattr(self, name))
        kernel = _pair(self.kernel_size, "kernel_size")
        pool = _pair(self.pool_size, "pool_size")
        if not all(size % 2 for size in kernel):
            raise ValueError(f"kernel_size={self.kernel_size!r}; it must be odd")
        left = [size // by**self.n_layers for size, by in zip(shape, pool, strict=True)]
        if min(left) < 1:
            raise ValueError(
                f"a spectrogram of {shape[0]} bands and {shape[1]} frames is too small for "
                f"{self.n_layers} layers that pool by {pool}; take fewer layers or a smaller pool_size"
            )
        # The pooling floors layer by layer, which comes to the same as flooring once.
        filters = [1, *(self.n_filters * 2**i for i in range(self.n_layers))]
        layers = []
        for n_in, n_out in pairwise(filters):
            # Pooled before it is normalised and rectified, so that the large arrays need not be kept
            # for the gradient.
            layers += [
                nn.Conv2d(n_in, n_out, kernel, padding=(kernel[0] // 2, kernel[1] // 2)),
                nn.MaxPool2d(pool),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
        head = _build_head(self, filters[-1] * left[0], left[1], n_outputs)
        return nn.Sequential(nn.Unflatten(1, (1, shape[0])), *layers, nn.Flatten(1, 2), *head)


class SequenceEncoder(Encoder):
    """Convolutions over the time of a sequence, and a head that reads what they make of it.

    For features in order: the bands of a spectrogram, the segments of a song, the parts or the
    characters of its lyrics. Each layer convolves over steps, all features at once, pools by the
    maximum, normalises the batch and rectifies.

    Parameters
    ----------
    n_units : int, default=256
        Filters of each layer.
    n_layers : int, default=1
        Number of convolutions.
    kernel_size : int, default=1
        Steps that a filter sees, an odd number; 1 reads every step alone.
    pool_size : int, default=1
        Steps that are pooled into one after each layer.
    head : {"mean", "attention", "gru", "steps"}, default="gru"
        What becomes of the steps, as in `MelCNN`: to "gru" and "steps" their order counts. "steps" keeps
        the sequence: it averages it into `n_steps` steps and maps each of them by the same weights to
        ``n_outputs / n_steps`` numbers. With it on both sides and the loss "infonce" the similarity of
        a pair is the sum over time of how alike both are at each step; for views that run side by side,
        such as 20 s of a song and the words sung in them.
    n_steps : int, default=20
        Number of steps that are left of the sequence, for "steps" only; the same on both sides.
    dropout : float, default=0.1
        Share of the head's inputs ("steps") or outputs that are left out in training, and of the
        outputs of each layer but the last.

    Raises
    ------
    ValueError
        From `build`, for a parameter out of range, samples that are not ``(n_features, n_steps)`` or
        have fewer steps than the layers pool or `n_steps` asks for, or a number of outputs that
        `n_steps` does not divide.

    See Also
    --------
    skdcca.LyricsSequence : Parts of lyrics as such a sequence.
    skdcca.LyricsCharacters : Their characters.

    Notes
    -----
    Convolutions over the characters of a text are those of [1]_.

    References
    ----------
    .. [1] X. Zhang, J. Zhao and Y. LeCun, "Character-level convolutional networks for text
       classification", NeurIPS 2015.

    Examples
    --------
    >>> import torch
    >>> from skdcca.encoders import SequenceEncoder
    >>> network = SequenceEncoder(32).build((100, 8), n_outputs=3)
    >>> network(torch.zeros(5, 100, 8)).shape
    torch.Size([5, 3])
    >>> bands = SequenceEncoder(64, n_layers=2, kernel_size=5, pool_size=4, head="steps", n_steps=10)
    >>> bands.build((40, 400), n_outputs=30)(torch.zeros(5, 40, 400)).shape
    torch.Size([5, 30])
    """

    def __init__(
        self,
        n_units=256,
        *,
        n_layers=1,
        kernel_size=1,
        pool_size=1,
        head="gru",
        n_steps=20,
        dropout=0.1,
    ):
        self.n_units = n_units
        self.n_layers = n_layers
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.head = head
        self.n_steps = n_steps
        self.dropout = dropout

    def build(self, shape, n_outputs):
        """Network for sequences of this shape.

        Parameters
        ----------
        shape : tuple of int
            ``(n_features, n_steps)``.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Takes ``(n_samples, n_features, n_steps)`` and gives ``(n_samples, n_outputs)``.
        """
        if len(shape) != 2:
            raise ValueError(
                f"SequenceEncoder reads sequences of shape (n_features, n_steps); a sample here has "
                f"{shape}"
            )
        for name in ("n_units", "n_layers", "kernel_size", "pool_size"):
            check_integer(name, getattr(self, name))
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={self.kernel_size!r}; it must be odd")
        left = shape[1] // self.pool_size**self.n_layers
        if left < 1:
            raise ValueError(
                f"a sequence of {shape[1]} steps is too short for {self.n_layers} layers that pool by "
                f"{self.pool_size}; take fewer layers or a smaller pool_size"
            )
        head = _build_head(self, self.n_units, left, n_outputs)
        widths = [shape[0], *[self.n_units] * self.n_layers]
        layers = []
        for n_in, n_out in pairwise(widths):
            if layers and self.dropout:
                layers.append(nn.Dropout(self.dropout))
            layers.append(nn.Conv1d(n_in, n_out, self.kernel_size, padding=self.kernel_size // 2))
            if self.pool_size > 1:
                layers.append(nn.MaxPool1d(self.pool_size))
            layers += [nn.BatchNorm1d(n_out), nn.ReLU()]
        return nn.Sequential(*layers, *head)


class _MeanHead(nn.Module):
    """Mean over time of ``(n_samples, width, n_steps)``."""

    def __init__(self, width):
        super().__init__()
        self.n_features = width

    def forward(self, x):
        return x.mean(dim=2)


class _AttentionHead(nn.Module):
    """Mean over time, weighted by a learned score of each step."""

    def __init__(self, width):
        super().__init__()
        self.n_features = width
        self.score = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, x):
        weight = self.score(x.transpose(1, 2)).softmax(dim=1)
        return (x @ weight).squeeze(2)


class _GRUHead(nn.Module):
    """Last states of a recurrent unit that reads the steps in both directions."""

    def __init__(self, width):
        super().__init__()
        n_units = max(1, width // 2)
        self.n_features = 2 * n_units
        self.unit = nn.GRU(width, n_units, batch_first=True, bidirectional=True)

    def forward(self, x):
        _, (there, back) = self.unit(x.transpose(1, 2))
        return torch.cat([there, back], dim=1)


_HEADS = {"mean": _MeanHead, "attention": _AttentionHead, "gru": _GRUHead}


def _build_head(encoder, width, length, n_outputs):
    """Layers from ``(n_samples, width, length)`` to ``(n_samples, n_outputs)``."""
    head = _choice(encoder.head, "head", {**_HEADS, "steps": None})
    _check_share(encoder.dropout, "dropout")
    if head is not None:
        over_time = head(width)
        return over_time, nn.Dropout(encoder.dropout), nn.Linear(over_time.n_features, n_outputs)
    check_integer("n_steps", encoder.n_steps)
    if encoder.n_steps > length:
        raise ValueError(
            f"n_steps={encoder.n_steps}, but the layers leave {length} steps; take fewer, or pool less"
        )
    if n_outputs % encoder.n_steps:
        raise ValueError(
            f'head="steps" gives each of n_steps={encoder.n_steps} steps as many outputs, and '
            f"{n_outputs} cannot be shared out so; take n_components={encoder.n_steps}, "
            f"{2 * encoder.n_steps}, {3 * encoder.n_steps} or the like"
        )
    return (
        nn.AdaptiveAvgPool1d(encoder.n_steps),
        nn.Dropout(encoder.dropout),
        nn.Conv1d(width, n_outputs // encoder.n_steps, 1),
        nn.Flatten(),
    )


def _choice(value, name, options):
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name}={value!r}; it must be one of {sorted(options)}")
    return options[value]


def _pair(value, name):
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(map(is_integer, pair)):
        raise ValueError(f"{name}={value!r}; it must be a whole number from 1, or a pair of them")
    return pair


def _check_share(value, name):
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name}={value!r}; it must be a share from 0 to below 1")
