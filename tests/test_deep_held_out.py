"""Rows that are held out, by group where there are groups."""

import numpy as np
import pytest

from skdcca._deep.held_out import folds, group_numbers, hold_out
from skdcca._utils.process_group import SINGLE_PROCESS


def shuffled(n, seed=0):
    return np.random.default_rng(seed).permutation(n)


def unequal_groups(n=500, seed=0):
    """Return groups of very different sizes, in random order."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.minimum((rng.pareto(1, size=n) * 3).astype(int), 60))


def assert_complete(split, n):
    together = np.concatenate([split.training, split.held_out])
    np.testing.assert_array_equal(np.sort(together), np.arange(n))


def test_rows_are_held_out_once_in_folds():
    splits = folds(shuffled(53), 5)
    assert sorted(len(split.held_out) for split in splits) == [10, 10, 11, 11, 11]
    held_out = np.concatenate([split.held_out for split in splits])
    np.testing.assert_array_equal(np.sort(held_out), np.arange(53))
    for split in splits:
        assert_complete(split, 53)


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_not_divided(seed):
    groups, order = unequal_groups(seed=seed), shuffled(500, seed)
    single = hold_out(order, 50, groups)
    assert 25 <= len(single.held_out) <= 75
    for split in [single, *folds(order, 5, groups)]:
        assert_complete(split, 500)
        assert not set(groups[split.training]) & set(groups[split.held_out])
    sizes = [len(split.held_out) for split in folds(order, 5, groups)]
    largest = np.bincount(groups).max()
    assert min(sizes) >= min(100, (500 - largest) / 4) - 5
    assert max(sizes) <= max(105, largest)


def test_a_giant_group_is_trained_on():
    groups = np.repeat([0, 1, 2, 3], [300, 40, 40, 20])
    for seed in range(10):
        assert 0 not in groups[hold_out(shuffled(400, seed), 40, groups).held_out]
    two = np.repeat([0, 1], [5, 4])
    assert set(two[hold_out(shuffled(9), 1, two).held_out]) == {1}
    assert len(folds(shuffled(9), 5, two)) == 2


def test_other_seeds_hold_out_other_rows():
    groups = np.arange(200) // 4
    chosen = [tuple(hold_out(shuffled(200, seed), 20, groups).held_out) for seed in range(6)]
    assert len(set(chosen)) == 6
    assert len(hold_out(shuffled(200), 0, groups).held_out) == 0


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a"] * 6, r"`groups` must have at least 2 different labels, got only 'a'\. Pass None"),
        ([1, 2], r"`groups` must have one label for each of 6 rows, got shape \(2,\)"),
        (np.ones((6, 2)), r"got shape \(6, 2\)"),
    ],
)
def test_bad_groups(groups, message):
    with pytest.raises(ValueError, match=message):
        group_numbers(groups, np.zeros((6, 2)), SINGLE_PROCESS)


def test_groups_are_numbered():
    found = group_numbers(["b", "a", "b", "c"], np.zeros((4, 1)), SINGLE_PROCESS)
    assert found.tolist() == [0, 1, 0, 2]
