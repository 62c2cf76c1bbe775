"""Rows of MultiCCA that lack views, against the eigenproblem of van de Velden and Takane."""

import numpy as np
import pytest
from _many_views import (
    multi,
    named_views,
    oracle,
    random_presence,
    three_views,
    without,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer

from skdcca import MultiCCA
from skdcca._cca import multiview_solution
from skdcca._cca.multiview_views import present_rows

X = three_views()
PRESENT = random_presence(len(X), 0.3)
MISSING = without(X, PRESENT)


def scaled_weights(fitted):
    return [fitted.weights_[name] * fitted.scales_[name][:, None] for name in fitted.weights_]


@pytest.mark.parametrize("ridges", [(0, 0, 0), (0.5, 0.5, 0.5), (0.1, 2.0, 0.0)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_equal_the_generalized_eigenproblem(ridges, weighted):
    weight = np.random.default_rng(2).uniform(0.5, 2, len(X)) if weighted else None
    expected, _ = oracle(X, ridges, PRESENT, weight)
    fitted = multi(2, reg=ridges).fit(MISSING, sample_weight=weight)
    found = scaled_weights(fitted)
    sign = np.sign(np.sum(found[0] * expected[0], axis=0))
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours, theirs * sign, atol=1e-10)


def test_singular_values_give_the_same_model_as_moments():
    doubled = np.column_stack([MISSING, MISSING[:, 9]])  # singular, so that the rows are decomposed
    again = MultiCCA(named_views((5, 4, 4)), 2, reg=(0.3, 0.3, 0)).fit(doubled)
    expected = multi(2, reg=(0.3, 0.3, 0)).fit(MISSING)
    for name, correlations in expected.pair_correlations_.items():
        assert_allclose(again.pair_correlations_[name], correlations, atol=1e-9)
    assert_allclose(again.weights_["audio"], expected.weights_["audio"], atol=1e-9)


@pytest.mark.parametrize("kind", ["stream", "blocks"])
def test_rows_in_blocks_equal_one_fit(kind):
    expected = multi(2).fit(MISSING)
    cuts = np.split(np.arange(len(X)), [60, 90, 91])
    if kind == "blocks":
        fitted = multi(2).fit_blocks([MISSING[rows] for rows in cuts])
    else:
        fitted = multi(2)
        # The first call has complete rows only.
        for rows in (slice(60, 200), slice(0, 60)):
            table = X if rows.start else MISSING
            fitted.partial_fit(table[rows])
        expected = multi(2).fit(np.vstack([MISSING[:60], X[60:]]))
    for name in fitted.weights_:
        assert_allclose(fitted.weights_[name], expected.weights_[name], atol=1e-9)
    assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_)


def test_sparse_views_that_rows_lack():
    table = np.where(np.abs(X) < 1, 0, X)
    table = without(table, PRESENT)
    expected = multi(1, reg=0.5).fit(table)
    fitted = multi(1, reg=0.5).fit(sparse.csr_array(table))
    assert_allclose(fitted.weights_["lyrics"], expected.weights_["lyrics"], atol=1e-9)
    assert_allclose(fitted.transform(sparse.csr_array(table)), expected.transform(table), atol=1e-9)


def test_correlations_are_those_of_the_rows_with_both_views():
    fitted = multi(1, reg=0).fit(MISSING)
    z = fitted.transform(MISSING)
    both = PRESENT[:, 0] & PRESENT[:, 2]
    covariance = np.cov(z[both, 0], z[both, 2])[0, 1]
    assert_allclose(fitted.pair_correlations_["audio", "tags"], covariance, atol=1e-10)
    expected = [np.corrcoef(z[rows][:, [i, j]].T)[0, 1]
                for i, j in [(0, 1), (0, 2), (1, 2)]
                for rows in [PRESENT[:, i] & PRESENT[:, j]]]  # fmt: skip
    assert fitted.score(MISSING) == pytest.approx(np.mean(expected), abs=1e-12)


def test_variates_are_nan_exactly_where_a_view_is_missing():
    fitted = multi(2).fit(MISSING)
    z = fitted.transform(MISSING).reshape(len(X), 3, 2)
    assert_array_equal(np.isnan(z).all(axis=2), ~PRESENT)
    assert_array_equal(np.isnan(z).any(axis=2), ~PRESENT)
    complete = fitted.transform(X).reshape(len(X), 3, 2)
    assert_allclose(z[PRESENT], complete[PRESENT], atol=1e-12)


def test_the_consensus_is_the_posterior_mean_of_a_factor_model():
    fitted = multi(1, output="consensus").fit(three_views(1000, seed=2))
    found = fitted.transform(MISSING)[:, 0]
    assert np.isfinite(found).all()
    r = {pair: value[0] for pair, value in fitted.pair_correlations_.items()}
    ab, ac, bc = r["audio", "lyrics"], r["audio", "tags"], r["lyrics", "tags"]
    loadings = np.sqrt([ab * ac / bc, ab * bc / ac, ac * bc / ab])  # three views fit exactly
    z = fitted.set_params(output="variates").transform(MISSING)
    for row in range(20):
        has = PRESENT[row]
        a = loadings[has]
        covariance = np.outer(a, a) + np.diag(1 - a**2)
        assert found[row] == pytest.approx(a @ np.linalg.solve(covariance, z[row, has]), abs=1e-6)


def test_the_consensus_of_two_views_has_the_loadings_of_bach_and_jordan():
    loadings = multiview_solution.factor_loadings(np.array([[0.81, 0.25, -0.2]]), 2)
    assert_allclose(loadings, [[0.9, 0.5, 0]] * 2, atol=1e-9)


def test_no_view_alone_decides_the_consensus():
    correlations = np.array([[0.9], [0.8], [0.7]])  # the loading of the first view would be 1.01
    loadings = multiview_solution.factor_loadings(correlations, 3)
    assert_allclose(loadings[0], 0.9**0.25)
    assert loadings[1:].min() > 0.7


def test_the_consensus_of_many_views_predicts_the_shared_factor():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=500)
    table = shared[:, None] + rng.normal(size=(500, 12))
    fitted = multi(1, output="consensus").fit(table[:250])
    factors = fitted.transform(without(table, random_presence(500, 0.3)))
    assert np.corrcoef(factors[250:, 0], shared[250:])[0, 1] > 0.85


