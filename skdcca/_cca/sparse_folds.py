"""Check the folds of the cross-validation of a sparse model."""

import numpy as np
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from skdcca._utils.splits import splits_of

_STRATIFIED = (
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)


def splits_of_rows(cv, X, groups):
    """Return the training and held-out rows of each fold, or raise ValueError."""
    if isinstance(cv, _STRATIFIED):
        raise ValueError(
            f"`cv` must not need classes, got {cv!r}. Pass the list of its splits: "
            "cv=list(splitter.split(X, classes))."
        )
    splits = splits_of(cv, X, None, groups)
    if not splits or any(len(train) < 2 or not len(test) for train, test in splits):
        raise ValueError(
            "`cv` must have splits with at least two training rows and one held-out row. Pass fewer "
            "folds or more rows, or set `l1` to a number."
        )
    for number, (train, test) in enumerate(splits):
        rows, counts = np.unique(np.concatenate([train, test]), return_counts=True)
        if counts.max() > 1:
            raise ValueError(
                f"`cv` must have splits without repeated rows, got row {rows[counts > 1][0]} twice in "
                f"split {number}. A row is either a training row or held out."
            )
    return splits
