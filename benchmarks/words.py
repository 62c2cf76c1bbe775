"""Search texts of 10,000 and 100,000 songs for lines with and without errors, and for unrelated lines.

The songs have 24 lines of 8 words, cut from the lyrics of the 1,341 art songs and reshuffled, so that
no two songs share a line. If the words of all lines are reshuffled together, songs differ in their
words. If those of each line are reshuffled, nine songs on average have the words of a line in other
orders (90 of 100,000), and only the order decides. Queries are lines of songs:

- whole: the line as it is;
- cut: five words from its middle;
- across lines: the last four words of a line and the first four of the next one;
- one wrong letter: in every word of three letters or more;
- two wrong letters: in every word of six letters or more, and one in words of three to five.

Letters are replaced (55 %), left out, added or swapped with the next one (15 % each). The references
are BM25 of words (a sparse product with all songs) and cosines of tf-idf vectors of three to five
characters. All run in one thread; times are the median CPU time of the queries.

The second table has what unrelated queries find. The English art songs are split in halves by composer.
Each half is a collection, and the songs of the other one are queries, except those that share five
words in a row with the collection. Its last rows are lines of the collection itself.

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
    lieder = read_lieder(data_folder(options.data))
    pool = cut_lines(lieder)
    n_queries = 50 if options.quick else 200
    print("share of the queries whose song is found first, and milliseconds a query")
    print_head("songs", "search", "built in s", *QUERIES)
    few = ["find_words", "BM25, words"]
    for n_songs in (10_000,) if options.quick else (10_000, 100_000):
        compare(make_songs(pool, n_songs), few if n_songs > 10_000 else SEARCHES, n_queries)
        compare(make_songs(pool, n_songs, same_words=True), few, n_queries, ", same words")
    unrelated([song for song in lieder if song["lang"] == "en"], 1 if options.quick else 5)


def compare(songs, searches, n_queries, remark=""):
    """Print a row for each search."""
    texts = ["\n".join(map(" ".join, lines)) for lines in songs]
    for name in searches:
        made = timed(SEARCHES[name], texts)
        cells = [measure(made.result, songs, damage, n_queries) for damage in QUERIES.values()]
        print_row(f"{len(songs):,}{remark}", name, f"{made.cpu:.1f}", *cells)


def cut_lines(songs):
    """Return lines of eight words from the lyrics of songs."""
    lines = []
    for song in songs:
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
    """Return the share of the queries whose song is found first, and the milliseconds of a query."""
    rng = np.random.default_rng(1)
    seconds, first = [], 0
    for song in rng.integers(len(songs), size=n_queries).tolist():
        query = " ".join(damage(songs[song], int(rng.integers(N_LINES - 1)), rng))
        start = time.process_time()
        found = search.find(query)
        seconds.append(time.process_time() - start)
        first += found[:1] == [song]
    return f"{first / n_queries:.3f}, {1000 * np.median(seconds):.1f} ms"


# Unrelated lines


def unrelated(songs, n_each):
    """Print what lines find in the halves of a collection, `n_each` lines of each song."""
    composers = sorted({song["group"] for song in songs})
    texts = [tokenize(song["lyrics"]) for song in songs]
    first = np.isin([song["group"] for song in songs], composers[::2])
    scores = {name: [] for name in LINES}
    rng = np.random.default_rng(2)
    for half in (first, ~first):
        inside = [texts[i] for i in np.flatnonzero(half)]
        outside = without_shared([texts[i] for i in np.flatnonzero(~half)], inside)
        search = Ours([" ".join(words) for words in inside])
        for name, (n_words, related, most_wrong) in LINES.items():
            for words in (inside if related else outside) * n_each:
                if len(words) >= n_words:
                    query = misspelled_passage(words, n_words, most_wrong, rng)
                    scores[name].append(search.best_score(query))
    print(f"\nlines in halves of {len(songs)} English songs")
    print_head("queries", "number", "find something", "score: 5 %", "median", "95 %")
    for name, values in scores.items():
        found = [value for value in values if value > 0]
        levels = np.quantile(found, [0.05, 0.5, 0.95]) if found else []
        cells = [f"{level:.2f}" for level in levels] or [""] * 3
        print_row(name, len(values), f"{len(found) / len(values):.3f}", *cells)


def without_shared(texts, collection):
    """Return the texts that share no five words in a row with a collection."""
    known = {run for words in collection for run in runs(words)}
    return [words for words in texts if known.isdisjoint(runs(words))]


def runs(words, n=5):
    """Return all runs of adjacent words."""
    return zip(*(words[i:] for i in range(n)), strict=False)


def misspelled_passage(words, n_words, most_wrong, rng):
    """Return adjacent words of a text as a query."""
    place = int(rng.integers(len(words) - n_words + 1))
    return " ".join(misspell(word, most_wrong, rng) for word in words[place : place + n_words])


# Number of words, whether they are of the collection, and the most wrong letters of a word.
LINES = {
    "4 words of other songs": (4, False, 0),
    "8 words of other songs": (8, False, 0),
    "30 words of other songs": (30, False, 0),
    "8 words of the collection": (8, True, 0),
    "8 words, one wrong letter": (8, True, 1),
    "8 words, two wrong letters": (8, True, 2),
}


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

    def best_score(self, query):
        """Return the score of the best song, or 0 if nothing is found."""
        return max((match.score for match in self.search.find(query, 1)), default=0.0)


class Products:
    """Best products of a query with the rows of a sparse matrix."""

    def __init__(self, vectorizer, rows):
        self.vectorizer, self.columns = vectorizer, csr_array(rows.T)

    def find(self, query):
        """Return the places of the best songs."""
        scores = (self.vectorizer.transform([query]) @ self.columns).toarray().ravel()
        best = np.argpartition(-scores, K)[:K]
        return best[np.argsort(-scores[best], kind="stable")].tolist()


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
    "BM25, words": BM25,
    "tf-idf, characters": Characters,
}


if __name__ == "__main__":
    main()
