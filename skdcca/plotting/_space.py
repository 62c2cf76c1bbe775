"""Plot of two components of the shared space of both views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from skdcca.metrics import embed
from skdcca.plotting._common import (
    FIRST,
    SECOND,
    axes_of,
    check_components,
    check_names,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SpaceDisplay:
    """Two components of the shared space, with a line between the two views of each sample.

    The shorter the lines are, compared with the distances between samples, the better the retrieval.

    Parameters
    ----------
    zx, zy : ndarray of shape (n_samples, n_components)
        Variates of the two views of the same samples, with at least two components.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    points_ : pair of matplotlib.lines.Line2D
        The points of X and the points of y.
    pairs_ : matplotlib.collections.LineCollection
        The lines that connect the two points of each pair.

    See Also
    --------
    skdcca.metrics.embed : Compute the variates.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import SpaceDisplay
    >>> X, y = np.hsplit(load_digits().data, 2)  # upper and lower halves of digits
    >>> model = LinearCCA(10, reg=1.0).fit(X[:1000], y[:1000])
    >>> display = SpaceDisplay.from_estimator(
    ...     model, X[1000:1020], y[1000:1020], ax=Figure().subplots()
    ... )
    >>> display.zx.shape
    (20, 10)
    """

    def __init__(self, *, zx: NDArray, zy: NDArray) -> None:
        self.zx = zx
        self.zy = zy

    def plot(
        self,
        ax: Axes | None = None,
        *,
        components: Sequence[int] = (0, 1),
        labels: Sequence[str] | None = None,
        names: Sequence[str] = ("X", "y"),
    ) -> SpaceDisplay:
        """Draw the points and the lines between them.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        components : pair of int, default=(0, 1)
            Components on the horizontal and the vertical axis, counted from 0.
        labels : sequence of str of length n_samples, default=None
            Text beside each point of X; "" leaves a point without text. If None, no text is drawn.
        names : pair of str, default=("X", "y")
            Names of the two views in the legend.

        Returns
        -------
        self : SpaceDisplay
            The display, with the attributes `ax_`, `figure_`, `points_` and `pairs_`.

        Raises
        ------
        ValueError
            If `components` are not two different components of the variates, `labels` does not have one
            text for each sample, or `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        zx, zy = (np.asarray(z) for z in (self.zx, self.zy))
        components = check_components(components, zx.shape[1])
        labels = _check_labels(labels, len(zx))
        names = check_names(names)
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        zx, zy = zx[:, components], zy[:, components]
        self.pairs_ = _draw_pairs(ax, zx, zy)
        styles = (FIRST, SECOND)
        self.points_ = tuple(
            ax.plot(*z.T, label=name, **(style | {"linestyle": "none"}))[0]
            for z, name, style in zip((zx, zy), names, styles, strict=True)
        )
        for point, partner, label in zip(zx, zy, labels, strict=True):
            _write_beside(ax, point, partner, label)
        ax.set(xlabel=f"component {components[0] + 1}", ylabel=f"component {components[1] + 1}")
        ax.legend(loc="best")
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        components: Sequence[int] = (0, 1),
        labels: Sequence[str] | None = None,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> SpaceDisplay:
        """Compute the variates of a fitted model and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like or list
            The two views of the same rows.
        components, labels, names, ax
            As in `plot`.

        Returns
        -------
        display : SpaceDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the model has only one component, or an argument is invalid for `plot`.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        zx, zy = embed(estimator, X, y)
        return cls.from_predictions(
            zx, zy, components=components, labels=labels, names=names, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        zx: ArrayLike,
        zy: ArrayLike,
        *,
        components: Sequence[int] = (0, 1),
        labels: Sequence[str] | None = None,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> SpaceDisplay:
        """Draw variates that were computed elsewhere.

        Parameters
        ----------
        zx, zy : array-like of shape (n_samples, n_components)
            Variates of the two views, as from `skdcca.metrics.embed`.
        components, labels, names, ax
            As in `plot`.

        Returns
        -------
        display : SpaceDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the variates differ in shape, have only one component or are not finite, or an argument
            is invalid for `plot`.
        MissingDependencyError
            If matplotlib is not installed.
        """
        zx = check_array(zx, dtype=np.float64, input_name="zx")
        zy = check_array(zy, dtype=np.float64, input_name="zy")
        if zx.shape != zy.shape:
            raise ValueError(
                f"`zx` and `zy` must have the same shape, got {zx.shape} and {zy.shape}."
            )
        if zx.shape[1] < 2:
            raise ValueError(
                "`zx` and `zy` must have at least two components, got 1. Fit a model with "
                "n_components >= 2."
            )
        return cls(zx=zx, zy=zy).plot(ax, components=components, labels=labels, names=names)


def _draw_pairs(ax, zx, zy):
    from matplotlib.collections import LineCollection

    pairs = LineCollection(np.stack([zx, zy], axis=1), colors="0.6", linewidths=0.8, zorder=1)
    return ax.add_collection(pairs)


def _write_beside(ax, point, partner, label):
    """Write text on the side of the point that is opposite to its partner."""
    shift, end = (-6, "right") if partner[0] > point[0] else (6, "left")
    offset = {"xytext": (shift, 0), "textcoords": "offset points"}
    ax.annotate(label, point, **offset, ha=end, va="center", fontsize="small")


def _check_labels(labels, n):
    labels = [""] * n if labels is None else labels
    if len(labels) != n:
        raise ValueError(f"`labels` must have one text for each of {n} points, got {len(labels)}.")
    return labels
