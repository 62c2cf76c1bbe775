"""Retrieval and correlation metrics of two views in one space.

Conventions
-----------
Two *embeddings* ``zx`` and ``zy`` are arrays of shape ``(n_samples, n_components)`` whose row `i`
belongs to the same song. *Scores* are an array ``(n_queries, n_gallery)``, higher meaning more
alike. At *instance level* one item of the gallery is right for a query: the one with its row
number. At *category level* (labels given) every item with the query's label is right, and the
first of them counts.

Ties are worth their middle: an item that shares its score with others has the mean of the ranks
they take up, and the recall is its mean over the orders of the tied items, so a model that gives
everything the same score is never better than chance.
A figure means little without the level of chance and the size of the gallery: see `chance`.

The functions on arrays come first and know nothing of estimators; `embed` and the scorers at the
end look through a `Pipeline` or a fitted search to the canonical correlation model inside.
"""

from functools import partial
from numbers import Real

import numpy as np
from scipy.special import gammaln
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_array, check_consistent_length

from skdcca._utils.validation import check_integer, is_integer

__all__ = [
    "both_directions",
    "chance",
    "embed",
    "median_rank",
    "mrr_scorer",
    "mrr_x_to_y",
    "mrr_y_to_x",
    "pair_scores",
    "ranks",
    "recall_at_k",
    "recall_at_k_scorer",
    "reciprocal_rank",
    "retrieval_metrics",
    "retrieval_scorer",
    "similarity",
    "total_correlation_scorer",
    "variate_correlations",
]

# Correlations closer to 1 count as this in the likelihood, or the digits go that equal rows need to tie.
MOST = 0.9999


def ranks(scores, query_labels=None, gallery_labels=None):
    """Rank at which each query finds its first right answer, 1 being best.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery)
        Similarity of every query to every item of the gallery.
    query_labels : array-like of shape (n_queries,), default=None
        Label of each query. None: the right answer of query `i` is item `i` (instance level).
    gallery_labels : array-like of shape (n_gallery,), default=None
        Label of each item; None: the same as `query_labels`.

    Returns
    -------
    ranks : ndarray of shape (n_queries,)
        Mid-ranks: with ties, the mean over all orders of the tied items of the first right one's
        rank. Not a whole number then.

    Raises
    ------
    ValueError
        For scores that are not finite, shapes that do not fit, or a query without a right answer.

    Examples
    --------
    >>> from skdcca.metrics import ranks
    >>> ranks([[0.9, 0.1, 0.3], [0.8, 0.5, 0.1], [0.2, 0.2, 0.2]])
    array([1., 2., 2.])
    """
    return _mid_ranks(*_tie_counts(scores, query_labels, gallery_labels))


def _mid_ranks(better, tied, tied_right):
    # r right answers among t tied items in random order: the first is at (t + 1) / (r + 1).
    return better + (tied + 1) / (tied_right + 1)


def _tie_counts(scores, query_labels, gallery_labels):
    """Of each query: items before its best right answer, items tied with it, right ones of those."""
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    right = _right_answers(scores.shape, query_labels, gallery_labels)
    best = np.max(scores, axis=1, where=right, initial=-np.inf)[:, None]
    tied = scores == best
    return np.sum(scores > best, axis=1), np.sum(tied, axis=1), np.sum(tied & right, axis=1)


def _right_answers(shape, query_labels, gallery_labels):
    """Mask of the right answers, of the scores' shape."""
    n_queries, n_gallery = shape
    if query_labels is None:
        if gallery_labels is not None:
            raise ValueError("gallery_labels is given without query_labels; give both or neither")
        if n_queries != n_gallery:
            raise ValueError(
                f"scores has shape {shape}: without labels query i belongs to item i, so there must "
                "be as many queries as items; give query_labels and gallery_labels"
            )
        return np.eye(n_queries, dtype=bool)
    query_labels = _check_labels(query_labels, n_queries, "query_labels")
    if gallery_labels is None:
        gallery_labels = query_labels
    gallery_labels = _check_labels(gallery_labels, n_gallery, "gallery_labels")
    right = query_labels[:, None] == gallery_labels[None, :]
    lost = np.flatnonzero(~right.any(axis=1))
    if lost.size:
        raise ValueError(
            f"{lost.size} queries have a label that no item of the gallery has, the first in row "
            f"{lost[0]} with the label {query_labels[lost[0]]!r}; leave them out"
        )
    return right


