"""Properties of metrics and index that hold for any embeddings."""

import numpy as np
from _properties import STEADY
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import label_ranking_average_precision_score

from skdcca import CrossModalIndex, LinearCCA
from skdcca.metrics import chance, pair_scores, ranks, recall_at_k, reciprocal_rank, similarity
from skdcca.retrieval._exact import ExactSearch

RNG = np.random.default_rng(0)
MODEL = LinearCCA(3).fit(RNG.normal(size=(50, 4)), RNG.normal(size=(50, 3)))


@st.composite
def embeddings(draw, least=1, most=60):
    """Draw two embeddings; rounded ones have rows that tie, and rows of zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    n = draw(st.integers(least, most), label="n")
    k = draw(st.integers(1, 5), label="components")
    zx, zy = rng.normal(size=(2, n, k)) * 10.0 ** draw(st.integers(-8, 8), label="size")
    if draw(st.booleans(), label="ties"):
        zx, zy = (np.rint(z / np.abs(z).max()) for z in (zx, zy))
    return zx, zy, np.sort(rng.uniform(-0.2, 1, size=k))[::-1]


how = st.sampled_from([None, 0, 1, 2.5, 4, "likelihood"])


def scores_of(zx, zy, correlations, kind):
    if kind is None:
        return similarity(zx, zy)
    scale = max(np.abs(zx).max(), np.abs(zy).max(), 1.0)
    if kind == "likelihood":
        return similarity(zx / scale, zy / scale, correlations)
    return similarity(zx, zy, correlations, kind)


@STEADY
@given(views=embeddings(), kind=how)
def test_swapping_the_views_transposes_the_scores(views, kind):
    zx, zy, correlations = views
    there, back = scores_of(zx, zy, correlations, kind), scores_of(zy, zx, correlations, kind)
    np.testing.assert_allclose(there, back.T, atol=2e-8, rtol=1e-9)


@STEADY
@given(views=embeddings(), kind=st.sampled_from([None, 1, 4]), factor=st.floats(1e-3, 1e3))
def test_cosines_are_bounded_and_scale_invariant(views, kind, factor):
    zx, zy, correlations = views
    scores = scores_of(zx, zy, correlations, kind)
    assert np.abs(scores).max() <= 1 + 1e-9
    longer = scores_of(factor * zx, zy, correlations, kind)
    np.testing.assert_allclose(longer, scores, atol=2e-10)


@STEADY
@given(views=embeddings(least=2), kind=how)
def test_metrics_are_those_of_scipy_and_scikit_learn(views, kind):
    scores = scores_of(*views, kind)
    found = ranks(scores)
    expected = [rankdata(-row)[i] for i, row in enumerate(scores)]
    np.testing.assert_allclose(found, expected)
    if all(len(set(row)) == len(row) for row in scores.tolist()):
        right = label_ranking_average_precision_score(np.eye(len(scores)), scores)
        assert np.isclose(reciprocal_rank(found), right)
    recalls = [recall_at_k(scores, k) for k in range(1, len(scores) + 1)]
    assert np.all(np.diff(recalls) >= -1e-12)
    assert np.isclose(recalls[-1], 1)


@STEADY
@given(views=embeddings(least=2), kind=how, seed=st.integers(0, 1000))
def test_the_order_of_songs_does_not_matter(views, kind, seed):
    zx, zy, correlations = views
    order = np.random.default_rng(seed).permutation(len(zx))
    one = ranks(scores_of(zx, zy, correlations, kind))
    np.testing.assert_allclose(
        ranks(scores_of(zx[order], zy[order], correlations, kind)), one[order]
    )


@STEADY
@given(n=st.integers(2, 300))
def test_constant_scores_are_never_better_than_chance(n):
    found = ranks(np.zeros((n, n)))
    assert reciprocal_rank(found) <= chance(n)["mrr"] + 1e-12
    assert np.isclose(recall_at_k(np.zeros((n, n)), 1), 1 / n)


@STEADY
@given(views=embeddings(least=1, most=400), k=st.integers(1, 400), decimals=st.integers(0, 10))
def test_exact_search_is_a_stable_sort(views, k, decimals):
    queries, rows, _ = views
    queries, rows = (z / max(1.0, np.abs(z).max()) for z in (queries[:20], rows))
    scores = (queries @ rows.T).round(decimals)
    k = min(k, len(rows))
    found, places = ExactSearch(rows, decimals).top(queries, k)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    # The sums of a product in another order may round to the next decimal.
    exact = queries @ rows.T
    near_half = np.abs(np.mod(exact * 10.0**decimals, 1) - 0.5).min() < 1e-4
    if not near_half:
        np.testing.assert_array_equal(places, order)
    np.testing.assert_allclose(
        found, np.take_along_axis(scores, order, axis=1), atol=1.01 * 10.0**-decimals
    )


@STEADY
@given(data=st.data())
def test_any_adding_and_removing_equals_refitting(data):
    """Change a gallery at random, and keep a list of what it must hold."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    X, y = rng.normal(size=(40, 4)), rng.normal(size=(40, 3))
    index = CrossModalIndex(MODEL).fit(X[:5], y[:5], ids=range(5))
    held = list(range(5))
    for _ in range(data.draw(st.integers(1, 6), label="changes")):
        outside = sorted(set(range(40)) - set(held))
        if held and data.draw(st.booleans(), label="remove"):
            gone = data.draw(st.lists(st.sampled_from(held), min_size=1, unique=True))
            index.remove(gone)
            held = [i for i in held if i not in gone]
        elif outside:
            new = data.draw(st.lists(st.sampled_from(outside), min_size=1, unique=True))
            index.add(X[new], y[new], ids=new)
            held += new
    assert index.ids_.tolist() == held
    if held:
        again = CrossModalIndex(MODEL).fit(X[held], y[held], ids=held)
        for asked in ({"X": X}, {"y": y}):
            pairs = zip(
                index.query(**asked, n_neighbors=len(held)),
                again.query(**asked, n_neighbors=len(held)),
                strict=True,
            )
            for one, other in pairs:
                np.testing.assert_array_equal(one, other)
        scores = pair_scores(MODEL, X[held], y).T
        order = np.argsort(-scores, axis=1, kind="stable")
        found = index.query(y=y, n_neighbors=len(held))[1]
        np.testing.assert_array_equal(found, np.array(held)[order])
