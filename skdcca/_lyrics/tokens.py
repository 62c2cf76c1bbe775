"""Words of lyrics, validation of lyrics, and the warning about texts that a model does not know."""

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
    """Return the words of a text, case-folded: runs of letters of any alphabet."""
    # A soft hyphen marks where a word may be broken; it is not part of the word.
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    return WORD.findall(text.casefold())


def listed(items):
    """Return items as they are listed in a message: the first ones, separated by commas."""
    text = ", ".join(map(str, items[:_N_LISTED]))
    return f"{text}, ..." if len(items) > _N_LISTED else text


def check_lyrics(lyrics):
    """Raise TypeError or ValueError unless the lyrics are a sequence of texts, none of them blank."""
    is_sequence = hasattr(lyrics, "__len__") and hasattr(lyrics, "__getitem__")
    is_table = isinstance(lyrics, dict) or hasattr(lyrics, "columns")
    if not is_sequence or is_table or isinstance(lyrics, (str, bytes)):
        raise TypeError(
            f"Lyrics must be a list of str, one text per song, got {type(lyrics).__name__}."
        )
    n = len(lyrics)
    if n == 0:
        raise ValueError("Found array with 0 sample(s): there are no lyrics.")
    wrong = [
        f"row {i} is {type(text).__name__}"
        for i, text in enumerate(lyrics)
        if not isinstance(text, str)
    ]
    if wrong:
        raise TypeError(f"{len(wrong)} of {n} lyrics are not str: {listed(wrong)}.")
    blank = [i for i, text in enumerate(lyrics) if not text.strip()]
    if blank:
        raise ValueError(
            f"{len(blank)} of {n} lyrics are blank, in rows {listed(blank)}. Leave these songs out of "
            "both views."
        )


def warn_unknown_texts(rows, n_texts, unit, output):
    """Issue an UnknownTextWarning if there are rows with texts that the model does not know.

    Parameters
    ----------
    rows : sequence of int
        Rows of the texts.
    n_texts : int
        Number of all texts.
    unit : str
        What the model knows of a text, such as "word".
    output : str
        What is 0 for such a text, such as "embedding".
    """
    if len(rows) and not _unknown_texts_expected.get():
        warn(
            f"{len(rows)} of {n_texts} texts have no {unit} that the model knows, so their {output} is "
            f"0: rows {listed(rows)}.",
            UnknownTextWarning,
        )


@contextmanager
def unknown_texts_expected():
    """Let transformers of texts issue no UnknownTextWarning inside.

    It holds for the current thread only. Unlike a filter of warnings, which belongs to the process,
    it cannot be left behind by threads that overlap.
    """
    before = _unknown_texts_expected.set(True)
    try:
        yield
    finally:
        _unknown_texts_expected.reset(before)
