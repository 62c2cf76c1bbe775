"""Count the syllables of words in any script."""

import re
import unicodedata
from functools import cache

from skdcca._lyrics.scripts import KHMER, THAI_LAO, marks

_LATIN_VOWELS = re.compile("[aeiouyæœøıəɛɔ]+")
# The vowels of other alphabets. Greek writes some vowels with two letters.
_ALPHABETS = [
    _LATIN_VOWELS.pattern,
    "αι|ει|οι|υι|αυ|ευ|ηυ|ου|[αεηιουω]",
    "[аеиоуыэюяієѣөүұә]",
    "[աեէըիոօ]",
    "[აეიოუ]",
    "[\u1161-\u11a7\ud7b0-\ud7c6]",  # vowels of Korean syllables, which are decomposed
]
# Hebrew, Arabic and Syriac write few vowels: a syllable has about two letters.
_ABJADS = "\u05d0-\u05ea\u0620-\u063f\u0641-\u064a\u066e-\u06d3\u06d5\u06ee-\u06ff"
_ABJADS += "\u0710-\u072f\u074d-\u077f\u08a0-\u08c9"

# Thai, Lao and Khmer: consonants, vowels before and after the consonant, and marks.
_CONSONANT = "[\u0e01-\u0e2e\u0e81-\u0eae\u0edc-\u0edf\u1780-\u17a2]"
_BEFORE, _AFTER = "[\u0e40-\u0e44\u0ec0-\u0ec4]", "\u0e30\u0e32\u0e33\u0eb0\u0eb2\u0eb3\u0ebd"
_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u17b4-\u17d3\u17dd"
_MARK_OF_FINAL, _SILENT = "\u17cb", "\u0e4c"  # of Khmer; of silent letters in Thai
# Letters that do not begin a syllable: scripts above, Tibetan (a word is a syllable), small kana, and
# the final consonants of Bengali and Malayalam.
_NO_SYLLABLE = (
    "a-z\u00aa-\u02ff\u0370-\u0587\u0f40-\u0f8f\u10a0-\u11ff\u1c80-\u1cbf\u1d00-\u1fff\u2071-\u209c"
    "\u2c60-\u2d2d\ua640-\ua69f\ua720-\ua7ff\uab30-\uab6f\ud7b0-\ud7ff"
    "ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ\u09ce\u0d54-\u0d56\u0d7a-\u0d7f"
)


def n_syllables(word):
    """Return the number of syllables of a word, or of a run of a script without spaces.

    The word is normalized and case-folded. The rules are those in the Notes of `LyricsForm`.
    """
    if word.isascii():
        return max(1, len(_LATIN_VOWELS.findall(word)))
    letters = unicodedata.normalize("NFD", word.replace("й", "j").replace("ў", "w"))
    return max(1, len(_pattern().findall("".join(filter(_is_kept, letters)))))


def _is_kept(character):
    """Return True for letters, vowel signs and viramas, and False for other marks."""
    kind = unicodedata.combining(character)
    return kind in (0, 9) or 84 <= kind <= 132


@cache
def _pattern():
    """Return a pattern that matches once in each syllable."""
    return re.compile("|".join([*_ALPHABETS, f"[{_ABJADS}]{{1,2}}", _southeast(), _others()]))


def _southeast():
    """Return the pattern of a syllable in Thai, Lao and Khmer: final consonants are not marked."""
    bare = f"{_CONSONANT}(?![{_MARKS}{_AFTER}])"
    pair = "(?<=[กขคตทปผพสศ])ร|(?<=[กขคปผพ])[ลว]|(?<=ห)[งญนมยรลว]|(?<=อ)ย"
    cluster = f"(?:(?:{pair})(?=[{_MARKS}{_AFTER}]|{_CONSONANT}))?"
    vowels = f"(?:\u17d2{_CONSONANT}|[{_MARKS}])*(?:[{_AFTER}]+|[วอ](?={bare}))?"
    final = f"(?:{_CONSONANT}{_MARK_OF_FINAL}|{bare})?"
    silent = f"(?:{_CONSONANT}{{1,2}}[{_MARKS}]?{_SILENT})*"
    return f"{_BEFORE}?{_CONSONANT}{cluster}{vowels}{final}{silent}"


def _others():
    """Return the pattern of a letter that is a syllable.

    These are Chinese characters, kana, the letters of syllabaries, and the consonants of Indic
    scripts, unless a virama shows that no vowel follows.
    """
    letter = rf"[^\W\d_{_NO_SYLLABLE}{_ABJADS}{THAI_LAO}{KHMER}]"
    independent_vowel = "[\u17a3-\u17b3]"  # of Khmer
    return f"{letter}(?![{marks(combining=9)}])|{independent_vowel}"
