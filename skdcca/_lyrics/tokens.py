"""Validate lyrics, split them into words, and warn about texts without known words."""

import re
import unicodedata
from contextlib import contextmanager
from contextvars import ContextVar

from skdcca._utils.warnings import warn
from skdcca.exceptions import UnknownTextWarning

WORD = re.compile(r"[^\W\d_]+")
_N_LISTED = 20
_unknown_texts_expected = ContextVar("unknown_texts_expected", default=False)


def tokenize(text):
    """Return the case-folded words of a text, which are runs of letters of any alphabet."""
    # A soft hyphen marks where a word may be broken, so it does not separate words.
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    return WORD.findall(text.casefold())


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
