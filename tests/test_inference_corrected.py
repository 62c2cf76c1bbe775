"""Corrected correlations against formulas, Fisher's interval and simulated coverage."""

import numpy as np
import pytest
from _views import wishart_correlations
from scipy.stats import pearsonr

from skdcca.inference._corrected import (
    corrected_correlations,
    population_correlation,
    shrunken_correlations,
)


def sample_square(s, c, d):
    """Return the squared sample correlation of the published theorem."""
    return (s * (1 - c) + c) * (s * (1 - d) + d) / s


@pytest.mark.parametrize(("c", "d"), [(0.0, 0.0), (0.1, 0.2), (0.3, 0.3), (0.0, 0.5), (0.45, 0.5)])
def test_the_correction_is_the_inverse_of_the_published_formula(c, d):
    threshold = np.sqrt(c * d / ((1 - c) * (1 - d)))
    for s in np.linspace(threshold, 1, 12)[1:]:
        assert population_correlation(sample_square(s, c, d), c, d) == pytest.approx(s, abs=1e-7)
    edge = sample_square(threshold, c, d) if threshold else c + d
    for root in (0.0, edge / 2, edge):
        assert population_correlation(root, c, d) == pytest.approx(threshold, abs=1e-7)


def test_the_threshold_is_that_of_the_paper():
    # c = 0.1 and d = 0.2 give sqrt(0.1 * 0.2 / (0.9 * 0.8)) = 1 / 6 for the square.
    result = corrected_correlations([0.9], n=101, p=11, q=21)
    assert result.threshold == pytest.approx(np.sqrt(1 / 6))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_single_columns_have_the_interval_of_fisher(level):
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    found = corrected_correlations([pearsonr(x, y)[0]], 40, 1, 1, level)
    expected = pearsonr(x, y).confidence_interval(level)
    assert found.corrected[0] == pytest.approx(pearsonr(x, y)[0])
    np.testing.assert_allclose((found.low[0], found.high[0]), expected, atol=1e-6)


def test_many_rows_give_the_classical_variance():
    n, r = 10**8, 0.6
    found = corrected_correlations([r], n, 4, 3)
    half = 1.959964 * (1 - r**2) / np.sqrt(n)
    assert found.corrected[0] == pytest.approx(r, abs=1e-6)
    np.testing.assert_allclose([r - found.low[0], found.high[0] - r], half, rtol=1e-2)


def test_variance_and_center_are_those_of_simulated_data():
    n, p, q, r = 200, 20, 30, 0.8
    sample = wishart_correlations(n, p, q, [r], 600)[:, 0]
    squares = np.array([shrunken_correlations([one], n, p, q)[0] for one in sample]) ** 2
    s, odds = r**2, (19 / 180, 29 / 170)
    variance = 2 * s**2 * (1 - s) ** 2 * (2 * s + sum(odds)) / (s**2 - odds[0] * odds[1]) / n
    assert squares.std() == pytest.approx(np.sqrt(variance), rel=0.07)
    assert abs(squares.mean() - s) < 3 * np.sqrt(variance / 600)
    assert sample.mean() > r + 0.03


@pytest.mark.parametrize(
    ("n", "p", "q", "strengths"),
    [(100, 2, 2, (0.7, 0.5)), (100, 5, 10, (0.6,)), (150, 20, 10, (0.9, 0.6)), (100, 1, 5, (0.4,))],
)
def test_intervals_cover_the_true_correlations(n, p, q, strengths):
    sample = wishart_correlations(n, p, q, strengths, 400)
    covered = np.zeros(len(strengths))
    for row in sample:
        found = corrected_correlations(row[: len(strengths)], n, p, q)
        covered += (found.low <= strengths) & (strengths <= found.high)
    assert (covered / len(sample) >= 0.93).all()


@pytest.mark.parametrize(("n", "p", "q"), [(100, 3, 3), (60, 1, 8), (80, 15, 10)])
def test_unrelated_views_are_rarely_detected(n, p, q):
    sample = wishart_correlations(n, p, q, (), 400)
    detected = [corrected_correlations(row[:1], n, p, q).detected[0] for row in sample]
    assert np.mean(detected) <= 0.04


def test_what_is_not_detected_has_an_upper_bound_only():
    found = corrected_correlations([0.8, 0.4, 0.3], 60, 6, 9)
    assert found.detected.tolist() == [True, False, False]
    assert found.corrected[0] > found.low[0] > found.threshold
    assert (found.corrected[1:] == 0).all()
    assert (found.low[1:] == 0).all()
    assert (found.high[1:] > 0.3).all()


def test_nothing_is_detected_after_an_undetected_component():
    # A single direction of X is left for the second component, which alone would be detected.
    assert corrected_correlations([0.47], 99, 1, 8).detected[0]
    found = corrected_correlations([0.47, 0.47], 100, 2, 9)
    assert not found.detected.any()
    assert not found.low.any()


def test_intervals_of_many_rows_have_the_published_variance():
    n, p, q, s = 10**8, 2 * 10**7, 10**7, 0.5
    found = corrected_correlations([np.sqrt(sample_square(s, 0.2, 0.1))], n, p, q)
    odds = 0.2 / 0.8, 0.1 / 0.9
    variance = 2 * s**2 * (1 - s) ** 2 * (2 * s + sum(odds)) / (s**2 - odds[0] * odds[1]) / n
    half = 1.959964 * np.sqrt(variance) / (2 * np.sqrt(s))
    assert found.corrected[0] == pytest.approx(np.sqrt(s), abs=1e-6)
    assert found.high[0] - found.low[0] == pytest.approx(2 * half, rel=1e-2)


@pytest.mark.parametrize(
    ("n", "p", "q"), [(10, 8, 8), (3, 1, 1), (2, 1, 1), (20, 10, 10), (5, 1, 3)]
)
@pytest.mark.parametrize("r", [0.0, 0.7, 1.0])
def test_few_rows_give_no_information_and_no_nan(n, p, q, r):
    found = corrected_correlations([r], n, p, q)
    assert np.isfinite([found.corrected, found.low, found.high]).all()
    if p + q >= n:
        assert (found.threshold, found.low[0], found.high[0]) == (1, 0, 1)
    assert shrunken_correlations([r], n, p, q)[0] <= r or r < found.threshold


def test_extreme_correlations():
    found = corrected_correlations([1.0, 0.0], 50, 3, 3)
    np.testing.assert_allclose([found.corrected[0], found.low[0], found.high[0]], 1, atol=1e-9)
    assert found.corrected[1] == 0
    assert len(corrected_correlations([], 50, 3, 3).high) == 0


def test_views_may_change_places_and_higher_levels_give_wider_intervals():
    one, other = (corrected_correlations([0.7, 0.5], 100, *pq) for pq in ((3, 12), (12, 3)))
    np.testing.assert_allclose(one.low, other.low)
    wide = corrected_correlations([0.7, 0.5], 100, 3, 12, level=0.99)
    assert (wide.high > one.high).all()
    assert wide.low[0] < one.low[0]
