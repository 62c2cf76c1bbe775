"""The base class: fit, transform and predict of all estimators, and of estimators that users write."""

import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _linear_pls import LinearPLS
from _views import scaled_views, shared_views
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cross_decomposition import PLSSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdcca
from skdcca import CrossModalIndex, DeepCCA, KernelCCA, LinearCCA
from skdcca.exceptions import VersionWarning
from skdcca.metrics import mrr_scorer

PAGE = Path(__file__).parents[1] / "docs/contributing/estimator.md"


@pytest.fixture
def views():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    return X, X[:, :3] + 0.1 * rng.normal(size=(300, 3))


@parametrize_with_checks([LinearPLS(), LinearPLS(1)])
def test_an_estimator_of_the_page_keeps_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


def test_the_page_shows_this_very_estimator():
    page = "".join(
        line[4:] + "\n"
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.match(r">>> class|\.\.\. ", line)
    )
    shown = "".join(page.partition("class LinearPLS")[1:])
    source = re.sub(r"\n\n", "\n", inspect.getsource(LinearPLS))
    assert shown.startswith(source)
    assert len(source.splitlines()) <= 30


def test_an_estimator_of_the_page_finds_what_scikit_learn_finds(views):
    X, y = views
    theirs = PLSSVD(2, scale=False).fit(X, y).transform(X)
    ours = LinearPLS(2).fit(X, y).transform(X)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-10)


def test_an_estimator_of_the_page_works_wherever_ours_do(views, tmp_path):
    X, y = views
    model = make_pipeline(StandardScaler(), LinearPLS())
    search = GridSearchCV(model, {"linearpls__n_components": [1, 2, 3]}, scoring=mrr_scorer)
    search.fit(X[:200], y[:200])
    assert search.best_params_ == {"linearpls__n_components": 3}
    index = CrossModalIndex(search).fit(X[200:], y[200:])
    _, ids = index.query(y=y[200:], n_neighbors=1)
    assert np.mean(ids[:, 0] == np.arange(100)) > 0.5
    trusted = [LinearPLS]
    skdcca.save(index, tmp_path / "songs.index", trusted=trusted)
    again = skdcca.load(tmp_path / "songs.index", trusted=trusted)
    np.testing.assert_array_equal(again.query(y=y[200:], n_neighbors=1)[1], ids)
    frame = LinearPLS(2).set_output(transform="pandas").fit_transform(X, y)
    assert list(frame.columns) == ["linearpls0", "linearpls1"]


def test_too_many_components_of_any_estimator_are_refused(views):
    X, y = views
    with pytest.raises(ValueError, match=r"`n_components` must be <= 3 .*, got 4"):
        LinearPLS(4).fit(X, y)


class Failing(LinearPLS):
    def _fit(self, X, y):
        super()._fit(X, y)
        if X[0, 0] == 0:
            raise RuntimeError("no luck")


def test_a_fit_that_fails_leaves_the_model_as_it_was(views):
    X, y = views
    model = Failing(2).fit(X, y)
    before = pickle.dumps(model)
    bad = X.copy()
    bad[0, 0] = 0
    with pytest.raises(RuntimeError, match="no luck"):
        model.fit(bad[:, :4], y[:, :2])
    assert pickle.dumps(model) == before
    unfitted = Failing(2)
    with pytest.raises(RuntimeError):
        unfitted.fit(bad, y)
    with pytest.raises(NotFittedError):
        unfitted.transform(X)


class AnyShape(LinearPLS):
    """Views of any number of axes, flattened."""

    def _fit(self, X, y):
        super()._fit(X.reshape(len(X), -1), y.reshape(len(y), -1))

    def _project_x(self, X):
        return super()._project_x(X.reshape(len(X), -1))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def test_tags_say_what_shapes_are_taken(views):
    X, y = views
    cube = X[:, :4].reshape(-1, 2, 2)
    assert AnyShape(2).fit(cube, y).transform(cube).shape == (300, 2)
    with pytest.raises(ValueError, match="dim 3, while dim <= 2"):
        LinearPLS(2).fit(cube, y)


@pytest.mark.parametrize("model", [LinearPLS(), KernelCCA()])
def test_tags_say_that_sparse_views_are_not_taken(model, views):
    from scipy.sparse import csr_array

    X, y = views
    with pytest.raises(TypeError, match=r"(?i)sparse"):
        model.fit(csr_array(X), y)
    assert LinearCCA().fit(csr_array(X), y).n_components_ == 3


@pytest.mark.parametrize("view", ["X", "y"])
def test_text_is_named_with_the_remedy(views, view):
    X, y = views
    text = np.array([["one"], ["fine"], ["day"]] * 100)
    given = {"X": X, "y": y} | {view: text}
    with pytest.raises(ValueError, match=f"{view} contains text.* numbers.* such as"):
        LinearCCA().fit(**given)
    objects = text.astype(object)
    with pytest.raises(ValueError, match=f"{view} contains text"):
        LinearCCA().fit(**given | {view: objects})


def test_other_faults_of_a_view_are_not_called_text(views):
    y = views[1]
    ragged = [[1.0], [1.0, 2.0]] * 150
    with pytest.raises(ValueError, match="inhomogeneous") as error:
        LinearCCA().fit(ragged, y)
    assert "contains text" not in str(error.value)


# Tables, text and the transformer of y

X, Y = shared_views(n=20)


