"""An index of several views, against brute force over the items that have the view."""

import pickle
import threading
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _galleries import all_sorted
from _many_views import NAMES, named_views, random_presence, sides, three_views, without
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA, MultiCCA, load, save
from skdcca.metrics import join_scores, mrr_scorer
from skdcca.retrieval import (
    ask,
    can_find_words,
    hearing_step,
    item_groups,
    more_like,
    prepare_chance,
)

SIDES = dict(zip(NAMES, sides(), strict=True))
TOGETHER = [(("audio", "tags"), "lyrics"), (("tags", "lyrics"), "audio")]
N = 60
PRESENT = random_presence(N, 0.3)
HAS = dict(zip(NAMES, PRESENT.T, strict=True))
GROUPS = np.arange(N) // 3


@pytest.fixture(scope="module")
def X():
    return three_views(200)


@pytest.fixture(scope="module")
def cca(X):
    return MultiCCA(named_views(), 3, reg=0.5).fit(X[N:])


@pytest.fixture(scope="module")
def gallery(X):
    """Return items of which 30 % lack each view."""
    return without(X[:N], PRESENT)


@pytest.fixture(scope="module")
def index(cca, gallery):
    return CrossModalIndex(cca).fit(gallery)


def columns(X, view):
    names = [view] if isinstance(view, str) else view
    return np.hstack([X[:, SIDES[name]] for name in names])


def scores_of(cca, queries, gallery, view, find):
    """Return all scores of queries, and the places of the items that have the view."""
    places = np.flatnonzero(HAS[find])
    pair = cca.pair(view, find)
    zy = pair.transform_y(columns(gallery[places], find))
    return pair.compare(pair.transform(columns(queries, view)), zy), places


def brute_force(cca, queries, gallery, view, find, k):
    scores, places = scores_of(cca, queries, gallery, view, find)
    scores, order = all_sorted(scores)
    return scores[:, :k], places[order[:, :k]]


