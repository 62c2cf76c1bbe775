"""Fit the linear model that networks are compared with, on the views themselves."""

import warnings

from skdcca._deep.run import FittedVariates
from skdcca.exceptions import FewSamplesWarning, RankWarning

# On small data this ridge is better than the default, and nowhere much worse.
_REG = "ledoit_wolf"
# A linear model of views with more rows and more columns would need gigabytes.
_MOST = 10_000


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


def held_out_by_linear_model(rows, splits, n_components, kind):
    """Return the variates of the rows that each split holds out, by a linear model of its other rows."""
    inputs = kind.inputs(rows, n_components)
    found = []
    for split in splits:
        with warnings.catch_warnings():
            # The model of all rows warns.
            warnings.simplefilter("ignore", FewSamplesWarning)
            warnings.simplefilter("ignore", RankWarning)
            linear = kind.fit_inputs(rows, split, inputs, n_components, _REG)
        found.append(kind.held_out(rows, split, linear, inputs))
    return kind.pooled(found)


def fit_linear_model(rows, n_components, kind, held_out=None):
    """Fit the linear model to all rows.

    Parameters
    ----------
    rows : FitRows
        Rows of the fit.
    n_components : int
        Number of components.
    kind : TwoViews or SeveralViews
        Kind of the fit.
    held_out : HeldOutVariates or SeveralHeldOut, default=None
        Variates of held-out rows, by linear models of other rows.

    Returns
    -------
    fitted : FittedVariates
        The model, without networks.
    """
    inputs = kind.inputs(rows, n_components)
    whole = rows.hold_out(0, 0)
    linear = kind.fit_inputs(rows, whole, inputs, n_components, _REG)
    states = (None,) * len(rows.views)
    return FittedVariates(states, linear, whole, None, held_out, [], n_networks=0)
