"""Estimate the correlations of several views on rows that were left out, from one fit.

With its ridge, a view i is related to the others by its smoother :math:`H_i`: at the solution, its
variate is :math:`z_i = H_i s_i`, with s_i a combination of the variates of the other views. As in ridge
regression [1]_, the variate of a row that was left out is therefore

.. math:: \\frac{z_i - h_i s_i}{1 - h_i} + \\frac{s_i}{n - 1}

with the leverage h_i of the row, its diagonal element of :math:`H_i` plus 1 / n. The second term
takes away the mean of s_i over the other rows. The other variates of the row stay as they are.

.. [1] G. C. Cawley and N. L. C. Talbot, "Efficient leave-one-out cross-validation of kernel Fisher
   discriminant classifiers", Pattern Recognition 36 (2003).
"""

import numpy as np
from scipy.sparse import issparse

from skdcca._cca.multiview_solution import pairs_of
from skdcca._utils.blocks import as_dense

# Rows whose leverages are computed; the difference that leaving out makes is then known well enough.
_MOST_ROWS = 5000
# A row with leverage 1 decides its own variate.
_MOST_LEVERAGE = 0.9999


class Influence:
    """Variates of some training rows of all views, and their leverages.

    Attributes
    ----------
    variates : ndarray of shape (n_views, n_rows, n_components)
        Variates; NaN where a row lacks a view.
    leverages : ndarray of shape (n_views, n_rows)
        Leverages of rows that are left out once, whatever their weights; NaN where a row lacks a view.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    totals : ndarray of shape (n_views,)
        Sums of the weights of all training rows of each view.
    """

    def __init__(self, variates, leverages, weight, totals):
        self.variates, self.leverages = variates, leverages
        self.weight, self.totals = weight, totals

    def left_out(self, correlations):
        """Return the variates as if each row had been left out.

        `correlations` are those of the training rows, of shape (n_pairs, n_components).
        """
        n_views = len(self.variates)
        known = np.nan_to_num(self.variates)
        balance = n_views / np.sum(~np.isnan(self.leverages), axis=0)
        lengths, values = _parts(correlations, n_views)
        # The sum of the other variates, each with the length of its part of the eigenvector.
        weighted = known * lengths[:, None]
        others = (weighted.sum(axis=0) - weighted) * balance[:, None]
        scale = np.maximum(values * lengths, 1e-12)
        target = others / scale[:, None]
        leverage = np.minimum(self.leverages, _MOST_LEVERAGE)[:, :, None]
        predicted = (self.variates - leverage * target) / (1 - leverage)
        # A variate has mean 0 over the rows that are left; a regression has the mean of its target.
        return predicted + target / (self.totals - 1)[:, None, None]


def _parts(correlations, n_views):
    """Return the lengths of the parts of each eigenvector, and what the other views contribute to it."""
    matrix = np.zeros((correlations.shape[1], n_views, n_views))
    for (i, j), r in zip(pairs_of(n_views), correlations, strict=True):
        matrix[:, i, j] = matrix[:, j, i] = r
    values, vectors = np.linalg.eigh(matrix)
    return np.abs(vectors[:, :, -1]).T, values[:, -1]


def leave_one_out(influence, correlations, true_correlations):
    """Return estimates of the correlations of the pairs on new rows, of shape (n_pairs, n_components).

    Parameters
    ----------
    influence : Influence
        Training rows.
    correlations : ndarray of shape (n_pairs, n_components)
        Values of the objective.
    true_correlations : ndarray of shape (n_pairs, n_components)
        Correlations of all training rows. What leaving out changes in the rows of `influence` is added
        to them, so that the choice of these rows hardly matters.
    """
    left_out = influence.left_out(correlations)
    change = _correlations(left_out, influence.weight) - _correlations(
        influence.variates, influence.weight
    )
    return np.clip(true_correlations + change, -1.0, 1.0)


def _correlations(variates, weight):
    found = []
    for i, j in pairs_of(len(variates)):
        both = ~np.isnan(variates[i, :, 0] + variates[j, :, 0])
        pair = [_centered(variates[k, both], weight[both]) for k in (i, j)]
        products = np.einsum("n,nk,nk->k", weight[both], *pair)
        squares = [np.einsum("n,nk,nk->k", weight[both], z, z) for z in pair]
        scale = np.sqrt(squares[0]) * np.sqrt(squares[1])
        found.append(np.divide(products, scale, out=np.zeros_like(scale), where=scale > 0))
    return np.array(found)


def _centered(z, weight):
    return z - (weight @ z) / weight.sum()


def influence_of_moments(views, rows, weights, directions):
    """Return the `Influence` of rows in memory, for views that are decomposed by their moments.

    `weights` are those of the scaled columns of each view.
    """

    def of_view(i, places, weight):
        view, total = views[i], rows.total_weight(i)
        scaled = _scaled(view, rows.views[i], places)
        whitened = view.whiten(scaled[:, view.kept].T)
        leverage = np.einsum("ij,ij->j", whitened, whitened) / (total - 1)
        return scaled @ weights[i], leverage

    return _influence(rows, weights[0].shape[1], of_view)


def influence_of_rows(views, rows, weights, directions):
    """Return the `Influence` of rows in memory, for views that are decomposed by singular values."""

    def of_view(i, places, weight):
        # Rows of the decomposition keep the root of their weight as a factor.
        shrunk = views[i].left[places] * views[i].shrink
        unit = np.sqrt(rows.total_weight(i) - 1) / np.sqrt(weight)
        return shrunk @ directions[i] * unit[:, None], np.einsum(
            "ij,ij->i", shrunk, shrunk
        ) / weight

    return _influence(rows, weights[0].shape[1], of_view)


def _influence(rows, n_components, of_view):
    """Return the `Influence` of some rows.

    ``of_view(i, places, weight)`` returns the variates and leverages of a view, without those of its
    mean, for places among the rows that have the view.
    """
    chosen = spread_rows(len(rows.present))
    n_views, weight = rows.present.shape[1], rows.weight[chosen]
    variates = np.full((n_views, len(chosen), n_components), np.nan)
    leverages = np.full((n_views, len(chosen)), np.nan)
    for i in range(n_views):
        has = rows.present[chosen, i]
        places = np.cumsum(rows.present[:, i])[chosen[has]] - 1
        variates[i, has], leverage = of_view(i, places, weight[has])
        leverages[i, has] = leverage + 1 / rows.total_weight(i)
    return Influence(variates, leverages, weight, rows.total_weights)


def spread_rows(n):
    """Return evenly spaced rows, at most 5000."""
    return np.unique(np.linspace(0, n - 1, min(n, _MOST_ROWS)).astype(int))


def _scaled(view, rows, places):
    """Return rows of a view, centered and divided by the scales of the columns; constant ones are 0."""
    some = as_dense(rows[places]) if issparse(rows) else rows[places]
    return np.where(view.spread > 0, (some - view.mean) / view.scale, 0.0)
