"""Intervals of correlations and loadings of linear and other models."""

import warnings

import numpy as np
import pandas as pd
import pytest
from _views import correlated_views, scipy_correlations, shared_views, sparse_views
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import (
    KernelCCA,
    LinearCCA,
    Residualizer,
    canonical_correlation_intervals,
    canonical_summary,
)
from skdcca.exceptions import ComponentSearchWarning, PerfectCorrelationWarning, RankWarning
from skdcca.inference._corrected import corrected_correlations
from skdcca.inference._held_out import held_out_correlations

CORRECTED = {"corrected", "low", "high", "detected", "threshold"}
HELD_OUT = {"held_out", "held_out_mean", "held_out_std"}
LOADINGS = {
    f"{side}_{kind}{end}"
    for side in "xy"
    for kind in ("loadings", "cross_loadings")
    for end in ("", "_low", "_high")
}
NAMES = {"feature_names_x", "feature_names_y"}


def intervals(estimator, X, y, n_resamples=20, random_state=0, **kwargs):
    return canonical_correlation_intervals(
        estimator, X, y, n_resamples=n_resamples, random_state=random_state, **kwargs
    )


def assert_finite(result):
    for name in set(result) - NAMES:
        assert np.isfinite(result[name]).all(), name


def test_classical_cca():
    X, y = correlated_views(n=100, p=5, q=3, strength=[0.8])
    result = intervals(LinearCCA(2, reg=0), X, y)
    assert set(result) == {"correlations"} | CORRECTED | LOADINGS | NAMES
    np.testing.assert_allclose(result.correlations, scipy_correlations(X, y)[:2], atol=1e-10)
    expected = corrected_correlations(result.correlations, 100, 5, 3)
    for name in CORRECTED:
        np.testing.assert_array_equal(result[name], expected[name])
    assert result.detected.tolist() == [True, False]
    assert result.low[0] < 0.8 < result.high[0]
    assert result.x_loadings.shape == (5, 2)
    assert result.y_cross_loadings_low.shape == (3, 2)
    assert result.x_loadings_low[0, 0] > 0.5
    # Intervals of the cross-loadings are centered on the corrected correlation.
    middle = (result.x_cross_loadings_low[:, 0] + result.x_cross_loadings_high[:, 0]) / 2
    np.testing.assert_allclose(middle, result.x_loadings[:, 0] * result.corrected[0], atol=1e-10)
    assert (result.feature_names_x, result.feature_names_y) == (None, None)


def test_cross_loadings_of_an_undetected_component_may_be_zero():
    X, y = correlated_views(n=60, p=3, q=3)
    result = intervals(LinearCCA(1, reg=0), X, y, n_resamples=100)
    assert not result.detected[0]
    for side in "xy":
        low, high = result[f"{side}_cross_loadings_low"], result[f"{side}_cross_loadings_high"]
        assert (low <= 0).all()
        assert (high >= 0).all()
        expected = np.maximum(result[f"{side}_loadings_high"], 0) * result.high
        np.testing.assert_allclose(high, expected)


def test_the_default_ridge_has_held_out_correlations_and_loadings():
    X, y = shared_views(n=80)
    model = LinearCCA(2)
    result = intervals(model, X, y, cv=4)
    assert set(result) == {"correlations"} | HELD_OUT | LOADINGS | NAMES
    expected = held_out_correlations(model, X, y, cv=4)
    np.testing.assert_array_equal(result.held_out, expected)
    np.testing.assert_allclose(result.held_out_mean, expected.mean(axis=0))
    np.testing.assert_allclose(result.held_out_std, np.std(expected, axis=0, ddof=1))
    zx, zy = model.fit(X, y).transform(X, y)
    training = [np.corrcoef(zx[:, k], zy[:, k])[0, 1] for k in range(2)]
    np.testing.assert_allclose(result.correlations, training)
    np.testing.assert_allclose(result.x_loadings, model.x_loadings_, atol=1e-10)


