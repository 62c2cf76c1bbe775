"""Plan the number of samples of a CCA."""

import numpy as np
from numpy.random import RandomState
from sklearn.utils import Bunch, check_random_state

from skdcca._utils.validation import check_integer, check_number
from skdcca.inference._first_root import SPARE_ROWS, expected_values, power_of
from skdcca.inference._first_root_draws import draw_first_root
from skdcca.inference._largest_root import largest_root_critical_value

_MOST_SAMPLES = 10_000_000_000
_ROWS_PER_FEATURE = (5, 10, 20, 50)
_N_CURVE = 30


def cca_sample_size(
    correlation: float,
    n_features_x: int,
    n_features_y: int,
    *,
    power: float = 0.9,
    alpha: float = 0.05,
    weight_error: float = 0.1,
    n_simulations: int = 300,
    random_state: int | RandomState | None = None,
) -> Bunch:
    r"""Plan how many samples a CCA without a ridge needs.

    The plan answers two questions: with how many samples does a test find the first component, and
    with how many are its weights close to those of the population? The second number is usually the
    larger one.

    Parameters
    ----------
    correlation : float in (0, 1)
        First canonical correlation in the population. Correlations of small published studies are too
        large; see ``in_sample`` and ``held_out`` of the result.
    n_features_x : int
        Number of columns of the first view, or of its principal components if CCA is fitted on them.
    n_features_y : int
        Number of columns of the second view.
    power : float in (0, 1), default=0.9
        Probability that a test finds the component, to be reached.
    alpha : float in (0, 1), default=0.05
        Level of the test.
    weight_error : float in (0, 1), default=0.1
        Largest acceptable mean error of the weights: 1 minus their agreement, for the view with the
        larger error.
    n_simulations : int, default=300
        Number of simulated studies of the planned size that check the plan, which take about a second
        with thousands of columns. 0 omits the check.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulation. Pass an int for reproducible checks.

    Returns
    -------
    result : sklearn.utils.Bunch
        The plan:

        - ``n_samples`` (int): the larger of the next two;
        - ``n_samples_power`` (int): samples that reach `power`;
        - ``n_samples_weights`` (int): samples that keep `weight_error`;
        - ``power``, ``weight_error`` (float): predicted at ``n_samples``;
        - ``simulated_power``, ``simulated_weight_error`` (float or None): the same in simulated studies,
          or None without a check;
        - ``expected``: a Bunch of arrays, what to expect with 5, 10, 20 and 50 samples per feature;
        - ``curve``: a Bunch of the same arrays on a fine grid of numbers of samples;
        - ``correlation``, ``n_features_x``, ``n_features_y``, ``alpha``: the arguments;
        - ``target_power``, ``target_weight_error``: the arguments `power` and `weight_error`.

        The arrays of ``expected`` and ``curve`` are:

        - ``rows_per_feature``, ``n_samples``: samples, divided by the columns of both views, and not;
        - ``power``: probability that the component is found;
        - ``in_sample``: mean first canonical correlation of the training rows;
        - ``held_out``: mean correlation of the first variates in new samples;
        - ``weight_agreement``: mean agreement of the weights, for the view with the lower one.

    Raises
    ------
    ValueError
        If an argument is out of range, or if the plan needs more than 10 billion samples.

    See Also
    --------
    skdcca.canonical_correlation_test : Test which components are more than chance.
    skdcca.canonical_correlation_intervals : Corrected correlations, to plan the next study with.
    skdcca.plotting.SampleSizeDisplay : Draw the curve of the result.

    Notes
    -----
    The rows are assumed to be independent and normally distributed, with one component that both
    views share; then the answers depend on the population only through `correlation`. More components
    that are weaker need more samples. With confounds, add one sample for each confound.

    *Power* is that of the test of the largest root at level `alpha`, which a permutation test
    approaches. The *agreement* of weights is the correlation between the variate of the sample weights
    and that of the population weights, in the population. It does not depend on how the columns are
    scaled or correlated, unlike the cosine of the weights. A held-out correlation is about
    `correlation` times the agreement of both views.

    Nothing is simulated for the plan itself. The largest root under one shared component is approximated
    through quadratic forms of the noise columns, as in [1]_, whose moments are those of large random
    matrices [2]_. In simulations with 4 to 500 columns and correlations from 0.02 to 0.9, predicted
    power is within 0.06 of the simulated power wherever it is at least one half, and the agreement of
    weights within 0.08, or 0.06 where power is 0.9. With fewer than about 20 samples, or hardly more
    samples than columns, both are too low by up to 0.1 to 0.3.

    The check draws the first correlation and the agreement of both weights from their exact
    distribution, without data of the planned size: the canonical correlations of the noise columns are
    the singular values of a bidiagonal matrix of independent numbers [3]_. If both views have more than
    about 300 columns, several draws use the same ones, which then hardly vary.

    *Other calculators*: gemmr [4]_ recommends about 40 samples per feature at a correlation of 0.3,
    and 13 at 0.5. It asks for an error below 10 % in power, correlation, weights, scores and loadings
    at once, and interpolates simulations with a regression. Weights here are compared in whitened
    coordinates. Its numbers are 1 to 2 times as large.

    References
    ----------
    .. [1] I. M. Johnstone and B. Nadler, "Roy's largest root test under rank-one alternatives",
       Biometrika 104 (2017).
    .. [2] Z. Bao, J. Hu, G. Pan and W. Zhou, "Canonical correlation coefficients of high-dimensional
       Gaussian vectors: finite rank case", Annals of Statistics 47 (2019).
    .. [3] A. Edelman and B. D. Sutton, "The beta-Jacobi matrix model, the CS decomposition, and
       generalized singular value problems", Foundations of Computational Mathematics 8 (2008).
    .. [4] M. Helmer et al., "On the stability of canonical correlation analysis and partial least
       squares with application to brain-behavior associations", Communications Biology 7 (2024).

    Examples
    --------
    >>> from skdcca import cca_sample_size
    >>> plan = cca_sample_size(0.3, 20, 10, random_state=0)
    >>> plan.n_samples_power, plan.n_samples_weights
    (522, 978)

    A study with five samples per feature would find a correlation of 0.59 in its training rows, and
    nearly none in new ones:

    >>> plan.expected.rows_per_feature.astype(int)
    array([ 5, 10, 20, 50])
    >>> plan.expected.in_sample.round(2)
    array([0.59, 0.45, 0.37, 0.33])
    >>> plan.expected.held_out.round(2)
    array([0.04, 0.13, 0.22, 0.27])
    """
    check_number("correlation", correlation, gt=0, lt=1)
    check_integer("n_features_x", n_features_x)
    check_integer("n_features_y", n_features_y)
    check_number("power", power, gt=0, lt=1)
    check_number("alpha", alpha, gt=0, lt=1)
    check_number("weight_error", weight_error, gt=0, lt=1)
    check_integer("n_simulations", n_simulations, ge=0)
    rng = check_random_state(random_state)
    shape = (n_features_x, n_features_y)
    for_power = _least_samples(
        lambda n: power_of(correlation, n, *shape, alpha) >= power, shape, f"`power`={power!r}"
    )
    for_weights = _least_samples(
        lambda n: min(expected_values(correlation, n, *shape)[1:]) >= 1 - weight_error,
        shape,
        f"`weight_error`={weight_error!r}",
    )
    n_samples = max(for_power, for_weights)
    simulated = _simulate(correlation, n_samples, shape, alpha, n_simulations, rng)
    total = sum(shape)
    planned = _expect([n_samples], correlation, shape, alpha)
    return Bunch(
        n_samples=n_samples,
        n_samples_power=for_power,
        n_samples_weights=for_weights,
        power=float(planned.power[0]),
        weight_error=float(1 - planned.weight_agreement[0]),
        simulated_power=simulated[0],
        simulated_weight_error=simulated[1],
        expected=_expect(np.multiply(_ROWS_PER_FEATURE, total), correlation, shape, alpha),
        curve=_expect(_grid(n_samples, total), correlation, shape, alpha),
        correlation=correlation,
        n_features_x=n_features_x,
        n_features_y=n_features_y,
        alpha=alpha,
        target_power=power,
        target_weight_error=weight_error,
    )


