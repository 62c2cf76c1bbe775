"""Linear canonical correlation analysis."""

import copy
from functools import partial

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import csr_array, diags_array, issparse
from sklearn.utils import gen_batches
from sklearn.utils.sparsefuncs import mean_variance_axis

from skdcca._cca.moments import PairMoments, RowFactor
from skdcca._utils.blocks import as_blocks
from skdcca._utils.sklearn_compat import check_sample_weight
from skdcca._utils.validation import is_number
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA, block_errors
from skdcca.exceptions import RankWarning

# Of a correlation matrix; past it a Gram matrix costs more than five of sixteen digits.
_WORST_CONDITION = 1e5
# Numbers of a block of rows that are projected: of 32 MB.
_NUMBERS = 2**22
# Share of the components below which the others are left out of the decomposition, and the least square
# of a correlation of which nine or more digits are right.
_FEW, _LEAST_SQUARE = 0.25, 1e-6


class LinearCCA(BaseCCA):
    """Linear canonical correlation analysis, exact, with an optional ridge.

    Finds pairs of directions, one in each view, whose projections (the canonical variates) are as
    correlated as can be, each uncorrelated with those before. Both views are centred and
    standardised inside and the scales folded back into the weights, so that units do not matter.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates. None: as many as the data have, the smaller of the ranks of
        both views.
    reg : float or pair of float, default=0.0
        Ridge: `reg` times the mean variance of the standardised view (which is 1) is added to the
        variance of each of its columns, so a value means the same at every sample size and in every
        unit. A pair sets ``(reg_x, reg_y)``. 0 is classical CCA; with more features than samples that
        finds perfect and meaningless correlations, and a ridge from 0.1 to 10 is in place.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare`, and with it every scorer of retrieval and every index, tells what belongs together
        (`skdcca.metrics.similarity`):

        - ``"weighted"``: by the cosine of the variates scaled by their squared correlations, which
          heeds those that can be relied on; a number is another power of the correlations, 4 where there
          are many components and rows;
        - ``"cosine"``: by the cosine of the variates as they are;
        - ``"likelihood"``: by how much likelier they are as a pair than apart. It heeds how large
          variates are, and serves few components, of which one is a length or another amount.
    y_transformer : estimator, default=None
        Transformer of the second view (`Doc2VecLyrics`, say), fitted inside `fit`. None: y is
        numbers. Its output must be dense; follow tf-idf by a `TruncatedSVD`. X may be sparse.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the training rows, descending. With a ridge they are the maxima of
        the regularised objective, which are smaller than the correlations of the training variates.
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
    UserWarning
        If `n_components` is more than the data have (their rank is lower than their number of
        columns): the components past the rank have correlation 0 and weights of 0.

    Notes
    -----
    The singular values of the whitened cross-covariance are the correlations [1]_; the ridge is that of
    [2]_. A view with more rows than columns is whitened by the Cholesky factor of its correlation
    matrix, which is gathered in blocks, so that memory does not grow with the rows. Where that matrix is
    too close to singular to be exact, and for more columns than rows, it is the singular value
    decomposition of the standardised view, which shows its rank; for a sparse view, the
    eigenvectors of its correlation matrix, or of the products of its rows. Of few
    components out of many, only those are computed. The sign of a component is the one that makes its
    largest loading on X positive.

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

    def __init__(self, n_components=None, *, reg=0.0, similarity="weighted", y_transformer=None):
        self.n_components = n_components
        self.reg = reg
        self.similarity = similarity
        self.y_transformer = y_transformer

    def fit(self, X, y, sample_weight=None):
        """Learn the space that both views share.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array} of shape (n_samples, n_features)
            The first view. Dask arrays and memory-mapped ones are taken in blocks of rows, and never as
            a whole, if they have more rows than columns.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or what `y_transformer` takes
            The second view, row by row of the same samples.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; one of 2 is the same as the row twice. They must sum to more than 1.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._learn(X, y, _check_weight(sample_weight, X))

    def fit_blocks(self, blocks):
        """Learn from blocks of rows that are never all in memory, as if all were fitted at once.

        `y_transformer` must be None, as it would see one block alone. A block may be of any size, and is
        in memory while it is taken in; the solution is found once, at the end.

        Parameters
        ----------
        blocks : iterable, or function that returns one
            Pairs ``(X, y)`` of arrays of the same rows, or triples ``(X, y, sample_weight)``. What can
            be read once, such as a generator, is. What can be read again, such as a list or a function
            that returns a new generator, is read a second time where columns are so dependent that
            the moments of one pass would not give every digit.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a block cannot be used: it is named by its number, from 0, and NaN by the row in it.

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

    def partial_fit(self, X, y, sample_weight=None):
        """Take more rows in, as if all rows seen so far were fitted at once.

        Only the moments of the rows are kept, so a stream may be longer than memory. Each call costs a
        solution, cubic in the number of columns: take batches with more rows than columns. The first
        call fits `y_transformer`; after `fit`, it starts afresh.

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
        weight = _check_weight(sample_weight, X, alone=seen is None)
        with self._rollback():
            X, y = self._validate(X, y, reset=seen is None)
            # A copy, so that a failure leaves the moments that were seen before as they are.
            moments = PairMoments() if seen is None else copy.deepcopy(seen)
            self._moments = moments.add(*_without_zero_weights(X, y, weight))
            self._solve_moments(self._moments)
        return self

    def _check_parameters(self):
        super()._check_parameters()
        check_reg(self.reg)

    def _fit(self, X, y, sample_weight=None):
        X, y, sample_weight = _without_zero_weights(X, y, sample_weight)
        vars(self).pop("_moments", None)
        # Of more columns than rows the Gram matrix is the larger, and singular.
        tall = X.shape[0] > max(X.shape[1], y.shape[1])
        if tall and self._solve_moments(PairMoments().add(X, y, sample_weight), issparse(X)):
            return
        self._solve_views(
            (_DualView if issparse(X) else _SingularView)(X, "X", sample_weight),
            _SingularView(y, "y", sample_weight),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit_blocks(self, blocks):
        vars(self).pop("_moments", None)
        moments = blocks.gather(PairMoments, self._validate_block)
        if moments.weight <= 1:
            raise ValueError(
                f"the {blocks.n_rows} rows of all blocks have the weight {moments.weight:.3g}; it must "
                "be more than 1"
            )
        self._check_n_components((blocks.n_rows, self.n_features_in_))
        if self._solve_moments(moments, must=not blocks.again):
            return
        factor = blocks.gather(partial(RowFactor, moments), self._validate_block)
        self._solve_views(_FactorView(moments, factor, 0), _FactorView(moments, factor, 1))

    def _validate_block(self, number, block, reset=False):
        weighted = isinstance(block, (tuple, list)) and len(block) == 3
        X, y = super()._validate_block(number, block[:2] if weighted else block, reset)
        if not weighted:
            return X, y
        if np.shape(block[2]) == X.shape[:1] and not np.any(block[2]):
            return X[:0], y[:0]  # fine in a block, if not in all of them
        with block_errors(number):
            weight = _check_weight(block[2], X, alone=False)
        seen = weight > 0
        return X[seen], y[seen], weight[seen]

    def _reads_blocks(self):
        return True

    def _blocks_of(self, X, y, *weight):
        blocks = super()._blocks_of(X, y, *weight)
        if blocks is None:
            return None
        # Of more columns than rows the moments would be larger than the views.
        X, y, *_ = blocks.first()
        return None if blocks.n_rows <= max(X.shape[1:] + np.shape(y)[1:], default=0) else blocks

    def _solve_moments(self, moments, must=True):
        """Solve by Gram matrices; False if they are too close to singular to be relied on."""
        reg_x, reg_y = check_reg(self.reg)
        x_covariance, y_covariance, cross = moments.covariances()
        views = []
        for side, (covariance, reg) in enumerate([(x_covariance, reg_x), (y_covariance, reg_y)]):
            view = _GramView(moments, side, covariance, reg)
            if not view.factor():
                if not must:
                    return False
                view.decompose()
            views.append(view)
        x_view, y_view = views
        cross = cross[np.ix_(x_view.kept, y_view.kept)]
        cross /= x_view.deviation[:, None] * y_view.deviation
        self._set(x_view, y_view, y_view.whiten(x_view.whiten(cross).T).T)
        return True

    def _solve_views(self, x_view, y_view):
        """Solve by the singular value decompositions of the views."""
        for view, reg in zip((x_view, y_view), check_reg(self.reg), strict=True):
            view.regularize(reg)
        cross = x_view.shrink[:, None] * (x_view.left.T @ y_view.left) * y_view.shrink
        self._set(x_view, y_view, cross)

    def _set(self, x_view, y_view, cross):
        x_turn, correlations, y_turn = leading_svd(cross, self.n_components)
        k = len(correlations) if self.n_components is None else self.n_components
        if k > len(correlations):
            warn(
                f"n_components={k}, but the data have only {len(correlations)} pairs of canonical "
                "variates (the rank of a view is lower than its number of columns): the last "
                f"{k - len(correlations)} components have correlation 0 and weights of 0",
                RankWarning,
            )
        self.n_components_ = int(k)
        self.canonical_correlations_ = np.clip(pad(correlations, k), 0.0, 1.0)
        x_weights = pad(x_view.weights(x_turn), k)
        y_weights = pad(y_view.weights(y_turn), k)
        x_loadings = _divided(*x_view.covariance(x_weights))
        largest = np.argmax(np.abs(x_loadings), axis=0)
        sign = np.where(x_loadings[largest, np.arange(k)] < 0, -1.0, 1.0)
        y_covariance, y_deviation = y_view.covariance(y_weights)

        self.x_mean_, self.x_scale_ = x_view.mean, x_view.scale
        self.y_mean_, self.y_scale_ = y_view.mean, y_view.scale
        self.x_weights_ = x_weights * sign / x_view.scale[:, None]
        self.y_weights_ = y_weights * sign / y_view.scale[:, None]
        self.x_loadings_ = x_loadings * sign
        self.y_loadings_ = _divided(y_covariance, y_deviation) * sign
        # The covariance of y with the variates of X, as the correlations turn the one into the other.
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


def _project(view, mean, weights):
    """Variates, of a block of rows at a time, so that memory does not grow with them."""
    variates = np.empty((len(view), weights.shape[1]), dtype=view.dtype)
    for rows in gen_batches(len(view), max(1, _NUMBERS // len(mean))):
        variates[rows] = (view[rows] - mean) @ weights
    return variates


class _GramView:
    """A view by its correlation matrix, factored."""

    def __init__(self, moments, side, covariance, reg):
        mean, unit, self.reg = moments.means[side], moments.units[side], reg
        deviation = np.sqrt(np.diagonal(covariance))
        constant = deviation <= 2 * np.finfo(np.float64).eps * np.abs(mean)
        _refuse_constant(constant, "Xy"[side])
        self.mean, self.scale = mean * unit, np.where(constant, 1.0, deviation * unit)
        self.kept = np.flatnonzero(~constant)
        self.deviation = deviation[self.kept]
        kept = covariance[np.ix_(self.kept, self.kept)]
        self.correlation = kept / self.deviation[:, None] / self.deviation
        offset = np.abs(mean[self.kept]) / self.deviation
        self.noise = moments.rounding * (1 + offset) * (1 + np.sqrt(len(offset) / moments.weight))

    def factor(self):
        """Cholesky factor, the fastest; False where the matrix is too close to singular for it."""
        size = np.abs(self.correlation).sum(axis=0).max()
        self.root, failed = lapack.dpotrf(self.correlation, lower=1)
        if failed:
            return False
        reciprocal, _ = lapack.dpocon(self.root, size, uplo="L")
        # Also the least variance must be more than the rounding of the numbers.
        if reciprocal < 1 / _WORST_CONDITION or reciprocal * size < self.noise @ self.noise:
            return False
        if self.reg:
            ridge = self.reg * np.eye(len(self.root))
            self.root = linalg.cholesky(self.correlation + ridge, lower=True)
        self.whiten = partial(linalg.solve_triangular, self.root, lower=True)
        self._unwhiten = partial(linalg.solve_triangular, self.root, lower=True, trans=1)
        return True

    def decompose(self):
        """Eigenvectors, which show the rank."""
        variance, right = linalg.eigh(self.correlation)
        limit = 10 * len(variance) * np.finfo(np.float64).eps * variance[-1]
        real = variance > np.maximum(limit, np.square(right.T * self.noise).sum(axis=1))
        whitener = right[:, real] / np.sqrt(variance[real] + self.reg)
        self.whiten, self._unwhiten = whitener.T.__matmul__, whitener.__matmul__

    def weights(self, turn):
        weights = np.zeros((len(self.mean), turn.shape[1]))
        weights[self.kept] = self._unwhiten(turn)
        return weights

    def covariance(self, weights):
        """Covariance of the columns with the variates of these weights, and the variates' deviation."""
        covariance = np.zeros_like(weights)
        covariance[self.kept] = self.correlation @ weights[self.kept]
        return covariance, np.sqrt(np.einsum("ij,ij->j", weights, covariance))


class _SingularView:
    """A centred, standardised view and its thin singular value decomposition, rank revealed."""

    def __init__(self, view, name, sample_weight=None):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)  # a copy: the steps below work in place
        n = len(view) if sample_weight is None else sample_weight.sum()
        self.mean = np.average(view, axis=0, weights=sample_weight)
        view -= self.mean
        # A second pass takes away the rounding error of the first mean.
        correction = np.average(view, axis=0, weights=sample_weight)
        self.mean += correction
        view -= correction
        # Squares of the plain numbers could overflow, or vanish.
        peak = np.abs(view).max(axis=0)
        constant = peak <= 2 * np.finfo(np.float64).eps * np.abs(self.mean)
        _refuse_constant(constant, name)
        view[:, constant] = 0.0
        view /= np.where(constant, 1.0, peak)
        if sample_weight is not None:
            view *= np.sqrt(sample_weight)[:, None]
        deviation = np.sqrt(np.einsum("ij,ij->j", view, view) / (n - 1))
        self.scale = np.where(constant, 1.0, peak * deviation)
        view /= np.where(constant, 1.0, deviation)
        self._decompose(view, n, len(view), rounding, constant)

    def _decompose(self, view, n, n_rows, rounding, constant):
        self.left, singular, right = linalg.svd(
            view, full_matrices=False, overwrite_a=True, check_finite=False
        )
        deviation = singular / np.sqrt(n - 1)
        # A direction in which the view varies no more than by the rounding of its numbers is none:
        # that of the decomposition, and that with which each column was given.
        noise = rounding * (1 + np.abs(self.mean) / self.scale) * (1 + np.sqrt(view.shape[1] / n))
        limit = deviation[0] * max(n_rows, view.shape[1]) * np.finfo(np.float64).eps
        real = deviation > np.maximum(limit, np.linalg.norm(right * noise, axis=1))
        self.left, self.right, self.deviation = self.left[:, real], right[real].T, deviation[real]
        self.right[constant] = 0.0  # but for rounding it is

    def regularize(self, reg):
        """Set the deviation of each direction with the ridge, and what that leaves of the real one."""
        self.reg = reg
        self.regularized = np.sqrt(self.deviation**2 + reg)
        self.shrink = self.deviation / self.regularized

    def weights(self, turn):
        return (self.right / self.regularized) @ turn

    def covariance(self, weights):
        turned = self.deviation[:, None] * (self.right.T @ weights)
        return (self.right * self.deviation) @ turned, np.linalg.norm(turned, axis=0)


class _FactorView(_SingularView):
    """The same of rows that were seen in blocks, by their triangular factor."""

    def __init__(self, moments, factor, side):
        mean, unit = moments.means[side], moments.units[side]
        n_features = len(moments.means[0])
        view = factor.root[:, [slice(n_features), slice(n_features, None)][side]]
        deviation = np.linalg.norm(view, axis=0) / np.sqrt(moments.weight - 1)
        constant = deviation <= 2 * np.finfo(np.float64).eps * np.abs(mean)
        _refuse_constant(constant, "Xy"[side])
        self.mean, self.scale = mean * unit, np.where(constant, 1.0, deviation * unit)
        view = np.where(constant, 0.0, view) / np.where(constant, 1.0, deviation)
        self._decompose(view, moments.weight, moments.weight, factor.roundings[side], constant)


class _DualView(_SingularView):
    """A sparse view of few rows: decomposed by their products, centred without being densified."""

    def __init__(self, view, name, sample_weight=None):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)
        weight = np.ones(view.shape[0]) if sample_weight is None else sample_weight
        self.degrees = weight.sum() - 1
        self.mean, variance = mean_variance_axis(view, axis=0, weights=weight)
        variance *= weight.sum() / self.degrees
        constant = np.sqrt(variance) <= 2 * np.finfo(np.float64).eps * np.abs(self.mean)
        _refuse_constant(constant, name)
        self.scale = np.where(constant, 1.0, np.sqrt(variance))
        self.root_weight = np.sqrt(weight)[:, None]
        # What of a constant column is not 0 is taken away by its mean.
        self.columns = csr_array(view @ diags_array(np.where(constant, 0.0, 1 / self.scale)))
        self.center = np.where(constant, 0.0, self.mean / self.scale)
        products = (self.columns @ self.columns.T).toarray()
        along = self.columns @ self.center
        products -= along[:, None] + along - self.center @ self.center
        products *= self.root_weight * self.root_weight.T / self.degrees
        variance, self.left = linalg.eigh(products, overwrite_a=True)
        limit = 10 * max(view.shape) * np.finfo(np.float64).eps * variance[-1]
        real = variance > max(limit, rounding**2 * np.square(1 + np.abs(self.center)).mean())
        self.left, self.deviation = self.left[:, real], np.sqrt(variance[real])

    def weights(self, turn):
        scale = self.deviation * np.sqrt(self.degrees) * self.regularized
        return self._transposed(self.left / scale @ turn)

    def covariance(self, weights):
        variates = self.root_weight * (self.columns @ weights - self.center @ weights)
        variates /= np.sqrt(self.degrees)
        covariance = self._transposed(variates) / np.sqrt(self.degrees)
        return covariance, np.linalg.norm(variates, axis=0)

    def _transposed(self, rows):
        """Product of the transposed, centred, weighted view with a matrix."""
        rows = self.root_weight * rows
        return self.columns.T @ rows - np.outer(self.center, rows.sum(axis=0))


def _divided(covariance, deviation):
    """Correlations of standardised columns and variates; 0 with a variate that is constant."""
    return np.clip(covariance / np.where(deviation > 0, deviation, 1.0), -1.0, 1.0)


def _refuse_constant(constant, name):
    if constant.all():
        raise ValueError(f"every column of {name} is constant: there is nothing to correlate")


def _check_weight(sample_weight, X, alone=True):
    """Weights as an array, or None; of all rows, or of some that add to others."""
    if sample_weight is None:
        return None
    weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if alone and (weight.sum() <= 1 or np.count_nonzero(weight) < 2):
        raise ValueError(
            f"sample_weight has the sum {weight.sum():.3g} in {np.count_nonzero(weight)} rows: weights "
            "count rows, so two rows must have one, and their sum be more than 1"
        )
    return weight


def _without_zero_weights(X, y, sample_weight):
    """Leave out the rows with a weight of 0."""
    if sample_weight is None:
        return X, y, None
    seen = sample_weight > 0
    return X[seen], y[seen], sample_weight[seen]


def check_reg(reg):
    """The ridges of both views."""
    pair = tuple(reg) if isinstance(reg, (tuple, list, np.ndarray)) else (reg, reg)
    if len(pair) != 2 or not all(is_number(value, ge=0) for value in pair):
        raise ValueError(f"`reg` must be a finite number >= 0 or a pair of them, got {reg!r}.")
    return pair


def leading_svd(cross, k=None):
    """The first `k` left singular vectors, singular values and right singular vectors (as columns).

    All of them if `k` is None, or more than there are.
    """
    small = min(cross.shape)
    if k is not None and k <= _FEW * small:
        # Of few components the eigenvectors of the products cost a fraction, and are as exact where
        # no value is so small that squares lose its digits. (Random projections would be neither: in
        # what is mostly noise, values fall too slowly to leave the others behind.)
        tall = cross if cross.shape[1] == small else cross.T
        values, right = linalg.eigh(
            tall.T @ tall,
            overwrite_a=True,
            check_finite=False,
            subset_by_index=(small - k, small - 1),
        )
        if values[0] > _LEAST_SQUARE:
            values, right = np.sqrt(values[::-1]), right[:, ::-1]
            left = tall @ right / values
            return (left, values, right) if tall is cross else (right, values, left)
    left, values, right = linalg.svd(cross, full_matrices=False, check_finite=False)
    return left[:, :k], values[:k], right[:k].T


def pad(array, k):
    """Zeros past the end of the last axis, to the length of `k`."""
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, k - array.shape[-1])])
