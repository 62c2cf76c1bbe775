"""Tests with confounds against regressions, SciPy and simulated error rates."""

import numpy as np
import pandas as pd
import pytest
from _views import correlated_views
from scipy.linalg import null_space, polar, subspace_angles
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from statsmodels.api import OLS
from statsmodels.multivariate.multivariate_ols import _MultivariateOLS

from skdcca import KernelCCA, LinearCCA, Residualizer, canonical_correlation_test
from skdcca._cca import BlockResidualSpace, ResidualSpace
from skdcca.exceptions import PerfectCorrelationWarning
from skdcca.inference._largest_root import largest_root_chain
from skdcca.inference._reduced import linear_part, reduced_views


def confounded_views(n=60, p=4, q=3, n_confounds=10, strength=(), seed=0):
    """Return views that depend on confounds, and the confounds."""
    rng = np.random.default_rng(seed + 1000)
    Z = rng.normal(size=(n, n_confounds))
    X, y = correlated_views(n, p, q, strength, seed)
    return X + Z @ rng.normal(size=(n_confounds, p)), y + Z @ rng.normal(size=(n_confounds, q)), Z


def residuals(view, Z):
    design = np.column_stack([np.ones(len(Z)), Z])
    return view - design @ np.linalg.lstsq(design, view, rcond=None)[0]


def first_p(X, y, seed, **kwargs):
    test = canonical_correlation_test(
        LinearCCA(1, reg=0), X, y, n_permutations=39, random_state=seed, **kwargs
    )
    return test.p_values[0]


# The reduced basis


def test_the_basis_is_orthonormal_and_orthogonal_to_the_confounds():
    Z = np.random.default_rng(0).normal(size=(30, 4))
    space = ResidualSpace(Z)
    basis = space.reduce(np.eye(30))
    assert basis.shape == (25, 30)
    np.testing.assert_allclose(basis @ basis.T, np.eye(25), atol=1e-12)
    # It spans what SciPy finds.
    other = null_space(np.column_stack([np.ones(30), Z]).T)
    assert subspace_angles(basis.T, other).max() < 1e-10


@pytest.mark.parametrize("n_confounds", [4, 27])
def test_the_basis_of_one_block_is_that_of_the_definition(n_confounds):
    rng = np.random.default_rng(0)
    Z, view = rng.normal(size=(30, n_confounds)), rng.normal(size=(30, 3))
    Z[:, 2] = Z[:, 1]
    space = BlockResidualSpace(Z, np.zeros(30, int))
    assert (space.rank, space.n_rows) == (n_confounds - 1, 30 - n_confounds)
    basis = space.reduce(np.eye(30))
    np.testing.assert_allclose(basis @ basis.T, np.eye(space.n_rows), atol=1e-12)
    np.testing.assert_allclose(basis @ Z, 0, atol=1e-12)
    # The orthonormal rows that are closest to the residuals of the samples kept: a polar factor.
    maker = residuals(np.eye(30), Z)
    closest, _ = polar(maker[space._kept])
    np.testing.assert_allclose(basis, closest, atol=1e-9)
    np.testing.assert_allclose(space.reduce(view), closest @ view, atol=1e-9)


def test_rows_of_blocks_have_their_variances_and_are_free_of_confounds():
    rng = np.random.default_rng(0)
    block, Z = np.repeat([0, 1, 2], 100), rng.normal(size=(300, 10))
    deviation = np.array([1.0, 5.0, 0.2])
    view = deviation[block][:, None] * rng.normal(size=(300, 40))
    space = BlockResidualSpace(Z, block)
    found = [space.reduce(view)[space.numbers == i].std() for i in range(3)]
    np.testing.assert_allclose(found, deviation, rtol=0.05)
    confounded = view + Z @ rng.normal(size=(10, 40)) + rng.normal(size=(3, 40))[block]
    reduced = space.reduce(confounded)[space.numbers == 2]
    # Ordinary residuals of the quiet block contain errors of the loud one.
    plain = residuals(confounded, np.column_stack([Z, np.eye(3)[block]]))[block == 2]
    assert reduced.std() < 0.22 < plain.std()


