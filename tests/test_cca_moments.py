"""Moments of two views against NumPy: in blocks, weighted, sparse and merged."""

import numpy as np
import pytest
from _views import cut, shared_views, sparse_views
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdcca._cca import moments as _moments
from skdcca._cca.moments import PairMoments, RowFactor


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("block", [1, 70, 2**22])
def test_moments_equal_numpy(monkeypatch, offset, block):
    monkeypatch.setattr(_moments, "_BLOCK", 10 * block)
    X, y = shared_views(400)
    X, y = X + offset, y - offset
    moments = PairMoments()
    for rows in np.array_split(np.arange(400), [1, 30, 33]):
        moments.add(X[rows], y[rows])
    assert moments.weight == 400
    assert_allclose(moments.means[0], X.mean(axis=0), rtol=1e-14, atol=1e-14)
    expected = np.cov(X - offset, y + offset, rowvar=False)
    for ours, theirs in zip(
        moments.covariances(), (expected[:6, :6], expected[6:, 6:], expected[:6, 6:]), strict=True
    ):
        # With the offset, the views themselves are rounded at 1e-10.
        assert_allclose(ours, theirs, atol=1e-13 if not offset else 1e-9)


def test_weighted_moments_equal_numpy():
    X, y = shared_views(400)
    times = np.random.default_rng(1).integers(0, 4, size=400)
    expected = np.cov(X, y, rowvar=False, fweights=times)
    x_covariance, _, cross = PairMoments().add(X, y, times.astype(float)).covariances()
    assert_allclose(x_covariance, expected[:6, :6], atol=1e-13)
    assert_allclose(cross, expected[:6, 6:], atol=1e-13)


def test_sparse_moments_equal_dense_ones():
    X, y = sparse_views()
    weight = np.random.default_rng(0).uniform(0.5, 2, size=300)
    for w in (None, weight):
        dense, ours = PairMoments().add(X.toarray(), y, w), PairMoments()
        for rows in (slice(0, 100), slice(100, None)):
            ours.add(X[rows], y[rows], None if w is None else w[rows])
        exchanged = PairMoments().add(y, X, w)
        for one, other in zip(ours.covariances(), dense.covariances(), strict=True):
            assert_allclose(one, other, atol=1e-13)
        y_covariance, x_covariance, cross = exchanged.covariances()
        for one, other in zip(
            dense.covariances(), (x_covariance, y_covariance, cross.T), strict=True
        ):
            assert_allclose(one, other, atol=1e-13)


def test_the_variance_of_a_constant_sparse_column_is_not_negative():
    X, y = sparse_views()
    X = X.toarray()
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X[:, 1] = rng.normal()
        moments = PairMoments().add(csr_array(X), y, rng.uniform(0.5, 2, 300))
        assert moments.covariances()[0][1, 1] >= 0


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("tree", [False, True])
def test_merged_moments_equal_numpy(offset, tree):
    X, y = shared_views(400)
    parts = [
        PairMoments().add(*block) for block in cut(X + offset, y - offset, rows=(1, 30, 33, 200))
    ]
    while len(parts) > 1:
        step = 2 if tree else len(parts)
        heads = range(0, len(parts), step)
        for i in heads:
            for part in parts[i + 1 : i + step]:
                parts[i].merge(part)
        parts = [parts[i] for i in heads]
    merged = parts[0]
    assert merged.weight == 400
    assert_allclose(merged.means[0], (X + offset).mean(axis=0), rtol=1e-14, atol=1e-14)
    expected = np.cov(X, y, rowvar=False)
    blocks = expected[:6, :6], expected[6:, 6:], expected[:6, 6:]
    for ours, theirs in zip(merged.covariances(), blocks, strict=True):
        assert_allclose(ours, theirs, atol=1e-9 if offset else 1e-13)  # as the numbers are rounded


@pytest.mark.parametrize(
    "first", [(1.0, 0.0), (1e-160, 0.0), (1e160, 0.0), (0.0, 0.0), (0.0, 1e-160)]
)
@pytest.mark.parametrize(
    "second", [(1.0, 0.0), (1e-160, 0.0), (1e160, 0.0), (0.0, 0.0), (0.0, 1e160)]
)
def test_merging_keeps_the_digits_of_every_unit(first, second):
    """Each block has its own (deviation, offset) of a column; a deviation of 0 is a constant."""
    X, y = shared_views(60, p=2, q=1)
    parts = []
    for rows, (deviation, offset) in [(slice(0, 25), first), (slice(25, 60), second)]:
        X[rows, 0] = X[rows, 0] * deviation + offset
        parts.append(PairMoments().add(X[rows], y[rows]))
    merged = parts[0].merge(parts[1])
    unit = np.abs(X[:, 0] - X[:, 0].mean()).max() or 1.0
    expected = np.cov(np.column_stack([X[:, 0] / unit, X[:, 1]]), y, rowvar=False)
    x_unit, _ = merged.units
    x_covariance, _, cross = merged.covariances()
    scale = x_unit[0] / unit
    assert_allclose(x_covariance[0] * scale * [scale, 1], expected[0, :2], atol=1e-13)
    assert_allclose(cross[:, 0] * [scale, 1], expected[:2, 2], atol=1e-13)
    assert_allclose(merged.means[0] * x_unit, X.mean(axis=0), atol=1e-15 * unit)


def test_merging_empty_moments_changes_nothing():
    X, y = shared_views(400)
    expected = PairMoments().add(X, y).covariances()
    for merged in (
        PairMoments().merge(PairMoments().add(X, y)),
        PairMoments().add(X, y).merge(PairMoments()),
    ):
        assert_array_equal(merged.covariances()[2], expected[2])
    part = PairMoments().add(X, y)
    merged = PairMoments().merge(part)
    merged.add(X, y).merge(part)
    assert_array_equal(part.covariances()[0], expected[0])  # the merged part does not change


def test_the_factor_has_the_products_of_the_rows():
    X, y = shared_views(400)
    moments = PairMoments().add(X + 1e3, y)
    factors = [RowFactor(moments).add(*block) for block in cut(X + 1e3, y, rows=(1, 30, 33))]
    for factor in factors[1:]:
        factors[0].merge(factor)
    root = factors[0].root
    assert root.shape == (10, 10)
    assert_allclose(root.T @ root / 399, np.cov(X, y, rowvar=False), atol=1e-10)
