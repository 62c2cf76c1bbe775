"""Wilks, Bartlett and Rao against statsmodels and published tables."""

import numpy as np
import pytest
from _views import correlated_views, scipy_correlations
from scipy.linalg import subspace_angles
from scipy.stats import kstest
from sklearn.datasets import load_linnerud
from statsmodels.api import OLS
from statsmodels.multivariate.cancorr import CanCorr
from statsmodels.multivariate.multivariate_ols import _MultivariateOLS

from skdcca import LinearCCA, canonical_correlation_test
from skdcca.inference._parametric import multivariate_tests, wilks_statistics


def test_wilks_equals_statsmodels_where_the_views_have_as_many_columns():
    X, y = correlated_views(p=4, q=4, strength=[0.6, 0.3])
    ours = canonical_correlation_test(LinearCCA(reg=0), X, y, method="wilks")
    table = CanCorr(y, X).corr_test().stats.astype(float)
    np.testing.assert_allclose(ours.correlations, table["Canonical Correlation"], atol=1e-10)
    np.testing.assert_allclose(ours.wilks, table["Wilks' lambda"], rtol=1e-10)
    np.testing.assert_allclose(ours.f_df1, table["Num DF"])
    np.testing.assert_allclose(ours.f_df2, table["Den DF"])
    np.testing.assert_allclose(ours.f, table["F Value"], rtol=1e-8)
    np.testing.assert_allclose(ours.p_values, table["Pr > F"], rtol=1e-8)


@pytest.mark.parametrize(("p", "q"), [(5, 3), (2, 6), (1, 4), (1, 2), (2, 2)])
def test_first_row_equals_multivariate_regression(p, q):
    X, y = correlated_views(p=p, q=q, strength=[0.4])
    ours = canonical_correlation_test(LinearCCA(reg=0), X, y, method="wilks")
    model = _MultivariateOLS(y, np.column_stack([np.ones(60), X])).fit()
    slopes = np.eye(p + 1)[1:]
    row = model.mv_test([("X", slopes)]).results["X"]["stat"].loc["Wilks' lambda"].astype(float)
    found = [ours.wilks[0], ours.f_df1[0], ours.f_df2[0], ours.f[0], ours.p_values[0]]
    np.testing.assert_allclose(found, row[["Value", "Num DF", "Den DF", "F Value", "Pr > F"]])


@pytest.mark.parametrize("p", [1, 2, 4])
def test_one_column_equals_the_f_test_of_a_regression(p):
    X, y = correlated_views(p=p, q=1, strength=[0.4])
    ours = canonical_correlation_test(LinearCCA(reg=0), X, y[:, 0], method="wilks")
    model = OLS(y, np.column_stack([np.ones(60), X])).fit()
    found = [ours.f[0], ours.f_df1[0], ours.f_df2[0], ours.p_values[0]]
    np.testing.assert_allclose(
        found, [model.fvalue, model.df_model, model.df_resid, model.f_pvalue]
    )


def test_all_rows_of_unequal_views_equal_a_published_table():
    # 600 students, 5 academic and 3 psychological variables: the worked example of the University
    # of California's statistics pages.
    ours = wilks_statistics(np.array([0.4640861, 0.1675092, 0.1039911]), 600, 5, 3)
    np.testing.assert_allclose(ours["wilks"], [0.7543611, 0.9614300, 0.9891858], rtol=1e-6)
    np.testing.assert_allclose(ours["f"], [11.715733, 2.944459, 2.164612], rtol=1e-5)
    np.testing.assert_array_equal(ours["f_df1"], [15, 8, 3])
    np.testing.assert_allclose(ours["f_df2"], [1634.653, 1186, 594], atol=1e-3)
    np.testing.assert_allclose(ours["p_values"][1:], [0.002905057, 0.091092179], rtol=1e-4)


def test_linnerud_equals_the_published_table():
    data = load_linnerud()
    ours = canonical_correlation_test(LinearCCA(reg=0), data.data, data.target, method="wilks")
    np.testing.assert_allclose(ours.correlations, [0.795608, 0.200556, 0.072570], atol=1e-6)
    np.testing.assert_allclose(ours.wilks, [0.35039053, 0.95472266, 0.99473355], atol=1e-8)
    np.testing.assert_allclose(ours.f, [2.05, 0.18, 0.08], atol=6e-3)
    np.testing.assert_allclose(ours.f_df2, [34.223, 30, 16], atol=1e-3)
    np.testing.assert_allclose(ours.p_values, [0.0635, 0.9491, 0.7748], atol=6e-5)


