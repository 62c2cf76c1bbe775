"""Compute confidence intervals of canonical correlations and of loadings."""

from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils import Bunch, check_random_state

from skdcca._cca import ridges_of, singular_views
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_integer, check_number, check_pairs
from skdcca.inference._corrected import corrected_correlations, shrunken_correlations
from skdcca.inference._folds import check_groups, check_model, fitted, variates
from skdcca.inference._held_out import fit_groups, held_out_correlations, refuse_few_rows
from skdcca.inference._linear_fit import linear_fit, linear_held_out
from skdcca.inference._loadings import VIEW_NAMES, Coordinates, loading_intervals, row_weights
from skdcca.inference._reduced import correlations_of_views
from skdcca.inference._residualizer import Residualizer
from skdcca.inference._searched import warn_searched_components
from skdcca.metrics import variate_correlations


def canonical_correlation_intervals(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    level: float = 0.95,
    confounds: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    cv: Any = None,
    n_resamples: int = 400,
    random_state: int | RandomState | None = None,
    verbose: int = 0,
) -> Bunch:
    r"""Return canonical correlations and loadings with their uncertainty.

    The correlations of the training rows are too large, and the more so the more columns the views
    have. For a `LinearCCA` with ``reg=0``, this function returns the estimated correlations of the
    population with confidence intervals, and which of them can be distinguished from chance. For all
    other models it returns correlations on held-out rows, with their spread over folds. The loadings of
    a `LinearCCA` have intervals with any ridge. The estimator itself is not changed.

    Parameters
    ----------
    estimator : estimator
        Fitted or unfitted model: a `LinearCCA`, any other two-view model, a `Pipeline` that ends in
        one, or a search over either. The default of `LinearCCA` has a ridge; set ``reg=0`` to get
        intervals of the correlations. The number of components is that of the estimator.
    X : array-like or list of length n_samples
        First view, as the estimator takes it.
    y : array-like or list of length n_samples
        Second view. Row i of X and row i of y are the same sample.
    level : float, default=0.95
        Coverage of the confidence intervals, in (0, 1).
    confounds : array-like of shape (n_samples, n_confounds), default=None
        Variables that are regressed out of both views (partial CCA): in the data, in the training rows
        of each fold and in each resample. The steps of a Pipeline and `y_transformer` are fitted to all
        rows. For models that are not linear, put a `Residualizer` in the Pipeline instead; such a
        Pipeline has held-out correlations only.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, such as its subject or artist, if rows of one group are not independent.
        Folds and resamples then consist of whole groups. Intervals of correlations need independent
        rows, so that groups lead to held-out correlations with any model.
    cv : int, splitter or iterable, default=None
        Number of folds of the held-out correlations, >= 2, into which the rows or groups are shuffled
        with a fixed seed; a splitter of scikit-learn; or pairs of arrays with training and test rows.
        Each fold needs three or more held-out rows. If None, there are 5 folds, or ``n_samples // 3``
        with fewer than 15 rows.
    n_resamples : int, default=400
        Number of resamples for the intervals of loadings, >= 2.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples. Pass an int for reproducible intervals.
    verbose : int, default=0
        A value above 0 shows progress bars over folds and resamples.

    Returns
    -------
    result : sklearn.utils.Bunch
        For every model:

        - ``correlations``: array of shape (n_components,), the correlations of the training rows.

        For a linear model with ``reg=0`` and without groups:

        - ``corrected``: correlations without the bias of the training rows, of shape (n_components,);
          0 for components that are not detected;
        - ``low``, ``high``: limits of their confidence intervals; `low` is 0 for components that are
          not detected;
        - ``detected``: whether the interval of a component and those of all components before it are
          above 0, as booleans;
        - ``threshold``: correlation of the population up to which a first component is hard to
          distinguish from chance. It depends on the numbers of rows and columns only; it is 0 if a view
          has a single column, and 1 with too few rows.

        For all other models and with groups:

        - ``held_out``: array of shape (n_splits, n_components), the correlations of the held-out rows
          of each fold;
        - ``held_out_mean``, ``held_out_std``: mean and standard deviation over the folds. The
          deviation describes how much the correlation of one fold varies. It is not a standard error,
          because folds share their training rows.

        For a linear model with any ridge:

        - ``x_loadings``, ``x_cross_loadings``: correlations of the columns of X with the variates of X
          and of y, of shape (n_features, n_components); 0 for constant columns;
        - ``y_loadings``, ``y_cross_loadings``: correlations of the columns of y with the variates of y
          and of X;
        - the same names with ``_low`` and ``_high`` appended: limits of their confidence intervals;
        - ``feature_names_x``, ``feature_names_y``: names of the columns, or None if they have none.

    Raises
    ------
    TypeError
        If `estimator` is not an instance of an estimator.
    ValueError
        If a parameter or a view is invalid, if a fold has fewer than three held-out rows, if there are
        too few rows for two such folds, or if `confounds` are given for a model that is not linear or
        that contains a `Residualizer`.

    Warns
    -----
    PerfectCorrelationWarning
        If some correlations are 1 whatever the data are. Nothing is detected then.
    ComponentSearchWarning
        If `estimator` is a search over `n_components`.
    RankWarning
        If `n_components` exceeds the rank of a view. The result then has as many components as the
        rank.

    See Also
    --------
    canonical_correlation_test : Test of which correlations are significant.
    canonical_summary : Tables of everything that is printed after an analysis.
    weight_stability : Agreement of the components of two halves of the rows.

    Notes
    -----
    *Corrected correlations.* Let n be the number of rows after centering, c and d the numbers of columns
    of the views, each less 1 and divided by n, and s a squared correlation of the population. In the
    limit of many rows and columns, the squared sample correlation is [1]_

    .. math:: \frac{(s (1 - c) + c) (s (1 - d) + d)}{s}
        \quad\text{if}\quad s > s_0 = \sqrt{\frac{c}{1 - c} \frac{d}{1 - d}},

    and otherwise the largest one of unrelated views. The correction is the inverse of this function. The
    estimate of s has the variance

    .. math:: \frac{2 s^2 (1 - s)^2}{n (s^2 - s_0^2)}
        \left(2 s + \frac{c}{1 - c} + \frac{d}{1 - d}\right),

    which is the classical :math:`4 s (1 - s)^2 / n` without columns of noise. Because it is infinite at
    :math:`s_0`, the interval is computed on the scale on which the variance is constant; without
    columns of noise this is Fisher's z. A component is detected if its interval is above :math:`s_0`.
    For the k-th component, n and the numbers of columns are reduced by k - 1. The rows must be
    independent and approximately normal; heavy tails make the true intervals wider. In simulations of
    100 to 500 rows and 4 to 100 columns, the intervals of level 0.95 covered the true correlation in 93
    to 100 % of the cases, but in only 88 to 94 % if two correlations of the population were exactly
    equal.

    *Loadings.* Rows, or whole groups, are drawn with replacement, and the model is solved again in each
    resample, with the ridges and the scales of the original one. Components keep their order and
    have the signs that correlate positively with the original components. The half-width of an
    interval is the root mean squared difference from the original loading, on the scale of Fisher's z,
    times a normal quantile; percentiles of the resamples would count the bias of loadings twice. The
    intervals of cross-loadings are centered on the loading times the corrected correlation, and may not
    contain the cross-loading of the training rows. If a component is not detected, they reach from 0 or
    the lower limit of the loading to its upper limit, times the upper bound of the correlation. Two
    components with nearly equal correlations have wide intervals, because they change places.

    References
    ----------
    .. [1] Z. Bao, J. Hu, G. Pan and W. Zhou, "Canonical correlation coefficients of high-dimensional
       Gaussian vectors: finite rank case", Annals of Statistics 47 (2019).

    Examples
    --------
    Two views of 200 rows with 20 columns each share one factor. The second component is chance:

    >>> import numpy as np
    >>> from skdcca import LinearCCA, canonical_correlation_intervals
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(2, 200, 20))
    >>> y[:, 0] = 0.7 * X[:, 0] + np.sqrt(1 - 0.7**2) * y[:, 0]
    >>> result = canonical_correlation_intervals(LinearCCA(2, reg=0), X, y, random_state=0)
    >>> result.correlations.round(2), result.corrected.round(2), result.detected
    (array([0.75, 0.52]), array([0.67, 0.  ]), array([ True, False]))
    >>> print(f"{result.low[0]:.2f} to {result.high[0]:.2f}")
    0.57 to 0.75

    With the ridge of the default, the held-out correlations agree:

    >>> canonical_correlation_intervals(LinearCCA(2), X, y).held_out_mean.round(1)
    array([ 0.6, -0.1])
    """
    check_model("estimator", estimator)
    check_pairs(X, y)
    check_number("level", level, gt=0, lt=1)
    check_integer("n_resamples", n_resamples, ge=2)
    rng = check_random_state(random_state)
    groups = check_groups(groups, X)
    warn_searched_components(estimator)
    fit = None
    if confounds is not None or not _has_residualizer(estimator):
        fit = linear_fit(estimator, X, y, confounds)
    if fit is None:
        _refuse_confounds(confounds)
        return _result_of_any(estimator, X, y, cv, groups, verbose)
    corrected = None
    if groups is None and not any(ridges_of(fit.unfitted)):
        result, corrected = _classical_result(fit, level)
    else:
        result = _result_of_linear(fit, estimator, X, y, cv, groups, verbose)
    loadings = _loading_intervals(
        fit,
        row_weights(rng, num_samples(X), groups),
        level=level,
        n_resamples=n_resamples,
        correlations=corrected,
        verbose=verbose,
    )
    result.update(loadings)
    if corrected is not None:
        _widen_undetected(result)
    return result


