"""Compute the distribution of the largest squared canonical correlation of unrelated views.

All functions take the number of rows `n` and the ranks `p` and `q` of both views, with n > p + q.
"""

from functools import lru_cache

import numpy as np
from scipy import optimize, special

# The exact distribution inverts a matrix whose condition grows with the number of columns. Up to this
# one, the probabilities have four correct digits.
_MOST_CONDITION = 1e9
_MOST_EXACT = 10
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)


def largest_root_chain(correlations, n, p, q):
    """Return the p-value of each canonical correlation in the sequential test of the largest root.

    Component k is compared with the largest correlation of unrelated views from which k - 1 pairs of
    variates and as many rows are removed [1]_.

    The arguments are all canonical correlations of `n` rows, and the ranks `p` and `q` of the views.

    References
    ----------
    .. [1] I. M. Johnstone, "Approximate null distribution of the largest root in multivariate
       analysis", Annals of Applied Statistics 3 (2009).
    """
    p_values = [
        largest_root_p_value(r, n - k, p - k, q - k) for k, r in enumerate(np.asarray(correlations))
    ]
    return np.maximum.accumulate(p_values)


def largest_root_p_value(r, n, p, q):
    """Return the probability that unrelated normal views reach the canonical correlation `r`.

    It is exact [1]_ if the smaller view has few columns: up to about 9 if the other has as many, and
    up to about 5 if it has hundreds. Otherwise it is an approximation [2]_, which is too large: at 0.05
    by up to a seventh, at 0.001 by up to a factor of 3.

    References
    ----------
    .. [1] M. Chiani, "Distribution of the largest root of a matrix for Roy's test in multivariate
       analysis of variance", Journal of Multivariate Analysis 143 (2016).
    .. [2] I. M. Johnstone, "Approximate null distribution of the largest root in multivariate
       analysis", Annals of Applied Statistics 3 (2009).
    """
    root = float(np.clip(r, 0.0, 1.0)) ** 2
    if root in (0.0, 1.0):
        return 1.0 - root
    return _tail(root, n, p, q)


def largest_root_critical_value(alpha, n, p, q):
    """Return the canonical correlation that unrelated normal views reach with probability `alpha`."""
    mean, scale = _johnstone(n, p, q)
    logit = mean + scale * _tracy_widom_quantile(alpha)
    if _total_matrix(n, p, q) is not None:

        def excess(logit):
            return _tail(special.expit(logit), n, p, q) - alpha

        logit = optimize.brentq(excess, *_bracket(excess, logit, scale), xtol=1e-8)
    return float(np.sqrt(special.expit(logit)))


def _tail(root, n, p, q):
    """Return the probability that the largest root is above `root`."""
    if _total_matrix(n, p, q) is not None:
        return _exact_tail(root, n, p, q)
    mean, scale = _johnstone(n, p, q)
    return tracy_widom_tail((special.logit(root) - mean) / scale)


def _johnstone(n, p, q):
    """Return the center and scale of the logit of the largest root."""
    # With n = p + q + 1, the angles would add up to pi, and the center would be infinite.
    degrees = max(n - 2, p + q - 0.5)
    small = 2 * np.arcsin(np.sqrt((min(p, q) - 0.5) / degrees))
    large = 2 * np.arcsin(np.sqrt((max(p, q) - 0.5) / degrees))
    mean = 2 * np.log(np.tan((large + small) / 2))
    cubed = 16 / degrees**2 / (np.sin(large + small) ** 2 * np.sin(large) * np.sin(small))
    return mean, np.cbrt(cubed)


def tracy_widom_tail(value):
    """Return the probability that a Tracy-Widom variable of order 1 is above the value.

    The distribution is a determinant of the Airy function on a half-line [1]_, here at the nodes of a
    Gaussian quadrature.

    References
    ----------
    .. [1] P. L. Ferrari and H. Spohn, "A determinantal formula for the GOE Tracy-Widom distribution",
       Journal of Physics A 38 (2005).
    """
    length = max(16.0 - value, 4.0)
    nodes, roots = (_NODES + 1) / 2 * length, np.sqrt(_WEIGHTS / 2 * length)
    kernel = np.outer(roots, roots) * special.airy(np.add.outer(nodes, nodes) + value)[0]
    eigenvalues = np.minimum(np.linalg.eigvalsh(kernel), 1 - 1e-16)
    return float(0.0 - np.expm1(np.log1p(-eigenvalues).sum()))


@lru_cache
def _tracy_widom_quantile(alpha):
    return optimize.brentq(lambda value: np.log(tracy_widom_tail(value) / alpha), -10, 60)


def _bracket(function, start, step):
    """Return two points around the zero of a decreasing function."""
    low, high = start - step, start + step
    while function(low) < 0:
        low -= step
    while function(high) > 0:
        high += step
    return low, high


def _exact_tail(root, n, p, q):
    """Return the exact probability that the largest root is above `root`.

    The distribution function is the square root of the ratio of two determinants, of a skew-symmetric
    matrix of integrals up to `root` and of the same matrix up to 1.
    """
    beyond = _skew_matrix(root, n, p, q)
    eigenvalues = np.linalg.eigvals(np.linalg.solve(_total_matrix(n, p, q), beyond))
    # log |1 - z|^2, accurate for small z, which log1p of a complex number is not
    shifts = np.maximum(np.abs(eigenvalues) ** 2 - 2 * eigenvalues.real, -1)
    with np.errstate(divide="ignore"):
        below = np.log1p(shifts).sum() / 4
    return float(np.clip(0.0 - np.expm1(below), 0.0, 1.0))


@lru_cache
def _total_matrix(n, p, q):
    """Return the matrix of integrals from 0 to 1, or None if it is too close to singular."""
    if min(p, q) > _MOST_EXACT:
        return None
    matrix = _skew_matrix(0.0, n, p, q)
    return matrix if np.linalg.cond(matrix) < _MOST_CONDITION else None


def _skew_matrix(root, n, p, q):
    """Return the skew-symmetric matrix of integrals from `root` to 1.

    Entry (i, j) is the integral of f_j F_i - f_i F_j, where f_i and F_i are the density and the
    distribution function of the beta distribution with the parameters a_i and b. An odd matrix has
    one more row, of the integrals of f_i.
    """
    a = (abs(p - q) + 1) / 2 + np.arange(min(p, q))
    b = (n - p - q) / 2
    above = special.betaincc(a, b, root)
    sums = np.add.outer(a, a[:-1])
    logs = special.betaln(sums, 2 * b) - np.add.outer(
        special.betaln(a, b), special.betaln(a[1:], b)
    )
    steps = np.exp(logs) / (a[:-1] + b) * special.betaincc(sums, 2 * b, root)
    # The recursion over j begins at the diagonal, where the integral of f_i (1 - F_i) is known.
    nested = np.cumsum(np.triu(steps), axis=1) + above[:, None] ** 2 / 2
    size = len(a)
    matrix = np.zeros((size + size % 2,) * 2)
    upper = np.triu_indices(size, 1)
    i, j = upper
    matrix[upper] = above[j] - above[i] - above[i] * above[j] + 2 * nested[i, j - 1]
    if size % 2:
        matrix[:size, size] = above
    return matrix - matrix.T
