"""Train two-view models on excerpts of lyrics together with whole lyrics."""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skdcca._cca.checks import check_weight
from skdcca._lyrics import check_lyrics, unknown_texts_expected
from skdcca._utils.sklearn_compat import safe_indexing
from skdcca._utils.validation import is_integer
from skdcca.base import BaseCCA
from skdcca.metrics import comparison, embed, inside


class Excerpts(MetaEstimatorMixin, BaseCCA):
    """Train a two-view model on lines, couplets and verses of lyrics, together with whole lyrics.

    A model of whole lyrics has never seen a line. This meta-estimator shows it the excerpts of each
    song, each with the audio of the whole song, and gives every song the same total weight.

    It helps where the words carry the signal, such as the theme of a song, and queries are short. Where
    songs are found by the form of their lyrics alone, such as their length, excerpts only add noise,
    because a line has the form of no song. Compare both on your own songs; ``benchmarks/queries.py``
    does so for synthetic songs.

    Parameters
    ----------
    estimator : estimator
        Two-view model whose `fit` takes `sample_weight`, such as `LinearCCA`, or a `Pipeline` that ends
        in one. Its second view must be text, so the model needs a `y_transformer`.
    lines : sequence of int, default=(1, 2, 4)
        Lengths of the excerpts in lines, >= 1. Lyrics are cut into consecutive excerpts of each length;
        lines that are left over at the end are in no excerpt of that length. Lyrics without line breaks
        have no excerpts.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    n_excerpts_ : int
        Number of texts that the model was fitted on, including whole lyrics.
    n_components_ : int
        Number of components of the model.
    y_transformer_ : estimator
        The fitted `y_transformer` of the model.

    Raises
    ------
    TypeError
        From `fit`, if `estimator` does not end in a two-view model whose `fit` takes `sample_weight`, or
        if `y` is not a list of str.
    ValueError
        From `fit`, if `lines` is not a non-empty sequence of integers >= 1, or if a view is invalid.

    See Also
    --------
    LyricsForm : Form of lyrics, which is left at its mean for excerpts.
    Doc2VecLyrics : Embeddings of lyrics.

    Notes
    -----
    The steps of a `Pipeline` before the model, such as `MelSpectrogram`, are fitted on the songs and
    transform each of them once. Only the resulting rows are repeated for the excerpts. `y_transformer`
    is fitted on the whole lyrics, so that vocabularies, means and variances are those of songs; then it
    transforms all excerpts.

    `DeepCCA` holds out rows to choose its best epoch. Among excerpts, these are no longer of unheard
    songs; set ``validation_fraction=0`` to use none.

    To search the parameters of the estimator, put the search around `Excerpts`, whose parameters are
    ``estimator__...``. A search inside would have excerpts of one song on both sides of a split.

    Examples
    --------
    >>> from sklearn.decomposition import TruncatedSVD
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdcca import Excerpts, LinearCCA
    >>> from skdcca.datasets import make_songs
    >>> songs = make_songs(60, duration=1, random_state=0)
    >>> words = make_pipeline(TfidfVectorizer(), TruncatedSVD(20, random_state=0))
    >>> model = Excerpts(LinearCCA(4, reg=1.0, y_transformer=words))
    >>> model = model.fit(songs.audio_mood, songs.lyrics)
    >>> model.n_excerpts_
    1669
    >>> model.transform_y(["the wild storm will run beside the engine"]).shape
    (1, 4)
    """

    # The model has its own transformer.
    y_transformer = None

    def __init__(self, estimator: Any, lines: Sequence[int] = (1, 2, 4)) -> None:
        self.estimator = estimator
        self.lines = lines

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model to the excerpts and the whole lyrics of all songs.

        Parameters
        ----------
        X : array-like or list of length n_samples
            First view, as the estimator takes it.
        y : sequence of str
            Lyrics, one text per song.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each song, >= 0, which its whole lyrics and excerpts share in equal parts. If None,
            all songs have the same weight.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If the estimator or `y` is invalid; see the description of the class.
        ValueError
            If an argument or a parameter is invalid; see the description of the class.
        """
        with self._rollback():
            self._check(y)
            self._check_pairs(X, y)
            texts = list(y)
            weight = np.ones(len(texts))
            if sample_weight is not None:
                weight = check_weight(sample_weight, X)
            self._fit_excerpts(X, texts, weight)
            self.n_components_ = inside(self.estimator_)[1].n_components_
        return self

    def _check(self, y):
        """Check the parameters and the lyrics."""
        lines = self.lines
        is_list = isinstance(lines, list | tuple | np.ndarray) and len(lines) > 0
        if not is_list or not all(is_integer(n) for n in lines):
            raise ValueError(
                f"`lines` must be a non-empty sequence of integers >= 1, got {lines!r}."
            )
        model = _last_step(self.estimator)
        if isinstance(model, type) or not hasattr(model, "transform_y"):
            raise TypeError(
                "`estimator` must be a two-view model or a Pipeline that ends in one, got "
                f"{type(model).__name__}. Put a search around Excerpts, not inside."
            )
        if not (has_fit_parameter(model, "sample_weight") and hasattr(model, "y_transformer")):
            raise TypeError(
                "`estimator` must have a `y_transformer` and take `sample_weight` in fit, got "
                f"{type(model).__name__}. Use LinearCCA or DeepCCA."
            )
        check_lyrics(y)

    def _fit_excerpts(self, X, texts, weight):
        excerpts = [cut_excerpts(text, self.lines) for text in texts]
        n_excerpts = np.array([len(cut) for cut in excerpts])
        songs = np.repeat(np.arange(len(texts)), n_excerpts)
        self.n_excerpts_ = len(songs)
        self.estimator_ = clone(self.estimator)
        X = _fit_steps(self.estimator_, X, texts)
        model = _last_step(self.estimator_)
        with _fitted_transformer(model, texts), unknown_texts_expected():
            model.fit(
                safe_indexing(X, songs),
                [text for cut in excerpts for text in cut],
                sample_weight=(weight / n_excerpts)[songs],
            )

    @property
    def y_transformer_(self):
        """Fitted `y_transformer` of the model."""
        return inside(self.estimator_)[1].y_transformer_

    def _transform_x(self, X):
        return embed(self.estimator_, X)

    def _transform_y(self, y):
        return embed(self.estimator_, y=y)

    def comparison(self) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            Those of the model.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self)
        return comparison(self.estimator_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = tags.regressor_tags = None  # there is nothing to predict
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def cut_excerpts(text, lengths):
    """Return a text and its consecutive excerpts of each length in lines.

    Parameters
    ----------
    text : str
        Lyrics, of which blank lines are left out.
    lengths : sequence of int
        Numbers of lines. There are no excerpts with as many lines as the text, or more.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    excerpts = [text]
    for n in lengths:
        if n < len(lines):
            starts = range(0, len(lines) - n + 1, n)
            excerpts += ["\n".join(lines[start : start + n]) for start in starts]
    return excerpts


def _last_step(estimator):
    """Return the last step of a Pipeline, also if it is a Pipeline itself, or the estimator."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def _fit_steps(estimator, X, texts):
    """Fit the steps before the model in place, and return what they make of X."""
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            before = estimator[:-1]
            X = before.fit_transform(X, texts)
            # With `memory`, a Pipeline replaces its steps by fitted copies.
            estimator.steps[:-1] = before.steps
        estimator = estimator.steps[-1][1]
    return X


@contextmanager
def _fitted_transformer(model, texts):
    """Let a model use a `y_transformer` that is fitted on texts, instead of fitting it again."""
    transformer = model.y_transformer
    if transformer is None:
        yield
        return
    fitted = clone(transformer).fit(texts)
    # A FrozenEstimator has no `fit_transform`; a Pipeline of it has.
    model.set_params(y_transformer=make_pipeline(FrozenEstimator(fitted)))
    yield
    model.set_params(y_transformer=transformer)
    model.y_transformer_ = fitted
