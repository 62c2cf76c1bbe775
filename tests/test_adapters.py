"""ViewsList against the estimators that it wraps."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skdcca
from skdcca import Doc2VecLyrics, KernelCCA, LinearCCA
from skdcca.adapters import ViewsList

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 5))
y = X[:, :3] + 0.5 * rng.normal(size=(120, 3))
ESTIMATORS = [
    LinearCCA(2, reg=0.1),
    KernelCCA(2, reg=0.1),
    make_pipeline(StandardScaler(), LinearCCA(2, reg=0)),
    GridSearchCV(LinearCCA(2, reg=0), {"reg": [0.1, 1.0]}, cv=2),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_variates_equal_those_of_the_estimator(estimator):
    model = ViewsList(estimator).fit([X[:80], y[:80]])
    itself = clone(estimator).fit(X[:80], y[:80])
    zx, zy = model.transform([X[80:], y[80:]])
    np.testing.assert_array_equal(zx, itself.transform(X[80:]))
    last = getattr(itself, "best_estimator_", itself)
    last = last[-1] if hasattr(last, "named_steps") else last
    np.testing.assert_array_equal(zy, last.transform_y(y[80:]))
    assert type(model.transform([X, y])) is list
    assert not hasattr(estimator, "n_features_in_")  # it was cloned


def test_fit_transform_is_fit_and_transform():
    views = [X, y]
    once = ViewsList(LinearCCA(2, reg=0)).fit_transform(views)
    for a, b in zip(once, ViewsList(LinearCCA(2, reg=0)).fit(views).transform(views), strict=True):
        np.testing.assert_array_equal(a, b)


def test_score_is_the_mean_of_the_correlations():
    model = ViewsList(LinearCCA(3, reg=0)).fit([X[:80], y[:80]])
    held_out = [X[80:], y[80:]]
    pairs = zip(*(z.T for z in model.transform(held_out)), strict=True)
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in pairs]
    assert model.score(held_out) == pytest.approx(np.mean(correlations))
    assert model.score(held_out) == pytest.approx(model.estimator_.score(X[80:], y[80:]) / 3)


def test_fit_params_reach_the_estimator():
    weight = np.repeat([1.0, 2.0], 60)
    model = ViewsList(LinearCCA(2, reg=0)).fit([X, y], sample_weight=weight)
    rows = np.repeat(np.arange(120), weight.astype(int))
    repeated = LinearCCA(2, reg=0).fit(X[rows], y[rows])
    np.testing.assert_allclose(
        model.estimator_.canonical_correlations_, repeated.canonical_correlations_
    )


def test_lyrics_are_a_view():
    lyrics = [f"{word} my boat, {word} the stream" for word in ("row", "sail", "steer")] * 10
    cca = LinearCCA(1, reg=1.0, y_transformer=Doc2VecLyrics(4, min_count=1, random_state=0))
    zx, zy = ViewsList(cca).fit_transform([X[:30], lyrics])
    assert zx.shape == zy.shape == (30, 1)


def test_parameters_clone_and_files(tmp_path):
    model = ViewsList(LinearCCA(2, reg=0))
    assert model.get_params()["estimator__n_components"] == 2
    again = clone(model).set_params(estimator__reg=0.5)
    assert (again.estimator.reg, model.estimator.reg) == (0.5, 0.0)
    model.fit([X, y])
    skdcca.save(model.estimator_, tmp_path / "estimator.skdcca")
    loaded = skdcca.load(tmp_path / "estimator.skdcca")
    np.testing.assert_array_equal(loaded.transform_y(y), model.transform([X, y])[1])
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform([X, y])[1], model.transform([X, y])[1])


def test_a_step_of_a_pipeline_of_lists():
    def halved(views):
        return [view / 2 for view in views]

    model = make_pipeline(FunctionTransformer(halved), ViewsList(LinearCCA(2, reg=0)))
    zx, _ = model.fit_transform([X, y])
    np.testing.assert_allclose(zx, LinearCCA(2, reg=0).fit(X, y).transform(X))
    assert model.score([X, y]) > 0.8


@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform", "score"])
@pytest.mark.parametrize(
    ("views", "message"),
    [
        ([X, y, y], "`views` must have exactly two views, .X, y., got 3"),
        ([X], "`views` must have exactly two views, .X, y., got 1"),
        (np.stack([X[:2], X[:2]]), "`views` must be a list .X, y., got ndarray"),
    ],
)
def test_other_numbers_of_views_are_refused(method, views, message):
    model = ViewsList(LinearCCA(2, reg=0)).fit([X, y])
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(views)


def test_unfitted_is_refused():
    with pytest.raises(NotFittedError):
        ViewsList(LinearCCA(reg=0)).transform([X, y])
