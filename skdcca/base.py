"""Define the base class of all canonical correlation estimators."""

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
# Power of the correlations that scale weighted variates; benchmarks/weighting.py compares others.
WEIGHTING_POWER = 2


class BaseCCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of two-view estimators, in which X is the first view and y is the second.

    This class validates the input and implements all public methods. A subclass stores its
    parameters in ``__init__``, including `n_components` and `y_transformer`. It implements four
    private methods, which receive validated arrays:

    - ``_fit(X, y)`` fits the model and sets `n_components_`. If ``fit`` of the subclass takes
      `sample_weight`, ``_fit`` takes it too.
    - ``_project_x(X)`` and ``_project_y(y)`` return variates of shape ``(n_samples, n_components_)``.
    - ``_predict_y(X)`` returns the second view as an array of shape ``(n_samples, n_features_y_)``.

    A subclass declares what input it accepts by its tags: ``input_tags.sparse`` for a sparse X, and
    ``input_tags.three_d_array`` for views with more than two axes. To fit views that are larger than
    memory, it returns True from ``_reads_blocks()`` and implements ``_fit_blocks(blocks)``. The page
    "Add an estimator" of the contributing guide has a complete example.

    See Also
    --------
    LinearCCA : Linear canonical correlation analysis.
    KernelCCA : Kernel canonical correlation analysis.
    DeepCCA : Deep canonical correlation analysis.

    Examples
    --------
    A minimal estimator whose variates are the first columns of the views:

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
        """Fit the model to both views.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view. `DeepCCA` also takes samples with more axes, such as spectrograms.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or input of `y_transformer`
            Second view. Row i of X and row i of y are the same sample.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter is out of range, the views have different numbers of rows, or a view is None
            or contains text, NaN or infinity.
        """
        return self._learn(X, y)

    def _learn(self, X, y, sample_weight=None):
        """Fit on blocks of rows if the views may exceed memory, otherwise on whole arrays."""
        weight = () if sample_weight is None else (sample_weight,)
        blocks = self._blocks_of(X, y, *weight)
        if blocks is not None:
            return self._learn_blocks(blocks)
        with self._rollback():
            X, y = self._validate(X, y, reset=True)
            self._fit(X, y, *weight)
        return self

    def _learn_blocks(self, blocks):
        """Fit on blocks of rows; `y_transformer` must be None."""
        with self._rollback():
            self._check_parameters()
            if self.y_transformer is not None:
                raise ValueError(
                    f"`y_transformer` must be None for blocks of rows and dask arrays, got "
                    f"{self.y_transformer!r}. Fit it beforehand and pass its output as y."
                )
            X, y, *_ = self._validate_block(0, blocks.first(), reset=True)
            self._check_n_components((inf, X.shape[1]), y.shape)
            self._fit_blocks(blocks)
        return self

    @contextmanager
    def _rollback(self):
        """Restore the previous attributes if the fit inside the context fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _validate(self, X, y, *, reset):
        """Check the parameters and return both views as arrays of floats, with y transformed.

        With ``reset=True`` the columns of the views are recorded and `y_transformer` is fitted;
        otherwise the views must have the recorded columns.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. Pass the "
                "second view as y."
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
        """Return both views of a block as floats; errors give the numbers of the block and bad row."""
        with block_errors(number):
            try:
                X, y = block
            except (TypeError, ValueError):
                raise ValueError(f"must be a pair (X, y), got {_describe(block)}") from None
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
        """Return blocks of rows, or None if the model must be fitted on whole arrays."""
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
        """Project the first view, or both views, onto the components.

        The result has the dtype of the view (float64 unless the view is float32). A dask array is
        projected lazily, block by block, and the result is a dask array.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view.
        y : array-like of shape (n_samples, n_features_y) or input of `y_transformer`, default=None
            Second view. If None, only X is projected.

        Returns
        -------
        zx : ndarray of shape (n_samples, n_components_)
            Variates of the first view.
        zy : ndarray of shape (n_samples, n_components_)
            Variates of the second view; only returned if `y` is given.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a view has other columns than in `fit` or contains text, NaN or infinity, or if the
            views have different numbers of rows.
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
        """Return the result of a function for all rows of a view, lazily for a dask array."""
        return map_rows(function, view, n_columns, dtype) if is_dask(view) else function(view)

    def transform_y(self, y: Any) -> NDArray:
        """Project the second view alone, for example lyrics that are queries for audio.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_features_y) or input of `y_transformer`
            Second view.

        Returns
        -------
        zy : ndarray of shape (n_samples, n_components_)
            Variates of the second view, with the dtype and laziness described in `transform`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If y has other columns than in `fit`, or contains text, NaN or infinity.
        """
        check_is_fitted(self)
        zy = self._by_rows(self._transform_y, y, self.n_components_)
        return zy if is_dask(y) else wrap_data_with_container("transform", zy, y, self)

    def _transform_y(self, y):
        return self._project_y(self._validate_y(y))

    def predict(self, X: Any) -> NDArray:
        """Predict the second view from the first.

        The training y is regressed on the variates of the training X. For a `LinearCCA` with all
        components, the prediction equals the regression of y on X: least squares, or ridge
        regression if `reg` is positive. With fewer components, it is the reduced-rank regression
        that is optimal for whitened y [1]_.

        The variates of a kernel or deep model correlate with nonlinear functions of y, so a few of
        them may predict y itself poorly. A `KernelCCA` with ``y_kernel="linear"`` does not have
        this problem.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view.

        Returns
        -------
        y : ndarray of shape (n_samples, n_features_y) or (n_samples,)
            Predicted second view. It is one-dimensional if y was one-dimensional in `fit`, and
            float32 if y was float32 in `fit` (otherwise float64). With a `y_transformer`, the
            output of that transformer is predicted, for example vectors of lyrics rather than
            words.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns than in `fit`, or contains text, NaN or infinity.

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
        """Return the sum of the correlations of all pairs of variates on the given rows.

        On held-out rows this is the total correlation captured, the standard measure of the deep CCA
        literature. A component that does not generalize contributes about 0 or a negative value.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view, with at least two rows.
        y : array-like of shape (n_samples, n_features_y) or input of `y_transformer`
            Second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. If None, all rows have the same weight.

        Returns
        -------
        total : float
            Sum of the correlations, between ``-n_components_`` and ``n_components_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the views are invalid (see `transform`) or have fewer than two rows, or if weights
            are negative or sum to 0.
        """
        zx, zy = self.transform(X, y)
        return float(np.sum(variate_correlations(zx, zy, sample_weight)))

    def compare(self, zx: ArrayLike, zy: ArrayLike) -> NDArray:
        """Return the similarity of each row of `zx` to each row of `zy`.

        The parameter `similarity` determines how the scores are computed; a model without this parameter
        uses the cosine.

        Parameters
        ----------
        zx : array-like of shape (n_samples_x, n_components_)
            Variates of the first view, from `transform`.
        zy : array-like of shape (n_samples_y, n_components_)
            Variates of the second view, from `transform_y`.

        Returns
        -------
        scores : ndarray of shape (n_samples_x, n_samples_y)
            Scores; higher means more similar. The scorers of `skdcca.metrics` rank by these scores.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `similarity` is not an allowed value, or if variates contain NaN or infinity or do
            not have `n_components_` columns.
        """
        return similarity(zx, zy, **self.comparison())

    def comparison(self) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            Empty for the cosine; ``correlations`` and ``power`` for weighted variates; ``correlations``
            alone for the likelihood.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `similarity` is not an allowed value.
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
        """Raise an error if a parameter is out of range; called before any computation."""
        self._check_similarity()

    def _check_similarity(self):
        kind = getattr(self, "similarity", "cosine")
        if not is_number(kind, ge=0):
            other = "or a finite number >= 0"
            check_option("similarity", kind, _SIMILARITIES, otherwise=other)
        return kind

    def _validate_x(self, X, *, reset=False, min_rows=1):
        """Return the first view as floats; record its columns if ``reset``, otherwise check them."""
        if X is None:
            raise ValueError(f"X must be the first view of {type(self).__name__}, got None.")
        tags = get_tags(self).input_tags
        remedy = "Add a step that turns it into numbers before the model, such as MelSpectrogram()."
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
        """Return the transformed second view as floats of shape (n_samples, n_features_y)."""
        if y is None:
            raise ValueError(f"y must be the second view of {type(self).__name__}, got None.")
        n_samples, names = num_samples(y), None
        if reset:
            check_transformer("y_transformer", self.y_transformer)
            self.y_transformer_ = None if self.y_transformer is None else clone(self.y_transformer)
        if self.y_transformer_ is None:
            names = list(y.columns) if hasattr(y, "columns") else None
        else:
            y = self.y_transformer_.fit_transform(y) if reset else self.y_transformer_.transform(y)
        remedy = (
            f"Set `y_transformer`, which is {self.y_transformer_}, to a transformer that returns "
            "numbers, such as Doc2VecLyrics()."
        )
        with _text_errors(y, "y", remedy):
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
                f"`y_transformer` must return one row for each sample, but "
                f"{type(self.y_transformer_).__name__} returned {len(y)} rows for {n_samples} samples."
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
                f"y has {y.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_y_} features as input."
            )
        if names is not None and self._y_names is not None and names != self._y_names:
            raise ValueError(
                f"y has the columns {names}, but {type(self).__name__} was fitted with "
                f"{self._y_names}. Pass the same columns in the same order."
            )

    def _check_n_components(self, x_shape, y_shape=None):
        """Raise ValueError if `n_components` is invalid; called before and after y is transformed."""
        k = self.n_components
        check_integer("n_components", k, or_none=True)
        if k is None:
            return
        limits = self._most_components(x_shape, y_shape)
        reason, most = min(limits.items(), key=lambda item: item[1])
        if k > most:
            raise ValueError(f"`n_components` must be <= {most} ({reason}), got {k}.")

    def _most_components(self, x_shape, y_shape):
        """Return the upper limits of `n_components`, as a dict from the reason to the limit.

        `y_shape` is None if the shape of y is not known yet.
        """
        limits = {
            "the number of samples - 1": x_shape[0] - 1,
            "the number of features of X": x_shape[1],
        }
        if y_shape is None:
            return limits
        return limits | {"the number of features of y": y_shape[1]}

    @property
    def _n_features_out(self):
        return self.n_components_

    def __getstate__(self):
        return {**super().__getstate__(), "_skdcca_version": __version__}

    def __setstate__(self, state):
        stamp = state.get("_skdcca_version")
        if stamp != __version__:
            warn(
                f"This {type(self).__name__} was pickled with skdcca {stamp} and is loaded with "
                f"{__version__}. Check that its results have not changed, or fit it again.",
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
    """Raise errors inside the context as ValueError that gives the number of the block."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"block {number}: {error}") from error


@contextmanager
def _text_errors(view, name, remedy):
    """Explain a ValueError inside the context if the view contains text."""
    try:
        yield
    except ValueError as error:
        if not _holds_text(view):
            raise
        raise ValueError(f"{name} contains text. {remedy} ({error})") from error


def _holds_text(view):
    try:
        values = np.asarray(view)
    except ValueError:  # rows of different lengths
        return False
    if values.dtype.kind == "O":
        return any(isinstance(value, str) for value in values.flat)
    return values.dtype.kind in "US"


def _raise_not_finite(view, name):
    """Raise ValueError if a row contains NaN or infinity; the error gives the first such row."""
    try:
        numbers = np.asarray(view.toarray() if issparse(view) else view, dtype=np.float64)
    except (TypeError, ValueError):
        return
    bad = np.flatnonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{name} contains NaN or infinity, first in row {bad[0]} of the block. Impute such rows, or "
            "remove them from both views."
        ) from None


def _describe(block):
    shape = f" of shape {block.shape}" if hasattr(block, "shape") else ""
    length = f" of length {len(block)}" if isinstance(block, (tuple, list)) else ""
    return f"{type(block).__name__}{shape}{length}"
