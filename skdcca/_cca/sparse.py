"""Implement sparse canonical correlation analysis."""

import warnings
from contextlib import contextmanager
from numbers import Real
from types import SimpleNamespace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdcca._cca.algebra import component_signs, pad
from skdcca._cca.checks import warn_perfect_correlations
from skdcca._cca.linear_prediction import LinearPredictionMixin
from skdcca._cca.sparse_columns import Standardized
from skdcca._cca.sparse_folds import splits_of_rows
from skdcca._cca.sparse_path import (
    PairFit,
    Settings,
    begin_component,
    best_of,
    choose,
    follow_folds,
)
from skdcca._cca.sparse_stability import SelectionStability, selection_frequencies
from skdcca._utils.labels import numbers_of_rows
from skdcca._utils.validation import check_integer, check_number, is_number
from skdcca._utils.warnings import warn
from skdcca.base import BaseCCA
from skdcca.exceptions import ChanceCorrelationWarning, RankWarning

# Beyond this ridge, the weights are those of an infinite one up to rounding errors.
_LARGEST_REG = 1e12


class SparseCCA(LinearPredictionMixin, BaseCCA):
    r"""Sparse canonical correlation analysis (CCA), in which few columns have a weight.

    Each variate is a linear combination of a few columns of its view, chosen by the fit. This is for
    wide tables, such as genes or voxels, of which few columns are related to the other view. How many
    columns are kept is chosen by cross-validation. A warning is issued if the correlation on held-out
    rows is no larger than chance.

    The columns of both views are centered and standardized internally, so their units do not matter.
    The result does not depend on a random state.

    Parameters
    ----------
    n_components : int, default=1
        Number of pairs of variates.
    l1 : "cv", float in [0, 1], or pair of them, default="cv"
        Sparsity. A column can have a weight only if its covariance with what the other columns do not
        explain reaches this fraction of the largest covariance of all columns. 0 keeps all columns, and
        1 keeps a single one and its exact copies. "cv" chooses the fraction of each component by
        cross-validation, as the largest one whose held-out correlation is within one standard error of
        the best. A pair sets ``(l1_x, l1_y)``; use ``("cv", 0)`` if y has few columns, all of which
        should be kept.
    reg : float or pair of floats, default=0.0
        Ridge, which is added to the variance of each standardized column. It may be infinite, and
        counts as infinite above 1e12. 0 is iterative penalized least squares [1]_, which keeps one of
        several similar columns. ``np.inf`` is penalized matrix decomposition [2]_, which ignores
        correlations between the columns of a view and keeps all of them. A pair sets ``(reg_x, reg_y)``.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Folds that choose `l1`. An integer is a number of consecutive folds; if `groups` are passed to
        `fit`, rows of one group are in the same fold. No row may be in a fold twice. A splitter is not
        given classes: pass the list of its splits if it needs them. Only used if `l1` is "cv".
    tol : float in (0, 1), default=1e-6
        The alternation ends when the root mean square change of the variates, which have variance 1, is
        at most this.
    max_iter : int, default=500
        Maximum number of alternations at one threshold. Earlier thresholds of the path, which need
        less precision, get at most 100.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="weighted"
        How `compare`, the retrieval scorers and indexes score a row of X for a row of y; see
        `LinearCCA`.
    y_transformer : estimator, default=None
        Transformer of the second view; `fit` fits a clone of it. If None, y must be numeric.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Correlations of the pairs of variates on the training rows, in the order of the components.
    held_out_correlations_ : ndarray of shape (n_components_,)
        Correlations at `l1_` on the held-out rows of the cross-validation. Only defined if `l1` is
        "cv".
    l1_ : ndarray of shape (n_components_, 2)
        Sparsity of X and of y in each component.
    cv_results_ : dict of ndarray
        Path of the cross-validation, one entry for each threshold of each component, which can be
        turned into a table: "component", "x_l1", "y_l1", "correlation" and "standard_error" of the
        held-out rows, and mean numbers of selected columns, "x_selected" and "y_selected". Only defined
        if `l1` is "cv".
    x_weights_ : ndarray of shape (n_features_in_, n_components_)
        Weights of the first view, for columns in their own units: the variates are
        ``(X - x_mean_) @ x_weights_``. On the training rows, variates have variance 1 and are
        uncorrelated. From the second component on, the weights include columns of earlier components,
        from which the variate must be made uncorrelated.
    y_weights_ : ndarray of shape (n_features_y_, n_components_)
        Weights of the second view.
    x_support_ : ndarray of bool of shape (n_features_in_, n_components_)
        Whether each component selects each column of X.
    y_support_ : ndarray of bool of shape (n_features_y_, n_components_)
        Whether each component selects each column of y.
    x_loadings_ : ndarray of shape (n_features_in_, n_components_)
        Correlation of each column of X with each variate of X; 0 for a constant column.
    y_loadings_ : ndarray of shape (n_features_y_, n_components_)
        Correlation of each column of y with each variate of y; 0 for a constant column.
    x_mean_, x_scale_ : ndarray of shape (n_features_in_,)
        Mean and standard deviation of the columns of X. The scale of a constant column is 1.
    y_mean_, y_scale_ : ndarray of shape (n_features_y_,)
        Mean and standard deviation of the columns of y. The scale of a constant column is 1.
    n_iter_ : ndarray of shape (n_components_,)
        Number of alternations at the last threshold of each component, at most `max_iter`.
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
        Coefficients of `predict`, which returns ``X @ coef_.T + intercept_``.
    intercept_ : ndarray of shape (n_features_y_,) or float
        Intercepts of `predict`.

    Raises
    ------
    TypeError
        From `fit`, if `y_transformer` is not a transformer.
    ValueError
        From `fit`, if a parameter is out of range, if the views have different numbers of rows, if a
        view contains NaN, infinity or text, if all columns of a view are constant, or if `cv` has no
        valid splits.

    Warns
    -----
    ChanceCorrelationWarning
        If the best held-out correlation of a component is no larger than unrelated views may reach:
        within two standard errors of 0, or within 2.33 on the scale of Fisher's transformation.
    PerfectCorrelationWarning
        If `l1` and `reg` are 0 and the views have too many columns for their rows.
    ConvergenceWarning
        If the variates of a component, or the columns that they need, still change after `max_iter`
        alternations.
    RankWarning
        If earlier components leave no covariance between the views. The remaining components have
        correlation 0 and weights of 0.

    See Also
    --------
    LinearCCA : CCA with weights for all columns.
    skdcca.canonical_correlation_test : Test of which canonical correlations are significant.

    Notes
    -----
    Let :math:`z_y` be the variate of y, with variance 1. The weights of X minimize

    .. math::
        \tfrac{1}{2} \operatorname{var}(z_y - X a) + t \lVert a \rVert_1
        + \tfrac{\rho}{2} \lVert a \rVert_2^2,

    where :math:`\rho` is `reg`, and t is `l1` times the largest absolute covariance of a column and
    :math:`z_y`. They are scaled so that :math:`X a` has variance 1, and the weights of y are computed
    from it in the same way. Both regressions alternate until the variates are stable, as proposed in
    [3]_ for an elastic net and in [1]_ for a lasso. An infinite ridge gives soft-thresholded covariances
    [2]_ [4]_. Without thresholds the stable point is that of canonical ridge, as in `LinearCCA`.

    There are many stable points, and on wide tables the start decides which one is found. The
    covariances of all columns of X with all of y are soft-thresholded so that ten remain for each
    column of the wider view, and the leading singular vectors of this sparse matrix are the start. The
    matrix is computed in tiles and never stored. From there the alternation follows a path of
    decreasing thresholds, each of which starts at the solution of the one before it. Both views go down
    together; the one whose threshold is larger stops there, and the other goes on alone. All folds of
    the cross-validation compute their own start and path from their own training rows, and standardize
    with their own means and deviations. Only `y_transformer` is fitted once, to all rows, so that
    held-out rows shape what it learns, such as a vocabulary. The held-out variates of all folds are
    joined to one correlation, whose standard error is corrected for folds that share training rows
    [5]_. If `groups` are passed, groups count as independent, and not their rows.

    Each component is removed from both views by regression of all columns on its variates.

    References
    ----------
    .. [1] Q. Mai and X. Zhang, "An iterative penalized least squares approach to sparse canonical
       correlation analysis", Biometrics 75 (2019).
    .. [2] D. M. Witten, R. Tibshirani and T. Hastie, "A penalized matrix decomposition, with
       applications to sparse principal components and canonical correlation analysis", Biostatistics
       10 (2009).
    .. [3] S. Waaijenborg, P. C. Verselewel de Witt Hamer and A. H. Zwinderman, "Quantifying the
       association between gene expressions and DNA-markers by penalized canonical correlation
       analysis", Statistical Applications in Genetics and Molecular Biology 7 (2008).
    .. [4] E. Parkhomenko, D. Tritchler and J. Beyene, "Sparse canonical correlation analysis with
       application to genomic data integration", Statistical Applications in Genetics and Molecular
       Biology 8 (2009).
    .. [5] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003).

    Examples
    --------
    Two of 200 columns of X are related to one of 100 columns of y:

    >>> import numpy as np
    >>> from skdcca import SparseCCA
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(100, 200)), rng.normal(size=(100, 100))
    >>> y[:, 7] += 2 * X[:, 3] - 2 * X[:, 5]
    >>> cca = SparseCCA().fit(X, y)
    >>> np.flatnonzero(cca.x_support_), np.flatnonzero(cca.y_support_)
    (array([3, 5]), array([7]))
    >>> cca.held_out_correlations_.round(1)
    array([0.9])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        l1: float | str | tuple[float | str, float | str] = "cv",
        reg: float | tuple[float, float] = 0.0,
        cv: Any = 5,
        tol: float = 1e-6,
        max_iter: int = 500,
        similarity: str | float = "weighted",
        y_transformer: Any = None,
    ) -> None:
        self.n_components = n_components
        self.l1 = l1
        self.reg = reg
        self.cv = cv
        self.tol = tol
        self.max_iter = max_iter
        self.similarity = similarity
        self.y_transformer = y_transformer

    def fit(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Self:
        """Fit the model to both views.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view.
        y : array-like of shape (n_samples, n_features_y) or (n_samples,), or input of `y_transformer`
            Second view. Row i of X and row i of y are the same sample.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as its subject. Pass groups if rows of a group resemble each other:
            otherwise the cross-validation is optimistic, and unrelated views are not reported. Only used
            if `l1` is "cv".

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter or a view is invalid; see the description of the class.
        """
        with self._rollback():
            labels = None if groups is None else numbers_of_rows("groups", groups, X)
            X, y = self._validate(X, y, reset=True)
            self._fit(X, y, labels)
        return self

    def stability(
        self,
        X: Any,
        y: Any,
        *,
        n_splits: int = 50,
        groups: ArrayLike | None = None,
        random_state: int | RandomState | None = None,
        n_jobs: int | None = None,
    ) -> SelectionStability:
        """Return how often each column is selected in random half samples.

        The rows are split into two random halves, and the model is fitted to each, with the thresholds
        of the fitted model. A column that is selected in almost all halves does not owe it to a few
        rows [1]_ [2]_. The model itself is not changed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view, usually the training rows; at least four rows.
        y : array-like of shape (n_samples, n_features_y) or input of `y_transformer`
            Second view.
        n_splits : int, default=50
            Number of random splits into halves, >= 1.
        groups : array-like of shape (n_samples,), default=None
            Group of each row. Rows of one group are in the same half.
        random_state : int, RandomState instance or None, default=None
            Seed of the splits. Pass an int for reproducible results.
        n_jobs : int, default=None
            Number of splits that are computed in parallel. None means 1, and -1 all processors.

        Returns
        -------
        result : SelectionStability
            ``x_frequencies`` and ``y_frequencies``, arrays with a row for each column and a column for
            each component: the fraction of halves in which the component selects the column. The
            components of a half are matched to those of the model by the correlation of their variates.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If an argument or a view is invalid, or if there are fewer than four rows or two groups.

        References
        ----------
        .. [1] N. Meinshausen and P. Buehlmann, "Stability selection", Journal of the Royal Statistical
           Society B 72 (2010).
        .. [2] R. D. Shah and R. J. Samworth, "Variable selection with error control: another look at
           stability selection", Journal of the Royal Statistical Society B 75 (2013).

        Examples
        --------
        >>> import numpy as np
        >>> from skdcca import SparseCCA
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(80, 30)), rng.normal(size=(80, 20))
        >>> y[:, 7] += 3 * X[:, 3]
        >>> cca = SparseCCA(l1=0.5).fit(X, y)
        >>> result = cca.stability(X, y, n_splits=10, random_state=0)
        >>> result.x_frequencies[3], result.y_frequencies[7]
        (array([1.]), array([1.]))
        """
        check_is_fitted(self)
        check_integer("n_splits", n_splits)
        units = None if groups is None else numbers_of_rows("groups", groups, X)
        self._check_pairs(X, y)
        X, y = self._validate_x(X), self._validate_y(y)
        units = np.arange(len(X)) if units is None else units
        if len(X) < 4 or units.max() == 0:
            raise ValueError(
                f"X and y must have at least four rows and two groups to be halved, got {len(X)} rows "
                f"and {units.max() + 1} groups."
            )
        rng = check_random_state(random_state)
        n_found = np.count_nonzero(self.n_iter_)  # components beyond the rank select no column
        with _quiet_regressions():
            found = selection_frequencies(
                (Standardized(X, "X"), Standardized(y, "y")),
                self.l1_[:n_found],
                self._settings(),
                self._project_x(X)[:, :n_found],
                units,
                rng.randint(np.iinfo(np.int32).max, size=n_splits),
                n_jobs,
            )
        return SelectionStability(*(pad(counted, self.n_components_) for counted in found))

    def _check_parameters(self):
        super()._check_parameters()
        check_integer("n_components", self.n_components)
        self._settings()
        check_number("tol", self.tol, gt=0, lt=1)
        check_integer("max_iter", self.max_iter)

    def _settings(self):
        rule = "'cv', a number in [0, 1], or a pair of them"
        l1 = _pair("l1", self.l1, lambda value: value == "cv" or is_number(value, ge=0, le=1), rule)
        rule = "a number >= 0, np.inf, or a pair of them"
        reg = _pair("reg", self.reg, lambda value: value == np.inf or is_number(value, ge=0), rule)
        reg = tuple(np.inf if one > _LARGEST_REG else one for one in reg)
        return Settings(l1, reg, self.tol, self.max_iter)

    def _fit(self, X, y, groups=None):
        settings = self._settings()
        x, y = Standardized(X, "X"), Standardized(y, "y")
        if settings.l1 == (0.0, 0.0):
            _warn_perfect(x, y, settings.reg)
        splits = splits_of_rows(self.cv, X, groups) if "cv" in settings.l1 else []
        folds = [PairFit(x.values, y.values, train, settings) for train, _ in splits]
        fit = PairFit(x.values, y.values, np.arange(len(X)), settings)
        tests = [test for _, test in splits]
        units = np.arange(len(X)) if groups is None else groups
        self.n_components_ = int(self.n_components)
        with _quiet_regressions():
            paths, found = self._find(fit, folds, tests, units)
        self._warn_unfinished(found)
        self._set_paths(paths)
        self._set_solution(x, y, fit, found)

    def _find(self, fit, folds, tests, units):
        """Return the path and the `_Component` of each component, until no covariance is left."""
        paths, found = [], []
        for _ in range(self.n_components_):
            begin_component([fit, *folds])
            l1 = fit.settings.l1
            if folds:
                paths.append(follow_folds(folds, tests, fit.settings, units))
                point = choose(paths[-1])
                l1 = point.l1
                _finish(folds, point)
            converged = fit.follow(l1)
            if not fit.alternation.zx.any() or not fit.alternation.zy.any():
                break
            weights = fit.weights()
            found.append(_Component(l1, fit.alternation.n_iter, converged, *weights))
            fit.finish(weights)
        return paths, found

    def _set_paths(self, paths):
        """Set the results of the cross-validation, and warn of components that are chance."""
        for name in ("cv_results_", "held_out_correlations_"):
            vars(self).pop(name, None)
        if not paths:
            return
        points = [(component, one) for component, path in enumerate(paths) for one in path]
        columns = {
            "component": [component for component, _ in points],
            "x_l1": [one.l1[0] for _, one in points],
            "y_l1": [one.l1[1] for _, one in points],
            "correlation": [one.correlation for _, one in points],
            "standard_error": [one.standard_error for _, one in points],
            "x_selected": [one.n_selected[0] for _, one in points],
            "y_selected": [one.n_selected[1] for _, one in points],
        }
        self.cv_results_ = {name: np.array(values) for name, values in columns.items()}
        chosen = np.array([choose(path).correlation for path in paths])
        self.held_out_correlations_ = pad(chosen, self.n_components_)
        for component, path in enumerate(paths):
            best = best_of(path)
            if best.correlation <= best.chance:
                warn(
                    f"The held-out correlation of component {component} is at most "
                    f"{best.correlation:.2f}, and unrelated views may reach {best.chance:.2f} by "
                    "chance. Do not interpret the columns that it selects.",
                    ChanceCorrelationWarning,
                )

    def _warn_unfinished(self, found):
        """Warn of components that are not stable, and of those that were not found."""
        for component, one in enumerate(found):
            if not one.converged:
                warn(
                    f"The variates of component {component} still change after "
                    f"max_iter={self.max_iter} alternations. Increase `max_iter` or `tol`, or set a "
                    "larger `l1` or `reg`.",
                    ConvergenceWarning,
                )
        n_missing = self.n_components_ - len(found)
        if n_missing:
            warn(
                f"No covariance between the views is left after {len(found)} components. The last "
                f"{n_missing} components have correlation 0 and weights of 0. Set n_components to a "
                "smaller number.",
                RankWarning,
            )

    def _set_solution(self, x, y, fit, found):
        """Set the fitted attributes."""
        k = self.n_components_
        zx, zy = pad(fit.x.variates, k), pad(fit.y.variates, k)
        x_loadings, y_loadings = fit.x.covariance(zx), fit.y.covariance(zy)
        sign = component_signs(x_loadings)
        l1, n_iter, _, x_sparse, y_sparse = zip(*found, strict=True) if found else [[]] * 5
        self.l1_ = np.pad(np.reshape(l1, (-1, 2)), ((0, k - len(found)), (0, 0)))
        self.n_iter_ = pad(np.array(n_iter, dtype=int), k)
        self.canonical_correlations_ = np.clip(np.sum(zx * zy, axis=0) / fit.x.degrees, 0.0, 1.0)
        self.x_mean_, self.x_scale_ = x.mean, x.scale
        self.y_mean_, self.y_scale_ = y.mean, y.scale
        self.x_support_, self.y_support_ = _support(x, x_sparse, k), _support(y, y_sparse, k)
        self.x_weights_ = _own_units(fit.x, x.scale, k) * sign
        self.y_weights_ = _own_units(fit.y, y.scale, k) * sign
        self.x_loadings_ = np.clip(x_loadings, -1.0, 1.0) * sign
        self.y_loadings_ = np.clip(y_loadings, -1.0, 1.0) * sign
        # Variates are uncorrelated and have variance 1, so these covariances are coefficients.
        self._x_of_variates = x.scale[:, None] * fit.x.covariance(zy) * sign
        self._y_of_variates = y.scale[:, None] * fit.y.covariance(zx) * sign

    def _project_x(self, X):
        return _project(X, self.x_mean_, self.x_weights_)

    def _project_y(self, y):
        return _project(y, self.y_mean_, self.y_weights_)


class _Component(NamedTuple):
    """Thresholds, number of alternations and weights of the deflated columns of a component."""

    l1: tuple[float, float]
    n_iter: int
    converged: bool
    x_weights: np.ndarray
    y_weights: np.ndarray


@contextmanager
def _quiet_regressions():
    """Ignore warnings of single regressions; variates that are not stable are reported instead.

    This is not done for each regression, because filters of warnings are shared by all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _pair(name, value, is_allowed, rule):
    """Return the values of both views, or raise ValueError."""
    is_pair = isinstance(value, (tuple, list)) or np.ndim(value) > 0
    pair = tuple(value) if is_pair else (value, value)
    plain = all(isinstance(one, str | Real) for one in pair)
    if len(pair) != 2 or not plain or not all(is_allowed(one) for one in pair):
        raise ValueError(f"`{name}` must be {rule}, got {value!r}.")
    return tuple(one if isinstance(one, str) else float(one) for one in pair)


