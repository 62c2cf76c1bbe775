"""CrossModalIndex against all scores, sorted, and against an index that is fitted again."""

import json
import pickle

import joblib
import numpy as np
import pytest
from _galleries import N, all_sorted, fitted_model, two_views
from _programs import run_program
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import CrossModalIndex, DeepCCA, Doc2VecLyrics, FaissNeighbors, KernelCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.metrics import mrr_scorer, mrr_y_to_x, pair_scores, ranks, reciprocal_rank


@pytest.fixture(scope="module")
def views():
    return two_views()


@pytest.fixture(scope="module")
def model():
    return fitted_model()


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


class Rescaled(LinearCCA):
    """Model whose variates have other variances on rows that it has not seen."""

    def comparison(self):
        k = np.arange(self.n_components_)
        return super().comparison() | {"deviations": (1 + k, 1 / (1 + k))}


@pytest.mark.parametrize("similarity", ["weighted", "likelihood"])
def test_neighbors_are_those_of_variates_divided_by_their_deviations(views, similarity):
    X, y = views
    model = Rescaled(reg=0.01, similarity=similarity).fit(X[:200], y[:200])
    index = CrossModalIndex(model, neighbors=NearestNeighbors(algorithm="brute")).fit(X, y)
    for asked, scores in (
        ({"y": y}, pair_scores(model, X, y).T),
        ({"X": X}, pair_scores(model, X, y)),
    ):
        np.testing.assert_array_equal(index.query(**asked)[1], all_sorted(scores)[1][:, :10])


def test_ranks_through_the_index_are_those_of_the_metrics(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X, y)
    _, ids = index.query(y=y, n_neighbors=N)
    found = 1 + (ids == np.arange(N)[:, None]).argmax(axis=1)
    np.testing.assert_array_equal(found, ranks(pair_scores(model, X, y).T))
    assert reciprocal_rank(found) == mrr_y_to_x(model, X, y)


def test_constant_variates_tie_in_the_gallery_order(model):
    index = CrossModalIndex(model).fit(np.zeros((50, 8)), ids=[f"song {i}" for i in range(50)])
    scores, ids = index.query(y=np.ones((1, 6)), n_neighbors=4)
    assert ids.tolist() == [["song 0", "song 1", "song 2", "song 3"]]
    assert len(set(scores[0])) == 1


@pytest.mark.parametrize("neighbors", [None, FaissNeighbors()])
def test_adding_and_removing_equals_refitting(views, model, neighbors):
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


def test_automatic_ids_continue_and_are_never_reused(views, model):
    X, _ = views
    index = CrossModalIndex(model).fit(X[:5])
    index.remove([4, 1]).add(X[5:7])
    assert index.ids_.tolist() == [0, 2, 3, 5, 6]
    index.add(X[7:8], ids=[40]).add(X[8:9])
    assert index.ids_.tolist() == [0, 2, 3, 5, 6, 40, 41]


def test_an_emptied_index_takes_new_items(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X[:2]).remove([0, 1])
    with pytest.raises(ValueError, match="`n_neighbors` must be <= the number of items, 0, got 1"):
        index.query(y=y[:1], n_neighbors=1)
    assert index.add(X[2:4]).query(y=y[:1], n_neighbors=2)[1].shape == (1, 2)


def test_an_emptied_index_takes_ids_of_another_type(views, model):
    X, _ = views
    index = CrossModalIndex(model).fit(X[:2], ids=["a", "b"]).remove(["a", "b"])
    assert index.add(X[:2]).ids_.tolist() == [0, 1]


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
    deep = DeepCCA(3, fallback=None, **small).fit(X[:200], y[:200])
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


def test_a_changed_similarity_takes_effect(views):
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
def test_exhaustive_neighbors_equal_the_exact_search(views, neighbors, similarity):
    X, y = views
    model = LinearCCA(similarity=similarity).fit(X[:200], y[:200])
    exact = CrossModalIndex(model).fit(X, y)
    index = CrossModalIndex(model, neighbors=neighbors).fit(X, y)
    for asked in ({"X": X}, {"y": y}):
        for one, other in zip(index.query(**asked), exact.query(**asked), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("duplicates", [False, True])
def test_ties_among_the_neighbors_keep_the_gallery_order(views, duplicates):
    X, y = (np.repeat(view[:30], 5, axis=0) for view in views)
    neighbors = NearestNeighbors() if not duplicates else FaissNeighbors(n_candidates=N)
    index = CrossModalIndex(LinearCCA(2).fit(*views), neighbors=neighbors).fit(X)
    scores, ids = index.query(y=y[:20], n_neighbors=150)
    tied = np.diff(scores, axis=1) == 0
    assert tied.any()
    assert (np.diff(ids, axis=1)[tied] > 0).all()


def test_neighbors_are_fitted_by_fit_and_not_by_the_first_query(views, model):
    X, y = views
    index = CrossModalIndex(model, neighbors=FaissNeighbors()).fit(X, y)
    assert sorted(index._searches) == ["x", "y"]


def test_an_index_with_neighbors_stays_memory_mapped(views, model, tmp_path, monkeypatch):
    """No rows are stored beside the variates, and nothing is fitted again."""
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
def test_a_pickled_index_gives_the_same_answers_in_another_process(
    views, model, neighbors, tmp_path
):
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
    run_program(code, tmp_path / "index.joblib", answers)
    expected = [*index.query(y=y), *index.query(X=X)]
    with np.load(answers) as found:
        for name, of in zip(found.files, expected, strict=True):
            np.testing.assert_array_equal(found[name], of)


def test_pickles_hold_no_derived_rows(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X, y)
    before = len(pickle.dumps(index))
    index.query(y=y[:1])
    assert len(pickle.dumps(index)) <= before + 200


def test_chance_score_is_what_unrelated_songs_reach(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X, y)
    scores = pair_scores(model, X, y).T  # queries of y
    np.fill_diagonal(scores, -np.inf)
    assert index.chance_score("y") == pytest.approx(np.quantile(scores.max(axis=1), 0.95), abs=1e-9)
    scores = pair_scores(model, X, y)
    np.fill_diagonal(scores, -np.inf)
    assert index.chance_score("x", 0.5) == pytest.approx(np.median(scores.max(axis=1)), abs=1e-9)
    assert CrossModalIndex(model).fit(X).chance_score("y") is None
    with pytest.raises(ValueError, match=r"`view` must be one of \['x', 'y'\], got 'audio'"):
        index.chance_score("audio")


def test_chance_of_a_large_gallery_is_measured_with_a_thousand_queries(model):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2_500, 8)), rng.normal(size=(2_500, 6))
    index = CrossModalIndex(model).fit(X, y)
    own = np.linspace(0, 2_499, 1_000).astype(int)
    scores = pair_scores(model, X, y[own]).T
    scores[np.arange(1_000), own] = -np.inf
    expected = np.quantile(scores.max(axis=1), 0.95)
    assert index.chance_score("y") == pytest.approx(expected, abs=1e-9)


