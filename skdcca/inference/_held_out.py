"""Measure canonical correlations on rows that the model was not fitted on."""

import numpy as np
from sklearn.utils.validation import has_fit_parameter
from tqdm import tqdm

from skdcca._utils.validation import check_pairs
from skdcca.inference._folds import check_groups, check_model, fitted, list_splits, variates_of_rows
from skdcca.metrics import variate_correlations

# The correlation of two rows is 1 or -1 whatever the data are.
_LEAST_ROWS = 3


def held_out_correlations(estimator, X, y, *, cv=5, groups=None, verbose=0):
    """Fit the estimator on each training fold, and correlate the variates of its held-out rows.

    Parameters
    ----------
    estimator : estimator
        Two-view model, `Pipeline` that ends in one, or search over either. It is cloned.
    X, y : array-like or list of length n_samples
        Both views.
    cv : int, splitter or iterable, default=5
        Number of folds, into which the rows or groups are shuffled with a fixed seed, because tables are
        often sorted; a splitter of scikit-learn; or pairs of training and test rows.
    groups : array-like of shape (n_samples,), default=None
        Group of each row. Rows of one group are in the same fold. A model whose `fit` takes groups, such
        as `DeepCCA`, gets those of its training rows.
    verbose : int, default=0
        A value above 0 shows a progress bar over the folds.

    Returns
    -------
    correlations : ndarray of shape (n_splits, n_components)
        Correlation of each pair of variates. If the folds have different numbers of components, the
        smallest number is kept.

    Raises
    ------
    TypeError
        If `estimator` is not an instance of an estimator.
    ValueError
        If a fold has fewer than three held-out rows, or if `groups` or `cv` are invalid.
    """
    check_model("estimator", estimator)
    check_pairs(X, y)
    groups = check_groups(groups, X)
    splits = list_splits(cv, X, y, groups, seeds=(0,))
    _check_rows(splits)
    found = []
    for train, test in tqdm(splits, desc="folds", disable=not verbose):
        model = fitted(estimator, X, y, train, fit_groups(estimator, groups))
        found.append(variate_correlations(*variates_of_rows(model, X, y, test)))
    n_components = min(len(correlations) for correlations in found)
    return np.array([correlations[:n_components] for correlations in found])


def fit_groups(estimator, groups):
    """Return the groups as an argument of `fit`, if the estimator takes them."""
    takes = groups is not None and has_fit_parameter(estimator, "groups")
    return {"groups": groups} if takes else None


def _check_rows(splits):
    for i, (_, test) in enumerate(splits):
        if len(test) < _LEAST_ROWS:
            raise ValueError(
                f"`cv` must leave {_LEAST_ROWS} or more held-out rows in each fold, got {len(test)} in "
                f"fold {i}. Use fewer folds."
            )
