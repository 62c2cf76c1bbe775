"""Summarize a canonical correlation analysis, as statistical programs print it."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skdcca._cca import LinearCCA, ridges_of
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_number, check_pairs
from skdcca.inference._corrected import corrected_correlations
from skdcca.inference._folds import check_groups, check_model
from skdcca.inference._linear_fit import linear_fit, linear_held_out
from skdcca.inference._parametric import multivariate_tests, wilks_statistics
from skdcca.inference._reduced import correlations_of_views
from skdcca.inference._summary_html import as_html
from skdcca.inference._summary_tables import WIDTH, as_text, counted, tables_of
from skdcca.inference._summary_views import view_summary
from skdcca.metrics import variate_correlations

if TYPE_CHECKING:
    import pandas as pd

_RIDGE = (
    "No F tests and no corrected correlations: a ridge changes the distribution of the correlations. "
    "See the held-out correlations, and canonical_correlation_test for p-values.",
    "With a ridge, the variates of a view are correlated, so that the fractions of variance overlap. "
    "The cumulative ones, communalities and R2 are those of regressions on the variates together.",
)
_FEW_ROWS = (
    "No F tests and no corrected correlations: they need more rows than the sum of the ranks of both "
    "views. See the held-out correlations, and use LinearCCA() with its ridge."
)
_GROUPS = (
    "No F tests and no corrected correlations: they need independent rows, which rows of a group are "
    "not. See the held-out correlations, and canonical_correlation_test with `blocks` for p-values."
)
_FEW_FOLDS = (
    "No held-out correlations: too few rows or groups for two folds with three or more rows."
)
# Below this, 1 - r^2 is a rounding error.
_ROUNDING = 1e-12
_ASSUMED = "The F tests assume independent rows and normal errors."


@dataclass(frozen=True, repr=False)
class CanonicalSummary:
    """Everything that is printed after a canonical correlation analysis.

    It is returned by `canonical_summary`. ``print(summary)`` prints aligned tables, a notebook shows
    HTML tables, and `to_frames` returns pandas objects.

    Parameters
    ----------
    estimator : LinearCCA
        The model that was fitted to the rows, after the steps of a Pipeline.
    n_samples : int
        Number of rows.
    n_effective : int
        Number of rows minus the rank of the confounds.
    ranks : tuple of int
        Ranks of both views, p and q.
    correlations : ndarray of shape (min(p, q),)
        All canonical correlations of the rows, even if `n_components` of the estimator is smaller.
        With a ridge, they are the values of the objective, and there are n_components of them.
    variate_correlations : ndarray of shape (n_components,)
        Correlations of the pairs of variates. They differ from `correlations` only with a ridge.
    eigenvalues : ndarray of shape (min(p, q),) or None
        Squared correlation divided by 1 minus itself. None with a ridge.
    proportions : ndarray of shape (min(p, q),) or None
        Fraction of the sum of the eigenvalues. None with a ridge.
    corrected, corrected_low, corrected_high : ndarray of shape (min(p, q),) or None
        Correlations corrected for the number of columns, and their intervals; see
        `canonical_correlation_intervals`. None with a ridge, with groups or with few rows.
    detected : ndarray of shape (min(p, q),) of bool or None
        Whether the interval of a correlation, and those of all correlations before it, are above 0. If
        not, the corrected correlation is 0.
    threshold : float or None
        Correlation of the population up to which a first component is hard to distinguish from chance,
        with these numbers of rows and columns. It is 0 if a view has a single column.
    level : float
        Level of the intervals.
    held_out : ndarray of shape (n_splits, n_components) or None
        Correlations of the variates on the held-out rows of each fold. None with too few rows for two
        folds, unless they are given.
    tests : dict of ndarray or None
        Tests that a correlation and all later ones are 0: "wilks", "f", "f_df1", "f_df2", "p_values",
        "chi2", "chi2_df" and "chi2_p_values". None with a ridge, with groups or with few rows.
    multivariate_tests : dict of Bunch or None
        Tests that all correlations are 0: "wilks", "pillai", "hotelling_lawley" and "roy", each with
        `statistic`, `f`, `df1`, `df2` and `p_value`.
    x, y : Bunch
        Tables of each view:

        - ``names``: names of its columns;
        - ``weights``, ``standardized_weights``: weights of the columns in their own units, and of
          standardized columns, of shape (n_features, n_components);
        - ``loadings``, ``cross_loadings``: correlations of the columns with the variates of the view
          and of the other view;
        - ``communalities``: fraction of the variance of each column that all variates of the view
          explain;
        - ``r2``: fraction of the variance of each column that the first k variates of the other view
          explain;
        - ``variance_explained``, ``redundancy``: fraction of the variance of the standardized columns
          that each variate of the view, and of the other view, explains;
        - ``variance_explained_cumulative``, ``redundancy_cumulative``: the same of the first k
          variates together;
        - the last four names with ``_raw``: the same for columns in their own units.
    notes : tuple of str
        What the tables lack, and why.

    See Also
    --------
    canonical_summary : Function that computes the summary.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, canonical_summary
    >>> exercise, body = load_linnerud(return_X_y=True, as_frame=True)
    >>> summary = canonical_summary(LinearCCA(reg=0), exercise, body)
    >>> summary.x.cross_loadings[:, 0].round(2)
    array([0.58, 0.65, 0.13])
    """

    estimator: LinearCCA
    n_samples: int
    n_effective: int
    ranks: tuple[int, int]
    correlations: NDArray
    variate_correlations: NDArray
    eigenvalues: NDArray | None
    proportions: NDArray | None
    corrected: NDArray | None
    corrected_low: NDArray | None
    corrected_high: NDArray | None
    detected: NDArray | None
    threshold: float | None
    level: float
    held_out: NDArray | None
    tests: dict[str, NDArray] | None
    multivariate_tests: dict[str, Bunch] | None
    x: Bunch
    y: Bunch
    notes: tuple[str, ...]

    @property
    def held_out_mean(self) -> NDArray | None:
        """Mean of the held-out correlations over the folds, of shape ``(n_components,)``."""
        return None if self.held_out is None else self.held_out.mean(axis=0)

    @property
    def held_out_std(self) -> NDArray | None:
        """Standard deviation of the held-out correlations over the folds; 0 for a single fold."""
        if self.held_out is None:
            return None
        return self.held_out.std(axis=0, ddof=min(1, len(self.held_out) - 1))

    def to_text(self) -> str:
        """Return the tables as text, at most 96 characters wide.

        A table has at most 20 rows, those with the largest loadings, and the first components that fit
        on a line. `to_frames` has all of them.

        Returns
        -------
        text : str
            The tables, as ``print(summary)`` prints them.
        """
        line = "=" * WIDTH
        title = "Canonical correlation analysis"
        parts = ["\n".join([title, line, *self._header()]), *map(as_text, tables_of(self))]
        return "\n\n".join([*parts, "\n".join([line, *self._wrapped_notes()])])

    def to_frames(self) -> dict[str, pd.DataFrame]:
        """Return the tables as pandas objects, with all rows and columns.

        Returns
        -------
        frames : dict of str to DataFrame
            Tables by their names, such as "correlations", "tests" or "x_loadings". Their rows are the
            columns of a view, or components, counted from 1.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        with needed_by("CanonicalSummary.to_frames"):
            import pandas as pd
        return {
            table.key: pd.DataFrame(
                {column.name: column.values for column in table.columns}, index=table.index
            )
            for table in tables_of(self)
        }

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return as_html(self._header(), tables_of(self), self.notes)

    def _header(self):
        (p, q), k = self.ranks, len(self.variate_correlations)
        widths = [counted(len(view.names), "column") for view in (self.x, self.y)]
        lines = [
            f"Rows: {self.n_samples}, components: {k} of {min(p, q)}",
            f"X: {widths[0]}, rank {p}; y: {widths[1]}, rank {q}",
        ]
        if any(self.estimator.reg_):
            lines.append("Ridges of X and y: {:.4g}, {:.4g}".format(*self.estimator.reg_))
        if (removed := self.n_samples - self.n_effective) > 0:
            lines.append(f"Independent confounds, removed from both views: {removed}")
        return lines

    def _wrapped_notes(self):
        return [line for note in self.notes for line in wrap(note, WIDTH)]


