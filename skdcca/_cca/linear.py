"""Implement linear canonical correlation analysis."""

import copy
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import clone

from skdcca._cca.algebra import component_signs, leading_svd, pad
from skdcca._cca.checks import (
    check_reg,
    check_weight,
    warn_imprecise,
    warn_perfect_correlations,
    without_zero_weights,
)
from skdcca._cca.linear_implicit import implicit_solution, may_be_implicit
from skdcca._cca.linear_prediction import LinearPredictionMixin
from skdcca._cca.linear_views import FactorView, GramView, decomposed
from skdcca._cca.moments import PairMoments, RowFactor
from skdcca._cca.precision import count_imprecise
from skdcca._cca.residuals import residual_views
from skdcca._cca.shrinkage import SHRINKAGES, RowNorms, regularize
from skdcca._utils.blocks import as_blocks, slices_of
from skdcca._utils.row_order import check_row_order
from skdcca._utils.validation import check_option
from skdcca._utils.view_errors import block_errors
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA
from skdcca.exceptions import RankWarning

# Rows are projected in blocks of at most this many numbers (32 MB).
_NUMBERS = 2**22


class LinearCCA(LinearPredictionMixin, BaseCCA):
    r"""Linear canonical correlation analysis (CCA), with a ridge or without.

    CCA finds pairs of variates with the largest possible correlation. One variate of each pair is a
    linear combination of the columns of X, and the other is one of the columns of y. Each pair (a
    component) is uncorrelated with the previous pairs. The solution is exact and is computed
    without iterations, except for few components of two wide sparse views.

    The columns of both views are centered and standardized internally, so their units do not matter.
    By default a small ridge is chosen from the data, because the classical solution fits noise unless
    there are many more rows than columns. For classical CCA, as in R or SAS, set ``reg=0``.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates. If None, all are computed; their number is the smaller of the
        ranks of the two views.
    reg : {"auto", "oas", "ledoit_wolf"}, float, or pair of them, default="auto"
        Ridge, which is added to the variance of each standardized column. A pair sets
        ``(reg_x, reg_y)``.

        - ``"auto"``: "oas", but at most the square of the sum of the ranks of both views, divided by
          the number of rows minus 1. With many more rows than columns this is almost classical CCA.
        - ``"oas"``: chosen from the data of each view by oracle approximating shrinkage [3]_, at most
          1.
        - ``"ledoit_wolf"``: chosen by Ledoit-Wolf shrinkage [4]_, at most 1. It is usually similar
          and does not assume a normal distribution.
        - A number >= 0 has the same effect for every number of samples and every unit of the columns.
          0 is classical CCA. For the best result on held-out rows, choose among values between 0.001
          and 10 by cross-validation.
    y_reg : {"auto", "oas", "ledoit_wolf"} or float, default=None
        Ridge of the second view, for a search that varies both ridges on their own. If None, it is
        given by `reg`.
    scale : bool, default=True
        If True, the ridge is added to standardized columns. If False, the columns keep their relative
        variances, and the ridge is multiplied by the mean variance of the columns of a view. This is
        better if all columns have the same unit, such as pixels, and columns with little variance are
        mostly noise. Without a ridge, `scale` has no effect.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare`, the retrieval scorers and indexes score a row of X for a row of y. The formulas
        are in `skdcca.metrics.similarity`.

        - ``"weighted"``: cosine of the variates, scaled by their squared canonical correlations so that
          reliable components count more. A float >= 0 is another power of the correlations; try 4
          with many components and many rows.
        - ``"cosine"``: cosine of the variates without scaling.
        - ``"likelihood"``: log-likelihood ratio of a matching pair over a random pair, which is
          sensitive to magnitude. Try it if there are few components and one of them is an amount, such
          as a length.
    y_transformer : estimator, default=None
        Transformer of the second view, for example `Doc2VecLyrics`; `fit` fits a clone of it. Its
        output may be sparse, as that of `TfidfVectorizer` or `OneHotEncoder`. If None, y must be
        numeric.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the training rows, in descending order. With a ridge they are the
        values of the objective (see Notes), which are smaller than the correlations of the variates.
    x_weights_ : ndarray of shape (n_features_in_, n_components_)
        Weights of the first view, for columns in their own units: the variates are
        ``(X - x_mean_) @ x_weights_``. On the training rows they have variance 1, or less with a ridge.
    y_weights_ : ndarray of shape (n_features_y_, n_components_)
        Weights of the second view.
    x_loadings_ : ndarray of shape (n_features_in_, n_components_)
        Correlation of each column of X with each variate of X; 0 for a constant column.
    y_loadings_ : ndarray of shape (n_features_y_, n_components_)
        Correlation of each column of y with each variate of y; 0 for a constant column.
    x_mean_, x_scale_ : ndarray of shape (n_features_in_,)
        Mean and standard deviation of the columns of X. The scale of a constant column is 1.
    y_mean_, y_scale_ : ndarray of shape (n_features_y_,)
        Mean and standard deviation of the columns of y. The scale of a constant column is 1.
    reg_ : tuple of float
        Ridges of both views.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X.
    n_features_y_ : int
        Number of columns of y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if all of them are strings.
    y_feature_names_in_ : ndarray of shape (n_features_y_,)
        Names of the columns of y. Only defined if all of them are strings and `y_transformer` is None.
    coef_ : ndarray of shape (n_features_y_, n_features_in_) or (n_features_in_,)
        Coefficients of `predict`, which returns ``X @ coef_.T + intercept_``. They have one dimension
        if y had one, as in the linear models of scikit-learn.
    intercept_ : ndarray of shape (n_features_y_,) or float
        Intercepts of `predict`.

    Raises
    ------
    TypeError
        From `fit`, if `y_transformer` is not a transformer.
    ValueError
        From `fit`, if a parameter is out of range, if the views have different numbers of rows, if a
        view contains NaN, infinity or text, or if all columns of a view are constant.

    Warns
    -----
    ConvergenceWarning
        If components of two wide sparse views do not converge, and the views are too large for the
        exact solution.
    PerfectCorrelationWarning
        If both ridges are 0 and the ranks of the views sum to more than the number of rows minus 1.
        Some correlations are then 1 whatever the data are.
    PrecisionWarning
        If columns are so nearly dependent that directions of a view are lost: from `partial_fit`, from
        `fit_blocks` with a generator, and from `fit` with a sparse view.
    RankWarning
        If `n_components` exceeds the rank of a view, which happens if some of its columns depend on
        others. The components beyond the rank have correlation 0 and weights of 0.

    See Also
    --------
    MultiCCA : CCA of more than two views, of which rows may lack some.
    KernelCCA : Nonlinear CCA by kernels, exact or approximated.
    DeepCCA : Nonlinear CCA by neural networks.
    skdcca.canonical_correlation_test : Test of which canonical correlations are significant.
    skdcca.canonical_summary : Tables of correlations, tests, weights, loadings and redundancy.
    skdcca.variance_explained : Fraction of the variance of a view that its variates explain.
    sklearn.cross_decomposition.CCA : Iterative CCA without a ridge.

    Notes
    -----
    Let :math:`R_{xx}` and :math:`R_{yy}` be the correlation matrices of the columns of each view, and
    :math:`R_{xy}` the correlations between them. The first component maximizes [1]_

    .. math::
        a^\top R_{xy}\, b \quad \text{subject to} \quad
        a^\top (R_{xx} + \rho_x I)\, a = b^\top (R_{yy} + \rho_y I)\, b = 1,

    where :math:`\rho_x` and :math:`\rho_y` are given by `reg`. Shrinkage of a correlation matrix by s
    corresponds to the ridge :math:`s / (1 - s)`. Later components satisfy the same
    constraints and are orthogonal to the previous ones in these metrics. The solutions are the singular
    vectors of the whitened cross-correlation matrix, and its singular values are the canonical
    correlations [2]_. Finally, the weights are divided by the standard deviations of the columns.

    A view with more rows than columns is whitened with the Cholesky factor of its correlation
    matrix, which is accumulated in blocks of rows. If this matrix is nearly singular, or if a view
    has more columns than rows, the singular value decomposition of the standardized view determines
    its rank. A sparse view remains sparse: its rank is determined from the eigenvectors of its
    correlation matrix or of the matrix of the products of its rows. Predictions are dense. If both
    views are sparse, the ridges are >= 0.001, and `n_components` is at most 2 % of the columns and rows,
    products with a few vectors replace matrices of more than 5000 rows [5]_. The correlations then have
    an error below 0.0003, usually of about 1e-7. The sign of a component is chosen so that its largest
    loading on X is positive.

    References
    ----------
    .. [1] H. D. Vinod, "Canonical ridge and econometrics of joint production", Journal of
       Econometrics 4 (1976).
    .. [2] A. Bjorck and G. H. Golub, "Numerical methods for computing angles between linear
       subspaces", Mathematics of Computation 27 (1973).
    .. [3] Y. Chen, A. Wiesel, Y. C. Eldar and A. O. Hero, "Shrinkage algorithms for MMSE covariance
       estimation", IEEE Transactions on Signal Processing 58 (2010).
    .. [4] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", Journal of Multivariate Analysis 88 (2004).
    .. [5] G. L. G. Sleijpen and H. A. van der Vorst, "A Jacobi-Davidson iteration method for linear
       eigenvalue problems", SIAM Journal on Matrix Analysis and Applications 17 (1996).

    Examples
    --------
    Relate three exercises to three body measurements of 20 men by classical CCA:

    >>> from sklearn.datasets import load_digits, load_linnerud
    >>> from skdcca import LinearCCA
    >>> X, y = load_linnerud(return_X_y=True)
    >>> cca = LinearCCA(n_components=2, reg=0).fit(X, y)
    >>> cca.canonical_correlations_.round(2)
    array([0.8, 0.2])

    The loadings of the first component show that men with a smaller waist do more sit-ups:

    >>> cca.x_loadings_[:, 0].round(1)  # chin-ups, sit-ups, jumps
    array([0.7, 0.8, 0.2])
    >>> cca.y_loadings_[:, 0].round(1)  # weight, waist, pulse
    array([-0.6, -0.9,  0.3])

    Relate the left and right halves of images of digits. With 100 training rows for 32 columns in each
    view, classical CCA overfits. The default ridge lowers the sum of the correlations on training
    rows, but raises it on held-out rows:

    >>> images = load_digits().images
    >>> left, right = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    >>> for reg in (0, "auto"):
    ...     cca = LinearCCA(n_components=10, reg=reg).fit(left[:100], right[:100])
    ...     scores = cca.score(left[:100], right[:100]), cca.score(left[1000:], right[1000:])
    ...     print(f"reg={reg}: training {scores[0]:.1f}, held out {scores[1]:.1f}")
    reg=0: training 8.4, held out 1.8
    reg=auto: training 7.8, held out 2.7
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        reg: float | str | tuple[float | str, float | str] = "auto",
        y_reg: float | str | None = None,
        scale: bool = True,
        similarity: str | float = "weighted",
        y_transformer: Any = None,
    ) -> None:
        self.n_components = n_components
        self.reg = reg
        self.y_reg = y_reg
        self.scale = scale
        self.similarity = similarity
        self.y_transformer = y_transformer

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model to both views.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            First view. Dask arrays and memory-mapped arrays with more rows than columns are read in
            blocks of rows and are never loaded into memory as a whole.
        y : {array-like, sparse matrix, dask array} of shape (n_samples, n_features_y) or (n_samples,)
            Second view, or input of `y_transformer`. Row i of X and row i of y are the same sample.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. A row with weight 2 counts as two equal rows, and a row with
            weight 0 is ignored. The sum of the weights must exceed 1. If None, all rows have
            weight 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter, a view or a weight is invalid; see the description of the class.
        """
        return self._learn(X, y, check_weight(sample_weight, X))

    def fit_blocks(
        self, blocks: Iterable[tuple[Any, ...]] | Callable[[], Iterable[tuple[Any, ...]]]
    ) -> Self:
        """Fit the model to blocks of rows, for views that are larger than memory.

        The result is the same as after `fit` on all rows. Only one block at a time is in memory,
        and a block may have any number of rows. The solution is computed once, after the last
        block. `y_transformer` must be None, because it would see one block at a time.

        Parameters
        ----------
        blocks : iterable, or function that returns one
            Pairs ``(X, y)`` or triples ``(X, y, sample_weight)`` of arrays with the same rows. A
            list, or a function that returns a new generator, can be read a second time. The second
            reading is needed for full precision if columns are nearly dependent. A generator is
            read only once.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `blocks` is neither an iterable nor a function.
        ValueError
            If `blocks` is empty, if it yields other rows when it is read again, or if a block is
            invalid. The error gives the number of the block, from 0, and the first row with NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import LinearCCA
        >>> def read_blocks():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(20):
        ...         shared = rng.normal(size=(1000, 1))
        ...         yield shared + rng.normal(size=(1000, 4)), shared + rng.normal(size=(1000, 3))
        >>> LinearCCA(n_components=1).fit_blocks(read_blocks).canonical_correlations_.round(1)
        array([0.8])
        """
        return self._learn_blocks(as_blocks(blocks))

    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Update the model with more rows.

        The result is the same as after `fit` on all rows so far. Only the means and covariances of
        the rows are kept, so memory does not grow with their number. Each call solves a problem
        whose cost is cubic in the number of columns, so pass batches with more rows than columns.
        The first call fits `y_transformer`. A call after `fit` or `fit_blocks` starts a new model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of the first view. The first call needs at least two rows, and more rows than
            `n_components`.
        y : {array-like, sparse matrix} of shape (n_samples, n_features_y) or input of `y_transformer`
            Rows of the second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. If None, all rows have weight 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the rows are invalid (see `fit`). The model then keeps its state from the previous
            call.

        Examples
        --------
        >>> from sklearn.datasets import load_linnerud
        >>> from skdcca import LinearCCA
        >>> X, y = load_linnerud(return_X_y=True)
        >>> cca = LinearCCA(reg=0)
        >>> for rows in (slice(0, 10), slice(10, 20)):
        ...     cca = cca.partial_fit(X[rows], y[rows])
        >>> cca.canonical_correlations_.round(2)  # as from one fit on all 20 rows
        array([0.8 , 0.2 , 0.07])
        """
        seen = getattr(self, "_moments", None)
        is_first = seen is None
        weight = check_weight(sample_weight, X, complete=is_first)
        with self._rollback():
            X, y = self._validate(X, y, reset=is_first)
            # The copy leaves the moments of earlier calls unchanged if this call fails.
            moments = PairMoments(higher=self._needs_higher()) if is_first else copy.deepcopy(seen)
            self._check_higher(moments)
            self._moments = moments.add(*without_zero_weights(X, y, weight))
            self._solve_by_moments(self._moments)
        return self

    def _check_parameters(self):
        super()._check_parameters()
        ridges_of(self)
        check_option("scale", self.scale, (True, False))

    def _fit(self, X, y, sample_weight=None):
        X, y, sample_weight = without_zero_weights(X, y, sample_weight)
        self._forget_moments()
        # With more columns than rows, the correlation matrix is singular and larger than the view.
        is_tall = X.shape[0] > max(X.shape[1], y.shape[1])
        if may_be_implicit(X, y, self.n_components, ridges_of(self)) and self._solve_implicitly(
            X, y, sample_weight
        ):
            return

        def gather(new):
            return new().add(X, y, sample_weight)

        if is_tall:
            moments = gather(PairMoments)
            if self._solve_by_moments(moments, gather, at_any_cost=issparse(X) or issparse(y)):
                return
        x_view, y_view = self._decomposed(X, y, sample_weight)
        n = X.shape[0] if sample_weight is None else sample_weight.sum()
        self._solve_by_views(x_view, y_view, n, X.shape[0], gather)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __setstate__(self, state):
        # Files of older versions lack these parameters; columns were always standardized.
        super().__setstate__({"y_reg": None, "scale": True} | state)

    def _takes_sparse_y(self):
        return True

    def _fit_blocks(self, blocks):
        self._forget_moments()
        higher = self._needs_higher() and not blocks.again
        moments = blocks.gather(partial(PairMoments, higher=higher), self._validate_block)
        if moments.weight <= 1:
            raise ValueError(
                f"The weights of all blocks must sum to more than 1, got {moments.weight:.3g} in "
                f"{blocks.n_rows} rows. Pass larger weights: a weight of 2 counts as two rows."
            )
        self._check_n_components((blocks.n_rows, self.n_features_in_))

        def gather(new):
            return blocks.gather(new, self._validate_block)

        if not blocks.again:
            self._solve_by_moments(moments)
        elif not self._solve_by_moments(moments, gather):
            factor = gather(partial(RowFactor, moments))
            x_scaled, y_scaled = self._standardized()
            x_view = FactorView(moments, factor, 0, x_scaled)
            y_view = FactorView(moments, factor, 1, y_scaled)
            self._solve_by_views(x_view, y_view, moments.weight, moments.n_rows, gather)

    def _forget_moments(self):
        """Make the next `partial_fit` start a new model."""
        vars(self).pop("_moments", None)

    def _validate_block(self, number, block, reset=False):
        is_weighted = isinstance(block, (tuple, list)) and len(block) == 3
        if not is_weighted:
            return super()._validate_block(number, block, reset)
        labeled, _, weight = block
        X, y = super()._validate_block(number, block[:2], reset)
        if np.shape(weight) == X.shape[:1] and not np.any(weight):
            return X[:0], y[:0]  # one block may have zero weights only; all blocks together may not
        with block_errors(number):
            check_row_order(labeled, weight, names=("X", "sample_weight"))
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

    def _needs_higher(self):
        """Return True if a ridge needs the higher moments of rows that are read only once."""
        return "ledoit_wolf" in ridges_of(self)

    def _check_higher(self, moments):
        if self._needs_higher() and not moments.has_higher:
            raise ValueError(
                "`reg` must not become 'ledoit_wolf' after the first call of partial_fit, because it "
                "needs more moments of all rows. Set reg='auto', or start with a new model."
            )

    def _standardized(self):
        """Return, for each view, whether its columns are standardized."""
        # Without a ridge the scale has no effect, and standardized columns are more precise.
        return [bool(self.scale) or not reg for reg in ridges_of(self)]

    def _decomposed(self, X, y, sample_weight=None):
        """Return both views, decomposed by their singular values."""
        x_scaled, y_scaled = self._standardized()
        x_view = decomposed(X, "X", sample_weight, x_scaled)
        return x_view, decomposed(y, "y", sample_weight, y_scaled)

    def _solve_by_moments(self, moments, gather=None, at_any_cost=False):
        """Fit the model from the correlation matrices, and return True on success.

        ``gather(new)`` adds all rows to a new object; it is None if they cannot be read again. If a
        matrix is too close to singular for a Cholesky factor, return False. In this case, if rows
        cannot be read again or with ``at_any_cost=True``, use the eigenvectors of the matrix instead,
        which lose digits.
        """
        *covariances, cross = moments.covariances()
        views = []
        for side, standardize in enumerate(self._standardized()):
            view = GramView(moments, side, covariances[side], standardize)
            if not view.factor():
                if gather is not None and not at_any_cost:
                    return False
                view.decompose()
            views.append(view)
        self._regularize(views, moments.weight, moments.n_rows, gather, moments)
        warn_imprecise(count_imprecise(views, gather))
        x_view, y_view = views
        if x_view.n_varying < len(x_view.mean) or y_view.n_varying < len(y_view.mean):
            cross = cross[np.ix_(x_view.kept, y_view.kept)]
        cross = cross / x_view.divisor[:, None]
        cross /= y_view.divisor
        x_whitened = x_view.whiten(cross)
        self._set_solution(x_view, y_view, y_view.whiten(x_whitened.T).T)
        return True

    def _solve_by_views(self, x_view, y_view, n, n_rows, gather):
        """Fit the model from the singular value decompositions of the views."""
        self._regularize((x_view, y_view), n, n_rows, gather)
        cross = x_view.shrink[:, None] * (x_view.left.T @ y_view.left) * y_view.shrink
        self._set_solution(x_view, y_view, cross)

    def _solve_implicitly(self, X, y, sample_weight):
        """Fit the model from products of both views with vectors, and return True on success."""
        standardized, regs = self._standardized(), ridges_of(self)
        found = implicit_solution(X, y, sample_weight, standardized, regs, self.n_components)
        if found is None:
            return False
        self.reg_ = tuple(view.reg for view in found[:2])
        self._set_components(*found)
        return True

    def _regularize(self, views, n, n_rows, gather, moments=None):
        """Set the ridges of both views, and warn if the correlations are meaningless."""

        def row_norms():
            if gather is None:
                return moments.fourth_powers(*views)
            return gather(partial(RowNorms, *views)).fourth_powers()

        regularize(views, ridges_of(self), n, row_norms)
        self.reg_ = tuple(view.reg for view in views)
        remedy = "Set a ridge, such as reg='auto', or pass fewer columns."
        warn_perfect_correlations(views, n_rows or n, remedy)

    def _set_solution(self, x_view, y_view, cross):
        """Set the fitted attributes; `cross` is the whitened cross-covariance."""
        x_turn, correlations, y_turn = leading_svd(cross, self.n_components)
        rank = len(correlations)
        k = rank if self.n_components is None else self.n_components
        if k > rank:
            warn(
                f"n_components={k} exceeds the rank of the views, which is {rank}. The last {k - rank} "
                f"components have correlation 0 and weights of 0. Set n_components to {rank} or less.",
                RankWarning,
            )
        x_weights = pad(x_view.weights(x_turn), k)
        y_weights = pad(y_view.weights(y_turn), k)
        self._set_components(x_view, y_view, pad(correlations, k), x_weights, y_weights)

    def _set_components(self, x_view, y_view, correlations, x_weights, y_weights):
        """Set the fitted attributes, from the weights of the scaled columns of both views."""
        self.n_components_ = len(correlations)
        self.canonical_correlations_ = np.clip(correlations, 0.0, 1.0)
        x_covariance, x_deviation = x_view.covariance(x_weights)
        x_loadings = column_correlations(x_covariance, x_deviation, x_view.spread)
        y_covariance, y_deviation = y_view.covariance(y_weights)
        y_loadings = column_correlations(y_covariance, y_deviation, y_view.spread)
        sign = component_signs(x_loadings)

        self.x_mean_, self.x_scale_ = x_view.mean, x_view.deviation
        self.y_mean_, self.y_scale_ = y_view.mean, y_view.deviation
        self.x_weights_ = x_weights * sign / x_view.scale[:, None]
        self.y_weights_ = y_weights * sign / y_view.scale[:, None]
        self.x_loadings_ = x_loadings * sign
        self.y_loadings_ = y_loadings * sign
        # The covariance of a view with the variates of the other view is its covariance with its own
        # variates, times the canonical correlations.
        x_covariance += x_view.reg * x_weights
        y_covariance += y_view.reg * y_weights
        signed = self.canonical_correlations_ * sign
        self._x_of_variates = x_view.scale[:, None] * x_covariance * signed
        self._y_of_variates = y_view.scale[:, None] * y_covariance * signed

    def _project_x(self, X):
        return project(X, self.x_mean_, self.x_weights_)

    def _project_y(self, y):
        return project(y, self.y_mean_, self.y_weights_)


def ridges_of(estimator):
    """Return the ridges of both views, or the names of the estimators that choose them."""
    return check_reg(estimator.reg, estimator.y_reg, SHRINKAGES)


def singular_views(estimator, X, y, space=None):
    """Return a `SingularView` of each view, validated and regularized as in a fit of the estimator.

    If a `ResidualSpace` is given, the views are what its confounds leave of X and y.
    """
    X, y = clone(estimator)._validate(X, y, reset=True)
    if space is not None:
        return residual_views(X, y, space, estimator._standardized(), ridges_of(estimator))
    X, y = _dense_if_tall(X), _dense_if_tall(y)
    views = estimator._decomposed(X, y)

    def row_norms():
        return RowNorms(*views).add(X, y).fourth_powers()

    regularize(views, ridges_of(estimator), X.shape[0], row_norms)
    return views


def _dense_if_tall(view):
    """Return a dense array if the view is sparse and has more rows than columns."""
    return view.toarray() if issparse(view) and view.shape[0] > view.shape[1] else view


def numbers_and_variates(model, X, y):
    """Return X and y as validated arrays, and the variates of both."""
    X, y = model._validate_x(X), model._validate_y(y)
    return X, y, model._project_x(X), model._project_y(y)


def project(view, mean, weights):
    """Return the variates, computed in blocks so that memory does not grow with the rows."""
    if issparse(view):
        return (view @ weights - mean @ weights).astype(view.dtype)
    variates = np.empty((len(view), weights.shape[1]), dtype=view.dtype)
    step = max(1, _NUMBERS // len(mean))
    for rows in slices_of(len(view), step):
        variates[rows] = (view[rows] - mean) @ weights
    return variates


def column_correlations(covariance, deviation, spread):
    """Return the correlations of scaled columns with variates; 0 for constant columns and variates."""
    covariance = covariance / np.where(spread > 0, spread, 1.0)[:, None]
    return np.clip(covariance / np.where(deviation > 0, deviation, 1.0), -1.0, 1.0)
