"""A gallery of items that is searched across the two views."""

import json
from collections.abc import Sequence
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import (
    check_device,
    check_integer,
    check_number,
    check_option,
    check_same_length,
)
from skdcca.metrics import MOST, comparison, embed, inside, score_decimals, scoring_rows
from skdcca.retrieval._exact import ExactSearch
from skdcca.retrieval._items import check_ids, check_metadata, listed

_OTHER = {"x": "y", "y": "x"}
# Queries that measure the level of chance, at most.
_CHANCE_QUERIES = 1000


class CrossModalIndex(BaseEstimator):
    """Index of items, in which a query of one view finds items by the other view.

    Scores are those that the model gives, by its parameter `similarity` or `projection`; the scorers of
    `skdcca.metrics` measure the same ranking.

    Parameters
    ----------
    estimator : estimator
        A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search over
        either. The index keeps it, without a copy, to embed queries.
    neighbors : estimator, default=None
        Unfitted nearest neighbor estimator that finds the candidates, with ``fit(vectors)`` and
        ``kneighbors(vectors, n_neighbors, return_distance=False)`` by Euclidean distance:
        `FaissNeighbors`, or one of scikit-learn's. The scores of its candidates are exact. If None, the
        search is exact.
    device : str, default=None
        torch device on which the exact search selects candidates, such as ``"cuda"``; it then holds the
        gallery in single precision. NumPy selects them if None. The answers are the same. An index that
        is loaded on a machine without the device uses the CPU.

    Attributes
    ----------
    ids_ : ndarray of shape (n_items,)
        Id of every item, in the order in which they were added.
    zx_ : ndarray of shape (n_items, n_components) or None
        Variates of the first view; None if the gallery has no first view.
    zy_ : ndarray of shape (n_items, n_components) or None
        Variates of the second view; None if the gallery has no second view.
    metadata_ : dict
        Metadata by id.

    See Also
    --------
    skdcca.metrics.pair_scores : All scores of two lists.
    skdcca.save : Store an index in a file.

    Notes
    -----
    Every score is a product of two rows (`skdcca.metrics.similarity`). The exact search computes
    products in single precision, selects candidates by a bound on their rounding, and computes these
    again in double precision. Items of equal score keep the order of the gallery, among those that
    `neighbors` finds. To clone an index together with its fitted model, wrap the model in
    :class:`sklearn.frozen.FrozenEstimator`.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import CrossModalIndex, LinearCCA
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 4))
    >>> y = X + 0.1 * rng.normal(size=(100, 4))
    >>> model = LinearCCA().fit(X[:50], y[:50])
    >>> index = CrossModalIndex(model).fit(X[50:], ids=range(50, 100))  # a gallery of X
    >>> scores, ids = index.query(y=y[70:72], n_neighbors=3)
    >>> ids[:, 0]
    array([70, 71])
    >>> index.remove([70]).query(y=y[70:71], n_neighbors=1)[1] == 70
    array([[False]])
    """

    def __init__(self, estimator: Any, *, neighbors: Any = None, device: str | None = None) -> None:
        self.estimator = estimator
        self.neighbors = neighbors
        self.device = device

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        ids: Sequence[Any] | NDArray | None = None,
        metadata: Sequence[dict[str, Any]] | None = None,
    ) -> Self:
        """Build the gallery.

        Parameters
        ----------
        X : array-like or list, default=None
            The first view (audio) as the estimator takes it; queries of y search it.
        y : array-like or list, default=None
            The second view (lyrics); queries of X search it. If both are given, row i of either is the
            same item.
        ids : sequence of str or of int, of length n_items, default=None
            Unique id of each item; 0, 1, ... if None.
        metadata : sequence of dict, of length n_items, default=None
            JSON values to keep with each item, such as a title.

        Returns
        -------
        self : object
            The fitted index.

        Raises
        ------
        ValueError
            If neither view is given, lengths differ, ids are not unique, or metadata are not dicts of
            JSON values.
        """
        check_is_fitted(inside(self.estimator)[1])
        _check_neighbors(self.neighbors)
        check_device("device", self.device)
        self._set(**self._items(X, y, ids, metadata, first=0), next_number=0)
        if self.neighbors is not None:
            for view in self._views():
                self._gallery(view)
        return self

    def add(
        self,
        X: Any = None,
        y: Any = None,
        *,
        ids: Sequence[Any] | NDArray | None = None,
        metadata: Sequence[dict[str, Any]] | None = None,
    ) -> Self:
        """Add items that have the same views as the gallery.

        Parameters
        ----------
        X, y, ids, metadata
            As in `fit`. If `ids` is None, numbering continues and removed numbers are not used again;
            an index with str ids needs ids.

        Returns
        -------
        self : object
            The index, equal to one that was fitted with all items.
        """
        check_is_fitted(self)
        self._check_same_views(X, y)
        has_items = len(self.ids_) > 0
        if ids is None and has_items and self.ids_.dtype.kind == "U":
            raise ValueError("`ids` must be given, as the index has str ids, got None.")
        new = self._items(X, y, ids, metadata, first=self._next_number)
        if has_items and new["ids"].dtype.kind != self.ids_.dtype.kind:
            raise ValueError(
                "`ids` must be of the same type as those of the index, such as "
                f"{self.ids_[0].item()!r}, got {listed(new['ids'].tolist())}."
            )
        known = np.intersect1d(new["ids"], self.ids_).tolist()
        if known:
            raise ValueError(
                f"`ids` must not be in the index yet, got {listed(known)}. Remove them first."
            )
        self._set(
            ids=np.concatenate([self.ids_, new["ids"]]) if has_items else new["ids"],
            zx=None if X is None else np.concatenate([self.zx_, new["zx"]]),
            zy=None if y is None else np.concatenate([self.zy_, new["zy"]]),
            metadata=self.metadata_ | new["metadata"],
            next_number=self._next_number,
        )
        return self

    def remove(self, ids: Sequence[Any] | NDArray) -> Self:
        """Remove items.

        Parameters
        ----------
        ids : sequence of str or of int
            Ids of the items; all of them must be in the index.

        Returns
        -------
        self : object
            The index, equal to one that was fitted without the items.
        """
        check_is_fitted(self)
        ids = check_ids(ids)
        unknown = sorted(set(ids.tolist()) - set(self.ids_.tolist()))
        if unknown:
            raise ValueError(
                f"`ids` must be in the index, got {listed(unknown)}. No item was removed."
            )
        kept = ~np.isin(self.ids_, ids)
        left = self.ids_[kept]
        self._set(
            ids=left,
            zx=None if self.zx_ is None else self.zx_[kept],
            zy=None if self.zy_ is None else self.zy_[kept],
            metadata={i: self.metadata_[i] for i in left.tolist() if i in self.metadata_},
            next_number=self._next_number,
        )
        return self

    def query(
        self, X: Any = None, y: Any = None, *, n_neighbors: int = 10
    ) -> tuple[NDArray, NDArray]:
        """Find the items that match each query, best first.

        Parameters
        ----------
        X : array-like or list of n_queries samples, default=None
            Queries of the first view (audio), which search the second view.
        y : array-like or list of n_queries samples, default=None
            Queries of the second view (lyrics), which search the first view. Give either X or y.
        n_neighbors : int, default=10
            Number of items for each query, at most the size of the gallery.

        Returns
        -------
        scores : ndarray of shape (n_queries, n_neighbors)
            Scores, descending; higher is more similar.
        ids : ndarray of shape (n_queries, n_neighbors)
            Ids of the items.

        Raises
        ------
        ValueError
            If both views or neither are given, the gallery lacks the other view, or `n_neighbors`
            exceeds its size.
        """
        check_is_fitted(self)
        if (X is None) == (y is None):
            given = "neither" if X is None else "both"
            raise ValueError(f"query takes either X or y, the view of the queries, got {given}.")
        view = "y" if X is None else "x"
        self._check_answerable(view, n_neighbors)
        scores, places = self._nearest(view, self.embed(X, y), n_neighbors)
        return scores, self.ids_[places]

    def embed(self, X: Any = None, y: Any = None) -> Any:
        """Return variates of one or both views, as `skdcca.metrics.embed` gives them.

        Parameters
        ----------
        X, y : array-like or list, default=None
            The views as the estimator takes them.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), or a pair of them
            Variates.
        """
        return embed(self.estimator, X, y)

    def chance_score(self, view: str, quantile: float = 0.95) -> float | None:
        """Return the score that the best of unrelated items reaches by chance.

        The items of the gallery are the queries, at most 1,000 of them, evenly spaced; each is scored
        by the best of the other items.

        Parameters
        ----------
        view : {"x", "y"}
            View of the queries.
        quantile : float, default=0.95
            Quantile of these best scores, in [0, 1].

        Returns
        -------
        level : float or None
            A best score below it means nothing. None if the gallery lacks a view or has fewer than two
            items.
        """
        check_is_fitted(self)
        check_option("view", view, _OTHER)
        check_number("quantile", quantile, ge=0, le=1)
        if self.zx_ is None or self.zy_ is None or len(self.ids_) < 2:
            return None
        n_queries = min(len(self.ids_), _CHANCE_QUERIES)
        own = np.linspace(0, len(self.ids_) - 1, n_queries).astype(int)
        scores, places = self._nearest(view, getattr(self, f"z{view}_")[own], 2)
        best = np.where(places[:, 0] == own, scores[:, 1], scores[:, 0])
        return float(np.quantile(best, quantile))

    def _items(self, X, y, ids, metadata, first):
        """Return what the index keeps of new items; all checks come before the embedding."""
        views = [view for view in (X, y) if view is not None]
        if not views:
            raise ValueError("The gallery needs X, y or both, got neither.")
        check_same_length(views[0], views[-1], "item")
        n_items = num_samples(views[0])
        ids = np.arange(first, first + n_items) if ids is None else check_ids(ids)
        if len(ids) != n_items:
            raise ValueError(f"`ids` must have one id for each of {n_items} items, got {len(ids)}.")
        return {
            "ids": ids,
            "metadata": check_metadata(metadata, ids),
            "zx": None if X is None else _check_finite(self.embed(X), "X"),
            "zy": None if y is None else _check_finite(self.embed(y=y), "y"),
        }

    def _set(self, ids, zx, zy, metadata, next_number):
        self.ids_, self.zx_, self.zy_, self.metadata_ = ids, zx, zy, metadata
        self._next_number = next_number
        if len(ids) and ids.dtype.kind == "i":
            self._next_number = max(next_number, int(ids.max()) + 1)
        self._galleries, self._searches, self._compared_by = {}, {}, None

    def _views(self):
        return [view for view in _OTHER if getattr(self, f"z{view}_") is not None]

    def _check_same_views(self, X, y):
        given = [view for view, of in (("x", X), ("y", y)) if of is not None]
        if given != self._views():
            needed = " and ".join(self._views())
            raise ValueError(
                f"Items must have the views of the gallery, {needed}, got "
                f"{' and '.join(given) or 'neither'}."
            )

    def _check_answerable(self, view, n_neighbors):
        other = _OTHER[view]
        if getattr(self, f"z{other}_") is None:
            raise ValueError(
                f"Queries of {view} search the view {other}, which this gallery lacks. Fit it with "
                f"{'X' if other == 'x' else 'y'}."
            )
        check_integer("n_neighbors", n_neighbors)
        if n_neighbors > len(self.ids_):
            raise ValueError(
                f"`n_neighbors` must be <= the number of items, {len(self.ids_)}, got {n_neighbors}."
            )

    def _nearest(self, view, z, k):
        """Return scores and places in the gallery of the best `k` items for variates of a view."""
        how = comparison(self.estimator)
        z = check_array(z, dtype=np.float64)
        queries = scoring_rows(z, view, **how)
        gallery = self._gallery(_OTHER[view])
        if self.neighbors is None:
            return gallery.top(queries, k)
        vectors = _distance_rows(z, of_queries=True, **how)
        places = np.asarray(gallery.kneighbors(vectors, k, return_distance=False))
        # Only the variates of these candidates are read, as they may be in a file.
        found, at = np.unique(places, return_inverse=True)
        rows = scoring_rows(self._variates(_OTHER[view], found), _OTHER[view], **how)
        exact = ExactSearch(rows, score_decimals(**how))
        scores, best = exact.among(queries, at.reshape(places.shape), k)
        return scores, found[best]

    def _variates(self, view, rows=slice(None)):
        return np.asarray(getattr(self, f"z{view}_")[rows], dtype=np.float64)

    def _gallery(self, view):
        """Return the search for the items of a view: the exact one, or fitted `neighbors`.

        Threads may query at once: each builds what is missing, and the last one's is kept.
        """
        how = comparison(self.estimator)
        compared_by = joblib.hash(how, coerce_mmap=True)  # the same in memory and in a file
        known = compared_by == self._compared_by  # else a parameter of the model was set since
        kept = self._galleries if self.neighbors is None else self._searches
        gallery = kept.get(view) if known else None
        device = check_device("device", self.device, must_exist=False)
        if gallery is None and self.neighbors is not None:
            rows = _distance_rows(self._variates(view), of_queries=False, **how)
            gallery = clone(self.neighbors).fit(rows)
        elif gallery is None or (self.neighbors is None and gallery.device != device):
            rows = scoring_rows(self._variates(view), view, **how)
            gallery = ExactSearch(rows, score_decimals(**how), device)
        self._keep(view, gallery, compared_by)
        return gallery

    def _keep(self, view, gallery, compared_by):
        known = compared_by == self._compared_by
        galleries, searches = (self._galleries, self._searches) if known else ({}, {})
        kept = galleries if self.neighbors is None else searches
        if kept.get(view) is gallery:
            return
        # New dicts, as other threads may be reading the old ones; their mark comes last.
        kept = kept | {view: gallery}
        if self.neighbors is None:
            self._galleries, self._searches = kept, searches
        else:
            self._galleries, self._searches = galleries, kept
        self._compared_by = compared_by

    def __getstate__(self):
        state = super().__getstate__()
        if "metadata_" not in state:
            return state
        # Galleries follow from the variates; one text is written much faster than a dict an item.
        metadata = [self.metadata_.get(i) for i in self.ids_.tolist()]
        return {**state, "_galleries": {}, "metadata_": json.dumps(metadata)}

    def __setstate__(self, state):
        state = {"device": None} | state  # missing in older files
        if "metadata_" in state:
            metadata = json.loads(state["metadata_"])
            _check_restored(state, metadata)
            rows = zip(state["ids_"].tolist(), metadata, strict=True)
            state = {**state, "metadata_": {i: of for i, of in rows if of is not None}}
        super().__setstate__(state)


