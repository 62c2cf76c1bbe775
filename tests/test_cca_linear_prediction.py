"""LinearCCA as a regressor and its way back, against scikit-learn's regressions."""

import numpy as np
import pandas as pd
import pytest
from _views import scaled_views, sparse_views
from numpy.testing import assert_allclose
from sklearn.base import is_classifier, is_regressor
from sklearn.cross_decomposition import CCA
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdcca
from skdcca import LinearCCA

X, Y = scaled_views()
MODELS = [
    LinearCCA(reg=0),
    LinearCCA(2, reg=0),
    LinearCCA(2, reg=(0.5, 2)),
    LinearCCA(3, reg=0.5, scale=False),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=str)


# Coefficients


@each_model
def test_coefficients_give_the_predictions(model):
    model.fit(X, Y)
    assert (model.coef_.shape, model.intercept_.shape) == ((4, 7), (4,))
    assert_allclose(X @ model.coef_.T + model.intercept_, model.predict(X), atol=1e-10)


def test_coefficients_with_all_components_are_those_of_a_regression():
    plain = LinearRegression().fit(X, Y)
    ours = LinearCCA(reg=0).fit(X, Y)
    assert_allclose(ours.coef_, plain.coef_, rtol=1e-8)
    assert_allclose(ours.intercept_, plain.intercept_, rtol=1e-8)
    # The ridge of standardized columns counts each of the n - 1 degrees of freedom.
    scaled = StandardScaler().fit_transform(X) * np.sqrt((len(X) - 1) / len(X))
    ridge = Ridge(0.5 * (len(X) - 1)).fit(scaled, Y)
    assert_allclose(LinearCCA(reg=(0.5, 0)).fit(scaled, Y).coef_, ridge.coef_, rtol=1e-8)


def test_coefficients_of_one_dimensional_y_are_one_dimensional():
    plain, ours = LinearRegression().fit(X, Y[:, 0]), LinearCCA(reg=0).fit(X, Y[:, 0])
    assert ours.coef_.shape == plain.coef_.shape
    assert type(ours.intercept_) is float
    assert_allclose(ours.coef_, plain.coef_, rtol=1e-8)
    assert ours.intercept_ == pytest.approx(plain.intercept_)
    assert LinearCCA(reg=0).fit(X, Y[:, :1]).coef_.shape == (1, 7)


def test_coefficients_exist_after_fit_only():
    unfitted = LinearCCA(reg=0)
    for name in ("coef_", "intercept_", "y_feature_names_in_"):
        assert not hasattr(unfitted, name)


def test_coefficients_select_features():
    X = np.random.default_rng(0).normal(size=(100, 5))
    chosen = SelectFromModel(LinearCCA(reg=0), max_features=2, threshold=-np.inf).fit(
        X, X[:, [1, 3]]
    )
    assert chosen.get_support().tolist() == [False, True, False, True, False]


# Regressor


def test_regressors_of_scikit_learn_take_it():
    y = Y[:, 0]
    model = LinearCCA(reg=0)
    assert is_regressor(model)
    assert not is_classifier(model)
    voting = VotingRegressor([("cca", model), ("ols", LinearRegression())]).fit(X, y)
    assert_allclose(voting.predict(X), LinearRegression().fit(X, y).predict(X), rtol=1e-8)
    stacking = StackingRegressor(
        [("cca", model), ("scaled", make_pipeline(StandardScaler(), model))], cv=2
    )
    assert stacking.fit(X, y).score(X, y) > 0.5


# The way back


@each_model
def test_inverse_transform_is_the_regression_of_a_view_on_its_variates(model):
    zx, zy = model.fit(X, Y).transform(X, Y)
    x_back, y_back = model.inverse_transform(zx, zy)
    assert_allclose(x_back, LinearRegression().fit(zx, X).predict(zx), atol=1e-9)
    assert_allclose(y_back, LinearRegression().fit(zy, Y).predict(zy), atol=1e-9)
    assert_allclose(model.inverse_transform(zx[:3]), x_back[:3])
    assert_allclose(model.inverse_transform_y(zy), y_back)


def test_as_many_components_as_the_rank_restore_a_view():
    model = LinearCCA(reg=0).fit(X, Y)
    assert_allclose(model.inverse_transform_y(model.transform_y(Y)), Y, rtol=1e-9)
    other = LinearCCA(reg=0).fit(Y, X)
    assert_allclose(other.inverse_transform(other.transform(Y)), Y, rtol=1e-9)


def test_inverse_transform_agrees_with_scikit_learn():
    theirs = CCA(4, tol=1e-12, max_iter=10_000).fit(X, Y)
    zx, zy = theirs.transform(X, Y)
    x_expected, y_expected = theirs.inverse_transform(zx, zy)
    ours = LinearCCA(4, reg=0).fit(X, Y)
    x_back, y_back = ours.inverse_transform(*ours.transform(X, Y))
    assert_allclose(y_back, y_expected, atol=1e-6)
    # Their loadings of X are those of NIPALS; both restore the same part of the mean.
    assert_allclose(x_back.mean(axis=0), x_expected.mean(axis=0), rtol=1e-9)