def _check_labels(labels, n, name):
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"{name} has shape {labels.shape}, the scores ask for ({n},)")
    return labels


def reciprocal_rank(ranks):
    """Mean of the reciprocal ranks (MRR).

    Parameters
    ----------
    ranks : array-like of shape (n_queries,)
        Ranks from `ranks`, 1 being best.

    Returns
    -------
    mrr : float
        Between 0 and 1, 1 being best.

    Notes
    -----
    Without ties this is ``sklearn.metrics.label_ranking_average_precision_score`` with one right
    answer a query.

    Examples
    --------
    >>> from skdcca.metrics import reciprocal_rank
    >>> reciprocal_rank([1, 2, 4, 4])
    0.5
    """
    return float(np.mean(1.0 / _check_ranks(ranks)))


def recall_at_k(scores, k, query_labels=None, gallery_labels=None):
    """Share of the queries whose (first) right answer is among the first `k`.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery) or (n_queries,)
        Similarity of every query to every item of the gallery; or ranks, if there are no ties.
    k : int
        Length of the list that a person looks through.
    query_labels, gallery_labels : array-like, default=None
        As for `ranks`.

    Returns
    -------
    recall : float
        Between 0 and 1, 1 being best. With ties, the mean over all orders of the tied items, which
        the mid-ranks alone do not tell.

    Notes
    -----
    Without ties and labels this is ``sklearn.metrics.top_k_accuracy_score``.

    Examples
    --------
    >>> from skdcca.metrics import recall_at_k
    >>> recall_at_k([[0.9, 0.1, 0.3], [0.8, 0.5, 0.1], [0.2, 0.2, 0.2]], k=1)
    0.4444444444444444
    >>> recall_at_k([1, 2, 4, 4], k=2)
    0.5
    """
    _check_k([k])
    if np.ndim(scores) == 1:
        return float(np.mean(_check_ranks(scores) <= k))
    return _recall(*_tie_counts(scores, query_labels, gallery_labels), k)


def _recall(better, tied, tied_right, k):
    places = np.clip(k - better, 0, tied)  # that the list has for the tied items
    # Probability that all of these places go to wrong items: C(tied - right, places) / C(tied, places).
    wrong = tied - tied_right
    missed = np.exp(
        gammaln(wrong + 1)
        - gammaln(np.maximum(wrong - places, 0) + 1)
        - gammaln(tied + 1)
        + gammaln(tied - places + 1)
    )
    return float(np.mean(np.where(places > wrong, 1.0, 1.0 - missed)))


def _check_k(k):
    if np.ndim(k) != 1 or not all(map(is_integer, k)):
        raise ValueError(f"k={k!r}; it must hold whole numbers from 1")


def median_rank(ranks):
    """Median of the ranks (MedR): half of the queries find their answer up to here.

    Parameters
    ----------
    ranks : array-like of shape (n_queries,)
        Ranks from `ranks`, 1 being best.

    Returns
    -------
    median : float
        At least 1, 1 being best.

    Examples
    --------
    >>> from skdcca.metrics import median_rank
    >>> median_rank([1, 2, 4, 4])
    3.0
    """
    return float(np.median(_check_ranks(ranks)))


def _check_ranks(ranks):
    ranks = check_array(ranks, dtype=np.float64, ensure_2d=False, input_name="ranks")
    if ranks.ndim != 1 or ranks.min() < 1:
        raise ValueError(
            f"ranks has shape {ranks.shape} and the minimum {ranks.min():g}; it must be one-dimensional "
            "and at least 1, as skdcca.metrics.ranks gives it"
        )
    return ranks


