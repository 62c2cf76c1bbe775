"""Wide views of which few columns are related, and measures of the columns that a model selects."""

from typing import NamedTuple

import numpy as np

CORRELATION = 0.9


class Design(NamedTuple):
    """Two views, and the numbers of the true columns of each."""

    X: np.ndarray
    y: np.ndarray
    true: np.ndarray


def independent(rng, n, p, n_true=4, decay=0.0):
    """Return normal columns, with variates of equal weights of true columns that correlate by 0.9.

    With a positive `decay`, columns i and j of a view correlate by ``decay ** abs(i - j)``, and the true
    columns are five apart.
    """
    X, y = _columns(rng, n, p, decay), _columns(rng, n, p, decay)
    true = np.arange(n_true) * (5 if decay else 1)
    correlation = decay ** np.abs(np.arange(p)[:, None] - true) if decay else np.eye(p)[:, true]
    weight = 1 / np.sqrt(correlation[true].sum())
    zx, zy = (view[:, true].sum(axis=1) * weight for view in (X, y))
    wanted = CORRELATION * zx + np.sqrt(1 - CORRELATION**2) * rng.standard_normal(n)
    # Move the variate of y without changing the correlations of the columns of y.
    y += np.outer(wanted - zy, correlation.sum(axis=1) * weight)
    return Design(X, y, true)


def autoregressive(rng, n, p):
    """Return columns that correlate with their neighbors by 0.8, four of which are true."""
    return independent(rng, n, p, decay=0.8)


def two_columns(rng, n, p):
    """Return independent columns, two of which are true."""
    return independent(rng, n, p, n_true=2)


def factor(rng, n, p, n_true=10):
    """Return views of which ten columns have loadings between 0.5 and 0.8 on one shared factor."""
    shared, views = rng.standard_normal(n), []
    for _ in range(2):
        view, loading = rng.standard_normal((n, p)), rng.uniform(0.5, 0.8, n_true)
        view[:, :n_true] *= np.sqrt(1 - loading**2)
        view[:, :n_true] += np.outer(shared, loading)
        views.append(view)
    return Design(*views, np.arange(n_true))


def one_pair(rng, n, p, correlation=0.5):
    """Return views of independent columns, of which the first ones of both correlate."""
    X, y = rng.standard_normal((n, p)), rng.standard_normal((n, p))
    y[:, 0] = correlation * X[:, 0] + np.sqrt(1 - correlation**2) * y[:, 0]
    return Design(X, y, np.arange(1))


def unrelated(rng, n, p):
    """Return views of independent columns that are not related."""
    return Design(rng.standard_normal((n, p)), rng.standard_normal((n, p)), np.arange(0))


def _columns(rng, n, p, decay):
    columns = rng.standard_normal((n, p))
    if decay:
        for j in range(1, p):
            columns[:, j] *= np.sqrt(1 - decay**2)
            columns[:, j] += decay * columns[:, j - 1]
    return columns


def support_f1(weights, true):
    """Return the F1 score of the columns that have a weight."""
    chosen = set(np.flatnonzero(weights))
    return 2 * len(chosen & set(true)) / (len(chosen) + len(true))


def pma_weights(X, y, bound, n_iter=15):
    """Return the weights of the first component of penalized matrix decomposition, as PMA computes it.

    Columns are standardized, the start is the leading singular vector of the covariances, and each
    update is soft-thresholded so that its L1 norm is at most `bound` times the root of its length.
    """
    X, y = ((view - view.mean(axis=0)) / view.std(axis=0) for view in (X, y))
    # The leading right singular vector of the product, from its small factors.
    x_left, x_singular, _ = np.linalg.svd(X, full_matrices=False)
    _, _, right = np.linalg.svd((x_left * x_singular).T @ y, full_matrices=False)
    y_weights = right[0]
    for _ in range(n_iter):
        x_weights = _bounded(X.T @ (y @ y_weights), bound)
        y_weights = _bounded(y.T @ (X @ x_weights), bound)
    return x_weights, y_weights


def _bounded(values, bound):
    """Return the unit vector of soft-thresholded values whose L1 norm is at most the bound."""
    low, high = 0.0, np.abs(values).max()
    for _ in range(60):
        middle = (low + high) / 2
        soft = np.sign(values) * np.maximum(np.abs(values) - middle, 0)
        is_small = np.abs(soft).sum() <= bound * np.sqrt(len(values)) * np.linalg.norm(soft)
        low, high = (low, middle) if is_small else (middle, high)
    soft = np.sign(values) * np.maximum(np.abs(values) - high * (1 - 1e-9), 0)
    return soft / np.linalg.norm(soft)
