"""Turn lyrics into sequences: the features of their parts, or their one-hot encoded characters."""

import unicodedata
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from skdcca._lyrics import older_rules
from skdcca._lyrics.doc2vec import Doc2VecLyrics
from skdcca._lyrics.scripts import part_pattern
from skdcca._lyrics.tokens import (
    TEXT_RULES,
    check_lyrics,
    unknown_texts_expected,
    warn_unknown_texts,
)
from skdcca._utils.mixins import NoTableMixin, RawInputMixin
from skdcca._utils.validation import (
    check_integer,
    check_number,
    check_option,
    check_transformer,
)


class LyricsSequence(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Features of consecutive parts of lyrics, for models that use the order of the parts.

    Each text is cut into `n_steps` parts with about the same number of words. In languages that are
    written without spaces, such as Chinese and Thai, characters are counted instead of words. A cut is
    moved to the end of a line if there is one nearby. Each part is then transformed like a separate
    text. A sequence encoder such as `SequenceEncoder` reads the parts in order, like the segments of
    a song.

    Parameters
    ----------
    transformer : estimator, default=None
        Transformer from texts to dense rows. A clone of it is fitted on the parts. If None,
        `Doc2VecLyrics()` is used. Append a `TruncatedSVD` to transformers that return sparse rows,
        such as `TfidfVectorizer`.
    n_steps : int, default=8
        Number of parts. If a text has fewer words, some words are in several parts.

    Attributes
    ----------
    transformer_ : estimator
        The fitted transformer.
    n_steps_ : int
        Number of parts.

    Raises
    ------
    TypeError
        If `transformer` is not a transformer, or `X` is not a list of str. The error lists the rows that
        are not str.
    ValueError
        If `n_steps` is out of range, or `X` is empty or contains blank texts. In `transform`, also
        if `transformer` returns a sparse matrix.

    Warns
    -----
    UnknownTextWarning
        If all features of all parts of a text are 0. There is no warning if only some of the parts
        have features that are all 0.

    See Also
    --------
    LyricsCharacters : One-hot encode the characters of lyrics.
    skdcca.encoders.SequenceEncoder : Encode sequences.

    Examples
    --------
    >>> from skdcca import LyricsForm, LyricsSequence
    >>> verse = "Row, row, row your boat,\\nGently down the stream.\\nMerrily, merrily, ..."
    >>> LyricsSequence(LyricsForm(), n_steps=4).fit_transform([verse]).shape
    (1, 21, 4)
    """

    def __init__(self, transformer: Any = None, n_steps: int = 8) -> None:
        self.transformer = transformer
        self.n_steps = n_steps

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer on the parts of all lyrics.

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
        check_integer("n_steps", self.n_steps)
        check_transformer("transformer", self.transformer)
        check_lyrics(X)
        transformer = Doc2VecLyrics() if self.transformer is None else clone(self.transformer)
        self.n_steps_ = self.n_steps
        self._text_rules = TEXT_RULES
        with unknown_texts_expected():
            self.transformer_ = transformer.fit(self._parts(X))
        return self

    def transform(self, X: Any) -> NDArray:
        """Compute the features of each part of lyrics.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text per song.

        Returns
        -------
        sequences : ndarray of shape (n_samples, n_features, n_steps)
            Features of each part. Time is the last axis, as in a spectrogram. With `Doc2VecLyrics`,
            the features of a part without known words are 0.
        """
        check_is_fitted(self)
        check_lyrics(X)
        with unknown_texts_expected():  # ignore single parts; whole texts are checked below
            rows = self.transformer_.transform(self._parts(X))
        if issparse(rows):
            raise ValueError(
                f"`transformer` must return dense rows, but {type(self.transformer_).__name__} returns "
                "a sparse matrix. Add a TruncatedSVD after it."
            )
        sequences = np.asarray(rows).reshape(len(X), self.n_steps_, -1).transpose(0, 2, 1)
        _warn_of_zeros(sequences, "word")
        return np.ascontiguousarray(sequences)

    def _parts(self, texts):
        has_new_rules = getattr(self, "_text_rules", 1) == TEXT_RULES
        find = part_pattern().finditer if has_new_rules else older_rules.PART.finditer
        return [part for text in texts for part in _cut(text, self.n_steps_, find)]


class LyricsCharacters(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """One-hot encoded characters of lyrics, for encoders that read texts character by character.

    Each text becomes a matrix with one row per character of the alphabet and one column per position
    in the text. Texts are first lowercased, and accents and repeated spaces are removed. Marks that
    make another letter, such as the vowel signs of Indic scripts and the voicing marks of kana, are
    kept, and are characters of their own.

    If words are spoken or sung at a steady rate, a position in the text corresponds to a time in the
    song. `SequenceEncoder` with ``head="steps"`` can then compare both views step by step; set
    ``stretch=True`` for this.

    Parameters
    ----------
    n_characters : int, default=None
        Number of positions. Longer texts are truncated, and shorter ones are padded with zeros. If None,
        the length of the longest text passed to `fit`.
    stretch : bool, default=False
        If True, spread each text evenly over all positions instead of truncating or padding it, so
        that the end of the text corresponds to the end of the excerpt of the song.
    min_df : float, default=0.01
        Minimum fraction of training texts that contain a character, in [0, 1]. Rarer characters are
        not part of the alphabet, and the columns at their positions are 0.

    Attributes
    ----------
    alphabet_ : list of str
        The characters, one per row, in order.
    n_characters_ : int
        Number of positions.

    Raises
    ------
    TypeError
        If `X` is not a list of str. The error lists the rows that are not str.
    ValueError
        If a parameter is out of range, `X` is empty or contains blank texts, or no character occurs in
        enough texts.

    Warns
    -----
    UnknownTextWarning
        If no character of a text is in the alphabet. The matrix of such a text is 0.

    See Also
    --------
    LyricsSequence : Features of consecutive parts of lyrics.
    skdcca.encoders.SequenceEncoder : Encode sequences.

    Examples
    --------
    The first three characters of "Gön" are g, o and n, in rows 2, 5 and 4:

    >>> from skdcca import LyricsCharacters
    >>> characters = LyricsCharacters().fit(["Sing on", "Gone"])
    >>> characters.alphabet_
    [' ', 'e', 'g', 'i', 'n', 'o', 's']
    >>> characters.transform(["Gön"])[0, :, :3]
    array([[0., 0., 0.],
           [0., 0., 0.],
           [1., 0., 0.],
           [0., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """

    def __init__(
        self, n_characters: int | None = None, *, stretch: bool = False, min_df: float = 0.01
    ) -> None:
        self.n_characters = n_characters
        self.stretch = stretch
        self.min_df = min_df

    def fit(self, X: Any, y: Any = None) -> Self:
        """Determine the alphabet and the number of positions.

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
        check_integer("n_characters", self.n_characters, or_none=True)
        check_option("stretch", self.stretch, (False, True))
        check_number("min_df", self.min_df, ge=0, le=1)
        check_lyrics(X)
        self._text_rules = TEXT_RULES
        texts = list(map(self._plain, X))
        counts = Counter(character for text in texts for character in set(text))
        frequent = (c for c, count in counts.items() if count / len(texts) >= self.min_df)
        self.alphabet_ = sorted(frequent)
        if not self.alphabet_:
            raise ValueError(
                f"No character occurs in a fraction of at least min_df={self.min_df} of the "
                f"{len(texts)} texts. Decrease `min_df`."
            )
        self.n_characters_ = self.n_characters or max(map(len, texts))
        return self

    def transform(self, X: Any) -> NDArray:
        """Encode the characters of lyrics as matrices of 0 and 1.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text per song.

        Returns
        -------
        sequences : ndarray of shape (n_samples, len(alphabet_), n_characters_), float32
            1 in the row of each character at its position, and 0 elsewhere. Time is the last axis, as
            in a spectrogram.
        """
        check_is_fitted(self)
        check_lyrics(X)
        rows = {character: row for row, character in enumerate(self.alphabet_)}
        n = self.n_characters_
        sequences = np.zeros((len(X), len(rows), n), dtype=np.float32)
        for sequence, text in zip(sequences, map(self._plain, X), strict=True):
            if self.stretch and text:
                text = [text[position * len(text) // n] for position in range(n)]
            for position, character in enumerate(text[:n]):
                if character in rows:
                    sequence[rows[character], position] = 1.0
        _warn_of_zeros(sequences, "character")
        return sequences

    def _plain(self, text):
        """Return a text in lower case, without accents, and with single spaces."""
        has_new_rules = getattr(self, "_text_rules", 1) == TEXT_RULES
        is_accent = _is_accent if has_new_rules else older_rules.is_accent
        # Normalize twice: the compatibility forms of some symbols are capital letters, and case
        # folding adds accents to some letters.
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        return " ".join("".join(c for c in text if not is_accent(c)).split())


def _is_accent(character):
    """Return True for accents, and for the marks of short vowels in Hebrew and Arabic.

    Other scripts use marks as letters: the combining classes 7 to 9 are nuktas, voicing marks and
    viramas, and those from 84 to 132 are vowels and tones of single scripts.
    """
    kind = unicodedata.combining(character)
    return 10 <= kind <= 36 or kind >= 200 or kind == 1


def _warn_of_zeros(sequences, unit):
    zero = np.flatnonzero(~sequences.any(axis=(1, 2)))
    warn_unknown_texts(zero, len(sequences), unit, "sequence")


def _cut(text, n_parts, find):
    """Cut a text into consecutive, non-blank parts with about the same number of matches of `find`."""
    spans = [match.span() for match in find(text)]
    n = len(spans)
    # Positions of the words that begin a line.
    lines = [i for i in range(1, n) if "\n" in text[spans[i - 1][1] : spans[i][0]]]
    bounds = [0]
    for k in range(1, n_parts):
        even = k * n / n_parts
        bound = _nearest(lines, even)
        if bound is None or abs(bound - even) > n / n_parts / 3:
            bound = round(even)
        bounds.append(bound)
    bounds.append(n)
    parts = []
    for first, last in pairwise(bounds):
        first = min(first, n - 1)
        parts.append(text[spans[first][0] : spans[max(last, first + 1) - 1][1]])
    return parts


def _nearest(ascending, value):
    """Return the number in a sorted list that is nearest to a value, or None for an empty list."""
    at = bisect_left(ascending, value)
    return min(ascending[max(0, at - 1) : at + 1], key=lambda x: abs(x - value), default=None)