def _warn_perfect(x, y, reg):
    """Warn if correlations are 1 whatever the data are, because nothing limits the weights."""
    views = [
        SimpleNamespace(rank=np.linalg.matrix_rank(view.values), reg=own)
        for view, own in zip((x, y), reg, strict=True)
    ]
    remedy = "Set l1='cv', or a ridge, such as reg=0.1."
    warn_perfect_correlations(views, len(x.values), remedy)


def _finish(folds, point):
    """End a component of all folds at a point of their path."""
    for fold, weights in zip(folds, point.weights, strict=True):
        fold.finish(tuple(own.toarray()[0] for own in weights))


def _support(view, weights, k):
    """Return the columns that each component selects, as a mask."""
    found = np.reshape(weights, (-1, len(view.mean))).T != 0
    return np.pad(found, ((0, 0), (0, k - found.shape[1])))


def _own_units(columns, scale, k):
    """Return the weights of columns in their own units."""
    return pad(columns.weights * (columns.inverse / scale)[:, None], k)


def _project(view, mean, weights):
    """Return the variates, from the columns that have a weight."""
    chosen = np.flatnonzero(weights.any(axis=1))
    variates = (view[:, chosen] - mean[chosen]) @ weights[chosen]
    return variates.astype(view.dtype, copy=False)
