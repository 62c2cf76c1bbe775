"""Songs found by the words of a query."""

import json
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer

from skdcca import CrossModalIndex, LinearCCA, load, save, tokenize
from skdcca.datasets import load_tiny_songs
from skdcca.retrieval import WordMatch, _word_index
from skdcca.retrieval._alignment import Hits, align, gather
from skdcca.retrieval._word_index import WordIndex, word_weight
from skdcca.retrieval._words import WordSearch

SONGS = load_tiny_songs()
TITLES = SONGS.titles
X = np.random.default_rng(0).normal(size=(20, 3))


class Transcript(NamedTuple):
    segments: list


def search_of(*texts, metadata=None):
    return WordSearch(list(range(len(texts))), list(texts), metadata or len(texts) * [None])


def index_of(n=20, **parameters):
    return CrossModalIndex(LinearCCA(2).fit(X, X)).fit(X[:n], **parameters)


@pytest.fixture(scope="module")
def tiny():
    return index_of(ids=TITLES, texts=SONGS.lyrics)


class Lengths(TransformerMixin, BaseEstimator):
    """Turn texts into numbers."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.array([[len(text), text.count("a")] for text in X], dtype=float)


def marked(match):
    return [match.line[begin:end] for begin, end in match.marks]


# Lines of known songs


def all_lines():
    return [(i, line) for i, text in enumerate(SONGS.lyrics) for line in text.splitlines()]


def test_every_line_finds_its_song_first_or_tied(tiny):
    for i, line in all_lines():
        matches = tiny.find_words(line)
        tied = [match.id for match in matches if match.score == matches[0].score]
        assert TITLES[i] in tied
        assert matches[0].score <= 1
        assert matches[0].exact
        assert [word for part in marked(matches[0]) for word in tokenize(part)] == tokenize(line)


def test_cut_lines_find_their_song(tiny):
    for i, line in all_lines():
        words = line.split()
        if len(words) >= 8:
            match = tiny.find_words(" ".join(words[2:7]))[0]
            assert match.id == TITLES[i] or line in SONGS.lyrics[TITLES.index(match.id)]


def misspelled(line, rng, n_errors):
    """Replace up to `n_errors` letters of each word, in words of 3 and of 6 letters or more."""
    words = [list(word) for word in line.split()]
    for word in words:
        n_letters = sum(map(str.isalpha, word))
        n = min(n_errors, (n_letters >= 3) + (n_letters >= 6))
        for place in rng.permutation(len(word))[:n]:
            word[place] = "bdfgklmz"[rng.integers(8)]
    return " ".join(map("".join, words))


@pytest.mark.parametrize("n_errors", [1, 2])
def test_misspelled_lines_find_their_song(tiny, n_errors):
    rng = np.random.default_rng(n_errors)
    lines = [(i, line) for i, line in all_lines() if len(line.split()) >= 4]
    right = 0
    for i, line in lines:
        matches = tiny.find_words(misspelled(line, rng, n_errors), 1)
        right += bool(matches) and matches[0].id == TITLES[i]
    assert right >= 0.97 * len(lines)


def test_marks_lie_inside_the_line_and_lines_in_the_text(tiny):
    texts = dict(zip(TITLES, SONGS.lyrics, strict=True))
    for query in ["the world so high", "in the river sky", "bells all way", "ist und der", "la"]:
        for match in tiny.find_words(query, 20):
            assert 0 < match.score < 1.0000001
            assert all(part in texts[match.id] for part in match.line.split(" / "))
            ends = [0, *(end for _, end in match.marks)]
            for before, (begin, end) in zip(ends, match.marks, strict=False):
                assert before <= begin < end <= len(match.line)
            assert all(map(tokenize, marked(match)))


@pytest.mark.parametrize(
    ("query", "line", "marks"),
    [
        ("TWINKLE, twinkle", "Twinkle twinkle little star, how I wonder what you are.", 2),
        ("frere jacques", "Frère Jacques, Frère Jacques, dormez vous? Dormez vous?", 2),
        ("hwo i wnoder waht", "Twinkle twinkle little star, how I wonder what you are.", 4),
        ("boat gently dow", "Row, row, row your boat, gently down the stream,", 3),
        ("wonder star twinkle", "Twinkle twinkle little star, how I wonder what you are.", 3),
        ("the stream merrily", "Row, row, row your boat, gently down the stream, / "
         "merrily, merrily, merrily, merrily, life is but a dream.", 3),
    ],
)  # fmt: skip
def test_the_line_is_shown_with_the_words(tiny, query, line, marks):
    match = tiny.find_words(query, 1)[0]
    assert match.line == line
    assert len(match.marks) == marks


def test_nothing_is_found_without_words_of_the_texts(tiny):
    assert tiny.find_words("qwertz uiop") == []
    assert tiny.find_words("") == tiny.find_words("99 !") == []
    assert index_of().find_words("star") == []
    assert index_of(texts=20 * [None]).find_words("star") == []
    assert not index_of().has_texts()
    assert tiny.has_texts()


def test_arguments_are_checked(tiny):
    with pytest.raises(ValueError, match="`n_neighbors` must be an integer >= 1, got 0"):
        tiny.find_words("star", 0)
    with pytest.raises(TypeError, match="`query` must be a str, got bytes"):
        tiny.find_words(b"star")
    for texts, message in [
        (["a"], "one text for each of 20 items, got 1"),
        ("star", "must be a list with one text"),
        ([*19 * ["a"], 3.0], "str, transcripts with `segments`, or None, got 3.0 for item 19"),
        ([Transcript([(1, "a")]), *19 * ["a"]], "or None, got Transcript"),
    ]:
        with pytest.raises(ValueError, match=message):
            index_of(texts=texts)


# What a score is


def test_words_that_are_together_come_first():
    search = search_of(
        "my love\nis like\na red red rose", "a rose\nso red\nmy life for love", "red my rose"
    )
    assert search.find("a red rose", 3)[0].id == 0
    assert search.find("my love is like", 1)[0].exact


def test_order_and_nearness_decide_between_the_same_words():
    filler = "la " * 30
    texts = [f"moon {filler} river {filler} wide", "river wide moon", "moon river wide", "moon"]
    matches = search_of(*texts).find("moon river wide", 4)
    assert [match.id for match in matches] == [2, 1, 0]
    assert matches[0].score > matches[1].score > matches[2].score
    assert [match.exact for match in matches] == [True, False, False]
    assert marked(matches[2]) == ["river"]


def test_frequent_words_alone_find_nothing_or_little():
    texts = [f"the and of the {word} and the of" for word in "abc def ghi jkl mno pqr stu".split()]
    search = search_of(*texts)
    assert search.find("the", 10) == search.find("and the", 10) == []
    assert search.find("the def", 10)[0].score > 0.9
    single = search_of("to be or not to be that is the question", "the question is that")
    assert single.find("to be or not to be", 1)[0].score == 1


def test_versions_of_one_song_are_found():
    search = search_of(*40 * ["all you need is love\nlove is all you need"])
    matches = search.find("you need is love", 50)
    assert [match.id for match in matches] == list(range(40))
    assert matches[0].exact
    assert 0 < matches[0].score < 0.1
    assert search.find("need you is love", 50) == search.find("love", 50) == []


def test_the_last_word_may_be_unfinished_in_any_script():
    search = search_of("जब तुम मुस्कुराती हो", "मैं तुम्हारे बिना जी नहीं सकता")
    begun = search.find("तुम मुस्कु", 1)[0]
    assert marked(begun) == ["तुम", "मुस्कुराती"]
    assert search.find("तुम मुस्कु.", 1)[0].score < begun.score


def test_weights_are_those_of_bm25():
    counts = CountVectorizer(analyzer=tokenize, binary=True).fit(SONGS.lyrics)
    n_with = np.ravel(counts.transform(SONGS.lyrics).sum(axis=0))
    index = WordIndex(SONGS.lyrics)
    for word, number in counts.vocabulary_.items():
        assert index.n_texts_with[index.spelling.numbers[word]] == n_with[number]
    assert word_weight(3, 20) == pytest.approx(np.log(1 + 17.5 / 3.5))
    assert word_weight(20, 20) > 0


def test_scores_do_not_depend_on_other_candidates(tiny, monkeypatch):
    query = "the little star so high"
    found = tiny.find_words(query, 20)
    monkeypatch.setattr(_word_index, "_CELLS", 1)  # only the best candidate
    assert index_of(ids=TITLES, texts=SONGS.lyrics).find_words(query, 20) == found[:1]


def test_adjacent_words_select_the_texts_to_align(monkeypatch):
    monkeypatch.setattr(_word_index, "_CANDIDATES", 1)
    texts = ["wide river and moon", "river, red moon", "the moon river", "moon", "river"]
    assert search_of(*texts).find("moon river", 1)[0].id == 2


def slow_alignment(gains, skip, slots, places):
    """Return the best value by trying all pairs of found words, one after another."""
    best = {}
    for word in range(len(gains)):
        for at in range(len(slots)):
            if gains[word, slots[at]]:
                before = [
                    value - skip * (places[at] - places[earlier] - 1)
                    for (other, earlier), value in best.items()
                    if other < word and earlier < at
                ]
                best[word, at] = gains[word, slots[at]] + max([0, *before])
    return max([0, *best.values()])


def random_hits(rng, n_texts, n_slots):
    sizes = rng.integers(0, 12, n_texts)
    places = [np.sort(rng.permutation(30)[:size]) for size in sizes]
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    return Hits(rng.integers(1, n_slots, bounds[-1]), np.concatenate(places), bounds)


def test_alignments_are_the_best_ones():
    rng = np.random.default_rng(0)
    for _ in range(20):
        gains = rng.integers(1, 100, (4, 6)) * (rng.random((4, 6)) < 0.4)
        hits = random_hits(rng, 8, 6)
        best, trace = align(gains, 7, hits)
        for i in range(8):
            text = slice(hits.bounds[i], hits.bounds[i + 1])
            slots, places = hits.slots[text], hits.places[text]
            assert best[i] == slow_alignment(gains, 7, slots, places)
            if best[i]:  # the found words alone have the same value
                found = trace(i)
                assert found == sorted(set(found) & set(places.tolist()))
                kept = np.isin(places, found)
                assert slow_alignment(gains, 7, slots[kept], places[kept]) == best[i]


def test_passages_have_the_most_words():
    rng = np.random.default_rng(1)
    for _ in range(20):
        gains = 10 * (rng.random((4, 6)) < 0.3)
        hits = random_hits(rng, 8, 6)
        best, trace = gather(gains, 6, hits)
        for i in range(8):
            text = slice(hits.bounds[i], hits.bounds[i + 1])
            slots, places = hits.slots[text], hits.places[text]
            passages = [slots[(places <= last) & (places > last - 6)] for last in places]
            shares = [gains[:, of].max(axis=1, initial=0).sum() for of in passages]
            assert best[i] == max([0, *shares])
            if best[i]:
                found = trace(i)
                kept = np.isin(places, found)
                assert found[-1] - found[0] < 6
                assert gains[:, slots[kept]].max(axis=1).sum() == best[i]


# Scripts, long lines and lines of several texts


def test_scripts_without_spaces():
    search = search_of("月亮代表我的心\n轻轻的一个吻", "今天天气很好", "さくら さくら やよいの空は")
    assert search.find("代表我", 3)[0].line == "月亮代表我的心"
    match = search.find("月亮代裱我的心", 1)[0]  # one wrong character
    assert (match.id, marked(match)) == (0, ["月亮代", "我的心"])
    assert search.find("月", 3)[0].id == 0
    assert marked(search.find("やよいの", 1)[0]) == ["やよいの"]


def test_decomposed_letters_match_and_are_marked_whole():
    match = search_of("un e\u0301te\u0301 là").find("été", 1)[0]
    assert marked(match) == ["e\u0301te\u0301"]
    assert match.exact


def test_long_lines_are_cut_around_the_words():
    words = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    match = search_of(" ".join(words), "word").find(" ".join(words[100:104]), 1)[0]
    assert marked(match) == words[100:104]
    assert match.line.startswith("…word")
    assert match.line.endswith("…")
    assert set(match.line.strip("…").split()) <= set(words)
    assert len(match.line) < 120
    match = search_of(" ".join(words)).find(" ".join(words), 1)[0]
    assert match.line.startswith("wordaa ")
    assert len(match.line) < 250
    assert marked(match) == words[: len(match.marks)]
    match = search_of(300 * "a" + "b" + 300 * "c").find(300 * "a" + "b" + 300 * "c", 1)[0]
    assert marked(match) == [300 * "a" + "b" + 300 * "c"]


# When words are sung


SEGMENTS = [(10.0, 12.5, "up above the world so high"), (12.5, 15, "like a dimond in the sky")]


def test_seconds_of_heard_words():
    search = search_of(SEGMENTS, "up in the sky")
    match = search.find("diamond in the", 1)[0]
    assert match[2:5] == ("like a dimond in the sky", 12.5, 15.0)
    match = search.find("so high like a diamond", 1)[0]
    assert match[2:5] == ("up above the world so high / like a dimond in the sky", 10.0, 15.0)
    assert search.find("up in the", 1)[0][3:5] == (None, None)


def test_seconds_of_lyrics_are_found_in_the_heard_words():
    heard = {"language": "en", "segments": SEGMENTS}
    lyrics = "Up above the world so high,\nLike a diamond in the sky.\nTwinkle, little star"
    search = search_of(lyrics, metadata=[{"heard": heard}])
    assert search.find("a diamond in", 1)[0][2:5] == ("Like a diamond in the sky.", 12.5, 15.0)
    assert search.find("little star", 1)[0][2:5] == ("Twinkle, little star", None, None)


@pytest.mark.parametrize(
    "heard", [None, 3, {}, {"segments": None}, {"segments": [[1, 2]]}, {"segments": [[0, "", "a"]]}]
)
def test_heard_words_of_another_form_are_ignored(heard):
    metadata = [{"heard": heard, "lyrics": 7}]
    assert search_of(None, metadata=metadata).find("a", 1) == []


def test_texts_of_items_and_what_replaces_them():
    metadata = [
        {"lyrics": "red roses"},
        {"lyrics": "", "heard": {"language": None, "segments": [[1, 2, "blue violets"]]}},
        {"lyrics": "white lilies"},
        {},
    ]
    index = index_of(4, texts=[None, "  ", Transcript([(0, 1, "green grass")]), None],
                     metadata=metadata)  # fmt: skip
    found = {query: index.find_words(query) for query in ("roses", "violets", "lilies", "grass")}
    ids = {query: [match.id for match in matches] for query, matches in found.items()}
    assert ids == {"roses": [0], "violets": [1], "lilies": [2], "grass": []}
    assert found["violets"][0].start == 1


# Changes, files and threads


def test_text_views_are_the_texts():
    model = LinearCCA(2, y_transformer=Lengths()).fit(X, SONGS.lyrics)
    index = CrossModalIndex(model).fit(X, SONGS.lyrics, ids=TITLES)
    assert index.find_words("row your boat")[0].id == "Row Your Boat"
    assert CrossModalIndex(model).fit(X, SONGS.lyrics, texts=20 * [None]).find_words("row") == []


def test_changes_of_the_gallery_change_the_texts():
    index = index_of(10, texts=SONGS.lyrics[:10])
    index.add(X[10:15])
    index.add(X[15:], texts=SONGS.lyrics[15:])
    assert index.find_words(SONGS.lyrics[18], 1)[0].id == 18
    assert index.find_words(SONGS.lyrics[12], 1) == []
    index.remove([0, 2, 17])
    texts = [None if 10 <= i < 15 else SONGS.lyrics[i] for i in index.ids_]
    expected = index_of(17, ids=index.ids_, texts=texts)
    for _, line in all_lines():
        assert index.find_words(line) == expected.find_words(line)
    assert index_of(4).add(X[4:5], texts=["moon river"]).find_words("moon river")[0].id == 4


def test_saved_indexes_find_the_same(tiny, tmp_path):
    metadata = [{"lyrics": text} for text in SONGS.lyrics[:10]] + 10 * [{"title": "a"}]
    texts = [*SONGS.lyrics[:18], Transcript([(1, 2.5, "moon river")]), None]
    index = index_of(ids=TITLES, texts=texts, metadata=metadata)
    save(index, tmp_path / "songs.index")
    for again in (load(tmp_path / "songs.index"), pickle.loads(pickle.dumps(index))):
        for query in ("row your boat", "moon", SONGS.lyrics[3], SONGS.lyrics[17]):
            assert again.find_words(query) == index.find_words(query) != []
    written = json.loads(index.__getstate__()["_texts"])
    assert written[:10] == 10 * [True]  # the same texts are not written twice


def test_indexes_of_older_files_find_their_lyrics():
    index = index_of(ids=TITLES, metadata=[{"lyrics": text} for text in SONGS.lyrics])
    state = index.__getstate__()
    older = CrossModalIndex.__new__(CrossModalIndex)
    older.__setstate__({key: of for key, of in state.items() if key not in NEW})
    assert older.find_words("row your boat")[0].id == "Row Your Boat"
    assert older.add(X[:1], ids=["new"], texts=["moon"]).find_words("moon")[0].id == "new"


NEW = {"_texts", "_word_search"}


@pytest.mark.parametrize(
    "texts", [3, "3", "[]", '["a", 1]', '["a", {}]', '["a", [[1, 2]]]', '["a", true]', ["a", "b"]]
)
def test_invalid_texts_in_a_file_are_refused(texts):
    state = {**index_of(2, texts=["a", "b"]).__getstate__(), "_texts": texts}
    with pytest.raises(ValueError, match="_texts of a CrossModalIndex must be"):
        CrossModalIndex.__new__(CrossModalIndex).__setstate__(state)


def test_groups_are_found_once():
    texts = ["moon river", "moon river wide", "red moon", "moon river so"]
    search = WordSearch([0, 1, 2, 3], texts, 4 * [None], groups=["a", "a", "b", "b"])
    assert [match.id for match in search.find("moon river", 4)] == [0, 3]


def test_groups_are_in_the_order_of_their_best_items():
    query = "one two three four five"
    texts = [query, "one two three four or", "one two three or", *map(str, "abcdefghijklmnop")]
    search = WordSearch(range(19), texts, 19 * [None], groups=["a", "b", "a", *range(16)])
    assert [match.id for match in search.find(query, 2)] == [0, 1]


def test_threads_find_the_same(tiny):
    lines = [line for _, line in all_lines()][:40]
    expected = [tiny.find_words(line) for line in lines]
    index = index_of(ids=TITLES, texts=SONGS.lyrics)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(index.find_words, lines)) == expected


def test_matches_are_json_values(tiny):
    match = tiny.find_words("row your boat")[0]
    assert isinstance(match, WordMatch)
    assert json.loads(json.dumps(match._asdict()))["marks"] == [list(of) for of in match.marks]
    assert Counter(map(type, match)) == Counter(
        [str, float, str, type(None), type(None), list, bool]
    )
