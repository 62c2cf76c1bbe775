"""Draw the first canonical correlation of normal views that share one component.

The views are X = [x, N] and Y = [y, M]: one pair of columns with a correlation, and noise columns. The
canonical variates of N and M, and what they leave of the space of all rows, are an orthonormal basis in
which x and y have independent normal coordinates. Then all that is needed of the noise columns are
their canonical correlations, which a bidiagonal matrix of independent numbers has, and the sizes of
their weights. A draw takes on the order of p^2 operations, however many rows there are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

_N_BISECTIONS = 60
_NUMBERS = 10**6  # numbers of a batch of draws
# Sets of correlations of noise columns times p^2, which take about a third of a second.
_OPERATIONS = 3 * 10**7
_LEAST_SETS = 5


def draw_first_root(correlation, n, p, q, count, rng):
    """Draw the first sample correlation, and the agreement of both weights, `count` times."""
    if p > q:
        root, y_agreement, x_agreement = draw_first_root(correlation, n, q, p, count, rng)
        return root, x_agreement, y_agreement
    # Correlations of many noise columns hardly differ between draws, and are used several times.
    n_sets = min(count, max(_LEAST_SETS, _OPERATIONS // p**2))
    squares = draw_null_squares(n, p - 1, q - 1, n_sets, rng)
    step = max(1, _NUMBERS // p)
    drawn = []
    for start in range(0, count, step):
        sets = np.arange(start, min(start + step, count)) % n_sets
        drawn.append(_draw(correlation, n, q - 1, squares[sets], rng))
    return tuple(np.concatenate(values) for values in zip(*drawn, strict=True))


def draw_null_squares(n, p, q, count, rng):
    """Draw the squared canonical correlations of `p` and `q` >= `p` unrelated normal columns.

    They are the squared singular values of a bidiagonal matrix, from beta variables [1]_.

    References
    ----------
    .. [1] A. Edelman and B. D. Sutton, "The beta-Jacobi matrix model, the CS decomposition, and
       generalized singular value problems", Foundations of Computational Mathematics 8 (2008).
    """
    i = np.arange(p, 0, -1)
    rest = n - 1 - p - q
    first = rng.beta((q - p + i) / 2, (rest + i) / 2, size=(count, p))
    second = rng.beta(i[1:] / 2, (n - 1 - 2 * p + 1 + i[1:]) / 2, size=(count, max(p - 1, 0)))
    diagonal, above = first.copy(), (1 - first[:, :-1]) * second
    diagonal[:, 1:] *= 1 - second
    if p < 2:
        return diagonal
    beside = np.sqrt(diagonal[:, :-1] * above)
    diagonal[:, 1:] += above
    found = [
        linalg.eigvalsh_tridiagonal(*one, lapack_driver="sterf")
        for one in zip(diagonal, beside, strict=True)
    ]
    return np.clip(found, 0, 1)


class _Problem(NamedTuple):
    """Products of orthonormal bases of both views, whose first singular value is the correlation.

    The bases are the variates of the noise columns, and a direction that x or y adds. The products
    are the correlations `c` on a diagonal, a column `h` for y, a row `k` for x, and `d` in the corner.
    `rest` is the product of x with one more direction, as M has more columns than N.
    """

    c: NDArray
    h: NDArray
    k: NDArray
    rest: NDArray
    d: NDArray


def _draw(correlation, n, q, squares, rng):
    """Draw the first correlation and the agreements, given those of the noise columns of each draw."""
    count, p = squares.shape
    c, s = np.sqrt(squares), np.sqrt(1 - squares)
    x_on, y_on = _pairs(correlation, squares.shape, rng)  # on the variates of N
    x_beside, y_beside = _pairs(correlation, squares.shape, rng)  # on what those of M add
    of_m = _products(correlation, q - p, count, rng)  # on further variates of M
    of_rest = _products(correlation, n - 1 - p - q, count, rng)
    y_off = c * y_beside - s * y_on
    x_size = np.sqrt(_dots(x_beside, x_beside) + of_m[0] + of_rest[0])
    y_size = np.sqrt(_dots(y_off, y_off) + of_rest[2])
    problem = _Problem(
        c=c,
        h=-s * y_off / y_size[:, None],
        k=s * x_beside / x_size[:, None],
        rest=np.sqrt(of_m[0]) / x_size,
        d=(_dots(c * x_beside, y_off) + of_rest[1]) / (x_size * y_size),
    )
    root = _first_squares(problem)
    a, b, r = _first_vectors(problem, root)
    x_weight, y_weight = b / x_size, r / y_size
    on_n = a - x_on * x_weight[:, None]
    on_m = c * a + problem.k * b[:, None] - (c * y_on + s * y_beside) * y_weight[:, None]
    beyond = [x_weight**2, -2 * x_weight * y_weight, y_weight**2]
    on_m = _dots(on_m, on_m) + sum(one * two for one, two in zip(beyond, of_m, strict=True))
    x_agreement = _agreement(x_weight, _dots(on_n, on_n), n - p, rng)
    return np.sqrt(root), x_agreement, _agreement(y_weight, on_m, n - q, rng)


def _pairs(correlation, shape, rng):
    """Draw pairs of normal numbers that are correlated."""
    x = rng.standard_normal(shape)
    return x, correlation * x + np.sqrt(1 - correlation**2) * rng.standard_normal(shape)


def _products(correlation, size, count, rng):
    """Draw the products x'x, x'y and y'y of pairs of normal vectors of a size."""
    if size == 0:
        return np.zeros((3, count))
    x_square = rng.chisquare(size, count)
    along = rng.standard_normal(count)
    beside = rng.chisquare(size - 1, count) if size > 1 else 0.0
    # y is b x + s e with a vector e that is independent of x.
    noise = np.sqrt(1 - correlation**2)
    y_along = correlation * np.sqrt(x_square) + noise * along
    return np.array([x_square, np.sqrt(x_square) * y_along, y_along**2 + noise**2 * beside])


def _first_squares(problem):
    """Return the square of the first singular value of each problem, by bisection."""
    squares = problem.c**2
    low, high = squares.max(axis=1, initial=0.0), np.ones(len(squares))
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        excess, ahead, gaps = _secular(problem, middle)
        value = 1 + _dots(problem.h**2, gaps) + ahead**2 / excess
        above = (excess < 0) & (value > 0)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return high


def _secular(problem, root):
    """Return the parts of the secular equation of a diagonal matrix with a border, plus rank one."""
    c, h, k, rest, d = problem
    gaps = 1 / np.minimum(c**2 - root[:, None], -np.finfo(float).tiny)
    excess = _dots(k, k) + rest**2 - root - _dots((c * k) ** 2, gaps)
    return excess, d - _dots(c * k * h, gaps), gaps


def _first_vectors(problem, root):
    """Return the first left singular vector (a, b), and the last element of the right one."""
    c, h, k, _, d = problem
    excess, ahead, gaps = _secular(problem, root)
    b = ahead / excess
    a = (h - c * k * b[:, None]) * gaps
    return a, b, _dots(h, a) + d * b


def _agreement(weight, others, degrees, rng):
    """Return the share of the first weight, given the squared norm of the others as variates."""
    size = np.sqrt(weight**2 + others / rng.chisquare(degrees, len(weight)))
    return np.abs(weight) / size


def _dots(one, other):
    return np.einsum("ij,ij->i", one, other)
