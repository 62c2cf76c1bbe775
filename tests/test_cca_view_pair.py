"""Pairs of views of MultiCCA, against LinearCCA, NumPy and a factor model with a known answer."""

import numpy as np
import pandas as pd
import pytest
from _many_views import NAMES, named_views, sides, three_views
from scipy.optimize import least_squares
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from skdcca import LinearCCA, MultiCCA, ViewPair, load, save
from skdcca.metrics import mrr_x_to_y, pair_scores, retrieval_scorer, similarity
from skdcca.plotting import LoadingsDisplay

SIDES = dict(zip(NAMES, sides(), strict=True))


@pytest.fixture(scope="module")
def X():
    return three_views(150)


@pytest.fixture(scope="module")
def cca(X):
    # Without the training rows, several views are weighted by what the moments say exactly.
    return MultiCCA(named_views(), 2, reg=0.5).partial_fit(X)


def columns(X, *names):
    return np.hstack([X[:, SIDES[name]] for name in names])


def one_factor(n=4000, seed=0):
    """Return four views of three columns, each column a factor with noise, in other bases and units."""
    rng = np.random.default_rng(seed)
    loadings = np.array([[0.9, 0.6, 0.3], [0.7, 0.5, 0.3], [0.8, 0.4, 0.2], [0.5, 0.5, 0.5]])
    factors = rng.normal(size=(n, 3))
    views = []
    for i, of_view in enumerate(loadings):
        noise = np.sqrt(1 - of_view**2) * rng.normal(size=(n, 3))
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        views.append((factors * of_view + noise) @ turn * 10.0**i + i)
    return np.hstack(views), loadings


@pytest.fixture(scope="module")
def factor_model():
    X, loadings = one_factor()
    views = [(name, "passthrough", slice(3 * i, 3 * i + 3)) for i, name in enumerate("abcd")]
    return MultiCCA(views, reg=0).partial_fit(X), X, loadings


@pytest.mark.parametrize("kind", ["weighted", "cosine", "likelihood", 3])
def test_the_pair_of_a_model_of_two_views_is_linear_cca(X, kind):
    model = MultiCCA(named_views()[:2], 2, reg=(0.1, 2.0), similarity=kind).fit(X[:100])
    pair = model.pair("audio", "lyrics")
    audio, lyrics = columns(X, "audio"), columns(X, "lyrics")
    linear = LinearCCA(2, reg=(0.1, 2.0), similarity=kind).fit(audio[:100], lyrics[:100])
    np.testing.assert_allclose(
        pair_scores(pair, audio[100:], lyrics[100:]),
        pair_scores(linear, audio[100:], lyrics[100:]),
        atol=1e-9,
    )
    assert pair.score(audio[100:], lyrics[100:]) == pytest.approx(
        linear.score(audio[100:], lyrics[100:])
    )
    np.testing.assert_allclose(pair.canonical_correlations_, linear.canonical_correlations_)
    assert pair.n_components_ == 2


def test_a_pair_takes_the_views_in_either_order(cca, X):
    forward, back = cca.pair("audio", "tags"), cca.pair("tags", "audio")
    r = cca.pair_correlations_["audio", "tags"]
    np.testing.assert_array_equal(forward.canonical_correlations_, r)
    np.testing.assert_array_equal(back.canonical_correlations_, r)
    za, zt = (cca.transform_view(name, columns(X, name)) for name in ("audio", "tags"))
    scores = back.compare(back.transform(columns(X, "tags")), back.transform_y(columns(X, "audio")))
    np.testing.assert_array_equal(scores, cca.compare(zt, za, pair=("audio", "tags")))
    np.testing.assert_array_equal(forward.transform(y=columns(X, "tags")), zt)


