"""KernelCCA against LinearCCA, the generalized eigenproblem and known factors."""

import pickle

import numpy as np
import pytest
from _views import assert_same_variates, circle_views, narrow_views, scaled_views
from numpy.testing import assert_allclose
from scipy.linalg import eigh, helmert
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import cosine_similarity, polynomial_kernel, rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import KernelCCA, LinearCCA


@parametrize_with_checks(
    [
        KernelCCA(scale=False),
        KernelCCA(approximation="nystroem", scale=False),
        KernelCCA(1, approximation="rff", scale=False),
        KernelCCA(1, kernel="poly", y_kernel="linear", reg=(0.1, 0.0), scale=False),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
@pytest.mark.parametrize("shape", [{}, {"n": 30, "p": 50, "q": 40}], ids=["tall", "wide"])
@pytest.mark.parametrize("reg", [0.0, 0.02, (0.3, 1.0)])
@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_linear_kernel_on_standardized_columns_is_linear_cca(shape, reg, approximation):
    X, y = narrow_views(**shape)
    train = slice(0, len(X) - 10)
    x_scaler, y_scaler = StandardScaler().fit(X[train]), StandardScaler().fit(y[train])
    X, y = x_scaler.transform(X), y_scaler.transform(y)
    reg_x, reg_y = np.broadcast_to(reg, 2)
    linear = LinearCCA(3, reg=(reg_x * X.shape[1], reg_y * y.shape[1])).fit(X[train], y[train])
    ours = KernelCCA(3, kernel="linear", reg=reg, approximation=approximation, scale=False)
    ours.fit(X[train], y[train])
    if not reg and shape:  # all correlations are 1, so the variates are arbitrary
        np.testing.assert_allclose(ours.canonical_correlations_, 1.0, atol=1e-10)
        return
    assert_same_variates(ours, linear, X, y)


@pytest.mark.parametrize(("reg_x", "reg_y"), [(0.1, 0.1), (0.01, 0.5)])
@pytest.mark.parametrize("kernel", ["rbf", "cosine", "poly"])
def test_exact_equals_the_generalized_eigenproblem(kernel, reg_x, reg_y):
    X, y = narrow_views(n=25)
    if kernel == "rbf":
        kernels = [rbf_kernel(v, gamma=1 / (2 * v.var(axis=0).sum())) for v in (X, y)]
    elif kernel == "poly":
        kernels = [
            polynomial_kernel(v, degree=5, gamma=1 / (v.shape[1] * v.var()), coef0=2)
            for v in (X, y)
        ]
    else:
        kernels = [cosine_similarity(v) for v in (X, y)]
    # The centered kernels without the direction in which they are 0.
    basis = helmert(25)
    Kx, Ky = (basis @ K @ basis.T for K in kernels)
    ridges = [reg * np.trace(K) / 24 for reg, K in [(reg_x, Kx), (reg_y, Ky)]]
    if kernel == "cosine":  # singular, of rank p
        Kx, Ky = Kx + 1e-11 * np.eye(24), Ky + 1e-11 * np.eye(24)
    zero = np.zeros((24, 24))
    A = np.block([[zero, Kx @ Ky / 24], [Ky @ Kx / 24, zero]])
    B = np.block([[Kx @ Kx / 24 + ridges[0] * Kx, zero], [zero, Ky @ Ky / 24 + ridges[1] * Ky]])
    expected = eigh(A, B, eigvals_only=True)[::-1][:3]
    ours = KernelCCA(3, kernel=kernel, degree=5, coef0=2, reg=(reg_x, reg_y), scale=False).fit(X, y)
    np.testing.assert_allclose(ours.canonical_correlations_, expected, atol=1e-6)


def test_variates_have_the_regularized_moments():
    X, y = circle_views(n=150)
    fitted = KernelCCA(4, reg=0.05, scale=False).fit(X, y)
    zx, zy = fitted.transform(X, y)
    np.testing.assert_allclose(zx.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(
        np.cov(zx.T, zy.T)[:4, 4:], np.diag(fitted.canonical_correlations_), atol=1e-8
    )
    K = KernelCenterer().fit_transform(rbf_kernel(X, gamma=1 / (2 * X.var(axis=0).sum())))
    penalty = 0.05 * np.trace(K) / 149 * fitted.x_coefs_.T @ K @ fitted.x_coefs_
    np.testing.assert_allclose(np.cov(zx.T) + penalty, np.eye(4), atol=1e-8)


APPROXIMATIONS = [None, "nystroem", "rff"]


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_finds_a_factor_that_linear_cca_misses(approximation):
    X, y = circle_views(n=800)
    linear = LinearCCA(1, reg=0).fit(X[:400], y[:400]).score(X[400:], y[400:])
    ours = KernelCCA(
        1, reg=0.01, approximation=approximation, n_landmarks=100, random_state=0, scale=False
    )
    assert abs(linear) < 0.15
    assert ours.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.95


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_one_row_at_a_time_equals_the_batch(approximation):
    X, y = circle_views(n=60)
    fitted = KernelCCA(3, approximation=approximation, random_state=0, scale=False).fit(X, y)
    zx, zy = fitted.transform(X, y)
    np.testing.assert_allclose(np.vstack([fitted.transform(x[None]) for x in X]), zx, atol=1e-10)
    np.testing.assert_allclose(np.vstack([fitted.transform_y(v[None]) for v in y]), zy, atol=1e-10)


def test_order_of_rows_does_not_matter():
    X, y = circle_views(n=100)
    order = np.random.default_rng(0).permutation(100)
    for approximation in (None, "nystroem"):
        model = KernelCCA(3, approximation=approximation, scale=False)
        expected = model.fit(X, y).transform(X, y)
        ours = model.fit(X[order], y[order]).transform(X, y)
        np.testing.assert_allclose(ours, expected, atol=1e-6)  # signs too


def test_views_swap():
    X, y = circle_views(n=100)
    parameters = {"reg": 0.05, "approximation": "nystroem", "n_landmarks": 50, "random_state": 0}
    for more in ({"reg": 0.05}, parameters):
        fitted, swapped = (
            KernelCCA(3, **more, scale=False).fit(X, y),
            KernelCCA(3, **more, scale=False).fit(y, X),
        )
        np.testing.assert_allclose(
            fitted.canonical_correlations_, swapped.canonical_correlations_, atol=1e-10
        )
        np.testing.assert_allclose(abs(fitted.transform(X)), abs(swapped.transform_y(X)), atol=1e-7)


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_few_distinct_rows_warn_and_keep_the_shape(approximation):
    X, y = narrow_views(n=4)
    X, y = np.tile(X, (10, 1)), np.tile(y, (10, 1))
    with pytest.warns(
        UserWarning, match="n_components=5 exceeds the rank of the kernels, which is 3"
    ) as caught:
        fitted = KernelCCA(5, approximation=approximation, random_state=0, scale=False).fit(X, y)
    assert caught[0].filename == __file__  # the line of the caller
    assert fitted.x_coefs_.shape[1] == fitted.y_coefs_.shape[1] == fitted.n_components_ == 5
    assert fitted.canonical_correlations_[:3].all()
    assert not fitted.canonical_correlations_[3:].any()
    zx, zy = fitted.transform(X, y)
    assert not zx[:, 3:].any()
    assert not zy[:, 3:].any()
    assert (
        KernelCCA(approximation=approximation, random_state=0, scale=False).fit(X, y).n_components_
        == 3
    )


@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_rank_of_kernels(approximation):
    X, y = narrow_views(n=50, p=4, q=3)
    model = KernelCCA(approximation=approximation, scale=False)
    assert model.set_params(kernel="linear").fit(X, y).n_components_ == 3
    assert model.set_params(kernel="poly", degree=2).fit(X, y).n_components_ == 9
    doubled = np.vstack([X, X]), np.vstack([y, y])
    expected = model.canonical_correlations_
    np.testing.assert_allclose(model.fit(*doubled).canonical_correlations_, expected, atol=1e-8)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "gauss"}, "`kernel` must be one of .*'rbf'.*, got 'gauss'"),
        ({"kernel": None}, "`kernel` must be one of .*, got None"),
        ({"y_kernel": 3}, "`y_kernel` must be one of .*, got 3"),
        (
            {"gamma": 0},
            r"`gamma` must be one of \['distance', 'scale'\], or a finite number > 0, got 0",
        ),
        ({"gamma": "auto"}, "`gamma` must be .*, got 'auto'"),
        ({"y_gamma": -1.0}, "`y_gamma` must be .*, got -1.0"),
        ({"degree": 0}, "`degree` must be an integer >= 1, got 0"),
        ({"y_degree": 1.5}, "`y_degree` must be an integer >= 1, got 1.5"),
        ({"coef0": -1}, "`coef0` must be a finite number >= 0, got -1"),
        ({"y_coef0": np.inf}, "`y_coef0` must be a finite number >= 0, got inf"),
        ({"reg": -0.1}, "`reg` must be a finite number >= 0, .*, got -0.1"),
        ({"approximation": "fourier"}, "`approximation` must be one of .*None.*, got 'fourier'"),
        ({"n_landmarks": 0}, "`n_landmarks` must be an integer >= 1, got 0"),
        ({"approximation": "rff", "kernel": "poly"}, "`kernel` must be 'rbf' .*, got 'poly'"),
        (
            {"approximation": "rff", "y_kernel": "linear"},
            "`y_kernel` must be 'rbf' .*, got 'linear'",
        ),
        (
            {"approximation": "nystroem", "kernel": "precomputed"},
            "`kernel` must not be 'precomputed' with approximation='nystroem'",
        ),
        (
            {"approximation": "nystroem", "n_landmarks": 2, "n_components": 3},
            "`n_components` must be <= 2 .n_landmarks., got 3",
        ),
        ({"n_components": 40}, "`n_components` must be <= 39 .*, got 40"),
        ({"n_components": 0}, "`n_components` must be an integer >= 1, or None, got 0"),
        ({"kernel": "precomputed"}, "X must be a square kernel .*, got shape .40, 4.*`kernel`"),
        ({"y_kernel": "precomputed"}, "y must be a square kernel .*, got shape .40, 3.*`y_kernel`"),
        (
            {"kernel": lambda a, b: np.ones(3)},
            r"callable kernel of X must return an array of shape \(40, 40\) .*, got shape \(3,\)",
        ),
        (
            {"kernel": lambda a, b: -rbf_kernel(a, b)},
            "kernel of X must be positive semi-definite",
        ),
    ],
)
def test_parameters_are_refused(parameters, message):
    X, y = narrow_views(n=40)
    with pytest.raises(ValueError, match=message):
        KernelCCA(**parameters, scale=False).fit(X, y)


