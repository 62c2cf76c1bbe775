"""Kernels, landmarks and random features: values, checks and units."""

import pickle

import numpy as np
import pytest
from _views import assert_same_variates, circle_views, narrow_views
from scipy.linalg import eigh
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import (
    KERNEL_PARAMS,
    cosine_similarity,
    laplacian_kernel,
    linear_kernel,
    pairwise_kernels,
    polynomial_kernel,
    rbf_kernel,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, StandardScaler
from sklearn.utils import get_tags

from skdcca import KernelCCA
from skdcca.exceptions import DegenerateKernelWarning, PerfectCorrelationWarning


@pytest.mark.parametrize(
    ("parameters", "function"),
    [
        ({"kernel": "linear"}, linear_kernel),
        ({"kernel": "cosine"}, cosine_similarity),
        ({"kernel": "rbf", "gamma": 0.3}, lambda a, b: rbf_kernel(a, b, gamma=0.3)),
        (
            {"kernel": "poly", "gamma": 0.2, "degree": 2, "coef0": 3},
            lambda a, b: polynomial_kernel(a, b, gamma=0.2, degree=2, coef0=3),
        ),
        (
            {"kernel": lambda a, b: laplacian_kernel(a, b, 0.1)},
            lambda a, b: laplacian_kernel(a, b, 0.1),
        ),
    ],
    ids=["linear", "cosine", "rbf", "poly", "laplacian"],
)
def test_precomputed_and_callable_equal_named_and_center_as_kernel_centerer(parameters, function):
    X, y = narrow_views()
    named = KernelCCA(2, **parameters, scale=False).fit(X[:90], y[:90])
    called = KernelCCA(2, kernel=function, scale=False).fit(X[:90], y[:90])
    assert_same_variates(named, called, X, y)
    Kx, Ky = function(X, X[:90]), function(y, y[:90])
    precomputed = KernelCCA(2, kernel="precomputed", scale=False).fit(Kx[:90], Ky[:90])
    zx, zy = precomputed.transform(Kx, Ky)
    for ours, theirs in zip(named.transform(X, y), (zx, zy), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    mixed = KernelCCA(2, kernel="precomputed", y_kernel=function, scale=False).fit(Kx[:90], y[:90])
    np.testing.assert_allclose(mixed.transform(Kx), zx, atol=1e-8)

    centered = KernelCenterer().fit(Kx[:90]).transform(Kx)
    np.testing.assert_allclose(centered @ named.x_coefs_, zx, atol=1e-8)
    assert named.x_gamma_ == parameters.get("gamma")
    assert get_tags(precomputed).input_tags.pairwise
    assert not get_tags(named).input_tags.pairwise


def test_gaussian_process_kernels_are_callable():
    X, y = narrow_views()
    named = KernelCCA(2, gamma=0.5, scale=False).fit(X, y)
    assert_same_variates(KernelCCA(2, kernel=RBF(1.0), scale=False).fit(X, y), named, X, y)


def test_kernels_do_not_depend_on_the_origin():
    X, y = narrow_views()
    expected = KernelCCA(3, kernel="linear", scale=False).fit(X, y).canonical_correlations_
    ours = KernelCCA(3, kernel="linear", scale=False).fit(X + 1e6, y - 1e5).canonical_correlations_
    np.testing.assert_allclose(ours, expected, atol=1e-7)
    expected = KernelCCA(3, gamma=0.2, scale=False).fit(X, y).canonical_correlations_
    ours = KernelCCA(3, gamma=0.2, scale=False).fit(X + 1e6, y).canonical_correlations_
    np.testing.assert_allclose(ours, expected, atol=1e-7)


# Approximations


def test_nystroem_of_all_rows_is_exact():
    X, y = circle_views(n=150)
    exact = KernelCCA(4, reg=0.01, scale=False).fit(X[:100], y[:100])
    for n_landmarks in (100, 1000):
        ours = KernelCCA(
            4, reg=0.01, approximation="nystroem", n_landmarks=n_landmarks, scale=False
        )
        assert_same_variates(ours.fit(X[:100], y[:100]), exact, X, y, tolerance=1e-6)


def test_nystroem_equals_the_eigenproblem_of_its_features():
    X, y = narrow_views(n=5000)  # more than a block
    fitted = KernelCCA(2, gamma=0.1, approximation="nystroem", n_landmarks=8, scale=False)
    fitted.set_params(random_state=0).fit(X, y)
    features = []
    for view, rows in [(X, fitted.x_rows_), (y, fitted.y_rows_)]:
        assert rows.shape == (8, view.shape[1])
        centered = view - view.mean(axis=0)
        root = np.linalg.cholesky(rbf_kernel(rows, gamma=0.1))
        features.append(np.linalg.solve(root, rbf_kernel(rows, centered, gamma=0.1)))
    C = np.cov(*features)
    A, B = C.copy(), C.copy()
    A[:8, :8] = A[8:, 8:] = B[:8, 8:] = B[8:, :8] = 0
    B += 0.01 * np.diag(np.repeat([np.trace(C[:8, :8]), np.trace(C[8:, 8:])], 8))
    expected = eigh(A, B, eigvals_only=True)[::-1][:2]
    np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-8)
    # Both views have the same rows as landmarks.
    x_rows, y_rows = X - fitted.x_mean_, y - fitted.y_mean_
    chosen = [np.flatnonzero((row == x_rows).all(axis=1)).item() for row in fitted.x_rows_]
    np.testing.assert_array_equal(y_rows[chosen], fitted.y_rows_)
    assert len(set(chosen)) == 8


def test_random_features_come_to_the_kernel():
    X, y = circle_views(n=150)
    exact = KernelCCA(2, reg=0.05, scale=False).fit(X, y).canonical_correlations_
    ours = KernelCCA(2, reg=0.05, approximation="rff", n_landmarks=800, random_state=0, scale=False)
    np.testing.assert_allclose(ours.fit(X, y).canonical_correlations_, exact, atol=0.05)


def test_300_landmarks_are_as_good_as_all_rows():
    X, y = circle_views(n=1100)
    X = np.hstack([X, np.random.default_rng(1).normal(size=(1100, 3))])
    exact, near = (
        KernelCCA(2, reg=0.01, approximation=a, random_state=0, scale=False).fit(X[:600], y[:600])
        for a in (None, "nystroem")
    )
    np.testing.assert_allclose(
        near.score(X[600:], y[600:]), exact.score(X[600:], y[600:]), atol=0.01
    )


def test_only_the_landmarks_are_kept():
    X, y = narrow_views(n=3000)
    fitted = KernelCCA(2, approximation="nystroem", n_landmarks=20, random_state=0).fit(X, y)
    assert len(pickle.dumps(fitted)) < X.nbytes / 2


def test_many_rows_are_transformed_in_blocks(monkeypatch):
    X, y = circle_views(n=60)
    fitted = KernelCCA(3, scale=False).fit(X, y)
    expected = fitted.transform(X)
    monkeypatch.setattr("skdcca._cca.kernel_maps._ROWS", 7)
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-10)