@pytest.mark.parametrize(("names", "find"), [("ab", "c"), ("ca", "b"), ("abd", "c")])
def test_views_together_are_the_posterior_mean_with_the_stated_correlation(
    factor_model, names, find
):
    """The oracle conditions a joint normal distribution of the factor and the views."""
    model, X, _ = factor_model
    at = {name: slice(3 * i, 3 * i + 3) for i, name in enumerate("abcd")}
    pair = model.pair(tuple(names), find)
    z = np.stack([model.transform_view(name, X[:, at[name]]) for name in names])
    zx, zy = pair.transform(np.hstack([X[:, at[name]] for name in names]), X[:, at[find]])
    every = np.stack([model.transform_view(name, X[:, at[name]]) for name in "abcd"])
    for k in range(3):
        r = np.corrcoef(every[:, :, k])
        a = rank_one_loadings(r)[["abcd".index(name) for name in names]]
        covariance = np.outer(a, a) + np.diag(1 - a**2)
        mean = a @ np.linalg.solve(covariance, z[:, :, k])
        np.testing.assert_allclose(zx[:, k], mean / mean.std(ddof=1), atol=1e-6)
        said = pair.canonical_correlations_[k]
        assert np.corrcoef(zx[:, k], zy[:, k])[0, 1] == pytest.approx(said, abs=1e-10)
    np.testing.assert_allclose(zx.std(axis=0, ddof=1), 1, rtol=1e-10)
    assert pair.score(np.hstack([X[:, at[name]] for name in names]), X[:, at[find]]) == (
        pytest.approx(pair.canonical_correlations_.sum())
    )


def test_with_a_ridge_both_sides_have_variance_1_and_the_stated_correlation(cca, X):
    pair = cca.pair(("audio", "tags"), "lyrics")
    zx, zy = pair.transform(columns(X, "audio", "tags"), columns(X, "lyrics"))
    for z in (zx, zy):
        np.testing.assert_allclose(z.std(axis=0, ddof=1), 1, rtol=1e-6)
    measured = [np.corrcoef(zx[:, k], zy[:, k])[0, 1] for k in range(2)]
    np.testing.assert_allclose(measured, pair.canonical_correlations_, atol=1e-6)


def rank_one_loadings(r):
    """Return loadings whose products fit the correlations by least squares."""
    rows, others = np.triu_indices(len(r), 1)

    def residuals(a):
        return a[rows] * a[others] - r[rows, others]

    return least_squares(residuals, np.full(len(r), 0.5), xtol=1e-14, gtol=1e-14).x


def test_views_together_correlate_as_the_population_says(factor_model):
    model, _, loadings = factor_model
    a = loadings[[0, 1]]
    information = (a**2 / (1 - a**2)).sum(axis=0)
    known = loadings[2] * np.sqrt(information / (1 + information))
    found = model.pair(("a", "b"), "c").canonical_correlations_
    np.testing.assert_allclose(found, known, atol=0.05)
    assert (found > model.pair("b", "c").canonical_correlations_).all()


def test_a_row_that_lacks_a_view_is_the_posterior_mean_of_the_rest(factor_model):
    model, X, _ = factor_model
    pair, rows = model.pair(("a", "b"), "c"), X[:4, :6].copy()
    complete = pair.transform(rows)
    rows[1, 3:] = rows[2, :3] = np.nan
    z = pair.transform(rows)
    np.testing.assert_array_equal(z[[0, 3]], complete[[0, 3]])
    alone = model.transform_view("a", X[1:2, :3])
    # One view alone has the posterior mean a z, in which both rows have the same scale.
    ratio = z[1] / alone[0]
    assert ((ratio > 0) & (ratio < 1)).all()
    np.testing.assert_allclose(pair.transform(np.hstack([X[5:6, :3], rows[1:2, 3:]])) / ratio,
                               model.transform_view("a", X[5:6, :3]))  # fmt: skip
    with pytest.raises(ValueError, match="Row 1 has none of the views"):
        pair.transform(np.vstack([rows[0], np.full(6, np.nan)]))
    rows[0, 4] = np.nan
    with pytest.raises(ValueError, match="Row 0 has only a part of the view 'b'"):
        pair.transform(rows)


