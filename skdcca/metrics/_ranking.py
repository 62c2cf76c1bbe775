"""Compute ranks of relevant items, and retrieval metrics from these ranks."""

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
    """Return the rank of the first relevant item for each query; 1 is best.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery)
        Score of every query with every item of the gallery; higher means more similar.
    query_labels : array-like of shape (n_queries,), default=None
        Label of each query. All items with the same label are relevant (category level). If None,
        only item i is relevant to query i (instance level).
    gallery_labels : array-like of shape (n_gallery,), default=None
        Label of each item. If None, `query_labels` are used.

    Returns
    -------
    ranks : ndarray of shape (n_queries,)
        Rank of the first relevant item for each query. With ties it is averaged over all orders of
        the tied items (mid-rank), so it is not always an integer.

    Raises
    ------
    ValueError
        If scores contain NaN or infinity, if shapes do not match, or if a query has no relevant item.

    Examples
    --------
    The relevant items are on the diagonal. The second query ranks its relevant item second, and all
    three items of the third query are tied:

    >>> from skdcca.metrics import ranks
    >>> ranks([[0.9, 0.1, 0.3], [0.8, 0.5, 0.1], [0.2, 0.2, 0.2]])
    array([1., 2., 2.])
    """
    return _mid_ranks(*_tie_counts(scores, query_labels, gallery_labels))


def _mid_ranks(better, tied, tied_relevant):
    # Among t tied items, the first of r relevant ones is at (t + 1) / (r + 1) on average.
    return better + (tied + 1) / (tied_relevant + 1)


def _tie_counts(scores, query_labels, gallery_labels):
    """Count three kinds of items for each query, relative to its highest-scoring relevant item.

    Return the numbers of items that score higher than that item, of items tied with it (including
    itself), and of relevant items among the tied ones.
    """
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    relevant = _relevant_items(scores.shape, query_labels, gallery_labels)
    best = np.max(scores, axis=1, where=relevant, initial=-np.inf)[:, None]
    tied = scores == best
    return np.sum(scores > best, axis=1), np.sum(tied, axis=1), np.sum(tied & relevant, axis=1)


def _relevant_items(shape, query_labels, gallery_labels):
    """Return a boolean array of the given shape in which True marks a relevant item."""
    n_queries, n_gallery = shape
    if query_labels is None:
        if gallery_labels is not None:
            raise ValueError(
                "`query_labels` must be given if `gallery_labels` is given, got None. Pass "
                "`query_labels`, or omit `gallery_labels`."
            )
        if n_queries != n_gallery:
            raise ValueError(
                f"`scores` must be square without labels, got shape {shape}. Pass `query_labels` and "
                "`gallery_labels`."
            )
        return np.eye(n_queries, dtype=bool)
    query_labels = _check_labels(query_labels, n_queries, "query_labels")
    if gallery_labels is None:
        gallery_labels = query_labels
    gallery_labels = _check_labels(gallery_labels, n_gallery, "gallery_labels")
    relevant = query_labels[:, None] == gallery_labels[None, :]
    lost = np.flatnonzero(~relevant.any(axis=1))
    if lost.size:
        raise ValueError(
            f"{lost.size} queries have a label that no item of the gallery has, first in row {lost[0]} "
            f"with the label {query_labels[lost[0]]!r}. Remove these queries."
        )
    return relevant


def _check_labels(labels, n, name):
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},) to match scores, got {labels.shape}.")
    return labels


