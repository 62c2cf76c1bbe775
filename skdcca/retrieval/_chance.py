"""Judge scores of an index by the scores of queries that are unrelated to the items."""

from collections.abc import Hashable, Sequence
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._utils.labels import label_numbers
from skdcca._utils.validation import check_number, check_option
from skdcca.metrics import comparison, scoring_rows
from skdcca.retrieval._background import N_ROWS, background, spread
from skdcca.retrieval._groups import OTHER
from skdcca.retrieval._items import listed

_MOST_KEPT = 100
# With fewer unrelated queries, nothing is said about chance.
_LEAST = 20
# A query is far outside if it is so many times farther away than this share of the gallery.
_FAR_FACTOR, _FAR_QUANTILE = 2.0, 0.99


class ChanceMixin:
    """Methods of an index that judge scores by those of unrelated queries."""

    def chance_score(
        self,
        view: str,
        quantile: float = 0.95,
        *,
        groups: Sequence[Hashable] | NDArray | None = None,
        like: Any = None,
    ) -> float | None:
        """Return the score that the best unrelated item rarely exceeds.

        Use it as a threshold: a query has found something only if its best score is higher. To estimate
        the score, queries are taken from the gallery. For each of them, the best score among the items
        of all *other* groups is taken.

        Parameters
        ----------
        view : {"x", "y"}
            View of the queries.
        quantile : float, default=0.95
            Quantile of these best scores, in [0, 1]. With 0.95, the best unrelated item exceeds the
            returned score in 5 % of all queries.
        groups : sequence of length n_items, default=None
            Group of each item, such as its artist or its theme, in the order of `ids_`. Items of one
            group resemble each other, so they are not unrelated; if they are taken as such, relevant
            items seldom exceed the score. If None, the groups of the index are used; without them,
            each item is its own group.
        like : str, default=None
            Text query to judge, for queries of y. The unrelated queries are then 150 passages of about
            as many words from the texts of the gallery, because short texts have other scores than
            whole ones. Otherwise, and for texts that are as long as those of the gallery, they are up
            to 1,000 evenly spaced items; clips of audio are thus compared with whole songs.

        Returns
        -------
        level : float or None
            The score, or None if it is unknown: the gallery lacks a view, or has fewer than 20 queries
            whose group is not the only one.

        Raises
        ------
        ValueError
            If `view` is not "x" or "y", `quantile` is not in [0, 1], or `groups` has another length
            than `ids_`.
        NotFittedError
            If the index is not fitted.

        See Also
        --------
        p_values : How rarely an unrelated query scores an item as high.

        Notes
        -----
        Passages of each length are embedded once and kept with the index, also when it is saved.
        """
        check_number("quantile", quantile, ge=0, le=1)
        labels, unrelated = self._labels_and_background(view, groups, like)
        best = [] if unrelated is None else self._best_of_others(view, unrelated, labels)
        return float(np.quantile(best, quantile)) if len(best) >= _LEAST else None

    def p_values(
        self,
        view: str,
        scores: ArrayLike,
        ids: Sequence[Any] | NDArray,
        *,
        groups: Sequence[Hashable] | NDArray | None = None,
        like: Any = None,
    ) -> list[float | None]:
        """Return how rarely an unrelated query scores an item as high as one query did.

        Scores of different items cannot be compared with a single level, because some items score high
        with any query. A p-value is calibrated for each item: if the query is unrelated to the item,
        it is at most 0.05 in 5 % of the cases. It holds for one item, not for the best of many; see
        `chance_score` for that.

        Parameters
        ----------
        view : {"x", "y"}
            View of the query.
        scores : array-like of shape (n_found,)
            Scores of the items for the query, from `query`.
        ids : sequence of length n_found
            Ids of the items.
        groups : sequence of length n_items, default=None
            Group of each item of the gallery, as in `chance_score`. The unrelated queries of an item
            are those of all other groups.
        like : str, default=None
            Text query, as in `chance_score`.

        Returns
        -------
        p_values : list of float or None
            For each item, ``(1 + k) / (1 + n)``, where `k` of `n` unrelated queries score the item at
            least as high [1]_. It is never 0. None if there are fewer than 20 unrelated queries, or if
            the item lacks the view that is searched.

        Raises
        ------
        ValueError
            If `scores` and `ids` have different lengths, an id is not in the index, or an argument is
            invalid for `chance_score`.
        NotFittedError
            If the index is not fitted.

        References
        ----------
        .. [1] B. Phipson and G. K. Smyth, "Permutation p-values should never be zero", Statistical
           Applications in Genetics and Molecular Biology 9(1), 2010.

        Examples
        --------
        The first 100 images of digits are the gallery, and their labels are the groups:

        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from skdcca import CrossModalIndex, LinearCCA
        >>> images, digits = load_digits(return_X_y=True)
        >>> X, y = np.hsplit(images, 2)  # upper and lower halves
        >>> model = LinearCCA(10, reg=1.0).fit(X[100:], y[100:])
        >>> index = CrossModalIndex(model).fit(X[:100], y[:100])
        >>> scores, ids = index.query(X=X[:1], n_neighbors=100)
        >>> p = index.p_values("x", scores[0], ids[0], groups=digits[:100])
        >>> f"{p[0]:.2f} for the best item, {p[99]:.2f} for the worst"
        '0.01 for the best item, 0.90 for the worst'
        """
        labels, unrelated = self._labels_and_background(view, groups, like)
        scores, places = np.asarray(scores, dtype=np.float64), _places(self, ids)
        if scores.shape != places.shape:
            raise ValueError(
                f"`scores` must have one score for each of {len(places)} ids, got shape "
                f"{scores.shape}."
            )
        if unrelated is None:
            return [None] * len(places)
        has_view = self._have(OTHER[view], places)
        scores, places = scores[has_view], places[has_view]
        others = labels[unrelated.own][:, None] != labels[places]
        as_high = _pair_scores(self, view, unrelated.z, places) >= scores
        n_others, n_higher = others.sum(axis=0), (others & as_high).sum(axis=0)
        p_values = ((1 + n_higher) / (1 + n_others)).tolist()
        found = iter([p if n >= _LEAST else None for p, n in zip(p_values, n_others, strict=True)])
        return [next(found) if has else None for has in has_view]

    def is_far(self, view: str, z: ArrayLike) -> bool:
        """Return True if a query lies far outside the gallery, where its scores mean little.

        The distance of the variates of the query from the mean of the gallery is compared with the
        distances of the items: a query is far if it is more than twice as far away as 99 % of them.

        Parameters
        ----------
        view : {"x", "y"}
            View of the query.
        z : array-like of shape (n_components,) or (1, n_components)
            Variates of the query, from `embed`.

        Returns
        -------
        far : bool
            True if the query is far. False if the gallery lacks the view of the query or has fewer
            than 20 items.

        Raises
        ------
        ValueError
            If `view` is not "x" or "y".
        NotFittedError
            If the index is not fitted.
        """
        check_is_fitted(self)
        self._refuse_several_views()
        check_option("view", view, OTHER)
        if getattr(self, f"z{view}_") is None or self._n_having(view) < _LEAST:
            return False
        center, distance = self._once(("range", view), lambda: _usual_range(self, view))
        return bool(np.linalg.norm(np.ravel(z) - center) > _FAR_FACTOR * distance)

    def _labels_and_background(self, view, groups, like):
        """Return the groups of the items as numbers, and the `Background` of a query."""
        check_is_fitted(self)
        self._refuse_several_views()
        check_option("view", view, OTHER)
        groups = self.groups_ if groups is None else groups
        labels = self._numbers() if groups is None else _labels(groups, len(self.ids_))
        return labels, background(self, view, like)

    def _best_of_others(self, view, unrelated, labels):
        """Return the best score of each unrelated query among the items of other groups."""
        how = joblib.hash([comparison(self.estimator), self.join], coerce_mmap=True)
        key = view, unrelated.name, labels.tobytes(), how
        return self._once(key, lambda: _best_of_others(self, view, unrelated, labels))

    def _once(self, key, compute):
        """Return the result of a function, which is kept by its key until the items change."""
        found = self._judged.get(key)
        if found is None:
            found = compute()
            kept = self._judged if len(self._judged) < _MOST_KEPT else {}
            # Replace the dict instead of changing it, because other threads may be reading it.
            self._judged = {**kept, key: found}
        return found