def chance(n_gallery, n_right=1, k=(1, 10)):
    """Retrieval metrics of a model that orders the gallery at random.

    Parameters
    ----------
    n_gallery : int
        Number of items in the gallery.
    n_right : int or array-like of shape (n_queries,), default=1
        Number of right answers in the gallery, of all queries or of each.
    k : sequence of int, default=(1, 10)
        Lengths for the recall.

    Returns
    -------
    chance : dict of str to float
        The keys of `retrieval_metrics`: ``"mrr"``, ``"recall@1"``, ..., ``"median_rank"``. With one
        right answer the MRR is H_n / n (H_n the n-th harmonic number) and the recall k / n.

    Examples
    --------
    >>> from skdcca.metrics import chance
    >>> levels = chance(100)
    >>> round(levels["mrr"], 4), round(levels["recall@10"], 4), levels["median_rank"]
    (0.0519, 0.1, 50.5)
    """
    _check_k(k)
    check_integer("n_gallery", n_gallery)
    given, n_right = n_right, np.atleast_1d(n_right)
    if n_right.ndim != 1 or not all(map(is_integer, n_right)) or not n_right.size:
        raise ValueError(f"n_right={given!r}; it must be a whole number from 1, or some of them")
    if n_gallery < 1 or n_right.min() < 1 or n_right.max() > n_gallery:
        raise ValueError(
            f"n_gallery={n_gallery!r} with n_right={n_right.min()} to {n_right.max()}: there must "
            "be at least one right answer and no more than items"
        )
    values, counts = np.unique(n_right, return_counts=True)
    found = [_chance_of_first(n_gallery, value) for value in values]
    probability = np.average(found, axis=0, weights=counts)
    within = np.cumsum(probability)
    levels = {"mrr": float(np.sum(probability / np.arange(1, n_gallery + 1)))}
    levels |= {f"recall@{at}": float(within[min(at, n_gallery) - 1]) for at in k}
    # The median of whole numbers, in the middle where exactly half lie below it.
    low, high = np.searchsorted(within, [0.5 - 1e-12, 0.5 + 1e-12])
    return levels | {"median_rank": float((low + high) / 2 + 1)}


def _chance_of_first(n, n_right):
    """Probability that the first of `n_right` among `n` items in random order is at 1, ..., n."""
    position = np.arange(n)
    later = np.clip((n - position - n_right) / (n - position), 0, None)
    none_before = np.concatenate([[1.0], np.cumprod(later)])
    return none_before[:-1] - none_before[1:]


def retrieval_metrics(zx, zy, labels=None, k=(1, 10), *, correlations=None, power=None):
    """All retrieval metrics in both directions, by the similarity of the embeddings.

    Parameters
    ----------
    zx, zy : array-like of shape (n_samples, n_components)
        Embeddings of the two views, row by row the same songs; each side is the gallery of the
        other.
    labels : array-like of shape (n_samples,), default=None
        Category of each song: every song of the query's category is a right answer. None: only
        the song itself.
    k : sequence of int, default=(1, 10)
        Lengths for the recall.
    correlations, power
        As for `similarity`, by which is ranked; the cosine by default.

    Returns
    -------
    metrics : dict of str to dict
        ``"x_to_y"`` and ``"y_to_x"``, each with ``"mrr"``, ``"recall@1"``, ..., ``"median_rank"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca.metrics import retrieval_metrics
    >>> z = np.random.default_rng(0).normal(size=(50, 5))
    >>> retrieval_metrics(z, z)["x_to_y"]
    {'mrr': 1.0, 'recall@1': 1.0, 'recall@10': 1.0, 'median_rank': 1.0}
    """
    check_consistent_length(zx, zy)
    return both_directions(similarity(zx, zy, correlations, power), labels, k)