@pytest.mark.parametrize("kind", ["weighted", "cosine", "likelihood", 0.5])
def test_views_together_are_compared_by_their_own_correlations(cca, X, kind):
    model = clone(cca).set_params(similarity=kind).fit(X)
    pair = model.pair(("audio", "tags"), "lyrics")
    zx, zy = pair.transform(columns(X, "audio", "tags"), columns(X, "lyrics"))
    how = {"correlations": pair.canonical_correlations_, "power": 2 if kind == "weighted" else kind}
    how = {"cosine": {}, "likelihood": {"correlations": how["correlations"]}}.get(kind, how)
    np.testing.assert_array_equal(pair.compare(zx, zy), similarity(zx, zy, **how))
    scores = pair_scores(pair, columns(X, "audio", "tags"), columns(X, "lyrics"))
    best = 1 / (1 + (scores > np.diag(scores)[:, None]).sum(axis=1))
    found = mrr_x_to_y(pair, columns(X, "audio", "tags"), columns(X, "lyrics"))
    assert found == pytest.approx(best.mean())


def test_a_table_of_views_may_have_all_columns_or_names(cca, X):
    pair = cca.pair(("tags", "audio"), "lyrics")
    z = pair.transform(columns(X, "tags", "audio"))
    np.testing.assert_array_equal(pair.transform(X), z)
    np.testing.assert_array_equal(pair.transform(X.tolist()), z)
    with pytest.raises(ValueError, match=r"\['tags', 'audio'\] must have 8 columns, or all 12"):
        pair.transform(columns(X, "tags"))
    table = pd.DataFrame(X, columns=[f"c{i}" for i in range(12)])
    views = [(name, "passthrough", list(table.columns[of])) for name, of in SIDES.items()]
    named = MultiCCA(views, 2, reg=0.5).partial_fit(table).pair(("tags", "audio"), "lyrics")
    np.testing.assert_allclose(named.transform(table.drop(columns=table.columns[5:9])), z)
    assert named.score(table, table) == pytest.approx(pair.score(X, columns(X, "lyrics")))
    assert isinstance(named.estimator.set_output(transform="pandas").pair("tags", "audio")
                      .transform_y(table), np.ndarray)  # fmt: skip


def test_split_views_gives_each_view_as_its_transformer_takes_it():
    table = np.array([["a b", 1.0, "x"], [None, 2.0, "y"], ["b", np.nan, None]] * 10, dtype=object)
    views = [("t", CountVectorizer(token_pattern="[ab]"), 0), ("n", "passthrough", [1]),
             ("u", CountVectorizer(token_pattern="[xy]"), 2)]  # fmt: skip
    model = MultiCCA(views, 1).fit(table)
    split = model.split_views(table)
    assert {name: has[:3].tolist() for name, (has, _) in split.items()} == {
        "t": [True, False, True], "n": [True, True, False], "u": [True, True, False]
    }  # fmt: skip
    assert split["t"][1].tolist() == ["a b", "b"] * 10
    assert model.split_views(["b"], ("t",))["t"][1] == ["b"]
    z = model.transform_views(table)
    assert np.isnan(z["t"][1]).all()
    np.testing.assert_array_equal(z["t"][0], model.transform_view("t", ["a b"])[0])
    part = model.transform_views([["b", "x"], [None, "y"]], ("t", "u"))
    np.testing.assert_array_equal(part["u"], model.transform_view("u", ["x", "y"]))
    assert np.isnan(part["t"]).any(axis=1).tolist() == [False, True]


def test_views_without_a_shared_factor_have_no_correlation_and_no_nan():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 40, 1))
    X = np.hstack([one, other, one, -one])  # b is unrelated, and d only the negative of a
    views = [(name, "passthrough", [i]) for i, name in enumerate("abcd")]
    model = MultiCCA(views, 1, reg=1.0).fit(X)
    pair = model.pair(("b", "c"), "d")
    for z in (pair.transform(X[:, 1:3]), pair.canonical_correlations_, pair.comparison()):
        values = z["correlations"] if isinstance(z, dict) else z
        assert np.isfinite(values).all()
    assert np.isfinite(pair.compare(pair.transform(X[:, 1:3]), pair.transform_y(X[:, 3:]))).all()


