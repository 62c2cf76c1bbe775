"""Index of the words of many texts, which finds the texts where the words of a query stand together."""

import unicodedata
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from skdcca._lyrics import tokenize
from skdcca.retrieval._alignment import Hits, align, gather, skip_cost
from skdcca.retrieval._spelling import Spelling

# Found are texts with at least this share of the query in one place, and with at least this score.
_LEAST_SHARE, _LEAST_SCORE = 0.4, 0.1
# Queries of so many different words find the texts that have all of them in order, whatever the score.
# It is low if nearly all texts have the words, as versions of one song do.
_LEAST_WORDS = 3
# Weights of words are rounded to integers in this unit, so that equal alignments have equal values.
_UNIT = 1e-4
# What words in any order count, and how much longer than twice the query their passage may be.
_ANY_ORDER, _WINDOW = 0.5, 8
# Number of texts in which a query is aligned; fewer if there are more words to compare than `_CELLS`.
_CANDIDATES, _CELLS = 100, 5_000_000


class Found(NamedTuple):
    """A text in which a query was found.

    Attributes
    ----------
    text : int
        Position of the text.
    score : float
        Share of the query that was found there, in (0, 1].
    places : list of int
        Places of the found words among the words of the text.
    exact : bool
        True if all words of the query are there, next to each other and with the same spelling.
    """

    text: int
    score: float
    places: list[int]
    exact: bool


class Table(NamedTuple):
    """Rows of different lengths: row i is ``entries[bounds[i]:bounds[i + 1]]``."""

    bounds: np.ndarray
    entries: np.ndarray


class WordIndex:
    """Words of many texts, and where they are.

    A query is read in three steps. Each of its words may stand for itself and for similar words
    (`Spelling`). Each text gets the sum of the weights of the words of the query that it has, and of
    the pairs of adjacent words that are adjacent there too. In the texts with the largest sums, the
    query is aligned with the words of the text (`align`), which gives the score.

    Parameters
    ----------
    texts : list of str
        The texts.
    """

    def __init__(self, texts):
        self.words, sizes, vocabulary = _numbered(texts)
        self.n_texts = len(sizes)
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self.places = _places_by_word(self.words, len(vocabulary))
        self.texts = _texts_by_word(self.places, sizes)
        self.n_texts_with = np.diff(self.texts.bounds)
        self.spelling = Spelling(vocabulary, self.n_texts_with)

    def find(self, query, n, groups=None):
        """Return the best `n` texts for a query as `Found`, best first.

        If `groups` has a label for each text, only the best text of each group is returned.
        """
        words = tokenize(query)
        if not words or not len(self.words):
            return []
        asked = _Query(words, self, is_unfinished=_ends_in_word(query))
        candidates = self._candidates(asked, max(_CANDIDATES, n))
        if not len(candidates):
            return []
        hits, candidates = self._hits(asked, candidates)
        values, places_in = _best_places(asked, hits)
        whole = sum(asked.weights)
        scores = values / max(whole, self.weight_of(1))
        is_usual = (scores < _LEAST_SCORE) & (
            (values < whole) | (len(asked.readings) < _LEAST_WORDS)
        )
        is_found = (values >= _LEAST_SHARE * whole) & ~is_usual
        best = [i for i in np.lexsort((candidates, -values)) if is_found[i]]
        if groups is not None:
            best = _first_of_groups(best, groups, candidates)
        return [
            Found(int(candidates[i]), float(scores[i]), places_in(i), bool(values[i] == whole))
            for i in best[:n]
        ]

    def weight_of(self, n_texts_with):
        """Return the weight of a word that so many texts have, as an integer."""
        return max(1, round(word_weight(n_texts_with, self.n_texts) / _UNIT))

    def _candidates(self, asked, n):
        """Return the positions of the `n` most promising texts, best first."""
        totals = np.zeros(self.n_texts)
        for row, count in asked.rows():
            share = np.zeros(self.n_texts)
            numbers, weights = asked.readings[row]
            order = np.argsort(weights, kind="stable")  # the largest weight of a text is set last
            texts, sizes = _entries(self.texts, numbers[order])
            share[texts] = np.repeat(weights[order], sizes)
            totals += count * asked.weights_of_rows[row] * share
        for pair in asked.pairs():
            self._add_pair(asked, pair, totals)
        n = min(n, self.n_texts)
        some = np.flatnonzero(totals >= max(np.partition(totals, -n)[-n], 1))
        return some[np.argsort(-totals[some], kind="stable")[:n]]

    def _add_pair(self, asked, pair, totals):
        """Add the mean weight of two adjacent words to the texts in which they are adjacent too."""
        places = [_entries(self.places, asked.likely[row])[0] for row in pair]
        rarer = int(len(places[1]) < len(places[0]))
        step = 1 - 2 * rarer
        at = places[rarer]
        at = at[(at + step >= 0) & (at + step < len(self.words))]
        other = asked.table[pair[1 - rarer]][asked.slots[self.words[at + step]]]
        both = np.flatnonzero(other)
        at, other = at[both], other[both]
        texts = np.searchsorted(self.starts, at, "right") - 1
        # The first word of a text does not follow the last one of the text before.
        same = texts == np.searchsorted(self.starts, at + step, "right") - 1
        values = (asked.table[pair[rarer]][asked.slots[self.words[at]]] + other)[same] / 2
        texts, first = np.unique(texts[same], return_index=True)
        totals[texts] += values[first]

    def _hits(self, asked, candidates):
        """Return the `Hits` of a query in the candidates, and the candidates that they belong to."""
        sizes = np.diff(self.starts)[candidates]
        n = np.searchsorted(np.cumsum(sizes) * len(asked.sequence), _CELLS) + 1
        candidates, sizes = candidates[:n], sizes[:n]
        ends = np.cumsum(sizes)
        places = np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)
        slots = asked.slots[self.words[np.repeat(self.starts[candidates], sizes) + places]]
        at = np.flatnonzero(slots)
        bounds = np.searchsorted(at, np.concatenate([[0], ends]))
        return Hits(slots[at], places[at], bounds), candidates


