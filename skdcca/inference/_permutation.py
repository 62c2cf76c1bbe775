"""Whether canonical correlations are more than chance, and how much of the views they explain."""

import numpy as np
from scipy import linalg, stats
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from skdcca._cca.linear import LinearCCA, _SingularView, check_reg
from skdcca._utils.sklearn_compat import num_samples, safe_indexing
from skdcca._utils.validation import check_integer
from skdcca.metrics import _standardize, embed, variate_correlations

# Equal correlations (an order of the rows that changes nothing, say) may differ by rounding.
_ROUNDING = 1e-10


def canonical_correlation_test(
    estimator, X, y, *, method="permutation", n_permutations=1000, random_state=None, verbose=0
):
    """Test which canonical correlations are more than chance finds.

    The null hypothesis of component `k` is that the views have nothing in common but the components
    before it. The estimator is not changed: a clone is fitted to the given rows.

    Parameters
    ----------
    estimator : estimator
        `LinearCCA`, whatever has ``fit(X, y)`` and ``transform(X, y)``, or a `Pipeline` that ends in
        a model of this package; fitted or not.
    X : array-like or list of n_samples rows
        The first view, as the estimator takes it.
    y : array-like or list of n_samples rows
        The second view.
    method : {"permutation", "wilks"}, default="permutation"
        "permutation" compares with the correlations of shuffled pairs and assumes only that pairs
        can be exchanged: not a time series, not songs grouped by artist. "wilks" is the classical
        likelihood ratio test, for `LinearCCA` with ``reg=0``, normal errors and more rows than
        columns.
    n_permutations : int, default=1000
        Number of shuffles; the smallest possible p value is ``1 / (1 + n_permutations)``.
    random_state : int, RandomState instance or None, default=None
        Generator of the shuffles.
    verbose : int, default=0
        Above 0, show progress.

    Returns
    -------
    result : sklearn.utils.Bunch
        With arrays of shape (n_components,), where n_components is what the estimator asks for or, if
        that is less, the number of pairs that the data have:

        - ``correlations``: canonical correlations, descending;
        - ``p_values``: those of the permutations, never descending, or those of Rao's F;

        and, with "wilks", also

        - ``wilks``: Wilks' lambda, the product of ``1 - correlations**2`` from component `k` to the
          last that the data have;
        - ``chi2``, ``chi2_df``, ``chi2_p_values``: Bartlett's approximation;
        - ``f``, ``f_df1``, ``f_df2``: Rao's approximation, exact where one of the views has no more
          than two dimensions left.

    Raises
    ------
    TypeError
        For "wilks" with another estimator than a `LinearCCA`.
    ValueError
        For parameters out of range, views of different lengths, or "wilks" with a ridge or with too
        few rows.

    Notes
    -----
    For a `LinearCCA` the permutations are stepwise [1]_: those of component `k` shuffle the
    variates from `k` on, all that the data have, so that a strong first component neither makes
    the second significant nor hides it. They need no refit. With a `y_transformer` the second view
    is transformed once, before the shuffles. With a ridge the correlations are those of its
    objective, `canonical_correlations_`.

    The test of the first component is exact, that of later ones approximate: after one strong
    component, simulations reject a second that is chance in 5 to 7 of 100 cases at the level
    0.05, the more with few rows (20) or a ridge, whose variates are not quite uncorrelated.

    Other estimators are refitted to each shuffle, and every component is compared with the largest
    correlation found there. That keeps the family-wise error, and is conservative for all
    components but the first. Correlations are those of the training rows, which an
    estimator of many parameters brings near 1 for any data: the test then has no power.

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
    _check_same_length(X, y)
    if method == "wilks":
        return _wilks_test(estimator, X, y)
    if method != "permutation":
        raise ValueError(f"method={method!r}; it must be 'permutation' or 'wilks'")
    check_integer("n_permutations", n_permutations)
    _check_estimator(estimator)
    rng = check_random_state(random_state)
    steps = _linear_steps if isinstance(estimator, LinearCCA) else _refit_steps
    correlations, largest = steps(estimator, X, y)
    reached = np.zeros(len(correlations))
    shown = {"desc": "permutations", "unit": "permutation", "disable": not verbose}
    for _ in tqdm(range(n_permutations), **shown):
        reached += largest(rng.permutation(num_samples(y))) >= correlations - _ROUNDING
    p_values = np.maximum.accumulate((1 + reached) / (1 + n_permutations))
    return Bunch(correlations=correlations, p_values=p_values)


def _check_estimator(estimator):
    able = all(hasattr(estimator, method) for method in ("get_params", "fit"))
    if isinstance(estimator, type) or not able:
        raise TypeError(
            f"estimator={estimator!r}; it must be an estimator of two views (an object, not a class), "
            "such as LinearCCA()"
        )


def _linear_steps(estimator, X, y):
    """Correlations, and what gives the largest from each component on of a shuffle of y."""
    views = _linear_views(estimator, X, y)
    for view, reg in zip(views, check_reg(estimator.reg), strict=True):
        view.regularize(reg)
    zx, zy = (view.left * view.shrink for view in views)
    # Full matrices: what the larger view has beyond the pairs also correlates by chance.
    x_turn, correlations, y_turn = linalg.svd(zx.T @ zy)
    correlations = np.clip(correlations, 0.0, 1.0)[: estimator.n_components]
    zx, zy = zx @ x_turn, zy @ y_turn.T

    def largest(order):
        cross = zx.T @ zy[order]
        return np.array([np.linalg.norm(cross[k:, k:], 2) for k in range(len(correlations))])

    return correlations, largest


def _refit_steps(estimator, X, y):
    """The same for any estimator: the largest correlation of all, for every component."""

    def refit(order):
        shuffled = safe_indexing(y, order)
        zx, zy = _variates(clone(estimator).fit(X, shuffled), X, shuffled)
        return np.sort(variate_correlations(zx, zy))[::-1]

    return refit(np.arange(num_samples(y))), lambda order: refit(order)[0]


def _variates(model, X, y):
    if hasattr(model, "named_steps") or hasattr(model, "best_estimator_"):
        return embed(model, X, y)
    return model.transform(X, y)


def _linear_views(estimator, X, y):
    """Both views centred, standardised and decomposed as the estimator's own fit would have them."""
    model = clone(estimator)
    model._check_parameters()
    X, y = model._check_x(X, reset=True), model._y_numbers(y, reset=True)
    model._check_n_components(X.shape, y.shape)
    return _SingularView(_dense(X), "X"), _SingularView(y, "y")