def _least_samples(enough, shape, target):
    """Return the least number of samples that is enough."""
    low = sum(shape) + SPARE_ROWS
    if enough(low):
        return low
    high = 2 * low
    while not enough(high):
        low, high = high, 2 * high
        if low > _MOST_SAMPLES:
            raise ValueError(
                f"the plan needs more than {_MOST_SAMPLES:,} samples to reach {target}. Use fewer "
                "columns, such as principal components, or plan for a larger `correlation`."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _expect(numbers, correlation, shape, alpha):
    """Return what to expect at each number of samples."""
    numbers = np.asarray(numbers)
    means = np.array([expected_values(correlation, n, *shape) for n in numbers.tolist()])
    return Bunch(
        rows_per_feature=numbers / sum(shape),
        n_samples=numbers,
        power=np.array([power_of(correlation, n, *shape, alpha) for n in numbers.tolist()]),
        in_sample=means[:, 0],
        held_out=correlation * means[:, 1] * means[:, 2],
        weight_agreement=means[:, 1:].min(axis=1),
    )


def _grid(n_samples, total):
    """Return the numbers of samples of the curve."""
    first = total + SPARE_ROWS
    last = max(_ROWS_PER_FEATURE[-1] * total, 2 * n_samples)
    return np.unique(np.geomspace(first, last, _N_CURVE).round().astype(int))


def _simulate(correlation, n_samples, shape, alpha, count, rng):
    """Return power and the error of weights in simulated studies, or None."""
    if count == 0:
        return None, None
    critical = largest_root_critical_value(alpha, n_samples, *shape)
    found, *agreements = draw_first_root(correlation, n_samples, *shape, count, rng)
    error = 1 - min(agreement.mean() for agreement in agreements)
    return float(np.mean(found > critical)), float(error)
