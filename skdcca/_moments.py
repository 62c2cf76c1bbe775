"""Weight, means and second moments of two views: of a block of rows, merged, in float64."""

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.sparse import diags_array, issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

# Numbers of a block: of 32 MB, so that memory does not grow with the rows.
_BLOCK = 2**22


class PairMoments:
    """Moments of the rows ``[x, y]`` seen so far; `add` takes more of them.

    Rows are shifted by the first one, so that a large offset costs no digits and a constant column is
    exactly 0, and blocks are merged by the formula of Chan, Golub and LeVeque [1]_. A weight counts as
    that many rows.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance",
       The American Statistician 37 (1983).
    """

    def __init__(self):
        self.weight = 0.0
        self.rounding = 0.0  # of the coarser type

    def add(self, X, y, sample_weight=None):
        """Take rows in: X and y of shape (n_samples, p) and (n_samples, q), dense; weights above 0."""
        self._begin(X, y, X[0])
        step = max(1, _BLOCK // len(self.origin))
        for i in range(0, len(X), step):
            rows = slice(i, i + step)
            self._add_block(
                X[rows], y[rows], None if sample_weight is None else sample_weight[rows]
            )
        return self

    def add_sparse(self, X, y, sample_weight=None):
        """Take rows in whose X is sparse, at once and centred afterwards, as most of it is 0."""
        n_features = X.shape[1]
        self._begin(X, y, np.zeros(n_features))
        weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        total = weight.sum()
        mean, variance = mean_variance_axis(X.astype(np.float64), axis=0, weights=weight)
        y = y - self.origin[n_features:]
        y_mean = weight @ y / total
        y -= y_mean
        weighted = diags_array(weight) @ X.astype(np.float64)
        scatter = np.empty_like(self._scatter)
        scatter[:n_features, :n_features] = (X.T @ weighted).toarray()
        scatter[:n_features, :n_features] -= total * np.outer(mean, mean)
        # The difference of large squares would leave a constant column some rounding.
        np.fill_diagonal(scatter[:n_features, :n_features], total * variance)
        scatter[:n_features, n_features:] = weighted.T @ y
        scatter[n_features:, n_features:] = (weight * y.T) @ y
        self._scatter += np.triu(scatter)
        self._merge(np.concatenate([mean, y_mean]), total)
        return self

    def _begin(self, X, y, x_origin):
        self.rounding = max(self.rounding, np.finfo(X.dtype).eps, np.finfo(y.dtype).eps)
        if self.weight:
            return
        self.origin = np.concatenate([x_origin, y[0]], dtype=np.float64)
        self._n_features = X.shape[1]
        self._unit = np.ones(len(self.origin))
        if not issparse(X):
            first = np.concatenate([X[:1000], y[:1000]], axis=1, dtype=np.float64)
            peak = np.abs(first - self.origin).max(axis=0)
            extreme = (peak > 1e100) | ((peak < 1e-100) & (peak > 0))
            # By a power of two, which costs no digit.
            self._unit[extreme] = np.exp2(np.round(np.log2(peak[extreme])))
        self._rescaled = (self._unit != 1).any()
        self._mean = np.zeros(len(self.origin))
        # The upper triangle, in the order of BLAS, which adds to it in place.
        self._scatter = np.zeros((len(self.origin),) * 2, order="F")

    def _add_block(self, X, y, sample_weight):
        block = np.concatenate([X, y], axis=1, dtype=np.float64)
        block -= self.origin
        if self._rescaled:
            block /= self._unit
        if sample_weight is None:
            weight, mean = float(len(block)), block.mean(axis=0)
        else:
            weight = sample_weight.sum()
            mean = sample_weight @ block / weight
        block -= mean
        if sample_weight is not None:
            block *= np.sqrt(sample_weight)[:, None]
        self._scatter = dsyrk(1.0, block.T, 1.0, self._scatter, overwrite_c=1)
        self._merge(mean, weight)

    def _merge(self, mean, weight):
        """Put a block, whose scatter about its own mean is added already, in its place."""
        total = self.weight + weight
        step = mean - self._mean
        apart = np.sqrt(self.weight * weight / total) * step
        self._scatter += np.triu(np.outer(apart, apart))
        self._mean += step * (weight / total)
        self.weight = total

    @property
    def means(self):
        """Means of both views, in their units."""
        return np.split(self._mean + self.origin / self._unit, [self._n_features])

    @property
    def units(self):
        """Units of the columns of both views: 1 where squares neither overflow nor vanish."""
        return np.split(self._unit, [self._n_features])

    def covariances(self):
        """Covariances of X, of y, and of X with y, in units; the weight less 1 divides."""
        upper = self._scatter / (self.weight - 1)
        p = self._n_features
        x, y = upper[:p, :p], upper[p:, p:]
        return x + np.triu(x, 1).T, y + np.triu(y, 1).T, upper[:p, p:]
