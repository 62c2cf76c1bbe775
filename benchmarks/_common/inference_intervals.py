"""Coverage of the intervals of canonical correlations and loadings, and their time."""

from time import process_time

import numpy as np

from skdcca import LinearCCA, canonical_correlation_intervals
from skdcca.inference._corrected import corrected_correlations

LEVEL = 0.95
CORRELATIONS_HEAD = (
    "rows",
    "columns",
    "correlations",
    "threshold",
    "training rows",
    "detected",
    "corrected (median)",
    "coverage",
    "bootstrap (median)",
    "bootstrap coverage",
)
LOADINGS_HEAD = (
    "rows",
    "columns",
    "correlations",
    "columns of X are",
    "coverage of loadings",
    "coverage of cross-loadings",
    "bootstrap coverage of loadings",
)
TIME_HEAD = ("rows", "columns", "resamples", "CPU s", "CPU s of a loop of fits", "ratio")
STRENGTHS = [(0.3,), (0.5,), (0.7,), (0.9,), (0.7, 0.5), (0.9, 0.3), (0.9, 0.6), (0.8, 0.8)]
COLUMNS = [(2, 2), (2, 10), (5, 5), (10, 10), (2, 50), (25, 25), (50, 50)]


def rows_correlations(quick, seeds):
    """Yield the coverage of corrected correlations and of the percentile bootstrap.

    For each seed, 200 tables are simulated for the corrected correlations, and 10 with 100 resamples
    each for the bootstrap (5 of 50 in a quick run, which has fewer cells). A component that is not
    detected has the interval from 0 to its upper bound. The medians of the corrected correlations are
    those of the detected ones, and those of the bootstrap are of all resamples.
    """
    for n in (100, 500) if quick else (100, 200, 500):
        for p, q in COLUMNS[1:4] if quick else COLUMNS:
            if p + q >= n:
                continue
            for strengths in STRENGTHS[2:6:2] if quick else STRENGTHS:
                yield _correlations_row(n, p, q, strengths, quick, seeds)


def _correlations_row(n, p, q, strengths, quick, seeds):
    true, k = np.array(strengths), len(strengths)
    sample = np.concatenate([_sampled(n, p, q, strengths, 200, seed)[:, :k] for seed in seeds])
    found = [corrected_correlations(row, n, p, q, LEVEL) for row in sample]
    low, high, detected, corrected = (
        np.array([one[name] for one in found]) for name in ("low", "high", "detected", "corrected")
    )
    medians = [_median(corrected[:, j], detected[:, j]) for j in range(k)]
    n_tables, n_resamples = (5, 50) if quick else (10, 100)
    resampled = np.array(
        [
            _bootstrap(*_views(n, p, q, strengths, 1000 * seed + i), k, n_resamples)
            for seed in seeds
            for i in range(n_tables)
        ]
    )
    limits = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return (
        n,
        f"{p} and {q}",
        _joined(true, 1),
        f"{found[0].threshold:.2f}",
        _joined(np.median(sample, axis=0)),
        _joined(detected.mean(axis=0)),
        _joined(medians),
        _joined(_coverage(low, high, true), 3),
        _joined(np.median(resampled, axis=(0, 1))),
        _joined(_coverage(*limits, true)),
    )


def _median(corrected, detected):
    return np.median(corrected[detected]) if detected.any() else 0.0


def _coverage(low, high, true):
    return np.mean((low <= true) & (true <= high), axis=0)


def _joined(values, decimals=2):
    return " / ".join(f"{value:.{decimals}f}" for value in values)


def _sampled(n, p, q, strengths, n_tables, seed):
    """Return the correlations of normal tables, whose covariances are drawn without their rows."""
    rng = np.random.default_rng(seed)
    total = np.arange(p + q)
    factor = np.tril(rng.normal(size=(n_tables, p + q, p + q)), -1)
    factor[:, total, total] = np.sqrt(rng.chisquare(n - 1 - total, size=(n_tables, p + q)))
    population = np.eye(p + q)
    for k, r in enumerate(strengths):
        population[k, p + k] = population[p + k, k] = r
    rows = np.linalg.cholesky(population) @ factor
    return _correlations(rows @ rows.swapaxes(1, 2), p)


def _correlations(covariance, p):
    """Return the canonical correlations of stacked covariances."""
    x_root = np.linalg.cholesky(covariance[:, :p, :p])
    y_root = np.linalg.cholesky(covariance[:, p:, p:])
    whitened = np.linalg.solve(x_root, covariance[:, :p, p:]).swapaxes(1, 2)
    return np.linalg.svd(np.linalg.solve(y_root, whitened), compute_uv=False)


