"""Tests within blocks, of whole blocks and of given orders, against enumeration and error rates."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from _views import correlated_views
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.cross_decomposition import CCA
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import KernelCCA, LinearCCA, canonical_correlation_test
from skdcca.exceptions import ComponentSearchWarning, FewPermutationsWarning
from skdcca.inference._exchange import (
    FreeOrders,
    OrdersOfWholes,
    OrdersWithin,
)
from skdcca.inference._reduced import reduced_views_of_blocks
from skdcca.inference._searched import warn_searched_components

LINEAR = LinearCCA(1, reg=0)


def families(n_families=15, size=4, seed=0, *, related_inside=False):
    """Return views of families that share much with their view, and the family of each row.

    With ``related_inside=True``, the views also share something of each row.
    """
    rng = np.random.default_rng(seed)
    n, family = n_families * size, np.repeat(np.arange(n_families), size)
    X = rng.normal(size=(n_families, 3))[family] + 0.5 * rng.normal(size=(n, 3))
    y = rng.normal(size=(n_families, 2))[family] + 0.5 * rng.normal(size=(n, 2))
    if related_inside:
        own = 1.5 * rng.normal(size=n)
        X[:, 0] += own
        y[:, 0] += own
    return X, y, family


def sites(n_sites=15, size=4, seed=0):
    """Return views that differ from site to site in the same way, and the site of each row."""
    rng = np.random.default_rng(seed)
    n, site = n_sites * size, np.repeat(np.arange(n_sites), size)
    shared = rng.normal(size=(n_sites, 1))[site]
    return shared + 0.5 * rng.normal(size=(n, 3)), shared + 0.5 * rng.normal(size=(n, 2)), site


def first_p(X, y, seed=0, n_permutations=39, **kwargs):
    test = canonical_correlation_test(
        LINEAR, X, y, n_permutations=n_permutations, random_state=seed, **kwargs
    )
    return test.p_values[0]


def rejected(views, n=80, **kwargs):
    """Return the fraction of significant results; kwargs with True get the blocks."""
    p = []
    for seed in range(n):
        X, y, block = views(seed=seed)
        p.append(first_p(X, y, seed, **{k: block if v is True else v for k, v in kwargs.items()}))
    return np.mean(np.array(p) <= 0.05)


# Orders


def test_orders_within_blocks_keep_the_blocks_and_reach_all_orders():
    numbers = np.array([0, 1, 0, 2, 1, 0])
    orders, rng = OrdersWithin(numbers), np.random.RandomState(0)
    drawn = [tuple(orders.draw(rng)) for _ in range(600)]
    for order in drawn:
        np.testing.assert_array_equal(numbers[list(order)], numbers)
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == 12  # 3! of the first and 2! of the second block
    assert counts.min() > 20


def test_orders_of_whole_blocks_keep_the_rows_of_a_block_together():
    numbers = np.array([0, 1, 2, 2, 0, 1])
    orders, rng = OrdersOfWholes(numbers, numbers), np.random.RandomState(0)
    drawn = np.array([orders.draw(rng) for _ in range(300)])
    for order in drawn:
        moved = numbers[order]
        for block in range(3):
            rows = np.flatnonzero(numbers == block)
            assert len(set(moved[rows])) == 1
            np.testing.assert_array_equal(order[rows], np.flatnonzero(numbers == moved[rows[0]]))
    assert len(np.unique(drawn, axis=0)) == 6


def test_one_block_or_blocks_of_one_row_are_free():
    one, wholes = OrdersWithin(np.zeros(6, int)), OrdersOfWholes(np.arange(6), np.arange(6))
    rng = np.random.RandomState(0)
    for orders in (one, wholes, FreeOrders(6)):
        assert len({tuple(orders.draw(rng)) for _ in range(200)}) > 150


# P-values


@pytest.mark.parametrize("permute", ["within", "whole"])
def test_p_is_near_that_of_all_orders(permute):
    X, y, block = families(n_families=5, size=2, seed=3, related_inside=True)
    if permute == "within":
        swaps = itertools.product([(0, 1), (1, 0)], repeat=5)
        orders = [
            np.concatenate([2 * i + np.array(swap) for i, swap in enumerate(s)]) for s in swaps
        ]
    else:
        orders = [
            (2 * np.array(turn)[:, None] + [0, 1]).ravel()
            for turn in itertools.permutations(range(5))
        ]

    def largest(order):
        return np.cos(subspace_angles(X - X.mean(axis=0), (y - y.mean(axis=0))[order])).max()

    exact = np.mean([largest(order) >= largest(np.arange(10)) - 1e-10 for order in orders])
    assert 0.1 < exact < 0.9
    ours = first_p(X, y, blocks=block, permute=permute, n_permutations=2000)
    assert ours == pytest.approx(exact, abs=0.04)
    given = canonical_correlation_test(LINEAR, X, y, permutations=orders)
    expected = (1 + exact * len(orders)) / (1 + len(orders))
    assert given.p_values[0] == pytest.approx(expected)


def test_the_two_hypotheses_have_their_error_rates():
    # Each rate is 0.05 with a standard error of 0.024.
    assert rejected(sites, blocks=True) < 0.13
    assert rejected(families, blocks=True, permute="whole") < 0.13
    # Free permutations find differences between sites, and families for their size.
    assert rejected(sites, n=15) > 0.9
    assert rejected(families, n=30) > 0.4


def test_blocks_with_confounds_have_their_error_rate():
    def confounded(seed):
        X, y, site = sites(seed=seed)
        Z = np.random.default_rng(seed + 1000).normal(size=(60, 5))
        return X + Z[:, :3], y + Z[:, 1:3], (site, Z)

    p = []
    for seed in range(80):
        X, y, (site, Z) = confounded(seed)
        p.append(first_p(X, y, seed, blocks=site, confounds=Z))
    assert np.mean(np.array(p) <= 0.05) < 0.13


def sites_of_unequal_variance(seed=0, n_sites=12, size=5):
    """Return unrelated views with the same deviation in a site, a confound, and the sites."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(n_sites), size)
    deviation = np.exp(rng.normal(size=(n_sites, 1)))[site]
    X, y = deviation * rng.normal(size=(2, len(site), 3))
    return X, y, rng.normal(size=len(site)), site


