"""Test which canonical correlations are more than chance, by permutations."""

from typing import Any, Literal

import numpy as np
from numpy.random import RandomState
from scipy import linalg
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from tqdm import tqdm

from skdcca._cca import LinearCCA, check_reg, singular_views
from skdcca._utils.sklearn_compat import num_samples, safe_indexing
from skdcca._utils.validation import check_integer, check_option, check_same_length
from skdcca.inference._parametric import wilks_test
from skdcca.metrics import embed, variate_correlations

# Equal correlations, as of an order that changes nothing, may differ by rounding.
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
    """Test which canonical correlations are more than chance finds.

    The null hypothesis of component `k` is that the views share nothing except the components before
    it. The estimator is not changed: a clone is fitted to the given rows.

    Parameters
    ----------
    estimator : estimator
        `LinearCCA`, any estimator with ``fit(X, y)`` and ``transform(X, y)``, or a `Pipeline` that ends
        in a model of this package; fitted or not.
    X : array-like or list of n_samples rows
        The first view, as the estimator takes it.
    y : array-like or list of n_samples rows
        The second view.
    method : {"permutation", "wilks"}, default="permutation"
        "permutation" compares with the correlations of shuffled pairs. It assumes only that pairs are
        exchangeable, unlike those of a time series or of songs grouped by artist. "wilks" is the
        classical likelihood ratio test, for `LinearCCA` with ``reg=0``, normal errors and more rows
        than columns.
    n_permutations : int, default=1000
        Number of shuffles; the smallest possible p value is ``1 / (1 + n_permutations)``.
    random_state : int, RandomState instance or None, default=None
        Generator of the shuffles.
    verbose : int, default=0
        Above 0, show progress.

    Returns
    -------
    result : sklearn.utils.Bunch
        Arrays of shape (n_components,), where n_components is the number that the estimator asks for
        or, if it is smaller, the number of pairs that the data have:

        - ``correlations``: canonical correlations, descending;
        - ``p_values``: those of the permutations, never descending, or those of Rao's F;

        and, with "wilks", also

        - ``wilks``: Wilks' lambda, the product of ``1 - correlations**2`` from component `k` to the
          last that the data have;
        - ``chi2``, ``chi2_df``, ``chi2_p_values``: Bartlett's approximation;
        - ``f``, ``f_df1``, ``f_df2``: Rao's approximation, exact if one of the views has no more
          than two dimensions left.

    Raises
    ------
    TypeError
        If "wilks" is used with another estimator than a `LinearCCA`.
    ValueError
        If parameters are out of range, the views have different lengths, or "wilks" is used with a
        ridge or with too few rows.

    Notes
    -----
    For a `LinearCCA` the permutations are stepwise [1]_: those of component `k` shuffle all variates of
    the data from `k` on, so that a strong first component neither makes the second significant nor
    hides it. They need no refit. With a `y_transformer` the second view is transformed once, before the
    shuffles. With a ridge the correlations are those of its objective, `canonical_correlations_`.

    The test of the first component is exact, and that of later ones approximate: after one strong
    component, simulations at the level 0.05 reject a second, random one in 5 to 7 of 100 cases. The rate
    is higher with few rows (20) or a ridge, whose variates are not quite uncorrelated.

    Other estimators are refitted to each shuffle, and every component is compared with the largest
    correlation found there. That controls the family-wise error, and is conservative for all
    components except the first. Correlations are those of the training rows, which an estimator with
    many parameters brings near 1 for any data: the test then has no power.

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
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca import canonical_correlation_test
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(100, 1))
    >>> X, y = shared + rng.normal(size=(100, 3)), shared + rng.normal(size=(100, 2))
    >>> result = canonical_correlation_test(LinearCCA(), X, y, n_permutations=99, random_state=0)
    >>> result.p_values < 0.05
    array([ True, False])
    >>> result = canonical_correlation_test(LinearCCA(), X, y, method="wilks")
    >>> result.p_values < 0.05
    array([ True, False])
    """
    check_same_length(X, y)
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
            "`estimator` must be an estimator of two views (an instance, not a class), such as "
            f"LinearCCA(), got {estimator!r}."
        )


def _linear_statistics(estimator, X, y):
    """Return the correlations, and a function of an order of y for those that chance finds.

    The function returns an array: the largest correlation from each component on.
    """
    zx, zy = _whitened(estimator, X, y)
    # Full matrices: the larger view's directions beyond the pairs also correlate by chance.
    x_turn, correlations, y_turn = linalg.svd(zx.T @ zy)
    correlations = np.clip(correlations, 0.0, 1.0)[: estimator.n_components]
    zx, zy = zx @ x_turn, zy @ y_turn.T

    def largest(order):
        cross = zx.T @ zy[order]
        return np.array([np.linalg.norm(cross[k:, k:], 2) for k in range(len(correlations))])

    return correlations, largest


def _whitened(estimator, X, y):
    """Return the whitened, shrunk directions of both views."""
    x_view, y_view = singular_views(estimator, X, y)
    reg_x, reg_y = check_reg(estimator.reg)
    x_view.regularize(reg_x)
    y_view.regularize(reg_y)
    return x_view.left * x_view.shrink, y_view.left * y_view.shrink


def _refit_statistics(estimator, X, y):
    """Do the same for any estimator, with the largest of all correlations for every component."""

    def refit(order):
        shuffled = safe_indexing(y, order)
        zx, zy = _variates(clone(estimator).fit(X, shuffled), X, shuffled)
        return np.sort(variate_correlations(zx, zy))[::-1]

    def largest(order):
        return refit(order)[0]

    return refit(np.arange(num_samples(y))), largest


def _variates(model, X, y):
    if hasattr(model, "named_steps") or hasattr(model, "best_estimator_"):
        return embed(model, X, y)
    return model.transform(X, y)
