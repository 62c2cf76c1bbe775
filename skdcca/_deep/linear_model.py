"""Fit the linear model that networks are compared with, on the views themselves."""

import warnings
from functools import partial

import numpy as np
from sklearn.utils import gen_batches

from skdcca._cca import LinearCCA
from skdcca._deep.batches import in_file
from skdcca._deep.encodings import LocalBlocks, fit_in_group
from skdcca._deep.run import FittedVariates, held_out_variates, pooled
from skdcca.exceptions import RankWarning

# On small data this ridge is better than the default, and nowhere much worse.
_REG = "ledoit_wolf"
# A linear model of views with more rows and more columns would need gigabytes.
_MOST = 10_000
# Rows of a file are read in blocks of at most this many numbers.
_NUMBERS = 2**22


def why_no_linear_model(shapes, n_rows, distributed=False):
    """Return why no linear model is fitted to samples of these shapes, or an empty text."""
    if any(len(shape) > 1 for shape in shapes):
        return "samples have more than one axis"
    if max(shape[0] for shape in shapes) <= _MOST:
        return ""
    if distributed:
        return f"a view has more than {_MOST} columns, too many for several processes"
    if n_rows <= _MOST:
        return ""
    return f"the views have more than {_MOST} rows and more than {_MOST} columns"


def linear_inputs(view, n_components):
    """Return a view with at least as many columns as components; added columns are constant.

    Components beyond the columns of a view then have correlation 0, as those beyond its rank.
    """
    lacking = n_components - view.shape[1]
    return np.pad(view, ((0, 0), (0, lacking))) if lacking > 0 else view


def held_out_by_linear_model(rows, splits, n_components):
    """Return the variates of the rows that each split holds out, by a linear model of its other rows."""
    inputs = _inputs(rows, n_components)
    found = []
    for split in splits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RankWarning)  # the model of all rows tells
            linear = _fit(rows, split, inputs, n_components)
        found.append(held_out_variates(rows, split, linear, inputs))
    return pooled(found)


def fit_linear_model(rows, n_components, held_out=None):
    """Fit the linear model to all rows.

    Parameters
    ----------
    rows : FitRows
        Rows of the fit.
    n_components : int
        Number of components.
    held_out : HeldOutVariates, default=None
        Variates of held-out rows, by linear models of other rows.

    Returns
    -------
    fitted : FittedVariates
        The model, without networks.
    """
    inputs = _inputs(rows, n_components)
    whole = rows.hold_out(0, 0)
    linear = _fit(rows, whole, inputs, n_components)
    return FittedVariates((None, None), linear, whole, None, held_out, [], n_networks=0)


def _inputs(rows, n_components):
    return tuple(linear_inputs(view, n_components) for view in rows.views)


def _fit(rows, split, inputs, n_components):
    """Fit a linear model to the training rows of all processes."""
    linear, group = LinearCCA(n_components, reg=_REG), rows.process_group
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


def _blocks(inputs, positions, weight):
    """Yield rows of both views in blocks, so that views in files are not in memory as a whole."""
    step = max(1, _NUMBERS // sum(view.shape[1] for view in inputs))
    for some in gen_batches(len(positions), step):
        block = [view[positions[some]] for view in inputs]
        yield tuple(block) if weight is None else (*block, weight[some])
