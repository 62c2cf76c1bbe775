"""Find the words of a vocabulary that a word may stand for: typing errors, accents, beginnings."""

import unicodedata
from bisect import bisect_left
from functools import cache
from typing import NamedTuple

import numpy as np

# Longest word that may have wrong letters.
_LONGEST = 32
# Shortest words with one and with two wrong letters, as in search engines.
_ONE_ERROR, _TWO_ERRORS = 3, 6
# How much a word counts by its number of wrong letters; then other accents, then a mere beginning.
_BY_ERRORS = np.array([1.0, 0.8, 0.6])
_OTHER_ACCENTS, _BEGINNING = 0.95, 0.75
# Number of words that a beginning may stand for.
_COMPLETIONS = 64
# Letters that Unicode does not decompose into a letter and a mark.
_BARE = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"}
)
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)


class Readings(NamedTuple):
    """Words of the vocabulary that a word may stand for, by their numbers, and how much each counts."""

    words: np.ndarray
    weights: np.ndarray


class Spelling:
    """Vocabulary that is searched for similar words.

    All words of similar length are compared with 64 bits that tell which letters a word has. The
    remaining ones are compared exactly, all at the same time, by a bit-parallel algorithm [1]_.

    Parameters
    ----------
    words : list of str
        The vocabulary: distinct words as `tokenize` returns them.
    counts : ndarray of shape (n_words,)
        How often each word occurs; the most frequent completions of a beginning are preferred.

    References
    ----------
    .. [1] H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances",
       Nordic Journal of Computing 10 (2003).
    """

    def __init__(self, words, counts):
        self.numbers = {word: number for number, word in enumerate(words)}
        self.counts = counts
        bare = [bare_word(word) for word in words]
        self.alphabetic = sorted(zip(bare, range(len(bare)), strict=True))
        lengths = np.array([len(word) for word in bare], dtype=np.int64)
        kept = np.flatnonzero(lengths <= _LONGEST)
        self.order = kept[np.argsort(lengths[kept], kind="stable")]
        self.lengths = lengths[self.order]
        codes = _letter_table([bare[number] for number in self.order])
        self.alphabet = np.array(sorted({0, *map(ord, set("".join(bare)))}), dtype=np.uint32)
        self.letters = np.searchsorted(self.alphabet, codes).astype(np.int32)
        self.signatures = _signatures(codes)

    def readings(self, words, unfinished=None):
        """Return the `Readings` of each word, itself first if it is in the vocabulary.

        Parameters
        ----------
        words : list of str
            Distinct words as `tokenize` returns them.
        unfinished : str, default=None
            The one of the words that may be the beginning of a word.
        """
        bare = [bare_word(word) for word in words]
        similar = self._similar(
            bare, [self._allowed(*both) for both in zip(words, bare, strict=True)]
        )
        found = []
        for word, (numbers, errors) in zip(words, similar, strict=True):
            weights = _BY_ERRORS[errors]
            weights[errors == 0] = _OTHER_ACCENTS
            if word == unfinished:
                begun = np.setdiff1d(self._completions(bare_word(word)), numbers)
                numbers = np.append(numbers, begun)
                weights = np.append(weights, np.full(len(begun), _BEGINNING))
            known = self.numbers.get(word)
            if known is not None:
                others = numbers != known
                numbers = np.append(known, numbers[others])
                weights = np.append(1.0, weights[others])
            found.append(Readings(numbers, weights))
        return found

    def _completions(self, beginning):
        first = bisect_left(self.alphabetic, (beginning,))
        last = bisect_left(self.alphabetic, (beginning + chr(0x10FFFF),))
        numbers = np.array([number for _, number in self.alphabetic[first:last]], dtype=np.int64)
        return numbers[np.argsort(-self.counts[numbers], kind="stable")[:_COMPLETIONS]]

    def _allowed(self, word, bare):
        """Return the number of letters of a word that may be wrong."""
        # Two errors hardly ever lead to another word of the vocabulary.
        return min(allowed_errors(bare), 1 if word in self.numbers else 2)

    def _similar(self, words, n_allowed):
        """Return the numbers of similar words and their errors, for each bare word."""
        signatures = _signatures(_letter_table(words))
        rows = zip(words, signatures, n_allowed, strict=True)
        candidates = [self._candidates(*row) for row in rows]
        which = np.repeat(np.arange(len(words)), [len(of) for of in candidates])
        at = np.concatenate([*candidates, np.zeros(0, dtype=np.int64)])
        errors = self._distances(words, which, at)
        near = errors <= np.array(n_allowed, dtype=np.int64)[which]
        which, at, errors = which[near], at[near], errors[near]
        ends = np.searchsorted(which, np.arange(len(words) + 1))
        parts = [slice(ends[i], ends[i + 1]) for i in range(len(words))]
        return [(self.order[at[part]], errors[part]) for part in parts]

    def _candidates(self, word, signature, n_errors):
        """Return rows of the vocabulary that include all words with at most `n_errors` errors."""
        if len(word) > _LONGEST:
            return np.zeros(0, dtype=np.int64)
        first = np.searchsorted(self.lengths, len(word) - n_errors)
        last = np.searchsorted(self.lengths, len(word) + n_errors, side="right")
        # An error changes the number of at most two letters by one, and each number changes one bit.
        n_changed = _count_bits(self.signatures[first:last] ^ signature)
        return first + np.flatnonzero(n_changed <= 2 * n_errors)

    def _distances(self, words, which, at):
        """Return the distance of ``words[which[i]]`` and row ``at[i]`` of the vocabulary, for each i.

        A distance is the smallest number of letters to insert, delete, replace or swap with the next
        one. The names of the variables are those of the paper.
        """
        masks = _letter_masks(words, self.alphabet)
        sizes = np.array([len(word) for word in words], dtype=np.uint64)
        last = (np.uint64(1) << (np.maximum(sizes, 1) - np.uint64(1)))[which]
        distances = sizes.astype(np.int64)[which]
        one, vn = np.uint64(1), np.zeros(len(at), dtype=np.uint64)
        vp, d0, before = ~vn, vn, vn
        lengths = self.lengths[at]
        for place in range(lengths.max(initial=0)):
            pm = masks[which, self.letters[at, place]]
            swapped = ((~d0 & pm) << one) & before
            d0 = (((pm & vp) + vp) ^ vp) | pm | vn | swapped
            hp, hn = vn | ~(d0 | vp), d0 & vp
            change = ((hp & last) != 0).astype(np.int64) - ((hn & last) != 0)
            distances += np.where(place < lengths, change, 0)
            hp, hn = (hp << one) | one, hn << one
            vp, vn, before = hn | ~(d0 | hp), hp & d0, pm
        return distances


