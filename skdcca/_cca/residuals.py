"""Decompose views without the part that confounds explain.

The views are expressed in an orthonormal basis of the space that is orthogonal to a constant and to
the confounds [1]_ [2]_. In this basis residuals have as many rows as degrees of freedom, and rows of
independent normal data stay independent.

References
----------
.. [1] P. C. Huh and M. Jhun, "Random permutation testing in multiple linear regression",
   Communications in Statistics 30 (2001).
.. [2] A. M. Winkler, O. Renaud, S. M. Smith and T. E. Nichols, "Permutation inference for canonical
   correlation analysis", NeuroImage 220 (2020).
"""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import issparse

from skdcca._cca.linear_views import SingularView
from skdcca._cca.shrinkage import regularize

_EPS = np.finfo(np.float64).eps


class ResidualSpace:
    """Space that is orthogonal to a constant and to confounds.

    Parameters
    ----------
    confounds : ndarray of shape (n_samples, n_confounds)
        Confounds. Constant or dependent columns do no harm.

    Attributes
    ----------
    n_rows : int
        Number of dimensions of the space.
    rank : int
        Number of independent confounds.
    """

    def __init__(self, confounds):
        centered, offset = _standardized(confounds)
        constant = np.full((len(confounds), 1), 1 / np.sqrt(len(confounds)))
        design = np.hstack([constant, centered])
        (reflectors, factors), root, _ = linalg.qr(design, mode="raw", pivoting=True)
        size = np.abs(np.diagonal(root))
        n_real = np.count_nonzero(size > size[0] * max(design.shape) * _EPS * (1 + offset))
        self._reflectors, self._factors = reflectors[:, :n_real], factors[:n_real]
        self.n_rows, self.rank = len(design) - n_real, n_real - 1

    def reduce(self, view):
        """Return a view in an orthonormal basis of the space, with `n_rows` rows."""
        arguments = "L", "T", self._reflectors, self._factors
        _, work, _ = lapack.dormqr(*arguments, view, lwork=-1)
        turned, _, _ = lapack.dormqr(*arguments, view, lwork=int(work[0]))
        return turned[self.rank + 1 :]


class ResidualView(SingularView):
    """`SingularView` of what confounds leave of a view.

    The rows are not centered, because the space of the residuals is orthogonal to a constant.
    """

    def __init__(self, view, name, space, standardize=True):
        rounding = np.finfo(view.dtype).eps
        view = (view.toarray() if issparse(view) else view).astype(np.float64)
        n_samples, n = len(view), space.n_rows + 1
        self.mean = view.mean(axis=0)
        view -= self.mean
        peak = np.abs(view).max(axis=0)
        size = np.abs(self.mean) + peak
        peak = np.where(peak > 0, peak, 1.0)
        view = space.reduce(view / peak)
        deviation = peak * np.linalg.norm(view, axis=0) / np.sqrt(n - 1)
        # What is left of a column that the confounds explain is a rounding error.
        explained = deviation <= max(n_samples, space.rank) * rounding * size
        _refuse_explained(explained, name)
        self._set_scales(np.where(explained, 1.0, deviation), explained, standardize)
        view *= self.spread * peak / self.deviation
        self._decompose(view, n, space.n_rows, rounding, explained, size)


def residual_views(X, y, space, standardize, regs):
    """Return a `ResidualView` of each view, with its ridge chosen from the residuals."""
    x_view = ResidualView(X, "X", space, standardize[0])
    views = x_view, ResidualView(y, "y", space, standardize[1])

    def row_norms():
        return [_fourth_power(view) for view in views]

    regularize(views, regs, space.n_rows + 1, row_norms)
    return views


def _fourth_power(view):
    """Return the mean fourth power of the norms of the rows, whose columns have variance 1."""
    n_rows = len(view.left)
    squares = n_rows * np.square(view.left * view.variation).sum(axis=1)
    return np.mean(squares**2)


def _standardized(confounds):
    """Return the centered columns with norm 1, and the largest ratio of a mean to its deviation.

    Constant columns are left out.
    """
    mean = confounds.mean(axis=0)
    centered = confounds - mean
    peak = np.abs(centered).max(axis=0)
    varying = peak > 2 * _EPS * np.abs(mean)
    centered = centered[:, varying] / peak[varying]
    offset = np.max(np.abs(mean[varying]) / peak[varying], initial=0.0)
    return centered / np.linalg.norm(centered, axis=0), offset


def _refuse_explained(explained, name):
    if explained.all():
        raise ValueError(
            f"Every column of {name} is constant or explained by the confounds, so there is nothing to "
            "correlate. Pass columns that vary otherwise, or fewer confounds."
        )
