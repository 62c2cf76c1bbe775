"""Residuals inside and outside of folds, and false positives of comparisons of models."""

import numpy as np
from scipy import stats
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdcca import LinearCCA, Residualizer, compare_models
from skdcca.metrics import mrr_scorer

LEVEL = 0.05
LEAK_HEAD = ("rows", "confounds", "columns", "inside the folds", "before the folds", "not at all")
COMPARISON_HEAD = (
    "rows",
    "b is",
    "corrected t, correlations",
    "corrected t, MRR",
    "paired t, correlations",
    "queries, models of the folds",
    "queries, fixed models",
)


def rows_leak(quick, seeds):
    """Yield the held-out correlation of views that have nothing in common except confounds.

    They are the mean over data sets of the first held-out correlation in five folds, with its standard
    error, if confounds are regressed out inside the folds, in all rows before, and not at all.
    """
    cells = [(60, 20, 5), (60, 30, 3), (100, 50, 5), (200, 20, 5)]
    for n, n_confounds, n_columns in cells[:2] if quick else cells:
        found = np.array([_leak(n, n_confounds, n_columns, seed) for seed in seeds])
        errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
        shown = [f"{m:.2f} ({e:.2f})" for m, e in zip(found.mean(axis=0), errors, strict=True)]
        yield (n, n_confounds, n_columns, *shown)


def _leak(n, n_confounds, n_columns, seed):
    """Return the held-out correlation of one data set, for the three ways."""
    rng = np.random.default_rng(seed)
    confounds = rng.normal(size=(n, n_confounds))
    x_side, y_side = (
        confounds @ rng.normal(size=(n_confounds, n_columns)) / 2 + rng.normal(size=(n, n_columns))
        for _ in range(2)
    )
    X, y = np.hstack([confounds, x_side]), np.hstack([confounds, y_side])
    step, cca = Residualizer(slice(0, n_confounds)), LinearCCA(1, reg=0)
    partial = make_pipeline(step, LinearCCA(1, reg=0, y_transformer=step))
    ways = [(partial, X, y), (cca, step.fit_transform(X), step.fit_transform(y))]
    ways.append((cca, x_side, y_side))
    return [cross_val_score(*way, cv=5).mean() for way in ways]


def rows_comparison(quick, seeds):
    """Yield the fraction of data sets in which two models differ significantly at level 0.05.

    Both models see columns of X of their own. If these are equally good, the fraction is that of
    false positives; with worse columns for b, it is the power. The paired t test is not corrected. The
    bootstrap over queries compares models that are fitted to the folds, whose variation it does not
    contain, and fixed ones that were fitted to other rows before.
    """
    for n in (60,) if quick else (60, 200):
        for b_is, noise in (("as good", 1.0), ("worse", 2.0)):
            fixed = [FrozenEstimator(m.fit(*_two_halves(5000, noise, 0))) for m in _models()]
            found = np.array([_differ(n, noise, seed, fixed) for seed in seeds])
            yield (n, b_is, *(f"{rate:.3f}" for rate in found.mean(axis=0)))


def _differ(n, noise, seed, fixed):
    """Return whether two models differ significantly by each test."""
    X, y = _two_halves(n, noise, 1 + seed)
    by_score = compare_models(*_models(), X, y, random_state=seed)
    by_mrr = compare_models(*_models(), X, y, scoring=mrr_scorer, random_state=seed)
    of_fixed = compare_models(*fixed, X, y, scoring=mrr_scorer, random_state=seed)
    paired = stats.ttest_rel(by_score.scores_a, by_score.scores_b).pvalue
    p_values = by_score.p_value, by_mrr.p_value, paired
    queries = by_mrr.queries.p_value, of_fixed.queries.p_value
    return [p < LEVEL for p in (*p_values, *queries)]


def _models():
    """Return two models of different columns of X."""
    return [
        make_pipeline(FunctionTransformer(_take, kw_args={"columns": columns}), LinearCCA(2, reg=0))
        for columns in (slice(0, 4), slice(4, 8))
    ]


def _take(X, columns):
    return X[:, columns]


def _two_halves(n, noise, seed):
    """Return X with two sets of four columns, of which two share something with y, and y."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    sets = [
        np.hstack([shared + scale * rng.normal(size=(n, 2)), rng.normal(size=(n, 2))])
        for scale in (1.0, noise)
    ]
    return np.hstack(sets), np.hstack([shared + rng.normal(size=(n, 2)), rng.normal(size=(n, 1))])