def test_sites_of_unequal_variance_have_their_error_rate_with_confounds():
    within, free = [], []
    for seed in range(80):
        X, y, Z, site = sites_of_unequal_variance(seed)
        within.append(first_p(X, y, seed, confounds=Z, blocks=site))
        if seed < 20:
            free.append(first_p(X, y, seed, confounds=np.column_stack([Z, np.eye(12)[site]])))
    assert np.mean(np.array(within) <= 0.05) < 0.13  # 0.05 with a standard error of 0.024
    assert np.mean(np.array(free) <= 0.05) > 0.4


def test_rows_are_permuted_in_their_block_with_confounds():
    X, y, Z, site = sites_of_unequal_variance()
    x_view, _, n, rows = reduced_views_of_blocks(LINEAR, X, y, Z, site)
    assert (len(x_view.left), n) == (60 - 12 - 1, 48)
    assert sorted(np.bincount(rows)) == [3] + [4] * 11
    # Each row has the variance of its block.
    expected = [X[site == i].std() for i in range(12)]
    found = [x_view.left[rows == i].std() for i in range(12)]
    assert np.corrcoef(np.log(expected), np.log(found))[0, 1] > 0.95


def test_rows_that_are_alone_are_exchanged_with_each_other():
    X, y, pair = families(n_families=30, size=2, related_inside=True)
    Z = np.random.default_rng(0).normal(size=60)
    rows = reduced_views_of_blocks(LINEAR, X, y, Z, pair)[3]
    assert len(rows) == 29
    assert len(set(rows)) == 1
    assert first_p(X, y, blocks=pair, confounds=Z) <= 0.05


@pytest.mark.parametrize("kwargs", [{}, {"permute": "whole"}, {"confounds": np.arange(60) % 7}])
def test_a_link_inside_blocks_is_found(kwargs):
    X, y, family = families(related_inside=True)
    assert first_p(X, y, blocks=family, **kwargs) <= 0.05


