"""Measure how much of the variance of a view its canonical variates explain."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._cca import LinearCCA, numbers_and_variates
from skdcca._utils.validation import check_pairs
from skdcca._utils.view_errors import refuse_several_views
from skdcca.metrics import column_correlations


def variance_explained(
    estimator: LinearCCA, X: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the fraction of the variance of each view that its own variates explain.

    Variates with a high correlation may explain only a small fraction of the variance of their
    views. Check this fraction before you interpret a component.

    Parameters
    ----------
    estimator : LinearCCA
        Fitted model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        First view, with at least two rows: the training rows or other ones.
    y : {array-like, sparse matrix} of shape (n_samples, n_features_y) or input of `y_transformer`
        Second view.

    Returns
    -------
    x_share : ndarray of shape (n_components,)
        Fraction of the variance of the standardized columns of X that each variate of X explains,
        in [0, 1]. Columns that are constant on these rows are ignored.
    y_share : ndarray of shape (n_components,)
        Fraction of the variance of the standardized columns of y that each variate of y explains.

    Raises
    ------
    TypeError
        If `estimator` is not a `LinearCCA`. For nonlinear variates, the squared correlations with a
        column do not add up to its variance.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If the views have different numbers of rows or other columns than in `fit`, or if all columns
        of a view are constant.

    See Also
    --------
    redundancy : Fraction of the variance of a view that the variates of the other view explain.
    skdcca.canonical_summary : Both, also for columns in their own units, and all other tables.
    skdcca.canonical_correlation_test : Test of which canonical correlations are significant.

    Notes
    -----
    The fraction for component k is the mean of the squared loadings,

    .. math:: \frac{1}{p} \sum_{j=1}^{p} \operatorname{corr}(x_j, z_k)^2,

    where :math:`x_j` are the p columns and :math:`z_k` is the variate. On the training rows and
    without a ridge, the fractions sum to 1 if the number of variates equals the rank of the view.
    With a ridge, or on other rows, the variates are correlated and their fractions overlap.

    Examples
    --------
    The first component explains about 40 % of the variance of three exercises, and 45 % of the variance
    of three body measurements:

    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, variance_explained
    >>> X, y = load_linnerud(return_X_y=True)
    >>> x_share, y_share = variance_explained(LinearCCA(reg=0).fit(X, y), X, y)
    >>> x_share.round(2), y_share.round(2)
    (array([0.41, 0.43, 0.16]), array([0.45, 0.25, 0.3 ]))
    """
    X, y, zx, zy = _views_and_variates(estimator, X, y)
    return _mean_squared_correlations(X, zx), _mean_squared_correlations(y, zy)


def redundancy(
    estimator: LinearCCA, X: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the fraction of the variance of each view that the other view's variates explain.

    This is the redundancy index [1]_, the mean of the squared cross-loadings.

    Parameters
    ----------
    estimator : LinearCCA
        Fitted model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        First view, with at least two rows: the training rows or other ones.
    y : {array-like, sparse matrix} of shape (n_samples, n_features_y) or input of `y_transformer`
        Second view.

    Returns
    -------
    x_redundancy : ndarray of shape (n_components,)
        Fraction of the variance of the standardized columns of X that each variate of y explains,
        in [0, 1].
    y_redundancy : ndarray of shape (n_components,)
        Fraction of the variance of the standardized columns of y that each variate of X explains,
        in [0, 1].

    Raises
    ------
    TypeError
        If `estimator` is not a `LinearCCA`.
    NotFittedError
        If `estimator` is not fitted.
    ValueError
        If the views have different numbers of rows or other columns than in `fit`, or if all columns
        of a view are constant.

    See Also
    --------
    variance_explained : Fraction of the variance of a view that its own variates explain.

    Notes
    -----
    The redundancy of X for component k is

    .. math:: \frac{1}{p} \sum_{j=1}^{p} \operatorname{corr}(x_j, w_k)^2,

    where :math:`x_j` are the p columns of X and :math:`w_k` is the variate of y. On the training rows
    and without a ridge, this is the result of `variance_explained` times the squared canonical
    correlation, and the sum over all components is the mean R2 of the regressions of the columns on
    the other view. With a ridge, or on other rows, the variates are correlated and their fractions
    overlap.

    References
    ----------
    .. [1] D. Stewart and W. Love, "A general canonical correlation index", Psychological Bulletin
       70 (1968).

    Examples
    --------
    Exercises explain about 29 % of the variance of body measurements, almost all of it by the first
    component:

    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, redundancy
    >>> X, y = load_linnerud(return_X_y=True)
    >>> x_redundancy, y_redundancy = redundancy(LinearCCA(reg=0).fit(X, y), X, y)
    >>> y_redundancy.round(2)
    array([0.29, 0.01, 0.  ])
    """
    X, y, zx, zy = _views_and_variates(estimator, X, y)
    return _mean_squared_correlations(X, zy), _mean_squared_correlations(y, zx)


def _views_and_variates(estimator, X, y):
    """Return both views as validated arrays, and the variates of both."""
    refuse_several_views("estimator", estimator, "Fit LinearCCA() to the columns of two views")
    if not isinstance(estimator, LinearCCA):
        raise TypeError(
            f"`estimator` must be a LinearCCA, got a {type(estimator).__name__}. For a Pipeline, pass "
            "its last step, and X transformed by the other steps."
        )
    check_is_fitted(estimator)
    check_pairs(X, y)
    return numbers_and_variates(estimator, X, y)


def _mean_squared_correlations(view, variates):
    """Return the mean over the columns that vary, for each variate."""
    correlations, varying = column_correlations(view, variates)
    if not varying.any():
        raise ValueError(
            "Every column of a view is constant in the given rows, so there is no variance to explain. "
            "Pass more rows."
        )
    return np.mean(correlations[varying] ** 2, axis=0)
