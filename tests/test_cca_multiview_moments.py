"""Moments of several views against NumPy: in blocks, weighted, sparse, merged and with missing views."""

import numpy as np
import pytest
from _many_views import SIZES, random_presence, sides, three_views
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skdcca._cca import multiview_moments
from skdcca._cca.moments import PairMoments
from skdcca._cca.multiview_moments import ViewMoments

X = three_views(150)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2, 150)


def rows_of(table, present, is_sparse=()):
    views = [table[has, side] for side, has in zip(sides(), present.T, strict=True)]
    return [sparse.csr_array(view) if i in is_sparse else view for i, view in enumerate(views)]


def centered(rows, weight):
    return rows - np.average(rows, axis=0, weights=weight)


def check(moments, table, present, weight, atol, offset=0.0):
    """Compare all moments with those of NumPy, which has the table without its offset."""
    balanced = weight * 3 / present.sum(axis=1)
    totals = [weight[has].sum() for has in present.T]
    for i, left in enumerate(sides()):
        rows, w = table[present[:, i], left], weight[present[:, i]]
        of_view = moments.of_view(i)
        mean = np.average(rows, axis=0, weights=w) + offset
        assert_allclose(of_view.means[0] * of_view.units[0], mean, atol=1e-12 + 1e-15 * offset)
        assert of_view.n_rows == len(rows)
        z = centered(rows, w)
        assert_allclose(moments.covariance(i), (w * z.T) @ z / (totals[i] - 1), atol=atol)
        for j in range(i, 3):
            right, both = sides()[j], present[:, i] & present[:, j]
            others = table[present[:, j], right]
            x = table[both, left] - np.average(rows, axis=0, weights=w)
            y = table[both, right] - np.average(others, axis=0, weights=weight[present[:, j]])
            expected = (balanced[both] * x.T) @ y / np.sqrt((totals[i] - 1) * (totals[j] - 1))
            assert_allclose(moments.balanced_covariance(i, j), expected, atol=atol)
            w_both = weight[both]
            x, y = centered(table[both, left], w_both), centered(table[both, right], w_both)
            if i < j:
                assert_allclose(moments.pair_scatter(i, j), (w_both * x.T) @ y, atol=200 * atol)
                assert_allclose(moments.common_scatter(i, j), (w_both * x.T) @ x, atol=200 * atol)
                assert_allclose(moments.common_scatter(j, i), (w_both * y.T) @ y, atol=200 * atol)


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("is_sparse", [(), (1,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("block", [30, 2**22])
def test_moments_equal_numpy(monkeypatch, rate, is_sparse, block):
    monkeypatch.setattr(multiview_moments, "_BLOCK", 12 * block)
    present = random_presence(150, rate)
    moments = ViewMoments(SIZES).add(present, rows_of(X, present, is_sparse), WEIGHT)
    assert moments.is_complete == (rate == 0)
    check(moments, X, present, WEIGHT, 1e-12)


@pytest.mark.parametrize("offset", [0.0, 2.0**30])
def test_merged_moments_equal_numpy(offset):
    present = random_presence(150, 0.4)
    present[:10] = True
    present[10:30, 1] = False  # a part without any rows of a view
    present[10:30, 0] = True
    parts, table = [], np.round(X * 2**20) / 2**20  # exact with the offset
    for rows in np.split(np.arange(150), [10, 30, 31]):
        views = rows_of(table[rows] + offset, present[rows])
        parts.append(ViewMoments(SIZES).add(present[rows], views, WEIGHT[rows]))
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        merged = ViewMoments(SIZES)
        for i in order:
            merged.merge(parts[i])
        check(merged, table, present, WEIGHT, 1e-12, offset)
    check_again = ViewMoments(SIZES).merge(parts[3])
    assert_array_equal(check_again.plain.scatter, parts[3].plain.scatter)  # parts did not change


def test_the_least_precise_block_decides():
    present = np.ones((20, 3), bool)
    moments = ViewMoments(SIZES).add(present, rows_of(X[:20], present))
    moments.add(present, rows_of(X[:20].astype(np.float32), present))
    moments.add(present, rows_of(X[:20], present))
    assert moments.rounding == np.finfo(np.float32).eps


def test_a_constant_sparse_column_has_no_variance():
    table = np.where(X > 0, X, 0)
    table[:, 6] = 0.1
    present = random_presence(150, 0.3)
    moments = ViewMoments(SIZES).add(present, rows_of(table, present, {1}), WEIGHT)
    assert 0 <= moments.covariance(1)[1, 1] < 1e-32


def test_complete_rows_have_the_moments_of_pairs():
    X_shifted = X + 1e4
    moments = ViewMoments((5, 7)).add(np.ones((150, 2), bool), [X_shifted[:, :5], X_shifted[:, 5:]])
    pair = PairMoments().add(X_shifted[:, :5], X_shifted[:, 5:])
    for ours, theirs in zip(
        (moments.covariance(0), moments.covariance(1), moments.balanced_covariance(0, 1)),
        pair.covariances(),
        strict=True,
    ):
        assert_allclose(ours, theirs, atol=1e-13)


@pytest.mark.parametrize("first", [1.0, 1e-160, 1e160, 0.0])
@pytest.mark.parametrize("second", [1.0, 1e-160, 1e160])
def test_merging_keeps_the_digits_of_every_unit(first, second):
    table = X.copy()
    table[:60, 0] *= first
    table[60:, 0] *= second
    moments, present = ViewMoments(SIZES), np.ones((150, 3), bool)
    for rows in (slice(0, 60), slice(60, None)):
        moments.add(present[rows], rows_of(table[rows], present[rows]))
    unit = np.abs(table[:, 0] - table[:, 0].mean()).max()
    expected = np.cov(table[:, 0] / unit, table[:, 5])
    scale = moments.of_view(0).units[0][0] / unit
    assert_allclose(moments.covariance(0)[0, 0] * scale * scale, expected[0, 0], rtol=1e-12)
    assert_allclose(moments.balanced_covariance(0, 1)[0, 0] * scale, expected[0, 1], atol=1e-13)
