"""Check the arguments that linear and kernel CCA share."""

import numpy as np

from skdcca._utils.row_order import check_row_order
from skdcca._utils.sklearn_compat import check_sample_weight
from skdcca._utils.validation import is_number
from skdcca._utils.warnings import warn
from skdcca.exceptions import PerfectCorrelationWarning, PrecisionWarning


def check_reg(reg, y_reg=None, names=()):
    """Return the ridges of both views, or raise ValueError.

    Parameters
    ----------
    reg : float, str, or pair of them
        Ridge of both views, or a pair of ridges.
    y_reg : float or str, default=None
        Ridge of the second view. If None, it is given by `reg`.
    names : sequence of str, default=()
        Allowed names of ridges that are chosen from the data.
    """
    is_pair = isinstance(reg, (tuple, list, np.ndarray))
    pair = tuple(reg) if is_pair else (reg, reg)
    if len(pair) != 2 or not all(is_ridge(value, names) for value in pair):
        raise ValueError(f"`reg` must be {_allowed(names)}, or a pair of them, got {reg!r}.")
    if y_reg is None:
        return pair
    if is_pair:
        raise ValueError(
            f"`reg` must be a single ridge if `y_reg` is set, got {reg!r}. Set `reg` to the ridge of X, "
            "or `y_reg` to None."
        )
    if not is_ridge(y_reg, names):
        raise ValueError(f"`y_reg` must be {_allowed(names)}, or None, got {y_reg!r}.")
    return reg, y_reg


def is_ridge(value, names=()):
    """Return True if the value is a ridge, or a name of a rule that chooses one from the data."""
    return value in names if isinstance(value, str) else is_number(value, ge=0)


def _allowed(names):
    listed = "".join(f"{name!r}, " for name in sorted(names))
    return f"{listed}or a finite number >= 0" if listed else "a finite number >= 0"


def check_weight(sample_weight, X, *, complete=True):
    """Return the weights as an array, or None if `sample_weight` is None.

    At least two weights must be positive, and their sum must exceed 1. Set ``complete=False`` to
    skip this check because more rows follow.
    """
    if sample_weight is None:
        return None
    check_row_order(X, sample_weight, names=("X", "sample_weight"))
    weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    total, n_weighted = weight.sum(), np.count_nonzero(weight)
    if complete and (total <= 1 or n_weighted < 2):
        raise ValueError(
            "`sample_weight` must have two or more positive values and sum to more than 1, got "
            f"{n_weighted} positive values with the sum {total:.3g}. Pass more or larger weights: a "
            "weight of 2 counts as two rows."
        )
    return weight


def without_zero_weights(X, y, sample_weight):
    """Return the views and weights without the rows whose weight is 0."""
    if sample_weight is None:
        return X, y, None
    weighted = sample_weight > 0
    return X[weighted], y[weighted], sample_weight[weighted]


def warn_perfect_correlations(views, n_rows, remedy, counted="n_samples"):
    """Warn if correlations without a ridge are 1 whatever the data are.

    The centered views span subspaces of a space of ``n_rows - 1`` dimensions. If their dimensions sum
    to more than that, they intersect. The warning says that `n_rows` is `counted`.
    """
    ranks = [view.rank for view in views]
    n_perfect = int(min(*ranks, sum(ranks) - (n_rows - 1)))
    if n_perfect > 0 and not any(view.reg for view in views):
        found = "1 canonical correlation is"
        if n_perfect > 1:
            found = f"{n_perfect} canonical correlations are"
        warn(
            f"X has rank {ranks[0]} and y has rank {ranks[1]}. Their sum exceeds {counted} - 1 = "
            f"{n_rows - 1:g}, so {found} 1 whatever the data are. {remedy}",
            PerfectCorrelationWarning,
        )


def warn_imprecise(counts):
    """Warn if directions of a view were lost or have few correct digits."""
    for name, n_imprecise in zip("Xy", counts, strict=True):
        if n_imprecise:
            warn(
                f"The covariances of {name} are mostly rounding errors in {n_imprecise} directions, "
                "whose correlations may be lost. Use fit on dense views, or fit_blocks with a list, "
                "unless columns are exact copies or sums of others.",
                PrecisionWarning,
            )
