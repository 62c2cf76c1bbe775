"""Cut passages from lyrics: a passage of some words, a line, a verse."""

import re

from skdcca._lyrics.scripts import part_pattern

_LEAST_WORDS = 3  # a line with fewer words is often a heading, or "la la"
_VERSE_LINES = 4  # of a text without blank lines


def count_words(text):
    """Return the number of words; in scripts without spaces, the number of characters."""
    return sum(1 for _ in part_pattern().finditer(text))


def passage(text, n_words, place=0.5):
    """Return `n_words` adjacent words of a text as they are written, or all if it has fewer.

    Parameters
    ----------
    text : str
        The text.
    n_words : int
        Number of words, counted as in `count_words`.
    place : float, default=0.5
        Place of the passage in the text, from 0 for its beginning to 1 for its end.
    """
    words = [found.span() for found in part_pattern().finditer(text)]
    first = round(place * max(0, len(words) - n_words))
    words = words[first : first + n_words]
    return text[words[0][0] : words[-1][1]] if words else ""


def middle_words(text, n_words):
    """Return `n_words` words from the middle of a text, or None if it has no more than these."""
    return passage(text, n_words) if count_words(text) > n_words else None


def middle_line(text):
    """Return the line of at least three words that is nearest to the middle, or None.

    The result is None if the text has only one line, or only shorter ones.
    """
    lines = _lines(text)
    if len(lines) < 2:
        return None
    middle = (len(lines) - 1) / 2
    by_distance = sorted(range(len(lines)), key=lambda i: abs(i - middle))
    long_enough = (lines[i] for i in by_distance if count_words(lines[i]) >= _LEAST_WORDS)
    return next(long_enough, None)


def middle_verse(text):
    """Return the verse in the middle of a text, or None if the text is not longer than a verse.

    Blank lines separate verses. A text without blank lines has a verse of four lines.
    """
    verses = [verse for verse in re.split(r"\n[^\S\n]*\n\s*", text.strip()) if verse.strip()]
    if len(verses) > 1:
        return verses[len(verses) // 2]
    lines = _lines(text)
    if len(lines) <= _VERSE_LINES:
        return None
    first = (len(lines) - _VERSE_LINES) // 2
    return "\n".join(lines[first : first + _VERSE_LINES])


def _lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]
