"""Length, syllables, phrases, repetition and punctuation of lyrics."""

import itertools
import re
import unicodedata
from collections import Counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._lyrics.tokens import WORD, check_lyrics, tokenize
from skdcca._utils.mixins import RawInputMixin

_VOWELS = re.compile(r"[aeiouyæœø]+")
_PHRASE_END = re.compile(r"[.,;:!?()\n–—]+")
_MARKS = {"comma": ",", "stop": ".", "exclamation": "!", "question": "?", "colon": ";:"}
_MARKS |= {"quote": '"“”„«»', "apostrophe": "'’"}


class LyricsForm(RawInputMixin, TransformerMixin, BaseEstimator):
    """Form of lyrics: length, syllables, phrases, repetition and punctuation.

    The amount of text and the length of its phrases are the properties of lyrics that are easiest to
    predict from the music. In a `FeatureUnion` they complement the meaning, which `Doc2VecLyrics`
    captures.

    Attributes
    ----------
    feature_names_ : list of str
        Names of the columns: logarithms of counts (``log_...``), ratios and means.

    Raises
    ------
    TypeError
        If a text is not a str; every such row is named.
    ValueError
        If there are no texts, or texts are blank.

    See Also
    --------
    Doc2VecLyrics : Meaning of the lyrics.

    Notes
    -----
    A syllable is a run of vowels. That is right on average for German, French, English, Latin and
    similar languages; in other scripts a word counts as one syllable. A phrase ends at punctuation or at
    the end of a line.

    Examples
    --------
    >>> from skdcca import LyricsForm
    >>> form = LyricsForm().fit(["row, row, row your boat"])
    >>> form.transform(["row, row, row your boat", "life is but a dream"]).shape
    (2, 21)
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the lyrics; nothing is learned.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text per song.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_lyrics(X)
        self.feature_names_ = list(_form("a"))
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the features of lyrics.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text per song.

        Returns
        -------
        form : ndarray of shape (n_samples, n_features_out)
            One row per text.
        """
        check_is_fitted(self)
        check_lyrics(X)
        return np.array([list(_form(text).values()) for text in X], dtype=np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the columns.

        Parameters
        ----------
        input_features : object
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``log_words``, ``log_syllables``, ...
        """
        check_is_fitted(self)
        return np.array(self.feature_names_, dtype=object)


def _form(text):
    """Return the features of a text by their names."""
    words = tokenize(text)
    n_words = max(1, len(words))
    pairs = list(itertools.pairwise(words))
    phrases = [tokenize(phrase) for phrase in _PHRASE_END.split(text)]
    syllables = [sum(map(_n_syllables, phrase)) for phrase in phrases if phrase] or [0]
    capitals = sum(word[0].isupper() for word in WORD.findall(text))
    marks = {name: sum(map(text.count, marks)) for name, marks in _MARKS.items()}
    return {
        "log_words": np.log1p(len(words)),
        "log_syllables": np.log1p(sum(syllables)),
        "log_characters": np.log1p(len(text)),
        "log_phrases": np.log1p(len(syllables)),
        "log_lines": np.log1p(text.count("\n")),
        "syllables_per_word": sum(syllables) / n_words,
        "letters_per_word": sum(map(len, words)) / n_words,
        "phrase_mean": np.mean(syllables),
        "phrase_std": np.std(syllables),
        "log_phrase_max": np.log1p(max(syllables)),
        "distinct_words": len(set(words)) / n_words,
        "distinct_pairs": len(set(pairs)) / max(1, len(pairs)),
        "commonest_word": max(Counter(words).values(), default=0) / n_words,
        "capitals_per_word": capitals / n_words,
        **{f"{name}_per_word": count / n_words for name, count in marks.items()},
    }


def _n_syllables(word):
    letters = unicodedata.normalize("NFD", word)
    without_accents = "".join(c for c in letters if not unicodedata.combining(c))
    return max(1, len(_VOWELS.findall(without_accents)))
