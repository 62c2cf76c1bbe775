"""Linear algebra shared by the linear and the kernel model."""

import numpy as np
from scipy import linalg

# The other components are not computed if at most this share of them is requested.
_FEW = 0.25
# Squared correlations above this limit have at least nine correct digits.
_LEAST_SQUARE = 1e-6


def leading_svd(cross, k=None):
    """Return the first `k` left singular vectors, singular values and right singular vectors.

    The vectors are columns. All of them are returned if `k` is None or exceeds their number.
    """
    small = min(cross.shape)
    if k is not None and k <= _FEW * small:
        leading = _leading_by_products(cross, k)
        if leading is not None:
            return leading
    left, values, right = linalg.svd(cross, full_matrices=False, check_finite=False)
    return left[:, :k], values[:k], right[:k].T


def _leading_by_products(cross, k):
    """Return the first `k` singular triplets from ``cross.T @ cross``, or None if they are inexact.

    For few components this costs a fraction of a full decomposition. It is equally exact unless a value
    is so small that its square loses digits. Random projections would be neither fast nor exact: if
    most of the matrix is noise, the values decay too slowly to separate the leading ones.
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


def pad(array, k):
    """Append zeros to the last axis until its length is `k`."""
    widths = [(0, 0)] * (array.ndim - 1) + [(0, k - array.shape[-1])]
    return np.pad(array, widths)
