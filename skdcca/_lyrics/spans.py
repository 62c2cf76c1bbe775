"""Find where the words of a text stand in it."""

import unicodedata
from itertools import pairwise

from skdcca._lyrics.scripts import IGNORED, PLAIN_WORD, is_plain, word_pattern
from skdcca._lyrics.tokens import clean, fold, segment_spans

# Vowels and final consonants of Korean that combine with the letter before them.
_JOINING_JAMO = range(0x1160, 0x1200)


def word_spans(text):
    """Return the words of `tokenize(text)`, each with the span of its characters in the text.

    Parameters
    ----------
    text : str
        Text to split.

    Returns
    -------
    words : list of (str, int, int)
        Each word with its first character and the one after its last, in the order of the text.
        Pairs of characters in scripts without spaces overlap.
    """
    folded, origins = _fold_with_origins(text)
    pattern = PLAIN_WORD if is_plain(folded) else word_pattern()
    words = []
    for run in pattern.finditer(folded):
        for word, begin, end in segment_spans(run.group()):
            first, last = origins[run.start() + begin], origins[run.start() + end - 1]
            words.append((word, first[0], last[1]))
    return words


def _fold_with_origins(text):
    """Return a folded text and, for each of its characters, the span from which it was made."""
    if is_plain(text):
        whole = fold(clean(text))
        if len(whole) == len(text):  # no letter of a plain text becomes shorter
            return whole, [(i, i + 1) for i in range(len(text))]
    folded, origins = [], []
    for begin, end in pairwise(_starts(text)):
        letters = fold(clean(text[begin:end]))
        folded.append(letters)
        origins += len(letters) * [(begin, end)]
    return "".join(folded), origins


def _starts(text):
    """Return where the characters begin that do not combine with those before, and the length."""
    starts = [i for i, letter in enumerate(text) if i == 0 or not _joins(letter)]
    return [*starts, len(text)]


def _joins(letter):
    is_mark = unicodedata.category(letter)[0] == "M"
    return is_mark or ord(letter) in _JOINING_JAMO or IGNORED.match(letter) is not None
