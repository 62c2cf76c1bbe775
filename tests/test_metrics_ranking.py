"""Ranks and retrieval metrics against scikit-learn, brute force over tie orders, and simulation."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score

from skdcca.metrics import (
    both_directions,
    chance,
    median_rank,
    ranks,
    recall_at_k,
    reciprocal_rank,
    retrieval_metrics,
    similarity,
)

RNG = np.random.default_rng(0)


def test_mrr_equals_label_ranking_average_precision():
    scores = RNG.normal(size=(80, 80))
    expected = label_ranking_average_precision_score(np.eye(80), scores)
    assert reciprocal_rank(ranks(scores)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 5, 10, 79])
def test_recall_equals_top_k_accuracy(k):
    scores = RNG.normal(size=(80, 80))
    expected = top_k_accuracy_score(np.arange(80), scores, k=k)
    assert recall_at_k(ranks(scores), k) == pytest.approx(expected, abs=1e-12)


def mean_rank_over_tie_orders(scores, right):
    """Return the rank of the first relevant item, averaged over all orders that the scores allow."""
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            found.append(1 + min(i for i, item in enumerate(order) if right[item]))
    return np.mean(found)


def test_tied_items_share_their_average_rank():
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores = rng.integers(0, 3, size=(6, 6)).astype(float)
        labels = rng.integers(0, 3, size=6)
        instance = [mean_rank_over_tie_orders(row, np.eye(6)[i]) for i, row in enumerate(scores)]
        np.testing.assert_allclose(ranks(scores), instance)
        category = [
            mean_rank_over_tie_orders(row, labels == labels[i]) for i, row in enumerate(scores)
        ]
        np.testing.assert_allclose(ranks(scores, labels), category)


@pytest.mark.parametrize(
    "z", [np.ones((100, 3)), np.zeros((100, 3)), np.sign(RNG.normal(size=(100, 1)))]
)
def test_uninformative_embeddings_are_not_better_than_chance(z):
    other = np.ones((100, 1)) if z.shape[1] == 1 else np.ones((100, 3))
    found, level = retrieval_metrics(z, other)["x_to_y"], chance(100)
    assert found["mrr"] <= level["mrr"]
    assert found["recall@1"] <= level["recall@1"]
    assert found["recall@10"] <= level["recall@10"]
    assert found["median_rank"] == pytest.approx(level["median_rank"])


@pytest.mark.parametrize("n", [12, 19, 20, 100])
def test_constant_scores_have_the_recall_of_chance(n):
    assert recall_at_k(np.zeros((n, n)), 10) == pytest.approx(chance(n)["recall@10"], abs=1e-12)
    labels = np.arange(n) % 3
    n_relevant = np.sum(labels[:, None] == labels, axis=1)
    expected = chance(n, n_relevant)["recall@10"]
    assert recall_at_k(np.zeros((n, n)), 10, labels) == pytest.approx(expected, abs=1e-10)


def recall_over_tie_orders(scores, right, k):
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            found.append(any(right[item] for item in order[:k]))
    return np.mean(found)


@pytest.mark.parametrize("k", [1, 2, 4, 6, 9])
def test_recall_with_ties_is_the_mean_over_their_orders(k):
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 3, size=(6, 6)).astype(float)
    labels = np.array([0, 0, 1, 1, 1, 2])
    instance = [recall_over_tie_orders(row, np.eye(6)[i], k) for i, row in enumerate(scores)]
    assert recall_at_k(scores, k) == pytest.approx(np.mean(instance), abs=1e-12)
    category = [recall_over_tie_orders(row, labels == labels[i], k) for i, row in enumerate(scores)]
    assert recall_at_k(scores, k, labels) == pytest.approx(np.mean(category), abs=1e-10)


def test_retrieval_metrics_at_category_level_in_both_directions():
    rng = np.random.default_rng(4)
    zx, zy = rng.normal(size=(2, 30, 4))
    labels = rng.integers(0, 6, size=30)
    scores = similarity(zx, zy)
    found = retrieval_metrics(zx, zy, labels, k=(3,))
    for direction, by_query in [("x_to_y", scores), ("y_to_x", scores.T)]:
        first = []
        for i, row in enumerate(by_query):
            order = np.argsort(-row)
            first.append(1 + np.flatnonzero(labels[order] == labels[i])[0])
        assert found[direction]["mrr"] == pytest.approx(np.mean(1 / np.array(first)))
        assert found[direction]["recall@3"] == pytest.approx(np.mean(np.array(first) <= 3))
        assert found[direction]["median_rank"] == np.median(first)
    assert found["x_to_y"] != found["y_to_x"]


def test_lengths_of_the_list_are_checked():
    for k in ((0,), (-3,), 5, (1.5,)):
        with pytest.raises(ValueError, match="`k` must be a sequence of integers >= 1, got"):
            chance(10, k=k)
        with pytest.raises(ValueError, match="`k` must be a sequence of integers >= 1, got"):
            retrieval_metrics(np.eye(3), np.eye(3), k=k)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        retrieval_metrics(np.eye(3), np.eye(3)[:2])


def test_gallery_of_other_size_and_labels():
    scores = np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]])
    np.testing.assert_array_equal(ranks(scores, ["b", "a"], ["a", "b", "b"]), [1, 1])
    np.testing.assert_array_equal(ranks(scores, ["a", "b"], ["a", "b", "b"]), [3, 2])
    with pytest.raises(ValueError, match="row 1 with the label"):
        ranks(scores, ["a", "c"], ["a", "b", "b"])
    with pytest.raises(ValueError, match="must be square without labels"):
        ranks(scores)
    with pytest.raises(ValueError, match=r"`query_labels` must have shape \(2,\) .*, got \(1,\)"):
        ranks(scores, ["a"])
    with pytest.raises(ValueError, match="scores contains NaN"):
        ranks(scores * np.nan)


@pytest.mark.parametrize("n_relevant", [1, 3, 10])
def test_chance_equals_simulation(n_relevant):
    rng = np.random.default_rng(2)
    first = np.array([np.sort(rng.permutation(30)[:n_relevant])[0] + 1 for _ in range(40_000)])
    level = chance(30, n_relevant, k=(1, 5))
    assert level["mrr"] == pytest.approx(np.mean(1 / first), abs=0.01)
    assert level["recall@1"] == pytest.approx(np.mean(first <= 1), abs=0.01)
    assert level["recall@5"] == pytest.approx(np.mean(first <= 5), abs=0.01)
    assert level["median_rank"] == pytest.approx(np.median(first), abs=0.51)


def test_chance_in_closed_form():
    level = chance(268)
    assert level["mrr"] == pytest.approx(np.sum(1 / np.arange(1, 269)) / 268, abs=1e-12)
    assert level["recall@10"] == pytest.approx(10 / 268, abs=1e-12)
    assert level["median_rank"] == 134.5
    assert chance(7)["median_rank"] == 4
    assert chance(5, k=(10,))["recall@10"] == 1
    mixed = chance(20, [1, 2, 2])
    assert mixed["mrr"] == pytest.approx((chance(20, 1)["mrr"] + 2 * chance(20, 2)["mrr"]) / 3)
    with pytest.raises(ValueError, match="`n_relevant` must be <= n_gallery=3, got 4"):
        chance(3, 4)


def test_median_and_recall_refuse_bad_ranks():
    assert median_rank([1, 2, 100]) == 2
    with pytest.raises(ValueError, match=r"`ranks` must .* >= 1, got .* minimum 0"):
        median_rank([0, 1])
    with pytest.raises(ValueError, match="`k` must be an integer >= 1, got 0"):
        recall_at_k([1, 2], 0)


def test_both_directions_are_the_metrics_of_the_scores_and_of_their_transpose():
    scores = np.random.default_rng(0).normal(size=(30, 30))
    found = both_directions(scores, k=(3,))
    for way, one in (("x_to_y", scores), ("y_to_x", scores.T)):
        assert found[way]["mrr"] == reciprocal_rank(ranks(one))
        expected = top_k_accuracy_score(np.arange(30), one, k=3, labels=np.arange(30))
        assert found[way]["recall@3"] == pytest.approx(expected)
