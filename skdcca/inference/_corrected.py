"""Correct canonical correlations for chance, and compute their confidence intervals.

With many columns, the largest sample correlations exceed those of the population. The formulas hold for
normal data when rows and columns grow together [1]_. `s` is a squared correlation of the population, and
`odds` are c / (1 - c) of both views, where c is the number of columns that can correlate by chance,
divided by the number of rows.

References
----------
.. [1] Z. Bao, J. Hu, G. Pan and W. Zhou, "Canonical correlation coefficients of high-dimensional
   Gaussian vectors: finite rank case", Annals of Statistics 47 (2019).
"""

import numpy as np
from scipy import special
from sklearn.utils import Bunch

# Beyond this distance on the scale of Fisher's z, correlations are 1 in double precision.
_LONGEST = 20.0
_N_POINTS = 4001
_BELOW_ONE = 1 - 1e-15


def corrected_correlations(correlations, n, p, q, level=0.95):
    """Return corrected canonical correlations, their confidence intervals, and which are detected.

    Each component is treated as the first one of what is left after the previous components: they take
    one row and one column of each view. Components after one that is not detected are not detected
    either.

    Parameters
    ----------
    correlations : array-like of shape (n_components,)
        Leading canonical correlations in descending order, without a ridge.
    n : int
        Number of rows; if `m` confounds were removed, minus `m`.
    p, q : int
        Ranks of the views.
    level : float, default=0.95
        Coverage of the intervals, in (0, 1).

    Returns
    -------
    result : sklearn.utils.Bunch
        - ``corrected``, ``low``, ``high``: arrays of shape (n_components,). A component that is not
          detected has 0, 0 and an upper bound.
        - ``detected``: boolean array of shape (n_components,);
        - ``threshold``: correlation of the population up to which the largest sample correlation is
          that of unrelated views, in the limit of many rows and columns. It is 1 if the data have too
          few rows.
    """
    correlations = np.clip(np.asarray(correlations, dtype=np.float64), 0.0, 1.0)
    parts = [
        _interval(r**2, n - 1 - k, p - 1 - k, q - 1 - k, level) for k, r in enumerate(correlations)
    ]
    corrected, low, high = np.array(parts).reshape(-1, 3).T
    detected = np.logical_and.accumulate(low > 0)
    return Bunch(
        corrected=np.where(detected, corrected, 0.0),
        low=np.where(detected, low, 0.0),
        high=high,
        detected=detected,
        threshold=_threshold(n - 1, p - 1, q - 1) ** 0.25,
    )


def shrunken_correlations(correlations, n, p, q):
    """Return corrected correlations of all components, of which those by chance are not 0.

    The arguments are those of `corrected_correlations`. With too few rows for a correction, the
    correlations themselves are returned.
    """
    shrunken = np.array(correlations, dtype=np.float64)
    for k, r in enumerate(shrunken):
        rows, columns = n - 1 - k, (p - 1 - k, q - 1 - k)
        if not _are_perfect(rows, *columns):
            s = population_correlation(r**2, columns[0] / rows, columns[1] / rows)
            shrunken[k] = np.sqrt(s)
    return shrunken


def _are_perfect(rows, p, q):
    """Return True if correlations are 1 whatever the data are: the views intersect.

    `p` and `q` are the ranks of the views less the direction whose correlation is asked for.
    """
    return p + q + 2 > rows


def _threshold(rows, p, q):
    """Return the fourth power of the smallest correlation that can be detected, at most 1."""
    if _are_perfect(rows, p, q):
        return 1.0
    return p / (rows - p) * (q / (rows - q))


def _interval(root, rows, p, q, level):
    """Return the corrected correlation and its interval; the lower bound is 0 if it is not detected.

    `root` is the squared sample correlation, `rows` the number of centered rows, and `p` and `q` are the
    numbers of columns that correlate by chance.
    """
    degrees = rows - 2
    if _are_perfect(rows, p, q) or degrees <= 0:
        return 0.0, 0.0, 1.0
    s = population_correlation(root, p / rows, q / rows)
    z, steady = _steady_scale(p / (rows - p), q / (rows - q))
    middle = np.interp(np.arctanh(np.sqrt(min(s, _BELOW_ONE))), z, steady)
    half = special.ndtri((1 + level) / 2) / np.sqrt(degrees)
    low = np.tanh(np.interp(middle - half, steady, z)) if middle > half else 0.0
    return np.sqrt(s), low, np.tanh(np.interp(middle + half, steady, z))


def population_correlation(root, c_x, c_y):
    """Return the squared correlation of the population that leads to the squared sample correlation.

    The sample has ``(s (1 - c_x) + c_x) (s (1 - c_y) + c_y) / s`` if `s` is above the threshold. A
    sample correlation that chance can reach gives the threshold.
    """
    threshold = np.sqrt(c_x / (1 - c_x) * c_y / (1 - c_y))
    edge = (np.sqrt(c_x * (1 - c_y)) + np.sqrt(c_y * (1 - c_x))) ** 2
    if root <= edge:
        return threshold
    square, linear = (1 - c_x) * (1 - c_y), root - c_x * (1 - c_y) - c_y * (1 - c_x)
    discriminant = max(linear**2 - 4 * square * c_x * c_y, 0.0)
    return min((linear + np.sqrt(discriminant)) / (2 * square), 1.0)


def _steady_scale(x_odds, y_odds):
    """Return Fisher's z from the threshold on, and a function of it whose variance is constant.

    The corrected correlation has, on the scale of Fisher's z, the variance ``(1 + (x_odds + y_odds) /
    (2 s)) / (1 - x_odds y_odds / s^2)`` divided by the number of rows. It is infinite at the threshold,
    so the delta method needs the integral of the inverse of its root. Without columns of noise, that is
    Fisher's z itself.
    """
    threshold = np.sqrt(x_odds * y_odds)
    # The variance depends on the root of the distance to the threshold, so the steps are even in it.
    root = np.linspace(0, np.sqrt(_LONGEST), _N_POINTS)
    z = np.arctanh(np.sqrt(threshold)) + root**2
    s = np.tanh(z) ** 2
    # Without a threshold the scale begins at s = 0, by which the odds cannot be divided.
    s[0] = max(s[0], 1e-100)
    slope = np.sqrt(np.maximum(1 - (threshold / s) ** 2, 0) / (1 + (x_odds + y_odds) / (2 * s)))
    slope *= 2 * root
    steady = np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(root))
    return z, np.concatenate([[0.0], steady])
