"""`predict` against the regressions of scikit-learn; few components against all of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, StandardScaler
from torch import nn

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca._cca.linear import leading_svd
from skdcca.encoders import MLP, Encoder


def two_views(n=200, p=7, q=4, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    X = shared @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    y = shared @ rng.normal(size=(3, q)) + rng.normal(size=(n, q))
    return X * np.geomspace(0.1, 10, p) + 5, y * np.geomspace(10, 0.1, q) - 3


# Linear


@pytest.mark.parametrize("shape", [{}, {"p": 3, "q": 6}], ids=["more columns in X", "fewer"])
def test_all_components_are_least_squares(shape):
    X, y = two_views(**shape)
    expected = LinearRegression().fit(X[:150], y[:150]).predict(X[150:])
    assert_allclose(LinearCCA().fit(X[:150], y[:150]).predict(X[150:]), expected, rtol=1e-9)


@pytest.mark.parametrize("n", [200, 12], ids=["tall", "wide"])
@pytest.mark.parametrize("reg", [0.3, (0.3, 0.0), (0.3, 5.0)])
def test_with_a_ridge_they_are_ridge_regression(n, reg):
    X, y = two_views(n, p=15, q=4)
    rows = slice(0, n - 2)
    X_scaled = (X - X[rows].mean(axis=0)) / X[rows].std(axis=0, ddof=1)
    expected = Ridge(0.3 * (n - 3)).fit(X_scaled[rows], y[rows]).predict(X_scaled)
    ours = LinearCCA(reg=reg).fit(X[rows], y[rows])
    assert_allclose(ours.predict(X), expected, rtol=1e-8)


def test_few_components_are_the_best_of_reduced_rank():
    X, y = two_views()
    Xc, yc = X - X.mean(axis=0), y - y.mean(axis=0)
    # Of all maps of rank 2, the least squares in the metric of the covariance of y.
    root = linalg.sqrtm(yc.T @ yc)
    fitted = Xc @ linalg.lstsq(Xc, yc)[0] @ linalg.inv(root)
    left, values, right = linalg.svd(fitted, full_matrices=False)
    expected = left[:, :2] * values[:2] @ right[:2] @ root + y.mean(axis=0)
    assert_allclose(LinearCCA(2).fit(X, y).predict(X), expected, rtol=1e-8, atol=1e-8)


def test_every_way_to_fit_predicts_the_same():
    X, y = two_views()
    X[X < 4] = 0
    expected = LinearCCA(3, reg=0.1).fit(X, y).predict(X)
    streamed = LinearCCA(3, reg=0.1).partial_fit(X[:90], y[:90]).partial_fit(X[90:], y[90:])
    assert_allclose(streamed.predict(X), expected, rtol=1e-8, atol=1e-8)
    csr = sparse.csr_array(X)
    assert_allclose(LinearCCA(3, reg=0.1).fit(csr, y).predict(csr), expected, rtol=1e-8, atol=1e-8)
    twice = LinearCCA(3, reg=0.1).fit(np.vstack([X, X[:50]]), np.vstack([y, y[:50]]))
    weight = np.repeat([2.0, 1.0], [50, 150])
    weighted = LinearCCA(3, reg=0.1).fit(X, y, sample_weight=weight)
    assert_allclose(weighted.predict(X), twice.predict(X), rtol=1e-8, atol=1e-8)


def test_columns_that_are_constant_or_twins_are_predicted():
    X, y = two_views()
    y = np.column_stack([y, np.full(len(y), 2.5), y[:, 0] * 3])
    expected = LinearRegression().fit(X, y).predict(X)
    assert_allclose(LinearCCA().fit(X, y).predict(X), expected, rtol=1e-8, atol=1e-8)


def test_shape_and_type_are_those_of_y_and_X():
    X, y = two_views()
    for model in (LinearCCA(1), KernelCCA(1), DeepCCA(1, max_epochs=2, random_state=0)):
        predicted = model.fit(X, y[:, 0].astype(np.float32)).predict(X)
        assert predicted.shape == (200,)
        assert predicted.dtype == np.float32
        assert model.fit(X, y).predict(X).shape == y.shape
        assert model.predict(X).dtype == np.float64


class Lengths(TransformerMixin, BaseEstimator):
    """Numbers of a text."""

    def fit(self, texts, y=None):
        return self

    def transform(self, texts):
        return np.array([[len(text), text.count("a")] for text in texts], dtype=float)


def test_in_a_pipeline_text_is_predicted_by_its_numbers():
    X, _ = two_views()
    rank = np.argsort(np.argsort(X[:, 0]))
    texts = ["ba" * (1 + r) for r in rank]
    model = make_pipeline(StandardScaler(), LinearCCA(y_transformer=Lengths()))
    predicted = model.fit(X, texts).predict(X)
    assert np.corrcoef(predicted[:, 0], 2 * (1 + rank))[0, 1] > 0.95


def test_a_score_of_scikit_learn_tells_how_well():
    X, y = two_views()
    expected = cross_val_score(LinearRegression(), X, y, scoring="r2")
    assert_allclose(cross_val_score(LinearCCA(), X, y, scoring="r2"), expected, rtol=1e-7)


# Kernel


def ridge_of_kernels(X, y, X_new, gamma, reg):
    """Kernel ridge regression on centred kernels, with an intercept."""
    centerer = KernelCenterer()
    kernel = centerer.fit_transform(rbf_kernel(X, gamma=gamma))
    ridge = KernelRidge(alpha=reg * np.trace(kernel), kernel="precomputed")
    ridge.fit(kernel, y - y.mean(axis=0))
    new = centerer.transform(rbf_kernel(X_new, X, gamma=gamma))
    return ridge.predict(new) + y.mean(axis=0)


@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_all_components_are_kernel_ridge_regression(approximation):
    X, y = two_views()
    X, y = StandardScaler().fit_transform(X), StandardScaler().fit_transform(y) + 3
    expected = ridge_of_kernels(X[:150], y[:150], X, 0.1, 0.01)
    # A kernel of y of full rank: every function of y is in its space.
    ours = KernelCCA(gamma=0.1, y_gamma=1, reg=(0.01, 0.5), approximation=approximation)
    assert_allclose(ours.fit(X[:150], y[:150]).predict(X), expected, rtol=1e-6)


def test_random_features_predict_a_circle():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=3000)
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    y = np.cos(3 * angle)
    for approximation in ("rff", "nystroem", None):
        model = KernelCCA(5, reg=1e-4, n_landmarks=100, approximation=approximation, random_state=0)
        predicted = model.fit(X[:500], y[:500]).predict(X[500:])
        assert np.corrcoef(predicted, y[500:])[0, 1] > 0.99
        assert np.std(predicted - y[500:]) < 0.2


def test_a_kernel_of_y_holds_nothing_to_predict():
    X, y = two_views()
    model = KernelCCA(2, y_kernel="precomputed").fit(X, rbf_kernel(y))
    with pytest.raises(ValueError, match="no numbers of y"):
        model.predict(X)


# Deep


class Flat(Encoder):
    def build(self, shape, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), n_outputs))


@pytest.mark.parametrize("projection", ["whitened", "weighted", "raw"])
def test_a_deep_model_predicts_by_the_regression_on_its_encodings(projection):
    X, y = two_views(n=400)
    model = DeepCCA(
        3, x_encoder=MLP((16,)), reg=0, projection=projection, max_epochs=3, validation_fraction=0
    )
    model.set_params(random_state=0).fit(X, y)
    encodings = model._encode("x", X)
    expected = LinearRegression().fit(encodings, y).predict(encodings)
    assert_allclose(model.predict(X), expected, rtol=1e-3, atol=1e-3)


def test_a_deep_model_predicts_samples_of_any_shape():
    X, y = two_views(n=300, q=6)
    model = DeepCCA(2, y_encoder=Flat(), reg=0, max_epochs=2, validation_fraction=0)
    model.set_params(random_state=0).fit(X, y.reshape(300, 2, 3))
    encodings = model.linear_.transform(model._encode("x", X))
    expected = LinearRegression().fit(encodings, y).predict(encodings)
    assert_allclose(model.predict(X), expected.reshape(300, 2, 3), rtol=1e-3, atol=1e-3)


# Few components of many


@pytest.mark.parametrize("shape", [(80, 60), (60, 80), (60, 60)])
@pytest.mark.parametrize("values", ["falling", "tied", "small", "zero"])
def test_leading_components_are_those_of_the_whole_decomposition(shape, values):
    rng = np.random.default_rng(0)
    turns = [linalg.qr(rng.normal(size=(n, 60)), mode="economic")[0] for n in shape]
    singular = {
        "falling": np.linspace(1, 0.1, 60),
        "tied": np.repeat([0.9, 0.5, 0.2], 20),
        "small": np.geomspace(1e-3, 1e-9, 60),
        "zero": np.repeat([0.7, 0.0], [5, 55]),
    }[values]
    cross = turns[0] * singular @ turns[1].T
    left, found, right = leading_svd(cross.copy(), 10)
    assert_allclose(found, singular[:10], atol=1e-13)
    assert_allclose(left.T @ left, np.eye(10), atol=1e-10)
    assert_allclose(right.T @ right, np.eye(10), atol=1e-10)
    assert_allclose(left.T @ cross @ right, np.diag(found), atol=1e-13)


def test_few_components_of_many_are_the_first_of_all():
    X, y = two_views(n=600, p=90, q=70)
    some, every = LinearCCA(5).fit(X, y), LinearCCA().fit(X, y)
    assert_allclose(some.canonical_correlations_, every.canonical_correlations_[:5], atol=1e-12)
    assert_allclose(some.transform(X), every.transform(X)[:, :5], atol=1e-9)
    assert_allclose(some.y_weights_, every.y_weights_[:, :5], atol=1e-9)