@pytest.mark.parametrize(
    "estimator",
    [
        KernelCCA(1),
        GridSearchCV(LinearCCA(1), {"reg": [0.1, 1.0]}, cv=2),
        make_pipeline(StandardScaler(), KernelCCA(1)),
    ],
)
def test_other_models_have_held_out_correlations(estimator):
    X, y = shared_views(n=40)
    result = intervals(estimator, X, y, cv=3)
    assert set(result) == {"correlations"} | HELD_OUT
    assert result.held_out.shape == (3, 1)
    assert result.correlations[0] > result.held_out_mean[0]


def test_a_pipeline_with_steps_of_x_is_linear():
    X, y = shared_views(n=60, p=4)
    frame = pd.DataFrame(X * [1, 10, 100, 1000], columns=list("abcd"))
    scaled = intervals(make_pipeline(StandardScaler(), LinearCCA(1, reg=0)), frame, y)
    bare = intervals(LinearCCA(1, reg=0), X, y)
    for name in LOADINGS | CORRECTED:
        np.testing.assert_allclose(scaled[name], bare[name], atol=1e-8)
    assert list(scaled.feature_names_x) == list("abcd")
    reduced = intervals(make_pipeline(PCA(2), LinearCCA(1, reg=0)), X, y)
    assert list(reduced.feature_names_x) == ["pca0", "pca1"]


def test_names_of_tables_and_of_a_transformer_of_y():
    X, y = shared_views(n=40, p=2, q=2)
    X, y = pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(y, columns=["c", "d"])
    result = intervals(LinearCCA(1, reg=0), X, y)
    assert list(result.feature_names_x) == ["a", "b"]
    assert list(result.feature_names_y) == ["c", "d"]
    rng = np.random.default_rng(0)
    lyrics = [" ".join(rng.choice(["love", "night", "rain", "sun"], 5)) for _ in range(40)]
    words = intervals(LinearCCA(1, y_transformer=CountVectorizer()), X, lyrics)
    assert list(words.feature_names_y) == ["love", "night", "rain", "sun"]


def test_confounds_cost_rows_and_are_regressed_out():
    rng = np.random.default_rng(0)
    X, y = correlated_views(n=80, p=4, q=3, strength=[0.9])
    confounds = rng.normal(size=(80, 3))
    dirty_x = X + confounds @ rng.normal(size=(3, 4)) * 3
    dirty_y = y + confounds @ rng.normal(size=(3, 3)) * 3
    result = intervals(LinearCCA(2, reg=0), dirty_x, dirty_y, confounds=confounds)
    design = np.column_stack([np.ones(80), confounds])
    residuals = [
        table - design @ np.linalg.lstsq(design, table, rcond=None)[0]
        for table in (dirty_x, dirty_y)
    ]
    np.testing.assert_allclose(result.correlations, scipy_correlations(*residuals)[:2])
    expected = corrected_correlations(result.correlations, 77, 4, 3)
    np.testing.assert_array_equal(result.low, expected.low)
    model = LinearCCA(2, reg=0).fit(*residuals)
    np.testing.assert_allclose(result.x_loadings, model.x_loadings_, atol=1e-8)
    # Regressions that are not repeated in the resamples seem more certain than they are.
    many = np.hstack([confounds, rng.normal(size=(80, 17))])
    partial = intervals(LinearCCA(1, reg=0), X, y, confounds=many)
    once = [
        Residualizer(slice(view.shape[1], None)).fit_transform(np.hstack([view, many]))
        for view in (X, y)
    ]
    naive = intervals(LinearCCA(1, reg=0), *once)
    widths = [np.mean(r.x_loadings_high - r.x_loadings_low) for r in (partial, naive)]
    assert widths[0] > widths[1]
    again = intervals(LinearCCA(2, reg=0), X, y, confounds=confounds)
    assert result.detected.tolist() == again.detected.tolist() == [True, False]


