"""Compute the variates of every row by models that have not seen it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_pairs
from skdcca.inference._folds import (
    check_groups,
    check_model,
    fitted,
    list_splits,
    variates,
)
from skdcca.metrics import variate_correlations

_MOST_NAMED = 5


def cross_val_variates(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    params: dict[str, Any] | None = None,
    n_jobs: int | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the variates of every row, from a model that was fitted without it.

    Use them in pictures and in further analyses, for which the variates of training rows are too
    good. `sklearn.model_selection.cross_val_predict` cannot return them, because it refuses
    ``method="transform"`` and has no second view. The estimator itself is not changed.

    Parameters
    ----------
    estimator : estimator
        Two-view model, `Pipeline` that ends in one, or search over either. It is fitted once for each
        fold and once on all rows.
    X : array-like or list of length n_samples
        First view, as the estimator takes it, for example audio files.
    y : array-like or list of length n_samples
        Second view. Row i of X and row i of y are the same sample.
    cv : int, splitter or iterable, default=5
        Number of folds, >= 2, into which the rows or groups are shuffled with a fixed seed, because
        tables are often sorted; a splitter of scikit-learn; or pairs of arrays with training and test
        rows. Every row must be a test row exactly once.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, such as its subject or artist. Rows of one group are in the same fold.
    params : dict, default=None
        Further arguments of `fit`, such as ``{"sample_weight": weights}``; those with one value for
        each row are split with the rows. For a `Pipeline` without metadata routing, write the
        step before the name, as in ``"cca__sample_weight"``.
    n_jobs : int, default=None
        Number of folds that are fitted in parallel. None means 1, and -1 all processors.

    Returns
    -------
    zx : ndarray of shape (n_samples, n_components)
        Variates of the first view. If the folds have different numbers of components, the smallest
        number is kept.
    zy : ndarray of shape (n_samples, n_components)
        Variates of the second view.

    Raises
    ------
    TypeError
        If `estimator` is not an instance of an estimator.
    ValueError
        If the views have different numbers of rows, if `groups` or `cv` are invalid, or if a row is a
        test row never or several times.

    See Also
    --------
    skdcca.metrics.variate_correlations : Correlation of each pair of variates.
    skdcca.canonical_correlation_intervals : Held-out correlations of each fold, with their spread.
    skdcca.compare_models : Test whether one of two models has larger held-out correlations.
    skdcca.weight_stability : How much the components of two halves of the rows agree.

    Notes
    -----
    The sign of a component is arbitrary, and differs from fold to fold. Here it is the sign that
    agrees with a model of all rows: the sum of the correlations of both variates with those of that
    model, on the training rows of the fold, is positive. Both variates of a pair have the same sign, so
    their correlation in the fold does not depend on it, and the pairing of the held-out rows cannot
    improve it.

    The order of the components is that of each fold, by their correlations in its training rows.
    Matching components with those of a model of all rows would use the pairing of the held-out rows:
    for unrelated views (100 rows, 5 columns each), the first pair then had a mean held-out correlation
    of 0.07 instead of 0.00. Components with nearly equal correlations may therefore change places
    between folds; `weight_stability` shows if they do.

    Examples
    --------
    The first canonical correlation of three exercises with three body measurements is 0.80 on the 20
    training rows:

    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, cross_val_variates
    >>> from skdcca.metrics import variate_correlations
    >>> X, y = load_linnerud(return_X_y=True)
    >>> zx, zy = cross_val_variates(LinearCCA(1, reg=0), X, y, cv=10)
    >>> zx.shape, zy.shape
    ((20, 1), (20, 1))
    >>> print(f"{variate_correlations(zx, zy)[0]:.2f}")
    0.59
    """
    check_model("estimator", estimator)
    check_pairs(X, y)
    X, y = indexable(X, y)
    n_rows = num_samples(X)
    splits = list_splits(cv, X, y, check_groups(groups, X))
    _check_partition(splits, n_rows)
    reference = variates(fitted(estimator, X, y, np.arange(n_rows), params), X, y)
    folds = Parallel(n_jobs=n_jobs)(
        delayed(_held_out)(estimator, X, y, train, test, params, reference)
        for train, test in splits
    )
    order = np.argsort(np.concatenate([test for _, test in splits]))
    n_components = min(zx.shape[1] for zx, _ in folds)
    zx, zy = (
        np.concatenate([z[:, :n_components] for z in view]) for view in zip(*folds, strict=True)
    )
    return zx[order], zy[order]


def _check_partition(splits, n_rows):
    """Raise ValueError unless every row is a test row exactly once."""
    counts = np.bincount(np.concatenate([test for _, test in splits]), minlength=n_rows)
    wrong = np.flatnonzero(counts != 1)
    if len(wrong):
        named = ", ".join(f"{row} ({counts[row]} times)" for row in wrong[:_MOST_NAMED])
        more = ", ..." if len(wrong) > _MOST_NAMED else ""
        raise ValueError(
            f"`cv` must hold out every row exactly once, but not the rows {named}{more}. Use KFold or "
            "GroupKFold."
        )


def _held_out(estimator, X, y, train, test, params, reference):
    """Return the variates of the test rows, with the signs of the reference."""
    zx, zy = variates(fitted(estimator, X, y, train, params), X, y)
    n_components = min(zx.shape[1], reference[0].shape[1])
    zx, zy = zx[:, :n_components], zy[:, :n_components]
    agreement = np.zeros(n_components)
    for own, other in ((zx, reference[0]), (zy, reference[1])):
        agreement += variate_correlations(own[train], other[train, :n_components])
    sign = np.where(agreement < 0, -1, 1).astype(zx.dtype)
    return zx[test] * sign, zy[test] * sign
