"""Decompose a view for kernel CCA, by its kernel or by the covariance of its features."""

import numpy as np
from scipy import linalg

from skdcca._cca.kernel_maps import positive_part


def centered_kernel(view, kernel_map):
    """Return the centered kernel of the training rows, and what is known of it.

    Returns
    -------
    kernel : ndarray of shape (n_samples, n_samples)
        Centered kernel, which may be overwritten.
    means : ndarray of shape (n_samples,)
        Means of the columns of the kernel.
    limit : float
        Rounding error of its eigenvalues.
    degeneracy : str or None
        What `KernelMap.warn` takes.
    """
    kernel = kernel_map.keep(view)
    means = kernel.mean(axis=0)
    is_precomputed = kernel_map.rows is None
    rounding = np.finfo(view.dtype if is_precomputed else np.float64).eps
    # The error of an eigenvalue is the rounding error of a kernel value times the number of rows.
    limit = 10 * len(kernel) * rounding * np.abs(kernel).max()
    total = np.trace(kernel) - kernel.sum() / len(kernel)
    degeneracy = kernel_map.degeneracy(kernel, total)
    kernel -= means
    kernel -= kernel.mean(axis=1)[:, None]
    return kernel, means, limit, degeneracy


class KernelView:
    """View decomposed by the eigenvectors of its centered kernel."""

    def __init__(self, view, kernel_map, reg):
        kernel, self.means, limit, degeneracy = centered_kernel(view, kernel_map)
        total = np.trace(kernel)
        # The transpose has the same values, and its memory order is the one that LAPACK needs.
        eigenvalues, vectors = linalg.eigh(
            kernel.T, overwrite_a=True, check_finite=False, driver="evd"
        )
        positive = positive_part(eigenvalues, limit, kernel_map.name, kernel_map.indefinite)
        kernel_map.warn(degeneracy)
        self.reg = reg
        self.left, self.eigenvalues = vectors[:, positive], eigenvalues[positive]
        variance = self.eigenvalues / (len(kernel) - 1)
        self.regularized = variance + reg * total / (len(kernel) - 1)
        self.shrink = np.sqrt(variance / self.regularized)

    @property
    def rank(self):
        """Number of directions."""
        return len(self.eigenvalues)

    def covariance(self, view):
        """Return the covariance of the whitened directions with another, centered view."""
        return self.shrink[:, None] * (self.left.T @ view) / np.sqrt(len(view) - 1)

    def coefficients(self, turn):
        """Return the dual coefficients and intercepts of rotated directions."""
        # The roots are taken before multiplying, because the product of tiny numbers would be 0.
        scale = np.sqrt(self.eigenvalues) * np.sqrt(self.regularized)
        coefs = self.left @ (turn / scale[:, None])
        # Centered coefficients center the rows of a kernel, and the intercept centers its columns.
        coefs -= coefs.mean(axis=0)
        return coefs, -self.means @ coefs


class FeatureView:
    """View decomposed by the eigenvectors of the covariance of its features."""

    def __init__(self, covariance, mean, feature_map, reg):
        self.mean, self.basis = mean, feature_map.basis
        total = np.trace(covariance)
        limit = 10 * np.finfo(np.float64).eps * (total + mean @ mean)
        # For a 1x1 matrix, older versions of SciPy request too little workspace for the driver "evd".
        driver = "evd" if len(covariance) > 1 else None
        variance, vectors = linalg.eigh(covariance, driver=driver)
        positive = positive_part(variance, limit, feature_map.name)
        self.reg, self.rank = reg, len(variance[positive])
        self.whitener = vectors[:, positive] / np.sqrt(variance[positive] + reg * total)

    def coefficients(self, turn):
        """Return the dual coefficients and intercepts of rotated directions."""
        weights = self.whitener @ turn
        coefs = weights if self.basis is None else self.basis @ weights
        return coefs, -self.mean @ weights
