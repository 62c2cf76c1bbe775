"""Remove confounds from a view by linear regression, inside a Pipeline."""

from collections.abc import Sequence
from reprlib import Repr
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skdcca._utils.sklearn_compat import check_feature_names_in, get_column_indices
from skdcca._utils.view_errors import text_errors
from skdcca.inference._confounds import refuse_categories

_FLOATS = (np.float64, np.float32)
# A residual is a rounding error if it is below this many units in the last place of its terms.
_ROUNDING = 10


class Residualizer(TransformerMixin, BaseEstimator):
    """Replace the columns of a view by what confounds do not explain of them.

    A linear regression of all other columns on the confounds, with an intercept, is fitted to the
    training rows. `transform` subtracts its predictions and drops the confounds. As a step of a
    Pipeline it is fitted to the training rows of each fold, so that a search or a cross-validation
    is not biased by rows that were residualized together.

    Parameters
    ----------
    confounds : str, int, slice, or sequence of str, int or bool
        Columns with the confounds, as in `sklearn.compose.ColumnTransformer`: names (of a DataFrame),
        positions, a slice of either, or a mask with one bool for each column.

    Attributes
    ----------
    confounds_ : ndarray of shape (n_confounds,)
        Positions of the confounds among the columns.
    mean_ : ndarray of shape (n_features_in_,)
        Mean of each column in the training rows.
    coef_ : ndarray of shape (n_features_in_ - n_confounds, n_confounds)
        Coefficients of the regression: the residuals are
        ``(X - mean_)[:, others] - (X - mean_)[:, confounds_] @ coef_.T``.
    n_features_in_ : int
        Number of columns, including the confounds.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns. Only defined if all of them are strings.

    Raises
    ------
    TypeError
        From `fit` and `transform`, if X is sparse.
    ValueError
        From `fit`, if `confounds` are not columns of X, are empty or are all columns; if column
        names are not unique; if X contains NaN, infinity or text, or a confound is
        categorical or a date; or if the confounds explain everything, because there are not more rows
        than independent confounds and an intercept.

    See Also
    --------
    skdcca.canonical_correlation_test : Test with confounds. The correlations of residuals must not be
        tested without them.
    skdcca.canonical_correlation_intervals : Intervals of partial CCA, with confounds.
    skdcca.LinearCCA : Takes a `Residualizer` as `y_transformer`.

    Notes
    -----
    Dependent confounds are allowed, such as all indicators of a category; the coefficients are then
    those of minimum norm for standardized confounds. A column that the confounds explain up to
    rounding errors becomes 0.

    Examples
    --------
    Two views that have nothing in common, except that both depend on age:

    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdcca import LinearCCA, Residualizer
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(20, 80, size=(200, 1))
    >>> volumes = -0.1 * age + rng.normal(size=(200, 3))
    >>> scores = -0.1 * age + rng.normal(size=(200, 3))
    >>> print(f"{cross_val_score(LinearCCA(1), volumes, scores).mean():.2f}")
    0.92

    Both tables carry the confound as their first column:

    >>> X, y = np.hstack([age, volumes]), np.hstack([age, scores])
    >>> partial = make_pipeline(Residualizer([0]), LinearCCA(1, y_transformer=Residualizer([0])))
    >>> print(f"{cross_val_score(partial, X, y).mean():.2f}")
    0.09
    """

    def __init__(self, confounds: str | int | slice | Sequence[str | int | bool]) -> None:
        self.confounds = confounds

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the regression of the other columns on the confounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Table with the confounds among its columns.
        y : Any, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        TypeError
            If X is sparse.
        ValueError
            If `confounds` or X are invalid; see the description of the class.
        """
        table = X
        X = self._validate(X, reset=True)
        confounds = self._find_confounds(table, X)
        others = np.setdiff1d(np.arange(X.shape[1]), confounds)
        if not len(others):
            raise ValueError(
                f"`confounds` must leave a column to residualize, got all of X, which has {X.shape[1]} "
                "feature(s). Pass a table with the other columns too."
            )
        if hasattr(table, "columns"):
            refuse_categories(table, confounds, _remedy)
        rounding = np.finfo(X.dtype).eps
        X = X.astype(np.float64)
        mean = X.mean(axis=0)
        X -= mean
        coef, rank = _regression(X[:, confounds], X[:, others], mean[confounds], rounding)
        if rank + 1 >= len(X):
            raise ValueError(
                f"Residualizer needs more rows than independent confounds + 1, got {len(X)} rows and "
                f"{rank} such confounds, which explain everything. Pass more rows or fewer confounds."
            )
        self.confounds_, self.mean_, self.coef_ = confounds, mean, coef
        self._explained = self._are_rounding_errors(X, others, rounding)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Subtract what the confounds explain from the other columns, and drop the confounds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Table with the same columns as in `fit`.

        Returns
        -------
        residuals : ndarray of shape (n_samples, n_features - n_confounds)
            Residuals of the other columns, in their order. Their dtype is float64, or float32 if that of
            X is.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        TypeError
            If X is sparse.
        ValueError
            If X has other columns than in `fit`, or contains NaN, infinity or text.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        residuals = self._residuals(X - self.mean_, self._others())
        residuals[:, self._explained] = 0.0
        return residuals.astype(X.dtype, copy=False)

    def _residuals(self, centered, others):
        return centered[:, others] - centered[:, self.confounds_] @ self.coef_.T

    def _others(self):
        return np.setdiff1d(np.arange(self.n_features_in_), self.confounds_)

    def _are_rounding_errors(self, centered, others, rounding):
        """Return which columns the confounds explain up to the rounding errors of the table."""
        # Standardized later, such residuals would be taken for data, and be the same in both views.
        size = np.abs(self.mean_) + np.sqrt(np.mean(centered**2, axis=0))
        terms = size[others] + np.abs(self.coef_) @ size[self.confounds_]
        deviation = np.sqrt(np.mean(self._residuals(centered, others) ** 2, axis=0))
        return deviation <= _ROUNDING * rounding * terms

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that remain.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of all columns. If None, those of `fit` are used, or ``"x0"``, ``"x1"``, ... if it had
            none.

        Returns
        -------
        names : ndarray of str
            Names of the columns without the confounds.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        ValueError
            If `input_features` does not match the columns of `fit`.
        """
        check_is_fitted(self)
        return check_feature_names_in(self, input_features)[self._others()]

    def _validate(self, X, reset):
        if issparse(X):
            raise TypeError(
                "X must be dense for Residualizer, got a sparse matrix, whose residuals are dense. Pass "
                "X.toarray()."
            )
        _refuse_repeated_names(X)
        with text_errors(X, "X", _remedy):
            least = 2 if reset else 1
            return validate_data(self, X, reset=reset, dtype=_FLOATS, ensure_min_samples=least)

    def _find_confounds(self, table, X):
        """Return the positions of the confounds, in the order in which they were given."""
        key = self.confounds
        key = key.tolist() if hasattr(key, "tolist") else key  # an array or an Index
        names = _names_in(key)
        if names:
            _check_names(names, table)
        elif isinstance(key, slice) and key.start is None and key.stop is None:
            key = list(range(X.shape[1]))[key]
        try:
            columns = get_column_indices(table if names else X, key)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise ValueError(
                "`confounds` must be names, positions, a slice or a mask of columns of X, got "
                f"{_shown(self.confounds)}. X has {X.shape[1]} columns."
            ) from error
        if not columns:
            raise ValueError(
                f"`confounds` must contain a column of X, got {_shown(self.confounds)}. Leave the step "
                "out if there are none."
            )
        return np.array(list(dict.fromkeys(columns)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def refuse_residualizers(estimator):
    """Raise ValueError if an estimator contains a `Residualizer`, whose rows are not exchangeable."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return  # refused by other checks
    if any(isinstance(part, Residualizer) for part in estimator.get_params().values()):
        raise ValueError(
            "`estimator` must not contain a Residualizer, because the tests must know the confounds. "
            "Pass the confounds as `confounds`, and X and y without them."
        )


def _regression(confounds, columns, mean, rounding):
    """Return the coefficients for centered columns, and the number of independent confounds."""
    deviation = np.sqrt(np.mean(confounds**2, axis=0))
    varies = deviation > _ROUNDING * rounding * np.abs(mean)
    scale = np.where(varies, deviation, 1.0)
    standardized = np.where(varies, confounds / scale, 0.0)
    limit = max(confounds.shape) * rounding
    coef, _, rank, _ = linalg.lstsq(standardized, columns, cond=limit)
    return (coef / scale[:, None]).T, rank


def _names_in(key):
    """Return the names among the keys of columns."""
    if isinstance(key, slice):
        key = [key.start, key.stop]
    elif isinstance(key, str):
        key = [key]
    return [one for one in key if isinstance(one, str)] if isinstance(key, Sequence) else []


def _check_names(names, table):
    """Raise ValueError unless each name is that of a column."""
    if not hasattr(table, "columns"):
        raise ValueError(
            f"`confounds` must be positions or a mask if X has no column names, got {names[0]!r}. Pass "
            "positions, or X as a DataFrame."
        )
    columns = list(table.columns)
    for name in names:
        if name not in columns:
            raise ValueError(
                f"`confounds` must be names of columns of X, got {name!r}. The columns are "
                f"{_shown(columns, most=5)}."
            )


def _refuse_repeated_names(table):
    """Raise ValueError if columns have the same name, which scikit-learn does not take."""
    names = list(getattr(table, "columns", ()))
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"X must have unique column names, got {names.count(repeated)} columns {repeated!r}. Rename "
            "the columns, or pass X.to_numpy() and positions."
        )


def _remedy(kind):
    if kind == "date":
        return "Turn it into numbers before this step, such as days, or drop it."
    return "Encode it before this step, such as by OneHotEncoder() in a ColumnTransformer."


def _shown(value, most=10):
    shorten = Repr()
    shorten.maxother = shorten.maxstring = 40
    shorten.maxlist = shorten.maxtuple = most
    return shorten.repr(value)
