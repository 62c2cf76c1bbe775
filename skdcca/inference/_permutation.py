"""Test the significance of canonical correlations by permutations."""

from typing import Any, Literal

import numpy as np
from numpy.random import RandomState
from scipy import linalg
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from tqdm import tqdm

from skdcca._cca import LinearCCA, singular_views, warn_perfect_correlations
from skdcca._utils.sklearn_compat import num_samples, safe_indexing
from skdcca._utils.validation import check_integer, check_option, check_pairs
from skdcca.inference._parametric import wilks_test
from skdcca.metrics import embed, variate_correlations

# Equal correlations, as after a permutation that changes nothing, may differ by this rounding error.
_ROUNDING = 1e-10


def canonical_correlation_test(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: Literal["permutation", "wilks"] = "permutation",
    n_permutations: int = 1000,
    random_state: int | RandomState | None = None,
    verbose: int = 0,
) -> Bunch:
    r"""Test which canonical correlations are significant.

    The null hypothesis of component k is that the views are unrelated except for the first k - 1
    components. The number of p-values below your level, such as 0.05, is the number of components
    to keep. The estimator itself is not changed.

    Parameters
    ----------
    estimator : estimator
        Fitted or unfitted model: a `LinearCCA`, another estimator with ``fit(X, y)`` and
        ``transform(X, y)``, a `Pipeline` that ends in a model of skdcca, or a search over one. All
        estimators other than `LinearCCA` are refitted for every permutation.
    X : array-like or list of length n_samples
        First view, as the estimator takes it. For a `LinearCCA`, a sparse X is made dense.
    y : array-like or list of length n_samples
        Second view. Row i of X and row i of y are the same sample.
    method : {"permutation", "wilks"}, default="permutation"
        - ``"permutation"`` compares the correlations with the correlations after y is shuffled. The
          pairs must be exchangeable; rows of a time series or several songs by one artist are not.
        - ``"wilks"`` is the classical likelihood ratio test, which is much faster. It needs a
          `LinearCCA` with ``reg=0``, normally distributed errors, and more rows than columns.
    n_permutations : int, default=1000
        Number of permutations, >= 1. The smallest possible p-value is ``1 / (1 + n_permutations)``.
        Not used by "wilks".
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations. Pass an int for reproducible p-values. Not used by "wilks".
    verbose : int, default=0
        A value above 0 shows a progress bar over the permutations.

    Returns
    -------
    result : sklearn.utils.Bunch
        Arrays of shape (n_components,), one value for each component:

        - ``correlations``: canonical correlations, in descending order;
        - ``p_values``: p-values of the permutation test, which never decrease from one component to
          the next; with "wilks", p-values of Rao's F statistic.

        With "wilks", there are also:

        - ``wilks``: Wilks' lambda;
        - ``chi2``, ``chi2_df``, ``chi2_p_values``: Bartlett's approximation [2]_;
        - ``f``, ``f_df1``, ``f_df2``: Rao's approximation [3]_, which is exact if a view has at most two
          dimensions left after removing the previous components.

    Raises
    ------
    TypeError
        If `estimator` is not an estimator, or if "wilks" is used without a `LinearCCA`.
    ValueError
        If a parameter is out of range, if the views have different numbers of rows, or if "wilks" is
        used with a ridge or with too few rows.

    Warns
    -----
    PerfectCorrelationWarning
        If a `LinearCCA` without a ridge has correlations that are 1 whatever the data are. Their
        p-values are then 1.

    See Also
    --------
    skdcca.variance_explained : Fraction of the variance of a view that its variates explain.

    Notes
    -----
    *For a LinearCCA*, the permutation test is stepwise [1]_: for component k, the variates from the
    k-th on are shuffled, and their largest canonical correlation is computed again. A strong first
    component therefore neither makes the second one significant nor hides it. The p-value is

    .. math:: p_k = \max_{j \le k} \; \frac{1 + \#\{\text{permutations with } r^*_j \ge r_j\}}
        {1 + n_\mathrm{permutations}}.

    No refit is needed, and `y_transformer` is fitted only once, before the permutations. With a ridge,
    the correlations are the values of the objective, as in `canonical_correlations_`. The test is exact
    for the first component and approximate for later ones: in simulations with one strong component, a
    second, random one was rejected at level 0.05 in 5 to 7 of 100 cases. The rate is higher with few
    rows (20) or with a ridge.

    *Other estimators* are refitted for each permutation, and every component is compared with the
    largest correlation of that permutation. This controls the family-wise error and is conservative
    for all components except the first. The correlations are computed on the training rows. For an
    estimator with many parameters they are close to 1 with any data, and the test then has no
    power.

    *Wilks' lambda* of component k is

    .. math:: \Lambda_k = \prod_{j \ge k} (1 - r_j^2)

    where j runs over all canonical correlations of the data, even if `n_components` is smaller.

    References
    ----------
    .. [1] A. M. Winkler, O. Renaud, S. M. Smith and T. E. Nichols, "Permutation inference for
       canonical correlation analysis", NeuroImage 220 (2020).
    .. [2] M. S. Bartlett, "The statistical significance of canonical correlations", Biometrika 32
       (1941).
    .. [3] C. R. Rao, "An asymptotic expansion of the distribution of Wilks' criterion", Bulletin of
       the International Statistical Institute 33 (1951).

    Examples
    --------
    Three exercises and three body measurements of 20 men share at most one component. At level 0.05 the
    permutation test finds it significant, but Wilks' test narrowly does not:

    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, canonical_correlation_test
    >>> X, y = load_linnerud(return_X_y=True)
    >>> result = canonical_correlation_test(LinearCCA(reg=0), X, y, random_state=0)
    >>> result.correlations.round(2)
    array([0.8 , 0.2 , 0.07])
    >>> result.p_values < 0.05
    array([ True, False, False])
    >>> canonical_correlation_test(LinearCCA(reg=0), X, y, method="wilks").p_values.round(2)
    array([0.06, 0.95, 0.77])
    """
    check_pairs(X, y)
    check_option("method", method, ("permutation", "wilks"))
    if method == "wilks":
        return wilks_test(estimator, X, y)
    check_integer("n_permutations", n_permutations)
    _check_estimator(estimator)
    rng = check_random_state(random_state)
    statistics = _linear_statistics if isinstance(estimator, LinearCCA) else _refit_statistics
    correlations, largest = statistics(estimator, X, y)
    reached = np.zeros(len(correlations))
    shown = {"desc": "permutations", "unit": "permutation", "disable": not verbose}
    for _ in tqdm(range(n_permutations), **shown):
        order = rng.permutation(num_samples(y))
        reached += largest(order) >= correlations - _ROUNDING
    p_values = np.maximum.accumulate((1 + reached) / (1 + n_permutations))
    return Bunch(correlations=correlations, p_values=p_values)