def _views(n, p, q, strengths, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    for k, r in enumerate(strengths):
        y[:, k] = r * X[:, k] + np.sqrt(1 - r**2) * y[:, k]
    return X, y


def _bootstrap(X, y, k, n_resamples):
    """Return the correlations of resamples of the rows."""
    rng = np.random.default_rng(0)
    rows = np.hstack([X, y])
    covariance = []
    for _ in range(n_resamples):
        drawn = rows[rng.integers(len(rows), size=len(rows))]
        covariance.append(np.cov(drawn.T) + 1e-10 * np.eye(rows.shape[1]))
    return _correlations(np.array(covariance), X.shape[1])[:, :k]


def rows_loadings(quick, seeds):
    """Yield the coverage of loadings and cross-loadings, on average over the columns of X.

    The columns of X are random mixtures of the variates and of noise, or each of them has the loading
    0.8 of the first variate. There are 50 tables for each seed (20 in a quick run), with 400 resamples
    each. The bootstrap of the last column takes percentiles of fits to 100 resamples, in the first 2
    tables of each seed.
    """
    cells = [
        (100, 5, 5, (0.7,)),
        (100, 10, 10, (0.9,)),
        (200, 10, 10, (0.8, 0.5)),
        (200, 25, 25, (0.8,)),
        (500, 5, 5, (0.5,)),
        (500, 25, 25, (0.8, 0.5)),
        (500, 50, 50, (0.7,)),
    ]
    for n, p, q, strengths in cells[:2] if quick else cells:
        for kind in ("mixtures", "alike"):
            found = [_loadings(n, p, q, strengths, kind, seed, quick) for seed in seeds]
            own, cross, percentiles = (
                _joined(np.mean(one, axis=0)) for one in zip(*found, strict=True)
            )
            yield n, f"{p} and {q}", _joined(strengths, 1), kind, own, cross, percentiles


def _loadings(n, p, q, strengths, kind, seed, quick):
    """Return the coverage of loadings, cross-loadings and percentiles, for each component."""
    rng = np.random.default_rng(seed)
    k, true_correlations = len(strengths), np.array(strengths)
    own, cross, percentiles = [], [], []
    for i in range(20 if quick else 50):
        mix = rng.normal(size=(p, p))
        if kind == "alike":
            mix[:, 0] = 0
            mix *= 0.6 / np.linalg.norm(mix, axis=1, keepdims=True)
            mix[:, 0] = 0.8 * rng.choice([-1, 1], size=p)
        true = (mix / np.linalg.norm(mix, axis=1, keepdims=True))[:, :k]
        X, y = _views(n, p, q, strengths, 1000 * seed + i)
        X, model = X @ mix.T, LinearCCA(k, reg=0)
        result = canonical_correlation_intervals(model, X, y, level=LEVEL, random_state=i)
        target = true * np.where((result.x_loadings * true).sum(axis=0) < 0, -1, 1)
        limits = result.x_loadings_low, result.x_loadings_high
        own.append(_coverage(*limits, target))
        limits = result.x_cross_loadings_low, result.x_cross_loadings_high
        cross.append(_coverage(*limits, target * true_correlations))
        if i < 2:
            percentiles.append(_coverage(*_percentiles(model, X, y, result.x_loadings), target))
    return tuple(np.mean(one, axis=0) for one in (own, cross, percentiles))


def _percentiles(model, X, y, loadings, n_resamples=100):
    """Return percentiles of the loadings of fits to resamples, with the signs of the data."""
    found = np.array([one * _signs(one, loadings) for one in _fits(model, X, y, n_resamples)])
    return np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


def _signs(loadings, reference):
    return np.where((loadings * reference).sum(axis=0) < 0, -1, 1)


def _fits(model, X, y, n_resamples):
    rng = np.random.default_rng(0)
    for _ in range(n_resamples):
        drawn = rng.integers(len(X), size=len(X))
        yield model.fit(X[drawn], y[drawn]).x_loadings_


def rows_time(quick):
    """Yield the CPU time of 400 resamples, all components, beside a loop of fits.

    The loop is timed for 40 resamples and multiplied by 10.
    """
    cells = [(500, 5, 5), (500, 25, 25), (500, 50, 50), (5000, 25, 25)]
    for n, p, q in cells[:2] if quick else cells:
        X, y = _views(n, p, q, (0.7,), 0)
        model = LinearCCA(reg=0)
        for n_resamples in (2, 400):  # the first call warms up
            before = process_time()
            canonical_correlation_intervals(model, X, y, n_resamples=n_resamples, random_state=0)
            batched = process_time() - before
        before = process_time()
        list(_fits(model, X, y, 40))
        loop = 10 * (process_time() - before)
        yield n, f"{p} and {q}", 400, f"{batched:.3f}", f"{loop:.2f}", f"{loop / batched:.0f}"