@pytest.mark.usefixtures("unchanged_generator")
@pytest.mark.parametrize("approximation", ["nystroem", "rff"])
def test_the_same_seed_gives_the_same_bits(approximation):
    X, y = narrow_views()
    model = KernelCCA(2, approximation=approximation, n_landmarks=20, random_state=7, scale=False)
    first, again = model.fit(X, y).x_coefs_, model.fit(X, y).x_coefs_
    np.testing.assert_array_equal(first, again)
    assert (model.set_params(random_state=8).fit(X, y).x_coefs_ != first).any()


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_pickles(approximation):
    X, y = narrow_views(n=50)
    fitted = KernelCCA(
        2, approximation=approximation, n_landmarks=20, random_state=0, scale=False
    ).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    for ours, theirs in zip(again.transform(X, y), fitted.transform(X, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_fitted_model_does_not_change_with_the_rows():
    X, y = narrow_views(n=50)
    fitted = KernelCCA(2, scale=False).fit(X, y)
    before = X.copy(), fitted.transform(X)
    X *= 2
    np.testing.assert_array_equal(fitted.transform(before[0]), before[1])


def test_float32_is_computed_in_float64():
    X, y = (view.astype(np.float32) for view in narrow_views())
    X += 1000
    fitted = KernelCCA(2, scale=False).fit(X, y)
    assert fitted.transform(X).dtype == fitted.transform_y(y).dtype == np.float32
    double = KernelCCA(2, scale=False).fit(X.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(
        fitted.canonical_correlations_, double.canonical_correlations_, atol=1e-12
    )
    kernels = [rbf_kernel(view.astype(np.float64) - view.mean(axis=0)) for view in (X, y)]
    model = KernelCCA(2, kernel="precomputed", scale=False)
    expected = model.fit(*kernels).canonical_correlations_
    ours = model.fit(*(K.astype(np.float32) for K in kernels)).canonical_correlations_
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_parameters_of_y_are_its_own():
    X, y = narrow_views(n=60)
    parameters = {"y_kernel": "poly", "y_gamma": 0.3, "y_degree": 2, "y_coef0": 4.0}
    ours = KernelCCA(2, gamma=0.1, **parameters, scale=False).fit(X, y)
    expected = KernelCCA(2, kernel="precomputed", scale=False).fit(
        rbf_kernel(X, gamma=0.1), polynomial_kernel(y, gamma=0.3, degree=2, coef0=4)
    )
    np.testing.assert_allclose(
        ours.canonical_correlations_, expected.canonical_correlations_, atol=1e-10
    )
    for name in parameters:
        other = KernelCCA(2, gamma=0.1, **(parameters | {name: None}), scale=False).fit(X, y)
        assert abs(other.canonical_correlations_ - ours.canonical_correlations_).max() > 1e-4


def test_grid_search():
    X, y = circle_views(n=150)
    grid = [
        {"kernelcca__kernel": ["linear", "rbf"], "kernelcca__reg": [0.01, 1.0]},
        {"kernelcca__gamma": [0.3, "scale"], "kernelcca__approximation": APPROXIMATIONS},
    ]
    model = make_pipeline(
        StandardScaler(), KernelCCA(1, n_landmarks=50, random_state=0, scale=False)
    )
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_.get("kernelcca__kernel", "rbf") == "rbf"
    assert search.best_score_ > 0.9


def test_grid_search_slices_precomputed_kernels():
    X, y = circle_views(n=90)
    model = KernelCCA(1, y_kernel="rbf", scale=False)
    grid = {"reg": [0.01, 0.1]}
    named = GridSearchCV(model.set_params(gamma=0.5), grid, cv=3, error_score="raise").fit(X, y)
    model = KernelCCA(1, kernel="precomputed", y_kernel="rbf", gamma=0.5, scale=False)
    ours = GridSearchCV(model, grid, cv=3, error_score="raise").fit(rbf_kernel(X, gamma=0.5), y)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], named.cv_results_[key], atol=1e-8)


@pytest.mark.parametrize("model", [KernelCCA(3, kernel="linear", scale=False), LinearCCA(3, reg=0)])
def test_a_warning_points_at_the_caller(model):
    X, y = narrow_views()
    with pytest.warns(
        UserWarning, match="exceeds the rank of the (kernels|views), which is"
    ) as caught:
        model.fit(np.column_stack([X[:, 0]] * 3), y)
    assert caught[0].filename == __file__


# Predictions


def ridge_of_kernels(X, y, X_new, gamma, reg):
    """Kernel ridge regression on centered kernels, with an intercept."""
    centerer = KernelCenterer()
    kernel = centerer.fit_transform(rbf_kernel(X, gamma=gamma))
    ridge = KernelRidge(alpha=reg * np.trace(kernel), kernel="precomputed")
    ridge.fit(kernel, y - y.mean(axis=0))
    new = centerer.transform(rbf_kernel(X_new, X, gamma=gamma))
    return ridge.predict(new) + y.mean(axis=0)


@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_predict_with_all_components_is_kernel_ridge_regression(approximation):
    X, y = scaled_views()
    X, y = StandardScaler().fit_transform(X), StandardScaler().fit_transform(y) + 3
    expected = ridge_of_kernels(X[:150], y[:150], X, 0.1, 0.01)
    # A kernel of y of full rank: every function of y is in its space.
    ours = KernelCCA(
        gamma=0.1, y_gamma=1, reg=(0.01, 0.5), approximation=approximation, scale=False
    )
    assert_allclose(ours.fit(X[:150], y[:150]).predict(X), expected, rtol=1e-6)


def test_random_features_predict_a_circle():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=3000)
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    y = np.cos(3 * angle)
    for approximation in ("rff", "nystroem", None):
        model = KernelCCA(
            5, reg=1e-4, n_landmarks=100, approximation=approximation, random_state=0, scale=False
        )
        predicted = model.fit(X[:500], y[:500]).predict(X[500:])
        assert np.corrcoef(predicted, y[500:])[0, 1] > 0.99
        assert np.std(predicted - y[500:]) < 0.2


def test_predictions_of_a_precomputed_kernel_are_refused():
    X, y = scaled_views()
    model = KernelCCA(2, y_kernel="precomputed", scale=False).fit(X, rbf_kernel(y))
    with pytest.raises(ValueError, match="`y_kernel` must not be 'precomputed' for `predict`"):
        model.predict(X)
