"""Bad input of CrossModalIndex and FaissNeighbors."""

from _bad_input import check_cases, check_refused, each, named
from sklearn.exceptions import NotFittedError

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA

INDEX = [
    (
        "no model",
        lambda w: CrossModalIndex("a").fit(w.X),
        TypeError,
        "canonical correlation model, got str",
        "Pipeline",
    ),
    (
        "a model that is not fitted",
        lambda w: CrossModalIndex(LinearCCA()).fit(w.X),
        NotFittedError,
        "LinearCCA",
        "fit",
    ),
    (
        "no view",
        lambda w: CrossModalIndex(w.linear).fit(),
        ValueError,
        "got neither",
        "Pass the views",
    ),
    (
        "another length",
        lambda w: CrossModalIndex(w.linear).fit(w.X, w.y[:3]),
        ValueError,
        "number of items, got 30 and 3",
        "same item",
    ),
    (
        "an id twice",
        lambda w: CrossModalIndex(w.linear).fit(w.X[:3], ids=["a", "b", "a"]),
        ValueError,
        "got 'a' more than once",
        "must be unique",
    ),
    (
        "ids of two kinds",
        lambda w: CrossModalIndex(w.linear).fit(w.X[:2], ids=["a", 1]),
        ValueError,
        "got 'a', 1",
        "`ids` must all be str or all be 64-bit integers",
    ),
    (
        "few ids",
        lambda w: CrossModalIndex(w.linear).fit(w.X, ids=["a"]),
        ValueError,
        "got 1",
        "`ids` must have one id for each of 30 items",
    ),
    (
        "a number for ids",
        lambda w: CrossModalIndex(w.linear).fit(w.X, ids=1.5),
        ValueError,
        "got 1.5",
        "`ids` must be a list",
    ),
    (
        "a number for metadata",
        lambda w: CrossModalIndex(w.linear).fit(w.X, metadata=5),
        ValueError,
        "got 5",
        "`metadata` must be a list of dicts",
    ),
    (
        "metadata that are no dict",
        lambda w: CrossModalIndex(w.linear).fit(w.X[:2], metadata=[{}, 2]),
        ValueError,
        "item 1 .* got 2",
        "must be a dict of str",
    ),
    (
        "no search",
        lambda w: CrossModalIndex(w.linear, neighbors="a").fit(w.X),
        ValueError,
        "`neighbors` must be .* got 'a'",
        "FaissNeighbors",
    ),
    ("queries of NaN", lambda w: w.index.query(w.X_nan), ValueError, "Input X contains NaN", ""),
    (
        "both views",
        lambda w: w.index.query(w.X, w.y),
        ValueError,
        "got both",
        "Pass the view of the queries",
    ),
    (
        "no neighbors",
        lambda w: w.index.query(w.X, n_neighbors=0),
        ValueError,
        "`n_neighbors` must be .* got 0",
        ">= 1",
    ),
    (
        "many neighbors",
        lambda w: w.index.query(w.X, n_neighbors=31),
        ValueError,
        "`n_neighbors` must be .* got 31",
        "<= the number of items, 30",
    ),
    (
        "an id that is there",
        lambda w: w.index.add(w.X[:1], w.y[:1], ids=["song1"]),
        ValueError,
        "got 'song1'",
        "Remove them first",
    ),
    ("an unknown id", lambda w: w.index.remove(["x"]), ValueError, "in the index, got 'x'", ""),
    (
        "a share in words",
        lambda w: w.index.chance_score("x", "all"),
        ValueError,
        "`quantile` must be .* got 'all'",
        r"in \[0, 1\]",
    ),
    ("no lists", lambda w: FaissNeighbors(0).fit(w.X), ValueError, "`n_lists` .* got 0", ">= 1"),
    (
        "NaN for faiss",
        lambda w: FaissNeighbors().fit(w.X_nan),
        ValueError,
        "Input X contains NaN",
        "",
    ),
    (
        "large numbers for faiss",
        lambda w: FaissNeighbors().fit(1e20 * w.X),
        ValueError,
        "X must have absolute values .* got",
        "Scale X down",
    ),
    (
        "many neighbors by faiss",
        lambda w: w.faiss.kneighbors(w.X, 31),
        ValueError,
        "`n_neighbors` must be .* got 31",
        "<= the number of vectors, 30",
    ),
    (
        "other columns for faiss",
        lambda w: w.faiss.kneighbors(w.X[:, :2]),
        ValueError,
        "X has 2 features",
        "3",
    ),
]


def test_there_are_many_different_cases():
    check_cases(named("index", INDEX))


@each(named("index", INDEX))
def test_bad_input_is_refused_with_a_remedy(case, world, request):
    check_refused(case, world, request)
