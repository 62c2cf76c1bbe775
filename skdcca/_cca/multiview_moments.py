"""Accumulate the moments of several views from blocks of rows that may lack some of the views."""

import copy
from itertools import pairwise, permutations
from types import SimpleNamespace

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.sparse import csr_array, issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skdcca._cca.moments import centered, origin_and_unit, times_weight, unit_of
from skdcca._utils.blocks import as_dense, slices_of

# A block holds at most this many numbers (32 MB), so that memory does not grow with the rows.
_BLOCK = 2**22


class ViewMoments:
    """Weights, means and second moments of several views.

    The moments of two views are those of the rows that have both. They are accumulated twice: with the
    weights of the rows (`plain`), and with these weights times the number of views over the number of
    views that a row has (`balanced`), so that every row counts alike whatever it lacks [1]_. As long as
    no row lacks a view, both are the same and `balanced` is None.

    Blocks are merged by the formula of Chan, Golub and LeVeque, as in `PairMoments`. Fitted models and
    saved files contain the attributes of this class by name.

    Parameters
    ----------
    sizes : sequence of int
        Number of columns of each view.

    References
    ----------
    .. [1] M. van de Velden and Y. Takane, "Generalized canonical correlation analysis with missing
       values", Computational Statistics 27 (2012).
    """

    def __init__(self, sizes):
        n_views, n_columns = len(sizes), sum(sizes)
        self.sizes = [int(size) for size in sizes]
        self.rounding = 0.0  # machine epsilon of the least precise dtype
        self.n_rows = np.zeros((n_views, n_views), dtype=np.int64)
        self.origin, self._unit = np.zeros(n_columns), np.ones(n_columns)
        self.plain = PairSums(n_views, n_columns)
        self.balanced = None

    @property
    def sides(self):
        """Columns of each view, as slices."""
        return sides_of(self.sizes)

    def add(self, present, views, sample_weight=None):
        """Add rows.

        Parameters
        ----------
        present : ndarray of bool, of shape (n_samples, n_views)
            Views that each row has.
        views : list of {ndarray, sparse array}
            Rows that have the view, for each view.
        sample_weight : ndarray of shape (n_samples,), default=None
            Positive weights of the rows.
        """
        weight = np.ones(len(present)) if sample_weight is None else sample_weight
        before = np.concatenate([np.zeros((1, len(views)), dtype=int), present.cumsum(axis=0)])
        for rows in slices_of(len(present), max(1, _BLOCK // sum(self.sizes))):
            bounds = zip(before[rows.start], before[rows.stop], strict=True)
            parts = [view[low:high] for view, (low, high) in zip(views, bounds, strict=True)]
            block = ViewMoments(self.sizes)
            block._set_block(present[rows], parts, weight[rows])
            self.merge(block)
        return self

    def _set_block(self, present, views, weight):
        self.rounding = max(np.finfo(view.dtype).eps for view in views)
        self.n_rows = present.T.astype(np.int64) @ present
        filled, center = [], np.zeros(len(self.origin))
        for side, view, has in zip(self.sides, views, present.T, strict=True):
            if view.shape[0] and not issparse(view):
                self.origin[side], self._unit[side] = origin_and_unit(view)
                view = (view.astype(np.float64) - self.origin[side]) / self._unit[side]
                center[side] = weight[has] @ view / weight[has].sum()
                view -= center[side]
            filled.append(_in_all_rows(view, has))
        self.plain = _sums(filled, present, weight, self.sides, center)
        if not present.all():
            self.plain.common = _common_scatters(filled, present, weight)
            balance = present.shape[1] / present.sum(axis=1)
            self.balanced = _sums(filled, present, weight * balance, self.sides, center)

    def merge(self, other):
        """Add the rows of other `ViewMoments` with columns of the same sizes."""
        if not other.n_rows.any():
            return self
        if not self.n_rows.any():
            vars(self).update(copy.deepcopy(vars(other)))
            return self
        other = copy.copy(other)
        self._adopt_origins(other)
        other._adopt_origins(self)
        unit = self._unit_with(other)
        shift = other.origin / unit - self.origin / unit
        own = [
            sums and sums.in_units(self._unit / unit, self.sides)
            for sums in (self.plain, self.balanced)
        ]
        new = [
            sums and sums.in_units(other._unit / unit, self.sides, shift)
            for sums in (other.plain, other.balanced)
        ]
        if own[1] or new[1]:
            balanced = own[1] or copy.deepcopy(own[0])
            self.balanced = balanced.add(new[1] or new[0], self.sizes)
        self.plain, self._unit = own[0].add(new[0], self.sizes), unit
        self.rounding = max(self.rounding, other.rounding)
        self.n_rows = self.n_rows + other.n_rows
        return self

    def _adopt_origins(self, other):
        """Take the origin and units of views of which there are no rows yet from other moments."""
        empty = np.repeat(np.diagonal(self.n_rows) == 0, self.sizes)
        self.origin = np.where(empty, other.origin, self.origin)
        self._unit = np.where(empty, other._unit, self._unit)

    def _unit_with(self, other):
        """Return units for both moments, given by their deviations and the distance of their means."""
        with np.errstate(over="ignore"):
            distance = np.abs(self._own_means() - other._own_means())
        return unit_of(np.max([distance, self._deviation(), other._deviation()], axis=0))

    def _own_means(self):
        means = self.plain.own_means(self.sides)
        return np.where(self._seen(), self.origin + means * self._unit, 0.0)

    def _seen(self):
        return np.repeat(np.diagonal(self.n_rows) > 0, self.sizes)

    def _deviation(self):
        weight = np.repeat(np.maximum(np.diagonal(self.plain.counts), 1e-300), self.sizes)
        return np.sqrt(np.diagonal(self.plain.scatter) / weight) * self._unit

    @property
    def is_complete(self):
        """True if no row lacks a view."""
        return self.balanced is None

    @property
    def weights(self):
        """Total weight of the rows of each view."""
        return np.diagonal(self.plain.counts)

    def of_view(self, i):
        """Return the moments of one view, as `GramView` takes them."""
        side = self.sides[i]
        unit = self._unit[side]
        return SimpleNamespace(
            means=[self.plain.own_means(self.sides)[side] + self.origin[side] / unit],
            units=[unit],
            rounding=self.rounding,
            weight=self.weights[i],
            n_rows=int(self.n_rows[i, i]),
        )

    def covariance(self, i):
        """Return the covariance of the columns of a view, in their units."""
        side = self.sides[i]
        return _symmetric(self.plain.scatter[side, side] / (self.weights[i] - 1))

    def balanced_covariance(self, i, j):
        """Return the balanced products of two views, centered at the means of all their rows.

        They are divided by the square roots of the weights - 1 of both views, so that they are the
        covariance if no row lacks a view.
        """
        sums, (rows, columns) = self.balanced or self.plain, (self.sides[i], self.sides[j])
        scatter = sums.scatter[rows, columns]
        if not self.is_complete:
            means = self.plain.own_means(self.sides)
            step = sums.means[j, rows] - means[rows], sums.means[i, columns] - means[columns]
            scatter = scatter + sums.counts[i, j] * np.outer(*step)
        scatter = scatter / np.sqrt((self.weights[i] - 1) * (self.weights[j] - 1))
        return _symmetric(scatter) if i == j else scatter

    def pair_scatter(self, i, j):
        """Return the centered products of two views on the rows that have both."""
        return self.plain.scatter[self.sides[i], self.sides[j]]

    def common_scatter(self, i, j):
        """Return the centered products of a view with itself on its rows that have view j too."""
        return _symmetric(self.plain.common_scatter(i, j, self.sides[i]))


class PairSums:
    """Weights, means and scatters of all pairs of views.

    ``counts[i, j]`` is the weight of the rows that have the views i and j, and ``means[i]`` has the
    means of the columns of every view on its rows that have view i too. Only the upper triangle of
    `scatter` is used. ``common[i][j]`` is the scatter of view i on its rows that have view j, or None if
    all of its rows have it.
    """

    def __init__(self, n_views, n_columns):
        self.common = [[None] * n_views for _ in range(n_views)]
        self.counts = np.zeros((n_views, n_views))
        self.means = np.zeros((n_views, n_columns))
        self.scatter = np.zeros((n_columns, n_columns))

    def add(self, other, sizes):
        """Add the rows of other sums with the same origin and units."""
        total = self.counts + other.counts
        share = other.counts / np.where(total > 0, total, 1.0)
        step = other.means - self.means
        self.common = self._common_with(other, self.counts * share, step, sides_of(sizes))
        self.scatter = self.scatter + other.scatter
        _add_products(self.scatter, self.counts * share, step, sides_of(sizes))
        self.means = self.means + step * np.repeat(share, sizes, axis=1)
        self.counts = total
        return self

    def _common_with(self, other, factors, step, sides):
        """Return the scatters of the views on the rows that they have in common with others."""
        added = [[None] * len(sides) for _ in sides]
        for i, j in permutations(range(len(sides)), 2):
            if self.common[i][j] is None and other.common[i][j] is None:
                continue
            both = [sums.common_scatter(i, j, sides[i]) for sums in (self, other)]
            distance = step[j, sides[i]]
            added[i][j] = sum(both) + factors[i, j] * np.outer(distance, distance)
        return added

    def common_scatter(self, i, j, side):
        """Return the scatter of view i on its rows that have view j too; `side` has its columns."""
        found = self.common[i][j]
        return self.scatter[side, side] if found is None else found

    def in_units(self, ratio, sides, shift=0.0):
        """Return the sums in other units; the ratios of the units are powers of two."""
        scaled = copy.copy(self)
        scaled.means = self.means * ratio + shift
        if (ratio != 1).any():
            scaled.scatter = self.scatter * ratio[:, None] * ratio
            scaled.common = [
                [None if of is None else of * ratio[side, None] * ratio[side] for of in of_view]
                for of_view, side in zip(self.common, sides, strict=True)
            ]
        return scaled

    def own_means(self, sides):
        """Return the mean of each column on all rows of its view."""
        return np.concatenate([self.means[i, side] for i, side in enumerate(sides)])


def sides_of(sizes):
    """Return the columns of each view, as slices."""
    bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return [slice(*pair) for pair in pairwise(bounds)]


def _sums(filled, present, weight, sides, center):
    """Return the sums of a block whose views are 0 in rows that lack them."""
    sums = PairSums(len(sides), len(center))
    heavy = present * weight[:, None]
    sums.counts = heavy.T @ present
    counts = np.where(sums.counts > 0, sums.counts, 1.0)
    for i, side in enumerate(sides):
        sums.means[:, side] = as_dense(heavy.T @ filled[i]) / counts[:, [i]]
    sums.scatter = _products(filled, weight, sides, len(center))
    _add_products(sums.scatter, -sums.counts, sums.means, sides)
    _set_variances(sums.scatter, filled, present, weight, sides)
    sums.means += center
    return sums


def _common_scatters(filled, present, weight):
    """Return the scatters of the views on their rows that have another view, if some lack it."""
    scatters = [[None] * len(filled) for _ in filled]
    for i, j in permutations(range(len(filled)), 2):
        both = present[:, i] & present[:, j]
        if both.sum() < present[:, i].sum():
            size = filled[i].shape[1]
            scatters[i][j] = np.zeros((size, size))
            if both.any():
                scatters[i][j] += centered(filled[i][both], weight[both])[2]
    return scatters


def _products(filled, weight, sides, n_columns):
    if not any(issparse(view) for view in filled):
        block = np.concatenate(filled, axis=1)
        block *= np.sqrt(weight)[:, None]
        return dsyrk(1.0, block.T)
    products = np.zeros((n_columns, n_columns))
    for i, rows in enumerate(sides):
        left = times_weight(filled[i], weight).T
        for j in range(i, len(sides)):
            products[rows, sides[j]] = as_dense(left @ filled[j])
    return products


def _add_products(scatter, factors, means, sides):
    """Add the products of the means of all pairs of views, times a factor for each pair."""
    for i, rows in enumerate(sides):
        for j in range(i, len(sides)):
            columns = sides[j]
            if factors[i, j]:
                scatter[rows, columns] += np.outer(
                    factors[i, j] * means[j, rows], means[i, columns]
                )


def _set_variances(scatter, filled, present, weight, sides):
    # The difference of large squares would leave a rounding error in a constant column.
    for i, side in enumerate(sides):
        has = present[:, i]
        if issparse(filled[i]) and has.any():
            _, variance = mean_variance_axis(filled[i][has], axis=0, weights=weight[has])
            diagonal = np.arange(side.start, side.stop)
            scatter[diagonal, diagonal] = weight[has].sum() * np.maximum(variance, 0.0)


def _in_all_rows(view, has):
    """Return a view with rows of zeros for the rows that lack it."""
    if has.all():
        return csr_array(view, dtype=np.float64) if issparse(view) else view
    if issparse(view):
        rows = np.flatnonzero(has)
        shape = len(has), len(rows)
        return csr_array((np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=shape) @ view
    filled = np.zeros((len(has), view.shape[1]))
    filled[has] = view
    return filled


def _symmetric(upper):
    return np.triu(upper) + np.triu(upper, 1).T
