"""Folds of songs."""

from sklearn.model_selection import GroupKFold, KFold


def folds(n_folds, by_group):
    """Return a splitter that keeps groups whole, or one that splits at random."""
    if by_group:
        return GroupKFold(n_folds)
    return KFold(n_folds, shuffle=True, random_state=0)
