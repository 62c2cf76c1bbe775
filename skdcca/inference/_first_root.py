"""Approximate the first canonical correlation of normal views that share one component.

The distribution depends on the population correlation, on the numbers of columns p and q, and on the
number of rows n only. In canonical coordinates the shared component is one column x of the first view
and one of the second, and the other columns are noise. The squared sample correlation theta solves

    |Px|^2 / |Qx|^2 = theta / (1 - theta) * (1 + (1 - theta) g_P) / (1 - theta g_Q).

P projects on the second view and Q on what it leaves. The g are quadratic forms of the noise columns
of the first view at theta, whose mean and variance random matrix theory gives. Without noise columns
they are 0, and theta is the squared multiple correlation of a regression.
"""

from functools import lru_cache

import numpy as np
from scipy import special

from skdcca.inference._largest_root import largest_root_critical_value, largest_root_p_value

# The approximation needs a few rows more than columns.
SPARE_ROWS = 5
_N_POINTS = 1024
_N_ROOTS = 2048
_CLOSEST = 1e-9  # distance of roots from the edge of the noise, relative to it, and from 1


def power_of(correlation, n, p, q, alpha):
    """Return the probability that the test of the largest root finds the component."""
    p, q = sorted((p, q))
    critical = largest_root_critical_value(alpha, n, p, q)
    root = critical**2
    if p == 1:
        return float(np.mean(_ratios(correlation, n, q) > root / (1 - root)))
    root = max(root, _edge(n, p, q) * (1 + _CLOSEST))
    mean, variance = _form(root, n, p, q)
    shape = max(mean**2 / variance, 1e-3)
    forms = [special.gammaincinv(shape, u) / shape * mean for u in _points()[4:6]]
    bounds = root / (1 - root) * (1 + (1 - root) * forms[0]) / (1 - root * forms[1])
    found = np.mean(_ratios(correlation, n, q) > bounds)
    by_chance = largest_root_p_value(critical, n - 1, p - 1, q - 1)
    return float(max(alpha, 1 - (1 - found) * (1 - by_chance)))


def expected_values(correlation, n, p, q):
    """Return the means of the first sample correlation, and of the agreement of both weights.

    The agreement is the correlation, in the population, of the sample variate of a view with the
    population variate.
    """
    if p > q:
        in_sample, y_agreement, x_agreement = expected_values(correlation, n, q, p)
        return in_sample, x_agreement, y_agreement
    ratios = _ratios(correlation, n, q)
    roots = ratios / (1 + ratios) if p == 1 else _roots_at(ratios, n, p, q)
    in_sample = np.sqrt(roots).mean()
    return float(in_sample), _agreement(roots, n, p, q), _agreement(roots, n, q, p)


def _agreement(roots, n, p, q):
    """Return the mean agreement of the weights of the first view, at a sample of the root."""
    if p == 1:
        return 1.0
    mean, variance = _form(roots, n, p, q)
    ratio = np.maximum(_ratio_at(roots, n, p, q), 0)
    on, off = (n - 1) * ratio / (1 + ratio), (n - 1) / (1 + ratio)
    on, off = on * (1 - roots) ** 2, off * roots**2
    weight = on / (1 + (1 - roots) * mean) ** 2 + off / (1 - roots * mean) ** 2
    chi2 = 2 * special.gammaincinv((p - 1) / 2, _points()[6]) / (p - 1)
    agreement = np.where(ratio > 0, 1 / np.sqrt(1 + weight * variance / 2 * chi2), 0)
    random = np.exp(special.gammaln(p / 2) - special.gammaln((p + 1) / 2)) / np.sqrt(np.pi)
    return float(np.maximum(agreement, random).mean())


def _roots_at(ratios, n, p, q):
    """Return the roots that ratios of norms give, or the edge of the noise for small ratios."""
    edge = _edge(n, p, q)
    # Close points near the edge and near 1: with many rows, all roots are a little above the edge.
    lowest = np.log(edge / (1 - edge)) + np.log(_CLOSEST)
    grid = edge + (1 - edge) * special.expit(np.linspace(lowest, -np.log(_CLOSEST), _N_ROOTS))
    return np.interp(ratios, _ratio_at(grid, n, p, q), grid)


def _ratio_at(root, n, p, q):
    """Return the ratio of the norms on and off the second view that gives this root."""
    mean, _ = _form(root, n, p, q)
    return root / (1 - root) * (1 + (1 - root) * mean) / (1 - root * mean)


def _ratios(correlation, n, q):
    """Return the ratio of the squared norms of x on and off the second view, at all points."""
    y_norm, on_y, on_rest, off = _points()[:4]
    y_norm = np.sqrt(2 * special.gammaincinv((n - 1) / 2, y_norm))
    on = (correlation / np.sqrt(1 - correlation**2) * y_norm + special.ndtri(on_y)) ** 2
    if q > 1:
        on += 2 * special.gammaincinv((q - 1) / 2, on_rest)
    return on / (2 * special.gammaincinv((n - 1 - q) / 2, off))


def _form(root, n, p, q):
    """Return mean and variance of u' D^-1 u, for a standard normal u and D = (1 - root) A - root B.

    A and B are the Wishart matrices of the p - 1 noise columns of the first view, on and off the
    q - 1 noise columns of the second view.
    """
    if p == 1:
        return np.zeros_like(root), np.zeros_like(root)
    columns, rows = p - 1, n - 3
    first, second = _resolvent(root, columns, q - 1, rows)
    free = rows - columns
    scale = 1 / (free * (free - 1) * max(free - 3, 0.5))
    mean = first / (free - 1)
    variance = 2 * scale * ((free - 1) * second + first**2)
    return mean, variance


def _resolvent(root, columns, others, rows):
    """Return the traces of (J - root)^-1 and its square, for a null matrix J of squared correlations.

    They are those of the limit for many columns, Wachter's law.
    """
    a, b = columns / rows, others / rows
    low, high = _edges(a, b)
    # Without other columns, J is 0, and the difference may be negative.
    wide = np.sqrt(np.maximum((root - high) * (root - low), 1e-30)) if others else root - a
    below = 2 * a * root * (1 - root)
    first = ((2 * a - 1) * root + b - a + wide) / below
    slope = 2 * a - 1 + ((root - (high + low) / 2) / wide if others else 1)
    second = (slope - first * 2 * a * (1 - 2 * root)) / below
    return columns * first, columns * second


def _edges(a, b):
    """Return the bounds of Wachter's law."""
    first, second = np.sqrt(a * (1 - b)), np.sqrt(b * (1 - a))
    return (first - second) ** 2, (first + second) ** 2


def _edge(n, p, q):
    """Return the largest squared correlation of the noise columns of large views."""
    return _edges((p - 1) / (n - 3), (q - 1) / (n - 3))[1]


@lru_cache(maxsize=1)
def _points():
    """Return evenly spread points of the unit cube, as an array of shape (7, n_points)."""
    dimensions = 7
    base = 1.0
    for _ in range(60):  # the root of x^(d + 1) = x + 1 gives the steps that spread best
        base = (1 + base) ** (1 / (dimensions + 1))
    steps = base ** -np.arange(1, dimensions + 1)
    return (0.5 + np.outer(steps, np.arange(1, _N_POINTS + 1))) % 1
