"""The index: its answers are those of all scores, sorted; adding and removing are refitting."""

import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from skdcca.retrieval._exact import ExactSearch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from skdcca import CrossModalIndex, DeepCCA, FaissNeighbors, KernelCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.metrics import mrr_scorer, mrr_y_to_x, pair_scores, ranks, reciprocal_rank

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


@pytest.mark.parametrize("seed", range(3))
def test_what_single_precision_leaves_open_is_computed_again(seed):
    """Rows so alike that their products differ by less than single precision can tell."""
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
    assert search._candidates(queries, 10) is not None  # not by all products
    np.testing.assert_array_equal(search.top(queries, 10)[1], order[:, :10])


def test_scores_that_round_to_the_same_come_in_the_order_of_the_gallery():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5_000, 8))
    queries = rng.normal(size=(3, 8))
    for small in (1e-12 * rows, rows):
        for asked in (queries, 1e-16 * queries):
            _, order = all_sorted((asked @ small.T).round(10))
            np.testing.assert_array_equal(ExactSearch(small, 10).top(asked, 5)[1], order[:, :5])


def test_more_neighbours_than_a_block_has():
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(60_000, 2)), rng.normal(size=(2, 2))
    _, order = all_sorted((queries @ rows.T).round(10))
    _, places = ExactSearch(rows, 10).top(queries, 5_000)
    np.testing.assert_array_equal(places, order[:, :5_000])


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


@pytest.mark.parametrize("correlation", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("similarity", ["weighted", "likelihood"])
def test_faiss_finds_what_the_exact_search_finds_by_any_similarity(similarity, correlation):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 6))
    y = correlation * X + np.sqrt(1 - correlation**2) * rng.normal(size=X.shape)
    model = LinearCCA(similarity=similarity).fit(X, y)
    exact = CrossModalIndex(model).fit(X, y)
    near = CrossModalIndex(model, neighbors=FaissNeighbors()).fit(X, y)
    for asked in ({"y": y[:100]}, {"X": X[:100]}):
        pairs = zip(exact.query(**asked)[1], near.query(**asked)[1], strict=True)
        assert np.mean([len(set(a) & set(b)) / 10 for a, b in pairs]) > 0.97


