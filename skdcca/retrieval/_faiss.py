"""Approximate nearest neighbor search with faiss."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer

# Number of vectors that are read from a file at a time.
_ROWS = 2**16
# Number of training vectors per list for the clustering; more take longer and change little.
_SAMPLES_PER_LIST = 128
# Smallest mean number of vectors in a list; below this, centers are unreliable and faiss warns.
_LEAST_PER_LIST = 39
# Number of values that a code of four bits can represent.
_CODE_VALUES = 16
# faiss adds up squares in single precision and ends the process if they overflow.
_LARGEST = 1e15


class FaissNeighbors(BaseEstimator):
    """Approximate nearest neighbors with faiss, for galleries of 100,000 items or more.

    Pass it as `neighbors` of a `CrossModalIndex` when the exact search is too slow or the gallery
    does not fit in memory. It can also search any table of vectors by Euclidean distance. It needs
    faiss: ``pip install "skdcca[faiss]"``. Try the defaults first. If too many neighbors are missed,
    increase `n_probe`, then `n_candidates`. If the codes need too much memory, set `code_size`.

    Vectors are sorted into lists around the centers of clusters [1]_. A query searches the lists whose
    centers are closest to it, in two steps: short codes of the vectors select candidates, whose exact
    distances are then computed. The search misses few neighbors if the vectors vary mainly in a few
    directions, like variates that are weighted by their correlations.

    Vectors that do not fit in memory can stay in a file. Pass ``np.load("vectors.npy",
    mmap_mode="r")`` in single precision to `fit`, which reads the file in blocks; a query then reads
    only its candidates from the file. Memory holds only the code and the list number of each vector.

    Parameters
    ----------
    n_lists : int, default=None
        Number of lists. If None, the square root of the number of vectors is used. The number is
        reduced if lists would have fewer than 39 vectors on average.
    n_probe : int, default=64
        Number of lists that each query searches. Larger values find more of the true neighbors and are
        slower.
    n_candidates : int, default=5
        Number of vectors whose exact distances are computed, as a multiple of `n_neighbors`.
    code_size : int, default=None
        Number of bytes in the code of a vector. Codes and lists then use only the ``2 * code_size``
        directions in which the vectors vary most. If None, the code has half a byte for each column.
    random_state : int, default=0
        Seed of the clusters; must be in [0, 2**31 - 1].

    Attributes
    ----------
    n_lists_ : int
        Number of lists.
    directions_ : ndarray of shape (n_features, n_directions) or None
        Directions that the codes use; None if they use the columns themselves.
    centroids_ : ndarray of shape (n_lists_, n_directions)
        Centers of the lists.
    codebook_ : ndarray of shape (n_directions, 16)
        The 16 values that a code can represent in each direction.
    n_features_in_ : int
        Number of columns.
    n_samples_fit_ : int
        Number of vectors.

    See Also
    --------
    CrossModalIndex : Search a gallery by the other view.
    sklearn.neighbors.NearestNeighbors : Exact nearest neighbors.

    Notes
    -----
    To store a search over a file of vectors, use ``joblib.dump(search, path)``, which writes the vectors
    too. ``joblib.load(path, mmap_mode="r")`` then reads them from that file as they are needed.

    References
    ----------
    .. [1] M. Douze et al., "The Faiss library", 2024, arXiv:2401.08281.

    Examples
    --------
    The nearest neighbors of images of the digits 0, 1 and 2 show the same digits:

    >>> from sklearn.datasets import load_digits
    >>> from skdcca import FaissNeighbors
    >>> images, digits = load_digits(return_X_y=True)
    >>> search = FaissNeighbors().fit(images)
    >>> digits[search.kneighbors(images[:3], 4, return_distance=False)]
    array([[0, 0, 0, 0],
           [1, 1, 1, 1],
           [2, 2, 2, 2]])
    """

    def __init__(
        self,
        n_lists: int | None = None,
        *,
        n_probe: int = 64,
        n_candidates: int = 5,
        code_size: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_lists = n_lists
        self.n_probe = n_probe
        self.n_candidates = n_candidates
        self.code_size = code_size
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Sort vectors into lists and encode them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The vectors, which are stored in single precision. A memory-mapped file in single precision
            and C order is not copied and must not change afterwards.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        MissingDependencyError
            If faiss is not installed.
        ValueError
            If a parameter is out of range, or X contains NaN, infinity or values above 1e15 in
            absolute value.
        """
        faiss = _import_faiss()
        self._check_parameters()
        X = _check_vectors(X, copy=not isinstance(X, np.memmap))
        self.n_samples_fit_, self.n_features_in_ = X.shape
        most = max(1, len(X) // _LEAST_PER_LIST)
        self.n_lists_ = min(most, self.n_lists or round(np.sqrt(len(X))))
        sample = _sample(X, _SAMPLES_PER_LIST * self.n_lists_, self.random_state)
        self.directions_ = None if self.code_size is None else _directions(sample, self.code_size)
        sample = _project(sample, self.directions_)
        self.centroids_ = self._train_lists(faiss, sample)
        self.codebook_ = self._train_codes(faiss, sample)
        self._vectors = X
        self._lists = _nearest_lists(X, self.directions_, self.centroids_)
        self._index = self._inverted_file()
        return self

    def _check_parameters(self):
        check_integer("n_lists", self.n_lists, or_none=True)
        check_integer("code_size", self.code_size, or_none=True)
        check_integer("n_probe", self.n_probe)
        check_integer("n_candidates", self.n_candidates)
        check_integer("random_state", self.random_state, ge=0, le=2**31 - 1)

    def _train_lists(self, faiss, sample):
        clusters = faiss.Kmeans(
            sample.shape[1],
            self.n_lists_,
            niter=10,
            seed=self.random_state,
            min_points_per_centroid=1,
        )
        clusters.train(sample)
        return clusters.centroids

    def _train_codes(self, faiss, sample):
        n_directions = sample.shape[1]
        codes = faiss.ProductQuantizer(n_directions, n_directions, 4)
        codes.cp.seed = self.random_state
        codes.cp.min_points_per_centroid = 1
        if self.n_samples_fit_ < _CODE_VALUES:
            sample = np.resize(sample, (_CODE_VALUES, n_directions))
        codes.train(sample)
        return faiss.vector_to_array(codes.centroids).reshape(-1, _CODE_VALUES)

    def kneighbors(self, X, n_neighbors=5, return_distance=True):
        """Find the vectors nearest to each query, nearest first.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            The queries.
        n_neighbors : int, default=5
            Number of vectors for each query, at most `n_samples_fit_`. If the lists that a query
            searches contain fewer vectors, the query searches all lists.
        return_distance : bool, default=True
            If True, return the distances too.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Euclidean distances in single precision. Returned only if `return_distance` is True.
        indices : ndarray of shape (n_queries, n_neighbors)
            Rows of the fitted vectors.

        Raises
        ------
        ValueError
            If X contains NaN, infinity or values above 1e15 in absolute value, the number of columns
            of X differs from the one in `fit`, or `n_neighbors` is out of range.
        NotFittedError
            If `fit` has not been called.
        """
        check_is_fitted(self)
        check_integer("n_neighbors", n_neighbors)
        if n_neighbors > self.n_samples_fit_:
            raise ValueError(
                f"`n_neighbors` must be <= the number of vectors, {self.n_samples_fit_}, "
                f"got {n_neighbors}."
            )
        X = _check_vectors(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but FaissNeighbors was fitted with "
                f"{self.n_features_in_}."
            )
        squares, places = self._search(X, n_neighbors, self.n_probe)
        short = np.flatnonzero((places < 0).any(axis=1))
        if len(short):
            squares[short], places[short] = self._search(X[short], n_neighbors, self.n_lists_)
        return (np.sqrt(squares), places) if return_distance else places

    def _search(self, X, k, n_probe):
        faiss = _import_faiss()
        lists = faiss.SearchParametersIVF(nprobe=min(n_probe, self.n_lists_))
        n_again = min(k * self.n_candidates, self.n_samples_fit_)
        _, places = self._index.search(_project(X, self.directions_), n_again, params=lists)
        squares = _squared_distances(X, self._vectors, places)
        nearest = np.lexsort((places, squares))[:, :k]
        squares = np.take_along_axis(squares, nearest, axis=1)
        return squares, np.take_along_axis(places, nearest, axis=1)

    def _inverted_file(self):
        """Build the faiss index of the vectors from the trained centers and codes."""
        faiss = _import_faiss()
        n_lists, n_directions = self.centroids_.shape
        centers = faiss.IndexFlatL2(n_directions)
        centers.add(self.centroids_)
        plain = faiss.IndexIVFPQ(centers, n_directions, n_lists, n_directions, 4)
        plain.by_residual = False
        faiss.copy_array_to_vector(self.codebook_.ravel(), plain.pq.centroids)
        plain.is_trained = True
        for rows in gen_batches(self.n_samples_fit_, _ROWS):
            vectors = _project(self._vectors[rows], self.directions_)
            lists = self._lists[rows].astype(np.int64)
            plain.add_core(len(lists), faiss.swig_ptr(vectors), None, faiss.swig_ptr(lists))
        # Convert the codes to the layout that faiss searches fastest.
        index = faiss.IndexIVFPQFastScan(plain)
        index.referenced_objects = [centers]
        return index

    def __getstate__(self):
        """Return the state as arrays, because the format of faiss is unsafe for untrusted files."""
        return {k: v for k, v in super().__getstate__().items() if k != "_index"}

    def __setstate__(self, state):
        state = {"code_size": None} | state  # files of older versions lack it
        if "_vectors" in state:
            state = {"directions_": None} | state
        super().__setstate__(state)
        if "_vectors" in state:
            self._check_restored()
            self._index = self._inverted_file()

    def _check_restored(self):
        """Check the arrays of a file, because faiss reads them without checking bounds."""
        n_features = n_directions = self.n_features_in_
        if self.directions_ is not None:
            shape = np.shape(self.directions_)
            n_directions = shape[1] if len(shape) == 2 else 0
            _check_floats("directions_", self.directions_, (n_features, n_directions))
        _check_floats("centroids_", self.centroids_, (self.n_lists_, n_directions))
        _check_floats("codebook_", self.codebook_, (n_directions, _CODE_VALUES))
        _check_floats("_vectors", self._vectors, (self.n_samples_fit_, n_features))
        self._vectors = np.ascontiguousarray(self._vectors)
        self.centroids_ = np.ascontiguousarray(self.centroids_)
        if not hasattr(self, "_lists"):  # files of older versions lack it
            self._lists = _nearest_lists(self._vectors, self.directions_, self.centroids_)
        _check_lists(self._lists, self.n_samples_fit_, self.n_lists_)


def _import_faiss():
    with needed_by("FaissNeighbors", extra="faiss"):
        import faiss
    return faiss


def _sample(X, n_rows, random_state):
    """Return a random sample of at most `n_rows` rows in their original order."""
    if len(X) <= n_rows:
        return X
    rows = np.random.default_rng(random_state).choice(len(X), n_rows, replace=False)
    return X[np.sort(rows)]


def _directions(sample, code_size):
    """Return the directions of greatest variance, one for each half byte of a code."""
    centered = sample - sample.mean(axis=0)
    _, directions = np.linalg.eigh(np.asarray(centered.T @ centered, dtype=np.float64))
    return np.ascontiguousarray(directions[:, ::-1][:, : 2 * code_size], dtype=np.float32)


def _project(vectors, directions):
    return np.ascontiguousarray(vectors if directions is None else vectors @ directions)


def _nearest_lists(vectors, directions, centroids):
    """Return the number of the list that each vector belongs to."""
    faiss = _import_faiss()
    centers = faiss.IndexFlatL2(centroids.shape[1])
    centers.add(centroids)
    lists = np.empty(len(vectors), dtype=np.int32)
    for rows in gen_batches(len(vectors), _ROWS):
        lists[rows] = centers.search(_project(vectors[rows], directions), 1)[1].ravel()
    return lists


def _squared_distances(queries, vectors, places):
    """Return the squared distances of each query to its given rows, with infinity for row -1.

    faiss reads only these rows, from memory or a memory-mapped file, without a copy.
    """
    faiss = _import_faiss()
    squares = np.full(places.shape, np.inf, dtype=np.float32)
    pointers = map(faiss.swig_ptr, (squares, queries, vectors, places))
    faiss.fvec_L2sqr_by_idx(*pointers, queries.shape[1], *places.shape)
    return squares


def _check_vectors(X, copy=False):
    X = check_array(X, dtype=np.float32, order="C", copy=copy, input_name="X")
    largest = max(X.max(), -X.min())
    if largest > _LARGEST:
        raise ValueError(
            f"X must have absolute values of at most {_LARGEST:.0e}, got {largest:.3g}. Scale X down."
        )
    return X


def _check_floats(name, array, shape):
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
        raise ValueError(f"{name} of FaissNeighbors must be a float32 array of shape {shape}")


def _check_lists(lists, n_vectors, n_lists):
    shaped = isinstance(lists, np.ndarray) and lists.dtype == np.int32
    shaped = shaped and lists.shape == (n_vectors,)
    if not shaped or lists.min() < 0 or lists.max() >= n_lists:
        raise ValueError(
            f"_lists of FaissNeighbors must be an int32 array of shape ({n_vectors},) with values in "
            f"[0, {n_lists})"
        )
