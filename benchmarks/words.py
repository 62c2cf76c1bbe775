"""Search texts of 10,000 and 100,000 songs for lines with and without errors.

The songs have 24 lines of 8 words, cut from the lyrics of the 1,341 art songs and reshuffled, so that
no two songs share a line. If the words of all lines are reshuffled together, songs differ in their
words. If those of each line are reshuffled, nine songs on average have the words of a line in other
orders (90 of 100,000), and only the order decides. Queries are lines of songs:

- whole: the line as it is;
- cut: five words from its middle;
- across lines: the last four words of a line and the first four of the next one;
- one wrong letter: in every word of three letters or more;
- two wrong letters: in every word of six letters or more, and one in words of three to five.

Letters are replaced (55 %), left out, added or swapped with the next one (15 % each). The references are
cosines of tf-idf vectors (`TfidfVectorizer`, a sparse product with all songs) of words and of three to
five characters, and BM25 of words. All run in one thread; times are the median CPU time of the queries.

    OMP_NUM_THREADS=1 make bench SCRIPT=words ARGS="[--quick]"
"""

import time

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from skdcca import tokenize

from _common.arguments import add_data, data_folder, make_parser
from _common.internals import WordSearch
from _common.songs import read_lieder
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed

N_LINES, N_WORDS, K = 24, 8, 10
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main():
    parser = make_parser(__doc__, "10,000 songs, 50 queries; under 60 s")
    add_data(parser)
    options = parser.parse_args()
    use_one_thread()
    pool = cut_lines(data_folder(options.data))
    n_queries = 50 if options.quick else 200
    print_head("songs", "search", "built in s", "queries", "ms a query", "found first", "MRR@10")
    for n_songs in (10_000,) if options.quick else (10_000, 100_000):
        few = ["find_words", "tf-idf, words"]
        compare(make_songs(pool, n_songs), few if n_songs > 10_000 else SEARCHES, n_queries)
        compare(make_songs(pool, n_songs, same_words=True), few, n_queries, ", same words")


def compare(songs, searches, n_queries, remark=""):
    """Print a row for each search and kind of query."""
    texts = ["\n".join(map(" ".join, lines)) for lines in songs]
    for name in searches:
        made = timed(SEARCHES[name], texts)
        for kind, damage in QUERIES.items():
            figures = measure(made.result, songs, damage, n_queries)
            print_row(f"{len(songs):,}{remark}", name, f"{made.cpu:.1f}", kind, *figures)


def cut_lines(data):
    """Return lines of eight words from the lyrics of the art songs."""
    lines = []
    for song in read_lieder(data):
        words = song["lyrics"].split()
        lines += [words[i : i + N_WORDS] for i in range(0, len(words) - N_WORDS + 1, N_WORDS)]
    return lines


def make_songs(pool, n_songs, same_words=False):
    """Return songs as lists of lines, each a list of words.

    The words are reshuffled over all lines, or with `same_words` within each line.
    """
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(pool), size=(n_songs, N_LINES))
    words = np.array(pool)[drawn]
    if same_words:
        return rng.permuted(words, axis=2).tolist()
    return rng.permutation(words.ravel()).reshape(words.shape).tolist()


def measure(search, songs, damage, n_queries):
    """Return the milliseconds of a query, the share found first and the mean reciprocal rank."""
    rng = np.random.default_rng(1)
    seconds, inverse_ranks = [], []
    for song in rng.integers(len(songs), size=n_queries).tolist():
        query = " ".join(damage(songs[song], int(rng.integers(N_LINES - 1)), rng))
        start = time.process_time()
        found = search.find(query)
        seconds.append(time.process_time() - start)
        inverse_ranks.append(1 / (1 + found.index(song)) if song in found else 0.0)
    first = np.mean(np.array(inverse_ranks) == 1)
    return f"{1000 * np.median(seconds):.1f}", f"{first:.3f}", f"{np.mean(inverse_ranks):.3f}"


# Queries


def whole(lines, place, rng):
    return lines[place]


def cut(lines, place, rng):
    return lines[place][2:7]


def across(lines, place, rng):
    return lines[place][4:] + lines[place + 1][:4]


def one_wrong(lines, place, rng):
    return [misspell(word, 1, rng) for word in lines[place]]


def two_wrong(lines, place, rng):
    return [misspell(word, 2, rng) for word in lines[place]]


def misspell(word, most, rng):
    """Return a word with at most this number of wrong letters; the shortest words have none."""
    n_letters = sum(map(str.isalpha, word))
    for _ in range(min(most, int(n_letters >= 3) + int(n_letters >= 6))):
        at, letter = int(rng.integers(len(word))), LETTERS[rng.integers(26)]
        kind = rng.choice(4, p=[0.55, 0.15, 0.15, 0.15])
        if kind == 0:
            word = word[:at] + letter + word[at + 1 :]
        elif kind == 1:
            word = word[:at] + word[at + 1 :]
        elif kind == 2:
            word = word[:at] + letter + word[at:]
        else:
            word = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return word


QUERIES = {
    "whole": whole,
    "cut": cut,
    "across lines": across,
    "one wrong letter": one_wrong,
    "two wrong letters": two_wrong,
}


# Searches


class Ours:
    """The search of an index, with the lines and their marks."""

    def __init__(self, texts):
        self.search = WordSearch(list(range(len(texts))), texts, [None] * len(texts))

    def find(self, query):
        """Return the places of the best songs."""
        return [match.id for match in self.search.find(query, K)]


class Products:
    """Best products of a query with the rows of a sparse matrix."""

    def __init__(self, vectorizer, rows):
        self.vectorizer, self.columns = vectorizer, csr_array(rows.T)

    def find(self, query):
        """Return the places of the best songs."""
        scores = (self.vectorizer.transform([query]) @ self.columns).toarray().ravel()
        best = np.argpartition(-scores, K)[:K]
        return best[np.argsort(-scores[best], kind="stable")].tolist()


class Words(Products):
    """Cosines of tf-idf vectors of words."""

    def __init__(self, texts):
        vectorizer = TfidfVectorizer(analyzer=tokenize)
        super().__init__(vectorizer, vectorizer.fit_transform(texts))


class Characters(Products):
    """Cosines of tf-idf vectors of three to five characters."""

    def __init__(self, texts):
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
        super().__init__(vectorizer, vectorizer.fit_transform(texts))


class BM25(Products):
    """BM25 of words, with the usual parameters 1.2 and 0.75."""

    def __init__(self, texts):
        vectorizer = CountVectorizer(analyzer=tokenize)
        counts = vectorizer.fit_transform(texts).tocsr().astype(float)
        n_with = np.bincount(counts.indices, minlength=counts.shape[1])
        lengths = counts.sum(axis=1)
        norms = 1.2 * (0.25 + 0.75 * np.ravel(lengths) / lengths.mean())
        of_row = np.repeat(norms, np.diff(counts.indptr))
        idf = np.log1p((len(texts) - n_with + 0.5) / (n_with + 0.5))
        counts.data *= 2.2 * idf[counts.indices] / (counts.data + of_row)
        super().__init__(vectorizer, counts)


SEARCHES = {
    "find_words": Ours,
    "tf-idf, words": Words,
    "BM25, words": BM25,
    "tf-idf, characters": Characters,
}


if __name__ == "__main__":
    main()
