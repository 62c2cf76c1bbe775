"""Index of a gallery, in which queries of one view search another view."""

import json
from collections.abc import Sequence
from itertools import compress
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._audio import sound_required
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import (
    check_device,
    check_integer,
    check_option,
    check_pairs,
)
from skdcca.metrics import JOINS, comparison, embed, inside, score_decimals, scoring_rows
from skdcca.retrieval._chance import ChanceMixin
from skdcca.retrieval._checks import check_finite, check_neighbors, check_restored
from skdcca.retrieval._distances import distance_rows
from skdcca.retrieval._exact import ExactSearch
from skdcca.retrieval._groups import OTHER, GroupsMixin, check_groups, joined_groups
from skdcca.retrieval._items import check_ids, check_metadata, listed
from skdcca.retrieval._texts import (
    check_texts,
    default_texts,
    joined_texts,
    texts_from_json,
    texts_to_json,
)
from skdcca.retrieval._views import NO_VIEWS, ViewsMixin, check_table, restored_views, several_views
from skdcca.retrieval._words import WordsMixin


class CrossModalIndex(ViewsMixin, ChanceMixin, WordsMixin, GroupsMixin, BaseEstimator):
    """Index of a gallery that finds items of one view with queries of another view.

    An index is a fitted model together with a gallery: the variates of the items, their ids and their
    metadata. Give it the lyrics of a song, and it returns the ids of the recordings that match them
    best; give it a recording, and it returns lyrics. `fit` builds the gallery, `query` searches it,
    and `add` and `remove` change it. The gallery needs only the view that is searched, and
    `skdcca.save` stores the whole index in a file.

    With a model of several views, such as `MultiCCA`, the gallery is one table with the columns of all
    views, of which items may lack some. Any view then finds any other one, and two views together find
    a third one: ``query(view=("audio", "tags"), V=table, find="lyrics")``. The method `pair` gives two
    of them as an index of two views, which has all other methods.

    Start with the defaults: the exact search is fast enough for galleries of up to about 100,000 items.
    For larger ones, set `neighbors` to `FaissNeighbors()`.

    Parameters
    ----------
    estimator : estimator
        A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, a fitted model of
        several views such as `MultiCCA`, or a fitted search over any of them. The index keeps the
        estimator itself, not a copy, to embed items and queries.
    neighbors : estimator, default=None
        Unfitted nearest neighbor estimator that finds the candidates of each query: `FaissNeighbors`, or
        one of scikit-learn such as `sklearn.neighbors.NearestNeighbors`. It must search by Euclidean
        distance and have the methods ``fit(vectors)`` and
        ``kneighbors(vectors, n_neighbors, return_distance=False)``. The scores of the candidates are
        exact. If None, the search is exact.
    join : {"max", "mean"}, default="max"
        How the scores of the rows of a group are joined, if `fit` or `query` is given groups. With
        ``"max"``, the best row decides; this finds the part of a song that matches. With ``"mean"``,
        all rows count; this averages the noise of short windows that all resemble the query.
    device : str, default=None
        Name of the torch device on which the exact search selects candidates, such as ``"cuda"``. The
        device then holds the gallery in single precision. If None, NumPy selects them. The results are
        the same in both cases. If the device is not available, `fit` raises an error and other
        methods use the CPU.

    Attributes
    ----------
    ids_ : ndarray of shape (n_items,)
        Ids of the items, in the order in which they were added.
    zx_ : ndarray of shape (n_items, n_components) or None
        Variates of the first view; None if the gallery lacks the first view, or has several views.
    zy_ : ndarray of shape (n_items, n_components) or None
        Variates of the second view; None if the gallery lacks the second view, or has several views.
    variates_ : dict of str to ndarray of shape (n_items, n_components), or None
        Variates of each of several views, NaN where an item lacks it; None for a model of two views.
    views_ : list of str or None
        Names of the several views; None for a model of two views.
    metadata_ : dict
        Metadata of the items by id. Items without metadata are not in it.
    groups_ : ndarray of shape (n_items,) or None
        Group of each item; None if each item stands for itself.

    See Also
    --------
    MultiCCA : Model of several views.
    FaissNeighbors : Approximate search for large galleries.
    skdcca.metrics.pair_scores : Scores of every row of X with every row of y.
    skdcca.save : Save an index to a file.

    Notes
    -----
    The parameter `similarity` of the model, or `projection` of a `DeepCCA`, determines how scores are
    computed, as in `skdcca.metrics.similarity`. The scorers of `skdcca.metrics` rank items in the same
    way. If a parameter of the model changes, the next query uses the new value.

    Each score is the inner product of a query row and a gallery row. The exact search computes all
    products in single precision, selects candidates by a bound on the rounding error, and computes
    their products again in double precision. Items with equal scores keep the order of the gallery;
    with `neighbors`, this is true only of the candidates.

    :func:`sklearn.base.clone` returns an index with an unfitted model. To keep the fitted model in
    the clone, wrap it in :class:`sklearn.frozen.FrozenEstimator`.

    Examples
    --------
    The upper half of an image of a digit finds lower halves that fit it. The model is fitted on 1000
    images, and the other images are the gallery:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import CrossModalIndex, LinearCCA
    >>> images, digits = load_digits(return_X_y=True)
    >>> X, y = np.hsplit(images, 2)  # upper and lower halves
    >>> model = LinearCCA(10, reg=1.0).fit(X[:1000], y[:1000])
    >>> index = CrossModalIndex(model).fit(
    ...     y=y[1000:],
    ...     ids=range(1000, 1797),
    ...     metadata=[{"digit": int(digit)} for digit in digits[1000:]],
    ... )
    >>> scores, ids = index.query(X=X[1001:1002], n_neighbors=3)
    >>> [index.metadata_[item]["digit"] for item in ids[0].tolist()]
    [4, 4, 4]

    Items can be removed and added at any time:

    >>> index.remove([1001]).ids_.size
    796
    >>> index.add(y=y[1001:1002], ids=[1001]).ids_.size
    797

    With three views, each of them finds any other one. The top and the bottom of an image together
    find its middle more often among the first ten than the top alone:

    >>> from skdcca import MultiCCA
    >>> views = [
    ...     ("top", "passthrough", slice(0, 24)),
    ...     ("middle", "passthrough", slice(24, 40)),
    ...     ("bottom", "passthrough", slice(40, 64)),
    ... ]
    >>> cca = MultiCCA(views, 10).fit(images[:1000])
    >>> index = CrossModalIndex(cca).fit(images[1000:])
    >>> top, bottom = images[1000:, :24], images[1000:, 40:]
    >>> def recall(ids):
    ...     return f"{np.mean((ids == index.ids_[:, None]).any(axis=1)):.2f}"
    >>> recall(index.query(view="top", V=top, find="middle")[1])
    '0.11'
    >>> both = np.hstack([top, bottom])
    >>> recall(index.query(view=("top", "bottom"), V=both, find="middle")[1])
    '0.17'
    """

    def __init__(
        self,
        estimator: Any,
        *,
        neighbors: Any = None,
        join: str = "max",
        device: str | None = None,
    ) -> None:
        self.estimator = estimator
        self.neighbors = neighbors
        self.join = join
        self.device = device

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        ids: Sequence[Any] | NDArray | None = None,
        metadata: Sequence[dict[str, Any]] | None = None,
        texts: Sequence[Any] | None = None,
        groups: Sequence[Any] | NDArray | None = None,
    ) -> Self:
        """Build the gallery.

        Parameters
        ----------
        X : array-like or list, default=None
            The first view (such as audio), in the form in which the model was fitted. Queries of y
            search it.
            For a model of several views, the table with the columns of all of them; an item lacks a
            view if these columns are null.
        y : array-like or list, default=None
            The second view (such as lyrics), which queries of X search. At least one view is required;
            if both are given, row i of each must be the same item. For a model of several views, None.
        ids : sequence of str or of int, of length n_items, default=None
            Unique id of each item. If None, the ids are 0, 1, ...
        metadata : sequence of dict, of length n_items, default=None
            JSON values to keep with each item, such as ``{"title": "Row, row, row your boat"}``.
        texts : sequence of length n_items, default=None
            Text of each item for `find_words`: a str, a transcript with ``segments`` of (start, end,
            text), or None. If `texts` is None, `y` is used if it is a sequence of str; of several views,
            the one called "lyrics" if it is a column of str, or else the first such view that is not
            sound files. Items without text have the ``"lyrics"`` of their metadata, or else the
            segments in ``"heard"``.
        groups : sequence of str or of int, of length n_items, default=None
            Group of each item, such as the song of a window. A query then returns each group only
            once, as the id of its best item, with the joined score of its items.

        Returns
        -------
        self : object
            The fitted index.

        Raises
        ------
        TypeError
            If `estimator` contains no two-view model.
        ValueError
            If neither view is given, their lengths differ, `ids` are not unique or not all of one type,
            `metadata` are not dicts of JSON values, variates are not finite, `neighbors` is not a
            nearest neighbor estimator, `join` is not an allowed value, or `device` is not available. For
            a model of several views, also if `y` is given, if an item has none of the views or a
            part of one, or if steps of a `Pipeline` come before the model.
        NotFittedError
            If the model is not fitted.
        """
        self._refuse_changes()
        check_is_fitted(several_views(self.estimator) or inside(self.estimator)[1])
        check_neighbors(self.neighbors)
        check_option("join", self.join, JOINS)
        check_device("device", self.device)
        self._set(**self._items(X, y, ids, metadata, texts, groups, first=0), next_number=0)
        if self.neighbors is not None:
            self._fit_searches()
        return self

    def add(
        self,
        X: Any = None,
        y: Any = None,
        *,
        ids: Sequence[Any] | NDArray | None = None,
        metadata: Sequence[dict[str, Any]] | None = None,
        texts: Sequence[Any] | None = None,
        groups: Sequence[Any] | NDArray | None = None,
    ) -> Self:
        """Add items that have the same views as the gallery; of several views, they may lack some.

        Parameters
        ----------
        X, y, ids, metadata, texts, groups
            As in `fit`. `groups` must be given if the index has groups. If `ids` is None, numbering
            continues after the largest number that was ever in the index. An index with str ids
            requires `ids`.

        Returns
        -------
        self : object
            The index, which is the same as if it had been fitted to all items.

        Raises
        ------
        ValueError
            If the views differ from the views of the gallery, an id is already in the index or is not
            of the same type as the others, or an argument is invalid for `fit`.
        NotFittedError
            If the index is not fitted.
        """
        check_is_fitted(self)
        self._refuse_changes()
        self._check_same_views(X, y)
        has_items = len(self.ids_) > 0
        if ids is None and has_items and self.ids_.dtype.kind == "U":
            raise ValueError(
                "`ids` must be given for an index with str ids, got None. Pass one str for each item."
            )
        new = self._items(X, y, ids, metadata, texts, groups, self._next_number, self._texts_view)
        if has_items and new["ids"].dtype.kind != self.ids_.dtype.kind:
            raise ValueError(
                "`ids` must be of the same type as those of the index, such as "
                f"{self.ids_[0].item()!r}, got {listed(new['ids'].tolist())}."
            )
        groups = joined_groups(self.groups_, new["groups"], has_items)
        known = np.intersect1d(new["ids"], self.ids_).tolist()
        if known:
            raise ValueError(
                f"`ids` must not be in the index yet, got {listed(known)}. Remove them first."
            )
        self._set(
            ids=np.concatenate([self.ids_, new["ids"]]) if has_items else new["ids"],
            zx=None if self.zx_ is None else np.concatenate([self.zx_, new["zx"]]),
            zy=None if self.zy_ is None else np.concatenate([self.zy_, new["zy"]]),
            metadata=self.metadata_ | new["metadata"],
            texts=joined_texts(self._texts, len(self.ids_), new["texts"], len(new["ids"])),
            groups=groups,
            next_number=self._next_number,
            variates=self._joined_variates(new["variates"], has_items),
            texts_view=new["texts_view"],
        )
        return self

    def remove(self, ids: Sequence[Any] | NDArray) -> Self:
        """Remove items by their ids.

        Parameters
        ----------
        ids : sequence of str or of int
            Unique ids of the items, all of which must be in the index.

        Returns
        -------
        self : object
            The index, which is the same as if it had been fitted without the items.

        Raises
        ------
        ValueError
            If an id is not in the index or occurs twice. No item is removed in this case.
        NotFittedError
            If the index is not fitted.
        """
        check_is_fitted(self)
        self._refuse_changes()
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
            texts=None if self._texts is None else list(compress(self._texts, kept)),
            groups=None if self.groups_ is None else self.groups_[kept],
            next_number=self._next_number,
            variates=self._kept_variates(kept),
            texts_view=self._texts_view,
        )
        return self

    def query(
        self,
        X: Any = None,
        y: Any = None,
        *,
        view: str | tuple[str, ...] | None = None,
        V: Any = None,
        find: str | None = None,
        n_neighbors: int = 10,
        groups: Sequence[Any] | NDArray | None = None,
    ) -> tuple[NDArray, NDArray]:
        """Find the items that match each query, best first.

        Parameters
        ----------
        X : array-like or list of n_queries samples, default=None
            Queries of the first view, which search the second view.
        y : array-like or list of n_queries samples, default=None
            Queries of the second view, which search the first view. Exactly one of X and y is required,
            unless the model has several views.
        view : str or tuple of str, default=None
            For a model of several views, the name of the view of the queries, or the names of several
            views that are queries together.
        V : array-like or list of n_queries samples, default=None
            Queries of this view, as ``transform_view`` of the model takes them. For several views, a
            table with their columns side by side, of which a query may lack some.
        find : str, default=None
            Name of the view that is searched. It may be None if only one view is left.
        n_neighbors : int, default=10
            Number of items for each query, at most the number of items that have the view which is
            searched. If the index has groups, it is the number of groups.
        groups : sequence of str or of int, of length n_queries, default=None
            Group of each query, such as the recording of a window. The scores of the queries of a
            group are joined as `join` says. If None, each query stands for itself.

        Returns
        -------
        scores : ndarray of shape (n_queries, n_neighbors)
            Scores in descending order; higher is more similar. With `groups`, there is one row for
            each group of queries, in the order in which the groups first appear.
        ids : ndarray of shape (n_queries, n_neighbors)
            Ids of the items. If the index has groups, each of them occurs once, as the id of its item
            with the highest score; `groups_` and `metadata_` say which group and which part of it.

        Raises
        ------
        ValueError
            If both views or neither view is given, the gallery lacks the other view, or `n_neighbors`
            is out of range. For a model of several views, also if there is no such view, if a query has
            none of its views, or if X or y is given.
        NoSoundError
            If the songs of a query have no sound, or less than a second of it.
        NotFittedError
            If the index is not fitted.
        """
        check_is_fitted(self)
        if self._asks_for_views(X, y, view, V, find):
            return self._query_views(view, V, find, n_neighbors, groups)
        if (X is None) == (y is None):
            given = "neither" if X is None else "both"
            raise ValueError(
                f"Exactly one of `X` and `y` must be given, got {given}. Pass the view of the queries."
            )
        view = "y" if X is None else "x"
        self._check_answerable(view, n_neighbors)
        groups = check_groups(groups, num_samples(X if y is None else y))
        with sound_required():
            z = self.embed(X, y)
        return self._find(view, z, n_neighbors, groups)

    def _find(self, view, z, n_neighbors, groups=None):
        """Return the scores and ids of the best items for each row, or each group, of variates."""
        scores, places = self._nearest(view, z, n_neighbors, groups)
        return scores, self.ids_[places]

    def embed(self, X: Any = None, y: Any = None) -> Any:
        """Compute the variates of one or both views, as `skdcca.metrics.embed` does.

        Parameters
        ----------
        X, y : array-like or list, default=None
            The views, in the form in which the model was fitted.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_components), or a pair of them
            Variates of the given view, or the pair ``(zx, zy)`` if both views are given.

        Raises
        ------
        TypeError
            If `estimator` contains no two-view model.
        ValueError
            If neither view is given.
        """
        self._refuse_several_views()
        return embed(self.estimator, X, y)

    def _items(self, X, y, ids, metadata, texts, groups, first, texts_view=None):
        """Check new items and return a dict of their ids, metadata and variates."""
        several = several_views(self.estimator)
        views = [view for view in (X, y) if view is not None]
        if not views:
            raise ValueError(
                "At least one of `X` and `y` must be given, got neither. Pass the views of the items."
            )
        if several is not None:
            check_table(X, y)
        check_pairs(views[0], views[-1], "item")
        n_items = num_samples(views[0])
        ids = np.arange(first, first + n_items) if ids is None else check_ids(ids)
        if len(ids) != n_items:
            raise ValueError(f"`ids` must have one id for each of {n_items} items, got {len(ids)}.")
        texts, usual = check_texts(texts, n_items), default_texts(y)
        split = None if several is None else several.split_views(X)
        if split is not None:
            texts_view, usual = self._own_texts(split, texts, texts_view)
        return {
            "ids": ids,
            "metadata": check_metadata(metadata, ids),
            "texts": check_texts(usual, n_items) if texts is None else texts,
            "texts_view": texts_view,
            "groups": check_groups(groups, n_items),
            "zx": None if X is None or split else check_finite(self.embed(X), "X"),
            "zy": None if y is None or split else check_finite(self.embed(y=y), "y"),
            "variates": self._table_variates(split) if split else None,
        }

    def _set(
        self, ids, zx, zy, metadata, texts, groups, next_number, variates=None, texts_view=None
    ):
        self.ids_, self.zx_, self.zy_, self.metadata_ = ids, zx, zy, metadata
        self.groups_ = groups
        self._texts, self._word_search = texts, None
        self._next_number = next_number
        if len(ids) and ids.dtype.kind == "i":
            self._next_number = max(next_number, int(ids.max()) + 1)
        self._galleries, self._searches, self._compared_by = {}, {}, None
        self._backgrounds, self._judged = {}, {}
        self.variates_, self._texts_view = variates, texts_view
        self._forget_pairs()

    def _views(self):
        return [view for view in OTHER if getattr(self, f"z{view}_") is not None]

    def _check_same_views(self, X, y):
        if self.variates_ is not None:
            return
        given = [view for view, of in (("x", X), ("y", y)) if of is not None]
        if given != self._views():
            needed = " and ".join(self._views())
            raise ValueError(
                f"Items must have the views of the gallery, {needed}, got "
                f"{' and '.join(given) or 'neither'}."
            )

    def _check_answerable(self, view, n_neighbors):
        other = OTHER[view]
        if getattr(self, f"z{other}_") is None:
            self._refuse_unknown_view(other)
            raise ValueError(
                f"Queries of {view} search the view {other}, which this gallery lacks. Fit the index "
                f"with {'X' if other == 'x' else 'y'}."
            )
        check_integer("n_neighbors", n_neighbors)
        most = self._n_results(other)
        if n_neighbors > most:
            unit = "items" if self.groups_ is None else "groups"
            raise ValueError(
                f"`n_neighbors` must be <= the number of {unit}{self._of_view(other)}, {most}, got "
                f"{n_neighbors}."
            )

    def _nearest(self, view, z, k, query_groups=None):
        """Return the scores and gallery positions of the best items or groups for each query.

        There are at most `k` of them. The rows of variates of each query group are joined.
        """
        how = comparison(self.estimator)
        z = check_array(z, dtype=np.float64)
        queries, vectors = scoring_rows(z, view, **how), None
        if self.neighbors is not None:
            vectors = distance_rows(z, view, of_queries=True, **how)
        if self.groups_ is None and query_groups is None:
            scores, found = self._nearest_rows(view, queries, vectors, k)
        else:
            k = min(k, self._n_results(OTHER[view]))
            scores, found = self._nearest_groups(view, queries, vectors, k, query_groups)
        return scores, self._item_places(OTHER[view], found)

    def _nearest_rows(self, view, queries, vectors, k):
        """Return the scores of the `k` best items for each row, and their numbers.

        Items are numbered among those that have the view.
        """
        gallery = self._gallery(OTHER[view])
        if self.neighbors is None:
            return gallery.top(queries, k)
        places = np.asarray(gallery.kneighbors(vectors, k, return_distance=False))
        # Read the variates of the candidates only, because the gallery may be a memory-mapped file.
        found, at = np.unique(places, return_inverse=True)
        exact = ExactSearch(self._searched_rows(OTHER[view], found), self._decimals())
        scores, best = exact.among(queries, at.reshape(places.shape), k)
        return scores, found[best]

    def _decimals(self):
        return score_decimals(**comparison(self.estimator))

    def _scoring_rows(self, view, places=slice(None)):
        return scoring_rows(self._variates(view, places), view, **comparison(self.estimator))

    def _variates(self, view, rows=slice(None)):
        return np.asarray(getattr(self, f"z{view}_")[rows], dtype=np.float64)

    def _gallery(self, view):
        """Return the object that searches the items of a view: `ExactSearch` or fitted `neighbors`.

        Several threads may query at the same time. If the object does not exist yet, each thread
        builds one, and the last one is kept.
        """
        how = comparison(self.estimator)
        # With `coerce_mmap`, arrays in memory and memory-mapped ones have the same hash.
        state = {**how, "join": "mean"} if self._searches_means() else how
        compared_by = joblib.hash(state, coerce_mmap=True)
        known = compared_by == self._compared_by  # otherwise a parameter of the model has changed
        kept = self._galleries if self.neighbors is None else self._searches
        gallery = kept.get(view) if known else None
        device = check_device("device", self.device, must_exist=False)
        if gallery is None and self.neighbors is not None:
            gallery = clone(self.neighbors).fit(self._distance_rows(view))
        elif gallery is None or (self.neighbors is None and gallery.device != device):
            means = self._searches_means()
            rows = self._mean_rows(view) if means else self._searched_rows(view)
            gallery = ExactSearch(rows, self._decimals(), device)
        self._keep(view, gallery, compared_by)
        return gallery

    def _distance_rows(self, view):
        """Return the rows of a view for a search by Euclidean distance."""
        if self._searches_means():
            return distance_rows(self._mean_rows(view), of_queries=False, product=True)
        how = comparison(self.estimator)
        return distance_rows(
            self._variates(view, self._places(view)), view, of_queries=False, **how
        )

    def _keep(self, view, gallery, compared_by):
        known = compared_by == self._compared_by
        galleries, searches = (self._galleries, self._searches) if known else ({}, {})
        kept = galleries if self.neighbors is None else searches
        if kept.get(view) is gallery:
            return
        # Replace the dicts instead of changing them, because other threads may be reading them. Set
        # `_compared_by` last.
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
        # The exact galleries can be rebuilt from the variates. Writing all metadata as one JSON text is
        # much faster than writing one dict for each item.
        metadata = [self.metadata_.get(i) for i in self.ids_.tolist()]
        texts = texts_to_json(self._texts, metadata)
        rebuilt = {"_galleries": {}, "_word_search": None, "_judged": {}, **self._state_of_pairs()}
        return {**state, **rebuilt, "metadata_": json.dumps(metadata), "_texts": texts}

    def __setstate__(self, state):
        # Files of older versions lack these.
        state = {"join": "max"} | state
        state = {"device": None, "_backgrounds": {}, "_texts": None, "_word_search": None} | state
        if "metadata_" in state:
            state = {"groups_": None, **NO_VIEWS, **state}
            metadata = json.loads(state["metadata_"])
            check_restored(state, metadata)
            texts = texts_from_json(state["_texts"], metadata)
            rows = zip(state["ids_"].tolist(), metadata, strict=True)
            state = {**state, "metadata_": {i: of for i, of in rows if of is not None}}
            state = {**state, "_texts": texts, "_word_search": None, "_judged": {}}
            state = restored_views(state)
        super().__setstate__(state)