@pytest.mark.parametrize(("view", "find"), [*permutations(NAMES, 2), *TOGETHER])
def test_any_view_finds_any_view_as_brute_force(index, cca, X, gallery, view, find):
    queries, k = X[100:110], int(HAS[find].sum())
    expected = brute_force(cca, queries, gallery, view, find, k)
    found = index.query(view=view, V=columns(queries, view), find=find, n_neighbors=k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    few = index.query(view=view, V=columns(queries, view), find=find, n_neighbors=3)
    np.testing.assert_array_equal(few[1], expected[1][:, :3])
    if isinstance(view, str):
        za, zb = (cca.transform_view(*of) for of in ((view, columns(queries, view)),
                  (find, columns(gallery[expected[1][0]], find))))  # fmt: skip
        direct = cca.compare(za[:1], zb, pair=(view, find))
        np.testing.assert_array_equal(direct[0], expected[0][0])


def test_the_variates_are_those_of_the_views_and_nan_where_an_item_lacks_one(index, cca, gallery):
    assert index.views_ == list(NAMES) == list(index.variates_)
    assert index.zx_ is None
    assert index.zy_ is None
    z = cca.transform(gallery)
    for name, side in cca.output_indices_.items():
        np.testing.assert_array_equal(index.variates_[name], z[:, side])


def test_a_query_of_two_views_may_lack_one(index, cca, X, gallery):
    queries = columns(X[100:103], ("audio", "tags"))
    queries[1, :5] = queries[2, 5:] = np.nan
    scores, ids = index.query(view=("audio", "tags"), V=queries, find="lyrics", n_neighbors=5)
    pair, places = cca.pair(("audio", "tags"), "lyrics"), np.flatnonzero(HAS["lyrics"])
    zy = pair.transform_y(gallery[places][:, SIDES["lyrics"]])
    expected, order = all_sorted(pair.compare(pair.transform(queries), zy))
    np.testing.assert_array_equal(scores, expected[:, :5])
    np.testing.assert_array_equal(ids, places[order[:, :5]])
    with pytest.raises(ValueError, match="Row 0 has none of the views"):
        index.query(view=("audio", "tags"), V=np.full((1, 8), np.nan), find="lyrics")


def test_two_views_together_are_searched_where_an_item_has_one_of_them(index, X):
    pair, has_one = index.pair(("audio", "tags"), "lyrics"), HAS["audio"] | HAS["tags"]
    assert 0 < (~has_one).sum() < N
    scores, ids = pair.query(y=columns(X[100:102], "lyrics"), n_neighbors=has_one.sum())
    assert np.isfinite(scores).all()
    for row in ids:
        np.testing.assert_array_equal(np.sort(row), np.flatnonzero(has_one))


@pytest.mark.parametrize("join", ["max", "mean"])
@pytest.mark.parametrize("neighbors", [None, NearestNeighbors()])
def test_groups_are_joined_over_the_items_that_have_the_view(cca, X, gallery, join, neighbors):
    index = CrossModalIndex(cca, join=join, neighbors=neighbors).fit(gallery, groups=GROUPS)
    queries = X[100:106]
    for view, find in (("lyrics", "audio"), ("audio", "tags"), *TOGETHER):
        scores, places = scores_of(cca, queries, gallery, view, find)
        joined = join_scores(scores, None, GROUPS[places], how=join)
        _, first = np.unique(GROUPS[places], return_index=True)
        groups = GROUPS[places][np.sort(first)]
        k = len(groups)
        found, ids = index.query(view=view, V=columns(queries, view), find=find, n_neighbors=k)
        expected, order = all_sorted(joined)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        np.testing.assert_array_equal(GROUPS[ids], groups[order])
        assert HAS[find][ids].all()
        by_two = index.query(view=view, V=columns(queries, view), find=find, n_neighbors=2,
                             groups=[0, 0, 1, 1, 2, 2])  # fmt: skip
        expected = join_scores(scores, [0, 0, 1, 1, 2, 2], GROUPS[places], how=join)
        np.testing.assert_allclose(by_two[0], all_sorted(expected)[0][:, :2], atol=1e-9)
        with pytest.raises(ValueError, match=f"the number of groups with the view '{find}', {k},"):
            index.query(view=view, V=columns(queries, view), find=find, n_neighbors=k + 1)


@pytest.mark.parametrize("neighbors", [NearestNeighbors(algorithm="brute"), FaissNeighbors()])
def test_neighbors_find_what_the_exact_search_finds(cca, X, gallery, index, neighbors):
    if isinstance(neighbors, FaissNeighbors):
        pytest.importorskip("faiss")
    other = CrossModalIndex(cca, neighbors=neighbors).fit(gallery)
    for view, find in (("lyrics", "audio"), ("audio", "tags"), *TOGETHER):
        V = columns(X[100:110], view)
        expected = index.query(view=view, V=V, find=find, n_neighbors=4)
        found = other.query(view=view, V=V, find=find, n_neighbors=4)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[0], expected[0])
    assert set(other._state_of_pairs()["_kept_pairs"][0][2]["_searches"]) == {"x", "y"}


def test_adding_and_removing_equals_refitting(cca, X, gallery):
    names = [f"song {i}" for i in range(N)]
    index = CrossModalIndex(cca).fit(gallery[:40], ids=names[:40])
    stale = index.pair("audio", "lyrics")
    index.add(gallery[40:], ids=names[40:]).remove(names[5:30])
    kept = np.r_[0:5, 30:N]
    again = CrossModalIndex(cca).fit(gallery[kept], ids=[names[i] for i in kept])
    for view, find in (("lyrics", "audio"), *TOGETHER):
        results = [
            one.query(view=view, V=columns(X[100:105], view), find=find) for one in (index, again)
        ]
        np.testing.assert_array_equal(results[0][1], results[1][1])
    assert index.pair("audio", "lyrics") is not stale
    assert index.pair("audio", "lyrics") is index.pair("audio", "lyrics")
    for change in (lambda: stale.add(gallery, gallery), lambda: stale.remove(names[:1]),
                   lambda: stale.fit(gallery, gallery)):  # fmt: skip
        with pytest.raises(ValueError, match="must not change"):
            change()


def test_a_pair_of_older_items_that_another_thread_kept_is_not_used(cca, gallery):
    index = CrossModalIndex(cca).fit(gallery)
    late = {("audio", "lyrics"): index.pair("audio", "lyrics")}
    index.remove([0])
    index._pairs = late
    assert len(index.pair("audio", "lyrics").ids_) == N - 1
    assert index._state_of_pairs()["_kept_pairs"] == []


