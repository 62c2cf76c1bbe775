"""FaissNeighbors against brute force: recall, memory, files and refused states."""

import sys

import joblib
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA
from skdcca.exceptions import MissingDependencyError


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Return vectors like weighted variates, in memory and mapped, queries and the true neighbors."""
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
    # As many neighbors as were asked for, although they fill more than one list.
    assert (few.kneighbors(queries, 200, return_distance=False) >= 0).all()


def test_faiss_of_few_vectors_and_repeated_fits():
    vectors = np.random.default_rng(0).normal(size=(7, 3))
    _, places = FaissNeighbors().fit(vectors).kneighbors(vectors, 7)
    assert (np.sort(places, axis=1) == np.arange(7)).all()
    many = np.random.default_rng(0).normal(size=(2_000, 8))
    one, other = (FaissNeighbors(n_probe=2).fit(many) for _ in range(2))
    np.testing.assert_array_equal(one.kneighbors(many, 5)[1], other.kneighbors(many, 5)[1])


def test_memory_mapped_vectors_are_not_copied(uneven, monkeypatch):
    vectors, on_file, queries, truth = uneven
    in_memory = FaissNeighbors().fit(vectors)
    # Several blocks.
    monkeypatch.setattr("skdcca.retrieval._faiss._ROWS", 1_000)
    search = FaissNeighbors().fit(on_file)
    assert np.shares_memory(search._vectors, on_file)
    assert not np.shares_memory(in_memory._vectors, vectors)
    for one, other in zip(
        search.kneighbors(queries, 10), in_memory.kneighbors(queries, 10), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert recall(search.kneighbors(queries, 10)[1], truth) > 0.99


def test_files_of_other_dtypes_and_orders_are_read(uneven, tmp_path):
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


def test_later_changes_of_the_vectors_have_no_effect(uneven):
    vectors, _, queries, _ = uneven
    mine = vectors.copy()
    search = FaissNeighbors().fit(mine)
    before = search.kneighbors(queries, 10)
    mine[:] = 0
    for one, other in zip(search.kneighbors(queries, 10), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("code_size", [None, 4])
def test_joblib_keeps_a_memory_mapped_search(uneven, tmp_path, code_size, monkeypatch):
    _, on_file, queries, _ = uneven
    search = FaissNeighbors(code_size=code_size).fit(on_file)
    joblib.dump(search, tmp_path / "search.joblib")
    monkeypatch.setattr(
        "skdcca.retrieval._faiss._nearest_lists", lambda *_: pytest.fail("sorted again")
    )
    again = joblib.load(tmp_path / "search.joblib", mmap_mode="r")
    assert isinstance(again._vectors.base, (np.memmap, type(np.load(on_file.filename, "r").base)))
    for one, other in zip(
        again.kneighbors(queries, 10), search.kneighbors(queries, 10), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("view", ["columns", "rotated"])
def test_short_codes_follow_the_principal_components(uneven, view):
    """Short codes find nearly as much, whatever the directions of the variance."""
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
    np.testing.assert_allclose(overlap, 1, atol=1e-4)  # they span the same space


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


def test_older_states_without_lists_load(uneven):
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


@pytest.mark.parametrize(
    "change",
    [
        {"centroids_": np.zeros((3, 4), np.float32)},
        {"codebook_": np.zeros((1, 1), np.float32)},
        {"codebook_": np.zeros((4, 16))},
        {"codebook_": "words"},
        {"_vectors": np.zeros((10, 4), np.float32)},
        {"_vectors": np.zeros((100, 400), np.float32)},
        {"n_samples_fit_": 10**12},
        {"n_lists_": 10**12},
        {"n_features_in_": 10**6},
    ],
    ids=str,
)
def test_faiss_arrays_of_other_shapes_are_refused(change):
    pytest.importorskip("faiss")
    vectors = np.random.default_rng(0).normal(size=(100, 4))
    state = FaissNeighbors().fit(vectors).__getstate__()
    with pytest.raises(ValueError, match=r"\w+_ of FaissNeighbors|_vectors of FaissNeighbors"):
        FaissNeighbors().__setstate__(state | change)


@pytest.mark.parametrize("correlation", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("similarity", ["weighted", "likelihood"])
def test_faiss_nearly_equals_the_exact_search(similarity, correlation):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 6))
    y = correlation * X + np.sqrt(1 - correlation**2) * rng.normal(size=X.shape)
    model = LinearCCA(similarity=similarity).fit(X, y)
    exact = CrossModalIndex(model).fit(X, y)
    near = CrossModalIndex(model, neighbors=FaissNeighbors()).fit(X, y)
    for asked in ({"y": y[:100]}, {"X": X[:100]}):
        pairs = zip(exact.query(**asked)[1], near.query(**asked)[1], strict=True)
        assert np.mean([len(set(a) & set(b)) / 10 for a, b in pairs]) > 0.97


def test_invalid_arguments_of_faiss_are_refused():
    vectors = np.random.default_rng(0).normal(size=(100, 4))
    search = FaissNeighbors().fit(vectors)
    for call, message in [
        (
            lambda: search.kneighbors(vectors, 101),
            "`n_neighbors` must be <= the number of vectors, 100, got 101",
        ),
        (
            lambda: search.kneighbors(vectors[:, :3], 1),
            "X has 3 features, but FaissNeighbors was fitted with 4",
        ),
        (
            lambda: FaissNeighbors().fit(1e30 * vectors),
            r"X must have absolute values of at most 1e\+15, got .*e\+30",
        ),
        (
            lambda: FaissNeighbors(random_state=2**40).fit(vectors),
            r"`random_state` must be an integer in \[0, 2147483647\], got 1099511627776",
        ),
        (
            lambda: FaissNeighbors(n_lists=0).fit(vectors),
            "`n_lists` must be an integer >= 1, or None, got 0",
        ),
        (
            lambda: FaissNeighbors(code_size=0).fit(vectors),
            "`code_size` must be an integer >= 1, or None, got 0",
        ),
        (
            lambda: FaissNeighbors(code_size=2.5).fit(vectors),
            "`code_size` must be an integer >= 1, or None, got 2.5",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    assert FaissNeighbors(n_lists=50).fit(vectors).n_lists_ == 2  # at least 39 vectors each


def test_missing_faiss_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match=r"FaissNeighbors needs .*skdcca\[faiss\]"):
        FaissNeighbors().fit(np.eye(3))
