"""Ranks of the right answers, and the metrics of retrieval that follow from them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from sklearn.utils.validation import check_array, check_consistent_length

from skdcca._utils.validation import check_integer, is_integer
from skdcca.metrics._similarity import similarity


def ranks(
    scores: ArrayLike,
    query_labels: ArrayLike | None = None,
    gallery_labels: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return the rank at which each query finds its first right answer, 1 being best.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery)
        Score of every query with every item of the gallery.
    query_labels : array-like of shape (n_queries,), default=None
        Label of each query. None: the right answer to query `i` is item `i` (instance level).
    gallery_labels : array-like of shape (n_gallery,), default=None
        Label of each item; by default the same as `query_labels`.

    Returns
    -------
    ranks : ndarray of shape (n_queries,)
        Mid-ranks: with ties, the rank of the first right item averaged over all orders of the tied
        items, which may not be an integer.

    Raises
    ------
    ValueError
        If scores are not finite, shapes do not match, or a query has no right answer.

    Examples
    --------
    >>> from skdcca.metrics import ranks
    >>> ranks([[0.9, 0.1, 0.3], [0.8, 0.5, 0.1], [0.2, 0.2, 0.2]])
    array([1., 2., 2.])
    """
    return _mid_ranks(*_tie_counts(scores, query_labels, gallery_labels))


def _mid_ranks(better, tied, tied_right):
    # r right answers among t tied items in random order: the first is at (t + 1) / (r + 1) on average.
    return better + (tied + 1) / (tied_right + 1)


def _tie_counts(scores, query_labels, gallery_labels):
    """Return three counts a query.

    They are the items before its best right answer, the items tied with it, and the right ones of those.
    """
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    right = _right_answers(scores.shape, query_labels, gallery_labels)
    best = np.max(scores, axis=1, where=right, initial=-np.inf)[:, None]
    tied = scores == best
    return np.sum(scores > best, axis=1), np.sum(tied, axis=1), np.sum(tied & right, axis=1)


def _right_answers(shape, query_labels, gallery_labels):
    """Return a mask of the right answers, of the shape of the scores."""
    n_queries, n_gallery = shape
    if query_labels is None:
        if gallery_labels is not None:
            raise ValueError(
                "`gallery_labels` needs `query_labels`, got None. Pass both or neither."
            )
        if n_queries != n_gallery:
            raise ValueError(
                f"`scores` must have as many queries as items without labels, got shape {shape}. Pass "
                "`query_labels` and `gallery_labels`."
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
            f"{lost[0]} with the label {query_labels[lost[0]]!r}. Leave these queries out."
        )
    return right


def _check_labels(labels, n, name):
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},) to fit the scores, got {labels.shape}.")
    return labels


def reciprocal_rank(ranks: ArrayLike) -> float:
    """Return the mean reciprocal rank (MRR).

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


def recall_at_k(
    scores: ArrayLike,
    k: int,
    query_labels: ArrayLike | None = None,
    gallery_labels: ArrayLike | None = None,
) -> float:
    """Return the share of queries whose (first) right answer is among the first `k`.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery) or (n_queries,)
        Score of every query with every item of the gallery; or ranks, if there are no ties.
    k : int
        Length of the list of answers.
    query_labels, gallery_labels : array-like, default=None
        As for `ranks`.

    Returns
    -------
    recall : float
        Between 0 and 1, 1 being best. With ties it is the average over all orders of the tied items,
        which cannot be computed from the mid-ranks.

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
    check_integer("k", k)
    if np.ndim(scores) == 1:
        return float(np.mean(_check_ranks(scores) <= k))
    return _recall(*_tie_counts(scores, query_labels, gallery_labels), k)


def _recall(better, tied, tied_right, k):
    places = np.clip(k - better, 0, tied)  # places in the list that the tied items take
    # Probability that all of these places go to wrong items: C(tied - right, places) / C(tied, places).
    wrong = tied - tied_right
    missed = np.exp(
        gammaln(wrong + 1)
        - gammaln(np.maximum(wrong - places, 0) + 1)
        - gammaln(tied + 1)
        + gammaln(tied - places + 1)
    )
    return float(np.mean(np.where(places > wrong, 1.0, 1.0 - missed)))


