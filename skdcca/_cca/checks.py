"""Checks of the arguments that the models of this wing share."""

import numpy as np

from skdcca._utils.sklearn_compat import check_sample_weight
from skdcca._utils.validation import is_number


def check_reg(reg):
    """Return the ridges of both views."""
    pair = tuple(reg) if isinstance(reg, (tuple, list, np.ndarray)) else (reg, reg)
    if len(pair) != 2 or not all(is_number(value, ge=0) for value in pair):
        raise ValueError(f"`reg` must be a finite number >= 0 or a pair of them, got {reg!r}.")
    return pair


def check_weight(sample_weight, X, *, complete=True):
    """Return the weights as an array, or None if there are none.

    ``complete=False`` is for some rows out of many: only the weights of all rows must be enough for a
    variance.
    """
    if sample_weight is None:
        return None
    weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    total, n_weighted = weight.sum(), np.count_nonzero(weight)
    if complete and (total <= 1 or n_weighted < 2):
        raise ValueError(
            "`sample_weight` must be positive in two or more rows and sum to more than 1, got the sum "
            f"{total:.3g} in {n_weighted} rows. A weight counts as that many rows."
        )
    return weight


def without_zero_weights(X, y, sample_weight):
    """Leave out the rows with a weight of 0."""
    if sample_weight is None:
        return X, y, None
    weighted = sample_weight > 0
    return X[weighted], y[weighted], sample_weight[weighted]