def test_an_empty_index_is_filled_again(cca, X, gallery):
    index = CrossModalIndex(cca).fit(gallery).remove(range(N))
    assert index.pair("audio", "lyrics").zx_.shape == (0, 3)
    with pytest.raises(ValueError, match="the number of items, 0"):
        index.query(view="audio", V=X[:1, :5], find="lyrics")
    assert index.add(gallery).ids_.tolist() == list(range(N, 2 * N))


def test_views_that_no_item_has_cannot_be_found(cca, X):
    only_audio = without(X[:30], np.array([[True, False, True]] * 30))
    index = CrossModalIndex(cca).fit(only_audio)
    with pytest.raises(ValueError, match="must have an item with the view 'lyrics'"):
        index.query(view="audio", V=X[:1, :5], find="lyrics")
    pair = index.pair("audio", "lyrics")
    assert pair.zy_ is None
    assert pair.chance_score("x") is None
    assert not pair.is_far("y", [9.0, 9.0, 9.0])
    assert pair.query(y=columns(X[:1], "lyrics"), n_neighbors=30)[0].shape == (1, 30)


@pytest.mark.parametrize("view", ["x", "y"])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_chance_is_judged_by_the_items_that_have_both_sides(index, cca, gallery, view, groups):
    pair = index.pair("audio", "lyrics")
    asked, searched = ("audio", "lyrics")[:: 1 if view == "x" else -1]
    queries, items = np.flatnonzero(HAS[asked]), np.flatnonzero(HAS[searched])
    zq, zi = (cca.transform_view(name, columns(gallery[at], name))
              for name, at in ((asked, queries), (searched, items)))  # fmt: skip
    scores = cca.compare(zq, zi, pair=("audio", "lyrics"))
    labels = np.arange(N) if groups is None else groups
    others = labels[queries][:, None] != labels[items]
    level = np.quantile(np.where(others, scores, -np.inf).max(axis=1), 0.9)
    assert pair.chance_score(view, 0.9, groups=groups) == pytest.approx(level, abs=1e-9)
    p = pair.p_values(view, scores[0], items, groups=groups)
    counts = (others & (scores >= scores[0])).sum(axis=0)
    np.testing.assert_allclose(p, (1 + counts) / (1 + others.sum(axis=0)))


def test_items_that_lack_the_view_have_no_p_value(index):
    pair, lacking = index.pair("audio", "lyrics"), np.flatnonzero(~HAS["lyrics"])[:2]
    having = np.flatnonzero(HAS["lyrics"])[0]
    p = pair.p_values("x", [0.5, 0.5, 0.5], [lacking[0], having, lacking[1]])
    assert p[0] is None
    assert p[2] is None
    assert p[1] == pair.p_values("x", [0.5], [having])[0]


def test_a_far_query_is_known_by_the_items_that_have_its_view(index):
    pair = index.pair("audio", "lyrics")
    z = index.variates_["audio"][HAS["audio"]]
    far = np.quantile(np.linalg.norm(z - z.mean(axis=0), axis=1), 0.99)
    step = np.array([1.0, 0.0, 0.0])
    assert pair.is_far("x", z.mean(axis=0) + 2.01 * far * step)
    assert not pair.is_far("x", z.mean(axis=0) + 1.99 * far * step)


def test_more_like_an_item_compares_what_the_item_has(index, cca):
    pair = index.pair("audio", "lyrics")
    for item in (0, np.flatnonzero(~HAS["audio"] & HAS["lyrics"])[0]):
        name = "audio" if HAS["audio"][item] else "lyrics"
        z = index.variates_[name] * cca.pair_correlations_["audio", "lyrics"] ** 2
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        others = np.setdiff1d(np.flatnonzero(HAS[name]), [item])
        expected = others[np.argsort(-(z[others] @ z[item]), kind="stable")][:4]
        scores, ids = more_like(pair, item, 4)
        assert ids == expected.tolist()
        np.testing.assert_allclose(scores, z[expected] @ z[item])
    only_tags = np.flatnonzero(~HAS["audio"] & ~HAS["lyrics"])
    assert more_like(pair, only_tags[0], 4) == ([], [])


