"""Measure the form of lyrics: length, syllables, phrases, repetition and punctuation."""

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
    """Form of lyrics: their length, syllables, phrases, repetition and punctuation.

    *Form* is how a text is built, as opposed to what it says: how long it is, how long its words and
    phrases are, how often it repeats itself, and how it is punctuated. Each text becomes one row of 21
    numbers, in any language and without any training.

    `LyricsForm` is the counterpart of `AudioForm`. The amount of text and the length of its phrases
    are the properties of lyrics that are easiest to predict from the music, so try `LyricsForm`
    first as the view of the lyrics. To add the content of the text, combine it with `Doc2VecLyrics`
    in a `FeatureUnion`.

    Attributes
    ----------
    feature_names_ : list of str
        Names of the columns. If a name begins with ``log_``, the column is the logarithm of 1 plus
        the number below:

        - ``log_words``, ``log_syllables``, ``log_characters``, ``log_phrases``, ``log_lines``: number of
          words, syllables, characters, phrases and line breaks;
        - ``syllables_per_word``, ``letters_per_word``: mean length of a word;
        - ``phrase_mean``, ``phrase_std``, ``log_phrase_max``: mean, standard deviation and maximum of
          the number of syllables in a phrase;
        - ``distinct_words``, ``distinct_pairs``: number of distinct words divided by the number of
          words, and the same ratio for pairs of adjacent words; low for lyrics that repeat
          themselves; ``commonest_word``: fraction of all words that are the most frequent word;
        - ``capitals_per_word``: fraction of words that begin with a capital letter;
        - ``comma_per_word``, ``stop_per_word``, ``exclamation_per_word``, ``question_per_word``,
          ``colon_per_word``, ``quote_per_word``, ``apostrophe_per_word``: number of each mark
          divided by the number of words. Semicolons count as colons.

    Raises
    ------
    TypeError
        If `X` is not a list of str. The error lists the rows that are not str.
    ValueError
        If `X` is empty or contains blank texts. The error lists their rows.

    See Also
    --------
    AudioForm : Form of songs.
    Doc2VecLyrics : Embeddings of lyrics, which describe what they say.
    LyricsSequence : Features of consecutive parts of lyrics.

    Notes
    -----
    A word is a run of letters of any alphabet. A phrase ends at punctuation or at the end of a line.
    Each run of vowels counts as a syllable, which is right on average for German, French, English,
    Latin and similar languages. In other scripts, each word counts as one syllable.

    Examples
    --------
    >>> from skdcca import LyricsForm
    >>> lyrics = ["row, row, row your boat", "life is but a dream"]
    >>> form = LyricsForm().set_output(transform="pandas").fit_transform(lyrics)
    >>> form.shape
    (2, 21)

    Three of the five words of the first text are distinct, and there are two commas:

    >>> form["distinct_words"].tolist()
    [0.6, 1.0]
    >>> form["comma_per_word"].tolist()
    [0.4, 0.0]
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the lyrics. No statistics are estimated.

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
        form : ndarray of shape (n_samples, 21)
            One row per text, with the columns in `feature_names_`.
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
    """Return the features of a text as a dict from column names to values."""
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
