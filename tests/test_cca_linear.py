"""LinearCCA against SciPy's principal angles, statsmodels' CanCorr and the eigenproblem."""

import pickle
import tracemalloc

import numpy as np
import pytest
from _views import (
    orthonormal_correlations,
    scaled_views,
    scipy_correlations,
    shared_views,
    sparse_views,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cross_decomposition import CCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, Ridge
from statsmodels.multivariate.cancorr import CanCorr

from skdcca import LinearCCA, load, save
from skdcca.exceptions import PerfectCorrelationWarning, PrecisionWarning, RankWarning

X, Y = shared_views(n=20)


@pytest.mark.parametrize(
    ("n", "p", "q"), [(300, 6, 4), (300, 4, 6), (50, 20, 25), (1000, 1, 3), (7, 3, 3)]
)
def test_correlations_equal_scipy_and_statsmodels(n, p, q):
    X, y = shared_views(n, p, q)
    ours = LinearCCA(reg=0).fit(X, y).canonical_correlations_
    np.testing.assert_allclose(ours, scipy_correlations(X, y), atol=1e-10)
    np.testing.assert_allclose(ours, CanCorr(y, X).cancorr[: min(p, q)], atol=1e-10)


def test_wide_views_correlate_perfectly():
    X, y = shared_views(n=20, p=50, q=30)
    with pytest.warns(PerfectCorrelationWarning, match=r"rank 19 .* rank 19.* 19 canonical"):
        ours = LinearCCA(reg=0).fit(X, y)
    assert ours.n_components_ == 19  # centered rows have rank n - 1
    np.testing.assert_allclose(ours.canonical_correlations_, 1.0, atol=1e-10)


def test_one_wide_view_equals_scipy():
    X, y = shared_views(n=30, p=60, q=2)
    ours = LinearCCA(reg=0).fit(X[:, :20], y).canonical_correlations_
    np.testing.assert_allclose(ours, scipy_correlations(X[:, :20], y), atol=1e-10)
    with pytest.warns(PerfectCorrelationWarning, match="2 canonical correlations"):
        ours = LinearCCA(reg=0).fit(X, y)
    np.testing.assert_allclose(ours.canonical_correlations_, 1.0, atol=1e-10)


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
    X, y = shared_views()
    expected = scipy_correlations(X, y)
    # statsmodels refuses collinear columns, so it gets the independent ones.
    np.testing.assert_allclose(CanCorr(y, X).cancorr, expected, atol=1e-10)
    for left, right in [(spoil(X), y), (X, spoil(y)), (spoil(X), spoil(y))]:
        fitted = LinearCCA(reg=0).fit(left, right)
        assert fitted.n_components_ == 4
        np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-10)


def test_rank_below_n_components_warns_and_keeps_the_shape():
    X, y = shared_views(p=5, q=5)
    X[:, 2:] = X[:, :2] @ np.ones((2, 3))
    with pytest.warns(UserWarning, match="n_components=5.*The last 3 components"):
        fitted = LinearCCA(5, reg=0).fit(X, y)
    assert fitted.x_weights_.shape == fitted.y_weights_.shape == (5, 5)
    assert not fitted.canonical_correlations_[2:].any()
    zx, zy = fitted.transform(X, y)
    assert np.isfinite(zx).all()
    assert np.isfinite(zy).all()
    assert fitted.score(X, y) == pytest.approx(fitted.canonical_correlations_.sum())


def test_variates_are_white_sorted_and_correlated_as_stated():
    X, y = shared_views()
    fitted = LinearCCA(reg=0).fit(X, y)
    zx, zy = fitted.transform(X, y)
    rho = fitted.canonical_correlations_
    np.testing.assert_allclose(np.cov(zx.T), np.eye(4), atol=1e-10)
    np.testing.assert_allclose(np.cov(zy.T), np.eye(4), atol=1e-10)
    np.testing.assert_allclose(np.cov(zx.T, zy.T)[:4, 4:], np.diag(rho), atol=1e-10)
    assert (np.diff(rho) <= 0).all()
    np.testing.assert_allclose(fitted.score(X, y), rho.sum(), atol=1e-10)


