"""Join the scores of the rows of a group, such as the windows of a song."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from sklearn.utils.validation import check_array

from skdcca._utils.validation import check_option

JOINS = ("max", "mean")


def join_scores(
    scores: ArrayLike,
    query_groups: ArrayLike | None = None,
    gallery_groups: ArrayLike | None = None,
    *,
    how: str = "max",
) -> NDArray[np.float64]:
    """Join the scores of all rows of a group of queries with all rows of a group of items.

    For example, the queries and the items are windows of songs, and the joined scores compare whole
    songs.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery)
        Score of every query with every item of the gallery.
    query_groups : array-like of shape (n_queries,), default=None
        Group of each query. If None, each query stands for itself.
    gallery_groups : array-like of shape (n_gallery,), default=None
        Group of each item. If None, each item stands for itself.
    how : {"max", "mean"}, default="max"
        Whether the best pair of rows of two groups decides, or the mean of all pairs.

    Returns
    -------
    joined : ndarray of shape (n_query_groups, n_gallery_groups)
        Score of every group of queries with every group of items. Groups are in the order in which
        they first appear.

    Raises
    ------
    ValueError
        If groups do not have one label for each row, `how` is not an allowed value, or scores contain
        NaN or infinity.

    See Also
    --------
    skdcca.CrossModalIndex : Search of groups, without a matrix of all scores.

    Examples
    --------
    Two windows of one song and one window of another are scored for three lyrics:

    >>> from skdcca.metrics import join_scores
    >>> scores = [[0.9, 0.1, 0.2], [0.3, 0.2, 0.1], [0.1, 0.8, 0.3]]
    >>> join_scores(scores, ["song a", "song a", "song b"])
    array([[0.9, 0.2, 0.2],
           [0.1, 0.8, 0.3]])
    """
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    check_option("how", how, JOINS)
    for axis, (name, groups) in enumerate(
        [("query_groups", query_groups), ("gallery_groups", gallery_groups)]
    ):
        if groups is not None:
            scores = _joined(scores, _numbers(name, groups, scores.shape[axis]), axis, how)
    return scores


def _numbers(name, groups, n_rows):
    groups = np.asarray(groups)
    if groups.shape != (n_rows,):
        raise ValueError(
            f"`{name}` must have shape ({n_rows},) to match scores, got {groups.shape}."
        )
    return group_numbers(groups)


def _joined(scores, numbers, axis, how):
    scores = np.moveaxis(scores, axis, 0)
    if how == "mean":
        joined = group_means(scores, numbers)
    else:
        joined = np.full((numbers.max() + 1, scores.shape[1]), -np.inf)
        np.maximum.at(joined, numbers, scores)
    return np.moveaxis(joined, 0, axis)


def group_numbers(groups):
    """Return the number of the group of each row; groups are numbered as they first appear."""
    _, first, numbers = np.unique(groups, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first)] = np.arange(len(first))
    return order[numbers]


def group_means(rows, numbers):
    """Return the mean row of each group."""
    counts = np.bincount(numbers)
    share = csr_matrix((1 / counts[numbers], (numbers, np.arange(len(numbers)))))
    return np.asarray(share @ rows)
