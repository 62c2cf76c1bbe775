"""Linear canonical correlation analysis."""

import warnings
from numbers import Real

import numpy as np
from scipy import linalg

from skdcca._base import BaseCCA


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
    y_transformer : estimator, default=None
        Transformer of the second view (`Doc2VecLyrics`, say), fitted inside `fit`. None: y is
        numbers. Sparse output (tf-idf) is refused; follow it by a `TruncatedSVD`.

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
    Each standardised view is whitened by its singular value decomposition, which shows its rank, and
    the singular values of the whitened cross-covariance are the correlations [1]_; the ridge is that
    of [2]_. The sign of a component is the one that makes its largest loading on X positive.

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

    def __init__(self, n_components=None, *, reg=0.0, y_transformer=None):
        self.n_components = n_components
        self.reg = reg
        self.y_transformer = y_transformer

    def _check_parameters(self):
        _check_reg(self.reg)

    def _fit(self, X, y):
        reg_x, reg_y = _check_reg(self.reg)
        x_view, y_view = _StandardizedView(X, "X"), _StandardizedView(y, "y")
        x_whitener, x_shrink = x_view.whiten(reg_x)
        y_whitener, y_shrink = y_view.whiten(reg_y)
        cross = x_shrink[:, None] * (x_view.left.T @ y_view.left) * y_shrink
        x_turn, correlations, y_turn = linalg.svd(cross, full_matrices=False, check_finite=False)

        k = len(correlations) if self.n_components is None else self.n_components
        if k > len(correlations):
            warnings.warn(
                f"n_components={k}, but the data have only {len(correlations)} pairs of canonical "
                "variates (the rank of a view is lower than its number of columns): the last "
                f"{k - len(correlations)} components have correlation 0 and weights of 0",
                stacklevel=3,
            )
        self.n_components_ = int(k)
        self.canonical_correlations_ = np.clip(_pad(correlations, k), 0.0, 1.0)
        x_weights = _pad(x_whitener @ x_turn, k)
        y_weights = _pad(y_whitener @ y_turn.T, k)
        x_loadings = x_view.loadings(x_weights)
        largest = np.argmax(np.abs(x_loadings), axis=0)
        sign = np.where(x_loadings[largest, np.arange(k)] < 0, -1.0, 1.0)

        self.x_mean_, self.x_scale_ = x_view.mean, x_view.scale
        self.y_mean_, self.y_scale_ = y_view.mean, y_view.scale
        self.x_weights_ = x_weights * sign / x_view.scale[:, None]
        self.y_weights_ = y_weights * sign / y_view.scale[:, None]
        self.x_loadings_ = x_loadings * sign
        self.y_loadings_ = y_view.loadings(y_weights) * sign

    def _project_x(self, X):
        return ((X - self.x_mean_) @ self.x_weights_).astype(X.dtype, copy=False)

    def _project_y(self, y):
        return ((y - self.y_mean_) @ self.y_weights_).astype(y.dtype, copy=False)


class _StandardizedView:
    """A centred, standardised view and its thin singular value decomposition, rank revealed."""

    def __init__(self, view, name):
        rounding = np.finfo(view.dtype).eps
        view = view.astype(np.float64)  # a copy: the steps below work in place
        n = len(view)
        self.mean = view.mean(axis=0)
        view -= self.mean
        # A second pass takes away the rounding error of the first mean.
        correction = view.mean(axis=0)
        self.mean += correction
        view -= correction
        # Squares of the plain numbers could overflow, or vanish.
        peak = np.abs(view).max(axis=0)
        constant = peak <= 2 * np.finfo(np.float64).eps * np.abs(self.mean)
        if constant.all():
            raise ValueError(f"every column of {name} is constant: there is nothing to correlate")
        view[:, constant] = 0.0
        view /= np.where(constant, 1.0, peak)
        deviation = np.sqrt(np.einsum("ij,ij->j", view, view) / (n - 1))
        self.scale = np.where(constant, 1.0, peak * deviation)
        view /= np.where(constant, 1.0, deviation)
        self.left, singular, right = linalg.svd(
            view, full_matrices=False, overwrite_a=True, check_finite=False
        )
        deviation = singular / np.sqrt(n - 1)
        # A direction in which the view varies no more than by the rounding of its numbers is none:
        # that of the decomposition, and that with which each column was given.
        noise = rounding * (1 + np.abs(self.mean) / self.scale) * (1 + np.sqrt(view.shape[1] / n))
        limit = deviation[0] * max(view.shape) * np.finfo(np.float64).eps
        real = deviation > np.maximum(limit, np.linalg.norm(right * noise, axis=1))
        self.left, self.right, self.deviation = self.left[:, real], right[real].T, deviation[real]
        self.right[constant] = 0.0  # but for rounding it is

    def whiten(self, reg):
        """Whitening matrix ``right / sqrt(variance + reg)``, and what it leaves of each deviation."""
        regularized = np.sqrt(self.deviation**2 + reg)
        return self.right / regularized, self.deviation / regularized

    def loadings(self, weights):
        """Correlation of the columns with the variates of these weights."""
        turned = self.deviation[:, None] * (self.right.T @ weights)
        covariance = (self.right * self.deviation) @ turned
        deviation = np.linalg.norm(turned, axis=0)
        return np.clip(covariance / np.where(deviation > 0, deviation, 1.0), -1.0, 1.0)


def _check_reg(reg):
    pair = tuple(reg) if isinstance(reg, (tuple, list, np.ndarray)) else (reg, reg)
    if len(pair) != 2 or not all(isinstance(r, Real) and 0 <= r < np.inf for r in pair):
        raise ValueError(f"reg={reg!r}; it must be a finite number from 0, or a pair of them")
    return pair


def _pad(array, k):
    """First `k` of the last axis, zeros past its end."""
    missing = max(0, k - array.shape[-1])
    return np.pad(array[..., :k], [(0, 0)] * (array.ndim - 1) + [(0, missing)])
