"""Compare two views that share a space already, with nothing to learn but means and word weights."""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import make_pipeline

from skdcca._lyrics import tokenize
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import (
    check_integer,
    check_option,
    check_transformer,
)
from skdcca.base import BaseCCA

# Number of hashed n-grams. With four times as many, the file of a model is four times as large.
_BUCKETS = 2**18


class SharedSpace(BaseCCA):
    """Two views that share a space already: texts, or embeddings of one pretrained model.

    The words that a speech recognizer hears and the lyrics of a song are written in the same
    letters, and a pretrained audio-text model maps both views to the same columns. Such views need
    no CCA: a row of X is compared directly with a row of y by the cosine. This is also the baseline
    that a CCA of the same features should exceed.

    Texts on both sides become weighted counts of character n-grams (tf-idf), whose rare n-grams
    count more than the frequent ones. A word that is misspelled or misheard still shares n-grams with
    the correct one. Arrays of numbers are compared as they are, after each view is centered.

    Parameters
    ----------
    n_components : int, default=4096
        Largest number of columns of the variates of texts. Vectorizers return more columns than that,
        which are added up at random, with random signs, in `n_components` columns [1]_. The cosines
        are then correct on average, with an error of about ``1 / sqrt(n_components)``. If None, all
        columns are kept. Arrays of numbers always keep their columns.
    vectorizer : estimator, default=None
        Transformer that is fitted to the rows of both views together and applied to each, for example
        `sklearn.feature_extraction.text.TfidfVectorizer`. If None, texts are turned into n-grams of
        2 to 4 characters of the words of `skdcca.tokenize` and the spaces between them, and arrays of
        numbers are used as they are.
    center : bool, default=True
        If True, subtract from each view the mean of its training rows. This removes the gap between
        the views of pretrained models, whose audio and text embeddings have different means [2]_, and
        what all texts have in common.
    y_transformer : estimator, default=None
        Transformer of the second view, such as the text encoder of a pretrained model; `fit` fits a
        clone of it. `vectorizer` is applied to its output.
    random_state : int, default=0
        Seed that decides which columns are added up; must be in [0, 2**32 - 1].

    Attributes
    ----------
    vectorizer_ : estimator or None
        The fitted vectorizer; None if the views are arrays of numbers.
    x_mean_, y_mean_ : ndarray of shape (n_components_,)
        Means that are subtracted from the views; 0 without centering.
    n_components_ : int
        Number of columns of the variates.
    n_features_in_ : int
        Number of columns of X. Only defined for arrays of numbers.
    n_features_y_ : int
        Number of columns of y. Only defined for arrays of numbers.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if all of them are strings.

    Raises
    ------
    TypeError
        From `fit`, if `vectorizer` or `y_transformer` is not a transformer, or if a text is not a str.
    ValueError
        From `fit`, if a parameter is out of range, the views have different numbers of rows or of
        columns, or an array contains NaN or infinity.

    See Also
    --------
    ScoreFusion : Join several two-view models by their scores.
    LinearCCA : Find the space that two views share.

    Notes
    -----
    The row of a text without any n-gram, such as the empty transcript of an instrumental, is 0, and so
    are all of its scores. The same is true of a row of zeros in an array.

    `score` is the sum of the correlations of all columns, as for every two-view model. For the
    retrieval that this model is for, use the scorers of `skdcca.metrics`.

    References
    ----------
    .. [1] K. Weinberger, A. Dasgupta, J. Langford, A. Smola and J. Attenberg, "Feature hashing for
       large scale multitask learning", ICML 2009.
    .. [2] W. Liang, Y. Zhang, Y. Kwon, S. Yeung and J. Zou, "Mind the gap: understanding the modality
       gap in multi-modal contrastive representation learning", NeurIPS 2022.

    Examples
    --------
    What was heard finds what was sung:

    >>> from skdcca import SharedSpace
    >>> heard = ["throw throw throw your boat", "tinkle tinkle little star", "tree blind lice"]
    >>> lyrics = ["Row, row, row your boat", "Twinkle, twinkle, little star", "Three blind mice"]
    >>> model = SharedSpace().fit(heard, lyrics)
    >>> model.compare(model.transform(heard), model.transform_y(lyrics)).round(1)
    array([[ 0.6, -0.4, -0.2],
           [-0.3,  0.7, -0.4],
           [-0.3, -0.3,  0.6]])
    """

    def __init__(
        self,
        n_components: int | None = 4096,
        *,
        vectorizer: Any = None,
        center: bool = True,
        y_transformer: Any = None,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.vectorizer = vectorizer
        self.center = center
        self.y_transformer = y_transformer
        self.random_state = random_state

    def _check_parameters(self):
        super()._check_parameters()
        check_integer("n_components", self.n_components, or_none=True)
        check_integer("random_state", self.random_state, ge=0, le=2**32 - 1)
        check_option("center", self.center, (True, False))
        check_transformer("vectorizer", self.vectorizer)

    def _check_n_components(self, x_shape, y_shape=None):
        """Do nothing: `n_components` is a limit, which the views may stay below."""

    def _validate(self, X, y, *, reset):
        self.vectorizer_ = None
        if y is None or X is None or (self.vectorizer is None and not _holds_texts(X)):
            return super()._validate(X, y, reset=reset)
        self._check_parameters()
        check_transformer("y_transformer", self.y_transformer)
        self._check_pairs(X, y)
        if num_samples(X) < 2:
            raise ValueError(
                "X must have at least two rows in `fit`, got 1 sample. Pass more rows."
            )
        self.y_transformer_ = None if self.y_transformer is None else clone(self.y_transformer)
        if self.y_transformer_ is not None:
            y = self.y_transformer_.fit_transform(y)
        return self._fit_vectorizer(X, y)

    def _fit_vectorizer(self, X, y):
        """Fit the vectorizer to the rows of both views, and return the numbers of each."""
        self._splits_words = self.vectorizer is None
        vectorizer = _character_ngrams() if self._splits_words else clone(self.vectorizer)
        x_rows, y_rows = self._rows(X, "X"), self._rows(y, "y")
        numbers = vectorizer.fit_transform(x_rows + y_rows)
        self.vectorizer_ = vectorizer
        self.n_components_ = numbers.shape[1]
        if self.n_components is not None:
            self.n_components_ = min(numbers.shape[1], self.n_components)
        self._buckets = _buckets(numbers.shape[1], self.n_components_, self.random_state)
        n_rows = len(x_rows)
        return self._dense(numbers[:n_rows]), self._dense(numbers[n_rows:])

    def _rows(self, view, name):
        """Return the rows of a view as a list, ready for the vectorizer."""
        if self._splits_words:
            return [" ".join(tokenize(text)) for text in _check_texts(view, name)]
        return _check_rows(view, name)

    def _dense(self, numbers):
        """Return numbers of the vectorizer as a dense array of at most `n_components` columns."""
        if self._buckets is not None:
            numbers = csr_matrix(numbers) @ _fold(self._buckets, self.n_components_)
        numbers = numbers.toarray() if issparse(numbers) else np.asarray(numbers)
        return numbers.astype(np.float32)

    def _vectorize(self, view, name):
        return self._dense(self.vectorizer_.transform(self._rows(view, name)))

    def _validate_x(self, X, *, reset=False, min_rows=1):
        if self.vectorizer_ is None:
            return super()._validate_x(X, reset=reset, min_rows=min_rows)
        return self._vectorize(X, "X")

    def _validate_y(self, y, *, reset=False, min_rows=1):
        if self.vectorizer_ is None:
            return super()._validate_y(y, reset=reset, min_rows=min_rows)
        if self.y_transformer_ is not None:
            y = self.y_transformer_.transform(y)
        return self._vectorize(y, "y")

    def _fit(self, X, y):
        if X.shape[1] != y.shape[1]:
            raise ValueError(
                f"X and y must have the same columns to share a space, got {X.shape[1]} and "
                f"{y.shape[1]} columns. Use LinearCCA for views with different columns."
            )
        self.n_components_ = X.shape[1]
        self.x_mean_, self.y_mean_ = self._mean(X), self._mean(y)

    def _mean(self, view):
        """Return the mean of the rows that say something, or 0 without centering."""
        known = view[view.any(axis=1)]
        if not self.center or not len(known):
            return np.zeros(view.shape[1], dtype=view.dtype)
        return known.mean(axis=0)

    def _project_x(self, X):
        return _centered(X, self.x_mean_)

    def _project_y(self, y):
        return _centered(y, self.y_mean_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = tags.regressor_tags = None  # there is nothing to predict
        tags.input_tags.string = True
        return tags


def _holds_texts(view):
    """Return True if the view is a sequence that contains texts; a table is not."""
    is_column = isinstance(view, list | tuple) or len(getattr(view, "shape", ())) == 1
    return is_column and any(isinstance(text, str) for text in view)


def _check_rows(view, name):
    """Return the rows of a view as a list, for a vectorizer that may take anything."""
    # The elements of a table are its columns, and those of a str are its letters.
    if hasattr(view, "columns"):
        view = view.to_numpy()
        is_usable = view.dtype.kind in "biuf"
    else:
        is_usable = hasattr(view, "__iter__") and not isinstance(view, str)
    if not is_usable:
        raise TypeError(
            f"{name} must be a list, an array or a table of numbers, got {type(view).__name__}. Pass a "
            "list of str for texts."
        )
    rows = list(view)
    if not rows:
        raise ValueError(f"Found array with 0 sample(s): {name} has no rows. Pass at least one.")
    return rows


def _check_texts(view, name):
    """Return texts as a list; they may be empty, but must be str."""
    if isinstance(view, str) or not hasattr(view, "__iter__") or hasattr(view, "columns"):
        raise TypeError(
            f"{name} must be a list of str, as in `fit`, got {type(view).__name__}. Pass a list, even "
            "for a single text."
        )
    texts = list(view)
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        raise TypeError(
            f"{name} must contain str only, got {type(texts[wrong[0]]).__name__} in row {wrong[0]}. "
            'Use "" for a row without a text.'
        )
    if not texts:
        raise ValueError(f"Found array with 0 sample(s): {name} has no texts. Pass at least one.")
    return texts


def _character_ngrams():
    """Return the default vectorizer of texts.

    The n-grams are hashed, because a vocabulary would lack the n-grams of other languages and of
    rare words, which say most, and would be much larger in a file.
    """
    counts = HashingVectorizer(
        analyzer="char",  # across spaces, so that the order of words counts
        ngram_range=(2, 4),
        n_features=_BUCKETS,
        lowercase=False,
        alternate_sign=False,
        norm=None,
    )
    return make_pipeline(counts, TfidfTransformer(sublinear_tf=True))


def _buckets(n_features, n_components, random_state):
    """Return the column of the variates for each feature, and its sign; None if all are kept.

    A negative number n stands for column ``~n`` with a minus sign.
    """
    if n_features == n_components:
        return None
    rng = np.random.default_rng(random_state)
    columns = rng.integers(n_components, size=n_features, dtype=np.int32)
    return np.where(rng.integers(2, size=n_features, dtype=np.int32), columns, ~columns)


def _fold(buckets, n_components):
    """Return the matrix that adds up the features in their columns, with their signs."""
    signs = np.where(buckets < 0, np.float32(-1), np.float32(1))
    columns = np.where(buckets < 0, ~buckets, buckets)
    # SciPy does not check bounds, and the numbers may come from an untrusted file.
    if columns.max() >= n_components:
        raise ValueError(f"The columns of a SharedSpace must be < {n_components}.")
    rows = np.arange(len(buckets) + 1)
    return csr_matrix((signs, columns, rows), shape=(len(buckets), n_components))


def _centered(view, mean):
    """Subtract the mean from all rows that say something; rows of zeros stay zeros."""
    mean = mean.astype(view.dtype, copy=False)
    return np.where(view.any(axis=1, keepdims=True), view - mean, view)
