"""Define the base class of all canonical correlation estimators."""

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
from sklearn.utils import RegressorTags, get_tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdcca._utils.blocks import blocks_of, is_dask, map_rows
from skdcca._utils.prediction import PredictionMixin
from skdcca._utils.row_order import check_row_order
from skdcca._utils.sklearn_compat import num_samples, wrap_data_with_container
from skdcca._utils.state import StateMixin
from skdcca._utils.validation import (
    check_integer,
    check_option,
    check_pairs,
    check_transformer,
    is_integer,
    is_number,
    is_plain,
)
from skdcca._utils.view_errors import (
    block_errors,
    describe,
    finite_errors,
    raise_not_finite,
    refuse_list_of_views,
    refuse_sparse,
    text_errors,
)
from skdcca.metrics import similarity, variate_correlations

__all__ = ["BaseCCA"]

_FLOATS = (np.float64, np.float32)
SIMILARITIES = ("weighted", "cosine", "likelihood")
# Power of the correlations that scale weighted variates; benchmarks/weighting.py compares others.
WEIGHTING_POWER = 2


def check_similarity(kind):
    """Raise ValueError unless the value is one of `SIMILARITIES` or a finite number >= 0."""
    if not is_number(kind, ge=0):
        check_option("similarity", kind, SIMILARITIES, otherwise="or a finite number >= 0")


def comparison_arguments(kind, **measured):
    """Return the arguments of `skdcca.metrics.similarity` for a `similarity` other than "cosine".

    `measured` are the correlations of the components, and what else is known about them.
    """
    if kind == "likelihood":
        return measured
    return measured | {"power": WEIGHTING_POWER if kind == "weighted" else kind}


