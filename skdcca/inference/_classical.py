"""Test canonical correlations of normal data by Wilks' lambda or the largest root."""

import numpy as np
from sklearn.utils import Bunch

from skdcca._cca import ridges_of
from skdcca._utils.sklearn_compat import num_samples
from skdcca.inference._largest_root import largest_root_chain
from skdcca.inference._parametric import multivariate_tests, wilks_statistics
from skdcca.inference._reduced import correlations_of_views, linear_part, reduced_views


def wilks_test(estimator, X, y, confounds=None):
    """Return Wilks' lambda of each component, and the tests that all correlations are 0."""
    k, *arguments = _correlations_and_sizes("wilks", estimator, X, y, confounds)
    rows = {name: values[:k] for name, values in wilks_statistics(*arguments).items()}
    return Bunch(**rows, multivariate_tests=multivariate_tests(*arguments))


def roy_test(estimator, X, y, confounds=None):
    """Return the p-values of the sequential test of the largest root."""
    k, *arguments = _correlations_and_sizes("roy", estimator, X, y, confounds)
    p_values = np.asarray(largest_root_chain(*arguments))
    return Bunch(correlations=arguments[0][:k], p_values=p_values[:k])


def _correlations_and_sizes(method, estimator, X, y, confounds):
    """Return `n_components`, all correlations, the number of rows and the ranks of the views."""
    found = linear_part(estimator, X, y)
    if found is None:
        raise TypeError(
            f"`estimator` must be a LinearCCA with method={method!r}, got a "
            f"{type(estimator).__name__}. Steps of a Pipeline before it must not depend on y. Use "
            "method='permutation'."
        )
    model, features = found
    if any(ridges_of(model)):
        raise ValueError(
            f"`reg` must be 0 with method={method!r}, got {ridges_of(model)!r}. Set it to 0, or use "
            "method='permutation', because a ridge changes the distribution of the correlations."
        )
    x_view, y_view, n = reduced_views(model, features, y, confounds)
    _check_rows(method, num_samples(X), n, x_view.rank, y_view.rank)
    correlations = correlations_of_views(x_view, y_view)
    return model.n_components, correlations, n, x_view.rank, y_view.rank


def _check_rows(method, n_samples, n, p, q):
    if n <= p + q:
        less = f" less {n_samples - n} confounds" if n < n_samples else ""
        raise ValueError(
            f"method={method!r} needs more rows than the sum of the ranks of both views, got "
            f"{n_samples} rows{less} and ranks {p} + {q}. Use method='permutation' with LinearCCA(), or "
            "pass fewer columns."
        )
