"""Permutation tests against refits and simulated error rates."""

import numpy as np
import pytest
from _views import correlated_views
from scipy.linalg import subspace_angles
from scipy.sparse import csr_array
from scipy.stats import kstest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cross_decomposition import CCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skdcca import KernelCCA, LinearCCA, canonical_correlation_test, redundancy, variance_explained
from skdcca.exceptions import PerfectCorrelationWarning


def first_two(n_permutations=99, **kwargs):
    X, y = correlated_views(**kwargs)
    result = canonical_correlation_test(
        LinearCCA(reg=0), X, y, n_permutations=n_permutations, random_state=kwargs["seed"]
    )
    return result.p_values[:2]


def p_above(p, n_permutations, rng):
    """Return P values that are continuous, by a random draw within each step of their grid."""
    return p - rng.uniform(size=len(p)) / (1 + n_permutations)


class ScaledByY(TransformerMixin, BaseEstimator):
    """Multiply X by a number that depends on y."""

    def fit(self, X, y):
        self.factor_ = 2 + np.sin(np.asarray(y)[0, 0])
        return self

    def transform(self, X):
        return self.factor_ * np.asarray(X)


def test_p_is_uniform_under_independence():
    p = np.array([first_two(n=20, seed=seed)[0] for seed in range(200)])
    assert kstest(p_above(p, 99, np.random.default_rng(0)), "uniform").pvalue > 0.01


def test_p_is_uniform_under_independence_with_a_ridge_and_wide_views():
    p = []
    for seed in range(200):
        X, y = correlated_views(n=12, p=15, q=4, seed=seed)
        result = canonical_correlation_test(
            LinearCCA(1, reg=(1.0, 0.5)), X, y, n_permutations=99, random_state=seed
        )
        p.append(result.p_values[0])
    assert kstest(p_above(np.array(p), 99, np.random.default_rng(0)), "uniform").pvalue > 0.01


def test_p_of_the_second_is_uniform_after_a_strong_first():
    p = np.array([first_two(p=4, q=3, strength=[0.9], seed=seed) for seed in range(200)])
    assert (p[:, 0] == 0.01).all()
    assert 0.01 <= np.mean(p[:, 1] <= 0.05) <= 0.09  # 0.05, and 2.6 standard errors
    assert kstest(p_above(p[:, 1], 99, np.random.default_rng(0)), "uniform").pvalue > 0.01


def test_known_components_are_found():
    X, y = correlated_views(n=200, p=5, q=4, strength=[0.8, 0.5])
    for reg in (0.0, 0.5):
        p = canonical_correlation_test(LinearCCA(reg=reg), X, y, random_state=0).p_values
        assert (p[:2] < 0.01).all()
        assert (p[2:] > 0.05).all()
        assert (np.diff(p) >= 0).all()


def test_first_p_equals_refits_by_scipy():
    X, y = correlated_views(n=30, strength=[0.4])
    X -= X.mean(axis=0)
    y -= y.mean(axis=0)
    rng = np.random.RandomState(3)
    observed = np.cos(subspace_angles(X, y)).max()
    found = [np.cos(subspace_angles(X, y[rng.permutation(30)])).max() for _ in range(199)]
    expected = (1 + np.sum(np.array(found) >= observed)) / 200
    ours = canonical_correlation_test(LinearCCA(reg=0), X, y, n_permutations=199, random_state=3)
    assert ours.p_values[0] == pytest.approx(expected)
    assert 0.01 < expected < 0.5
    # Other estimators are refitted, and all of their correlations compared with the largest.
    other = canonical_correlation_test(
        make_pipeline(ScaledByY(), LinearCCA(reg=0)),
        X.tolist(),
        y.tolist(),
        n_permutations=199,
        random_state=3,
    )
    assert other.p_values[0] == pytest.approx(expected)
    second = np.sort(np.cos(subspace_angles(X, y)))[-2]
    assert other.p_values[1] == pytest.approx((1 + np.sum(np.array(found) >= second)) / 200)


def test_second_p_equals_refits_of_the_variates_left():
    X, y = correlated_views(n=40, p=4, q=3, strength=[0.9, 0.3])
    zx, zy = LinearCCA(reg=0).fit(X, y).transform(X, y)
    left = X - zx[:, :1] @ np.linalg.lstsq(zx[:, :1], X - X.mean(axis=0), rcond=None)[0]
    right = y - zy[:, :1] @ np.linalg.lstsq(zy[:, :1], y - y.mean(axis=0), rcond=None)[0]
    # The residual views have one dimension less, and any basis of them works.
    left, right = left[:, :3] - left[:, :3].mean(axis=0), right[:, :2] - right[:, :2].mean(axis=0)
    observed = np.cos(subspace_angles(left, right)).max()
    rng = np.random.RandomState(5)
    found = [np.cos(subspace_angles(left, right[rng.permutation(40)])).max() for _ in range(199)]
    expected = (1 + np.sum(np.array(found) >= observed)) / 200
    ours = canonical_correlation_test(LinearCCA(reg=0), X, y, n_permutations=199, random_state=5)
    assert ours.correlations[1] == pytest.approx(observed)
    assert ours.p_values[1] == pytest.approx(expected)


def test_views_in_the_place_of_the_estimator_are_named():
    X, y = correlated_views()
    with pytest.raises(TypeError, match=r"`estimator` must be an estimator.*, got array") as error:
        canonical_correlation_test(X, y, LinearCCA())
    assert len(str(error.value)) < 200