def _ends_in_word(query):
    """Return True if a text ends in a letter, a number, or a mark of one."""
    return unicodedata.category(query[-1])[0] in "LMN"


def _first_of_groups(best, groups, candidates):
    """Return the first candidate of each group, in the same order."""
    first = {}
    for i in best:
        first.setdefault(groups[candidates[i]], i)
    return list(first.values())


def _best_places(asked, hits):
    """Return the value of the best place in each text, and a function that returns its words."""
    aligned, aligned_in = align(asked.gains, skip_cost(asked.weights), hits)
    window = 2 * len(asked.sequence) + _WINDOW
    gathered, gathered_in = gather(asked.table, window, hits)
    # Repeated words of the query count once there.
    unit = _ANY_ORDER * sum(asked.weights) / sum(asked.weights_of_rows)
    gathered = np.rint(unit * gathered).astype(np.int64)
    is_ordered = aligned >= gathered
    values = np.where(is_ordered, aligned, gathered)
    return values, lambda i: aligned_in(i) if is_ordered[i] else gathered_in(i)


class _Query:
    """Words of a query and what they may stand for.

    Attributes
    ----------
    sequence : list of int
        The words of the query, as rows of the tables below, which have one row for each distinct word.
    readings : list of Readings
        What each distinct word may stand for.
    likely : list of ndarray
        Each distinct word itself if it is in the vocabulary, and otherwise all of its readings.
    weights_of_rows : list of int
        Weight of each distinct word.
    slots : ndarray of shape (n_vocabulary,)
        Column of each word of the vocabulary in `table`; 0 for those that are no reading.
    table : ndarray of shape (n_distinct, n_columns)
        Value of each reading for each distinct word, as integers.
    """

    def __init__(self, words, index, is_unfinished):
        distinct = list(dict.fromkeys(words))
        self.sequence = [distinct.index(word) for word in words]
        self.readings = index.spelling.readings(distinct, words[-1] if is_unfinished else None)
        self.likely = [of.words[: 1 if 1.0 in of.weights else None] for of in self.readings]
        self.weights_of_rows = [_weight(of, index) for of in self.readings]
        known = np.unique(np.concatenate([of.words for of in self.readings]))
        self.slots = np.zeros(len(index.n_texts_with), dtype=np.int32)
        self.slots[known] = np.arange(1, len(known) + 1)
        self.table = np.zeros((len(distinct), len(known) + 1), dtype=np.int64)
        for row, (numbers, weights) in enumerate(self.readings):
            values = np.rint(weights * self.weights_of_rows[row])
            self.table[row, self.slots[numbers]] = np.maximum(values, 1)

    @property
    def gains(self):
        return self.table[self.sequence]

    @property
    def weights(self):
        return [self.weights_of_rows[row] for row in self.sequence]

    def rows(self):
        """Return the distinct words as rows, each with the number of its occurrences."""
        return list(enumerate(np.bincount(self.sequence).tolist()))

    def pairs(self):
        """Return the distinct pairs of adjacent words as rows."""
        return dict.fromkeys(zip(self.sequence[:-1], self.sequence[1:], strict=True))


def word_weight(n_texts_with, n_texts):
    """Return the weight of a word in BM25: how rare it is among the texts, in nats.

    It is above 0 even for a word that all texts have.
    """
    return np.log1p((n_texts - n_texts_with + 0.5) / (n_texts_with + 0.5))


def _weight(readings, index):
    """Return the weight of a word: that of the most frequent one of its best readings."""
    if not len(readings.words):
        return index.weight_of(1)
    best = readings.words[readings.weights == readings.weights.max()]
    return index.weight_of(index.n_texts_with[best].max())


def _numbered(texts):
    """Return the numbers of the words of all texts, the size of each text, and the vocabulary."""
    numbers = defaultdict()
    numbers.default_factory = numbers.__len__
    rows = [np.array(list(map(numbers.__getitem__, tokenize(text))), np.int32) for text in texts]
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    return np.concatenate([*rows, np.zeros(0, np.int32)]), sizes, list(numbers)


def _places_by_word(words, n_words):
    """Return where each word of the vocabulary is, as a `Table`."""
    rows = csr_array(
        (np.ones(len(words), dtype=bool), words, np.arange(len(words) + 1)),
        shape=(len(words), n_words),
    )
    columns = rows.tocsc()  # sorts by counting
    return Table(columns.indptr, columns.indices)


def _texts_by_word(places, sizes):
    """Return in which texts each word of the vocabulary is, as a `Table`."""
    text_of = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    texts = text_of[places.entries]
    is_first = np.append(True, texts[1:] != texts[:-1])[: len(texts)]
    is_first[places.bounds[:-1]] = True
    bounds = np.concatenate([[0], np.cumsum(is_first)])[places.bounds]
    return Table(bounds, texts[is_first])


def _entries(table, numbers):
    """Return the entries of some rows of a table one after another, and how many each row has."""
    parts = [table.entries[table.bounds[i] : table.bounds[i + 1]] for i in numbers.tolist()]
    sizes = [len(part) for part in parts]
    return np.concatenate([*parts, np.zeros(0, dtype=np.int32)]), sizes
