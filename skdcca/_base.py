"""What every canonical correlation estimator shares: the contract of two views in scikit-learn."""

import warnings
from contextlib import contextmanager
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import (
    _num_samples,
    check_array,
    check_is_fitted,
    validate_data,
)

from skdcca import __version__
from skdcca._blocks import as_blocks, is_dask, map_rows
from skdcca._checks import check_transformer, check_whole
from skdcca.metrics import similarity, variate_correlations

FLOATS = (np.float64, np.float32)
SIMILARITIES = ("weighted", "cosine", "likelihood")
# Power of the correlations that weighted variates are scaled by: benchmarks/weighting.py.
POWER = 2


@contextmanager
def _text_told(name, remedy):
    """Say of a view that is text what to do about it."""
    try:
        yield
    except ValueError as error:
        if "could not convert string to float" not in str(error):
            raise
        raise ValueError(f"{name} holds text ({error}); {remedy}") from error


@contextmanager
def told_of_block(number):
    """Say which block an error is of."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"block {number}: {error}") from error


class BaseCCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the two-view estimators: ``fit(X, y)`` with X the first view and y the second.

    A subclass stores its parameters, among them `n_components` and `y_transformer`, and has

    - ``_fit(X, y)``: learn from two validated arrays; set `n_components_`;
    - ``_project_x(X)`` and ``_project_y(y)``: variates of validated arrays, float64 or the input's
      type;
    - ``_predict_y(X)``: the second view as numbers.

    What a user calls is written here once. `_any_shape` says whether views of more than two axes are
    taken, `_accept_sparse` whether a sparse X, `_takes_blocks` whether there is a
    ``_fit_blocks(blocks)`` for views that are never all in memory.
    """

    _any_shape = False
    _accept_sparse = False
    _takes_blocks = False

    def fit(self, X, y):
        """Learn the space that both views share.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or what `y_transformer` takes
            The second view, row by row of the same samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        blocks = self._as_blocks(X, y)
        if blocks is not None:
            return self._fit_blocks_or_restore(blocks)
        return self._fit_or_restore(X, y)

    def _fit_or_restore(self, X, y, **params):
        with self._restored():
            return self._fit_checked(X, y, **params)

    def _fit_blocks_or_restore(self, blocks):
        with self._restored():
            return self._fit_blocks_checked(blocks)

    @contextmanager
    def _restored(self):
        """Lose nothing of what was fitted before, if the next fit fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _fit_checked(self, X, y, reset=True, **params):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: it is the "
                "second view"
            )
        self._check_parameters()
        X = self._check_x(X, reset=reset)
        self._check_same_length(X, y)
        if reset:
            self._check_n_components(X.shape)
        y = self._y_numbers(y, reset=reset)
        if reset:
            self._check_n_components(X.shape, y.shape)
        self._fit(X, y, **params)
        return self

    def _as_blocks(self, X, y, *weight):
        """Blocks of rows of views that may be longer than memory; None of those that are taken whole."""
        if not self._takes_blocks or y is None:
            return None
        if self.y_transformer is not None and not (is_dask(X) or is_dask(y)):
            return None
        if hasattr(X, "shape") and hasattr(y, "shape"):
            self._check_same_length(X, y)
        return as_blocks(X, y, *weight)

    def _fit_blocks_checked(self, blocks):
        self._check_parameters()
        if self.y_transformer is not None:
            raise ValueError(
                f"y_transformer={self.y_transformer!r} would see one block of rows alone; set it to "
                "None and give the numbers that a fitted transformer makes of y, block by block"
            )
        X, y, *_ = self._checked_block(0, blocks.first(), reset=True)
        self._check_n_components((np.inf, X.shape[1]), y.shape)
        self._fit_blocks(blocks)
        return self

    def _checked_block(self, number, block, reset=False):
        """Both views of a block, as those of `fit`; errors name the block, and the row of NaN."""
        with told_of_block(number):
            try:
                X, y = block
            except (TypeError, ValueError):
                raise ValueError(f"it must be a pair (X, y), but is {_brief(block)}") from None
            self._check_same_length(X, y)
            try:
                return self._check_x(X, reset=reset, least=0), self._y_numbers(y, reset, least=0)
            except ValueError:
                _tell_not_finite(X, "X")
                _tell_not_finite(y, "y")
                raise

    def transform(self, X, y=None):
        """Variates of the first view, or of both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view. A dask array gives one that is not computed yet; so does y.
        y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes, default=None
            The second view.

        Returns
        -------
        zx : ndarray of shape (n_samples, n_components_)
            Variates of the first view.
        zy : ndarray of shape (n_samples, n_components_)
            Variates of the second view; only if `y` is given.
        """
        check_is_fitted(self)
        zx = self._by_rows(self._transform_x, X, self.n_components_)
        if y is None:
            return zx
        self._check_same_length(X, y)
        return zx, self.transform_y(y)

    def _transform_x(self, X):
        return self._project_x(self._check_x(X))

    def _by_rows(self, function, view, n_columns, dtype=None):
        """What is made of a view; of a dask array another one, when it is needed."""
        return map_rows(function, view, n_columns, dtype) if is_dask(view) else function(view)

    def transform_y(self, y):
        """Variates of the second view alone: lyrics that ask for audio, say.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
            The second view.

        Returns
        -------
        zy : ndarray of shape (n_samples, n_components_)
            Variates of the second view.
        """
        check_is_fitted(self)
        zy = self._by_rows(self._transform_y, y, self.n_components_)
        return zy if is_dask(y) else _wrap_data_with_container("transform", zy, y, self)

    def _transform_y(self, y):
        return self._project_y(self._y_numbers(y))

    def predict(self, X):
        """The second view, as far as the variates of the first tell it.

        The regression of the training y on the variates of X. Of a `LinearCCA` with every component that
        is the regression of y on X, by least squares or, with `reg`, a ridge; with fewer, the best of
        their rank once y is whitened [1]_. The components of a kernel or a network are those that
        correlate with the image of y; few of them may miss y itself (`KernelCCA` with
        ``y_kernel="linear"`` does not).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view.

        Returns
        -------
        y : ndarray of shape (n_samples, n_features_y) or (n_samples,)
            The second view, 1-D if it was so in `fit`; with a `y_transformer`, the numbers that it makes
            (the vectors of lyrics, not their words). Of the type of y in `fit`.

        References
        ----------
        .. [1] A. J. Izenman, "Reduced-rank regression for the multivariate linear model", Journal of
           Multivariate Analysis 5 (1975).
        """
        check_is_fitted(self)
        columns = None if self._y_is_vector else self.n_features_y_
        return self._by_rows(self._predict, X, columns, self._y_dtype)

    def _predict(self, X):
        y = self._predict_y(self._check_x(X)).astype(self._y_dtype, copy=False)
        return y[:, 0] if self._y_is_vector else y

    def score(self, X, y, sample_weight=None):
        """Sum of the canonical correlations of the given rows.

        On held-out rows this is the total correlation captured, the figure of the deep CCA
        literature: it can fall when a component does not generalise, and grows with those that do.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view, at least two rows.
        y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
            The second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        total : float
            At most `n_components_`.
        """
        zx, zy = self.transform(X, y)
        return float(np.sum(variate_correlations(zx, zy, sample_weight)))

    def compare(self, zx, zy):
        """Score rows of one side's variates with rows of the other's.

        By the parameter `similarity`, of models that have it; others compare by the cosine.

        Parameters
        ----------
        zx : array-like of shape (n_samples_x, n_components_)
            Variates of the first view, from `transform`.
        zy : array-like of shape (n_samples_y, n_components_)
            Variates of the second view, from `transform_y`.

        Returns
        -------
        scores : ndarray of shape (n_samples_x, n_samples_y)
            Higher is more alike. The scorers of `skdcca.metrics` rank by them.
        """
        return similarity(zx, zy, **self.comparison())

    def comparison(self):
        """How variates are compared, as arguments of `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            Empty for the cosine; ``correlations``, and ``power`` if they weight the variates.
        """
        check_is_fitted(self)
        kind = self._check_similarity()
        if kind == "cosine":
            return {}
        arguments = {"correlations": self.canonical_correlations_}
        if kind == "likelihood":
            return arguments
        return arguments | {"power": POWER if kind == "weighted" else kind}

    def _check_parameters(self):
        """Refuse parameters out of range, before any work."""
        self._check_similarity()

    def _check_similarity(self):
        kind = getattr(self, "similarity", "cosine")
        if isinstance(kind, str) and kind in SIMILARITIES:
            return kind
        if isinstance(kind, Real) and not isinstance(kind, bool) and 0 <= kind < np.inf:
            return kind
        raise ValueError(
            f"similarity={kind!r}; it must be one of {list(SIMILARITIES)}, or a number from 0, the "
            "power of the correlations that variates are weighted by"
        )

    def _check_x(self, X, reset=False, least=None):
        """First view as an array of floats, of the features seen in `fit`."""
        if X is None:
            raise ValueError(f"X is None, but {type(self).__name__} needs the first view")
        remedy = "give what turns it into numbers as a step before, such as MelSpectrogram()"
        with _text_told("X", remedy):
            return validate_data(
                self,
                X,
                reset=reset,
                dtype=FLOATS,
                accept_sparse=self._accept_sparse,
                allow_nd=self._any_shape,
                ensure_min_samples=least if least is not None else 2 if reset else 1,
            )

    def _y_numbers(self, y, reset=False, least=1):
        """Second view as numbers of shape (n_samples, n_features_y), through its transformer."""
        if y is None:
            raise ValueError(f"y is None, but {type(self).__name__} needs the second view")
        n_samples, names = _num_samples(y), None
        if reset:
            check_transformer("y_transformer", self.y_transformer)
            self.y_transformer_ = None if self.y_transformer is None else clone(self.y_transformer)
        if self.y_transformer_ is None:
            names = list(y.columns) if hasattr(y, "columns") else None
        else:
            y = self.y_transformer_.fit_transform(y) if reset else self.y_transformer_.transform(y)
        remedy = "give what turns it into numbers, such as y_transformer=Doc2VecLyrics()"
        with _text_told("y", f"y_transformer is {self.y_transformer_}; {remedy}"):
            y = check_array(
                y,
                dtype=FLOATS,
                ensure_2d=False,
                allow_nd=self._any_shape,
                ensure_min_samples=least,
                input_name="y",
                estimator=self,
            )
        if len(y) != n_samples:
            raise ValueError(
                f"{type(self.y_transformer_).__name__} made {len(y)} rows of {n_samples}; "
                "y_transformer must give a row for each sample"
            )
        vector = y.ndim == 1
        y = y.reshape(-1, 1) if vector else y
        if reset:
            self.n_features_y_, self._y_names = y.shape[1], names
            self._y_is_vector, self._y_dtype = vector, y.dtype
        self._check_y_features(y, names)
        return y

    def _check_y_features(self, y, names):
        if y.shape[1] != self.n_features_y_:
            raise ValueError(
                f"y has {y.shape[1]} features, but {type(self).__name__} was fitted with "
                f"{self.n_features_y_} features in y"
            )
        if names is not None and self._y_names is not None and names != self._y_names:
            raise ValueError(
                f"y has the columns {names}, but {type(self).__name__} was fitted with "
                f"{self._y_names}, in this order"
            )

    def _check_same_length(self, X, y):
        if (n_x := _num_samples(X)) != (n_y := _num_samples(y)):
            raise ValueError(
                f"X has {n_x} samples and y has {n_y}; row i of both must be the same sample"
            )

    def _check_n_components(self, x_shape, y_shape=None):
        """Refuse what cannot be; called before and after the second view becomes numbers."""
        k = self.n_components
        check_whole("n_components", k, or_none=True)
        if k is None:
            return
        limits = self._most_components(x_shape, y_shape)
        reason, most = min(limits.items(), key=lambda item: item[1])
        if k > most:
            raise ValueError(f"n_components={k} is too large: at most {most} here ({reason})")

    def _most_components(self, x_shape, y_shape):
        """Limits of `n_components` by their reason; the shape of y may not be known yet."""
        limits = {"the number of samples - 1": x_shape[0] - 1, "the features of X": x_shape[1]}
        return limits if y_shape is None else limits | {"the features of y": y_shape[1]}

    @property
    def _n_features_out(self):
        return self.n_components_

    def __getstate__(self):
        return {**super().__getstate__(), "_skdcca_version": __version__}

    def __setstate__(self, state):
        stamp = state.get("_skdcca_version")
        if stamp != __version__:
            warnings.warn(
                f"this {type(self).__name__} was pickled by skdcca {stamp} and is loaded by "
                f"{__version__}: check that it answers as before, or fit it again",
                stacklevel=2,
            )
        super().__setstate__({k: v for k, v in state.items() if k != "_skdcca_version"})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = True
        tags.target_tags.two_d_labels = True
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = bool(self._accept_sparse)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _tell_not_finite(view, name):
    """Name the row of NaN, if that is what is wrong with a view."""
    try:
        numbers = np.asarray(view.toarray() if issparse(view) else view, dtype=np.float64)
    except (TypeError, ValueError):
        return
    bad = np.flatnonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{name} holds NaN or infinity, first in row {bad[0]} of the block: leave such rows out of "
            "both views, or impute them"
        ) from None


def _brief(block):
    shape = f" of shape {block.shape}" if hasattr(block, "shape") else ""
    length = f" of length {len(block)}" if isinstance(block, (tuple, list)) else ""
    return f"{type(block).__name__}{shape}{length}"