def ridge_oracle(X, y, reg_x, reg_y):
    """Return the eigenvalues of the problem of ridge CCA on standardized columns."""
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
    X, y = shared_views(**shape)
    ours = LinearCCA(reg=reg).fit(X, y).canonical_correlations_
    expected = ridge_oracle(X, y, *np.broadcast_to(reg, 2))
    np.testing.assert_allclose(ours, expected[: len(ours)], atol=1e-10)
    np.testing.assert_allclose(expected[len(ours) :], 0, atol=1e-10)


def test_ridge_means_the_same_at_every_n_and_in_every_unit():
    X, y = shared_views()
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
    X, y = shared_views()
    ours = LinearCCA(reg=0).fit(X * scale + shift, y).canonical_correlations_
    np.testing.assert_allclose(ours, scipy_correlations(X, y), atol=1e-9 if shift else 1e-12)


def test_float32_keeps_its_components_and_its_type():
    X, y = shared_views(n=2000)
    X = (X * 1000 + 3000).astype(np.float32)
    fitted = LinearCCA(reg=0).fit(X, y)
    expected = scipy_correlations(X.astype(np.float64), y)
    np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-10)
    zx, zy = fitted.transform(X, y)
    assert zx.dtype == np.float32
    assert zy.dtype == np.float64
    assert fitted.score(X, y) == pytest.approx(expected.sum(), abs=1e-5)


def test_loadings_are_correlations_with_the_columns():
    X, y = shared_views()
    for reg in (0.0, 0.5):
        fitted = LinearCCA(2, reg=reg).fit(X, y)
        zx, zy = fitted.transform(X, y)
        np.testing.assert_allclose(fitted.x_loadings_, np.corrcoef(X.T, zx.T)[:6, 6:], atol=1e-10)
        np.testing.assert_allclose(fitted.y_loadings_, np.corrcoef(y.T, zy.T)[:4, 4:], atol=1e-10)
        largest = np.abs(fitted.x_loadings_).argmax(axis=0)
        assert (fitted.x_loadings_[largest, [0, 1]] > 0).all()


def test_means_scales_and_constant_columns():
    X, y = shared_views()
    X[:, 3] = -2.0
    fitted = LinearCCA(reg=0).fit(X, y)
    np.testing.assert_allclose(fitted.x_mean_, X.mean(axis=0))
    np.testing.assert_allclose(np.delete(fitted.x_scale_, 3), np.delete(X.std(axis=0, ddof=1), 3))
    assert fitted.x_scale_[3] == 1
    assert not fitted.x_weights_[3].any()
    assert not fitted.x_loadings_[3].any()


def test_agrees_with_scikit_learn_up_to_sign_and_scale():
    X, y = shared_views(n=500)
    zx, zy = LinearCCA(2, reg=0).fit(X, y).transform(X, y)
    theirs_x, theirs_y = CCA(2, max_iter=10_000, tol=1e-12).fit(X, y).transform(X, y)
    for ours, theirs in [(zx, theirs_x), (zy, theirs_y)]:
        for i in range(2):
            assert abs(np.corrcoef(ours[:, i], theirs[:, i])[0, 1]) == pytest.approx(1, abs=1e-8)


def test_swapping_and_reordering():
    X, y = shared_views()
    fitted, swapped = LinearCCA(reg=0).fit(X, y), LinearCCA(reg=0).fit(y, X)
    np.testing.assert_allclose(
        swapped.canonical_correlations_, fitted.canonical_correlations_, atol=1e-12
    )
    order = np.random.default_rng(1).permutation(len(X))
    again = LinearCCA(reg=0).fit(X[order], y[order])
    np.testing.assert_allclose(again.x_weights_, fitted.x_weights_, atol=1e-9)
    np.testing.assert_allclose(again.y_weights_, fitted.y_weights_, atol=1e-9)