# Checks and units


def test_precomputed_is_checked():
    X, y = narrow_views(n=40)
    K = rbf_kernel(X)
    model = KernelCCA(2, kernel="precomputed", y_kernel="rbf", scale=False)
    skewed = K.copy()
    skewed[0, 1] += 0.1
    with pytest.raises(
        ValueError, match=r"X must be a symmetric kernel .*, got differences up to 0.1"
    ):
        model.fit(skewed, y)
    distances = np.sqrt(np.maximum(2 - 2 * K, 0))
    with pytest.raises(ValueError, match="kernel of X must be positive semi-definite"):
        model.fit(distances, y)
    with pytest.raises(ValueError, match="X has 39 features"):
        model.fit(K, y).transform(K[:, 1:])


def test_callables_that_are_not_kernels_are_named():
    X, y = narrow_views()
    M = np.triu(np.ones((4, 4)))
    with pytest.raises(ValueError, match="kernel of X must be symmetric"):
        KernelCCA(1, kernel=lambda a, b: a @ M @ b.T, y_kernel="rbf", scale=False).fit(X, y)
    with pytest.raises(ValueError, match=r"`kernel` must be .* \(an instance, not a class\)"):
        KernelCCA(1, kernel=RBF, scale=False).fit(X, y)
    with pytest.raises(ValueError, match="kernel of X contains NaN"):
        KernelCCA(1, kernel=lambda a, b: np.full((len(a), len(b)), np.nan), scale=False).fit(X, y)


