"""Augmentation of the two views of a batch, for ``DeepCCA(augmentation=...)``.

An augmentation is a callable ``(x, y) -> (x, y)``. During training, `DeepCCA` calls it with the rows of
each batch as they were passed to ``fit``, before the networks scale them: two floating-point tensors of
shapes ``(n_samples, *x_shape)`` and ``(n_samples, *y_shape)``. It returns tensors of the same shapes.
Row i of both belongs to the same sample, so it can change both views of a sample together, as `Warp`
does.

Random numbers must be drawn from the default generator of torch, which `DeepCCA` seeds with its
`random_state`. If the callable is an estimator of scikit-learn, its parameters are keys of a grid
(``augmentation__rotation``).

Examples
--------
Add the same noise to the first column of both views:

>>> import numpy as np
>>> import torch
>>> from sklearn.base import BaseEstimator
>>> from skdcca import DeepCCA
>>> class SharedNoise(BaseEstimator):
...     def __init__(self, scale=0.1):
...         self.scale = scale
...     def __call__(self, x, y):
...         noise = torch.zeros_like(x)
...         noise[:, 0] = self.scale * torch.randn(len(x), dtype=x.dtype)
...         return x + noise, y + noise
>>> X = np.random.default_rng(0).normal(size=(200, 3))
>>> model = DeepCCA(1, augmentation=SharedNoise(), fallback=None, max_epochs=5, random_state=0)
>>> model.set_params(augmentation__scale=0.2).fit(X, X).transform(X).shape
(200, 1)
"""

import math

from sklearn.base import BaseEstimator

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_number, is_integer

with needed_by("skdcca.augmentation"):
    import torch
    from torch.nn import functional

__all__ = ["Warp"]

# Number of random displacements along each axis of an image, between which the others are interpolated.
_N_KNOTS = 5