def reciprocal_rank(ranks: ArrayLike) -> float:
    """Return the mean reciprocal rank (MRR).

    Parameters
    ----------
    ranks : array-like of shape (n_queries,)
        Rank of the first relevant item for each query, from the function `ranks`.

    Returns
    -------
    mrr : float
        Mean of ``1 / ranks``, in (0, 1]; 1 is best.

    Raises
    ------
    ValueError
        If ranks are not one-dimensional, are below 1, or contain NaN or infinity.

    Notes
    -----
    Without ties and with one relevant item for each query, this equals
    ``sklearn.metrics.label_ranking_average_precision_score``.

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
    """Return the fraction of queries with a relevant item among their first `k` results.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery) or (n_queries,)
        Score of every query with every item of the gallery. Ranks can be passed instead if there are no
        ties.
    k : int
        Number of results, >= 1.
    query_labels, gallery_labels : array-like, default=None
        Labels of the queries and of the items, as in `ranks`. Not used with ranks.

    Returns
    -------
    recall : float
        Fraction of the queries, in [0, 1]; 1 is best. With ties it is averaged over all orders of
        the tied items, which cannot be computed from ranks.

    Raises
    ------
    ValueError
        If `k` is not an integer >= 1, if scores contain NaN or infinity, if shapes do not match, or if
        a query has no relevant item.

    Notes
    -----
    Without ties and labels, this equals ``top_k_accuracy_score(np.arange(n_queries), scores, k=k)`` of
    scikit-learn.

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


def _recall(better, tied, tied_relevant, k):
    places = np.clip(k - better, 0, tied)  # places for tied items among the first k
    # All these places have irrelevant items with probability C(irrelevant, places) / C(tied, places).
    irrelevant = tied - tied_relevant
    missed = np.exp(
        gammaln(irrelevant + 1)
        - gammaln(np.maximum(irrelevant - places, 0) + 1)
        - gammaln(tied + 1)
        + gammaln(tied - places + 1)
    )
    return float(np.mean(np.where(places > irrelevant, 1.0, 1.0 - missed)))


def _check_lengths(k):
    if np.ndim(k) != 1 or not all(map(is_integer, k)):
        raise ValueError(f"`k` must be a sequence of integers >= 1, got {k!r}.")


