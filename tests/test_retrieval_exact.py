"""ExactSearch against all products, sorted in double precision."""

import numpy as np
import pytest
from _galleries import all_sorted
from sklearn.preprocessing import normalize

from skdcca import CrossModalIndex, LinearCCA
from skdcca.metrics import pair_scores
from skdcca.retrieval._exact import ExactSearch


@pytest.mark.parametrize("similarity", ["cosine", "likelihood"])
def test_a_gallery_of_many_blocks_is_searched_exactly(similarity):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20_000, 3))
    y = X + rng.normal(size=X.shape)
    model = LinearCCA(similarity=similarity).fit(X[:500], y[:500])
    X[7_000:12_000] = X[100]  # thousands of ties across several blocks
    index = CrossModalIndex(model).fit(X)
    asked = np.vstack([y[:300], model.predict(X[100:101])])
    scores, order = all_sorted(pair_scores(model, X, asked).T)
    found, ids = index.query(y=asked, n_neighbors=25)
    np.testing.assert_allclose(found, scores[:, :25], atol=2e-8)
    np.testing.assert_array_equal(ids, order[:, :25])


@pytest.mark.parametrize("seed", range(3))
def test_near_ties_are_computed_in_double_precision(seed):
    """The products of the rows differ by less than the precision of single floats."""
    rng = np.random.default_rng(seed)
    rows = np.ones((5_000, 64)) / 8 + 1e-8 * rng.normal(size=(5_000, 64))
    queries = rng.normal(size=(50, 64))
    scores, order = all_sorted((queries @ rows.T).round(10))
    found, places = ExactSearch(rows, 10).top(queries, 10)
    np.testing.assert_array_equal(places, order[:, :10])
    np.testing.assert_allclose(found, scores[:, :10], atol=2e-10)


def test_a_few_rows_that_single_precision_cannot_tell_apart():
    rng = np.random.default_rng(0)
    rows = normalize(rng.normal(size=(20_000, 64)))
    queries = normalize(rng.normal(size=(5, 64)))
    for i, query in enumerate(queries):
        rows[i::100][:50] = query + 1e-8 * rng.normal(size=(50, 64))
    _, order = all_sorted((queries @ rows.T).round(10))
    search = ExactSearch(rows, 10)
    assert search._candidates(queries, 10) is not None  # does not fall back on all products
    np.testing.assert_array_equal(search.top(queries, 10)[1], order[:, :10])


def test_scores_that_round_alike_keep_the_gallery_order():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5_000, 8))
    queries = rng.normal(size=(3, 8))
    for small in (1e-12 * rows, rows):
        for asked in (queries, 1e-16 * queries):
            _, order = all_sorted((asked @ small.T).round(10))
            np.testing.assert_array_equal(ExactSearch(small, 10).top(asked, 5)[1], order[:, :5])


def test_more_neighbors_than_a_block_has():
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(60_000, 2)), rng.normal(size=(2, 2))
    _, order = all_sorted((queries @ rows.T).round(10))
    _, places = ExactSearch(rows, 10).top(queries, 5_000)
    np.testing.assert_array_equal(places, order[:, :5_000])


def test_order_differs_from_that_in_single_precision():
    """The rows differ in the ninth digit only."""
    rng = np.random.default_rng(2)
    rows = np.ones((5_000, 4)) + 1e-9 * rng.normal(size=(5_000, 4))
    query = np.eye(4)[:1] - 0.5
    products = query @ rows.T
    found, places = ExactSearch(rows, 16).top(query, 5)
    np.testing.assert_array_equal(places[0], np.argsort(-products[0])[:5])
    np.testing.assert_allclose(found, np.sort(products)[:, ::-1][:, :5], rtol=1e-15, atol=1e-16)
