"""Adapters for code that passes its views in another form than ``fit(X, y)``."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skdcca.metrics import embed, variate_correlations

__all__ = ["ViewsList"]


class ViewsList(BaseEstimator):
    """A two-view estimator for code that passes a list of two views, as code for cca-zoo does.

    `fit`, `transform`, `fit_transform` and `score` take ``[X, y]``, and `transform` returns a list. The
    fitted model is that of ``estimator.fit(X, y)``.

    Parameters
    ----------
    estimator : estimator
        A `LinearCCA`, `KernelCCA` or `DeepCCA`, a Pipeline that ends in one, or a search over either.
        It is cloned.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator, with all its attributes; its own methods take ``(X, y)``.

    Notes
    -----
    `GridSearchCV`, `cross_validate` and the like split rows, and a list of views has two. Use the
    estimator itself with them.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.adapters import ViewsList
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = X[:, :3] + 0.5 * rng.normal(size=(200, 3))
    >>> model = ViewsList(LinearCCA(2)).fit([X, y])
    >>> zx, zy = model.transform([X, y])
    >>> zx.shape, zy.shape
    ((200, 2), (200, 2))
    >>> print(f"{model.score([X, y]):.1f}, the mean of the correlations")
    0.9, the mean of the correlations
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, views: Sequence[Any], y: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator to both views.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view of the same samples.
        y : None
            Ignored; a Pipeline passes it.
        **fit_params : dict
            Passed to the estimator, such as ``sample_weight``.

        Returns
        -------
        self : object
            The fitted adapter.

        Raises
        ------
        ValueError
            If there are not two views.
        """
        X, y = _check_views(views)
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        return self

    def transform(self, views: Sequence[Any]) -> list[NDArray]:
        """Return the variates of both views.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view.

        Returns
        -------
        variates : list of two ndarrays of shape (n_samples, n_components)
            Variates of the first and the second view. For one view alone, use
            `skdcca.metrics.embed`: ``embed(model.estimator_, y=y)``.

        Raises
        ------
        ValueError
            If there are not two views.
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
        views : list of two array-likes, or of what the estimator takes
            The first and the second view of the same samples.
        y : None
            Ignored.
        **fit_params : dict
            Passed to the estimator.

        Returns
        -------
        variates : list of two ndarrays of shape (n_samples, n_components)
            Variates of the first and the second view.
        """
        return self.fit(views, **fit_params).transform(views)

    def score(self, views: Sequence[Any], y: Any = None) -> float:
        """Return the mean of the canonical correlations, as cca-zoo does.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view, at least two rows.
        y : None
            Ignored.

        Returns
        -------
        mean : float
            At most 1. The `score` of `estimator_` is the sum.
        """
        return float(np.mean(variate_correlations(*self.transform(views))))


def _check_views(views):
    if not isinstance(views, list | tuple):
        raise ValueError(f"`views` must be a list [X, y], got {type(views).__name__}.")
    if len(views) != 2:
        raise ValueError(f"`views` must have exactly two views, [X, y], got {len(views)}.")
    return views
