"""Fit leading components of wide sparse views without their correlation matrices.

Sparse views are centered and scaled implicitly, so that a view is known only by its products with a
few vectors. `skdcca._cca.linear_davidson` finds the components with these products.
"""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.exceptions import ConvergenceWarning

from skdcca._cca.linear_davidson import TOLERANCE, leading_pairs
from skdcca._cca.linear_views import column_scales, sparse_moments
from skdcca._cca.shrinkage import RowNorms, regularize, ridge_by_shrinkage
from skdcca._utils.blocks import slices_of
from skdcca._utils.warnings import warn

# More components than this fraction of the smallest axis, or a smaller ridge, need too many products.
_FEW, _LEAST_RIDGE = 0.02, 1e-3
# The other solvers form a matrix with this number of rows in a few seconds and less than 500 MB.
_LARGE = 5000
# Larger ones need more than 10 GB and many minutes.
_POSSIBLE = 20_000
# With more nonzero values than this fraction, dense products are faster.
_DENSE = 0.1
# Components with a smaller correlation may lie beyond the rank of a view.
_LEAST_CORRELATION = 1e-3
# A block of a correlation matrix holds at most this many numbers (32 MB).
_NUMBERS = 2**22
# Number of random vectors that bound the sum of the squares of a matrix.
_PROBES = 64
# Number of random vectors that tell columns apart, and decimals of their products.
_DIGESTS, _DECIMALS = 4, 8
# The rows of a block of vectors fill two cache lines, so that the block stays in the cache.
_BYTES = 128


def may_be_implicit(X, y, n_components, regs):
    """Return True if the leading components should be found without correlation matrices."""
    if not (issparse(X) and issparse(y)) or n_components is None:
        return False
    n, p, q = *X.shape, y.shape[1]
    if _n_formed(X, y) <= _LARGE or n_components > _FEW * min(n, p, q):
        return False
    numbers = [reg for reg in regs if not isinstance(reg, str)]
    return X.nnz + y.nnz <= _DENSE * n * (p + q) and min(numbers, default=np.inf) >= _LEAST_RIDGE


def implicit_solution(X, y, sample_weight, standardized, regs, k):
    """Return both views, the correlations and the weights of both views; None if others must solve.

    The ridges may be too small, the components may lie beyond the rank, or the solver may not converge.
    """
    views = [
        ImplicitView(view, name, sample_weight, standardize)
        for view, name, standardize in zip((X, y), "Xy", standardized, strict=True)
    ]
    n = views[0].degrees + 1

    def row_norms():
        return RowNorms(*views).add(X, y, sample_weight).fourth_powers()

    fraction = sum(view.rank for view in views) / (n - 1)
    regs = [_limited(*pair, n, fraction) for pair in zip(views, regs, strict=True)]
    regularize(views, regs, n, row_norms)
    if min(view.reg for view in views) < _LEAST_RIDGE:
        return None
    *found, residual = leading_pairs(*views, k)
    if found[0][-1] < _LEAST_CORRELATION:
        return None
    if residual > TOLERANCE:
        if _n_formed(X, y) <= _POSSIBLE:
            return None
        warn(
            f"The components of the sparse views did not converge: their correlations may be too "
            f"small by up to {residual:.1g}. Set a larger ridge, or leave out rare columns.",
            ConvergenceWarning,
        )
    return *views, *found


def _limited(view, reg, n, fraction):
    """Return the limit of "auto" if the ridge exceeds it, which a bound decides in less time."""
    limit = min(1.0, fraction**2)
    if reg != "auto" or ridge_by_shrinkage(n, view.n_varying, view.most_squares()) < limit:
        return reg
    return limit


def _n_formed(X, y):
    """Return the number of rows of the largest matrix that the other solvers form."""
    n, n_columns = X.shape[0], max(X.shape[1], y.shape[1])
    return X.shape[1] + y.shape[1] if n > n_columns else n


class ImplicitView:
    """Sparse view with the attributes of the views of `linear_views`, given by its products."""

    def __init__(self, view, name, sample_weight=None, standardize=True):
        weight = np.ones(view.shape[0]) if sample_weight is None else sample_weight
        view = view.astype(np.float64, copy=False)
        self.degrees = weight.sum() - 1
        self.mean, self.deviation, constant = sparse_moments(view, name, weight)
        self.n_varying = np.count_nonzero(~constant)
        self.scale, self.spread = column_scales(self.deviation, constant, standardize)
        factor = np.where(constant, 0.0, 1 / self.scale)
        root = None if sample_weight is None else np.sqrt(weight)
        self.columns = CenteredColumns(view, self.mean, factor, root, self.degrees)
        self.rounded = self.columns.rounded()
        # Only columns that are multiples of others are known to be dependent.
        self.rank = min(self._n_directions(), view.shape[0] - 1)

    @property
    def squares(self):
        """Sum of the squared covariances of the scaled columns, in blocks of columns or of rows."""
        n, p = self.columns.shape
        return self.columns.squares_of_rows() if n < p else self.columns.squares()

    def _n_directions(self):
        """Return the number of varying columns that are not multiples of others.

        Standardized columns of one direction have the same products with random vectors, up to a sign.
        """
        vectors = np.random.RandomState(0).standard_normal((self.columns.shape[0], _DIGESTS))
        varying = self.spread > 0
        products = self.columns.transposed(vectors)[varying] / self.spread[varying, None]
        products *= np.sign(products[:, :1])
        return len(np.unique(products.round(_DECIMALS), axis=0))

    def most_squares(self):
        """Return an upper bound of `squares`, which random vectors do not exceed.

        The mean square of the products with normal vectors estimates the sum; the bound is eight
        standard errors above it.
        """
        vectors = np.random.RandomState(0).standard_normal((self.columns.shape[1], _PROBES))
        products = self.rounded.transposed(self.rounded.times(vectors.astype(np.float32)))
        estimates = np.einsum("ij,ij->j", products, products)
        return estimates.mean() + 8 * estimates.std(ddof=1) / np.sqrt(_PROBES)

    def regularize(self, reg):
        """Set the ridge."""
        self.reg = reg

    def covariance(self, weights):
        """Return the covariance of columns and variates, and the deviation of the variates."""
        variates = self.columns.times(weights)
        return self.columns.transposed(variates), np.linalg.norm(variates, axis=0)