APPROXIMATIONS = [None, "nystroem", "rff"]


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
@pytest.mark.parametrize("value", [0.0, 1.0, 7.3e5])
def test_constant_view_is_refused(approximation, value):
    X, y = narrow_views()
    model = KernelCCA(1, approximation=approximation, random_state=0, scale=False)
    with pytest.raises(ValueError, match="does not distinguish the rows of X"):
        model.fit(np.full_like(X, value), y)
    with pytest.raises(ValueError, match="does not distinguish the rows of y"):
        model.fit(X, np.full_like(y, value))


@pytest.mark.parametrize("approximation", [None, "nystroem"])
@pytest.mark.parametrize(
    ("parameters", "scale"),
    [
        ({"kernel": "linear"}, 1e160),
        ({"kernel": "poly"}, 1e160),
        ({"kernel": "poly", "degree": 200, "gamma": 1.0, "y_kernel": "rbf"}, 1e3),
        ({}, 1e160),
        ({}, 1e-170),
    ],
)
def test_a_kernel_that_overflows_is_refused(parameters, scale, approximation):
    X, y = narrow_views()
    with pytest.raises(
        ValueError, match=r"of X .*Standardize the view|for X.*Standardize the view"
    ):
        KernelCCA(2, approximation=approximation, **parameters, scale=False).fit(X * scale, y)


@pytest.mark.parametrize("scale", [1e78, 1e-100])
def test_units_of_a_linear_kernel_do_not_matter(scale):
    X, y = narrow_views()
    expected = KernelCCA(2, kernel="linear", scale=False).fit(X, y).transform(X)
    ours = KernelCCA(2, kernel="linear", scale=False).fit(X * scale, y).transform(X * scale)
    np.testing.assert_allclose(abs(ours), abs(expected), rtol=1e-6)


def test_units_of_a_cosine_do_not_matter():
    X, y = narrow_views()
    expected = KernelCCA(2, kernel="cosine", scale=False).fit(X, y).canonical_correlations_
    ours = KernelCCA(2, kernel="cosine", scale=False).fit(X * 1e-20, y).canonical_correlations_
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("approximation", [None, "nystroem"])
@pytest.mark.parametrize(
    ("kernel", "function"),
    [
        ("linear", linear_kernel),
        ("cosine", cosine_similarity),
        ("rbf", lambda a, b: rbf_kernel(a, b, gamma=0.1)),
        ("poly", lambda a, b: polynomial_kernel(a, b, degree=2, gamma=0.1, coef0=1)),
    ],
)
@pytest.mark.parametrize("scale", [True, False])
def test_the_public_attributes_make_the_variates(kernel, function, approximation, scale):
    X, y = narrow_views()
    X, y = X + 5, y - 3
    model = KernelCCA(
        2,
        kernel=kernel,
        gamma=0.1,
        degree=2,
        approximation=approximation,
        n_landmarks=40,
        scale=scale,
    )
    model.set_params(random_state=0).fit(X[:100], y[:100])
    zx, zy = model.transform(X, y)
    X, y = (X - model.x_mean_) / model.x_scale_, (y - model.y_mean_) / model.y_scale_
    ours = function(X, model.x_rows_) @ model.x_coefs_ + model.x_intercept_
    np.testing.assert_allclose(ours, zx, atol=1e-8)
    ours = function(y, model.y_rows_) @ model.y_coefs_ + model.y_intercept_
    np.testing.assert_allclose(ours, zy, atol=1e-8)


# Scales, names and degenerate kernels


