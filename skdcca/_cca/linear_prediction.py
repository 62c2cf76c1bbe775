"""Predict and restore views from the variates of a linear model."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg


class LinearPredictionMixin:
    """Mixin of linear models with the regressions of both views on variates."""

    @property
    def coef_(self) -> NDArray:
        """Coefficients of the prediction of y from X, of shape ``(n_features_y_, n_features_in_)``.

        ``predict(X)`` equals ``X @ coef_.T + intercept_``. The shape is ``(n_features_in_,)`` if y was
        one-dimensional in `fit`, as for the linear models of scikit-learn.
        """
        self._check_has_coef("coef_")
        coef = self._y_of_variates @ self.x_weights_.T
        return coef[0] if self._y_is_vector else coef

    @property
    def intercept_(self) -> NDArray | float:
        """Intercepts of the prediction of y from X, of shape ``(n_features_y_,)``.

        The intercept is a float if y was one-dimensional in `fit`.
        """
        self._check_has_coef("intercept_")
        # The order of the products needs no matrix of the size of `coef_`.
        intercept = self.y_mean_ - self._y_of_variates @ (self.x_mean_ @ self.x_weights_)
        return float(intercept[0]) if self._y_is_vector else intercept

    def _check_has_coef(self, name):
        if not hasattr(self, "x_weights_"):
            raise AttributeError(f"{name} of {type(self).__name__} is only defined after `fit`.")

    def _predict_y(self, X):
        return self._project_x(X) @ self._y_of_variates.T + self.y_mean_

    def _predict_x(self, y):
        return self._project_y(y) @ self._coefs_of_x().T + self.x_mean_

    def _coefs_of_x(self):
        """Return the coefficients of the regression of X on the variates of y."""
        if hasattr(self, "_x_of_variates"):
            return self._x_of_variates
        # Files of earlier versions do not have it. Their columns were standardized, and a weight vector
        # w of a variate with deviation d has d**2 + ridge * (w @ w) == 1.
        scale = self.x_scale_[:, None]
        weights = self.x_weights_ * scale
        deviation = np.sum(weights * self.x_loadings_, axis=0)
        ridge = max(0.0, (1 - deviation[0] ** 2) / (weights[:, 0] @ weights[:, 0]))
        covariance = self.x_loadings_ * deviation + ridge * weights
        return scale * covariance * self.canonical_correlations_

    def _restore_x(self, zx):
        inverse = _inverse(self.x_weights_, self.x_scale_, self.x_loadings_)
        return zx @ inverse + self.x_mean_

    def _restore_y(self, zy):
        inverse = _inverse(self.y_weights_, self.y_scale_, self.y_loadings_)
        return zy @ inverse + self.y_mean_


def _inverse(weights, scale, loadings):
    """Return the coefficients of the least-squares regression of a view on its variates.

    They have the shape ``(n_components, n_features)``. With a ridge, variates are correlated, so the
    covariance of columns and variates is divided by that of the variates. Both are known up to the
    deviations of the variates, which cancel.
    """
    covariance = loadings * scale[:, None]
    # The pseudoinverse is needed for components beyond the rank, which are 0.
    return linalg.pinv(weights.T @ covariance).T @ covariance.T