def test_sites_are_as_good_as_their_indicators_among_the_confounds():
    X, y, site = sites()
    Z = np.random.default_rng(1).normal(size=60)
    blocks, indicators = (
        canonical_correlation_test(LinearCCA(), X, y, n_permutations=19, **kwargs)
        for kwargs in (
            {"blocks": site, "confounds": Z},
            {"confounds": np.column_stack([Z, np.eye(15)[site]])},
        )
    )
    # The weights of sites differ a little, although their variances do not.
    np.testing.assert_allclose(blocks.correlations, indicators.correlations, atol=0.05)
    # Without other confounds, the indicators beside the blocks remove their means.
    both = first_p(X, y, blocks=site, confounds=np.eye(15)[site])
    assert both > 0.05


def test_labels_of_blocks_may_be_of_any_kind():
    X, y, site = sites(seed=2)
    expected = first_p(X, y, blocks=site)
    for labels in (site.astype(str), pd.Series(site).astype("category"), [f"s{i}" for i in site]):
        assert first_p(X, y, blocks=labels) == expected


def test_blocks_in_another_order_are_refused():
    X, y, site = sites()
    X, y, site = pd.DataFrame(X), pd.DataFrame(y), pd.Series(site)
    for blocks in (site.iloc[::-1], site.sample(frac=1, random_state=0).astype("category")):
        with pytest.raises(ValueError, match="X and blocks must have their rows in the same order"):
            canonical_correlation_test(LINEAR, X, y, blocks=blocks)


def test_blocks_work_for_estimators_that_are_refitted():
    X, y, site = sites(seed=1)
    for model in (CCA(1), KernelCCA(1, kernel="linear", reg=0.1)):
        free, within = (
            canonical_correlation_test(model, X, y, blocks=b, n_permutations=19, random_state=0)
            for b in (None, site)
        )
        assert free.p_values[0] == 0.05
        assert within.p_values[0] > 0.05


# Given orders


def test_given_orders_are_used():
    X, y = correlated_views(n=20, strength=[0.5])
    rng = np.random.RandomState(5)
    orders = [rng.permutation(20) for _ in range(30)]
    given = canonical_correlation_test(LinearCCA(reg=0), X, y, permutations=orders)
    drawn = canonical_correlation_test(LinearCCA(reg=0), X, y, n_permutations=30, random_state=5)
    np.testing.assert_array_equal(given.p_values, drawn.p_values)
    refitted = canonical_correlation_test(CCA(1), X, y, permutations=orders, null_distribution=True)
    assert refitted.null_distribution_.shape == (30, 1)


@pytest.mark.parametrize(
    ("permutations", "message"),
    [
        (np.arange(20), r"must have shape \(n_permutations, 20\), got \(20,\)"),
        (np.zeros((0, 20), int), r"got \(0, 20\)"),
        ([range(20), range(1, 21)], "each number from 0 to 19 once in each row, got .* in row 1"),
        ([[0] * 20], "in row 0"),
        ([np.arange(20.0)], "must contain integers, got float64"),
    ],
)
def test_bad_orders_are_named(permutations, message):
    X, y = correlated_views(n=20)
    with pytest.raises(ValueError, match=message):
        canonical_correlation_test(LINEAR, X, y, permutations=permutations)


