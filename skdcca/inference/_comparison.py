"""Compare two models on the same splits of the rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state, gen_batches, indexable
from sklearn.utils.parallel import Parallel, delayed

from skdcca._utils.sklearn_compat import num_samples, safe_indexing
from skdcca._utils.validation import check_integer, check_number, check_pairs, is_number
from skdcca._utils.warnings import warn
from skdcca.inference._folds import (
    check_groups,
    check_held_out_rows,
    check_model,
    fitted,
    last_step,
    list_splits,
    variates,
)
from skdcca.metrics import (
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    pair_scores,
    ranks,
    variate_correlations,
)

_N_RESAMPLES = 10_000
_ROUNDING = 1e-10
_NUMBERS = 2**20  # numbers of a batch of resamples
# Scorers whose value is a mean over queries, with the views of the queries.
_QUERIES = [(mrr_scorer, "xy"), (mrr_x_to_y, "x"), (mrr_y_to_x, "y")]


class _Score(NamedTuple):
    """Score of one model in one split, and what it is the sum or the mean of.

    These are the correlations of the components, or the reciprocal ranks of the test rows if it is an
    MRR.
    """

    value: float
    correlations: NDArray | None = None
    queries: NDArray | None = None


def compare_models(
    a: Any,
    b: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 5,
    n_repeats: int = 4,
    groups: ArrayLike | None = None,
    scoring: str | Callable | None = None,
    params: dict[str, Any] | None = None,
    level: float = 0.95,
    random_state: int | RandomState | None = None,
    n_jobs: int | None = None,
) -> Bunch:
    r"""Test whether one of two models scores higher on held-out rows.

    Both models are fitted and scored on the same splits. The scores of different splits share training
    rows and are therefore dependent; the corrected resampled t test [1]_ accounts for it, unlike
    the paired t test over folds, which finds differences that are not there. The models themselves
    are not changed.

    Parameters
    ----------
    a, b : estimator
        Two-view models, Pipelines that end in one, or searches over either.
    X : array-like or list of length n_samples
        First view, as both models take it.
    y : array-like or list of length n_samples
        Second view. Row i of X and row i of y are the same sample.
    cv : int, splitter or iterable, default=5
        Number of folds, >= 2, into which the rows or groups are shuffled `n_repeats` times. Otherwise a
        splitter of scikit-learn or pairs of arrays with training and test rows, used once, with at
        least two splits. More splits make the test more powerful.
    n_repeats : int, default=4
        Number of times that the folds are drawn if `cv` is an integer: there are
        ``cv * n_repeats`` splits.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, such as its subject or artist. Rows of one group are in the same fold.
    scoring : str, callable or None, default=None
        Scorer as in `GridSearchCV`, such as `mrr_scorer`. If None, both models are scored by the sum of
        the correlations of their variates in the test rows, whatever their method `score` returns. The
        sum is over the components that both have in every split.
    params : dict, default=None
        Further arguments of `fit` of both models, such as ``{"sample_weight": weights}``; those with
        one value for each row are split with the rows.
    level : float, default=0.95
        Level of the confidence intervals, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of the bootstrap. Pass an int for reproducible results.
    n_jobs : int, default=None
        Number of splits that are computed in parallel. None means 1, and -1 all processors.

    Returns
    -------
    result : sklearn.utils.Bunch
        - ``scores_a``, ``scores_b``: scores of both models in each split, arrays of shape (n_splits,);
        - ``difference``: mean of ``scores_a - scores_b``; positive if `a` is better;
        - ``standard_error``: corrected standard error of the difference;
        - ``t``, ``df``, ``p_value``: two-sided test of no difference;
        - ``low``, ``high``: limits of the confidence interval of the difference;
        - ``n_components``: number of components that the scores are sums of, only with
          ``scoring=None``.

        With `mrr_scorer`, `mrr_x_to_y` and `mrr_y_to_x`, there is also ``queries``, a Bunch with the
        bootstrap over queries: ``difference``, ``standard_error``, ``p_value``, ``low``, ``high``, and
        ``n_units``, the number of rows or groups that were resampled.

    Raises
    ------
    TypeError
        If a model is not an instance of an estimator, or has no variates and `scoring` is None.
    ValueError
        If an argument is invalid, if there are fewer than two splits, if a split has fewer than three
        test rows with ``scoring=None`` or fewer than two with an MRR, or if a score is not a finite
        number.

    Warns
    -----
    UserWarning
        If `scoring` is None and the models have different numbers of components.

    See Also
    --------
    skdcca.canonical_correlation_test : Test of how many components there are.
    skdcca.cross_val_variates : Variates of each row from models that have not seen it.
    skdcca.weight_stability : How much the components of two halves of the rows agree.
    sklearn.model_selection.cross_validate : Scores of one model, with times.

    Notes
    -----
    With J splits, :math:`n_1` training and :math:`n_2` test rows, and the variance :math:`s^2` of the J
    differences,

    .. math:: t = \frac{\bar d}{\sqrt{\left(\frac{1}{J} + \frac{n_2}{n_1}\right) s^2}}

    is compared with a t distribution with J - 1 degrees of freedom. Without the second term, the test
    would be significant for any two models if the splits were repeated often enough. The correction was
    derived for random splits, and is also used for repeated folds [2]_.

    *Components.* A sum over more components is larger without being better, so models with
    different numbers of components are compared on the first ones. To ask whether the others improve
    retrieval, use ``scoring=mrr_scorer``. A search over ``n_components`` is scored like any other
    model, by what it chooses in each split.

    *Queries.* The test above asks whether `a` is better when both are trained on other rows of the
    same kind. The bootstrap asks something else: whether the fitted models differ on other queries to
    the same galleries. Each row is a query in the gallery of its fold, in one or both directions as
    the scorer says, and the differences of its reciprocal ranks are averaged over directions and
    repetitions. Rows, or whole groups, are resampled 10,000 times. The interval is that of percentiles.
    It does not contain the variation of training: in simulations with 60 rows and two equally good
    models, it excluded 0 in 10 of 100 cases, and the t test in 2 to 6. If the models were fitted
    before and wrapped in `sklearn.frozen.FrozenEstimator`, so that they are not fitted again, it was 6
    of 100. Report it as a statement about the fitted models.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52
       (2003).
    .. [2] R. R. Bouckaert and E. Frank, "Evaluating the replicability of significance tests for
       comparing learning algorithms", PAKDD (2004).

    Examples
    --------
    On 100 images of digits, the default ridge is better than classical CCA:

    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA, compare_models
    >>> images = load_digits().images[:100]
    >>> left, right = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    >>> result = compare_models(LinearCCA(5), LinearCCA(5, reg=0), left, right, random_state=0)
    >>> print(f"{result.difference:.2f} [{result.low:.2f}, {result.high:.2f}]")
    0.56 [0.09, 1.04]
    """
    check_model("a", a)
    check_model("b", b)
    check_pairs(X, y)
    check_integer("n_repeats", n_repeats)
    check_number("level", level, gt=0, lt=1)
    X, y = indexable(X, y)
    groups = check_groups(groups, X)
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_repeats)
    splits = list_splits(cv, X, y, groups, seeds)
    if len(splits) < 2:
        raise ValueError("`cv` must have at least two splits, got 1. Use folds.")
    check_held_out_rows(splits, num_samples(X), _least_rows(scoring))
    pairs = Parallel(n_jobs=n_jobs)(
        delayed(_score_both)((a, b), X, y, split, scoring, params) for split in splits
    )
    result = Bunch()
    if scoring is None:
        result["n_components"] = _common_components(pairs)
        pairs = [[_first(one, result.n_components) for one in pair] for pair in pairs]
    scores_a, scores_b = np.array([[_checked(one.value) for one in pair] for pair in pairs]).T
    ratio = np.mean([len(test) / len(train) for train, test in splits])
    result |= Bunch(scores_a=scores_a, scores_b=scores_b)
    result |= corrected_t_test(_differences(scores_a, scores_b), ratio, level)
    if pairs[0][0].queries is not None:
        differences = [one.queries - other.queries for one, other in pairs]
        tests = [test for _, test in splits]
        units = np.arange(num_samples(X)) if groups is None else groups
        result["queries"] = query_bootstrap(differences, tests, units, level, rng)
    return result


def _least_rows(scoring):
    """Return the least number of test rows whose score depends on the model."""
    if scoring is None:
        return 3  # two rows have a correlation of 1 or -1 whatever the data are
    is_mrr = any(scoring is scorer for scorer, _ in _QUERIES)
    return 2 if is_mrr else 1


def _common_components(pairs):
    """Return the number of components that both models have in all splits."""
    counts = np.array([[len(one.correlations) for one in pair] for pair in pairs])
    if (counts[:, 0] != counts[:, 1]).any():
        of_a, of_b = (" or ".join(map(str, np.unique(column))) for column in counts.T)
        warn(
            f"`a` has {of_a} component(s) and `b` has {of_b}, so the scores are sums over the first "
            f"{counts.min()} only. Pass models with the same n_components, or another `scoring`.",
            UserWarning,
        )
    return int(counts.min())


def _first(score, n_components):
    """Return the score by the first components."""
    return score._replace(value=score.correlations[:n_components].sum())


def _differences(scores_a, scores_b):
    """Return the differences of scores; those of equal models are 0, not rounding errors."""
    size = np.maximum(np.abs(scores_a), np.abs(scores_b)).max()
    differences = scores_a - scores_b
    return np.where(np.abs(differences) <= _ROUNDING * size, 0.0, differences)


def corrected_t_test(differences, ratio, level=0.95):
    """Return the t test of Nadeau and Bengio; `ratio` is that of test rows to training rows."""
    n_splits, mean = len(differences), np.mean(differences)
    error = np.sqrt((1 / n_splits + ratio) * np.var(differences, ddof=1))
    df = n_splits - 1
    # Models that always differ by the same amount have no error, and equal ones no difference either.
    with np.errstate(divide="ignore"):
        t = np.divide(mean, error) if mean else 0.0
    half = stats.t.ppf((1 + level) / 2, df) * error
    return Bunch(
        difference=float(mean),
        standard_error=float(error),
        t=float(t),
        df=df,
        p_value=float(2 * stats.t.sf(abs(t), df)),
        low=float(mean - half),
        high=float(mean + half),
    )


def query_bootstrap(differences, tests, units, level, rng):
    """Return the bootstrap over queries of the mean difference of reciprocal ranks.

    `differences` has an array for each split, with one value for each of its test rows in `tests`;
    `units` are the numbers of the rows or groups that are resampled as a whole.
    """
    values, unit = np.concatenate(differences), units[np.concatenate(tests)]
    _, unit = np.unique(unit, return_inverse=True)
    totals, sizes = np.bincount(unit, values), np.bincount(unit)
    n_units = len(sizes)
    means = []
    for batch in gen_batches(_N_RESAMPLES, max(1, _NUMBERS // n_units)):
        drawn = rng.randint(n_units, size=(batch.stop - batch.start, n_units))
        means.append(totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    means = np.concatenate(means)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    beyond = min(np.sum(means <= 0), np.sum(means >= 0))
    return Bunch(
        difference=float(values.mean()),
        standard_error=float(means.std(ddof=1)),
        p_value=float(min(1.0, 2 * (1 + beyond) / (1 + _N_RESAMPLES))),
        low=float(low),
        high=float(high),
        n_units=n_units,
    )


def _score_both(models, X, y, split, scoring, params):
    train, test = split
    held_out = safe_indexing(X, test), safe_indexing(y, test)
    return tuple(_score(fitted(model, X, y, train, params), *held_out, scoring) for model in models)


def _score(model, X, y, scoring):
    """Return the score of a fitted model, and what it is made of."""
    if scoring is None:
        _refuse_without_variates(model)
        correlations = variate_correlations(*variates(model, X, y))
        return _Score(correlations.sum(), correlations=correlations)
    views = next((views for scorer, views in _QUERIES if scoring is scorer), None)
    if views is None:
        return _Score(check_scoring(model, scoring=scoring)(model, X, y))
    scores = pair_scores(model, X, y)
    of_queries = {"x": scores, "y": scores.T}
    queries = np.mean([1 / ranks(of_queries[view]) for view in views], axis=0)
    return _Score(queries.mean(), queries=queries)


def _refuse_without_variates(model):
    last, _ = last_step(model)
    if not hasattr(last, "transform"):
        raise TypeError(
            f"`a` and `b` must be models of two views with scoring=None, got {type(last).__name__}, "
            "which has no variates. Pass a scorer as `scoring`."
        )


def _checked(score):
    """Return the score of a split, or raise ValueError if it is not a finite number."""
    if not is_number(score):
        raise ValueError(
            f"`scoring` must return a finite number for each split, got {score!r}. Pass one scorer, not "
            "several."
        )
    return float(score)
