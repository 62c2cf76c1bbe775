"""Chance levels and p-values, against brute force and a known truth."""

import json

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA, load, save
from skdcca._lyrics import count_words
from skdcca.metrics import pair_scores
from skdcca.retrieval import item_groups, prepare_chance

N_THEMES = 10
RNG = np.random.default_rng(0)
COMMON = [f"common{chr(97 + i)}" for i in range(20)]
POOLS = [[f"theme{chr(97 + k)}{chr(97 + i)}" for i in range(6)] for k in range(N_THEMES)]


def pairs(n, seed, n_groups=20):
    """Return two views with three shared factors, and groups that share most of them."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) % n_groups
    shared = np.random.default_rng(99).normal(size=(n_groups, 3))[groups]
    shared = shared + 0.5 * rng.normal(size=(n, 3))
    X = np.hstack([shared, rng.normal(size=(n, 3))]) + 0.3 * rng.normal(size=(n, 6))
    y = np.hstack([shared, rng.normal(size=(n, 2))]) + 0.3 * rng.normal(size=(n, 5))
    return X, y, groups


def line_of_theme(rng, theme, n_words=8):
    """Return a line in which one word of four is that of any theme."""
    words = [*rng.choice(POOLS[theme], 3 * n_words // 4), *rng.choice(COMMON, n_words // 4)]
    return " ".join(rng.permutation(words).tolist())


def songs_of_themes(n, seed):
    """Return the numbers and lyrics of songs, of which those of one theme share words."""
    rng = np.random.default_rng(seed)
    themes = np.arange(n) % N_THEMES
    X = np.eye(N_THEMES)[themes] + 0.2 * rng.normal(size=(n, N_THEMES))
    lyrics = ["\n".join(line_of_theme(rng, theme) for _ in range(8)) for theme in themes]
    return X, lyrics, themes


def dense(rows):
    return rows.toarray()


def text_model(X, lyrics):
    words = make_pipeline(TfidfVectorizer(), TruncatedSVD(12, random_state=0))
    return LinearCCA(N_THEMES - 1, reg=1.0, y_transformer=words).fit(X, lyrics)


@pytest.fixture(scope="module")
def model():
    X, y, _ = pairs(300, 0)
    return LinearCCA(3, reg=0.1).fit(X, y)


@pytest.fixture(scope="module")
def themes():
    X, lyrics, labels = songs_of_themes(200, 0)
    model = text_model(X, lyrics)
    X, lyrics, labels = songs_of_themes(100, 1)
    metadata = [{"group": f"theme {label}"} for label in labels]
    return CrossModalIndex(model).fit(X, lyrics, metadata=metadata), lyrics, labels


@pytest.mark.parametrize("neighbors", [None, FaissNeighbors()])
@pytest.mark.parametrize("n_groups", [2, 20, 100])
def test_level_leaves_out_the_group_of_the_query(model, neighbors, n_groups):
    X, y, groups = pairs(100, 1, n_groups)
    names = np.array([f"artist {group}" for group in groups])
    index = CrossModalIndex(model, neighbors=neighbors).fit(X, y)
    scores = pair_scores(model, X, y)
    scores[groups[:, None] == groups] = -np.inf
    for view, of_view in (("x", scores), ("y", scores.T)):
        expected = np.quantile(of_view.max(axis=1), 0.9)
        for given in (groups, names, names.tolist()):
            assert index.chance_score(view, 0.9, groups=given) == pytest.approx(expected, abs=1e-9)


def test_queries_whose_group_has_all_items_are_left_out(model):
    X, y, _ = pairs(60, 1)
    index = CrossModalIndex(model).fit(X, y)
    assert index.chance_score("y", groups=60 * ["one"]) is None
    assert index.p_values("y", [0.1], [0], groups=60 * ["one"]) == [None]


@pytest.mark.parametrize("view", ["x", "y"])
def test_p_values_are_shares_of_the_queries_of_other_groups(model, view):
    X, y, groups = pairs(100, 1)
    index = CrossModalIndex(model).fit(X, y, ids=[f"song {i}" for i in range(100)])
    queries = {"X": X[:3]} if view == "x" else {"y": y[:3]}
    unrelated = pair_scores(model, X, y) if view == "x" else pair_scores(model, X, y).T
    for scores, ids in zip(*index.query(**queries, n_neighbors=100), strict=True):
        found = index.p_values(view, scores, ids, groups=groups)
        for score, name, p in zip(scores, ids, found, strict=True):
            item = int(name.removeprefix("song "))
            of_others = unrelated[groups != groups[item], item]
            expected = (1 + np.sum(of_others >= score - 1e-9)) / (1 + len(of_others))
            assert p == pytest.approx(expected, abs=1e-12)
        assert min(found) > 0


def test_p_values_of_unrelated_pairs_are_calibrated(model):
    """The queries are of no group of the gallery, so that 5 % of them have p <= 0.05."""
    X, y, groups = pairs(400, 1, n_groups=80)
    index = CrossModalIndex(model).fit(X[:200], y[:200])
    p = []
    for scores, ids in zip(*index.query(y=y[200:], n_neighbors=200), strict=True):
        unrelated = ~np.isin(groups[ids], groups[200:][len(p)])
        of_query = np.array(index.p_values("y", scores, ids, groups=groups[:200]))
        p.append(of_query[unrelated])
    for level in (0.05, 0.2, 0.5):
        share = np.mean(np.concatenate(p) <= level)
        assert share == pytest.approx(level, rel=0.25)


def test_too_few_unrelated_queries_say_nothing(model):
    X, y, _ = pairs(21, 1)
    index = CrossModalIndex(model).fit(X[:19], y[:19])
    assert index.chance_score("y") is None
    assert index.p_values("y", [0.5], [0]) == [None]
    index = CrossModalIndex(model).fit(X, y)
    assert index.chance_score("y") is not None
    groups = [0, 0, *range(1, 20)]  # 19 others for the first two items
    assert index.p_values("y", [0.5, 0.5], [0, 2], groups=groups) == [
        None,
        pytest.approx(0.5, abs=0.5),
    ]
    only_x = CrossModalIndex(model).fit(X)
    assert only_x.chance_score("y") is None
    assert only_x.p_values("y", [0.5], [0]) == [None]


def test_right_answers_among_themes_are_above_chance(themes):
    """Without groups, the level is that of the other songs of the same theme."""
    index, _, labels = themes
    rng = np.random.default_rng(2)
    asked = np.arange(100) % N_THEMES
    lines = [line_of_theme(rng, theme) for theme in asked]
    scores, ids = index.query(y=lines)
    right = labels[ids] == asked[:, None]
    assert right.mean() > 0.8
    groups = item_groups(index)
    grouped = index.chance_score("y", groups=groups, like=lines[0])
    assert np.mean(scores[:, 0][right[:, 0]] > index.chance_score("y")) < 0.2
    assert np.mean(scores[:, 0][right[:, 0]] > grouped) > 0.7
    assert np.mean(scores[right] > grouped) > 0.7


def test_unrelated_lines_are_above_chance_in_one_case_of_twenty():
    """Lines of themes that the gallery lacks, in a gallery of single songs."""
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(COMMON, 60)) for _ in range(700)]
    counts = CountVectorizer(vocabulary=COMMON).transform(texts).toarray()
    X = counts[:, :6] + rng.normal(size=(700, 6))
    index = CrossModalIndex(text_model_of(6, X[:300], texts[:300])).fit(X[300:500], texts[300:500])
    lines = [" ".join(text.split()[:8]) for text in texts[500:]]
    level = index.chance_score("y", like=lines[0])
    scores, ids = index.query(y=lines, n_neighbors=200)
    assert np.mean(scores[:, 0] > level) == pytest.approx(0.05, abs=0.035)
    p = [index.p_values("y", *found, like=lines[0]) for found in zip(scores, ids, strict=True)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.015)
    # Whole texts as a background would say otherwise.
    p = [index.p_values("y", *found) for found in zip(scores, ids, strict=True)]
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) > 0.015


def text_model_of(n_components, X, lyrics):
    words = make_pipeline(CountVectorizer(), FunctionTransformer(dense))
    similarity = "likelihood"  # unlike a cosine, it depends on the length of a text
    return LinearCCA(n_components, reg=1.0, similarity=similarity, y_transformer=words).fit(
        X, lyrics
    )


class Recorder:
    """Record the texts that an index embeds."""

    def __init__(self, monkeypatch):
        self.texts = []
        original = CrossModalIndex.embed

        def embed(index, X=None, y=None):
            self.texts.append(y)
            return original(index, X, y)

        monkeypatch.setattr(CrossModalIndex, "embed", embed)


def test_background_is_passages_of_as_many_words_embedded_once(themes, monkeypatch):
    index, lyrics, _ = themes
    index = CrossModalIndex(index.estimator).fit(RNG.normal(size=(100, N_THEMES)), lyrics)
    seen = Recorder(monkeypatch)
    line = "a line of five words"
    level = index.chance_score("y", like=line)
    index.p_values("y", [0.1], [0], like=line)
    assert index.chance_score("y", groups=np.arange(100) // 2, like="four words, not five")
    (passages,) = seen.texts
    assert len(passages) == 200
    assert {count_words(text) for text in passages} == {4}
    flat = [" ".join(text.split()) for text in lyrics]
    assert all(text in flat[i // 2] for i, text in enumerate(passages))
    assert len({text.split()[0] for text in passages}) > 50  # not only the beginnings
    z = index.embed(y=passages)
    scores = pair_scores_of(index, z)
    scores[np.arange(200) // 2, np.arange(200)] = -np.inf
    assert level == pytest.approx(np.quantile(scores.max(axis=0), 0.95), abs=1e-6)
    index.chance_score("y", like=line.replace(" five", "\nfive"))
    assert any("\n" in text for text in seen.texts[-1])


def pair_scores_of(index, z):
    weights = index.estimator.canonical_correlations_**2
    one, other = (rows * weights for rows in (index.zx_, z))
    one, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, other))
    return one @ other.T


def test_long_texts_and_texts_of_arrays_are_compared_with_the_items(themes, model):
    index, lyrics, _ = themes
    assert index.chance_score("y", like=2 * lyrics[0]) == index.chance_score("y")
    X, y, _ = pairs(50, 1)
    index = CrossModalIndex(model).fit(X, y)
    assert index.chance_score("y", like="a line") == index.chance_score("y")
    assert index.chance_score("x", like="clip.wav") == index.chance_score("x")


def test_a_gallery_without_lyrics_is_judged_by_the_words_heard_in_it(themes):
    index, lyrics, _ = themes
    X = RNG.normal(size=(100, N_THEMES))
    heard = [
        {"heard": {"segments": [[0, 1, line] for line in text.split("\n")]}} for text in lyrics
    ]
    silent = CrossModalIndex(index.estimator).fit(X, metadata=heard)
    both = CrossModalIndex(index.estimator).fit(X, lyrics)
    line = lyrics[0].split("\n")[0]
    assert silent.chance_score("y") is None
    assert silent.chance_score("y", like=line) == both.chance_score("y", like=line)


def test_passages_are_saved_with_the_index(themes, tmp_path, monkeypatch):
    index, _, _ = themes
    groups = item_groups(index)
    prepare_chance(index)
    asked = {"groups": groups, "like": "a line of seven words to judge"}
    level = index.chance_score("y", **asked)
    save(index, tmp_path / "songs.index")
    seen = Recorder(monkeypatch)
    again = load(tmp_path / "songs.index")
    prepare_chance(again)
    assert again.chance_score("y", **asked) == level
    assert seen.texts == []
    again.remove(again.ids_[:50])
    assert again.chance_score("y", groups=groups[50:], like=asked["like"]) != level
    assert len(seen.texts) == 1


def test_passages_in_a_file_must_be_tables(themes):
    index, _, _ = themes
    for wrong in ([], {"6 words": "text"}, {"6 words": np.zeros(3)}):
        with pytest.raises(ValueError, match="must be tables of numbers"):
            CrossModalIndex(None).__setstate__(index.__getstate__() | {"_backgrounds": wrong})


def test_files_of_older_versions_are_judged_alike(themes):
    index, _, _ = themes
    new = {"_backgrounds", "_judged"}
    state = {name: value for name, value in index.__getstate__().items() if name not in new}
    old = CrossModalIndex(None)
    old.__setstate__(state)
    like = "three words more"
    assert old.chance_score("y", like=like) == index.chance_score("y", like=like)


def test_level_follows_a_change_of_the_similarity(model):
    X, y, groups = pairs(60, 1)
    changing = LinearCCA(3, reg=0.1).fit(*pairs(300, 0)[:2])
    index = CrossModalIndex(changing).fit(X, y)
    before = index.chance_score("y", groups=groups)
    changing.set_params(similarity="likelihood")
    after = index.chance_score("y", groups=groups)
    assert after == CrossModalIndex(changing).fit(X, y).chance_score("y", groups=groups) != before


def test_groups_of_the_metadata(model):
    X, y, _ = pairs(5, 1)
    metadata = [{"group": "a"}, {"group": "a"}, {"group": 7}, {"group": ""}, {}]
    index = CrossModalIndex(model).fit(X, y, ids=["a", "b", "7", "d", "e"], metadata=metadata)
    first, second, *others = item_groups(index)
    assert first == second
    assert len({first, *others}) == 4
    alike = CrossModalIndex(model).fit(X, y, metadata=5 * [{"group": "a"}])
    assert len(set(item_groups(alike))) == 5


def test_far_queries(model):
    X, y, _ = pairs(200, 1)
    index = CrossModalIndex(model).fit(X, y)
    X_new, y_new, _ = pairs(400, 2)
    for view, z in (("x", model.transform(X_new)), ("y", model.transform_y(y_new))):
        assert not any(index.is_far(view, row) for row in z)
        z_gallery = getattr(index, f"z{view}_")
        center = z_gallery.mean(axis=0)
        usual = np.quantile(np.linalg.norm(z_gallery - center, axis=1), 0.99)
        direction = np.eye(3)[0]
        assert not index.is_far(view, center + 1.99 * usual * direction)
        assert index.is_far(view, [center + 2.01 * usual * direction])
    assert not CrossModalIndex(model).fit(X).is_far("y", 1e6 * np.ones(3))
    assert not CrossModalIndex(model).fit(X[:19]).is_far("x", 1e6 * np.ones(3))


def test_bad_arguments(model):
    X, y, _ = pairs(30, 1)
    index = CrossModalIndex(model).fit(X, y)
    cases = [
        (lambda: index.chance_score("y", groups=[1, 2]), "one group for each of 30 items, got 2"),
        (lambda: index.p_values("y", [0.5], [77]), "`ids` must be in the index, got 77"),
        (lambda: index.p_values("y", [0.5, 0.1], [7]), "one score for each of 1 ids"),
        (lambda: index.p_values("z", [0.5], [7]), r"`view` must be one of \['x', 'y'\], got 'z'"),
        (lambda: index.is_far("z", np.zeros(3)), r"`view` must be one of \['x', 'y'\], got 'z'"),
        (lambda: CrossModalIndex(model).is_far("x", np.zeros(3)), "not fitted"),
        (lambda: CrossModalIndex(model).p_values("x", [0.1], [0]), "not fitted"),
    ]
    for work, message in cases:
        with pytest.raises(ValueError, match=message):
            work()


def test_metadata_are_written_as_before(themes):
    index, _, labels = themes
    written = json.loads(index.__getstate__()["metadata_"])
    assert written[3] == {"group": f"theme {labels[3]}"}


@pytest.mark.parametrize("join", ["max", "mean"])
def test_windows_of_a_song_are_judged_together(model, join):
    """Unrelated are the windows of other songs, and a score is that of a whole song."""
    X, y, _ = pairs(120, 1)
    songs = np.arange(120) // 3
    index = CrossModalIndex(model, join=join).fit(X, y, groups=songs)
    scores = pair_scores(model, X, y).T.reshape(120, 40, 3)
    scores = scores.max(axis=2) if join == "max" else scores.mean(axis=2)
    others = np.where(songs[:, None] == np.arange(40), -np.inf, scores)
    expected = np.quantile(others.max(axis=1), 0.95)
    assert index.chance_score("y") == pytest.approx(expected, abs=1e-7)
    assert len(set(item_groups(index))) == 40
    found, ids = index.query(y=y[:1], n_neighbors=40)
    for score, item, p in zip(found[0], ids[0], index.p_values("y", found[0], ids[0]), strict=True):
        unrelated = scores[songs != songs[item], songs[item]]
        expected = (1 + np.sum(unrelated >= score - 1e-7)) / (1 + len(unrelated))
        assert p == pytest.approx(expected, abs=1e-9)