def test_views_that_cancel_each_other_are_zero_and_not_amplified():
    X = np.random.default_rng(0).normal(size=(40, 3))
    views = [(name, "passthrough", [i]) for i, name in enumerate("abc")]
    model = MultiCCA(views, 1, reg=0).partial_fit(X)
    # Missing views may lead to correlations that no complete rows can have.
    model._pair_correlations = np.array([[-1 + 1e-15], [0.7], [0.7]])
    pair = model.pair(("a", "b"), "c")
    assert pair.canonical_correlations_ == [0.0]
    np.testing.assert_array_equal(pair.transform(X[:, :2]), 0.0)


def test_single_precision_stays():
    X = three_views(60).astype(np.float32)
    pair = MultiCCA(named_views(), 1).fit(X).pair(("audio", "tags"), "lyrics")
    assert pair.transform(columns(X, "audio", "tags")).dtype == np.float32


def test_a_pair_follows_its_model(X):
    model = MultiCCA(named_views(), 2).fit(X)
    pair = model.pair(("audio", "tags"), "lyrics")
    before = pair.canonical_correlations_
    model.set_params(similarity="cosine", reg=5.0).fit(X)
    assert pair.comparison() == {}
    assert not np.allclose(before, pair.canonical_correlations_)


def test_a_pair_is_saved_and_cloned_as_other_models(cca, X, tmp_path):
    pair = cca.pair(("audio", "tags"), "lyrics")
    save(pair, tmp_path / "pair")
    again = load(tmp_path / "pair")
    assert isinstance(again, ViewPair)
    assert again.view == ("audio", "tags")
    args = columns(X, "audio", "tags"), columns(X, "lyrics")
    assert again.score(*args) == pair.score(*args)
    check_is_fitted(again)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(pair))
    with pytest.raises(NotFittedError):
        clone(pair).transform_y(args[1])


def test_a_pair_has_nothing_to_fit(cca, X):
    with pytest.raises(NotImplementedError, match="Fit its MultiCCA to the table of all views"):
        cca.pair("audio", "tags").fit(X)


@pytest.mark.parametrize(
    ("view", "find", "message"),
    [
        ("covers", "audio", "`view` must be one of .* got 'covers'"),
        (("audio", "covers"), "tags", "`view` must be one of .* got .'audio', 'covers'."),
        (("audio", "audio"), "tags", "`view` must be one of"),
        ((), "tags", "`view` must be one of"),
        (3, "tags", "`view` must be one of .* got 3"),
        ("audio", "audio", r"`find` must be one of \['lyrics', 'tags'\], got 'audio'"),
        (("audio", "tags"), "tags", r"`find` must be one of \['lyrics'\], got 'tags'"),
        ("audio", None, "`find` must be one of"),
        ("audio", ("tags", "lyrics"), "`find` must be one of"),
    ],
)
def test_wrong_views_are_refused(cca, view, find, message):
    with pytest.raises(ValueError, match=message):
        cca.pair(view, find)
    with pytest.raises(ValueError, match=message):
        ViewPair(cca, view, find).comparison()


def test_wrong_rows_are_refused(cca, X):
    pair = cca.pair("audio", "tags")
    with pytest.raises(ValueError, match="X, y or both must be given"):
        pair.transform()
    with pytest.raises(ValueError, match="the same number of"):
        pair.score(columns(X, "audio"), columns(X, "tags")[1:])
    with pytest.raises(NotFittedError):
        MultiCCA(named_views()).pair("audio", "tags")


def test_one_name_in_a_tuple_is_that_view(cca):
    assert cca.pair(("audio",), "tags").view == "audio"
    assert cca.pair(["audio", "lyrics"], "tags").view == ("audio", "lyrics")


def test_scorers_and_displays_take_a_pair(cca, X):
    pair = cca.pair("audio", "lyrics")
    metrics = retrieval_scorer(pair, columns(X, "audio"), columns(X, "lyrics"))
    assert metrics["mrr"] > 0.05  # three times chance
    for view, name in (("x", "audio"), ("y", "lyrics")):
        display = LoadingsDisplay.from_estimator(pair, view=view)
        np.testing.assert_array_equal(display.loadings, cca.loadings_[name])
    with pytest.raises(TypeError, match="has no x_loadings_"):
        LoadingsDisplay.from_estimator(cca.pair(("audio", "tags"), "lyrics"))