@pytest.mark.parametrize("duplicates", [False, True])
def test_ties_among_the_neighbours_come_in_the_order_of_the_gallery(views, duplicates):
    X, y = (np.repeat(view[:30], 5, axis=0) for view in views)
    neighbors = NearestNeighbors() if not duplicates else FaissNeighbors(n_candidates=N)
    index = CrossModalIndex(LinearCCA(2).fit(*views), neighbors=neighbors).fit(X)
    scores, ids = index.query(y=y[:20], n_neighbors=150)
    tied = np.diff(scores, axis=1) == 0
    assert tied.any()
    assert (np.diff(ids, axis=1)[tied] > 0).all()


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


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Vectors as weighted variates are, in memory and in a file, queries, and the truth."""
    rng = np.random.default_rng(0)
    vectors = normalize(rng.normal(size=(6_000, 33)) * 0.85 ** np.arange(33)).astype(np.float32)
    path = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    np.save(path, vectors)
    queries = vectors[:300] + 0.02 * rng.normal(size=(300, 33)).astype(np.float32)
    brute = NearestNeighbors(algorithm="brute").fit(vectors.astype(np.float64))
    truth = brute.kneighbors(queries, 10, return_distance=False)
    return vectors, np.load(path, mmap_mode="r"), queries, truth


def recall(found, right):
    return np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(found, right, strict=True)])


def test_vectors_of_a_file_stay_there_and_are_found_as_in_memory(uneven, monkeypatch):
    vectors, on_file, queries, truth = uneven
    in_memory = FaissNeighbors().fit(vectors)
    monkeypatch.setattr("skdcca.retrieval._READ", 1_000)  # several blocks, and the last is not full
    search = FaissNeighbors().fit(on_file)
    assert np.shares_memory(search._vectors, on_file)
    assert not np.shares_memory(in_memory._vectors, vectors)
    for one, other in zip(
        search.kneighbors(queries, 10), in_memory.kneighbors(queries, 10), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert recall(search.kneighbors(queries, 10)[1], truth) > 0.99


def test_files_of_other_numbers_are_read_and_bad_ones_refused(uneven, tmp_path):
    vectors, _, queries, _ = uneven
    expected = FaissNeighbors().fit(vectors).kneighbors(queries, 10)[1]
    for i, other in enumerate((vectors.astype(np.float64), np.asfortranarray(vectors))):
        np.save(tmp_path / f"{i}.npy", other)
        search = FaissNeighbors().fit(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
        np.testing.assert_array_equal(search.kneighbors(queries, 10)[1], expected)
    bad = vectors.copy()
    bad[4_000, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    with pytest.raises(ValueError, match="X contains NaN"):
        FaissNeighbors().fit(np.load(tmp_path / "bad.npy", mmap_mode="r"))


def test_vectors_that_change_afterwards_do_not_count(uneven):
    vectors, _, queries, _ = uneven
    mine = vectors.copy()
    search = FaissNeighbors().fit(mine)
    before = search.kneighbors(queries, 10)
    mine[:] = 0
    for one, other in zip(search.kneighbors(queries, 10), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("code_size", [None, 4])
def test_a_search_over_a_file_is_kept_by_joblib(uneven, tmp_path, code_size, monkeypatch):
    _, on_file, queries, _ = uneven
    search = FaissNeighbors(code_size=code_size).fit(on_file)
    joblib.dump(search, tmp_path / "search.joblib")
    monkeypatch.setattr("skdcca.retrieval._nearest_lists", lambda *_: pytest.fail("sorted again"))
    again = joblib.load(tmp_path / "search.joblib", mmap_mode="r")
    assert isinstance(again._vectors.base, (np.memmap, type(np.load(on_file.filename, "r").base)))
    for one, other in zip(
        again.kneighbors(queries, 10), search.kneighbors(queries, 10), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("view", ["columns", "rotated"])
def test_short_codes_are_of_what_varies_most(uneven, view):
    """Fewer bytes find nearly as much, wherever the directions lie."""
    vectors, _, queries, truth = uneven
    if view == "rotated":
        turn = np.linalg.qr(np.random.default_rng(1).normal(size=(33, 33)))[0].astype(np.float32)
        vectors, queries = vectors @ turn, queries @ turn
    search = FaissNeighbors(code_size=6).fit(vectors)
    assert search.directions_.shape == (33, 12)
    assert search.codebook_.shape == (12, 16)
    found = recall(search.kneighbors(queries, 10)[1], truth)
    assert found > 0.93
    _, _, by_variance = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    overlap = np.linalg.svd(by_variance[:12] @ search.directions_)[1]
    np.testing.assert_allclose(overlap, 1, atol=1e-4)  # the same space as the first components


def test_codes_longer_than_the_vectors_and_very_few_vectors(uneven):
    vectors, _, queries, truth = uneven
    search = FaissNeighbors(code_size=100).fit(vectors)
    assert search.directions_.shape == (33, 33)
    assert recall(search.kneighbors(queries, 10)[1], truth) > 0.99
    for n in (1, 2, 5):
        few = FaissNeighbors(code_size=2).fit(vectors[:n])
        places = few.kneighbors(vectors[:n], n, return_distance=False)
        assert (np.sort(places, axis=1) == np.arange(n)).all()
        assert (places[:, 0] == np.arange(n)).all()


def test_states_of_before_there_were_lists_are_taken(uneven):
    vectors, _, queries, _ = uneven
    search = FaissNeighbors().fit(vectors)
    state = search.__getstate__()
    old = {k: v for k, v in state.items() if k not in ("_lists", "directions_", "code_size")}
    again = FaissNeighbors()
    again.__setstate__(old)
    for one, other in zip(
        again.kneighbors(queries, 10), search.kneighbors(queries, 10), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"_lists": np.zeros(5_999, np.int32)},
        {"_lists": np.full(6_000, -1, np.int32)},
        {"_lists": np.full(6_000, 77, np.int32)},
        {"_lists": np.zeros(6_000, np.int64)},
        {"directions_": np.zeros((33, 9), np.float32)},
        {"directions_": np.zeros((8, 8), np.float32)},
        {"directions_": np.zeros((33, 8))},
        {"directions_": 5},
    ],
)
def test_lists_and_directions_that_do_not_fit_are_refused(uneven, change):
    state = FaissNeighbors(code_size=4).fit(uneven[0]).__getstate__()
    assert FaissNeighbors().__setstate__(state) is None
    with pytest.raises(ValueError, match=rf"({next(iter(change))}|centroids_) of FaissNeighbors"):
        FaissNeighbors().__setstate__(state | change)


def test_an_index_with_neighbors_is_searched_in_its_file(views, model, tmp_path, monkeypatch):
    """There are no rows beside the variates, and nothing is fitted again."""
    X, y = views
    index = CrossModalIndex(model, neighbors=FaissNeighbors(code_size=2)).fit(X, y)
    expected = index.query(y=y)
    assert index._galleries == {}
    joblib.dump(index, tmp_path / "index.joblib")
    again = joblib.load(tmp_path / "index.joblib", mmap_mode="r")
    monkeypatch.setattr(FaissNeighbors, "fit", lambda *_: pytest.fail("fitted again"))
    for one, other in zip(again.query(y=y), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert isinstance(again.zx_, np.memmap)
    assert again._galleries == {}


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


def test_neighbors_are_fitted_by_fit_and_not_by_the_first_query(views, model):
    X, y = views
    index = CrossModalIndex(model, neighbors=FaissNeighbors()).fit(X, y)
    assert sorted(index._searches) == ["x", "y"]


def test_faiss_refuses_what_it_cannot_bear():
    vectors = np.random.default_rng(0).normal(size=(100, 4))
    search = FaissNeighbors().fit(vectors)
    for call, message in [
        (lambda: search.kneighbors(vectors, 101), "n_neighbors=101, but there are 100 vectors"),
        (lambda: search.kneighbors(vectors[:, :3], 1), "X has 3 features, FaissNeighbors 4"),
        (lambda: FaissNeighbors().fit(1e30 * vectors), "faiss takes none above 1e15"),
        (lambda: FaissNeighbors(random_state=2**40).fit(vectors), "below 2"),
        (lambda: FaissNeighbors(n_lists=0).fit(vectors), "n_lists=0"),
        (lambda: FaissNeighbors(code_size=0).fit(vectors), "code_size=0"),
        (lambda: FaissNeighbors(code_size=2.5).fit(vectors), "code_size=2.5"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    assert FaissNeighbors(n_lists=50).fit(vectors).n_lists_ == 2  # 39 vectors each at least


def test_large_whole_numbers_are_ids_or_refused(views, model):
    X, y = views
    ids = [-(2**63), 2**63 - 2, 2**53 + 1]
    index = CrossModalIndex(model).fit(X[:3], ids=np.array(ids))
    assert sorted(index.query(y=y[:1], n_neighbors=3)[1][0].tolist()) == sorted(ids)
    assert index.ids_.dtype == np.int64
    unsigned = CrossModalIndex(model).fit(X[:2], ids=np.array([3, 5], dtype=np.uint64))
    assert unsigned.add(X[2:3]).ids_.tolist() == [3, 5, 6]
    for bad in ([2**63, 1], [2**63 - 1, 1], [2**70, 1], [True, False], "ab", 7, ["a\0", "b"]):
        with pytest.raises(ValueError, match="ids"):
            CrossModalIndex(model).fit(X[:2], ids=bad)


def test_metadata_are_copies(views, model):
    X, _ = views
    about = [{"title": "one"}]
    index = CrossModalIndex(model).fit(X[:1], metadata=about)
    about[0]["title"] = object()
    assert pickle.loads(pickle.dumps(index)).metadata_ == {0: {"title": "one"}}


def test_variates_that_are_not_finite_are_named(views):
    X, y = views

    class Odd(LinearCCA):
        def _project_x(self, X):
            return super()._project_x(X) / np.where(np.arange(len(X)) == 2, 0, 1)[:, None]

    with np.errstate(all="ignore"), pytest.raises(ValueError, match="not finite for rows 2 of X"):
        CrossModalIndex(Odd().fit(X, y)).fit(X[:5])


def test_an_emptied_index_takes_names_or_numbers(views, model):
    X, _ = views
    index = CrossModalIndex(model).fit(X[:2], ids=["a", "b"]).remove(["a", "b"])
    assert index.add(X[:2]).ids_.tolist() == [0, 1]


def test_chance_of_a_large_gallery_is_measured_with_a_thousand_queries(model):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2_500, 8)), rng.normal(size=(2_500, 6))
    index = CrossModalIndex(model).fit(X, y)
    own = np.linspace(0, 2_499, 1_000).astype(int)
    scores = pair_scores(model, X, y[own]).T
    scores[np.arange(1_000), own] = -np.inf
    expected = np.quantile(scores.max(axis=1), 0.95)
    assert index.chance_score("y") == pytest.approx(expected, abs=1e-9)


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
