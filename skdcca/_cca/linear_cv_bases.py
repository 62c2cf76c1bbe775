"""Decompose training rows once for all ridges, and express held-out rows in the same bases."""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.sparse import issparse

from skdcca._cca.algebra import leading_svd
from skdcca._cca.linear_cv_search import HeldOut, moments_of
from skdcca._cca.linear_views import GramView, decomposed
from skdcca._cca.shrinkage import ridge_of
from skdcca._utils.blocks import slices_of

# Directions are computed in blocks of at most this many numbers (32 MB).
_NUMBERS = 2**22


class Solution(NamedTuple):
    """Correlations of the training rows, and weights of the directions of both views.

    `flags` say which views are standardized.
    """

    correlations: np.ndarray
    x_weights: np.ndarray
    y_weights: np.ndarray
    flags: tuple

    @classmethod
    def of(cls, singular, roots, flags=None):
        """Return the solution of leading singular vectors, and of the deviations with a ridge."""
        (x_turn, correlations, y_turn), (x_root, y_root) = singular, roots
        correlations = np.clip(correlations, 0.0, 1.0)
        return cls(correlations, x_turn / x_root[:, None], y_turn / y_root[:, None], flags)


class EigenView(GramView):
    """View decomposed by all eigenvectors of its correlation matrix, in which a ridge is diagonal."""

    def diagonalize(self):
        """Compute the eigenvectors; return False if the matrix is too close to singular."""
        if not self.factor():
            return False
        variance, right = linalg.eigh(self.correlation, check_finite=False)
        self._eigen = np.maximum(variance, 0.0), right
        return True

    def directions(self, columns=slice(None)):
        """Return the weights of the scaled columns for some directions."""
        _, right = self._eigen
        return self._of_all_columns(right[:, columns])


class PairBasis:
    """Both views of training rows in bases in which every ridge is diagonal.

    Parameters
    ----------
    views : pair of EigenView or SingularView
        The views.
    cross : ndarray of shape (x_rank, y_rank)
        Covariance of the directions of both views; of singular views, their correlation.
    total : float
        Sum of the weights of the rows.
    flags : pair of bool
        Which views are standardized.
    """

    def __init__(self, views, cross, total, flags):
        self.views, self.cross, self.total, self.flags = views, cross, total, flags
        self.variances = [_variance(view) for view in views]
        # Those by which the elements of the cross product are multiplied.
        self._deviations = [1.0 if isinstance(v, EigenView) else v.variation for v in views]

    @classmethod
    def of_moments(cls, moments, flags, at_any_cost):
        """Return the basis of moments, or None if a correlation matrix is too close to singular."""
        *covariances, cross = moments.covariances()
        views = [EigenView(moments, i, covariances[i], flags[i]) for i in (0, 1)]
        for view in views:
            if not view.diagonalize():
                if not at_any_cost:
                    return None
                view.decompose()
        x_view, y_view = views
        cross = cross[np.ix_(x_view.kept, y_view.kept)] / x_view.divisor[:, None] / y_view.divisor
        return cls(views, x_view._eigen[1].T @ cross @ y_view._eigen[1], moments.weight, flags)

    @classmethod
    def of_rows(cls, rows, flags):
        """Return the basis of rows, by the singular values of both views."""
        x_view = decomposed(rows.X, "X", rows.weight, flags[0])
        y_view = decomposed(rows.y, "y", rows.weight, flags[1])
        return cls((x_view, y_view), x_view.left.T @ y_view.left, rows.total, flags)

    def ridges(self, regs, row_norms):
        """Return the ridges of both views; ``row_norms(views)`` is only called for "ledoit_wolf"."""
        norms = row_norms(self.views) if "ledoit_wolf" in regs else (None, None)
        fraction = sum(view.rank for view in self.views) / (self.total - 1)
        return [
            ridge_of(view, reg, self.total, fraction, fourth)
            for view, reg, fourth in zip(self.views, regs, norms, strict=True)
        ]

    def whitened(self, ridges):
        """Return the whitened cross-covariance, and the deviations with a ridge of both views."""
        roots = [
            np.sqrt(variance + ridge)
            for variance, ridge in zip(self.variances, ridges, strict=True)
        ]
        x_shrink, y_shrink = (
            deviation / root for deviation, root in zip(self._deviations, roots, strict=True)
        )
        # The same arithmetic as in LinearCCA: of equal correlations, any rotation is a solution.
        return x_shrink[:, None] * self.cross * y_shrink, *roots

    def solve(self, ridges, n_components):
        """Return the solution with these ridges."""
        cross, *roots = self.whitened(ridges)
        return Solution.of(leading_svd(cross, n_components), roots, self.flags)


def _variance(view):
    return view._eigen[0] if isinstance(view, EigenView) else view.variation**2


class HeldOutRows:
    """Rows of a fold in the bases of its training rows."""

    def __init__(self, basis, rows, centered=True):
        self._x = in_basis(basis.views[0], rows.X)
        self._y = in_basis(basis.views[1], rows.y)
        self._weight, self._centered = rows.weight, centered

    def variates(self, solution):
        """Return the variates of both views."""
        return self._x @ solution.x_weights, self._y @ solution.y_weights

    def moments(self, solution):
        """Return the second moments of the variates."""
        return moments_of(*self.variates(solution), self._weight, centered=self._centered)


class HeldOutMoments:
    """Moments of the held-out rows of a fold in the bases of its training rows."""

    def __init__(self, basis, moments):
        # The total weight may be 1.
        *squares, cross = moments.covariances(ddof=0)
        turns = [_columns_in_units(view, moments, i) for i, view in enumerate(basis.views)]
        x_turn, y_turn = turns
        self._x, self._y = (
            turn.T @ square @ turn for turn, square in zip(turns, squares, strict=True)
        )
        self._cross = x_turn.T @ cross @ y_turn

    def moments(self, solution):
        """Return the second moments of the variates."""
        x, y = solution.x_weights, solution.y_weights
        x_squares, y_squares = _diagonal(x, self._x @ x), _diagonal(y, self._y @ y)
        # Squares of columns that are constant in these rows are exactly 0, as moments have an origin.
        squares = np.maximum(x_squares, 0.0), np.maximum(y_squares, 0.0)
        return HeldOut(_diagonal(x, self._cross @ y), *squares)


def _columns_in_units(view, moments, side):
    """Return the weights of the directions for the columns in the units of moments."""
    unit = moments.units[side]
    return (unit / view.scale)[:, None] * view.directions()


def _diagonal(x, y):
    """Return the diagonal of ``x.T @ y``."""
    return np.einsum("ij,ij->j", x, y)


def in_basis(view, rows):
    """Return the coordinates of rows in the directions of a decomposed view."""
    found = np.empty((rows.shape[0], view.rank))
    for columns in slices_of(view.rank, max(1, _NUMBERS // len(view.mean))):
        weights = view.directions(columns) / view.scale[:, None]
        found[:, columns] = _project(rows, view.mean, weights)
    return found


def _project(rows, mean, weights):
    if issparse(rows):
        return rows @ weights - mean @ weights
    found = np.empty((len(rows), weights.shape[1]))
    for some in slices_of(len(rows), max(1, _NUMBERS // len(mean))):
        found[some] = (rows[some] - mean) @ weights
    return found
