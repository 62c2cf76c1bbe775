"""A gallery that is searched across the two views: lyrics find audio, audio finds lyrics."""

import json
from numbers import Real

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_device, check_integer, is_integer
from skdcca.metrics import MOST, comparison, embed, inside, score_decimals, scoring_rows

__all__ = ["CrossModalIndex", "FaissNeighbors"]

OTHER = {"x": "y", "y": "x"}
# Sizes of the blocks of products: what a core keeps at hand.
_QUERIES, _ITEMS = 256, 4096
# Of items on a device, which has work for many at once; and vectors read from a file at once.
_ON_DEVICE, _READ = 2**16, 2**16
# Vectors for each list of faiss that are trained on, at most; more take longer and change little.
_A_LIST = 128
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
    device : str, default=None
        Where the exact search looks for candidates: None by NumPy, else by torch on its device of that
        name, ``"cuda"`` say, which then holds the gallery in single precision. The answers are the same.
        An index that is loaded where there is no such device takes the CPU.

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

    def __init__(self, estimator, *, neighbors=None, device=None):
        self.estimator = estimator
        self.neighbors = neighbors
        self.device = device

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
        check_device("device", self.device)
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
        lengths = [num_samples(view) for view in (X, y) if view is not None]
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
        check_integer("n_neighbors", n_neighbors)
        if n_neighbors > len(self.ids_):
            raise ValueError(f"n_neighbors={n_neighbors}, but the index has {len(self.ids_)} items")

    def _nearest(self, view, z, k):
        """Scores and places in the gallery of the best `k` items for variates of a view."""
        how = comparison(self.estimator)
        z = check_array(z, dtype=np.float64)
        queries = scoring_rows(z, view, **how)
        gallery = self._gallery(OTHER[view])
        if self.neighbors is None:
            return gallery.top(queries, k)
        asking = _distance_rows(z, asking=True, **how)
        places = np.asarray(gallery.kneighbors(asking, k, return_distance=False))
        # Their scores need the rows of what was found alone: variates may be in a file.
        some, at = np.unique(places, return_inverse=True)
        rows = scoring_rows(self._variates(OTHER[view], some), OTHER[view], **how)
        exact = ExactSearch(rows, score_decimals(**how))
        scores, first = exact.among(queries, at.reshape(places.shape), k)
        return scores, some[first]

    def _variates(self, view, rows=slice(None)):
        return np.asarray(getattr(self, f"z{view}_")[rows], dtype=np.float64)

    def _gallery(self, view):
        """What finds the items of a view: the exact search, or `neighbors` fitted on their rows.

        Threads may ask at once: what is missing each makes for itself, and the last one's is kept.
        """
        how = comparison(self.estimator)
        by = joblib.hash(how, coerce_mmap=True)  # as in memory, if it lies in a file
        known = by == self._compared_by  # else a parameter of the model was set since
        kept = self._galleries if self.neighbors is None else self._searches
        gallery = kept.get(view) if known else None
        device = check_device("device", self.device, must_exist=False)
        if gallery is None and self.neighbors is not None:
            rows = _distance_rows(self._variates(view), asking=False, **how)
            gallery = clone(self.neighbors).fit(rows)
        elif gallery is None or (self.neighbors is None and gallery.device != device):
            rows = scoring_rows(self._variates(view), view, **how)
            gallery = ExactSearch(rows, score_decimals(**how), device)
        self._keep(view, gallery, by)
        return gallery

    def _keep(self, view, gallery, by):
        known = by == self._compared_by
        galleries, searches = (self._galleries, self._searches) if known else ({}, {})
        kept = galleries if self.neighbors is None else searches
        if kept.get(view) is gallery:
            return
        # New dicts, as other threads may be reading those there are; their mark comes last.
        kept = kept | {view: gallery}
        self._galleries, self._searches = (
            (kept, searches) if self.neighbors is None else (galleries, kept)
        )
        self._compared_by = by

    def __getstate__(self):
        state = super().__getstate__()
        if "metadata_" not in state:
            return state
        # The rows follow from the variates; one text is written much faster than a dict an item.
        metadata = [self.metadata_.get(i) for i in self.ids_.tolist()]
        return {**state, "_galleries": {}, "metadata_": json.dumps(metadata)}

    def __setstate__(self, state):
        state = {"device": None} | state  # older files lack it
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

    Vectors past memory stay in their file: what ``np.load("vectors.npy", mmap_mode="r")`` gives, in
    single precision, is read in blocks by `fit`, and a query reads the few that it looks at again. In
    memory are the codes, the number of each vector and that of its list.

    Parameters
    ----------
    n_lists : int, default=None
        Number of lists. None: the square root of the number of vectors. There are no more than leave 39
        vectors for each.
    n_probe : int, default=64
        Number of lists that a query looks through; more take longer and miss less.
    n_candidates : int, default=5
        Number of vectors looked at again, as a multiple of the neighbours asked for.
    code_size : int, default=None
        Bytes of the code of a vector: the codes, and the lists, are then of the ``2 * code_size``
        directions in which the vectors vary most. None: half a byte for each number of a vector.
    random_state : int, default=0
        Seed of the clusters.

    Attributes
    ----------
    n_lists_ : int
        Number of lists.
    directions_ : ndarray of shape (n_features, n_directions) or None
        The directions that the codes are of; None: the columns as they are.
    centroids_ : ndarray of shape (n_lists_, n_directions)
        Centres of the lists.
    codebook_ : ndarray of shape (n_directions, 16)
        The values that stand for the numbers of each direction.
    n_features_in_ : int
        Number of columns.
    n_samples_fit_ : int
        Number of vectors.

    Notes
    -----
    To keep a search over a file: ``joblib.dump(search, path)``, which writes its vectors too, and
    ``joblib.load(path, mmap_mode="r")``, after which they are read from there as they are needed.

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

    def __init__(self, n_lists=None, *, n_probe=64, n_candidates=5, code_size=None, random_state=0):
        self.n_lists = n_lists
        self.n_probe = n_probe
        self.n_candidates = n_candidates
        self.code_size = code_size
        self.random_state = random_state

    def fit(self, X, y=None):
        """Sort vectors into lists.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The vectors; kept in single precision. Those of a memory-mapped file in single precision and
            C order are not copied: the file must stay as it is.
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
        check_integer("n_lists", self.n_lists, or_none=True)
        check_integer("code_size", self.code_size, or_none=True)
        for name, least in (("n_probe", 1), ("n_candidates", 1), ("random_state", 0)):
            check_integer(name, getattr(self, name), least)
        if self.random_state >= 2**31:
            raise ValueError(f"random_state={self.random_state}; it must be below 2**31 for faiss")
        X = _check_vectors(X, copy=not isinstance(X, np.memmap))
        self.n_samples_fit_, self.n_features_in_ = X.shape
        most = max(1, len(X) // 39)  # clusters of fewer vectors are made of chance
        self.n_lists_ = min(most, self.n_lists or round(np.sqrt(len(X))))
        sample = _sample(X, _A_LIST * self.n_lists_, self.random_state)
        self.directions_ = None if self.code_size is None else _directions(sample, self.code_size)
        sample = _along(sample, self.directions_)
        n_directions = sample.shape[1]
        lists = faiss.Kmeans(
            n_directions, self.n_lists_, niter=10, seed=self.random_state, min_points_per_centroid=1
        )
        lists.train(sample)
        codes = faiss.ProductQuantizer(n_directions, n_directions, 4)
        codes.cp.seed, codes.cp.min_points_per_centroid = self.random_state, 1
        codes.train(sample if len(X) >= 16 else np.resize(sample, (16, n_directions)))
        self.centroids_ = lists.centroids
        self.codebook_ = faiss.vector_to_array(codes.centroids).reshape(-1, 16)
        self._vectors = X
        self._lists = _nearest_lists(X, self.directions_, self.centroids_)
        self._index = self._inverted_file()
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
        check_integer("n_neighbors", n_neighbors)
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
        n_again = min(k * self.n_candidates, self.n_samples_fit_)
        _, places = self._index.search(_along(X, self.directions_), n_again, params=lists)
        squares = _squares(X, self._vectors, places)
        nearest = np.lexsort((places, squares))[:, :k]
        return [np.take_along_axis(of, nearest, axis=1) for of in (squares, places)]

    def _inverted_file(self):
        """Codes of the vectors in their lists, of what was trained before."""
        faiss = _import_faiss()
        n_lists, n_directions = self.centroids_.shape
        centres = faiss.IndexFlatL2(n_directions)
        centres.add(self.centroids_)
        plain = faiss.IndexIVFPQ(centres, n_directions, n_lists, n_directions, 4)
        plain.by_residual = False
        faiss.copy_array_to_vector(self.codebook_.ravel(), plain.pq.centroids)
        plain.is_trained = True
        for rows in gen_batches(self.n_samples_fit_, _READ):
            vectors = _along(self._vectors[rows], self.directions_)
            lists = self._lists[rows].astype(np.int64)
            plain.add_core(len(lists), faiss.swig_ptr(vectors), None, faiss.swig_ptr(lists))
        index = faiss.IndexIVFPQFastScan(plain)  # the same codes, as they are searched fastest
        index.referenced_objects = [centres]
        return index

    def __getstate__(self):
        """Arrays alone: what faiss writes itself is not safe to read from files of unknown origin."""
        return {k: v for k, v in super().__getstate__().items() if k != "_index"}

    def __setstate__(self, state):
        # Older files lack what was added: codes were of the columns as they are.
        state = {"code_size": None} | state
        if "_vectors" in state:
            state = {"directions_": None} | state
        super().__setstate__(state)
        if "_vectors" in state:
            self._check_restored()
            self._index = self._inverted_file()

    def _check_restored(self):
        """Arrays are what they must be: faiss reads them without a look at their bounds."""
        n_features = n_directions = self.n_features_in_
        if self.directions_ is not None:
            shape = np.shape(self.directions_)
            n_directions = shape[1] if len(shape) == 2 else 0
            _check_floats("directions_", self.directions_, (n_features, n_directions))
        _check_floats("centroids_", self.centroids_, (self.n_lists_, n_directions))
        _check_floats("codebook_", self.codebook_, (n_directions, 16))
        _check_floats("_vectors", self._vectors, (self.n_samples_fit_, n_features))
        self._vectors = np.ascontiguousarray(self._vectors)
        self.centroids_ = np.ascontiguousarray(self.centroids_)
        if not hasattr(self, "_lists"):
            self._lists = _nearest_lists(self._vectors, self.directions_, self.centroids_)
        lists = self._lists
        if (
            not isinstance(lists, np.ndarray)
            or lists.dtype != np.int32
            or lists.shape != (self.n_samples_fit_,)
            or lists.min() < 0
            or lists.max() >= self.n_lists_
        ):
            raise ValueError(
                f"_lists of FaissNeighbors must be an array of int32, of shape "
                f"({self.n_samples_fit_},) and below {self.n_lists_}"
            )


def _sample(X, n_rows, random_state):
    """At most so many rows, in their order: all that is trained on."""
    if len(X) <= n_rows:
        return X
    rows = np.random.default_rng(random_state).choice(len(X), n_rows, replace=False)
    return X[np.sort(rows)]


def _directions(sample, code_size):
    """Directions in which vectors vary most, one for each half byte, the most first."""
    centred = sample - sample.mean(axis=0)
    _, directions = np.linalg.eigh(np.asarray(centred.T @ centred, dtype=np.float64))
    return np.ascontiguousarray(directions[:, ::-1][:, : 2 * code_size], dtype=np.float32)


def _along(vectors, directions):
    """Vectors in single precision as the codes are made of them."""
    return np.ascontiguousarray(vectors if directions is None else vectors @ directions)


def _nearest_lists(vectors, directions, centroids):
    """Number of the list of each vector."""
    faiss = _import_faiss()
    centres = faiss.IndexFlatL2(centroids.shape[1])
    centres.add(centroids)
    lists = np.empty(len(vectors), dtype=np.int32)
    for rows in gen_batches(len(vectors), _READ):
        lists[rows] = centres.search(_along(vectors[rows], directions), 1)[1].ravel()
    return lists


def _squares(queries, vectors, places):
    """Squared distances of each query to the vectors at its places; infinite where a place is -1.

    faiss reads just these vectors, wherever they are: as they are, and without a copy.
    """
    faiss = _import_faiss()
    squares = np.full(places.shape, np.inf, dtype=np.float32)
    pointers = map(faiss.swig_ptr, (squares, queries, vectors, places))
    faiss.fvec_L2sqr_by_idx(*pointers, queries.shape[1], *places.shape)
    return squares


def _check_vectors(X, copy=False):
    """Vectors of single precision, whose squares faiss can add up; it ends the process otherwise."""
    X = check_array(X, dtype=np.float32, order="C", copy=copy, input_name="X")
    if (largest := max(X.max(), -X.min())) > 1e15:
        raise ValueError(f"X has a number of {largest:.3g}; faiss takes none above 1e15")
    return X


def _import_faiss():
    try:
        import faiss
    except ImportError as error:
        raise ImportError('FaissNeighbors needs faiss: pip install "skdcca[faiss]"') from error
    return faiss


class ExactSearch:
    """Greatest products of queries with the rows of a gallery.

    Parameters
    ----------
    rows : ndarray of shape (n_items, n_features)
        The gallery, of double precision.
    decimals : int
        Decimals that products are rounded to; equal ones come in the order of the gallery.
    device : torch.device, default=None
        Where candidates are looked for; None: by NumPy.
    """

    def __init__(self, rows, decimals, device=None):
        self.rows = rows
        self.decimals = decimals
        self.device = device
        self.longest = np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)) or 1.0
        self.single = np.multiply(
            rows, 1 / self.longest, out=np.empty(rows.shape, np.float32), casting="same_kind"
        )
        if device is not None:
            import torch

            make_torch_fork_safe()

            self.single = torch.from_numpy(self.single).to(device)

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
        if self.device is not None and not _is_single_precision():
            margin += 2.0**-7  # both factors rounded to 8 bits
        margin = margin + 10.0**-self.decimals / (lengths * self.longest)
        margin = np.minimum(margin, 4).astype(np.float32)  # no product is out of that
        if self.device is not None:
            return self._candidates_on_device(queries, margin, k)
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

    def _candidates_on_device(self, queries, margin, k):
        """The same, where the best of a block are found as fast as their products."""
        import torch

        with torch.inference_mode():
            queries, margin = (torch.from_numpy(of).to(self.device) for of in (queries, margin))
            best, kept, n_kept = None, [], 0
            for block in gen_batches(len(self.rows), max(_ON_DEVICE, k)):
                products = queries @ self.single[block].T
                top = products.topk(min(k, products.shape[1])).values
                best = top if best is None else torch.cat([best, top], dim=1).topk(k).values
                row, place = (products >= best[:, -1:] - margin).nonzero(as_tuple=True)
                kept.append((row, place + block.start, products[row, place]))
                n_kept += len(row)
                if n_kept > _MANY * len(self.rows) * len(queries):
                    return None
            row, place, value = map(torch.cat, zip(*kept, strict=True))
            near = value >= (best[:, -1:] - margin)[row, 0]
            return row[near].cpu().numpy(), place[near].cpu().numpy()

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


def _is_single_precision():
    """Whether torch takes products of single precision as such, and does not round their factors."""
    import torch

    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set by device: it cannot tell of all
        return False


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
    if not (names or all(is_integer(i, ge=-(2**63)) and i < 2**63 - 1 for i in ids)):
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
