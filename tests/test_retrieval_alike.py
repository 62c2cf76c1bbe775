"""Items that are like an item of the gallery."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from skdcca import LinearCCA
from skdcca.retrieval import CrossModalIndex, more_like


def gallery(n_items=12, similarity="cosine", **fit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = X[:, :4] + rng.normal(size=(60, 4))
    model = LinearCCA(3, similarity=similarity).fit(X, y)
    return CrossModalIndex(model), X[:n_items], y[:n_items], fit


def test_items_are_ranked_by_the_cosine_of_their_first_view():
    index, X, y, _ = gallery()
    index.fit(X, y, ids=[f"s{i}" for i in range(12)])
    scores, ids = more_like(index, "s4", 5)
    expected = cosine_similarity(index.zx_)[4]
    expected[4] = -np.inf
    best = np.argsort(-expected)[:5]
    assert ids == [f"s{i}" for i in best]
    np.testing.assert_allclose(scores, expected[best])


def test_variates_are_weighted_as_in_the_model():
    index, X, y, _ = gallery(similarity=2)
    index.fit(X, y)
    scores, ids = more_like(index, 0, 11)
    expected = cosine_similarity(index.zx_ * index.estimator.canonical_correlations_**2)[0]
    np.testing.assert_allclose(scores, expected[ids])
    assert ids == (1 + np.argsort(-expected[1:])).tolist()


def test_the_second_view_is_used_if_there_is_no_first():
    index, _, y, _ = gallery()
    index.fit(y=y)
    expected = cosine_similarity(index.zy_)[2]
    assert more_like(index, 2, 1)[1] == [np.argsort(-expected)[1]]


@pytest.mark.parametrize("n", [11, 100])
def test_all_others_at_most(n):
    index, X, y, _ = gallery()
    assert sorted(more_like(index.fit(X, y), 3, n)[1]) == [i for i in range(12) if i != 3]


def test_one_item_of_each_other_group():
    index, X, y, _ = gallery()
    groups = np.repeat(list("abcd"), 3)
    index.fit(X, y, groups=groups)
    scores, ids = more_like(index, 4, 10)
    assert sorted(groups[ids]) == ["a", "c", "d"]
    similar = cosine_similarity(index.zx_)[4]
    for score, best in zip(scores, ids, strict=True):
        assert similar[best] == pytest.approx(similar[groups == groups[best]].max())
        assert score == pytest.approx(similar[best])
    assert scores == sorted(scores, reverse=True)
