"""Nested cross-validation: no leakage, and a table of the scores."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold

from skdcca import LinearCCA
from skdcca._cli.evaluation import (
    evaluate,
    mean_over_folds,
    query_summary,
    query_table,
    table,
    total_correlation,
)
from skdcca.metrics import chance, embed, mrr_scorer, total_correlation_scorer

GROUPS = np.repeat(np.arange(20), 5)


class Recording(LinearCCA):
    """Record the rows of every fit, by their first column."""

    seen = []

    def fit(self, X, y):
        type(self).seen.append(set(np.asarray(X)[:, 0]))
        return super().fit(X, y)


def views(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 4))
    X[:, 0] = np.arange(100)
    return X, X + 5 * rng.normal(size=(100, 4))


def search(estimator=None, cv=None):
    return GridSearchCV(
        estimator or LinearCCA(3), {"reg": [0.1, 10.0]}, scoring=mrr_scorer, cv=cv or GroupKFold(2)
    )


def test_no_fit_includes_a_group_of_its_test_fold():
    X, y = views()
    Recording.seen = []
    folds = evaluate(search(Recording(3)), X, y, GroupKFold(5), GROUPS)
    per_fold = 2 * 2 + 1  # candidates by inner folds, and the refit
    assert len(Recording.seen) == 5 * per_fold
    for i, fold in enumerate(folds):
        held_out = set(GROUPS[fold["test"]])
        for rows in Recording.seen[i * per_fold : (i + 1) * per_fold]:
            assert not held_out & set(GROUPS[np.array(sorted(rows), dtype=int)])
    assert sorted(np.concatenate([fold["test"] for fold in folds])) == list(range(100))


def test_scores_are_those_of_the_chosen_model_on_the_held_out_fold():
    X, y = views()
    folds = evaluate(search(), X, y, GroupKFold(5), GROUPS)
    for fold in folds:
        train = np.setdiff1d(np.arange(100), fold["test"])
        model = clone(LinearCCA(3)).set_params(**fold["params"]).fit(X[train], y[train])
        weights = model.canonical_correlations_**2
        variates = model.transform(X[fold["test"]], y[fold["test"]])
        scores = cosine_similarity(*(z * weights for z in variates))
        expected = label_ranking_average_precision_score(np.eye(20), scores)
        assert np.isclose(fold["x_to_y"]["mrr"], expected)
        assert fold["chance"] == chance(20)
    means = mean_over_folds(folds)
    for way in ("x_to_y", "y_to_x"):
        assert np.isclose(means[way]["mrr"], np.mean([f[way]["mrr"] for f in folds]))


def test_groups_on_both_sides_inflate_the_scores():
    """Versions of one work reveal each other's pairs, so folds must keep them together."""
    rng = np.random.default_rng(0)
    work_x, work_y = rng.normal(size=(20, 8)), rng.normal(size=(20, 8))  # unrelated views
    X = work_x[GROUPS] + 0.3 * rng.normal(size=(100, 8))
    y = work_y[GROUPS] + 0.3 * rng.normal(size=(100, 8))
    grouped = mean_over_folds(evaluate(search(), X, y, GroupKFold(5), GROUPS))
    at_random = KFold(5, shuffle=True, random_state=0)
    leaking = mean_over_folds(evaluate(search(cv=KFold(2)), X, y, at_random))
    level = chance(20)["mrr"]
    assert leaking["x_to_y"]["mrr"] > 2 * level
    assert grouped["x_to_y"]["mrr"] < 1.4 * level


def test_table_aligns_scores_with_their_headers():
    X, y = views()
    means = mean_over_folds(evaluate(search(), X, y, GroupKFold(5), GROUPS))
    lines = table([("by group", means), ("chance", {"chance": means["chance"]})], 20)
    assert len({len(line) for line in lines[1:]}) == 1
    assert lines[0].index("audio -> lyrics") < lines[0].index("lyrics -> audio")
    shown = np.array(lines[2].removeprefix("by group").split(), dtype=float)
    names = ["mrr", "recall@1", "recall@10", "median_rank"]
    expected = [means[way][name] for way in ("x_to_y", "y_to_x") for name in names]
    np.testing.assert_allclose(shown, expected, atol=0.051)
    np.testing.assert_allclose(shown[[0, 1, 2, 4, 5, 6]], np.delete(expected, [3, 7]), atol=5e-4)
    assert means["x_to_y"] != means["y_to_x"]
    assert lines[3].count(f"{chance(20)['mrr']:.3f}") == 2


def test_progress_is_called_after_each_fold():
    X, y = views()
    calls = []
    evaluate(search(), X, y, GroupKFold(5), GROUPS, progress=lambda: calls.append(1))
    assert len(calls) == 5


def row(query, view, mrr, n_queries=50):
    figures = {"mrr": mrr, "recall@10": 0.5, "n_answers": 7, "chance": chance(100)["mrr"]}
    return {"query": query, "view": view, "n_queries": n_queries, "n_gallery": 100, **figures}


def test_query_table_aligns_figures_with_their_headers():
    rows = [row("whole lyrics", "y", 0.25), row("line", "y", 0.06, 9), row("whole song", "x", 0.3)]
    rows.append(row("clip after 2 s of silence", "x", 0.1))
    lines = query_table(rows)
    assert max(map(len, lines)) <= 100
    names = [line[:28].strip() for line in lines]
    directions = ["lyrics -> audio", "whole lyrics", "line", "audio -> lyrics", "whole song"]
    assert names == ["gallery 100", *directions, "clip after 2 s of silence", "chance"]
    for name, end in (("queries", "50"), ("MRR", "0.250"), ("R@10", "0.500"), ("answers", "7")):
        assert lines[0].index(name) + len(name) == lines[2].index(end) + len(end)
    level = chance(100)
    assert lines[-1].split()[1:] == [f"{level['mrr']:.3f}", f"{level['recall@10']:.3f}"]


def test_query_summary_names_what_is_no_better_than_chance():
    good = [row("whole lyrics", "y", 0.5), row("line", "y", 0.2)]
    bad = [row("ten words", "y", 0.07), row("whole song", "x", 0.03)]
    assert query_summary(good) == (
        "Every kind of query finds its song more often than chance: whole lyrics best, line least."
    )
    assert query_summary(good + bad) == (
        "Found no more often than by chance: ten words, whole song."
    )
    assert query_summary(good[:1] + bad) == "Found more often than by chance: whole lyrics only."
    assert query_summary(bad) == "No kind of query finds its song more often than chance."


def test_one_random_ranking_in_twenty_is_above_chance():
    rng = np.random.default_rng(0)
    drawn = (1 / rng.integers(1, 101, size=(1000, 50))).mean(axis=1)
    found = [query_summary([row("line", "y", mrr)]).startswith("Every") for mrr in drawn]
    assert 0.03 < np.mean(found) < 0.08


def test_total_correlation_is_that_of_the_scorer():
    X, y = views()
    model = LinearCCA(3).fit(X, y)
    found = total_correlation(model, *embed(model, X, y))
    assert np.isclose(found, total_correlation_scorer(model, X, y))

    class Other:
        transform_y = None

    assert total_correlation(Other(), X, y) is None
