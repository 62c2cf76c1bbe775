"""Similar words of a vocabulary, checked against the recursion of the edit distance."""

from functools import cache

import numpy as np
import pytest

from skdcca._lyrics import tokenize
from skdcca.datasets import load_tiny_songs
from skdcca.retrieval import _spelling
from skdcca.retrieval._spelling import Spelling, allowed_errors, bare_word


def edit_distance(a, b):
    """Return the number of letters to insert, delete, replace or swap with the next one."""

    @cache
    def distance(i, j):
        if not (i and j):
            return i + j
        least = min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]),
        )
        if i > 1 and j > 1 and a[i - 2 : i] == b[j - 1] + b[j - 2]:
            least = min(least, distance(i - 2, j - 2) + 1)
        return least

    return distance(len(a), len(b))


@pytest.fixture(scope="module")
def words():
    songs = load_tiny_songs()
    return sorted({word for text in songs.lyrics for word in tokenize(text)})


@pytest.fixture(scope="module")
def spelling(words):
    return Spelling(words, np.ones(len(words)))


def damaged(word, rng):
    """Return a word with up to three errors of any kind."""
    for _ in range(rng.integers(4)):
        place, letter = int(rng.integers(len(word) + 1)), "abdeinrst"[rng.integers(9)]
        word = [
            word[:place] + letter + word[place:],
            word[:place] + word[place + 1 :],
            word[:place] + letter + word[place + 1 :],
            word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
        ][rng.integers(4)]
    return word or "a"


def test_all_words_within_the_distance_are_found(spelling, words):
    rng = np.random.default_rng(0)
    queries = [damaged(word, rng) for word in words[::6]] + ["frere", "plumé"]
    weights = {0: 0.95, 1: 0.8, 2: 0.6}
    for query, found in zip(queries, spelling.readings(queries), strict=True):
        bare = bare_word(query)
        allowed = min(allowed_errors(bare), 1 if query in words else 2)
        expected = {word: edit_distance(bare, bare_word(word)) for word in words}
        expected = {
            word: 1.0 if word == query else weights[errors]
            for word, errors in expected.items()
            if errors <= allowed
        }
        got = {words[i]: weight for i, weight in zip(*found, strict=True)}
        assert got == pytest.approx(expected), query


def test_letters_that_may_be_wrong():
    assert [allowed_errors("a" * n) for n in range(1, 9)] == [0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("word", "bare"),
    [
        ("frère", "frere"),
        ("cœur", "coeur"),
        ("łódź", "lodz"),
        ("żółć", "zolc"),
        ("ёлка", "елка"),
        ("שָׁלוֹם", "שלום"),
        ("दिल", "दिल"),  # its vowel sign is part of the word
        ("が", "が"),
        ("ไม้", "ไม้"),
        ("한", "한"),
    ],
)
def test_words_without_accents(word, bare):
    assert bare_word(word) == bare


def test_an_unfinished_word_is_completed_with_the_most_frequent_words(monkeypatch):
    monkeypatch.setattr(_spelling, "_COMPLETIONS", 2)
    words = ["twinkle", "twine", "twig", "two"]
    spelling = Spelling(words, np.array([5, 1, 3, 9]))
    (found,) = spelling.readings(["twi"], unfinished="twi")
    got = {words[i]: weight for i, weight in zip(*found, strict=True)}
    # "two" and "twig" differ by one letter anyway.
    assert got == pytest.approx({"two": 0.8, "twig": 0.8, "twinkle": 0.75})
    (found,) = spelling.readings(["twi"])
    assert len(found.words) == 2


def test_long_words_are_found_as_they_are():
    long = "a" * 40
    spelling = Spelling([long, "a" * 32], np.ones(2))
    readings = spelling.readings([long, "b" + "a" * 39, "a" * 31, "a" * 80])
    assert [list(found.words) for found in readings] == [[0], [], [1], []]


def test_bits_are_counted_without_numpy_2(monkeypatch):
    numbers = np.random.default_rng(0).integers(2**63, size=50, dtype=np.uint64)
    expected = [int(number).bit_count() for number in numbers]
    assert _spelling._count_bits(numbers).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert _spelling._count_bits(numbers).tolist() == expected
