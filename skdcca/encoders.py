"""Encoders of deep canonical correlation analysis: descriptions of networks, to be built later.

An encoder is a parameter object, like a kernel of a Gaussian process: an estimator without data and
without weights, whose parameters are keys of a grid (``x_encoder__n_filters``). `DeepCCA` calls its
``build`` once the shape of a view is known, and gives the network the view centered and scaled.

A ``torch.nn.Module`` can be used as it is (see `ModuleEncoder`). Subclass `Encoder` for a network that
depends on the shape of the view or has parameters of its own; the class must be importable where the
fitted model is loaded.
"""

import copy
import math
from collections.abc import Sequence
from itertools import pairwise

from sklearn.base import BaseEstimator

from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer, check_number, check_option, is_integer

with needed_by("skdcca.encoders"):
    import torch
    from torch import nn

__all__ = ["MLP", "Encoder", "MelCNN", "ModuleEncoder", "SequenceEncoder"]

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
    """Base class of encoders: subclass it to use any ``torch.nn.Module``.

    ``__init__`` only stores parameters; ``build(shape, n_outputs)`` makes the network.

    See Also
    --------
    ModuleEncoder : Uses a module as it is, without a subclass.

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

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for samples of this shape.

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
            Maps float32 of shape ``(n_samples, *shape)`` to ``(n_samples, n_outputs)``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build(shape, n_outputs)")


class ModuleEncoder(Encoder):
    """A ``torch.nn.Module`` as an encoder.

    ``DeepCCA(x_encoder=module)`` is short for ``DeepCCA(x_encoder=ModuleEncoder(module))``. A copy of
    the module is trained; the module itself never changes.

    Parameters
    ----------
    module : torch.nn.Module
        Maps float32 of shape ``(n_samples, *shape)``, where `shape` is that of one sample, to
        ``(n_samples, n_components)``. Its class must be importable where the fitted model is loaded.
    keep_weights : bool, default=False
        False draws new weights, seeded by the `random_state` of `DeepCCA`: every submodule with a method
        ``reset_parameters``, as most layers of torch.nn have, is reset. Other parameters keep their
        values. True starts from the weights of the module, for example to fine-tune a pretrained
        network.

    See Also
    --------
    Encoder : Base class for networks that depend on the shape of the view.

    Notes
    -----
    A model with a module can be pickled, but `skdcca.save` writes no modules: subclass `Encoder` instead
    and build the module there.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skdcca import DeepCCA
    >>> from skdcca.encoders import ModuleEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = X[:, :3] + 0.1 * rng.normal(size=(200, 3))
    >>> network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> cca = DeepCCA(2, x_encoder=network, max_epochs=5, random_state=0).fit(X, y)
    >>> cca.x_encoder_.keep_weights
    False
    >>> pretrained = ModuleEncoder(network, keep_weights=True)
    >>> cca.set_params(x_encoder=pretrained).fit(X, y).transform(X).shape
    (200, 2)
    """

    def __init__(self, module: nn.Module, *, keep_weights: bool = False) -> None:
        self.module = module
        self.keep_weights = keep_weights

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Copy the module, with new weights unless `keep_weights` is True.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample; not used.
        n_outputs : int
            Number of outputs; not used.

        Returns
        -------
        network : torch.nn.Module
            The copy, on the CPU and in float32.
        """
        check_option("keep_weights", self.keep_weights, (False, True))
        network = copy.deepcopy(self.module).cpu().float()
        if not self.keep_weights:
            # Children first: a module that resets its children, too, decides.
            for layer in reversed(list(network.modules())):
                if hasattr(layer, "reset_parameters"):
                    layer.reset_parameters()
        return network

    def __repr__(self, N_CHAR_MAX=None):
        options = ", keep_weights=True" if self.keep_weights else ""
        return f"{type(self).__name__}({self.module!r}{options})"


def as_encoder(encoder):
    """Return an encoder: a module is wrapped, an encoder or None is returned as it is."""
    is_module = isinstance(encoder, nn.Module) and not hasattr(encoder, "build")
    return ModuleEncoder(encoder) if is_module else encoder


