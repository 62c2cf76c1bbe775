"""Lyrics: words, and features of texts.

The names below are what other parts of skdcca may use; they do not need gensim.
"""

from skdcca._lyrics.tokens import check_lyrics, tokenize

__all__ = ["check_lyrics", "tokenize"]
