"""Metrics against scikit-learn, brute force over tie orders, and simulated chance."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import KernelCCA, LinearCCA
from skdcca.metrics import (
    both_directions,
    chance,
    embed,
    median_rank,
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    pair_scores,
    ranks,
    recall_at_k,
    recall_at_k_scorer,
    reciprocal_rank,
    retrieval_metrics,
    retrieval_scorer,
    similarity,
    total_correlation_scorer,
    variate_correlations,
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
    """Rank of the first right item, averaged over all orders that the scores allow."""
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            found.append(1 + min(i for i, item in enumerate(order) if right[item]))
    return np.mean(found)


def test_ties_are_worth_their_middle():
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
def test_embeddings_that_tell_nothing_are_not_better_than_chance(z):
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
    n_right = np.sum(labels[:, None] == labels, axis=1)
    expected = chance(n, n_right)["recall@10"]
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_tie(dtype):
    rng = np.random.default_rng(0)
    zx, zy = rng.normal(size=(2, 67, 5)).astype(dtype)
    zy[30:60] = zy[:30]
    scores = similarity(zx, zy)
    np.testing.assert_array_equal(scores[:, 30:60], scores[:, :30])
    expected = (zx @ zy.T) / np.outer(np.linalg.norm(zx, axis=1), np.linalg.norm(zy, axis=1))
    np.testing.assert_allclose(scores, expected, atol=1e-6)


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
        with pytest.raises(ValueError, match="whole numbers from 1"):
            chance(10, k=k)
        with pytest.raises(ValueError, match="whole numbers from 1"):
            retrieval_metrics(np.eye(3), np.eye(3), k=k)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        retrieval_metrics(np.eye(3), np.eye(3)[:2])


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_correlations_of_very_small_and_large_numbers(scale):
    z = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_allclose(variate_correlations(scale * z, z), [1, 1])


def test_gallery_of_other_size_and_labels():
    scores = np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]])
    np.testing.assert_array_equal(ranks(scores, ["b", "a"], ["a", "b", "b"]), [1, 1])
    np.testing.assert_array_equal(ranks(scores, ["a", "b"], ["a", "b", "b"]), [3, 2])
    with pytest.raises(ValueError, match="row 1 with the label"):
        ranks(scores, ["a", "c"], ["a", "b", "b"])
    with pytest.raises(ValueError, match="as many queries as items"):
        ranks(scores)
    with pytest.raises(ValueError, match="query_labels has shape"):
        ranks(scores, ["a"])
    with pytest.raises(ValueError, match="scores contains NaN"):
        ranks(scores * np.nan)


@pytest.mark.parametrize("n_right", [1, 3, 10])
def test_chance_equals_simulation(n_right):
    rng = np.random.default_rng(2)
    first = np.array([np.sort(rng.permutation(30)[:n_right])[0] + 1 for _ in range(40_000)])
    level = chance(30, n_right, k=(1, 5))
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
    with pytest.raises(ValueError, match="n_gallery=3"):
        chance(3, 4)


def test_median_and_recall_refuse_what_is_no_rank():
    assert median_rank([1, 2, 100]) == 2
    with pytest.raises(ValueError, match="at least 1"):
        median_rank([0, 1])
    with pytest.raises(ValueError, match=r"k=\[0\]"):
        recall_at_k([1, 2], 0)


def test_variate_correlations_equal_numpy():
    zx, zy = RNG.normal(size=(2, 50, 3))
    expected = [np.corrcoef(zx[:, i], zy[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(variate_correlations(zx, zy), expected, atol=1e-12)
    np.testing.assert_allclose(variate_correlations(zx + 1e6, zy), expected, atol=1e-8)


def test_weights_equal_repeated_rows():
    zx, zy = RNG.normal(size=(2, 30, 2))
    counts = RNG.integers(0, 4, size=30)
    repeated = np.repeat(np.arange(30), counts)
    np.testing.assert_allclose(
        variate_correlations(zx, zy, counts),
        variate_correlations(zx[repeated], zy[repeated]),
        atol=1e-12,
    )
    with pytest.raises(ValueError, match="sample_weight"):
        variate_correlations(zx, zy, -np.ones(30))


def test_constant_components_have_correlation_zero():
    z = np.column_stack([np.full(20, 0.1), np.arange(20.0)])
    np.testing.assert_allclose(variate_correlations(z, z), [0, 1])
    with pytest.raises(ValueError, match="minimum of 2"):
        variate_correlations(z[:1], z[:1])


def views(n=100):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 5))
    return X, X[:, :3] + 0.3 * rng.normal(size=(n, 3))


def test_embed_looks_through_pipelines_and_searches():
    X, y = views()
    scaled = make_pipeline(StandardScaler(), LinearCCA(2))
    nested = Pipeline([("first", StandardScaler()), ("inner", scaled)])
    search = GridSearchCV(nested, {"inner__linearcca__reg": [0.1]}, scoring=mrr_scorer)
    expected = LinearCCA(2, reg=0.1).fit(X, y).transform(X, y)
    zx, zy = embed(search.fit(X, y), X, y)
    np.testing.assert_allclose(zx, expected[0], atol=1e-10)
    np.testing.assert_allclose(zy, expected[1], atol=1e-10)
    np.testing.assert_array_equal(embed(search, X), zx)
    np.testing.assert_array_equal(embed(search, y=y), zy)
    only = Pipeline([("cca", LinearCCA(2))]).fit(X, y)
    assert embed(only, X).shape == (100, 2)


def test_embed_refuses_what_has_no_second_view():
    X, y = views()
    with pytest.raises(TypeError, match="StandardScaler embeds no second view"):
        embed(make_pipeline(StandardScaler()).fit(X), X, y)
    with pytest.raises(ValueError, match="needs X, y or both"):
        embed(LinearCCA().fit(X, y))


def test_scorers_agree_with_each_other_and_with_the_arrays():
    X, y = views()
    model = LinearCCA(2).fit(X, y)
    weights = (
        np.array(
            [
                np.corrcoef(*pair)[0, 1]
                for pair in zip(*(z.T for z in model.transform(X, y)), strict=True)
            ]
        )
        ** 2
    )
    zx, zy = (z * weights for z in model.transform(X, y))
    cosine = (zx / np.linalg.norm(zx, axis=1, keepdims=True)) @ (
        zy / np.linalg.norm(zy, axis=1, keepdims=True)
    ).T
    forth = label_ranking_average_precision_score(np.eye(100), cosine)
    back = label_ranking_average_precision_score(np.eye(100), cosine.T)
    assert mrr_x_to_y(model, X, y) == pytest.approx(forth, abs=1e-12)
    assert mrr_y_to_x(model, X, y) == pytest.approx(back, abs=1e-12)
    assert mrr_scorer(model, X, y) == pytest.approx((forth + back) / 2, abs=1e-12)
    recall = (
        top_k_accuracy_score(np.arange(100), cosine, k=5)
        + top_k_accuracy_score(np.arange(100), cosine.T, k=5)
    ) / 2
    assert recall_at_k_scorer(5)(model, X, y) == pytest.approx(recall, abs=1e-12)
    assert total_correlation_scorer(model, X, y) == pytest.approx(model.score(X, y), abs=1e-12)
    everything = retrieval_scorer(model, X, y)
    assert everything["mrr"] == mrr_scorer(model, X, y)
    assert everything["mrr_x_to_y"] == mrr_x_to_y(model, X, y)
    for direction, by_query in [("x_to_y", cosine), ("y_to_x", cosine.T)]:
        rank = 1 + np.sum(by_query > np.diag(by_query)[:, None], axis=1)
        assert everything[f"neg_median_rank_{direction}"] == -np.median(rank)
        assert everything[f"recall_at_1_{direction}"] == np.mean(rank == 1)
    assert everything["recall_at_10_y_to_x"] == retrieval_metrics(zx, zy)["y_to_x"]["recall@10"]


def test_scorers_survive_processes():
    X, y = views()
    scoring = {
        "mrr": mrr_scorer,
        "recall": recall_at_k_scorer(3),
        "total": total_correlation_scorer,
    }
    alone = cross_validate(LinearCCA(2), X, y, scoring=scoring, cv=3)
    together = cross_validate(LinearCCA(2), X, y, scoring=scoring, cv=3, n_jobs=2)
    for name in scoring:
        np.testing.assert_array_equal(together[f"test_{name}"], alone[f"test_{name}"])


def test_likelihood_ratio_is_that_of_the_normal_densities():
    rng = np.random.default_rng(0)
    zx, zy, correlations = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), [0.9, 0.5, 0.0]
    joint = [multivariate_normal(cov=[[1, r], [r, 1]]) for r in correlations]
    expected = [
        [
            sum(
                joint[k].logpdf([x[k], y[k]]) - norm.logpdf(x[k]) - norm.logpdf(y[k])
                for k in range(3)
            )
            for y in zy
        ]
        for x in zx
    ]
    np.testing.assert_allclose(similarity(zx, zy, correlations), expected, atol=1e-9)


def test_likelihood_ranks_by_amount_where_the_cosine_sees_a_sign_only():
    rng = np.random.default_rng(0)
    amount = rng.normal(size=(400, 1))
    X, y = (amount + 0.1 * rng.normal(size=amount.shape) for _ in range(2))
    found = {
        kind: mrr_scorer(LinearCCA(1, similarity=kind).fit(X[:200], y[:200]), X[200:], y[200:])
        for kind in ("cosine", "likelihood")
    }
    assert found["cosine"] < 2 * chance(200)["mrr"]
    assert found["likelihood"] > 5 * chance(200)["mrr"]


@pytest.mark.parametrize("correlations", [[1.0], [0.9999], [0.5]])
def test_equal_rows_tie_by_likelihood(correlations):
    z = np.tile(np.random.default_rng(0).normal(size=(1, 1)), (50, 1))
    assert len(np.unique(similarity(z, z, correlations))) == 1


def test_a_similarity_set_after_fit_is_checked_and_heeded():
    X = np.random.default_rng(0).normal(size=(40, 3))
    for model in (LinearCCA(2, similarity="cosine"), KernelCCA(2, similarity="cosine")):
        model.fit(X, X[:, ::-1])
        zx, zy = model.transform(X, X[:, ::-1])
        np.testing.assert_array_equal(model.compare(zx, zy), similarity(zx, zy))
        model.set_params(similarity="likelihood")
        expected = similarity(zx, zy, model.canonical_correlations_)
        np.testing.assert_array_equal(model.compare(zx, zy), expected)
        for kind, power in [("weighted", 2), (0.5, 0.5), (4, 4), (0, 0)]:
            model.set_params(similarity=kind)
            weights = model.canonical_correlations_**power
            expected = cosine_similarity(zx * weights, zy * weights)
            np.testing.assert_allclose(model.compare(zx, zy), expected, atol=1e-9)
        with pytest.raises(ValueError, match="similarity='likelyhood'"):
            model.set_params(similarity="likelyhood").compare(zx, zy)


def test_weighting_is_better_where_later_components_are_noise():
    """The claim of Gong et al.: of many components, few of which are shared, weighted ones find more."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1500, 3))
    X = np.hstack([shared, rng.normal(size=(1500, 17))])
    y = np.hstack([shared + 0.5 * rng.normal(size=shared.shape), rng.normal(size=(1500, 17))])
    model = LinearCCA(20).fit(X[:1000], y[:1000])
    found = {}
    for kind in ("cosine", "weighted"):
        model.set_params(similarity=kind)
        found[kind] = mrr_scorer(model, X[1000:], y[1000:])
    assert found["weighted"] > 2 * found["cosine"] > 0.05


