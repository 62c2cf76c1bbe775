"""Variance of the views that canonical variates explain."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skdcca._cca import LinearCCA, numbers_and_variates
from skdcca._utils.validation import check_same_length
from skdcca.metrics import standardize, variate_correlations


def variance_explained(
    estimator: LinearCCA, X: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of the variance of each view that its own variates explain.

    Variates may have a high correlation and yet explain little of their views.

    Parameters
    ----------
    estimator : LinearCCA
        A fitted model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The first view: training rows or others, at least two.
    y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
        The second view.

    Returns
    -------
    x_share, y_share : ndarray of shape (n_components,)
        Mean squared correlation of the columns of a view, on these rows, with each of its variates.
        Constant columns do not count.

    Raises
    ------
    TypeError
        If the estimator is not a `LinearCCA`: the loadings of nonlinear variates do not add up.

    Notes
    -----
    On the training rows, without a ridge, the shares of the variates add up to 1 if there are as
    many as the view has dimensions. With a ridge or other rows the variates are correlated, and their
    shares overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca import variance_explained
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(50, 2)), rng.normal(size=(50, 3))
    >>> x_share, y_share = variance_explained(LinearCCA().fit(X, y), X, y)
    >>> print(x_share.sum().round(6), y_share.sum() < 1)
    1.0 True
    """
    x_share, y_share, _ = _shares(estimator, X, y)
    return x_share, y_share


def redundancy(
    estimator: LinearCCA, X: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of the variance of each view that the variates of the other view explain.

    Parameters
    ----------
    estimator : LinearCCA
        A fitted model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The first view: training rows or others, at least two.
    y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
        The second view.

    Returns
    -------
    x_redundancy, y_redundancy : ndarray of shape (n_components,)
        The redundancy index [1]_: `variance_explained` times the squared correlation of the pair of
        variates, on these rows.

    Raises
    ------
    TypeError
        If the estimator is not a `LinearCCA`.

    References
    ----------
    .. [1] D. Stewart and W. Love, "A general canonical correlation index", Psychological Bulletin
       70 (1968).

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca import redundancy
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 2))
    >>> y = np.column_stack([X[:, 0], rng.normal(size=50)])
    >>> _, y_redundancy = redundancy(LinearCCA(1).fit(X, y), X, y)
    >>> y_redundancy.round(1)
    array([0.5])
    """
    x_share, y_share, correlations = _shares(estimator, X, y)
    return x_share * correlations**2, y_share * correlations**2


def _shares(estimator, X, y):
    """Return the shares of both views, and the correlations of the pairs of variates."""
    if not isinstance(estimator, LinearCCA):
        raise TypeError(
            f"`estimator` must be a LinearCCA, not a {type(estimator).__name__}. For a Pipeline, pass "
            "its last step, and X as the steps before transform it."
        )
    check_is_fitted(estimator)
    check_same_length(X, y)
    X, y, zx, zy = numbers_and_variates(estimator, X, y)
    X = X.toarray() if issparse(X) else X
    correlations = variate_correlations(zx, zy)
    return _mean_squared_loadings(X, zx), _mean_squared_loadings(y, zy), correlations


def _mean_squared_loadings(view, variates):
    weight = np.full(len(view), 1 / len(view))
    view = standardize(view.astype(np.float64), weight)
    variates = standardize(variates.astype(np.float64), weight)
    varying = view.any(axis=0)
    if not varying.any():
        raise ValueError(
            "every column of a view is constant in the given rows, so there is no variance to explain. "
            "Pass more rows."
        )
    return np.mean((view[:, varying].T @ variates / len(view)) ** 2, axis=0)
