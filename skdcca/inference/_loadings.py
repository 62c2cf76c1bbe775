"""Compute confidence intervals of loadings and cross-loadings by the bootstrap.

All resamples of a chunk are solved together. A resample is a row of weights: the fraction of its rows
that are a row of the data. The views are given in coordinates that are uncorrelated in the data, so
that a resample needs only one small matrix of covariances.
"""

from contextlib import nullcontext

import numpy as np
from scipy import special
from sklearn.utils import Bunch
from tqdm import tqdm

from skdcca._cca import component_signs
from skdcca.inference._counting import one_thread

VIEW_NAMES = ("x", "y")
# Numbers in the covariances of a chunk of resamples, which should fit the cache, and in its weights.
_COVARIANCES, _WEIGHTS = 2**18, 2**22
# Added to the coordinates, whose variance is 1: a resample of few rows can lose directions.
_JITTER = 1e-10
# Below this fraction of its variance in the data, a column is constant in a resample.
_CONSTANT = 1e-10
# Differences of correlations below this are rounding errors.
_TIE = 1e-6
# Fisher's z is infinite at a loading of 1.
_LARGEST = 1 - 1e-12


class Coordinates:
    """View in coordinates that are uncorrelated and have variance 1 in the data.

    Parameters
    ----------
    view : SingularView
        Decomposed view of all rows, with its ridge.

    Attributes
    ----------
    rows : ndarray of shape (n_samples, rank)
        The rows of the view.
    loadings : ndarray of shape (n_features, rank)
        Correlations of the columns with the coordinates; 0 for constant columns.
    ridge : ndarray of shape (rank,)
        Ridge of each coordinate.
    """

    def __init__(self, view):
        self.rows = view.left * np.sqrt(len(view.left))
        covariance, _ = view.covariance(view.weights(np.eye(view.rank)))
        covariance = covariance * view.regularized / view.variation
        self.loadings = covariance / np.where(view.spread > 0, view.spread, 1.0)[:, None]
        self.ridge = view.reg / view.variation**2


def loading_intervals(
    views, n_components, draw, *, level, n_resamples, correlations=None, confounds=None, verbose=0
):
    """Return loadings and cross-loadings of both views, with their confidence intervals.

    The components of a resample have the signs of those of the data, but keep their own order. The
    intervals are as wide as the root mean squared difference of the resamples and the data, which
    includes the bias: with many columns, weights are noisy, and loadings are closer to 0 than in the
    population.

    Parameters
    ----------
    views : pair of Coordinates
        Both views.
    n_components : int
        Number of components, at most the smaller rank.
    draw : callable
        ``draw(n)`` returns the weights of `n` resamples, of shape (n, n_samples); each row sums to 1.
    level : float
        Coverage of the intervals.
    n_resamples : int
        Number of resamples.
    correlations : ndarray of shape (n_components,), default=None
        Corrected correlations, for the intervals of the cross-loadings. If None, the correlations of
        the data are not corrected.
    confounds : ndarray of shape (n_samples, n_confounds), default=None
        Uncorrelated confounds with variance 1, which are regressed out of both views in every resample.
    verbose : int, default=0
        A value above 0 shows a progress bar.

    Returns
    -------
    result : sklearn.utils.Bunch
        For the names "x_loadings", "x_cross_loadings", "y_loadings" and "y_cross_loadings", arrays of
        shape (n_features, n_components), and the same with "_low" and "_high" appended.
    """
    solver = _Solver(views, n_components, confounds)
    n_rows = len(views[0].rows)
    data = solver.solve(np.full((1, n_rows), 1 / n_rows))
    solver.set_reference(data)
    sums = [_Sums(own[0], cross[0]) for own, cross in solver.structure(data)]
    total = np.zeros(n_components)
    progress = tqdm(total=n_resamples, desc="resamples", disable=not verbose)
    with progress, solver.threads():
        for size in _chunks(n_resamples, solver.n_numbers, n_rows):
            found = solver.solve(draw(size))
            total += found.correlations.sum(axis=0)
            for side_sums, (own, cross) in zip(sums, solver.structure(found), strict=True):
                side_sums.add(own, cross)
            progress.update(size)
    of_data = of_resamples = np.ones(n_components)
    if correlations is not None:
        of_data = _ratio(correlations, data.correlations[0])
        of_resamples = _ratio(correlations, total / n_resamples)
    return _result(sums, special.ndtri((1 + level) / 2), (of_data, of_resamples))