def test_the_samples_left_out_determine_the_design():
    block = np.arange(40) // 4
    Z = np.where(np.arange(40) == 7, 100.0, 0.01 * np.arange(40) % 4)[:, None]
    space = BlockResidualSpace(Z, block)
    assert 7 not in space._kept  # nothing is left of its error
    assert set(np.bincount(space.numbers)) == {2, 3}


@pytest.mark.parametrize(
    ("columns", "rank"),
    [
        (lambda z: [z, z + 1], 1),
        (lambda z: [z, np.full(40, 0.1)], 1),
        (lambda z: [z, 3 * z**2, 1e9 + z, z**2 - 2 * z], 2),
        (lambda z: [np.ones(40)], 0),
        (lambda z: [z > 0, z <= 0], 1),
        (lambda z: [1980 + np.round(z), 40 - np.round(z)], 1),
    ],
)
def test_constant_and_dependent_confounds_do_not_count(columns, rank):
    Z = np.column_stack(columns(np.random.default_rng(0).normal(size=40))).astype(float)
    assert ResidualSpace(Z).rank == rank
    X, y = correlated_views(40)
    assert reduced_views(LinearCCA(), X, y, Z)[2] == 40 - rank


def test_correlations_are_those_of_the_residuals():
    X, y, Z = confounded_views(strength=[0.7])
    test = canonical_correlation_test(LinearCCA(reg=0), X, y, confounds=Z, n_permutations=19)
    angles = subspace_angles(residuals(X, Z), residuals(y, Z))
    np.testing.assert_allclose(test.correlations, np.sort(np.cos(angles))[::-1], atol=1e-12)


def test_deviations_have_the_degrees_of_freedom_of_the_residuals():
    X, y, Z = confounded_views(n_confounds=20)
    for view, left in zip(reduced_views(LinearCCA(), X, y, Z)[:2], (X, y), strict=True):
        np.testing.assert_allclose(view.deviation**2, np.sum(residuals(left, Z) ** 2, axis=0) / 39)


def test_p_equals_a_loop_over_scipy_on_the_reduced_rows():
    X, y, Z = confounded_views(n=40, strength=[0.7, 0.3])
    space = ResidualSpace(Z)
    left, right = space.reduce(X), space.reduce(y)
    observed = np.cos(subspace_angles(left, right)).max()
    rng = np.random.RandomState(3)
    found = [np.cos(subspace_angles(left, right[rng.permutation(29)])).max() for _ in range(99)]
    ours = canonical_correlation_test(
        LinearCCA(reg=0), X, y, confounds=Z, n_permutations=99, random_state=3
    )
    expected = (1 + np.sum(np.array(found) >= observed)) / 100
    assert ours.p_values[0] == pytest.approx(expected)
    assert 0.01 < expected < 0.5


@pytest.mark.parametrize("reg", [0.0, "auto", "ledoit_wolf"])
def test_confounds_that_are_added_to_a_view_change_nothing(reg):
    X, y, Z = confounded_views(n=40, n_confounds=5, strength=[0.5])
    rng = np.random.default_rng(1)
    tests = [
        canonical_correlation_test(
            LinearCCA(reg=reg),
            X + shift * Z @ rng.normal(size=(5, 4)) - shift,
            y + shift * Z @ rng.normal(size=(5, 3)) + 7 * shift,
            confounds=Z,
            n_permutations=50,
            null_distribution=True,
            random_state=0,
        )
        for shift in (0.0, 100.0)
    ]
    for name in ("correlations", "p_values", "null_distribution_"):
        np.testing.assert_allclose(tests[0][name], tests[1][name], atol=1e-9)


def test_the_ridge_is_chosen_from_the_reduced_rows():
    X, y, Z = confounded_views(n=50, p=6, n_confounds=8)
    X += X[:, [0]]
    x_view, _, n = reduced_views(LinearCCA(reg="ledoit_wolf"), X, y, Z)
    left = ResidualSpace(Z).reduce(X)
    left /= np.sqrt(np.mean(left**2, axis=0))
    shrinkage = ledoit_wolf(left, assume_centered=True)[1]
    # Both formulas agree up to terms of order 1 / n.
    assert n == 42
    assert x_view.reg == pytest.approx(shrinkage / (1 - shrinkage), rel=0.05)