def _wilks_test(estimator, X, y):
    if not isinstance(estimator, LinearCCA):
        raise TypeError(
            f"method='wilks' is for a LinearCCA, not a {type(estimator).__name__}; use "
            "method='permutation'"
        )
    if any(check_reg(estimator.reg)):
        raise ValueError(
            f"method='wilks' needs reg=0, and reg={estimator.reg!r}: the correlations of a ridge have "
            "another distribution; use method='permutation'"
        )
    x_view, y_view = _linear_views(estimator, X, y)
    (n, p), q = x_view.left.shape, y_view.left.shape[1]
    if n <= p + q:
        raise ValueError(
            f"method='wilks' needs more rows than the ranks of both views together, and has {n} for "
            f"{p} + {q}; give more rows or fewer columns, or use LinearCCA(reg=...) and "
            "method='permutation'"
        )
    correlations = linalg.svdvals(x_view.left.T @ y_view.left)
    result = _wilks(np.clip(correlations, 0.0, 1.0), n, p, q)
    return Bunch(**{name: values[: estimator.n_components] for name, values in result.items()})


def _wilks(correlations, n, p, q):
    """Wilks' lambda and its approximations for all correlations of `n` rows of ranks `p` and `q`."""
    wilks = np.cumprod((1 - correlations**2)[::-1])[::-1]
    p, q = p - np.arange(len(wilks)), q - np.arange(len(wilks))
    # That of the whole model, also for later components.
    w = n - (p[0] + q[0] + 3) / 2
    # A perfect correlation: lambda is 0, both statistics are infinite.
    with np.errstate(divide="ignore"):
        chi2 = -w * np.log(wilks)
    above = p**2 + q**2 - 5
    t = np.sqrt(np.where(above > 0, (p**2 * q**2 - 4) / np.where(above > 0, above, 1), 1.0))
    df1, df2 = p * q, w * t - p * q / 2 + 1
    with np.errstate(divide="ignore"):
        f = (wilks ** (-1 / t) - 1) * df2 / df1
    return {
        "correlations": correlations,
        "p_values": stats.f.sf(f, df1, df2),
        "wilks": wilks,
        "chi2": chi2,
        "chi2_df": p * q,
        "chi2_p_values": stats.chi2.sf(chi2, p * q),
        "f": f,
        "f_df1": df1,
        "f_df2": df2,
    }


