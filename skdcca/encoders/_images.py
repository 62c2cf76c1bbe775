"""Convolutional network over images."""

from itertools import pairwise

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer, check_number
from skdcca.encoders._base import Encoder

with needed_by("skdcca.encoders"):
    from torch import nn

# Number of positions along each axis that each layer pools into one.
_POOLS = (2, 2, 1)
# The dense layer reads at most this many positions along each axis.
_LARGEST_GRID = 8


class ImageCNN(Encoder):
    """Convolutional network for images.

    Three convolutions, each with batch normalization and a GELU, are followed by a dense layer. Max
    pooling after the first two halves the height and the width (rounded up), so images of any size work,
    even 8 by 4 pixels. If more than 8 positions are left along an axis, they are averaged to 8.

    Parameters
    ----------
    n_filters : int, default=32
        Number of filters of the first convolution, >= 1. Each convolution has twice as many as the
        previous one.
    n_units : int, default=512
        Width of the dense layer, >= 1.
    dropout : float, default=0.1
        Fraction of the units of the dense layer that are set to 0 in training, in [0, 1).

    Raises
    ------
    ValueError
        From `build`, if a parameter is out of range, or if samples do not have shape
        ``(height, width)`` or ``(n_channels, height, width)``.

    See Also
    --------
    skdcca.augmentation.Warp : Random warps of two views that are parts of one image.
    MelCNN : Convolutional network for spectrograms, which may have different lengths of time.

    Notes
    -----
    `DeepCCA` scales each index along axis 1 of a view on its own. For gray images of shape
    ``(n_samples, height, width)``, these are the rows of pixels. Pass
    ``X[:, np.newaxis]`` to scale all pixels alike.

    Examples
    --------
    Gray images of 28 by 14 pixels, and colored images of 64 by 64 pixels:

    >>> import torch
    >>> from skdcca.encoders import ImageCNN
    >>> ImageCNN().build((28, 14), n_outputs=3)(torch.zeros(5, 28, 14)).shape
    torch.Size([5, 3])
    >>> ImageCNN(n_filters=8).build((3, 64, 64), n_outputs=3)(torch.zeros(5, 3, 64, 64)).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_filters: int = 32, *, n_units: int = 512, dropout: float = 0.1) -> None:
        self.n_filters = n_filters
        self.n_units = n_units
        self.dropout = dropout

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for images of a given shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one image, ``(height, width)`` or ``(n_channels, height, width)``.
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
            If a parameter is out of range, or does not suit the shape.
        """
        self._check_parameters()
        if len(shape) not in (2, 3):
            raise ValueError(
                "Samples must have shape (height, width) or (n_channels, height, width) for ImageCNN, "
                f"got shape {shape}. Reshape them, or use MLP() for vectors."
            )
        *channels, height, width = shape
        widths = [*(channels or [1]), *(self.n_filters * 2**i for i in range(len(_POOLS)))]
        layers = [] if channels else [nn.Unflatten(1, (1, height))]
        grid = (height, width)
        for (n_in, n_out), pool in zip(pairwise(widths), _POOLS, strict=True):
            layers.append(nn.Conv2d(n_in, n_out, 3, padding=1))
            if pool > 1:
                layers.append(nn.MaxPool2d(pool, ceil_mode=True))
            layers += [nn.BatchNorm2d(n_out), nn.GELU()]
            grid = tuple(-(-positions // pool) for positions in grid)
        pooled = tuple(min(positions, _LARGEST_GRID) for positions in grid)
        if pooled != grid:
            layers.append(nn.AdaptiveAvgPool2d(pooled))
        return nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(widths[-1] * pooled[0] * pooled[1], self.n_units),
            nn.BatchNorm1d(self.n_units),
            nn.GELU(),
            nn.Dropout(self.dropout),
            nn.Linear(self.n_units, n_outputs),
        )

    def _check_parameters(self):
        check_integer("n_filters", self.n_filters)
        check_integer("n_units", self.n_units)
        check_number("dropout", self.dropout, ge=0, lt=1)