def test_a_column_that_confounds_explain_is_constant():
    X, y, Z = confounded_views(n=50, n_confounds=3)
    explained = np.column_stack([X, 1e6 + Z @ [1, 2, 3], np.float32(Z[:, 0])])
    for view in (explained, pd.DataFrame(explained), csr_array(explained)):
        x_view, _, _ = reduced_views(LinearCCA(reg=0), view, y, Z)
        assert x_view.rank == 4 + 1  # float32 leaves rounding errors in a float64 table
        assert x_view.n_varying == 4 + 1
    x_view, _, _ = reduced_views(LinearCCA(reg=0), explained[:, :5], y, Z)
    assert x_view.rank == 4
    with pytest.raises(ValueError, match="Every column of X is constant or explained by the conf"):
        canonical_correlation_test(LinearCCA(), explained[:, [4]], y, confounds=Z)


def test_a_sum_of_columns_that_confounds_explain_has_no_direction():
    X, y, _ = confounded_views(n=50, n_confounds=3)
    Z = X[:, :2].sum(axis=1) * 7 - 3
    for scale in (1.0, 1e-4):
        noise = np.column_stack([Z + scale * X[:, 0], Z - scale * X[:, 0], X[:, 2]])
        assert reduced_views(LinearCCA(reg=0), noise, y, Z)[0].rank == 2


# Error rates


def test_p_is_uniform_with_confounds():
    p = [
        first_p(X, y, s, confounds=Z) for s in range(150) for X, y, Z in [confounded_views(seed=s)]
    ]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.11  # 0.05, and 3 standard errors


def test_residuals_that_are_permuted_are_not_exchangeable():
    p = [
        first_p(residuals(X, Z), residuals(y, Z), seed)
        for seed in range(40)
        for X, y, Z in [confounded_views(n_confounds=20, seed=seed)]
    ]
    assert np.mean(np.array(p) <= 0.05) > 0.15


def test_a_link_beyond_the_confounds_is_found():
    X, y, Z = confounded_views(n_confounds=20, strength=[0.8])
    for method in ("permutation", "roy", "wilks"):
        test = canonical_correlation_test(
            LinearCCA(reg=0), X, y, method=method, confounds=Z, n_permutations=199, random_state=0
        )
        assert test.n_significant == 1


# Wilks and Roy


@pytest.mark.parametrize("n_confounds", [1, 6])
def test_wilks_of_one_column_equals_the_partial_f_test(n_confounds):
    X, y, Z = confounded_views(q=1, n_confounds=n_confounds, strength=[0.3])
    ours = canonical_correlation_test(LinearCCA(reg=0), X, y, method="wilks", confounds=Z)
    small = np.column_stack([np.ones(60), Z])
    full = OLS(y, np.column_stack([small, X])).fit()
    f, p, df1 = full.compare_f_test(OLS(y, small).fit())
    found = [ours.f[0], ours.p_values[0], ours.f_df1[0], ours.f_df2[0]]
    np.testing.assert_allclose(found, [f, p, df1, full.df_resid])


def test_multivariate_tests_equal_those_of_a_regression_with_confounds():
    X, y, Z = confounded_views(p=5, n_confounds=4, strength=[0.4])
    ours = canonical_correlation_test(LinearCCA(2, reg=0), X, y, method="wilks", confounds=Z)
    model = _MultivariateOLS(y, np.column_stack([np.ones(60), Z, X])).fit()
    slopes = np.eye(10)[5:]
    table = model.mv_test([("X", slopes)]).results["X"]["stat"].astype(float)
    names = {"wilks": "Wilks' lambda", "pillai": "Pillai's trace"}
    for name, theirs in names.items():
        row, test = table.loc[theirs], ours.multivariate_tests[name]
        np.testing.assert_allclose(
            [test.statistic, test.f, test.df1, test.df2, test.p_value],
            row[["Value", "F Value", "Num DF", "Den DF", "Pr > F"]],
        )


