"""Find the leading components of exact kernel CCA without eigenvectors of the kernels.

With the ridge r, the smoother of a centered kernel K is A = K (K + r I)^-1. The squared correlations
are the eigenvalues of A B, for the smoothers A and B of both views. They are found in a block Krylov
space with the inner product of A, which needs a Cholesky factor of each kernel, and few products.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skdcca._cca.kernel_maps import is_kernel
from skdcca._cca.kernel_views import centered_kernel

# More components than this fraction of the rows, or a smaller ridge, need too many products.
_FEW, _LEAST_RIDGE = 0.02, 1e-4
# The space has at most this fraction of the rows as dimensions. If the residual is larger than the
# second figure when the space has half of them, eigenvectors are faster.
_MOST, _HALFWAY = 0.25, 1e-2
# The largest residual of a component; the errors of the squared correlations are about its square.
_TOLERANCE = 1e-10
# Squared correlations above this limit have at least nine correct digits.
_LEAST_SQUARE = 1e-6
# The square of a new direction in the inner product of A is larger than this part of its own square;
# otherwise it is a rounding error.
_LEAST_NEW = 1e-13
# A block may not lose more digits than that of its largest square.
_LEAST_IN_BLOCK = 1e-12
# Kernels that are positive semi-definite, so that there are no negative eigenvalues to look for.
_DEFINITE = ("chi2", "cosine", "laplacian", "linear", "poly", "polynomial", "rbf")
# Rounding errors of a kernel are at most this fraction of the ridge.
_MOST_ROUNDING = 1e-6
_EPS = np.finfo(np.float64).eps


class LeadingComponents(NamedTuple):
    """Leading components of both views.

    Attributes
    ----------
    correlations : ndarray of shape (n_components,)
        Canonical correlations, in descending order.
    coefs, intercepts : pairs of ndarray
        Dual coefficients, of shape (n_samples, n_components), and intercepts of both views.
    smoothed : pair of ndarray of shape (n_samples, n_components)
        Whitened variates of the training rows of both views, with unit length before the ridge.
    """

    correlations: NDArray
    coefs: tuple[NDArray, NDArray]
    intercepts: tuple[NDArray, NDArray]
    smoothed: tuple[NDArray, NDArray]


class SmoothedKernel:
    """Centered kernel of a view with a ridge, as a Cholesky factor."""

    def __init__(self, view, kernel_map, reg):
        kernel, self.means, limit, self.degeneracy = centered_kernel(view, kernel_map)
        total = np.trace(kernel)
        self.ridge = reg * total
        # One eigenvalue is then larger than the rounding error, and no error hides in the ridge.
        self.is_exact = total > len(kernel) * limit
        self.is_exact &= len(kernel) * _rounding(kernel_map) < _MOST_ROUNDING * self.ridge
        kernel.flat[:: len(kernel) + 1] += self.ridge
        if self.is_exact:
            # The transpose has the same values, and its memory order is the one that LAPACK needs.
            self._root = linalg.cholesky(kernel.T, lower=True, overwrite_a=True, check_finite=False)

    def solve(self, vectors):
        """Return the product of the inverse of the kernel with its ridge with vectors."""
        return linalg.cho_solve((self._root, True), vectors, check_finite=False)

    def smooth(self, vectors):
        """Return the product of the smoother of the view with vectors."""
        return vectors - self.ridge * self.solve(vectors)

    def intercept(self, coefs):
        """Return centered coefficients and their intercepts, which center the columns of a kernel."""
        coefs -= coefs.mean(axis=0)
        return coefs, -self.means @ coefs


def _rounding(kernel_map):
    """Return the rounding error of a kernel of distances, which are differences of large squares."""
    if not is_kernel(kernel_map.kernel, "rbf"):
        return 0.0
    return _EPS * kernel_map.gamma * np.einsum("ij,ij->i", kernel_map.rows, kernel_map.rows).max()


def may_be_leading(n_components, n_samples, maps, ridges):
    """Return True if the leading components can be found without eigenvectors."""
    few = n_components is not None and n_components <= _FEW * n_samples
    definite = all(is_kernel(kernel_map.kernel, *_DEFINITE) for kernel_map in maps)
    return few and definite and min(ridges) >= _LEAST_RIDGE


def leading_components(views, maps, ridges, k):
    """Return the `LeadingComponents` of two views, or None if eigenvectors are needed for them.

    Eigenvectors are needed if a kernel is not positive definite with its ridge, because of rounding
    errors, or if some of the components have no correlation.
    """
    try:
        a, b = map(SmoothedKernel, views, maps, ridges)
    except linalg.LinAlgError:
        return None
    if not (a.is_exact and b.is_exact):
        return None
    found = _ritz_pairs(a, b, k)
    if found is None or found[0][-1] < _LEAST_SQUARE:
        return None
    for kernel_map, kernel in zip(maps, (a, b), strict=True):
        kernel_map.warn(kernel.degeneracy)
    squares, az, baz = found
    correlations, unit = np.sqrt(squares), np.sqrt(len(az) - 1)
    # B A z / square is z, and it is nearer to it than the element of the space.
    x_coefs, x_intercept = a.intercept(unit / squares * a.solve(baz))
    y_coefs, y_intercept = b.intercept(unit / correlations * b.solve(az))
    return LeadingComponents(
        correlations, (x_coefs, y_coefs), (x_intercept, y_intercept), (az, baz / correlations)
    )


def _ritz_pairs(a, b, k):
    """Return the `k` leading eigenvalues of B A, and A z and B A z of its vectors z, or None."""
    space = _Space(a, b, n=len(a.means), block=k + max(2, k // 4))
    residual = np.inf
    while residual > _TOLERANCE and space.grow():
        if space.size > space.most / 2 and residual > _HALFWAY:
            return None
        squares, turn = space.ritz(k)
        residual = space.residual(squares, turn)
    if space.size < k or not (residual <= _TOLERANCE or space.is_whole):
        return None
    az, baz = (part[:, : space.size] @ turn for part in (space.az, space.baz))
    return squares, az, baz


class _Space:
    """Block Krylov space of B A, with a basis that is orthonormal in the inner product of A."""

    def __init__(self, a, b, n, block):
        self.a, self.b, self.size, self.most = a, b, 0, int(_MOST * n)
        self.is_whole = False  # True if it contains all directions of A B
        shape = n, self.most + block
        self.z, self.az, self.baz = (np.empty(shape, order="F") for _ in range(3))
        self.projected = np.zeros((shape[1], shape[1]))  # of B, in the basis A z
        # A fixed start gives the same result for the same data, whatever the random state.
        self.next = np.random.RandomState(0).standard_normal((n, block))

    def grow(self):
        """Add a block; return False if the space is full or whole."""
        if self.size > self.most:
            return False
        block, smoothed = self._new_directions()
        old, size = self.size, self.size + block.shape[1]
        self.is_whole = size == old
        if self.is_whole:
            return False
        new = slice(old, size)
        self.next = self.b.smooth(smoothed)
        self.z[:, new], self.az[:, new], self.baz[:, new] = block, smoothed, self.next
        self.projected[:size, new] = self.az[:, :size].T @ self.next
        self.projected[new, :old] = self.projected[:old, new].T
        self.size = size
        return True

    def _new_directions(self):
        """Return new directions and their products with A."""
        z, az, block = self.z[:, : self.size], self.az[:, : self.size], self.next
        block = block - z @ (az.T @ block)
        least = _LEAST_NEW * np.einsum("ij,ij->j", block, block).max()
        smoothed = self.a.smooth(block)
        for _ in range(2):  # once is not enough for full precision
            overlap = az.T @ block
            block, smoothed = block - z @ overlap, smoothed - az @ overlap
            gram = block.T @ smoothed
            squares, turn = linalg.eigh((gram + gram.T) / 2, check_finite=False)
            kept = squares > max(_LEAST_IN_BLOCK * squares[-1], least)
            if not kept.any():
                return block[:, :0], smoothed[:, :0]
            scaled = turn[:, kept] / np.sqrt(squares[kept])
            block, smoothed, least = block @ scaled, smoothed @ scaled, 0.0
        return block, smoothed

    def ritz(self, k):
        """Return the `k` largest eigenvalues in the space, and their vectors in its basis."""
        size = self.size
        k = min(k, size)
        squares, turn = linalg.eigh(
            self.projected[:size, :size], check_finite=False, subset_by_index=(size - k, size - 1)
        )
        return squares[::-1], turn[:, ::-1]

    def residual(self, squares, turn):
        """Return the largest length of B A z - square z."""
        z, baz = self.z[:, : self.size], self.baz[:, : self.size]
        rest = baz @ turn - z @ (turn * squares)
        return np.sqrt(np.einsum("ij,ij->j", rest, rest).max())
