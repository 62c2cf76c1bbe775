"""Follow the path of thresholds of a sparse component, and choose a threshold by cross-validation."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from skdcca._cca.sparse_columns import Columns
from skdcca._cca.sparse_correlation import held_out_correlation
from skdcca._cca.sparse_regression import Alternation
from skdcca._cca.sparse_start import starting_weights

# Thresholds, relative to the largest, from the first one down.
THRESHOLDS = (
    0.8,
    0.7,
    0.6,
    0.5,
    0.42,
    0.36,
    0.3,
    0.25,
    0.2,
    0.15,
    0.1,
    0.07,
    0.05,
    0.03,
    0.02,
    0.01,
)
# What is enough for a point on the path, which only the next point and a held-out correlation need.
_TOL, _MAX_ITER = 1e-4, 100
# The path ends after so many thresholds in a row that are no better than the best one before them.
_N_WORSE = 3


class Settings(NamedTuple):
    """Parameters of a fit, with thresholds and ridges as pairs."""

    l1: tuple[Any, Any]
    reg: tuple[float, float]
    tol: float
    max_iter: int


class PairFit:
    """Sparse components of some rows of both views.

    Parameters
    ----------
    x_values, y_values : ndarray of shape (n_samples, n_features)
        Standardized columns of all rows.
    rows : ndarray of int
        Rows of the fit.
    settings : Settings
        Parameters of the fit.
    """

    def __init__(self, x_values, y_values, rows, settings):
        self.x, self.y = Columns(x_values, rows), Columns(y_values, rows)
        self.settings = settings
        self.begin(None)

    def begin(self, alternation):
        """Start a component, or none."""
        self.alternation = self.common = alternation

    def step(self, l1):
        """Alternate at a pair of thresholds until the variates are almost stable."""
        tol = max(self.settings.tol, _TOL)
        self.alternation.step(l1, tol, min(self.settings.max_iter, _MAX_ITER))

    def follow(self, l1):
        """Follow the path down to a pair of thresholds, and return True if its end is stable."""
        for pair in _way_to(l1):
            self.step(pair)
        return self.alternation.step(l1, self.settings.tol, self.settings.max_iter)

    def visit(self, step, l1):
        """Go to a pair of thresholds by the way of `follow`, after all larger steps were visited.

        Ways to different pairs are the same down to `step`, which is where they part.
        """
        self.alternation = self.common
        shared = _on_the_way(step, l1)
        self.step(shared)
        if shared != l1:
            # A view with a fixed threshold goes on alone.
            self.alternation = self.common.copy()
            for pair in _way_to(l1):
                if min(pair) < step:
                    self.step(pair)
            self.step(l1)

    def weights(self):
        """Return the weights of the deflated columns of both views at the current thresholds."""
        return self.alternation.x.weights(), self.alternation.y.weights()

    def held_out(self, rows):
        """Return the variates of rows that are not in the fit, of shape (2, n_rows)."""
        views = zip((self.x, self.y), self.weights(), strict=True)
        return np.stack([columns.project(rows, columns.original(own)) for columns, own in views])

    def finish(self, weights):
        """End a component: remove its variates from the columns."""
        for columns, own in zip((self.x, self.y), weights, strict=True):
            columns.deflate(own)
        self.begin(None)


def _way_to(l1):
    """Return the pairs of thresholds from the first step of the path to the last one before `l1`."""
    steps = [step for step in THRESHOLDS if step > min(l1) and max(l1) > 0]
    return list(dict.fromkeys(_on_the_way(step, l1) for step in steps))


def _on_the_way(step, l1):
    """Return the thresholds of a step of the path; a view without a threshold never has one."""
    return tuple(max(own, step) if own > 0 else 0.0 for own in l1)


def begin_component(fits):
    """Start a component of each fit; all of them share one pass over the cross-covariances."""
    found = starting_weights([(fit.x, fit.y) for fit in fits])
    for fit, weights in zip(fits, found, strict=True):
        fit.begin(Alternation(fit.x, fit.y, fit.settings.reg, weights))


class Point(NamedTuple):
    """Held-out correlation of all folds at a pair of thresholds.

    `chance` is what unrelated views may reach, `n_selected` are mean numbers of columns, and `weights`
    are those of both views in each fold.
    """

    l1: tuple[float, float]
    correlation: float
    standard_error: float
    chance: float
    n_selected: tuple[float, float]
    weights: list


def follow_folds(folds, tests, settings, units):
    """Return the points of the path of a component, which all folds follow together.

    Parameters
    ----------
    folds : list of PairFit
        Fits to the training rows of each fold.
    tests : list of ndarray
        Held-out rows of each fold.
    settings : Settings
        Parameters, whose thresholds are numbers or "cv".
    units : ndarray of int of shape (n_samples,)
        Number of the group of each row, or of the row.
    """
    points = []
    for step in _steps(folds, settings):
        l1 = tuple(step if own == "cv" else own for own in settings.l1)
        for fold in folds:
            fold.visit(step, l1)
        points.append(_point(folds, tests, l1, units))
        if _is_over(points, folds):
            break
    return points


def _steps(folds, settings):
    """Return the thresholds of the path, which end at 0 if classical CCA is possible there."""
    if not set(settings.l1) <= {"cv", 0.0}:
        return THRESHOLDS
    n_columns = sum(columns.values.shape[1] for columns in (folds[0].x, folds[0].y))
    is_tall = n_columns < min(len(fold.x.rows) for fold in folds) - 1
    return (*THRESHOLDS, 0.0) if is_tall else THRESHOLDS


def _point(folds, tests, l1, units):
    zx, zy = np.hstack([fold.held_out(test) for fold, test in zip(folds, tests, strict=True)])
    weights = [fold.weights() for fold in folds]
    n_selected = np.mean([[np.count_nonzero(own) for own in pair] for pair in weights], axis=0)
    kept = [tuple(csr_array(own[None]) for own in pair) for pair in weights]
    n_train = np.mean([len(fold.x.rows) for fold in folds])
    found = held_out_correlation(zx, zy, n_train, units[np.concatenate(tests)])
    return Point(l1, *found, tuple(n_selected), kept)


def _is_over(points, folds):
    """Return True if smaller thresholds of the chosen views would probably be worse."""
    fold, point = folds[0], points[-1]
    l1, reg, _, _ = fold.settings
    # A view with a smaller fixed threshold may fit noise until the other one has come down, too.
    is_behind = any(own not in ("cv", 0) and max(point.l1) > own for own in l1)
    if not is_behind and len(points) > points.index(best_of(points)) + _N_WORSE:
        return True
    # Without a ridge, a regression with so many columns for its rows fits noise.
    n_rows = len(fold.x.rows)
    views = zip((fold.x, fold.y), l1, reg, point.n_selected, strict=True)
    return any(
        l1 == "cv" and reg == 0 and columns.values.shape[1] > n_rows and n_selected > n_rows / 4
        for columns, l1, reg, n_selected in views
    )


def best_of(points):
    """Return the point with the largest held-out correlation."""
    return max(points, key=lambda point: point.correlation)


def choose(points):
    """Return the sparsest point that is at most one standard error worse than the best one."""
    best = best_of(points)
    limit = best.correlation - best.standard_error
    return next(point for point in points if point.correlation >= limit)
