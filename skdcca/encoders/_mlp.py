"""Fully connected networks."""

import math
from collections.abc import Sequence

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_number, check_option, is_integer
from skdcca.encoders._base import Encoder

with needed_by("skdcca.encoders"):
    import torch
    from torch import nn

_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class MLP(Encoder):
    """Multi-layer perceptron, the default for vectors.

    Samples with more axes are flattened.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(512, 512)
        Widths of the hidden layers, each >= 1. Two layers reach higher correlations than one layer that
        takes the same time. ``()`` is a linear map, for which `DeepCCA` multiplies the learning rate of
        "adam" and "adamw" by 50.
    activation : {"gelu", "leaky_relu", "relu", "sigmoid", "silu", "tanh"}, default="gelu"
        Activation function of the hidden layers.
    batch_norm : bool, default=True
        Apply batch normalization to each hidden layer before its activation.
    dropout : float, default=0.2
        Fraction of the hidden units that are set to 0 in training, in [0, 1). Correlation losses
        tolerate little dropout: do not use 0.5 with them.
    input_noise : float, default=0.0
        Fraction of the inputs that are replaced by their mean in training, in [0, 1).

    Raises
    ------
    ValueError
        From `build`, if a parameter is out of range.

    See Also
    --------
    MelCNN : Convolutional network for spectrograms.
    SequenceEncoder : Convolutional network for sequences.

    Examples
    --------
    Two hidden layers, for samples with 10 columns:

    >>> import torch
    >>> from skdcca.encoders import MLP
    >>> network = MLP((64, 32)).build((10,), n_outputs=3)
    >>> network(torch.zeros(5, 10)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (512, 512),
        *,
        activation: str = "gelu",
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
        """Build the network for samples of a given shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Network that maps a tensor of shape ``(n_samples, *shape)`` to a tensor of shape
            ``(n_samples, n_outputs)``.

        Raises
        ------
        ValueError
            If a parameter is out of range.
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
                f"`hidden_layer_sizes` must be a tuple of integers >= 1, got {sizes!r}. Use (512,) for "
                "one layer, or () for none."
            )


class _Masking(nn.Module):
    """Layer that sets a fraction of its inputs to 0 in training, without rescaling the others."""

    def __init__(self, fraction):
        super().__init__()
        self.fraction = fraction

    def forward(self, x):
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= self.fraction)