def _check_estimator(estimator):
    able = all(hasattr(estimator, method) for method in ("get_params", "fit"))
    if isinstance(estimator, type) or not able:
        raise TypeError(
            f"`estimator` must be an estimator of two views, got {estimator!r}. Pass an instance, "
            "such as LinearCCA(), not a class."
        )


def _linear_statistics(estimator, X, y):
    """Return the correlations of a `LinearCCA`, and a function for the permutations of y.

    The function takes the order of the rows of y. It returns, for each component, the largest
    correlation of this and all later components.
    """
    zx, zy = _whitened(estimator, X, y)
    # Full matrices keep the directions of the larger view without a partner, which also correlate by
    # chance.
    x_turn, correlations, y_turn = linalg.svd(zx.T @ zy)
    correlations = np.clip(correlations, 0.0, 1.0)[: estimator.n_components]
    zx, zy = zx @ x_turn, zy @ y_turn.T

    def largest(order):
        cross = zx.T @ zy[order]
        return np.array([np.linalg.norm(cross[k:, k:], 2) for k in range(len(correlations))])

    return correlations, largest


def _whitened(estimator, X, y):
    """Return the whitened directions of both views, shrunk by the ridge."""
    x_view, y_view = singular_views(estimator, X, y)
    remedy = "Use LinearCCA(), which has a ridge, or pass fewer columns."
    warn_perfect_correlations((x_view, y_view), len(x_view.left), remedy)
    return x_view.left * x_view.shrink, y_view.left * y_view.shrink


def _refit_statistics(estimator, X, y):
    """Return the correlations of any estimator, and a function for the permutations of y.

    The function takes the order of the rows of y. It returns the largest correlation after a refit,
    with which all components are compared.
    """

    def refit(order):
        shuffled = safe_indexing(y, order)
        if hasattr(y, "set_axis"):  # the labels of a pandas object stay with those of X
            shuffled = shuffled.set_axis(y.index)
        zx, zy = _variates(clone(estimator).fit(X, shuffled), X, shuffled)
        return np.sort(variate_correlations(zx, zy))[::-1]

    def largest(order):
        return refit(order)[0]

    return refit(np.arange(num_samples(y))), largest


def _variates(model, X, y):
    if hasattr(model, "named_steps") or hasattr(model, "best_estimator_"):
        return embed(model, X, y)
    return model.transform(X, y)
