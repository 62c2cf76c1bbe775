"""A gallery that is searched across the two views: lyrics find audio, audio finds lyrics."""

import json
from numbers import Real

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import gen_batches
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted

from skdcca._checks import check_whole, is_whole
from skdcca.metrics import MOST, comparison, embed, inside, score_decimals, scoring_rows

__all__ = ["CrossModalIndex", "FaissNeighbors"]

OTHER = {"x": "y", "y": "x"}
# Sizes of the blocks of products: what a core keeps at hand.
_QUERIES, _ITEMS = 256, 4096
# Items whose products are asked for, as a share of the gallery, from which all products are kept.
_MANY = 0.1
# Queries that the level of chance is measured with, at most.
_CHANCE_QUERIES = 1000


class CrossModalIndex(BaseEstimator):
    """Index of items, in which a query of one view finds the items of the other.

    What is searched is what the scorers of `skdcca.metrics` measure: scores are those that the model
    gives, by its parameter `similarity` or `projection`.

    Parameters
    ----------
    estimator : estimator
        A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search over
        either. It is used as it is and kept in the index, to embed queries.
    neighbors : estimator, default=None
        How candidates are found. None: exactly. Else an unfitted nearest neighbour estimator with
        ``fit(vectors)`` and ``kneighbors(vectors, n_neighbors, return_distance=False)`` by Euclidean
        distance: `FaissNeighbors`, or one of scikit-learn's. The scores of what it finds are exact.

    Attributes
    ----------
    ids_ : ndarray of shape (n_items,)
        The id of every item, in the order in which they were added.
    zx_ : ndarray of shape (n_items, n_components) or None
        Variates of the first view; None if the gallery has no first view.
    zy_ : ndarray of shape (n_items, n_components) or None
        Variates of the second view.
    metadata_ : dict
        What was given of each item, by its id.

    See Also
    --------
    skdcca.metrics.pair_scores : All scores of two lists.
    skdcca.save : Keep an index in a file.

    Notes
    -----
    Every score is a product of two rows (`skdcca.metrics.similarity`). The exact search takes products
    of single precision in blocks, keeps what may belong to the best by a bound of their rounding, and
    computes that again in double precision. Items of equal score come in the order of the gallery, but
    for those that `neighbors` do not find. To clone an index together with its fitted model, wrap the
    model in :class:`sklearn.frozen.FrozenEstimator`.

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

    def __init__(self, estimator, *, neighbors=None):
        self.estimator = estimator
        self.neighbors = neighbors

    def fit(self, X=None, y=None, *, ids=None, metadata=None):
        """Make a gallery of items.

        Parameters
        ----------
        X : array-like or list, default=None
            The first view (audio) as the estimator takes it: the gallery in which y searches.
        y : array-like or list, default=None
            The second view (lyrics): the gallery in which X searches. With both, row i of either is
            the same item.
        ids : sequence of str or of int, of length n_items, default=None
            Name of each item, none of them twice. None: numbers from 0.
        metadata : sequence of dict, of length n_items, default=None
            What to keep of each item, a title say; values as JSON knows them.

        Returns
        -------
        self : object
            The index.

        Raises
        ------
        ValueError
            If neither view is given, lengths differ, an id is there twice, or metadata are no dicts of
            JSON values.
        """
        check_is_fitted(inside(self.estimator)[1])
        _check_neighbors(self.neighbors)
        self._set(**self._items(X, y, ids, metadata, first=0), next_number=0)
        if self.neighbors is not None:
            for view in self._views():
                self._gallery(view)
        return self

    def add(self, X=None, y=None, *, ids=None, metadata=None):
        """Add items, with the same views as the gallery has.

        Parameters
        ----------
        X, y, ids, metadata
            As for `fit`. Without ids the numbers go on, and none is used again; an index of names needs
            names.

        Returns
        -------
        self : object
            The index, as if it were fitted with all items.
        """
        check_is_fitted(self)
        self._check_same_views(X, y)
        if ids is None and len(self.ids_) and self.ids_.dtype.kind == "U":
            raise ValueError("ids=None, but the items of this index have names; give each a name")
        new = self._items(X, y, ids, metadata, first=self._next_number)
        if len(self.ids_) and new["ids"].dtype.kind != self.ids_.dtype.kind:
            raise ValueError(
                f"ids has {new['ids'][:1]}, the index {self.ids_[:1]}; all must be names, or all numbers"
            )
        if twice := np.intersect1d(new["ids"], self.ids_).tolist():
            raise ValueError(f"ids has {_some(twice)}, in the index already; remove them first")
        self._set(
            ids=np.concatenate([self.ids_, new["ids"]]) if len(self.ids_) else new["ids"],
            zx=None if X is None else np.concatenate([self.zx_, new["zx"]]),
            zy=None if y is None else np.concatenate([self.zy_, new["zy"]]),
            metadata=self.metadata_ | new["metadata"],
            next_number=self._next_number,
        )
        return self

    def remove(self, ids):
        """Remove items.

        Parameters
        ----------
        ids : sequence of str or of int
            Their ids; all of them must be in the index.

        Returns
        -------
        self : object
            The index, as if it were fitted without them.
        """
        check_is_fitted(self)
        ids = _check_ids(ids)
        if unknown := sorted(set(ids.tolist()) - set(self.ids_.tolist())):
            raise ValueError(f"ids has {_some(unknown)}, not in the index; nothing was removed")
        kept = ~np.isin(self.ids_, ids)
        self._set(
            ids=self.ids_[kept],
            zx=None if self.zx_ is None else self.zx_[kept],
            zy=None if self.zy_ is None else self.zy_[kept],
            metadata={
                i: self.metadata_[i] for i in self.ids_[kept].tolist() if i in self.metadata_
            },
            next_number=self._next_number,
        )
        return self

    def query(self, X=None, y=None, *, n_neighbors=10):
        """Find the items that belong to each query, best first.

        Parameters
        ----------
        X : array-like or list of n_queries samples, default=None
            Queries of the first view (audio), which find items by their second.
        y : array-like or list of n_queries samples, default=None
            Queries of the second view (lyrics), which find items by their first. One of X and y.
        n_neighbors : int, default=10
            Number of items for each query, at most those there are.

        Returns
        -------
        scores : ndarray of shape (n_queries, n_neighbors)
            Scores, descending; higher is more alike.
        ids : ndarray of shape (n_queries, n_neighbors)
            Ids of the items.

        Raises
        ------
        ValueError
            If both or neither view is given, the gallery lacks the other view, or `n_neighbors` is
            more than its items.
        """
        check_is_fitted(self)
        if (X is None) == (y is None):
            raise ValueError("query takes X or y: the view of the queries, and one of them")
        view = "y" if X is None else "x"
        self._check_answerable(view, n_neighbors)
        scores, places = self._nearest(view, self.embed(X, y), n_neighbors)
        return scores, self.ids_[places]

    def embed(self, X=None, y=None):
        """Variates of one or both views, as `skdcca.metrics.embed` gives them.

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

    def chance_score(self, view, quantile=0.95):
        """Score that the best item reaches when none belongs to the query.

        Queries are the items of the gallery themselves, at most 1,000 of them evenly spaced; the best of
        the items that are not their own counts.

        Parameters
        ----------
        view : {"x", "y"}
            View of the queries.
        quantile : float, default=0.95
            Share of such queries whose best score is at most the level.

        Returns
        -------
        level : float or None
            A best score below it says nothing. None if the gallery lacks a view or has one item.
        """
        check_is_fitted(self)
        if not isinstance(view, str) or view not in OTHER:
            raise ValueError(f"view={view!r}; it must be 'x' or 'y', the view of the queries")
        if not isinstance(quantile, Real) or not 0 <= quantile <= 1:
            raise ValueError(f"quantile={quantile!r}; it must be a share from 0 to 1")
        if self.zx_ is None or self.zy_ is None or len(self.ids_) < 2:
            return None
        n_queries = min(len(self.ids_), _CHANCE_QUERIES)
        own = np.linspace(0, len(self.ids_) - 1, n_queries).astype(int)
        scores, places = self._nearest(view, getattr(self, f"z{view}_")[own], 2)
        best = np.where(places[:, 0] == own, scores[:, 1], scores[:, 0])
        return float(np.quantile(best, quantile))

    def _items(self, X, y, ids, metadata, first):
        """What the index keeps of new items; all else is checked before they are embedded."""
        lengths = [_num_samples(view) for view in (X, y) if view is not None]
        if not lengths:
            raise ValueError("the gallery needs X, y or both")
        if lengths[0] != lengths[-1]:
            raise ValueError(
                f"X has {lengths[0]} samples and y has {lengths[1]}; row i of both must be the same item"
            )
        ids = np.arange(first, first + lengths[0]) if ids is None else _check_ids(ids)
        if len(ids) != lengths[0]:
            raise ValueError(f"ids has {len(ids)} ids for {lengths[0]} items")
        return {
            "ids": ids,
            "metadata": _check_metadata(metadata, ids),
            "zx": None if X is None else _finite(self.embed(X), "X"),
            "zy": None if y is None else _finite(self.embed(y=y), "y"),
        }

    def _set(self, ids, zx, zy, metadata, next_number):
        self.ids_, self.zx_, self.zy_, self.metadata_ = ids, zx, zy, metadata
        self._next_number = next_number
        if len(ids) and ids.dtype.kind == "i":
            self._next_number = max(next_number, int(ids.max()) + 1)
        self._galleries, self._searches, self._compared_by = {}, {}, None

    def _views(self):
        return [view for view in OTHER if getattr(self, f"z{view}_") is not None]

    def _check_same_views(self, X, y):
        given = [view for view, of in (("x", X), ("y", y)) if of is not None]
        if given != self._views():
            names = [" and ".join(views) or "neither" for views in (self._views(), given)]
            raise ValueError(f"the gallery has {names[0]} of its items, but {names[1]} was given")

    def _check_answerable(self, view, n_neighbors):
        other = OTHER[view]
        if getattr(self, f"z{other}_") is None:
            raise ValueError(
                f"queries of {view} search the {other} of the items, which this gallery lacks; fit it "
                f"with {'X' if other == 'x' else 'y'}"
            )
        check_whole("n_neighbors", n_neighbors)
        if n_neighbors > len(self.ids_):
            raise ValueError(f"n_neighbors={n_neighbors}, but the index has {len(self.ids_)} items")

    def _nearest(self, view, z, k):
        """Scores and places in the gallery of the best `k` items for variates of a view."""
        how = comparison(self.estimator)
        z = check_array(z, dtype=np.float64)
        queries = scoring_rows(z, view, **how)
        exact, search = self._gallery(OTHER[view])
        if search is None:
            return exact.top(queries, k)
        asking = _distance_rows(z, asking=True, **how)
        places = search.kneighbors(asking, k, return_distance=False)
        return exact.among(queries, np.asarray(places), k)

    def _gallery(self, view):
        """The rows of a view as queries are multiplied with, and `neighbors` fitted on them, or None.

        Threads may ask at once: what is missing each makes for itself, and the last one's is kept.
        """
        how = comparison(self.estimator)
        by = joblib.hash(how)
        known = by == self._compared_by  # else a parameter of the model was set since
        gallery = self._galleries.get(view) if known else None
        search = self._searches.get(view) if known and self.neighbors is not None else None
        z = np.asarray(getattr(self, f"z{view}_"), dtype=np.float64)
        if gallery is None:
            gallery = ExactSearch(scoring_rows(z, view, **how), score_decimals(**how))
        if self.neighbors is not None and search is None:
            search = clone(self.neighbors).fit(_distance_rows(z, asking=False, **how))
        self._keep(view, gallery, search, by)
        return gallery, search

    def _keep(self, view, gallery, search, by):
        known = by == self._compared_by
        galleries, searches = (self._galleries, self._searches) if known else ({}, {})
        if galleries.get(view) is gallery and searches.get(view) is search:
            return
        # New dicts, as other threads may be reading those there are; their mark comes last.
        self._galleries = galleries | {view: gallery}
        self._searches = searches if search is None else searches | {view: search}
        self._compared_by = by

    def __getstate__(self):
        state = super().__getstate__()
        if "metadata_" not in state:
            return state
        # The rows follow from the variates; one text is written much faster than a dict an item.
        metadata = [self.metadata_.get(i) for i in self.ids_.tolist()]
        return {**state, "_galleries": {}, "metadata_": json.dumps(metadata)}

    def __setstate__(self, state):
        if "metadata_" in state:
            metadata = json.loads(state["metadata_"])
            _check_restored(state, metadata)
            rows = zip(state["ids_"].tolist(), metadata, strict=True)
            state = {**state, "metadata_": {i: of for i, of in rows if of is not None}}
        super().__setstate__(state)


