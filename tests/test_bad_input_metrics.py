"""Bad input of metrics, scorers and tests of significance."""

import numpy as np
from _bad_input import check_cases, check_refused, each, named

from skdcca import KernelCCA, LinearCCA, canonical_correlation_test, metrics

EYE = np.eye(3)


METRICS = [
    ("NaN scores", lambda w: metrics.ranks(np.nan * EYE), ValueError, "scores contains NaN", ""),
    (
        "scores that are not square",
        lambda w: metrics.ranks(EYE[:2]),
        ValueError,
        r"`scores` must .*, got shape \(2, 3\)",
        "Pass `query_labels`",
    ),
    (
        "few labels",
        lambda w: metrics.ranks(EYE, [1]),
        ValueError,
        r"`query_labels` must .*, got \(1,\)",
        r"\(3,\)",
    ),
    (
        "a label without an item",
        lambda w: metrics.ranks(EYE, [1, 2, 3], [1, 1, 2]),
        ValueError,
        "row 2",
        "Remove these queries",
    ),
    (
        "a rank of 0",
        lambda w: metrics.reciprocal_rank([0.5]),
        ValueError,
        "`ranks` must .* minimum 0.5",
        ">= 1",
    ),
    ("no ranks", lambda w: metrics.median_rank([]), ValueError, "0 sample", "minimum of 1"),
    ("k of 0", lambda w: metrics.recall_at_k(EYE, 0), ValueError, "`k` must .*, got 0", ">= 1"),
    (
        "k of True",
        lambda w: metrics.recall_at_k(EYE, True),
        ValueError,
        "`k` must .*, got True",
        ">= 1",
    ),
    (
        "k in words, in a scorer",
        lambda w: metrics.recall_at_k_scorer("ten"),
        ValueError,
        "`k` must .*, got 'ten'",
        ">= 1",
    ),
    ("no gallery", lambda w: metrics.chance(0), ValueError, "`n_gallery` .*, got 0", ">= 1"),
    (
        "a gallery in words",
        lambda w: metrics.chance("a"),
        ValueError,
        "`n_gallery` must .*, got 'a'",
        "an integer",
    ),
    (
        "half a song",
        lambda w: metrics.chance(10.5),
        ValueError,
        "`n_gallery` .*, got 10.5",
        "integer",
    ),
    (
        "no relevant items",
        lambda w: metrics.chance(9, n_relevant=[]),
        ValueError,
        r"`n_relevant` must .*, got \[\]",
        ">= 1",
    ),
    (
        "more relevant items than items",
        lambda w: metrics.chance(9, n_relevant=10),
        ValueError,
        "`n_relevant` must be <= n_gallery=9, got 10",
        "more relevant items than there are items",
    ),
    (
        "other components",
        lambda w: metrics.similarity(EYE, EYE[:, :2]),
        ValueError,
        "zx and zy .*, got 3 and 2",
        "same number",
    ),
    (
        "a negative power",
        lambda w: metrics.similarity(EYE, EYE, [0.5] * 3, power=-1),
        ValueError,
        "`power` must .*, got -1",
        ">= 0",
    ),
    (
        "one row",
        lambda w: metrics.variate_correlations(EYE[:1], EYE[:1]),
        ValueError,
        "1 sample",
        "minimum of 2",
    ),
    (
        "no model",
        lambda w: metrics.embed(None, EYE),
        TypeError,
        "`estimator` must .*, got NoneType",
        "Pipeline",
    ),
    (
        "no such test",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y, method="t"),
        ValueError,
        "`method` must .*, got 't'",
        "wilks",
    ),
    (
        "no permutations",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y, n_permutations=0),
        ValueError,
        "`n_permutations` must .*, got 0",
        ">= 1",
    ),
    (
        "a test of nothing",
        lambda w: canonical_correlation_test("a", w.X, w.y),
        TypeError,
        "`estimator` must .*, got 'a'",
        r"LinearCCA\(\)",
    ),
    (
        "a test of a class",
        lambda w: canonical_correlation_test(KernelCCA, w.X, w.y),
        TypeError,
        "`estimator` must .*, got <class .*KernelCCA",
        "not a class",
    ),
    (
        "a test with no seed",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y, random_state="a"),
        ValueError,
        "'a'",
        "seed",
    ),
    (
        "a test of few rows",
        lambda w: canonical_correlation_test(LinearCCA(reg=0), w.X[:4], w.y[:4], method="wilks"),
        ValueError,
        "got 4 rows and ranks 3",
        "more rows",
        True,
    ),
    (
        "a test of two lengths",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y[:4]),
        ValueError,
        "X and y .* got 30 and 4",
        "same sample",
    ),
]


def test_there_are_many_different_cases():
    check_cases(named("metrics", METRICS))


@each(named("metrics", METRICS))
def test_bad_input_is_refused_with_a_remedy(case, world, request):
    check_refused(case, world, request)


def test_zeros_can_be_compared():
    scores = metrics.similarity(np.zeros((2, 3)), EYE)
    assert scores.shape == (2, 3)
    assert np.isfinite(scores).all()