@pytest.mark.parametrize(("reg", "n_groups"), [("auto", None), (0, 20)])
def test_confounds_of_held_out_correlations_are_those_of_the_summary(reg, n_groups):
    X, y = shared_views(n=60, p=4, q=3)
    confounds = np.random.default_rng(0).normal(size=(60, 2))
    groups = None if n_groups is None else np.arange(60) % n_groups
    arguments = {"confounds": confounds, "groups": groups}
    result = intervals(LinearCCA(2, reg=reg), X, y, **arguments)
    assert set(result) == {"correlations"} | HELD_OUT | LOADINGS | NAMES
    summary = canonical_summary(LinearCCA(2, reg=reg), X, y, **arguments)
    np.testing.assert_array_equal(result.held_out, summary.held_out)
    np.testing.assert_allclose(result.correlations, summary.variate_correlations)
    np.testing.assert_allclose(result.x_loadings, summary.x.loadings, atol=1e-8)
    np.testing.assert_allclose(result.y_cross_loadings, summary.y.cross_loadings, atol=1e-8)
    # Rows of a group stay together in folds and in resamples.
    plain = intervals(LinearCCA(2, reg=reg), X, y, confounds=confounds)
    assert (plain.x_loadings_low == result.x_loadings_low).all() == (groups is None)


def test_confounds_of_other_models_are_refused():
    X, y = shared_views(n=40)
    confounds = np.arange(40.0)
    with pytest.raises(ValueError, match="`confounds` need a LinearCCA, or a Pipeline that ends"):
        intervals(KernelCCA(1), X, y, confounds=confounds)
    with pytest.raises(ValueError, match="must not contain a Residualizer"):
        intervals(make_pipeline(Residualizer([0]), LinearCCA()), X, y, confounds=confounds)


@pytest.mark.parametrize("reg", [0, 0.1])
def test_a_residualizer_in_the_pipeline_has_held_out_correlations(reg):
    X, y = shared_views(n=40)
    model = LinearCCA(1, reg=reg, y_transformer=Residualizer([0]))
    result = intervals(make_pipeline(Residualizer([0]), model), X, y)
    assert set(result) == {"correlations"} | HELD_OUT


def test_groups_lead_to_held_out_correlations_of_whole_groups():
    X, y = shared_views(n=20)
    groups = np.repeat(np.arange(20), 4)
    X, y = X[groups], y[groups]
    model = LinearCCA(1, reg=0)
    whole = intervals(model, X, y, groups=groups)
    assert set(whole) == {"correlations"} | HELD_OUT | LOADINGS | NAMES
    np.testing.assert_allclose(
        whole.held_out, held_out_correlations(model, X, y, groups=groups), atol=1e-12
    )
    # Copies of rows carry no information, which resamples of rows do not know.
    of_rows = intervals(model, X, y)
    width = [np.mean(r.x_loadings_high - r.x_loadings_low) for r in (whole, of_rows)]
    assert width[0] > 1.5 * width[1]


@pytest.mark.parametrize(("n", "p"), [(20, 3), (20, 40), (30, 1)])
def test_small_and_wide_tables_give_numbers(n, p):
    X, y = shared_views(n=n, p=p, q=1 if p == 1 else 3)
    X = np.column_stack([X * 1e4, np.ones(n)])
    assert_finite(intervals(LinearCCA(), X, y))
    if p < n:
        assert_finite(intervals(LinearCCA(reg=0), X, y[:, 0]))
        return
    with pytest.warns(PerfectCorrelationWarning):
        result = intervals(LinearCCA(2, reg=0), X, y)
    assert_finite(result)
    assert (result.detected.any(), result.threshold) == (False, 1)


def test_sparse_views():
    X, y = sparse_views(n=40, p=60)
    sparse = intervals(LinearCCA(2), X, y)
    dense = intervals(LinearCCA(2), X.toarray(), y)
    for name in LOADINGS:
        np.testing.assert_allclose(sparse[name], dense[name], atol=1e-7)


def test_more_components_than_the_rank():
    X, y = shared_views(n=40, p=4, q=3)
    y[:, 2] = y[:, 0] - y[:, 1]
    with pytest.warns(RankWarning):
        result = intervals(LinearCCA(3, reg=0), X, y)
    assert result.x_loadings.shape == (4, 2)
    assert len(result.corrected) == 2


