"""Ridges that LinearCCA chooses from the data, against scikit-learn's estimators of covariances."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.stats import randint
from sklearn.covariance import ledoit_wolf_shrinkage, oas
from sklearn.cross_decomposition import CCA
from sklearn.model_selection import RandomizedSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler

from skdcca import LinearCCA, canonical_correlation_test, load, save
from skdcca.exceptions import PerfectCorrelationWarning, PrecisionWarning

SHRINKAGES = ("oas", "ledoit_wolf")
SHAPES = {"tall": (120, 8, 5), "wide": (30, 60, 5), "wide y": (40, 12, 90)}


def views(n, p, q, seed=0):
    """Return views with heavy tails, a shared part, an offset, and columns of different scales."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    X = shared @ rng.normal(size=(3, p)) + rng.standard_t(4, size=(n, p))
    y = shared @ rng.normal(size=(3, q)) + rng.normal(size=(n, q))
    return X * rng.uniform(0.1, 10, p) + 100, y


def ridge(view, name, scale=True):
    view = view[:, view.std(axis=0) > 0]
    rows = StandardScaler().fit_transform(view) if scale else view - view.mean(axis=0)
    s = oas(rows)[1] if name == "oas" else ledoit_wolf_shrinkage(rows)
    return 1.0 if s > 0.5 else s / (1 - s)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SHRINKAGES)
def test_ridges_equal_scikit_learn(name, shape, scale):
    X, y = views(*SHAPES[shape])
    X[:, 3] = 7.0  # a constant column has no part in the shrinkage
    expected = ridge(X, name, scale), ridge(y, name, scale)
    assert 0 < min(expected) < 1
    model = LinearCCA(2, reg=name, scale=scale).fit(X, y)
    assert_allclose(model.reg_, expected, rtol=1e-9)
    mixed = LinearCCA(2, reg=name, y_reg=0.25, scale=scale).fit(X, y)
    assert_allclose(mixed.reg_, (expected[0], 0.25), rtol=1e-9)
    assert_allclose(LinearCCA(2, reg=(0.5, name), scale=scale).fit(X, y).reg_[1], expected[1])
    sparse = LinearCCA(2, reg=name, scale=scale).fit(csr_array(X), y)
    assert_allclose(sparse.reg_, expected, rtol=1e-7)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("name", SHRINKAGES)
def test_streams_and_weights_give_the_same_ridges(name, scale):
    X, y = views(*SHAPES["tall"])
    weight = np.random.default_rng(1).integers(1, 4, len(X))
    repeated = [np.repeat(view, weight, axis=0) for view in (X, y)]
    expected = [ridge(view, name, scale) for view in repeated]
    model = LinearCCA(2, reg=name, scale=scale)
    assert_allclose(model.fit(X, y, sample_weight=weight).reg_, expected)
    blocks = [(X[i : i + 40], y[i : i + 40], weight[i : i + 40]) for i in range(0, 120, 40)]
    assert_allclose(model.fit_blocks(blocks).reg_, expected)
    assert_allclose(model.fit_blocks(iter(blocks)).reg_, expected)
    # A sparse X is accumulated about 0, a dense one about its first row.
    sparse = [(csr_array(a), b, w) for a, b, w in blocks]
    assert_allclose(model.fit_blocks(iter(sparse)).reg_, expected, rtol=1e-6)
    for block in blocks:
        model.partial_fit(*block)
    assert_allclose(model.reg_, expected)


def test_a_saved_stream_continues_with_its_shrinkage(tmp_path):
    X, y = views(*SHAPES["tall"])
    save(LinearCCA(2, reg="ledoit_wolf").partial_fit(X[:60], y[:60]), tmp_path / "model.skdcca")
    again = load(tmp_path / "model.skdcca").partial_fit(X[60:], y[60:])
    assert_allclose(again.reg_, (ridge(X, "ledoit_wolf"), ridge(y, "ledoit_wolf")))


def test_a_stream_cannot_begin_to_use_higher_moments():
    X, y = views(*SHAPES["tall"])
    model = LinearCCA(2).partial_fit(X, y)
    with pytest.raises(ValueError, match=r"'ledoit_wolf' after the first call.*reg='auto'"):
        model.set_params(reg="ledoit_wolf").partial_fit(X, y)


