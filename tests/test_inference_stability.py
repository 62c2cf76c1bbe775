"""Agreement of the components of two halves."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import linalg, sparse
from scipy.special import gamma
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import KernelCCA, LinearCCA, weight_stability
from skdcca._utils.labels import halves
from skdcca.exceptions import RankWarning
from skdcca.inference._stability import _agreement

NAMES = [f"{view}_{name}" for view in "xy" for name in ("weights", "subspace", "loadings")]


def views(n=80, seed=0):
    """Return two views with one shared component."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 4)), rng.normal(size=(n, 3))
    y[:, 0] += 2 * X[:, 0]
    return X, y


def test_agreement_is_that_of_weights_in_the_metric_of_the_data():
    X, y = views()
    halves = np.arange(40), np.arange(40, 80)
    model = LinearCCA(2, reg=0)
    found = _agreement(model, X, y, (X, y), halves, None)
    a, b = (LinearCCA(2, reg=0).fit(X[half], y[half]) for half in halves)
    for name, view, of_a, of_b in (
        ("x", X, a.x_weights_, b.x_weights_),
        ("y", y, a.y_weights_, b.y_weights_),
    ):
        weights, loadings = found[f"{name}_weights"], found[f"{name}_loadings"]
        cross, in_a, in_b = (
            np.diag(u.T @ np.cov(view.T) @ v) for u, v in ((of_a, of_b), (of_a, of_a), (of_b, of_b))
        )
        np.testing.assert_allclose(weights, np.abs(cross) / np.sqrt(in_a * in_b), atol=1e-12)
        table = np.corrcoef(np.hstack([view, view @ of_a, view @ of_b]).T)
        p = view.shape[1]
        in_a, in_b = table[:p, p : p + 2], table[:p, p + 2 :]
        cosine = (in_a * in_b).sum(axis=0) / np.linalg.norm(in_a, axis=0)
        cosine /= np.linalg.norm(in_b, axis=0)
        np.testing.assert_allclose(loadings, np.abs(cosine), atol=1e-12)
        centered = view - view.mean(axis=0)
        angles = linalg.subspace_angles(centered @ of_a, centered @ of_b)
        overlap = [weights[0], np.sqrt(np.mean(np.cos(angles) ** 2))]
        np.testing.assert_allclose(found[f"{name}_subspace"], overlap, atol=1e-12)


def test_shared_component_is_stable_and_noise_is_not():
    result = weight_stability(LinearCCA(2), *views(), n_splits=15, random_state=0)
    for name in NAMES:
        one = result[name]
        assert one.splits.shape == (15, 2)
        assert one.mean[0] > 0.9 > one.mean[1]
        assert one.chance[0] < 0.75
        np.testing.assert_allclose(one.mean, one.splits.mean(axis=0))
        np.testing.assert_allclose(one.low, np.quantile(one.splits, 0.025, axis=0))
        np.testing.assert_allclose(one.high, np.quantile(one.splits, 0.975, axis=0))


def test_plane_of_equal_components_is_stable():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 5))
    y = X[:, :2] + 0.5 * rng.normal(size=(300, 2))
    result = weight_stability(LinearCCA(reg=0), X, y, n_splits=10, random_state=0)
    assert result.x_weights.mean[0] < 0.6
    assert result.x_subspace.mean[1] > 0.97


def test_components_beyond_the_rank_agree_in_nothing():
    X, y = views(40)
    X[:, 1:] = X[:, :1]
    with pytest.warns(RankWarning):
        result = weight_stability(LinearCCA(2), X, y, n_splits=2, random_state=0)
    np.testing.assert_allclose(result.x_weights.mean, [1, 0], atol=1e-10)
    np.testing.assert_allclose(result.x_subspace.mean, [1, np.sqrt(0.5)], atol=1e-10)
    np.testing.assert_allclose(result.x_loadings.mean, [1, 0], atol=1e-10)


