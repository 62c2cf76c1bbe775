"""Bootstrap of loadings against a plain loop over resamples, and its coverage."""

import numpy as np
import pytest
from _views import shared_views
from scipy import linalg
from scipy.stats import norm
from sklearn.utils import check_random_state

from skdcca import LinearCCA
from skdcca._cca import singular_views
from skdcca.inference import _loadings
from skdcca.inference._loadings import Coordinates, loading_intervals, row_weights

ENDS = ("", "_low", "_high")
NAMES = ("x_loadings", "x_cross_loadings", "y_loadings", "y_cross_loadings")


def weights_of(n, n_resamples=12, seed=0):
    return row_weights(check_random_state(seed), n)(n_resamples)


def intervals(X, y, weights, k=2, reg=0.0, **kwargs):
    """Return the intervals for given weights of resamples."""
    views = [Coordinates(view) for view in singular_views(LinearCCA(reg=reg), X, y)]
    left = iter(weights)

    def draw(n):
        return np.array([next(left) for _ in range(n)])

    return loading_intervals(views, k, draw, level=0.95, n_resamples=len(weights), **kwargs)


def correlations(columns, variates):
    k = columns.shape[1]
    return np.corrcoef(columns.T, variates.T)[:k, k:]


def structure(X, y, variates):
    """Return loadings and cross-loadings of rows, in the order of NAMES."""
    zx, zy = variates
    pairs = ((X, zx), (X, zy), (y, zy), (y, zx))
    return np.concatenate([correlations(*pair) for pair in pairs])


def aligned(found, variates, original):
    """Return loadings with the signs that make both variates agree with the original ones."""
    sign = np.zeros(found.shape[1])
    for own, other in zip(variates, original, strict=True):
        sign += np.diag(correlations(own, other))
    return found * np.where(sign < 0, -1, 1)


def limits_by_loop(X, y, weights, solve, corrected=None):
    """Return loadings and cross-loadings with their limits, by a loop over resamples.

    ``solve(X, y)`` returns the columns of both views and a function that projects such columns. If
    corrected correlations are given, they take the place of those of the data, and of the mean of
    those of the resamples.
    """
    tables, project = solve(X, y)
    p, q = (table.shape[1] for table in tables)
    is_own = np.repeat([True, False, True, False], [p, p, q, q])[:, None]
    sample, r = structure(*tables, project(*tables)), pair_correlations(*project(*tables))
    found, resampled = [], []
    for weight in weights:
        drawn = np.repeat(np.arange(len(X)), np.rint(weight * len(X)).astype(int))
        tables, own = solve(X[drawn], y[drawn])
        variates = own(*tables)
        found.append(aligned(structure(*tables, variates), variates, project(*tables)))
        resampled.append(pair_correlations(*variates))
    found, corrected = np.array(found), np.ones(2) if corrected is None else corrected
    center, values = sample * corrected, found * corrected
    if (corrected != 1).any():
        center, values = center / r, values / np.mean(resampled, axis=0)
    width = norm.ppf(0.975)
    z = np.arctanh(sample)
    half = width * np.sqrt(np.mean((np.arctanh(found) - z) ** 2, axis=0))
    cross_half = width * np.sqrt(np.mean((values - center) ** 2, axis=0))
    low = np.where(is_own, np.tanh(z - half), np.maximum(center - cross_half, -1))
    return sample, low, np.where(is_own, np.tanh(z + half), np.minimum(center + cross_half, 1))


def pair_correlations(zx, zy):
    return np.abs(np.diag(correlations(zx, zy)))


def ridge_solver(reg, n, x_scale, y_scale):
    """Return a function that solves CCA with a ridge by a generalized eigenvalue problem."""

    def solve(X, y):
        p, joint = X.shape[1], np.cov((X / x_scale).T, (y / y_scale).T, ddof=0)
        # The ridge belongs to variances with the divisor n - 1.
        joint += reg * (n - 1) / n * np.eye(len(joint))
        between, y_within = joint[:p, p:], joint[p:, p:]
        turn = linalg.eigh(between @ linalg.solve(y_within, between.T), joint[:p, :p])[1]
        a = turn[:, :-3:-1]
        b = linalg.solve(y_within, between.T @ a)
        return (X, y), lambda X, y: (X / x_scale @ a, y / y_scale @ b)

    return solve


