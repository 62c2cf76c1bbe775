"""Measure canonical correlations on rows that the model was not fitted on."""

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.utils.validation import has_fit_parameter
from tqdm import tqdm

from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_pairs
from skdcca.exceptions import PerfectCorrelationWarning
from skdcca.inference._folds import (
    check_groups,
    check_held_out_rows,
    check_model,
    fitted,
    list_splits,
    variates_of_rows,
)
from skdcca.metrics import variate_correlations

_MOST_FOLDS = 5
# The correlation of two rows is 1 or -1 whatever the data are.
_LEAST_ROWS = 3


def held_out_correlations(estimator, X, y, *, cv=None, groups=None, verbose=0):
    """Fit the estimator on each training fold, and correlate the variates of its held-out rows.

    Parameters
    ----------
    estimator : estimator
        Two-view model, `Pipeline` that ends in one, or search over either. It is cloned.
    X, y : array-like or list of length n_samples
        Both views.
    cv : int, splitter or iterable, default=None
        Number of folds, into which the rows or groups are shuffled with a fixed seed, because tables are
        often sorted; a splitter of scikit-learn; or pairs of training and test rows. If None, there are
        5 folds, or fewer in small tables: each fold has three or more held-out rows.
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
    splits = held_out_splits(cv, X, y, groups)
    if splits is None:
        refuse_few_rows(X, groups)
    found = []
    with without_perfect_warnings():
        for train, test in tqdm(splits, desc="folds", disable=not verbose):
            model = fitted(estimator, X, y, train, fit_groups(estimator, groups))
            found.append(variate_correlations(*variates_of_rows(model, X, y, test)))
    n_components = min(len(correlations) for correlations in found)
    return np.array([correlations[:n_components] for correlations in found])


def held_out_splits(cv, X, y, groups, n_confounds=0):
    """Return pairs of training and held-out rows, or None if `cv` is None and the rows are too few.

    `groups` are numbers, and `n_confounds` independent variables are regressed out of the training
    rows.
    """
    if cv is not None:
        splits = list_splits(cv, X, y, groups)
        check_held_out_rows(splits, num_samples(X), _LEAST_ROWS)
        return splits
    n_units = num_samples(X) if groups is None else groups.max() + 1
    for n_folds in range(min(_MOST_FOLDS, n_units), 1, -1):
        splits = list_splits(n_folds, X, y, groups)
        if _are_large_enough(splits, n_confounds):
            return splits
    return None


def _are_large_enough(splits, n_confounds):
    """Return True if the held-out rows have correlations, and residuals of the training rows vary."""
    return all(len(test) >= _LEAST_ROWS and len(train) >= n_confounds + 2 for train, test in splits)


def refuse_few_rows(X, groups):
    """Raise ValueError because there are no `held_out_splits`."""
    found, remedy = f"{num_samples(X)} rows", "Pass more rows, or use LinearCCA(reg=0)."
    if groups is not None:
        found, remedy = f"{found} in {groups.max() + 1} group(s)", "Pass more groups."
    raise ValueError(
        f"Held-out correlations need two folds of {_LEAST_ROWS} or more rows, got {found}. {remedy}"
    )


def fit_groups(estimator, groups):
    """Return the groups as an argument of `fit`, if the estimator takes them."""
    takes = groups is not None and has_fit_parameter(estimator, "groups")
    return {"groups": groups} if takes else None


@contextmanager
def without_perfect_warnings():
    """Silence the warning of perfect correlations, which is issued once for all rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectCorrelationWarning)
        yield