class FaissNeighbors(BaseEstimator):
    """Approximate nearest neighbours by faiss, for galleries of some 100,000 items and more.

    Vectors are sorted into lists around the centres of clusters, and a query looks through the lists
    whose centres are closest, first by codes of four bits a number, then the best of these by the
    vectors themselves [1]_. Needs the extra ``faiss``. It misses least where vectors vary in few
    directions, as variates that are weighted by their correlations do.

    Parameters
    ----------
    n_lists : int, default=None
        Number of lists. None: the square root of the number of vectors. There are no more than leave 39
        vectors for each.
    n_probe : int, default=64
        Number of lists that a query looks through; more take longer and miss less.
    n_candidates : int, default=5
        Number of vectors looked at again, as a multiple of the neighbours asked for.
    random_state : int, default=0
        Seed of the clusters.

    Attributes
    ----------
    n_lists_ : int
        Number of lists.
    centroids_ : ndarray of shape (n_lists_, n_features)
        Centres of the lists.
    codebook_ : ndarray of shape (n_features, 16)
        The values that stand for the numbers of each column.
    n_features_in_ : int
        Number of columns.
    n_samples_fit_ : int
        Number of vectors.

    References
    ----------
    .. [1] M. Douze et al., "The Faiss library", 2024, arXiv:2401.08281.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import FaissNeighbors
    >>> vectors = np.random.default_rng(0).normal(size=(1000, 8))
    >>> FaissNeighbors().fit(vectors).kneighbors(vectors[:3], 1, return_distance=False).ravel()
    array([0, 1, 2])
    """

    def __init__(self, n_lists=None, *, n_probe=64, n_candidates=5, random_state=0):
        self.n_lists = n_lists
        self.n_probe = n_probe
        self.n_candidates = n_candidates
        self.random_state = random_state

    def fit(self, X, y=None):
        """Sort vectors into lists.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The vectors; kept in single precision.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The search.

        Raises
        ------
        ImportError
            If faiss is not installed.
        """
        faiss = _import_faiss()
        check_whole("n_lists", self.n_lists, or_none=True)
        for name, least in (("n_probe", 1), ("n_candidates", 1), ("random_state", 0)):
            check_whole(name, getattr(self, name), least)
        if self.random_state >= 2**31:
            raise ValueError(f"random_state={self.random_state}; it must be below 2**31 for faiss")
        X = _check_vectors(X)
        self.n_samples_fit_, self.n_features_in_ = X.shape
        most = max(1, len(X) // 39)  # clusters of fewer vectors are made of chance
        self.n_lists_ = min(most, self.n_lists or round(np.sqrt(len(X))))
        lists = faiss.Kmeans(
            X.shape[1], self.n_lists_, niter=10, seed=self.random_state, min_points_per_centroid=1
        )
        lists.train(X)
        codes = faiss.ProductQuantizer(X.shape[1], X.shape[1], 4)
        codes.cp.seed, codes.cp.min_points_per_centroid = self.random_state, 1
        codes.train(X if len(X) >= 16 else np.resize(X, (16, X.shape[1])))
        self.centroids_ = lists.centroids
        self.codebook_ = faiss.vector_to_array(codes.centroids).reshape(-1, 16)
        self._index = _inverted_file(self.centroids_, self.codebook_, X)
        return self

    def kneighbors(self, X, n_neighbors=5, return_distance=True):
        """Find the nearest vectors to each query, nearest first.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            The queries.
        n_neighbors : int, default=5
            Number of vectors for each; a query whose lists have fewer looks through all.
        return_distance : bool, default=True
            Whether to return the distances too.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Euclidean distances, in single precision; if `return_distance`.
        indices : ndarray of shape (n_queries, n_neighbors)
            Places of the vectors in the rows of `fit`.
        """
        check_is_fitted(self)
        check_whole("n_neighbors", n_neighbors)
        if n_neighbors > self.n_samples_fit_:
            raise ValueError(
                f"n_neighbors={n_neighbors}, but there are {self.n_samples_fit_} vectors"
            )
        X = _check_vectors(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features, FaissNeighbors {self.n_features_in_}")
        squares, places = self._search(X, n_neighbors, self.n_probe)
        if len(short := np.flatnonzero((places < 0).any(axis=1))):
            squares[short], places[short] = self._search(X[short], n_neighbors, self.n_lists_)
        return (np.sqrt(squares), places) if return_distance else places

    def _search(self, X, k, n_probe):
        faiss = _import_faiss()
        lists = faiss.SearchParametersIVF(nprobe=min(n_probe, self.n_lists_))
        again = min(self.n_candidates, self.n_samples_fit_ / k)
        parameters = faiss.IndexRefineSearchParameters(k_factor=again, base_index_params=lists)
        return self._index.search(X, k, params=parameters)

    def __getstate__(self):
        """Arrays alone: what faiss writes itself is not safe to read from files of unknown origin."""
        state = dict(super().__getstate__())
        if (index := state.pop("_index", None)) is not None:
            state["_vectors"] = index.refine_index.reconstruct_n(0, index.ntotal)
        return state

    def __setstate__(self, state):
        state = dict(state)
        vectors = state.pop("_vectors", None)
        super().__setstate__(state)
        if vectors is not None:
            # faiss reads arrays without a look at their bounds, and makes room for n_samples_fit_.
            n_features = self.n_features_in_
            _check_floats("centroids_", self.centroids_, (self.n_lists_, n_features))
            _check_floats("codebook_", self.codebook_, (n_features, 16))
            _check_floats("_vectors", vectors, (self.n_samples_fit_, n_features))
            self._index = _inverted_file(self.centroids_, self.codebook_, vectors)


def _check_vectors(X):
    """Vectors of single precision, whose squares faiss can add up; it ends the process otherwise."""
    X = check_array(X, dtype=np.float32, order="C", input_name="X")
    if np.abs(X).max() > 1e15:
        raise ValueError(f"X has a number of {np.abs(X).max():.3g}; faiss takes none above 1e15")
    return X


def _import_faiss():
    try:
        import faiss
    except ImportError as error:
        raise ImportError('FaissNeighbors needs faiss: pip install "skdcca[faiss]"') from error
    return faiss


def _inverted_file(centroids, codebook, vectors):
    """Index of vectors in lists, by codes and then by themselves, of what was trained before."""
    faiss = _import_faiss()
    n_lists, n_features = centroids.shape
    centres = faiss.IndexFlatL2(n_features)
    centres.add(centroids)
    lists = faiss.IndexIVFPQFastScan(centres, n_features, n_lists, n_features, 4)
    lists.by_residual = False
    faiss.copy_array_to_vector(codebook.ravel(), lists.pq.centroids)
    lists.is_trained = True
    index = faiss.IndexRefineFlat(lists)
    index.add(vectors)
    return index


class ExactSearch:
    """Greatest products of queries with the rows of a gallery.

    Parameters
    ----------
    rows : ndarray of shape (n_items, n_features)
        The gallery, of double precision.
    decimals : int
        Decimals that products are rounded to; equal ones come in the order of the gallery.
    """

    def __init__(self, rows, decimals):
        self.rows = rows
        self.decimals = decimals
        self.longest = np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)) or 1.0
        self.single = np.multiply(
            rows, 1 / self.longest, out=np.empty(rows.shape, np.float32), casting="same_kind"
        )

    def top(self, queries, k):
        """Greatest `k` products of each query, descending, and their places in the gallery."""
        blocks = gen_batches(len(queries), _QUERIES)
        products, places = zip(*(self._top(queries[some], k) for some in blocks), strict=True)
        return np.concatenate(products), np.concatenate(places)

    def among(self, queries, places, k):
        """The same among given places, of shape (n_queries, n_places), for each query."""
        row = np.repeat(np.arange(len(queries)), places.shape[1])
        return self._first(queries, row, places.ravel(), k)

    def _top(self, queries, k):
        if k < _MANY * len(self.rows) and (found := self._candidates(queries, k)):
            return self._first(queries, *found, k)
        # Of many items, or many that tie, all products are needed.
        products = (queries @ self.rows.T).round(self.decimals)
        places = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(products, places, axis=1), places

    def _candidates(self, queries, k):
        """Pairs of query and place among which are the best `k` of every query.

        By products of single precision. Their rounding is bounded, as no row is longer than 1 [1]_: what
        is less than the k-th best by more than the bound on both sides, and the rounding to decimals, is
        not among the best. None if that leaves many.

        .. [1] N. J. Higham, "Accuracy and stability of numerical algorithms", SIAM 2002, section 3.1.
        """
        lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries))[:, None]
        lengths = np.where(lengths > 0, lengths, 1.0)
        queries = (queries / lengths).astype(np.float32)
        margin = (queries.shape[1] + 4) * np.finfo(np.float32).eps
        margin = margin + 10.0**-self.decimals / (lengths * self.longest)
        margin = np.minimum(margin, 4).astype(np.float32)  # no product is out of that
        least = np.full((len(queries), 1), -np.inf, np.float32)
        kept, n_kept, most = [], 0, 0
        for block in gen_batches(len(self.rows), max(_ITEMS, k)):
            products = queries @ self.single[block].T
            if block.start == 0:
                least = np.partition(products, -k, axis=1)[:, [-k]] - margin
            at = np.flatnonzero(products >= least)
            row, place = np.divmod(at, products.shape[1])
            kept.append((row, place + block.start, products.ravel()[at]))
            n_kept += len(at)
            if n_kept > _MANY * len(self.rows) * len(queries):
                return None
            if n_kept > most:
                row, place, value = map(np.concatenate, zip(*kept, strict=True))
                least = _kth_best(row, value, k)[:, None] - margin
                near = value >= least[row, 0]
                kept = [(row[near], place[near], value[near])]
                n_kept = near.sum()
                most = 2 * n_kept
        row, place, value = map(np.concatenate, zip(*kept, strict=True))
        near = value >= (_kth_best(row, value, k)[:, None] - margin)[row, 0]
        return row[near], place[near]

    def _first(self, queries, row, place, k):
        """The best `k` of the given pairs of query and place, by products of double precision."""
        product = np.empty(len(row))
        for some in gen_batches(len(row), 8192):
            pairs = queries[row[some]], self.rows[place[some]]
            product[some] = np.einsum("ij,ij->i", *pairs)
        product = product.round(self.decimals)
        order = np.lexsort((place, -product, row))
        first = np.searchsorted(row[order], np.arange(len(queries)))
        best = order[first[:, None] + np.arange(k)]
        return product[best], place[best]


