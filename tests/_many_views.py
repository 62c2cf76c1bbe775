"""Several random views that share factors, and an independent solution of their eigenproblem."""

from itertools import pairwise

import numpy as np
from scipy.linalg import block_diag, eigh

from skdcca import MultiCCA

NAMES, SIZES = ("audio", "lyrics", "tags"), (5, 4, 3)


def three_views(n=200, sizes=SIZES, *, noise=1.0, seed=0):
    """Return the columns of views that mix two shared normal factors, side by side."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(100)
    shared = rng.normal(size=(n, 2))
    return np.hstack(
        [shared @ mixing.normal(size=(2, p)) + noise * rng.normal(size=(n, p)) for p in sizes]
    )


def sides(sizes=SIZES):
    """Return the columns of each view, as slices."""
    bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return [slice(low, high) for low, high in pairwise(bounds)]


def named_views(sizes=SIZES, names=NAMES):
    """Return the parameter `views` for columns side by side."""
    columns = sides(sizes)
    return [(names[i], "passthrough", of_view) for i, of_view in enumerate(columns)]


def multi(n_components=None, **parameters):
    """Return an unfitted model of the three views."""
    return MultiCCA(named_views(), n_components, **parameters)


def without(X, present):
    """Return a copy of the table whose views are NaN where they are not present."""
    X = X.copy()
    for side, has in zip(sides(), present.T, strict=True):
        X[~has, side] = np.nan
    return X


def random_presence(n, rate, seed=1):
    """Return which views the rows have, at least one each."""
    rng = np.random.default_rng(seed)
    present = rng.random((n, 3)) > rate
    empty = np.flatnonzero(~present.any(axis=1))
    present[empty, rng.integers(0, 3, len(empty))] = True
    return present


def oracle(X, ridges, present=None, weight=None, k=2):
    """Return weights and eigenvalues from the generalized eigenproblem, for standardized columns.

    Rows count K over the number of their views; their products are not divided.
    """
    present = np.ones((len(X), 3), dtype=bool) if present is None else present
    weight = np.ones(len(X)) if weight is None else weight
    Z, own, ridge = np.zeros_like(X), [], []
    for side, has, reg in zip(sides(), present.T, ridges, strict=True):
        rows, w = X[has, side], weight[has]
        centered = rows - np.average(rows, axis=0, weights=w)
        degrees = w.sum() - 1
        centered /= np.sqrt((w[:, None] * centered**2).sum(axis=0) / degrees)
        Z[has, side] = centered / np.sqrt(degrees)
        own.append((w * Z[has, side].T) @ Z[has, side])
        ridge.append(reg * np.eye(rows.shape[1]))
    balanced = weight * 3 / present.sum(axis=1)
    A = (balanced * Z.T) @ Z + block_diag(*ridge)
    B = block_diag(*(a + r for a, r in zip(own, ridge, strict=True)))
    values, vectors = eigh(A, B)
    vectors = vectors[:, ::-1][:, :k]
    weights = []
    for side in sides():
        of_view = vectors[side]
        weights.append(of_view / np.sqrt(np.einsum("ik,ij,jk->k", of_view, B[side, side], of_view)))
    return weights, values[::-1][:k]
