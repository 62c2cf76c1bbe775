"""Character classes of the world's scripts, and the patterns of words made from them."""

import re
import unicodedata
from functools import cache
from itertools import groupby

# Scripts that are written without spaces between words, as ranges of a character class. All
# characters of Chinese and Japanese are letters; the blocks of the others also contain their marks.
CHINESE_JAPANESE = (
    "\u3005-\u3007\u3031-\u3035\u303b\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
THAI_LAO = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
KHMER = "\u1780-\u17d3\u17d7\u17dc\u17dd"
BURMESE = "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
TAI = "\u1950-\u19cf\u1a20-\u1a7c\uaa80-\uaadd"
UNSPACED = CHINESE_JAPANESE + THAI_LAO + KHMER + BURMESE + TAI

# Vowels of Thai and Lao that are written before or after their consonant, the marks that put the next
# consonant below the last one, and the marks of a final consonant in Burmese.
_VOWELS_BEFORE = "\u0e40-\u0e44\u0ec0-\u0ec4"
_VOWELS_AFTER = "\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3"
_STACKING = "\u1039\u17d2\u1a60"
_FINAL = "\u1037?[\u1039\u103a]"

# Characters that Unicode declares ignorable: they are invisible, and the same word is written with
# and without them. U+200B is not among them, because it separates words. The marks of Armenian
# questions and exclamations (U+055B, U+055C and U+055E) stand inside words, and the Arabic tatweel
# (U+0640) only makes a word longer.
IGNORED = re.compile(
    "[\u00ad\u034f\u055b\u055c\u055e\u061c\u0640\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
PLAIN_WORD = re.compile(r"[^\W\d_]+")
_NOT_PLAIN = re.compile(
    "[^\0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u055a\u055f-\u058f\u1e00-\u1eff\u2010-\u2027]"
)
has_unspaced = re.compile(f"[{UNSPACED}]").search


def is_plain(text):
    """Return True if a text has only letters and punctuation of European languages.

    Such a text has no combining marks and no invisible characters, so the quick `PLAIN_WORD` finds
    its words.
    """
    return text.isascii() or _NOT_PLAIN.search(text) is None


@cache
def marks(combining=None):
    """Return the combining marks (category M) as ranges of a character class.

    If `combining` is an int, only the marks of this combining class are returned.
    """
    found = [
        code
        for code, kind in enumerate(map(unicodedata.category, map(chr, range(0x1F000))))
        if kind[0] == "M" and combining in (None, unicodedata.combining(chr(code)))
    ]
    ranges = []
    for _, group in groupby(enumerate(found), lambda item: item[1] - item[0]):
        codes = [code for _, code in group]
        ranges.append(f"{chr(codes[0])}-{chr(codes[-1])}")
    return "".join(ranges)


# The patterns below are compiled on first use, because collecting the marks takes some milliseconds
# and most texts are plain.


@cache
def word_pattern():
    """Return the pattern of runs of letters and their marks."""
    return re.compile(rf"[^\W\d_]+(?:[{marks()}]+(?:[^\W\d_]+)?)*")


@cache
def mark_pattern():
    """Return the pattern of a combining mark."""
    return re.compile(f"[{marks()}]")


@cache
def piece_pattern():
    """Return the pattern that separates scripts without spaces from others within a word."""
    return re.compile(f"[{UNSPACED}][{UNSPACED}{marks()}]*|[^{UNSPACED}]+")


@cache
def cluster_pattern():
    """Return the pattern of the units of which text in a script without spaces consists.

    A unit is a Chinese character, a kana, or a consonant with its vowels, marks and the consonants
    below it. In Burmese, it includes the final consonant, which is marked.
    """
    return re.compile(_cluster())


@cache
def part_pattern():
    """Return the pattern of the pieces between which a text may be cut.

    They are runs without spaces, and in scripts without spaces also the units, with the punctuation
    that follows.
    """
    punctuation = rf"[^\w\s{marks()}]*"
    return re.compile(rf"(?:{_cluster()}){punctuation}|[^\s{UNSPACED}]+|\S")


def _cluster():
    letter, mark = f"(?:(?![{marks()}])[{UNSPACED}])", f"[{marks()}]*"
    return (
        f"[{CHINESE_JAPANESE}](?![{marks()}])|"  # the most frequent case first, for speed
        f"[{_VOWELS_BEFORE}]?{letter}{mark}"
        f"(?:(?<=[{_STACKING}]){letter}{mark}|{letter}{_FINAL}{mark}|[{_VOWELS_AFTER}]{mark})*"
    )