def _kth_best(row, value, k):
    """The k-th greatest value of each row, of values given with the number of their row."""
    order = np.lexsort((-value, row))
    first = np.searchsorted(row[order], np.arange(row.max() + 1))
    return value[order][first + k - 1]


def _distance_rows(z, *, asking, correlations=None, power=None):
    """Rows whose distances order a gallery as the scores of `scoring_rows` do.

    Of the likelihood ratio that is ``|r w x - w y|**2 / 2``, with ``w**2 = 1 / (1 - r**2)`` and r on the
    side of the gallery, but for what depends on the query alone. Of the cosine it is the distance of
    rows of length 1; one more number makes those of zeros as long as others.
    """
    if correlations is not None and power is None:
        r = np.clip(correlations, 0.0, MOST)
        return z * ((1.0 if asking else r) / np.sqrt(1 - r**2))
    rows = scoring_rows(z, "x", correlations, power)
    left = 1 - np.einsum("ij,ij->i", rows, rows)
    return np.column_stack([rows, np.zeros(len(rows)) if asking else np.sqrt(left.clip(0))])


def _finite(z, name):
    """Variates, if all of them are numbers."""
    if len(bad := np.flatnonzero(~np.isfinite(z).all(axis=1)).tolist()):
        raise ValueError(
            f"the model gives variates that are not finite for rows {_some(bad)} of {name}"
        )
    return z


