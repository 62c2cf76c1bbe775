"""KernelCCA against LinearCCA, the generalised eigenproblem, KernelCenterer and planted factors."""

import pickle

import numpy as np
import pytest
from scipy.linalg import eigh, helmert
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import (
    cosine_similarity,
    laplacian_kernel,
    linear_kernel,
    polynomial_kernel,
    rbf_kernel,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import KernelCCA, LinearCCA

APPROXIMATIONS = [None, "nystroem", "rff"]


@parametrize_with_checks(
    [
        KernelCCA(),
        KernelCCA(approximation="nystroem"),
        KernelCCA(1, approximation="rff"),
        KernelCCA(1, kernel="poly", y_kernel="linear", reg=(0.1, 0.0)),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def two_views(n=120, p=4, q=3, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    X = shared @ rng.normal(size=(2, p)) + rng.normal(size=(n, p))
    y = shared @ rng.normal(size=(2, q)) + rng.normal(size=(n, q))
    return X, y


def circle(n=400, seed=0):
    """A factor that both views hold and no linear model finds."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, size=n)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(n, 2))
    y = np.column_stack([np.cos(2 * angle), rng.normal(size=n)])
    return X, y + 0.1 * rng.normal(size=(n, 2))


def assert_same_model(first, second, X, y, tolerance=1e-8):
    """The same correlations, and variates but for the sign of a pair."""
    np.testing.assert_allclose(
        first.canonical_correlations_, second.canonical_correlations_, atol=tolerance
    )
    for ours, theirs in zip(first.transform(X, y), second.transform(X, y), strict=True):
        sign = np.sign(np.sum(ours * theirs, axis=0))
        np.testing.assert_allclose(ours, theirs * sign, atol=tolerance)


@pytest.mark.parametrize("shape", [{}, {"n": 30, "p": 50, "q": 40}], ids=["tall", "wide"])
@pytest.mark.parametrize("reg", [0.0, 0.02, (0.3, 1.0)])
@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_linear_kernel_on_standardised_columns_is_linear_cca(shape, reg, approximation):
    X, y = two_views(**shape)
    train = slice(0, len(X) - 10)
    x_scaler, y_scaler = StandardScaler().fit(X[train]), StandardScaler().fit(y[train])
    X, y = x_scaler.transform(X), y_scaler.transform(y)
    reg_x, reg_y = np.broadcast_to(reg, 2)
    linear = LinearCCA(3, reg=(reg_x * X.shape[1], reg_y * y.shape[1])).fit(X[train], y[train])
    ours = KernelCCA(3, kernel="linear", reg=reg, approximation=approximation)
    ours.fit(X[train], y[train])
    if not reg and shape:  # all correlations are 1, and the variates any
        np.testing.assert_allclose(ours.canonical_correlations_, 1.0, atol=1e-10)
        return
    assert_same_model(ours, linear, X, y)


def test_linear_kernel_knows_no_origin():
    X, y = two_views()
    expected = KernelCCA(3, kernel="linear").fit(X, y).canonical_correlations_
    ours = KernelCCA(3, kernel="linear").fit(X + 1e6, y - 1e5).canonical_correlations_
    np.testing.assert_allclose(ours, expected, atol=1e-7)
    expected = KernelCCA(3, gamma=0.2).fit(X, y).canonical_correlations_
    ours = KernelCCA(3, gamma=0.2).fit(X + 1e6, y).canonical_correlations_
    np.testing.assert_allclose(ours, expected, atol=1e-7)


@pytest.mark.parametrize(("reg_x", "reg_y"), [(0.1, 0.1), (0.01, 0.5)])
@pytest.mark.parametrize("kernel", ["rbf", "cosine", "poly"])
def test_exact_equals_the_generalised_eigenproblem(kernel, reg_x, reg_y):
    X, y = two_views(n=25)
    if kernel == "rbf":
        kernels = [rbf_kernel(v, gamma=1 / (v.shape[1] * v.var())) for v in (X, y)]
    elif kernel == "poly":
        kernels = [
            polynomial_kernel(v, degree=5, gamma=1 / (v.shape[1] * v.var()), coef0=2)
            for v in (X, y)
        ]
    else:
        kernels = [cosine_similarity(v) for v in (X, y)]
    # The centred kernels without the direction in which they are 0.
    basis = helmert(25)
    Kx, Ky = (basis @ K @ basis.T for K in kernels)
    ridges = [reg * np.trace(K) / 24 for reg, K in [(reg_x, Kx), (reg_y, Ky)]]
    if kernel == "cosine":  # of rank p, so its root stands for it
        Kx, Ky = Kx + 1e-11 * np.eye(24), Ky + 1e-11 * np.eye(24)
    zero = np.zeros((24, 24))
    A = np.block([[zero, Kx @ Ky / 24], [Ky @ Kx / 24, zero]])
    B = np.block([[Kx @ Kx / 24 + ridges[0] * Kx, zero], [zero, Ky @ Ky / 24 + ridges[1] * Ky]])
    expected = eigh(A, B, eigvals_only=True)[::-1][:3]
    ours = KernelCCA(3, kernel=kernel, degree=5, coef0=2, reg=(reg_x, reg_y)).fit(X, y)
    np.testing.assert_allclose(ours.canonical_correlations_, expected, atol=1e-6)


def test_variates_have_the_regularised_moments():
    X, y = circle(n=150)
    fitted = KernelCCA(4, reg=0.05).fit(X, y)
    zx, zy = fitted.transform(X, y)
    np.testing.assert_allclose(zx.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(
        np.cov(zx.T, zy.T)[:4, 4:], np.diag(fitted.canonical_correlations_), atol=1e-8
    )
    K = KernelCenterer().fit_transform(rbf_kernel(X, gamma=1 / (2 * X.var())))
    penalty = 0.05 * np.trace(K) / 149 * fitted.x_coefs_.T @ K @ fitted.x_coefs_
    np.testing.assert_allclose(np.cov(zx.T) + penalty, np.eye(4), atol=1e-8)


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
def test_precomputed_and_callable_equal_named_and_centre_as_kernel_centerer(parameters, function):
    X, y = two_views()
    named = KernelCCA(2, **parameters).fit(X[:90], y[:90])
    called = KernelCCA(2, kernel=function).fit(X[:90], y[:90])
    assert_same_model(named, called, X, y)
    Kx, Ky = function(X, X[:90]), function(y, y[:90])
    precomputed = KernelCCA(2, kernel="precomputed").fit(Kx[:90], Ky[:90])
    zx, zy = precomputed.transform(Kx, Ky)
    for ours, theirs in zip(named.transform(X, y), (zx, zy), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    mixed = KernelCCA(2, kernel="precomputed", y_kernel=function).fit(Kx[:90], y[:90])
    np.testing.assert_allclose(mixed.transform(Kx), zx, atol=1e-8)

    centred = KernelCenterer().fit(Kx[:90]).transform(Kx)
    np.testing.assert_allclose(centred @ named.x_coefs_, zx, atol=1e-8)
    assert named.x_gamma_ == parameters.get("gamma")
    assert get_tags(precomputed).input_tags.pairwise
    assert not get_tags(named).input_tags.pairwise


def test_gaussian_process_kernels_are_callable():
    X, y = two_views()
    named = KernelCCA(2, gamma=0.5).fit(X, y)
    assert_same_model(KernelCCA(2, kernel=RBF(1.0)).fit(X, y), named, X, y)


def test_nystroem_of_all_rows_is_exact():
    X, y = circle(n=150)
    exact = KernelCCA(4, reg=0.01).fit(X[:100], y[:100])
    for n_landmarks in (100, 1000):
        ours = KernelCCA(4, reg=0.01, approximation="nystroem", n_landmarks=n_landmarks)
        assert_same_model(ours.fit(X[:100], y[:100]), exact, X, y, tolerance=1e-6)


def test_nystroem_equals_the_eigenproblem_of_its_features():
    X, y = two_views(n=5000)  # more than a block
    fitted = KernelCCA(2, gamma=0.1, approximation="nystroem", n_landmarks=8, random_state=0)
    fitted.fit(X, y)
    features = []
    for view, rows in [(X, fitted.x_rows_), (y, fitted.y_rows_)]:
        assert rows.shape == (8, view.shape[1])
        root = np.linalg.cholesky(rbf_kernel(rows, gamma=0.1))
        features.append(np.linalg.solve(root, rbf_kernel(rows, view, gamma=0.1)))
    C = np.cov(*features)
    A, B = C.copy(), C.copy()
    A[:8, :8] = A[8:, 8:] = B[:8, 8:] = B[8:, :8] = 0
    B += 0.1 * np.diag(np.repeat([np.trace(C[:8, :8]), np.trace(C[8:, 8:])], 8))
    expected = eigh(A, B, eigvals_only=True)[::-1][:2]
    np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-8)
    # Both views have the same rows as landmarks.
    chosen = [np.flatnonzero((row == X).all(axis=1)).item() for row in fitted.x_rows_]
    np.testing.assert_array_equal(y[chosen], fitted.y_rows_)
    assert len(set(chosen)) == 8


def test_random_features_come_to_the_kernel():
    X, y = circle(n=150)
    exact = KernelCCA(2, reg=0.05).fit(X, y).canonical_correlations_
    ours = KernelCCA(2, reg=0.05, approximation="rff", n_landmarks=800, random_state=0)
    np.testing.assert_allclose(ours.fit(X, y).canonical_correlations_, exact, atol=0.05)


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_finds_what_linear_cca_does_not(approximation):
    X, y = circle(n=800)
    linear = LinearCCA(1).fit(X[:400], y[:400]).score(X[400:], y[400:])
    ours = KernelCCA(1, reg=0.01, approximation=approximation, n_landmarks=100, random_state=0)
    assert abs(linear) < 0.15
    assert ours.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.95


def test_300_landmarks_are_as_good_as_all_rows():
    X, y = circle(n=1100)
    X = np.hstack([X, np.random.default_rng(1).normal(size=(1100, 3))])
    exact, near = (
        KernelCCA(2, reg=0.01, approximation=a, random_state=0).fit(X[:600], y[:600])
        for a in (None, "nystroem")
    )
    np.testing.assert_allclose(
        near.score(X[600:], y[600:]), exact.score(X[600:], y[600:]), atol=0.01
    )


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_one_row_at_a_time_equals_the_batch(approximation):
    X, y = circle(n=60)
    fitted = KernelCCA(3, approximation=approximation, random_state=0).fit(X, y)
    zx, zy = fitted.transform(X, y)
    np.testing.assert_allclose(np.vstack([fitted.transform(x[None]) for x in X]), zx, atol=1e-10)
    np.testing.assert_allclose(np.vstack([fitted.transform_y(v[None]) for v in y]), zy, atol=1e-10)


def test_many_rows_are_transformed_in_blocks(monkeypatch):
    X, y = circle(n=60)
    fitted = KernelCCA(3).fit(X, y)
    expected = fitted.transform(X)
    monkeypatch.setattr("skdcca._cca.kernel._ROWS", 7)
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-10)


def test_order_of_rows_does_not_matter():
    X, y = circle(n=100)
    order = np.random.default_rng(0).permutation(100)
    for approximation in (None, "nystroem"):
        model = KernelCCA(3, approximation=approximation)
        expected = model.fit(X, y).transform(X, y)
        ours = model.fit(X[order], y[order]).transform(X, y)
        np.testing.assert_allclose(ours, expected, atol=1e-6)  # signs too


def test_views_swap():
    X, y = circle(n=100)
    parameters = {"reg": 0.05, "approximation": "nystroem", "n_landmarks": 50, "random_state": 0}
    for more in ({"reg": 0.05}, parameters):
        fitted, swapped = KernelCCA(3, **more).fit(X, y), KernelCCA(3, **more).fit(y, X)
        np.testing.assert_allclose(
            fitted.canonical_correlations_, swapped.canonical_correlations_, atol=1e-10
        )
        np.testing.assert_allclose(abs(fitted.transform(X)), abs(swapped.transform_y(X)), atol=1e-7)


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_few_distinct_rows_warn_and_keep_the_shape(approximation):
    X, y = two_views(n=4)
    X, y = np.tile(X, (10, 1)), np.tile(y, (10, 1))
    with pytest.warns(UserWarning, match="n_components=5, but the data have only 3") as caught:
        fitted = KernelCCA(5, approximation=approximation, random_state=0).fit(X, y)
    assert caught[0].filename == __file__  # the line that a user wrote
    assert fitted.x_coefs_.shape[1] == fitted.y_coefs_.shape[1] == fitted.n_components_ == 5
    assert fitted.canonical_correlations_[:3].all()
    assert not fitted.canonical_correlations_[3:].any()
    zx, zy = fitted.transform(X, y)
    assert not zx[:, 3:].any()
    assert not zy[:, 3:].any()
    assert KernelCCA(approximation=approximation, random_state=0).fit(X, y).n_components_ == 3


@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_rank_of_kernels(approximation):
    X, y = two_views(n=50, p=4, q=3)
    model = KernelCCA(approximation=approximation)
    assert model.set_params(kernel="linear").fit(X, y).n_components_ == 3
    assert model.set_params(kernel="poly", degree=2).fit(X, y).n_components_ == 9
    doubled = np.vstack([X, X]), np.vstack([y, y])
    expected = model.canonical_correlations_
    np.testing.assert_allclose(model.fit(*doubled).canonical_correlations_, expected, atol=1e-8)


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
@pytest.mark.parametrize("value", [0.0, 1.0, 7.3e5])
def test_constant_view_is_refused(approximation, value):
    X, y = two_views()
    model = KernelCCA(1, approximation=approximation, random_state=0)
    with pytest.raises(ValueError, match="all rows of X are the same"):
        model.fit(np.full_like(X, value), y)
    with pytest.raises(ValueError, match="all rows of y are the same"):
        model.fit(X, np.full_like(y, value))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "sigmoid"}, "kernel='sigmoid'; it must be one of"),
        ({"kernel": None}, "kernel=None; it must be one of"),
        ({"y_kernel": 3}, "y_kernel=3; it must be one of"),
        ({"gamma": 0}, "gamma=0; it must be 'scale' or a finite number above 0"),
        ({"gamma": "auto"}, "gamma='auto'; it must be"),
        ({"y_gamma": -1.0}, "y_gamma=-1.0; it must be"),
        ({"degree": 0}, "degree=0; it must be a whole number"),
        ({"y_degree": 1.5}, "y_degree=1.5; it must be a whole number"),
        ({"coef0": -1}, "coef0=-1; it must be a finite number from 0"),
        ({"y_coef0": np.inf}, "y_coef0=inf; it must be a finite number from 0"),
        ({"reg": -0.1}, "reg=-0.1; it must be a finite number from 0"),
        ({"approximation": "fourier"}, "approximation='fourier'; it must be None"),
        ({"n_landmarks": 0}, "n_landmarks=0; it must be a whole number"),
        ({"approximation": "rff", "kernel": "poly"}, "kernel='poly' has no random Fourier"),
        ({"approximation": "rff", "y_kernel": "linear"}, "y_kernel='linear' has no random Fourier"),
        ({"approximation": "nystroem", "kernel": "precomputed"}, "kernel='precomputed' holds no"),
        ({"approximation": "nystroem", "n_landmarks": 2, "n_components": 3}, "at most 2 here"),
        ({"n_components": 40}, "n_components=40 is too large: at most 39"),
        ({"n_components": 0}, "n_components=0; it must be a whole number"),
        ({"kernel": "precomputed"}, "X has shape .40, 4., but kernel is 'precomputed'"),
        ({"y_kernel": "precomputed"}, "y has shape .40, 3., but y_kernel is 'precomputed'"),
        ({"kernel": lambda a, b: np.ones(3)}, "callable kernel of X gave an array of shape .3,."),
        (
            {"kernel": lambda a, b: -rbf_kernel(a, b)},
            "kernel of X is not positive semi-definite",
        ),
    ],
)
def test_parameters_are_refused(parameters, message):
    X, y = two_views(n=40)
    with pytest.raises(ValueError, match=message):
        KernelCCA(**parameters).fit(X, y)


def test_precomputed_is_checked():
    X, y = two_views(n=40)
    K = rbf_kernel(X)
    model = KernelCCA(2, kernel="precomputed", y_kernel="rbf")
    skewed = K.copy()
    skewed[0, 1] += 0.1
    with pytest.raises(ValueError, match=r"X is not symmetric \(by up to 0.1\)"):
        model.fit(skewed, y)
    distances = np.sqrt(np.maximum(2 - 2 * K, 0))
    with pytest.raises(ValueError, match="kernel of X is not positive semi-definite"):
        model.fit(distances, y)
    with pytest.raises(ValueError, match="X has 39 features"):
        model.fit(K, y).transform(K[:, 1:])


@pytest.mark.parametrize("approximation", ["nystroem", "rff"])
def test_same_seed_same_bits_and_no_other_generator(approximation):
    X, y = two_views()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    model = KernelCCA(2, approximation=approximation, n_landmarks=20, random_state=7)
    first, again = model.fit(X, y).x_coefs_, model.fit(X, y).x_coefs_
    np.testing.assert_array_equal(first, again)
    assert (model.set_params(random_state=8).fit(X, y).x_coefs_ != first).any()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("approximation", APPROXIMATIONS)
def test_pickles(approximation):
    X, y = two_views(n=50)
    fitted = KernelCCA(2, approximation=approximation, n_landmarks=20, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    for ours, theirs in zip(again.transform(X, y), fitted.transform(X, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_landmarks_are_all_that_is_kept():
    X, y = two_views(n=3000)
    fitted = KernelCCA(2, approximation="nystroem", n_landmarks=20, random_state=0).fit(X, y)
    assert len(pickle.dumps(fitted)) < X.nbytes / 2


def test_fitted_model_does_not_change_with_the_rows():
    X, y = two_views(n=50)
    fitted = KernelCCA(2).fit(X, y)
    before = X.copy(), fitted.transform(X)
    X *= 2
    np.testing.assert_array_equal(fitted.transform(before[0]), before[1])


def test_float32_is_computed_in_float64():
    X, y = (view.astype(np.float32) for view in two_views())
    X += 1000
    fitted = KernelCCA(2).fit(X, y)
    assert fitted.transform(X).dtype == fitted.transform_y(y).dtype == np.float32
    double = KernelCCA(2).fit(X.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(
        fitted.canonical_correlations_, double.canonical_correlations_, atol=1e-12
    )
    kernels = [rbf_kernel(view.astype(np.float64) - view.mean(axis=0)) for view in (X, y)]
    model = KernelCCA(2, kernel="precomputed")
    expected = model.fit(*kernels).canonical_correlations_
    ours = model.fit(*(K.astype(np.float32) for K in kernels)).canonical_correlations_
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_parameters_of_y_are_its_own():
    X, y = two_views(n=60)
    parameters = {"y_kernel": "poly", "y_gamma": 0.3, "y_degree": 2, "y_coef0": 4.0}
    ours = KernelCCA(2, gamma=0.1, **parameters).fit(X, y)
    expected = KernelCCA(2, kernel="precomputed").fit(
        rbf_kernel(X, gamma=0.1), polynomial_kernel(y, gamma=0.3, degree=2, coef0=4)
    )
    np.testing.assert_allclose(
        ours.canonical_correlations_, expected.canonical_correlations_, atol=1e-10
    )
    for name in parameters:
        other = KernelCCA(2, gamma=0.1, **(parameters | {name: None})).fit(X, y)
        assert abs(other.canonical_correlations_ - ours.canonical_correlations_).max() > 1e-4


def test_grid_search():
    X, y = circle(n=150)
    grid = [
        {"kernelcca__kernel": ["linear", "rbf"], "kernelcca__reg": [0.01, 1.0]},
        {"kernelcca__gamma": [0.3, "scale"], "kernelcca__approximation": APPROXIMATIONS},
    ]
    model = make_pipeline(StandardScaler(), KernelCCA(1, n_landmarks=50, random_state=0))
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_.get("kernelcca__kernel", "rbf") == "rbf"
    assert search.best_score_ > 0.9


def test_grid_search_slices_precomputed_kernels():
    X, y = circle(n=90)
    model = KernelCCA(1, y_kernel="rbf")
    grid = {"reg": [0.01, 0.1]}
    named = GridSearchCV(model.set_params(gamma=0.5), grid, cv=3, error_score="raise").fit(X, y)
    model = KernelCCA(1, kernel="precomputed", y_kernel="rbf", gamma=0.5)
    ours = GridSearchCV(model, grid, cv=3, error_score="raise").fit(rbf_kernel(X, gamma=0.5), y)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], named.cv_results_[key], atol=1e-8)


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
def test_the_public_attributes_make_the_variates(kernel, function, approximation):
    X, y = two_views()
    X, y = X + 5, y - 3
    model = KernelCCA(
        2, kernel=kernel, gamma=0.1, degree=2, approximation=approximation, n_landmarks=40
    )
    model.set_params(random_state=0).fit(X[:100], y[:100])
    zx, zy = model.transform(X, y)
    ours = function(X, model.x_rows_) @ model.x_coefs_ + model.x_intercept_
    np.testing.assert_allclose(ours, zx, atol=1e-8)
    ours = function(y, model.y_rows_) @ model.y_coefs_ + model.y_intercept_
    np.testing.assert_allclose(ours, zy, atol=1e-8)


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
    X, y = two_views()
    with pytest.raises(ValueError, match="scale the view"):
        KernelCCA(2, approximation=approximation, **parameters).fit(X * scale, y)


@pytest.mark.parametrize("scale", [1e78, 1e-100])
def test_units_of_a_linear_kernel_do_not_matter(scale):
    X, y = two_views()
    expected = KernelCCA(2, kernel="linear").fit(X, y).transform(X)
    ours = KernelCCA(2, kernel="linear").fit(X * scale, y).transform(X * scale)
    np.testing.assert_allclose(abs(ours), abs(expected), rtol=1e-6)


def test_units_of_a_cosine_do_not_matter():
    X, y = two_views()
    expected = KernelCCA(2, kernel="cosine").fit(X, y).canonical_correlations_
    ours = KernelCCA(2, kernel="cosine").fit(X * 1e-20, y).canonical_correlations_
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_callables_that_are_no_kernels_are_named():
    X, y = two_views()
    M = np.triu(np.ones((4, 4)))
    with pytest.raises(ValueError, match="kernel of X is not symmetric"):
        KernelCCA(1, kernel=lambda a, b: a @ M @ b.T, y_kernel="rbf").fit(X, y)
    with pytest.raises(ValueError, match="an object, not a class"):
        KernelCCA(1, kernel=RBF).fit(X, y)
    with pytest.raises(ValueError, match="kernel of X holds NaN"):
        KernelCCA(1, kernel=lambda a, b: np.full((len(a), len(b)), np.nan)).fit(X, y)


@pytest.mark.parametrize("model", [KernelCCA(3, kernel="linear"), LinearCCA(3)])
def test_a_warning_points_at_the_caller(model):
    X, y = two_views()
    with pytest.warns(UserWarning, match="pairs of canonical variates") as caught:
        model.fit(np.column_stack([X[:, 0]] * 3), y)
    assert caught[0].filename == __file__
