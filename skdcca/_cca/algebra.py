"""Compute the linear algebra that the linear and the kernel model share."""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

# If at most this fraction of the components is requested, the others are not computed.
_FEW = 0.25
# Squared correlations above this limit have at least nine correct digits.
_LEAST_SQUARE = 1e-6


def leading_svd(cross, k=None):
    """Return the first `k` left singular vectors, singular values and right singular vectors.

    The vectors are columns. If `k` is None or exceeds their number, all of them are returned.
    """
    small = min(cross.shape)
    if k is not None and k <= _FEW * small:
        leading = _leading_by_products(cross, k)
        if leading is not None:
            return leading
    left, values, right, failed = lapack.dgesdd(cross, full_matrices=0)
    if failed:
        left, values, right = linalg.svd(cross, full_matrices=False, lapack_driver="gesvd")
    return left[:, :k], values[:k], right[:k].T


def lower_root(matrix):
    """Return the lower Cholesky factor of a positive definite matrix of float64.

    LAPACK is called directly: for small matrices, the checks of SciPy take longer than the work.
    """
    root, failed = lapack.dpotrf(matrix, lower=1)
    if failed:
        raise linalg.LinAlgError("The matrix is not positive definite.")
    return root


def solve_root(root, rows, transposed=False):
    """Return the product of the inverse of a lower triangular matrix, or of its transpose, with rows."""
    solved, failed = lapack.dtrtrs(root, rows, lower=1, trans=int(transposed))
    if failed:
        raise linalg.LinAlgError("The triangular matrix is singular.")
    return solved


def _leading_by_products(cross, k):
    """Compute the first `k` singular triplets from ``cross.T @ cross``.

    Return None if the squares of the singular values are so small that they lose digits; otherwise
    the result has the precision of a full decomposition. For few components this is much faster.
    Random projections would be neither fast nor exact: if most of the matrix is noise, the values
    decay too slowly to separate the leading ones.
    """
    small = min(cross.shape)
    is_tall = cross.shape[1] == small
    tall = cross if is_tall else cross.T
    values, right = linalg.eigh(
        tall.T @ tall,
        overwrite_a=True,
        check_finite=False,
        subset_by_index=(small - k, small - 1),
    )
    is_exact = values[0] > _LEAST_SQUARE  # False for NaN
    if not is_exact:
        return None
    values, right = np.sqrt(values[::-1]), right[:, ::-1]
    left = tall @ right / values
    if is_tall:
        return left, values, right
    return right, values, left


def component_signs(loadings):
    """Return the sign of each component with which its largest absolute loading is positive."""
    largest = np.argmax(np.abs(loadings), axis=0)
    return np.where(loadings[largest, np.arange(loadings.shape[1])] < 0, -1.0, 1.0)


def pad(array, k):
    """Append zeros to the last axis until its length is `k`."""
    if array.shape[-1] == k:
        return array
    widths = [(0, 0)] * (array.ndim - 1) + [(0, k - array.shape[-1])]
    return np.pad(array, widths)
