"""The estimator of docs/contributing/estimator.md, in a module of its own so that it can be pickled."""

import numpy as np

from skdcca.base import BaseCCA


class LinearPLS(BaseCCA):
    """Directions of greatest covariance."""

    def __init__(self, n_components=None, *, y_transformer=None):
        self.n_components = n_components
        self.y_transformer = y_transformer

    def _fit(self, X, y):
        self.x_mean_, self.y_mean_ = X.mean(axis=0), y.mean(axis=0)
        covariance = (X - self.x_mean_).T @ (y - self.y_mean_) / (len(X) - 1)
        left, _, right = np.linalg.svd(covariance, full_matrices=False)
        self.n_components_ = self.n_components or len(right)
        self.x_weights_ = left[:, : self.n_components_]
        self.y_weights_ = right[: self.n_components_].T
        self.y_coefs_ = np.linalg.lstsq(self._project_x(X), y - self.y_mean_)[0]

    def _project_x(self, X):
        return (X - self.x_mean_).astype(X.dtype) @ self.x_weights_.astype(X.dtype)

    def _project_y(self, y):
        return (y - self.y_mean_).astype(y.dtype) @ self.y_weights_.astype(y.dtype)

    def _predict_y(self, X):
        return self._project_x(X) @ self.y_coefs_ + self.y_mean_
