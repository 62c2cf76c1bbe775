"""Define the networks, the loss and the linear model for a fit of two views."""

from functools import partial

import numpy as np
from sklearn.utils import gen_batches

from skdcca._cca import LinearCCA
from skdcca._deep.batches import blocks_of_rows, in_file
from skdcca._deep.decision import HeldOutVariates
from skdcca._deep.encodings import LocalBlocks, fit_in_group, fit_linear
from skdcca._deep.networks import TwoBranches
from skdcca._deep.training import HeldOut
from skdcca.losses import build_objective

# Rows of a file are read in blocks of at most this many numbers.
_NUMBERS = 2**22


class TwoViews:
    """Networks, loss and linear model for two views; `SeveralViews` is the counterpart for more."""

    def module(self, networks):
        """Return the module of both networks."""
        return TwoBranches(*networks)

    def objective(self, loss, group):
        """Return the module that computes the loss."""
        return build_objective(loss, group)

    def measure(self, rows, split, reg):
        """Return the callback that measures the correlations on held-out rows."""
        linear, weight = LinearCCA(reg=reg), rows.weights.of(split.held_out)
        return HeldOut(*rows.views, rows.of_held_out(split), linear, rows.process_group, weight)

    def fit_encodings(self, rows, split, encodings, n_components, reg):
        """Fit the linear model on the outputs for the training rows of all processes."""
        positions, weight = rows.of_training(split)
        # Only encodings that are used as they are may have more columns than there are training rows.
        linear = LinearCCA(min(n_components, len(split.training) - 1), reg=reg)
        zx, zy = (z[positions] for z in encodings)
        group = rows.process_group
        return group.broadcast(fit_linear(linear, zx, zy, group, weight))

    def whitening(self, linear):
        """Return the mean and the weights of the linear model for each view."""
        return (linear.x_mean_, linear.x_weights_), (linear.y_mean_, linear.y_weights_)

    def held_out(self, rows, split, linear, inputs):
        """Return the variates of the held-out rows of all processes, or None if none are held out.

        `inputs` are both inputs of the linear model, for all local rows.
        """
        if not len(split.held_out):
            return None
        local, group = rows.of_held_out(split), rows.process_group
        zx = group.gather_rows(_project(linear._project_x, inputs[0], local))
        zy = group.gather_rows(_project(linear._project_y, inputs[1], local))
        return HeldOutVariates(zx, zy, split.held_out)

    def pooled(self, found):
        """Return the held-out variates of several folds as one, or None if no rows are held out."""
        if found[0] is None:
            return None
        return HeldOutVariates(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def inputs(self, rows, n_components):
        """Return the inputs of a linear model on the views themselves."""
        return tuple(linear_inputs(view, n_components) for view in rows.views)

    def fit_inputs(self, rows, split, inputs, n_components, reg):
        """Fit a linear model to the training rows of all processes."""
        linear, group = LinearCCA(n_components, reg=reg), rows.process_group
        positions, weight = rows.of_training(split)
        if any(map(in_file, inputs)):
            blocks = partial(_blocks, inputs, positions, weight)
            if group.distributed:
                local = LocalBlocks(blocks, inputs, len(positions), group)
                return group.broadcast(linear.fit_blocks(local))
            # With more columns than rows, covariances would need more memory than the rows themselves.
            if len(positions) > max(view.shape[1] for view in inputs):
                return linear.fit_blocks(blocks)
        if not group.distributed and len(positions) == len(inputs[0]):
            return linear.fit(*inputs, weight)
        x, y = (view[positions] for view in inputs)
        return group.broadcast(fit_in_group(linear, x, y, group, weight))


def linear_inputs(view, n_components):
    """Return a view with at least as many columns as components; added columns are constant.

    Components beyond the columns of a view then have correlation 0, as those beyond its rank.
    """
    lacking = n_components - view.shape[1]
    return np.pad(view, ((0, 0), (0, lacking))) if lacking > 0 else view


def _project(function, view, rows):
    """Project rows in blocks, because a view may be in a file."""
    blocks = blocks_of_rows(rows, view.shape[1])
    return np.concatenate([function(view[block]) for block in blocks])


def _blocks(inputs, positions, weight):
    """Yield rows of both views in blocks, so that views in files are not in memory as a whole."""
    step = max(1, _NUMBERS // sum(view.shape[1] for view in inputs))
    for some in gen_batches(len(positions), step):
        block = [view[positions[some]] for view in inputs]
        yield tuple(block) if weight is None else (*block, weight[some])
