"""The index: its answers are those of all scores, sorted; adding and removing are refitting."""

import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import CrossModalIndex, DeepCCA, FaissNeighbors, KernelCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.metrics import mrr_scorer, mrr_y_to_x, pair_scores, ranks, reciprocal_rank
from skdcca.retrieval import ExactSearch

N = 300


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(N, 4))
    X = np.hstack([shared, rng.normal(size=(N, 4))]) @ rng.normal(size=(8, 8))
    y = np.hstack([shared + 0.7 * rng.normal(size=(N, 4)), rng.normal(size=(N, 2))])
    return X, y @ rng.normal(size=(6, 6))


@pytest.fixture(scope="module")
def model(views):
    return LinearCCA(reg=0.01).fit(views[0][:200], views[1][:200])


def all_sorted(scores):
    """The whole gallery for each query, best first, ties in the order of the gallery."""
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, axis=1), order


@pytest.mark.parametrize("similarity", ["cosine", "weighted", "likelihood", 0, 0.5, 4])
@pytest.mark.parametrize("k", [1, 10, N])
def test_answers_are_all_scores_sorted(views, model, similarity, k):
    X, y = views
    model = LinearCCA(reg=0.01, similarity=similarity).fit(X[:200], y[:200])
    index = CrossModalIndex(model).fit(X, y)
    scores, order = all_sorted(pair_scores(model, X, y).T)
    found, ids = index.query(y=y, n_neighbors=k)
    np.testing.assert_array_equal(ids, order[:, :k])
    np.testing.assert_allclose(found, scores[:, :k], atol=2e-8)
    scores, order = all_sorted(pair_scores(model, X, y))
    found, ids = index.query(X=X, n_neighbors=k)
    np.testing.assert_array_equal(ids, order[:, :k])
    np.testing.assert_allclose(found, scores[:, :k], atol=2e-8)


@pytest.mark.parametrize("similarity", ["cosine", "likelihood"])
def test_a_gallery_of_many_blocks_is_searched_exactly(similarity):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20_000, 3))
    y = X + rng.normal(size=X.shape)
    model = LinearCCA(similarity=similarity).fit(X[:500], y[:500])
    X[7_000:12_000] = X[100]  # thousands that tie, over several blocks
    index = CrossModalIndex(model).fit(X)
    asked = np.vstack([y[:300], model.predict(X[100:101])])
    scores, order = all_sorted(pair_scores(model, X, asked).T)
    found, ids = index.query(y=asked, n_neighbors=25)
    np.testing.assert_allclose(found, scores[:, :25], atol=2e-8)
    np.testing.assert_array_equal(ids, order[:, :25])


def test_ranks_through_the_index_are_those_of_the_metrics(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X, y)
    _, ids = index.query(y=y, n_neighbors=N)
    found = 1 + (ids == np.arange(N)[:, None]).argmax(axis=1)
    np.testing.assert_array_equal(found, ranks(pair_scores(model, X, y).T))
    assert reciprocal_rank(found) == mrr_y_to_x(model, X, y)


def test_single_precision_alone_would_err():
    """Rows that differ in the ninth digit: the order of single precision is not theirs."""
    rng = np.random.default_rng(2)
    rows = np.ones((5_000, 4)) + 1e-9 * rng.normal(size=(5_000, 4))
    query = np.eye(4)[:1] - 0.5
    products = query @ rows.T
    found, places = ExactSearch(rows, 16).top(query, 5)
    np.testing.assert_array_equal(places[0], np.argsort(-products[0])[:5])
    np.testing.assert_allclose(found, np.sort(products)[:, ::-1][:, :5], rtol=1e-15, atol=1e-16)


def test_zero_and_constant_variates_tie_in_the_order_of_the_gallery(model):
    index = CrossModalIndex(model).fit(np.zeros((50, 8)), ids=[f"song {i}" for i in range(50)])
    scores, ids = index.query(y=np.ones((1, 6)), n_neighbors=4)
    assert ids.tolist() == [["song 0", "song 1", "song 2", "song 3"]]
    assert len(set(scores[0])) == 1


