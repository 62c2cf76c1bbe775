"""Solve the eigenproblem of several whitened views, and join their variates."""

from itertools import combinations, pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh

from skdcca._cca.algebra import leading_svd

# Lanczos iterations are faster than a decomposition from this size on, for at most this fraction of the
# eigenvectors.
_LARGE, _FEW = 400, 0.05
# A view whose part of an eigenvector is shorter than this has no variate.
_SHORTEST = 1e-10
# Loadings of factors are at most this, so that no variate is taken to be free of noise.
_MOST = 0.9999


class MomentBlocks:
    """Whitened products of all pairs of views, computed from their moments.

    Parameters
    ----------
    moments : ViewMoments
        Moments of all rows.
    views : list of GramView
        The views, with their ridges.
    """

    def __init__(self, moments, views):
        self._moments, self._views = moments, views
        self.is_complete = moments.is_complete
        self.n_common = moments.n_rows

    def cross(self, i, j):
        """Return the whitened product of two views, balanced if some rows lack a view."""
        products = self._scaled(self._moments.balanced_covariance(i, j), i, j)
        return self._views[j].whiten(self._views[i].whiten(products).T).T

    def diagonal(self, i):
        """Return the whitened product of a view with itself, which includes its ridge."""
        view = self._views[i]
        products = self._scaled(self._moments.balanced_covariance(i, i), i, i)
        products += view.reg * np.eye(len(products))
        return view.whiten(view.whiten(products).T).T

    def pair_correlations(self, i, j, left, right):
        """Return the correlations of two views on the rows that have both, for unit directions."""
        moments = self._moments
        x_weights, y_weights = self._weights(i, left), self._weights(j, right)
        products = self._scaled(moments.pair_scatter(i, j), i, j) @ y_weights
        x_products = self._scaled(moments.common_scatter(i, j), i, i) @ x_weights
        y_products = self._scaled(moments.common_scatter(j, i), j, j) @ y_weights
        return _ratio(
            np.einsum("ik,ik->k", x_weights, products),
            np.einsum("ik,ik->k", x_weights, x_products),
            np.einsum("ik,ik->k", y_weights, y_products),
        )

    def _weights(self, i, directions):
        """Return the weights of the columns of a view that vary."""
        return self._views[i].weights(directions)[self._views[i].kept]

    def _scaled(self, products, i, j):
        first, second = self._views[i], self._views[j]
        kept = products[np.ix_(first.kept, second.kept)]
        return kept / first.divisor[:, None] / second.divisor


class SingularBlocks:
    """Whitened products of all pairs of views, computed from their singular value decompositions.

    Parameters
    ----------
    views : list of SingularView or DualView
        The views, each with the rows that have it, and with their ridges.
    present : ndarray of bool, of shape (n_samples, n_views)
        Views that each row has.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows.
    """

    def __init__(self, views, present, sample_weight=None):
        self._views, self._present = views, present
        self._weight = np.ones(len(present)) if sample_weight is None else sample_weight
        self._balance = present.shape[1] / present.sum(axis=1)
        self.is_complete = bool(present.all())
        self.n_common = present.T.astype(np.int64) @ present

    def cross(self, i, j):
        """Return the whitened product of two views, balanced if some rows lack a view."""
        common, left, right = self._common(i, j)
        if not self.is_complete:
            left = left * self._balance[common, None]
        x_shrink, y_shrink = self._views[i].shrink, self._views[j].shrink
        return x_shrink[:, None] * (left.T @ right) * y_shrink

    def diagonal(self, i):
        """Return the whitened product of a view with itself, which includes its ridge."""
        return self.cross(i, i) + np.diag(1 - self._views[i].shrink ** 2)

    def pair_correlations(self, i, j, left, right):
        """Return the correlations of two views on the rows that have both, for unit directions."""
        common, x_left, y_left = self._common(i, j)
        # Centered rows keep the root of their weight as a factor.
        root = np.sqrt(self._weight[common])[:, None]
        variates = []
        for view, rows, turn in ((i, x_left, left), (j, y_left, right)):
            variate = (rows * self._views[view].shrink) @ turn
            variate -= root * ((root * variate).sum(axis=0) / np.sum(root**2))
            variates.append(variate)
        x, y = variates
        return _ratio(*(np.einsum("ik,ik->k", *pair) for pair in ((x, y), (x, x), (y, y))))

    def _common(self, i, j):
        """Return the numbers of the rows that have both views, and these rows of both."""
        first, second = self._present[:, i], self._present[:, j]
        both = first & second
        left, right = self._views[i].left[both[first]], self._views[j].left[both[second]]
        return np.flatnonzero(both), left, right