def _check_lengths(k):
    if np.ndim(k) != 1 or not all(map(is_integer, k)):
        raise ValueError(f"`k` must be a sequence of integers >= 1, got {k!r}.")


def median_rank(ranks: ArrayLike) -> float:
    """Return the median rank (MedR): half of the queries find their answer up to here.

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
            f"`ranks` must be one-dimensional and >= 1, got shape {ranks.shape} and minimum "
            f"{ranks.min():g}. Pass the result of skdcca.metrics.ranks."
        )
    return ranks


def chance(
    n_gallery: int, n_right: int | ArrayLike = 1, k: Sequence[int] = (1, 10)
) -> dict[str, float]:
    """Return the retrieval metrics of a model that orders the gallery at random.

    Parameters
    ----------
    n_gallery : int
        Number of items in the gallery.
    n_right : int or array-like of shape (n_queries,), default=1
        Number of right answers in the gallery, for all queries or for each.
    k : sequence of int, default=(1, 10)
        Lengths of the list of answers, for the recall.

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
    _check_lengths(k)
    check_integer("n_gallery", n_gallery)
    counts_right = _check_n_right(n_right, n_gallery)
    values, counts = np.unique(counts_right, return_counts=True)
    found = [_chance_of_first(n_gallery, value) for value in values]
    probability = np.average(found, axis=0, weights=counts)
    within = np.cumsum(probability)
    levels = {"mrr": float(np.sum(probability / np.arange(1, n_gallery + 1)))}
    levels |= {f"recall@{at}": float(within[min(at, n_gallery) - 1]) for at in k}
    # The median of integers, halfway between two of them if exactly half lie below.
    low, high = np.searchsorted(within, [0.5 - 1e-12, 0.5 + 1e-12])
    return levels | {"median_rank": float((low + high) / 2 + 1)}


def _check_n_right(n_right, n_gallery):
    """Return the numbers of right answers as an array."""
    counts = np.atleast_1d(n_right)
    if counts.ndim != 1 or not all(map(is_integer, counts)) or not counts.size:
        raise ValueError(
            f"`n_right` must be an integer >= 1 or a sequence of them, got {n_right!r}."
        )
    if counts.max() > n_gallery:
        raise ValueError(
            f"`n_right` must be <= n_gallery={n_gallery!r}, got {counts.max()}. A query cannot have "
            "more right answers than there are items."
        )
    return counts


def _chance_of_first(n, n_right):
    """Return the probability that the first of `n_right` in `n` shuffled items is at 1, ..., n."""
    position = np.arange(n)
    later = np.clip((n - position - n_right) / (n - position), 0, None)
    none_before = np.concatenate([[1.0], np.cumprod(later)])
    return none_before[:-1] - none_before[1:]


def retrieval_metrics(
    zx: ArrayLike,
    zy: ArrayLike,
    labels: ArrayLike | None = None,
    k: Sequence[int] = (1, 10),
    *,
    correlations: ArrayLike | None = None,
    power: float | None = None,
) -> dict[str, dict[str, float]]:
    """Return all retrieval metrics in both directions, by the similarity of the embeddings.

    Parameters
    ----------
    zx, zy : array-like of shape (n_samples, n_components)
        Embeddings of the two views; row i of both is the same sample, and each side is the gallery of
        the other.
    labels : array-like of shape (n_samples,), default=None
        Category of each sample: every sample of the query's category is a right answer. None: only
        the sample itself.
    k : sequence of int, default=(1, 10)
        Lengths of the list of answers, for the recall.
    correlations, power
        As for `similarity`, by which items are ranked; by default the cosine.

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


def both_directions(
    scores: ArrayLike, labels: ArrayLike | None = None, k: Sequence[int] = (1, 10)
) -> dict[str, dict[str, float]]:
    """Return all retrieval metrics in both directions, from the scores of a model.

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
    _check_lengths(k)
    matrix = check_array(scores, dtype=np.float64, input_name="scores")
    return {"x_to_y": _summary(matrix, labels, k), "y_to_x": _summary(matrix.T, labels, k)}


def _summary(scores, labels, k):
    counts = _tie_counts(scores, labels, None)
    found = _mid_ranks(*counts)
    recalls = {f"recall@{at}": _recall(*counts, at) for at in k}
    return {"mrr": reciprocal_rank(found), **recalls, "median_rank": median_rank(found)}