# Errors and warnings


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"blocks": np.arange(60)}, "a block of two or more rows .*, got 60 blocks of one row"),
        (
            {"blocks": np.zeros(60), "permute": "whole"},
            "two or more blocks .*, got one block of 60",
        ),
        (
            {"blocks": ["a"] * 20 + ["b"] * 40, "permute": "whole"},
            "equal sizes with permute='whole', got 20 rows of a and 40 of b",
        ),
        ({"blocks": np.zeros(59)}, "`blocks` must have one label for each of 60 rows"),
        ({"blocks": [None] * 60}, "`blocks` must have a label for each row, got None in row 0"),
        ({"permute": "whole"}, "permute='whole' needs `blocks`, got None"),
        ({"permute": "free"}, "`permute` must be one of .'whole', 'within'., got 'free'"),
        (
            {"blocks": np.arange(60) // 4, "permute": "whole", "confounds": np.arange(60)},
            "`confounds` must be None with permute='whole'",
        ),
        ({"blocks": np.arange(60), "confounds": np.arange(60)}, "must leave 2 or more rows"),
        ({"blocks": np.zeros(60), "method": "wilks"}, "`blocks` must be None with method='wilks'"),
        ({"permutations": [[0]], "method": "roy"}, "`permutations` must be None with method='roy'"),
        (
            {"permutations": [[0]], "blocks": np.zeros(60)},
            "`blocks` must be None with `permutations`",
        ),
        (
            {"permutations": [[0]], "confounds": np.zeros(60)},
            "`confounds` must be None with `permutations`",
        ),
        (
            {"null_distribution": True, "method": "wilks"},
            "`null_distribution` must be False with method='wilks'",
        ),
        ({"null_distribution": 1}, "`null_distribution` must be one of .*, got 1"),
    ],
)
def test_bad_combinations_are_named(kwargs, message):
    X, y = correlated_views()
    with pytest.raises(ValueError, match=message):
        canonical_correlation_test(LINEAR, X, y, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "n_orders"),
    [
        ({"blocks": np.arange(12) // 4, "permute": "whole"}, 6),
        ({"blocks": [0, 0, 1, 1, 2, 2, 2, *range(3, 8)]}, None),
        ({"blocks": [0, 0, 1, 1, 2, 2, *range(3, 9)]}, 8),
    ],
)
def test_few_orders_are_warned_about(kwargs, n_orders):
    X, y = correlated_views(n=12)
    if n_orders is None:  # 24 orders
        first_p(X, y, **kwargs)
    else:
        with pytest.warns(FewPermutationsWarning, match=f"only {n_orders} distinct orders"):
            first_p(X, y, **kwargs)


@pytest.mark.parametrize("kwargs", [{"n_permutations": 18}, {"permutations": [range(12)] * 18}])
def test_few_permutations_are_warned_about(kwargs):
    X, y = correlated_views(n=12)
    with pytest.warns(FewPermutationsWarning, match="With 18 permutations, p-values are 0.053 or"):
        canonical_correlation_test(LINEAR, X, y, **kwargs)
    canonical_correlation_test(LINEAR, X, y, n_permutations=19)


GRID = {"n_components": [1, 2]}


@pytest.mark.parametrize(
    ("model", "grid", "is_varied"),
    [
        (LinearCCA(), GRID, True),
        (LinearCCA(), [{"reg": [0.1]}, {"n_components": [1]}], True),
        (LinearCCA(1), [{"reg": [0.1]}, {"n_components": [1]}], False),
        (LinearCCA(1), {"reg": [0.1, 1.0]}, False),
        (make_pipeline(StandardScaler(), LinearCCA()), {"linearcca__n_components": [1, 2]}, True),
        (make_pipeline(StandardScaler(), LinearCCA()), {"linearcca__n_components": [2]}, False),
        (
            make_pipeline(StandardScaler(), LinearCCA()),
            {"linearcca": [LinearCCA(1), KernelCCA(2)]},
            True,
        ),
    ],
)
def test_a_search_for_the_number_of_components_is_warned_about(model, grid, is_varied):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_searched_components(GridSearchCV(model, grid))
    assert [w.category for w in caught] == ([ComponentSearchWarning] if is_varied else [])


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.FewPermutationsWarning")
def test_the_test_of_a_fitted_or_unfitted_search_warns():
    X, y = correlated_views(n=20)
    search = GridSearchCV(LinearCCA(), GRID, cv=2)
    for estimator in (search, clone(search).fit(X, y)):
        with pytest.warns(ComponentSearchWarning, match="n_components by its score"):
            canonical_correlation_test(estimator, X, y, n_permutations=1)


def test_a_random_search_for_the_number_of_components_is_warned_about():
    class Uniform:
        def rvs(self, random_state=None):
            return 1

    search = RandomizedSearchCV(LinearCCA(), {"n_components": Uniform()})
    with pytest.warns(ComponentSearchWarning):
        warn_searched_components(search)