def _distance_rows(z, *, of_queries, correlations=None, power=None):
    """Return rows whose distances order a gallery as the scores of `scoring_rows` do.

    The likelihood ratio is ``-|r w x - w y|**2 / 2`` plus a term of the query alone, with
    ``w**2 = 1 / (1 - r**2)`` and r on the side of the gallery. The cosine orders like the distance of
    rows of length 1; one more column gives rows of zeros that length.
    """
    if correlations is not None and power is None:
        r = np.clip(correlations, 0.0, MOST)
        return z * ((1.0 if of_queries else r) / np.sqrt(1 - r**2))
    rows = scoring_rows(z, "x", correlations, power)
    missing = 1 - np.einsum("ij,ij->i", rows, rows)
    return np.column_stack([rows, np.zeros(len(rows)) if of_queries else np.sqrt(missing.clip(0))])


def _check_finite(z, name):
    bad = np.flatnonzero(~np.isfinite(z).all(axis=1)).tolist()
    if bad:
        raise ValueError(
            f"The model gives variates that are not finite for rows {listed(bad)} of {name}."
        )
    return z


def _check_neighbors(neighbors):
    able = hasattr(neighbors, "fit") and hasattr(neighbors, "kneighbors")
    if neighbors is not None and not able:
        raise ValueError(
            "`neighbors` must be a nearest neighbor estimator, such as FaissNeighbors(), or None, got "
            f"{neighbors!r}."
        )


def _check_restored(state, metadata):
    """Check the state of an index, which may come from an untrusted file."""
    ids, views = state["ids_"], [state["zx_"], state["zy_"]]
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iuU":
        raise ValueError(
            "ids_ of a CrossModalIndex must be a one-dimensional array of str or of int"
        )
    if not all(z is None or _is_table(z) for z in views):
        raise ValueError("zx_ and zy_ of a CrossModalIndex must be tables of numbers, or None")
    lengths = {len(of) for of in (metadata, *views) if of is not None} - {len(ids)}
    if lengths:
        raise ValueError(
            f"a CrossModalIndex has {len(ids)} ids_, but {lengths} variates or metadata_"
        )
    if not all(of is None or isinstance(of, dict) for of in metadata):
        raise ValueError("metadata_ of a CrossModalIndex must be dicts")
    # A query may fit them again; the `fit` of other estimators may open files.
    searches = [state["neighbors"], *state["_searches"].values()]
    if not all(of is None or hasattr(type(of), "kneighbors") for of in searches):
        raise ValueError("neighbors of a CrossModalIndex must be nearest neighbor estimators")


def _is_table(z):
    return isinstance(z, np.ndarray) and z.dtype.kind == "f" and z.ndim == 2
