"""Heat map of the scores of every row of X with every row of y."""

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
    """Heat map of the scores of every row of X with every row of y.

    The cells of the relevant items are on the diagonal and outlined. If the model confuses a row of X
    with another row of y, the cell of these two rows is brighter than the cell on the diagonal.
    The plot is readable for up to about fifty rows.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_samples)
        Score of every row of X (rows) with every row of y (columns).

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    image_ : matplotlib.image.AxesImage
        The heat map.
    diagonal_ : matplotlib.collections.PolyCollection
        The outlines of the cells on the diagonal.

    See Also
    --------
    skdcca.metrics.pair_scores : Compute the scores.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import SimilarityDisplay
    >>> X, y = np.hsplit(load_digits().data, 2)  # upper and lower halves of digits
    >>> model = LinearCCA(10, reg=1.0).fit(X[:1000], y[:1000])
    >>> display = SimilarityDisplay.from_estimator(
    ...     model, X[1000:1020], y[1000:1020], ax=Figure().subplots()
    ... )
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
            Axes to draw on. If None, a new figure is created.
        names : pair of str, default=("X", "y")
            Names of the two views on the axes.

        Returns
        -------
        self : SimilarityDisplay
            The display, with the attributes `ax_`, `figure_`, `image_` and `diagonal_`.

        Raises
        ------
        ValueError
            If `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
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
        """Compute and draw the scores of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like or list
            The two views of the same rows, preferably at most about fifty.
        names : pair of str, default=("X", "y")
            Names of the two views on the axes.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : SimilarityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the scores are not a square matrix with at least two rows, or `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
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
            Score of every row of X with every row of y, as from `skdcca.metrics.pair_scores`.
        names : pair of str, default=("X", "y")
            Names of the two views on the axes.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : SimilarityDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the scores are not a square matrix with at least two rows, or `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        return cls(scores=check_square(scores)).plot(ax, names=names)


def _outline_diagonal(ax, n):
    """Outline the cells on the diagonal in white and black, visible on dark and light cells."""
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
