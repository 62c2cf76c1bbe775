"""Compute few leading singular vectors of a large square matrix, in a Krylov space."""

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from skdcca._cca.algebra import leading_svd

# For more components or a smaller matrix, a full decomposition takes as long.
_FEW, _LEAST_SIZE = 0.025, 300
# Squared correlations above this limit have at least nine correct digits.
_LEAST_SQUARE = 1e-6
# A square that was missed is found with about this relative error, from a residual of its root.
_MISSED = 1e-4


def leading_of_many(cross, k=None):
    """Return what `leading_svd` returns, faster if few components of many are requested."""
    small = min(cross.shape)
    if k is not None and small >= _LEAST_SIZE and k <= _FEW * small:
        found = _leading_in_krylov_space(cross, k)
        if found is not None:
            return found
    return leading_svd(cross, k)


def _leading_in_krylov_space(cross, k):
    """Return the first `k` singular triplets, or None if they are small or not found."""
    # A fixed start gives the same result for the same data, whatever the random state.
    first, second = np.random.RandomState(0).standard_normal((2, cross.shape[1]))
    try:
        squares, right = eigsh(_operator(cross), k, which="LA", v0=first)
        others = _operator(cross, squares, right)
        options = {"tol": np.sqrt(_MISSED), "ncv": 8, "return_eigenvectors": False}
        (next_square,) = eigsh(others, 1, which="LA", v0=second, **options)
    except ArpackError:
        return None
    # A space that grows from one vector may lack one of several equal values.
    if squares[0] < _LEAST_SQUARE or next_square > squares[0] * (1 + _MISSED):
        return None
    values, right = np.sqrt(squares[::-1]), right[:, ::-1]
    return cross @ right / values, values, right


def _operator(cross, squares=None, right=None):
    """Return ``cross.T @ cross``, without the part of some of its eigenvectors."""

    def product(vector):
        vector = vector.ravel()
        result = cross.T @ (cross @ vector)
        return result if right is None else result - right @ (squares * (right.T @ vector))

    # Few products are needed, so that those with the factors cost less than their own product.
    return LinearOperator((cross.shape[1],) * 2, matvec=product, dtype=np.float64)