def test_score_on_held_out_rows_is_the_sum_of_correlations():
    X, y = shared_views(n=400)
    fitted = LinearCCA(reg=0).fit(X[:200], y[:200])
    zx, zy = fitted.transform(X[200:], y[200:])
    expected = sum(np.corrcoef(zx[:, i], zy[:, i])[0, 1] for i in range(4))
    assert fitted.score(X[200:], y[200:]) == pytest.approx(expected, abs=1e-12)
    repeated = np.repeat(np.arange(200, 400), 3)
    weighted = fitted.score(X[200:], y[200:], sample_weight=np.full(200, 3.0))
    assert fitted.score(X[repeated], y[repeated]) == pytest.approx(weighted, abs=1e-12)


def test_one_dimensional_y():
    X, y = shared_views(q=1)
    fitted = LinearCCA(reg=0).fit(X, y.ravel())
    assert fitted.transform_y(y.ravel()).shape == (300, 1)
    residual = (
        y[:, 0]
        - np.column_stack([np.ones(300), X])
        @ np.linalg.lstsq(np.column_stack([np.ones(300), X]), y[:, 0], rcond=None)[0]
    )
    r_squared = 1 - residual.var() / y.var()
    assert fitted.canonical_correlations_[0] == pytest.approx(np.sqrt(r_squared), abs=1e-10)


@pytest.mark.parametrize(
    ("estimator", "X", "y", "message"),
    [
        (LinearCCA(reg=0), X, Y[:-1], "the same number of samples, got 20 and 19"),
        (LinearCCA(reg=0), X, None, "requires y to be passed"),
        (
            LinearCCA(5, reg=0),
            X,
            Y,
            "`n_components` must be <= 4 .the number of features of y., got 5",
        ),
        (
            LinearCCA(7, reg=0),
            X,
            Y,
            "`n_components` must be <= 4 .the number of features of y., got 7",
        ),
        (LinearCCA(4, reg=0), X[:4], Y[:4], "`n_components` must be <= 3 .*samples - 1., got 4"),
        (LinearCCA(0, reg=0), X, Y, "`n_components` must be an integer >= 1, or None, got 0"),
        (LinearCCA(1.5, reg=0), X, Y, "`n_components` must be .*, got 1.5"),
        (LinearCCA(True, reg=0), X, Y, "`n_components` must be .*, got True"),
        (
            LinearCCA(reg=-1),
            X,
            Y,
            "`reg` must be 'auto', 'ledoit_wolf', 'oas', or a finite number >= 0, .*, got -1",
        ),
        (LinearCCA(reg=(1, 2, 3)), X, Y, "`reg` must be .* a pair of them, got .1, 2, 3."),
        (LinearCCA(reg=np.nan), X, Y, "`reg` must be .* finite number .*, got nan"),
        (LinearCCA(reg="best"), X, Y, "`reg` must be .* finite number .*, got 'best'"),
        (LinearCCA(reg=0), X[:1], Y[:1], "minimum of 2 is required"),
        (LinearCCA(reg=0), X * np.nan, Y, "Input X contains NaN"),
        (LinearCCA(reg=0), X, np.where(Y[3, 2] == Y, np.inf, Y), "Input y contains infinity"),
        (LinearCCA(reg=0), np.ones((20, 3)), Y, "Every column of X is constant"),
        (LinearCCA(reg=0), X, np.zeros((20, 3)), "Every column of y is constant"),
        (LinearCCA(reg=0), X[:, :, None], Y, "Found array with dim 3"),
        (LinearCCA(reg=0), X, ["text"] * 20, "y contains text.* `y_transformer`.*LabelBinarizer"),
    ],
)
def test_bad_input_is_named(estimator, X, y, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


def test_unequal_weights_in_score_equal_repeated_rows():
    fitted = LinearCCA(2, reg=0).fit(X, Y)
    counts = np.arange(20) % 4
    repeated = np.repeat(np.arange(20), counts)
    weighted = fitted.score(X, Y, sample_weight=counts)
    assert weighted == pytest.approx(fitted.score(X[repeated], Y[repeated]), abs=1e-12)
    assert weighted != pytest.approx(fitted.score(X, Y), abs=1e-3)


@pytest.mark.parametrize(
    ("dtype", "shift"), [(np.float32, 0.0), (np.float32, 100.0), (np.float64, 1e6)]
)
def test_rounding_of_the_input_adds_no_rank(dtype, shift):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500))
    y = np.column_stack(
        [a + rng.normal(size=500), b + 3 * rng.normal(size=500), rng.normal(size=(500, 2))]
    )
    view = (np.column_stack([a, b, 0.1 * a, a + b]) + shift).astype(dtype)
    fitted = LinearCCA(reg=0).fit(view, y)
    assert fitted.n_components_ == 2
    expected = scipy_correlations(np.column_stack([a, b]), y)
    np.testing.assert_allclose(fitted.canonical_correlations_, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_small_but_real_direction_is_kept(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500)).astype(dtype)
    small = dtype(1e-4 if dtype == np.float32 else 1e-9)
    view = np.column_stack([a, a + small * b])
    fitted = LinearCCA(reg=0).fit(view, np.column_stack([b, rng.normal(size=500)]))
    assert fitted.n_components_ == 2
    assert fitted.canonical_correlations_[0] == pytest.approx(
        1, abs=1e-2 if dtype == np.float32 else 1e-6
    )