def canonical_summary(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    confounds: Any = None,
    cv: Any = None,
    groups: Any = None,
    level: float = 0.95,
) -> CanonicalSummary:
    r"""Summarize a canonical correlation analysis of the given rows.

    The summary has what SAS, SPSS, Stata and R print: correlations, tests, weights, loadings,
    cross-loadings, variance explained and redundancy. It also has the correlations corrected for the
    number of columns and those of held-out rows, because the correlations of the training rows are too
    large. A clone of the estimator is fitted to the rows; the estimator itself is not changed.

    Parameters
    ----------
    estimator : estimator
        Fitted or unfitted `LinearCCA`, or a `Pipeline` that ends in one and whose other steps do not
        depend on y. With ``reg=0`` the summary is complete; a ridge leaves no F tests and no corrected
        correlations.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        First view.
    y : {array-like, sparse matrix} of shape (n_samples, n_features_y) or input of `y_transformer`
        Second view.
    confounds : array-like of shape (n_samples, n_confounds), default=None
        Variables that are removed from both views by linear regression (partial CCA). All
        correlations, weights and variances are then those of the residuals.
    cv : int, splitter or iterable, default=None
        Number of folds of the held-out correlations, >= 2, into which the rows or groups are shuffled
        with a fixed seed; a splitter of scikit-learn; or pairs of arrays with training and test rows.
        Each fold needs three or more held-out rows. If None, there are 5 folds, ``n_samples // 3`` with
        fewer than 15 rows, and no held-out correlations with fewer than 6 rows.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, such as its subject or artist, if rows of one group are not independent.
        Folds then consist of whole groups. F tests and corrected correlations need independent rows, so
        that the summary has neither.
    level : float, default=0.95
        Level of the intervals of the corrected correlations, in (0, 1).

    Returns
    -------
    summary : CanonicalSummary
        The figures as arrays. ``print(summary)`` prints them as text, a notebook shows HTML tables, and
        ``summary.to_frames()`` returns pandas objects.

    Raises
    ------
    TypeError
        If `estimator` is not a `LinearCCA` or a Pipeline as described.
    ValueError
        If a parameter or a view is invalid, if a given fold has fewer than three held-out rows, if
        confounds leave too few rows, or if the estimator
        contains a `Residualizer`, whose confounds must be passed as `confounds`.

    Warns
    -----
    PerfectCorrelationWarning
        If some correlations are 1 whatever the data are.
    RankWarning
        If `n_components` exceeds the rank of a view. The summary then has as many components as the
        rank.

    See Also
    --------
    skdcca.canonical_correlation_test : Permutation tests of any estimator.
    skdcca.canonical_correlation_intervals : Intervals of correlations and loadings.
    skdcca.variance_explained : Fraction of variance that variates explain, on any rows.

    Notes
    -----
    The variates have variance 1, with the divisor n - 1, or n - 1 less the number of independent
    confounds. Signs are those of `LinearCCA`. SAS, R and MATLAB may print both variates of a pair with
    the opposite sign.

    Let :math:`r_k` be the correlations and n the number of rows less the number of independent
    confounds. The eigenvalues are :math:`r_k^2 / (1 - r_k^2)`. The tests are Wilks' lambda with the F
    of Rao and the chi-squared statistic of Bartlett, and for all components together also the traces
    of Pillai and of Hotelling and Lawley (with the F of McKeon) and Roy's largest root, as in SAS
    [1]_. They need normal errors, independent rows, and more rows than columns.

    The *redundancy* [2]_ of a view is the fraction of its variance that a variate of the other view
    explains: the mean of the squared cross-loadings, weighted by the variances of the columns if they
    are in their own units. With a ridge the variates of a view are correlated, so that the fractions
    overlap; the cumulative fractions, communalities and R2 are those of regressions on the first k
    variates together.

    With `confounds`, the held-out correlations regress them out again in each fold. The steps of a
    Pipeline and `y_transformer` are then fitted only once, to all rows.

    References
    ----------
    .. [1] SAS Institute, "The CANCORR procedure", SAS/STAT user's guide.
    .. [2] D. Stewart and W. Love, "A general canonical correlation index", Psychological Bulletin
       70 (1968).

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, canonical_summary
    >>> exercise, body = load_linnerud(return_X_y=True, as_frame=True)
    >>> summary = canonical_summary(LinearCCA(reg=0), exercise, body)
    >>> print(summary.to_frames()["correlations"].round(4))
       correlation  squared  eigenvalue  proportion  cumulative
    1       0.7956   0.6330      1.7247      0.9734      0.9734
    2       0.2006   0.0402      0.0419      0.0237      0.9970
    3       0.0726   0.0053      0.0053      0.0030      1.0000
    """
    check_model("estimator", estimator)
    check_pairs(X, y)
    check_number("level", level, gt=0, lt=1)
    groups = check_groups(groups, X)
    fit = linear_fit(estimator, X, y, confounds)
    if fit is None:
        raise TypeError(
            f"`estimator` must be a LinearCCA, got a {type(estimator).__name__}. Pass a LinearCCA or a "
            "Pipeline that ends in one; for others there is canonical_correlation_intervals."
        )
    figures = _figures(fit, groups, level)
    held_out = linear_held_out(fit, estimator, X, y, cv=cv, groups=groups)
    if held_out is None:
        figures["notes"] += (_FEW_FOLDS,)
    return _summary(fit, held_out, level, figures)


