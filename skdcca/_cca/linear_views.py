"""Decompose a view for linear CCA, by its correlation matrix or its singular values.

Every class has these attributes: ``mean`` and ``deviation`` of the columns; ``scale``, by which the
columns are divided, either their deviations or the root of their mean variance; ``spread``, the
deviations of the scaled columns; ``rank``; ``n_varying``, the number of columns that are not
constant; and ``squares``, the sum of the squared covariances of the scaled columns. After
``regularize(reg)``, ``weights(turn)`` returns the weights of rotated directions, and
``covariance(weights)`` their covariance with the columns.
"""

from functools import partial

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import csr_array, diags_array, issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skdcca._cca.algebra import lower_root, solve_root

# Above this condition number, a correlation matrix loses more than five of sixteen digits.
_WORST_CONDITION = 1e5
# A variance must have a relative error below this, or the direction is imprecise.
_LEAST_PRECISION = 1e-3
_EPS = np.finfo(np.float64).eps


class GramView:
    """View decomposed by its correlation matrix, which is computed from moments.

    `side` is 0 for X and 1 for y; `name` is what errors call the view, if it is neither. Call `factor`
    or `decompose`, and then `regularize`.
    """

    def __init__(self, moments, side, covariance, standardize=True, name=None):
        mean, unit = moments.means[side], moments.units[side]
        deviation = np.sqrt(np.diagonal(covariance))
        constant = deviation <= 2 * _EPS * np.abs(mean)
        refuse_constant(constant, name or "Xy"[side])
        self.mean = mean * unit
        self.deviation = np.where(constant, 1.0, deviation * unit)
        self.scale, self.spread = column_scales(self.deviation, constant, standardize)
        self.kept = np.flatnonzero(~constant)
        self.n_varying = len(self.kept)
        # The columns of the moments are divided by this.
        self.divisor = self.scale[self.kept] / unit[self.kept]
        if constant.any():
            deviation, covariance = deviation[self.kept], covariance[np.ix_(self.kept, self.kept)]
        self._standardized = covariance / deviation[:, None] / deviation
        self.correlation = self._standardized
        if not standardize:
            spread = self.spread[self.kept]
            self.correlation = self._standardized * spread[:, None] * spread
        offset = np.abs(mean[self.kept]) / deviation
        self._noise = moments.rounding * (1 + offset) * (1 + np.sqrt(len(offset) / moments.weight))
        # With few rows, as in the first batches of a stream, some directions have no variance at all.
        self.n_empty = max(0, self.n_varying - (moments.n_rows or np.inf) + 1)
        self._eigen = None

    @property
    def squares(self):
        """Sum of the squared elements of the correlation matrix."""
        return np.einsum("ij,ij->", self.correlation, self.correlation)

    def factor(self):
        """Compute the Cholesky factor; return False if the matrix is too close to singular for it."""
        size = np.abs(self._standardized).sum(axis=0).max()
        root, failed = lapack.dpotrf(self._standardized, lower=1)
        if failed:
            return False
        reciprocal, _ = lapack.dpocon(root, size, uplo="L")
        is_singular = reciprocal < 1 / _WORST_CONDITION
        # The smallest variance must also exceed the rounding errors of the view.
        if is_singular or reciprocal * size < self._noise @ self._noise:
            return False
        self.rank = len(root)
        self._root = root * self.spread[self.kept, None]
        return True

    def decompose(self):
        """Compute the eigenvectors, which determine the rank."""
        variance, right = linalg.eigh(self.correlation)
        noise = self._noise * self.spread[self.kept]
        self._rounding = 10 * len(variance) * _EPS * variance[-1]
        of_view = np.square(right.T * noise).sum(axis=1)
        real = variance > np.maximum(self._rounding, of_view)
        # Without rounding errors of the covariances, the variance could exceed those of the view.
        possible = variance + self._rounding > of_view
        self._possible = variance[possible], right[:, possible], of_view[possible]
        self.rank = np.count_nonzero(real)
        self._eigen = variance[real], right[:, real]

    def regularize(self, reg):
        """Set the ridge."""
        self.reg = reg
        if self._eigen is None:
            if reg:
                ridge = reg * np.eye(len(self.correlation))
                self._root = lower_root(self.correlation + ridge)
            self.whiten = partial(solve_root, self._root)
            self._unwhiten = partial(solve_root, self._root, transposed=True)
        else:
            variance, right = self._eigen
            whitener = right / np.sqrt(variance + reg)
            self.whiten = whitener.T.__matmul__
            self._unwhiten = whitener.__matmul__

    def imprecise(self):
        """Return the directions whose variances have fewer than three digits, and their noise.

        The noise is the variance of the rounding errors of the view.
        """
        if self._eigen is None:
            return np.empty((self.n_varying, 0)), np.empty(0)
        variance, right, noise = self._possible
        imprecise = self._rounding > _LEAST_PRECISION * (variance + self.reg)
        return right[:, imprecise], noise[imprecise]

    def weights(self, turn):
        """Return the weights of the scaled columns, after rotating the directions by `turn`."""
        return self._of_all_columns(self._unwhiten(turn))

    def _of_all_columns(self, rows):
        """Return rows for all columns; those of constant columns are 0."""
        if self.n_varying == len(self.mean):
            return rows
        every = np.zeros((len(self.mean), rows.shape[1]))
        every[self.kept] = rows
        return every

    def covariance(self, weights):
        """Return the covariance of columns and variates, and the deviation of the variates."""
        kept = weights if self.n_varying == len(self.mean) else weights[self.kept]
        covariance = self._of_all_columns(self.correlation @ kept)
        return covariance, np.sqrt(np.einsum("ij,ij->j", weights, covariance))


