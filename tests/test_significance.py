"""Significance against statsmodels, published tables, brute force and simulated error rates."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.sparse import csr_array
from scipy.stats import kstest
from sklearn.cross_decomposition import CCA
from sklearn.datasets import load_linnerud
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.api import OLS
from statsmodels.multivariate.cancorr import CanCorr
from statsmodels.multivariate.multivariate_ols import _MultivariateOLS

from skdcca import (
    KernelCCA,
    LinearCCA,
    canonical_correlation_test,
    redundancy,
    variance_explained,
)
from skdcca.inference._permutation import _wilks


def two_views(n=60, p=3, q=2, strength=(), seed=0):
    """Independent normal views, but for as many planted pairs as there are strengths."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    for k, r in enumerate(strength):
        y[:, k] = r * X[:, k] + np.sqrt(1 - r**2) * y[:, k]
    return X, y


def first_two(n_permutations=99, **kwargs):
    X, y = two_views(**kwargs)
    result = canonical_correlation_test(
        LinearCCA(), X, y, n_permutations=n_permutations, random_state=kwargs["seed"]
    )
    return result.p_values[:2]


# --- Wilks, Bartlett, Rao


def test_wilks_equals_statsmodels_where_the_views_have_as_many_columns():
    X, y = two_views(p=4, q=4, strength=[0.6, 0.3])
    ours = canonical_correlation_test(LinearCCA(), X, y, method="wilks")
    table = CanCorr(y, X).corr_test().stats.astype(float)
    np.testing.assert_allclose(ours.correlations, table["Canonical Correlation"], atol=1e-10)
    np.testing.assert_allclose(ours.wilks, table["Wilks' lambda"], rtol=1e-10)
    np.testing.assert_allclose(ours.f_df1, table["Num DF"])
    np.testing.assert_allclose(ours.f_df2, table["Den DF"])
    np.testing.assert_allclose(ours.f, table["F Value"], rtol=1e-8)
    np.testing.assert_allclose(ours.p_values, table["Pr > F"], rtol=1e-8)


@pytest.mark.parametrize(("p", "q"), [(5, 3), (2, 6), (1, 4), (1, 2), (2, 2)])
def test_first_row_equals_multivariate_regression(p, q):
    X, y = two_views(p=p, q=q, strength=[0.4])
    ours = canonical_correlation_test(LinearCCA(), X, y, method="wilks")
    model = _MultivariateOLS(y, np.column_stack([np.ones(60), X])).fit()
    slopes = np.eye(p + 1)[1:]
    row = model.mv_test([("X", slopes)]).results["X"]["stat"].loc["Wilks' lambda"].astype(float)
    found = [ours.wilks[0], ours.f_df1[0], ours.f_df2[0], ours.f[0], ours.p_values[0]]
    np.testing.assert_allclose(found, row[["Value", "Num DF", "Den DF", "F Value", "Pr > F"]])


@pytest.mark.parametrize("p", [1, 2, 4])
def test_one_column_equals_the_f_test_of_a_regression(p):
    X, y = two_views(p=p, q=1, strength=[0.4])
    ours = canonical_correlation_test(LinearCCA(), X, y[:, 0], method="wilks")
    model = OLS(y, np.column_stack([np.ones(60), X])).fit()
    found = [ours.f[0], ours.f_df1[0], ours.f_df2[0], ours.p_values[0]]
    np.testing.assert_allclose(
        found, [model.fvalue, model.df_model, model.df_resid, model.f_pvalue]
    )


def test_all_rows_of_unequal_views_equal_a_published_table():
    # 600 students, 5 academic and 3 psychological variables: the worked example of the University
    # of California's statistics pages.
    ours = _wilks(np.array([0.4640861, 0.1675092, 0.1039911]), 600, 5, 3)
    np.testing.assert_allclose(ours["wilks"], [0.7543611, 0.9614300, 0.9891858], rtol=1e-6)
    np.testing.assert_allclose(ours["f"], [11.715733, 2.944459, 2.164612], rtol=1e-5)
    np.testing.assert_array_equal(ours["f_df1"], [15, 8, 3])
    np.testing.assert_allclose(ours["f_df2"], [1634.653, 1186, 594], atol=1e-3)
    np.testing.assert_allclose(ours["p_values"][1:], [0.002905057, 0.091092179], rtol=1e-4)