def row_weights(rng, n_rows, groups=None):
    """Return a function that draws the weights of resamples, of rows or of whole groups.

    `groups` are numbers from 0. The resamples do not depend on how many are drawn at a time.
    """
    numbers = np.arange(n_rows) if groups is None else groups
    n_units = numbers.max() + 1

    def draw(n_resamples):
        units = rng.randint(n_units, size=(n_resamples, n_units))
        units += n_units * np.arange(n_resamples)[:, None]
        counts = np.bincount(units.ravel(), minlength=n_resamples * n_units)
        weights = counts.reshape(n_resamples, n_units)[:, numbers].astype(np.float64)
        return weights / weights.sum(axis=1, keepdims=True)

    return draw


class _Solver:
    """Linear CCA of many resamples of the same rows.

    The solution has, for each view, arrays of shape (n_resamples, rank, n_components): `own` and
    `cross`, the covariances of the coordinates with the variates of the view and of the other one.
    """

    def __init__(self, views, n_components, confounds):
        self.views, self.n_components = views, n_components
        columns = [view.rows for view in views]
        self.n_confounds = 0 if confounds is None else confounds.shape[1]
        if confounds is not None:
            columns = [confounds, *columns]
        self.rows = np.hstack(columns)
        sizes = [view.loadings.size for view in views]
        self.n_numbers = max(self.rows.shape[1] ** 2, *sizes)
        self.reference = None

    def threads(self):
        """Limit products of small matrices to one thread, for which more are slower."""
        return one_thread() if self.n_numbers <= _COVARIANCES else nullcontext()

    def solve(self, weights):
        """Return the components of the resamples with these weights."""
        covariances = self._covariances(weights)
        rank = self.views[0].rows.shape[1]
        within = covariances[:, :rank, :rank], covariances[:, rank:, rank:]
        between = covariances[:, :rank, rank:]
        (x_weights, y_weights), correlations = self._components(within, between)
        own = within[0] @ x_weights, within[1] @ y_weights
        cross = between @ y_weights, _transposed(between) @ x_weights
        found = Bunch(
            within=within,
            weights=(x_weights, y_weights),
            own=own,
            cross=cross,
            correlations=correlations,
        )
        _standardize_variates(found)
        if self.reference is not None:
            self._align(found)
        return found

    def _components(self, within, between):
        """Return the weights of both views, of arbitrary length, and the correlations."""
        x_whitener, y_whitener = (
            _inverse_root(covariance + np.diag(view.ridge))
            for covariance, view in zip(within, self.views, strict=True)
        )
        whitened = x_whitener @ between @ _transposed(y_whitener)
        x_turn, correlations, y_turn = _singular_vectors(whitened, self.n_components)
        weights = _transposed(x_whitener) @ x_turn, _transposed(y_whitener) @ y_turn
        return weights, correlations

    def _covariances(self, weights):
        """Return the covariances of the coordinates, without the part that confounds explain."""
        n_columns = self.rows.shape[1]
        covariances = np.empty((len(weights), n_columns, n_columns))
        for i in range(n_columns):
            covariances[:, i, i:] = weights @ (self.rows[:, i : i + 1] * self.rows[:, i:])
            covariances[:, i:, i] = covariances[:, i, i:]
        mean = weights @ self.rows
        covariances -= mean[:, :, None] * mean[:, None]
        m = self.n_confounds
        if m == 0:
            return covariances
        explained = _inverse_root(covariances[:, :m, :m]) @ covariances[:, :m, m:]
        return covariances[:, m:, m:] - _transposed(explained) @ explained

    def set_reference(self, data):
        """Set the signs of the data, with which those of all resamples are aligned.

        The largest loading of a component of X is positive, as in `LinearCCA`.
        """
        sign = component_signs(self.views[0].loadings @ data.own[0][0])
        self.reference = [weights[0] * sign for weights in data.weights]
        self._align(data)

    def _align(self, found):
        """Make the variates of both views together correlate positively with those of the data."""
        parts = zip(found.own, found.within, self.reference, strict=True)
        x_agreement, y_agreement = (_agreement(*part) for part in parts)
        # X decides if the views disagree equally, as two single columns do.
        sign = np.where((1 + _TIE) * x_agreement + y_agreement < 0, -1.0, 1.0)[:, None]
        for part in (*found.own, *found.cross):
            part *= sign

    def structure(self, found):
        """Yield loadings and cross-loadings of each view; NaN for columns that are constant."""
        for view, within, own, cross in zip(
            self.views, found.within, found.own, found.cross, strict=True
        ):
            variance = np.einsum("bij,ij->bi", view.loadings @ within, view.loadings)
            varying = variance > _CONSTANT
            deviation = np.sqrt(np.where(varying, variance, np.nan))[:, :, None]
            yield tuple(np.clip(view.loadings @ part / deviation, -1, 1) for part in (own, cross))


