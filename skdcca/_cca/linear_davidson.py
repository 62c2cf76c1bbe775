"""Find the leading canonical pairs of two views that are known by their products with vectors.

The pairs belong to the largest eigenvalues of ``[[0, C], [C', 0]]`` with respect to ``diag(A, B)``, for
the cross-covariance C and the covariances A and B with their ridges. A space for each view is expanded
by corrections of the best pairs in it, which solve the equation of Jacobi and Davidson [1]_ by a few
steps of conjugate gradients. The search begins in float32 and ends in float64.

References
----------
.. [1] G. L. G. Sleijpen and H. A. van der Vorst, "A Jacobi-Davidson iteration method for linear
   eigenvalue problems", SIAM Journal on Matrix Analysis and Applications 17 (1996).
"""

import numpy as np
from scipy import linalg

# Vectors that are added at a time, and the largest size of a space, in blocks of the vectors sought.
_BLOCK, _MOST = 64, 6
# The largest residual of a component, after the search in float32 and at the end. The error of a
# correlation is at most its residual, and about its square divided by the distance to those not sought.
_ROUGH, TOLERANCE = 5e-4, 3e-4
# Steps of conjugate gradients, which begin when half of the residuals are smaller than the limit.
_STEPS, _NEAR = 8, 0.3
# The search ends if a residual is still larger than the limit when a third of the iterations are done.
_MOST_ITERATIONS, _FAR = 90, 0.3
# A direction that is shorter than this fraction of the longest one is a rounding error.
_LEAST_LENGTH = 1e-6
_TINY = np.finfo(np.float32).tiny