class MLP(Encoder):
    """Multi-layer perceptron; it flattens samples of any shape.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(1024,)
        Widths of the hidden layers; ``()`` is a linear map. One wide layer is best for retrieval, two
        layers reach higher correlations.
    activation : {"relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid"}, default="relu"
        Activation of the hidden layers.
    batch_norm : bool, default=True
        Normalize every hidden layer before its activation.
    dropout : float, default=0.2
        Fraction of the hidden units that are set to 0 in training. Correlation losses tolerate little
        dropout: 0.5 destroys them.
    input_noise : float, default=0.0
        Fraction of the inputs that are masked in training, that is set to their mean.

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
        hidden_layer_sizes: Sequence[int] = (1024,),
        *,
        activation: str = "relu",
        batch_norm: bool = True,
        dropout: float = 0.2,
        input_noise: float = 0.0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.input_noise = input_noise

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for samples of this shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Maps ``(n_samples, *shape)`` to ``(n_samples, n_outputs)``.
        """
        self._check_parameters()
        activation = _ACTIVATIONS[self.activation]
        layers, width = [nn.Flatten()], math.prod(shape)
        if self.input_noise:
            layers.append(_Masking(self.input_noise))
        for next_width in self.hidden_layer_sizes:
            layers.append(nn.Linear(width, next_width))
            if self.batch_norm:
                layers.append(nn.BatchNorm1d(next_width))
            layers.append(activation())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            width = next_width
        return nn.Sequential(*layers, nn.Linear(width, n_outputs))

    def _check_parameters(self):
        check_option("activation", self.activation, _ACTIVATIONS)
        check_number("dropout", self.dropout, ge=0, lt=1)
        check_number("input_noise", self.input_noise, ge=0, lt=1)
        sizes = self.hidden_layer_sizes
        if not isinstance(sizes, (tuple, list)) or not all(map(is_integer, sizes)):
            raise ValueError(
                "`hidden_layer_sizes` must be a tuple of integers >= 1, such as (512,) or (), got "
                f"{sizes!r}."
            )


class _Masking(nn.Module):
    """Set a fraction of the numbers to 0 in training; unlike dropout, the others are not rescaled."""

    def __init__(self, fraction):
        super().__init__()
        self.fraction = fraction

    def forward(self, x):
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= self.fraction)


