"""Lyrics as a sequence: what each consecutive part of a text says, or its characters."""

import re
import unicodedata
import warnings
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from numbers import Real
from threading import Lock

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from skdcca._lyrics.doc2vec import Doc2VecLyrics, _check_lyrics, _listed
from skdcca._utils.mixins import NoTableMixin, RawInputMixin
from skdcca._utils.validation import check_integer, check_transformer

_TOKEN = re.compile(r"\S+")


class _Silence:
    """No warnings of unknown words: of a whole text that is worth one, of a few words it is not.

    Filters of warnings are the process's. Threads that put them back each by itself, and overlap, would
    leave behind what one of them has set; so the first comes to set them, and the last puts them back.
    """

    def __init__(self):
        self._lock = Lock()
        self._n_inside = 0

    def __enter__(self):
        with self._lock:
            if not self._n_inside:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                words = ".* have no word that the model knows"
                warnings.filterwarnings("ignore", words, UserWarning)
            self._n_inside += 1

    def __exit__(self, *error):
        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                self._filters.__exit__()


_silence = _Silence()


class LyricsSequence(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Consecutive parts of lyrics, each as numbers: their order reaches the model.

    Each text is cut into the same number of parts of about as many words, at the ends of lines where
    there is one near, and every part is transformed as a text of its own. An encoder that reads
    sequences (`SequenceEncoder`) meets them in their order, as it does the segments of a song.

    Parameters
    ----------
    transformer : estimator, default=None
        Transformer of texts to rows of numbers, dense, fitted on the parts; follow tf-idf by a
        `TruncatedSVD`. None: `Doc2VecLyrics()`.
    n_steps : int, default=8
        Number of parts. Of a text of fewer words some words are in several parts.

    Attributes
    ----------
    transformer_ : estimator
        The fitted transformer.
    n_steps_ : int
        Number of parts.

    Raises
    ------
    TypeError
        If a text is not a str; every such row is named.
    ValueError
        If there are no texts, texts are blank, or `n_steps` is out of range.

    See Also
    --------
    skdcca.encoders.SequenceEncoder : Reads such sequences.

    Examples
    --------
    >>> from skdcca import LyricsForm, LyricsSequence
    >>> verse = "Row, row, row your boat,\\nGently down the stream.\\nMerrily, merrily, ..."
    >>> LyricsSequence(LyricsForm(), n_steps=4).fit_transform([verse]).shape
    (1, 21, 4)
    """

    def __init__(self, transformer=None, n_steps=8):
        self.transformer = transformer
        self.n_steps = n_steps

    def fit(self, X, y=None):
        """Fit the transformer on the parts of all lyrics.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_integer("n_steps", self.n_steps)
        check_transformer("transformer", self.transformer)
        _check_lyrics(X)
        transformer = Doc2VecLyrics() if self.transformer is None else clone(self.transformer)
        self.n_steps_ = self.n_steps
        self.transformer_ = transformer.fit(self._parts(X))
        return self

    def transform(self, X):
        """Transform lyrics part by part.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.

        Returns
        -------
        sequences : ndarray of shape (n_samples, n_features, n_steps)
            Numbers of each part; time is the last axis, as in a spectrogram. Of a part without a known
            word, `Doc2VecLyrics` makes zeros.
        """
        check_is_fitted(self)
        _check_lyrics(X)
        with _silence:
            rows = self.transformer_.transform(self._parts(X))
        if issparse(rows):
            raise ValueError(
                f"{type(self.transformer_).__name__} gives sparse numbers, and a sequence is dense: "
                "follow it by a TruncatedSVD"
            )
        sequences = np.asarray(rows).reshape(len(X), self.n_steps_, -1).transpose(0, 2, 1)
        _warn_of_zeros(sequences, "word")
        return np.ascontiguousarray(sequences)

    def _parts(self, texts):
        return [part for text in texts for part in _cut(text, self.n_steps_)]


class LyricsCharacters(
    NoTableMixin, RawInputMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Lyrics as the sequence of their characters, for an encoder that learns to read them.

    Each text becomes a matrix with a row for each letter or mark and a column for each place in the
    text, 1 where the character stands. Upper case, accents and repeated spaces are dropped before. Where
    words are spoken or sung at a steady rate, a place in the text is a place in time, so that
    `SequenceEncoder` with ``head="steps"`` can compare both sides step by step.

    Parameters
    ----------
    n_characters : int, default=None
        Places: what is longer is cut, what is shorter is followed by zeros. None: the length of the
        longest text seen in `fit`.
    stretch : bool, default=False
        Spread every text over all places instead, whatever its length, so that its end is at the end of
        the excerpt it belongs to.
    min_df : float, default=0.01
        Characters in less than this share of the training texts are unknown: their place stays 0.

    Attributes
    ----------
    alphabet_ : list of str
        The characters, one a row.
    n_characters_ : int
        Number of places.

    Raises
    ------
    TypeError
        If a text is not a str; every such row is named.
    ValueError
        If there are no texts, texts are blank, or a parameter is out of range.

    Warns
    -----
    UserWarning
        For texts without a known character: their matrix is 0.

    See Also
    --------
    LyricsSequence : What the parts of lyrics say.
    skdcca.encoders.SequenceEncoder : Reads such sequences.

    Examples
    --------
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

    def __init__(self, n_characters=None, *, stretch=False, min_df=0.01):
        self.n_characters = n_characters
        self.stretch = stretch
        self.min_df = min_df

    def fit(self, X, y=None):
        """Learn the alphabet and the longest text.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.
        y : object
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_integer("n_characters", self.n_characters, or_none=True)
        if not isinstance(self.min_df, Real) or not 0 <= self.min_df <= 1:
            raise ValueError(f"min_df={self.min_df!r}; it must be a share from 0 to 1")
        if not isinstance(self.stretch, (bool, np.bool_)):
            raise ValueError(f"stretch={self.stretch!r}; it must be True or False")
        _check_lyrics(X)
        texts = [_plain(text) for text in X]
        counts = Counter(character for text in texts for character in set(text))
        common = (c for c, count in counts.items() if count / len(texts) >= self.min_df)
        self.alphabet_ = sorted(common)
        if not self.alphabet_:
            raise ValueError(
                f"no character is in min_df={self.min_df} of the {len(texts)} texts; lower it"
            )
        self.n_characters_ = self.n_characters or max(map(len, texts))
        return self

    def transform(self, X):
        """Spell lyrics out.

        Parameters
        ----------
        X : sequence of str
            Lyrics, one text a song.

        Returns
        -------
        sequences : ndarray of shape (n_samples, n_alphabet, n_characters_), float32
            1 where the character stands; time is the last axis, as in a spectrogram.
        """
        check_is_fitted(self)
        _check_lyrics(X)
        rows = {character: row for row, character in enumerate(self.alphabet_)}
        n = self.n_characters_
        sequences = np.zeros((len(X), len(rows), n), dtype=np.float32)
        for sequence, text in zip(sequences, map(_plain, X), strict=True):
            if self.stretch and text:
                text = [text[place * len(text) // n] for place in range(n)]
            for place, character in enumerate(text[:n]):
                if character in rows:
                    sequence[rows[character], place] = 1.0
        _warn_of_zeros(sequences, "character")
        return sequences


def _plain(text):
    """Lower case, without accents, white space as single spaces."""
    # The compatible forms of some signs are capitals, and those of some small letters have accents.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return " ".join("".join(c for c in text if not unicodedata.combining(c)).split())


def _warn_of_zeros(sequences, unit):
    empty = np.flatnonzero(~sequences.any(axis=(1, 2)))
    if len(empty):
        warnings.warn(
            f"{len(empty)} of {len(sequences)} texts have no {unit} that the model knows, so that their "
            f"sequence is 0; rows {_listed(empty)}",
            stacklevel=3,
        )


def _cut(text, n_parts):
    """Consecutive parts of about as many words, none of them blank."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    n = len(spans)
    # Words before which a line begins.
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
    at = bisect_left(ascending, value)
    return min(ascending[max(0, at - 1) : at + 1], key=lambda x: abs(x - value), default=None)