def both_directions(scores, labels=None, k=(1, 10)):
    """All retrieval metrics in both directions, of scores that a model gave.

    Parameters
    ----------
    scores : array-like of shape (n_samples, n_samples)
        Score of every X with every y, as from `pair_scores`.
    labels, k
        As for `retrieval_metrics`.

    Returns
    -------
    metrics : dict of str to dict
        As from `retrieval_metrics`.

    Examples
    --------
    >>> from skdcca.metrics import both_directions
    >>> both_directions([[0.9, 0.1], [0.2, 0.3]], k=[1])["y_to_x"]
    {'mrr': 1.0, 'recall@1': 1.0, 'median_rank': 1.0}
    """
    _check_k(k)
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    return {"x_to_y": _summary(scores, labels, k), "y_to_x": _summary(scores.T, labels, k)}


def _summary(scores, labels, k):
    counts = _tie_counts(scores, labels, None)
    found = _mid_ranks(*counts)
    recalls = {f"recall@{at}": _recall(*counts, at) for at in k}
    return {"mrr": reciprocal_rank(found), **recalls, "median_rank": median_rank(found)}


def similarity(zx, zy, correlations=None, power=None):
    """Score of every row of one embedding with every row of the other.

    Without more the cosine; with `correlations` and `power` the cosine of weighted variates; with
    `correlations` alone a likelihood ratio.

    Parameters
    ----------
    zx : array-like of shape (n_queries, n_components)
        One embedding.
    zy : array-like of shape (n_gallery, n_components)
        The other.
    correlations : array-like of shape (n_components,), default=None
        Correlation of each pair of canonical variates. None: the score is the cosine.
    power : float, default=None
        Variates are scaled by ``correlations ** power`` before the cosine is taken, so that it heeds
        those components that can be relied on [1]_. None: with `correlations`, the score is the log of
        how much likelier the two rows are as a pair than apart, see Notes.

    Returns
    -------
    scores : ndarray of shape (n_queries, n_gallery)
        Cosines, 0 for a row of zeros, rounded to 10 decimals; or log likelihood ratios in nats, rounded
        to 8. So equal rows tie whatever the order in which the products were summed.

    Notes
    -----
    Probabilistic canonical correlation analysis [2]_ takes variates ``x``, ``y`` of a pair for standard
    normal with correlation ``r``, those of different songs for independent. The log of the ratio of
    both densities is the sum over the components of
    ``(r x y - r**2 (x**2 + y**2) / 2) / (1 - r**2) - log(1 - r**2) / 2``. Unlike the cosine it heeds how
    large variates are: a long song and a very long one point in the same direction. Negative
    correlations count as 0, in the weights too, and none for more than 0.9999 in the likelihood. Of a
    model with a ridge the densities are those of its covariances with the ridge added: an order of the
    pairs, not calibrated odds.

    References
    ----------
    .. [1] Y. Gong, Q. Ke, M. Isard and S. Lazebnik, "A multi-view embedding space for modeling internet
       images, tags, and their semantics", International Journal of Computer Vision 106 (2014).
    .. [2] F. R. Bach and M. I. Jordan, "A probabilistic interpretation of canonical correlation
       analysis", Technical Report 688, University of California, Berkeley, 2005.

    Examples
    --------
    >>> from skdcca.metrics import similarity
    >>> similarity([[1.0, 0.0]], [[2.0, 0.0], [0.0, 3.0]])
    array([[1., 0.]])
    >>> similarity([[1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], correlations=[0.9, 0.3], power=4).round(2)
    array([[1.  , 0.01]])
    >>> similarity([[1.0]], [[1.0], [2.0], [-1.0]], correlations=[0.8]).round(1)
    array([[ 1. ,  0.5, -3.5]])
    """
    zx = check_array(zx, dtype=np.float64, input_name="zx")
    zy = check_array(zy, dtype=np.float64, input_name="zy")
    zx, zy = (scoring_rows(z, view, correlations, power) for z, view in ((zx, "x"), (zy, "y")))
    if zx.shape[1] != zy.shape[1]:
        raise ValueError(
            f"zx has shape {zx.shape} and zy {zy.shape}; they must have the same number of components"
        )
    scores = (zx @ zy.T).round(score_decimals(correlations, power))
    if not np.isfinite(scores).all():
        raise ValueError("variates are so large that their scores overflow; scale the views")
    return scores


