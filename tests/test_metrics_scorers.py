"""Embeddings and scorers of models, pipelines and searches."""

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import KernelCCA, LinearCCA
from skdcca.metrics import (
    chance,
    embed,
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
)


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


def test_embed_refuses_models_without_a_second_view():
    X, y = views()
    with pytest.raises(
        TypeError, match="must contain a canonical correlation model, got StandardScaler"
    ):
        embed(make_pipeline(StandardScaler()).fit(X), X, y)
    with pytest.raises(ValueError, match="X, y or both must be given"):
        embed(LinearCCA().fit(X, y))


def test_scorers_agree_with_each_other_and_with_the_arrays():
    X, y = views()
    model = LinearCCA(2, reg=0).fit(X, y)
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


# The similarity of a model


def test_likelihood_uses_magnitudes_where_the_cosine_sees_only_signs():
    rng = np.random.default_rng(0)
    amount = rng.normal(size=(400, 1))
    X, y = (amount + 0.1 * rng.normal(size=amount.shape) for _ in range(2))
    found = {
        kind: mrr_scorer(LinearCCA(1, similarity=kind).fit(X[:200], y[:200]), X[200:], y[200:])
        for kind in ("cosine", "likelihood")
    }
    assert found["cosine"] < 2 * chance(200)["mrr"]
    assert found["likelihood"] > 5 * chance(200)["mrr"]


def test_a_similarity_set_after_fit_is_checked_and_used():
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
        with pytest.raises(ValueError, match=r"`similarity` must be .*, got 'likelyhood'"):
            model.set_params(similarity="likelyhood").compare(zx, zy)


def test_weighting_is_better_where_later_components_are_noise():
    """With many components, few of them shared, weighting finds more, as Gong et al. claim."""
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


@pytest.mark.parametrize("model", [LinearCCA(1), KernelCCA(1)])
def test_an_unknown_similarity_is_refused_before_any_work(model):
    with pytest.raises(ValueError, match=r"`similarity` must be one of .*, got 'euclid'"):
        model.set_params(similarity="euclid").fit(np.eye(5), np.eye(5))
