"""Split the rows of two views, and fit any two-view estimator to a part of them."""

import numpy as np
from sklearn.base import clone

from skdcca._cca import ViewPair
from skdcca._utils.labels import numbers_of_rows
from skdcca._utils.sklearn_compat import check_method_params, safe_indexing
from skdcca._utils.splits import splits_of
from skdcca._utils.view_errors import REFIT, innermost, refuse_several_views
from skdcca.metrics import embed


def check_model(name, estimator):
    """Raise TypeError unless the value is an instance of an estimator of two views."""
    able = all(hasattr(estimator, method) for method in ("get_params", "fit"))
    if isinstance(estimator, type) or not able:
        raise TypeError(
            f"`{name}` must be an estimator of two views, got {estimator!r:.60}. Pass an instance, "
            "such as LinearCCA(), not a class."
        )
    refuse_several_views(name, estimator, REFIT)
    if isinstance(innermost(estimator), ViewPair):
        raise TypeError(f"`{name}` must be a model that can be fitted, got a ViewPair. {REFIT}.")


def check_groups(groups, X):
    """Return the number of the group of each row, or None without groups."""
    return None if groups is None else numbers_of_rows("groups", groups, X)


def list_splits(cv, X, y, groups=None, seeds=(0,)):
    """Return the splits of `splits_of`, after checking that there are rows on both sides of each."""
    splits = splits_of(cv, X, y, groups, seeds)
    _refuse_empty(splits)
    return splits


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
