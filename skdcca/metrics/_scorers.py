"""Embeddings, scores and scorers of fitted models."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from skdcca._utils.validation import check_integer
from skdcca.metrics._ranking import both_directions, ranks, recall_at_k, reciprocal_rank
from skdcca.metrics._similarity import similarity, variate_correlations


def embed(
    estimator: Any, X: Any = None, y: Any = None
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]:
    """Embed one or both views by a fitted model, looking through pipelines and searches.

    Parameters
    ----------
    estimator : estimator
        A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search
        (`GridSearchCV`, ...) over either.
    X : array-like or list, default=None
        The first view as the estimator takes it, for example audio files.
    y : array-like or list, default=None
        The second view, for example lyrics.

    Returns
    -------
    embedding : ndarray of shape (n_samples, n_components), or a pair of them
        The pair ``(zx, zy)`` if both views are given, else the embedding of the given one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import embed
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    >>> model = make_pipeline(StandardScaler(), LinearCCA(2)).fit(X, y)
    >>> zx, zy = embed(model, X, y)
    >>> zx.shape, embed(model, y=y[:1]).shape
    ((20, 2), (1, 2))
    """
    if X is None and y is None:
        raise ValueError("embed needs X, y or both, got None for both.")
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
    if not hasattr(estimator, "transform_y"):
        raise TypeError(
            f"{type(estimator).__name__} cannot embed a second view. Pass a fitted canonical "
            "correlation model, a Pipeline whose last step is one, or a fitted search over them."
        )
    return [], estimator


def pair_scores(estimator: Any, X: Any, y: Any) -> NDArray[np.float64]:
    """Score every X with every y, as the model itself compares them.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes. A model with a method ``comparison()`` declares how its
        variates are compared, as `LinearCCA` does by its parameter `similarity`; for others it is the
        cosine.
    X, y : array-like or list
        The two views.

    Returns
    -------
    scores : ndarray of shape (n_samples_x, n_samples_y)
        A higher score means more alike; all scorers rank by it.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import pair_scores
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> pair_scores(LinearCCA().fit(X, -X), X[:5], -X).argmax(axis=1)
    array([0, 1, 2, 3, 4])
    """
    return compare(estimator, embed(estimator, X), embed(estimator, y=y))


def compare(estimator, zx, zy):
    """Score variates as the model inside the estimator compares them, by default by the cosine."""
    return similarity(zx, zy, **comparison(estimator))


def comparison(estimator):
    """Return how the model inside the estimator compares variates, as arguments of `similarity`.

    Models of other packages have no ``comparison`` and compare by the cosine.
    """
    _, model = inside(estimator)
    return model.comparison() if hasattr(model, "comparison") else {}


def mrr_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the mean reciprocal rank, averaged over both directions; for ``scoring=``.

    Parameters
    ----------
    estimator : estimator
        Any estimator that `embed` takes.
    X, y : array-like or list
        The two views; each side is the gallery of the other.

    Returns
    -------
    mrr : float
        Between 0 and 1, 1 being best; compare it with the level of `chance`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import mrr_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 4))
    >>> y = X + 0.1 * rng.normal(size=(60, 4))
    >>> search = GridSearchCV(LinearCCA(), {"n_components": [1, 4]}, scoring=mrr_scorer)
    >>> search.fit(X, y).best_params_
    {'n_components': 4}
    """
    scores = pair_scores(estimator, X, y)
    return (reciprocal_rank(ranks(scores)) + reciprocal_rank(ranks(scores.T))) / 2


def mrr_x_to_y(estimator: Any, X: Any, y: Any) -> float:
    """Return the mean reciprocal rank of queries X in the gallery y; for ``scoring=``.

    Parameters
    ----------
    estimator, X, y
        As for `mrr_scorer`.

    Returns
    -------
    mrr : float
        Between 0 and 1, 1 being best.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import mrr_x_to_y
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> mrr_x_to_y(LinearCCA().fit(X, -X), X, -X)
    1.0
    """
    return reciprocal_rank(ranks(pair_scores(estimator, X, y)))


def mrr_y_to_x(estimator: Any, X: Any, y: Any) -> float:
    """Return the mean reciprocal rank of queries y in the gallery X; for ``scoring=``.

    Parameters
    ----------
    estimator, X, y
        As for `mrr_scorer`.

    Returns
    -------
    mrr : float
        Between 0 and 1, 1 being best.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import mrr_y_to_x
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> mrr_y_to_x(LinearCCA().fit(X, -X), X, -X)
    1.0
    """
    return reciprocal_rank(ranks(pair_scores(estimator, X, y).T))


def recall_at_k_scorer(k: int) -> Callable[[Any, Any, Any], float]:
    """Return a scorer of recall@k, averaged over both directions; for ``scoring=``.

    Parameters
    ----------
    k : int
        Length of the list of answers.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)`` returns the recall, between 0 and 1; chance is ``k / n_samples``.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import recall_at_k_scorer
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> recall_at_k_scorer(5)(LinearCCA().fit(X, -X), X, -X)
    1.0
    """
    check_integer("k", k)
    return partial(_recall_at_k_score, k=k)


def _recall_at_k_score(estimator, X, y, k):
    scores = pair_scores(estimator, X, y)
    return (recall_at_k(scores, k) + recall_at_k(scores.T, k)) / 2


def retrieval_scorer(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Return all retrieval metrics in both directions from one embedding.

    For ``scoring=`` of `cross_validate`, or of a search with ``refit="mrr"``.

    Parameters
    ----------
    estimator, X, y
        As for `mrr_scorer`.

    Returns
    -------
    metrics : dict of str to float
        ``"mrr"`` (the mean of both directions) and, with the endings ``_x_to_y`` and ``_y_to_x``,
        ``mrr``, ``recall_at_1``, ``recall_at_10`` and ``neg_median_rank`` (negative, because a greater
        score must be better).

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import retrieval_scorer
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> retrieval_scorer(LinearCCA().fit(X, -X), X, -X)["neg_median_rank_x_to_y"]
    -1.0
    """
    flat = {}
    for direction, metrics in both_directions(pair_scores(estimator, X, y)).items():
        metrics["neg_median_rank"] = -metrics.pop("median_rank")
        for name, value in metrics.items():
            flat[f"{name.replace('@', '_at_')}_{direction}"] = value
    return {"mrr": (flat["mrr_x_to_y"] + flat["mrr_y_to_x"]) / 2, **flat}


def total_correlation_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Return the sum of the canonical correlations on the given rows; for ``scoring=``.

    Parameters
    ----------
    estimator, X, y
        As for `mrr_scorer`.

    Returns
    -------
    total : float
        Between minus and plus the number of components. On held-out rows this is the figure that
        the deep CCA literature reports.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import total_correlation_scorer
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> round(total_correlation_scorer(LinearCCA().fit(X, -X), X, -X), 6)
    3.0
    """
    zx, zy = embed(estimator, X, y)
    return float(np.sum(variate_correlations(zx, zy)))
