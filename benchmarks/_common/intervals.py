"""Confidence intervals."""

import numpy as np


def interval(values, clusters, n_resamples=2000):
    """Return the 95% bootstrap interval of the mean, resampling whole clusters."""
    _, cluster = np.unique(clusters, return_inverse=True)
    totals, sizes = np.bincount(cluster, values), np.bincount(cluster)
    drawn = np.random.default_rng(0).integers(len(sizes), size=(n_resamples, len(sizes)))
    means = totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return np.quantile(means, [0.025, 0.975]).tolist()