def scoring_rows(z, view, correlations=None, power=None):
    """Rows whose products with those of the other view are the scores of `similarity`.

    So whatever searches for the greatest products searches by what was scored.
    """
    if correlations is None:
        if power is not None:
            raise ValueError(f"power={power!r} without correlations; give those of the variates")
        return normalize(z)
    r = check_array(correlations, dtype=np.float64, ensure_2d=False, input_name="correlations")
    if z.shape[1:] != r.shape:
        raise ValueError(
            f"z{view} has shape {z.shape} and correlations {r.shape}; they must have the same number "
            "of components"
        )
    if power is not None:
        if not isinstance(power, Real) or isinstance(power, bool) or not 0 <= power < np.inf:
            raise ValueError(f"power={power!r}; it must be a number from 0, and finite")
        return normalize(z * np.clip(r, 0.0, None) ** power)
    r = np.clip(r, 0.0, MOST)
    apart = 1 - r**2
    alone = -(z**2) @ (r**2 / apart / 2) - np.log(apart).sum() / 4
    one = np.ones_like(alone)
    return np.column_stack([z * (r / apart), alone, one] if view == "x" else [z, one, alone])


def score_decimals(correlations=None, power=None):
    """Decimals that `similarity` rounds to."""
    return 10 if correlations is None or power is not None else 8


def variate_correlations(zx, zy, sample_weight=None):
    """Correlation of each pair of canonical variates, component by component.

    Parameters
    ----------
    zx, zy : array-like of shape (n_samples, n_components)
        Variates of the two views, at least two rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.

    Returns
    -------
    correlations : ndarray of shape (n_components,)
        Pearson correlations; 0 for a component that is constant in one of the views.

    Examples
    --------
    >>> from skdcca.metrics import variate_correlations
    >>> variate_correlations([[1, 5], [2, 5], [3, 5]], [[2, 1], [4, 2], [6, 3]])
    array([1., 0.])
    """
    zx = check_array(zx, dtype=np.float64, ensure_min_samples=2, input_name="zx")
    zy = check_array(zy, dtype=np.float64, ensure_min_samples=2, input_name="zy")
    if zx.shape != zy.shape:
        raise ValueError(f"zx has shape {zx.shape} and zy {zy.shape}; they must be the same")
    weight = _check_weight(sample_weight, len(zx))
    zx, zy = _standardize(zx, weight), _standardize(zy, weight)
    return np.clip(weight @ (zx * zy), -1.0, 1.0)


def _check_weight(sample_weight, n):
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weight = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weight.shape != (n,) or weight.min() < 0 or weight.sum() <= 0:
        raise ValueError(
            f"sample_weight has shape {weight.shape}, minimum {weight.min()} and sum "
            f"{weight.sum()}; it must be ({n},), not negative and not all zero"
        )
    return weight / weight.sum()


def _standardize(z, weight):
    mean = weight @ z
    centred = np.where(weight[:, None] > 0, z - mean, 0.0)
    peak = np.abs(centred).max(axis=0)
    # What is left of a constant after rounding is not a correlation.
    constant = peak <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    centred = centred / np.where(constant, 1.0, peak)  # its squares cannot overflow or vanish
    deviation = np.sqrt(weight @ centred**2)
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))


