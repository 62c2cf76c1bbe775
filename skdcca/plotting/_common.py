"""Styles, axes and argument checks that all displays share."""

from importlib import import_module

import numpy as np
from sklearn.utils.validation import check_array

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import is_integer

# Two colors of Okabe and Ito, which color-blind readers can distinguish.
_BLUE, _ORANGE = "#0072B2", "#D55E00"
FIRST = {"color": _BLUE, "linestyle": "-", "marker": "o", "markersize": 5}
SECOND = {
    "color": _ORANGE,
    "linestyle": "--",
    "marker": "^",
    "markersize": 6,
    "markerfacecolor": "white",
}
# Two more of their colors, for plots of more than two lines.
THIRD = {"color": "#009E73", "linestyle": "-.", "marker": "s", "markersize": 5}
FOURTH = {
    "color": "#AA5599",
    "linestyle": ":",
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
}
# Style of reference lines, such as zero, chance and the best epoch.
REFERENCE = {"color": "0.25", "linewidth": 1}


def require_matplotlib(display_class):
    """Raise MissingDependencyError if matplotlib is not installed, before any computation."""
    with needed_by(display_class.__name__, extra="plot"):
        import_module("matplotlib")


def axes_of(display, ax):
    """Return the given axes, or create a figure and return its axes if None."""
    require_matplotlib(type(display))
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax


def use_integer_ticks(axis):
    """Place ticks at integers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def mark_sparsely(n_points):
    """Return arguments of `plot` that draw markers at about ten points of a line."""
    return {"markevery": max(1, n_points // 10)}


def legend_above(ax, ncols):
    """Draw the legend above the axes, where it covers nothing."""
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.3}
    ax.legend(ncols=ncols, fontsize="small", columnspacing=1.2, **place)


def size_of(ax):
    """Return width and height of the axes in points, after the layout of the figure."""
    ax.figure.canvas.figure.draw_without_rendering()
    return ax.get_window_extent().size / ax.figure.dpi * 72


def show_circle(ax, size, unit, center=0.0):
    """Set limits for axes of the given size, with units of the given length, all in points.

    The limits have the proportions of the axes, so that there is room beside a circle. ``center`` is
    the horizontal position at their center.
    """
    half_width, half_height = size / 2 / unit
    ax.set(xlim=(center - half_width, center + half_width), ylim=(-half_height, half_height))
    ax.set_aspect("equal", adjustable="box")


def check_square(scores):
    """Return scores as a square matrix, after checking that it has at least two rows."""
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    if scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(
            f"`scores` must be square, with at least two rows, got shape {scores.shape}. Pass the score "
            "of every row of X with every row of y."
        )
    return scores


def check_names(names):
    """Return the names of the two views as a tuple, after checking them."""
    if isinstance(names, str) or len(names) != 2:
        raise ValueError(f"`names` must be a pair, one name for each view, got {names!r}.")
    return tuple(names)


def check_components(components, n):
    """Return a pair of components as a list, after checking that they are two of n."""
    are_integers = np.ndim(components) == 1 and all(is_integer(at, ge=0) for at in components)
    are_two = are_integers and len(components) == len(set(components)) == 2
    if not are_two or max(components) >= n:
        raise ValueError(
            f"`components` must be two different integers in [0, {n - 1}], got {components!r}."
        )
    return list(components)


def require_fields(result, fields, source):
    """Raise TypeError unless the result of a function of `skdcca.inference` has all fields."""
    for field in fields:
        if getattr(result, field, None) is None:
            raise TypeError(
                f"`result` must have {field}, got a {type(result).__name__} without it. Pass the "
                f"result of {source}."
            )
