"""Choose the ridges of both views from the data, by shrinkage of their correlation matrices."""

import numpy as np
from scipy.sparse import issparse

from skdcca._utils.blocks import slices_of

SHRINKAGES = ("auto", "ledoit_wolf", "oas")
# Uncorrelated columns have shrinkage 1, which would be an infinite ridge.
_LARGEST_RIDGE = 1.0
# A block holds at most this many numbers (32 MB).
_NUMBERS = 2**22


def regularize(views, regs, n, row_norms):
    """Set the ridges of two decomposed views.

    Parameters
    ----------
    views : pair of GramView or SingularView
        The views.
    regs : pair of float or {"auto", "ledoit_wolf", "oas"}
        Ridges, or the names of the rules that choose them.
    n : float
        Number of rows, or the sum of their weights.
    row_norms : callable
        Function that returns the mean fourth power of the norms of the rows of both views, as a pair.
        It is called only for "ledoit_wolf".
    """
    norms = row_norms() if "ledoit_wolf" in regs else (None, None)
    # The views span this fraction of the space of all centered variates. From 1 on, classical
    # correlations are 1 whatever the data are, and near 0 they need no ridge.
    fraction = sum(view.rank for view in views) / (n - 1)
    for view, reg, fourth in zip(views, regs, norms, strict=True):
        view.regularize(ridge_of(view, reg, n, fraction, fourth))


def ridge_of(view, reg, n, fraction, fourth=None):
    """Return the ridge of a view: the number `reg`, or the ridge that the rule `reg` chooses.

    `fraction` is the fraction of the space of all centered variates that the views span.
    """
    if not isinstance(reg, str):
        return float(reg)
    ridge = ridge_by_shrinkage(n, view.n_varying, view.squares, fourth)
    if reg == "auto":
        ridge = min(ridge, fraction**2)
    return float(ridge)


def ridge_by_shrinkage(n, n_columns, squares, fourth=None):
    """Return the ridge that corresponds to a shrinkage of the correlation matrix.

    The shrinkage s replaces the matrix R by ``(1 - s) * R + s * I``. This is proportional to R with
    the ridge ``s / (1 - s)``, which is limited to 1.

    Parameters
    ----------
    n : float
        Number of rows, or the sum of their weights.
    n_columns : int
        Number of columns that are not constant.
    squares : float
        Sum of the squared elements of R, whose diagonal has mean 1.
    fourth : float, default=None
        Mean fourth power of the norms of the centered rows, for the estimator of Ledoit and Wolf [1]_.
        If None, use the oracle approximating shrinkage [2]_, without its term of order 1/p, as
        scikit-learn does.

    References
    ----------
    .. [1] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", Journal of Multivariate Analysis 88 (2004).
    .. [2] Y. Chen, A. Wiesel, Y. C. Eldar and A. O. Hero, "Shrinkage algorithms for MMSE covariance
       estimation", IEEE Transactions on Signal Processing 58 (2010), equation 23.
    """
    if n_columns == 1:
        return 0.0
    error = (squares + n_columns**2) / (n + 1) if fourth is None else (fourth - squares) / n
    distance = squares - n_columns  # squared distance from R to the identity
    error = max(error, 0.0)
    if error >= _LARGEST_RIDGE * (distance - error):
        return _LARGEST_RIDGE
    return error / (distance - error)


class RowNorms:
    """Mean fourth power of the norms of the rows of views, centered and scaled as in the views."""

    def __init__(self, *decomposed):
        self._means = [view.mean for view in decomposed]
        self._factors = [_factors(view) for view in decomposed]
        self._weight, self._totals = 0.0, np.zeros(len(decomposed))

    def add(self, X, y, sample_weight=None):
        """Add rows of both views, with positive weights."""
        return self.add_views((X, y), sample_weight)

    def add_views(self, views, sample_weight=None):
        """Add rows of all views, with positive weights."""
        weight = np.ones(views[0].shape[0]) if sample_weight is None else sample_weight
        self._weight += weight.sum()
        for i, view in enumerate(views):
            squares = squared_norms(view, self._means[i], self._factors[i])
            self._totals[i] += weight @ squares**2
        return self

    def merge(self, other):
        """Add the rows of another `RowNorms`."""
        self._weight += other._weight
        self._totals = self._totals + other._totals
        return self

    def fourth_powers(self):
        """Return the mean fourth power of each view.

        The columns of the views have variance 1 with the divisor n - 1; here the divisor is n.
        """
        n = self._weight
        return self._totals / n * (n / (n - 1)) ** 2


def squared_norms(view, mean, factors):
    """Return the squared norms of the rows of a view, centered and multiplied by factors."""
    if issparse(view):
        squares = factors**2
        along = 2 * (view @ (squares * mean)) - squares @ mean**2
        return np.maximum(view.multiply(view) @ squares - along, 0.0)
    norms = np.empty(len(view))
    for rows in slices_of(len(view), max(1, _NUMBERS // len(mean))):
        scaled = (view[rows] - mean) * factors
        norms[rows] = np.einsum("ij,ij->i", scaled, scaled)
    return norms


def _factors(view):
    """Return what the columns are multiplied by; 0 for constant columns, which are rounding errors."""
    return np.where(view.spread > 0, 1 / view.scale, 0.0)
