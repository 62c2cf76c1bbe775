"""Rows of MultiCCA that lack views, against the eigenproblem of van de Velden and Takane."""

from itertools import combinations

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
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdcca import MultiCCA
from skdcca._cca import multiview_fit, multiview_solution
from skdcca._cca.multiview_views import present_rows
from skdcca.exceptions import FewSamplesWarning

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


@pytest.mark.parametrize("fit", ["fit", "partial_fit", "of wide views"])
@pytest.mark.parametrize("reg", [0, (0.1, 2.0, 10.0)], ids=str)
def test_correlations_are_those_of_the_rows_with_both_views(fit, reg):
    table, present, fitted = MISSING, PRESENT, multi(1, reg=reg)
    if fit == "of wide views":
        wide = np.random.default_rng(5).normal(size=(40, 50)) + X[:40, [0]]
        wide[~PRESENT[:40, 0]] = np.nan
        table, present = np.hstack([wide, MISSING[:40, 5:]]), PRESENT[:40]
        fitted = MultiCCA(named_views((50, 4, 3)), 1, reg=(1.0, 2.0, 10.0))
    if fit == "partial_fit":
        fitted.partial_fit(table[:100]).partial_fit(table[100:])
    else:
        fitted.fit(table)
    z = fitted.transform(table)
    # With a ridge, correlations are reported as values of the objective, as those of LinearCCA are.
    deviations = [np.std(z[has, i], ddof=1) for i, has in enumerate(present.T)]
    expected = []
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        both = present[:, i] & present[:, j]
        expected.append(np.corrcoef(z[both][:, [i, j]].T)[0, 1])
        found = list(fitted.pair_correlations_.values())[len(expected) - 1]
        assert_allclose(found, expected[-1] * deviations[i] * deviations[j], atol=1e-10)
    assert fitted.score(table) == pytest.approx(np.mean(expected), abs=1e-10)


def test_variates_are_nan_exactly_where_a_view_is_missing():
    fitted = multi(2).fit(MISSING)
    z = fitted.transform(MISSING).reshape(len(X), 3, 2)
    assert_array_equal(np.isnan(z).all(axis=2), ~PRESENT)
    assert_array_equal(np.isnan(z).any(axis=2), ~PRESENT)
    complete = fitted.transform(X).reshape(len(X), 3, 2)
    assert_allclose(z[PRESENT], complete[PRESENT], atol=1e-12)


def test_the_consensus_is_the_posterior_mean_of_a_factor_model():
    train = three_views(1000, seed=2)
    fitted = multi(1, reg=(0, 1, 10)).partial_fit(train)  # which keeps no rows to be left out
    deviations = fitted.transform(train).std(axis=0, ddof=1)
    assert deviations.min() < 0.5 < 0.99 < deviations.max()  # because of the ridges
    r = np.corrcoef(fitted.transform(train).T) * np.prod(deviations) ** (2 / 3)
    ab, ac, bc = r[0, 1], r[0, 2], r[1, 2]
    loadings = np.sqrt([ab * ac / bc, ab * bc / ac, ac * bc / ab])  # three views fit exactly
    z = fitted.transform(MISSING) / deviations
    found = fitted.set_params(output="consensus").transform(MISSING)[:, 0]
    assert np.isfinite(found).all()
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
        assert 0 < multi(1).fit(X).score(table) < 1  # of the other pairs
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


def test_a_part_of_a_view_may_be_imputed_by_the_first_step_of_a_pipeline():
    table = three_views(200)
    table[5, 1] = np.nan
    imputer = make_pipeline(SimpleImputer(), StandardScaler())
    views = [("audio", imputer, slice(0, 5)), *named_views()[1:]]
    imputed = table.copy()
    imputed[5, 1] = np.nanmean(table[:, 1])
    expected = multi(2).fit(imputed)
    for transformer in (imputer, ColumnTransformer([("all", SimpleImputer(), slice(0, 5))])):
        views[0] = ("audio", transformer, slice(0, 5))
        fitted = MultiCCA(views, 2).fit(table)
        assert_allclose(
            fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-12
        )


def test_a_frozen_transformer_is_not_fitted_again():
    scaler = StandardScaler().fit(X[:50, :5])
    views = [("audio", FrozenEstimator(scaler), slice(0, 5)), *named_views()[1:]]
    fitted, streamed = MultiCCA(views, 2).fit(X), MultiCCA(views, 2).fit_blocks([X[:90], X[90:]])
    assert_allclose(fitted.weights_["audio"], streamed.weights_["audio"], atol=1e-10)
    assert_allclose(fitted.means_["audio"], scaler.transform(X[:, :5]).mean(axis=0), atol=1e-12)
    assert_allclose(MultiCCA(views, 2).partial_fit(X).means_["audio"], fitted.means_["audio"])


@pytest.mark.parametrize("wide", [False, True])
def test_a_view_needs_more_weight_than_one_row(wide):
    table = X.copy()
    table[3:, -3:] = np.nan  # three rows have tags
    table = table[:9] if wide else table
    with pytest.raises(ValueError, match=r"view 'tags' must sum to more than 1, got 0.9"):
        multi(1, reg=1.0).fit(table, sample_weight=np.full(len(table), 0.3))