def test_chance_is_that_of_random_directions():
    """Without a ridge they are uniform in the whitened space: the mean cosine has a known value."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.normal(size=200)
    result = weight_stability(LinearCCA(reg=0), X, y, n_splits=40, random_state=0)
    expected = gamma(2.5) / (np.sqrt(np.pi) * gamma(3))
    assert result.x_weights.chance[0] == pytest.approx(expected, abs=0.1)
    assert result.y_weights.chance[0] == pytest.approx(1)  # one column has one direction


def test_halves_are_disjoint_and_keep_groups_together():
    units = np.arange(31) // 3
    first, second = halves(units, np.random.default_rng(0))
    assert sorted([*first, *second]) == list(range(31))
    assert not set(units[first]) & set(units[second])
    assert len(set(units[first])) == 5
    first, second = halves(np.arange(9), np.random.default_rng(0))
    assert (len(first), len(second)) == (4, 5)


def test_rows_of_a_group_would_make_noise_look_stable():
    X, y = (np.repeat(view, 6, axis=0) for view in views(14, seed=1))
    y = np.random.default_rng(1).normal(size=(14, 3)).repeat(6, axis=0)
    groups = np.repeat(np.arange(14), 6)
    apart = weight_stability(LinearCCA(1, reg=0.1), X, y, n_splits=10, random_state=0)
    together = weight_stability(
        LinearCCA(1, reg=0.1), X, y, n_splits=10, random_state=0, groups=groups
    )
    assert apart.x_weights.mean[0] > together.x_weights.mean[0] + 0.2


def test_seed_and_jobs():
    X, y = views()
    settings = {"n_splits": 3, "random_state": 1}
    one = weight_stability(LinearCCA(1), X, y, **settings)
    with parallel_config(backend="threading"):
        two = weight_stability(LinearCCA(1), X, y, **settings, n_jobs=2)
    other = weight_stability(LinearCCA(1), X, y, n_splits=3, random_state=2)
    np.testing.assert_array_equal(one.x_loadings.splits, two.x_loadings.splits)
    assert not np.array_equal(one.x_loadings.splits, other.x_loadings.splits)


def test_views_of_all_kinds():
    X, y = views(40)
    settings = {"n_splits": 3, "random_state": 0}
    expected = weight_stability(LinearCCA(1), X, y, **settings)
    scaled = make_pipeline(StandardScaler(), LinearCCA(1))
    frames = pd.DataFrame(X, index=np.arange(40) + 5), pd.DataFrame(y, index=np.arange(40) + 5)
    for found in (
        weight_stability(scaled, *frames, **settings),
        weight_stability(LinearCCA(1), sparse.coo_array(X), sparse.csc_array(y), **settings),
    ):
        for name in NAMES:
            np.testing.assert_allclose(found[name].splits, expected[name].splits, atol=1e-8)
            np.testing.assert_allclose(found[name].chance, expected[name].chance, atol=1e-8)
    kernel = weight_stability(KernelCCA(1, kernel="linear", reg=0.1), X, y, **settings)
    assert kernel.x_loadings.mean[0] > 0.8
    texts = ["ding " * int(row[0] > 0) + "dong" for row in X]
    words = HashingVectorizer(n_features=4, norm=None)
    found = weight_stability(make_pipeline(words, LinearCCA(1)), texts, y, **settings)
    assert found.x_loadings is None
    assert found.y_loadings.mean[0] > 0.5


def test_small_wide_and_constant_tables():
    rng = np.random.default_rng(0)
    settings = {"n_splits": 2, "random_state": 0}
    small = weight_stability(LinearCCA(), rng.normal(size=(20, 3)), rng.normal(size=20), **settings)
    assert small.x_weights.mean.shape == (1,)
    X = np.c_[1e9 * rng.normal(size=(50, 200)), np.ones(50)]
    wide = weight_stability(LinearCCA(), X, rng.normal(size=(50, 60)), **settings)
    assert wide.x_weights.mean.shape == (24,)
    assert all(np.isfinite(wide[name].splits).all() for name in NAMES)


def test_bad_input_is_refused():
    X, y = views()
    with pytest.raises(TypeError, match="`estimator` must be an estimator"):
        weight_stability(LinearCCA, X, y)
    with pytest.raises(ValueError, match="`n_splits` must be an integer >= 1, got 0"):
        weight_stability(LinearCCA(), X, y, n_splits=0)
    with pytest.raises(ValueError, match="at least 4 rows to be halved, got 3 samples"):
        weight_stability(LinearCCA(), X[:3], y[:3])
    with pytest.raises(ValueError, match="`groups` must have at least two groups, got 1"):
        weight_stability(LinearCCA(), X, y, groups=[7] * 80)