class SingularView:
    """View decomposed by the thin singular value decomposition of its scaled columns."""

    def __init__(self, view, name, sample_weight=None, standardize=True):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)  # a copy: the steps below work in place
        n = len(view) if sample_weight is None else sample_weight.sum()
        self.mean = center(view, sample_weight)
        # Without division by the largest value, squares could overflow or vanish.
        peak = np.abs(view).max(axis=0)
        constant = peak <= 2 * _EPS * np.abs(self.mean)
        refuse_constant(constant, name)
        view[:, constant] = 0.0
        view /= np.where(constant, 1.0, peak)
        if sample_weight is not None:
            view *= np.sqrt(sample_weight)[:, None]
        deviation = np.sqrt(np.einsum("ij,ij->j", view, view) / (n - 1))
        self._set_scales(np.where(constant, 1.0, peak * deviation), constant, standardize)
        view /= np.where(constant, 1.0, deviation)
        view *= self.spread
        self._decompose(view, n, len(view), rounding, constant)

    def _set_scales(self, deviation, constant, standardize):
        self.deviation, self.n_varying = deviation, np.count_nonzero(~constant)
        self.scale, self.spread = column_scales(deviation, constant, standardize)

    def _decompose(self, view, n, n_rows, rounding, constant, size=None):
        """Decompose the scaled columns, with rounding errors of numbers of this size."""
        size = np.abs(self.mean) if size is None else size
        self.left, singular, right = linalg.svd(
            view, full_matrices=False, overwrite_a=True, check_finite=False
        )
        deviation = singular / np.sqrt(n - 1)
        # A direction is dropped if its variation does not exceed the rounding errors of the
        # decomposition and of the columns.
        noise = rounding * (self.spread + size / self.scale)
        noise *= 1 + np.sqrt(view.shape[1] / n)
        limit = deviation[0] * max(n_rows, view.shape[1]) * _EPS
        real = deviation > np.maximum(limit, np.linalg.norm(right * noise, axis=1))
        self.left, self.right, self.variation = self.left[:, real], right[real].T, deviation[real]
        self.right[constant] = 0.0  # removes rounding errors

    @property
    def rank(self):
        """Number of directions."""
        return len(self.variation)

    @property
    def squares(self):
        """Sum of the squared covariances of the scaled columns."""
        return np.sum(self.variation**4)

    def regularize(self, reg):
        """Set the deviation of each direction including the ridge, and the factor that shrinks it."""
        self.reg = reg
        self.regularized = np.sqrt(self.variation**2 + reg)
        self.shrink = self.variation / self.regularized

    def weights(self, turn):
        """Return the weights of the scaled columns, after rotating the directions by `turn`."""
        return (self.right / self.regularized) @ turn

    def directions(self, columns):
        """Return the weights of the scaled columns for some directions, without a ridge."""
        return self.right[:, columns]

    def covariance(self, weights):
        """Return the covariance of columns and variates, and the deviation of the variates."""
        turned = self.variation[:, None] * (self.right.T @ weights)
        return (self.right * self.variation) @ turned, np.linalg.norm(turned, axis=0)


class FactorView(SingularView):
    """`SingularView` of rows that were read in blocks, computed from their triangular factor."""

    def __init__(self, moments, factor, side, standardize=True):
        mean, unit = moments.means[side], moments.units[side]
        n_features = len(moments.means[0])
        columns = slice(n_features) if side == 0 else slice(n_features, None)
        view = factor.root[:, columns]
        deviation = np.linalg.norm(view, axis=0) / np.sqrt(moments.weight - 1)
        constant = deviation <= 2 * _EPS * np.abs(mean)
        refuse_constant(constant, "Xy"[side])
        self.mean = mean * unit
        self._set_scales(np.where(constant, 1.0, deviation * unit), constant, standardize)
        view = np.where(constant, 0.0, view) / np.where(constant, 1.0, deviation) * self.spread
        self._decompose(view, moments.weight, moments.weight, factor.roundings[side], constant)