def test_float32_of_the_second_view_is_kept():
    fitted = LinearCCA(2, reg=0).fit(X, Y.astype(np.float32))
    assert fitted.transform_y(Y.astype(np.float32)).dtype == np.float32
    assert fitted.__sklearn_tags__().target_tags.required


def test_infinite_ridge_is_refused():
    with pytest.raises(ValueError, match=r"`reg` must be .* finite number .*, got inf"):
        LinearCCA(reg=np.inf).fit(X, Y)


# Streams and weights


def assert_same_model(one, other, atol=1e-10):
    assert_allclose(one.canonical_correlations_, other.canonical_correlations_, atol=atol)
    for name in ("x_weights_", "y_weights_", "x_loadings_", "y_loadings_", "x_mean_", "y_scale_"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert_allclose(ours, theirs, atol=atol * np.abs(theirs).max(), err_msg=name)


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
@pytest.mark.parametrize("reg", [0.0, (0.1, 2.0), "oas", ("ledoit_wolf", 0.0)])
def test_a_stream_equals_one_fit(reg):
    X, y = shared_views(400)
    X[:, 0] += 1e6
    streamed = LinearCCA(3, reg=reg)
    for rows in np.array_split(np.arange(400), [5, 6, 200]):
        assert streamed.partial_fit(X[rows], y[rows]) is streamed
    assert_same_model(streamed, LinearCCA(3, reg=reg).fit(X, y), atol=1e-9)
    # A pickle continues the stream; `fit` starts a new one.
    again = pickle.loads(pickle.dumps(streamed)).partial_fit(X[:50] * 2, y[:50])
    both = LinearCCA(3, reg=reg).fit(np.vstack([X, X[:50] * 2]), np.vstack([y, y[:50]]))
    assert_same_model(again, both, atol=1e-9)
    afresh = again.fit(X, y).partial_fit(X[:60], y[:60])
    assert_same_model(afresh, LinearCCA(3, reg=reg).fit(X[:60], y[:60]), atol=1e-9)


def test_a_stream_with_dependent_columns():
    X, y = shared_views(400)
    X = np.column_stack([X, X[:, 0], X[:, 1] - 2 * X[:, 2], np.ones(400)])
    streamed = LinearCCA(reg=0)
    for rows in np.array_split(np.arange(400), 4):
        with pytest.warns(PrecisionWarning, match="of X are mostly .* in 2 directions"):
            streamed.partial_fit(X[rows], y[rows])
    assert_allclose(streamed.canonical_correlations_, orthonormal_correlations(X, y), atol=1e-10)
    with (
        pytest.warns(PrecisionWarning),
        pytest.warns(RankWarning, match="The last 3 components have correlation 0"),
    ):
        padded = LinearCCA(4, reg=0).partial_fit(y, X[:, [0, 6, 0, 6]])
    assert padded.x_weights_.shape == padded.y_weights_.shape == (4, 4)
    assert_array_equal(padded.y_weights_[:, 1:], 0)


def test_batches_that_fail_leave_the_stream_as_it_was():
    X, y = shared_views(400)
    streamed = LinearCCA(2, reg=0).partial_fit(X[:200], y[:200])
    bad = X[200:].copy()
    bad[7, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        streamed.partial_fit(bad, y[200:])
    with pytest.raises(ValueError, match="features"):
        streamed.partial_fit(X[200:, :3], y[200:])
    with pytest.raises(ValueError, match="y has 3 features"):
        streamed.partial_fit(X[200:], y[200:, :3])
    streamed.partial_fit(X[200:], y[200:])
    assert_same_model(streamed, LinearCCA(2, reg=0).fit(X, y))


def test_a_stream_fits_the_transformer_of_y_once():
    class First(TransformerMixin, BaseEstimator):
        def fit(self, y, _=None):
            self.mean_ = np.mean(y, axis=0)
            return self

        def transform(self, y):
            return np.asarray(y) - self.mean_

    X, y = shared_views(400)
    streamed = LinearCCA(2, y_transformer=First(), reg=0).partial_fit(X[:100], y[:100])
    before = streamed.y_transformer_.mean_
    streamed.partial_fit(X[100:], y[100:])
    assert_array_equal(streamed.y_transformer_.mean_, before)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_later_batches_may_weigh_little(convert):
    X, y = shared_views(n=100)
    weight = np.r_[np.ones(98), 0.25, 0.5]
    streamed = LinearCCA(2, reg=0).partial_fit(convert(X[:98]), y[:98])
    for i in (98, 99):
        streamed.partial_fit(convert(X[[i]]), y[[i]], weight[[i]])
    assert_same_model(streamed, LinearCCA(2, reg=0).fit(X, y, weight), atol=1e-9)


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
@pytest.mark.parametrize("p", [6, 60])  # by the Gram matrix, by the singular values
@pytest.mark.parametrize("reg", [0.0, 0.5])
def test_weights_count_rows(p, reg):
    X, y = shared_views(n=50, p=p)
    times = np.random.default_rng(0).integers(0, 3, size=50)
    weighted = LinearCCA(3, reg=reg).fit(X, y, sample_weight=times)
    repeated = LinearCCA(3, reg=reg).fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    if p == 6 or reg:  # else all correlations are 1, so the variates are arbitrary
        assert_same_model(weighted, repeated)
    assert_allclose(weighted.canonical_correlations_, repeated.canonical_correlations_, atol=1e-10)
    streamed = LinearCCA(3, reg=reg)
    for rows in (slice(0, 20), slice(20, None)):
        streamed.partial_fit(X[rows], y[rows], times[rows])
    if p == 6:
        assert_same_model(streamed, repeated)


@pytest.mark.parametrize("weight", [np.full(400, 1e-3), np.eye(400)[0] * 5, -np.ones(400), [1, 2]])
def test_bad_weights_are_refused(weight):
    with pytest.raises(ValueError, match=r"sample_weight|Negative values"):
        LinearCCA(reg=0).fit(*shared_views(400), sample_weight=weight)


def test_a_saved_model_continues_partial_fit(tmp_path):
    X, y = shared_views()
    whole = LinearCCA(reg=0).partial_fit(X[:100], y[:100])
    save(whole, tmp_path / "model")
    whole.partial_fit(X[100:], y[100:])
    again = load(tmp_path / "model").partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(again.x_weights_, whole.x_weights_)
    np.testing.assert_array_equal(again.canonical_correlations_, whole.canonical_correlations_)


# Sparse and large views


@pytest.mark.parametrize("p", [40, 500])  # fewer columns than rows, more
@pytest.mark.parametrize("reg", [0.2, (1.0, 0.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_equals_dense(p, reg, weighted):
    X, y = sparse_views(p=p)
    weight = np.random.default_rng(0).uniform(0.5, 2, size=300) if weighted else None
    ours = LinearCCA(3, reg=reg).fit(X, y, sample_weight=weight)
    dense = LinearCCA(3, reg=reg).fit(X.toarray(), y, sample_weight=weight)
    assert_same_model(ours, dense, atol=1e-9)
    assert_allclose(ours.transform(X), dense.transform(X.toarray()), atol=1e-9)
    assert ours.score(X, y) == pytest.approx(dense.score(X.toarray(), y), abs=1e-9)


def test_sparse_with_constant_and_repeated_columns():
    X, y = sparse_views(p=20)
    X = sparse.hstack([X, X[:, [0]], np.full((300, 1), 0.1), sparse.csr_array((300, 1))], "csr")
    for rows in (300, 15):  # by columns, by rows
        ours, dense = LinearCCA(2, reg=0.1), LinearCCA(2, reg=0.1)
        ours.fit(X[:rows], y[:rows])
        dense.fit(X[:rows].toarray(), y[:rows])
        assert_same_model(ours, dense, atol=1e-7)


def test_tfidf_of_a_large_vocabulary_is_never_dense():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 50_000, size=30)) for _ in range(400)]
    X = TfidfVectorizer().fit_transform(texts)
    assert X.shape[1] > 9000
    tracemalloc.start()
    LinearCCA(2, reg=1.0).fit(X, rng.normal(size=(400, 3)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.shape[0] * X.shape[1] * 8 / 2


def test_memory_does_not_grow_with_the_rows():
    X, y = np.random.default_rng(0).normal(size=(2, 100_000, 60)).astype(np.float32)
    tracemalloc.start()
    LinearCCA(2, reg=0).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 90e6 < X.size * 8 * 2


# Predictions


@pytest.mark.parametrize("shape", [{}, {"p": 3, "q": 6}], ids=["more columns in X", "fewer"])
def test_predict_with_all_components_is_least_squares(shape):
    X, y = scaled_views(**shape)
    expected = LinearRegression().fit(X[:150], y[:150]).predict(X[150:])
    assert_allclose(LinearCCA(reg=0).fit(X[:150], y[:150]).predict(X[150:]), expected, rtol=1e-9)


@pytest.mark.parametrize("n", [200, 12], ids=["tall", "wide"])
@pytest.mark.parametrize("reg", [0.3, (0.3, 0.0), (0.3, 5.0)])
def test_predict_with_a_ridge_is_ridge_regression(n, reg):
    X, y = scaled_views(n, p=15, q=4)
    rows = slice(0, n - 2)
    X_scaled = (X - X[rows].mean(axis=0)) / X[rows].std(axis=0, ddof=1)
    expected = Ridge(0.3 * (n - 3)).fit(X_scaled[rows], y[rows]).predict(X_scaled)
    ours = LinearCCA(reg=reg).fit(X[rows], y[rows])
    assert_allclose(ours.predict(X), expected, rtol=1e-8)


def test_predict_with_few_components_is_reduced_rank_regression():
    X, y = scaled_views()
    Xc, yc = X - X.mean(axis=0), y - y.mean(axis=0)
    # The least squares map of rank 2, in the metric of the covariance of y.
    root = linalg.sqrtm(yc.T @ yc)
    fitted = Xc @ linalg.lstsq(Xc, yc)[0] @ linalg.inv(root)
    left, values, right = linalg.svd(fitted, full_matrices=False)
    expected = left[:, :2] * values[:2] @ right[:2] @ root + y.mean(axis=0)
    assert_allclose(LinearCCA(2, reg=0).fit(X, y).predict(X), expected, rtol=1e-8, atol=1e-8)


def test_every_way_to_fit_gives_the_same_predictions():
    X, y = scaled_views()
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


def test_constant_and_duplicated_columns_are_predicted():
    X, y = scaled_views()
    y = np.column_stack([y, np.full(len(y), 2.5), y[:, 0] * 3])
    expected = LinearRegression().fit(X, y).predict(X)
    assert_allclose(LinearCCA(reg=0).fit(X, y).predict(X), expected, rtol=1e-8, atol=1e-8)
