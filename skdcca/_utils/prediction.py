"""Predict a view from the other one, or restore it from its variates."""

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._utils.blocks import is_dask
from skdcca._utils.columns import known_column_names
from skdcca._utils.sklearn_compat import get_container_adapter
from skdcca._utils.validation import check_pairs

_FLOATS = (np.float64, np.float32)


def _implements(hook):
    """Return a decorator for a method that exists only if the estimator has the hook."""
    return available_if(lambda estimator: hasattr(estimator, hook))


class PredictionMixin:
    """Mixin of `BaseCCA` with the methods that return views, as arrays or as tables.

    `predict`, `predict_x`, `inverse_transform` and `inverse_transform_y` exist only in estimators that
    implement ``_predict_y(X)``, ``_predict_x(y)``, ``_restore_x(zx)`` and ``_restore_y(zy)``.
    """

    @_implements("_predict_y")
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
            float32 if y was float32 in `fit` (otherwise float64). It is dense even if y was sparse.
            With a `y_transformer`, the output of that transformer is predicted, for example vectors
            of lyrics rather than words. After ``set_output(transform="pandas")`` or ``"polars"``,
            two-dimensional predictions are tables with the columns of y and the index of X.

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
        y = self._by_rows(self._predict, X, columns, self._y_dtype)
        return self._as_table(y, X, self._y_columns())

    def _predict(self, X):
        y = self._predict_y(self._validate_x(X)).astype(self._y_dtype, copy=False)
        return y[:, 0] if self._y_is_vector else y

    @_implements("_predict_x")
    def predict_x(self, y: Any) -> NDArray:
        """Predict the first view from the second.

        This is `predict` with the views exchanged: the training X is regressed on the variates of
        the training y.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_features_y) or input of `y_transformer`
            Second view.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in_)
            Predicted first view, with the dtype of the second: float64 unless it is float32. It is
            a table if `predict` returns tables.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If y has other columns than in `fit`, or contains text, NaN or infinity.
        """
        check_is_fitted(self)
        X = self._by_rows(self._predict_x_rows, y, self.n_features_in_)
        return self._as_table(X, y, self._x_columns())

    def _predict_x_rows(self, y):
        y = self._validate_y(y)
        return self._predict_x(y).astype(y.dtype, copy=False)

    @overload
    def inverse_transform(self, zx: Any) -> NDArray: ...

    @overload
    def inverse_transform(self, zx: Any, zy: None) -> NDArray: ...

    @overload
    def inverse_transform(self, zx: Any, zy: Any) -> tuple[NDArray, NDArray]: ...

    @_implements("_restore_x")
    def inverse_transform(self, zx, zy=None):
        """Restore the first view, or both views, from variates.

        Each view is regressed on its own variates by least squares on the training rows. If there are
        as many components as the rank of the view, its training rows are restored exactly. With
        fewer components, the parts of the view that correlate with no component are lost.

        Parameters
        ----------
        zx : array-like of shape (n_samples, n_components_)
            Variates of the first view.
        zy : array-like of shape (n_samples, n_components_), default=None
            Variates of the second view. If None, only the first view is restored.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in_)
            Restored first view, in the units of its columns, with the dtype of the variates. It is a
            table if `predict` returns tables.
        y : ndarray of shape (n_samples, n_features_y_) or (n_samples,)
            Restored second view; only returned if `zy` is given. With a `y_transformer`, it is the
            output of that transformer.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If variates contain NaN or infinity, do not have `n_components_` columns, or have different
            numbers of rows.
        """
        check_is_fitted(self)
        X = self._by_rows(self._restore_x_rows, zx, self.n_features_in_)
        X = self._as_table(X, zx, self._x_columns())
        if zy is None:
            return X
        check_pairs(zx, zy, names=("zx", "zy"))
        return X, self.inverse_transform_y(zy)

    def _restore_x_rows(self, zx):
        zx = self._check_variates(zx, "zx")
        return self._restore_x(zx).astype(zx.dtype, copy=False)

    @_implements("_restore_y")
    def inverse_transform_y(self, zy: Any) -> NDArray:
        """Restore the second view from its variates.

        Parameters
        ----------
        zy : array-like of shape (n_samples, n_components_)
            Variates of the second view.

        Returns
        -------
        y : ndarray of shape (n_samples, n_features_y_) or (n_samples,)
            Restored second view, as described in `inverse_transform`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the variates contain NaN or infinity, or do not have `n_components_` columns.
        """
        check_is_fitted(self)
        columns = None if self._y_is_vector else self.n_features_y_
        y = self._by_rows(self._restore_y_rows, zy, columns)
        return self._as_table(y, zy, self._y_columns())

    def _restore_y_rows(self, zy):
        zy = self._check_variates(zy, "zy")
        y = self._restore_y(zy).astype(zy.dtype, copy=False)
        return y[:, 0] if self._y_is_vector else y

    def _check_variates(self, variates, name):
        variates = check_array(variates, dtype=_FLOATS, input_name=name, estimator=self)
        if variates.shape[1] != self.n_components_:
            raise ValueError(
                f"`{name}` must have {self.n_components_} columns, one for each component, got "
                f"{variates.shape[1]}. Pass the output of `transform`."
            )
        return variates

    @property
    def y_feature_names_in_(self) -> NDArray:
        """Names of the columns of y, of shape ``(n_features_y_,)``.

        Only defined if `y_transformer` is None and y was a table in `fit` whose columns all have strings
        as names.
        """
        names = getattr(self, "_y_names", None)
        if not names or not all(isinstance(name, str) for name in names):
            raise AttributeError(
                f"{type(self).__name__} has no y_feature_names_in_, because y had no names in `fit`."
            )
        return np.array(names, dtype=object)

    def _x_columns(self):
        names = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if names is None else names

    def _y_columns(self):
        names = known_column_names(self, "y")
        return [f"y{i}" for i in range(self.n_features_y_)] if names is None else names

    def _as_table(self, view, original, columns):
        """Return a table with the index of the original if `set_output` asks for tables."""
        adapter = get_container_adapter("transform", self)
        if adapter is None or is_dask(view) or view.ndim != 2:
            return view
        return adapter.create_container(view, original, columns=np.asarray(columns, dtype=object))
