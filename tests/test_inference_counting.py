"""Counts of permutations against a loop over all singular values."""

import numpy as np
import pytest
from _views import correlated_views
from scipy.linalg import orth, svd

from skdcca import LinearCCA, canonical_correlation_test
from skdcca.inference._counting import count_reached, trailing_norms


def rotated(n, p, q, strength, *, shrunk=False, seed=0):
    """Return whitened views whose product is diagonal, and its diagonal."""
    X, y = correlated_views(n, p, q, strength, seed)
    zx, zy = orth(X - X.mean(axis=0)), orth(y - y.mean(axis=0))
    if shrunk:  # as with a ridge
        zx = zx * np.linspace(0.3, 1, zx.shape[1])
    left, correlations, right = svd(zx.T @ zy)
    return zx @ left, zy @ right.T, np.clip(correlations, 0, 1)


def counted_plainly(zx, zy, limits, orders):
    counts = np.zeros(len(limits))
    for order in orders:
        cross = zx.T @ zy[order]
        counts += [np.linalg.norm(cross[k:, k:], 2) >= limit for k, limit in enumerate(limits)]
    return counts


@pytest.mark.parametrize("shrunk", [False, True])
@pytest.mark.parametrize("strength", [(), (0.9,), (0.6, 0.5, 0.4)])
@pytest.mark.parametrize(
    ("n", "p", "q"), [(40, 8, 8), (40, 12, 3), (40, 3, 12), (30, 14, 14), (9, 7, 6)]
)
def test_counts_equal_a_plain_loop(n, p, q, strength, shrunk):
    zx, zy, r = rotated(n, p, q, strength, shrunk=shrunk)
    rng = np.random.default_rng(1)
    orders = [rng.permutation(n) for _ in range(40)] + [np.arange(n)]
    for k in (1, 2, len(r)):
        expected = counted_plainly(zx, zy, r[:k] - 1e-10, orders)
        np.testing.assert_array_equal(count_reached(zx, zy, r[:k] - 1e-10, iter(orders)), expected)
        norms = trailing_norms(zx, zy, k, orders)
        np.testing.assert_array_equal((norms >= r[:k] - 1e-10).sum(axis=0), expected)


def test_the_order_of_the_data_reaches_all_limits():
    for strength in ((), (0.9, 0.9, 0.9)):
        zx, zy, r = rotated(50, 6, 5, strength)
        orders = [np.arange(50)] * 3
        np.testing.assert_array_equal(count_reached(zx, zy, r - 1e-10, orders), 3)
        np.testing.assert_array_equal(count_reached(zx, zy, r + 1e-10, orders), 0)


def test_limits_of_equal_and_of_no_correlations():
    zx, zy, _ = rotated(40, 5, 5, ())
    rng = np.random.default_rng(0)
    orders = [rng.permutation(40) for _ in range(50)]
    for limits in (np.full(5, 0.3), np.array([1, 1, 1, 1e-9, 0]), np.array([0.9, 1e-12, -1e-10])):
        expected = counted_plainly(zx, zy, limits, orders)
        np.testing.assert_array_equal(count_reached(zx, zy, limits, orders), expected)


def test_p_values_equal_the_plain_loop_over_the_same_permutations():
    X, y = correlated_views(n=60, p=9, q=7, strength=[0.7, 0.4], seed=3)
    rng = np.random.RandomState(4)
    zx, zy, r = rotated(60, 9, 7, [0.7, 0.4], seed=3)
    orders = [rng.permutation(60) for _ in range(200)]
    counts = counted_plainly(zx, zy, r - 1e-10, orders)
    expected = np.maximum.accumulate((1 + counts) / 201)
    for null_distribution in (False, True):
        ours = canonical_correlation_test(
            LinearCCA(reg=0),
            X,
            y,
            n_permutations=200,
            null_distribution=null_distribution,
            random_state=4,
        )
        np.testing.assert_array_equal(ours.p_values, expected)
    assert ours.null_distribution_.shape == (200, 7)
    above = (ours.null_distribution_ >= ours.correlations - 1e-10).sum(axis=0)
    np.testing.assert_array_equal(above, counts)
    assert ours.n_significant == np.argmax(expected > 0.05)