def _result_of_any(estimator, X, y, cv, groups, verbose):
    """Return the correlations of an estimator that need not be linear."""
    held_out = held_out_correlations(estimator, X, y, cv=cv, groups=groups, verbose=verbose)
    params = fit_groups(estimator, groups)
    model = fitted(estimator, X, y, np.arange(num_samples(X)), params)
    return _held_out_result(variate_correlations(*variates(model, X, y)), held_out)


def _result_of_linear(fit, estimator, X, y, cv, groups, verbose):
    """Return the correlations of a linear model for which there are no corrected ones."""
    held_out = linear_held_out(fit, estimator, X, y, cv=cv, groups=groups, verbose=verbose)
    if held_out is None:
        refuse_few_rows(X, groups)
    k = fit.n_components
    return _held_out_result(variate_correlations(fit.zx[:, :k], fit.zy[:, :k]), held_out)


def _held_out_result(correlations, held_out):
    """Return the correlations of the training rows and of the held-out rows of each fold."""
    if len(held_out) < 2:
        raise ValueError("`cv` must have two or more splits, got 1. Use more folds.")
    return Bunch(
        correlations=correlations,
        held_out=held_out,
        held_out_mean=held_out.mean(axis=0),
        held_out_std=held_out.std(axis=0, ddof=1),
    )


