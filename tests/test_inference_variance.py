"""Variance explained and redundancy against NumPy and regressions."""

import numpy as np
import pytest
from _views import correlated_views
from scipy.sparse import csr_array

from skdcca import LinearCCA, redundancy, variance_explained


def squared_correlations(view, variates):
    p = view.shape[1]
    return np.corrcoef(view, variates, rowvar=False)[:p, p:] ** 2


@pytest.mark.parametrize("reg", [0.0, 0.5])
def test_variance_explained_and_redundancy_equal_numpy(reg):
    X, y = correlated_views(p=5, q=3, strength=[0.7, 0.3])
    model = LinearCCA(2, reg=reg).fit(X[:40], y[:40])
    X, y = X[20:], y[20:]
    zx, zy = model.transform(X, y)
    x_share = squared_correlations(X, zx).mean(axis=0)
    y_share = squared_correlations(y, zy).mean(axis=0)
    np.testing.assert_allclose(variance_explained(model, X, y), [x_share, y_share])
    x_redundancy = squared_correlations(X, zy).mean(axis=0)
    y_redundancy = squared_correlations(y, zx).mean(axis=0)
    np.testing.assert_allclose(redundancy(model, X, y), [x_redundancy, y_redundancy])
    # A constant column has no variance to explain.
    constant = LinearCCA(2, reg=reg).fit(np.column_stack([X, np.ones(40)]), y)
    plain = LinearCCA(2, reg=reg).fit(X, y)
    np.testing.assert_allclose(
        variance_explained(constant, np.column_stack([X, np.ones(40)]), y),
        variance_explained(plain, X, y),
    )


def test_redundancy_is_the_mean_r2_of_regressions():
    X, y = correlated_views(p=5, q=3, strength=[0.7, 0.3])
    model = LinearCCA(reg=0).fit(X, y)
    residual = np.linalg.lstsq(np.column_stack([np.ones(60), X]), y, rcond=None)[1]
    r2 = 1 - residual / np.sum((y - y.mean(axis=0)) ** 2, axis=0)
    assert redundancy(model, X, y)[1].sum() == pytest.approx(r2.mean())
    stewart_love = variance_explained(model, X, y)[1] * model.canonical_correlations_**2
    np.testing.assert_allclose(redundancy(model, X, y)[1], stewart_love)
    assert variance_explained(model, X, y)[1].sum() == pytest.approx(1.0)
    sparse = redundancy(model, csr_array(X), y)
    np.testing.assert_allclose(sparse, redundancy(model, X, y))