def leading_pairs(x_view, y_view, k):
    """Return the `k` largest correlations, the weights of both views, and the largest residual.

    The search has converged if the residual is at most `TOLERANCE`.
    """
    # A fixed start gives the same result for the same data, whatever the random state.
    random = np.random.RandomState(0)
    n_sought = k + max(2, k // 4)
    x, y = (_Operator(view, np.float32) for view in (x_view, y_view))
    v = random.standard_normal((y.n_columns, n_sought)).astype(np.float32) * y.varies[:, None]
    u = x.columns.transposed(y.columns.times(v))
    rough = _search(x, y, u, v, k, n_sought, _ROUGH)
    # Otherwise it would not converge in float64 either, and one projection is enough.
    has_converged = rough.residuals[:k].max() <= _ROUGH
    tolerance = TOLERANCE if has_converged else np.inf
    x, y = (_Operator(view, np.float64) for view in (x_view, y_view))
    u, v = rough.u.astype(np.float64), rough.v.astype(np.float64)
    pairs = _search(x, y, u, v, k, n_sought, tolerance)
    return pairs.values[:k], pairs.u[:, :k], pairs.v[:, :k], pairs.residuals[:k].max()


class _Operator:
    """Covariance of a view with its ridge, in float32 or float64."""

    def __init__(self, view, dtype):
        self.dtype, self.reg = dtype, dtype(view.reg)
        self.rounded, self.columns = view.rounded, view.columns
        if dtype is np.float32:
            self.columns = view.rounded
        self.n_columns = len(view.mean)
        self.varies = (view.spread > 0).astype(dtype)
        self.diagonal = (view.spread**2 + view.reg).astype(np.float32)[:, None]


class _Space:
    """Basis of a view, orthonormal in the inner product of its covariance A, and its products."""

    def __init__(self, own, other, most):
        self.own, self.other, self.size = own, other, 0
        shape = own.n_columns, most
        self._z, self._az = (np.empty(shape, own.dtype, order="F") for _ in range(2))
        self._cz = np.empty((other.n_columns, most), own.dtype, order="F")

    @property
    def z(self):
        """Basis."""
        return self._z[:, : self.size]

    @property
    def az(self):
        """Product of A with the basis."""
        return self._az[:, : self.size]

    @property
    def cz(self):
        """Product of the covariance of the other view and this one with the basis."""
        return self._cz[:, : self.size]

    def add(self, vectors):
        """Add vectors, after making them orthogonal to the basis and to each other."""
        for _ in range(2):  # once is not enough for full precision
            if not vectors.any():
                return
            vectors = vectors - self.z @ (self.az.T @ vectors)
            vectors /= np.sqrt(np.maximum(_dots(vectors, vectors), _TINY))
            vectors = vectors @ _whitener(vectors.T @ vectors)
        variates = self.own.columns.times(vectors)
        turn = _whitener(variates.T @ variates + self.own.reg * (vectors.T @ vectors))
        vectors, variates = vectors @ turn, variates @ turn
        new = slice(self.size, self.size + vectors.shape[1])
        self._z[:, new] = vectors
        self._az[:, new] = self.own.columns.transposed(variates) + self.own.reg * vectors
        self._cz[:, new] = self.other.columns.transposed(variates)
        self.size = new.stop

    def rotate(self, turn):
        """Replace the basis by its product with `turn`."""
        size = turn.shape[1]
        for part in (self._z, self._az, self._cz):
            part[:, :size] = part[:, : self.size] @ turn
        self.size = size


def _whitener(gram):
    """Return a matrix T with ``T.T @ gram @ T`` the identity, without directions of no length."""
    squares, turn = linalg.eigh(gram.astype(np.float64), check_finite=False)
    kept = squares > _LEAST_LENGTH * squares[-1]
    return (turn[:, kept] / np.sqrt(squares[kept])).astype(gram.dtype)


def _search(x, y, u, v, k, n_sought, tolerance):
    """Return the best `_Pairs` in the spaces that begin with `u` and `v`."""
    block = min(_BLOCK, n_sought)
    most = _MOST * n_sought + block
    x_space, y_space = _Space(x, y, most), _Space(y, x, most)
    for iteration in range(_MOST_ITERATIONS):
        x_space.add(u)
        y_space.add(v)
        left, values, right = linalg.svd(
            x_space.z.T @ y_space.cz, full_matrices=False, check_finite=False
        )
        best = _Pairs(x_space, y_space, left[:, :n_sought], values[:n_sought], right[:n_sought].T)
        largest = best.residuals[:k].max()
        if largest <= tolerance or (largest > _FAR and iteration >= _MOST_ITERATIONS / 3):
            break
        if max(x_space.size, y_space.size) + block > most:
            kept = most // 2
            x_space.rotate(left[:, :kept])
            y_space.rotate(right[:kept].T)
        u, v = best.corrections(x, y, k, tolerance)
    return best


class _Pairs:
    """Best pairs of two spaces, and their residuals."""

    def __init__(self, x_space, y_space, left, values, right):
        self.values = values
        self.u, self.au = x_space.z @ left, x_space.az @ left
        self.v, self.bv = y_space.z @ right, y_space.az @ right
        self.ru = y_space.cz @ right - self.au * values
        self.rv = x_space.cz @ left - self.bv * values
        # The inverse of a covariance is at most the inverse of its ridge.
        squares = [
            _dots(r, r) / space.own.reg for r, space in ((self.ru, x_space), (self.rv, y_space))
        ]
        self.residuals = np.sqrt(np.maximum(*squares))

    def corrections(self, x, y, k, tolerance):
        """Return the corrections of the pairs with the largest residuals."""
        active = np.flatnonzero(self.residuals[:k] > tolerance)
        if len(active) < _BLOCK:
            active = np.flatnonzero(self.residuals > tolerance)
        active = active[np.argsort(-self.residuals[active], kind="stable")[:_BLOCK]]
        # With the residual added, the shift is above the correlations that are not sought.
        shift = self.values[active] + self.residuals[active]
        steps = _STEPS if np.median(self.residuals[:k]) < _NEAR else 0
        solver = _CorrectionSolver(x, y, self, shift.astype(np.float32))
        u, v = solver.solve(self.ru[:, active], self.rv[:, active], steps)
        return u.astype(x.dtype), v.astype(y.dtype)


class _CorrectionSolver:
    """Solver of ``[[s A, -C], [-C', s B]]`` for the shift s, outside the span of the best pairs."""

    def __init__(self, x, y, pairs, shift):
        self.x, self.y, self.shift = x, y, shift
        self.u, self.au, self.v, self.bv = (
            part.astype(np.float32) for part in (pairs.u, pairs.au, pairs.v, pairs.bv)
        )

    def solve(self, ru, rv, steps):
        """Return an approximate solution after a few steps of conjugate gradients."""
        length = np.sqrt(_dots(ru, ru) + _dots(rv, rv))
        residual = self._dual((ru / length).astype(np.float32), (rv / length).astype(np.float32))
        direction = self._primal(*residual)
        if not steps:
            return direction
        square = _sum(residual, direction)
        found = [np.zeros_like(part) for part in direction]
        positive, otherwise = np.ones(len(length), dtype=bool), 1.0
        for _ in range(steps):
            image = self._image(*direction)
            curvature = _sum(direction, image)
            # Before the pairs are near, the matrix may not be definite.
            positive &= curvature > 0
            size = np.where(positive, square / np.where(positive, curvature, 1.0), otherwise)
            found = _plus(found, size, direction)
            residual = _plus(residual, -size, image)
            gradient = self._primal(*residual)
            previous, square = square, _sum(residual, gradient)
            direction = _plus(gradient, np.where(positive, square / previous, 0.0), direction)
            otherwise = 0.0
        return found

    def _image(self, u, v):
        x, y, shift = self.x.rounded, self.y.rounded, self.shift
        x_variates, y_variates = x.times(u), y.times(v)
        u_image = x.transposed(shift * x_variates - y_variates) + shift * np.float32(self.x.reg) * u
        v_image = y.transposed(shift * y_variates - x_variates) + shift * np.float32(self.y.reg) * v
        return self._dual(u_image, v_image)

    def _dual(self, ru, rv):
        """Remove the best pairs from residuals."""
        return ru - self.au @ (self.u.T @ ru), rv - self.bv @ (self.v.T @ rv)

    def _primal(self, ru, rv):
        """Precondition residuals by the variances of the columns, and remove the best pairs."""
        u, v = ru / self.x.diagonal, rv / self.y.diagonal
        return u - self.u @ (self.au.T @ u), v - self.v @ (self.bv.T @ v)


def _plus(first, factor, second):
    factor = factor.astype(np.float32)
    return [a + factor * b for a, b in zip(first, second, strict=True)]


def _sum(first, second):
    return _dots(first[0], second[0]) + _dots(first[1], second[1])


def _dots(a, b):
    return np.einsum("ij,ij->j", a, b)