def test_linnerud_equals_the_published_table():
    data = load_linnerud()
    ours = canonical_correlation_test(LinearCCA(), data.data, data.target, method="wilks")
    np.testing.assert_allclose(ours.correlations, [0.795608, 0.200556, 0.072570], atol=1e-6)
    np.testing.assert_allclose(ours.wilks, [0.35039053, 0.95472266, 0.99473355], atol=1e-8)
    np.testing.assert_allclose(ours.f, [2.05, 0.18, 0.08], atol=6e-3)
    np.testing.assert_allclose(ours.f_df2, [34.223, 30, 16], atol=1e-3)
    np.testing.assert_allclose(ours.p_values, [0.0635, 0.9491, 0.7748], atol=6e-5)


def test_bartlett_equals_its_formula_on_ranks_and_n_components_cuts():
    X, y = two_views(n=80, p=4, q=3, strength=[0.5])
    r = np.cos(subspace_angles(X - X.mean(axis=0), y - y.mean(axis=0)))[::-1]
    r = np.sort(r)[::-1]
    chi2 = [-(80 - 1 - (4 + 3 + 1) / 2) * np.log(np.prod(1 - r[k:] ** 2)) for k in range(3)]
    X = np.column_stack([X, X @ np.ones(4), np.ones(80)])  # rank 4 as before
    ours = canonical_correlation_test(LinearCCA(2), X, y, method="wilks")
    np.testing.assert_allclose(ours.chi2, chi2[:2], rtol=1e-8)
    np.testing.assert_array_equal(ours.chi2_df, [12, 6])


