"""Weights of samples through pipelines and searches, by metadata routing, as for Ridge."""

from itertools import product

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca.adapters import ViewsList
from skdcca.encoders import MLP
from skdcca.metrics import mrr_scorer, retrieval_scorer

MODELS = [LinearCCA(1, reg=0.1)]
MODELS += [model for model in [KernelCCA(1)] if has_fit_parameter(model, "sample_weight")]
REQUESTS = [None, False, True, "importance"]
FOLDS = KFold(2)


@pytest.fixture(autouse=True)
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def views(n=40):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, X[:, :2] + 0.5 * rng.normal(size=(n, 2)), rng.integers(1, 4, n).astype(float)


def request(estimator, fit=None, score=None, transform=None):
    """Return a copy of an estimator that requests its weights."""
    estimator = clone(estimator)
    if fit is not None:
        estimator.set_fit_request(sample_weight=fit)
    if score is not None:
        estimator.set_score_request(sample_weight=score)
    return estimator


def fit_pipeline(model, X, y, **weights):
    return make_pipeline(StandardScaler(), model).fit(X, y, **weights)


def fit_weighted_pipeline(model, X, y, **weights):
    return make_pipeline(request(StandardScaler(), True), model).fit(X, y, **weights)


def fit_pipeline_that_scales_without(model, X, y, **weights):
    return make_pipeline(request(StandardScaler(), False), model).fit(X, y, **weights)


def score_pipeline(model, X, y, **weights):
    return make_pipeline(request(StandardScaler(), False), model).fit(X, y).score(X, y, **weights)


def fit_grid(model, X, y, **weights):
    name = "reg" if hasattr(model, "reg") else "alpha"
    return GridSearchCV(model, {name: [1.0]}, cv=FOLDS).fit(X, y, **weights)


def score_grid(model, X, y, **weights):
    return fit_grid(model, X, y).score(X, y, **weights)


def fit_random(model, X, y, **weights):
    name = "reg" if hasattr(model, "reg") else "alpha"
    search = RandomizedSearchCV(model, {name: [1.0, 2.0]}, n_iter=1, cv=FOLDS, random_state=0)
    return search.fit(X, y, **weights)


def fit_grid_of_pipelines(model, X, y, **weights):
    pipeline = make_pipeline(request(StandardScaler(), True), model)
    return GridSearchCV(pipeline, {"standardscaler__with_std": [True]}, cv=FOLDS).fit(
        X, y, **weights
    )


def validate(model, X, y, **weights):
    return cross_validate(model, X, y, cv=FOLDS, params=weights)


def validate_pipeline(model, X, y, **weights):
    pipeline = make_pipeline(request(StandardScaler(), False), model)
    return cross_validate(pipeline, X, y, cv=FOLDS, params=weights)


WAYS = [
    fit_pipeline,
    fit_weighted_pipeline,
    fit_pipeline_that_scales_without,
    score_pipeline,
    fit_grid,
    score_grid,
    fit_random,
    fit_grid_of_pipelines,
    validate,
    validate_pipeline,
]


def outcome(way, model, passed):
    """Return the class of the error, or None if it works."""
    X, y, weight = views()
    try:
        way(model, X, y, **dict.fromkeys(passed, weight))
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_request_ends_as_for_ridge(way, model):
    endings = set()
    for fit, score in product(REQUESTS, REQUESTS[:3]):
        for passed in [(), ("sample_weight",), ("sample_weight", "importance")]:
            expected = outcome(way, request(Ridge(), fit, score), passed)
            assert outcome(way, request(model, fit, score), passed) is expected, (
                fit,
                score,
                passed,
            )
            endings.add(expected)
    assert endings > {None}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_integer_weights_equal_repeated_rows_through_a_pipeline(model):
    X, y, weight = views()
    rows = np.repeat(np.arange(len(X)), weight.astype(int))
    model = request(model, True, True)
    pipeline = make_pipeline(request(StandardScaler(), True), model)
    weighted = clone(pipeline).fit(X, y, sample_weight=weight)
    repeated = clone(pipeline).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-10)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-10)
    assert weighted.score(X, y, sample_weight=weight) == pytest.approx(
        repeated.score(X[rows], y[rows])
    )


def test_searches_pass_weights_to_the_fits_and_the_scores():
    X, y, weight = views()
    model = request(LinearCCA(1, reg=0.1), True, True)
    search = GridSearchCV(model, {"reg": [0.1, 1.0]}, cv=FOLDS).fit(X, y, sample_weight=weight)
    expected = []
    for train, test in FOLDS.split(X):
        fold = LinearCCA(1, reg=1.0).fit(X[train], y[train], sample_weight=weight[train])
        expected.append(fold.score(X[test], y[test], sample_weight=weight[test]))
    found = [search.cv_results_[f"split{i}_test_score"][1] for i in range(2)]
    np.testing.assert_allclose(found, expected)
    best = LinearCCA(1, **search.best_params_).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(search.best_estimator_.x_weights_, best.x_weights_)


