"""Count the words, syllables, phrases and punctuation marks of texts."""

import re
import unicodedata
from dataclasses import dataclass

from skdcca._lyrics.scripts import UNSPACED, has_unspaced, is_plain, mark_pattern
from skdcca._lyrics.syllables import n_syllables
from skdcca._lyrics.tokens import clean, find_runs, fold, segment

# Punctuation marks by kind. Compatibility forms, such as the wide ones of Chinese, are replaced before
# marks are counted.
_MARKS = {
    "comma": ",،、՝፣၊",
    "stop": ".。।॥۔։።။។៕།",
    "exclamation": "!՜",
    "question": "?؟՞፧",
    "colon": ";:؛፤፥፦",
    "quote": '"“”„«»「」『』',
    "apostrophe": "'’",
}
# In scripts without spaces between words, a space separates phrases.
_PHRASE_END = re.compile(
    rf"[.,;:!?()\n–—،、՝፣၊。।॥۔։።။។៕།؟፧؛፤፥፦]+|(?<=[{UNSPACED}])\s+(?=[{UNSPACED}])"
)


@dataclass
class Counts:
    """Counts of a text, from which `LyricsForm` computes its features.

    Attributes
    ----------
    words : list of str
        Words, with pairs of characters in scripts without spaces.
    n_letters : int
        Number of letters in words; combining marks are not letters.
    phrases : list of int
        Number of syllables of each phrase that has any.
    n_capitals : int
        Number of words that begin with a capital letter.
    n_characters : int
        Number of characters.
    n_lines : int
        Number of line breaks.
    n_marks : dict of str to int
        Number of punctuation marks of each kind.
    """

    words: list
    n_letters: int
    phrases: list
    n_capitals: int
    n_characters: int
    n_lines: int
    n_marks: dict


def count(text):
    """Count the words, syllables, phrases and punctuation marks of a text."""
    cleaned = clean(text)
    runs = find_runs(fold(cleaned))
    phrases = [find_runs(fold(phrase)) for phrase in _PHRASE_END.split(cleaned)]
    with_marks = unicodedata.normalize("NFKC", text)
    return Counts(
        words=[word for run in runs for word in segment(run)] if has_unspaced(cleaned) else runs,
        n_letters=_n_letters(runs),
        phrases=[sum(map(n_syllables, phrase)) for phrase in phrases if phrase],
        n_capitals=sum(word[0].isupper() for word in find_runs(cleaned)),
        n_characters=len(unicodedata.normalize("NFC", text)),
        n_lines=text.count("\n"),
        n_marks={name: sum(map(with_marks.count, marks)) for name, marks in _MARKS.items()},
    )


def _n_letters(runs):
    letters = "".join(runs)
    n_marks = 0 if is_plain(letters) else len(mark_pattern().findall(letters))
    return len(letters) - n_marks