plain = ridge_solver(0, 1, 1, 1)


def partial(X, y):
    """Solve CCA of what the first two columns of both views leave of the others."""
    design = np.column_stack([np.ones(len(X)), X[:, :2]])
    tables = [
        table[:, 2:] - design @ np.linalg.lstsq(design, table[:, 2:], rcond=None)[0]
        for table in (X, y)
    ]
    return plain(*tables)


def assert_same_limits(found, expected):
    sample, low, high = expected
    ours = [np.concatenate([found[f"{name}{end}"] for name in NAMES]) for end in ENDS]
    flip = (ours[0] * sample).sum(axis=0) < 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    for values, theirs in zip(ours, (np.where(flip, -1, 1) * sample, low, high), strict=True):
        np.testing.assert_allclose(values, theirs, atol=1e-7)


@pytest.mark.parametrize(("p", "q"), [(4, 3), (3, 5)])
def test_batched_resamples_equal_a_loop(p, q):
    X, y = shared_views(n=60, p=p, q=q, seed=1)
    weights = weights_of(60)
    assert_same_limits(intervals(X, y, weights), limits_by_loop(X, y, weights, plain))


def test_cross_loadings_with_corrected_correlations():
    X, y = shared_views(n=60, p=4, q=3, seed=1)
    weights, corrected = weights_of(60), np.array([0.6, 0.3])
    found = intervals(X, y, weights, correlations=corrected)
    assert_same_limits(found, limits_by_loop(X, y, weights, plain, corrected))


def test_a_ridge_is_kept_in_all_resamples():
    X, y = shared_views(n=40, p=4, q=3, seed=3)
    weights = weights_of(40)
    solve = ridge_solver(0.5, 40, X.std(axis=0, ddof=1), y.std(axis=0, ddof=1))
    found = intervals(X, y, weights, reg=0.5)
    assert_same_limits(found, limits_by_loop(X, y, weights, solve))


def test_confounds_are_regressed_out_in_each_resample():
    rng = np.random.default_rng(0)
    X, y = shared_views(n=60, p=4, q=3, seed=1)
    confounds = rng.normal(size=(60, 2))
    X = np.hstack([confounds, X + confounds @ rng.normal(size=(2, 4))])
    y = np.hstack([confounds, y + confounds @ rng.normal(size=(2, 3))])
    weights = weights_of(60)
    basis = linalg.orth(confounds - confounds.mean(axis=0)) * np.sqrt(60)
    found = intervals(*partial(X, y)[0], weights, confounds=basis)
    assert_same_limits(found, limits_by_loop(X, y, weights, partial))


def test_the_loadings_are_those_of_the_model():
    X, y = shared_views(seed=4)
    found = intervals(X, y, weights_of(len(X), 2), reg=0.3)
    model = LinearCCA(2, reg=0.3).fit(X, y)
    np.testing.assert_allclose(found.x_loadings, model.x_loadings_, atol=1e-10)
    np.testing.assert_allclose(found.y_loadings, model.y_loadings_, atol=1e-10)
    zx, zy = model.transform(X, y)
    np.testing.assert_allclose(found.x_cross_loadings, correlations(X, zy), atol=1e-10)
    np.testing.assert_allclose(found.y_cross_loadings, correlations(y, zx), atol=1e-10)


def test_chunks_change_nothing(monkeypatch):
    X, y = shared_views(n=50, p=4, q=3)
    views = [Coordinates(view) for view in singular_views(LinearCCA(reg=0), X, y)]

    def run():
        draw = row_weights(check_random_state(3), 50)
        return loading_intervals(views, 2, draw, level=0.9, n_resamples=11)

    whole = run()
    monkeypatch.setattr(_loadings, "_COVARIANCES", 200)
    for name, values in run().items():
        np.testing.assert_allclose(values, whole[name], atol=1e-12)


