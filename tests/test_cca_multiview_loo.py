"""Correlations of rows that were left out, against as many refits, ridge regression and new rows."""

import numpy as np
import pytest
from _many_views import multi, named_views, random_presence, three_views, without
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.linear_model import Ridge

from skdcca import MultiCCA
from skdcca._cca import multiview_loo

SIZES = (4, 25, 15)


def factor_rows(n, seed, noises=(1.5, 3.0, 3.0)):
    """Return rows of three views that share one factor; the mixing is the same for every seed."""
    mixing = np.random.default_rng(100)
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, 1))
    return np.hstack(
        [
            factor * mixing.normal(size=p) + noise * rng.normal(size=(n, p))
            for p, noise in zip(SIZES, noises, strict=True)
        ]
    )


def correlations(z):
    """Return the correlations of all pairs of the variates of three views."""
    return np.corrcoef(z.T)[np.triu_indices(3, 1)]


def left_out(model):
    return np.array([r[0] for r in model.leave_one_out_correlations_.values()])


@pytest.mark.parametrize("reg", ["auto", 1.0, (0.1, 1.0, 10.0)], ids=str)
def test_estimates_are_near_those_of_refits_and_of_new_rows(reg):
    table = factor_rows(50, seed=0)
    model = MultiCCA(named_views(SIZES), 1, reg=reg).fit(table)
    ridges = tuple(model.reg_.values())
    refits = np.empty((len(table), 3))
    for row in range(len(table)):
        others = MultiCCA(named_views(SIZES), 1, reg=ridges).fit(np.delete(table, row, axis=0))
        sign = np.sign(others.weights_["lyrics"][:, 0] @ model.weights_["lyrics"][:, 0])
        refits[row] = sign * others.transform(table[[row]])[0]
    train = correlations(model.transform(table))
    new = correlations(model.transform(factor_rows(5000, seed=1)))
    assert train.min() > new.max() + 0.1  # without leaving out, all of them are too large
    assert_allclose(left_out(model), correlations(refits), atol=0.05)


@pytest.mark.parametrize("wide", [False, True])
def test_two_views_are_left_out_as_in_ridge_regression(wide):
    n, p = (30, 40) if wide else (60, 20)
    rng = np.random.default_rng(3)
    table = rng.normal(size=(n, p + 2))
    table[:, p:] += table[:, :2]
    views = [("a", "passthrough", slice(0, p)), ("b", "passthrough", slice(p, None))]
    model = MultiCCA(views, 1, reg=(0.7, 0.0)).fit(table)
    # With fixed variates of b, those of a are a ridge regression, whose weights are refitted by hand.
    x = (table[:, :p] - table[:, :p].mean(axis=0)) / table[:, :p].std(axis=0, ddof=1)
    z = model.transform(table)
    target = z[:, 1] / model.canonical_correlations_[0]
    ridge = Ridge(alpha=0.7 * (n - 1)).fit(x, target)
    assert_allclose(ridge.predict(x), z[:, 0], atol=1e-8)
    expected = []
    for i in range(n):
        left = Ridge(alpha=0.7 * (n - 1)).fit(np.delete(x, i, axis=0), np.delete(target, i))
        expected.append((x[i] - np.delete(x, i, axis=0).mean(axis=0)) @ left.coef_)
    variates, leverages = z.T[:, :, None], np.full((2, n), 1 / n)
    hat = x @ np.linalg.solve(x.T @ x + 0.7 * (n - 1) * np.eye(p), x.T)
    leverages[0] += np.diag(hat)
    influence = multiview_loo.Influence(variates, leverages, np.ones(n), np.array([n, n]))
    found = influence.left_out(model.canonical_correlations_[None])
    assert_allclose(found[0, :, 0], expected, atol=1e-8)


def test_leverages_are_the_same_by_moments_and_by_rows(monkeypatch):
    table = without(three_views(60), random_presence(60, 0.2))
    found = []
    for _ in range(2):
        model = multi(2, reg=(0.1, 1.0, 0.5)).fit(table, sample_weight=np.linspace(0.5, 2, 60))
        found.append(model._left_out)
        monkeypatch.setattr("skdcca._cca.multiview_fit.fit_by_moments", lambda *_: None)
    assert_allclose(*found, atol=1e-9)


def test_weights_count_as_repeated_rows():
    table = three_views(40)
    weight = np.ones(40)
    weight[7] = 3.0
    weighted = multi(1, reg=1.0).fit(table, sample_weight=weight)
    repeated = multi(1, reg=1.0).fit(np.vstack([table, table[[7, 7]]]))
    assert_allclose(left_out(weighted), left_out(repeated), atol=1e-10)


def test_sparse_rows_and_a_choice_of_rows_give_nearly_the_same(monkeypatch):
    table = np.where(np.abs(three_views(600)) < 0.5, 0.0, three_views(600))
    expected = left_out(multi(1, reg=0.5).fit(table))
    found = left_out(multi(1, reg=0.5).fit(sparse.csr_array(table)))
    assert_allclose(found, expected, atol=1e-10)
    monkeypatch.setattr(multiview_loo, "_MOST_ROWS", 150)
    assert_allclose(left_out(multi(1, reg=0.5).fit(table)), expected, atol=0.01)


def test_streams_have_no_rows_to_leave_out():
    assert multi(1).partial_fit(three_views()).leave_one_out_correlations_ is None
    assert multi(1).fit_blocks([three_views()]).leave_one_out_correlations_ is None


def test_a_view_of_many_columns_without_the_factor_hardly_counts():
    sizes = (5, 200, 10)
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1150, 1))
    parts = [shared * rng.normal(size=p) + 2 * rng.normal(size=(1150, p)) for p in sizes]
    parts[1] = rng.normal(size=(1150, 200))  # noise, which correlates with all on the training rows
    table = np.hstack(parts)
    model = MultiCCA(named_views(sizes), 1).fit(table[:150])
    assert model.pair_correlations_["audio", "lyrics"] > 0.4
    assert model.leave_one_out_correlations_["audio", "lyrics"] < 0.3
    model.set_params(output="consensus")
    truth = shared[150:, 0]
    found = np.corrcoef(model.transform(table[150:])[:, 0], truth)[0, 1]
    vars(model)["_left_out"] = None  # as after a stream
    by_training = np.corrcoef(model.transform(table[150:])[:, 0], truth)[0, 1]
    assert abs(found) > abs(by_training) + 0.05
