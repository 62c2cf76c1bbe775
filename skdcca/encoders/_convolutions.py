"""Convolutional networks over spectrograms and other sequences."""

from collections.abc import Sequence
from itertools import pairwise

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer, is_integer
from skdcca.encoders._base import Encoder
from skdcca.encoders._heads import build_head

with needed_by("skdcca.encoders"):
    from torch import nn


class MelCNN(Encoder):
    """Convolutional network for log-mel spectrograms, the default for samples with two axes.

    Each layer applies a convolution over bands and frames, max pooling over both, batch normalization
    and a ReLU. The remaining bands of each frame are concatenated, and the head summarizes the resulting
    sequence of vectors.

    Parameters
    ----------
    n_filters : int, default=16
        Number of filters of the first layer, >= 1. Each layer has twice as many as the previous one.
    n_layers : int, default=3
        Number of convolutional layers, >= 1.
    kernel_size : int or pair of int, default=3
        Size of the filters in bands and frames; odd integers.
    pool_size : int or pair of int, default=(2, 4)
        Number of bands and number of frames that each layer pools into one.
    head : {"attention", "gru", "mean", "steps"}, default="gru"
        How the sequence is summarized:

        - ``"mean"``: mean over time;
        - ``"attention"``: mean over time, weighted by learned attention;
        - ``"gru"``: last states of a bidirectional gated recurrent unit, which depend on the order of
          the frames;
        - ``"steps"``: the sequence is averaged into `n_steps` steps instead of being summarized. Use it
          for two views that are aligned in time; see `SequenceEncoder`.
    n_steps : int, default=20
        Number of steps with ``head="steps"``. `n_components` must be a multiple of it.
    dropout : float, default=0.1
        Fraction of the outputs of the head (or of its inputs, with "steps") that are set to 0 in
        training, in [0, 1).

    Raises
    ------
    ValueError
        From `build`, if a parameter is out of range, if samples do not have shape
        ``(n_mels, n_frames)``, or if they have fewer bands or frames than the layers pool.

    See Also
    --------
    skdcca.MelSpectrogram : Transformer that returns log-mel spectrograms.
    SequenceEncoder : Convolutions over time only.

    Notes
    -----
    This is the end-to-end audio branch of [1]_, whose convolutions are trained by the correlation loss.
    The attention head is that of [2]_.

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
        """Build the network for spectrograms of a given shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one spectrogram, ``(n_mels, n_frames)``.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Network that maps a tensor of shape ``(n_samples, n_mels, n_frames)`` to a tensor of shape
            ``(n_samples, n_outputs)``.

        Raises
        ------
        ValueError
            If a parameter is out of range, or does not suit the shape.
        """
        if len(shape) != 2:
            raise ValueError(
                f"Samples must have shape (n_mels, n_frames) for MelCNN, got shape {shape}. Use MLP() "
                "for vectors."
            )
        for name in ("n_filters", "n_layers"):
            check_integer(name, getattr(self, name))
        kernel = _as_pair("kernel_size", self.kernel_size)
        pool = _as_pair("pool_size", self.pool_size)
        if not all(size % 2 for size in kernel):
            raise ValueError(f"`kernel_size` must be odd, got {self.kernel_size!r}.")
        # Each layer rounds down. The result is the same if only the last division is rounded down.
        left = [size // by**self.n_layers for size, by in zip(shape, pool, strict=True)]
        if min(left) < 1:
            raise ValueError(
                f"A spectrogram of {shape[0]} bands and {shape[1]} frames is too small for "
                f"n_layers={self.n_layers} with pool_size={pool}. Use fewer layers or a smaller "
                "pool_size."
            )
        filters = [1, *(self.n_filters * 2**i for i in range(self.n_layers))]
        layers = []
        for n_in, n_out in pairwise(filters):
            # Pooling comes before normalization, so that fewer large arrays are kept for the gradient.
            layers += [
                nn.Conv2d(n_in, n_out, kernel, padding=(kernel[0] // 2, kernel[1] // 2)),
                nn.MaxPool2d(pool),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
        head = build_head(self, filters[-1] * left[0], left[1], n_outputs)
        return nn.Sequential(nn.Unflatten(1, (1, shape[0])), *layers, nn.Flatten(1, 2), *head)


class SequenceEncoder(Encoder):
    """Convolutional network for sequences, such as frames of audio or characters of lyrics.

    A sample has shape ``(n_features, n_steps)``: the steps are, for example, the frames of a
    spectrogram, the segments of a song, or the parts or characters of its lyrics. Each layer applies a
    convolution over the steps, max pooling, batch normalization and a ReLU. The head summarizes the
    steps that remain.

    Parameters
    ----------
    n_units : int, default=256
        Number of filters of each layer, >= 1.
    n_layers : int, default=1
        Number of convolutional layers, >= 1.
    kernel_size : int, default=1
        Size of the filters in steps; an odd integer. With 1, each step is mapped separately.
    pool_size : int, default=1
        Number of steps that each layer pools into one, >= 1.
    head : {"attention", "gru", "mean", "steps"}, default="gru"
        How the steps are summarized:

        - ``"mean"``: mean over the steps;
        - ``"attention"``: mean over the steps, weighted by learned attention;
        - ``"gru"``: last states of a bidirectional gated recurrent unit, which depend on the order of
          the steps;
        - ``"steps"``: the sequence is averaged into `n_steps` steps instead of being summarized. The
          same weights map each step to ``n_components / n_steps`` outputs. Use this head for both views
          if they are aligned in time, such as 20 s of a song and the words sung in these 20 s. With
          ``loss="infonce"``, the similarity of a pair is then the sum of the similarities at each step.
    n_steps : int, default=20
        Number of steps with ``head="steps"``, the same for both views. `n_components` must be a multiple
        of it.
    dropout : float, default=0.1
        Fraction of the outputs of the head (or of its inputs, with "steps"), and of the outputs of each
        layer except the last, that are set to 0 in training; in [0, 1).

    Raises
    ------
    ValueError
        From `build`, if a parameter is out of range, if samples do not have shape
        ``(n_features, n_steps)``, if they have too few steps for the layers or for the head "steps", or
        if the number of outputs is not a multiple of `n_steps`.

    See Also
    --------
    skdcca.LyricsSequence : Transformer that turns lyrics into sequences of parts.
    skdcca.LyricsCharacters : Transformer that turns lyrics into sequences of characters.
    MelCNN : Convolutions over bands and frames.

    Notes
    -----
    Convolutions over the characters of a text follow [1]_.

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
        """Build the network for sequences of a given shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sequence, ``(n_features, n_steps)``.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Network that maps a tensor of shape ``(n_samples, n_features, n_steps)`` to a tensor of shape
            ``(n_samples, n_outputs)``.

        Raises
        ------
        ValueError
            If a parameter is out of range, or does not suit the shape.
        """
        if len(shape) != 2:
            raise ValueError(
                "Samples must have shape (n_features, n_steps) for SequenceEncoder, got shape "
                f"{shape}. Use MLP() for vectors."
            )
        for name in ("n_units", "n_layers", "kernel_size", "pool_size"):
            check_integer(name, getattr(self, name))
        if self.kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd, got {self.kernel_size!r}.")
        left = shape[1] // self.pool_size**self.n_layers
        if left < 1:
            raise ValueError(
                f"A sequence of {shape[1]} steps is too short for n_layers={self.n_layers} with "
                f"pool_size={self.pool_size}. Use fewer layers or a smaller pool_size."
            )
        head = build_head(self, self.n_units, left, n_outputs)
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


def _as_pair(name, value):
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(map(is_integer, pair)):
        raise ValueError(f"`{name}` must be an integer >= 1 or a pair of them, got {value!r}.")
    return pair
