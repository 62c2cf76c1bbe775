"""Measure the form of lyrics: length, syllables, phrases, repetition and punctuation."""

import itertools
from collections import Counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdcca._lyrics import older_rules
from skdcca._lyrics.counts import count
from skdcca._lyrics.tokens import TEXT_RULES, check_lyrics
from skdcca._utils.lengths import is_usual_length
from skdcca._utils.mixins import RawInputMixin
from skdcca._utils.validation import check_option


class LyricsForm(RawInputMixin, TransformerMixin, BaseEstimator):
    """Form of lyrics: their length, syllables, phrases, repetition and punctuation.

    *Form* is how a text is built, as opposed to what it says: how long it is, how long its words and
    phrases are, how often it repeats itself, and how it is punctuated. Each text becomes one row of 21
    numbers, in any language.

    A line of lyrics is not a short song: its length says nothing about the length of the song that it
    comes from. Texts that are shorter than all training texts therefore get the mean of the training
    texts, so that a model ranks songs for them by other features alone.

    `LyricsForm` is the counterpart of `AudioForm`. The amount of text and the length of its phrases
    are the properties of lyrics that are easiest to predict from the music, so try `LyricsForm`
    first as the view of the lyrics. To add the content of the text, combine it with `Doc2VecLyrics`
    in a `FeatureUnion`.

    Parameters
    ----------
    excerpts : {"mean", "measured"}, default="mean"
        Features of texts with fewer words than the shortest training text, such as a line or a verse:

        - ``"mean"``: the mean of the training texts, which expresses no preference for any song;
        - ``"measured"``: the features of the text itself. Linear models extrapolate from these far
          beyond the training texts, so that all lines find the same songs.

    Attributes
    ----------
    mean_ : ndarray of shape (21,)
        Mean features of the training texts.
    min_words_ : int
        Number of words of the shortest training text. Texts with less than a tenth of the median number
        of words, such as "[Instrumental]", are outliers: they count neither here nor in the mean.
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
        If `excerpts` is not an allowed value, or `X` is empty or contains blank texts. The error lists
        their rows.

    See Also
    --------
    AudioForm : Form of songs.
    Doc2VecLyrics : Embeddings of lyrics, which describe what they say.
    LyricsSequence : Features of consecutive parts of lyrics.

    Notes
    -----
    Words are those of `tokenize`. Chinese, Japanese, Thai, Lao, Khmer and Burmese are written without
    spaces between words, so there the words are pairs of adjacent characters. A phrase ends at
    punctuation or at the end of a line, and in these languages also at a space. Combining marks are
    not letters.

    Syllables are estimated from the spelling, with these rules, which are right on average:

    - Latin script: each run of vowels. Greek: each vowel or pair of letters for one vowel. Cyrillic,
      Armenian and Georgian: each vowel.
    - Chinese, Korean and syllabaries such as the Ethiopic: each character. Japanese: each kana except
      the small ones, so the morae, and each Chinese character.
    - Indic scripts and Burmese: each letter that has a vowel, written or inherent. A vowel that is
      inherent but silent also counts, such as the one at the end of most words in Hindi.
    - Thai, Lao and Khmer: each consonant with its vowels and at most one final consonant.
    - Arabic, Hebrew and Syriac, which leave out most vowels: half the number of letters, rounded up.
    - All others: each letter; in Tibetan, each group of letters. A word has at least one syllable.

    A model that was fitted with an earlier version and saved keeps the rules of that version, and
    measures short texts.

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

    Two words are less than any training text has, so they get the mean:

    >>> model = LyricsForm().fit(lyrics)
    >>> bool((model.transform(["your boat"]) == model.mean_).all())
    True
    """

    def __init__(self, excerpts: str = "mean") -> None:
        self.excerpts = excerpts

    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute the mean features of the lyrics and find the shortest text.

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
        check_option("excerpts", self.excerpts, ("mean", "measured"))
        check_lyrics(X)
        self._text_rules = TEXT_RULES
        self.feature_names_ = list(_form(count("a")))
        rows = self._measure(X)
        n_words = _n_words(rows)
        usual = is_usual_length(n_words)
        self.mean_ = rows[usual].mean(axis=0)
        self.min_words_ = int(n_words[usual].min())
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
        rows = self._measure(X)
        if self.excerpts == "mean" and hasattr(self, "mean_"):
            rows[_n_words(rows) < self.min_words_] = self.mean_
        return rows

    def _measure(self, texts):
        count_in = count if getattr(self, "_text_rules", 1) == TEXT_RULES else older_rules.count
        return np.array([list(_form(count_in(text)).values()) for text in texts], dtype=np.float64)

    def __setstate__(self, state):
        super().__setstate__({"excerpts": "measured"} | state)  # missing in files of older versions

    @property
    def _n_columns(self):
        """Number of output columns, which is known before the fit."""
        return len(_form(count("a")))

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


def _n_words(rows):
    """Return the number of words of each row of features."""
    return np.rint(np.expm1(rows[:, 0]))


def _form(counts):
    """Return the features of a text as a dict from column names to values."""
    words, syllables = counts.words, counts.phrases or [0]
    n_words = max(1, len(words))
    pairs = list(itertools.pairwise(words))
    return {
        "log_words": np.log1p(len(words)),
        "log_syllables": np.log1p(sum(syllables)),
        "log_characters": np.log1p(counts.n_characters),
        "log_phrases": np.log1p(len(syllables)),
        "log_lines": np.log1p(counts.n_lines),
        "syllables_per_word": sum(syllables) / n_words,
        "letters_per_word": counts.n_letters / n_words,
        "phrase_mean": np.mean(syllables),
        "phrase_std": np.std(syllables),
        "log_phrase_max": np.log1p(max(syllables)),
        "distinct_words": len(set(words)) / n_words,
        "distinct_pairs": len(set(pairs)) / max(1, len(pairs)),
        "commonest_word": max(Counter(words).values(), default=0) / n_words,
        "capitals_per_word": counts.n_capitals / n_words,
        **{f"{name}_per_word": n / n_words for name, n in counts.n_marks.items()},
    }
