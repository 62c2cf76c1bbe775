"""Moments of two views against NumPy, and the fits that rest on them against each other."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer

from skdcca import LinearCCA
from skdcca._cca import linear as _linear
from skdcca._cca import moments as _moments
from skdcca._cca.moments import PairMoments


def two_views(n=400, p=6, q=4, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    X = shared @ rng.normal(size=(2, p)) + rng.normal(size=(n, p))
    return X, shared @ rng.normal(size=(2, q)) + rng.normal(size=(n, q))


def sparse_views(n=300, p=40, q=5, seed=0):
    rng = np.random.default_rng(seed)
    X = sparse.random_array((n, p), density=0.2, random_state=rng, format="csr")
    y = X @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))
    return X, y


def assert_same_model(one, other, atol=1e-10):
    assert_allclose(one.canonical_correlations_, other.canonical_correlations_, atol=atol)
    for name in ("x_weights_", "y_weights_", "x_loadings_", "y_loadings_", "x_mean_", "y_scale_"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert_allclose(ours, theirs, atol=atol * np.abs(theirs).max(), err_msg=name)


def oracle(X, y, k=None):
    """Canonical correlations by the singular value decomposition of both centred views."""
    left = [linalg.orth(view - view.mean(axis=0), rcond=1e-11) for view in (X, y)]
    return linalg.svdvals(left[0].T @ left[1])[:k]


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("block", [1, 70, 2**22])
def test_moments_are_those_of_numpy(monkeypatch, offset, block):
    monkeypatch.setattr(_moments, "_BLOCK", 10 * block)
    X, y = two_views()
    X, y = X + offset, y - offset
    moments = PairMoments()
    for rows in np.array_split(np.arange(400), [1, 30, 33]):
        moments.add(X[rows], y[rows])
    assert moments.weight == 400
    assert_allclose(moments.means[0], X.mean(axis=0), rtol=1e-14, atol=1e-14)
    expected = np.cov(X - offset, y + offset, rowvar=False)
    for ours, theirs in zip(
        moments.covariances(), (expected[:6, :6], expected[6:, 6:], expected[:6, 6:]), strict=True
    ):
        # The numbers themselves are rounded at 1e-10 with the offset.
        assert_allclose(ours, theirs, atol=1e-13 if not offset else 1e-9)


def test_weights_are_those_of_numpy():
    X, y = two_views()
    times = np.random.default_rng(1).integers(0, 4, size=400)
    expected = np.cov(X, y, rowvar=False, fweights=times)
    x_covariance, _, cross = PairMoments().add(X, y, times.astype(float)).covariances()
    assert_allclose(x_covariance, expected[:6, :6], atol=1e-13)
    assert_allclose(cross, expected[:6, 6:], atol=1e-13)


def test_sparse_moments_are_the_dense_ones():
    X, y = sparse_views()
    weight = np.random.default_rng(0).uniform(0.5, 2, size=300)
    for w in (None, weight):
        dense, ours = PairMoments().add(X.toarray(), y, w), PairMoments()
        for rows in (slice(0, 100), slice(100, None)):
            ours.add_sparse(X[rows], y[rows], None if w is None else w[rows])
        for one, other in zip(ours.covariances(), dense.covariances(), strict=True):
            assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize("reg", [0.0, (0.1, 2.0)])
def test_a_stream_is_one_fit(reg):
    X, y = two_views()
    X[:, 0] += 1e6
    streamed = LinearCCA(3, reg=reg)
    for rows in np.array_split(np.arange(400), [5, 6, 200]):
        assert streamed.partial_fit(X[rows], y[rows]) is streamed
    assert_same_model(streamed, LinearCCA(3, reg=reg).fit(X, y), atol=1e-9)
    # It goes on from a pickle, and starts afresh after fit.
    again = pickle.loads(pickle.dumps(streamed)).partial_fit(X[:50] * 2, y[:50])
    both = LinearCCA(3, reg=reg).fit(np.vstack([X, X[:50] * 2]), np.vstack([y, y[:50]]))
    assert_same_model(again, both, atol=1e-9)
    afresh = again.fit(X, y).partial_fit(X[:60], y[:60])
    assert_same_model(afresh, LinearCCA(3, reg=reg).fit(X[:60], y[:60]), atol=1e-9)


def test_a_stream_with_dependent_columns():
    X, y = two_views()
    X = np.column_stack([X, X[:, 0], X[:, 1] - 2 * X[:, 2], np.ones(400)])
    streamed = LinearCCA()
    for rows in np.array_split(np.arange(400), 4):
        streamed.partial_fit(X[rows], y[rows])
    assert_allclose(streamed.canonical_correlations_, oracle(X, y), atol=1e-10)
    with pytest.warns(UserWarning, match="the last 3 components have correlation 0"):
        padded = LinearCCA(4).partial_fit(y, X[:, [0, 6, 0, 6]])
    assert padded.x_weights_.shape == padded.y_weights_.shape == (4, 4)
    assert_array_equal(padded.y_weights_[:, 1:], 0)


def test_batches_that_fail_leave_the_stream_as_it_was():
    X, y = two_views()
    streamed = LinearCCA(2).partial_fit(X[:200], y[:200])
    bad = X[200:].copy()
    bad[7, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        streamed.partial_fit(bad, y[200:])
    with pytest.raises(ValueError, match="features"):
        streamed.partial_fit(X[200:, :3], y[200:])
    with pytest.raises(ValueError, match="y has 3 features"):
        streamed.partial_fit(X[200:], y[200:, :3])
    streamed.partial_fit(X[200:], y[200:])
    assert_same_model(streamed, LinearCCA(2).fit(X, y))


def test_a_stream_fits_the_transformer_of_y_once():
    class First(TransformerMixin, BaseEstimator):
        def fit(self, y, _=None):
            self.mean_ = np.mean(y, axis=0)
            return self

        def transform(self, y):
            return np.asarray(y) - self.mean_

    X, y = two_views()
    streamed = LinearCCA(2, y_transformer=First()).partial_fit(X[:100], y[:100])
    before = streamed.y_transformer_.mean_
    streamed.partial_fit(X[100:], y[100:])
    assert_array_equal(streamed.y_transformer_.mean_, before)


@pytest.mark.parametrize("p", [6, 60])  # by the Gram matrix, by the singular values
@pytest.mark.parametrize("reg", [0.0, 0.5])
def test_weights_count_rows(p, reg):
    X, y = two_views(n=50, p=p)
    times = np.random.default_rng(0).integers(0, 3, size=50)
    weighted = LinearCCA(3, reg=reg).fit(X, y, sample_weight=times)
    repeated = LinearCCA(3, reg=reg).fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    if p == 6 or reg:  # else all correlations are 1, and the variates any
        assert_same_model(weighted, repeated)
    assert_allclose(weighted.canonical_correlations_, repeated.canonical_correlations_, atol=1e-10)
    streamed = LinearCCA(3, reg=reg)
    for rows in (slice(0, 20), slice(20, None)):
        streamed.partial_fit(X[rows], y[rows], times[rows])
    if p == 6:
        assert_same_model(streamed, repeated)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_later_batches_may_weigh_little(convert):
    X, y = two_views(n=100)
    weight = np.r_[np.ones(98), 0.25, 0.5]
    streamed = LinearCCA(2).partial_fit(convert(X[:98]), y[:98])
    for i in (98, 99):
        streamed.partial_fit(convert(X[[i]]), y[[i]], weight[[i]])
    assert_same_model(streamed, LinearCCA(2).fit(X, y, weight), atol=1e-9)


@pytest.mark.parametrize("weight", [np.full(400, 1e-3), np.eye(400)[0] * 5, -np.ones(400), [1, 2]])
def test_bad_weights_are_refused(weight):
    with pytest.raises(ValueError, match=r"sample_weight|Negative values"):
        LinearCCA().fit(*two_views(), sample_weight=weight)


@pytest.mark.parametrize("p", [40, 500])  # fewer columns than rows, more
@pytest.mark.parametrize("reg", [0.2, (1.0, 0.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_is_dense(p, reg, weighted):
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
    LinearCCA(2).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 90e6 < X.size * 8 * 2


CASES = {
    "plain": lambda X, y: (X, y),
    "swapped": lambda X, y: (y, X),
    "shift": lambda X, y: (X + 1e6, y),
    "whole view large": lambda X, y: (X * 1e6, y),
    "whole view small": lambda X, y: (X * 1e-9, y),
    "one column large": lambda X, y: (X * np.r_[1e8, np.ones(5)], y),
    "duplicated": lambda X, y: (np.column_stack([X, X[:, :2]]), y),
    "constant": lambda X, y: (np.column_stack([X, np.full(len(X), 0.1)]), y),
    "wide": lambda X, y: (X[:5], y[:5]),
    "identical": lambda X, y: (X, X @ np.triu(np.ones((6, 6)))),
    "one column": lambda X, y: (X, y[:, :1]),
    "two rows": lambda X, y: (X[:2], y[:2]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_difficult_cases_against_the_oracle(case, dtype):
    X, y = CASES[case](*two_views())
    X, y = X.astype(dtype), y.astype(dtype)
    shift = 1e6 if case == "shift" else 0.0  # known, so that the oracle keeps its digits
    expected = oracle(X.astype(float) - shift, y.astype(float))
    found = LinearCCA().fit(X, y).canonical_correlations_
    assert_allclose(found, expected, atol=1e-10 if dtype is np.float64 else 1e-5)


def test_the_solver_is_exact_on_both_sides_of_its_limit(monkeypatch):
    X, y = two_views()
    for gap in (1e-1, 1e-2, 1e-3, 1e-6):
        near = np.column_stack([X, X[:, 0] + gap * np.random.default_rng(1).normal(size=400)])
        found = LinearCCA().fit(near, y).canonical_correlations_
        assert_allclose(found, oracle(near, y), atol=1e-10)
    used = []
    solve = LinearCCA._solve_views
    monkeypatch.setattr(
        LinearCCA, "_solve_views", lambda self, *views: (used.append(1), solve(self, *views))
    )
    LinearCCA().fit(X, y)
    assert not used
    LinearCCA().fit(near, y)
    assert used
    monkeypatch.setattr(_linear, "_WORST_CONDITION", 1.0)
    LinearCCA().fit(X, y)
    assert len(used) == 2
