"""Join the rows of a group, such as the windows of a song, in searches and in scores."""

from functools import partial

import numpy as np

from skdcca.metrics import group_means, group_numbers
from skdcca.retrieval._distances import distance_rows
from skdcca.retrieval._exact import ExactSearch
from skdcca.retrieval._items import listed

OTHER = {"x": "y", "y": "x"}


class GroupsMixin:
    """Methods of an index that search groups of items."""

    def _n_results(self, view):
        """Return the largest number of results of a query that searches a view."""
        if self.groups_ is None:
            return self._n_having(view)
        return len(np.unique(self.groups_[self._places(view)]))

    def _nearest_groups(self, view, queries, vectors, k, query_groups):
        """Return the scores of the `k` best groups, and the place of the best item of each.

        `queries` and `vectors` are the rows of the queries for products and for distances; the rows of
        each query group are joined.
        """
        search = self._nearest_means if self.join == "mean" else self._nearest_best
        return search(view, queries, vectors, k, query_groups)

    def _nearest_best(self, view, queries, vectors, k, query_groups):
        """Return the scores and places of the best item of each of the `k` best groups."""
        numbers = self._searched_numbers(OTHER[view])

        def search(rows, n_items):
            some = None if vectors is None else vectors[rows]
            return self._nearest_rows(view, queries[rows], some, n_items)

        found = nearest_groups(search, len(queries), numbers, k)
        if query_groups is None:
            return found
        return best_of_queries(*found, group_numbers(query_groups), numbers, k)

    def _nearest_means(self, view, queries, vectors, k, query_groups):
        """Return the mean scores of the `k` best groups, and the place of the best item of each.

        The mean of the scores of all pairs of rows is the product of the mean rows.
        """
        if query_groups is not None:
            query_numbers = group_numbers(query_groups)
            queries = group_means(queries, query_numbers)
            vectors = None if vectors is None else group_means(vectors, query_numbers)
        if self.groups_ is None:
            return self._nearest_rows(view, queries, vectors, k)
        gallery, numbers = self._gallery(OTHER[view]), self._searched_numbers(OTHER[view])
        if self.neighbors is None:
            scores, found = gallery.top(queries, k)
        else:
            vectors = distance_rows(queries, of_queries=True, product=True)
            found = np.asarray(gallery.kneighbors(vectors, k, return_distance=False))
            exact = ExactSearch(self._mean_rows(OTHER[view]), self._decimals())
            scores, found = exact.among(queries, found, k)
        rows_at = partial(self._searched_rows, OTHER[view])
        return scores, best_members(queries, rows_at, found, numbers, self._decimals())

    def _joined_products(self, view, queries, places):
        """Return the products of queries with items, joined over the groups of the items."""
        if self.groups_ is None:
            return queries @ self._scoring_rows(view, places).T
        groups, products = self.groups_[self._places(view)], np.empty((len(queries), len(places)))
        for column, place in enumerate(places):
            members = self._searched_rows(view, np.flatnonzero(groups == self.groups_[place]))
            products[:, column] = getattr(queries @ members.T, self.join)(axis=1)
        return products

    def _numbers(self):
        """Return the group of each item as a number."""
        return np.arange(len(self.ids_)) if self.groups_ is None else group_numbers(self.groups_)

    def _searched_numbers(self, view):
        """Return the group of each item that has a view as a number."""
        if self.groups_ is None:
            return np.arange(self._n_having(view))
        return group_numbers(self.groups_[self._places(view)])

    def _searched_rows(self, view, found=None):
        """Return the rows of items that have a view, given by their numbers among these items."""
        places = self._places(view)
        return self._scoring_rows(view, places if found is None else self._item_places(view, found))

    def _mean_rows(self, view):
        return group_means(self._searched_rows(view), self._searched_numbers(view))

    def _searches_means(self):
        """Return True if the gallery of a view holds the mean rows of groups."""
        return self.groups_ is not None and self.join == "mean"


