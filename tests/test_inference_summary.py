"""Canonical summaries against statsmodels, regressions and NumPy; their text, HTML and tables."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _views import correlated_views, shared_views
from scipy import linalg
from scipy.sparse import csr_array
from sklearn.datasets import load_linnerud
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from statsmodels.multivariate.cancorr import CanCorr

from skdcca import (
    KernelCCA,
    LinearCCA,
    Residualizer,
    canonical_correlation_test,
    canonical_summary,
    redundancy,
    variance_explained,
)
from skdcca.exceptions import MissingDependencyError, PerfectCorrelationWarning, RankWarning

CLASSICAL = LinearCCA(reg=0)


def r2(columns, predictors):
    """Return R2 of the regressions of columns on predictors, with an intercept."""
    design = np.column_stack([np.ones(len(predictors)), predictors])
    residual = columns - design @ np.linalg.lstsq(design, columns, rcond=None)[0]
    return 1 - residual.var(axis=0) / columns.var(axis=0)


@pytest.fixture(scope="module")
def views():
    X, y = shared_views(n=80, p=5, q=3, seed=1)
    return X * np.geomspace(0.1, 10, 5), y


@pytest.fixture(scope="module")
def summary(views):
    return canonical_summary(CLASSICAL, *views)


@pytest.fixture(scope="module")
def tables(views):
    X, y = views
    return pd.DataFrame(X, columns=list("abcde")), pd.DataFrame(y, columns=["u", "v", "w"])


def test_statsmodels_agrees(views, summary):
    X, y = views
    theirs = CanCorr(y, X)
    np.testing.assert_allclose(summary.correlations, theirs.cancorr)
    # Their variates have a sum of squares of 1.
    scale = np.sqrt(len(X) - 1)
    np.testing.assert_allclose(np.abs(summary.x.weights), np.abs(theirs.x_cancoef * scale)[:, :3])
    np.testing.assert_allclose(np.abs(summary.y.weights), np.abs(theirs.y_cancoef * scale))
    table = theirs.corr_test().stats_mv.to_numpy(dtype=float)
    ours = [
        [test.get("eigenvalue", test.statistic), test.df1, test.df2, test.f, test.p_value]
        for test in summary.multivariate_tests.values()
    ]
    np.testing.assert_allclose(ours, table, rtol=1e-6)


def test_figures_equal_those_of_the_model(views, summary):
    X, y = views
    model = LinearCCA(reg=0).fit(X, y)
    np.testing.assert_allclose(summary.x.weights, model.x_weights_)
    np.testing.assert_allclose(summary.y.loadings, model.y_loadings_)
    np.testing.assert_allclose(summary.x.loadings, model.x_loadings_)
    x_share, y_share = variance_explained(model, X, y)
    np.testing.assert_allclose(summary.x.variance_explained, x_share)
    np.testing.assert_allclose(summary.y.variance_explained, y_share)
    for view, share in zip((summary.x, summary.y), redundancy(model, X, y), strict=True):
        np.testing.assert_allclose(view.redundancy, share)
        np.testing.assert_allclose(view.redundancy_cumulative, share.cumsum())
    rao = canonical_correlation_test(model, X, y, method="wilks")
    np.testing.assert_allclose(summary.tests["p_values"], rao.p_values)
    assert np.abs(summary.x.weights).max() > 3 * np.abs(summary.x.standardized_weights).max()


def test_standardized_weights_are_those_of_standardized_columns(views, summary):
    standardized = canonical_summary(CLASSICAL, *(StandardScaler().fit_transform(v) for v in views))
    # StandardScaler divides by the deviation with the divisor n.
    factor = np.sqrt(80 / 79)
    weights = standardized.x.weights * factor
    np.testing.assert_allclose(summary.x.standardized_weights, weights)


def test_r2_is_that_of_regressions(views, summary):
    X, y = views
    zx, zy = summary.estimator.transform(X, y)
    for k in (1, 2, 3):
        np.testing.assert_allclose(summary.x.r2[:, k - 1], r2(X, zy[:, :k]))
        np.testing.assert_allclose(summary.y.r2[:, k - 1], r2(y, zx[:, :k]))
    # All variates predict a column of y as well as all columns of X do.
    np.testing.assert_allclose(summary.y.r2[:, -1], r2(y, X))
    np.testing.assert_allclose(summary.x.communalities, r2(X, zx))
    variance = X.var(axis=0)
    raw = variance @ r2(X, zy) / variance.sum()
    assert summary.x.redundancy_cumulative_raw[-1] == pytest.approx(raw)
    assert summary.y.redundancy_cumulative[-1] == pytest.approx(r2(y, X).mean())
    expected = np.corrcoef(X.T, zy.T)[:5, 5:]
    np.testing.assert_allclose(summary.x.cross_loadings, expected)


def test_summary_is_of_the_given_rows(views, summary):
    X, y = views
    fitted = LinearCCA(reg=0).fit(X[:40], y[:40])
    before = fitted.x_weights_.copy()
    again = canonical_summary(fitted, X, y)
    np.testing.assert_array_equal(again.x.weights, summary.x.weights)
    np.testing.assert_array_equal(fitted.x_weights_, before)


def test_fewer_components_keep_all_correlations(views, summary):
    two = canonical_summary(LinearCCA(2, reg=0), *views)
    np.testing.assert_allclose(two.correlations, summary.correlations)
    np.testing.assert_allclose(two.proportions, summary.proportions)
    np.testing.assert_allclose(two.tests["wilks"], summary.tests["wilks"])
    assert two.x.weights.shape == (5, 2)
    assert two.held_out.shape == (5, 2)
    np.testing.assert_allclose(two.x.r2, summary.x.r2[:, :2])
    np.testing.assert_allclose(two.x.communalities, np.sum(summary.x.loadings[:, :2] ** 2, axis=1))
    assert "components: 2 of 3" in str(two)


def test_ridge_leaves_what_is_meaningful(views):
    X, y = views
    summary = canonical_summary(LinearCCA(reg=(0.5, 0.2)), X, y)
    model = LinearCCA(reg=(0.5, 0.2)).fit(X, y)
    zx, zy = model.transform(X, y)
    np.testing.assert_allclose(summary.correlations, model.canonical_correlations_)
    pairs = [np.corrcoef(zx[:, k], zy[:, k])[0, 1] for k in range(3)]
    np.testing.assert_allclose(summary.variate_correlations, pairs)
    np.testing.assert_allclose(summary.y.redundancy, redundancy(model, X, y)[1])
    np.testing.assert_allclose(summary.y.r2[:, 1], r2(y, zx[:, :2]))
    np.testing.assert_allclose(summary.x.loadings, model.x_loadings_)
    assert summary.tests is None
    assert summary.multivariate_tests is None
    assert summary.eigenvalues is None
    assert summary.corrected is None
    sizes = summary.to_frames()["sizes"]
    np.testing.assert_allclose(sizes["correlation"], pairs)
    text = str(summary)
    assert "a ridge changes the distribution" in text
    assert "Ridges of X and y: 0.5, 0.2" in text
    assert "Wilks" not in text


def test_names_of_both_views(tables):
    X, y = tables
    summary = canonical_summary(CLASSICAL, X, y)
    assert summary.x.names == list("abcde")
    assert summary.y.names == ["u", "v", "w"]
    assert canonical_summary(CLASSICAL, X.to_numpy(), y["u"]).y.names == ["u"]
    plain = canonical_summary(CLASSICAL, X.to_numpy(), y.to_numpy())
    assert plain.x.names == ["x0", "x1", "x2", "x3", "x4"]
    assert plain.y.names == ["y0", "y1", "y2"]


def test_names_after_the_steps_of_a_pipeline(tables):
    X, y = tables
    model = LinearCCA(reg=0)
    steps = PolynomialFeatures(2, interaction_only=True, include_bias=False), StandardScaler()
    summary = canonical_summary(make_pipeline(*steps, model), X[["a", "b"]], y)
    assert summary.x.names == ["a", "b", "a b"]
    nested = make_pipeline(steps[1], make_pipeline(steps[0], model))
    assert canonical_summary(nested, X[["a", "b"]], y).x.names == ["a", "b", "a b"]
    framed = make_pipeline(*steps, model).set_output(transform="pandas")
    assert canonical_summary(framed, X[["a", "b"]], y).x.names == ["a", "b", "a b"]
    groups = pd.DataFrame({"side": np.where(y["u"] > 0, "left", "right")})
    encoded = LinearCCA(reg=0, y_transformer=OneHotEncoder(drop="first"))
    assert canonical_summary(encoded, X, groups).y.names == ["side_right"]


def test_confounds_are_removed(views):
    X, y = views
    Z = np.random.default_rng(3).normal(size=(80, 2))
    X, y = X + 3 * Z[:, :1], y + 3 * Z[:, :1]
    design = np.column_stack([np.ones(80), Z])
    residuals = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (X, y)]
    summary = canonical_summary(CLASSICAL, X, y, confounds=Z)
    plain = canonical_summary(CLASSICAL, *residuals)
    for name in ("correlations", "eigenvalues"):
        np.testing.assert_allclose(getattr(summary, name), getattr(plain, name))
    np.testing.assert_allclose(summary.x.loadings, plain.x.loadings)
    np.testing.assert_allclose(summary.y.standardized_weights, plain.y.standardized_weights)
    np.testing.assert_allclose(summary.y.redundancy_raw, plain.y.redundancy_raw)
    # The residuals of 80 rows and two confounds have 77 degrees of freedom.
    variates = residuals[0] @ summary.x.weights
    np.testing.assert_allclose(np.sum(variates**2, axis=0) / 77, 1)
    assert summary.n_effective == 78
    test = canonical_correlation_test(CLASSICAL, X, y, method="wilks", confounds=Z)
    np.testing.assert_allclose(summary.tests["p_values"], test.p_values)
    assert summary.tests["p_values"][0] > plain.tests["p_values"][0]
    assert "removed from both views: 2" in str(summary)


def test_held_out_correlations_have_no_leak_of_confounds():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(60, 12))
    X, y = rng.normal(size=(60, 3)) + 2 * Z[:, :3], rng.normal(size=(60, 3)) + 2 * Z[:, :3]
    summary = canonical_summary(CLASSICAL, X, y, confounds=Z)
    columns = slice(3, None)
    model = LinearCCA(reg=0, y_transformer=Residualizer(columns))
    inside = make_pipeline(Residualizer(columns), model)
    tables = np.hstack([X, Z]), np.hstack([y, Z])
    expected = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        fitted = inside.fit(tables[0][train], tables[1][train])
        zx = fitted.transform(tables[0][test])
        zy = fitted[-1].transform_y(tables[1][test])
        expected.append([np.corrcoef(zx[:, k], zy[:, k])[0, 1] for k in range(3)])
    np.testing.assert_allclose(summary.held_out, expected)


def test_sparse_and_constant_columns(views):
    X, y = views
    X = np.column_stack([X, np.full(80, 7.0)])
    dense, sparse = (
        canonical_summary(CLASSICAL, X, y),
        canonical_summary(CLASSICAL, csr_array(X), y),
    )
    np.testing.assert_allclose(dense.x.loadings, sparse.x.loadings, atol=1e-12)
    np.testing.assert_array_equal(dense.x.loadings[-1], 0)
    np.testing.assert_array_equal(dense.x.r2[-1], 0)
    assert dense.x.redundancy_cumulative[-1] == pytest.approx(r2(X[:, :-1], y).mean())
    assert dense.ranks == (5, 3)
    confounds = np.arange(80.0)
    partial = canonical_summary(CLASSICAL, csr_array(X), y, confounds=confounds)
    expected = canonical_summary(CLASSICAL, X, y, confounds=confounds)
    np.testing.assert_allclose(partial.correlations, expected.correlations)


def test_wide_views_have_no_tests():
    X, y = correlated_views(n=30, p=40, q=3)
    with pytest.warns(PerfectCorrelationWarning):
        summary = canonical_summary(CLASSICAL, X, y)
    np.testing.assert_allclose(summary.correlations, 1)
    np.testing.assert_allclose(summary.proportions, 1 / 3)
    assert summary.tests is None
    assert summary.corrected is None
    assert "need more rows" in str(summary)
    assert np.isinf(summary.eigenvalues).all()
    wide = canonical_summary(LinearCCA(), X, y)
    assert wide.x.loadings.shape == (40, 3)
    for frame in [*summary.to_frames().values(), *wide.to_frames().values()]:
        assert not frame.isna().any(axis=None)


def test_a_perfect_correlation_is_no_error():
    X, y = correlated_views(n=50, p=3, q=2)
    y[:, 0] = X[:, 0]
    summary = canonical_summary(CLASSICAL, X, y)
    assert summary.tests["wilks"][0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(summary.proportions, [1, 0])
    for frame in summary.to_frames().values():
        assert not frame.isna().any(axis=None)


def test_more_components_than_the_rank():
    X, y = correlated_views(n=50, p=3, q=3)
    y[:, 2] = y[:, 0] + y[:, 1]
    with pytest.warns(RankWarning):
        summary = canonical_summary(LinearCCA(3, reg=0), X, y)
    assert summary.ranks == (3, 2)
    assert summary.x.loadings.shape == (3, 2)
    assert summary.held_out.shape == (5, 2)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (KernelCCA(), TypeError, "must be a LinearCCA, got a KernelCCA. Pass a LinearCCA"),
        (PCA(), TypeError, "got a PCA"),
        (make_pipeline(Residualizer([0]), CLASSICAL), ValueError, "as `confounds`"),
        (LinearCCA(y_transformer=Residualizer([0])), ValueError, "as `confounds`"),
        (LinearCCA(9), ValueError, "`n_components` must be <= 3"),
    ],
)
def test_other_models_are_refused(estimator, error, message, views):
    with pytest.raises(error, match=message):
        canonical_summary(estimator, *views)


def test_steps_that_depend_on_y_are_refused(views):
    X, y = views
    model = make_pipeline(SelectKBest(f_regression, k=2), CLASSICAL)
    with pytest.raises(TypeError, match="got a Pipeline"):
        canonical_summary(model, X, y[:, 0])


def test_arguments_are_checked(views):
    X, y = views
    with pytest.raises(ValueError, match=r"`level` must be a finite number in \(0, 1\), got 95"):
        canonical_summary(CLASSICAL, X, y, level=95)
    with pytest.raises(ValueError, match="the same number of samples"):
        canonical_summary(CLASSICAL, X, y[:-1])
    with pytest.raises(ValueError, match="`cv` must leave"):
        canonical_summary(CLASSICAL, X[:14], y[:14], cv=5)
    with pytest.raises(TypeError, match="`estimator` must be an estimator of two views"):
        canonical_summary(X, y, CLASSICAL)


@pytest.mark.parametrize("n", [6, 8, 13])
def test_small_tables_have_fewer_folds(n):
    X, y = shared_views(n=n, p=2, q=2)
    summary = canonical_summary(CLASSICAL, X, y)
    assert summary.held_out.shape == (min(5, n // 3), 2)
    assert np.isfinite(summary.held_out).all()


def test_tables_without_folds_have_the_classical_part():
    X, y = shared_views(n=5, p=2, q=2)
    for model in (CLASSICAL, LinearCCA()):
        summary = canonical_summary(model, X, y)
        assert summary.held_out is summary.held_out_mean is summary.held_out_std is None
        assert "No held-out correlations: too few rows or groups" in str(summary)
        assert "held_out" not in summary.to_frames().get("sizes", {})
        assert "Loadings of X" in summary._repr_html_()
        assert (summary.tests is not None) == (model is CLASSICAL)
    assert lines_of(canonical_summary(CLASSICAL, X, y), "Corrected correlations")
    # Half of eight rows cannot be freed from three confounds and keep two columns.
    X, y = shared_views(n=8, p=2, q=2)
    confounds = np.random.default_rng(0).normal(size=(8, 3))
    assert canonical_summary(LinearCCA(), X, y, confounds=confounds).held_out is None


def test_groups_leave_neither_tests_nor_corrected_correlations():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(15), 4)
    X, y = rng.normal(size=(2, 15, 3))
    X, y = X[groups] + 0.1 * rng.normal(size=(60, 3)), y[groups] + 0.1 * rng.normal(size=(60, 3))
    naive = canonical_summary(CLASSICAL, X, y)
    assert naive.tests["p_values"][0] < 0.001  # of views that have nothing in common
    summary = canonical_summary(CLASSICAL, X, y, groups=groups)
    for name in ("tests", "multivariate_tests", "corrected", "corrected_low", "corrected_high"):
        assert getattr(summary, name) is None
    assert summary.detected is summary.threshold is None
    np.testing.assert_array_equal(summary.correlations, naive.correlations)
    np.testing.assert_array_equal(summary.eigenvalues, naive.eigenvalues)
    text = str(summary)
    assert "they need independent rows" in text
    assert "canonical_correlation_test with `blocks`" in text.replace("\n", " ")
    assert "Wilks" not in text
    assert lines_of(summary, "Held-out correlations")
    assert {"tests", "multivariate_tests"}.isdisjoint(summary.to_frames())


@pytest.mark.parametrize("reg", [0, 3])
def test_redundancy_is_printed_with_its_cumulative_sum(views, reg):
    summary = canonical_summary(LinearCCA(reg=reg), *views)
    for view in (summary.x, summary.y):
        squared = view.cross_loadings**2
        np.testing.assert_allclose(view.redundancy, squared.mean(axis=0))
        for end in ("", "_raw"):
            single, total = view[f"redundancy{end}"], view[f"redundancy_cumulative{end}"]
            assert total[0] == pytest.approx(single[0])
            assert (total >= np.maximum.accumulate(single) - 1e-12).all()


def test_note_on_what_is_hard_to_distinguish_from_chance():
    X, y = correlated_views(n=60, p=3, q=3)
    text = str(canonical_summary(CLASSICAL, X, y)).replace("\n", " ")
    summary = canonical_summary(CLASSICAL, X, y)
    expected = (
        f"First correlations up to {summary.threshold:.4f} are hard to distinguish from chance"
    )
    assert expected in text
    # Without columns that correlate by chance, there is no threshold.
    single = canonical_summary(CLASSICAL, X[:, :1], y)
    assert (single.threshold, single.detected[0]) == (0, False)
    text = str(single).replace("\n", " ")
    assert "Component 1 is not detected" in text
    assert "hard to distinguish" not in text


def test_level_and_groups_are_passed_on(views):
    X, y = views
    wide, narrow = (canonical_summary(CLASSICAL, X, y, level=level) for level in (0.99, 0.5))
    assert wide.corrected_high[0] > narrow.corrected_high[0]
    assert "50 % low" in str(narrow)
    groups = np.repeat(np.arange(4), 20)
    assert canonical_summary(CLASSICAL, X, y, cv=4, groups=groups).held_out.shape == (4, 3)
    single = canonical_summary(CLASSICAL, X, y, cv=[(np.arange(60), np.arange(60, 80))])
    np.testing.assert_array_equal(single.held_out_std, 0)


# Text, HTML and tables


def lines_of(summary, title):
    """Return the lines of the table with this title, without the title."""
    lines = str(summary).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(title))
    end = next(i for i in range(start, len(lines)) if not lines[i])
    return lines[start + 2 : end]


def test_text_is_aligned(tables):
    text = str(canonical_summary(CLASSICAL, *tables))
    assert max(map(len, text.splitlines())) <= 96
    summary = canonical_summary(CLASSICAL, *tables)
    header, *rows = lines_of(summary, "Loadings of X")
    assert header.split() == ["Column", "Communality", "1", "2", "3"]
    assert {len(row) for row in [header, *rows]} == {len(header)}
    values = [summary.x.communalities[1], *summary.x.loadings[1]]
    assert rows[1].split() == ["b", *(f"{value:.4f}" for value in values)]
    assert repr(summary) == text == summary.to_text()


def test_text_of_the_fitness_data():
    exercise, body = load_linnerud(return_X_y=True, as_frame=True)
    summary = canonical_summary(CLASSICAL, exercise, body)
    assert lines_of(summary, "Canonical correlations")[1].split() == (
        ["1", "0.7956", "0.6330", "1.7247", "0.9734", "0.9734"]
    )
    tests = lines_of(summary, "Tests that this and all later")
    assert tests[1].split()[:6] == ["1", "0.3504", "2.0482", "9", "34.223", "0.0635"]
    assert lines_of(summary, "Weights of X")[1].split() == [
        "Chins",
        "0.06611",
        "-0.07104",
        "0.2453",
    ]
    roy = lines_of(summary, "Tests that all correlations")[4].split()
    assert roy == ["Roy's", "largest", "root", "1.7247", "9.1986", "3", "16", "0.0009"]


def test_page_shows_what_is_printed():
    exercise, body = load_linnerud(return_X_y=True, as_frame=True)
    printed = str(canonical_summary(CLASSICAL, exercise, body))
    page = (Path(__file__).parents[1] / "docs/guide/summary.md").read_text(encoding="utf-8")
    tables = [
        table
        for block in re.findall(r"```text\n(.*?)\n```", page, re.S)
        for table in block.split("\n\n")
    ]
    assert len(tables) == 10
    for table in tables:
        assert table in printed


def test_small_p_values_are_not_zero():
    X, y = correlated_views(n=100, strength=[0.9])
    rows = lines_of(canonical_summary(CLASSICAL, X, y), "Tests that this and all later")
    assert rows[1].split()[5] == "<.0001"


def test_long_tables_are_cut_in_print_only():
    X, y = shared_views(n=60, p=200, q=3, seed=2)
    summary = canonical_summary(LinearCCA(), X, y)
    *rows, note = lines_of(summary, "Loadings of X")
    assert len(rows) == 21
    assert note == "Not shown: 180 rows of smaller loadings. to_frames() has all."
    shown = [int(row.split()[0][1:]) for row in rows[1:]]
    largest = np.abs(summary.x.loadings).max(axis=1)
    assert shown == sorted(np.argsort(-largest)[:20])
    assert len(summary.to_frames()["x_loadings"]) == 200
    assert summary._repr_html_().count("180 rows") == 5
    many = canonical_summary(LinearCCA(reg=0.1), *shared_views(n=60, p=24, q=24))
    assert max(map(len, str(many).splitlines())) <= 96
    assert "Not shown: 4 rows of smaller loadings, 15 columns" in str(many)
    assert list(many.to_frames()["x_weights"].columns) == list(range(1, 25))


class Tables(HTMLParser):
    """Collect the tags of a page, its cells, and check that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.cells = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