def _labels(groups, n_items):
    """Return the groups of the items as integers."""
    if len(groups) != n_items:
        raise ValueError(
            f"`groups` must have one group for each of {n_items} items, got {len(groups)}."
        )
    if isinstance(groups, np.ndarray):
        if groups.dtype.kind in "iu":
            return groups
        groups = groups.tolist()
    return label_numbers(groups)


def _places(index, ids):
    """Return the places of ids in the index."""
    known = index._once(
        "places", lambda: {name: place for place, name in enumerate(index.ids_.tolist())}
    )
    ids = np.asarray(ids).tolist()
    unknown = [name for name in ids if name not in known]
    if unknown:
        raise ValueError(f"`ids` must be in the index, got {listed(unknown)}.")
    return np.array([known[name] for name in ids], dtype=int)


def _best_of_others(index, view, unrelated, labels):
    """Return the best score of each unrelated query among the items of other groups.

    Queries that find no such item are left out, because all items are of their group.
    """
    z, own = unrelated.z, labels[unrelated.own]
    best, left, n_found = np.full(len(z), np.nan), np.arange(len(z)), 1
    most = index._n_results(OTHER[view])
    while left.size and n_found < most:
        n_found = min(2 * n_found**2, most)
        scores, places = index._nearest(view, z[left], n_found)
        is_other = labels[places] != own[left, None]
        first, found = is_other.argmax(axis=1), is_other.any(axis=1)
        best[left[found]] = scores[found, first[found]]
        left = left[~found]
    return best[~np.isnan(best)]


def _usual_range(index, view):
    """Return the mean of the variates of a view, and the distance from it that few items exceed."""
    numbers = spread(index._n_having(view), N_ROWS)
    rows = index._variates(view, index._item_places(view, numbers))
    center = rows.mean(axis=0)
    return center, np.quantile(np.linalg.norm(rows - center, axis=1), _FAR_QUANTILE)


def _pair_scores(index, view, z, places):
    """Return the scores of queries with the items at some places of the gallery."""
    queries = scoring_rows(np.asarray(z, dtype=np.float64), view, **comparison(index.estimator))
    return index._joined_products(OTHER[view], queries, places).round(index._decimals())
