"""The largest root against closed forms, published tables and simulation."""

import numpy as np
import pytest
from _views import correlated_views, scipy_correlations
from numpy.testing import assert_allclose
from scipy import integrate, special, stats

from skdcca.inference._largest_root import (
    largest_root_chain,
    largest_root_critical_value,
    largest_root_p_value,
    tracy_widom_tail,
)


def sizes(s, m, n):
    """Return rows and ranks by the parameters of the tables of the largest root."""
    p, q = s, int(s + 2 * m + 1)
    return int(2 * n + 2 + p + q), p, q


@pytest.mark.parametrize(("n", "q"), [(10, 1), (30, 4), (5000, 600)])
def test_one_column_equals_the_f_test_of_a_regression(n, q):
    for squared in (0.01, 0.3, 0.9):
        f = squared / (1 - squared) * (n - 1 - q) / q
        expected = stats.f.sf(f, q, n - 1 - q)
        assert_allclose(largest_root_p_value(squared**0.5, n, 1, q), expected, rtol=1e-6)
        assert_allclose(largest_root_p_value(squared**0.5, n, q, 1), expected, rtol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(-0.5, 3), (0, 10), (2, 40.5), (60, 30)])
def test_two_columns_equal_the_closed_form(m, n):
    for x in (0.05, 0.2, 0.5, 0.8):
        scale = special.gammaln(m + n + 2.5) - special.gammaln(m + 1.5) - special.gammaln(n + 1.5)
        corner = np.sqrt(np.pi) * np.exp(scale) * x ** (m + 1) * (1 - x) ** (n + 1)
        below = special.betainc(2 * m + 2, 2 * n + 2, x)
        below -= corner * special.betainc(m + 1, n + 1, x)
        assert_allclose(largest_root_p_value(x**0.5, *sizes(2, m, n)), 1 - below, atol=1e-10)


def test_critical_values_equal_published_tables():
    # Upper 5 % points of Pillai's tables for two roots.
    for n, published in ((5, 0.565), (10, 0.374), (20, 0.221)):
        found = largest_root_critical_value(0.05, *sizes(2, 0, n))
        assert_allclose(found**2, published, atol=5e-4)


def test_tracy_widom_has_its_published_quantiles_and_moments():
    found = [tracy_widom_tail(value) for value in (0.4501, 0.9793, 2.0234)]
    assert_allclose(found, [0.1, 0.05, 0.01], rtol=1e-3)
    values = np.linspace(-8, 8, 81)
    tails = np.array([tracy_widom_tail(value) for value in values])
    mean = integrate.simpson(tails, x=values)
    square = integrate.simpson(2 * (values + 8) * tails, x=values)
    assert_allclose([mean - 8, square - mean**2], [-1.2065336, 1.6077810], atol=1e-4)


@pytest.mark.parametrize(("n", "p", "q"), [(14, 3, 4), (60, 20, 12)])
def test_p_values_of_unrelated_views_are_uniform(n, p, q):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(120):
        x_side, y_side = (np.linalg.qr(rng.normal(size=(n - 1, k)))[0] for k in (p, q))
        found.append(largest_root_p_value(np.linalg.norm(x_side.T @ y_side, 2), n, p, q))
    assert stats.kstest(found, "uniform").pvalue > 0.05


def test_approximation_continues_the_exact_values(monkeypatch):
    r = largest_root_critical_value(0.05, 150, 9, 10)
    monkeypatch.setattr("skdcca.inference._largest_root._total_matrix", lambda *_: None)
    assert 0.05 < largest_root_p_value(r, 150, 9, 10) < 0.06


@pytest.mark.parametrize(("n", "p", "q"), [(9, 4, 4), (40, 3, 5), (100, 9, 9), (200, 30, 40)])
def test_p_values_decrease_and_critical_values_invert_them(n, p, q):
    grid = [largest_root_p_value(r, n, p, q) for r in np.linspace(0, 1, 50)]
    assert grid[0] == 1
    assert grid[-1] == 0
    assert (np.diff(grid) <= 1e-12).all()
    for alpha in (0.5, 0.05, 1e-4):
        critical = largest_root_critical_value(alpha, n, p, q)
        assert_allclose(largest_root_p_value(critical, n, p, q), alpha, rtol=1e-4)


def test_small_p_values_keep_their_digits():
    # The probabilities of the three columns of the larger view add up, nearly without overlap.
    r, n = 0.8, 200
    one = largest_root_p_value(r, n, 1, 3)
    assert 1e-45 < one < 1e-40
    assert one < largest_root_p_value(r, n, 2, 3) < 1e3 * one


def test_chain_ends_with_the_f_test_of_a_published_table():
    p_values = largest_root_chain([0.4640861, 0.1675092, 0.1039911], 600, 5, 3)
    assert p_values[0] < 1e-20
    assert_allclose(p_values[2], 0.091092, rtol=1e-4)


def test_chain_counts_the_planted_components():
    n_found = []
    for seed in range(40):
        X, y = correlated_views(300, 6, 5, strength=[0.7, 0.5], seed=seed)
        p_values = largest_root_chain(scipy_correlations(X, y), 300, 6, 5)
        assert (np.diff(p_values) >= 0).all()
        n_found.append((p_values <= 0.05).sum())
    assert np.mean(np.array(n_found) == 2) > 0.85