def _summary(fit, held_out, level, figures):
    k = fit.n_components
    zx, zy = fit.zx[:, :k], fit.zy[:, :k]
    return CanonicalSummary(
        estimator=fit.model,
        n_samples=len(fit.zx),
        n_effective=int(fit.n),
        ranks=tuple(int(view.rank) for view in fit.views),
        variate_correlations=variate_correlations(zx, zy),
        level=level,
        held_out=held_out,
        x=_view_summary(fit, "x", fit.X, zx, zy),
        y=_view_summary(fit, "y", fit.y, zy, zx),
        **figures,
    )


def _view_summary(fit, view, columns, own, other):
    """Return the summary of a view, whose variances have the divisor `fit.n` - 1."""
    # The model of residuals divides by the number of rows - 1.
    factor = np.sqrt((fit.n - 1) / (len(own) - 1))
    weights = getattr(fit.model, f"{view}_weights_")[:, : own.shape[1]] * factor
    deviation = getattr(fit.model, f"{view}_scale_") / factor
    names = fit[f"{view}_names"]
    if names is None:
        names = [f"{view}{i}" for i in range(len(weights))]
    return view_summary(columns, [str(name) for name in names], weights, deviation, own, other)


def _figures(fit, groups, level):
    """Return the correlations, and the tests and corrections that are possible."""
    names = (
        "eigenvalues proportions corrected corrected_low corrected_high detected threshold tests "
        "multivariate_tests"
    )
    figures = dict.fromkeys(names.split())
    if any(ridges_of(fit.unfitted)):
        correlations = fit.model.canonical_correlations_[: fit.n_components]
        return figures | {"correlations": correlations, "notes": _RIDGE}
    x_view, y_view = fit.views
    correlations = correlations_of_views(x_view, y_view)
    figures |= {"correlations": correlations, **_eigenvalues(correlations)}
    n, p, q = fit.n, x_view.rank, y_view.rank
    if groups is not None:
        return figures | {"notes": (_GROUPS,)}
    if n <= p + q:
        return figures | {"notes": (_FEW_ROWS,)}
    corrected = corrected_correlations(correlations, n, p, q, level)
    return figures | {
        "corrected": corrected.corrected,
        "corrected_low": corrected.low,
        "corrected_high": corrected.high,
        "detected": corrected.detected,
        "threshold": corrected.threshold,
        "tests": _tests(correlations, n, p, q),
        "multivariate_tests": multivariate_tests(correlations, n, p, q),
        "notes": (_ASSUMED,),
    }


def _tests(*arguments):
    """Return the tests of each component, without the correlations, which the summary has."""
    tests = wilks_statistics(*arguments)
    return {name: values for name, values in tests.items() if name != "correlations"}


def _eigenvalues(correlations):
    """Return the eigenvalues and their fractions of the sum; infinite ones share it."""
    remainder = 1 - correlations**2
    is_perfect = remainder < _ROUNDING
    eigenvalues = np.where(is_perfect, np.inf, correlations**2 / np.maximum(remainder, _ROUNDING))
    parts = is_perfect if is_perfect.any() else eigenvalues
    total = parts.sum()
    proportions = parts / total if total else np.zeros(len(parts))
    return {"eigenvalues": eigenvalues, "proportions": proportions}