def test_more_like_divides_by_the_deviations_of_a_model(X):
    class Deviating(LinearCCA):
        def comparison(self):
            return {"correlations": np.ones(2), "power": 1, "deviations": ([1e6, 1], [1, 1])}

    model = Deviating(2).fit(X[:, :5], X[:, 5:9])
    index = CrossModalIndex(model).fit(X[:40, :5], X[:40, 5:9])
    sign = np.sign(index.zx_[:, 1])
    scores, ids = more_like(index, 0, 3)
    assert (sign[ids] == sign[0]).all()
    np.testing.assert_allclose(scores, 1.0, atol=1e-4)


def test_the_file_of_an_index_keeps_its_pairs(index, cca, X, gallery, tmp_path):
    original = CrossModalIndex(cca, neighbors=NearestNeighbors(algorithm="brute")).fit(gallery)
    V = columns(X[100:103], ("audio", "tags"))
    expected = original.query(view=("audio", "tags"), V=V, find="lyrics", n_neighbors=3)
    save(CrossModalIndex(cca).fit(gallery), tmp_path / "exact")
    exact = load(tmp_path / "exact")
    copied = pickle.loads(pickle.dumps(original))
    assert ("audio", "lyrics") in copied._kept_pairs
    for again in (exact, copied):
        found = again.query(view=("audio", "tags"), V=V, find="lyrics", n_neighbors=3)
        np.testing.assert_array_equal(found[1], expected[1])
        assert again.views_ == index.views_
    save(original.set_params(neighbors=None).pair("audio", "lyrics"), tmp_path / "pair")
    pair = load(tmp_path / "pair")
    np.testing.assert_array_equal(
        pair.query(X=X[:2, :5], n_neighbors=5)[1],
        index.query(view="audio", V=X[:2, :5], find="lyrics", n_neighbors=5)[1],
    )
    with pytest.raises(ValueError, match="must not change"):
        pair.add(X, X)


@pytest.mark.parametrize(
    "change",
    [
        {"variates_": {"audio": np.zeros((3, 2))}},
        {"variates_": [np.zeros((N, 2))]},
        {"variates_": {"audio": np.array([object()] * N)}},
        {"_present": {"x": np.array([N])}},
        {"_present": {"x": np.array([-1])}},
        {"_present": [1]},
        {"_kept_pairs": [["audio", "tags"]]},
        {"_kept_pairs": [["audio", "tags", {"_searches": {"x": LinearCCA()}}]]},
        {"_kept_pairs": [["audio", "tags", {"_searches": {}, "_backgrounds": {"a": 1},
                                            "_compared_by": None}]]},
        {"_kept_pairs": [["audio", 3, {"_searches": {}, "_backgrounds": {}, "_compared_by": ""}]]},
        {"_kept_pairs": [["audio", "tags", {"_searches": {}, "_backgrounds": {},
                                            "_compared_by": "", "ids_": np.arange(3)}]]},
    ],
)  # fmt: skip
def test_a_crafted_state_is_refused(index, change):
    state = index.__getstate__() | change
    with pytest.raises(ValueError, match=r"(of|in) a CrossModalIndex"):
        CrossModalIndex(None).__setstate__(state)


def test_a_state_without_views_is_that_of_an_older_version(X):
    model = LinearCCA(2).fit(X[:, :5], X[:, 5:9])
    index = CrossModalIndex(model).fit(X[:, :5], X[:, 5:9])
    new = {"variates_", "_texts_view", "_pairs", "_kept_pairs", "_present", "_parent", "_is_pair"}
    state = {k: v for k, v in index.__getstate__().items() if k not in {*new, "_y_has_words"}}
    again = CrossModalIndex(None)
    again.__setstate__(state)
    assert again.views_ is None
    np.testing.assert_array_equal(again.query(X=X[:3, :5])[1], index.query(X=X[:3, :5])[1])
    again.add(X[:, :5], X[:, 5:9]).remove([1])


def test_pairs_follow_the_parameters_of_the_index(cca, X, gallery):
    model = clone(cca).fit(X[N:])
    index = CrossModalIndex(model).fit(gallery, groups=GROUPS)
    before = index.query(view="audio", V=X[100:103, :5], find="lyrics")[0]
    joined = index.set_params(join="mean").query(view="audio", V=X[100:103, :5], find="lyrics")[0]
    assert not np.allclose(before, joined)
    model.set_params(similarity="cosine")
    cosine = index.query(view="audio", V=X[100:103, :5], find="lyrics")[0]
    assert not np.allclose(joined, cosine)


