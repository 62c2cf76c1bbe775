"""Count how often the columns of two views are selected in half samples."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.utils.parallel import Parallel, delayed

from skdcca._cca.sparse_path import PairFit, begin_component
from skdcca._utils.labels import halves


class SelectionStability(NamedTuple):
    """Fractions of half samples in which a component selects a column.

    Attributes
    ----------
    x_frequencies : ndarray of shape (n_features_in_, n_components_)
        Selection frequency of each column of X, in [0, 1].
    y_frequencies : ndarray of shape (n_features_y_, n_components_)
        Selection frequency of each column of y.
    """

    x_frequencies: NDArray
    y_frequencies: NDArray


def selection_frequencies(views, thresholds, settings, variates, units, seeds, n_jobs):
    """Return the `SelectionStability` of random halves of the rows.

    Parameters
    ----------
    views : tuple of Standardized
        Both views.
    thresholds : ndarray of shape (n_components, 2)
        Thresholds of each component.
    settings : Settings
        Parameters of a fit.
    variates : ndarray of shape (n_samples, n_components)
        Variates of X in the model whose components are counted.
    units : ndarray of int
        Number of the group of each row; a group stays in one half.
    seeds : sequence of int
        Seed of each split into halves.
    n_jobs : int or None
        Number of splits that are computed in parallel.
    """
    found = Parallel(n_jobs=n_jobs)(
        delayed(_count)(
            views, thresholds, settings, variates, halves(units, np.random.default_rng(seed))
        )
        for seed in seeds
    )
    counts = (np.sum(of_view, axis=0) for of_view in zip(*found, strict=True))
    return SelectionStability(*(count / (2 * len(seeds)) for count in counts))


def _count(views, thresholds, settings, variates, rows_of_halves):
    """Return the numbers of halves, 0 to 2, in which each component selects each column."""
    x, y = views
    fits = [PairFit(x.values, y.values, half, settings) for half in rows_of_halves]
    selected = [[] for _ in fits]
    for l1 in thresholds:
        begin_component(fits)
        for fit, own in zip(fits, selected, strict=True):
            fit.follow(tuple(l1))
            weights = fit.weights()
            own.append(weights)
            fit.finish(weights)
    counts = [np.zeros((view.values.shape[1], len(thresholds))) for view in views]
    for fit, own in zip(fits, selected, strict=True):
        order = _matching(fit, variates)
        for side, count in enumerate(counts):
            count += np.column_stack([own[i][side] != 0 for i in order])
    return counts


def _matching(fit, variates):
    """Return the component of a fit that belongs to each component of the model."""
    all_rows = np.arange(len(variates))
    own = np.column_stack([fit.x.project(all_rows, weights) for weights in fit.x.weights.T])
    agreement = np.abs((own - own.mean(axis=0)).T @ (variates - variates.mean(axis=0)))
    # A component without any weight agrees with none.
    norms = np.linalg.norm(own, axis=0)
    agreement /= np.where(norms > 0, norms, 1.0)[:, None]
    components, order = linear_sum_assignment(-agreement)
    return components[np.argsort(order)]
