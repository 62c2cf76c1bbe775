"""Test the significance of canonical correlations by permutations."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from tqdm import tqdm

from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_integer, check_option, check_pairs
from skdcca.inference._classical import roy_test, wilks_test
from skdcca.inference._confounds import check_confounds
from skdcca.inference._counting import count_reached, trailing_norms
from skdcca.inference._exchange import (
    check_blocks,
    check_orders,
    orders_of_rows,
    shuffled,
    warn_if_few,
    warn_if_few_drawn,
)
from skdcca.inference._folds import check_model, variates
from skdcca.inference._reduced import (
    linear_part,
    reduced_views,
    reduced_views_of_blocks,
    warn_perfect_views,
)
from skdcca.inference._searched import warn_searched_components
from skdcca.metrics import variate_correlations

# Equal correlations, as after a permutation that changes nothing, may differ by this rounding error.
_ROUNDING = 1e-10
_LEVEL = 0.05


def canonical_correlation_test(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: Literal["permutation", "roy", "wilks"] = "permutation",
    confounds: Any = None,
    blocks: Sequence | ArrayLike | None = None,
    permute: Literal["within", "whole"] = "within",
    permutations: ArrayLike | None = None,
    n_permutations: int = 1000,
    null_distribution: bool = False,
    random_state: int | RandomState | None = None,
    verbose: int = 0,
) -> Bunch:
    r"""Test which canonical correlations are significant.

    The null hypothesis of component k is that the views are unrelated except for the first k - 1
    components, given the confounds if there are any. `n_significant` is the number of components to
    keep at level 0.05; for another level, count the `p_values` below it. The estimator itself is not
    changed.

    Parameters
    ----------
    estimator : estimator
        Fitted or unfitted model: a `LinearCCA`, another estimator with ``fit(X, y)`` and
        ``transform(X, y)``, a `Pipeline` that ends in a model of skdcca, or a search over one. A
        `LinearCCA` and a `Pipeline` that ends in one are *linear* if the other steps do not depend on
        y, which is checked by fitting them. All other estimators are refitted for every permutation.
    X : array-like or list of length n_samples
        First view, as the estimator takes it. For a `LinearCCA`, a sparse X is made dense.
    y : array-like or list of length n_samples
        Second view. Row i of X and row i of y are the same sample.
    method : {"permutation", "roy", "wilks"}, default="permutation"
        - ``"permutation"`` compares the correlations with the correlations after y is shuffled. The
          pairs must be exchangeable, given `confounds` and `blocks`; rows of a time series are not.
          With confounds, errors are assumed to be normal and of equal variance, in all rows or inside
          each block; see the Notes.
        - ``"roy"`` is Johnstone's sequential test of the largest root.
        - ``"wilks"`` is the classical likelihood ratio test.

        The last two are much faster. They need a linear estimator with ``reg=0``, normally distributed
        errors, and more rows than columns.
    confounds : array-like of shape (n_samples, n_confounds) or (n_samples,), default=None
        Numbers whose linear effect is removed from both views, such as age, sex and site as indicator
        columns. Pass the site as `blocks` instead if its variances differ. Needs a linear estimator.
        Categories and dates are refused. Do not pass residuals as X and y instead: their rows are not
        exchangeable.
    blocks : array-like of shape (n_samples,), default=None
        Label of the block of each row, such as its family, subject or site. Only for "permutation".
    permute : {"within", "whole"}, default="within"
        What is exchangeable if there are `blocks`. The two test different hypotheses:

        - ``"within"`` permutes the rows of y inside each block. The null hypothesis is that the views
          are unrelated inside blocks; means and variances may differ between blocks.
        - ``"whole"`` permutes blocks of equal size, whose rows keep their order. The null hypothesis is
          that the views are unrelated altogether; rows of a block may depend on each other in any way.
          If the order in a block has no meaning, as that of siblings, choose it at random.

        With `confounds`, only "within" is possible. The means of the blocks are then removed, too.
    permutations : array-like of shape (n_permutations, n_samples), default=None
        Own orders of the rows of y, for designs that `blocks` cannot describe. Each row contains the
        numbers from 0 to n_samples - 1. The order of the data is counted in addition. Excludes
        `blocks` and `confounds`; `n_permutations` and `random_state` are then not used. Only for
        "permutation".
    n_permutations : int, default=1000
        Number of permutations, >= 1. The smallest possible p-value is ``1 / (1 + n_permutations)``, so
        at least 19 are needed.
        Not used by "roy" and "wilks".
    null_distribution : bool, default=False
        If True, also return the correlations of all permutations. For a linear estimator this takes
        about six times as long. Only for "permutation".
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations. Pass an int for reproducible p-values. Not used by "roy" and "wilks".
    verbose : int, default=0
        A value above 0 shows a progress bar over the permutations.

    Returns
    -------
    result : sklearn.utils.Bunch
        Arrays of shape (n_components,), one value for each component, unless stated otherwise:

        - ``correlations``: canonical correlations, in descending order;
        - ``p_values``: p-values of the permutation test or of "roy", which never decrease from one
          component to the next; with "wilks", p-values of Rao's F statistic;
        - ``n_significant``: number of components before the first p-value above 0.05, an int;
        - ``method``: the argument;
        - ``null_distribution_``: with ``null_distribution=True``, array of shape (n_permutations,
          n_components): in each permutation, the correlation with which each component is compared.

        With "wilks", there are also:

        - ``wilks``: Wilks' lambda;
        - ``chi2``, ``chi2_df``, ``chi2_p_values``: Bartlett's approximation [2]_;
        - ``f``, ``f_df1``, ``f_df2``: Rao's approximation [3]_, which is exact if a view has at most two
          dimensions left after removing the previous components;
        - ``multivariate_tests``: dict with the tests "wilks", "pillai", "hotelling_lawley" and "roy" of
          the hypothesis that all correlations are 0. Each has a ``statistic``, ``f``, ``df1``, ``df2``
          and ``p_value``. As in SAS, the F of "roy" is an upper bound, so its p-value is too small.

    Raises
    ------
    TypeError
        If `estimator` is not an estimator, if `confounds`, "roy" or "wilks" is used and it is not
        linear, or if `confounds` are sparse.
    ValueError
        If a parameter is out of range or excludes another one, if `estimator` contains a
        `Residualizer` or steps whose output differs from fit to fit, if the views, confounds or blocks
        have different numbers of rows, rows in another order or missing values, if confounds are not
        numbers, if nothing can be permuted in the blocks, if the confounds leave too few rows, or if
        "roy" or "wilks" is used with a ridge or too few rows.

    Warns
    -----
    ComponentSearchWarning
        If the estimator is a search that chooses `n_components`.
    FewPermutationsWarning
        If there are fewer than 20 distinct orders of the rows, or fewer than 19 permutations.
    PerfectCorrelationWarning
        If a linear estimator without a ridge has correlations that are 1 whatever the data are. Their
        p-values are then 1.

    See Also
    --------
    skdcca.canonical_correlation_intervals : Size of the correlations in the population.
    skdcca.variance_explained : Fraction of the variance of a view that its variates explain.
    skdcca.Residualizer : Confounds in a cross-validation or a search.

    Notes
    -----
    *For a linear estimator*, the permutation test is stepwise [1]_: for component k, the variates from
    the k-th on are shuffled, and their largest canonical correlation is computed again. A strong first
    component therefore neither makes the second one significant nor hides it. The p-value is

    .. math:: p_k = \max_{j \le k} \; \frac{1 + \#\{\text{permutations with } r^*_j \ge r_j\}}
        {1 + n_\mathrm{permutations}}.

    No refit is needed; `y_transformer` and the steps of a `Pipeline` are fitted only before the
    permutations. With a ridge, the correlations are the values of the objective, as in
    `canonical_correlations_`. Without confounds, the test is exact for the first component. It is
    approximate for later ones: in simulations with one strong component, a second component without a
    link was significant at level 0.05 in 3 to 5.4 of 100 data sets, with 20 to 500 rows and with a ridge
    or without.

    *With confounds*, both views are expressed in an orthonormal basis of the space that is orthogonal to
    a constant and to the confounds [1]_ [4]_. It has one row for each degree of freedom that is left,
    and these rows are permuted. This is exact for normal errors of equal variance, and approximate for
    others: with lognormal columns and confounds, 60 rows and 10 confounds, 7 of 100 data sets were
    significant at level 0.05. A ridge is chosen from these rows. `y_transformer` is fitted on y as it
    is, and its output is reduced.

    *With confounds and blocks*, the means of the blocks are removed like confounds, and the rows that
    are permuted are Theil's BLUS residuals [1]_ [6]_ of a weighted regression. Each of them is close to
    the error of one sample and has the variance of its block, which is estimated from the view; it is
    permuted in this block. Because of the weights, the correlations differ a little from those with
    indicators of the blocks as confounds. One row of each block is lost, and one for each confound.
    Blocks that keep a single row, such as pairs, are exchanged with each other, which assumes that
    their variances are equal.

    *Other estimators* are refitted for each permutation, and every component is compared with the
    largest correlation of that permutation. This controls the family-wise error and is conservative
    for all components except the first. The correlations are computed on the training rows. For an
    estimator with many parameters they are close to 1 with any data, and the test then has no
    power.

    *Wilks' lambda* of component k is

    .. math:: \Lambda_k = \prod_{j \ge k} (1 - r_j^2)

    where j runs over all canonical correlations of the data, even if `n_components` is smaller. *Roy's
    largest root* of component k is compared with its distribution for views that have k - 1 columns
    less, in k - 1 rows less [5]_. With confounds, both use the number of rows less that of independent
    confounds.

    References
    ----------
    .. [1] A. M. Winkler, O. Renaud, S. M. Smith and T. E. Nichols, "Permutation inference for
       canonical correlation analysis", NeuroImage 220 (2020).
    .. [2] M. S. Bartlett, "The statistical significance of canonical correlations", Biometrika 32
       (1941).
    .. [3] C. R. Rao, "An asymptotic expansion of the distribution of Wilks' criterion", Bulletin of
       the International Statistical Institute 33 (1951).
    .. [4] P. C. Huh and M. Jhun, "Random permutation testing in multiple linear regression",
       Communications in Statistics 30 (2001).
    .. [5] I. M. Johnstone, "Multivariate analysis and Jacobi ensembles: largest eigenvalue,
       Tracy-Widom limits and rates of convergence", Annals of Statistics 36 (2008).
    .. [6] H. Theil, "The analysis of disturbances in regression analysis", Journal of the American
       Statistical Association 60 (1965).

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
    >>> result.n_significant
    1
    >>> canonical_correlation_test(LinearCCA(reg=0), X, y, method="wilks").p_values.round(2)
    array([0.06, 0.95, 0.77])

    Waist and exercises are related beyond the linear effect of weight on both:

    >>> weight, waist = y[:, 0], y[:, 1]
    >>> partial = canonical_correlation_test(
    ...     LinearCCA(reg=0), X, waist, confounds=weight, random_state=0
    ... )
    >>> partial.correlations.round(2), partial.n_significant
    (array([0.72]), 1)

    Two views of 40 families of three share nothing but what makes a family. Siblings are permuted
    within their family:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> family = np.repeat(np.arange(40), 3)
    >>> shared = rng.normal(size=(40, 2))[family]
    >>> X, y = shared + rng.normal(size=(120, 2)), shared + rng.normal(size=(120, 2))
    >>> canonical_correlation_test(LinearCCA(), X, y, random_state=0).n_significant
    2
    >>> canonical_correlation_test(LinearCCA(), X, y, blocks=family, random_state=0).n_significant
    0
    """
    check_model("estimator", estimator)
    check_pairs(X, y)
    check_option("method", method, ("permutation", "roy", "wilks"))
    check_option("permute", permute, ("within", "whole"))
    check_option("null_distribution", null_distribution, (True, False))
    _check_combination(method, confounds, blocks, permute, permutations, null_distribution)
    if confounds is not None:
        confounds = check_confounds(confounds, X)
    if method != "permutation":
        test = wilks_test if method == "wilks" else roy_test
        result = test(estimator, X, y, confounds)
        return _complete(result, method)
    check_integer("n_permutations", n_permutations)
    rng = check_random_state(random_state)
    warn_searched_components(estimator)
    if blocks is not None:
        blocks = check_blocks(blocks, X)
    if permutations is not None:
        permutations = check_orders(permutations, num_samples(y))
        n_permutations = len(permutations)
    test = _make_test(estimator, X, y, confounds, blocks)
    if permutations is None:
        permutations = _random_orders(test, permute, n_permutations, rng)
    warn_if_few_drawn(n_permutations)
    shown = {"desc": "permutations", "unit": "permutation", "disable": not verbose}
    orders = tqdm(permutations, total=n_permutations, **shown)
    return _complete(_compare(test, orders, n_permutations, null_distribution), method)


def _check_combination(method, confounds, blocks, permute, permutations, null_distribution):
    """Raise ValueError if a parameter has no meaning beside the others."""
    if method != "permutation":
        other, remedy = f"method={method!r}", "Use method='permutation'"
        for name, value in {"blocks": blocks, "permutations": permutations}.items():
            if value is not None:
                _refuse(name, other, remedy)
        if null_distribution:
            raise ValueError(f"`null_distribution` must be False with {other}, got True. {remedy}.")
    if permutations is not None:
        for name, value in {"blocks": blocks, "confounds": confounds}.items():
            if value is not None:
                _refuse(name, "`permutations`", "Use one of them")
    if permute == "whole":
        if blocks is None:
            raise ValueError("permute='whole' needs `blocks`, got None. Pass a label for each row.")
        if confounds is not None:
            _refuse("confounds", "permute='whole'", "Set permute='within'")


def _refuse(name, other, remedy):
    raise ValueError(f"`{name}` must be None with {other}, got a value. {remedy}.")


def _make_test(estimator, X, y, confounds, blocks):
    found = linear_part(estimator, X, y)
    if found is not None:
        return _StepwiseTest(*found, y, confounds, blocks)
    if confounds is not None:
        raise TypeError(
            f"`estimator` must be linear with `confounds`, got a {type(estimator).__name__}. Pass a "
            "LinearCCA, or a Pipeline that ends in one and whose other steps do not depend on y."
        )
    return _RefitTest(estimator, X, y, blocks)


def _random_orders(test, permute, n_permutations, rng):
    """Return a generator of random orders of the rows that the test permutes."""
    orders = orders_of_rows(test.n_rows, test.blocks, permute)
    warn_if_few(orders)
    return (orders.draw(rng) for _ in range(n_permutations))


def _compare(test, orders, n_permutations, null_distribution):
    """Return the correlations and p-values of a test."""
    limits = test.correlations - _ROUNDING
    result = Bunch(correlations=test.correlations)
    if null_distribution:
        result.null_distribution_ = test.largest(orders)
        counts = np.sum(result.null_distribution_ >= limits, axis=0)
    else:
        counts = test.count(orders, limits)
    result.p_values = np.maximum.accumulate((1 + counts) / (1 + n_permutations))
    return result


def _complete(result, method):
    """Return the result with its method and the number of significant components."""
    result.method = method
    result.n_significant = int(np.cumprod(result.p_values <= _LEVEL).sum())
    return result


class _StepwiseTest:
    """Permutations of the variates of a `LinearCCA`, which need no refit.

    `blocks` are the labels of the rows that are permuted, which are fewer if there are confounds.
    """

    def __init__(self, model, X, y, confounds, blocks):
        self.blocks = blocks
        if confounds is None or blocks is None:
            x_view, y_view, n = reduced_views(model, X, y, confounds)
        else:
            reduced = reduced_views_of_blocks(model, X, y, confounds, blocks)
            x_view, y_view, n, self.blocks = reduced
        warn_perfect_views((x_view, y_view), n, confounds)
        zx, zy = x_view.left * x_view.shrink, y_view.left * y_view.shrink
        # Full matrices keep the directions of the larger view without a partner, which also correlate
        # by chance.
        x_turn, correlations, y_turn = linalg.svd(zx.T @ zy)
        self.correlations = np.clip(correlations, 0.0, 1.0)[: model.n_components]
        self._zx, self._zy, self.n_rows = zx @ x_turn, zy @ y_turn.T, len(zy)

    def count(self, orders, limits):
        """Return the number of permutations that reach the limit of each component."""
        return count_reached(self._zx, self._zy, limits, orders)

    def largest(self, orders):
        """Return, for each permutation and component, the largest correlation of the variates left."""
        return trailing_norms(self._zx, self._zy, len(self.correlations), orders)


class _RefitTest:
    """Refits of any estimator to permuted pairs; all components are compared with the largest one."""

    def __init__(self, estimator, X, y, blocks):
        self._estimator, self._X, self._y, self.blocks = estimator, X, y, blocks
        self.n_rows = num_samples(y)
        self.correlations = self._refitted(np.arange(self.n_rows))

    def count(self, orders, limits):
        """Return the number of permutations that reach the limit of each component."""
        return np.sum(self.largest(orders) >= limits, axis=0)

    def largest(self, orders):
        """Return, for each permutation and component, the largest correlation after a refit."""
        largest = [self._refitted(order)[0] for order in orders]
        return np.tile(np.array(largest)[:, None], len(self.correlations))

    def _refitted(self, order):
        y = shuffled(self._y, order)
        zx, zy = variates(clone(self._estimator).fit(self._X, y), self._X, y)
        return np.sort(variate_correlations(zx, zy))[::-1]