def check_groups(groups, n_rows):
    """Return the groups of rows as an array of str or of int, or None if there are none."""
    if groups is None:
        return None
    if isinstance(groups, str) or not hasattr(groups, "__iter__"):
        raise ValueError(f"`groups` must be a list of str or of int, got {groups!r}.")
    groups = groups.tolist() if isinstance(groups, np.ndarray) else list(groups)
    if len(groups) != n_rows:
        raise ValueError(
            f"`groups` must have one label for each of {n_rows} rows, got {len(groups)}."
        )
    array = np.array(groups) if groups else np.array([], dtype=int)
    kinds = {isinstance(group, str) for group in groups}
    if array.ndim != 1 or array.dtype.kind not in "iuU" or len(kinds) > 1:
        raise ValueError(
            f"`groups` must all be str or all be integers, got {listed(groups)}. Convert them to str."
        )
    return array


def joined_groups(groups, new, has_items):
    """Return the groups of all items after items are added."""
    if not has_items:
        return new
    if (groups is None) != (new is None):
        given = "without" if groups is None else "with"
        raise ValueError(
            f"`groups` must be given for all items or for none; this index is {given} groups. Fit it "
            "again to change that."
        )
    if groups is None:
        return None
    if (groups.dtype.kind == "U") != (new.dtype.kind == "U"):
        raise ValueError(
            f"`groups` must be of the same type as those of the index, such as {groups[0].item()!r}, "
            f"got {listed(new.tolist())}."
        )
    return np.concatenate([groups, new])


def nearest_groups(search, n_queries, numbers, k):
    """Find the groups with the highest-scoring rows.

    Parameters
    ----------
    search : callable
        ``search(queries, n)`` returns the scores and places of the best `n` rows for some queries,
        which are given by their numbers; best first.
    n_queries : int
        Number of queries.
    numbers : ndarray of shape (n_rows,)
        Group of each row, as integers from 0.
    k : int
        Number of groups to return.

    Returns
    -------
    scores, places : ndarray of shape (n_queries, k)
        Score and place of the best row of each of the best groups.
    """
    scores = np.empty((n_queries, k))
    places = np.empty((n_queries, k), dtype=np.intp)
    left, size = np.arange(n_queries), k
    while len(left):
        # Rows of one group may take many of the first places, so look farther until there are k groups.
        size = min(2 * size, len(numbers))
        row_scores, row_places = search(left, size)
        first = _is_first(numbers[row_places])
        done = first.sum(axis=1) >= k
        kept = first[done] & (first[done].cumsum(axis=1) <= k)
        scores[left[done]] = row_scores[done][kept].reshape(-1, k)
        places[left[done]] = row_places[done][kept].reshape(-1, k)
        left = left[~done]
    return scores, places


def _is_first(numbers):
    """Return True for the first occurrence of each number in its row."""
    order = np.argsort(numbers, axis=1, kind="stable")
    ordered = np.take_along_axis(numbers, order, axis=1)
    new = np.ones(numbers.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first


def best_of_queries(scores, places, query_numbers, numbers, k):
    """Join the results of the queries of each group by the highest score of each gallery group.

    Every group with one of the highest `k` joined scores is among the first `k` of the query that gives
    it this score, so the joined results are exact.
    """
    n_groups = query_numbers.max() + 1
    joined_scores = np.empty((n_groups, k))
    joined_places = np.empty((n_groups, k), dtype=np.intp)
    for group in range(n_groups):
        own = query_numbers == group
        score, place = scores[own].ravel(), places[own].ravel()
        order = np.lexsort((place, -score))
        first = _is_first(numbers[place[order]][None])[0]
        best = order[first][:k]
        joined_scores[group], joined_places[group] = score[best], place[best]
    return joined_scores, joined_places


def best_members(queries, rows_at, found, numbers, decimals):
    """Return the place of the best row of each group that was found.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_features)
        Query rows.
    rows_at : callable
        Function that returns the gallery rows at some places.
    found : ndarray of shape (n_queries, k)
        Groups of each query.
    numbers : ndarray of shape (n_rows,)
        Group of each gallery row.
    decimals : int
        Decimals to which scores are rounded; the first of equal rows is the best.
    """
    by_group = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))
    starts = ends - np.bincount(numbers)
    best = np.empty(found.shape, dtype=np.intp)
    for group in np.unique(found):
        members = by_group[starts[group] : ends[group]]
        query, column = np.nonzero(found == group)
        scores = (queries[query] @ rows_at(members).T).round(decimals)
        best[query, column] = members[scores.argmax(axis=1)]
    return best