class BaseCCA(
    StateMixin,
    PredictionMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Base class of two-view estimators, in which X is the first view and y is the second.

    This class validates the input and implements all public methods. A subclass stores its
    parameters in ``__init__``, including `n_components` and `y_transformer`. It implements four
    private methods, which receive validated arrays:

    - ``_fit(X, y)`` fits the model and sets `n_components_`. If ``fit`` of the subclass takes
      `sample_weight`, ``_fit`` takes it too.
    - ``_project_x(X)`` and ``_project_y(y)`` return variates of shape ``(n_samples, n_components_)``.
    - ``_predict_y(X)`` returns the second view as an array of shape ``(n_samples, n_features_y_)``. An
      estimator without this method has no `predict`, and its tags must not declare a regressor.

    Three further methods are optional. With ``_predict_x(y)``, which returns the first view, the
    estimator has `predict_x`. With ``_restore_x(zx)`` and ``_restore_y(zy)``, which return the views
    that belong to variates, it has `inverse_transform` and `inverse_transform_y`.

    A subclass declares what input it accepts by its tags: ``input_tags.sparse`` for a sparse X, and
    ``input_tags.three_d_array`` for views with more than two axes. If ``_takes_sparse_y()`` returns
    True, ``_fit`` and ``_project_y`` also receive a sparse y, in CSR format. To fit views that are
    larger than memory, it returns True from ``_reads_blocks()`` and implements
    ``_fit_blocks(blocks)``. The page "Add an estimator" of the contributing guide has a complete
    example.

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

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to both views.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view. `DeepCCA` also takes samples with more axes, such as spectrograms.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or input of `y_transformer`
            Second view. Row i of X and row i of y are the same sample. Rows are paired by position.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter is out of range, a view is None or contains text, NaN or infinity, or the
            views have different numbers of rows or are pandas objects with the same labels in another
            order.
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

    def _validate(self, X, y, *, reset):
        """Check the parameters and return both views as arrays of floats, with y transformed.

        With ``reset=True`` the columns of the views are recorded and `y_transformer` is fitted;
        otherwise the views must have the recorded columns.
        """
        if y is None:
            refuse_list_of_views(X, type(self).__name__)
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. Pass the "
                "second view as y."
            )
        self._check_parameters()
        labeled = X
        X = self._validate_x(X, reset=reset, min_rows=2 if reset else 1)
        self._check_pairs(labeled, y)
        if reset and self.y_transformer is not None:
            self._check_n_components(X.shape, self._known_y_shape())
        y = self._validate_y(y, reset=reset)
        if reset:
            self._check_n_components(X.shape, y.shape)
        return X, y

    def _check_pairs(self, X, y):
        """Raise ValueError unless row i of both views can be the same sample."""
        if self.y_transformer is None:
            self._refuse_views_in_one(y)
        check_pairs(X, y)

    def _refuse_views_in_one(self, view):
        """Raise ValueError if a list of views was passed as one of the two views."""
        if not get_tags(self).input_tags.three_d_array:
            refuse_list_of_views(view, type(self).__name__)

    def _validate_block(self, number, block, reset=False):
        """Return both views of a block as floats; errors give the numbers of the block and bad row."""
        with block_errors(number):
            try:
                X, y = block
            except (TypeError, ValueError):
                raise ValueError(f"must be a pair (X, y), got {describe(block)}") from None
            self._check_pairs(X, y)
            try:
                X_valid = self._validate_x(X, reset=reset, min_rows=0)
                return X_valid, self._validate_y(y, reset=reset, min_rows=0)
            except ValueError:
                raise_not_finite(X, "X")
                raise_not_finite(y, "y")
                raise

    def _takes_sparse_y(self):
        """Return True if ``_fit`` and ``_project_y`` take a sparse y, in CSR format."""
        return False

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
            check_pairs(X, y)
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
        self._check_pairs(X, y)
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
        check_row_order(X, sample_weight, names=("X", "sample_weight"))
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
            alone for the likelihood; ``product=True`` for the inner product.

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
        return comparison_arguments(kind, correlations=self.canonical_correlations_)

    def _check_parameters(self):
        """Raise an error if a parameter is out of range; called before any computation."""
        self._check_similarity()

    def _check_similarity(self):
        kind = getattr(self, "similarity", "cosine")
        check_similarity(kind)
        return kind

    def _validate_x(self, X, *, reset=False, min_rows=1):
        """Return the first view as floats; record its columns if ``reset``, otherwise check them."""
        if X is None:
            raise ValueError(f"X must be the first view of {type(self).__name__}, got None.")
        if is_plain(X, min_rows) and self._takes_plain(X, reset):
            return X
        tags = get_tags(self).input_tags
        self._refuse_views_in_one(X)
        if issparse(X) and not tags.sparse:
            refuse_sparse("X", type(self).__name__, "Add TruncatedSVD() before the model")
        impute = "Add an imputer, such as SimpleImputer(), before the model"
        with text_errors(X, "X", _x_remedy), finite_errors(X, "X", impute):
            return validate_data(
                self,
                X,
                reset=reset,
                dtype=_FLOATS,
                accept_sparse="csr" if tags.sparse else False,
                allow_nd=tags.three_d_array,
                ensure_min_samples=min_rows,
            )

    def _takes_plain(self, X, reset):
        """Return True if an array has the columns of the first view, which are recorded if `reset`."""
        if not reset:
            return X.shape[1] == self.n_features_in_ and not hasattr(self, "feature_names_in_")
        self.n_features_in_ = X.shape[1]
        vars(self).pop("feature_names_in_", None)
        return True

    def _validate_y(self, y, *, reset=False, min_rows=1):
        """Return the transformed second view as floats of shape (n_samples, n_features_y)."""
        if y is None:
            raise ValueError(f"y must be the second view of {type(self).__name__}, got None.")
        n_samples, names = num_samples(y), None
        if reset:
            check_transformer("y_transformer", self.y_transformer)
            self.y_transformer_ = None if self.y_transformer is None else clone(self.y_transformer)
        if self.y_transformer_ is None:
            # As in scikit-learn, only the names of the columns of a table must stay the same.
            names = _names_of(y) if reset or hasattr(y, "columns") else None
        else:
            y = self.y_transformer_.fit_transform(y) if reset else self.y_transformer_.transform(y)
        if not is_plain(y, min_rows, axes=(1, 2)):
            y = self._check_y(y, min_rows)
        if y.shape[0] != n_samples:
            name = type(self.y_transformer_).__name__
            raise ValueError(
                f"`y_transformer` must return one row for each sample, but {name} returned "
                f"{y.shape[0]} rows for {n_samples} samples."
            )
        vector = y.ndim == 1
        y = y.reshape(-1, 1) if vector else y
        if reset:
            self.n_features_y_, self._y_names = y.shape[1], names
            self._y_is_vector, self._y_dtype = vector, y.dtype
        self._check_y_features(y, names)
        return y

    def _check_y(self, y, min_rows):
        """Return the second view as floats, or raise an error."""
        if issparse(y) and not self._takes_sparse_y():
            refuse_sparse("y", type(self).__name__, "Let `y_transformer` end in TruncatedSVD()")
        impute = "Let `y_transformer` begin with an imputer, such as SimpleImputer()"
        with text_errors(y, "y", self._y_remedy), finite_errors(y, "y", impute):
            return check_array(
                y,
                dtype=_FLOATS,
                accept_sparse="csr" if self._takes_sparse_y() else False,
                ensure_2d=False,
                allow_nd=get_tags(self).input_tags.three_d_array,
                ensure_min_samples=min_rows,
                input_name="y",
                estimator=self,
            )

    def _y_remedy(self, kind):
        transformer = {
            "text": "a transformer that returns numbers, such as Doc2VecLyrics()",
            "labels": "LabelBinarizer() if these are class labels",
            "column": "a ColumnTransformer that encodes it, such as by OneHotEncoder()",
            "date": "a ColumnTransformer that turns it into numbers",
        }[kind]
        return f"Set `y_transformer`, which is {self.y_transformer_}, to {transformer}."

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

    def _known_y_shape(self):
        """Return the shape of the transformed y if it is known before the fit, otherwise None.

        The number of rows plays no role.
        """
        check_transformer("y_transformer", self.y_transformer)
        width = _known_width(self.y_transformer)
        return None if width is None else (inf, width)

    def _check_n_components(self, x_shape, y_shape=None):
        """Raise ValueError if `n_components` is invalid; `y_shape` may be None before y is known."""
        k = self.n_components
        check_integer("n_components", k, or_none=True)
        if k is None:
            return
        limits = self._most_components(x_shape, y_shape)
        reason, most = min(limits.items(), key=lambda item: item[1])
        if k <= most:
            return
        remedy = "Use a smaller number, or None."
        if y_shape is None and limits != self._most_components(x_shape, (inf, inf)):
            remedy = "The columns that `y_transformer` returns may set a lower limit. " + remedy
        raise ValueError(f"`n_components` must be <= {most} ({reason}), got {k}. {remedy}")

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = True
        tags.target_tags.two_d_labels = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _names_of(y):
    """Return the names of the columns of a table, or the name of a series; None if there are none."""
    if hasattr(y, "columns"):
        return list(y.columns)
    name = getattr(y, "name", None)
    return [name] if isinstance(name, str) else None


def _known_width(transformer):
    """Return the number of columns that a transformer will return, or None before it is known."""
    if hasattr(transformer, "transformer_list"):
        widths = [_known_width(part) for _, part in transformer.transformer_list]
        return None if None in widths else sum(widths)
    if hasattr(transformer, "steps"):
        return _known_width(transformer.steps[-1][1])
    width = getattr(transformer, "_n_columns", None)
    return width if is_integer(width) else None


def _x_remedy(kind):
    if kind == "column":
        return "Encode it before the model, such as by OneHotEncoder() in a ColumnTransformer."
    if kind == "date":
        return "Turn it into numbers before the model, or drop it."
    return (
        "Add a step that turns it into numbers before the model, such as MelSpectrogram() for audio "
        "files or TfidfVectorizer() for texts."
    )