class DualView(SingularView):
    """Sparse view of few rows, centered implicitly and decomposed by the products of its rows."""

    def __init__(self, view, name, sample_weight=None, standardize=True):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)
        weight = np.ones(view.shape[0]) if sample_weight is None else sample_weight
        self.degrees = weight.sum() - 1
        self.mean, deviation, constant = sparse_moments(view, name, weight)
        self._set_scales(deviation, constant, standardize)
        self.root_weight = np.sqrt(weight)[:, None]
        # A constant column is set to 0, the value that centering would give it.
        self.columns = csr_array(view @ diags_array(np.where(constant, 0.0, 1 / self.scale)))
        self.center = np.where(constant, 0.0, self.mean / self.scale)
        variance, self.left = linalg.eigh(self._products(), overwrite_a=True)
        limit = 10 * max(view.shape) * _EPS * variance[-1]
        noise = rounding * (self.spread + np.abs(self.center))
        real = variance > max(limit, np.square(noise).mean())
        self.left, self.variation = self.left[:, real], np.sqrt(variance[real])

    def _products(self):
        """Return the products of all pairs of centered, weighted rows, divided by total weight - 1."""
        products = (self.columns @ self.columns.T).toarray()
        along = self.columns @ self.center
        products -= along[:, None] + along - self.center @ self.center
        products *= self.root_weight * self.root_weight.T / self.degrees
        return products

    def weights(self, turn):
        """Return the weights of the scaled columns, after rotating the directions by `turn`."""
        scale = self.variation * np.sqrt(self.degrees) * self.regularized
        return self._transposed(self.left / scale @ turn)

    def directions(self, columns):
        """Return the weights of the scaled columns for some directions, without a ridge."""
        scale = self.variation[columns] * np.sqrt(self.degrees)
        return self._transposed(self.left[:, columns] / scale)

    def covariance(self, weights):
        """Return the covariance of columns and variates, and the deviation of the variates."""
        variates = self.root_weight * (self.columns @ weights - self.center @ weights)
        variates /= np.sqrt(self.degrees)
        covariance = self._transposed(variates) / np.sqrt(self.degrees)
        return covariance, np.linalg.norm(variates, axis=0)

    def _transposed(self, rows):
        """Return the product of the transposed, centered, weighted view with a matrix."""
        rows = self.root_weight * rows
        return self.columns.T @ rows - np.outer(self.center, rows.sum(axis=0))


def decomposed(view, name, sample_weight=None, standardize=True):
    """Return the decomposition of a view, which remains sparse if it is sparse."""
    view_class = DualView if issparse(view) else SingularView
    return view_class(view, name, sample_weight, standardize)


def center(view, sample_weight=None):
    """Subtract the means of the columns in place, and return them."""
    mean = np.average(view, axis=0, weights=sample_weight)
    view -= mean
    # The second pass removes the rounding error of the mean.
    correction = np.average(view, axis=0, weights=sample_weight)
    view -= correction
    return mean + correction


def sparse_moments(view, name, weight):
    """Return means and deviations of the columns of a sparse view, and which of them are constant.

    The deviation of a constant column is 1. If all of them are constant, raise ValueError.
    """
    mean, variance = mean_variance_axis(view, axis=0, weights=weight)
    # The variance of a constant column may be a negative rounding error.
    variance = np.maximum(variance, 0.0) * (weight.sum() / (weight.sum() - 1))
    constant = np.sqrt(variance) <= 2 * _EPS * np.abs(mean)
    refuse_constant(constant, name)
    return mean, np.where(constant, 1.0, np.sqrt(variance)), constant


def refuse_constant(constant, name):
    if constant.all():
        raise ValueError(
            f"Every column of {name} is constant, so there is nothing to correlate. Pass columns that "
            "vary."
        )


def column_scales(deviation, constant, standardize):
    """Return the divisors of the columns, and the deviations of the columns after the division.

    With ``standardize=False`` all columns have the same divisor, the root of their mean variance, so
    that a ridge has the same effect for every unit of the view.
    """
    spread = np.where(constant, 0.0, 1.0)
    if standardize:
        return deviation, spread
    largest = deviation[~constant].max()
    common = largest * np.sqrt(np.mean((deviation[~constant] / largest) ** 2))
    return np.full(len(deviation), common), spread * deviation / common
