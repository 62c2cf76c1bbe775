"""Decompose a view for linear CCA, by its correlation matrix or its singular values.

Every class has the attributes ``mean`` and ``scale`` of the columns, and the methods
``weights(turn)``, for rotated directions, and ``covariance(weights)``.
"""

from functools import partial

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import csr_array, diags_array
from sklearn.utils.sparsefuncs import mean_variance_axis

# Above this condition number, a correlation matrix loses more than five of sixteen digits.
_WORST_CONDITION = 1e5
_EPS = np.finfo(np.float64).eps


class GramView:
    """View decomposed by its correlation matrix, which is computed from moments.

    `side` is 0 for X and 1 for y.
    """

    def __init__(self, moments, side, covariance, reg):
        mean, unit, self.reg = moments.means[side], moments.units[side], reg
        deviation = np.sqrt(np.diagonal(covariance))
        constant = deviation <= 2 * _EPS * np.abs(mean)
        _refuse_constant(constant, "Xy"[side])
        self.mean = mean * unit
        self.scale = np.where(constant, 1.0, deviation * unit)
        self.kept = np.flatnonzero(~constant)
        self.deviation = deviation[self.kept]
        kept = covariance[np.ix_(self.kept, self.kept)]
        self.correlation = kept / self.deviation[:, None] / self.deviation
        offset = np.abs(mean[self.kept]) / self.deviation
        self.noise = moments.rounding * (1 + offset) * (1 + np.sqrt(len(offset) / moments.weight))

    def factor(self):
        """Compute the Cholesky factor; return False if the matrix is too close to singular for it."""
        size = np.abs(self.correlation).sum(axis=0).max()
        self.root, failed = lapack.dpotrf(self.correlation, lower=1)
        if failed:
            return False
        reciprocal, _ = lapack.dpocon(self.root, size, uplo="L")
        is_singular = reciprocal < 1 / _WORST_CONDITION
        # The smallest variance must also exceed the rounding errors of the view.
        if is_singular or reciprocal * size < self.noise @ self.noise:
            return False
        if self.reg:
            ridge = self.reg * np.eye(len(self.root))
            self.root = linalg.cholesky(self.correlation + ridge, lower=True)
        self.whiten = partial(linalg.solve_triangular, self.root, lower=True)
        self._unwhiten = partial(linalg.solve_triangular, self.root, lower=True, trans=1)
        return True

    def decompose(self):
        """Compute the eigenvectors, which determine the rank."""
        variance, right = linalg.eigh(self.correlation)
        limit = 10 * len(variance) * _EPS * variance[-1]
        real = variance > np.maximum(limit, np.square(right.T * self.noise).sum(axis=1))
        whitener = right[:, real] / np.sqrt(variance[real] + self.reg)
        self.whiten = whitener.T.__matmul__
        self._unwhiten = whitener.__matmul__

    def weights(self, turn):
        """Return the weights of the standardized columns, after rotating the directions by `turn`."""
        weights = np.zeros((len(self.mean), turn.shape[1]))
        weights[self.kept] = self._unwhiten(turn)
        return weights

    def covariance(self, weights):
        """Return the covariance of columns and variates, and the deviation of the variates."""
        covariance = np.zeros_like(weights)
        covariance[self.kept] = self.correlation @ weights[self.kept]
        return covariance, np.sqrt(np.einsum("ij,ij->j", weights, covariance))


