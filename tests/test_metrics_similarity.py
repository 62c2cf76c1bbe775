"""Similarities and correlations against densities, NumPy and repeated rows."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal, norm

from skdcca import LinearCCA
from skdcca.metrics import column_correlations, similarity, variate_correlations


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_tie(dtype):
    rng = np.random.default_rng(0)
    zx, zy = rng.normal(size=(2, 67, 5)).astype(dtype)
    zy[30:60] = zy[:30]
    scores = similarity(zx, zy)
    np.testing.assert_array_equal(scores[:, 30:60], scores[:, :30])
    expected = (zx @ zy.T) / np.outer(np.linalg.norm(zx, axis=1), np.linalg.norm(zy, axis=1))
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_correlations_of_very_small_and_large_numbers(scale):
    z = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_allclose(variate_correlations(scale * z, z), [1, 1])


RNG = np.random.default_rng(0)


def test_variate_correlations_equal_numpy():
    zx, zy = RNG.normal(size=(2, 50, 3))
    expected = [np.corrcoef(zx[:, i], zy[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(variate_correlations(zx, zy), expected, atol=1e-12)
    np.testing.assert_allclose(variate_correlations(zx + 1e6, zy), expected, atol=1e-8)


def test_weights_equal_repeated_rows():
    zx, zy = RNG.normal(size=(2, 30, 2))
    counts = RNG.integers(0, 4, size=30)
    repeated = np.repeat(np.arange(30), counts)
    np.testing.assert_allclose(
        variate_correlations(zx, zy, counts),
        variate_correlations(zx[repeated], zy[repeated]),
        atol=1e-12,
    )
    with pytest.raises(ValueError, match="sample_weight"):
        variate_correlations(zx, zy, -np.ones(30))


def test_constant_components_have_correlation_zero():
    z = np.column_stack([np.full(20, 0.1), np.arange(20.0)])
    np.testing.assert_allclose(variate_correlations(z, z), [0, 1])
    with pytest.raises(ValueError, match="minimum of 2"):
        variate_correlations(z[:1], z[:1])


def test_likelihood_ratio_equals_the_normal_densities():
    rng = np.random.default_rng(0)
    zx, zy, correlations = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), [0.9, 0.5, 0.0]
    joint = [multivariate_normal(cov=[[1, r], [r, 1]]) for r in correlations]
    expected = [
        [
            sum(
                joint[k].logpdf([x[k], y[k]]) - norm.logpdf(x[k]) - norm.logpdf(y[k])
                for k in range(3)
            )
            for y in zy
        ]
        for x in zx
    ]
    np.testing.assert_allclose(similarity(zx, zy, correlations), expected, atol=1e-9)


@pytest.mark.parametrize("correlations", [[1.0], [0.9999], [0.5]])
def test_equal_rows_tie_by_likelihood(correlations):
    z = np.tile(np.random.default_rng(0).normal(size=(1, 1)), (50, 1))
    assert len(np.unique(similarity(z, z, correlations))) == 1


def test_correlations_near_one_and_decimals_of_scores():
    z = np.random.default_rng(0).normal(size=(20, 2))
    likely = similarity(z, z, [0.9999, 0.5])
    np.testing.assert_array_equal(similarity(z, z, [1.0, 0.5]), likely)
    np.testing.assert_array_equal(likely, likely.round(8))
    np.testing.assert_array_equal(similarity(z, z), similarity(z, z).round(10))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="overflow"):
        similarity(1e200 * z, z, [0.5, 0.5])


@pytest.mark.parametrize("power", [-1, np.nan, np.inf, "2"])
def test_a_power_out_of_range_is_refused(power):
    with pytest.raises(ValueError, match="`power` must be a finite number >= 0, got"):
        similarity(np.eye(3), np.eye(3), [0.9, 0.5, 0.1], power)
    with pytest.raises(ValueError, match=r"`similarity` must be one of .* or a finite number >= 0"):
        LinearCCA(similarity=power).fit(np.eye(5), np.eye(5))
    with pytest.raises(ValueError, match="`correlations` must be given with power=2, got None"):
        similarity(np.eye(3), np.eye(3), power=2)


@pytest.mark.parametrize("correlations", [[1.0, 1.0], [-0.5, 0.0], [1 - 1e-12, 0.3]])
def test_likelihood_ratio_is_finite_at_the_ends(correlations):
    z = np.random.default_rng(0).normal(size=(6, 2))
    scores = similarity(z, z, correlations)
    assert np.isfinite(scores).all()
    if max(correlations) > 0:
        np.testing.assert_array_equal(scores.argmax(axis=1), np.arange(6))


def test_likelihood_ratio_needs_a_correlation_of_each_component():
    with pytest.raises(
        ValueError, match=r"`correlations` must .*, got shape \(2,\) for 4 components"
    ):
        similarity(np.zeros((3, 4)), np.zeros((3, 4)), [0.5, 0.5])


@pytest.mark.parametrize("how", [{"power": 2}, {}])
def test_deviations_make_the_unit_of_the_variates_irrelevant(how):
    rng = np.random.default_rng(0)
    zx, zy = rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    r, sx, sy = [0.9, 0.5, 0.2], np.array([2.0, 0.1, 3.0]), np.array([0.5, 4.0, 1.0])
    expected = similarity(zx, zy, r, **how)
    np.testing.assert_allclose(
        similarity(zx * sx, zy * sy, r, deviations=(sx, sy), **how), expected, atol=1e-9
    )
    # A component without variance tells nothing.
    sx[0] = sy[0] = 0
    alone = similarity(zx, zy, r, deviations=(sx, sy), **how)
    zx[:, 0] += 1
    np.testing.assert_array_equal(similarity(zx, zy, r, deviations=(sx, sy), **how), alone)


def test_deviations_are_checked():
    z, ones = np.ones((3, 2)), np.ones(2)
    with pytest.raises(ValueError, match=r"`correlations` must be given with deviations, got None"):
        similarity(z, z, deviations=(ones, ones))
    with pytest.raises(
        ValueError, match=r"`deviations` must be a pair .* 2 components, got shapes"
    ):
        similarity(z, z, [0.5, 0.5], deviations=(ones, np.ones(3)))
    with pytest.raises(ValueError, match="`product` must be False with"):
        similarity(z, z, product=True, deviations=(ones, ones))


def test_correlations_of_columns_with_variates():
    rng = np.random.default_rng(0)
    view, z = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    view[:, 1], view[:, 3] = 0.1, z[:, 0] * 1e6
    expected = np.corrcoef(np.delete(view, 1, axis=1), z, rowvar=False)[:3, 3:]
    for given in (view, csr_array(view)):
        found, varying = column_correlations(given, z)
        np.testing.assert_allclose(np.delete(found, 1, axis=0), expected)
        np.testing.assert_array_equal(found[1], 0)
        assert varying.tolist() == [True, False, True, True]
        assert np.abs(found).max() <= 1