@pytest.mark.parametrize("n", [40, 1000])
def test_auto_is_limited_by_the_part_of_the_sample_space_that_the_views_span(n):
    X, y = views(n, 8, 5)
    X = np.column_stack([X, X[:, 0]])  # rank 8
    limit = ((8 + 5) / (n - 1)) ** 2
    expected = min(ridge(X, "oas"), limit), min(ridge(y, "oas"), limit)
    model = LinearCCA().fit(X, y)
    assert_allclose(model.reg_, expected)
    blocks = [(X[i : i + 20], y[i : i + 20]) for i in range(0, n, 20)]
    assert_allclose(LinearCCA().fit_blocks(iter(blocks)).reg_, expected)


def test_with_many_rows_the_default_is_classical():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2000, 1))
    X, y = shared + rng.normal(size=(2000, 4)), shared + rng.normal(size=(2000, 3))
    classical = LinearCCA(reg=0).fit(X, y).canonical_correlations_
    assert_allclose(LinearCCA().fit(X, y).canonical_correlations_, classical, atol=1e-4)
    # On columns without correlation, shrinkage alone would halve the correlations.
    noise = rng.normal(size=(2000, 4))
    target = noise + rng.normal(size=(2000, 4))
    classical = LinearCCA(reg=0).fit(noise, target).canonical_correlations_
    assert_allclose(LinearCCA().fit(noise, target).canonical_correlations_, classical, atol=1e-4)
    assert LinearCCA(reg="oas").fit(noise, target).canonical_correlations_[0] < 0.8 * classical[0]


@pytest.mark.parametrize("name", SHRINKAGES)
def test_the_ridge_is_limited_and_one_column_has_none(name):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(10, 400))
    model = LinearCCA(2, reg=name).fit(noise, rng.normal(size=(10, 300)))
    assert model.reg_ == (1.0, 1.0)
    assert LinearCCA(reg=name).fit(noise[:, :1], noise[:, 1:2]).reg_ == (0.0, 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_scale_the_objective_has_the_mean_variance_in_its_ridge(shape):
    X, y = views(*SHAPES[shape])
    model = LinearCCA(2, reg=(0.3, 0.05), scale=False).fit(X, y)
    C = np.cov(X.T, y.T)
    p, q = X.shape[1], y.shape[1]
    A, B = np.zeros_like(C), np.zeros_like(C)
    A[:p, p:], A[p:, :p] = C[:p, p:], C[p:, :p]
    B[:p, :p] = C[:p, :p] + 0.3 * np.trace(C[:p, :p]) / p * np.eye(p)
    B[p:, p:] = C[p:, p:] + 0.05 * np.trace(C[p:, p:]) / q * np.eye(q)
    assert_allclose(model.canonical_correlations_, eigh(A, B, eigvals_only=True)[::-1][:2])
    zx, zy = model.transform(X, y)
    assert_allclose(model.x_loadings_, np.corrcoef(X.T, zx.T)[:p, p:], atol=1e-8)
    assert_allclose(model.y_loadings_, np.corrcoef(y.T, zy.T)[:q, q:], atol=1e-8)
    assert_allclose(model.x_scale_, X.std(axis=0, ddof=1))


def test_without_a_ridge_the_scale_changes_nothing():
    X, y = views(*SHAPES["tall"])
    one, other = (LinearCCA(2, reg=0, scale=scale).fit(X, y) for scale in (True, False))
    np.testing.assert_array_equal(one.x_weights_, other.x_weights_)


def test_wide_views_generalize_with_the_defaults():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(80, 2))
    X = shared @ rng.normal(size=(2, 300)) + rng.normal(size=(80, 300))
    y = shared @ rng.normal(size=(2, 40)) + rng.normal(size=(80, 40))
    train, test = slice(0, 40), slice(40, 80)
    found = LinearCCA(2).fit(X[train], y[train]).score(X[test], y[test])
    peer = CCA(2).fit(X[train], y[train]).transform(X[test], y[test])
    theirs = sum(np.corrcoef(a, b)[0, 1] for a, b in zip(*(z.T for z in peer), strict=True))
    assert found > 1.9 > theirs
    with pytest.warns(PerfectCorrelationWarning, match=r"X has rank 39 .* reg='auto'"):
        classical = LinearCCA(2, reg=0).fit(X[train], y[train])
    assert classical.score(X[test], y[test]) < 1