class MelCNN(Encoder):
    """Convolutions over a log-mel spectrogram, and a head that summarizes their output over time.

    Each layer convolves over bands and frames, applies max pooling to both, batch normalization and a
    ReLU. The bands that remain are concatenated, so that the head gets a sequence of vectors over time.

    Parameters
    ----------
    n_filters : int, default=16
        Number of filters of the first layer; each layer has twice as many as the previous one.
    n_layers : int, default=3
        Number of convolutions.
    kernel_size : int or pair of int, default=3
        Size of a filter in bands and frames; odd numbers.
    pool_size : int or pair of int, default=(2, 4)
        Number of bands and of frames that are pooled into one after each layer.
    head : {"mean", "attention", "gru", "steps"}, default="gru"
        How the sequence is summarized: by its mean over time; by a mean weighted by learned attention;
        by the last states of a bidirectional gated recurrent unit, which depend on the order in time
        beyond the size of the filters; or not at all: "steps" keeps the sequence, in `n_steps` steps,
        for two views that are aligned in time (see `SequenceEncoder`).
    n_steps : int, default=20
        Number of steps of the sequence, for "steps" only.
    dropout : float, default=0.1
        Dropout of the inputs ("steps") or outputs of the head.

    Raises
    ------
    ValueError
        From `build`, for a parameter out of range, samples that are not of shape
        ``(n_mels, n_frames)``, or fewer bands or frames than the layers pool.

    Notes
    -----
    The end-to-end audio branch of [1]_: convolutions trained with the correlation loss. The attention
    head is that of [2]_.

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
        n_filters: int = 16,
        *,
        n_layers: int = 3,
        kernel_size: int | Sequence[int] = 3,
        pool_size: int | Sequence[int] = (2, 4),
        head: str = "gru",
        n_steps: int = 20,
        dropout: float = 0.1,
    ) -> None:
        self.n_filters = n_filters
        self.n_layers = n_layers
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.head = head
        self.n_steps = n_steps
        self.dropout = dropout

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for spectrograms of this shape.

        Parameters
        ----------
        shape : tuple of int
            ``(n_mels, n_frames)``.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Maps ``(n_samples, n_mels, n_frames)`` to ``(n_samples, n_outputs)``.
        """
        if len(shape) != 2:
            raise ValueError(
                f"MelCNN needs spectrograms of shape (n_mels, n_frames), got samples of shape {shape}"
            )
        for name in ("n_filters", "n_layers"):
            check_integer(name, getattr(self, name))
        kernel = _as_pair("kernel_size", self.kernel_size)
        pool = _as_pair("pool_size", self.pool_size)
        if not all(size % 2 for size in kernel):
            raise ValueError(f"`kernel_size` must be odd, got {self.kernel_size!r}.")
        # The pooling floors in each layer, which is the same as flooring once.
        left = [size // by**self.n_layers for size, by in zip(shape, pool, strict=True)]
        if min(left) < 1:
            raise ValueError(
                f"a spectrogram of {shape[0]} bands and {shape[1]} frames is too small for "
                f"{self.n_layers} layers that pool by {pool}; use fewer layers or a smaller pool_size"
            )
        filters = [1, *(self.n_filters * 2**i for i in range(self.n_layers))]
        layers = []
        for n_in, n_out in pairwise(filters):
            # Pooling comes first, so that the large arrays need not be kept for the gradient.
            layers += [
                nn.Conv2d(n_in, n_out, kernel, padding=(kernel[0] // 2, kernel[1] // 2)),
                nn.MaxPool2d(pool),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
        head = _build_head(self, filters[-1] * left[0], left[1], n_outputs)
        return nn.Sequential(nn.Unflatten(1, (1, shape[0])), *layers, nn.Flatten(1, 2), *head)


class SequenceEncoder(Encoder):
    """Convolutions over the steps of a sequence, and a head that summarizes their output.

    It is for features in order, such as the frames of a spectrogram, the segments of a song, or the
    parts or characters of its lyrics. Each layer convolves over steps, with all features at once, and
    applies max pooling, batch normalization and a ReLU.

    Parameters
    ----------
    n_units : int, default=256
        Number of filters of each layer.
    n_layers : int, default=1
        Number of convolutions.
    kernel_size : int, default=1
        Size of a filter in steps, an odd number; 1 maps each step by itself.
    pool_size : int, default=1
        Number of steps that are pooled into one after each layer.
    head : {"mean", "attention", "gru", "steps"}, default="gru"
        How the steps are summarized, as in `MelCNN`; "gru" and "steps" depend on their order. "steps"
        keeps the sequence: it averages it into `n_steps` steps and maps each of them by the same weights
        to ``n_outputs / n_steps`` numbers. With "steps" for both views and the loss "infonce", the
        similarity of a pair is the sum of the similarities at each step. It is for views that are
        aligned in time, such as 20 s of a song and the words sung in them.
    n_steps : int, default=20
        Number of steps of the sequence, for "steps" only; the same for both views.
    dropout : float, default=0.1
        Dropout of the inputs ("steps") or outputs of the head, and of the outputs of each layer except
        the last.

    Raises
    ------
    ValueError
        From `build`, for a parameter out of range, samples that are not of shape
        ``(n_features, n_steps)`` or have fewer steps than the layers pool or `n_steps` needs, or a
        number of outputs that is not a multiple of `n_steps`.

    See Also
    --------
    skdcca.LyricsSequence : Returns the parts of lyrics as such a sequence.
    skdcca.LyricsCharacters : Returns the characters of lyrics.

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
        n_units: int = 256,
        *,
        n_layers: int = 1,
        kernel_size: int = 1,
        pool_size: int = 1,
        head: str = "gru",
        n_steps: int = 20,
        dropout: float = 0.1,
    ) -> None:
        self.n_units = n_units
        self.n_layers = n_layers
        self.kernel_size = kernel_size
        self.pool_size = pool_size
        self.head = head
        self.n_steps = n_steps
        self.dropout = dropout

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for sequences of this shape.

        Parameters
        ----------
        shape : tuple of int
            ``(n_features, n_steps)``.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Maps ``(n_samples, n_features, n_steps)`` to ``(n_samples, n_outputs)``.
        """
        if len(shape) != 2:
            raise ValueError(
                "SequenceEncoder needs sequences of shape (n_features, n_steps), got samples of shape "
                f"{shape}"
            )
        for name in ("n_units", "n_layers", "kernel_size", "pool_size"):
            check_integer(name, getattr(self, name))
        if self.kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd, got {self.kernel_size!r}.")
        left = shape[1] // self.pool_size**self.n_layers
        if left < 1:
            raise ValueError(
                f"a sequence of {shape[1]} steps is too short for {self.n_layers} layers that pool by "
                f"{self.pool_size}; use fewer layers or a smaller pool_size"
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
    """Return layers from ``(n_samples, width, length)`` to ``(n_samples, n_outputs)``."""
    check_option("head", encoder.head, (*_HEADS, "steps"))
    check_number("dropout", encoder.dropout, ge=0, lt=1)
    if encoder.head in _HEADS:
        over_time = _HEADS[encoder.head](width)
        return over_time, nn.Dropout(encoder.dropout), nn.Linear(over_time.n_features, n_outputs)
    check_integer("n_steps", encoder.n_steps)
    if encoder.n_steps > length:
        raise ValueError(
            f"n_steps={encoder.n_steps} is too large: the layers leave {length} steps; use a smaller "
            "n_steps or pool less"
        )
    if n_outputs % encoder.n_steps:
        raise ValueError(
            f'head="steps" needs a multiple of n_steps={encoder.n_steps} outputs, got {n_outputs}; set '
            f"n_components to {encoder.n_steps}, {2 * encoder.n_steps}, {3 * encoder.n_steps}, ..."
        )
    return (
        nn.AdaptiveAvgPool1d(encoder.n_steps),
        nn.Dropout(encoder.dropout),
        nn.Conv1d(width, n_outputs // encoder.n_steps, 1),
        nn.Flatten(),
    )


def _as_pair(name, value):
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(map(is_integer, pair)):
        raise ValueError(f"`{name}` must be an integer >= 1 or a pair of them, got {value!r}.")
    return pair
