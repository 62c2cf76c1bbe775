"""LinearCCA against SciPy's principal angles, statsmodels' CanCorr and the eigenproblem."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import eigh, subspace_angles
from sklearn.cross_decomposition import CCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from statsmodels.multivariate.cancorr import CanCorr

from skdcca import LinearCCA


def two_views(n=300, p=6, q=4, n_shared=2, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, n_shared))
    X = shared @ rng.normal(size=(n_shared, p)) + noise * rng.normal(size=(n, p))
    y = shared @ rng.normal(size=(n_shared, q)) + noise * rng.normal(size=(n, q))
    return X, y


def scipy_correlations(X, y):
    angles = subspace_angles(X - X.mean(axis=0), y - y.mean(axis=0))
    return np.sort(np.cos(angles))[::-1]


@pytest.mark.parametrize(
    ("n", "p", "q"), [(300, 6, 4), (300, 4, 6), (50, 20, 25), (1000, 1, 3), (7, 3, 3)]
)
def test_correlations_equal_scipy_and_statsmodels(n, p, q):
    X, y = two_views(n, p, q)
    ours = LinearCCA().fit(X, y).canonical_correlations_
    np.testing.assert_allclose(ours, scipy_correlations(X, y), atol=1e-10)
    np.testing.assert_allclose(ours, CanCorr(y, X).cancorr[: min(p, q)], atol=1e-10)


def test_wide_views_correlate_perfectly():
    X, y = two_views(n=20, p=50, q=30)
    ours = LinearCCA().fit(X, y)
    assert ours.n_components_ == 19  # centred rows have rank n - 1
    np.testing.assert_allclose(ours.canonical_correlations_, 1.0, atol=1e-10)


def test_one_wide_view_equals_scipy():
    X, y = two_views(n=30, p=60, q=2)
    ours = LinearCCA(reg=0).fit(X[:, :20], y).canonical_correlations_
    np.testing.assert_allclose(ours, scipy_correlations(X[:, :20], y), atol=1e-10)
    np.testing.assert_allclose(LinearCCA().fit(X, y).canonical_correlations_, 1.0, atol=1e-10)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda X: np.hstack([X, X[:, :2]]),
        lambda X: np.hstack([X, X @ np.ones((X.shape[1], 1))]),
        lambda X: np.hstack([X, np.full((len(X), 1), 7.3)]),
        lambda X: np.hstack([X, 1e-9 * X[:, :1]]),
    ],
    ids=["duplicated", "dependent", "constant", "rescaled"],
)
def test_redundant_columns_change_nothing(spoil):
    X, y = two_views()
    expected = scipy_correlations(X, y)
    # statsmodels refuses collinear columns: it is asked for the independent ones.
    np.testing.assert_allclose(CanCorr(y, X).cancorr, expected, atol=1e-10)
    for left, right in [(spoil(X), y), (X, spoil(y)), (spoil(X), spoil(y))]:
        fitted = LinearCCA().fit(left, right)
        assert fitted.n_components_ == 4
        np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-10)


def test_rank_below_n_components_warns_and_keeps_the_shape():
    X, y = two_views(p=5, q=5)
    X[:, 2:] = X[:, :2] @ np.ones((2, 3))
    with pytest.warns(UserWarning, match="n_components=5.*the last 3 components"):
        fitted = LinearCCA(5).fit(X, y)
    assert fitted.x_weights_.shape == fitted.y_weights_.shape == (5, 5)
    assert not fitted.canonical_correlations_[2:].any()
    zx, zy = fitted.transform(X, y)
    assert np.isfinite(zx).all()
    assert np.isfinite(zy).all()
    assert fitted.score(X, y) == pytest.approx(fitted.canonical_correlations_.sum())


def test_variates_are_white_sorted_and_correlated_as_stated():
    X, y = two_views()
    fitted = LinearCCA().fit(X, y)
    zx, zy = fitted.transform(X, y)
    rho = fitted.canonical_correlations_
    np.testing.assert_allclose(np.cov(zx.T), np.eye(4), atol=1e-10)
    np.testing.assert_allclose(np.cov(zy.T), np.eye(4), atol=1e-10)
    np.testing.assert_allclose(np.cov(zx.T, zy.T)[:4, 4:], np.diag(rho), atol=1e-10)
    assert (np.diff(rho) <= 0).all()
    np.testing.assert_allclose(fitted.score(X, y), rho.sum(), atol=1e-10)


def ridge_oracle(X, y, reg_x, reg_y):
    """The generalised eigenproblem of ridge CCA on standardised columns."""
    p = X.shape[1]
    R = np.corrcoef(X.T, y.T)
    A, B = R.copy(), R.copy()
    A[:p, :p] = A[p:, p:] = 0
    B[:p, p:] = B[p:, :p] = 0
    B += np.diag(np.repeat([reg_x, reg_y], [p, y.shape[1]]))
    return eigh(A, B, eigvals_only=True)[::-1][: min(p, y.shape[1])]


@pytest.mark.parametrize("shape", [{"n": 300}, {"n": 20, "p": 40, "q": 30}], ids=["tall", "wide"])
@pytest.mark.parametrize("reg", [0.1, 0.9, (0.1, 5.0)])
def test_ridge_equals_the_eigenproblem(shape, reg):
    X, y = two_views(**shape)
    ours = LinearCCA(reg=reg).fit(X, y).canonical_correlations_
    expected = ridge_oracle(X, y, *np.broadcast_to(reg, 2))
    np.testing.assert_allclose(ours, expected[: len(ours)], atol=1e-10)
    np.testing.assert_allclose(expected[len(ours) :], 0, atol=1e-10)


def test_ridge_means_the_same_at_every_n_and_in_every_unit():
    X, y = two_views()
    expected = LinearCCA(reg=0.5).fit(X, y)
    twice = LinearCCA(reg=0.5).fit(np.vstack([X, X]), np.vstack([y, y]))
    np.testing.assert_allclose(
        twice.canonical_correlations_, expected.canonical_correlations_, atol=1e-12
    )
    units = 10.0 ** np.arange(-3, 3)
    other = LinearCCA(reg=0.5).fit(X * units + 100, y)
    np.testing.assert_allclose(
        other.canonical_correlations_, expected.canonical_correlations_, atol=1e-10
    )
    np.testing.assert_allclose(other.x_weights_ * units[:, None], expected.x_weights_, atol=1e-8)


@pytest.mark.parametrize(
    ("shift", "scale"), [(1e6, 1.0), (0.0, 1e6), (0.0, 1e-9), (0.0, 1e-200), (0.0, 1e200)]
)
def test_units_do_not_matter(shift, scale):
    X, y = two_views()
    ours = LinearCCA().fit(X * scale + shift, y).canonical_correlations_
    np.testing.assert_allclose(ours, scipy_correlations(X, y), atol=1e-9 if shift else 1e-12)


def test_float32_keeps_its_components_and_its_type():
    X, y = two_views(n=2000)
    X = (X * 1000 + 3000).astype(np.float32)
    fitted = LinearCCA().fit(X, y)
    expected = scipy_correlations(X.astype(np.float64), y)
    np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-10)
    zx, zy = fitted.transform(X, y)
    assert zx.dtype == np.float32
    assert zy.dtype == np.float64
    assert fitted.score(X, y) == pytest.approx(expected.sum(), abs=1e-5)


def test_loadings_are_correlations_with_the_columns():
    X, y = two_views()
    for reg in (0.0, 0.5):
        fitted = LinearCCA(2, reg=reg).fit(X, y)
        zx, zy = fitted.transform(X, y)
        np.testing.assert_allclose(fitted.x_loadings_, np.corrcoef(X.T, zx.T)[:6, 6:], atol=1e-10)
        np.testing.assert_allclose(fitted.y_loadings_, np.corrcoef(y.T, zy.T)[:4, 4:], atol=1e-10)
        largest = np.abs(fitted.x_loadings_).argmax(axis=0)
        assert (fitted.x_loadings_[largest, [0, 1]] > 0).all()


def test_means_scales_and_constant_columns():
    X, y = two_views()
    X[:, 3] = -2.0
    fitted = LinearCCA().fit(X, y)
    np.testing.assert_allclose(fitted.x_mean_, X.mean(axis=0))
    np.testing.assert_allclose(np.delete(fitted.x_scale_, 3), np.delete(X.std(axis=0, ddof=1), 3))
    assert fitted.x_scale_[3] == 1
    assert not fitted.x_weights_[3].any()
    assert not fitted.x_loadings_[3].any()


def test_agrees_with_scikit_learn_up_to_sign_and_scale():
    X, y = two_views(n=500)
    zx, zy = LinearCCA(2).fit(X, y).transform(X, y)
    theirs_x, theirs_y = CCA(2, max_iter=10_000, tol=1e-12).fit(X, y).transform(X, y)
    for ours, theirs in [(zx, theirs_x), (zy, theirs_y)]:
        for i in range(2):
            assert abs(np.corrcoef(ours[:, i], theirs[:, i])[0, 1]) == pytest.approx(1, abs=1e-8)


def test_swapping_and_reordering():
    X, y = two_views()
    fitted, swapped = LinearCCA().fit(X, y), LinearCCA().fit(y, X)
    np.testing.assert_allclose(
        swapped.canonical_correlations_, fitted.canonical_correlations_, atol=1e-12
    )
    order = np.random.default_rng(1).permutation(len(X))
    again = LinearCCA().fit(X[order], y[order])
    np.testing.assert_allclose(again.x_weights_, fitted.x_weights_, atol=1e-9)
    np.testing.assert_allclose(again.y_weights_, fitted.y_weights_, atol=1e-9)


def test_score_on_held_out_rows_is_the_sum_of_correlations():
    X, y = two_views(n=400)
    fitted = LinearCCA().fit(X[:200], y[:200])
    zx, zy = fitted.transform(X[200:], y[200:])
    expected = sum(np.corrcoef(zx[:, i], zy[:, i])[0, 1] for i in range(4))
    assert fitted.score(X[200:], y[200:]) == pytest.approx(expected, abs=1e-12)
    repeated = np.repeat(np.arange(200, 400), 3)
    weighted = fitted.score(X[200:], y[200:], sample_weight=np.full(200, 3.0))
    assert fitted.score(X[repeated], y[repeated]) == pytest.approx(weighted, abs=1e-12)


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


def test_pandas_in_and_out():
    X, y = two_views()
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
    X, y = two_views()
    np.testing.assert_allclose(LinearCCA().fit_transform(X, y), LinearCCA().fit(X, y).transform(X))


def test_one_dimensional_y():
    X, y = two_views(q=1)
    fitted = LinearCCA().fit(X, y.ravel())
    assert fitted.transform_y(y.ravel()).shape == (300, 1)
    residual = (
        y[:, 0]
        - np.column_stack([np.ones(300), X])
        @ np.linalg.lstsq(np.column_stack([np.ones(300), X]), y[:, 0], rcond=None)[0]
    )
    r_squared = 1 - residual.var() / y.var()
    assert fitted.canonical_correlations_[0] == pytest.approx(np.sqrt(r_squared), abs=1e-10)


X, Y = two_views(n=20)


@pytest.mark.parametrize(
    ("estimator", "X", "y", "message"),
    [
        (LinearCCA(), X, Y[:-1], "X has 20 samples and y has 19"),
        (LinearCCA(), X, None, "requires y to be passed"),
        (LinearCCA(5), X, Y, "n_components=5 is too large: at most 4 here .the features of y"),
        (LinearCCA(7), X, Y, "n_components=7 is too large: at most 6 here .the features of X"),
        (LinearCCA(4), X[:4], Y[:4], "n_components=4 is too large: at most 3 .*samples - 1"),
        (LinearCCA(0), X, Y, "n_components=0; it must be a whole number"),
        (LinearCCA(1.5), X, Y, "n_components=1.5"),
        (LinearCCA(True), X, Y, "n_components=True"),
        (LinearCCA(reg=-1), X, Y, "reg=-1; it must be"),
        (LinearCCA(reg=(1, 2, 3)), X, Y, "reg=.1, 2, 3."),
        (LinearCCA(reg=np.nan), X, Y, "reg=nan"),
        (LinearCCA(reg="auto"), X, Y, "reg='auto'"),
        (LinearCCA(), X[:1], Y[:1], "minimum of 2 is required"),
        (LinearCCA(), X * np.nan, Y, "Input X contains NaN"),
        (LinearCCA(), X, np.where(Y[3, 2] == Y, np.inf, Y), "Input y contains infinity"),
        (LinearCCA(), np.ones((20, 3)), Y, "every column of X is constant"),
        (LinearCCA(), X, np.zeros((20, 3)), "every column of y is constant"),
        (LinearCCA(), X[:, :, None], Y, "Found array with dim 3"),
        (LinearCCA(), X, ["text"] * 20, "y holds text .*y_transformer=Doc2VecLyrics"),
    ],
)
def test_bad_input_is_named(estimator, X, y, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


def test_other_shapes_at_transform_are_named():
    fitted = LinearCCA().fit(X, Y)
    with pytest.raises(ValueError, match="X has 5 features"):
        fitted.transform(X[:, :5])
    with pytest.raises(ValueError, match="y has 3 features, but LinearCCA was fitted with 4"):
        fitted.transform_y(Y[:, :3])
    with pytest.raises(ValueError, match="X has 20 samples and y has 3"):
        fitted.transform(X, Y[:3])


def test_wrong_n_components_is_found_before_the_text_model_is_trained():
    trained = []
    text = FunctionTransformer(lambda texts: trained.append(1) or Y)
    with pytest.raises(ValueError, match="n_components=30"):
        LinearCCA(30, y_transformer=text).fit(X, ["text"] * 20)
    assert not trained


def test_pickles_of_another_version_are_told(monkeypatch):
    stored = pickle.dumps(LinearCCA().fit(X, Y))
    again = pickle.loads(stored)
    assert "_skdcca_version" not in vars(again)
    monkeypatch.setattr("skdcca.base.__version__", "99.0")
    with pytest.warns(UserWarning, match=r"pickled by skdcca 0\..* loaded by 99.0"):
        pickle.loads(stored)


def test_unequal_weights_in_score_equal_repeated_rows():
    fitted = LinearCCA(2).fit(X, Y)
    counts = np.arange(20) % 4
    repeated = np.repeat(np.arange(20), counts)
    weighted = fitted.score(X, Y, sample_weight=counts)
    assert weighted == pytest.approx(fitted.score(X[repeated], Y[repeated]), abs=1e-12)
    assert weighted != pytest.approx(fitted.score(X, Y), abs=1e-3)


@pytest.mark.parametrize(
    ("dtype", "shift"), [(np.float32, 0.0), (np.float32, 100.0), (np.float64, 1e6)]
)
def test_rounding_of_the_input_is_no_rank(dtype, shift):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500))
    y = np.column_stack(
        [a + rng.normal(size=500), b + 3 * rng.normal(size=500), rng.normal(size=(500, 2))]
    )
    view = (np.column_stack([a, b, 0.1 * a, a + b]) + shift).astype(dtype)
    fitted = LinearCCA().fit(view, y)
    assert fitted.n_components_ == 2
    expected = scipy_correlations(np.column_stack([a, b]), y)
    np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_small_but_real_direction_is_kept(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500)).astype(dtype)
    small = dtype(1e-4 if dtype == np.float32 else 1e-9)
    view = np.column_stack([a, a + small * b])
    fitted = LinearCCA().fit(view, np.column_stack([b, rng.normal(size=500)]))
    assert fitted.n_components_ == 2
    assert fitted.canonical_correlations_[0] == pytest.approx(
        1, abs=1e-2 if dtype == np.float32 else 1e-6
    )


def test_float32_of_the_second_view_is_kept():
    fitted = LinearCCA(2).fit(X, Y.astype(np.float32))
    assert fitted.transform_y(Y.astype(np.float32)).dtype == np.float32
    assert fitted.__sklearn_tags__().target_tags.required


def test_infinite_ridge_is_refused():
    with pytest.raises(ValueError, match="reg=inf"):
        LinearCCA(reg=np.inf).fit(X, Y)


def test_columns_of_y_in_another_order_are_refused():
    table = pd.DataFrame(Y, columns=list("abcd"))
    fitted = LinearCCA().fit(X, table)
    with pytest.raises(ValueError, match=r"y has the columns \['d', 'c', 'b', 'a'\]"):
        fitted.score(X, table[list("dcba")])
    np.testing.assert_array_equal(fitted.transform_y(Y), fitted.transform_y(table))


def test_what_was_fitted_counts_not_what_the_parameter_says_now():
    fitted = LinearCCA(y_transformer=StandardScaler()).fit(X, Y)
    expected = fitted.transform_y(Y)
    np.testing.assert_array_equal(fitted.set_params(y_transformer=None).transform_y(Y), expected)
    fitted.fit(X, Y).set_params(y_transformer=StandardScaler())
    assert fitted.y_transformer_ is None
    assert fitted.transform_y(Y).shape == (20, 4)


def test_a_transformer_that_loses_rows_is_refused():
    losing = FunctionTransformer(lambda y: y[:-5])
    with pytest.raises(ValueError, match="FunctionTransformer made 15 rows of 20"):
        LinearCCA(y_transformer=losing).fit(X, Y)