def test_standardized_kernels_equal_a_pipeline_of_scalers():
    X, y = narrow_views()
    X = X * np.r_[1e3, np.ones(X.shape[1] - 1)]
    train, test = slice(0, 80), slice(80, None)
    for parameters in [{}, {"kernel": "laplacian"}, {"approximation": "rff"}, {"kernel": "poly"}]:
        parameters = {"n_components": 2, "random_state": 0, **parameters}
        scaled = KernelCCA(**parameters).fit(X[train], y[train])
        plain = KernelCCA(scale=False, y_transformer=StandardScaler(), **parameters)
        piped = make_pipeline(StandardScaler(), plain).fit(X[train], y[train])
        np.testing.assert_allclose(scaled.transform(X[test]), piped.transform(X[test]), atol=1e-6)
    # One large column hides the others from a kernel without scales.
    raw = KernelCCA(2, scale=False).fit(X[train], y[train])
    assert raw.score(X[test], y[test]) < KernelCCA(2).fit(X[train], y[train]).score(
        X[test], y[test]
    )


@pytest.mark.parametrize("name", sorted(set(KERNEL_PARAMS) - {"precomputed"}))
def test_every_kernel_of_scikit_learn_has_its_name(name):
    X, y = (np.abs(view) for view in narrow_views(n=60))
    model = KernelCCA(2, kernel=name, scale=False).fit(X, y)
    parameters = {"gamma": model.x_gamma_, "degree": 3, "coef0": 1}
    allowed = {key: parameters[key] for key in set(KERNEL_PARAMS[name]) & set(parameters)}
    centered = (X - model.x_mean_) / model.x_scale_
    kernel = pairwise_kernels(centered, model.x_rows_, metric=name, **allowed)
    expected = kernel @ model.x_coefs_ + model.x_intercept_
    np.testing.assert_allclose(model.transform(X), expected, atol=1e-8)
    assert KernelCCA(2, kernel=name).fit(X, y).score(X, y) > 0.5  # and with the defaults


def test_gamma_of_a_histogram_kernel_does_not_depend_on_the_unit():
    X, y = (np.abs(view) for view in narrow_views(n=60))
    X /= X.sum(axis=1)[:, None]
    model = KernelCCA(2, kernel="chi2", y_kernel="rbf").fit(X, y)
    assert model.x_gamma_ == pytest.approx(1.0)  # the default of scikit-learn
    other = KernelCCA(2, kernel="chi2", y_kernel="rbf").fit(1000 * X, y)
    np.testing.assert_allclose(other.transform(1000 * X), model.transform(X), atol=1e-7)
    with pytest.raises(
        ValueError, match=r"X must be nonnegative with the kernel 'chi2', got -0\.4"
    ):
        KernelCCA(kernel="chi2").fit(X - 0.5, y)


@pytest.mark.parametrize("approximation", [None, "nystroem", "rff"])
def test_an_identity_kernel_warns(approximation):
    X, y = narrow_views()
    model = KernelCCA(2, gamma=1e9, y_gamma="scale", approximation=approximation, random_state=0)
    with pytest.warns(
        DegenerateKernelWarning, match=r"of X .* identity .* smaller gamma than 1e\+09"
    ):
        model.fit(X, y)


def test_a_constant_kernel_warns():
    X, y = narrow_views()
    with pytest.warns(DegenerateKernelWarning, match=r"of y .* constant.* larger gamma than 1e-12"):
        KernelCCA(2, y_gamma=1e-12).fit(X, y)


def test_an_identity_kernel_of_all_rows_is_recognized_without_gamma():
    _, y = narrow_views(n=40)
    with pytest.warns(DegenerateKernelWarning, match=r"of X .* identity .* Pass other features"):
        KernelCCA(2, kernel="precomputed", y_kernel="rbf").fit(np.eye(40), y)


def test_perfect_correlations_of_kernels_warn():
    X, y = narrow_views(n=30)
    with pytest.warns(PerfectCorrelationWarning, match=r"29 canonical correlations .* reg=0\.01"):
        KernelCCA(2, reg=0).fit(X, y)


def test_a_column_that_cannot_be_standardized_is_named():
    X, y = narrow_views()
    X[:, 2] *= 1e200
    with pytest.raises(ValueError, match=r"Column 2 of X cannot be standardized.*other units"):
        KernelCCA(2).fit(X, y)