def test_the_warning_comes_exactly_where_correlations_are_perfect(recwarn):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 12)), rng.normal(size=(20, 8))
    with pytest.warns(PerfectCorrelationWarning, match="so 1 canonical correlation is 1"):
        perfect = LinearCCA(reg=0).fit(X, y).canonical_correlations_
    assert np.sum(perfect > 1 - 1e-9) == 1
    recwarn.clear()
    assert LinearCCA(reg=0).fit(X, y[:, 1:]).canonical_correlations_[0] < 1 - 1e-6
    LinearCCA(reg=(0, 1e-6)).fit(X, y)
    assert not recwarn


def test_both_ridges_can_be_searched():
    X, y = views(*SHAPES["tall"])
    values = {"reg": [0.0, 0.1, "oas"], "y_reg": [None, 0.01, 1.0], "n_components": randint(1, 4)}
    search = RandomizedSearchCV(LinearCCA(), values, n_iter=5, cv=2, random_state=0).fit(X, y)
    assert len(search.best_estimator_.reg_) == 2
    with pytest.raises(ValueError, match=r"`reg` must be a single ridge if `y_reg` is set"):
        LinearCCA(reg=(0.1, 0.2), y_reg=1).fit(X, y)
    with pytest.raises(ValueError, match=r"`y_reg` must be .*, got 'best'"):
        LinearCCA(y_reg="best").fit(X, y)


def test_the_permutation_test_uses_the_shrunken_correlations():
    X, y = views(*SHAPES["tall"])
    test = canonical_correlation_test(LinearCCA(), X, y, n_permutations=19, random_state=0)
    assert_allclose(test.correlations, LinearCCA().fit(X, y).canonical_correlations_, atol=1e-9)


def test_shrinkage_is_better_than_classical_cca_on_few_rows_of_digits():
    from sklearn.datasets import load_digits

    images = load_digits().images[:300]
    X, y = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
    scores = [cross_val_score(LinearCCA(10, reg=reg), X, y, cv=3).mean() for reg in (0, "auto")]
    assert scores[1] > scores[0] + 0.2


def test_directions_that_covariances_lose_are_told():
    rng = np.random.default_rng(0)
    shared, hidden = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 1))
    X = np.hstack([shared, shared[:, :1] + 1e-7 * hidden])
    y = np.hstack([hidden + 0.1 * rng.normal(size=(2000, 1)), rng.normal(size=(2000, 1))])
    blocks = [(X[i : i + 500], y[i : i + 500]) for i in range(0, 2000, 500)]
    model = LinearCCA(1, reg=0)
    exact = model.fit(X, y).canonical_correlations_[0]
    assert exact > 0.99
    assert model.fit_blocks(blocks).canonical_correlations_[0] == pytest.approx(exact, abs=1e-6)
    with pytest.warns(PrecisionWarning, match="of X are mostly rounding errors in 1 dir"):
        assert model.fit_blocks(iter(blocks)).canonical_correlations_[0] < 0.2
    with pytest.warns(PrecisionWarning, match="of X"):
        LinearCCA(1, reg=0).partial_fit(X, y)
    with pytest.warns(PrecisionWarning, match="of X .* dense"):
        model.fit(csr_array(X), y)
    with pytest.warns(PrecisionWarning, match="of y"):
        model.fit(y, csr_array(X))


def test_indicator_columns_lose_nothing(recwarn):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, size=(300, 2))
    X = csr_array(np.hstack([np.eye(4)[kinds[:, 0]], np.eye(4)[kinds[:, 1]]]))  # rank 6
    y = kinds + rng.normal(size=(300, 2))
    found = LinearCCA(2, reg=0).fit(X, y).canonical_correlations_
    assert_allclose(found, LinearCCA(2, reg=0).fit(X.toarray(), y).canonical_correlations_)
    assert not recwarn
