"""Compute the part of a canonical summary that describes one view."""

import numpy as np
from scipy import linalg
from sklearn.utils import Bunch

from skdcca.metrics import column_correlations


def view_summary(columns, names, weights, deviation, own, other):
    """Return the summary of a view, from its columns and the variates of both views.

    `deviation` are the standard deviations of the columns, and `own` and `other` the variates of
    this view and of the other one, in pairs.
    """
    loadings, varying = column_correlations(columns, own)
    cross_loadings, _ = column_correlations(columns, other)
    communalities, r2 = cumulative_r2(columns, own), cumulative_r2(columns, other)
    result = Bunch(
        names=names,
        weights=weights,
        standardized_weights=weights * deviation[:, None],
        loadings=loadings,
        cross_loadings=cross_loadings,
        communalities=communalities[:, -1],
        r2=r2,
    )
    variance = np.where(varying, deviation, 0.0) ** 2
    for suffix, weight in ("", varying.astype(np.float64)), ("_raw", variance):
        result[f"variance_explained{suffix}"] = np.average(loadings**2, axis=0, weights=weight)
        result[f"variance_explained_cumulative{suffix}"] = np.average(
            communalities, axis=0, weights=weight
        )
        result[f"redundancy{suffix}"] = np.average(cross_loadings**2, axis=0, weights=weight)
        result[f"redundancy_cumulative{suffix}"] = np.average(r2, axis=0, weights=weight)
    return result


def cumulative_r2(columns, variates):
    """Return R2 of the regressions of the columns on the first k variates, for each k.

    The variates have mean 0.
    """
    basis = linalg.qr(variates.astype(np.float64), mode="economic")[0]
    correlations, _ = column_correlations(columns, basis)
    return np.minimum(np.cumsum(correlations**2, axis=1), 1.0)