def test_bartlett_is_uniform_under_independence():
    p = [
        canonical_correlation_test(
            LinearCCA(), *two_views(seed=seed), method="wilks"
        ).chi2_p_values[0]
        for seed in range(200)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_perfect_correlation_has_p_of_zero():
    X, _ = two_views()
    ours = canonical_correlation_test(LinearCCA(), X, X[:, :2] * 5 + 1, method="wilks")
    assert (ours.p_values < 1e-100).all()


# --- Permutations


def p_above(p, n_permutations, rng):
    """P values of a grid, made continuous by a draw within each step."""
    return p - rng.uniform(size=len(p)) / (1 + n_permutations)


def test_p_is_uniform_under_independence():
    p = np.array([first_two(n=20, seed=seed)[0] for seed in range(200)])
    assert kstest(p_above(p, 99, np.random.default_rng(0)), "uniform").pvalue > 0.01


def test_p_is_uniform_under_independence_with_a_ridge_and_wide_views():
    p = []
    for seed in range(200):
        X, y = two_views(n=12, p=15, q=4, seed=seed)
        result = canonical_correlation_test(
            LinearCCA(1, reg=(1.0, 0.5)), X, y, n_permutations=99, random_state=seed
        )
        p.append(result.p_values[0])
    assert kstest(p_above(np.array(p), 99, np.random.default_rng(0)), "uniform").pvalue > 0.01


def test_a_strong_component_leaves_the_second_to_chance():
    p = np.array([first_two(p=4, q=3, strength=[0.9], seed=seed) for seed in range(200)])
    assert (p[:, 0] == 0.01).all()
    assert 0.01 <= np.mean(p[:, 1] <= 0.05) <= 0.09  # 0.05, and 2.6 standard errors
    assert kstest(p_above(p[:, 1], 99, np.random.default_rng(0)), "uniform").pvalue > 0.01


def test_planted_components_are_found():
    X, y = two_views(n=200, p=5, q=4, strength=[0.8, 0.5])
    for reg in (0.0, 0.5):
        p = canonical_correlation_test(LinearCCA(reg=reg), X, y, random_state=0).p_values
        assert (p[:2] < 0.01).all()
        assert (p[2:] > 0.05).all()
        assert (np.diff(p) >= 0).all()


def test_first_p_equals_refits_by_scipy():
    X, y = two_views(n=30, strength=[0.4])
    X -= X.mean(axis=0)
    y -= y.mean(axis=0)
    rng = np.random.RandomState(3)
    observed = np.cos(subspace_angles(X, y)).max()
    found = [np.cos(subspace_angles(X, y[rng.permutation(30)])).max() for _ in range(199)]
    expected = (1 + np.sum(np.array(found) >= observed)) / 200
    ours = canonical_correlation_test(LinearCCA(), X, y, n_permutations=199, random_state=3)
    assert ours.p_values[0] == pytest.approx(expected)
    assert 0.01 < expected < 0.5
    # The refits of any other estimator come to the same, and compare all with the largest.
    other = canonical_correlation_test(
        make_pipeline(StandardScaler(), LinearCCA()),
        X.tolist(),
        y.tolist(),
        n_permutations=199,
        random_state=3,
    )
    assert other.p_values[0] == pytest.approx(expected)
    second = np.sort(np.cos(subspace_angles(X, y)))[-2]
    assert other.p_values[1] == pytest.approx((1 + np.sum(np.array(found) >= second)) / 200)


def test_second_p_equals_refits_of_the_variates_left():
    X, y = two_views(n=40, p=4, q=3, strength=[0.9, 0.3])
    zx, zy = LinearCCA().fit(X, y).transform(X, y)
    left = X - zx[:, :1] @ np.linalg.lstsq(zx[:, :1], X - X.mean(axis=0), rcond=None)[0]
    right = y - zy[:, :1] @ np.linalg.lstsq(zy[:, :1], y - y.mean(axis=0), rcond=None)[0]
    # What is left of the views has one dimension less: any basis of it will do.
    left, right = left[:, :3] - left[:, :3].mean(axis=0), right[:, :2] - right[:, :2].mean(axis=0)
    observed = np.cos(subspace_angles(left, right)).max()
    rng = np.random.RandomState(5)
    found = [np.cos(subspace_angles(left, right[rng.permutation(40)])).max() for _ in range(199)]
    expected = (1 + np.sum(np.array(found) >= observed)) / 200
    ours = canonical_correlation_test(LinearCCA(), X, y, n_permutations=199, random_state=5)
    assert ours.correlations[1] == pytest.approx(observed)
    assert ours.p_values[1] == pytest.approx(expected)


def test_any_estimator_with_the_two_methods():
    X, y = two_views(strength=[0.9])
    ours = canonical_correlation_test(CCA(2), X, y, n_permutations=99, random_state=0)
    assert ours.p_values[0] == 0.01
    assert ours.p_values[1] > 0.05


def test_ridge_correlations_are_those_of_the_estimator_and_sparse_is_dense():
    X, y = two_views(p=6, q=4, strength=[0.5])
    X[X < 0] = 0
    dense, sparse = (
        canonical_correlation_test(LinearCCA(3, reg=0.7), a, y, n_permutations=20, random_state=0)
        for a in (X, csr_array(X))
    )
    fitted = LinearCCA(3, reg=0.7).fit(X, y)
    np.testing.assert_allclose(dense.correlations, fitted.canonical_correlations_, atol=1e-10)
    np.testing.assert_allclose(sparse.p_values, dense.p_values)


def test_more_columns_than_rows_are_never_significant():
    X, y = two_views(n=10, p=20, q=20)
    ours = canonical_correlation_test(LinearCCA(), X, y, n_permutations=20, random_state=0)
    np.testing.assert_array_equal(ours.p_values, 1.0)


def test_random_state_repeats_and_the_global_one_is_left_alone(capsys):
    X, y = two_views()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    runs = [
        canonical_correlation_test(LinearCCA(), X, y, n_permutations=50, random_state=seed).p_values
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert not capsys.readouterr().err
    canonical_correlation_test(LinearCCA(), X, y, n_permutations=5, verbose=1)
    assert "permutations" in capsys.readouterr().err


def test_a_kernel_model_is_tested_by_refits():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=80)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    kernel, linear = (
        canonical_correlation_test(
            model, circle, np.cos(2 * angle), n_permutations=99, random_state=0
        )
        for model in (KernelCCA(1, reg=0.05), LinearCCA(1))
    )
    assert kernel.p_values[0] == 0.01
    assert linear.p_values[0] > 0.1


def test_p_of_a_kernel_model_is_uniform_under_independence():
    p = [
        canonical_correlation_test(
            KernelCCA(1, reg=0.1),
            *two_views(n=30, seed=seed),
            n_permutations=19,
            random_state=seed,
        ).p_values[0]
        for seed in range(60)
    ]
    # Whole twentieths: between them, so that they are uniform from 0 to 1.
    spread = np.array(p) - np.random.default_rng(0).uniform(0, 0.05, size=60)
    assert kstest(spread, "uniform").pvalue > 0.01


# --- Variance


def squared_correlations(view, variates):
    p = view.shape[1]
    return np.corrcoef(view, variates, rowvar=False)[:p, p:] ** 2


@pytest.mark.parametrize("reg", [0.0, 0.5])
def test_variance_explained_and_redundancy_equal_numpy(reg):
    X, y = two_views(p=5, q=3, strength=[0.7, 0.3])
    model = LinearCCA(2, reg=reg).fit(X[:40], y[:40])
    X, y = X[20:], y[20:]
    zx, zy = model.transform(X, y)
    x_share = squared_correlations(X, zx).mean(axis=0)
    y_share = squared_correlations(y, zy).mean(axis=0)
    np.testing.assert_allclose(variance_explained(model, X, y), [x_share, y_share])
    pair = np.array([np.corrcoef(zx[:, k], zy[:, k])[0, 1] ** 2 for k in range(2)])
    np.testing.assert_allclose(redundancy(model, X, y), [x_share * pair, y_share * pair])
    # A column without variance has none to explain.
    constant = LinearCCA(2, reg=reg).fit(np.column_stack([X, np.ones(40)]), y)
    plain = LinearCCA(2, reg=reg).fit(X, y)
    np.testing.assert_allclose(
        variance_explained(constant, np.column_stack([X, np.ones(40)]), y),
        variance_explained(plain, X, y),
    )


def test_redundancy_is_the_mean_r2_of_regressions():
    X, y = two_views(p=5, q=3, strength=[0.7, 0.3])
    model = LinearCCA().fit(X, y)
    residual = np.linalg.lstsq(np.column_stack([np.ones(60), X]), y, rcond=None)[1]
    r2 = 1 - residual / np.sum((y - y.mean(axis=0)) ** 2, axis=0)
    assert redundancy(model, X, y)[1].sum() == pytest.approx(r2.mean())
    assert variance_explained(model, X, y)[1].sum() == pytest.approx(1.0)
    sparse = redundancy(model, csr_array(X), y)
    np.testing.assert_allclose(sparse, redundancy(model, X, y))


# --- Errors


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"method": "chi2"}, "method='chi2'"),
        ({"n_permutations": 0}, "n_permutations=0"),
        ({"n_permutations": True}, "n_permutations=True"),
        ({"n_permutations": 9.5}, r"n_permutations=9\.5"),
        ({"estimator": LinearCCA(reg=0.1), "method": "wilks"}, r"reg=0\.1"),
        ({"estimator": LinearCCA(reg=(0, 0.1)), "method": "wilks"}, "needs reg=0"),
        ({"estimator": LinearCCA(reg=-1)}, "reg=-1"),
        ({"estimator": LinearCCA(9)}, "n_components=9"),
    ],
)
def test_bad_values_are_named(kwargs, message):
    X, y = two_views()
    with pytest.raises(ValueError, match=message):
        canonical_correlation_test(**{"estimator": LinearCCA(), "X": X, "y": y, **kwargs})


def test_wrong_data_and_estimators_are_refused():
    X, y = two_views()
    with pytest.raises(TypeError, match="LinearCCA, not a CCA"):
        canonical_correlation_test(CCA(), X, y, method="wilks")
    with pytest.raises(ValueError, match=r"has 5 for 3 \+ 2"):
        canonical_correlation_test(LinearCCA(), X[:5], y[:5], method="wilks")
    with pytest.raises(ValueError, match="60 samples and y has 59"):
        canonical_correlation_test(LinearCCA(), X, y[:-1])
    with pytest.raises(ValueError, match="every column of y is constant"):
        canonical_correlation_test(LinearCCA(), X, np.ones((60, 2)))
    for function in (variance_explained, redundancy):
        with pytest.raises(TypeError, match="not of a Pipeline"):
            function(make_pipeline(LinearCCA()).fit(X, y), X, y)
        with pytest.raises(NotFittedError):
            function(LinearCCA(), X, y)
        with pytest.raises(ValueError, match="60 samples and y has 59"):
            function(LinearCCA().fit(X, y), X, y[:-1])
        with pytest.raises(ValueError, match="constant in the given rows"):
            function(LinearCCA().fit(X, y), X[[0, 0]], y[:2])
