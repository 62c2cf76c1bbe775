"""Correlation circle of the loadings of both views, with rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skdcca._utils.columns import shorten, strongest
from skdcca._utils.validation import check_integer
from skdcca.metrics import embed, standardize
from skdcca.plotting._common import (
    FIRST,
    REFERENCE,
    SECOND,
    axes_of,
    check_components,
    check_names,
    require_matplotlib,
    show_circle,
    size_of,
)
from skdcca.plotting._labels import place_names
from skdcca.plotting._structure import (
    VIEWS,
    names_or_numbers,
    structure_of_views,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)


class BiplotDisplay:
    """Loadings of both views on two components, in a circle of radius 1.

    Use it to see which columns of both views go together. Columns in the same direction are positively
    related, columns in opposite directions negatively. A column near the circle is described by the
    two components, a column near the center is not.

    Parameters
    ----------
    x_loadings, y_loadings : ndarray of shape (n_features, n_components)
        Correlation of each column with the variates of its view.
    feature_names_x, feature_names_y : sequence of str, default=None
        Names of all columns. If None, they are named ``x0``, ``x1``, ... and ``y0``, ``y1``, ...
    variates : ndarray of shape (n_samples, n_components), default=None
        Variates of rows, drawn as small crosses. If None, no rows are drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    points_ : pair of matplotlib.lines.Line2D
        The strongest columns of X and of y.
    rays_ : pair of matplotlib.collections.LineCollection
        The lines from the origin to them.
    strongest_ : pair of ndarray of int
        Indices of these columns, in descending order of their distance from the origin.
    names_ : list of matplotlib.text.Annotation
        The names. A name for which there is no room is left out.
    rows_ : matplotlib.lines.Line2D
        The rows, or None if `variates` is None.

    See Also
    --------
    skdcca.plotting.HelioDisplay : Loadings on one component.
    skdcca.plotting.SpaceDisplay : Rows without columns, with both views of each row.

    Examples
    --------
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import BiplotDisplay
    >>> exercise, physiology = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = LinearCCA(2, reg=0).fit(exercise, physiology)
    >>> display = BiplotDisplay.from_estimator(model, ax=Figure().subplots())
    >>> sorted(name.get_text() for name in display.names_)
    ['Chins', 'Jumps', 'Pulse', 'Situps', 'Waist', 'Weight']
    """

    def __init__(
        self,
        *,
        x_loadings: NDArray,
        y_loadings: NDArray,
        feature_names_x: Sequence[str] | NDArray | None = None,
        feature_names_y: Sequence[str] | NDArray | None = None,
        variates: NDArray | None = None,
    ) -> None:
        self.x_loadings = x_loadings
        self.y_loadings = y_loadings
        self.feature_names_x = feature_names_x
        self.feature_names_y = feature_names_y
        self.variates = variates

    def plot(
        self,
        ax: Axes | None = None,
        *,
        components: Sequence[int] = (0, 1),
        n_features: int = 10,
        names: Sequence[str] = ("X", "y"),
    ) -> BiplotDisplay:
        """Draw the circle, the columns and the rows.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        components : pair of int, default=(0, 1)
            Components on the horizontal and the vertical axis, counted from 0.
        n_features : int, default=10
            Number of columns of each view that have a line and a name. Those with the greatest
            distance from the origin are chosen. The others are drawn as small points.
        names : pair of str, default=("X", "y")
            Names of the two views in the legend.

        Returns
        -------
        self : BiplotDisplay
            The display, with `ax_`, `figure_` and what is drawn.

        Raises
        ------
        ValueError
            If `components` are not two different components, `n_features` is not an integer >= 1, or
            `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        check_integer("n_features", n_features)
        at = check_components(components, np.shape(self.x_loadings)[1])
        names = check_names(names)
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        _draw_circle(ax)
        self.rows_ = self._draw_rows(at)
        loadings = [np.asarray(view)[:, at] for view in (self.x_loadings, self.y_loadings)]
        self.strongest_ = tuple(_longest(view, n_features) for view in loadings)
        styles = (FIRST, SECOND)
        drawn = [
            _draw_columns(ax, *view)
            for view in zip(loadings, self.strongest_, names, styles, strict=True)
        ]
        self.points_, self.rays_ = zip(*drawn, strict=True)
        ax.set(xlabel=f"component {at[0] + 1}", ylabel=f"component {at[1] + 1}")
        ax.set(xticks=_TICKS, yticks=_TICKS)
        ax.legend(loc="upper left", fontsize="small", borderaxespad=0.3)
        size = size_of(ax)
        show_circle(ax, size, unit=size.min() / 2.24)
        self.names_ = self._write_names(loadings)
        return self

    def _draw_rows(self, components):
        """Draw the rows, scaled so that all are inside the circle."""
        if self.variates is None:
            return None
        rows = np.asarray(self.variates)[:, components]
        rows = rows / (np.hypot(*rows.T).max() or 1.0)
        style = {"linestyle": "none", "marker": "x", "markersize": 3, "color": "0.6", "zorder": 1}
        return self.ax_.plot(*rows.T, label="rows, scaled", **style)[0]

    def _write_names(self, loadings):
        """Write the names of the strongest columns, the longest lines first."""
        known = (self.feature_names_x, self.feature_names_y)
        points, names, colors = [], [], []
        for i, style in enumerate((FIRST, SECOND)):
            chosen = self.strongest_[i]
            of_view = names_or_numbers(known[i], loadings[i], VIEWS[i])
            points.append(loadings[i][chosen])
            names += [shorten(name) for name in of_view[chosen]]
            colors += [style["color"]] * len(chosen)
        points = np.vstack(points)
        order = np.argsort(-np.hypot(*points.T), kind="stable")
        return place_names(
            self.ax_, points[order], [names[i] for i in order], [colors[i] for i in order]
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        feature_names_x: Sequence[str] | NDArray | None = None,
        feature_names_y: Sequence[str] | NDArray | None = None,
        components: Sequence[int] = (0, 1),
        n_features: int = 10,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> BiplotDisplay:
        """Draw the loadings of a fitted model, and rows.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like, default=None
            Rows to draw. With both views, a row is drawn at the mean of its two standardized variates.
            The loadings of a kernel or deep model are measured on them. If None, no rows are drawn.
        feature_names_x, feature_names_y : sequence of str, default=None
            Names of all columns. If None, the names are taken from the model, the step before it or its
            `y_transformer`.
        components, n_features, names, ax
            As in `plot`.

        Returns
        -------
        display : BiplotDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator contains no two-view model, or the model has no loadings because it is not
            linear, and `X` or `y` is None.
        ValueError
            If the model has only one component, the numbers of names and columns differ, or an argument
            is invalid for `plot`.
        NotFittedError
            If the model is not fitted.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        values = structure_of_views(estimator, "own", X, y, (feature_names_x, feature_names_y))
        if values["y_loadings"].shape[1] < 2:
            raise ValueError(
                "A biplot needs at least two components, got 1. Fit a model with n_components >= 2, or "
                "use HelioDisplay."
            )
        display = cls(variates=_variates(estimator, X, y), **values)
        return display.plot(ax, components=components, n_features=n_features, names=names)


def _variates(estimator, X, y):
    """Return the standardized variates of rows, averaged over the given views."""
    if X is None and y is None:
        return None
    variates = embed(estimator, X, y)
    views = variates if isinstance(variates, tuple) else (variates,)
    weight = np.full(len(views[0]), 1 / len(views[0]))
    return np.mean([standardize(view.astype(np.float64), weight) for view in views], axis=0)


def _longest(loadings, n_features):
    """Return the indices of the columns with the greatest distance from the origin."""
    return strongest(np.hypot(*loadings.T)[:, None], n_features)


def _draw_circle(ax):
    from matplotlib.patches import Circle

    ax.axhline(0, **REFERENCE | {"linewidth": 0.6})
    ax.axvline(0, **REFERENCE | {"linewidth": 0.6})
    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.25", linewidth=1))
    ax.add_patch(Circle((0, 0), 0.5, fill=False, edgecolor="0.6", linewidth=0.8, linestyle=":"))


def _draw_columns(ax, loadings, chosen, name, style):
    """Draw the strongest columns with lines from the origin, and the others as small points."""
    from matplotlib.collections import LineCollection

    ends = loadings[chosen]
    segments = np.stack([np.zeros_like(ends), ends], axis=1)
    line = {"colors": style["color"], "linestyles": style["linestyle"], "linewidths": 1}
    rays = ax.add_collection(LineCollection(segments, zorder=2, **line))
    others = np.delete(loadings, chosen, axis=0)
    point = style | {"linestyle": "none"}
    ax.plot(*others.T, **point | {"markersize": 2.5, "alpha": 0.6})
    return ax.plot(*ends.T, label=name, **point)[0], rays
