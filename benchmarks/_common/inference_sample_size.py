"""Plans of `cca_sample_size` against simulated data."""

import numpy as np

from skdcca import LinearCCA, canonical_correlation_test, cca_sample_size

N_PERMUTATIONS = 199
MOST_PERMUTED = 50
N_SIMULATIONS = 200  # for each seed
POWER_HEAD = (
    "columns",
    "planned power",
    "correlations",
    "samples",
    "largest error of power",
    "largest error of weight error",
    "power of the permutation test",
)


def rows_power(quick, seeds):
    """Yield how far plans are from data that are simulated with the planned number of samples.

    The errors are the largest differences over all correlations between what the plan predicts and
    what 200 simulated studies for each seed have. The permutation
    test is made on one data set for each seed, at the middle correlation; its standard error is in
    parentheses.
    """
    columns = [(1, 5), (2, 2), (5, 3), (5, 20), (20, 20), (5, 95), (50, 50), (100, 100), (200, 300)]
    correlations = (0.2, 0.5, 0.9) if quick else (0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    for p, q in columns[1:5] if quick else columns:
        for power in (0.9, 0.6):
            plans = [_plan(r, p, q, power, len(seeds)) for r in correlations]
            errors = [abs(plan.power - plan.simulated_power) for plan in plans]
            weights = [abs(plan.weight_error - plan.simulated_weight_error) for plan in plans]
            samples = ", ".join(f"{plan.n_samples:,}" for plan in plans)
            permuted = _permuted_power(plans[len(plans) // 2], seeds)
            worst = f"{max(errors):.3f}", f"{max(weights):.3f}"
            shown = ", ".join(map(str, correlations))
            yield f"{p} and {q}", power, shown, samples, *worst, permuted


def _plan(correlation, p, q, power, n_seeds):
    """Return the plan for power alone, simulated with the number of samples that it needs."""
    count = N_SIMULATIONS * n_seeds
    return cca_sample_size(
        correlation, p, q, power=power, weight_error=0.99, n_simulations=count, random_state=0
    )


def _permuted_power(plan, seeds):
    p, q = plan.n_features_x, plan.n_features_y
    if p + q > MOST_PERMUTED:
        return ""
    found = []
    for seed in seeds:
        X, y = _linked([plan.correlation], plan.n_samples, p, q, seed)
        test = canonical_correlation_test(
            LinearCCA(1, reg=0), X, y, n_permutations=N_PERMUTATIONS, random_state=seed
        )
        found.append(test.n_significant)
    rate = np.mean(found)
    return f"{rate:.2f} ({np.sqrt(rate * (1 - rate) / len(found)):.2f})"


def _linked(links, n, p, q, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    for k, r in enumerate(links):
        y[:, k] = r * X[:, k] + np.sqrt(1 - r**2) * y[:, k]
    return X, y
