"""Split the rows of two views, and fit any two-view estimator to a part of them."""

from collections.abc import Iterable

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold

from skdcca._utils.labels import check_complete, check_labels, label_numbers
from skdcca._utils.sklearn_compat import check_method_params, num_samples, safe_indexing
from skdcca._utils.validation import check_integer, is_integer
from skdcca.metrics import embed


def check_model(name, estimator):
    """Raise TypeError unless the value is an instance of an estimator."""
    able = all(hasattr(estimator, method) for method in ("get_params", "fit"))
    if isinstance(estimator, type) or not able:
        raise TypeError(
            f"`{name}` must be an estimator of two views, got {estimator!r:.60}. Pass an instance, "
            "such as LinearCCA(), not a class."
        )


def check_groups(groups, X):
    """Return the number of the group of each row, or None without groups."""
    if groups is None:
        return None
    groups = check_labels("groups", groups, X)
    check_complete("groups", groups)
    return label_numbers(groups)


def list_splits(cv, X, y, groups=None, seeds=(0,)):
    """Return the training and test rows of each split, as pairs of arrays of positions.

    An integer is the number of folds, into which the rows or groups are shuffled once for each seed. For
    a splitter or an iterable of splits, the seeds have no effect.
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
    rows = np.arange(num_samples(X))
    splits = [(rows[train], rows[test]) for train, test in splits]
    _refuse_empty(splits)
    return splits


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
    return splitter(n_folds, shuffle=True, random_state=seed)


def _refuse_empty(splits):
    if not splits:
        raise ValueError("`cv` must have a split, got none.")
    for i, (train, test) in enumerate(splits):
        if not len(train) or not len(test):
            raise ValueError(
                f"`cv` must have training and test rows in each split, got {len(train)} and "
                f"{len(test)} in split {i}."
            )


def check_held_out_rows(splits, n_rows, least):
    """Raise ValueError unless each split has a least number of held-out rows."""
    for i, (_, test) in enumerate(splits):
        if len(test) < least:
            folds = n_rows // least
            remedy = f"Set cv={folds} or less." if folds > 1 else "Pass more rows."
            raise ValueError(
                f"`cv` must leave {least} or more held-out rows in each fold, got {len(test)} in fold "
                f"{i}. {remedy}"
            )


def fitted(estimator, X, y, rows, params=None):
    """Return a clone of an estimator, fitted to some rows and their part of the metadata."""
    own = check_method_params(X, params or {}, indices=rows)
    return clone(estimator).fit(safe_indexing(X, rows), safe_indexing(y, rows), **own)


def variates(model, X, y):
    """Return the variates of both views; models of other packages may have no `transform_y`."""
    last, steps = last_step(model)
    if hasattr(last, "transform_y"):
        return embed(model, X, y)
    for step in steps:
        X = step.transform(X)
    zx, zy = last.transform(X, y)
    return np.asarray(zx), np.asarray(zy)


def last_step(model):
    """Return the last step of a fitted Pipeline or search, and the steps before it."""
    steps = []
    while hasattr(model, "named_steps") or hasattr(model, "best_estimator_"):
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            steps.append(model[:-1])
            model = model[-1]
    return model, steps


def variates_of_rows(model, X, y, rows):
    """Return the variates of some rows of both views."""
    return variates(model, safe_indexing(X, rows), safe_indexing(y, rows))