def solve(blocks, ranks, k, *, is_degenerate=False):
    """Return unit directions of each view, and the correlations of each pair of views.

    Parameters
    ----------
    blocks : MomentBlocks or SingularBlocks
        The whitened products.
    ranks : list of int
        Number of directions of each view.
    k : int
        Number of components.
    is_degenerate : bool, default=False
        Whether eigenvalues may be equal, which needs a full decomposition.

    Returns
    -------
    directions : list of ndarray of shape (rank, k)
        Directions of each view; 0 where a view has no part in a component.
    correlations : ndarray of shape (n_pairs, k)
        Correlations of the pairs of views, in the order of `pairs_of`: the values of the objective,
        or, if some rows lack a view, those of the rows that have both.
    """
    n_views = len(ranks)
    if n_views == 2 and blocks.is_complete:
        left, correlations, right = leading_svd(blocks.cross(0, 1), k)
        return [left, right], np.clip(correlations, 0.0, 1.0)[None]
    matrix, sides = _assembled(blocks, ranks)
    vectors = leading_eigenvectors(matrix, k, is_degenerate)
    directions = [_unit_columns(vectors[side]) for side in sides]
    correlations = [
        _correlations(blocks, matrix, sides, directions, i, j) for i, j in pairs_of(n_views)
    ]
    return directions, np.clip(correlations, -1.0, 1.0)


def pairs_of(n_views):
    """Return the numbers of all pairs of views."""
    return list(combinations(range(n_views), 2))


def leading_eigenvectors(matrix, k, is_degenerate=False):
    """Return the eigenvectors of the `k` largest eigenvalues, in descending order."""
    size = len(matrix)
    if size >= _LARGE and k <= _FEW * size and not is_degenerate:
        start = np.random.default_rng(0).normal(size=size)
        try:
            values, vectors = eigsh(matrix, k, which="LA", v0=start)
        except ArpackError:
            pass
        else:
            return vectors[:, np.argsort(-values)]
    _, vectors = eigh(matrix, subset_by_index=(size - k, size - 1), check_finite=False)
    return vectors[:, ::-1]


def _assembled(blocks, ranks):
    """Return the symmetric matrix of all blocks, and the rows of each view."""
    bounds = np.concatenate([[0], np.cumsum(ranks)]).tolist()
    sides = [slice(*pair) for pair in pairwise(bounds)]
    matrix = np.eye(bounds[-1])
    for i, rows in enumerate(sides):
        if not blocks.is_complete:
            matrix[rows, rows] = blocks.diagonal(i)
        for j in range(i + 1, len(sides)):
            matrix[rows, sides[j]] = blocks.cross(i, j)
            matrix[sides[j], rows] = matrix[rows, sides[j]].T
    return matrix, sides


def _correlations(blocks, matrix, sides, directions, i, j):
    left, right = directions[i], directions[j]
    if not blocks.is_complete:
        return blocks.pair_correlations(i, j, left, right)
    return np.einsum("ik,ik->k", left, matrix[sides[i], sides[j]] @ right)


def _ratio(products, x_squares, y_squares):
    """Return correlations from sums of products and of squares; 0 where a variate is constant."""
    scale = np.sqrt(x_squares) * np.sqrt(y_squares)
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)


def _unit_columns(vectors):
    lengths = np.linalg.norm(vectors, axis=0)
    lengths[lengths < _SHORTEST] = np.inf
    return vectors / lengths


def factor_loadings(correlations, n_views, weights=None):
    """Return the loadings of one factor for each component, of shape ``(n_views, n_components)``.

    The products of the loadings of two views fit their correlations by least squares [1]_, in which a
    pair of views counts by its weight; if `weights` is None, all pairs count alike. Both of two views
    have the root of their correlation [2]_. With more views, sampling errors can make a loading exceed
    1, so that one view alone would decide. Therefore the square of a loading is at most the root of the
    largest correlation of the view.

    References
    ----------
    .. [1] H. H. Harman and W. H. Jones, "Factor analysis by minimizing residuals (Minres)",
       Psychometrika 31 (1966).
    .. [2] F. R. Bach and M. I. Jordan, "A probabilistic interpretation of canonical correlation
       analysis", Technical Report 688, University of California, Berkeley, 2005.
    """
    pairs = pairs_of(n_views)
    matrix, importance = (
        np.zeros((n_views, n_views, correlations.shape[1])),
        np.zeros((n_views,) * 2),
    )
    weights = np.ones(len(pairs)) if weights is None else weights
    for (i, j), r, weight in zip(pairs, correlations, weights, strict=True):
        matrix[i, j] = matrix[j, i] = np.clip(r, 0.0, 1.0)
        importance[i, j] = importance[j, i] = weight
    most = np.minimum(matrix.max(axis=1) ** 0.25, _MOST)
    loadings = np.sqrt(matrix.sum(axis=1) / (n_views - 1))
    for _ in range(500):
        before = loadings.copy()
        for i, of_pairs in enumerate(importance):  # 0 for the view itself
            squares = np.maximum(of_pairs @ loadings**2, 1e-300)
            fitted = of_pairs @ (matrix[i] * loadings) / squares
            loadings[i] = np.minimum(fitted, most[i])
        if np.abs(loadings - before).max() < 1e-10:
            break
    return loadings


def posterior_mean(variates, loadings):
    """Return the posterior mean of the factors, from the views that a row has.

    Parameters
    ----------
    variates : ndarray of shape (n_views, n_samples, n_components)
        Variates; NaN where a row lacks a view.
    loadings : ndarray of shape (n_views, n_components)
        Loadings of the views on the factors, from `factor_loadings`.
    """
    precision = (loadings / (1 - loadings**2))[:, None]
    information = np.where(np.isnan(variates), 0.0, precision * loadings[:, None])
    evidence = np.where(np.isnan(variates), 0.0, precision * variates)
    return evidence.sum(axis=0) / (1 + information.sum(axis=0))
