"""Tables whose rows are not pairs are refused; equal and unrelated indexes are not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import (
    KFold,
    cross_val_score,
    permutation_test_score,
    train_test_split,
)

from skdcca import CrossModalIndex, KernelCCA, LinearCCA, canonical_correlation_test
from skdcca._utils.row_order import check_row_order
from skdcca.metrics import mrr_scorer

REFUSED = r"the same order, got common labels in another order\. Pass y\.loc\[X\.index\]"
N = 40


@pytest.fixture
def tables():
    """Return two tables of pairs, and the second one in another order of its rows."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(N, 2))
    names = pd.Index([f"song{i}" for i in range(N)])
    X = pd.DataFrame(shared + 0.5 * rng.normal(size=(N, 2)), index=names)
    y = pd.DataFrame(shared + 0.5 * rng.normal(size=(N, 2)), index=names)
    return X, y, y.sample(frac=1, random_state=0)


def labeled(labels):
    return pd.Series(np.zeros(len(labels)), index=labels)


def test_every_road_that_pairs_rows_refuses_another_order(tables):
    X, y, reordered = tables
    model = LinearCCA(1).fit(X, y)
    roads = [
        lambda: LinearCCA(1).fit(X, reordered),
        lambda: LinearCCA(1).fit(X, reordered[1]),
        lambda: LinearCCA(1).partial_fit(X, reordered),
        lambda: LinearCCA(1).fit_blocks([(X, y), (X, reordered)]),
        lambda: KernelCCA(1).fit(X, reordered),
        lambda: model.transform(X, reordered),
        lambda: model.score(X, reordered),
        lambda: mrr_scorer(model, X, reordered),
        lambda: CrossModalIndex(model).fit(X, reordered),
        lambda: cross_val_score(model, X, reordered, cv=2, error_score="raise"),
    ]
    for road in roads:
        with pytest.raises(ValueError, match=REFUSED):
            road()


def test_the_remedies_of_the_message_work(tables):
    X, y, reordered = tables
    expected = LinearCCA(1).fit(X, y).score(X, y)
    assert LinearCCA(1).fit(X, y).score(X, reordered.loc[X.index]) == pytest.approx(expected)
    by_position = LinearCCA(1).fit(X, reordered.to_numpy()).score(X, reordered.to_numpy())
    assert by_position < 0.7 * expected


def test_permutations_of_tables_are_no_fault(tables):
    X, y, _ = tables
    for model in (LinearCCA(1), KernelCCA(1)):
        test = canonical_correlation_test(model, X, y, n_permutations=19, random_state=0)
        assert test.p_values.tolist() == [0.05]
    _, _, p_value = permutation_test_score(model, X, y.to_numpy(), n_permutations=3, random_state=0)
    assert p_value == 0.25


def test_weights_of_a_block_in_another_order_are_refused(tables):
    X, y, _ = tables
    weight = pd.Series(np.arange(1.0, N + 1), index=X.index)
    with pytest.raises(ValueError, match="block 0: X and sample_weight must have their rows"):
        LinearCCA(1).fit_blocks([(X, y, weight[::-1])])


def test_weights_in_another_order_are_refused(tables):
    X, y, _ = tables
    weight = pd.Series(np.arange(1.0, N + 1), index=X.index)
    model = LinearCCA(1).fit(X, y, sample_weight=weight)
    for call in (model.fit, model.score):
        with pytest.raises(
            ValueError, match="X and sample_weight must have their rows in the same"
        ):
            call(X, y, sample_weight=weight[::-1])


def test_folds_and_splits_of_reordered_tables_are_refused():
    X, y = labeled(np.arange(N)), labeled(np.random.default_rng(0).permutation(N))
    for n_splits in (2, 5):
        for train, _ in KFold(n_splits, shuffle=True, random_state=0).split(X):
            with pytest.raises(ValueError, match="another order"):
                check_row_order(X.iloc[train], y.iloc[train])
    splits = [train_test_split(X, random_state=seed)[0] for seed in (0, 1)]
    with pytest.raises(ValueError, match="another order"):
        check_row_order(*splits)


EVERY = np.arange(N)
SHUFFLED = np.random.default_rng(0).permutation(2 * N)[:N]
DATES = pd.date_range("2020-01-01", periods=N + 1)


@pytest.mark.parametrize(
    ("x_labels", "y_labels"),
    [
        (EVERY, EVERY.astype(float)),
        (SHUFFLED, SHUFFLED),
        (EVERY, EVERY + 1000),
        (EVERY, EVERY.astype(str)),
        (EVERY, SHUFFLED),  # the index of X was reset after the split
        (SHUFFLED, EVERY),
        (DATES[:-1], DATES[1:]),  # a lag of one day
        (EVERY[::-1], EVERY[::-1] * 5),  # few labels in common
        (np.delete(np.arange(N + 1), 3), np.delete(np.arange(N + 1), 7)),
        (np.repeat(["a", "b"], N // 2), np.repeat(["a", "b"], N // 2)),
        (np.tile(EVERY[: N // 2], 2), np.tile(EVERY[: N // 4], 4)),
        (pd.MultiIndex.from_product([["a", "b"], range(N // 2)]), EVERY),
        ([np.nan] * N, [np.nan] * N),
    ],
)
def test_equal_and_unrelated_labels_are_silent(x_labels, y_labels):
    check_row_order(labeled(x_labels), labeled(y_labels))


def test_repeated_labels_have_another_remedy():
    X, y = labeled(["a", "a", "b", "b"]), labeled(["a", "b", "a", "b"])
    with pytest.raises(ValueError, match="Pass tables with equal indexes, or y"):
        check_row_order(X, y)
    check_row_order(labeled(["a", "a", "b", "b"]), labeled(["a", "a", "b", "c"]))


def test_views_without_labels_are_silent(tables):
    X, _, reordered = tables
    for first, second in [(X.to_numpy(), reordered), (X, reordered.to_numpy()), (X, [0] * N)]:
        check_row_order(first, second)


def test_a_missing_label_is_a_label():
    X, y = (labeled(labels) for labels in ([np.nan, 1.0, 2.0], [2.0, 1.0, np.nan]))
    with pytest.raises(ValueError, match="the same order"):
        check_row_order(X, y)
    check_row_order(X, labeled([np.nan, 1.0, 2.0]))
