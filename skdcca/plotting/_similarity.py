"""Scores of every X with every y as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdcca.metrics import pair_scores
from skdcca.plotting._common import (
    axes_of,
    check_names,
    check_square,
    require_matplotlib,
    use_integer_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SimilarityDisplay:
    """Heat map of the scores of every X with every y; the diagonal outlines the right answers.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_samples)
        Score of every X (rows) with every y (columns).

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    image_ : matplotlib.image.AxesImage
        The heat map.
    diagonal_ : matplotlib.collections.PolyCollection
        The outlines of the right answers.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import SimilarityDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(120, 3))
    >>> y = X + 0.5 * rng.normal(size=(120, 3))
    >>> model = LinearCCA().fit(X[:100], y[:100])
    >>> display = SimilarityDisplay.from_estimator(model, X[100:], y[100:], ax=Figure().subplots())
    >>> display.scores.shape
    (20, 20)
    """

    def __init__(self, *, scores: NDArray) -> None:
        self.scores = scores

    def plot(
        self, ax: Axes | None = None, *, names: Sequence[str] = ("X", "y")
    ) -> SimilarityDisplay:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; a new figure if None.
        names : pair of str, default=("X", "y")
            Names of the two views on the axes.

        Returns
        -------
        self : SimilarityDisplay
            The display, with the attributes that end in an underscore.
        """
        first, second = check_names(names)
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        self.image_ = ax.imshow(self.scores, cmap="cividis")
        self.diagonal_ = _outline_diagonal(ax, len(self.scores))
        ax.set(xlabel=f"row of {second}", ylabel=f"row of {first}")
        use_integer_ticks(ax.xaxis)
        use_integer_ticks(ax.yaxis)
        self.figure_.colorbar(self.image_, ax=ax, label="score (outlined: the right answers)")
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> SimilarityDisplay:
        """Compute and draw the scores of a fitted model for every X with every y.

        Parameters
        ----------
        estimator : estimator
            A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search.
        X, y : array-like or list
            The two views of the same rows; readable for some tens of rows.
        names : pair of str, default=("X", "y")
            Names of the two views on the axes.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; a new figure if None.

        Returns
        -------
        display : SimilarityDisplay
            The drawn display.
        """
        require_matplotlib(cls)
        return cls.from_predictions(pair_scores(estimator, X, y), names=names, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        scores: ArrayLike,
        *,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> SimilarityDisplay:
        """Draw scores that were computed elsewhere.

        Parameters
        ----------
        scores : array-like of shape (n_samples, n_samples)
            Score of every X with every y, as from `skdcca.metrics.pair_scores`.
        names : pair of str, default=("X", "y")
            Names of the two views on the axes.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; a new figure if None.

        Returns
        -------
        display : SimilarityDisplay
            The drawn display.
        """
        return cls(scores=check_square(scores)).plot(ax, names=names)


def _outline_diagonal(ax, n):
    """Outline the cells of the diagonal in white within black, visible on dark and on light cells."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patheffects import Normal, Stroke

    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    squares = np.arange(n)[:, None, None] + corners
    width = np.clip(30 / n, 0.5, 1.2)
    effects = [Stroke(linewidth=2 * width, foreground="black"), Normal()]
    outlines = PolyCollection(
        squares, facecolors="none", edgecolors="white", linewidths=width, path_effects=effects
    )
    return ax.add_collection(outlines)