def test_units_signs_and_order_of_columns():
    X, y = shared_views(n=60, p=4, q=3, seed=5)
    weights, order = weights_of(60), [2, 0, 3, 1]
    found = intervals(X, y, weights)
    scale = np.array([1e-3, -5.0, 1e6, 2.0])
    other = intervals((X * scale + 7)[:, order], -y, weights)
    sign = np.sign(scale)[order, None] * np.sign(
        np.sum(other.x_loadings * (np.sign(scale)[:, None] * found.x_loadings)[order], axis=0)
    )
    for kind in ("loadings", "cross_loadings"):
        low, high = found[f"x_{kind}_low"][order], found[f"x_{kind}_high"][order]
        np.testing.assert_allclose(
            other[f"x_{kind}_low"], np.where(sign > 0, low, -high), atol=1e-8
        )
        np.testing.assert_allclose(
            other[f"x_{kind}_high"], np.where(sign > 0, high, -low), atol=1e-8
        )


def test_a_column_that_is_constant_in_resamples():
    X, y = shared_views(n=40, p=3, q=3)
    X = np.column_stack([X, np.eye(40)[0], np.ones(40)])
    weights = weights_of(40, 60)
    found = intervals(X, y, weights)
    assert np.isfinite([found.x_loadings_low, found.x_loadings_high]).all()
    assert (found.x_loadings_low[3] < found.x_loadings_high[3]).all()
    assert not np.any([found.x_loadings_low[4], found.x_loadings_high[4]])
    # Resamples without the row of the rare column do not count for it.
    with_row = intervals(X, y, weights[weights[:, 0] > 0])
    np.testing.assert_allclose(found.x_loadings_low[3], with_row.x_loadings_low[3], atol=1e-9)
    never = intervals(X, y, weights[weights[:, 0] == 0])
    assert (never.x_loadings_low[3] == -1).all()
    assert (never.x_loadings_high[3] == 1).all()


@pytest.mark.parametrize(("n", "p", "q"), [(8, 3, 3), (20, 9, 9), (6, 1, 1), (12, 30, 2)])
@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
def test_few_rows_give_wide_intervals_without_nan(n, p, q):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    found = intervals(X, y, weights_of(n, 50), k=1)
    for name in NAMES:
        low, high = found[f"{name}_low"], found[f"{name}_high"]
        assert (low >= -1).all()
        assert (high <= 1).all()
        assert (low <= found[name]).all()
        assert (found[name] <= high).all()


def test_a_single_column_has_a_loading_of_one():
    X, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    found = intervals(X, y, weights_of(30, 50), k=1)
    np.testing.assert_allclose([found.x_loadings_low, found.x_loadings_high], 1)
    # The correlation has either sign in resamples, and so have the loadings of y.
    assert found.y_loadings_low[0, 0] < 0 < found.y_loadings_high[0, 0]
    X, y = shared_views(n=30, p=1, q=1)
    found = intervals(X, y, weights_of(30), k=1)
    assert abs(found.x_cross_loadings_low[0, 0]) < 1
    np.testing.assert_allclose(np.abs([found.y_loadings_low, found.y_loadings_high]), 1)


def test_resamples_of_groups_keep_their_rows_together():
    groups = np.array([0, 0, 1, 2, 2, 2])
    weights = row_weights(check_random_state(0), 6, groups)(40)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3:] == weights[:, [3]]).all()
    # Three of the three groups are drawn, with replacement.
    counts = weights / weights.max(axis=1, keepdims=True)
    assert len(np.unique(counts.round(6), axis=0)) > 5


def test_intervals_cover_the_loadings_of_the_population():
    n, p, r = 150, 4, 0.7
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(p, p))
    true = (mix / np.linalg.norm(mix, axis=1, keepdims=True))[:, :1]
    covered = []
    for seed in range(60):
        X, y = rng.normal(size=(2, n, p))
        y[:, 0] = r * X[:, 0] + np.sqrt(1 - r**2) * y[:, 0]
        sample = shrunk = np.array([r])
        found = intervals(X @ mix.T, y, weights_of(n, 60, seed), k=1, correlations=shrunk)
        sign = np.sign(np.sum(found.x_loadings * true))
        for name, target in (("x_loadings", true), ("x_cross_loadings", true * sample)):
            target = sign * target
            covered.append((found[f"{name}_low"] <= target) & (target <= found[f"{name}_high"]))
    own, cross = np.mean(covered[::2]), np.mean(covered[1::2])
    assert 0.92 <= own <= 0.99
    assert cross >= 0.88
