"""Compute variates and scores of fitted models, and define scorers for scikit-learn."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from skdcca._utils.row_order import check_row_order
from skdcca._utils.validation import check_integer
from skdcca._utils.view_errors import refuse_several_views
from skdcca.metrics._ranking import both_directions, ranks, recall_at_k, reciprocal_rank
from skdcca.metrics._similarity import similarity, variate_correlations


def embed(
    estimator: Any, X: Any = None, y: Any = None
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]:
    """Return the variates of one or both views, from a fitted model or a `Pipeline` around it.

    Unlike ``transform`` of a `Pipeline`, this function takes both views, or y alone. The steps
    before the model are applied to X only.

    Parameters
    ----------
    estimator : estimator
        Fitted canonical correlation model, `Pipeline` that ends in one, or search over either, such as
        `GridSearchCV`.
    X : array-like or list of length n_samples, default=None
        First view, as the estimator takes it, for example audio files.
    y : array-like or list of length n_samples, default=None
        Second view, for example lyrics. At least one of X and y must be given.

    Returns
    -------
    variates : ndarray of shape (n_samples, n_components), or pair of such arrays
        The pair ``(zx, zy)`` if both views are given, otherwise the variates of the given view.

    Raises
    ------
    TypeError
        If the estimator contains no model with a method ``transform_y``.
    ValueError
        If both views are None.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import embed
    >>> X, y = load_linnerud(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LinearCCA(n_components=2)).fit(X, y)
    >>> zx, zy = embed(model, X, y)
    >>> zx.shape, embed(model, y=y[:1]).shape
    ((20, 2), (1, 2))
    """
    if X is None and y is None:
        raise ValueError("X, y or both must be given, got None for both. Pass a view.")
    if X is not None and y is not None:
        check_row_order(X, y)  # the steps of a Pipeline drop the labels of rows
    steps, model = inside(estimator)
    if X is not None:
        for step in steps:
            X = step.transform(X)
    if y is None:
        return np.asarray(model.transform(X))
    if X is None:
        return np.asarray(model.transform_y(y))
    zx, zy = model.transform(X, y)
    return np.asarray(zx), np.asarray(zy)


def inside(estimator):
    """Return the steps before the canonical correlation model, and the model itself."""
    if isinstance(estimator, FrozenEstimator):
        return inside(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return inside(estimator.best_estimator_)
    if hasattr(estimator, "named_steps"):
        steps, model = inside(estimator[-1])
        if len(estimator) > 1:
            steps = [estimator[:-1], *steps]
        return steps, model
    refuse_several_views("estimator", estimator)
    if not hasattr(estimator, "transform_y"):
        raise TypeError(
            f"`estimator` must contain a canonical correlation model, got {type(estimator).__name__}. "
            "Pass a fitted model, a Pipeline whose last step is one, or a fitted search over them."
        )
    return [], estimator


def pair_scores(estimator: Any, X: Any, y: Any) -> NDArray[np.float64]:
    """Return the score of every row of X with every row of y, with the similarity of the model.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes. The method ``comparison`` of the model determines the
        similarity. For `LinearCCA` and `KernelCCA`, it depends on the parameter `similarity`. For
        models without this method, the cosine is used.
    X : array-like or list of length n_samples_x
        First view.
    y : array-like or list of length n_samples_y
        Second view.

    Returns
    -------
    scores : ndarray of shape (n_samples_x, n_samples_y)
        Scores; higher means more similar. All retrieval scorers rank by these scores.

    Raises
    ------
    TypeError
        If the estimator contains no model with a method ``transform_y``.

    Examples
    --------
    Score the exercises of three men with the body measurements of 20 men:

    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import pair_scores
    >>> X, y = load_linnerud(return_X_y=True)
    >>> pair_scores(LinearCCA().fit(X, y), X[:3], y).shape
    (3, 20)
    """
    return compare(estimator, embed(estimator, X), embed(estimator, y=y))


def compare(estimator, zx, zy):
    """Return the scores of variates, with the similarity of the model inside the estimator."""
    return similarity(zx, zy, **comparison(estimator))


def comparison(estimator):
    """Return the arguments of `similarity` for the model inside the estimator.

    For models without a method ``comparison``, such as models of other packages, the cosine is
    used.
    """
    _, model = inside(estimator)
    return model.comparison() if hasattr(model, "comparison") else {}


def mrr_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the mean reciprocal rank (MRR), averaged over both directions; a scorer for ``scoring=``.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes.
    X, y : array-like or list of length n_samples
        Two views. Row i of both is the same sample. The rows of each view are the queries for the
        gallery of the other.

    Returns
    -------
    mrr : float
        Mean of the reciprocal ranks, in (0, 1]; 1 is best. Compare it with `chance`.

    See Also
    --------
    mrr_x_to_y : MRR of one direction.
    retrieval_scorer : All retrieval metrics in both directions.

    Examples
    --------
    Choose the number of components that is best for matching left and right halves of digits:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import mrr_scorer
    >>> images = load_digits().images[:500]
    >>> left, right = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    >>> search = GridSearchCV(LinearCCA(), {"n_components": [1, 10]}, scoring=mrr_scorer)
    >>> search.fit(left, right).best_params_
    {'n_components': 10}
    """
    scores = _scores_of_pairs(estimator, X, y)
    return (reciprocal_rank(ranks(scores)) + reciprocal_rank(ranks(scores.T))) / 2