def test_correlations_near_one_and_decimals_of_scores():
    z = np.random.default_rng(0).normal(size=(20, 2))
    likely = similarity(z, z, [0.9999, 0.5])
    np.testing.assert_array_equal(similarity(z, z, [1.0, 0.5]), likely)
    np.testing.assert_array_equal(likely, likely.round(8))
    np.testing.assert_array_equal(similarity(z, z), similarity(z, z).round(10))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="overflow"):
        similarity(1e200 * z, z, [0.5, 0.5])


def test_metrics_of_embeddings_take_the_weighting():
    X, y = views()
    model = LinearCCA(2).fit(X, y)
    pair = model.transform(X, y)
    for kind in ("weighted", "likelihood", 4):
        model.set_params(similarity=kind)
        how = model.comparison()
        found = retrieval_metrics(*pair, **how)
        assert found["x_to_y"]["mrr"] == mrr_x_to_y(model, X, y)
        assert found["y_to_x"]["mrr"] == mrr_y_to_x(model, X, y)


@pytest.mark.parametrize("power", [-1, np.nan, np.inf, "2"])
def test_a_power_out_of_range_is_refused(power):
    with pytest.raises(ValueError, match="it must be a number from 0, and finite"):
        similarity(np.eye(3), np.eye(3), [0.9, 0.5, 0.1], power)
    with pytest.raises(ValueError, match="it must be one of"):
        LinearCCA(similarity=power).fit(np.eye(5), np.eye(5))
    with pytest.raises(ValueError, match="power=2 without correlations"):
        similarity(np.eye(3), np.eye(3), power=2)


