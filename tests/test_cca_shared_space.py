"""SharedSpace against scikit-learn's vectorizers and cosines."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import CrossModalIndex, FaissNeighbors, SharedSpace, load, save, tokenize
from skdcca.datasets import load_tiny_songs
from skdcca.metrics import embed, mrr_scorer, pair_scores

LYRICS = load_tiny_songs().lyrics
RNG = np.random.default_rng(0)


def corrupted(text, share=0.6):
    """Return a text without some of its words."""
    words = text.split()
    return " ".join(word for word in words if RNG.random() < share) or words[0]


HEARD = [corrupted(text) for text in LYRICS]
X = RNG.normal(size=(40, 6))
Y = X + 0.5 * RNG.normal(size=(40, 6))


class WideSpace(SharedSpace):
    """A model that repeats the columns of y, because the checks of scikit-learn pass one or two."""

    def _validate_y(self, y, *, reset=False, min_rows=1):
        y = super()._validate_y(y, reset=reset, min_rows=min_rows)
        return np.resize(y.T, (self.n_features_in_, len(y))).T.copy()


@parametrize_with_checks([WideSpace()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# Texts


def test_exact_scores_are_those_of_scikit_learn():
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    model = SharedSpace(None, vectorizer=vectorizer, center=False).fit(HEARD, LYRICS)
    expected = clone(vectorizer).fit(HEARD + LYRICS)
    expected = cosine_similarity(expected.transform(HEARD[:5]), expected.transform(LYRICS))
    np.testing.assert_allclose(pair_scores(model, HEARD[:5], LYRICS), expected, atol=1e-6)


def test_default_vectorizer_counts_the_ngrams_of_words_and_spaces():
    """Hashed counts are those of a vocabulary, except for a few collisions."""
    heard, lyrics = HEARD[:5], LYRICS[:5]
    model = SharedSpace(None, center=False).fit(heard, lyrics)
    vectorizer = TfidfVectorizer(
        preprocessor=lambda text: " ".join(tokenize(text)),
        analyzer="char",
        ngram_range=(2, 4),
        sublinear_tf=True,
    ).fit(heard + lyrics)
    expected = cosine_similarity(vectorizer.transform(heard), vectorizer.transform(lyrics))
    np.testing.assert_allclose(pair_scores(model, heard, lyrics), expected, atol=0.02)


@pytest.mark.parametrize("k", [500, 4096])
def test_projected_scores_are_right_on_average(k):
    views = HEARD[:6], LYRICS[:6]
    exact = pair_scores(SharedSpace(None, center=False).fit(*views), *views)
    errors = [
        pair_scores(SharedSpace(k, center=False, random_state=seed).fit(*views), *views) - exact
        for seed in range(6)
    ]
    # Fluctuations of a cosine of random signs, and their mean over all pairs.
    assert np.std(errors) < 1.2 / np.sqrt(k)
    assert abs(np.mean(errors)) < 0.3 / np.sqrt(k)


def test_a_part_of_the_words_finds_its_text():
    model = SharedSpace().fit(HEARD[:10], LYRICS[:10])
    assert mrr_scorer(model, HEARD[10:], LYRICS[10:]) > 0.95
    assert model.transform(HEARD).dtype == np.float32
    assert model.transform(HEARD).shape == (len(HEARD), 4096)


def test_spelling_and_punctuation_do_not_matter():
    model = SharedSpace().fit(HEARD, LYRICS)
    rows = model.transform(["Don't STOP, little star!", "don t stop little star"])
    np.testing.assert_array_equal(rows[0], rows[1])
    scores = pair_scores(model, ["twinkel litle staar"], ["twinkle little star", "mary had a lamb"])
    assert scores[0, 0] > 0.3 > scores[0, 1]


def test_words_that_no_training_text_has_are_found():
    model = SharedSpace().fit(HEARD, LYRICS)
    texts = [
        "sah ein Knab ein Röslein stehn",
        "der Mond ist aufgegangen",
        "दिल और दाल",
        "月亮代表我的心",
    ]
    scores = pair_scores(model, [text[:9] for text in texts], texts)
    np.testing.assert_array_equal(scores.argmax(axis=1), range(4))


@pytest.mark.parametrize("center", [True, False])
def test_a_text_without_words_says_nothing(center):
    heard = ["", *HEARD[1:]]
    model = SharedSpace(center=center).fit(heard, LYRICS)
    for rows in (model.transform(["", " ...\n", "24/7"]), model.transform_y(["", "", "?"])):
        assert not rows.any()
    scores = pair_scores(model, ["", HEARD[3]], ["", *LYRICS])
    assert not scores[0].any()
    assert not scores[:, 0].any()
    assert scores[1].any()


def test_only_empty_texts():
    model = SharedSpace().fit(["", ""], ["", ""])
    assert not pair_scores(model, ["row"], ["boat"]).any()


def test_rows_do_not_depend_on_their_batch():
    model = SharedSpace().fit(HEARD, LYRICS)
    whole = model.transform(HEARD)
    np.testing.assert_array_equal(model.transform(HEARD[::-1])[::-1], whole)
    np.testing.assert_array_equal(np.vstack([model.transform([text]) for text in HEARD]), whole)
    zx, zy = model.transform(HEARD, LYRICS)
    np.testing.assert_array_equal(zy, model.transform_y(LYRICS))
    np.testing.assert_array_equal(clone(model).fit_transform(HEARD, LYRICS), whole)
    np.testing.assert_array_equal(zx, whole)


def test_texts_of_other_containers(recwarn):
    pd = pytest.importorskip("pandas")
    model = SharedSpace().fit(HEARD, LYRICS)
    for kind in (tuple, np.array, pd.Series):
        other = SharedSpace().fit(kind(HEARD), kind(LYRICS))
        np.testing.assert_array_equal(other.transform(kind(HEARD)), model.transform(HEARD))


def test_texts_of_transformers():
    """A recognizer before the model and a transformer of the lyrics both return texts."""
    upper = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    pipeline = make_pipeline(upper, SharedSpace(y_transformer=upper)).fit(HEARD, LYRICS)
    plain = SharedSpace().fit(HEARD, LYRICS)
    for given in ({"X": HEARD}, {"y": LYRICS}):
        np.testing.assert_array_equal(embed(pipeline, **given), embed(plain, **given))


def test_search_chooses_a_vectorizer():
    words = TfidfVectorizer(analyzer=tokenize)
    search = GridSearchCV(SharedSpace(), {"vectorizer": [None, words]}, scoring=mrr_scorer, cv=2)
    typos = [text.replace("e", "i").replace("o", "a") for text in LYRICS]
    search.fit(typos, LYRICS)
    assert search.best_params_["vectorizer"] is None
    assert search.cv_results_["mean_test_score"][1] > 0.2


def test_files_keep_the_rows(tmp_path):
    model = SharedSpace(64).fit(HEARD, LYRICS)
    save(model, tmp_path / "model")
    for again in (load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.transform(HEARD), model.transform(HEARD))
        np.testing.assert_array_equal(again.transform_y(LYRICS), model.transform_y(LYRICS))


def test_parameters_set_after_the_fit_change_nothing():
    model = SharedSpace(64).fit(HEARD, LYRICS)
    before = model.transform(HEARD)
    model.set_params(n_components=8, vectorizer=StandardScaler(), center=False, random_state=1)
    np.testing.assert_array_equal(model.transform(HEARD), before)


def test_columns_of_a_file_are_checked():
    model = SharedSpace(64).fit(HEARD, LYRICS)
    model._buckets[7] = 64
    with pytest.raises(ValueError, match="must be < 64"):
        model.transform(HEARD)


@pytest.mark.parametrize("neighbors", [None, FaissNeighbors(1)], ids=str)
def test_index_finds_texts(neighbors):
    model = SharedSpace(256).fit(HEARD, LYRICS)
    index = CrossModalIndex(model, neighbors=neighbors).fit(y=LYRICS)
    scores, ids = index.query(HEARD, n_neighbors=1)
    expected = pair_scores(model, HEARD, LYRICS)
    np.testing.assert_allclose(scores[:, 0], expected.max(axis=1), atol=1e-9)
    np.testing.assert_array_equal(ids[:, 0], expected.argmax(axis=1))


def test_columns_have_names():
    model = SharedSpace(8).fit(HEARD, LYRICS).set_output(transform="pandas")
    names = [f"sharedspace{i}" for i in range(8)]
    assert list(model.transform(HEARD).columns) == names
    assert list(model.transform_y(LYRICS).columns) == names
    assert not hasattr(model, "n_features_in_")


# Arrays


def test_arrays_are_centered_cosines():
    model = SharedSpace().fit(X[:30], Y[:30])
    expected = cosine_similarity(X[30:] - X[:30].mean(axis=0), Y[30:] - Y[:30].mean(axis=0))
    np.testing.assert_allclose(pair_scores(model, X[30:], Y[30:]), expected, atol=1e-9)
    plain = SharedSpace(center=False).fit(X, Y)
    np.testing.assert_allclose(pair_scores(plain, X, Y), cosine_similarity(X, Y), atol=1e-9)


def test_centering_removes_the_gap_between_the_views():
    """As in pretrained audio-text models, whose two sides lie in separate cones."""
    gap = np.full(6, 8.0)
    plain = SharedSpace(center=False).fit(X[:20], Y[:20] + gap)
    centered = SharedSpace().fit(X[:20], Y[:20] + gap)
    without_gap = SharedSpace().fit(X[:20], Y[:20])
    test = X[20:], Y[20:] + gap
    assert mrr_scorer(centered, *test) == mrr_scorer(without_gap, X[20:], Y[20:])
    assert mrr_scorer(plain, *test) < mrr_scorer(centered, *test) - 0.2


def test_a_row_of_zeros_says_nothing():
    model = SharedSpace().fit(np.vstack([X, np.zeros(6)]), np.vstack([Y, np.ones(6)]))
    assert not model.transform(np.zeros((1, 6))).any()
    np.testing.assert_allclose(model.x_mean_, X.mean(axis=0))


def test_wide_arrays_keep_their_columns():
    wide = RNG.normal(size=(4, 50))
    assert SharedSpace(8).fit(wide, wide).n_components_ == 50
    scaled = SharedSpace(8, vectorizer=StandardScaler()).fit(list(wide), list(wide))
    assert scaled.n_components_ == 8  # the output of a vectorizer is projected


def test_arrays_through_pipelines_and_transformers():
    pipeline = make_pipeline(StandardScaler(), SharedSpace(y_transformer=StandardScaler()))
    assert mrr_scorer(pipeline.fit(X, 9 * Y + 5), X, 9 * Y + 5) > 0.5
    assert SharedSpace().fit(X, Y).score(X, Y) == pytest.approx(
        sum(np.corrcoef(X[:, i], Y[:, i])[0, 1] for i in range(6))
    )


def test_a_vectorizer_takes_tables():
    model = SharedSpace(vectorizer=StandardScaler())
    expected = model.fit(X, Y).transform(X)
    np.testing.assert_array_equal(
        model.fit(pd.DataFrame(X), Y).transform(pd.DataFrame(X)), expected
    )


# Bad input

BAD = {
    "numbers after texts": (
        lambda: SharedSpace().fit(HEARD, LYRICS).transform(X),
        TypeError,
        "X must contain str only, got ndarray in row 0",
    ),
    "numbers beside texts": (
        lambda: SharedSpace().fit(HEARD[:3], [1.0, 2.0, 3.0]),
        TypeError,
        "y must contain str only, got float in row 0",
    ),
    "texts after numbers": (
        lambda: SharedSpace().fit(X, Y).transform_y(["a"]),
        ValueError,
        "y contains text",
    ),
    "missing text": (
        lambda: SharedSpace().fit([*HEARD[:-1], None], LYRICS),
        TypeError,
        'got NoneType in row .* Use "" for a row without a text',
    ),
    "one text": (
        lambda: SharedSpace().fit(HEARD, LYRICS).transform("la la"),
        TypeError,
        "X must be a list of str, as in `fit`, got str",
    ),
    "no texts": (
        lambda: SharedSpace().fit(HEARD, LYRICS).transform([]),
        ValueError,
        "X has no texts",
    ),
    "one row": (lambda: SharedSpace().fit(["a"], ["a"]), ValueError, "at least two rows"),
    "lengths": (
        lambda: SharedSpace().fit(HEARD, LYRICS[:-1]),
        ValueError,
        "same number of samples",
    ),
    "widths": (
        lambda: SharedSpace().fit(X, Y[:, :2]),
        ValueError,
        "must have the same columns to share a space, got 6 and 2 columns",
    ),
    "no y": (lambda: SharedSpace().fit(HEARD), ValueError, "the target y is None"),
    "n_components": (
        lambda: SharedSpace(0).fit(HEARD, LYRICS),
        ValueError,
        "`n_components` must be an integer >= 1, or None, got 0",
    ),
    "center": (
        lambda: SharedSpace(center="yes").fit(X, Y),
        ValueError,
        "`center` must be one of",
    ),
    "random_state": (
        lambda: SharedSpace(random_state=None).fit(X, Y),
        ValueError,
        "`random_state` must be an integer",
    ),
    "vectorizer": (
        lambda: SharedSpace(vectorizer=TfidfVectorizer).fit(HEARD, LYRICS),
        TypeError,
        "`vectorizer` must be a transformer",
    ),
    "one text for a vectorizer": (
        lambda: SharedSpace(vectorizer=TfidfVectorizer()).fit(HEARD, LYRICS).transform("la la"),
        TypeError,
        "X must be a list, an array or a table of numbers, got str",
    ),
    "table of texts for a vectorizer": (
        lambda: SharedSpace(vectorizer=TfidfVectorizer()).fit(pd.DataFrame({"a": HEARD}), LYRICS),
        TypeError,
        "X must be a list, an array or a table of numbers",
    ),
    "no rows for a vectorizer": (
        lambda: SharedSpace(vectorizer=StandardScaler()).fit(X, Y).transform(X[:0]),
        ValueError,
        "X has no rows",
    ),
    "y_transformer": (
        lambda: SharedSpace(y_transformer=3).fit(HEARD, LYRICS),
        TypeError,
        "`y_transformer` must be a transformer",
    ),
    "unfitted": (lambda: SharedSpace().transform(HEARD), NotFittedError, "not fitted"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_a_failed_fit_keeps_the_model():
    model = SharedSpace().fit(HEARD, LYRICS)
    before = model.transform(HEARD)
    with pytest.raises(ValueError, match="same columns"):
        model.fit(X, Y[:, :2])
    np.testing.assert_array_equal(model.transform(HEARD), before)