def test_html_has_plain_tables(tables):
    X, y = tables
    summary = canonical_summary(CLASSICAL, X.rename(columns={"a": "<b>&"}), y)
    page = Tables()
    page.feed(summary._repr_html_())
    assert not page.open
    names = [name for name, _ in page.tags]
    assert set(names) == {"div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert {name for _, attributes in page.tags for name in attributes} == {"scope", "style"}
    assert "color" not in summary._repr_html_()
    assert names.count("table") == len(summary.to_frames()) == names.count("caption")
    assert page.cells.count("<b>&") == 5
    assert f"{summary.correlations[0]:.4f}" in page.cells


def test_frames_have_everything(tables):
    summary = canonical_summary(CLASSICAL, *tables)
    frames = summary.to_frames()
    np.testing.assert_array_equal(frames["correlations"]["correlation"], summary.correlations)
    np.testing.assert_array_equal(frames["sizes"]["held_out"], summary.held_out.mean(axis=0))
    np.testing.assert_array_equal(frames["x_loadings"][[1, 2, 3]], summary.x.loadings)
    np.testing.assert_array_equal(frames["y_cross_loadings"].loc["v"], summary.y.cross_loadings[1])
    assert frames["tests"]["p_value"].tolist() == summary.tests["p_values"].tolist()
    assert frames["multivariate_tests"].loc["Pillai's trace", "df1"] == 15
    assert frames["x_variance_raw"]["redundancy"].tolist() == summary.x.redundancy_raw.tolist()
    assert frames["correlations"].index.tolist() == ["1", "2", "3"]


def test_frames_need_pandas(summary, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r"CanonicalSummary\.to_frames needs"):
        summary.to_frames()


def test_correlations_are_those_of_scipy(views, summary):
    X, y = (view - view.mean(axis=0) for view in views)
    angles = linalg.subspace_angles(X, y)
    np.testing.assert_allclose(summary.correlations, np.sort(np.cos(angles))[::-1])