def test_both_directions_are_the_metrics_of_the_scores_and_of_their_transpose():
    scores = np.random.default_rng(0).normal(size=(30, 30))
    found = both_directions(scores, k=(3,))
    for way, one in (("x_to_y", scores), ("y_to_x", scores.T)):
        assert found[way]["mrr"] == reciprocal_rank(ranks(one))
        expected = top_k_accuracy_score(np.arange(30), one, k=3, labels=np.arange(30))
        assert found[way]["recall@3"] == pytest.approx(expected)


@pytest.mark.parametrize("correlations", [[1.0, 1.0], [-0.5, 0.0], [1 - 1e-12, 0.3]])
def test_likelihood_ratio_is_finite_at_the_ends(correlations):
    z = np.random.default_rng(0).normal(size=(6, 2))
    scores = similarity(z, z, correlations)
    assert np.isfinite(scores).all()
    if max(correlations) > 0:
        np.testing.assert_array_equal(scores.argmax(axis=1), np.arange(6))


def test_likelihood_ratio_asks_for_a_correlation_of_each_component():
    with pytest.raises(ValueError, match=r"correlations \(2,\)"):
        similarity(np.zeros((3, 4)), np.zeros((3, 4)), [0.5, 0.5])


def test_scorers_and_pair_scores_rank_as_the_model_compares():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    y = X + rng.normal(size=X.shape)
    model = make_pipeline(StandardScaler(), LinearCCA(2, similarity="likelihood")).fit(X, y)
    zx, zy = embed(model, X, y)
    scores = similarity(zx, zy, model[-1].canonical_correlations_)
    np.testing.assert_array_equal(pair_scores(model, X, y), scores)
    np.testing.assert_array_equal(pair_scores(model, X[:3], y), scores[:3])
    assert mrr_x_to_y(model, X, y) == reciprocal_rank(ranks(scores))
    assert mrr_y_to_x(model, X, y) == reciprocal_rank(ranks(scores.T))
    assert retrieval_scorer(model, X, y)["mrr"] == pytest.approx(mrr_scorer(model, X, y))
    assert recall_at_k_scorer(5)(model, X, y) == pytest.approx(
        (recall_at_k(scores, 5) + recall_at_k(scores.T, 5)) / 2
    )


@pytest.mark.parametrize("model", [LinearCCA(1), KernelCCA(1)])
def test_an_unknown_similarity_is_refused_before_any_work(model):
    with pytest.raises(ValueError, match="similarity='euclid'; it must be one of"):
        model.set_params(similarity="euclid").fit(np.eye(5), np.eye(5))