def median_rank(ranks: ArrayLike) -> float:
    """Return the median rank (MedR), within which half of the queries find a relevant item.

    Parameters
    ----------
    ranks : array-like of shape (n_queries,)
        Rank of the first relevant item for each query, from the function `ranks`.

    Returns
    -------
    median : float
        Median of the ranks, >= 1; 1 is best.

    Raises
    ------
    ValueError
        If ranks are not one-dimensional, are below 1, or contain NaN or infinity.

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
    n_gallery: int, n_relevant: int | ArrayLike = 1, k: Sequence[int] = (1, 10)
) -> dict[str, float]:
    r"""Return the chance level of all retrieval metrics, which a random ranking reaches.

    Compare the metrics of a model with the chance level, because they depend on the size of the
    gallery.

    Parameters
    ----------
    n_gallery : int
        Number of items in the gallery, >= 1.
    n_relevant : int or array-like of shape (n_queries,), default=1
        Number of relevant items in the gallery, from 1 to `n_gallery`, for all queries or for each of
        them.
    k : sequence of int, default=(1, 10)
        Numbers of results for the recall, each >= 1.

    Returns
    -------
    chance : dict of str to float
        Expected ``"mrr"``, ``"recall@1"``, ... and ``"median_rank"`` of a random ranking. The keys
        are the same as for one direction of `retrieval_metrics`.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    With n items and one relevant item, the mean reciprocal rank is
    :math:`\frac{1}{n} \sum_{i=1}^{n} \frac{1}{i}` and the recall at k is :math:`k / n`.

    Examples
    --------
    >>> from skdcca.metrics import chance
    >>> levels = chance(100)
    >>> round(levels["mrr"], 4), round(levels["recall@10"], 4), levels["median_rank"]
    (0.0519, 0.1, 50.5)
    """
    _check_lengths(k)
    check_integer("n_gallery", n_gallery)
    counts_relevant = _check_n_relevant(n_relevant, n_gallery)
    values, counts = np.unique(counts_relevant, return_counts=True)
    found = [_chance_of_first(n_gallery, value) for value in values]
    probability = np.average(found, axis=0, weights=counts)
    within = np.cumsum(probability)
    levels = {"mrr": float(np.sum(probability / np.arange(1, n_gallery + 1)))}
    levels |= {f"recall@{at}": float(within[min(at, n_gallery) - 1]) for at in k}
    # If exactly half of the ranks lie below, the median is halfway between two integers.
    low, high = np.searchsorted(within, [0.5 - 1e-12, 0.5 + 1e-12])
    return levels | {"median_rank": float((low + high) / 2 + 1)}


def _check_n_relevant(n_relevant, n_gallery):
    """Return the numbers of relevant items as an array."""
    counts = np.atleast_1d(n_relevant)
    if counts.ndim != 1 or not all(map(is_integer, counts)) or not counts.size:
        raise ValueError(
            f"`n_relevant` must be an integer >= 1 or a sequence of them, got {n_relevant!r}."
        )
    if counts.max() > n_gallery:
        raise ValueError(
            f"`n_relevant` must be <= n_gallery={n_gallery!r}, got {counts.max()}. A query cannot have "
            "more relevant items than there are items."
        )
    return counts


def _chance_of_first(n, n_relevant):
    """Return the probabilities that the first of `n_relevant` among `n` items has rank 1, ..., n."""
    position = np.arange(n)
    later = np.clip((n - position - n_relevant) / (n - position), 0, None)
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
    """Return all retrieval metrics in both directions, computed from the variates of two views.

    Each view is the gallery of the other. For a fitted model, use `retrieval_scorer`.

    Parameters
    ----------
    zx, zy : array-like of shape (n_samples, n_components)
        Variates of the two views. Row i of both is the same sample.
    labels : array-like of shape (n_samples,), default=None
        Label of each sample. All samples with the label of the query are relevant. If None, only
        the sample itself is relevant.
    k : sequence of int, default=(1, 10)
        Numbers of results for the recall, each >= 1.
    correlations : array-like of shape (n_components,), default=None
        Passed to `similarity`. If None, items are ranked by the cosine.
    power : float, default=None
        Passed to `similarity`.

    Returns
    -------
    metrics : dict of str to dict
        Metrics for the directions ``"x_to_y"`` and ``"y_to_x"``, each with the keys ``"mrr"``,
        ``"recall@1"``, ..., ``"median_rank"``.

    Raises
    ------
    ValueError
        If shapes do not match, or a parameter is out of range.

    Examples
    --------
    Find the right half of each of 100 images of digits from its left half:

    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA
    >>> from skdcca.metrics import chance, retrieval_metrics
    >>> images = load_digits().images
    >>> left, right = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    >>> cca = LinearCCA(n_components=10).fit(left[:1000], right[:1000])
    >>> zx, zy = cca.transform(left[1000:1100], right[1000:1100])
    >>> metrics = retrieval_metrics(zx, zy)["x_to_y"]
    >>> print(f"{metrics['mrr']:.1f} (chance {chance(100)['mrr']:.2f})")
    0.3 (chance 0.05)
    """
    check_consistent_length(zx, zy)
    return both_directions(similarity(zx, zy, correlations, power), labels, k)


def both_directions(
    scores: ArrayLike, labels: ArrayLike | None = None, k: Sequence[int] = (1, 10)
) -> dict[str, dict[str, float]]:
    """Return all retrieval metrics in both directions, computed from scores.

    Parameters
    ----------
    scores : array-like of shape (n_samples, n_samples)
        Score of every row of X with every row of y, for example from `pair_scores`.
    labels : array-like of shape (n_samples,), default=None
        Label of each sample. All samples with the label of the query are relevant. If None, only
        the sample itself is relevant.
    k : sequence of int, default=(1, 10)
        Numbers of results for the recall, each >= 1.

    Returns
    -------
    metrics : dict of str to dict
        Metrics for the directions ``"x_to_y"`` and ``"y_to_x"``, each with the keys ``"mrr"``,
        ``"recall@1"``, ..., ``"median_rank"``.

    Raises
    ------
    ValueError
        If scores are not square or contain NaN or infinity, if the labels have another length, or if
        `k` is out of range.

    Examples
    --------
    The first query of y ranks its relevant item first, because 0.9 is the largest score in the
    first column:

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
