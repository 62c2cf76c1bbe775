"""Fit the linear model of several views, from their moments or from their rows."""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from skdcca._cca.algebra import component_signs
from skdcca._cca.linear import column_correlations
from skdcca._cca.linear_views import GramView, decomposed
from skdcca._cca.multiview_loo import influence_of_moments, influence_of_rows, leave_one_out
from skdcca._cca.multiview_moments import ViewMoments
from skdcca._cca.multiview_solution import MomentBlocks, SingularBlocks, pairs_of, solve
from skdcca._cca.multiview_views import check_view_weights
from skdcca._cca.precision import count_imprecise
from skdcca._cca.shrinkage import RowNorms, ridge_of
from skdcca._utils.warnings import warn
from skdcca.exceptions import (
    FewSamplesWarning,
    PerfectCorrelationWarning,
    PrecisionWarning,
)

# Correlations of two views that meet in fewer rows are mostly chance.
_FEW_ROWS = 10


class Solution(NamedTuple):
    """Fitted numbers of all views, as lists in the order of the views, and of their pairs."""

    weights: list
    loadings: list
    means: list
    scales: list
    ridges: list
    correlations: np.ndarray
    deviations: np.ndarray
    n_common: np.ndarray
    left_out: np.ndarray | None


def fit_in_memory(names, regs, n_components, present, views, sample_weight=None):
    """Fit the model to rows that are in memory.

    Parameters
    ----------
    names : list of str
        Names of the views.
    regs : list of float or str
        Ridges, or the names of the rules that choose them.
    n_components : int or None
        Number of components.
    present : ndarray of bool, of shape (n_samples, n_views)
        Views that each row has.
    views : list of {ndarray, sparse matrix}
        Rows that have the view, for each view.
    sample_weight : ndarray of shape (n_samples,), default=None
        Positive weights of the rows.
    """
    # With more columns than rows, the correlation matrix is singular and larger than the view.
    is_tall = all(view.shape[0] > view.shape[1] for view in views)
    rows = Rows(views, present, sample_weight)
    weights = [rows.total_weight(i) for i in range(len(views))]
    check_view_weights(names, weights)
    if is_tall:
        moments = ViewMoments([view.shape[1] for view in views]).add(present, views, sample_weight)
        solution = fit_by_moments(names, regs, n_components, moments, rows)
        if solution is not None:
            return solution
    # A sparse view is decomposed by the products of its rows, which are larger than a tall dense view.
    views = [view.toarray() if _is_tall_and_sparse(view) else view for view in views]
    decompositions = [
        decomposed(view, _title(name), rows.weight_of(i))
        for i, (name, view) in enumerate(zip(names, views, strict=True))
    ]
    _regularize(decompositions, regs, weights, rows)
    blocks = SingularBlocks(decompositions, present, sample_weight)
    influence = partial(influence_of_rows, decompositions, rows)
    return _solution(names, n_components, decompositions, blocks, influence)


def fit_by_moments(names, regs, n_components, moments, rows=None):
    """Fit the model from moments, or return None if the rows should be decomposed instead.

    This is the case if `rows` are in memory, are dense, and a correlation matrix is too close to
    singular for a Cholesky factor. Otherwise the eigenvectors of the matrix are used, which lose digits.
    `rows` are `Rows` or `RowsInBlocks`, or None if the rows cannot be read again.
    """
    check_view_weights(names, moments.weights)
    views = []
    for i, name in enumerate(names):
        view = GramView(moments.of_view(i), 0, moments.covariance(i), name=_title(name))
        if not view.factor():
            if rows is not None and rows.can_be_decomposed:
                return None
            view.decompose()
        views.append(view)
    _regularize(views, regs, moments.weights, rows)
    _warn_imprecise(names, views, rows)
    influence = partial(influence_of_moments, views, rows) if isinstance(rows, Rows) else None
    return _solution(names, n_components, views, MomentBlocks(moments, views), influence)


class Rows:
    """Rows of all views in memory, with their weights."""

    def __init__(self, views, present, sample_weight):
        self.views, self.present, self._weight = views, present, sample_weight
        self.can_be_decomposed = not any(issparse(view) for view in views)

    @property
    def weight(self):
        """Weights of all rows."""
        return np.ones(len(self.present)) if self._weight is None else self._weight

    def weight_of(self, i):
        """Return the weights of the rows that have a view, or None."""
        return None if self._weight is None else self._weight[self.present[:, i]]

    def total_weight(self, i):
        """Return the sum of the weights of the rows that have a view."""
        return self.views[i].shape[0] if self._weight is None else self.weight_of(i).sum()

    @property
    def total_weights(self):
        """Sums of the weights of the rows of each view."""
        return np.array([self.total_weight(i) for i in range(len(self.views))], dtype=np.float64)

    def gather(self, i, new):
        """Add the rows of one view to a new object."""
        return new().add_views([self.views[i]], self.weight_of(i))


class RowsInBlocks:
    """Blocks of rows that can be read again."""

    can_be_decomposed = False

    def __init__(self, blocks, check):
        self._blocks, self._check = blocks, check

    def gather(self, i, new):
        """Add the rows of one view to a new object."""
        return self._blocks.gather(partial(_OneView, i, new), self._check).total


