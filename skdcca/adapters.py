"""Adapters for code that hands over its views otherwise than as ``fit(X, y)``."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skdcca.metrics import embed, variate_correlations

__all__ = ["ViewsList"]


class ViewsList(BaseEstimator):
    """A two-view estimator for code that passes a list of two views, as that written for cca-zoo does.

    `fit`, `transform`, `fit_transform` and `score` take ``[X, y]``, and `transform` gives a list; what
    is learned is what `estimator` learns from ``fit(X, y)``.

    Parameters
    ----------
    estimator : estimator
        A `LinearCCA`, `KernelCCA` or `DeepCCA`, a Pipeline that ends in one, or a search over either; it
        is cloned.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator, with all its attributes; its own methods take ``(X, y)``.

    Notes
    -----
    scikit-learn cuts rows, and a list of views has two: for `GridSearchCV`, `cross_validate` and the
    like use the estimator itself.

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

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, views, y=None, **fit_params):
        """Learn the space that both views share.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view, row by row of the same samples.
        y : None
            Not used: there for the Pipeline.
        **fit_params : dict
            Handed to the estimator: ``sample_weight``, say.

        Returns
        -------
        self : object
            The fitted adapter.

        Raises
        ------
        ValueError
            If there are not two views.
        """
        X, y = _two(views)
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        return self

    def transform(self, views):
        """Variates of both views.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view.

        Returns
        -------
        variates : list of two ndarrays of shape (n_samples, n_components)
            Of the first and of the second view. `skdcca.metrics.embed` gives those of one view alone:
            ``embed(model.estimator_, y=y)``.

        Raises
        ------
        ValueError
            If there are not two views.
        """
        check_is_fitted(self)
        X, y = _two(views)
        return list(embed(self.estimator_, X, y))

    def fit_transform(self, views, y=None, **fit_params):
        """Learn from both views, and give their variates.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view.
        y : None
            Not used.
        **fit_params : dict
            Handed to the estimator.

        Returns
        -------
        variates : list of two ndarrays of shape (n_samples, n_components)
            Of the first and of the second view.
        """
        return self.fit(views, **fit_params).transform(views)

    def score(self, views, y=None):
        """Mean of the canonical correlations of the given rows, as cca-zoo has it.

        Parameters
        ----------
        views : list of two array-likes, or of what the estimator takes
            The first and the second view, at least two rows.
        y : None
            Not used.

        Returns
        -------
        mean : float
            At most 1. The `score` of `estimator_` itself is the sum.
        """
        return float(np.mean(variate_correlations(*self.transform(views))))


def _two(views):
    if not isinstance(views, (list, tuple)):
        raise ValueError(f"views must be a list [X, y], but is of type {type(views).__name__}")
    if len(views) != 2:
        raise ValueError(f"views has {len(views)} entries; skdcca takes exactly two views, [X, y]")
    return views
