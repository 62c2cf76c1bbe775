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
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier, is_regressor
from sklearn.cross_decomposition import PLSSVD
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdcca
from skdcca import CrossModalIndex, DeepCCA, Doc2VecLyrics, KernelCCA, LinearCCA, LyricsForm
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


class Untrained(Doc2VecLyrics):
    """Vectors of lyrics that must not be trained."""

    def fit(self, X, y=None):
        raise AssertionError("the text model was trained")


@pytest.mark.parametrize("make_model", [LinearPLS, LinearCCA])
def test_the_least_limit_of_the_components_is_named_at_once(make_model, views):
    X, y = views
    with pytest.raises(
        ValueError, match=r"must be <= 3 .the number of features of y., got 50\. Use a"
    ):
        make_model(50).fit(X, y)
    with pytest.raises(ValueError, match=r"must be <= 2 .the number of samples - 1., got 50"):
        make_model(50).fit(X[:3], y[:3])
    lyrics = FeatureUnion([("words", Untrained(3)), ("form", LyricsForm())])
    wide = np.hstack([X] * 6)
    with pytest.raises(ValueError, match=r"must be <= 24 .the number of features of y., got 50"):
        make_model(50, y_transformer=lyrics).fit(wide, ["one fine day"] * 300)
    with pytest.raises(ValueError, match=r"must be <= 3 .the number of features of y., got 4"):
        make_model(4, y_transformer=Untrained(3)).fit(wide, ["one fine day"] * 300)


def test_a_lower_limit_that_is_not_known_yet_is_mentioned(views):
    X, y = views
    lower = "returns may set a lower limit"
    with pytest.raises(ValueError, match=rf"must be <= 5 .*, got 50\..*{lower}"):
        LinearCCA(50, y_transformer=StandardScaler()).fit(X, y)
    with pytest.raises(ValueError, match="must be <= 299 ") as error:
        KernelCCA(500, y_transformer=StandardScaler()).fit(X, y)
    assert lower not in str(error.value)  # the columns of y set no limit here


def test_rows_limit_the_components_of_networks_unless_the_projection_is_raw(views):
    X, y = views
    model = DeepCCA(50, loss="infonce", validation_fraction=0, max_epochs=1)
    assert model.fit(X[:30], y[:30]).transform(X).shape == (300, 50)
    assert model.predict(X).shape == y.shape
    model.set_params(projection="whitened")
    with pytest.raises(ValueError, match=r"must be <= 29 .the number of training .*, got 50\. Use"):
        model.fit(X[:30], y[:30])


def test_a_search_leaves_out_more_components_than_there_are_columns():
    rng = np.random.default_rng(0)
    lyrics = [" ".join(rng.choice(["sun", "rain", "sea", "day"], size=8)) for _ in range(60)]
    search = GridSearchCV(LinearCCA(y_transformer=LyricsForm()), {"n_components": [1, 2, 30]}, cv=2)
    with (
        pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 6"),
        pytest.warns(UserWarning, match="One or more of the test scores are non-finite"),
    ):
        search.fit(rng.normal(size=(60, 40)), lyrics)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, False, True]
    assert search.best_estimator_.n_components_ <= 2


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
    assert LinearCCA(reg=0).fit(csr_array(X), y).n_components_ == 3


@pytest.mark.parametrize("view", ["X", "y"])
def test_text_is_named_with_the_remedy(views, view):
    X, y = views
    text = np.array([["one"], ["fine"], ["day"]] * 100)
    given = {"X": X, "y": y} | {view: text}
    with pytest.raises(ValueError, match=f"{view} contains text.* numbers.* such as"):
        LinearCCA(reg=0).fit(**given)
    objects = text.astype(object)
    with pytest.raises(ValueError, match=f"{view} contains text"):
        LinearCCA(reg=0).fit(**given | {view: objects})


def test_other_faults_of_a_view_are_not_called_text(views):
    y = views[1]
    ragged = [[1.0], [1.0, 2.0]] * 150
    with pytest.raises(ValueError, match="inhomogeneous") as error:
        LinearCCA(reg=0).fit(ragged, y)
    assert "contains text" not in str(error.value)


# Tables, text and the transformer of y

X, Y = shared_views(n=20)


def test_pandas_in_and_out():
    X, y = shared_views()
    X = pd.DataFrame(X, columns=list("abcdef"), index=np.arange(300) + 1000)
    y = pd.DataFrame(y, columns=list("wxyz"), index=X.index)
    cca = LinearCCA(2, reg=0).set_output(transform="pandas").fit(X, y)
    zx, zy = cca.transform(X, y)
    assert list(zx.columns) == list(zy.columns) == ["linearcca0", "linearcca1"]
    assert zx.index.equals(X.index)
    assert zy.index.equals(X.index)
    pd.testing.assert_frame_equal(cca.transform_y(y), zy)
    assert list(cca.feature_names_in_) == list("abcdef")
    assert cca.score(X, y) == pytest.approx(cca.canonical_correlations_.sum())


def test_fit_transform_gives_one_array():
    X, y = shared_views()
    np.testing.assert_allclose(
        LinearCCA(reg=0).fit_transform(X, y), LinearCCA(reg=0).fit(X, y).transform(X)
    )


def test_y_transformer_turns_raw_text_into_the_second_view():
    texts = [f"{'sun ' * i}{'rain ' * (9 - i)}" for i in range(10)] * 3
    X = np.array([[float(t.count("sun")), i % 2] for i, t in enumerate(texts)])
    dense = FunctionTransformer(lambda counts: counts.toarray())
    cca = LinearCCA(1, y_transformer=make_pipeline(CountVectorizer(), dense), reg=0).fit(X, texts)
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
        LinearCCA(30, y_transformer=text, reg=0).fit(X, ["text"] * 20)
    assert not trained


