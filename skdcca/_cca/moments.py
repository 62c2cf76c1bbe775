"""Accumulate the moments of two views from blocks of rows, in float64."""

import copy
from functools import partial

import numpy as np
from scipy import linalg
from scipy.linalg.blas import dsyrk
from scipy.sparse import diags_array, issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skdcca._utils.blocks import as_dense, slices_of

# A block of a factor or of a sparse view holds at most this many numbers (32 MB), so that memory does
# not grow with the rows.
_BLOCK = 2**22
# A block of dense rows stays in the cache of a processor (1 MB), but it has enough rows for a matrix
# product of full speed.
_CACHED, _LEAST_ROWS = 2**17, 256


class PairMoments:
    """Total weight, means and second moments of all rows ``[x, y]`` that were added.

    The first row is subtracted from all rows, so that a large offset does not cost digits and a
    constant column is exactly 0. Blocks are merged by the formula of Chan, Golub and LeVeque [1]_.
    A row with weight 2 counts as two rows. Fitted models and saved files contain the attributes of
    this class by name.

    Parameters
    ----------
    higher : bool, default=False
        Whether to accumulate the third and fourth moments too, which takes three times as long. They
        are not merged.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance",
       The American Statistician 37 (1983).
    """

    # Files of earlier versions do not have these attributes.
    n_rows, _higher = None, None

    def __init__(self, higher=False):
        self.weight, self.n_rows = 0.0, 0
        self.rounding = 0.0  # machine epsilon of the less precise dtype
        self._higher = [] if higher else None

    def add(self, X, y, sample_weight=None):
        """Add rows of shapes ``(n_samples, p)`` and ``(n_samples, q)``, with positive weights."""
        self._begin(X, y)
        if self._keeps_sparse(X, y):
            n_dense = sum(view.shape[1] for view in (X, y) if not issparse(view))
            step, add_block = max(1, _BLOCK // max(1, n_dense)), self._add_sparse_block
        else:
            step = max(_LEAST_ROWS, _CACHED // (X.shape[1] + y.shape[1]))
            add_block = partial(self._add_block, self._buffer(min(step, X.shape[0])))
        for rows in slices_of(X.shape[0], step):
            weight = None if sample_weight is None else sample_weight[rows]
            add_block(X[rows], y[rows], weight)
        return self

    def _buffer(self, n_rows):
        """Return memory for a block and one more row."""
        return np.empty((n_rows + 1, len(self.origin)))

    def _keeps_sparse(self, X, y):
        """Return True if a view is sparse, unless the first rows of this view were dense."""
        sparse = [i for i, view in enumerate((X, y)) if issparse(view)]
        if not sparse:
            return False
        origins, units = (np.split(a, [self._n_features]) for a in (self.origin, self._unit))
        plain = all(not origins[i].any() and (units[i] == 1).all() for i in sparse)
        return plain

    def _add_sparse_block(self, X, y, sample_weight):
        """Add rows of which a view is sparse, centering its products to keep it sparse."""
        p = self._n_features
        sides = slice(p), slice(p, None)
        weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        views = [self._in_own_units(view, side) for view, side in zip((X, y), sides, strict=True)]
        self._add_higher(*views, weight)
        total, means = weight.sum(), []
        for i, (view, side) in enumerate(zip(views, sides, strict=True)):
            views[i], mean, scatter = centered(view, weight)
            self._scatter[side, side] += np.triu(scatter)
            means.append(mean)
        X, y = views
        cross = times_weight(X, weight).T @ y
        if issparse(cross):  # neither view is centered
            cross = cross.toarray() - total * np.outer(*means)
        self._scatter[:p, p:] += cross
        self._merge(np.concatenate(means), total)

    def _in_own_units(self, view, side):
        """Return a view without its origin and in the units of its columns; a sparse view has none."""
        if issparse(view):
            return view.astype(np.float64)
        return (view - self.origin[side]) / self._unit[side]

    def merge(self, other):
        """Add the rows of another `PairMoments`."""
        if not other.weight:
            return self
        if not self.weight:
            vars(self).update(copy.deepcopy(vars(other)))
            return self
        self.rounding = max(self.rounding, other.rounding)
        self.n_rows += other.n_rows
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
        return unit_of(np.max([distance, self._deviation(), other._deviation()], axis=0))

    def _deviation(self):
        return np.sqrt(np.diagonal(self._scatter) / self.weight) * self._unit

    def _in_units(self, unit):
        """Return mean and scatter in other units; the ratios of the units are powers of two."""
        ratio = self._unit / unit
        if (ratio == 1).all():
            return self._mean, self._scatter
        return self._mean * ratio, np.asfortranarray(self._scatter * ratio[:, None] * ratio)

    def _begin(self, X, y):
        self.rounding = max(self.rounding, np.finfo(X.dtype).eps, np.finfo(y.dtype).eps)
        if self.n_rows is not None:
            self.n_rows += X.shape[0]
        if self.weight:
            return
        origins, units = zip(*(origin_and_unit(view) for view in (X, y)), strict=True)
        self.origin, self._unit = np.concatenate(origins), np.concatenate(units)
        self._n_features = X.shape[1]
        self._rescaled = (self._unit != 1).any()
        self._mean = np.zeros(len(self.origin))
        # Only the upper triangle is used. BLAS updates it in place, which requires Fortran order.
        self._scatter = np.zeros((len(self.origin),) * 2, order="F")
        if self._higher is not None:
            sizes = self._n_features, len(self.origin) - self._n_features
            self._higher = [np.zeros((2, size, size)) for size in sizes]

    def _add_block(self, buffer, X, y, sample_weight):
        n, p = X.shape[0], self._n_features
        block = buffer[:n]
        np.subtract(as_dense(X), self.origin[:p], out=block[:, :p])
        np.subtract(as_dense(y), self.origin[p:], out=block[:, p:])
        if self._rescaled:
            block /= self._unit
        if self.has_higher:
            self._add_higher(block[:, :p], block[:, p:], sample_weight)
        if sample_weight is None:
            weight, mean = float(n), block.mean(axis=0)
        else:
            weight = sample_weight.sum()
            mean = sample_weight @ block / weight
        block -= mean
        if sample_weight is not None:
            block *= np.sqrt(sample_weight)[:, None]
        # The distance of the means is one more row, so that it is added by the same product.
        buffer[n] = self._step(mean, weight)
        self._scatter = dsyrk(1.0, buffer[: n + 1].T, 1.0, self._scatter, overwrite_c=1)

    @property
    def has_higher(self):
        """True if the higher moments are accumulated."""
        return self._higher is not None

    def _add_higher(self, X, y, sample_weight):
        """Add the sums of ``x_i**2 * x_j**2`` and of ``x_i**2 * x_j`` of rows without their origin."""
        for view, (fourth, third) in zip((X, y), self._higher or (), strict=False):
            squares = view.multiply(view) if issparse(view) else view**2
            weighted = squares if sample_weight is None else times_weight(squares, sample_weight)
            for total, others in ((fourth, squares), (third, view)):
                products = weighted.T @ others
                total += products.toarray() if issparse(products) else products

    def fourth_powers(self, *views):
        """Return the mean fourth power of the norms of the rows of both views.

        The rows are centered and scaled as in the views, but their variances have the divisor n. The
        higher moments must have been accumulated.
        """
        return [self._fourth_power(side, view) for side, view in enumerate(views)]

    def _fourth_power(self, side, view):
        # The squared norm of a row z is u - 2 v + c, with u the sum of a_i z_i^2, v that of a_i m_i z_i
        # and c that of a_i m_i^2, for the means m and the squares a of the factors of the columns.
        columns = slice(self._n_features) if side == 0 else slice(self._n_features, None)
        fourth, third = self._higher[side]
        mean, unit = self._mean[columns], self._unit[columns]
        a = np.where(view.spread > 0, unit / view.scale, 0.0) ** 2
        b = a * mean
        scatter = self._scatter[columns, columns]
        variance = np.diagonal(scatter) / self.weight
        u = a @ (variance + mean**2)
        v = c = b @ mean
        scattered = scatter @ b + np.triu(scatter, 1).T @ b
        uu, uv = a @ fourth @ a / self.weight, a @ third @ b / self.weight
        vv = b @ scattered / self.weight + v**2
        power = uu + 4 * vv + c**2 - 4 * uv + 2 * c * u - 4 * c * v
        return power * (self.weight / (self.weight - 1)) ** 2

    def _merge(self, mean, weight):
        """Add the mean and weight of rows whose scatter about their own mean is already added."""
        scaled = self._step(mean, weight)
        self._scatter += np.triu(np.outer(scaled, scaled))

    def _step(self, mean, weight):
        """Add the mean and weight of more rows; the square of the returned row is due to both means."""
        total = self.weight + weight
        step = mean - self._mean
        scaled = np.sqrt(self.weight * weight / total) * step
        self._mean += step * (weight / total)
        self.weight = total
        return scaled

    @property
    def means(self):
        """Means of both views, in their units."""
        mean = self._mean + self.origin / self._unit
        return mean[: self._n_features], mean[self._n_features :]

    @property
    def units(self):
        """Units of the columns of both views; 1 for a column whose squares do not overflow or vanish."""
        return self._unit[: self._n_features], self._unit[self._n_features :]

    def covariances(self, ddof=1):
        """Return the covariances of X, of y, and of X with y, in their units.

        The divisor is the total weight - `ddof`.
        """
        upper = self._scatter / (self.weight - ddof)
        p = self._n_features
        return _symmetric(upper[:p, :p]), _symmetric(upper[p:, p:]), upper[:p, p:]


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
        for rows in slices_of(X.shape[0], step):
            block = _shifted(X[rows], y[rows], self._origin, self._unit)
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


def _symmetric(upper):
    """Return the symmetric matrix whose upper triangle is given; the lower one is 0."""
    full = upper + upper.T
    np.fill_diagonal(full, np.diagonal(upper))
    return full


def centered(view, weight):
    """Return the centered view, its mean and its scatter; a sparse view is not centered."""
    total = weight.sum()
    if not issparse(view):
        mean = weight @ view / total
        view = view - mean
        return view, mean, (weight * view.T) @ view
    mean, variance = mean_variance_axis(view, axis=0, weights=weight)
    scatter = (view.T @ times_weight(view, weight)).toarray() - total * np.outer(mean, mean)
    # The difference of large squares would leave a rounding error in a constant column.
    np.fill_diagonal(scatter, total * np.maximum(variance, 0.0))
    return view, mean, scatter


def times_weight(rows, weight):
    return diags_array(weight) @ rows if issparse(rows) else rows * weight[:, None]


def origin_and_unit(view):
    """Return the origin and the units of a view, from its first rows; they keep a sparse view sparse."""
    if issparse(view):
        return np.zeros(view.shape[1]), np.ones(view.shape[1])
    first = view[:1000].astype(np.float64)
    origin = first[0].copy()
    return origin, unit_of(np.abs(first - origin).max(axis=0))


def _shifted(X, y, origin, unit):
    block = np.concatenate([as_dense(X), as_dense(y)], axis=1, dtype=np.float64)
    block -= origin
    if unit is not None:
        block /= unit
    return block


def unit_of(peak):
    """Return a unit for each column: 1, or a power of two if squares would overflow or vanish."""
    unit = np.ones(len(peak))
    extreme = (peak > 1e100) | ((peak < 1e-100) & (peak > 0))
    unit[extreme] = np.exp2(np.minimum(np.round(np.log2(peak[extreme])), 1023))
    return unit