def test_rows_that_have_only_a_dropped_view_are_left_out():
    views = [*named_views()[:2], ("tags", "drop", named_views()[2][2])]
    only_tags = np.full((4, X.shape[1]), np.nan)
    only_tags[:, -3:] = 1.0
    table = np.vstack([only_tags, MISSING])
    fitted = MultiCCA(views, 2).fit(table)
    has_one = ~np.isnan(MISSING[:, :9]).all(axis=1)
    expected = MultiCCA(named_views()[:2], 2).fit(MISSING[has_one])
    assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-12)
    assert fitted.score(table) == pytest.approx(expected.score(MISSING[has_one]), abs=1e-12)
    assert np.isnan(fitted.transform(table)[:4]).all()
    assert_array_equal(fitted.set_params(output="consensus").transform(table)[:4], 0)
    streamed = MultiCCA(views, 2).partial_fit(table[:90]).partial_fit(table[90:])
    assert_allclose(streamed.weights_["audio"], fitted.weights_["audio"], atol=1e-10)


def test_a_fold_without_a_view_is_scored_by_the_other_pairs():
    fitted = multi(1).fit(X)
    table = X[:50].copy()
    table[:, -3:] = np.nan
    z = fitted.transform(table)
    assert fitted.score(table) == pytest.approx(np.corrcoef(z[:, 0], z[:, 1])[0, 1], abs=1e-12)
    table[:, :5] = np.nan
    with pytest.raises(ValueError, match="X must have two rows with the same two views"):
        fitted.score(table)
    with pytest.raises(ValueError, match=r"sample_weight\.shape"):
        fitted.score(X, sample_weight=[1.0, 2.0])


def test_blocks_may_begin_with_rows_that_lack_a_view():
    labels = np.where(X[:, -1] > 0, 1.0, 2.0)
    table = np.column_stack([X[:, :9], labels])
    table[:60, 9] = np.nan
    frozen = FrozenEstimator(OneHotEncoder().fit(labels[:, None]))
    views = [*named_views()[:2], ("labels", frozen, [9])]
    blocks = [table[:60], table[60:]]
    fitted = MultiCCA(views, 1).fit_blocks(blocks)
    expected = MultiCCA(views, 1).fit(table)
    assert_allclose(fitted.weights_["labels"], expected.weights_["labels"], atol=1e-9)
    with pytest.raises(ValueError, match="must have a row with the view 'labels'"):
        MultiCCA(views, 1).fit_blocks(iter(blocks))
    with pytest.raises(
        ValueError, match=r"block 0.* pair \(X, sample_weight\), got tuple of length 3"
    ):
        MultiCCA(views, 1).fit_blocks([(table, None, np.ones(len(table)))])


def test_other_views_need_a_new_model():
    fitted = multi(1).partial_fit(X)
    with pytest.raises(ValueError, match="`views` must be those of the first call of partial_fit"):
        fitted.set_params(tags="drop").partial_fit(X)


def test_errors_of_transformers_name_the_view():
    texts = np.array([["a"], ["the"], ["of"]] * 10, dtype=object)
    table = np.hstack([X[:30, :9].astype(object), texts])
    views = [*named_views()[:2], ("words", TfidfVectorizer(stop_words="english"), 9)]
    with pytest.raises(ValueError, match="empty vocabulary") as caught:
        MultiCCA(views, 1).fit(table)
    assert "view 'words'" in caught.value.__notes__[0]


def test_dates_are_no_numbers():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X[:30, :2], columns=["a", "b"])
    table["when"] = pandas.date_range("2020-01-01", periods=30)
    views = [("a", "passthrough", ["a", "b"]), ("when", "passthrough", ["when"])]
    with pytest.raises(ValueError, match="view 'when' contains dates"):
        MultiCCA(views, 1).fit(table)


def test_the_sign_is_that_of_the_first_view_with_a_part():
    loadings = [np.array([[0.0, -0.2], [0.0, 0.1]]), np.array([[-0.9, -0.5], [0.3, 0.1]])]
    assert_array_equal(multiview_fit._signs(loadings), [-1, -1])
    assert_array_equal(multiview_fit._signs(loadings[::-1]), [-1, -1])


def test_views_that_rarely_meet_warn():
    table = X.copy()
    table[7:, :5] = np.nan
    with pytest.warns(FewSamplesWarning, match="'audio' and 'lyrics' meet in 7 rows only"):
        multi(1).fit(table)


def test_pairs_with_more_common_rows_count_more_for_the_loadings():
    # No factor fits these correlations, and the last pair is hardly known.
    correlations = np.array([[0.8], [0.4], [0.1], [0.6], [0.3], [0.9]])
    equal = multiview_solution.factor_loadings(correlations, 4)
    weighted = multiview_solution.factor_loadings(correlations, 4, np.array([1, 1, 1, 1, 1, 1e-6]))

    def misfit(loadings, weights):
        products = [loadings[i] * loadings[j] for i, j in combinations(range(4), 2)]
        return np.sum(weights * (np.ravel(products) - correlations[:, 0]) ** 2)

    known = np.array([1, 1, 1, 1, 1, 0])
    assert misfit(weighted, known) < misfit(equal, known)
    assert misfit(weighted, np.ones(6)) > misfit(equal, np.ones(6))