def test_setting_y_transformer_after_fit_changes_nothing():
    fitted = LinearCCA(y_transformer=StandardScaler(), reg=0).fit(X, Y)
    expected = fitted.transform_y(Y)
    np.testing.assert_array_equal(fitted.set_params(y_transformer=None).transform_y(Y), expected)
    fitted.fit(X, Y).set_params(y_transformer=StandardScaler())
    assert fitted.y_transformer_ is None
    assert fitted.transform_y(Y).shape == (20, 4)


def test_a_transformer_that_loses_rows_is_refused():
    losing = FunctionTransformer(lambda y: y[:-5])
    with pytest.raises(ValueError, match="FunctionTransformer returned 15 rows for 20 samples"):
        LinearCCA(y_transformer=losing, reg=0).fit(X, Y)


def test_columns_of_y_in_another_order_are_refused():
    table = pd.DataFrame(Y, columns=list("abcd"))
    fitted = LinearCCA(reg=0).fit(X, table)
    with pytest.raises(ValueError, match=r"y has the columns \['d', 'c', 'b', 'a'\]"):
        fitted.score(X, table[list("dcba")])
    np.testing.assert_array_equal(fitted.transform_y(Y), fitted.transform_y(table))


def test_other_shapes_at_transform_are_named():
    fitted = LinearCCA(reg=0).fit(X, Y)
    with pytest.raises(ValueError, match="X has 5 features"):
        fitted.transform(X[:, :5])
    with pytest.raises(ValueError, match="y has 3 features, but LinearCCA is expecting 4"):
        fitted.transform_y(Y[:, :3])
    with pytest.raises(ValueError, match="same number of samples, got 20 and 3"):
        fitted.transform(X, Y[:3])


def test_pickles_of_another_version_warn(monkeypatch):
    stored = pickle.dumps(LinearCCA(reg=0).fit(X, Y))
    again = pickle.loads(stored)
    assert "_skdcca_version" not in vars(again)
    monkeypatch.setattr("skdcca._utils.state.__version__", "99.0")
    with pytest.warns(VersionWarning, match=r"pickled with skdcca 0\..* is loaded with 99\.0"):
        pickle.loads(stored)


# Predictions


def test_every_model_is_a_regressor():
    for model in (LinearCCA(), KernelCCA(), DeepCCA(), LinearPLS()):
        assert is_regressor(model)
        assert not is_classifier(model)


class BothWays(LinearPLS):
    """An estimator with the optional methods that return the first view."""

    def _predict_x(self, y):
        return np.zeros((len(y), self.n_features_in_))

    def _restore_x(self, zx):
        return zx @ self.x_weights_.T + self.x_mean_

    def _restore_y(self, zy):
        return zy @ self.y_weights_.T + self.y_mean_


def test_the_way_back_exists_if_it_is_implemented():
    X, y = scaled_views()
    names = ["predict_x", "inverse_transform", "inverse_transform_y"]
    assert [hasattr(LinearPLS().fit(X, y), name) for name in names] == [False] * 3
    assert [hasattr(KernelCCA(), name) for name in names] == [True, False, False]
    model = BothWays().fit(X, y)
    zx, zy = model.transform(X, y)
    assert model.inverse_transform(zx).shape == X.shape
    assert_allclose(model.inverse_transform(zx, zy)[1], y)
    assert model.predict_x(y).shape == X.shape


def test_predict_x_of_kernels_is_predict_with_the_views_exchanged():
    X, y = scaled_views(n=60)
    for parameters in ({}, {"approximation": "nystroem", "n_landmarks": 20, "random_state": 0}):
        ours = KernelCCA(2, **parameters).fit(X, y)
        assert_allclose(ours.predict_x(y), KernelCCA(2, **parameters).fit(y, X).predict(y))
    linear = {"kernel": "linear", "reg": 1e-10}
    regression = LinearRegression().fit(y, X).predict(y)
    assert_allclose(KernelCCA(4, **linear).fit(X, y).predict_x(y), regression, rtol=1e-5)
    del ours._x_of_variates  # as in a file of an earlier version
    with pytest.raises(ValueError, match=r"`predict_x` needs .* Fit it again"):
        ours.predict_x(y)
    precomputed = KernelCCA(1, kernel="precomputed", y_kernel="linear").fit(X @ X.T, y)
    with pytest.raises(ValueError, match="`kernel` must not be 'precomputed' for `predict_x`"):
        precomputed.predict_x(y)


def test_predictions_have_the_shape_of_y_and_the_type_of_X():
    X, y = scaled_views()
    networks = {"fallback": None, "n_networks": 1, "max_epochs": 2, "random_state": 0}
    for model in (LinearCCA(1, reg=0), KernelCCA(1), DeepCCA(1, **networks)):
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
    model = make_pipeline(StandardScaler(), LinearCCA(y_transformer=Lengths(), reg=0))
    predicted = model.fit(X, texts).predict(X)
    assert np.corrcoef(predicted[:, 0], 2 * (1 + rank))[0, 1] > 0.95


def test_r2_of_predictions_equals_linear_regression():
    X, y = scaled_views()
    expected = cross_val_score(LinearRegression(), X, y, scoring="r2")
    assert_allclose(cross_val_score(LinearCCA(reg=0), X, y, scoring="r2"), expected, rtol=1e-7)
