"""Adapters for code that does not pass the two views as ``fit(X, y)``."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skdcca._utils.view_errors import REFIT, refuse_several_views
from skdcca.metrics import embed, variate_correlations

__all__ = ["ViewsList"]


class ViewsList(BaseEstimator):
    """Adapter that lets a two-view estimator take a list of views, as cca-zoo models do.

    `fit`, `transform`, `fit_transform` and `score` take a list ``[X, y]``, and `transform` returns a
    list. The fitted model is the same as after ``estimator.fit(X, y)``.

    Parameters
    ----------
    estimator : estimator
        A `LinearCCA`, `KernelCCA` or `DeepCCA`, a `Pipeline` that ends in one, or a search over
        either. `fit` fits a clone of it.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator, with all its attributes. Its methods take the views as ``(X, y)``.

    Notes
    -----
    Do not pass this adapter to `GridSearchCV`, `cross_validate` or similar functions. They split the
    rows of their input, and a list of views has only two items. Pass the estimator itself instead.

    Examples
    --------
    The views are the upper and lower halves of images of digits:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA
    >>> from skdcca.adapters import ViewsList
    >>> X, y = np.hsplit(load_digits().data, 2)
    >>> model = ViewsList(LinearCCA(2, reg=1.0)).fit([X, y])
    >>> zx, zy = model.transform([X, y])
    >>> zx.shape, zy.shape
    ((1797, 2), (1797, 2))

    The score is the mean of the canonical correlations, not their sum:

    >>> round(model.score([X, y]), 1)
    0.8
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, views: Sequence[Any], y: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator to both views.

        Parameters
        ----------
        views : list of two array-likes, or of two other inputs that the estimator takes
            The first and the second view of the same samples.
        y : None
            Ignored; present for API consistency.
        **fit_params : dict
            Passed to the `fit` method of the estimator, such as ``sample_weight``.

        Returns
        -------
        self : object
            The fitted adapter.

        Raises
        ------
        TypeError
            If the estimator is a model of several views, such as `MultiCCA`.
        ValueError
            If `views` is not a list or tuple of two views.
        """
        refuse_several_views("estimator", self.estimator, REFIT)
        X, y = _check_views(views)
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        return self

    def transform(self, views: Sequence[Any]) -> list[NDArray]:
        """Compute the variates of both views.

        Parameters
        ----------
        views : list of two array-likes, or of two other inputs that the estimator takes
            The first and the second view.

        Returns
        -------
        variates : list of two ndarrays of shape (n_samples, n_components)
            Variates of the first and the second view. To transform only one view, use
            `skdcca.metrics.embed`, for example ``embed(model.estimator_, y=y)``.

        Raises
        ------
        ValueError
            If `views` is not a list or tuple of two views.
        NotFittedError
            If the adapter is not fitted.
        """
        check_is_fitted(self)
        X, y = _check_views(views)
        return list(embed(self.estimator_, X, y))

    def fit_transform(
        self, views: Sequence[Any], y: Any = None, **fit_params: Any
    ) -> list[NDArray]:
        """Fit the estimator to both views and return their variates.

        Parameters
        ----------
        views : list of two array-likes, or of two other inputs that the estimator takes
            The first and the second view of the same samples.
        y : None
            Ignored.
        **fit_params : dict
            Passed to the `fit` method of the estimator.

        Returns
        -------
        variates : list of two ndarrays of shape (n_samples, n_components)
            Variates of the first and the second view.

        Raises
        ------
        ValueError
            If `views` is not a list or tuple of two views.
        """
        return self.fit(views, **fit_params).transform(views)

    def score(self, views: Sequence[Any], y: Any = None) -> float:
        """Return the mean of the canonical correlations, as cca-zoo does.

        Parameters
        ----------
        views : list of two array-likes, or of two other inputs that the estimator takes
            The first and the second view, with at least two rows.
        y : None
            Ignored.

        Returns
        -------
        mean : float
            Mean of the correlations, at most 1. The `score` method of `estimator_` returns their sum.

        Raises
        ------
        ValueError
            If `views` is not a list or tuple of two views.
        NotFittedError
            If the adapter is not fitted.
        """
        return float(np.mean(variate_correlations(*self.transform(views))))


def _check_views(views):
    if not isinstance(views, list | tuple):
        raise ValueError(f"`views` must be a list [X, y], got {type(views).__name__}.")
    if len(views) != 2:
        remedy = " Join them by numpy.hstack for MultiCCA, or to X and y." if len(views) > 2 else ""
        raise ValueError(f"`views` must have exactly two views, [X, y], got {len(views)}.{remedy}")
    return views
