"""Linear canonical correlation analysis."""

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import gen_batches

from skdcca._cca.algebra import leading_svd, pad
from skdcca._cca.checks import check_reg, check_weight, without_zero_weights
from skdcca._cca.linear_views import DualView, FactorView, GramView, SingularView
from skdcca._cca.moments import PairMoments, RowFactor
from skdcca._utils.blocks import as_blocks
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA, block_errors
from skdcca.exceptions import RankWarning

# A block of rows that are projected holds at most this many numbers (32 MB).
_NUMBERS = 2**22


class LinearCCA(BaseCCA):
    """Linear canonical correlation analysis, exact, with an optional ridge.

    Find pairs of directions, one in each view, whose projections (the canonical variates) have
    maximal correlation, each uncorrelated with the previous ones. Both views are centered and
    standardized inside and the scales folded back into the weights, so that units do not matter.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates. None takes as many as the data have: the smaller of the ranks of
        both views.
    reg : float or pair of float, default=0.0
        Ridge: `reg` times the mean variance of the standardized view (which is 1) is added to the
        variance of each of its columns, so a value means the same at every sample size and in every
        unit. A pair sets ``(reg_x, reg_y)``. 0 is classical CCA, which overfits when features outnumber
        samples; try values between 0.1 and 10.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare`, the retrieval scorers and every index score a pair of variates
        (`skdcca.metrics.similarity`):

        - ``"weighted"``: cosine of the variates scaled by their squared correlations, so that reliable
          components count more. A number is another power of the correlations; try 4 with many
          components and rows.
        - ``"cosine"``: cosine of the plain variates.
        - ``"likelihood"``: log-likelihood ratio of a matching pair over a random pair. It is sensitive
          to magnitude, and suits few components, one of which is a length or another amount.
    y_transformer : estimator, default=None
        Transformer of the second view (for example `Doc2VecLyrics`), fitted inside `fit`. None if y is
        numeric. Its output must be dense; follow tf-idf by a `TruncatedSVD`. X may be sparse.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the training rows, descending. With a ridge they are the maxima of
        the regularized objective, which are smaller than the correlations of the training variates.
    x_weights_ : ndarray of shape (n_features_in_, n_components_)
        Weights of the first view in its own units: ``(X - x_mean_) @ x_weights_`` are the variates.
        Their variance is 1 on the training rows (with a ridge, variance plus penalty is 1).
    y_weights_ : ndarray of shape (n_features_y_, n_components_)
        Weights of the second view.
    x_loadings_ : ndarray of shape (n_features_in_, n_components_)
        Correlation of each column of X with each of its variates; 0 for a constant column.
    y_loadings_ : ndarray of shape (n_features_y_, n_components_)
        Correlation of each column of y with each of its variates.
    x_mean_, x_scale_ : ndarray of shape (n_features_in_,)
        Mean and standard deviation of the columns of X; the scale of a constant column is 1.
    y_mean_, y_scale_ : ndarray of shape (n_features_y_,)
        Mean and standard deviation of the columns of y.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X.
    n_features_y_ : int
        Number of columns of y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if X has names that are all strings.

    Warns
    -----
    RankWarning
        If `n_components` exceeds the rank of a view, which is lower than its number of columns: the
        components past the rank have correlation 0 and weights of 0.

    Notes
    -----
    The singular values of the whitened cross-covariance are the correlations [1]_; the ridge is that of
    [2]_. A view with more rows than columns is whitened by the Cholesky factor of its correlation
    matrix, which is accumulated in blocks, so that memory does not grow with the rows. If that matrix is
    too close to singular to be exact, or if there are more columns than rows, the singular value
    decomposition of the standardized view reveals its rank. For a sparse view these are the
    eigenvectors of its correlation matrix, or of the products of its rows. If few of many components
    are requested, only those are computed. The sign of a component is chosen so that its largest
    loading on X is positive.

    References
    ----------
    .. [1] A. Bjorck and G. H. Golub, "Numerical methods for computing angles between linear
       subspaces", Mathematics of Computation 27 (1973).
    .. [2] H. D. Vinod, "Canonical ridge and econometrics of joint production", Journal of
       Econometrics 4 (1976).

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(500, 1))
    >>> X = shared + rng.normal(size=(500, 4))
    >>> y = shared + rng.normal(size=(500, 3))
    >>> cca = LinearCCA(n_components=2).fit(X, y)
    >>> cca.canonical_correlations_.round(1)
    array([0.8, 0.1])
    >>> zx, zy = cca.transform(X, y)
    >>> print(np.corrcoef(zx[:, 0], zy[:, 0])[0, 1].round(1))
    0.8
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        reg: float | tuple[float, float] = 0.0,
        similarity: str | float = "weighted",
        y_transformer: Any = None,
    ) -> None:
        self.n_components = n_components
        self.reg = reg
        self.similarity = similarity
        self.y_transformer = y_transformer

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model to both views.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            The first view. Dask arrays and memory-mapped ones are read in blocks of rows, and never as
            a whole, if they have more rows than columns.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or what `y_transformer` takes
            The second view; row i of both views is the same sample.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; a weight of 2 is the same as the row twice. Their sum must exceed 1.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._learn(X, y, check_weight(sample_weight, X))

    def fit_blocks(
        self, blocks: Iterable[tuple[Any, ...]] | Callable[[], Iterable[tuple[Any, ...]]]
    ) -> Self:
        """Fit on blocks of rows that are never all in memory, with the result of one fit on all rows.

        `y_transformer` must be None, because it would see one block at a time. A block may have any
        size, and is in memory while it is read; the solution is computed once, at the end.

        Parameters
        ----------
        blocks : iterable, or function that returns one
            Pairs ``(X, y)`` of arrays with the same rows, or triples ``(X, y, sample_weight)``. A
            generator is read once. Blocks that can be read again, such as a list or a function that
            returns a new generator, are read a second time if columns are so dependent that the
            moments of one pass would lose digits.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a block cannot be used: the error names its number, from 0, and the first row with NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import LinearCCA
        >>> def blocks():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(20):
        ...         shared = rng.normal(size=(1000, 1))
        ...         yield shared + rng.normal(size=(1000, 4)), shared + rng.normal(size=(1000, 3))
        >>> LinearCCA(n_components=1).fit_blocks(blocks).canonical_correlations_.round(1)
        array([0.8])
        """
        return self._learn_blocks(as_blocks(blocks))

    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Update the model with more rows, with the result of one fit on all rows so far.

        Only the moments of the rows are kept, so a stream may exceed memory. Each call solves a problem
        whose cost is cubic in the number of columns, so use batches with more rows than columns. The
        first call fits `y_transformer`. After `fit`, the next call starts afresh.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of the first view; two or more in the first call, and more than `n_components`.
        y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
            The second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        seen = getattr(self, "_moments", None)
        is_first = seen is None
        weight = check_weight(sample_weight, X, complete=is_first)
        with self._rollback():
            X, y = self._validate(X, y, reset=is_first)
            # A copy, so that a failure leaves the moments of earlier calls unchanged.
            moments = PairMoments() if is_first else copy.deepcopy(seen)
            self._moments = moments.add(*without_zero_weights(X, y, weight))
            self._solve_by_moments(self._moments)
        return self

    def _check_parameters(self):
        super()._check_parameters()
        check_reg(self.reg)

    def _fit(self, X, y, sample_weight=None):
        X, y, sample_weight = without_zero_weights(X, y, sample_weight)
        self._forget_moments()
        # With more columns than rows the correlation matrix is larger than the view, and singular.
        is_tall = X.shape[0] > max(X.shape[1], y.shape[1])
        if is_tall:
            moments = PairMoments().add(X, y, sample_weight)
            if self._solve_by_moments(moments, at_any_cost=issparse(X)):
                return
        x_view_class = DualView if issparse(X) else SingularView
        x_view = x_view_class(X, "X", sample_weight)
        self._solve_by_views(x_view, SingularView(y, "y", sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit_blocks(self, blocks):
        self._forget_moments()
        moments = blocks.gather(PairMoments, self._validate_block)
        if moments.weight <= 1:
            raise ValueError(
                f"the weights of all blocks must sum to more than 1, got {moments.weight:.3g} in "
                f"{blocks.n_rows} rows. A weight counts as that many rows."
            )
        self._check_n_components((blocks.n_rows, self.n_features_in_))
        if self._solve_by_moments(moments, at_any_cost=not blocks.again):
            return
        factor = blocks.gather(partial(RowFactor, moments), self._validate_block)
        self._solve_by_views(FactorView(moments, factor, 0), FactorView(moments, factor, 1))

    def _forget_moments(self):
        """Let the next `partial_fit` start afresh."""
        vars(self).pop("_moments", None)

    def _validate_block(self, number, block, reset=False):
        is_weighted = isinstance(block, (tuple, list)) and len(block) == 3
        if not is_weighted:
            return super()._validate_block(number, block, reset)
        X, y, weight = block
        X, y = super()._validate_block(number, block[:2], reset)
        if np.shape(weight) == X.shape[:1] and not np.any(weight):
            return X[:0], y[:0]  # allowed in one block, not in all of them
        with block_errors(number):
            weight = check_weight(weight, X, complete=False)
        return without_zero_weights(X, y, weight)

    def _reads_blocks(self):
        return True

    def _blocks_of(self, X, y, *weight):
        blocks = super()._blocks_of(X, y, *weight)
        if blocks is None:
            return None
        X, y, *_ = blocks.first()
        n_columns = max(X.shape[1:] + np.shape(y)[1:], default=0)
        # With more columns than rows the moments would be larger than the views.
        return None if blocks.n_rows <= n_columns else blocks

    def _solve_by_moments(self, moments, at_any_cost=True):
        """Solve by correlation matrices.

        If they are too close to singular for a Cholesky factor, use their eigenvectors, which lose
        digits; return False instead unless ``at_any_cost``.
        """
        x_covariance, y_covariance, cross = moments.covariances()
        reg_x, reg_y = check_reg(self.reg)
        x_view = _solvable_view(moments, 0, x_covariance, reg_x, at_any_cost)
        if x_view is None:
            return False
        y_view = _solvable_view(moments, 1, y_covariance, reg_y, at_any_cost)
        if y_view is None:
            return False
        cross = cross[np.ix_(x_view.kept, y_view.kept)]
        cross /= x_view.deviation[:, None] * y_view.deviation
        x_whitened = x_view.whiten(cross)
        self._set_solution(x_view, y_view, y_view.whiten(x_whitened.T).T)
        return True

    def _solve_by_views(self, x_view, y_view):
        """Solve by the singular value decompositions of the views."""
        reg_x, reg_y = check_reg(self.reg)
        x_view.regularize(reg_x)
        y_view.regularize(reg_y)
        cross = x_view.shrink[:, None] * (x_view.left.T @ y_view.left) * y_view.shrink
        self._set_solution(x_view, y_view, cross)

    def _set_solution(self, x_view, y_view, cross):
        """Set the fitted attributes; `cross` is the whitened cross-covariance."""
        x_turn, correlations, y_turn = leading_svd(cross, self.n_components)
        rank = len(correlations)
        k = rank if self.n_components is None else self.n_components
        if k > rank:
            warn(
                f"n_components={k}, but the data have only {rank} pairs of canonical variates (the rank "
                f"of a view is lower than its number of columns): the last {k - rank} components have "
                "correlation 0 and weights of 0",
                RankWarning,
            )
        self.n_components_ = int(k)
        self.canonical_correlations_ = np.clip(pad(correlations, k), 0.0, 1.0)
        x_weights = pad(x_view.weights(x_turn), k)
        y_weights = pad(y_view.weights(y_turn), k)
        x_loadings = _correlations(*x_view.covariance(x_weights))
        y_covariance, y_deviation = y_view.covariance(y_weights)
        y_loadings = _correlations(y_covariance, y_deviation)
        largest = np.argmax(np.abs(x_loadings), axis=0)
        sign = np.where(x_loadings[largest, np.arange(k)] < 0, -1.0, 1.0)

        self.x_mean_, self.x_scale_ = x_view.mean, x_view.scale
        self.y_mean_, self.y_scale_ = y_view.mean, y_view.scale
        self.x_weights_ = x_weights * sign / x_view.scale[:, None]
        self.y_weights_ = y_weights * sign / y_view.scale[:, None]
        self.x_loadings_ = x_loadings * sign
        self.y_loadings_ = y_loadings * sign
        # Covariance of y with the variates of X: the correlations turn those of y into it.
        y_covariance += y_view.reg * y_weights
        y_covariance *= self.canonical_correlations_ * sign
        self._y_of_variates = y_view.scale[:, None] * y_covariance

    def _project_x(self, X):
        if issparse(X):
            return (X @ self.x_weights_ - self.x_mean_ @ self.x_weights_).astype(X.dtype)
        return _project(X, self.x_mean_, self.x_weights_)

    def _project_y(self, y):
        return _project(y, self.y_mean_, self.y_weights_)

    def _predict_y(self, X):
        return self._project_x(X) @ self._y_of_variates.T + self.y_mean_


def singular_views(estimator, X, y):
    """Return both views as a fit of the estimator would center, standardize and decompose them."""
    X, y = clone(estimator)._validate(X, y, reset=True)
    X = X.toarray() if issparse(X) else X
    return SingularView(X, "X"), SingularView(y, "y")


def numbers_and_variates(model, X, y):
    """Return both views as the numbers that a fitted model projects, and their variates."""
    X, y = model._validate_x(X), model._validate_y(y)
    return X, y, model._project_x(X), model._project_y(y)


def _solvable_view(moments, side, covariance, reg, at_any_cost):
    """Return a view by its correlation matrix, or None if that would lose digits."""
    view = GramView(moments, side, covariance, reg)
    if view.factor():
        return view
    if not at_any_cost:
        return None
    view.decompose()
    return view


def _project(view, mean, weights):
    """Return variates, computed by blocks of rows so that memory does not grow with them."""
    variates = np.empty((len(view), weights.shape[1]), dtype=view.dtype)
    step = max(1, _NUMBERS // len(mean))
    for rows in gen_batches(len(view), step):
        variates[rows] = (view[rows] - mean) @ weights
    return variates


def _correlations(covariance, deviation):
    """Return correlations of standardized columns with variates; 0 with a constant variate."""
    return np.clip(covariance / np.where(deviation > 0, deviation, 1.0), -1.0, 1.0)