class _OneView:
    """Object to which the rows of one view are added."""

    def __init__(self, i, new):
        self._i, self.total = i, new()

    def add(self, present, views, sample_weight=None):
        """Add the rows that have the view."""
        weight = None if sample_weight is None else sample_weight[present[:, self._i]]
        self.total.add_views([views[self._i]], weight)
        return self

    def merge(self, other):
        """Add the rows of another object."""
        self.total.merge(other.total)
        return self


def _is_tall_and_sparse(view):
    return issparse(view) and view.shape[0] > view.shape[1]


def _signs(loadings):
    """Return the sign of each component by the first view that has a part in it."""
    signs, decided = np.ones(loadings[0].shape[1]), np.zeros(loadings[0].shape[1], dtype=bool)
    for of_view in loadings:
        has_part = of_view.any(axis=0)
        signs = np.where(has_part & ~decided, component_signs(of_view), signs)
        decided |= has_part
    return signs


def _title(name):
    return f"the view {name!r}"


def _regularize(views, regs, weights, rows):
    """Set the ridges of all decomposed views; `rows` are needed for "ledoit_wolf"."""
    fraction = sum(view.rank / (n - 1) for view, n in zip(views, weights, strict=True))
    for i, (view, reg, n) in enumerate(zip(views, regs, weights, strict=True)):
        fourth = None
        if reg == "ledoit_wolf":
            (fourth,) = rows.gather(i, partial(RowNorms, view)).fourth_powers()
        view.regularize(ridge_of(view, reg, n, fraction, fourth))


def _warn_imprecise(names, views, rows):
    for i, (name, view) in enumerate(zip(names, views, strict=True)):
        gather = None if rows is None else partial(rows.gather, i)
        (n_imprecise,) = count_imprecise([view], gather)
        if n_imprecise:
            warn(
                f"The covariances of the view {name!r} are mostly rounding errors in {n_imprecise} "
                "directions, whose correlations may be lost. Use fit on dense views, unless columns "
                "are exact copies or sums of others.",
                PrecisionWarning,
            )


def _solution(names, n_components, views, blocks, influence=None):
    ranks = [view.rank for view in views]
    k = _checked_number(names, ranks, n_components)
    is_degenerate = _warn_perfect_correlations(names, views, blocks.n_common)
    directions, correlations = solve(blocks, ranks, k, is_degenerate=is_degenerate)
    weights = [view.weights(turn) for view, turn in zip(views, directions, strict=True)]
    covariances = [view.covariance(w) for view, w in zip(views, weights, strict=True)]
    loadings = [
        column_correlations(*of_view, view.spread)
        for of_view, view in zip(covariances, views, strict=True)
    ]
    deviations = np.array([deviation for _, deviation in covariances])
    # With a ridge, the values of the objective are covariances of variates that vary by less than 1.
    scales = np.array([deviations[i] * deviations[j] for i, j in pairs_of(len(views))])
    true = np.asarray(correlations)
    if blocks.is_complete:
        true = np.divide(true, scales, out=np.zeros_like(true), where=scales > 0).clip(-1.0, 1.0)
    else:
        _warn_few_common_rows(names, blocks.n_common)
    correlations = true * scales
    left_out = None
    if influence is not None:
        left_out = leave_one_out(influence(weights, directions), correlations, true)
    sign = _signs(loadings)
    return Solution(
        [w * sign / view.scale[:, None] for view, w in zip(views, weights, strict=True)],
        [of_view * sign for of_view in loadings],
        [view.mean for view in views],
        [view.deviation for view in views],
        [view.reg for view in views],
        correlations,
        deviations,
        np.array([blocks.n_common[pair] for pair in pairs_of(len(views))], dtype=np.float64),
        left_out,
    )


def _checked_number(names, ranks, k):
    """Return the number of components, at most the smallest rank."""
    smallest = int(np.argmin(ranks))
    if k is None:
        return int(ranks[smallest])
    if k > ranks[smallest]:
        raise ValueError(
            f"`n_components` must be <= {ranks[smallest]} (the rank of the view {names[smallest]!r}), "
            f"got {k}. Use a smaller number, or None."
        )
    return int(k)


def _warn_few_common_rows(names, n_common):
    i, j = min(pairs_of(len(names)), key=lambda pair: n_common[pair])
    if n_common[i, j] < _FEW_ROWS:
        warn(
            f"The views {names[i]!r} and {names[j]!r} meet in {n_common[i, j]} rows only, so their "
            "correlations say little. Pass more rows that have both, or leave one of them out.",
            FewSamplesWarning,
        )


def _warn_perfect_correlations(names, views, n_common):
    """Warn if correlations of a pair are 1 whatever the data are; return True if so."""
    for i, j in pairs_of(len(views)):
        first, second, n_rows = views[i], views[j], int(n_common[i, j])
        if first.rank + second.rank > n_rows - 1 and not (first.reg or second.reg):
            warn(
                f"The views {names[i]!r} and {names[j]!r} have ranks {first.rank} and {second.rank}. "
                f"Their sum exceeds the number of common rows - 1 = {n_rows - 1}, so some correlations "
                "are 1 whatever the data are. Set a ridge, such as reg='auto', or pass fewer columns.",
                PerfectCorrelationWarning,
            )
            return True
    return False