class CenteredColumns:
    """Matrix Z of centered, scaled columns of weighted rows, so that Z'Z is their covariance matrix.

    It is the sparse matrix with its columns multiplied by `factor` and its rows by `root`, minus the
    outer product of `lengths`, the roots of the weights, and `center`.
    """

    def __init__(self, view, mean, factor, root, degrees):
        self.matrix, self.shape = view, view.shape
        self._factor, self._root = factor / np.sqrt(degrees), root
        self.center = mean * self._factor
        self.lengths = np.ones(view.shape[0]) if root is None else root
        self._transpose = self.matrix.T

    def rounded(self):
        """Return the same matrix in float32, with the factors multiplied into its elements."""
        other = object.__new__(CenteredColumns)
        other.matrix, other.shape = self._scaled(np.float32), self.shape
        other._factor = other._root = None
        other.center, other.lengths = np.float32(self.center), np.float32(self.lengths)
        other._transpose = other.matrix.T
        return other

    def times(self, vectors):
        """Return the product of the matrix with vectors of its columns."""
        scaled = vectors if self._factor is None else self._factor[:, None] * vectors
        product = _product(self.matrix, scaled)
        if self._root is not None:
            product *= self._root[:, None]
        product -= np.outer(self.lengths, self.center @ vectors)
        return product

    def transposed(self, vectors):
        """Return the product of the transposed matrix with vectors of its rows."""
        weighted = vectors if self._root is None else self._root[:, None] * vectors
        product = _product(self._transpose, weighted)
        if self._factor is not None:
            product *= self._factor[:, None]
        product -= np.outer(self.center, self.lengths @ vectors)
        return product

    def squares(self):
        """Return the sum of the squared elements of Z'Z, which is formed in blocks of rows."""
        matrix, total = self._scaled(), 0.0
        rows, size = matrix.T.tocsr(), self.shape[1]
        weight = self.lengths @ self.lengths
        for some in slices_of(size, max(1, _NUMBERS // size)):
            # The matrix is symmetric, so that the columns before the block are known.
            matrix = matrix[:, some.start - size :]
            block = (rows[some] @ matrix).toarray()
            block -= weight * np.outer(self.center[some], self.center[some.start :])
            total += _symmetric_squares(block)
        return total

    def squares_of_rows(self):
        """Return the same sum, which Z Z' has too."""
        matrix, total, n_rows = self._scaled(), 0.0, self.shape[0]
        columns = matrix.T.tocsc()
        along, square = matrix @ self.center, self.center @ self.center
        for first in slices_of(n_rows, max(1, _NUMBERS // n_rows)):
            second = slice(first.start, None)
            block = (matrix[first] @ columns[:, second]).toarray()
            block -= np.outer(along[first], self.lengths[second])
            block -= np.outer(self.lengths[first], along[second])
            block += np.outer(self.lengths[first], self.lengths[second]) * square
            total += _symmetric_squares(block)
        return total

    def _scaled(self, dtype=np.float64):
        """Return the matrix with the factors multiplied into its elements."""
        data = self.matrix.data * self._factor[self.matrix.indices]
        if self._root is not None:
            data *= np.repeat(self._root, np.diff(self.matrix.indptr))
        arrays = data.astype(dtype, copy=False), self.matrix.indices, self.matrix.indptr
        return csr_array(arrays, shape=self.shape)


def _product(matrix, vectors):
    """Return the product of a sparse matrix with vectors, a few of which are taken at a time."""
    width = _BYTES // vectors.itemsize
    if vectors.shape[1] <= width:
        return matrix @ np.ascontiguousarray(vectors)
    product = np.empty((matrix.shape[0], vectors.shape[1]), dtype=vectors.dtype)
    for part in slices_of(vectors.shape[1], width):
        product[:, part] = matrix @ np.ascontiguousarray(vectors[:, part])
    return product


def _symmetric_squares(block):
    """Return the sum of squares of rows of a symmetric matrix, from their diagonal block on.

    Elements to the right of the diagonal block count twice.
    """
    square = block[:, : len(block)]
    return 2 * np.einsum("ij,ij->", block, block) - np.einsum("ij,ij->", square, square)
