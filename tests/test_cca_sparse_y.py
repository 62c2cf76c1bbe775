"""Sparse second views against the same fits on dense arrays."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skdcca import (
    DeepCCA,
    KernelCCA,
    LinearCCA,
    canonical_correlation_test,
    redundancy,
    variance_explained,
)

TEXTS = [f"{'sun ' * (i % 5)}{'rain ' * (i % 3)}sea{' sand' * (i % 2)}" for i in range(60)]


def sparse_pair(n, p, q, seed=0):
    """Return two sparse views that share their first columns."""
    rng = np.random.default_rng(seed)
    X = sparse.random_array((n, p), density=0.3, random_state=rng, format="csr")
    own = sparse.random_array((n, q), density=0.2, random_state=rng)
    return X, sparse.csr_array(own + X @ np.eye(p, q))


def dense(view):
    return view.toarray() if sparse.issparse(view) else view


def assert_same_model(ours, theirs, X, y, tolerance=1e-8):
    """Check that a model of sparse views equals one of the same dense views."""
    assert_allclose(ours.canonical_correlations_, theirs.canonical_correlations_, atol=tolerance)
    for own, other in zip(ours.transform(X, y), theirs.transform(dense(X), dense(y)), strict=True):
        assert_allclose(own, other, atol=tolerance)
    assert_allclose(ours.predict(X), theirs.predict(dense(X)), atol=tolerance)
    assert_allclose(ours.predict_x(y), theirs.predict_x(dense(y)), atol=tolerance)
    assert ours.score(X, y) == pytest.approx(theirs.score(dense(X), dense(y)))


TALL, WIDE_X, WIDE_Y, WIDE = (200, 8, 6), (40, 60, 5), (40, 5, 60), (40, 60, 70)


@pytest.mark.parametrize("shape", [TALL, WIDE_X, WIDE_Y, WIDE], ids=str)
@pytest.mark.parametrize("x_is_sparse", [False, True])
@pytest.mark.parametrize(
    "parameters", [{"reg": 0.5}, {"reg": "ledoit_wolf"}, {"reg": (0.1, 2), "scale": False}], ids=str
)
def test_sparse_y_gives_the_model_of_dense_y(shape, x_is_sparse, parameters):
    X, y = sparse_pair(*shape)
    X = X if x_is_sparse else X.toarray() + 5
    weight = np.arange(shape[0]) % 3.0
    model = LinearCCA(2, **parameters)
    for weights in (None, weight):
        ours = model.fit(X, y, sample_weight=weights)
        theirs = LinearCCA(2, **parameters).fit(dense(X), y.toarray(), sample_weight=weights)
        assert_same_model(ours, theirs, X, y)


def test_classical_cca_of_sparse_views():
    X, y = sparse_pair(*TALL)
    ours, theirs = LinearCCA(reg=0).fit(X, y), LinearCCA(reg=0).fit(X.toarray(), y.toarray())
    assert_same_model(ours, theirs, X, y)
    zy = ours.transform_y(y)
    assert_allclose(ours.inverse_transform_y(zy), y.toarray(), atol=1e-8)
    single = X.astype(np.float32), y.astype(np.float32)
    model = LinearCCA(2, reg=0).fit(*single)
    assert [z.dtype for z in model.transform(*single)] == [np.float32] * 2
    assert model.predict(single[0]).dtype == np.float32
    assert_allclose(model.canonical_correlations_, theirs.canonical_correlations_[:2], rtol=1e-4)


@pytest.mark.parametrize("reg", [0, "ledoit_wolf"])
def test_streams_of_sparse_rows_give_the_fit_on_all_rows(reg):
    X, y = sparse_pair(*TALL)
    expected = LinearCCA(2, reg=reg).fit(X.toarray(), y.toarray())
    blocks = [(X[:90], y[:90]), (X[90:90], y[90:90]), (X[90:], y[90:])]
    assert_same_model(LinearCCA(2, reg=reg).fit_blocks(blocks), expected, X, y)
    assert_same_model(LinearCCA(2, reg=reg).fit_blocks(iter(blocks)), expected, X, y)
    # Sparse and dense rows may follow each other in either view.
    stream = LinearCCA(2, reg=reg).partial_fit(X[:60], y[:60].toarray())
    stream.partial_fit(X[60:90].toarray(), y[60:90])
    stream.partial_fit(X[90:], y[90:])
    assert_same_model(stream, expected, X, y)


def test_the_first_bad_row_of_a_sparse_block_is_named():
    X, y = sparse_pair(*TALL)
    y.data[np.isin(y.nonzero()[0], [17, 40])] = np.nan
    with pytest.raises(
        ValueError, match="block 1: y contains NaN or infinity, first in row 7 of the"
    ):
        LinearCCA(1).fit_blocks([(X[:10], y[:10]), (X[10:], y[10:])])


def test_extreme_units_beside_sparse_rows():
    X, y = sparse_pair(*TALL)
    expected = LinearCCA(2, reg=0).fit(X, y).canonical_correlations_
    for factor in (1e200, 1e-200):
        found = LinearCCA(2, reg=0).fit(X.toarray() * factor, y)
        assert_allclose(found.canonical_correlations_, expected)


def test_a_wide_sparse_view_is_never_dense():
    rng = np.random.default_rng(0)
    shape = (60, 200_000)
    y = sparse.random_array(shape, density=2e-4, random_state=rng, format="csr")
    X = y[:, :5].toarray() + rng.normal(size=(60, 5))
    tracemalloc.start()
    model = LinearCCA(1, reg=0.1).fit(X, y)
    model.transform(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.4 * 8 * np.prod(shape)


def test_inference_on_sparse_views():
    for shape in (TALL, WIDE):
        X, y = sparse_pair(*shape)
        model = LinearCCA(2, reg=0.1).fit(X, y)
        views = (X.toarray(), y.toarray())
        for share in (variance_explained, redundancy):
            assert_allclose(share(model, X, y), share(model, *views), atol=1e-12)
        test = [
            canonical_correlation_test(
                LinearCCA(2, reg=0.1), *pair, n_permutations=19, random_state=0
            )
            for pair in ((X, y), views)
        ]
        assert_allclose(test[0].correlations, test[1].correlations)
        assert_allclose(test[0].p_values, test[1].p_values)


@pytest.mark.parametrize(
    "parameters",
    [
        {"approximation": "nystroem"},
        {"approximation": "nystroem", "kernel": "cosine", "scale": False},
        {"approximation": "rff"},
    ],
    ids=str,
)
def test_approximate_kernels_take_sparse_views(parameters):
    X, y = sparse_pair(*TALL)
    model = KernelCCA(2, n_landmarks=30, random_state=0, **parameters)
    theirs = KernelCCA(2, n_landmarks=30, random_state=0, **parameters)
    theirs.fit(X.toarray(), y.toarray())
    for pair in ((X, y), (X.toarray(), y)):
        assert_same_model(model.fit(*pair), theirs, *pair)
    blocks = [(X[:90], y[:90]), (X[90:], y[90:])]
    assert_same_model(model.fit_blocks(blocks), theirs, X, y)


def test_transformers_with_sparse_output_work():
    X = np.array(
        [[text.count("sun"), text.count("rain"), i] for i, text in enumerate(TEXTS)], float
    )
    model = LinearCCA(2, y_transformer=TfidfVectorizer()).fit(X, TEXTS)
    words = TfidfVectorizer().fit_transform(TEXTS)
    assert_allclose(model.transform_y(TEXTS), LinearCCA(2).fit(X, words).transform_y(words))
    assert model.predict(X).shape == (60, 4)
    categories = [[text.split()[0]] for text in TEXTS]
    encoded = LinearCCA(1, y_transformer=OneHotEncoder()).fit(X, categories)
    assert encoded.canonical_correlations_[0] > 0.5


@pytest.mark.parametrize("model", [KernelCCA(1), DeepCCA(1, fallback=None, max_epochs=1)])
def test_other_models_name_the_remedy(model):
    X, y = sparse_pair(30, 4, 4)
    with pytest.raises(TypeError, match=r"y must be dense .* sparse.*TruncatedSVD.*LinearCCA"):
        model.fit(X.toarray(), y)
    with pytest.raises(TypeError, match=r"X must be dense .* sparse.*TruncatedSVD"):
        model.fit(X, y.toarray())


def test_the_remedy_for_other_models_works():
    X, _ = sparse_pair(30, 4, 4)
    reduced = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
    assert KernelCCA(1, y_transformer=reduced).fit(X.toarray(), TEXTS[:30]).n_features_y_ == 2
