"""Split lyrics into words, and compute features of texts.

Other parts of skdcca may use only the names below. Importing them does not require gensim.
"""

from skdcca._lyrics.passages import (
    count_words,
    middle_line,
    middle_verse,
    middle_words,
    passage,
)
from skdcca._lyrics.spans import word_spans
from skdcca._lyrics.tokens import check_lyrics, tokenize, unknown_texts_expected

__all__ = [
    "check_lyrics",
    "count_words",
    "middle_line",
    "middle_verse",
    "middle_words",
    "passage",
    "tokenize",
    "unknown_texts_expected",
    "word_spans",
]