def _check_neighbors(neighbors):
    if neighbors is not None and not (
        hasattr(neighbors, "fit") and hasattr(neighbors, "kneighbors")
    ):
        raise ValueError(
            f"neighbors={neighbors!r}; it must be a nearest neighbour estimator, such as "
            "FaissNeighbors(), or None"
        )


def _check_ids(ids):
    """Ids as an array of str or of int, each there once."""
    if isinstance(ids, str) or not hasattr(ids, "__iter__"):
        raise ValueError(f"ids={ids!r}; it must be a list of ids")
    ids = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    names = bool(ids) and all(isinstance(i, str) for i in ids)
    if not (names or all(is_whole(i, least=-(2**63)) and i < 2**63 - 1 for i in ids)):
        raise ValueError(
            f"ids has {_some(ids)}; all must be str, or all whole numbers of 64 bits with a sign (give "
            "larger ones as str)"
        )
    if names and any(i.endswith("\0") for i in ids):
        raise ValueError("ids has a str that ends in a NUL character, which NumPy would cut off")
    found = np.array(ids, dtype=str if names else np.int64)
    values, counts = np.unique(found, return_counts=True)
    if twice := values[counts > 1].tolist():
        raise ValueError(f"ids has {_some(twice)} more than once; each item needs its own")
    return found


