"""The contract that every canonical correlation estimator shares."""

from contextlib import contextmanager
from math import inf
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdcca import __version__
from skdcca._utils.blocks import blocks_of, is_dask, map_rows
from skdcca._utils.sklearn_compat import num_samples, wrap_data_with_container
from skdcca._utils.validation import (
    check_integer,
    check_option,
    check_same_length,
    check_transformer,
    is_number,
)
from skdcca._utils.warnings import warn
from skdcca.exceptions import VersionWarning
from skdcca.metrics import similarity, variate_correlations

__all__ = ["BaseCCA"]

_FLOATS = (np.float64, np.float32)
_SIMILARITIES = ("weighted", "cosine", "likelihood")
# Power of the correlations that weighted variates are scaled by: benchmarks/weighting.py.
WEIGHTING_POWER = 2


class BaseCCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of the two-view estimators: ``fit(X, y)`` with X the first view and y the second.

    A subclass stores its parameters in ``__init__``, among them `n_components` and `y_transformer`,
    and implements four methods. They get validated arrays; everything that a user calls is written
    here.

    - ``_fit(X, y)``: learn from both views and set `n_components_`. It also takes `sample_weight`
      if the subclass has a ``fit`` that takes it.
    - ``_project_x(X)``, ``_project_y(y)``: return variates of shape ``(n_samples, n_components_)``.
    - ``_predict_y(X)``: return the second view as numbers.

    What input a subclass accepts is declared by its tags: ``input_tags.sparse`` for a sparse X,
    ``input_tags.three_d_array`` for views with more than two axes. A subclass whose ``_reads_blocks()``
    returns True also implements ``_fit_blocks(blocks)``, for views that are never completely in
    memory. The page "Add an estimator" of the contributing guide has a complete example.

    See Also
    --------
    LinearCCA : Linear canonical correlation analysis.

    Examples
    --------
    Canonical correlation analysis of the first column of each view:

    >>> import numpy as np
    >>> from skdcca.base import BaseCCA
    >>> class FirstColumnCCA(BaseCCA):
    ...     def __init__(self, n_components=None, *, y_transformer=None):
    ...         self.n_components = n_components
    ...         self.y_transformer = y_transformer
    ...     def _fit(self, X, y):
    ...         self.n_components_ = 1
    ...         self.slope_ = np.polyfit(X[:, 0], y[:, 0], 1)[0]
    ...     def _project_x(self, X):
    ...         return X[:, :1]
    ...     def _project_y(self, y):
    ...         return y[:, :1]
    ...     def _predict_y(self, X):
    ...         return X[:, :1] * self.slope_
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> round(FirstColumnCCA().fit(X, X[:, :1]).score(X, X[:, :1]), 6)
    1.0
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the space that both views share.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or what `y_transformer` takes
            The second view; row i of both views is the same sample.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._learn(X, y)

    def _learn(self, X, y, sample_weight=None):
        """Fit on views that are taken whole, or on their blocks where these fit the memory better."""
        weight = () if sample_weight is None else (sample_weight,)
        blocks = self._blocks_of(X, y, *weight)
        if blocks is not None:
            return self._learn_blocks(blocks)
        with self._rollback():
            X, y = self._validate(X, y, reset=True)
            self._fit(X, y, *weight)
        return self

    def _learn_blocks(self, blocks):
        """Fit on blocks of rows."""
        with self._rollback():
            self._check_parameters()
            if self.y_transformer is not None:
                raise ValueError(
                    f"y_transformer={self.y_transformer!r} would see one block of rows alone; set it to "
                    "None and give the numbers that a fitted transformer makes of y, block by block"
                )
            X, y, *_ = self._validate_block(0, blocks.first(), reset=True)
            self._check_n_components((inf, X.shape[1]), y.shape)
            self._fit_blocks(blocks)
        return self

    @contextmanager
    def _rollback(self):
        """Restore what was fitted before if the fit inside fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _validate(self, X, y, *, reset):
        """Return both views as numbers; check the parameters, too.

        ``reset=True`` learns the columns of the views and fits `y_transformer`; otherwise the views must
        have the columns that were learned.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: it is the "
                "second view"
            )
        self._check_parameters()
        X = self._validate_x(X, reset=reset, min_rows=2 if reset else 1)
        check_same_length(X, y)
        if reset:
            self._check_n_components(X.shape)
        y = self._validate_y(y, reset=reset)
        if reset:
            self._check_n_components(X.shape, y.shape)
        return X, y

    def _validate_block(self, number, block, reset=False):
        """Return both views of a block as numbers; errors name the block, and the first row with NaN."""
        with block_errors(number):
            try:
                X, y = block
            except (TypeError, ValueError):
                raise ValueError(f"it must be a pair (X, y), but is {_describe(block)}") from None
            check_same_length(X, y)
            try:
                X_valid = self._validate_x(X, reset=reset, min_rows=0)
                return X_valid, self._validate_y(y, reset=reset, min_rows=0)
            except ValueError:
                _raise_not_finite(X, "X")
                _raise_not_finite(y, "y")
                raise

    def _reads_blocks(self):
        """Return True if the estimator implements ``_fit_blocks`` and its parameters allow it."""
        return False

    def _blocks_of(self, X, y, *weight):
        """Return blocks of rows of views that may exceed the memory, or None to take the views whole."""
        if not self._reads_blocks() or y is None:
            return None
        if self.y_transformer is not None and not (is_dask(X) or is_dask(y)):
            return None
        if hasattr(X, "shape") and hasattr(y, "shape"):
            check_same_length(X, y)
        return blocks_of(X, y, *weight)

    @overload
    def transform(self, X: Any) -> NDArray: ...

    @overload
    def transform(self, X: Any, y: None) -> NDArray: ...

    @overload
    def transform(self, X: Any, y: Any) -> tuple[NDArray, NDArray]: ...

    def transform(self, X, y=None):
        """Project the first view, or both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view. Dask arrays, here and for y, return dask arrays that are not computed yet.
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
        check_same_length(X, y)
        return zx, self.transform_y(y)

    def _transform_x(self, X):
        return self._project_x(self._validate_x(X))

    def _by_rows(self, function, view, n_columns, dtype=None):
        """Apply a function to the rows of a view; lazily if it is a dask array."""
        return map_rows(function, view, n_columns, dtype) if is_dask(view) else function(view)

    def transform_y(self, y: Any) -> NDArray:
        """Project the second view alone, such as lyrics that search for audio.

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
        return zy if is_dask(y) else wrap_data_with_container("transform", zy, y, self)

    def _transform_y(self, y):
        return self._project_y(self._validate_y(y))

    def predict(self, X: Any) -> NDArray:
        """Predict the second view from the first.

        This is the regression of the training y on the variates of X. With all components of a
        `LinearCCA` it is the regression of y on X, by least squares or, with `reg`, ridge regression;
        with fewer components it is the best regression of that rank once y is whitened [1]_. The
        components of a kernel or deep model correlate with an image of y, so a few of them may not
        predict y itself well, except those of a `KernelCCA` with ``y_kernel="linear"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first view.

        Returns
        -------
        y : ndarray of shape (n_samples, n_features_y) or (n_samples,)
            The second view, with the dtype that y had in `fit`, and 1-D if y was. With a
            `y_transformer` these are its outputs, for example vectors of lyrics rather than words.

        References
        ----------
        .. [1] A. J. Izenman, "Reduced-rank regression for the multivariate linear model", Journal of
           Multivariate Analysis 5 (1975).
        """
        check_is_fitted(self)
        columns = None if self._y_is_vector else self.n_features_y_
        return self._by_rows(self._predict, X, columns, self._y_dtype)

    def _predict(self, X):
        y = self._predict_y(self._validate_x(X)).astype(self._y_dtype, copy=False)
        return y[:, 0] if self._y_is_vector else y

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the sum of the canonical correlations of the given rows.

        On held-out rows this is the total correlation captured, the measure of the deep CCA literature.
        A component that does not generalize adds nothing, or may lower it.

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

    def compare(self, zx: ArrayLike, zy: ArrayLike) -> NDArray:
        """Score every row of one view's variates against every row of the other's.

        The parameter `similarity` decides how; models without it use the cosine.

        Parameters
        ----------
        zx : array-like of shape (n_samples_x, n_components_)
            Variates of the first view, from `transform`.
        zy : array-like of shape (n_samples_y, n_components_)
            Variates of the second view, from `transform_y`.

        Returns
        -------
        scores : ndarray of shape (n_samples_x, n_samples_y)
            Higher means more similar. The scorers of `skdcca.metrics` rank by these scores.
        """
        return similarity(zx, zy, **self.comparison())

    def comparison(self) -> dict[str, Any]:
        """Return how variates are compared, as arguments of `skdcca.metrics.similarity`.

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
        return arguments | {"power": WEIGHTING_POWER if kind == "weighted" else kind}

    def _check_parameters(self):
        """Raise an error for parameters out of range, before any work."""
        self._check_similarity()

    def _check_similarity(self):
        kind = getattr(self, "similarity", "cosine")
        if not is_number(kind, ge=0):
            other = "or a number >= 0, the power of the correlations that weight the variates"
            check_option("similarity", kind, _SIMILARITIES, otherwise=other)
        return kind

    def _validate_x(self, X, *, reset=False, min_rows=1):
        """Return the first view as floats, with the columns that were learned."""
        if X is None:
            raise ValueError(f"X is None, but {type(self).__name__} needs the first view")
        tags = get_tags(self).input_tags
        remedy = "give what turns it into numbers as a step before, such as MelSpectrogram()"
        with _text_errors(X, "X", remedy):
            return validate_data(
                self,
                X,
                reset=reset,
                dtype=_FLOATS,
                accept_sparse="csr" if tags.sparse else False,
                allow_nd=tags.three_d_array,
                ensure_min_samples=min_rows,
            )

    def _validate_y(self, y, *, reset=False, min_rows=1):
        """Return the second view as numbers of shape (n_samples, n_features_y), transformed."""
        if y is None:
            raise ValueError(f"y is None, but {type(self).__name__} needs the second view")
        n_samples, names = num_samples(y), None
        if reset:
            check_transformer("y_transformer", self.y_transformer)
            self.y_transformer_ = None if self.y_transformer is None else clone(self.y_transformer)
        if self.y_transformer_ is None:
            names = list(y.columns) if hasattr(y, "columns") else None
        else:
            y = self.y_transformer_.fit_transform(y) if reset else self.y_transformer_.transform(y)
        remedy = "give what turns it into numbers, such as y_transformer=Doc2VecLyrics()"
        with _text_errors(y, "y", f"y_transformer is {self.y_transformer_}; {remedy}"):
            y = check_array(
                y,
                dtype=_FLOATS,
                ensure_2d=False,
                allow_nd=get_tags(self).input_tags.three_d_array,
                ensure_min_samples=min_rows,
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

    def _check_n_components(self, x_shape, y_shape=None):
        """Raise an error for too many components; called before and after y becomes numbers."""
        k = self.n_components
        check_integer("n_components", k, or_none=True)
        if k is None:
            return
        limits = self._most_components(x_shape, y_shape)
        reason, most = min(limits.items(), key=lambda item: item[1])
        if k > most:
            raise ValueError(f"n_components={k} is too large: at most {most} here ({reason})")

    def _most_components(self, x_shape, y_shape):
        """Return the limits of `n_components` by their reason; the shape of y may not be known yet."""
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
            warn(
                f"this {type(self).__name__} was pickled by skdcca {stamp} and is loaded by "
                f"{__version__}: check that it answers as before, or fit it again",
                VersionWarning,
            )
        super().__setstate__({k: v for k, v in state.items() if k != "_skdcca_version"})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = True
        tags.target_tags.two_d_labels = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@contextmanager
def block_errors(number):
    """Prefix an error with the number of the block that it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"block {number}: {error}") from error


@contextmanager
def _text_errors(view, name, remedy):
    """Explain an error about a view that holds text."""
    try:
        yield
    except ValueError as error:
        if not _holds_text(view):
            raise
        raise ValueError(f"{name} holds text ({error}); {remedy}") from error


def _holds_text(view):
    try:
        values = np.asarray(view)
    except ValueError:  # ragged
        return False
    if values.dtype.kind == "O":
        return any(isinstance(value, str) for value in values.flat)
    return values.dtype.kind in "US"


def _raise_not_finite(view, name):
    """Name the first row with NaN or infinity, if the view has one."""
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


def _describe(block):
    shape = f" of shape {block.shape}" if hasattr(block, "shape") else ""
    length = f" of length {len(block)}" if isinstance(block, (tuple, list)) else ""
    return f"{type(block).__name__}{shape}{length}"
