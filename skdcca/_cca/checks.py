"""Check the arguments that linear and kernel CCA share."""

import numpy as np

from skdcca._utils.sklearn_compat import check_sample_weight
from skdcca._utils.validation import is_number


def check_reg(reg):
    """Return the ridges of both views, or raise ValueError."""
    pair = tuple(reg) if isinstance(reg, (tuple, list, np.ndarray)) else (reg, reg)
    if len(pair) != 2 or not all(is_number(value, ge=0) for value in pair):
        raise ValueError(f"`reg` must be a finite number >= 0 or a pair of them, got {reg!r}.")
    return pair


def check_weight(sample_weight, X, *, complete=True):
    """Return the weights as an array, or None if `sample_weight` is None.

    At least two weights must be positive, and their sum must exceed 1. Set ``complete=False`` to
    skip this check because more rows follow.
    """
    if sample_weight is None:
        return None
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