def variance_explained(estimator, X, y):
    """Share of the variance of each view that its own variates explain.

    A correlation may be high between variates that hardly matter in their views; this tells.

    Parameters
    ----------
    estimator : LinearCCA
        A fitted one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The first view, training rows or others, at least two.
    y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
        The second view.

    Returns
    -------
    x_share, y_share : ndarray of shape (n_components,)
        Mean squared correlation of the columns of a view, measured on these rows, with each of its
        variates. Constant columns do not count.

    Raises
    ------
    TypeError
        For another estimator than a `LinearCCA`: a curved variate has no loadings that add up.

    Notes
    -----
    On the training rows, without a ridge, the shares of the variates add up to 1 if there are as
    many as the view has dimensions. With a ridge or other rows the variates are correlated, and their
    shares overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca import variance_explained
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(50, 2)), rng.normal(size=(50, 3))
    >>> x_share, y_share = variance_explained(LinearCCA().fit(X, y), X, y)
    >>> print(x_share.sum().round(6), y_share.sum() < 1)
    1.0 True
    """
    return _shares(estimator, X, y)[:2]


def redundancy(estimator, X, y):
    """Share of the variance of each view that the variates of the other view explain.

    Parameters
    ----------
    estimator : LinearCCA
        A fitted one.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The first view, training rows or others, at least two.
    y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
        The second view.

    Returns
    -------
    x_redundancy, y_redundancy : ndarray of shape (n_components,)
        The redundancy index [1]_: `variance_explained` times the squared correlation of the pair of
        variates, measured on these rows.

    Raises
    ------
    TypeError
        For another estimator than a `LinearCCA`.

    References
    ----------
    .. [1] D. Stewart and W. Love, "A general canonical correlation index", Psychological Bulletin
       70 (1968).

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca import redundancy
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 2))
    >>> y = np.column_stack([X[:, 0], rng.normal(size=50)])
    >>> _, y_redundancy = redundancy(LinearCCA(1).fit(X, y), X, y)
    >>> y_redundancy.round(1)
    array([0.5])
    """
    x_share, y_share, correlations = _shares(estimator, X, y)
    return x_share * correlations**2, y_share * correlations**2


def _shares(estimator, X, y):
    if not isinstance(estimator, LinearCCA):
        raise TypeError(
            f"variance is explained by loadings of a LinearCCA, not of a {type(estimator).__name__}; "
            "of a Pipeline, give its last step and X as the steps before it transform it"
        )
    check_is_fitted(estimator)
    _check_same_length(X, y)
    X, y = estimator._check_x(X), estimator._y_numbers(y)
    zx, zy = estimator._project_x(X), estimator._project_y(y)
    correlations = variate_correlations(zx, zy)
    return _mean_squared_loadings(_dense(X), zx), _mean_squared_loadings(y, zy), correlations


def _mean_squared_loadings(view, variates):
    weight = np.full(len(view), 1 / len(view))
    view, variates = (_standardize(a.astype(np.float64), weight) for a in (view, variates))
    varying = view.any(axis=0)
    if not varying.any():
        raise ValueError(
            "every column of a view is constant in the given rows: there is no variance to explain; "
            "give more rows"
        )
    return np.mean((view[:, varying].T @ variates / len(view)) ** 2, axis=0)


def _dense(view):
    return view.toarray() if issparse(view) else view


def _check_same_length(X, y):
    if (n_x := num_samples(X)) != (n_y := num_samples(y)):
        raise ValueError(
            f"X has {n_x} samples and y has {n_y}; row i of both must be the same sample"
        )
