"""Find where alternating sparse regressions start, from the largest cross-covariances.

The start is the leading pair of singular vectors of the soft-thresholded cross-covariance matrix, of
which only the largest entries are kept. The matrix is computed in tiles and never stored. All folds
of a cross-validation share one pass over it: the products of the training rows of a fold are those of
all rows minus those of its held-out rows, which are few.
"""

import numpy as np
from scipy import linalg
from scipy.sparse import coo_array
from scipy.sparse.linalg import svds
from sklearn.utils import gen_batches

# Entries that are kept, for each column of the wider view.
_KEPT = 10
# Columns of a tile; three tiles of single precision fit the cache of a processor.
_TILE = 512
# Up to this size, singular vectors are computed from a dense matrix.
_DENSE = 50


def starting_weights(pairs):
    """Return the weights of X and of y from which each pair of `Columns` starts.

    Parameters
    ----------
    pairs : list of tuple of Columns
        Columns of X and y for the training rows of each fit, which share the arrays of all rows.
    """
    x_values, y_values = (columns.values for columns in pairs[0])
    searches = [_Search(x, y) for x, y in pairs]
    # Single precision is enough for a start and takes half the time.
    x_values, y_values = _single(x_values), _single(y_values)
    shared = any(search.is_shared for search in searches)
    for x_tile in gen_batches(x_values.shape[1], _TILE):
        for y_tile in gen_batches(y_values.shape[1], _TILE):
            products = x_values[:, x_tile].T @ y_values[:, y_tile] if shared else None
            for search in searches:
                search.add(x_tile, y_tile, products)
    return [search.leading_vectors() for search in searches]


class _Search:
    """Search for the largest covariances of the deflated columns of two views."""

    def __init__(self, x, y):
        self.shape = x.values.shape[1], y.values.shape[1]
        self.n_kept = _KEPT * max(self.shape)
        self.least, self.n_found = 0.0, 0
        self.places, self.found = [], []
        self.x_unit = _single(x.inverse / x.degrees)[:, None]
        self.y_unit = _single(y.inverse)
        self.x_rows, self.y_rows = self._rows(x), self._rows(y)
        # Subtracted from the covariances: what earlier variates explain.
        self.x_explained = _single(np.hstack([x.loadings, x.products(y.variates)]).T)
        self.y_explained = _single(np.hstack([y.covariance(x.variates), y.loadings]).T)

    def _rows(self, columns):
        """Return the rows whose products are the training rows' or, if shared, what they lack.

        The latter are the held-out rows and the mean of the training rows.
        """
        held_out = np.setdiff1d(np.arange(len(columns.values)), columns.rows)
        self.is_shared = len(held_out) < len(columns.rows)
        if not self.is_shared:
            return _single(columns.values[columns.rows] - columns.mean)
        mean = np.sqrt(len(columns.rows)) * columns.mean
        return _single(np.vstack([columns.values[held_out], mean]))

    def add(self, x_tile, y_tile, products):
        """Add the covariances of some columns of X with some of y."""
        covariance = self.x_rows[:, x_tile].T @ self.y_rows[:, y_tile]
        if self.is_shared:
            np.subtract(products, covariance, out=covariance)
        covariance *= self.y_unit[y_tile]
        covariance *= self.x_unit[x_tile]
        if len(self.x_explained):
            covariance -= self.x_explained[:, x_tile].T @ self.y_explained[:, y_tile]
        flat = covariance.ravel()
        chosen = np.flatnonzero(np.abs(flat) > self.least)
        row, column = np.divmod(chosen, covariance.shape[1])
        self.found.append(flat[chosen])
        self.places.append((row + x_tile.start) * self.shape[1] + column + y_tile.start)
        self.n_found += len(chosen)
        if self.n_found > 4 * self.n_kept:
            self._keep_largest()

    def _keep_largest(self):
        """Keep the largest entries, and one more, which is the threshold."""
        found, places = np.concatenate(self.found), np.concatenate(self.places)
        if len(found) > self.n_kept + 1:
            kept = np.argpartition(-np.abs(found), self.n_kept)[: self.n_kept + 1]
            found, places = found[kept], places[kept]
        if len(found) > self.n_kept:
            self.least = np.abs(found).min()
        self.found, self.places, self.n_found = [found], [places], len(found)

    def leading_vectors(self):
        """Return the leading singular vectors of the soft-thresholded entries."""
        self._keep_largest()
        (found,), (places,) = self.found, self.places
        found = found.astype(np.float64)
        found = np.sign(found) * (np.abs(found) - self.least)
        if not found.any():
            return np.zeros(self.shape[0]), np.zeros(self.shape[1])
        matrix = coo_array((found, np.divmod(places, self.shape[1])), shape=self.shape)
        if min(self.shape) <= _DENSE:
            left, _, right = linalg.svd(matrix.toarray(), full_matrices=False)
        else:
            first = np.random.default_rng(0).normal(size=min(self.shape))
            left, _, right = svds(matrix.tocsr(), k=1, v0=first, tol=1e-6)
        return left[:, 0], right[0]


def _single(values):
    return np.ascontiguousarray(values, dtype=np.float32)