@pytest.mark.parametrize("neighbors", [None, FaissNeighbors()])
def test_adding_and_removing_is_refitting(views, model, neighbors):
    X, y = views
    names = np.array([f"song {i}" for i in range(N)])
    about = [{"title": f"Title {i}"} for i in range(N)]
    index = CrossModalIndex(model, neighbors=neighbors)
    index.fit(X[:100], y[:100], ids=names[:100], metadata=about[:100])
    index.query(y=y[:3])
    index.add(X[100:250], y[100:250], ids=names[100:250], metadata=about[100:250])
    index.remove(names[50:120]).add(X[50:60], y[50:60], ids=names[50:60], metadata=about[50:60])
    kept = np.r_[:50, 120:250, 50:60]
    again = CrossModalIndex(model, neighbors=neighbors)
    again.fit(X[kept], y[kept], ids=names[kept], metadata=[about[i] for i in kept])
    np.testing.assert_array_equal(index.ids_, again.ids_)
    assert index.metadata_ == again.metadata_
    for asked in ({"X": X}, {"y": y}):
        for one, other in zip(index.query(**asked), again.query(**asked), strict=True):
            np.testing.assert_array_equal(one, other)


def test_numbers_go_on_and_none_is_used_twice(views, model):
    X, _ = views
    index = CrossModalIndex(model).fit(X[:5])
    index.remove([4, 1]).add(X[5:7])
    assert index.ids_.tolist() == [0, 2, 3, 5, 6]
    index.add(X[7:8], ids=[40]).add(X[8:9])
    assert index.ids_.tolist() == [0, 2, 3, 5, 6, 40, 41]


def test_all_may_be_removed_and_others_added(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X[:2]).remove([0, 1])
    with pytest.raises(ValueError, match="n_neighbors=1, but the index has 0 items"):
        index.query(y=y[:1], n_neighbors=1)
    assert index.add(X[2:4]).query(y=y[:1], n_neighbors=2)[1].shape == (1, 2)


def test_works_with_pipelines_searches_and_other_models(views):
    X, y = views
    kernel = make_pipeline(StandardScaler(), KernelCCA(3, reg=0.1)).fit(X[:200], y[:200])
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearCCA()),
        {"linearcca__similarity": ["cosine", 4]},
        scoring=mrr_scorer,
        cv=2,
    ).fit(X[:200], y[:200])
    small = {"x_encoder": MLP((16,)), "y_encoder": MLP((16,)), "max_epochs": 2, "random_state": 0}
    deep = DeepCCA(3, **small).fit(X[:200], y[:200])
    for fitted in (kernel, search, deep):
        _, ids = CrossModalIndex(fitted).fit(X).query(y=y[:20], n_neighbors=5)
        _, order = all_sorted(pair_scores(fitted, X, y[:20]).T)
        np.testing.assert_array_equal(ids, order[:, :5])


def test_a_clone_of_an_index_keeps_a_frozen_model(views, model):
    X, y = views
    pipeline = make_pipeline(StandardScaler(), LinearCCA()).fit(X[:200], y[:200])
    index = clone(CrossModalIndex(FrozenEstimator(pipeline))).fit(X)
    _, order = all_sorted(pair_scores(pipeline, X, y[:5]).T)
    np.testing.assert_array_equal(index.query(y=y[:5])[1], order[:, :10])


def test_a_similarity_set_later_is_heeded(views):
    X, y = views
    model = LinearCCA().fit(X[:200], y[:200])
    index = CrossModalIndex(model, neighbors=FaissNeighbors(n_candidates=N)).fit(X)
    index.query(y=y[:5])
    model.set_params(similarity="likelihood")
    _, order = all_sorted(pair_scores(model, X, y[:5]).T)
    np.testing.assert_array_equal(index.query(y=y[:5])[1], order[:, :10])