@pytest.mark.parametrize("scoring", [mrr_scorer, retrieval_scorer])
def test_retrieval_scorers_leave_weights_to_the_fit(scoring):
    """A rank belongs to one query, so the metrics have no weights."""
    X, y, weight = views()
    model = request(LinearCCA(1, reg=0.1), True)
    weighted = cross_validate(
        model, X, y, cv=FOLDS, scoring=scoring, params={"sample_weight": weight}
    )
    train, test = next(FOLDS.split(X))
    fold = LinearCCA(1, reg=0.1).fit(X[train], y[train], sample_weight=weight[train])
    expected = scoring(fold, X[test], y[test])
    expected = expected["mrr"] if scoring is retrieval_scorer else expected
    found = weighted["test_mrr" if scoring is retrieval_scorer else "test_score"]
    assert found[0] == expected


def test_groups_and_weights_together():
    X, y, weight = views()
    groups = np.arange(len(X)) // 10
    model = request(LinearCCA(1, reg=0.1), True, True)
    search = GridSearchCV(model, {"reg": [1.0]}, cv=sklearn.model_selection.GroupKFold(2))
    search.fit(X, y, sample_weight=weight, groups=groups)
    assert np.isfinite(search.best_score_)


def test_transformers_of_the_second_view_get_no_weights():
    X, y, weight = views()
    model = request(LinearCCA(1, reg=0.1, y_transformer=StandardScaler()), True)
    fitted = make_pipeline(model).fit(X, y, sample_weight=weight)[-1]
    np.testing.assert_allclose(fitted.y_transformer_.mean_, y.mean(axis=0))
    np.testing.assert_allclose(fitted.y_mean_ * fitted.y_transformer_.scale_ + y.mean(axis=0),
                               np.average(y, axis=0, weights=weight), atol=1e-12)  # fmt: skip


def test_a_model_before_another_step_gets_its_weights():
    X, y, weight = views()
    steps = request(LinearCCA(1, reg=0.1), True), request(Ridge(), True)
    pipeline = make_pipeline(*steps).fit(X, y, sample_weight=weight)
    first = LinearCCA(1, reg=0.1).fit(X, y, sample_weight=weight)
    expected = Ridge().fit(first.transform(X), y, sample_weight=weight)
    np.testing.assert_allclose(pipeline.predict(X), expected.predict(first.transform(X)))


def test_without_routing_weights_are_named_by_their_step():
    X, y, weight = views()
    expected = LinearCCA(1, reg=1.0).fit(StandardScaler().fit_transform(X), y, weight).x_weights_
    pipeline = make_pipeline(StandardScaler(), LinearCCA(1, reg=1.0))
    with sklearn.config_context(enable_metadata_routing=False):
        fitted = clone(pipeline).fit(X, y, linearcca__sample_weight=weight)
        search = GridSearchCV(pipeline, {"linearcca__reg": [1.0]}, cv=FOLDS)
        search.fit(X, y, linearcca__sample_weight=weight)
    for found in (fitted, search.best_estimator_):
        np.testing.assert_array_equal(found[-1].x_weights_, expected)


def test_a_list_of_views_with_weights():
    X, y, weight = views()
    pipeline = make_pipeline(request(StandardScaler(), True), request(LinearCCA(1, reg=0.1), True))
    ours = ViewsList(pipeline).fit([X, y], sample_weight=weight).transform([X, y])[0]
    np.testing.assert_array_equal(ours, pipeline.fit(X, y, sample_weight=weight).transform(X))


def test_deep_models_are_routed_too():
    X, y, weight = views()
    encoder = MLP((4,))
    deep = DeepCCA(
        1,
        fallback=None,
        n_networks=1,
        x_encoder=encoder,
        y_encoder=encoder,
        max_epochs=1,
        random_state=0,
    )
    pipeline = make_pipeline(request(StandardScaler(), False), request(deep, True, True))
    pipeline.fit(X, y, sample_weight=weight)
    alone = clone(deep).fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
    np.testing.assert_array_equal(pipeline[-1].linear_.x_weights_, alone.linear_.x_weights_)
    weighted = pipeline.score(X, y, sample_weight=weight)
    assert weighted == alone.score(StandardScaler().fit_transform(X), y, sample_weight=weight)