def allowed_errors(word):
    """Return the number of letters of a bare word that may be wrong."""
    return int(len(word) >= _ONE_ERROR) + int(len(word) >= _TWO_ERRORS)


def bare_word(word):
    """Return a word without its accents and vowel points.

    Marks that carry the vowels or tones of Indian and Southeast Asian scripts, and the voicing marks of
    Japanese, are kept: without them it would be another word.
    """
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFD", word.translate(_BARE))
    return unicodedata.normalize("NFC", "".join(x for x in letters if not _is_accent(x)))


@cache
def _is_accent(letter):
    # Combining classes 10 to 35 are the points of Hebrew and Arabic; those from 200 are attached to
    # or stand above or below a letter.
    kind = unicodedata.combining(letter)
    return 10 <= kind <= 35 or kind >= 200


def _letter_table(words):
    """Return the code points of the words, of shape (n_words, longest), filled with 0."""
    table = np.array(words, dtype=str)
    return (
        table.view(np.uint32).reshape(len(words), -1) if len(words) else np.zeros((0, 1), np.uint32)
    )


def _signatures(codes):
    """Return 64 bits for each word: which of 32 groups of letters it has once, and which twice."""
    once, twice = np.zeros((2, len(codes)), dtype=np.uint64)
    for column in codes.T:
        bit = np.where(column > 0, _BITS[column % 32], np.uint64(0))
        twice |= once & bit
        once |= bit
    return once | (twice << np.uint64(32))


def _letter_masks(words, alphabet):
    """Return where each word has each letter of the alphabet, as the bits of a number."""
    masks = np.zeros((len(words), len(alphabet)), dtype=np.uint64)
    numbers = {letter: number for number, letter in enumerate(alphabet.tolist())}
    for row, word in enumerate(words):
        for place, letter in enumerate(word[:_LONGEST]):
            number = numbers.get(ord(letter))
            if number is not None:
                masks[row, number] |= _BITS[place]
    return masks


def _count_bits(numbers):
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.bitwise_count(numbers)
    halves = numbers.view(np.uint16).reshape(-1, 4)
    return _bits_of_16()[halves].sum(axis=1)


@cache
def _bits_of_16():
    return np.unpackbits(np.arange(2**16, dtype=np.uint16).view(np.uint8)).reshape(-1, 16).sum(1)