def test_confounds_that_leave_few_rows():
    X, y = correlated_views(n=12, p=4, q=3)
    confounds = np.random.default_rng(0).normal(size=(12, 6))
    expected = "n_samples - n_confounds - 1 = 5, so 2 canonical correlations are 1.*or confounds"
    for function in (intervals, canonical_summary):
        with pytest.warns(PerfectCorrelationWarning, match=expected) as caught:
            result = function(LinearCCA(1, reg=0), X, y, confounds=confounds)
        assert len(caught) == 1
    result = quiet(LinearCCA(1, reg=0), X, y, confounds=confounds)
    assert_finite(result)
    assert not result.detected[0]


def quiet(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectCorrelationWarning)
        return intervals(*args, **kwargs)


@pytest.mark.parametrize("model", [LinearCCA(1, reg=0), KernelCCA(1, kernel="linear", reg=0)])
def test_a_perfect_correlation_is_warned_of_once(model):
    X, y = correlated_views(n=20, p=15, q=5)
    groups = np.arange(20) // 2  # with held-out correlations
    with pytest.warns(PerfectCorrelationWarning, match="so 1 canonical correlation is 1") as caught:
        intervals(model, X, y, groups=groups)
    assert len(caught) == 1
    # In folds of 24 rows, 17 + 5 columns have perfect correlations, but not in all rows.
    X, y = correlated_views(n=24, p=17, q=5)
    assert_finite(intervals(model, X, y, groups=np.arange(24)))


@pytest.mark.parametrize("n", [6, 8, 14, 15])
def test_small_tables_have_fewer_folds(n):
    X, y = shared_views(n=n, p=2, q=2)
    result = intervals(LinearCCA(1), X, y)
    assert result.held_out.shape == (min(5, n // 3), 1)
    assert_finite(result)


def test_tables_without_folds():
    X, y = shared_views(n=5, p=2, q=2)
    with pytest.raises(ValueError, match="need two folds of 3 or more rows, got 5 rows"):
        intervals(LinearCCA(1), X, y)
    assert_finite(intervals(LinearCCA(1, reg=0), X, y))
    X, y = shared_views(n=12, p=2, q=2)
    with pytest.raises(ValueError, match=r"got 12 rows in 1 group\(s\). Pass more groups"):
        intervals(LinearCCA(1), X, y, groups=np.zeros(12))
    with pytest.raises(ValueError, match=r"got 2 in fold 0. Set cv=4"):
        intervals(LinearCCA(1), X, y, cv=6)


def test_a_search_over_the_number_of_components_is_warned_of():
    X, y = shared_views(n=40)
    search = GridSearchCV(LinearCCA(), {"n_components": [1, 2]}, cv=2)
    with pytest.warns(ComponentSearchWarning, match="chooses n_components by its score"):
        intervals(search, X, y, cv=2)


def test_the_estimator_is_not_changed_and_seeds_are_reproducible():
    X, y = shared_views(n=40)
    model = LinearCCA(1, reg=0)
    first, second = intervals(model, X, y), intervals(clone(model).fit(X, y), X, y)
    assert not hasattr(model, "x_weights_")
    np.testing.assert_array_equal(first.x_loadings_low, second.x_loadings_low)
    third = intervals(model, X, y, random_state=1)
    assert (first.x_loadings_low != third.x_loadings_low).any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": 1}, "`level` must be a finite number in"),
        ({"n_resamples": 1}, "`n_resamples` must be an integer >= 2, got 1"),
        ({"cv": 1}, "`cv` must be an integer >= 2, got 1"),
        ({"cv": [(range(30), range(30, 40))]}, "`cv` must have two or more splits, got 1"),
        ({"groups": [1]}, "`groups` must have one label for each of 40 rows"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    X, y = shared_views(n=40)
    with pytest.raises(ValueError, match=message):
        intervals(LinearCCA(1), X, y, **wrong)