@pytest.mark.parametrize("similarity", ["cosine", "likelihood"])
@pytest.mark.parametrize(
    "neighbors", [FaissNeighbors(n_probe=10**6, n_candidates=N), NearestNeighbors()]
)
def test_neighbors_that_look_at_all_find_what_the_exact_search_finds(views, neighbors, similarity):
    X, y = views
    model = LinearCCA(similarity=similarity).fit(X[:200], y[:200])
    exact = CrossModalIndex(model).fit(X, y)
    index = CrossModalIndex(model, neighbors=neighbors).fit(X, y)
    for asked in ({"X": X}, {"y": y}):
        for one, other in zip(index.query(**asked), exact.query(**asked), strict=True):
            np.testing.assert_array_equal(one, other)


def test_faiss_recall_and_distances():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5_000, 32)) * 0.8 ** np.arange(32)
    queries = vectors[:200] + 0.1 * rng.normal(size=(200, 32)) * 0.8 ** np.arange(32)
    distances, places = NearestNeighbors(algorithm="brute").fit(vectors).kneighbors(queries, 10)
    search = FaissNeighbors().fit(vectors)
    near, found = search.kneighbors(queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(places, found, strict=True)])
    assert recall > 0.99
    same = places == found
    np.testing.assert_allclose(near[same], distances[same], rtol=1e-3)
    few = FaissNeighbors(n_probe=1).fit(vectors)
    assert (
        few.kneighbors(queries, 200, return_distance=False) >= 0
    ).all()  # never fewer than asked


def test_faiss_of_few_vectors_and_repeated_fits():
    vectors = np.random.default_rng(0).normal(size=(7, 3))
    _, places = FaissNeighbors().fit(vectors).kneighbors(vectors, 7)
    assert (np.sort(places, axis=1) == np.arange(7)).all()
    many = np.random.default_rng(0).normal(size=(2_000, 8))
    one, other = (FaissNeighbors(n_probe=2).fit(many) for _ in range(2))
    np.testing.assert_array_equal(one.kneighbors(many, 5)[1], other.kneighbors(many, 5)[1])


@pytest.mark.parametrize("neighbors", [None, FaissNeighbors(n_probe=2)])
def test_a_pickled_index_answers_the_same_in_a_fresh_process(views, model, neighbors, tmp_path):
    X, y = views
    index = CrossModalIndex(model, neighbors=neighbors)
    index.fit(X, y, ids=[f"s{i}" for i in range(N)], metadata=[{"n": i} for i in range(N)])
    joblib.dump((index, X, y), tmp_path / "index.joblib")
    code = (
        "import sys, joblib, numpy as np\n"
        "index, X, y = joblib.load(sys.argv[1])\n"
        "assert index.metadata_['s3'] == {'n': 3}\n"
        "np.savez(sys.argv[2], *index.query(y=y), *index.query(X=X))\n"
    )
    answers = tmp_path / "answers.npz"
    command = [sys.executable, "-c", code, str(tmp_path / "index.joblib"), str(answers)]
    subprocess.run(command, check=True)
    expected = [*index.query(y=y), *index.query(X=X)]
    with np.load(answers) as found:
        for name, of in zip(found.files, expected, strict=True):
            np.testing.assert_array_equal(found[name], of)


def test_pickles_hold_no_rows_that_follow_from_others(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X, y)
    before = len(pickle.dumps(index))
    index.query(y=y[:1])
    assert len(pickle.dumps(index)) <= before + 200


def test_chance_score_is_what_unrelated_songs_reach(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X, y)
    scores = pair_scores(model, X, y).T  # lyrics ask
    np.fill_diagonal(scores, -np.inf)
    assert index.chance_score("y") == pytest.approx(np.quantile(scores.max(axis=1), 0.95), abs=1e-9)
    scores = pair_scores(model, X, y)
    np.fill_diagonal(scores, -np.inf)
    assert index.chance_score("x", 0.5) == pytest.approx(np.median(scores.max(axis=1)), abs=1e-9)
    assert CrossModalIndex(model).fit(X).chance_score("y") is None
    with pytest.raises(ValueError, match="view='audio'"):
        index.chance_score("audio")