def embed(estimator, X=None, y=None):
    """Embed one or both views by a fitted model, looking through pipelines and searches.

    Parameters
    ----------
    estimator : estimator
        A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search
        (`GridSearchCV`, ...) over either.
    X : array-like or list, default=None
        The first view as the estimator takes it (audio files, say).
    y : array-like or list, default=None
        The second view (lyrics, say).

    Returns
    -------
    embedding : ndarray of shape (n_samples, n_components), or a pair of them
        The pair ``(zx, zy)`` if both views are given, else the one that is.

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
        raise ValueError("embed needs X, y or both")
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
    """Steps before the canonical correlation model, and the model itself."""
    if isinstance(estimator, FrozenEstimator):
        return inside(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return inside(estimator.best_estimator_)
    if hasattr(estimator, "named_steps"):
        steps, model = inside(estimator[-1])
        return ([estimator[:-1], *steps] if len(estimator) > 1 else steps), model
    if not hasattr(estimator, "transform_y"):
        raise TypeError(
            f"{type(estimator).__name__} embeds no second view: embed takes a fitted canonical "
            "correlation model, a Pipeline whose last step is one, or a fitted search over them"
        )
    return [], estimator


def pair_scores(estimator, X, y):
    """Score every X with every y, as the model itself compares them.

    Parameters
    ----------
    estimator : estimator
        What `embed` takes. A model with a method ``comparison()`` says how its variates are compared
        (`LinearCCA`, say, which heeds its parameter `similarity`); of others it is the cosine.
    X, y : array-like or list
        The two views.

    Returns
    -------
    scores : ndarray of shape (n_samples_x, n_samples_y)
        Higher is more alike; all scorers rank by it.

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
    """Scores of variates as the model inside the estimator compares them, or their cosines."""
    return similarity(zx, zy, **comparison(estimator))


def comparison(estimator):
    """How the model inside the estimator compares variates: arguments of `similarity`.

    Models of other packages have no ``comparison`` and compare by the cosine.
    """
    _, model = inside(estimator)
    return model.comparison() if hasattr(model, "comparison") else {}


def mrr_scorer(estimator, X, y):
    """Mean reciprocal rank, the mean of both directions; for ``scoring=``.

    Parameters
    ----------
    estimator : estimator
        What `embed` takes.
    X, y : array-like or list
        The two views; each side is the gallery of the other.

    Returns
    -------
    mrr : float
        Between 0 and 1, 1 being best; see `chance` for the level to compare with.

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


def mrr_x_to_y(estimator, X, y):
    """Mean reciprocal rank of X asking for y (audio for lyrics); for ``scoring=``.

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


def mrr_y_to_x(estimator, X, y):
    """Mean reciprocal rank of y asking for X (lyrics for audio); for ``scoring=``.

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


def recall_at_k_scorer(k):
    """Make a scorer of recall@k, the mean of both directions; for ``scoring=``.

    Parameters
    ----------
    k : int
        Length of the list that a person looks through.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)`` gives the recall, between 0 and 1; chance is ``k / n_samples``.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import recall_at_k_scorer
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> recall_at_k_scorer(5)(LinearCCA().fit(X, -X), X, -X)
    1.0
    """
    _check_k([k])
    return partial(_recall_at_k_score, k=k)


def _recall_at_k_score(estimator, X, y, k):
    scores = pair_scores(estimator, X, y)
    return (recall_at_k(scores, k) + recall_at_k(scores.T, k)) / 2


def retrieval_scorer(estimator, X, y):
    """All retrieval metrics in both directions at the price of one embedding.

    For ``scoring=`` of `cross_validate`, or of a search with ``refit="mrr"``.

    Parameters
    ----------
    estimator, X, y
        As for `mrr_scorer`.

    Returns
    -------
    metrics : dict of str to float
        ``"mrr"`` (the mean of both directions) and, with the endings ``_x_to_y`` and ``_y_to_x``,
        ``mrr``, ``recall_at_1``, ``recall_at_10`` and ``neg_median_rank`` (negative, as the greater
        must be the better).

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
        flat |= {f"{name.replace('@', '_at_')}_{direction}": v for name, v in metrics.items()}
    return {"mrr": (flat["mrr_x_to_y"] + flat["mrr_y_to_x"]) / 2, **flat}


def total_correlation_scorer(estimator, X, y):
    """Sum of the canonical correlations on the given rows; for ``scoring=``.

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
    return float(np.sum(variate_correlations(*embed(estimator, X, y))))
