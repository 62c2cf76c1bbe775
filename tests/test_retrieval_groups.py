"""Searches whose rows are joined by groups, against all scores joined by hand."""

import pickle

import numpy as np
import pytest
from _galleries import fitted_model, two_views
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import NearestNeighbors

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA, load, save
from skdcca.metrics import join_scores, pair_scores, similarity
from skdcca.retrieval import ask

X, Y = two_views()
QUERIES = slice(200, 212)
RNG = np.random.default_rng(0)
GROUPS = RNG.permutation(np.arange(200) % 40)
QUERY_GROUPS = np.array([3, 3, 1, 2, 1, 1, 7, 7, 7, 2, 3, 9])
JOINS = ["max", "mean"]
# With so many candidates, the search with codes is exact.
SEARCHES = [NearestNeighbors(), FaissNeighbors(1, n_candidates=40)]
MODEL = fitted_model()


def brute_force(scores, query_groups=None, how="max"):
    """Return the joined scores and the group labels, with plain loops."""
    query_groups = np.arange(len(scores)) if query_groups is None else query_groups
    labels = list(dict.fromkeys(GROUPS.tolist()))
    reduce = {"max": np.max, "mean": np.mean}[how]
    joined = [
        [reduce(scores[np.ix_(query_groups == q, g == GROUPS)]) for g in labels]
        for q in dict.fromkeys(query_groups.tolist())
    ]
    return np.array(joined), np.array(labels)


def make_index(join="max", model=MODEL, groups=GROUPS, **options):
    index = CrossModalIndex(model, join=join, **options)
    return index.fit(X[:200], Y[:200], groups=groups, ids=range(1000, 1200))


@pytest.mark.parametrize("query_groups", [None, QUERY_GROUPS], ids=["single", "grouped"])
@pytest.mark.parametrize("neighbors", [None, *SEARCHES], ids=str)
@pytest.mark.parametrize("join", JOINS)
def test_joined_search_equals_brute_force(join, neighbors, query_groups):
    scores, ids = make_index(join, neighbors=neighbors).query(
        X[QUERIES], n_neighbors=7, groups=query_groups
    )
    joined, labels = brute_force(pair_scores(MODEL, X[QUERIES], Y[:200]), query_groups, join)
    order = np.argsort(-joined, axis=1)[:, :7]
    np.testing.assert_allclose(scores, np.take_along_axis(joined, order, axis=1), atol=1e-9)
    np.testing.assert_array_equal(GROUPS[ids - 1000], labels[order])


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("kind", ["cosine", "likelihood", 4])
def test_every_similarity_is_joined(join, kind):
    model = LinearCCA(reg=0.01, similarity=kind).fit(X[:200], Y[:200])
    index = make_index(join, model, neighbors=NearestNeighbors())
    scores, _ = index.query(y=Y[QUERIES], n_neighbors=5)
    joined, _ = brute_force(pair_scores(model, X[:200], Y[QUERIES]).T, how=join)
    np.testing.assert_allclose(scores, -np.sort(-joined, axis=1)[:, :5], atol=1e-7)


@pytest.mark.parametrize("join", JOINS)
def test_the_id_is_that_of_the_best_row_of_the_group(join):
    _, ids = make_index(join).query(X[QUERIES], n_neighbors=40)
    scores = pair_scores(MODEL, X[QUERIES], Y[:200])
    for row, found in zip(scores, ids - 1000, strict=True):
        for place in found:
            assert row[place] == row[GROUPS[place] == GROUPS].max()
        assert len(set(GROUPS[found])) == 40


def test_query_groups_without_gallery_groups():
    index = CrossModalIndex(MODEL).fit(X[:200], Y[:200])
    for join in JOINS:
        scores, _ = index.set_params(join=join).query(X[QUERIES], groups=QUERY_GROUPS)
        joined = join_scores(pair_scores(MODEL, X[QUERIES], Y[:200]), QUERY_GROUPS, how=join)
        np.testing.assert_allclose(scores, -np.sort(-joined, axis=1)[:, :10], atol=1e-9)


def test_groups_of_one_row_change_nothing():
    expected = CrossModalIndex(MODEL).fit(X[:200], Y[:200]).query(X[QUERIES])
    for join in JOINS:
        index = CrossModalIndex(MODEL, join=join).fit(X[:200], Y[:200], groups=range(200))
        found = index.query(X[QUERIES], groups=[f"query {i}" for i in range(12)])
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(found[0], expected[0], atol=1e-9)


