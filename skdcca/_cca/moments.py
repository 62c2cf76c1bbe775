"""Accumulate the moments of two views from blocks of rows, in float64."""

import copy

import numpy as np
from scipy import linalg
from scipy.linalg.blas import dsyrk
from scipy.sparse import diags_array, issparse
from sklearn.utils import gen_batches
from sklearn.utils.sparsefuncs import mean_variance_axis

# A block holds at most this many numbers (32 MB), so that memory does not grow with the rows.
_BLOCK = 2**22


class PairMoments:
    """Total weight, means and second moments of all rows ``[x, y]`` that were added.

    The first row is subtracted from all rows, so that a large offset does not cost digits and a
    constant column is exactly 0. Blocks are merged by the formula of Chan, Golub and LeVeque [1]_.
    A row with weight 2 counts as two rows. Fitted models and saved files contain the attributes of
    this class by name.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance",
       The American Statistician 37 (1983).
    """

    def __init__(self):
        self.weight = 0.0
        self.rounding = 0.0  # machine epsilon of the less precise dtype

    def add(self, X, y, sample_weight=None):
        """Add rows of shapes ``(n_samples, p)`` and ``(n_samples, q)``, with positive weights."""
        if issparse(X):
            return self.add_sparse(X, y, sample_weight)
        self._begin(X, y, X[0])
        step = max(1, _BLOCK // len(self.origin))
        for i in range(0, len(X), step):
            rows = slice(i, i + step)
            weight = None if sample_weight is None else sample_weight[rows]
            self._add_block(X[rows], y[rows], weight)
        return self

    def add_sparse(self, X, y, sample_weight=None):
        """Add rows with a sparse X, centering their products to keep X sparse."""
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
        # The difference of large squares would leave a rounding error in a constant column.
        np.fill_diagonal(scatter[:n_features, :n_features], total * variance)
        scatter[:n_features, n_features:] = weighted.T @ y
        scatter[n_features:, n_features:] = (weight * y.T) @ y
        self._scatter += np.triu(scatter)
        self._merge(np.concatenate([mean, y_mean]), total)
        return self

    def merge(self, other):
        """Add the rows of another `PairMoments`."""
        if not other.weight:
            return self
        if not self.weight:
            vars(self).update(copy.deepcopy(vars(other)))
            return self
        self.rounding = max(self.rounding, other.rounding)
        unit = self._unit_with(other)
        self._mean, self._scatter = self._in_units(unit)
        mean, scatter = other._in_units(unit)
        self._unit, self._rescaled = unit, (unit != 1).any()
        self._scatter += scatter
        # Both origins are divided first, so that their difference cannot overflow.
        self._merge(other.origin / unit - self.origin / unit + mean, other.weight)
        return self

    def _unit_with(self, other):
        """Return units for both moments, given by their deviations and the distance of their means."""
        with np.errstate(over="ignore"):
            own_mean = self.origin + self._mean * self._unit
            distance = np.abs(own_mean - (other.origin + other._mean * other._unit))
        return _unit_of(np.max([distance, self._deviation(), other._deviation()], axis=0))

    def _deviation(self):
        return np.sqrt(np.diagonal(self._scatter) / self.weight) * self._unit

    def _in_units(self, unit):
        """Return mean and scatter in other units; the ratios of the units are powers of two."""
        ratio = self._unit / unit
        if (ratio == 1).all():
            return self._mean, self._scatter
        return self._mean * ratio, np.asfortranarray(self._scatter * ratio[:, None] * ratio)

    def _begin(self, X, y, x_origin):
        self.rounding = max(self.rounding, np.finfo(X.dtype).eps, np.finfo(y.dtype).eps)
        if self.weight:
            return
        self.origin = np.concatenate([x_origin, y[0]], dtype=np.float64)
        self._n_features = X.shape[1]
        self._unit = np.ones(len(self.origin))
        if not issparse(X):
            first = np.concatenate([X[:1000], y[:1000]], axis=1, dtype=np.float64)
            self._unit = _unit_of(np.abs(first - self.origin).max(axis=0))
        self._rescaled = (self._unit != 1).any()
        self._mean = np.zeros(len(self.origin))
        # Only the upper triangle is used. BLAS updates it in place, which requires Fortran order.
        self._scatter = np.zeros((len(self.origin),) * 2, order="F")

    def _add_block(self, X, y, sample_weight):
        block = _shifted(X, y, self.origin, self._unit if self._rescaled else None)
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
        """Add the mean and weight of a block whose scatter about its own mean is already added."""
        total = self.weight + weight
        step = mean - self._mean
        scaled = np.sqrt(self.weight * weight / total) * step
        self._scatter += np.triu(np.outer(scaled, scaled))
        self._mean += step * (weight / total)
        self.weight = total

    @property
    def means(self):
        """Means of both views, in their units."""
        return np.split(self._mean + self.origin / self._unit, [self._n_features])

    @property
    def units(self):
        """Units of the columns of both views; 1 for a column whose squares do not overflow or vanish."""
        return np.split(self._unit, [self._n_features])

    def covariances(self):
        """Return the covariances of X, of y, and of X with y, in their units.

        The divisor is the total weight - 1.
        """
        upper = self._scatter / (self.weight - 1)
        p = self._n_features
        x, y = upper[:p, :p], upper[p:, p:]
        return x + np.triu(x, 1).T, y + np.triu(y, 1).T, upper[:p, p:]


class RowFactor:
    """Triangular factor R of all centered rows Z, with ``R.T @ R == Z.T @ Z``.

    Unlike ``Z.T @ Z``, the factor keeps all digits of directions in which the rows hardly vary. It
    needs the `PairMoments` of the same rows and uses their units.
    """

    def __init__(self, moments):
        self._origin, self._unit = moments.origin, moments._unit
        self._center = moments._mean
        self.root = np.empty((0, len(self._center)))
        self.roundings = np.zeros(2)  # machine epsilons of both views

    def add(self, X, y, sample_weight=None):
        """Add rows; the arguments are the same as in `PairMoments.add`."""
        roundings = [np.finfo(view.dtype).eps for view in (X, y)]
        self.roundings = np.maximum(self.roundings, roundings)
        step = max(1, _BLOCK // len(self._center))
        for rows in gen_batches(X.shape[0], step):
            dense = X[rows].toarray() if issparse(X) else X[rows]
            block = _shifted(dense, y[rows], self._origin, self._unit)
            block -= self._center
            if sample_weight is not None:
                block *= np.sqrt(sample_weight[rows])[:, None]
            self._add_rows(block)
        return self

    def merge(self, other):
        """Add the rows of another `RowFactor`, created with the same moments."""
        self.roundings = np.maximum(self.roundings, other.roundings)
        self._add_rows(other.root)
        return self

    def _add_rows(self, rows):
        rows = np.concatenate([self.root, rows])
        (self.root,) = linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)
        self.root = self.root[: rows.shape[1]]


def _shifted(X, y, origin, unit):
    block = np.concatenate([X, y], axis=1, dtype=np.float64)
    block -= origin
    if unit is not None:
        block /= unit
    return block


def _unit_of(peak):
    """Return a unit for each column: 1, or a power of two if squares would overflow or vanish."""
    unit = np.ones(len(peak))
    extreme = (peak > 1e100) | ((peak < 1e-100) & (peak > 0))
    unit[extreme] = np.exp2(np.minimum(np.round(np.log2(peak[extreme])), 1023))
    return unit
