"""Split rows into training and test rows."""

from collections.abc import Iterable

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_integer, is_integer


def splits_of(cv, X, y, groups=None, seeds=(None,)):
    """Return the training and test rows of each split, as pairs of arrays of positions.

    An integer is the number of folds, into which the rows or groups are shuffled once for each seed; a
    seed of None keeps their order. For a splitter or an iterable of splits, the seeds have no effect.
    """
    if is_integer(cv, None):
        _check_folds(cv, X, groups)
        splitters = [_folds(cv, groups, seed) for seed in seeds]
        splits = [split for one in splitters for split in one.split(X, groups=groups)]
    elif hasattr(cv, "split") and not isinstance(cv, str):
        splits = cv.split(X, y, groups)
    elif isinstance(cv, Iterable) and not isinstance(cv, str):
        splits = cv
    else:
        raise ValueError(
            f"`cv` must be an integer >= 2, a splitter of scikit-learn or a list of splits, got {cv!r}."
        )
    splits, rows = list(splits), np.arange(num_samples(X))
    try:
        return [(rows[train], rows[test]) for train, test in splits]
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            "`cv` must have splits that are pairs of arrays, with the positions of training and of test "
            f"rows among the {len(rows)} rows: {error}."
        ) from error


def _check_folds(cv, X, groups):
    """Raise ValueError unless there is a row or a group for each fold."""
    check_integer("cv", cv, ge=2)
    units = "rows" if groups is None else "groups"
    n_units = num_samples(X) if groups is None else len(np.unique(groups))
    if n_units < 2:
        raise ValueError(
            f"`{'X' if groups is None else 'groups'}` must have two or more {units}, got {n_units}. "
            f"Pass more {units}."
        )
    if cv > n_units:
        raise ValueError(
            f"`cv` must be at most {n_units}, the number of {units}, got {cv}. Set cv={n_units} or less."
        )


def _folds(n_folds, groups, seed):
    splitter = KFold if groups is None else GroupKFold
    return splitter(n_folds, shuffle=seed is not None, random_state=seed)