def _check_metadata(metadata, ids):
    """Metadata by id; each a dict of what JSON knows, so that any file can hold it."""
    if metadata is None:
        return {}
    if isinstance(metadata, (str, dict)) or not hasattr(metadata, "__iter__"):
        raise ValueError(f"metadata={metadata!r}; it must be a list of dicts, one an item")
    metadata = list(metadata)
    if len(metadata) != len(ids):
        raise ValueError(f"metadata has {len(metadata)} dicts for {len(ids)} items")
    kept = {}
    for i, of in zip(ids.tolist(), metadata, strict=True):
        try:
            kept[i] = json.loads(json.dumps(of, allow_nan=False))  # a copy, which stays as it is
            fits = isinstance(of, dict) and kept[i] == of
        except (TypeError, ValueError, RecursionError):
            fits = False
        if not fits:
            raise ValueError(
                f"metadata of item {i!r} is {of!r}; it must be a dict of str to what JSON knows: text, "
                "numbers, true, false, null, lists and dicts of them"
            )
    return kept


def _check_restored(state, metadata):
    """Refuse what is no index: it may come from a file."""
    ids, views = state["ids_"], [state["zx_"], state["zy_"]]
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iuU":
        raise ValueError("ids_ of a CrossModalIndex must be a list of str or of int as an array")
    for z in views:
        if z is not None and not (
            isinstance(z, np.ndarray) and z.dtype.kind == "f" and z.ndim == 2
        ):
            raise ValueError("zx_ and zy_ of a CrossModalIndex must be tables of numbers, or None")
    if lengths := {len(of) for of in (metadata, *views) if of is not None} - {len(ids)}:
        raise ValueError(
            f"a CrossModalIndex has {len(ids)} ids_ and {lengths} of what belongs to them"
        )
    if not all(of is None or isinstance(of, dict) for of in metadata):
        raise ValueError("metadata_ of a CrossModalIndex must be dicts")
    # A query fits them anew, so they must be no others, whose `fit` may open files.
    searches = [state["neighbors"], *state["_searches"].values()]
    if not all(of is None or hasattr(type(of), "kneighbors") for of in searches):
        raise ValueError("neighbors of a CrossModalIndex must be nearest neighbour estimators")


def _check_floats(name, array, shape):
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
        raise ValueError(f"{name} of FaissNeighbors must be an array of float32, of shape {shape}")


def _some(values, most=5):
    shown = ", ".join(map(repr, values[:most]))
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")
