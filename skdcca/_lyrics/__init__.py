"""Split lyrics into words, and compute features of texts.

Other parts of skdcca may use only the names below. Importing them does not require gensim.
"""

from skdcca._lyrics.tokens import check_lyrics, tokenize

__all__ = ["check_lyrics", "tokenize"]
