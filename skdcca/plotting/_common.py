"""Styles, axes and argument checks that all displays share."""

from importlib import import_module

import numpy as np
from sklearn.utils.validation import check_array

from skdcca._utils.optional import needed_by

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
