"""Decompose views without the part that confounds explain.

The views are expressed in an orthonormal basis of the space that is orthogonal to a constant and to
the confounds [1]_ [2]_. In this basis residuals have as many rows as degrees of freedom, and rows of
independent normal data stay independent. There are many such bases: one of them has rows that are close
to the errors of samples, and keep their variances [3]_.

References
----------
.. [1] P. C. Huh and M. Jhun, "Random permutation testing in multiple linear regression",
   Communications in Statistics 30 (2001).
.. [2] A. M. Winkler, O. Renaud, S. M. Smith and T. E. Nichols, "Permutation inference for canonical
   correlation analysis", NeuroImage 220 (2020).
.. [3] H. Theil, "The analysis of disturbances in regression analysis", Journal of the American
   Statistical Association 60 (1965).
"""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import issparse

from skdcca._cca.linear_views import SingularView
from skdcca._cca.shrinkage import regularize

_EPS = np.finfo(np.float64).eps
# After two, false positives no longer depend on the first estimate, that of equal variances.
_REWEIGHTINGS = 2
# Columns have a maximum of 1; what is left of one that confounds explain is a rounding error.
_LEAST_RESIDUAL = 1e-10
# The rows of a block have at least this many degrees of freedom, and this part of the largest variance.
_LEAST_FREEDOM = 0.5
_LEAST_VARIANCE = 1e-4


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
        return self._turned("T", view)[self.rank + 1 :]

    def _turned(self, trans, view):
        """Return the product of the complete orthogonal factor, transposed if "T", and a view."""
        arguments = "L", trans, self._reflectors, self._factors
        _, work, _ = lapack.dormqr(*arguments, view, lwork=-1)
        turned, _, _ = lapack.dormqr(*arguments, view, lwork=int(work[0]))
        return turned


class BlockResidualSpace(ResidualSpace):
    """Space that is orthogonal to confounds and to the means of blocks of unequal variance.

    Rows of a block are exchangeable, because each row is close to the error of one sample and has the
    variance of its block: they are Theil's BLUS residuals [3]_. As many samples are left out as the
    design has independent columns. The residuals are those of weighted least squares, so that blocks
    with a large variance do not spoil the others; the variances are estimated from each view. If all
    are equal, the basis is an orthonormal one, as in `ResidualSpace`.

    Parameters
    ----------
    confounds : ndarray of shape (n_samples, n_confounds)
        Confounds. Constant or dependent columns do no harm.
    numbers : ndarray of shape (n_samples,)
        Number of the block of each sample, from 0.

    Attributes
    ----------
    n_rows, rank : int
        As those of `ResidualSpace`, with the means of blocks among the confounds.
    numbers : ndarray of shape (n_rows,)
        Number of the block of each row. Blocks that keep a single row have the same number, and are
        taken to have the same variance.
    """

    def __init__(self, confounds, numbers):
        n_samples, n_blocks = len(confounds), numbers.max() + 1
        super().__init__(np.hstack([confounds, np.eye(n_blocks)[numbers]]))
        n_design = self.rank + 1
        self._design = self._turned("N", np.eye(n_samples, n_design))
        # The samples that are left out must determine the coefficients of the design well.
        _, order = linalg.qr(self._design.T, mode="r", pivoting=True)
        self._left_out, self._kept = np.sort(order[:n_design]), np.sort(order[n_design:])
        sizes = np.bincount(numbers[self._kept], minlength=n_blocks)
        self._numbers = np.where(sizes[numbers] <= 1, n_blocks, numbers)
        self.numbers = self._numbers[self._kept]

    def reduce(self, view):
        """Return residuals of a view, a row for each sample that is kept."""
        deviation = np.ones((len(view), 1))
        design = self._design
        for _ in range(_REWEIGHTINGS):
            residuals = deviation * _orthogonal(view / deviation, design)
            deviation = self._deviations(residuals, design)[:, None]
            design, _ = linalg.qr(self._design / deviation, mode="economic")
        residuals = _orthogonal(view / deviation, design)
        # Let E be these residuals, and Q1, Q2 the orthonormal design of the samples left out and kept.
        # With the decomposition Q1 = U diag(s) V', the basis (I - Q2 Q2')^(-1/2) E2 of the kept ones
        # equals E2 - Q2 V diag(1 / (1 + s)) U' E1, which divides by no small number.
        left, size, right = linalg.svd(design[self._left_out])
        share = (design[self._kept] @ right.T) @ (left / (1 + size)).T
        return deviation[self._kept] * (residuals[self._kept] - share @ residuals[self._left_out])

    def _deviations(self, residuals, design):
        """Return the deviation of the block of each sample, relative to the others."""
        size = np.sqrt(np.mean(residuals**2, axis=0))
        varying = size > _LEAST_RESIDUAL
        if not varying.any():
            return np.ones(len(residuals))
        squares = np.mean((residuals[:, varying] / size[varying]) ** 2, axis=1)
        freedom = np.bincount(self._numbers, 1 - np.sum(design**2, axis=1))
        variance = np.bincount(self._numbers, squares) / np.maximum(freedom, _LEAST_FREEDOM)
        return np.sqrt(np.maximum(variance, _LEAST_VARIANCE * variance.max()))[self._numbers]


def _orthogonal(view, design):
    return view - design @ (design.T @ view)


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
