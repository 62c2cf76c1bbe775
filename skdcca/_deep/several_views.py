"""Define the networks, the loss and the linear model for a fit of several views."""

from itertools import pairwise

import numpy as np

from skdcca._cca import MultiCCA, pairs_of
from skdcca._deep.encodings import check_alive
from skdcca._deep.networks import Branches
from skdcca._deep.pair_losses import PairLosses
from skdcca._deep.several_held_out import MeasurePairs, SeveralHeldOut
from skdcca._utils.warnings import warn
from skdcca.exceptions import RankWarning
from skdcca.losses import build_objective


class SeveralViews:
    """Networks, loss and linear model for several views; `TwoViews` is the counterpart for two.

    Parameters
    ----------
    names : list of str
        Names of the views.
    n_outputs : int
        Number of outputs of each network, and of components.
    """

    def __init__(self, names, n_outputs):
        self.names, self.n_outputs = names, n_outputs

    def module(self, networks):
        """Return the module of all networks."""
        return Branches(networks, self.n_outputs)

    def objective(self, loss, group):
        """Return the module that computes the loss of all pairs."""
        n_views = len(self.names)
        losses = [build_objective(loss, group) for _ in pairs_of(n_views)]
        return PairLosses(losses, n_views)

    def measure(self, rows, split, reg):
        """Return the callback that measures the correlations on held-out rows."""
        return MeasurePairs(self, rows, split, reg)

    def fit_encodings(self, rows, split, encodings, n_components, reg):
        """Fit the linear model on the outputs for the training rows."""
        present, views, weight = _training_rows(rows, split, encodings)
        return self.fit_alive(present, views, reg, weight)

    def fit_alive(self, present, encodings, reg, weight=None):
        """Fit the linear model on outputs, given for the rows that have the view."""
        for name, view in zip(self.names, encodings, strict=True):
            check_alive(f"the view {name!r}", view)
        return self.fit_linear(present, encodings, reg, weight)

    def whitening(self, linear):
        """Return the mean and the weights of the linear model for each view."""
        return [(linear.means_[name], linear.weights_[name]) for name in self.names]

    def held_out(self, rows, split, linear, inputs):
        """Return the variates of the held-out rows, or None if none are held out."""
        if not len(split.held_out):
            return None
        parts = [view[rows.of_view(i, split.held_out)] for i, view in enumerate(inputs)]
        return self.project(rows, split, linear, parts)

    def project(self, rows, split, linear, inputs):
        """Return the variates of the held-out rows, given the inputs of each view for them."""
        held_out = split.held_out
        variates = np.full((len(inputs), len(held_out), linear.n_components_), np.nan)
        for i, (name, view) in enumerate(zip(self.names, inputs, strict=True)):
            if len(view):
                variates[i, rows.present[held_out, i]] = linear._project(name, view)
        return SeveralHeldOut(variates, held_out)

    def pooled(self, found):
        """Return the held-out variates of several folds as one, or None if no rows are held out."""
        if found[0] is None:
            return None
        variates, rows = zip(*found, strict=True)
        return SeveralHeldOut(np.concatenate(variates, axis=1), np.concatenate(rows))

    def inputs(self, rows, n_components):
        """Return the inputs of a linear model on the views themselves."""
        return rows.views

    def fit_inputs(self, rows, split, inputs, n_components, reg):
        """Fit a linear model to the training rows."""
        present, views, weight = _training_rows(rows, split, inputs)
        return self.fit_linear(present, views, reg, weight)

    def fit_linear(self, present, views, reg, weight=None):
        """Fit `MultiCCA` on the rows of each view; components beyond the rank have weights of 0."""
        bounds = np.cumsum([0, *(view.shape[1] for view in views)]).tolist()
        sides = [slice(*pair) for pair in pairwise(bounds)]
        dtype = np.result_type(*(view.dtype for view in views))
        table = np.full((len(present), bounds[-1]), np.nan, dtype=dtype)
        for side, view, has in zip(sides, views, present.T, strict=True):
            table[has, side] = view
        # A view has no more directions than rows or columns, unless some of them depend on others.
        triples = [
            (name, "passthrough", side) for name, side in zip(self.names, sides, strict=True)
        ]
        rank = min(min(view.shape[1], len(view) - 1) for view in views)
        linear = MultiCCA(triples, min(self.n_outputs, rank), reg=reg)
        try:
            linear.fit(table, sample_weight=weight)
        except ValueError:  # the rank may be smaller; otherwise the same error is raised again
            linear.set_params(n_components=None).fit(table, sample_weight=weight)
        return _resized(linear, self.n_outputs)


def _training_rows(rows, split, inputs):
    """Return which views the training rows have, the inputs of each view, and the weights."""
    positions, weight = rows.of_training(split)
    views = [view[rows.of_view(i, positions)] for i, view in enumerate(inputs)]
    return rows.present[positions], views, weight


def _resized(linear, n_components):
    """Return the model with this number of components; further ones have correlation 0."""
    k = linear.n_components_
    if k == n_components:
        return linear
    if k < n_components:
        warn(
            f"n_components={n_components} exceeds the rank of a view, which is {k}. The last "
            f"{n_components - k} components have correlation 0 and weights of 0. Set n_components to "
            f"{k} or less.",
            RankWarning,
        )
    for name in linear.weights_:
        linear.weights_[name] = _with_columns(linear.weights_[name], n_components)
        linear.loadings_[name] = _with_columns(linear.loadings_[name], n_components)
    linear._pair_correlations = _with_columns(linear._pair_correlations, n_components)
    linear._deviations = _with_columns(linear._deviations, n_components)
    if linear._left_out is not None:
        linear._left_out = _with_columns(linear._left_out, n_components)
    linear.canonical_correlations_ = linear._pair_correlations.mean(axis=0)
    linear.n_components_ = linear.n_components = n_components
    return linear


def _with_columns(array, n_columns):
    """Return the first columns of an array, with columns of zeros if it has too few."""
    array = array[:, :n_columns]
    return np.pad(array, ((0, 0), (0, n_columns - array.shape[1])))