def test_threads_find_what_one_thread_finds(cca, X, gallery):
    index = CrossModalIndex(cca).fit(gallery)
    asked = [*permutations(NAMES, 2), *TOGETHER] * 2
    found, barrier = {}, threading.Barrier(len(asked))

    def search(number, view, find):
        barrier.wait()
        found[number] = index.query(view=view, V=columns(X[100:101], view), find=find)[1]

    threads = [threading.Thread(target=search, args=(i, *of)) for i, of in enumerate(asked)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (view, find) in enumerate(asked):
        expected = brute_force(cca, X[100:101], gallery, view, find, 10)[1]
        np.testing.assert_array_equal(found[number], expected)


def test_searches_and_pipelines_around_a_model(X):
    search = GridSearchCV(MultiCCA(named_views(), 1), {"reg": [0.1, 1.0]}, cv=2).fit(X)
    best = MultiCCA(named_views(), 1, reg=search.best_params_["reg"]).fit(X)
    expected = CrossModalIndex(best).fit(X[:20]).query(view="tags", V=X[:2, 9:], find="audio")[1]
    for model in (search, FrozenEstimator(best), make_pipeline(best),
                  make_pipeline("passthrough", search.best_estimator_)):  # fmt: skip
        index = CrossModalIndex(model).fit(X[:20])
        np.testing.assert_array_equal(
            index.query(view="tags", V=X[:2, 9:], find="audio")[1], expected
        )
    piped = make_pipeline(StandardScaler(), MultiCCA(named_views(), 1)).fit(X)
    with pytest.raises(ValueError, match=r"got \['standardscaler'\]. Make them part of the trans"):
        CrossModalIndex(piped).fit(X)


def test_a_model_of_two_views_needs_no_find(X):
    model = MultiCCA(named_views()[:2], 2).fit(X)
    index = CrossModalIndex(model).fit(without(X[:N], PRESENT | [False, True, True]))
    with_name = index.query(view="lyrics", V=X[:3, 5:9], find="audio")
    np.testing.assert_array_equal(index.query(view="lyrics", V=X[:3, 5:9])[1], with_name[1])
    assert HAS["audio"][with_name[1]].all()


def test_a_table_with_names(X):
    table = pd.DataFrame(X, columns=[f"c{i}" for i in range(12)])
    views = [(name, "passthrough", list(table.columns[of])) for name, of in SIDES.items()]
    model = MultiCCA(views, 2).fit(table)
    index = CrossModalIndex(model).fit(table[:30])
    plain = CrossModalIndex(MultiCCA(named_views(), 2).fit(X)).fit(X[:30])
    for view, find in (("lyrics", "audio"), *TOGETHER):
        found = index.query(view=view, V=table[40:43], find=find)[1]
        np.testing.assert_array_equal(
            found, plain.query(view=view, V=columns(X[40:43], view), find=find)[1]
        )


@pytest.mark.parametrize(("arguments", "message"),
    [
        ({}, "`V` must be given"),
        ({"V": [1]}, "`view` must be given"),
        ({"view": "audio", "find": "tags"}, "`V` must be given"),
        ({"view": "audio", "V": [], "find": "tags"}, "`V` must have at least one query"),
        ({"X": 1}, "`X` must be None for an index of the views"),
        ({"y": 1}, "`y` must be None for an index of the views"),
        ({"view": "audio", "V": [1], "find": "audio"}, r"`find` must be one of \['lyrics', 'tags'\]"),
        ({"view": "audio", "V": [1]}, r"`find` must be one of \['lyrics', 'tags'\], got None"),
        ({"view": ("audio", "tags"), "V": [1], "find": "tags"}, r"`find` must be one of \['lyrics'\]"),
        ({"view": "covers", "V": [1], "find": "tags"}, "`view` must be one of .* got 'covers'"),
        ({"view": ("audio", 3), "V": [1], "find": "tags"}, "`view` must be one of"),
        ({"view": (), "V": [1], "find": "tags"}, "`view` must be one of"),
        ({"view": "audio", "V": np.zeros((1, 4)), "find": "tags"}, "must have 5 columns, got 4"),
        ({"view": "audio", "V": np.zeros((1, 5)), "find": "tags", "n_neighbors": 60},
         "`n_neighbors` must be <= the number of items with the view 'tags'"),
        ({"view": "audio", "V": np.zeros((1, 5)), "find": "tags", "n_neighbors": 0},
         "`n_neighbors` must be an integer >= 1"),
    ],
)  # fmt: skip
def test_wrong_queries_are_refused(index, arguments, message):
    with pytest.raises(ValueError, match=message):
        index.query(**arguments)


def test_methods_of_two_views_name_the_pair_to_call(index):
    for call in (
        lambda: index.embed([1]),
        lambda: index.chance_score("x"),
        lambda: index.p_values("x", [1.0], [0]),
        lambda: index.is_far("x", [1.0]),
        lambda: more_like(index, 0, 3),
        lambda: ask(index, "y", "text", 3),
        lambda: prepare_chance(index),
    ):
        with pytest.raises(ValueError, match=r"pair\('audio', 'lyrics'\)"):
            call()
    with pytest.raises(TypeError, match="must be a two-view model, got MultiCCA"):
        mrr_scorer(index.estimator, [1], [1])


def test_wrong_items_are_refused(cca, X):
    index = CrossModalIndex(cca)
    with pytest.raises(NotFittedError):
        CrossModalIndex(MultiCCA(named_views())).fit(X)
    for call in (lambda: index.pair("audio", "tags"), lambda: index.query(view="audio", V=X)):
        with pytest.raises(NotFittedError):
            call()
    with pytest.raises(ValueError, match="`y` must be None for a model of several views"):
        index.fit(X, X)
    with pytest.raises(ValueError, match="`y` must be None for a model of several views"):
        index.fit(y=X)
    with pytest.raises(ValueError, match="Row 2 has none of the views"):
        index.fit(np.vstack([X[:2], np.full((1, 12), np.nan)]))
    with pytest.raises(ValueError, match="`texts` must be a list"):
        index.fit(X, texts="a")
    with pytest.raises(ValueError, match="`ids` must have one id for each of 200 items"):
        index.fit(X, ids=[1])
    broken = clone(cca).fit(X[N:])
    broken.weights_["audio"][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"the view 'audio' must be finite.*in rows 1, 2"):
        CrossModalIndex(broken).fit(without(X[:3], np.array([[0, 1, 1], [1, 1, 1], [1, 0, 0]]) > 0))
    two = CrossModalIndex(cca.pair("audio", "tags")).fit(X[:, :5], X[:, 9:])
    with pytest.raises(ValueError, match="`view` must be None for an index of two views"):
        two.query(view="audio", V=X[:, :5], find="tags")
    with pytest.raises(ValueError, match="this index has two, X and y"):
        two.pair("audio", "tags")


# Songs: audio features as numbers, lyrics, tags and a genre.


def as_numbers(songs):
    """Return the numbers that a "file" stands for."""
    return np.array([[float(part) for part in song.split(",")] for song in songs])


class Hearing(FunctionTransformer):
    """Transformer of songs that hears the same words in all of them."""

    def transcribe(self, songs):
        return [pd.Series({"text": "rain tears"}) for _ in songs]


@pytest.fixture(scope="module")
def songs():
    """Return a table of audio, lyrics, tags and genre, of which some are unknown."""
    rng = np.random.default_rng(0)
    mood = rng.integers(0, 2, 120)
    words = np.array([["rain", "tears", "night", "cold"], ["sun", "dance", "light", "warm"]])
    table = np.empty((120, 4), dtype=object)
    for i, m in enumerate(mood):
        table[i, 0] = ",".join(f"{value:.3f}" for value in m + rng.normal(size=3))
        lines = [" ".join([*rng.choice(words[m], 4), "the", f"word{chr(97 + i % 26)}"])] * 6
        table[i, 1] = "\n".join(lines)
        table[i, 2] = ["slow; sad", "fast; happy"][m]
        table[i, 3] = ["blues", "disco"][m]
    for column, step in enumerate((7, 5, 4, 9)):
        table[column::step, column] = None
    return table


@pytest.fixture(scope="module")
def song_index(songs):
    views = [
        ("audio", Hearing(as_numbers), 0),
        ("lyrics", TfidfVectorizer(min_df=3), 1),
        ("tags", CountVectorizer(tokenizer=split_tags, token_pattern=None), 2),
        ("genre", OneHotEncoder(handle_unknown="ignore"), [3]),
    ]
    metadata = [{"title": str(i)} for i in range(120)]
    return CrossModalIndex(MultiCCA(views, 1, reg=1.0).fit(songs)).fit(songs, metadata=metadata)


def split_tags(text):
    return [tag.strip() for tag in text.split(";")]


def test_lyrics_are_the_texts_whose_words_are_searched(song_index, songs):
    line = songs[7, 1].splitlines()[0]
    assert songs[7, 0] is None
    found = song_index.find_words(line, 3)
    assert found[0].exact
    assert line in songs[found[0].id, 1]
    pair = song_index.pair("audio", "lyrics")
    assert pair.find_words(line, 3) == found
    assert pair._prepared_word_search() is song_index.pair("audio", "tags")._prepared_word_search()
    assert can_find_words(pair, "y")
    assert not can_find_words(song_index.pair("audio", "tags"), "y")
    assert can_find_words(song_index.pair("lyrics", "audio"), "x") is False
    assert can_find_words(pair, "x")


def test_unrelated_lyrics_are_passages_and_unrelated_tags_are_items(song_index, songs):
    lyrics, tags = song_index.pair("audio", "lyrics"), song_index.pair("audio", "tags")
    prepare_chance(lyrics)
    assert "8 words" in lyrics._backgrounds
    assert tags.chance_score("y", like="slow") == tags.chance_score("y")
    assert tags._backgrounds == {}
    has_both = [row[0] is not None and row[2] is not None for row in songs]
    z = song_index.variates_["tags"]
    assert np.isnan(z).any(axis=1).tolist() == [row[2] is None for row in songs]
    assert sum(has_both) > 20
    other = song_index.pair("tags", "lyrics")
    assert other.chance_score("y", like="rain tears") is not None
    assert list(other._backgrounds) == ["2 words"]


def test_kept_passages_are_in_the_file(song_index):
    song_index.pair("audio", "lyrics").chance_score("y", like="rain tears night cold")
    again = pickle.loads(pickle.dumps(song_index))
    assert "4 words" in again.pair("audio", "lyrics")._backgrounds
    kept = pickle.loads(pickle.dumps(again))._kept_pairs["audio", "lyrics"]
    assert "4 words" in kept["_backgrounds"]


def test_a_text_asks_by_the_second_view_and_words_are_those_of_lyrics(song_index, songs):
    answer = ask(song_index.pair("audio", "lyrics"), "y", "rain tears night", 5)
    assert answer.words
    assert answer.understood
    assert all(songs[i, 0] is not None for i in answer.ids)
    assert all(0 < p <= 1 for p in answer.p)
    sad = ask(song_index.pair("audio", "tags"), "y", "slow; sad", 5)
    assert sad.words == []
    assert sad.understood
    unknown = ask(song_index.pair("audio", "tags"), "y", "rain tears night", 5)
    assert unknown.words == []  # which are words of lyrics, but no tags
    assert not unknown.understood
    assert unknown.above == 5 * [False]
    lyrics = ask(song_index.pair("lyrics", "tags"), "y", "fast; happy", 5)
    assert all("sun" in songs[i, 1] or "dance" in songs[i, 1] or "light" in songs[i, 1]
               or "warm" in songs[i, 1] for i in lyrics.ids)  # fmt: skip


def test_a_view_of_one_column_is_asked_by_a_text(song_index):
    pair = song_index.pair("lyrics", "genre")
    assert ask(pair, "y", "blues", 3).understood
    assert ask(pair, "y", ["blues"], 3).ids == ask(pair, "y", "blues", 3).ids
    assert not ask(pair, "y", "polka", 3).understood


def test_audio_and_tags_together_ask_for_lyrics(song_index, songs):
    pair = song_index.pair(("audio", "tags"), "lyrics")
    row = ["0.1,-0.2,0.3", "slow; sad"]
    answer = ask(pair, "x", row, 5)
    assert answer.heard == "rain tears"
    assert answer.words
    assert all(songs[i, 1] is not None for i in answer.ids)
    assert ask(pair, "x", [row], 5).ids == answer.ids
    assert ask(pair, "x", np.array([row], dtype=object), 5).ids == answer.ids
    expected = song_index.query(view=("audio", "tags"), V=[row], find="lyrics", n_neighbors=5)[1]
    assert answer.ids == expected[0].tolist()
    only_tags = ask(pair, "x", [None, "slow; sad"], 5)
    assert only_tags.heard is None
    assert only_tags.understood
    assert not ask(pair, "x", [None, "zydeco"], 5).understood
    assert ask(pair, "x", ["1,1,1", "zydeco"], 5).understood
    assert ask(pair, "x", ["1,1,1", None], 5).heard == "rain tears"
    back = ask(pair, "y", "rain tears night", 5)
    assert all(songs[i, 0] is not None or songs[i, 2] is not None for i in back.ids)


def test_an_audio_query_has_its_words_heard(song_index):
    assert hearing_step(song_index.estimator) is not None
    assert hearing_step(song_index.pair("lyrics", "tags").estimator) is None
    assert ask(song_index.pair("audio", "lyrics"), "x", "0,0,0", 3).heard == "rain tears"


def test_groups_of_the_metadata_are_those_of_a_pair(song_index):
    np.testing.assert_array_equal(
        item_groups(song_index), item_groups(song_index.pair("tags", "audio"))
    )


@pytest.mark.parametrize(
    ("names", "texts", "view"),
    [
        (("audio", "lyrics", "tags"), None, "lyrics"),
        (("audio", "tags", "lyrics"), None, "lyrics"),
        (("audio", "poems", "tags"), None, "poems"),
        (("audio", "poems", "tags"), "given", "poems"),
        (("audio", "lyrics", "tags"), "others", "lyrics"),
        (("audio", "poems", "tags"), "others", None),
    ],
)
def test_the_view_of_texts_is_found(names, texts, view):
    table = np.array([[0.1, f"text {chr(97 + i)}", "sad"] for i in range(12)], dtype=object)
    table[:, 0] = np.random.default_rng(0).normal(size=12)
    table[::2, 2] = "happy"
    words, at = CountVectorizer(token_pattern=r"\w"), {"tags": 2, "lyrics": 1, "poems": 1}
    views = [(n, *(("passthrough", [0]) if n == "audio" else (words, at[n]))) for n in names]
    texts = {"given": table[:, 1].tolist(), "others": 12 * ["else"], None: None}[texts]
    table[3, 1] = None
    index = CrossModalIndex(MultiCCA(views, 1, reg=1.0).fit(table)).fit(table, texts=texts)
    assert index._texts_view == view
    if texts is None:
        assert index._texts[:4] == ["text a", "text b", "text c", None]
        index.add(table[:1])
        assert index._texts[-1] == "text a"


def test_sound_files_are_not_texts(tmp_path):
    paths = [str(tmp_path / f"{i}.txt") for i in range(8)]
    for i, path in enumerate(paths):
        Path(path).write_text(f"{i % 3},{i % 2}")

    def read(files):
        return as_numbers([Path(file).read_text() for file in files])

    table = np.array([[path, f"mood {i % 2}"] for i, path in enumerate(paths)], dtype=object)
    views = [
        ("audio", FunctionTransformer(read), 0),
        ("mood", CountVectorizer(token_pattern=r"\w"), 1),
    ]
    index = CrossModalIndex(MultiCCA(views, 1, reg=1.0).fit(table)).fit(table)
    assert index._texts_view == "mood"


def test_texts_of_items_are_never_opened_as_files(tmp_path):
    table = np.empty((40, 2), dtype=object)
    for i in range(40):
        path = tmp_path / f"{i}.txt"
        path.write_text(["sun sea", "rain cold"][i % 2])
        table[i] = i % 2 + 0.01 * i, str(path)
    reader = CountVectorizer(input="filename")
    cca = MultiCCA([("audio", "passthrough", [0]), ("lyrics", reader, 1)], reg=1.0).fit(table)
    index = CrossModalIndex(cca).fit(table, texts=["no files of these names are here"] * 40)
    answer = ask(index.pair("audio", "lyrics"), "y", str(tmp_path / "1.txt"), 3)
    assert all(i % 2 for i in answer.ids)
    assert answer.level is not None  # unrelated queries are the items, instead of their words