def test_any_estimator_with_the_two_methods():
    X, y = correlated_views(strength=[0.9])
    ours = canonical_correlation_test(CCA(2), X, y, n_permutations=99, random_state=0)
    assert ours.p_values[0] == 0.01
    assert ours.p_values[1] > 0.05


def test_ridge_correlations_are_those_of_the_estimator_and_sparse_is_dense():
    X, y = correlated_views(p=6, q=4, strength=[0.5])
    X[X < 0] = 0
    dense, sparse = (
        canonical_correlation_test(LinearCCA(3, reg=0.7), a, y, n_permutations=20, random_state=0)
        for a in (X, csr_array(X))
    )
    fitted = LinearCCA(3, reg=0.7).fit(X, y)
    np.testing.assert_allclose(dense.correlations, fitted.canonical_correlations_, atol=1e-10)
    np.testing.assert_allclose(sparse.p_values, dense.p_values)


def test_more_columns_than_rows_are_never_significant():
    X, y = correlated_views(n=10, p=20, q=20)
    with pytest.warns(PerfectCorrelationWarning, match="9 canonical correlations"):
        ours = canonical_correlation_test(LinearCCA(reg=0), X, y, n_permutations=20, random_state=0)
    np.testing.assert_array_equal(ours.p_values, 1.0)


@pytest.mark.usefixtures("unchanged_generator")
def test_random_state_repeats(capsys):
    X, y = correlated_views()
    runs = [
        canonical_correlation_test(
            LinearCCA(reg=0), X, y, n_permutations=50, random_state=seed
        ).p_values
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()
    assert not capsys.readouterr().err
    canonical_correlation_test(LinearCCA(reg=0), X, y, n_permutations=19, verbose=1, random_state=0)
    assert "permutations" in capsys.readouterr().err


def test_a_kernel_model_is_tested_by_refits():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=80)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    kernel, linear = (
        canonical_correlation_test(
            model, circle, np.cos(2 * angle), n_permutations=99, random_state=0
        )
        for model in (KernelCCA(1, reg=0.05), LinearCCA(1, reg=0))
    )
    assert kernel.p_values[0] == 0.01
    assert linear.p_values[0] > 0.1


def test_p_of_a_kernel_model_is_uniform_under_independence():
    p = [
        canonical_correlation_test(
            KernelCCA(1, reg=0.1),
            *correlated_views(n=30, seed=seed),
            n_permutations=19,
            random_state=seed,
        ).p_values[0]
        for seed in range(60)
    ]
    # P values are multiples of 1/20: a draw within each step makes them continuous.
    spread = np.array(p) - np.random.default_rng(0).uniform(0, 0.05, size=60)
    assert kstest(spread, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"method": "chi2"},
            "`method` must be one of .*'permutation', 'roy', 'wilks'.*, got 'chi2'",
        ),
        ({"n_permutations": 0}, "`n_permutations` must be an integer >= 1, got 0"),
        ({"n_permutations": True}, "`n_permutations` must be .*, got True"),
        ({"n_permutations": 9.5}, r"`n_permutations` must be .*, got 9\.5"),
        (
            {"estimator": LinearCCA(reg=0.1), "method": "wilks"},
            r"`reg` must be 0 .*, got .0\.1, 0\.1",
        ),
        (
            {"estimator": LinearCCA(reg=(0, 0.1)), "method": "wilks"},
            "`reg` must be 0 .*, got .0, 0.1",
        ),
        ({"estimator": LinearCCA(reg=-1)}, "`reg` must be .*, got -1"),
        ({"estimator": LinearCCA(9, reg=0)}, "`n_components` must be <= 2 .*, got 9"),
    ],
)
def test_bad_values_are_named(kwargs, message):
    X, y = correlated_views()
    with pytest.raises(ValueError, match=message):
        canonical_correlation_test(**{"estimator": LinearCCA(reg=0), "X": X, "y": y, **kwargs})


def test_wrong_data_and_estimators_are_refused():
    X, y = correlated_views()
    with pytest.raises(TypeError, match="must be a LinearCCA with method='wilks', got a CCA"):
        canonical_correlation_test(CCA(), X, y, method="wilks")
    with pytest.raises(ValueError, match=r"got 5 rows and ranks 3 \+ 2"):
        canonical_correlation_test(LinearCCA(reg=0), X[:5], y[:5], method="wilks")
    with pytest.raises(ValueError, match="same number of samples, got 60 and 59"):
        canonical_correlation_test(LinearCCA(reg=0), X, y[:-1])
    with pytest.raises(ValueError, match="Every column of y is constant"):
        canonical_correlation_test(LinearCCA(reg=0), X, np.ones((60, 2)))
    for function in (variance_explained, redundancy):
        with pytest.raises(TypeError, match="`estimator` must be a LinearCCA, got a Pipeline"):
            function(make_pipeline(LinearCCA(reg=0)).fit(X, y), X, y)
        with pytest.raises(NotFittedError):
            function(LinearCCA(reg=0), X, y)
        with pytest.raises(ValueError, match="same number of samples, got 60 and 59"):
            function(LinearCCA(reg=0).fit(X, y), X, y[:-1])
        with pytest.raises(ValueError, match="constant in the given rows"):
            function(LinearCCA(reg=0).fit(X, y), X[[0, 0]], y[:2])
