"""Measure the correlations of encodings after an epoch, at a fraction of the cost of `LinearCCA`."""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from skdcca._deep.encodings import fit_linear
from skdcca.metrics import variate_correlations

# If the other columns explain more of a standardized column, `LinearCCA` has to decide which directions
# are numerically constant.
_LEAST_VARIANCE = 1e-4


def sums_of_correlations(linear, training, held_out, weight=None):
    """Return the sums of the correlations that a linear model has on training and held-out rows.

    The model is small, but it is fitted after every epoch, where the checks and attributes of a
    `LinearCCA` would take longer than its arithmetic. The result is the same up to rounding.

    Parameters
    ----------
    linear : LinearCCA
        Linear model, with a number as `reg`.
    training, held_out : pair of ndarray of shape (n_rows, n_outputs)
        Encodings of both views.
    weight : ndarray, default=None
        Weights of the held-out rows.

    Returns
    -------
    trained, held_out : float
        Sums of correlations.
    """
    scaled = [_standardized(z) for z in training]
    roots = [None if z is None else _root(z[0], linear.reg) for z in scaled]
    if any(root is None for root in roots):
        fitted = fit_linear(linear, *training)
        return float(fitted.canonical_correlations_.sum()), fitted.score(*held_out, weight)
    (x, x_mean, x_deviation), (y, y_mean, y_deviation) = scaled
    cross = linalg.solve_triangular(roots[0], x.T @ y / (len(x) - 1), lower=True)
    cross = linalg.solve_triangular(roots[1], cross.T, lower=True).T
    left, correlations, right = linalg.svd(cross, full_matrices=False)
    zx = _project(held_out[0], x_mean, x_deviation, roots[0], left)
    zy = _project(held_out[1], y_mean, y_deviation, roots[1], right.T)
    return float(np.minimum(correlations, 1).sum()), float(
        variate_correlations(zx, zy, weight).sum()
    )


def _standardized(encodings):
    """Return the standardized encodings, their means and deviations; None if a column is constant."""
    encodings = encodings.astype(np.float64)
    mean = encodings.mean(axis=0)
    centered = encodings - mean
    deviation = np.sqrt(np.einsum("ij,ij->j", centered, centered) / (len(centered) - 1))
    if not (deviation > 1e-6 * (np.abs(mean) + deviation.max())).all():
        return None
    return centered / deviation, mean, deviation


def _root(standardized, reg):
    """Return the Cholesky factor of the covariance with its ridge; None if it is nearly singular."""
    covariance = standardized.T @ standardized / (len(standardized) - 1)
    # A diagonal element squared is the variance of a column that the columns before it do not explain.
    root, failed = lapack.dpotrf(covariance, lower=1)
    if failed or np.diagonal(root).min() ** 2 < _LEAST_VARIANCE:
        return None
    return linalg.cholesky(covariance + reg * np.eye(len(covariance)), lower=True)


def _project(encodings, mean, deviation, root, turn):
    weights = linalg.solve_triangular(root, turn, lower=True, trans=1) / deviation[:, None]
    return (encodings - mean) @ weights