def test_roy_is_the_chain_of_what_is_left():
    X, y, Z = confounded_views(strength=[0.6])
    ours = canonical_correlation_test(LinearCCA(2, reg=0), X, y, method="roy", confounds=Z)
    r = np.sort(np.cos(subspace_angles(residuals(X, Z), residuals(y, Z))))[::-1]
    np.testing.assert_allclose(ours.p_values, largest_root_chain(r, 50, 4, 3)[:2], rtol=1e-6)


# The linear part


class ScaledByY(TransformerMixin, BaseEstimator):
    """Multiply X by a number that depends on y."""

    def fit(self, X, y):
        self.factor_ = 2 + np.sin(np.asarray(y)[0, 0])
        return self

    def transform(self, X):
        return self.factor_ * np.asarray(X)


def test_steps_that_do_not_depend_on_y_are_linear():
    X, y = correlated_views(p=6)
    model = make_pipeline(StandardScaler(), make_pipeline(PCA(4), LinearCCA(2)))
    found, features = linear_part(model, X, y)
    assert found is model[-1][-1]
    np.testing.assert_allclose(features, PCA(4).fit_transform(StandardScaler().fit_transform(X)))
    assert linear_part(make_pipeline(LinearCCA()), X, y)[1] is X
    assert linear_part(make_pipeline("passthrough", LinearCCA()), X.tolist(), y) is not None


@pytest.mark.parametrize(
    "step",
    [
        SelectKBest(f_regression, k=2),
        SelectKBest(f_regression, k=5),  # always leaves out the constant column
        make_pipeline(StandardScaler(), ScaledByY()),
    ],
)
def test_steps_that_depend_on_y_are_not_linear(step):
    X, y = correlated_views(p=6, q=1, strength=[0.9])
    X[:, 5] = 1.0
    y = y if "scaledbyy" in str(step).lower() else y[:, 0]
    assert linear_part(make_pipeline(step, LinearCCA()), X, y) is None


def test_steps_that_are_random_are_refused():
    X, y = correlated_views(p=6)
    step = GaussianRandomProjection(2)
    for kwargs in ({}, {"confounds": X[:, 0]}, {"method": "wilks"}):
        with pytest.raises(ValueError, match=r"must be deterministic.*random_state of each step"):
            canonical_correlation_test(make_pipeline(step, LinearCCA()), X, y, **kwargs)
    step.set_params(random_state=0)
    assert linear_part(make_pipeline(step, LinearCCA()), X, y) is not None


def test_rounding_errors_do_not_make_steps_random():
    X, y = correlated_views(p=6)
    for step in (PCA(2, svd_solver="randomized"), FunctionTransformer(csr_array)):
        assert linear_part(make_pipeline(step, LinearCCA()), X, y) is not None


def test_other_estimators_have_no_linear_part():
    X, y = correlated_views()
    assert linear_part(KernelCCA(), X, y) is None
    assert linear_part(make_pipeline(StandardScaler(), KernelCCA()), X, y) is None
    with pytest.raises(TypeError, match="`estimator` must be linear, got a KernelCCA"):
        reduced_views(KernelCCA(), X, y, X[:, 0])


def test_a_scaler_keeps_the_power_of_the_stepwise_test():
    X, y = correlated_views(n=100, p=5, q=4, strength=[0.9, 0.4])
    for method in ("permutation", "roy", "wilks"):
        alone, behind = (
            canonical_correlation_test(
                model, X, y, method=method, n_permutations=99, random_state=0
            )
            for model in (LinearCCA(reg=0), make_pipeline(StandardScaler(), LinearCCA(reg=0)))
        )
        np.testing.assert_allclose(alone.p_values, behind.p_values, rtol=1e-6)
        assert alone.n_significant == behind.n_significant == 2


def test_a_pipeline_with_confounds_and_a_transformer_of_y():
    X, y, Z = confounded_views(strength=[0.7])
    model = make_pipeline(StandardScaler(), LinearCCA(y_transformer=PCA(2)))
    ours, by_hand = (
        canonical_correlation_test(*args, confounds=Z, n_permutations=20, random_state=0)
        for args in ((model, X, y), (LinearCCA(), X, PCA(2).fit_transform(y)))
    )
    np.testing.assert_allclose(ours.correlations, by_hand.correlations, atol=1e-10)
    np.testing.assert_array_equal(ours.p_values, by_hand.p_values)