class Recorder(TransformerMixin, BaseEstimator):
    """Transformer that refuses null values and records its rows."""

    seen = []

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        assert all(isinstance(text, str) for text in X)
        self.seen.append(len(X))
        return np.array([[len(text), text.count("e")] for text in X], dtype=float)


def test_rows_that_lack_a_view_never_reach_its_transformer():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(X[:, :5], columns=[f"mel{i}" for i in range(5)])
    words = np.array(["e" * n + "o" * (9 - n) for n in range(10)], dtype=object)
    table["lyrics"] = words[rng.integers(0, 10, 200)] + pd.Series("a" * n for n in range(200))
    for i, null in enumerate((None, np.nan, pd.NA, pd.NaT)):
        table.loc[i, "lyrics"] = null
    table.loc[10, "lyrics"] = ""  # a text, although an empty one
    views = [("audio", "passthrough", slice(0, 5)), ("lyrics", Recorder(), "lyrics")]
    Recorder.seen.clear()
    fitted = MultiCCA(views, 1).fit(table)
    z = fitted.transform(table)
    assert Recorder.seen == [196, 196]
    assert_array_equal(np.flatnonzero(np.isnan(z[:, 1])), range(4))
    with pytest.raises(ValueError, match="Row 1 lacks the view 'lyrics'"):
        fitted.transform_view("lyrics", ["words", None])


def test_rows_with_weight_0_are_ignored():
    table, weight = MISSING.copy(), np.ones(len(X))
    weight[:3] = 0
    table[0], table[1, 1], table[2] = np.nan, np.nan, np.inf
    fitted = multi(1).fit(table, sample_weight=weight)
    streamed = multi(1).partial_fit(table, sample_weight=weight)
    in_blocks = multi(1).fit_blocks([(table, weight)])
    expected = multi(1).fit(MISSING[3:])
    for model in (fitted, streamed, in_blocks):
        assert_allclose(model.weights_["audio"], expected.weights_["audio"], atol=1e-12)


def test_null_is_what_pandas_calls_null():
    pd = pytest.importorskip("pandas")
    nulls = [None, np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT")]
    values = np.empty(9, dtype=object)
    values[:] = [*nulls, "", 0, np.arange(3.0)]
    expected = [False] * 6 + [True] * 3
    assert_array_equal(present_rows("view", values, "passthrough"), expected)
    assert_array_equal(present_rows("view", list(values), "passthrough"), expected)
    assert_array_equal(present_rows("view", pd.Series(values), "passthrough"), expected)
    dates = np.array(["2020-01-01", "NaT"], dtype="datetime64[D]")
    assert_array_equal(present_rows("view", dates, "passthrough"), [True, False])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda T: T.__setitem__((7, 1), np.nan), r"Row 7 has only a part of the view 'audio' .1 such"),
        (lambda T: T.__setitem__(7, np.nan), r"Row 7 has none of the views .*'tags'.* .1 such"),
        (
            lambda T: (
                T.__setitem__((slice(0, 101), slice(0, 5)), np.nan),
                T.__setitem__((slice(100, 200), slice(9, 12)), np.nan),
            ),
            "views 'audio' and 'tags' must meet in at least two rows, got 0",
        ),
        (lambda T: T.__setitem__((slice(1, 200), slice(9, 12)), np.nan), "'tags' must have at least"),
    ],
    ids=["part", "none", "never meet", "one row"],
)  # fmt: skip
def test_impossible_rows_are_named(spoil, message):
    table = X.copy()
    spoil(table)
    for model in (multi(1), multi(1, output="consensus")):
        with pytest.raises(ValueError, match=message):
            model.fit(table)
    if "Row" in message:
        with pytest.raises(ValueError, match=message):
            multi(1).fit(X).transform(table)
    else:
        with pytest.raises(ValueError, match=message):
            multi(1).fit(X).score(table)
        with pytest.raises(ValueError, match=message):
            multi(1).fit_blocks([table])


def test_an_imputer_takes_parts_of_a_view():
    table = MISSING.copy()
    table[5, :5], table[5, 1] = 0.0, np.nan
    views = [("audio", SimpleImputer(), slice(0, 5)), *named_views()[1:]]
    fitted = MultiCCA(views, 1).fit(table)
    z = fitted.transform(table)
    assert np.isfinite(z[5, 0])
    assert_array_equal(np.isnan(z[:, 0]), ~PRESENT[:, 0] & (np.arange(200) != 5))


def test_missing_views_cost_little():
    """With 30 % of the views missing, most of the held-out correlation of complete data is kept."""
    train, test = np.split(three_views(2300, noise=2.0), [300])
    complete = multi(2).fit(train).score(test)
    shares = {"ours": [], "complete rows": []}
    for seed in range(3):
        present = random_presence(300, 0.3, seed)
        shares["ours"].append(multi(2).fit(without(train, present)).score(test) / complete)
        rows = present.all(axis=1)
        shares["complete rows"].append(multi(2).fit(train[rows]).score(test) / complete)
    assert np.mean(shares["ours"]) > max(0.95, np.mean(shares["complete rows"]))
