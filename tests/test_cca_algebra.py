"""The leading singular vectors against whole decompositions."""

import numpy as np
import pytest
from _views import scaled_views
from numpy.testing import assert_allclose
from scipy import linalg

from skdcca import LinearCCA
from skdcca._cca.algebra import leading_svd


@pytest.mark.parametrize("shape", [(80, 60), (60, 80), (60, 60)])
@pytest.mark.parametrize("values", ["falling", "tied", "small", "zero"])
def test_leading_components_equal_the_whole_decomposition(shape, values):
    rng = np.random.default_rng(0)
    turns = [linalg.qr(rng.normal(size=(n, 60)), mode="economic")[0] for n in shape]
    singular = {
        "falling": np.linspace(1, 0.1, 60),
        "tied": np.repeat([0.9, 0.5, 0.2], 20),
        "small": np.geomspace(1e-3, 1e-9, 60),
        "zero": np.repeat([0.7, 0.0], [5, 55]),
    }[values]
    cross = turns[0] * singular @ turns[1].T
    left, found, right = leading_svd(cross.copy(), 10)
    assert_allclose(found, singular[:10], atol=1e-13)
    assert_allclose(left.T @ left, np.eye(10), atol=1e-10)
    assert_allclose(right.T @ right, np.eye(10), atol=1e-10)
    assert_allclose(left.T @ cross @ right, np.diag(found), atol=1e-13)


def test_few_components_of_many_equal_the_first_of_all():
    X, y = scaled_views(n=600, p=90, q=70)
    some, every = LinearCCA(5, reg=0).fit(X, y), LinearCCA(reg=0).fit(X, y)
    assert_allclose(some.canonical_correlations_, every.canonical_correlations_[:5], atol=1e-12)
    assert_allclose(some.transform(X), every.transform(X)[:, :5], atol=1e-9)
    assert_allclose(some.y_weights_, every.y_weights_[:, :5], atol=1e-9)
