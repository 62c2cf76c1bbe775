"""Compute the classical multivariate statistics of canonical correlations."""

import numpy as np
from scipy import stats
from sklearn.utils import Bunch


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


def multivariate_tests(correlations, n, p, q):
    """Return the four statistics of the hypothesis that the views are unrelated.

    The arguments are all canonical correlations of `n` rows, and the ranks `p` and `q` of the views.
    Each value has a `statistic`, its approximation `f` with `df1` and `df2`, and a `p_value`. Wilks'
    `f` is Rao's. The `f` of Roy is an upper bound, so that its p-value is too small. Roy's
    `statistic` is the squared correlation; its `eigenvalue` is r^2 / (1 - r^2), which SAS prints. With
    n = p + q + 1 rows, the trace of Hotelling and Lawley has no approximation, and its p-value is 1.
    """
    squares = np.asarray(correlations) ** 2
    s, m = min(p, q), (abs(p - q) - 1) / 2
    error = (n - p - q - 2) / 2
    with np.errstate(divide="ignore"):
        eigenvalues = squares / (1 - squares)
    result = {
        "wilks": _wilks(correlations, n, p, q),
        "pillai": _pillai(squares.sum(), s, m, error),
        "hotelling_lawley": _hotelling_lawley(eigenvalues.sum(), s, m, error, p * q),
        "roy": _roy(eigenvalues.max(), n, max(p, q)),
    }
    result["roy"].update(statistic=squares.max(), eigenvalue=eigenvalues.max())
    return result


def _wilks(correlations, n, p, q):
    rows = wilks_statistics(np.asarray(correlations), n, p, q)
    return _test(rows["wilks"][0], rows["f"][0], rows["f_df1"][0], rows["f_df2"][0])


def _pillai(trace, s, m, error):
    df1, df2 = s * (2 * m + s + 1), s * (2 * error + s + 1)
    with np.errstate(divide="ignore"):
        return _test(trace, np.divide(trace, max(s - trace, 0.0)) * df2 / df1, df1, df2)


def _hotelling_lawley(trace, s, m, error, columns):
    df1, df2 = s * (2 * m + s + 1), 2 * (s * error + 1)
    if df2 <= 0:
        return Bunch(statistic=trace, f=0.0, df1=df1, df2=0, p_value=1.0)
    if error <= 0:  # too few rows for McKeon's approximation
        return _test(trace, df2 * trace / s / df1, df1, df2)
    below = 2 * (2 * error + 1) * (error - 1)
    above = (s + 2 * error) * (2 * m + s + 1 + 2 * error)
    df2 = 4 + (columns + 2) * below / (above - below)
    c = (df2 - 2) / (2 * error)
    return _test(trace, trace / c * df2 / columns, columns, df2)


def _roy(eigenvalue, n, largest):
    df2 = n - 1 - largest
    return _test(eigenvalue, eigenvalue * df2 / largest, largest, df2)


def _test(statistic, f, df1, df2):
    return Bunch(statistic=statistic, f=f, df1=df1, df2=df2, p_value=stats.f.sf(f, df1, df2))