def test_one_large_group_hides_no_other_group():
    groups = np.zeros(200, dtype=int)
    groups[7], groups[90] = 1, 2
    scores, ids = make_index(groups=groups).query(X[QUERIES], n_neighbors=3)
    assert {frozenset(groups[row]) for row in ids - 1000} == {frozenset([0, 1, 2])}
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("join", JOINS)
def test_adding_and_removing_equals_refitting(join):
    whole = make_index(join)
    index = CrossModalIndex(MODEL, join=join)
    index.fit(X[:150], Y[:150], groups=GROUPS[:150], ids=range(1000, 1150))
    index.add(X[150:250], Y[150:250], groups=RNG.integers(50, 60, 100), ids=range(1150, 1250))
    index.remove(range(1150, 1250))
    index.add(X[150:200], Y[150:200], groups=GROUPS[150:], ids=range(1150, 1200))
    np.testing.assert_array_equal(index.groups_, whole.groups_)
    for found, expected in zip(index.query(X[QUERIES]), whole.query(X[QUERIES]), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("neighbors", [None, FaissNeighbors(1)], ids=str)
@pytest.mark.parametrize("join", JOINS)
def test_a_saved_index_answers_the_same(join, neighbors, tmp_path):
    names = np.char.add("song ", GROUPS.astype(str))
    index = make_index(join, neighbors=neighbors, groups=names)
    save(index, tmp_path / "songs.index")
    expected = index.query(X[QUERIES])
    for again in (load(tmp_path / "songs.index"), pickle.loads(pickle.dumps(index))):
        np.testing.assert_array_equal(again.groups_, names)
        for found, value in zip(again.query(X[QUERIES]), expected, strict=True):
            np.testing.assert_array_equal(found, value)


def test_the_state_of_an_older_index_has_no_groups():
    index = CrossModalIndex(MODEL).fit(X[:200], Y[:200])
    state = index.__getstate__()
    del state["join"], state["groups_"]
    older = CrossModalIndex.__new__(CrossModalIndex)
    older.__setstate__(state)
    assert older.groups_ is None
    np.testing.assert_array_equal(older.query(X[QUERIES])[1], index.query(X[QUERIES])[1])
    assert older.get_params()["join"] == "max"


def test_join_changes_the_next_query():
    index = make_index("max")
    by_max = index.query(X[QUERIES])[0]
    by_mean = index.set_params(join="mean").query(X[QUERIES])[0]
    assert (by_max > by_mean).all()
    np.testing.assert_array_equal(index.set_params(join="max").query(X[QUERIES])[0], by_max)
    kept = clone(CrossModalIndex(FrozenEstimator(MODEL), join="mean"))
    assert kept.join == "mean"


def test_windows_of_one_song_are_related_to_each_other():
    """Every song has five equal windows, so its own windows would score highest by chance."""
    rows = np.repeat(np.arange(40), 5)
    index = CrossModalIndex(MODEL).fit(X[rows], Y[rows], groups=rows)
    songs = CrossModalIndex(MODEL).fit(X[:40], Y[:40])
    assert index.chance_score("x") == pytest.approx(songs.chance_score("x"))
    answer = ask(index, "x", X[3], 50)
    assert len(answer.ids) == 40
    assert answer.ids[0] // 5 == songs.query(X[3:4])[1][0, 0]


@pytest.mark.parametrize("join", JOINS)
def test_p_values_join_the_rows_of_unrelated_queries_too(join):
    index = make_index(join)
    scores, ids = index.query(X[QUERIES], n_neighbors=40)
    joined, labels = brute_force(pair_scores(MODEL, X[:200], Y[:200]), how=join)
    found = index.p_values("x", scores[0], ids[0])
    for p, score, place in zip(found, scores[0], ids[0] - 1000, strict=True):
        column = joined[GROUPS[place] != GROUPS, list(labels).index(GROUPS[place])]
        assert p == pytest.approx((1 + (column.round(10) >= score).sum()) / (1 + len(column)))


BAD = {
    "text": ("abc", "`groups` must be a list of str or of int, got 'abc'"),
    "short": ([1, 2], "one label for each of 200 rows, got 2"),
    "mixed": ([*["a"] * 199, 1], "must all be str or all be integers"),
    "floats": (np.linspace(0, 1, 200), "must all be str or all be integers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_groups_are_refused(name):
    groups, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make_index(groups=groups)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`join` must be one of"):
        make_index("median")
    index = make_index()
    with pytest.raises(ValueError, match="number of groups, 40, got 41"):
        index.query(X[QUERIES], n_neighbors=41)
    with pytest.raises(ValueError, match="this index is with groups"):
        index.add(X[200:], Y[200:])
    with pytest.raises(ValueError, match="same type as those of the index"):
        index.add(X[200:], Y[200:], groups=["a"] * 100)
    with pytest.raises(ValueError, match="one label for each of 12 rows"):
        index.query(X[QUERIES], groups=[1])
    with pytest.raises(ValueError, match="groups_ of a CrossModalIndex"):
        CrossModalIndex.__new__(CrossModalIndex).__setstate__(
            index.__getstate__() | {"groups_": GROUPS[:10]}
        )


def test_join_scores_equals_brute_force():
    scores = pair_scores(MODEL, X[QUERIES], Y[:200])
    for how in JOINS:
        expected, _ = brute_force(scores, QUERY_GROUPS, how)
        np.testing.assert_allclose(join_scores(scores, QUERY_GROUPS, GROUPS, how=how), expected)
    np.testing.assert_array_equal(join_scores(scores), scores)
    with pytest.raises(ValueError, match=r"`query_groups` must have shape \(12,\)"):
        join_scores(scores, [1, 2])
    with pytest.raises(ValueError, match="`how` must be one of"):
        join_scores(scores, QUERY_GROUPS, how="sum")


class Products(LinearCCA):
    """A model whose scores are plain products of rows of different lengths."""

    def comparison(self):
        return {"product": True}


@pytest.mark.parametrize("neighbors", SEARCHES, ids=str)
def test_the_largest_products_are_found_by_distances(neighbors):
    model = Products(reg=0.01).fit(X[:200], Y[:200])
    long = Y[:200] * np.linspace(0.2, 3, 200)[:, None]
    index = CrossModalIndex(model, neighbors=neighbors).fit(y=long)
    products = model.transform(X[QUERIES]) @ model.transform_y(long).T
    scores, ids = index.query(X[QUERIES], n_neighbors=5)
    np.testing.assert_array_equal(ids, np.argsort(-products, axis=1)[:, :5])
    np.testing.assert_allclose(scores, -np.sort(-products, axis=1)[:, :5], atol=1e-8)


def test_similarity_by_product():
    zx, zy = model_rows = MODEL.transform(X[:5], Y[:5])
    np.testing.assert_allclose(similarity(*model_rows, product=True), zx @ zy.T, atol=1e-8)
    with pytest.raises(ValueError, match="`product` must be False"):
        similarity(zx, zy, power=2, product=True)
