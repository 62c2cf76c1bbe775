"""Validate lyrics, split them into words, and warn about texts without known words."""

import unicodedata
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise

from skdcca._lyrics.scripts import (
    IGNORED,
    PLAIN_WORD,
    cluster_pattern,
    has_unspaced,
    is_plain,
    piece_pattern,
    word_pattern,
)
from skdcca._utils.warnings import warn
from skdcca.exceptions import UnknownTextWarning

# Version of the rules below. Models store it, so that a saved model keeps the rules that it was
# fitted with; see `skdcca._lyrics.older_rules`.
TEXT_RULES = 2
_N_LISTED = 20
_unknown_texts_expected = ContextVar("unknown_texts_expected", default=False)


def tokenize(text: str) -> list[str]:
    """Split a text in any language into case-folded words.

    A word is a run of letters with their combining marks. Apostrophes, hyphens and digits separate
    words. Chinese, Japanese, Thai, Lao, Khmer and Burmese do not separate words by spaces: runs of
    such text are split into overlapping pairs of adjacent characters.

    Parameters
    ----------
    text : str
        Text to split.

    Returns
    -------
    words : list of str
        Words in the order of the text, possibly none.

    Raises
    ------
    TypeError
        If `text` is not a str.

    See Also
    --------
    Doc2VecLyrics : Embeddings of lyrics, with these words by default.
    sklearn.feature_extraction.text.TfidfVectorizer : Weighted word counts; its default pattern
        splits words at combining marks and keeps lines in Chinese whole.

    Notes
    -----
    Words are compared as Unicode recommends for identifiers (NFKC_Casefold, [1]_): compatibility
    forms are replaced, case is folded, and characters that are invisible, such as soft hyphens and
    joiners, are removed. In addition, the dot of a capital I with dot is removed.

    Pairs of adjacent characters are the standard of information retrieval for text without spaces
    [2]_. They need no dictionary, so a text has the same words on every machine. In Thai, Lao, Khmer
    and Burmese, a character is a consonant with its vowels, tone marks and subscripts.

    References
    ----------
    .. [1] The Unicode Standard, section 3.13.5, "Default Caseless Matching".
    .. [2] J.-Y. Nie, J. Gao, J. Zhang and M. Zhou, "On the use of words and n-grams for Chinese
       information retrieval", IRAL 2000.

    Examples
    --------
    >>> from skdcca import tokenize
    >>> tokenize("L'Été à İstanbul, 24/7")
    ['l', 'été', 'à', 'istanbul']
    >>> tokenize("दिल और दाल")
    ['दिल', 'और', 'दाल']
    >>> tokenize("月亮代表 my heart")
    ['月亮', '亮代', '代表', 'my', 'heart']

    Pass it to a vectorizer as the analyzer:

    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> TfidfVectorizer(analyzer=tokenize).fit(["दिल", "दाल"]).get_feature_names_out().tolist()
    ['दाल', 'दिल']
    """
    if not isinstance(text, str):
        raise TypeError(
            f"`text` must be a str, got {type(text).__name__}. Split one text at a time."
        )
    text = fold(clean(text))
    runs = find_runs(text)
    if is_plain(text) or has_unspaced(text) is None:
        return runs
    return [word for run in runs for word in segment(run)]


def clean(text):
    """Return a text in compatibility form (NFKC), without invisible characters."""
    if not is_plain(text):
        text = IGNORED.sub("", text)
    return unicodedata.normalize("NFKC", text)


def fold(text):
    """Return a clean text in the form in which words are compared."""
    # Case folding can decompose letters and reorder marks, so normalize again. It turns the Turkish
    # capital I with dot into i and a combining dot, which the small i does not have.
    return unicodedata.normalize("NFKC", text.casefold()).replace("i\u0307", "i")


def find_runs(text):
    """Return the runs of letters and their marks in a clean text."""
    pattern = PLAIN_WORD if is_plain(text) else word_pattern()
    return pattern.findall(text)


def segment(run):
    """Return the words of a run: itself, or pairs of characters in a script without spaces."""
    return [word for word, _, _ in segment_spans(run)]


def segment_spans(run):
    """Yield the words of `segment`, each with its first character and the one after its last."""
    if has_unspaced(run) is None:
        yield run, 0, len(run)
        return
    for piece in piece_pattern().finditer(run):
        if has_unspaced(piece.group()):
            yield from _pairs(piece.group(), piece.start())
        else:
            yield piece.group(), *piece.span()


def _pairs(piece, offset):
    found = list(cluster_pattern().finditer(piece))
    if len(found) == 1:
        yield found[0].group(), offset + found[0].start(), offset + found[0].end()
    for first, second in pairwise(found):
        yield first.group() + second.group(), offset + first.start(), offset + second.end()


def listed(items):
    """Return the first items as a str for a message, separated by commas."""
    text = ", ".join(map(str, items[:_N_LISTED]))
    return f"{text}, ..." if len(items) > _N_LISTED else text


def check_lyrics(lyrics):
    """Raise TypeError or ValueError unless the lyrics are a non-empty list of non-blank str."""
    is_sequence = hasattr(lyrics, "__len__") and hasattr(lyrics, "__getitem__")
    is_table = isinstance(lyrics, dict) or hasattr(lyrics, "columns")
    if not is_sequence or is_table or isinstance(lyrics, (str, bytes)):
        raise TypeError(
            f"Lyrics must be a list of str, one text per song, got {type(lyrics).__name__}. Pass a "
            "list, even for a single text."
        )
    n = len(lyrics)
    if n == 0:
        raise ValueError(
            "Found array with 0 sample(s): there are no lyrics. Pass at least one text."
        )
    wrong = [
        f"row {i} is {type(text).__name__}"
        for i, text in enumerate(lyrics)
        if not isinstance(text, str)
    ]
    if wrong:
        raise TypeError(
            f"{len(wrong)} of {n} lyrics are not str: {listed(wrong)}. Convert them to str."
        )
    blank = [i for i, text in enumerate(lyrics) if not text.strip()]
    if blank:
        raise ValueError(
            f"{len(blank)} of {n} lyrics are blank, in rows {listed(blank)}. Remove these songs from "
            "both views."
        )


def warn_unknown_texts(rows, n_texts, unit, output):
    """Issue an UnknownTextWarning if any texts have no word or character that the model knows.

    Parameters
    ----------
    rows : sequence of int
        Rows of the texts that have no known word or character. If empty, there is no warning.
    n_texts : int
        Number of texts in total.
    unit : str
        Unit that is missing in these texts, such as "word".
    output : str
        Output that is 0 for these texts, such as "embedding".
    """
    if len(rows) and not _unknown_texts_expected.get():
        warn(
            f"{len(rows)} of {n_texts} texts have no {unit} that the model knows, so their {output} is "
            f"0: rows {listed(rows)}.",
            UnknownTextWarning,
        )


@contextmanager
def unknown_texts_expected():
    """Suppress UnknownTextWarning in the current thread.

    A warning filter would not work: filters belong to the whole process, and overlapping threads
    could restore them in the wrong order.
    """
    before = _unknown_texts_expected.set(True)
    try:
        yield
    finally:
        _unknown_texts_expected.reset(before)
