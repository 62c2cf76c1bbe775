"""Loadings of both views on one component, as bars around a circle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skdcca._utils.columns import shorten, strongest
from skdcca._utils.validation import check_integer, check_option
from skdcca.plotting._common import (
    FIRST,
    SECOND,
    axes_of,
    check_names,
    require_matplotlib,
    show_circle,
    size_of,
)
from skdcca.plotting._labels import spread
from skdcca.plotting._structure import (
    KINDS,
    VIEWS,
    intervals_of_views,
    names_or_numbers,
    structure_of_views,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In units of the circle of loading 0: length of a bar of loading 1, and radius of the names.
_LENGTH, _NAMES = 0.45, 1.58
# In degrees: free on both sides of the vertical, and the widest bar.
_FREE, _WIDEST = 9, 14
_POINTS = 9.0  # size of the names, if there is room
_BLACK = "0.15"
# Loading, text, color and line of each ring.
_RINGS = [(-1, "−1", "0.6", ":"), (0, "0", _BLACK, "-"), (1, "1", "0.6", ":")]


class HelioDisplay:
    """Loadings of both views on one component, as bars around a circle.

    Use it to see what a component is made of. The columns of X are on the right, those of y on the
    left, in their order in the data. Filled bars outward are positive loadings, hollow bars inward
    negative ones; the outer and the inner ring are the loadings 1 and -1.

    Parameters
    ----------
    x_loadings, y_loadings : ndarray of shape (n_features, n_components)
        Correlation of each column with the variates of its view, or of the other view if `kind` is
        "cross".
    feature_names_x, feature_names_y : sequence of str, default=None
        Names of all columns. If None, they are named ``x0``, ``x1``, ... and ``y0``, ``y1``, ...
    kind : {"own", "cross"}, default="own"
        Whether loadings or cross-loadings are drawn.
    x_intervals, y_intervals : pair of ndarray of shape (n_features, n_components), default=None
        Lower and upper limits of the loadings, drawn as a line along each bar.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    bars_ : pair of list of matplotlib.patches.Wedge
        The bars of X and of y, from the top to the bottom.
    names_ : pair of list of matplotlib.text.Text
        Their names.
    drawn_ : pair of ndarray of int
        Indices of the drawn columns of X and of y.

    See Also
    --------
    skdcca.plotting.BiplotDisplay : Loadings on two components.
    skdcca.plotting.LoadingsDisplay : Loadings of one view on several components.

    Notes
    -----
    The plot is that of the R package yacca [1]_.

    References
    ----------
    .. [1] C. T. Butts, "yacca: Yet Another Canonical Correlation Analysis Package", R package.

    Examples
    --------
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import HelioDisplay
    >>> exercise, physiology = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = LinearCCA(1, reg=0).fit(exercise, physiology)
    >>> display = HelioDisplay.from_estimator(model, ax=Figure().subplots())
    >>> [[name.get_text() for name in names] for names in display.names_]
    [['Chins', 'Situps', 'Jumps'], ['Weight', 'Waist', 'Pulse']]
    """

    def __init__(
        self,
        *,
        x_loadings: NDArray,
        y_loadings: NDArray,
        feature_names_x: Sequence[str] | NDArray | None = None,
        feature_names_y: Sequence[str] | NDArray | None = None,
        kind: str = "own",
        x_intervals: tuple[NDArray, NDArray] | None = None,
        y_intervals: tuple[NDArray, NDArray] | None = None,
    ) -> None:
        self.x_loadings = x_loadings
        self.y_loadings = y_loadings
        self.feature_names_x = feature_names_x
        self.feature_names_y = feature_names_y
        self.kind = kind
        self.x_intervals = x_intervals
        self.y_intervals = y_intervals

    def plot(
        self,
        ax: Axes | None = None,
        *,
        component: int = 0,
        n_features: int = 12,
        names: Sequence[str] = ("X", "y"),
    ) -> HelioDisplay:
        """Draw the bars of one component.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        component : int, default=0
            Component to draw, counted from 0.
        n_features : int, default=12
            Number of columns of each view to draw. Those with the greatest absolute loadings are
            chosen. If there are fewer columns, all are drawn.
        names : pair of str, default=("X", "y")
            Names of the two views.

        Returns
        -------
        self : HelioDisplay
            The display, with `ax_`, `figure_`, `bars_`, `names_` and `drawn_`.

        Raises
        ------
        ValueError
            If `component` is not a component of the loadings, `n_features` is not an integer >= 1, or
            `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        check_integer("component", component, ge=0, le=np.shape(self.x_loadings)[1] - 1)
        check_integer("n_features", n_features)
        names = check_names(names)
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        halves = self._halves(component, n_features)
        for name, half, where in zip(names, halves, ("right", "left"), strict=True):
            ax.set_title(name, loc=where, color=half.color)
        ax.set_axis_off()
        size = size_of(ax)  # before texts are there, for which a layout would make room
        self.drawn_ = tuple(half.chosen for half in halves)
        self.bars_ = tuple(_draw_bars(ax, half) for half in halves)
        self.names_ = tuple(_write_names(ax, half) for half in halves)
        unit, points = _set_limits(ax, halves, self.names_, size)
        for half, of_view in zip(halves, self.names_, strict=True):
            _place(ax, half, of_view, unit, points)
        _draw_rings(ax, component, self.kind, unit)
        return self

    def _halves(self, component, n_features):
        """Return what is drawn of both views."""
        views = [
            (self.x_loadings, self.feature_names_x, self.x_intervals),
            (self.y_loadings, self.feature_names_y, self.y_intervals),
        ]
        halves = []
        for view, style, (loadings, names, intervals) in zip(
            VIEWS, (FIRST, SECOND), views, strict=True
        ):
            loadings = np.asarray(loadings)
            chosen = np.sort(strongest(loadings[:, [component]], n_features))
            names = names_or_numbers(names, loadings, view)[chosen]
            limits = [np.asarray(limit)[chosen, component] for limit in intervals or ()]
            values = loadings[chosen, component]
            halves.append(_Half(view, style["color"], chosen, values, names, limits))
        return halves

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        kind: str = "own",
        feature_names_x: Sequence[str] | NDArray | None = None,
        feature_names_y: Sequence[str] | NDArray | None = None,
        component: int = 0,
        n_features: int = 12,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> HelioDisplay:
        """Draw the loadings or cross-loadings of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like, default=None
            The two views of the same rows, for example the training rows, on which the loadings of
            kernel and deep models are measured. A linear model knows its loadings.
        kind : {"own", "cross"}, default="own"
            Correlations with the variates of the same view, or of the other view.
        feature_names_x, feature_names_y : sequence of str, default=None
            Names of all columns. If None, the names are taken from the model, the step before it or its
            `y_transformer`.
        component, n_features, names, ax
            As in `plot`.

        Returns
        -------
        display : HelioDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator contains no two-view model, or the model has no loadings because it is not
            linear, and `X` or `y` is None.
        ValueError
            If the numbers of names and columns differ, or an argument is invalid for `plot`.
        NotFittedError
            If the model is not fitted.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        check_option("kind", kind, KINDS)
        values = structure_of_views(estimator, kind, X, y, (feature_names_x, feature_names_y))
        display = cls(kind=kind, **values)
        return display.plot(ax, component=component, n_features=n_features, names=names)

    @classmethod
    def from_intervals(
        cls,
        result: Any,
        *,
        kind: str = "own",
        feature_names_x: Sequence[str] | NDArray | None = None,
        feature_names_y: Sequence[str] | NDArray | None = None,
        component: int = 0,
        n_features: int = 12,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> HelioDisplay:
        """Draw loadings or cross-loadings with their confidence intervals.

        Parameters
        ----------
        result : sklearn.utils.Bunch
            Result of `skdcca.canonical_correlation_intervals` for a `LinearCCA`.
        kind : {"own", "cross"}, default="own"
            Correlations with the variates of the same view, or of the other view.
        feature_names_x, feature_names_y : sequence of str, default=None
            Names of all columns. If None, the names in the result are taken.
        component, n_features, names, ax
            As in `plot`.

        Returns
        -------
        display : HelioDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the result has no intervals of loadings, because its model is not linear.
        ValueError
            If the numbers of names and columns differ, or an argument is invalid for `plot`.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        check_option("kind", kind, KINDS)
        values = intervals_of_views(result, kind, (feature_names_x, feature_names_y))
        display = cls(kind=kind, **values)
        return display.plot(ax, component=component, n_features=n_features, names=names)


@dataclass
class _Half:
    """One view of a helio plot: its columns from the top to the bottom."""

    view: str
    color: str
    chosen: NDArray
    loadings: NDArray
    names: NDArray
    limits: list[NDArray]

    @property
    def side(self):
        """Return 1 on the right and -1 on the left."""
        return 1 if self.view == "x" else -1

    @property
    def step(self):
        """Return the angle between two bars, in degrees."""
        return (180 - 2 * _FREE) / len(self.chosen)

    @property
    def angles(self):
        """Return the angles of the bars in degrees, counterclockwise from the right."""
        down = 90 - _FREE - (np.arange(len(self.chosen)) + 0.5) * self.step
        return down if self.view == "x" else 180 - down


def _draw_rings(ax, component, kind, unit):
    """Draw the rings of the loadings -1, 0 and 1, and what the plot shows at the center."""
    from matplotlib.patches import Circle

    center = {"ha": "center", "va": "center", "zorder": 3}
    white = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    size = min(7, 0.1 * unit)
    for loading, text, color, line in _RINGS:
        radius = 1 + _LENGTH * loading
        ax.add_patch(Circle((0, 0), radius, fill=False, edgecolor=color, linestyle=line, zorder=1))
        ax.text(0, radius, text, fontsize=size, bbox=white, **center)
    title = f"component {component + 1}" + ("\ncross-loadings" if kind == "cross" else "")
    text = f"{title}\n■ positive\n□ negative"
    ax.text(0, 0, text, fontsize=min(8, 0.12 * unit), **center)


def _draw_bars(ax, half):
    """Draw the bars, and their intervals, and return the bars."""
    from matplotlib.patches import Wedge

    width = min(0.8 * half.step, _WIDEST) / 2
    bars = []
    for loading, angle in zip(half.loadings, half.angles, strict=True):
        length = _LENGTH * abs(loading)
        outer = 1 + length if loading > 0 else 1
        face = half.color if loading > 0 else "white"
        style = {"facecolor": face, "edgecolor": half.color, "linewidth": 1.2, "zorder": 2}
        bar = Wedge((0, 0), outer, angle - width, angle + width, width=length, **style)
        bars.append(ax.add_patch(bar))
    if half.limits:
        _draw_intervals(ax, half)
    return bars


def _draw_intervals(ax, half):
    """Draw a line from the lower to the upper limit of each loading."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    angles = np.deg2rad(half.angles)
    ends = [_at(angles, 1 + _LENGTH * limit) for limit in half.limits]
    lines = np.stack(ends, axis=1)
    border = [withStroke(linewidth=3, foreground="white")]  # so that it shows on a filled bar
    style = {"colors": _BLACK, "linewidths": 1.2, "zorder": 3, "path_effects": border}
    ax.add_collection(LineCollection(lines, **style))


def _at(angles, radius):
    """Return the points at the angles, in radians, and radii."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.reshape(radius, (-1, 1))


def _write_names(ax, half):
    """Write the names of the columns, of which `_place` sets the positions."""
    style = {"ha": "left" if half.side > 0 else "right", "va": "center", "fontsize": _POINTS}
    return [ax.text(0, 0, shorten(name, 20), parse_math=False, **style) for name in half.names]


def _set_limits(ax, halves, texts, size):
    """Set limits in which circle and names fit.

    Return the length of the radius and the size of the names, in points.
    """
    widths = [_widths(of_view) for of_view in texts]
    reach = [_NAMES * np.abs(np.cos(np.deg2rad(half.angles))) + 0.15 for half in halves]
    # The names of any two columns must fit beside the circle.
    both_widths, both_reach = np.add.outer(*widths), np.add.outer(*reach)
    unit = min(size[1] / 2 / (_NAMES + 0.05), np.min((size[0] - both_widths) / both_reach))
    unit = max(unit, 0.25 * min(size) / _NAMES)
    scale = min(1.0, np.min((size[0] - unit * both_reach) / both_widths))
    right, left = (
        max(_NAMES, np.max(r + scale * w / unit)) for r, w in zip(reach, widths, strict=True)
    )
    show_circle(ax, size, unit, center=(right - left) / 2)
    return unit, scale * _POINTS


def _widths(texts):
    """Return the widths of texts in points."""
    point = texts[0].figure.dpi / 72
    return np.array([text.get_window_extent().width / point for text in texts])


def _place(ax, half, texts, unit, points):
    """Move the names beside their bars, apart from each other, and draw lines to the bars."""
    room = 2 * _NAMES * unit / len(texts)  # in points, for a line
    size = min(points, room / 1.25)
    angles = np.deg2rad(half.angles)
    wanted = _NAMES * np.sin(angles)
    order = np.argsort(wanted)
    heights = np.empty(len(texts))
    heights[order] = spread(wanted[order], 1.25 * size / unit, -_NAMES, _NAMES)
    start = _at(angles, 1 + _LENGTH)
    for text, (x, y), height in zip(texts, start, heights, strict=True):
        across = half.side * np.sqrt(max(_NAMES**2 - height**2, 0.2**2))
        text.set(position=(across + half.side * 0.05, height), fontsize=size)
        ax.plot([x, across], [y, height], color="0.6", linewidth=0.6, zorder=1)