def mrr_x_to_y(estimator: Any, X: Any, y: Any) -> float:
    """Return the mean reciprocal rank (MRR) of queries X in gallery y; a scorer for ``scoring=``.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes.
    X, y : array-like or list of length n_samples
        Two views. Row i of both is the same sample. The rows of X are the queries, and those of y are
        the gallery.

    Returns
    -------
    mrr : float
        Mean of the reciprocal ranks, in (0, 1]; 1 is best. Compare it with `chance`.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import chance, mrr_x_to_y
    >>> X, y = load_linnerud(return_X_y=True)
    >>> mrr = mrr_x_to_y(LinearCCA().fit(X, y), X, y)
    >>> print(f"{mrr:.2f} (chance {chance(len(X))['mrr']:.2f})")
    0.30 (chance 0.18)
    """
    return reciprocal_rank(ranks(_scores_of_pairs(estimator, X, y)))


def mrr_y_to_x(estimator: Any, X: Any, y: Any) -> float:
    """Return the mean reciprocal rank (MRR) of queries y in gallery X; a scorer for ``scoring=``.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes.
    X, y : array-like or list of length n_samples
        Two views. Row i of both is the same sample. The rows of y are the queries, and those of X are
        the gallery.

    Returns
    -------
    mrr : float
        Mean of the reciprocal ranks, in (0, 1]; 1 is best. Compare it with `chance`.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import chance, mrr_y_to_x
    >>> X, y = load_linnerud(return_X_y=True)
    >>> mrr = mrr_y_to_x(LinearCCA().fit(X, y), X, y)
    >>> print(f"{mrr:.2f} (chance {chance(len(X))['mrr']:.2f})")
    0.25 (chance 0.18)
    """
    return reciprocal_rank(ranks(_scores_of_pairs(estimator, X, y).T))


def recall_at_k_scorer(k: int) -> Callable[[Any, Any, Any], float]:
    """Return a scorer for ``scoring=`` that computes the recall at k, averaged over both directions.

    Parameters
    ----------
    k : int
        Number of results, >= 1.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)`` returns the recall, in [0, 1]; 1 is best. The chance level is
        ``k / n_samples``.

    Raises
    ------
    ValueError
        If `k` is not an integer >= 1.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import recall_at_k_scorer
    >>> X, y = load_linnerud(return_X_y=True)
    >>> recall = recall_at_k_scorer(10)(LinearCCA().fit(X, y), X, y)
    >>> print(f"{recall:.2f} (chance {10 / len(X):.2f})")
    0.78 (chance 0.50)
    """
    check_integer("k", k)
    return partial(_recall_at_k_score, k=k)


def _scores_of_pairs(estimator, X, y):
    """Return `pair_scores` of views whose rows are pairs."""
    check_row_order(X, y)
    return pair_scores(estimator, X, y)


def _recall_at_k_score(estimator, X, y, k):
    scores = _scores_of_pairs(estimator, X, y)
    return (recall_at_k(scores, k) + recall_at_k(scores.T, k)) / 2


def retrieval_scorer(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Return all retrieval metrics in both directions; a scorer for ``scoring=``.

    Use it in `cross_validate`, or in a search with ``refit="mrr"``. The variates are computed only once
    for all metrics.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes.
    X, y : array-like or list of length n_samples
        Two views. Row i of both is the same sample. The rows of each view are the queries for the
        gallery of the other.

    Returns
    -------
    metrics : dict of str to float
        ``"mrr"`` is the mean of both directions. For each direction, ``mrr``, ``recall_at_1``,
        ``recall_at_10`` and ``neg_median_rank`` have ``_x_to_y`` or ``_y_to_x`` appended. The
        median rank is negated, because a higher score must be better in scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import retrieval_scorer
    >>> X, y = load_linnerud(return_X_y=True)
    >>> metrics = retrieval_scorer(LinearCCA().fit(X, y), X, y)
    >>> metrics["neg_median_rank_x_to_y"]  # half of the men are ranked sixth or better
    -6.0
    """
    flat = {}
    for direction, metrics in both_directions(_scores_of_pairs(estimator, X, y)).items():
        metrics["neg_median_rank"] = -metrics.pop("median_rank")
        for name, value in metrics.items():
            flat[f"{name.replace('@', '_at_')}_{direction}"] = value
    return {"mrr": (flat["mrr_x_to_y"] + flat["mrr_y_to_x"]) / 2, **flat}


def total_correlation_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the sum of the correlations of all pairs of variates; a scorer for ``scoring=``.

    On held-out rows this is the total correlation captured, the standard measure of the deep CCA
    literature.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes.
    X, y : array-like or list of length n_samples
        Two views. Row i of both is the same sample.

    Returns
    -------
    total : float
        Sum of the correlations, between minus and plus the number of components.

    Examples
    --------
    With 20 rows, the correlations of the training rows do not generalize to held-out rows:

    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import total_correlation_scorer
    >>> X, y = load_linnerud(return_X_y=True)
    >>> print(f"{total_correlation_scorer(LinearCCA().fit(X, y), X, y):.1f}")
    1.0
    >>> scores = cross_val_score(LinearCCA(), X, y, scoring=total_correlation_scorer, cv=4)
    >>> print(f"{scores.mean():.1f}")
    -0.7
    """
    zx, zy = embed(estimator, X, y)
    return float(np.sum(variate_correlations(zx, zy)))
