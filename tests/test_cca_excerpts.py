"""Excerpts against weighted fits by hand."""

import numpy as np
import pytest
from _contract import each_check, run_check
from _saved_models import round_trip, same
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import CrossModalIndex, Excerpts, KernelCCA, LinearCCA
from skdcca._cca.excerpts import cut_excerpts
from skdcca.metrics import embed, mrr_scorer, pair_scores

POOLS = [["sea", "wave", "sail", "shore"], ["fire", "ember", "glow", "hearth"]]


def songs(n=30):
    """Return numbers, and lyrics of 1 to 9 lines whose words follow them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    lyrics = []
    for row in X:
        chances = 1 / (1 + np.exp(-3 * row[:2]))
        lines = [
            " ".join(
                rng.choice(pool if rng.random() < p else ["the", "and"])
                for p, pool in zip(chances, POOLS, strict=True)
            )
            for _ in range(rng.integers(1, 10))
        ]
        lyrics.append("\n".join(lines))
    return X, lyrics


def words():
    return make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0))


def linear():
    return LinearCCA(2, reg=1.0, y_transformer=words())


def test_excerpts_of_a_text():
    text = "a\n\n b\nc\n  \nd\ne\n"
    assert cut_excerpts(text, (1, 2, 4)) == [text, *"abcde", "a\nb", "c\nd", "a\nb\nc\nd"]
    assert cut_excerpts(text, (5,)) == [text]
    assert cut_excerpts("one line", (1, 2)) == ["one line"]


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 31.0)])
def test_the_fit_is_a_weighted_fit_of_all_excerpts(weight):
    X, y = songs()
    model = Excerpts(linear(), lines=(1, 3)).fit(X, y, sample_weight=weight)
    text = words().fit(y)
    rows, excerpts, weights = [], [], []
    for i, lyrics in enumerate(y):
        lines = lyrics.split("\n")
        own = [lyrics]
        if len(lines) > 1:
            own += lines
        if len(lines) > 3:
            own += ["\n".join(lines[j : j + 3]) for j in range(0, len(lines) - 2, 3)]
        rows += len(own) * [X[i]]
        excerpts += own
        weights += len(own) * [(1 if weight is None else weight[i]) / len(own)]
    hand = LinearCCA(2, reg=1.0).fit(rows, text.transform(excerpts), sample_weight=weights)
    assert model.n_excerpts_ == len(rows)
    zx, zy = model.transform(X, y)
    expected = hand.transform(X, text.transform(y))
    np.testing.assert_allclose(zx, expected[0], atol=1e-10)
    np.testing.assert_allclose(zy, expected[1], atol=1e-10)
    np.testing.assert_allclose(model.compare(zx, zy), hand.compare(*expected), atol=1e-10)
    np.testing.assert_allclose(pair_scores(model, X, y), hand.compare(*expected), atol=1e-10)


def test_lyrics_without_line_breaks_are_fitted_as_without_excerpts():
    X, y = songs()
    y = [text.replace("\n", " ") for text in y]
    model, plain = Excerpts(linear()).fit(X, y), linear().fit(X, y)
    np.testing.assert_allclose(model.transform(X, y), plain.transform(X, y), atol=1e-10)


def test_steps_before_the_model_see_each_song_once(tmp_path):
    X, y = songs()
    seen = []

    def counted(rows):
        seen.append(len(rows))
        return np.asarray(rows)

    step = FunctionTransformer(counted)
    pipeline = make_pipeline(step, StandardScaler(), make_pipeline(StandardScaler(), linear()))
    model = Excerpts(pipeline).fit(list(X), y)
    assert seen == [30]
    scaled = StandardScaler().fit_transform(X)
    expected = Excerpts(linear()).fit(scaled, y).transform_y(y)
    np.testing.assert_allclose(model.transform_y(y), expected, atol=1e-10)
    np.testing.assert_allclose(embed(model, X, y)[1], expected, atol=1e-10)
    cached = clone(pipeline).set_params(memory=str(tmp_path), functiontransformer="passthrough")
    np.testing.assert_allclose(Excerpts(cached).fit(X, y).transform_y(y), expected, atol=1e-10)


def test_it_is_an_estimator_like_others(tmp_path):
    X, y = songs()
    model = Excerpts(make_pipeline(StandardScaler(), linear()), lines=[2])
    assert clone(model).get_params()["estimator__linearcca__reg"] == 1.0
    grid = {"estimator__linearcca__reg": [0.1, 1.0], "lines": [(1, 2)]}
    search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=2).fit(X, y)
    assert search.best_score_ > 0.25  # chance is 0.22
    model = model.fit(X, y)
    assert (
        model.estimator_["linearcca"].y_transformer.get_params()["truncatedsvd__n_components"] == 4
    )
    assert model.transform(X).shape == (30, model.n_components_)
    loaded = round_trip(model, tmp_path / "model")
    assert same(loaded.transform(X, y), model.transform(X, y))
    index = CrossModalIndex(model).fit(X, y)
    scores, _ = index.query(y=["sea wave"], n_neighbors=3)
    assert scores[0, 0] == np.max(pair_scores(model, X, ["sea wave"]))
    named = model.set_output(transform="pandas").transform(X)
    assert list(named.columns) == ["excerpts0", "excerpts1"]


@each_check
def test_contract(check):
    run_check(check, Excerpts(LinearCCA()))


@pytest.mark.parametrize("lines", [(), 2, (0,), (1.5,), "12", None])
def test_bad_lines_are_named(lines):
    with pytest.raises(ValueError, match="`lines` must be a non-empty sequence of integers >= 1"):
        Excerpts(linear(), lines=lines).fit(*songs())


def test_models_that_cannot_be_weighted_are_refused():
    X, y = songs()
    with pytest.raises(TypeError, match="take `sample_weight` in fit, got KernelCCA"):
        Excerpts(make_pipeline(StandardScaler(), KernelCCA(2, y_transformer=words()))).fit(X, y)
    search = GridSearchCV(linear(), {"reg": [1.0]})
    for other in (search, StandardScaler(), LinearCCA, None):
        with pytest.raises(TypeError, match="must be a two-view model or a Pipeline that ends in"):
            Excerpts(other).fit(X, y)
    with pytest.raises(TypeError, match="str"):
        Excerpts(linear()).fit(X, [1] * 30)
    with pytest.raises(ValueError, match="same number of samples, got 29 and 30"):
        Excerpts(linear()).fit(X[1:], y)
    with pytest.raises(ValueError, match="y_transformer"):
        Excerpts(LinearCCA(2)).fit(X, y)
