"""Folds of songs, and the retrieval scores of their test songs."""

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, ShuffleSplit

from skdcca.metrics import both_directions, chance, compare, embed


def folds(n_folds, by_group):
    """Return a splitter that keeps groups whole, or one that splits at random."""
    if by_group:
        return GroupKFold(n_folds)
    return KFold(n_folds, shuffle=True, random_state=0)


def hold_out(by_group, share=0.25):
    """Return a splitter with one split, for models that take long to fit."""
    splitter = GroupShuffleSplit if by_group else ShuffleSplit
    return splitter(n_splits=1, test_size=share, random_state=0)


def search_folds(search, X, y, splitter, groups=None):
    """Fit a search to each training set, and score retrieval on the test songs.

    `groups` reach the inner folds, and every model that requests them. Return a list of dicts as
    `skdcca` has them for its own evaluation, each with the fitted model.
    """
    found = []
    with config_context(enable_metadata_routing=True):
        for train, test in splitter.split(X, groups=groups):
            passed = {} if groups is None else {"groups": groups[train]}
            fitted = clone(search).fit(X[train], [y[i] for i in train], **passed)
            found.append(scored(fitted, X[test], [y[i] for i in test], test))
    return found


def scored(fitted, X, y, test):
    """Return the scores of a fold; `test` has the positions of its songs."""
    scores = compare(fitted, *embed(fitted, X, y))
    return {
        **both_directions(scores),
        "scores": scores,
        "n_gallery": len(test),
        "chance": chance(len(test)),
        "test": np.asarray(test),
        "params": fitted.best_params_,
        "inner_score": fitted.best_score_,
        "model": fitted.best_estimator_,
    }