class _Sums:
    """Sums over resamples, from which the intervals of a view are computed."""

    def __init__(self, own, cross):
        # Columns that are constant in the data have loadings of 0.
        self.constant = np.isnan(own[:, :1])
        self.own, self.cross = np.nan_to_num(own), np.nan_to_num(cross)
        self.count = np.zeros((len(own), 1))
        self.own_squares = np.zeros(own.shape)
        self.cross_total, self.cross_squares = np.zeros(own.shape), np.zeros(own.shape)

    def add(self, own, cross):
        """Add resamples; one in which a column is constant does not count for this column."""
        self.count += np.isfinite(own[:, :, :1]).sum(axis=0)
        difference = np.nan_to_num(_fisher(own) - _fisher(self.own))
        cross = np.nan_to_num(cross)
        self.own_squares += np.square(difference).sum(axis=0)
        self.cross_total += cross.sum(axis=0)
        self.cross_squares += np.square(cross).sum(axis=0)

    def own_interval(self, width):
        """Return the limits of the loadings, symmetric on the scale of Fisher's z."""
        half = width * np.sqrt(self.own_squares / np.maximum(self.count, 1))
        middle = _fisher(self.own)
        low, high = np.tanh(middle - half), np.tanh(middle + half)
        return self._or_unbounded(np.minimum(low, self.own), np.maximum(high, self.own))

    def cross_interval(self, width, of_data, of_resamples):
        """Return the limits of the cross-loadings, after those of data and resamples are multiplied."""
        count = np.maximum(self.count, 1)
        middle = self.cross * of_data
        mean = self.cross_total / count * of_resamples
        squares = self.cross_squares / count * of_resamples**2
        half = width * np.sqrt(np.maximum(squares - 2 * middle * mean + middle**2, 0))
        return self._or_unbounded(np.maximum(middle - half, -1), np.minimum(middle + half, 1))

    def _or_unbounded(self, low, high):
        """Return the limits; -1 and 1 for a column that varies in the data but in no resample."""
        unknown = (self.count == 0) & ~self.constant
        return np.where(unknown, -1.0, low), np.where(unknown, 1.0, high)


def _result(sums, width, factors):
    result = Bunch()
    for view, one in zip(VIEW_NAMES, sums, strict=True):
        for name, values, limits in (
            (f"{view}_loadings", one.own, one.own_interval(width)),
            (f"{view}_cross_loadings", one.cross, one.cross_interval(width, *factors)),
        ):
            result[name], result[f"{name}_low"], result[f"{name}_high"] = values, *limits
    return result


def _inverse_root(covariance):
    jitter = _JITTER * np.eye(covariance.shape[-1])
    return np.linalg.inv(np.linalg.cholesky(covariance + jitter))


def _singular_vectors(matrices, n_vectors):
    """Return leading singular vectors and values; the left vectors have the length of the values.

    Eigenvectors of the products take half the time of a singular value decomposition.
    """
    if matrices.shape[1] < matrices.shape[2]:
        right, values, left = _singular_vectors(_transposed(matrices), n_vectors)
        return left, values, right
    squares, right = np.linalg.eigh(_transposed(matrices) @ matrices)
    # Products with an array in reversed order would be slow.
    right = np.ascontiguousarray(right[:, :, : -n_vectors - 1 : -1])
    values = np.sqrt(np.clip(squares[:, : -n_vectors - 1 : -1], 0.0, 1.0))
    return matrices @ right, values, right


def _transposed(matrices):
    return np.swapaxes(matrices, -1, -2)


def _standardize_variates(found):
    """Give all variates variance 1, except those that are constant."""
    deviations = []
    for weights, own in zip(found.weights, found.own, strict=True):
        variance = np.einsum("bik,bik->bk", weights, own)
        deviations.append(np.sqrt(np.where(variance > 0, variance, 1.0))[:, None])
    for name, divisors in (
        ("weights", deviations),
        ("own", deviations),
        ("cross", deviations[::-1]),
    ):
        for part, divisor in zip(found[name], divisors, strict=True):
            part /= divisor


def _agreement(own, within, reference):
    """Return the correlations of variates of the resamples with those of the data."""
    variance = np.einsum("bik,ik->bk", within @ reference, reference)
    return (own * reference).sum(axis=1) / np.sqrt(np.where(variance > 0, variance, 1.0))


def _fisher(loadings):
    return np.arctanh(np.clip(loadings, -_LARGEST, _LARGEST))


def _ratio(corrected, correlations):
    return corrected / np.where(correlations > 0, correlations, 1.0)


def _chunks(n_resamples, n_numbers, n_rows):
    """Yield the sizes of chunks, so that memory does not grow with the number of resamples."""
    size = max(1, min(_COVARIANCES // n_numbers, _WEIGHTS // n_rows))
    for start in range(0, n_resamples, size):
        yield min(size, n_resamples - start)
