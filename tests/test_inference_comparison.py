"""Two models on the same splits."""

import numpy as np
import pytest
from joblib import parallel_config
from scipy import stats
from sklearn.cross_decomposition import CCA
from sklearn.datasets import make_moons
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdcca import LinearCCA, compare_models
from skdcca.inference._comparison import corrected_t_test, query_bootstrap
from skdcca.inference._folds import list_splits
from skdcca.metrics import (
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    recall_at_k_scorer,
    retrieval_scorer,
)

A, B = LinearCCA(2), LinearCCA(2, reg=0)


def views(n=60, seed=0):
    """Return two views with two shared components."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    return X, X[:, :3] + rng.normal(size=(n, 3))


@pytest.mark.slow
def test_corrected_t_has_the_figures_of_the_example_of_scikit_learn():
    """Its page on comparing models has t = 0.750 and p = 0.227 (one-sided); 2.611 uncorrected."""
    X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(kernel=kernel), X, y, scoring="roc_auc", cv=cv)
        for kernel in ("rbf", "linear")
    )
    result = corrected_t_test(rbf - linear, 1 / 9)
    assert (round(result.t, 3), round(result.p_value / 2, 3), result.df) == (0.750, 0.227, 99)
    assert round(corrected_t_test(rbf - linear, 0).t, 3) == 2.611


@pytest.mark.parametrize("cv", [KFold(5), ShuffleSplit(8, test_size=0.3, random_state=0)], ids=str)
def test_scores_are_those_of_cross_validate_and_t_that_of_scipy(cv):
    X, y = views()
    result = compare_models(A, B, X, y, cv=cv, level=0.9)
    scores_a = cross_validate(A, X, y, cv=cv)["test_score"]
    scores_b = cross_validate(B, X, y, cv=cv)["test_score"]
    np.testing.assert_allclose(result.scores_a, scores_a, atol=1e-12)
    np.testing.assert_allclose(result.scores_b, scores_b, atol=1e-12)
    plain = stats.ttest_rel(scores_a, scores_b)
    train, test = next(cv.split(X))
    n_splits = len(scores_a)
    factor = np.sqrt(1 + n_splits * len(test) / len(train))
    assert result.t == pytest.approx(plain.statistic / factor)
    assert result.df == plain.df == n_splits - 1
    assert result.p_value == pytest.approx(2 * stats.t.sf(abs(result.t), result.df))
    low, high = plain.confidence_interval(0.9)
    assert result.high - result.low == pytest.approx((high - low) * factor)
    assert (result.high + result.low) / 2 == pytest.approx(result.difference)
    assert result.difference == pytest.approx(result.t * result.standard_error)


def test_integers_are_folds_that_are_drawn_again():
    X, y = views(20)
    splits = list_splits(5, X, y, seeds=(1, 2, 3))
    assert len(splits) == 15
    for i in range(0, 15, 5):
        assert sorted(np.concatenate([test for _, test in splits[i : i + 5]])) == list(range(20))
    assert len({tuple(test) for _, test in splits}) == 15
    result = compare_models(A, B, X, y, cv=2, n_repeats=3, random_state=0)
    assert len(set(result.scores_a)) == 6


def test_groups_stay_together_in_every_repetition():
    X, y = views()
    groups = np.arange(60) % 12
    splits = list_splits(4, X, y, groups, seeds=(1, 2))
    assert len(splits) == 8
    assert all(not set(groups[train]) & set(groups[test]) for train, test in splits)
    result = compare_models(A, B, X, y, groups=[f"g{i}" for i in groups], scoring=mrr_scorer)
    assert result.queries.n_units == 12
    result = compare_models(A, B, X, y, groups=groups, cv=GroupKFold(3))
    assert len(result.scores_a) == 3


def test_equal_models_do_not_differ():
    X, y = views()
    scaled = make_pipeline(StandardScaler(), A)  # the same up to rounding errors
    result = compare_models(A, scaled, X, y, scoring=mrr_scorer, cv=3)
    for one in (result, result.queries):
        assert one.difference == pytest.approx(0, abs=1e-12)
        assert one.p_value == 1
        assert one.low == pytest.approx(0, abs=1e-12)
    assert compare_models(A, scaled, X, y, cv=3).t == 0


def test_a_constant_difference_has_no_error():
    result = corrected_t_test(np.array([1.0, 1.0, 1.0]), 0.25)
    assert result.p_value == 0
    assert (result.low, result.difference, result.high) == (1, 1, 1)


def test_better_model_is_found_and_order_only_changes_the_sign():
    X, y = views(100)
    settings = {"random_state": 0, "scoring": mrr_scorer, "n_repeats": 2}
    worse = LinearCCA(1, reg=0)
    one = compare_models(A, worse, X, y, **settings)
    other = compare_models(worse, A, X, y, **settings)
    assert one.low > 0
    assert one.queries.low > 0
    assert other.difference == pytest.approx(-one.difference)
    assert other.p_value == pytest.approx(one.p_value)
    assert other.queries.difference == pytest.approx(-one.queries.difference)
    assert other.queries.low == pytest.approx(-one.queries.high)


@pytest.mark.parametrize("scorer", [mrr_scorer, mrr_x_to_y, mrr_y_to_x])
def test_mrr_is_that_of_the_scorer_and_the_mean_over_queries(scorer):
    X, y = views()
    result = compare_models(A, B, X, y, cv=KFold(3), scoring=scorer, random_state=0)
    expected = cross_val_score(A, X, y, cv=KFold(3), scoring=scorer)
    np.testing.assert_allclose(result.scores_a, expected, atol=1e-12)
    # All galleries have the same size, so the mean over queries is the mean over galleries.
    assert result.queries.difference == pytest.approx(result.difference)
    assert result.queries.n_units == 60


def test_bootstrap_is_that_of_scipy():
    rng = np.random.default_rng(0)
    values = rng.normal(0.1, 0.4, size=40)
    halves = [values[:15], values[15:]]
    rows = [np.arange(15), np.arange(15, 40)]
    result = query_bootstrap(halves, rows, np.arange(40), 0.9, np.random.RandomState(0))
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="percentile", rng=0, n_resamples=9999
    )
    low, high = expected.confidence_interval
    assert result.low == pytest.approx(low, abs=0.01)
    assert result.high == pytest.approx(high, abs=0.01)
    assert result.standard_error == pytest.approx(expected.standard_error, rel=0.05)


def test_bootstrap_resamples_groups_and_repeated_rows_as_a_whole():
    values = np.repeat([0.5, -0.2, 0.1, 0.4], 25)
    units = np.repeat(np.arange(4), 25)
    everything = [np.arange(100)]
    rng = np.random.RandomState(0)
    by_group = query_bootstrap([values], everything, units, 0.95, rng)
    by_row = query_bootstrap([values], everything, np.arange(100), 0.95, rng)
    assert by_group.standard_error == pytest.approx(np.std([0.5, -0.2, 0.1, 0.4]) / 2, rel=0.05)
    assert by_group.standard_error > 4 * by_row.standard_error
    twice = query_bootstrap([values] * 2, everything * 2, np.arange(100), 0.95, rng)
    assert twice.standard_error == pytest.approx(by_row.standard_error, rel=0.05)


def test_scorers():
    X, y = views()
    folds = KFold(3)
    for scoring in ("r2", recall_at_k_scorer(3)):
        result = compare_models(A, B, X, y, cv=folds, scoring=scoring)
        expected = cross_val_score(B, X, y, cv=folds, scoring=scoring)
        np.testing.assert_allclose(result.scores_b, expected, atol=1e-12)
        assert "queries" not in result


def test_results_do_not_depend_on_the_number_of_jobs():
    X, y = views(30)
    one = compare_models(A, B, X, y, cv=2, scoring=mrr_scorer, random_state=0)
    with parallel_config(backend="threading"):
        two = compare_models(A, B, X, y, cv=2, scoring=mrr_scorer, random_state=0, n_jobs=2)
    assert one.p_value == two.p_value
    assert one.queries == two.queries


def test_frozen_models_are_not_fitted_again():
    X, y = views(100)
    a, b = (FrozenEstimator(model.fit(X[50:], y[50:])) for model in (A, B))
    result = compare_models(a, b, X[:50], y[:50], cv=KFold(5), scoring=mrr_scorer, random_state=0)
    assert result.scores_a[0] == pytest.approx(mrr_scorer(a, X[:10], y[:10]))
    assert result.queries.n_units == 50


def test_weights_reach_both_models():
    X, y = views()
    weight = np.r_[np.zeros(30), np.ones(30)]
    splits = [(np.arange(20, 60), np.arange(20)), (np.arange(10, 60), np.arange(10))]
    result = compare_models(A, B, X, y, cv=splits, params={"sample_weight": weight})
    assert result.scores_b[0] == pytest.approx(B.fit(X[30:], y[30:]).score(X[:20], y[:20]))


def test_bad_input_is_refused():
    X, y = views()
    with pytest.raises(TypeError, match="`b` must be an estimator of two views"):
        compare_models(A, LinearCCA, X, y)
    with pytest.raises(ValueError, match="at least two splits, got 1"):
        compare_models(A, B, X, y, cv=ShuffleSplit(1))
    with pytest.raises(ValueError, match=r"`level` must be a finite number in \(0, 1\), got 95"):
        compare_models(A, B, X, y, level=95)
    with pytest.raises(ValueError, match="`n_repeats` must be an integer >= 1, got 0"):
        compare_models(A, B, X, y, n_repeats=0)
    with pytest.raises(ValueError, match=r"finite number for each split, got \{'mrr'"):
        compare_models(A, B, X, y, scoring=retrieval_scorer)
    with pytest.raises(ValueError, match="finite number for each split, got nan"):
        compare_models(A, B, X, y, scoring=lambda *_: np.nan)
    with pytest.raises(ValueError, match="same number of samples"):
        compare_models(A, B, X, y[1:])
    with pytest.raises(TypeError, match="models of two views with scoring=None, got Ridge"):
        compare_models(A, make_pipeline(StandardScaler(), Ridge()), X, y)


def test_models_of_scikit_learn_are_scored_like_ours():
    X, y = views()
    theirs = CCA(2, max_iter=5000, tol=1e-14)
    for model in (theirs, make_pipeline(StandardScaler(), theirs)):
        result = compare_models(model, B, X, y, cv=3, n_repeats=1, random_state=0)
        np.testing.assert_allclose(result.scores_a, result.scores_b, atol=1e-6)
    expected = cross_val_score(B, X, y, cv=KFold(3, shuffle=True, random_state=1))
    splits = list(KFold(3, shuffle=True, random_state=1).split(X))
    result = compare_models(theirs, B, X, y, cv=splits)
    np.testing.assert_allclose(result.scores_a, expected, atol=1e-6)
    r2 = compare_models(theirs, B, X, y, cv=splits, scoring="r2").scores_a
    np.testing.assert_allclose(r2, cross_val_score(theirs, X, y, cv=splits, scoring="r2"))


def test_only_common_components_are_summed():
    X, y = views()
    folds = {"cv": KFold(3), "random_state": 0}
    with pytest.warns(
        UserWarning, match=r"`a` has 3 .* and `b` has 1, so .* over the first 1 only"
    ):
        result = compare_models(LinearCCA(3), LinearCCA(1), X, y, **folds)
    assert (result.n_components, result.difference, result.p_value) == (1, 0, 1)
    search = GridSearchCV(LinearCCA(), {"n_components": [1, 3]}, cv=2)
    with pytest.warns(UserWarning, match="over the first"):
        result = compare_models(search, LinearCCA(2), X, y, **folds)
    assert result.n_components <= 2
    # By retrieval, numbers of components are compared.
    result = compare_models(LinearCCA(3), LinearCCA(1), X, y, scoring=mrr_scorer, **folds)
    assert "n_components" not in result
    assert result.difference != 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"cv": 60},
            "`cv` must leave 3 or more held-out rows .* got 1 in fold 0. Set cv=20 or less",
        ),
        ({"cv": 60, "scoring": mrr_scorer}, "`cv` must leave 2 or more .* Set cv=30 or less"),
        ({"cv": 61}, "`cv` must be at most 60, the number of rows, got 61. Set cv=60 or less"),
        ({"groups": np.arange(60) % 3}, "at most 3, the number of groups, got 5. Set cv=3 or less"),
        ({"groups": np.zeros(60)}, "`groups` must have two or more groups, got 1"),
    ],
)
def test_folds_without_a_score_name_the_number_that_has_one(settings, message):
    with pytest.raises(ValueError, match=message):
        compare_models(A, B, *views(), **settings)


def test_single_rows_are_scored_by_scorers_that_can():
    X, y = views(12)
    result = compare_models(A, B, X, y, cv=12, n_repeats=1, scoring="neg_mean_squared_error")
    assert len(result.scores_a) == 12
