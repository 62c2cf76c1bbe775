"""Find the lines of songs in which the words of a query are."""

from typing import NamedTuple

from sklearn.utils.validation import check_is_fitted

from skdcca._lyrics import tokenize, word_spans
from skdcca._utils.validation import check_integer
from skdcca.retrieval._texts import item_texts, lines_of, lyrics_and_heard
from skdcca.retrieval._word_index import WordIndex

_BETWEEN_LINES, _CUT = " / ", "…"
# Longest line that is shown whole, and the number of characters shown on both sides of the words.
_LONGEST_LINE, _AROUND = 160, 40


class WordMatch(NamedTuple):
    """A line in which the words of a query were found.

    Parameters
    ----------
    id : str or int
        Id of the item.
    score : float
        Share of the query that was found in one place, in (0, 1].
    line : str
        The line with the words. Two lines are joined by " / ", and a long line is cut around the words.
    start, end : float or None
        Seconds in the song between which the line is sung, if they are known.
    marks : list of (int, int)
        Spans of characters in `line` that match: the first character and the one after the last.
    exact : bool
        True if all words of the query are there, next to each other and with the same spelling.

    Examples
    --------
    Show the words of a match in capitals:

    >>> from skdcca.retrieval import WordMatch
    >>> match = WordMatch("row", 1.0, "Row, row, row your boat", 1.5, 4.0, [(14, 18), (19, 23)], True)
    >>> line = match.line
    >>> for begin, end in match.marks:
    ...     line = line[:begin] + line[begin:end].upper() + line[end:]
    >>> line
    'Row, row, row YOUR BOAT'
    """

    id: str | int
    score: float
    line: str
    start: float | None
    end: float | None
    marks: list[tuple[int, int]]
    exact: bool


class WordsMixin:
    """Method of an index that finds items by their words."""

    def find_words(self, query: str, n_neighbors: int = 10) -> list[WordMatch]:
        """Find the items whose texts have the words of a query.

        The texts are the lyrics of the items, or the words that were heard in them. Words may be
        misspelled: one letter may be wrong, missing, added or swapped with the next one in words of 3
        to 5 letters, and two in longer ones. Accents may be missing, and the last word may be
        incomplete. A query may begin and end inside lines.

        Parameters
        ----------
        query : str
            Words to find.
        n_neighbors : int, default=10
            Largest number of items to return.

        Returns
        -------
        matches : list of WordMatch
            The best place of each item that has at least 0.4 of the query in one place, best item first.
            Scores below 0.1, which only words that most texts have can reach, are left out unless all
            words of the query are there in order, and three or more of them differ. Items with equal
            scores keep the order of the gallery. The list is empty if no text has words of the query.

        Raises
        ------
        TypeError
            If `query` is not a str.
        ValueError
            If `n_neighbors` is not an integer >= 1.
        NotFittedError
            If the index is not fitted.

        See Also
        --------
        query : Find items by the other view.

        Notes
        -----
        The score of an item is computed in three steps. (1) The weight of each word of the query is
        that of BM25 [1]_: rare words weigh more. (2) The query is aligned with the text of the item:
        found are words of the query in their order, and each word of the text between two found ones
        costs 0.15 times the mean weight of the query [2]_. A word counts its weight times 0.8 with
        one wrong letter, 0.6 with two, 0.95 with other accents, and 0.75 if it is only the beginning of
        a word. If the words stand near each other in another order, half of their value is taken, if
        that is more. (3) The value of the best place is divided by the sum of the weights of the query,
        or by the weight of a word that only one text has, if that is larger. The score is therefore 1
        if the whole query is in the text, word by word, unless it consists of a few words that most
        texts have.

        Up to 100 texts are aligned: those with the most words and pairs of adjacent words of the query.

        References
        ----------
        .. [1] S. Robertson and H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond",
           Foundations and Trends in Information Retrieval 3 (2009).
        .. [2] T. F. Smith and M. S. Waterman, "Identification of common molecular subsequences",
           Journal of Molecular Biology 147 (1981).

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import CrossModalIndex, LinearCCA
        >>> from skdcca.datasets import load_tiny_songs
        >>> songs = load_tiny_songs()
        >>> X = np.random.default_rng(0).normal(size=(20, 3))
        >>> model = LinearCCA(2).fit(X, X)
        >>> index = CrossModalIndex(model).fit(X, ids=songs.titles, texts=songs.lyrics)
        >>> match = index.find_words("how i wondr what you are")[0]
        >>> match.id, match.line
        ('Twinkle Twinkle Little Star', 'Twinkle twinkle little star, how I wonder what you are.')
        >>> [match.line[begin:end] for begin, end in match.marks]
        ['how', 'I', 'wonder', 'what', 'you', 'are']
        """
        check_is_fitted(self)
        if not isinstance(query, str):
            raise TypeError(
                f"`query` must be a str, got {type(query).__name__}. Pass one query at a time."
            )
        check_integer("n_neighbors", n_neighbors)
        return self._prepared_word_search().find(query, n_neighbors)

    def has_texts(self) -> bool:
        """Return True if `find_words` has any texts to search."""
        return len(self._prepared_word_search().index.words) > 0

    def _prepared_word_search(self):
        """Return the `WordSearch` of the texts, which is made on first use.

        Several threads may query at the same time. Each of them makes one, and the last one is kept.
        """
        if self._parent is not None and self._parent.ids_ is self.ids_:
            return self._parent._prepared_word_search()  # of all pairs of views together
        search = self._word_search
        if search is None:
            ids = self.ids_.tolist()
            metadata = [self.metadata_.get(i) for i in ids]
            search = WordSearch(ids, item_texts(self), metadata, getattr(self, "groups_", None))
            self._word_search = search
        return search