class SingularView:
    """View decomposed by the thin singular value decomposition of its standardized columns."""

    def __init__(self, view, name, sample_weight=None):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)  # a copy: the steps below work in place
        n = len(view) if sample_weight is None else sample_weight.sum()
        self.mean = np.average(view, axis=0, weights=sample_weight)
        view -= self.mean
        # The second pass removes the rounding error of the mean.
        correction = np.average(view, axis=0, weights=sample_weight)
        self.mean += correction
        view -= correction
        # Without division by the largest value, squares could overflow or vanish.
        peak = np.abs(view).max(axis=0)
        constant = peak <= 2 * _EPS * np.abs(self.mean)
        _refuse_constant(constant, name)
        view[:, constant] = 0.0
        view /= np.where(constant, 1.0, peak)
        if sample_weight is not None:
            view *= np.sqrt(sample_weight)[:, None]
        deviation = np.sqrt(np.einsum("ij,ij->j", view, view) / (n - 1))
        self.scale = np.where(constant, 1.0, peak * deviation)
        view /= np.where(constant, 1.0, deviation)
        self._decompose(view, n, len(view), rounding, constant)

    def _decompose(self, view, n, n_rows, rounding, constant):
        self.left, singular, right = linalg.svd(
            view, full_matrices=False, overwrite_a=True, check_finite=False
        )
        deviation = singular / np.sqrt(n - 1)
        # A direction is dropped if its variation does not exceed the rounding errors of the
        # decomposition and of the columns.
        noise = rounding * (1 + np.abs(self.mean) / self.scale) * (1 + np.sqrt(view.shape[1] / n))
        limit = deviation[0] * max(n_rows, view.shape[1]) * _EPS
        real = deviation > np.maximum(limit, np.linalg.norm(right * noise, axis=1))
        self.left, self.right, self.deviation = self.left[:, real], right[real].T, deviation[real]
        self.right[constant] = 0.0  # removes rounding errors

    def regularize(self, reg):
        """Set the deviation of each direction including the ridge, and the factor that shrinks it."""
        self.reg = reg
        self.regularized = np.sqrt(self.deviation**2 + reg)
        self.shrink = self.deviation / self.regularized

    def weights(self, turn):
        """Return the weights of the standardized columns, after rotating the directions by `turn`."""
        return (self.right / self.regularized) @ turn

    def covariance(self, weights):
        """Return the covariance of columns and variates, and the deviation of the variates."""
        turned = self.deviation[:, None] * (self.right.T @ weights)
        return (self.right * self.deviation) @ turned, np.linalg.norm(turned, axis=0)


class FactorView(SingularView):
    """`SingularView` of rows that were read in blocks, computed from their triangular factor."""

    def __init__(self, moments, factor, side):
        mean, unit = moments.means[side], moments.units[side]
        n_features = len(moments.means[0])
        columns = slice(n_features) if side == 0 else slice(n_features, None)
        view = factor.root[:, columns]
        deviation = np.linalg.norm(view, axis=0) / np.sqrt(moments.weight - 1)
        constant = deviation <= 2 * _EPS * np.abs(mean)
        _refuse_constant(constant, "Xy"[side])
        self.mean = mean * unit
        self.scale = np.where(constant, 1.0, deviation * unit)
        view = np.where(constant, 0.0, view) / np.where(constant, 1.0, deviation)
        self._decompose(view, moments.weight, moments.weight, factor.roundings[side], constant)


class DualView(SingularView):
    """Sparse view of few rows, centered implicitly and decomposed by the products of its rows."""

    def __init__(self, view, name, sample_weight=None):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)
        weight = np.ones(view.shape[0]) if sample_weight is None else sample_weight
        self.degrees = weight.sum() - 1
        self.mean, variance = mean_variance_axis(view, axis=0, weights=weight)
        variance *= weight.sum() / self.degrees
        constant = np.sqrt(variance) <= 2 * _EPS * np.abs(self.mean)
        _refuse_constant(constant, name)
        self.scale = np.where(constant, 1.0, np.sqrt(variance))
        self.root_weight = np.sqrt(weight)[:, None]
        # A constant column is set to 0, the value that centering would give it.
        self.columns = csr_array(view @ diags_array(np.where(constant, 0.0, 1 / self.scale)))
        self.center = np.where(constant, 0.0, self.mean / self.scale)
        variance, self.left = linalg.eigh(self._products(), overwrite_a=True)
        limit = 10 * max(view.shape) * _EPS * variance[-1]
        real = variance > max(limit, rounding**2 * np.square(1 + np.abs(self.center)).mean())
        self.left, self.deviation = self.left[:, real], np.sqrt(variance[real])

    def _products(self):
        """Return the products of all pairs of centered, weighted rows, divided by total weight - 1."""
        products = (self.columns @ self.columns.T).toarray()
        along = self.columns @ self.center
        products -= along[:, None] + along - self.center @ self.center
        products *= self.root_weight * self.root_weight.T / self.degrees
        return products

    def weights(self, turn):
        """Return the weights of the standardized columns, after rotating the directions by `turn`."""
        scale = self.deviation * np.sqrt(self.degrees) * self.regularized
        return self._transposed(self.left / scale @ turn)

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


def _refuse_constant(constant, name):
    if constant.all():
        raise ValueError(
            f"Every column of {name} is constant, so there is nothing to correlate. Pass columns that "
            "vary."
        )
