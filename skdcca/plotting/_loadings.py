"""Heat map of the loadings of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skdcca._utils.columns import shorten, strongest
from skdcca._utils.validation import check_integer, check_option
from skdcca.plotting._common import axes_of, require_matplotlib
from skdcca.plotting._structure import (
    KINDS,
    VIEWS,
    choose_names,
    intervals_of,
    names_or_numbers,
    structure_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PALE = 0.3  # opacity of loadings that may be 0


class LoadingsDisplay:
    """Heat map of the columns that correlate most with the components of a model.

    Use it to interpret components: the loading of a column is its correlation with the variate of its
    view, its cross-loading the correlation with the variate of the other view. Each cell shows its
    correlation as a number. With intervals, correlations that may be 0 are pale and in parentheses.

    Parameters
    ----------
    loadings : ndarray of shape (n_features, n_components)
        Correlation of each column of a view with each of its variates.
    feature_names : sequence of str, default=None
        Names of all columns of the view. If None, they are named ``x0``, ``x1``, ... or ``y0``,
        ``y1``, ...
    view : {"x", "y"}, default="x"
        View that the columns belong to.
    kind : {"own", "cross"}, default="own"
        Whether `loadings` are loadings or cross-loadings.
    intervals : pair of ndarray of shape (n_features, n_components), default=None
        Lower and upper limits of the loadings.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    image_ : matplotlib.image.AxesImage
        The heat map.
    strongest_ : ndarray of int
        Indices of the drawn columns, in descending order of their greatest absolute correlation.

    See Also
    --------
    skdcca.LinearCCA : The model, with the attributes `x_loadings_` and `y_loadings_`.
    skdcca.plotting.HelioDisplay : Loadings of both views around a circle.

    Examples
    --------
    Sit-ups are the exercise that correlates most with weight, waist and pulse:

    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import LoadingsDisplay
    >>> exercise, physiology = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = LinearCCA(1).fit(exercise, physiology)
    >>> display = LoadingsDisplay.from_estimator(model, n_features=2, ax=Figure().subplots())
    >>> display.feature_names[display.strongest_].tolist()
    ['Situps', 'Chins']
    """

    def __init__(
        self,
        *,
        loadings: NDArray,
        feature_names: Sequence[str] | NDArray | None = None,
        view: str = "x",
        kind: str = "own",
        intervals: tuple[NDArray, NDArray] | None = None,
    ) -> None:
        self.loadings = loadings
        self.feature_names = feature_names
        self.view = view
        self.kind = kind
        self.intervals = intervals

    def plot(
        self, ax: Axes | None = None, *, n_features: int = 10, n_components: int = 3
    ) -> LoadingsDisplay:
        """Draw the strongest loadings.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        n_features : int, default=10
            Number of columns to draw. The columns with the greatest absolute correlations with the drawn
            components are chosen. If there are fewer columns, all are drawn.
        n_components : int, default=3
            Number of components to draw, starting with the first. If there are fewer, all are drawn.

        Returns
        -------
        self : LoadingsDisplay
            The display, with the attributes `ax_`, `figure_`, `image_` and `strongest_`.

        Raises
        ------
        ValueError
            If `n_features` or `n_components` is not an integer >= 1.
        MissingDependencyError
            If matplotlib is not installed.
        """
        check_integer("n_features", n_features)
        check_integer("n_components", n_components)
        loadings = np.asarray(self.loadings)[:, :n_components]
        self.strongest_ = strongest(loadings, n_features)
        loadings = loadings[self.strongest_]
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        certain = self._certain(loadings.shape)
        self.image_ = _draw_cells(ax, loadings, certain)
        _write_values(ax, self.image_, loadings, certain)
        self._label_axes(ax, loadings.shape[1])
        self.figure_.colorbar(self.image_, ax=ax, label=self._meaning())
        return self

    def _certain(self, shape):
        """Return which of the drawn loadings have an interval without 0."""
        if self.intervals is None:
            return np.ones(shape, dtype=bool)
        low, high = (np.asarray(limit)[self.strongest_, : shape[1]] for limit in self.intervals)
        return (low > 0) | (high < 0)

    def _label_axes(self, ax, n_components):
        names = names_or_numbers(self.feature_names, self.loadings, self.view)[self.strongest_]
        ax.set_xticks(range(n_components), range(1, n_components + 1))
        ax.set_yticks(range(len(names)), [shorten(name, 30) for name in names], parse_math=False)
        note = "" if self.intervals is None else "\n(in parentheses: interval contains 0)"
        ax.set(xlabel=f"component{note}", ylabel=f"column of {_title(self.view)}")

    def _meaning(self):
        other = "y" if self.view == "x" else "x"
        return "correlation with the variate" + (
            f" of {_title(other)}" if self.kind == "cross" else ""
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        view: str = "x",
        kind: str = "own",
        feature_names: Sequence[str] | NDArray | None = None,
        n_features: int = 10,
        n_components: int = 3,
        ax: Axes | None = None,
    ) -> LoadingsDisplay:
        """Draw the loadings or cross-loadings of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like, default=None
            The two views of the same rows, for example the training rows, on which the loadings of
            kernel and deep models are measured. A linear model knows its loadings.
        view : {"x", "y"}, default="x"
            View that the columns belong to.
        kind : {"own", "cross"}, default="own"
            Correlations with the variates of the same view, or of the other view.
        feature_names : sequence of str, default=None
            Names of all columns of the view. If None, the names are taken from the model, the step
            before it or its `y_transformer`.
        n_features, n_components, ax
            As in `plot`.

        Returns
        -------
        display : LoadingsDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator contains no two-view model, or the model has no loadings because it is not
            linear, and `X` or `y` is None.
        ValueError
            If a parameter is out of range, or the numbers of names and columns differ.
        NotFittedError
            If the model is not fitted.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        check_option("view", view, VIEWS)
        check_option("kind", kind, KINDS)
        loadings, known = structure_of(estimator, view, kind, X, y)
        names = choose_names(feature_names, known, loadings, view)
        display = cls(loadings=loadings, feature_names=names, view=view, kind=kind)
        return display.plot(ax, n_features=n_features, n_components=n_components)

    @classmethod
    def from_intervals(
        cls,
        result: Any,
        *,
        view: str = "x",
        kind: str = "own",
        feature_names: Sequence[str] | NDArray | None = None,
        n_features: int = 10,
        n_components: int = 3,
        ax: Axes | None = None,
    ) -> LoadingsDisplay:
        """Draw loadings or cross-loadings with their confidence intervals.

        Parameters
        ----------
        result : sklearn.utils.Bunch
            Result of `skdcca.canonical_correlation_intervals` for a `LinearCCA`.
        view : {"x", "y"}, default="x"
            View that the columns belong to.
        kind : {"own", "cross"}, default="own"
            Correlations with the variates of the same view, or of the other view.
        feature_names : sequence of str, default=None
            Names of all columns of the view. If None, the names in the result are taken.
        n_features, n_components, ax
            As in `plot`.

        Returns
        -------
        display : LoadingsDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the result has no intervals of loadings, because its model is not linear.
        ValueError
            If a parameter is out of range, or the numbers of names and columns differ.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        check_option("view", view, VIEWS)
        check_option("kind", kind, KINDS)
        loadings, intervals, known = intervals_of(result, view, kind)
        names = choose_names(feature_names, known, loadings, view)
        display = cls(
            loadings=loadings, feature_names=names, view=view, kind=kind, intervals=intervals
        )
        return display.plot(ax, n_features=n_features, n_components=n_components)


def _title(view):
    return "X" if view == "x" else "y"


def _draw_cells(ax, loadings, certain):
    """Draw a cell for each loading, pale if it is not certain."""
    largest = np.abs(loadings).max() or 1.0
    limits = {"vmin": -largest, "vmax": largest}
    alpha = None if certain.all() else np.where(certain, 1.0, _PALE)
    return ax.imshow(loadings, cmap="PuOr_r", alpha=alpha, aspect="auto", **limits)


def _write_values(ax, image, values, certain):
    """Write the value into each cell, in a size that fits and a color that is readable."""
    cell = ax.get_window_extent().size / ax.figure.dpi * 72 / values.shape[::-1]
    width = 4.2 if certain.all() else 5.0  # a cell holds five or seven characters and a margin
    size = min(10, *cell / (width, 1.3))  # in points
    for (row, column), value in np.ndenumerate(values):
        brightness = image.to_rgba(value)[:3] @ np.array([0.299, 0.587, 0.114])
        dark = brightness <= 0.5 and certain[row, column]
        text = f"{value:+.2f}".replace("-", "−")
        text = text if certain[row, column] else f"({text})"
        color = "white" if dark else "black"
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