class WordSearch:
    """Search the texts of a gallery for words.

    Parameters
    ----------
    ids : list of str or of int
        Ids of the items.
    texts : list
        Text of each item, as from `check_texts`.
    metadata : list of dict
        Metadata of each item.
    groups : sequence, default=None
        Group of each item, of which only the best one is found. If None, all items are found.
    """

    def __init__(self, ids, texts, metadata, groups=None):
        rows = zip(texts, metadata, strict=True)
        self.ids, self.groups = ids, groups
        self.texts = [lyrics_and_heard(text, of or {}) for text, of in rows]
        self.index = WordIndex([_joined(text) for text, _ in self.texts])

    def find(self, query, n):
        """Return the best `n` items for a query as a list of `WordMatch`."""
        return [self._match(found) for found in self.index.find(query, n, self.groups)]

    def _match(self, found):
        text, segments = self.texts[found.text]
        lines, places = _lines_around(lines_of(text), found.places)
        line, marks = _cut(*_marked(lines, places))
        start, end = lines[0].start, lines[-1].end
        if start is None and segments:
            start, end = _sung_at(line, segments)
        return WordMatch(self.ids[found.text], found.score, line, start, end, marks, found.exact)


def _joined(text):
    return "\n".join(line.text for line in lines_of(text))


def _lines_around(lines, places):
    """Return the lines from the first found word to the last, and the places of the words in them."""
    first, before, end = None, 0, 0
    for row, line in enumerate(lines):
        begin, end = end, end + len(tokenize(line.text))
        if first is None and places[0] < end:
            first, before = row, begin
        if places[-1] < end:
            break
    return lines[first : row + 1], [place - before for place in places]


def _marked(lines, places):
    """Return the lines as one text, and the spans of the words at some places."""
    text, spans = "", []
    for line in lines:
        text += _BETWEEN_LINES if text else ""
        spans += [(len(text) + i, len(text) + j) for _, i, j in word_spans(line.text)]
        text += line.text
    return text, _merged([spans[place] for place in places])


def _merged(spans):
    """Join spans that overlap, as those of pairs of characters do."""
    merged = []
    for begin, end in spans:
        if merged and begin < merged[-1][1]:
            begin, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((begin, end))
    return merged


def _cut(line, marks):
    """Cut a long line around the first found words."""
    if len(line) <= _LONGEST_LINE:
        return line, marks
    begin = _space_after(line, max(0, marks[0][0] - _AROUND), marks[0][0])
    last = max(end for _, end in marks if end - begin <= _LONGEST_LINE or end == marks[0][1])
    end = _space_before(line, min(len(line), last + _AROUND), last)
    before, after = (_CUT if begin else ""), (_CUT if end < len(line) else "")
    shift = len(before) - begin
    marks = [(first + shift, stop + shift) for first, stop in marks if stop <= last]
    return before + line[begin:end] + after, marks


def _space_after(line, begin, most):
    """Return the beginning of the first whole word from `begin` on, at most `most`."""
    if begin == 0 or " " not in line[begin:most]:
        return begin if begin == 0 else most
    return line.index(" ", begin) + 1


def _space_before(line, end, least):
    """Return the end of the last whole word before `end`, at least `least`."""
    if end == len(line) or " " not in line[least:end]:
        return end if end == len(line) else least
    return line.rindex(" ", least, end)


def _sung_at(line, segments):
    """Return the seconds between which a line is sung, or (None, None) if it was not heard."""
    found = WordIndex([_joined(segments)]).find(line, 1)
    if not found:
        return None, None
    lines, _ = _lines_around(lines_of(segments), found[0].places)
    return lines[0].start, lines[-1].end