class Warp(BaseEstimator):
    """Random affine and elastic warp of images of which each view is a part.

    The two views of each sample are joined along an axis, the whole is warped, and the result is split
    again, so that the parts still fit together. Use it with `skdcca.encoders.ImageCNN` for views such as
    the left and the right half of an image. Each sample gets its own warp in each epoch. Pixels that
    move into the image have the value of the nearest edge.

    Keep the warps mild: they should make images that could be in the data. Shifts hurt in particular,
    because they move pixels from one view to the other.

    Parameters
    ----------
    rotation : float, default=8.0
        Largest angle in degrees, >= 0.
    scale : float, default=0.08
        Largest change of height and of width, as a fraction of them, in [0, 1).
    shear : float, default=0.1
        Largest shear, >= 0: the tangent of the angle by which vertical lines are tilted.
    shift : float, default=0.0
        Largest shift in pixels along each axis, >= 0.
    elastic : float, default=0.5
        Standard deviation in pixels, >= 0, of smooth random displacements.
    axis : int, default=-1
        Axis of a sample along which the views are joined: -1 if they are next to each other, -2 if X is
        above y.
    x_shape : tuple of int, default=None
        Shape of a sample of X, ``(height, width)`` or ``(n_channels, height, width)``, if the samples
        are vectors. If None, samples have one of these shapes already.
    y_shape : tuple of int, default=None
        The same for y. If None, it is `x_shape`.

    Raises
    ------
    ValueError
        When it is called, if a parameter is out of range, or the views are not parts of one image.

    See Also
    --------
    skdcca.encoders.ImageCNN : Convolutional network for images.

    Notes
    -----
    Random affine maps and elastic distortions are the augmentation of [1]_. The elastic displacements
    are drawn on a grid of 5 by 5 points and interpolated in between.

    References
    ----------
    .. [1] P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003.

    Examples
    --------
    >>> import torch
    >>> from skdcca.augmentation import Warp
    >>> x, y = torch.rand(2, 10, 28, 14)  # 10 left and 10 right halves
    >>> warped_x, warped_y = Warp(rotation=5)(x, y)
    >>> warped_x.shape
    torch.Size([10, 28, 14])

    Train on warped halves, given as vectors:

    >>> from skdcca import DeepCCA
    >>> model = DeepCCA(20, augmentation=Warp(x_shape=(28, 14)))
    >>> model.set_params(augmentation__rotation=5).augmentation
    Warp(rotation=5, x_shape=(28, 14))
    """

    def __init__(
        self,
        rotation: float = 8.0,
        *,
        scale: float = 0.08,
        shear: float = 0.1,
        shift: float = 0.0,
        elastic: float = 0.5,
        axis: int = -1,
        x_shape: tuple[int, ...] | None = None,
        y_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.rotation = rotation
        self.scale = scale
        self.shear = shear
        self.shift = shift
        self.elastic = elastic
        self.axis = axis
        self.x_shape = x_shape
        self.y_shape = y_shape

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Warp the images of a batch.

        Parameters
        ----------
        x, y : torch.Tensor of shape (n_samples, ...)
            Views of the same samples.

        Returns
        -------
        x, y : torch.Tensor
            Warped views, with the shapes and dtypes of the given ones.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the views are not parts of one image.
        """
        self._check_parameters()
        y_shape = self.x_shape if self.y_shape is None else self.y_shape
        parts = [_as_images(x, "x", self.x_shape), _as_images(y, "y", y_shape)]
        axis = self.axis + 4  # of tensors of shape (n_samples, n_channels, height, width)
        _check_fit(parts, axis)
        whole = torch.cat([part.float() for part in parts], dim=axis)
        warped = _sample(whole, self._positions(whole))
        sizes = [part.shape[axis] for part in parts]
        x_part, y_part = warped.split(sizes, dim=axis)
        return x_part.reshape(x.shape).to(x.dtype), y_part.reshape(y.shape).to(y.dtype)

    def _check_parameters(self):
        for name in ("rotation", "shear", "shift", "elastic"):
            check_number(name, getattr(self, name), ge=0)
        check_number("scale", self.scale, ge=0, lt=1)
        if self.axis not in (-1, -2):
            raise ValueError(
                f"`axis` must be -1 (views side by side) or -2 (X above y), got {self.axis!r}."
            )
        for name in ("x_shape", "y_shape"):
            _check_shape(name, getattr(self, name))

    def _positions(self, images):
        """Draw the positions of the pixels to be read, of shape (n_samples, height, width, 2)."""
        matrices = self._draw_matrices(len(images), *images.shape[2:]).to(images.device)
        positions = functional.affine_grid(matrices, list(images.shape), align_corners=False)
        if self.elastic:
            positions = positions + self._draw_displacements(images)
        return positions

    def _draw_matrices(self, n, height, width):
        """Draw affine maps in pixels, and return them in coordinates from -1 to 1."""
        angle, tall, wide, tilt, right, down = 2 * torch.rand(6, n) - 1
        angle = math.radians(self.rotation) * angle
        cosine, sine = angle.cos(), angle.sin()
        tall, wide, tilt = 1 + self.scale * tall, 1 + self.scale * wide, self.shear * tilt
        # A rotation, after a shear and a scaling of the axes.
        xx, xy = wide * cosine, wide * tilt * cosine - tall * sine
        yx, yy = wide * sine, wide * tilt * sine + tall * cosine
        first = torch.stack([xx, xy * height / width, self.shift * right * 2 / width])
        second = torch.stack([yx * width / height, yy, self.shift * down * 2 / height])
        return torch.stack([first, second]).permute(2, 0, 1)

    def _draw_displacements(self, images):
        """Draw smooth displacements of the pixels, of shape (n_samples, height, width, 2)."""
        n, _, height, width = images.shape
        knots = self.elastic * torch.randn(n, 2, _N_KNOTS, _N_KNOTS).to(images.device)
        smooth = functional.interpolate(
            knots, size=(height, width), mode="bicubic", align_corners=True
        )
        pixels = torch.tensor([2 / width, 2 / height], device=images.device)
        return smooth.permute(0, 2, 3, 1) * pixels


def _sample(images, positions):
    return functional.grid_sample(
        images, positions, mode="bilinear", padding_mode="border", align_corners=False
    )


def _check_shape(name, shape):
    if shape is None:
        return
    valid = (
        isinstance(shape, (tuple, list)) and len(shape) in (2, 3) and all(map(is_integer, shape))
    )
    if not valid:
        raise ValueError(
            f"`{name}` must be (height, width), (n_channels, height, width) or None, got {shape!r}."
        )


def _as_images(view, name, shape):
    """Return a view with the axes sample, channel, height and width."""
    found = tuple(view.shape[1:])
    if shape is not None and found != tuple(shape):
        if found != (math.prod(shape),):
            raise ValueError(
                f"`{name}_shape` must match the samples of {name}, which have shape {found}, got "
                f"{tuple(shape)}."
            )
        view = view.reshape(len(view), *shape)
    if view.ndim not in (3, 4):
        raise ValueError(
            f"Samples of {name} must have shape (height, width) or (n_channels, height, width) to be "
            f"warped, got {found}. Set `{name}_shape` if they are vectors."
        )
    return view if view.ndim == 4 else view[:, None]


def _check_fit(parts, axis):
    """Raise ValueError unless the views have the same shape except along an axis."""
    shapes = [list(part.shape) for part in parts]
    for shape in shapes:
        shape[axis] = None
    if shapes[0] != shapes[1]:
        x_shape, y_shape = (tuple(part.shape[1:]) for part in parts)
        raise ValueError(
            f"Views to be joined along axis {axis - 4} must have the same shape along the others, got "
            f"(n_channels, height, width) = {x_shape} and {y_shape}. Change `axis`."
        )
