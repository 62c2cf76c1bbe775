"""Test canonical correlations with Wilks' lambda, the classical likelihood ratio test."""

import numpy as np
from scipy import linalg, stats
from sklearn.utils import Bunch

from skdcca._cca import LinearCCA, ridges_of, singular_views


def wilks_test(estimator, X, y):
    """Return Wilks' lambda, its approximations and their p-values for a `LinearCCA`."""
    if not isinstance(estimator, LinearCCA):
        raise TypeError(
            f"`estimator` must be a LinearCCA with method='wilks', got a {type(estimator).__name__}. "
            "Use method='permutation'."
        )
    if any(ridges_of(estimator)):
        raise ValueError(
            f"`reg` must be 0 with method='wilks', got {ridges_of(estimator)!r}. Set it to 0, or use "
            "method='permutation', because a ridge changes the distribution of the correlations."
        )
    x_view, y_view = singular_views(estimator, X, y)
    (n, p), q = x_view.left.shape, y_view.left.shape[1]
    if n <= p + q:
        raise ValueError(
            "method='wilks' needs more rows than the sum of the ranks of both views, got "
            f"{n} rows and ranks {p} + {q}. Use method='permutation' with LinearCCA(), or pass "
            "fewer columns."
        )
    correlations = linalg.svdvals(x_view.left.T @ y_view.left)
    result = wilks_statistics(np.clip(correlations, 0.0, 1.0), n, p, q)
    return Bunch(**{name: values[: estimator.n_components] for name, values in result.items()})


def wilks_statistics(correlations, n, p, q):
    """Return Wilks' lambda and its approximations by Bartlett and Rao.

    The arguments are all canonical correlations of `n` rows, and the ranks `p` and `q` of the views.
    """
    wilks = np.cumprod((1 - correlations**2)[::-1])[::-1]
    p, q = p - np.arange(len(wilks)), q - np.arange(len(wilks))
    # Later components use the same factor as the first one.
    w = n - (p[0] + q[0] + 3) / 2
    # If a correlation is 1, lambda is 0 and both statistics are infinite.
    with np.errstate(divide="ignore"):
        chi2 = -w * np.log(wilks)
    above = p**2 + q**2 - 5
    t = np.sqrt(np.where(above > 0, (p**2 * q**2 - 4) / np.where(above > 0, above, 1), 1.0))
    df1, df2 = p * q, w * t - p * q / 2 + 1
    with np.errstate(divide="ignore"):
        f = (wilks ** (-1 / t) - 1) * df2 / df1
    return {
        "correlations": correlations,
        "p_values": stats.f.sf(f, df1, df2),
        "wilks": wilks,
        "chi2": chi2,
        "chi2_df": p * q,
        "chi2_p_values": stats.chi2.sf(chi2, p * q),
        "f": f,
        "f_df1": df1,
        "f_df2": df2,
    }