def test_bartlett_equals_its_formula_on_ranks_and_n_components_cuts():
    X, y = correlated_views(n=80, p=4, q=3, strength=[0.5])
    r = np.cos(subspace_angles(X - X.mean(axis=0), y - y.mean(axis=0)))[::-1]
    r = np.sort(r)[::-1]
    chi2 = [-(80 - 1 - (4 + 3 + 1) / 2) * np.log(np.prod(1 - r[k:] ** 2)) for k in range(3)]
    X = np.column_stack([X, X @ np.ones(4), np.ones(80)])  # rank 4 as before
    ours = canonical_correlation_test(LinearCCA(2, reg=0), X, y, method="wilks")
    np.testing.assert_allclose(ours.chi2, chi2[:2], rtol=1e-8)
    np.testing.assert_array_equal(ours.chi2_df, [12, 6])


def test_bartlett_is_uniform_under_independence():
    p = [
        canonical_correlation_test(
            LinearCCA(reg=0), *correlated_views(seed=seed), method="wilks"
        ).chi2_p_values[0]
        for seed in range(200)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_perfect_correlation_has_p_of_zero():
    X, _ = correlated_views()
    ours = canonical_correlation_test(LinearCCA(reg=0), X, X[:, :2] * 5 + 1, method="wilks")
    assert (ours.p_values < 1e-100).all()


THEIR_NAMES = {
    "wilks": "Wilks' lambda",
    "pillai": "Pillai's trace",
    "hotelling_lawley": "Hotelling-Lawley trace",
    "roy": "Roy's greatest root",
}


@pytest.mark.parametrize(
    ("p", "q", "n"), [(5, 3, 60), (3, 5, 60), (2, 2, 9), (1, 4, 30), (6, 2, 13)]
)
def test_four_statistics_equal_multivariate_regression_in_both_orders(p, q, n):
    X, y = correlated_views(n=n, p=p, q=q, strength=[0.4])
    r = scipy_correlations(X, y)
    model = _MultivariateOLS(y, np.column_stack([np.ones(n), X])).fit()
    table = model.mv_test([("X", np.eye(p + 1)[1:])]).results["X"]["stat"].astype(float)
    columns = ["Value", "Num DF", "Den DF", "F Value", "Pr > F"]
    for sizes in ((p, q), (q, p)):
        tests = multivariate_tests(r, n, *sizes)
        assert list(tests) == list(THEIR_NAMES)
        for name, test in tests.items():
            value = test.eigenvalue if name == "roy" else test.statistic
            found = [value, test.df1, test.df2, test.f, test.p_value]
            np.testing.assert_allclose(found, table.loc[THEIR_NAMES[name], columns], rtol=1e-7)


def test_four_statistics_equal_published_tables():
    students = multivariate_tests(np.array([0.4640861, 0.1675092, 0.1039911]), 600, 5, 3)
    found = [test.statistic for test in students.values()]
    np.testing.assert_allclose(found, [0.75436113, 0.25424936, 0.31429738, 0.21537590], atol=1e-6)
    found = [test.f for test in students.values()]
    np.testing.assert_allclose(found, [11.72, 11.00, 12.38, 32.61], atol=6e-3)
    found = [test.df2 for test in students.values()]
    np.testing.assert_allclose(found, [1634.7, 1782, 1113, 594], atol=0.6)
    fitness = multivariate_tests(np.array([0.795608, 0.200556, 0.072570]), 20, 3, 3)
    found = [test.f for test in fitness.values()]
    np.testing.assert_allclose(found, [2.05, 1.56, 2.64, 9.20], atol=6e-3)
    found = [test.p_value for test in fitness.values()]
    np.testing.assert_allclose(found, [0.0635, 0.1551, 0.0357, 0.0009], atol=6e-5)
    found = [fitness["pillai"].statistic, fitness["hotelling_lawley"].statistic]
    np.testing.assert_allclose(found, [0.67848151, 1.77194146], atol=1e-5)
    np.testing.assert_allclose(fitness["roy"].eigenvalue, 1.72473874, atol=1e-5)


@pytest.mark.parametrize("n", [7, 8, 9, 10, 40])
def test_all_statistics_of_one_column_are_the_f_test(n):
    # statsmodels has other degrees of freedom for the trace of Hotelling and Lawley, if n <= p + 2.
    r, q = 0.6, 5
    f = r**2 / (1 - r**2) * (n - 1 - q) / q
    for test in multivariate_tests(np.array([r]), n, 1, q).values():
        np.testing.assert_allclose([test.f, test.df1, test.df2], [f, q, n - 1 - q])


@pytest.mark.parametrize("n", [7, 8, 12])
def test_four_statistics_of_perfect_correlations_are_infinite(n):
    for test in multivariate_tests(np.ones(2), n, 2, 3).values():
        assert test.f == np.inf
        assert test.p_value == 0


def test_hotelling_lawley_without_an_approximation_has_a_p_value_of_1():
    for r in (0.5, 1.0):
        test = multivariate_tests(np.full(2, r), 6, 2, 3)["hotelling_lawley"]
        assert (test.f, test.p_value) == (0, 1)
