"""Nested cross-validation: no leakage, and a table of the scores."""

import numpy as np
from sklearn.base import clone
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold

from skdcca import LinearCCA
from skdcca._cli.evaluation import evaluate, mean_over_folds, table
from skdcca.metrics import chance, mrr_scorer

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