def test_bad_galleries_are_refused_before_they_are_embedded(views, model, monkeypatch):
    X, y = views
    index = CrossModalIndex(model)
    monkeypatch.setattr("skdcca.retrieval.embed", lambda *_, **__: pytest.fail("embedded"))
    cases = [
        ({}, "needs X, y or both"),
        ({"X": X, "y": y[:-1]}, "X has 300 samples and y has 299"),
        ({"X": X[:3], "ids": ["a", "b"]}, "ids has 2 ids for 3 items"),
        ({"X": X[:3], "ids": ["a", "b", "a"]}, "ids has 'a' more than once"),
        ({"X": X[:2], "ids": ["a", 1]}, "all must be str, or all whole numbers"),
        ({"X": X[:2], "ids": [1.5, 2.5]}, "all must be str, or all whole numbers"),
        ({"X": X[:2], "metadata": [{}]}, "metadata has 1 dicts for 2 items"),
        ({"X": X[:2], "metadata": [{}, "no"]}, "metadata of item 1 is 'no'"),
        ({"X": X[:2], "metadata": [{}, {"a": np.arange(3)}]}, "metadata of item 1"),
        ({"X": X[:2], "metadata": [{}, {1: "a"}]}, "metadata of item 1"),
        ({"X": X[:2], "metadata": [{}, {"a": np.nan}]}, "metadata of item 1"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            index.fit(**arguments)


def test_bad_changes_leave_the_index_as_it_was(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X[:5], y[:5], ids=list("abcde"))
    cases = [
        (lambda: index.add(X[5:6], ids=["f"]), "has x and y of its items, but x was given"),
        (lambda: index.add(X[5:6], y[5:6]), "ids=None, but the items of this index have names"),
        (lambda: index.add(X[5:6], y[5:6], ids=[7]), "all must be names, or all numbers"),
        (lambda: index.add(X[5:6], y[5:6], ids=["c"]), "ids has 'c', in the index already"),
        (lambda: index.add(X[5:6, :3], y[5:6], ids=["f"]), "3 features"),
        (lambda: index.remove(["a", "z"]), "ids has 'z', not in the index; nothing was removed"),
    ]
    for change, message in cases:
        with pytest.raises(ValueError, match=message):
            change()
        assert index.ids_.tolist() == list("abcde")
        assert len(index.zx_) == len(index.zy_) == 5


def test_bad_queries(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X[:5])
    cases = [
        ({}, "query takes X or y"),
        ({"X": X[:1], "y": y[:1]}, "query takes X or y"),
        ({"X": X[:1], "n_neighbors": 1}, "queries of x search the y of the items"),
        ({"y": y[:1]}, "n_neighbors=10, but the index has 5 items"),
        ({"y": y[:1], "n_neighbors": 0}, "n_neighbors=0; it must be a whole number from 1"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            index.query(**arguments)
    with pytest.raises(ValueError, match="neighbors='faiss'"):
        CrossModalIndex(model, neighbors="faiss").fit(X)
    with pytest.raises(TypeError, match="StandardScaler embeds no second view"):
        CrossModalIndex(StandardScaler().fit(X)).fit(X)
    with pytest.raises(ValueError, match="not fitted"):
        CrossModalIndex(LinearCCA()).fit(X)
    with pytest.raises(ValueError, match="not fitted"):
        CrossModalIndex(model).query(X=X)


def test_a_missing_faiss_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"skdcca\[faiss\]"):
        FaissNeighbors().fit(np.eye(3))


def test_metadata_are_kept_by_id(views, model):
    X, y = views
    about = [{"title": "Ünder", "year": 1827, "tags": ["slow", None]}, {}]
    index = CrossModalIndex(model).fit(X[:2], ids=["a", "b"], metadata=about)
    _, ids = index.query(y=y[:1], n_neighbors=2)
    assert {json.dumps(index.metadata_[i]) for i in ids[0]} == {json.dumps(of) for of in about}