def test_pandas_in_and_out():
    X, y = shared_views()
    X = pd.DataFrame(X, columns=list("abcdef"), index=np.arange(300) + 1000)
    y = pd.DataFrame(y, columns=list("wxyz"), index=X.index)
    cca = LinearCCA(2).set_output(transform="pandas").fit(X, y)
    zx, zy = cca.transform(X, y)
    assert list(zx.columns) == list(zy.columns) == ["linearcca0", "linearcca1"]
    assert zx.index.equals(X.index)
    assert zy.index.equals(X.index)
    pd.testing.assert_frame_equal(cca.transform_y(y), zy)
    assert list(cca.feature_names_in_) == list("abcdef")
    assert cca.score(X, y) == pytest.approx(cca.canonical_correlations_.sum())


def test_fit_transform_gives_one_array():
    X, y = shared_views()
    np.testing.assert_allclose(LinearCCA().fit_transform(X, y), LinearCCA().fit(X, y).transform(X))


def test_y_transformer_turns_raw_text_into_the_second_view():
    texts = [f"{'sun ' * i}{'rain ' * (9 - i)}" for i in range(10)] * 3
    X = np.array([[float(t.count("sun")), i % 2] for i, t in enumerate(texts)])
    dense = FunctionTransformer(lambda counts: counts.toarray())
    cca = LinearCCA(1, y_transformer=make_pipeline(CountVectorizer(), dense)).fit(X, texts)
    assert cca.canonical_correlations_[0] == pytest.approx(1.0)
    assert cca.n_features_y_ == 2
    zx, zy = cca.transform(X, texts)
    np.testing.assert_allclose(zx, zy, atol=1e-8)
    np.testing.assert_array_equal(cca.transform_y(texts[:1]), zy[:1])
    assert not hasattr(cca.y_transformer[0], "vocabulary_"), "the parameter itself was fitted"


def test_wrong_n_components_is_found_before_the_text_model_is_trained():
    trained = []
    text = FunctionTransformer(lambda texts: trained.append(1) or Y)
    with pytest.raises(ValueError, match=r"`n_components` must be <= 6 .*, got 30"):
        LinearCCA(30, y_transformer=text).fit(X, ["text"] * 20)
    assert not trained


def test_setting_y_transformer_after_fit_changes_nothing():
    fitted = LinearCCA(y_transformer=StandardScaler()).fit(X, Y)
    expected = fitted.transform_y(Y)
    np.testing.assert_array_equal(fitted.set_params(y_transformer=None).transform_y(Y), expected)
    fitted.fit(X, Y).set_params(y_transformer=StandardScaler())
    assert fitted.y_transformer_ is None
    assert fitted.transform_y(Y).shape == (20, 4)


def test_a_transformer_that_loses_rows_is_refused():
    losing = FunctionTransformer(lambda y: y[:-5])
    with pytest.raises(ValueError, match="FunctionTransformer returned 15 rows for 20 samples"):
        LinearCCA(y_transformer=losing).fit(X, Y)


def test_columns_of_y_in_another_order_are_refused():
    table = pd.DataFrame(Y, columns=list("abcd"))
    fitted = LinearCCA().fit(X, table)
    with pytest.raises(ValueError, match=r"y has the columns \['d', 'c', 'b', 'a'\]"):
        fitted.score(X, table[list("dcba")])
    np.testing.assert_array_equal(fitted.transform_y(Y), fitted.transform_y(table))


def test_other_shapes_at_transform_are_named():
    fitted = LinearCCA().fit(X, Y)
    with pytest.raises(ValueError, match="X has 5 features"):
        fitted.transform(X[:, :5])
    with pytest.raises(ValueError, match="y has 3 features, but LinearCCA is expecting 4"):
        fitted.transform_y(Y[:, :3])
    with pytest.raises(ValueError, match="same number of samples, got 20 and 3"):
        fitted.transform(X, Y[:3])


def test_pickles_of_another_version_warn(monkeypatch):
    stored = pickle.dumps(LinearCCA().fit(X, Y))
    again = pickle.loads(stored)
    assert "_skdcca_version" not in vars(again)
    monkeypatch.setattr("skdcca.base.__version__", "99.0")
    with pytest.warns(VersionWarning, match=r"pickled with skdcca 0\..* is loaded with 99\.0"):
        pickle.loads(stored)


# Predictions


def test_predictions_have_the_shape_of_y_and_the_type_of_X():
    X, y = scaled_views()
    for model in (LinearCCA(1), KernelCCA(1), DeepCCA(1, max_epochs=2, random_state=0)):
        predicted = model.fit(X, y[:, 0].astype(np.float32)).predict(X)
        assert predicted.shape == (200,)
        assert predicted.dtype == np.float32
        assert model.fit(X, y).predict(X).shape == y.shape
        assert model.predict(X).dtype == np.float64


class Lengths(TransformerMixin, BaseEstimator):
    """Two counts of each text."""

    def fit(self, texts, y=None):
        return self

    def transform(self, texts):
        return np.array([[len(text), text.count("a")] for text in texts], dtype=float)


def test_predictions_of_text_are_those_of_its_transformed_rows():
    X, _ = scaled_views()
    rank = np.argsort(np.argsort(X[:, 0]))
    texts = ["ba" * (1 + r) for r in rank]
    model = make_pipeline(StandardScaler(), LinearCCA(y_transformer=Lengths()))
    predicted = model.fit(X, texts).predict(X)
    assert np.corrcoef(predicted[:, 0], 2 * (1 + rank))[0, 1] > 0.95


def test_r2_of_predictions_equals_linear_regression():
    X, y = scaled_views()
    expected = cross_val_score(LinearRegression(), X, y, scoring="r2")
    assert_allclose(cross_val_score(LinearCCA(), X, y, scoring="r2"), expected, rtol=1e-7)