def _classical_result(fit, level):
    """Return the correlations with their intervals, and the corrected ones of all components."""
    x_view, y_view = fit.views
    correlations = correlations_of_views(x_view, y_view)[: fit.n_components]
    size = fit.n, x_view.rank, y_view.rank
    result = Bunch(correlations=correlations)
    result.update(corrected_correlations(correlations, *size, level))
    return result, shrunken_correlations(correlations, *size)


def _loading_intervals(fit, draw, **kwargs):
    """Return the loadings with their intervals, and the names of the columns."""
    views, confounds = fit.views, None
    if fit.confounds is not None:  # the rows of the reduced views are not those of the data
        views = singular_views(fit.model, fit.X, fit.y)
        confounds = _uncorrelated(fit.confounds)
    views = [Coordinates(view) for view in views]
    result = loading_intervals(views, fit.n_components, draw, confounds=confounds, **kwargs)
    result.update(feature_names_x=fit.x_names, feature_names_y=fit.y_names)
    return result


def _widen_undetected(result):
    """Set the limits of cross-loadings of components whose correlation may be 0.

    A cross-loading is the loading times the correlation, which is between 0 and its upper bound.
    """
    for view in VIEW_NAMES:
        low, high = result[f"{view}_loadings_low"], result[f"{view}_loadings_high"]
        limits = np.minimum(low, 0) * result.high, np.maximum(high, 0) * result.high
        for name, limit in zip(("low", "high"), limits, strict=True):
            current = result[f"{view}_cross_loadings_{name}"]
            result[f"{view}_cross_loadings_{name}"] = np.where(result.detected, current, limit)


def _has_residualizer(estimator):
    """Return True if the estimator removes confounds, which the intervals would have to know."""
    return any(isinstance(value, Residualizer) for value in estimator.get_params().values())


def _refuse_confounds(confounds):
    if confounds is not None:
        raise ValueError(
            "`confounds` need a LinearCCA, or a Pipeline that ends in one. For other models, put a "
            "skdcca.Residualizer in the Pipeline, and set it as y_transformer."
        )


def _uncorrelated(confounds):
    """Return uncorrelated linear combinations of the confounds, with variance 1."""
    centered = confounds - confounds.mean(axis=0)
    peak = np.abs(centered).max(axis=0)
    centered = centered / np.where(peak > 0, peak, 1.0)
    return linalg.orth(centered) * np.sqrt(len(centered))
