"""Views with shared factors, and galleries sorted by hand."""

from functools import cache

import numpy as np

from skdcca import LinearCCA

N = 300


@cache
def two_views():
    """Return two views with four shared factors."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(N, 4))
    X = np.hstack([shared, rng.normal(size=(N, 4))]) @ rng.normal(size=(8, 8))
    y = np.hstack([shared + 0.7 * rng.normal(size=(N, 4)), rng.normal(size=(N, 2))])
    return X, y @ rng.normal(size=(6, 6))


def fitted_model():
    """Return a model fitted on the first 200 rows."""
    X, y = two_views()
    return LinearCCA(reg=0.01).fit(X[:200], y[:200])


def all_sorted(scores):
    """Return the whole gallery for each query, best first, ties in the order of the gallery."""
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, axis=1), order