def test_variates_that_are_not_finite_are_named(views):
    X, y = views

    class Odd(LinearCCA):
        def _project_x(self, X):
            return super()._project_x(X) / np.where(np.arange(len(X)) == 2, 0, 1)[:, None]

    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"variates of X must be finite, .* in rows 2"),
    ):
        CrossModalIndex(Odd().fit(X, y)).fit(X[:5])


def test_bad_changes_leave_the_index_as_it_was(views, model):
    X, y = views
    index = CrossModalIndex(model).fit(X[:5], y[:5], ids=list("abcde"))
    cases = [
        (lambda: index.add(X[5:6], ids=["f"]), "the views of the gallery, x and y, got x"),
        (
            lambda: index.add(X[5:6], y[5:6]),
            "`ids` must be given for an index with str ids, got None",
        ),
        (
            lambda: index.add(X[5:6], y[5:6], ids=[7]),
            "of the same type as those of the index, such as 'a', got 7",
        ),
        (
            lambda: index.add(X[5:6], y[5:6], ids=["c"]),
            "`ids` must not be in the index yet, got 'c'. Remove them first",
        ),
        (lambda: index.add(X[5:6, :3], y[5:6], ids=["f"]), "3 features"),
        (
            lambda: index.remove(["a", "z"]),
            "`ids` must be in the index, got 'z'. No item was removed",
        ),
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
        ({}, "Exactly one of `X` and `y` must be given, got neither"),
        ({"X": X[:1], "y": y[:1]}, "Exactly one of `X` and `y` must be given, got both"),
        (
            {"X": X[:1], "n_neighbors": 1},
            "Queries of x search the view y, which this gallery lacks. Fit the index with y",
        ),
        ({"y": y[:1]}, "`n_neighbors` must be <= the number of items, 5, got 10"),
        ({"y": y[:1], "n_neighbors": 0}, "`n_neighbors` must be an integer >= 1, got 0"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            index.query(**arguments)
    with pytest.raises(
        ValueError, match=r"`neighbors` must be a nearest neighbor estimator.* got 'faiss'"
    ):
        CrossModalIndex(model, neighbors="faiss").fit(X)
    with pytest.raises(
        TypeError, match="must contain a canonical correlation model, got StandardScaler"
    ):
        CrossModalIndex(StandardScaler().fit(X)).fit(X)
    with pytest.raises(ValueError, match="not fitted"):
        CrossModalIndex(LinearCCA()).fit(X)
    with pytest.raises(ValueError, match="not fitted"):
        CrossModalIndex(model).query(X=X)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata_": "no JSON"}, "Expecting value"),
        ({"metadata_": "[]"}, r"300 ids_, but \{0\}"),
        ({"metadata_": json.dumps(N * [1])}, "must be dicts"),
        ({"metadata_": {}}, "must be str"),
        ({"ids_": np.array(N * ["a"], dtype=object)}, "ids_ of a CrossModalIndex"),
        ({"ids_": np.zeros((N, 2), int)}, "ids_ of a CrossModalIndex"),
        ({"ids_": list(range(N))}, "ids_ of a CrossModalIndex"),
        ({"zx_": "words"}, "must be tables of numbers"),
        ({"zx_": np.zeros(N)}, "must be tables of numbers"),
        ({"zy_": np.zeros((N, 2), dtype="U1")}, "must be tables of numbers"),
        ({"zy_": np.zeros((N + 1, 2))}, r"300 ids_, but \{301\}"),
        ({"neighbors": make_pipeline(Doc2VecLyrics(pretrained="a pickle"))}, "neighbors of a"),
        ({"_searches": {"x": LinearCCA()}}, "neighbors of a"),
    ],
)
def test_invalid_states_of_an_index_are_refused(views, model, change, message):
    metadata = [{"row": i} for i in range(N)]
    state = CrossModalIndex(model).fit(*views, metadata=metadata).__getstate__() | change
    with pytest.raises((ValueError, TypeError), match=message):
        CrossModalIndex(None).__setstate__(state)