# Errors


def test_confounds_are_taken_in_any_form():
    X, y, Z = confounded_views(n_confounds=1)
    tests = [
        canonical_correlation_test(
            LinearCCA(), X, y, confounds=confounds, n_permutations=20, random_state=0
        ).p_values
        for confounds in (
            Z,
            Z[:, 0],
            Z.tolist(),
            pd.Series(Z[:, 0]),
            pd.DataFrame(Z, columns=["a"]),
        )
    ]
    for p_values in tests[1:]:
        np.testing.assert_array_equal(p_values, tests[0])


@pytest.mark.parametrize(
    ("confounds", "message"),
    [
        (np.ones(59), "X and confounds must have the same number of samples, got 60 and 59"),
        (np.full(60, np.nan), "confounds contains NaN"),
        (["a", "b"] * 30, "confounds contains text.* pass labels as `blocks`"),
        (pd.DataFrame({"site": ["a", "b"] * 30}), "column 'site', such as 'a'.*indicator columns"),
        (
            np.random.default_rng(0).normal(size=(60, 58)),
            "leave 2 or more rows, but 60 rows less the mean and 58 independent confounds leave 1",
        ),
        (np.ones((60, 1, 1)), r"must have shape .* got \(60, 1, 1\)"),
        (np.ones((60, 0)), r"must have a column, got shape \(60, 0\)"),
        (
            pd.Categorical([1, 2, 3] * 20),
            "`confounds` must be numeric, got categories. .*get_dummies",
        ),
        (
            pd.DataFrame({"age": range(60), "site": pd.Categorical([1, 2] * 30)}),
            "The confound 'site' must be numeric, got categories",
        ),
        (
            pd.DataFrame([range(2)] * 60, columns=["a", "a"]).astype("category"),
            "The confound 'a' must be numeric, got categories",
        ),
        (
            pd.Series(pd.date_range("2020", periods=60), name="day"),
            "The confound 'day' must be numeric, got dates. Turn them into numbers",
        ),
        (np.arange(60).astype("datetime64[D]"), "`confounds` must be numeric, got dates"),
    ],
)
def test_bad_confounds_are_named(confounds, message):
    X, y = correlated_views()
    with pytest.raises(ValueError, match=message):
        canonical_correlation_test(LinearCCA(), X, y, confounds=confounds)


def test_sparse_confounds_are_refused():
    X, y, Z = confounded_views()
    with pytest.raises(TypeError, match=r"`confounds` must be dense.*confounds.toarray\(\)"):
        canonical_correlation_test(LinearCCA(), X, y, confounds=csr_array(Z))


def test_a_residualizer_is_refused():
    X, y = correlated_views()
    step = Residualizer([0])
    for model in (make_pipeline(step, LinearCCA()), LinearCCA(y_transformer=step)):
        for method in ("permutation", "wilks"):
            with pytest.raises(ValueError, match="must not contain a Residualizer"):
                canonical_correlation_test(model, X, y, method=method)


def test_confounds_in_another_order_are_refused():
    X, y = map(pd.DataFrame, correlated_views())
    with pytest.raises(ValueError, match="X and confounds must have their rows in the same order"):
        canonical_correlation_test(LinearCCA(), X, y, confounds=X[0].iloc[::-1])


def test_confounds_need_a_linear_model_and_rows():
    X, y, Z = confounded_views(n_confounds=55)
    for model in (KernelCCA(), make_pipeline(ScaledByY(), LinearCCA())):
        with pytest.raises(TypeError, match="`estimator` must be linear with `confounds`, got a "):
            canonical_correlation_test(model, X, y, confounds=Z)
    with pytest.raises(ValueError, match=r"got 60 rows less 55 confounds and ranks 4 \+ 3"):
        canonical_correlation_test(LinearCCA(reg=0), X, y, method="wilks", confounds=Z)
    warning = "exceeds n_samples - n_confounds - 1 = 4, so 3 canonical correlations are 1"
    with pytest.warns(PerfectCorrelationWarning, match=warning):
        test = canonical_correlation_test(LinearCCA(reg=0), X, y, confounds=Z, n_permutations=19)
    np.testing.assert_array_equal(test.p_values, 1.0)