def test_constant_columns_and_missing_rank_are_restored():
    views = np.column_stack([X[:, 0], X[:, 1], X[:, 0] + X[:, 1], np.full(len(X), 7.0)])
    with pytest.warns(skdcca.exceptions.RankWarning):
        model = LinearCCA(3, reg=0).fit(views, Y)
    assert_allclose(model.inverse_transform(model.transform(views)), views, rtol=1e-8)


@pytest.mark.parametrize("parameters", [{"reg": 0}, {"n_components": 2, "reg": 0}, {"reg": 0.5}])
def test_predict_x_is_predict_with_the_views_exchanged(parameters):
    ours = LinearCCA(**parameters).fit(X, Y)
    exchanged = LinearCCA(**parameters).fit(Y, X)
    assert_allclose(ours.predict_x(Y), exchanged.predict(Y), rtol=1e-8)
    # A model of an earlier version lacks the coefficients.
    del ours._x_of_variates
    assert_allclose(ours.predict_x(Y), exchanged.predict(Y), rtol=1e-8)


def test_predict_x_of_all_components_is_a_regression():
    assert_allclose(
        LinearCCA(reg=0).fit(X, Y).predict_x(Y), LinearRegression().fit(Y, X).predict(Y), rtol=1e-8
    )


def test_shapes_and_types_of_the_way_back():
    y = Y[:, 0]
    model = LinearCCA(reg=0).fit(X, y)
    zx, zy = model.transform(X.astype(np.float32), y.astype(np.float32))
    assert [view.dtype for view in model.inverse_transform(zx, zy)] == [np.float32] * 2
    assert model.inverse_transform_y(zy).shape == y.shape
    assert_allclose(model.inverse_transform_y(model.transform_y(y)), y, rtol=1e-9)
    assert model.predict_x(y.astype(np.float32)).dtype == np.float32
    sparse, dense = sparse_views(n=60, p=10)
    restored = LinearCCA(5, reg=0).fit(sparse, dense)
    same = LinearCCA(5, reg=0).fit(sparse.toarray(), dense)
    zx = restored.transform(sparse)
    assert_allclose(restored.inverse_transform(zx), same.inverse_transform(zx), atol=1e-9)


def test_variates_of_another_number_of_components_are_refused():
    model = LinearCCA(2, reg=0).fit(X, Y)
    with pytest.raises(ValueError, match="`zx` must have 2 columns, one for each component, got 3"):
        model.inverse_transform(np.ones((5, 3)))
    with pytest.raises(ValueError, match="`zy` must have 2 columns"):
        model.inverse_transform_y(np.ones((5, 1)))
    with pytest.raises(
        ValueError, match="zx and zy must have the same number of samples, got 5 and 4"
    ):
        model.inverse_transform(np.ones((5, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="zx contains NaN"):
        model.inverse_transform([[np.nan, 1.0]])


# Tables


@pytest.fixture
def frames():
    index = pd.Index([f"song{i}" for i in range(len(X))])
    x_frame = pd.DataFrame(X, columns=list("abcdefg"), index=index)
    return x_frame, pd.DataFrame(Y, columns=list("uvwz"), index=index)


def test_views_are_tables_under_set_output(frames):
    x_frame, y_frame = frames
    model = LinearCCA(2, reg=0).set_output(transform="pandas").fit(x_frame, y_frame)
    assert model.y_feature_names_in_.tolist() == list("uvwz")
    arrays = LinearCCA(2, reg=0).fit(X, Y)
    zx, zy = model.transform(x_frame, y_frame)
    x_back, y_back = model.inverse_transform(zx, zy)
    found = [model.predict(x_frame), y_back, model.inverse_transform_y(zy)]
    for table in found:
        assert table.columns.tolist() == list("uvwz")
        assert table.index.equals(x_frame.index)
    for table in (model.predict_x(y_frame), x_back):
        assert table.columns.tolist() == list("abcdefg")
        assert table.index.equals(x_frame.index)
    assert_allclose(found[0].to_numpy(), arrays.predict(X))


def test_columns_without_names_are_numbered(frames):
    x_frame, y_frame = frames
    model = LinearCCA(2, reg=0).set_output(transform="pandas").fit(X, Y)
    assert model.predict(x_frame.to_numpy()).columns.tolist() == ["y0", "y1", "y2", "y3"]
    assert model.predict_x(Y).columns.tolist()[:2] == ["x0", "x1"]
    model = LinearCCA(2, reg=0, y_transformer=StandardScaler()).set_output(transform="pandas")
    model.fit(x_frame, y_frame)
    assert model.predict(x_frame).columns.tolist() == list("uvwz")
    assert not hasattr(model, "y_feature_names_in_")


def test_a_series_gives_its_name_and_arrays(frames):
    x_frame, y_frame = frames
    model = LinearCCA(reg=0).set_output(transform="pandas").fit(x_frame, y_frame["u"])
    assert model.y_feature_names_in_.tolist() == ["u"]
    assert type(model.predict(x_frame)) is np.ndarray
    stacking = StackingRegressor([("cca", model)], cv=2).fit(x_frame, y_frame["u"])
    assert stacking.predict(x_frame).shape == (len(X),)
    voting = VotingRegressor([("cca", model)]).fit(x_frame, y_frame["u"])
    assert_allclose(voting.predict(x_frame), model.predict(x_frame))
