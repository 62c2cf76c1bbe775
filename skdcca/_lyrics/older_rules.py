"""Rules of words, syllables and parts of models that were fitted before `TEXT_RULES` was 2.

Saved models still use them, because their numbers and vocabularies come from them. These rules split
words at combining marks and know neither syllables nor punctuation outside of Latin script.
"""

import re
import unicodedata

from skdcca._lyrics.counts import Counts

PART = re.compile(r"\S+")
_WORD = re.compile(r"[^\W\d_]+")
_VOWELS = re.compile(r"[aeiouyæœø]+")
_PHRASE_END = re.compile(r"[.,;:!?()\n–—]+")
_MARKS = {"comma": ",", "stop": ".", "exclamation": "!", "question": "?", "colon": ";:"}
_MARKS |= {"quote": '"“”„«»', "apostrophe": "'’"}


def tokenize(text):
    """Return the runs of letters of a text, case-folded after normalization."""
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    return _WORD.findall(text.casefold())


def count(text):
    """Count what `LyricsForm` describes."""
    words = tokenize(text)
    phrases = [tokenize(phrase) for phrase in _PHRASE_END.split(text)]
    return Counts(
        words=words,
        n_letters=sum(map(len, words)),
        phrases=[sum(map(_n_syllables, phrase)) for phrase in phrases if phrase],
        n_capitals=sum(word[0].isupper() for word in _WORD.findall(text)),
        n_characters=len(text),
        n_lines=text.count("\n"),
        n_marks={name: sum(map(text.count, marks)) for name, marks in _MARKS.items()},
    )


def is_accent(character):
    """Return True for all combining marks that have a combining class."""
    return unicodedata.combining(character) != 0


def _n_syllables(word):
    letters = unicodedata.normalize("NFD", word)
    return max(1, len(_VOWELS.findall("".join(c for c in letters if not is_accent(c)))))
