"""Correlate held-out variates, and judge how large the correlation of unrelated views may be."""

import numpy as np

# Standard errors of Fisher's transformation that the held-out correlation of unrelated views exceeds in
# one of a hundred cases at one threshold, and at the best of a path in up to four.
_CHANCE = 2.33


def held_out_correlation(zx, zy, n_train, units):
    """Return the correlation of held-out rows, its standard error, and what chance may reach.

    Deviations are from the means of the training rows, so that the sign of a fold does not matter.
    The error is that of the infinitesimal jackknife, the root mean square influence of a unit, with the
    correction of Nadeau and Bengio, because folds that share training rows are not independent.

    Parameters
    ----------
    zx, zy : ndarray of shape (n_rows,)
        Variates of the held-out rows of all folds, minus the means of the training rows.
    n_train : float
        Mean number of training rows of a fold.
    units : ndarray of int of shape (n_rows,)
        Number of the row, or of its group, whose rows may resemble each other.
    """
    x_deviation, y_deviation = (np.sqrt(np.mean(z**2)) for z in (zx, zy))
    if x_deviation == 0 or y_deviation == 0:
        return 0.0, 0.0, 0.0
    zx, zy = zx / x_deviation, zy / y_deviation
    correlation = np.mean(zx * zy)
    influence = _sums(units, zx * zy - correlation * (zx**2 + zy**2) / 2)
    share = 1 / len(zx) + 1 / n_train
    error = np.sqrt(np.sum(influence**2) / len(zx) * share)
    # The error is estimated, and too small just where a few rows make the correlation large. That of
    # Fisher's transformation is known for views that are independent, whatever their distributions.
    least = _CHANCE * np.sqrt(_design_effect(zx, zy, units) * share)
    return float(correlation), float(error), float(max(2 * error, np.tanh(least)))


def _design_effect(zx, zy, units):
    """Return the variance of the correlation of unrelated views, relative to that of single rows.

    Rows of one unit whose variates resemble each other in both views count as fewer rows.
    """
    n_pairs = np.sum(np.bincount(units) ** 2) - len(units)
    if n_pairs == 0:
        return 1.0
    alike = [max(np.sum(_sums(units, z) ** 2) - np.sum(z**2), 0) / n_pairs for z in (zx, zy)]
    return 1 + n_pairs / len(units) * alike[0] * alike[1]


def _sums(units, values):
    """Return the sum of the values of each unit."""
    return np.bincount(units, weights=values)
