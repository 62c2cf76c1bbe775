"""One question to an index: what is understood, and what is above chance."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import CrossModalIndex, Doc2VecLyrics, LinearCCA, LyricsForm
from skdcca._utils.warnings import warn
from skdcca.exceptions import UnknownTextWarning
from skdcca.retrieval import ask, metadata_text

WORDS = ("sun", "sea", "sand", "rain", "snow", "love", "moon", "road")


RNG = np.random.default_rng(0)


COUNTS = RNG.poisson(2.0, size=(80, len(WORDS)))


COUNTS[COUNTS.sum(axis=1) == 0] = 1


LYRICS = [" ".join(np.repeat(WORDS, counts)) for counts in COUNTS]


X = COUNTS[:, :5] + 0.3 * RNG.normal(size=(80, 5))


UNKNOWN = ["qwertz uiop", "qwertz, uiop!"]


def dense(rows):
    return rows.toarray()


def lower(texts):
    return [text.lower() for text in texts]


def column(texts):
    return np.array(texts, dtype=object)[:, None]


def n_exclamation_marks(texts):
    return np.array([[float(text.count("!"))] for text in texts])


def tfidf(**parameters):
    return make_pipeline(TfidfVectorizer(**parameters), TruncatedSVD(4, random_state=0))


def doc2vec():
    return Doc2VecLyrics(4, min_count=1, epochs=5, random_state=0)


TRANSFORMERS = {
    "a vectorizer": make_pipeline(TfidfVectorizer(), FunctionTransformer(dense)),
    "a pipeline": tfidf(),
    "a pipeline in a pipeline": make_pipeline(tfidf(), "passthrough", StandardScaler()),
    "a union with the form": FeatureUnion([("form", LyricsForm()), ("words", tfidf())]),
    "a union with a dropped step": FeatureUnion([("words", tfidf()), ("none", "drop")]),
    "text first changed": make_pipeline(FunctionTransformer(lower), tfidf()),
    "columns": make_pipeline(
        FunctionTransformer(column), ColumnTransformer([("words", tfidf(), 0)])
    ),
    "doc2vec": doc2vec(),
    "doc2vec with the form": make_union(doc2vec(), LyricsForm()),
}


def index_of(y_transformer, wrap=lambda model: model):
    model = LinearCCA(2, reg=1.0, y_transformer=y_transformer)
    return CrossModalIndex(wrap(model).fit(X[:60], LYRICS[:60])).fit(X, LYRICS)


@pytest.fixture(scope="module", params=TRANSFORMERS)
def index(request):
    return index_of(TRANSFORMERS[request.param])


@pytest.mark.parametrize("text", UNKNOWN)
def test_unknown_words_are_not_understood(index, text):
    answer = ask(index, "y", text, 5, level=-2.0)  # below any score
    assert answer.understood is False
    assert answer.above == 5 * [False]
    assert len(answer.ids) == len(answer.scores) == 5


@pytest.mark.parametrize("text", [LYRICS[70], "sun qwertz"])
def test_a_known_word_is_enough(index, text):
    answer = ask(index, "y", text, 5, level=-2.0)
    assert answer.understood is True
    assert answer.above == 5 * [True]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: GridSearchCV(model, {"reg": [1.0]}, cv=2),
    ],
)
def test_the_model_may_be_in_a_pipeline_or_search(wrap):
    index = index_of(tfidf(), wrap)
    assert not ask(index, "y", UNKNOWN[0], 5).understood
    assert ask(index, "y", "sun", 5).understood


def test_letters_are_understood_where_words_are_not():
    index = index_of(make_union(tfidf(), tfidf(analyzer="char", ngram_range=(2, 2))))
    assert ask(index, "y", "moonraining", 5).understood
    assert not ask(index, "y", "qwxyz", 5).understood


def test_a_feature_that_is_zero_by_nature_does_not_count_against_known_words():
    marks = FunctionTransformer(n_exclamation_marks)
    index = index_of(make_union(tfidf(), marks))
    assert ask(index, "y", "sun", 5).understood
    assert not ask(index, "y", UNKNOWN[0], 5).understood


class Guessing(TransformerMixin, BaseEstimator):
    """A transformer with features for any text, which warns when it guesses them."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        if "qwertz" in " ".join(X):
            warn("a guess", UnknownTextWarning)
            warn("another matter", UserWarning)
        return np.array([[len(text), text.count("sun")] for text in X], dtype=float)


def test_the_class_of_a_warning_decides():
    index = index_of(Guessing())
    answer = ask(index, "y", "qwertz", 5, level=-2.0)
    assert not answer.understood
    assert answer.notes == ["another matter"]
    assert ask(index, "y", "sun", 5).understood


def test_a_query_of_numbers_or_of_sound_is_always_understood():
    index = CrossModalIndex(LinearCCA(2, y_transformer=StandardScaler()).fit(X, X**2)).fit(X, X**2)
    assert ask(index, "y", np.zeros(5), 5).understood
    assert ask(index, "x", np.zeros(5), 5).understood
    assert ask(index_of(tfidf()), "x", X[0], 5).understood
    assert ask(CrossModalIndex(LinearCCA(2).fit(X, X)).fit(X, X), "y", np.zeros(5), 5).understood


def test_answers_are_those_of_the_index():
    index = index_of(TRANSFORMERS["a vectorizer"])
    answer = ask(index, "y", LYRICS[3], 7)
    scores, ids = index.query(y=LYRICS[3:4], n_neighbors=7)
    assert answer.ids == ids[0].tolist()
    assert answer.scores == scores[0].tolist()
    assert answer.level == index.chance_score("y")
    assert answer.above == [score > answer.level for score in answer.scores]
    assert len(ask(index, "x", X[0], 1000).ids) == 80


def test_above_is_none_without_a_level():
    model = LinearCCA(2, reg=1.0, y_transformer=tfidf()).fit(X, LYRICS)
    answer = ask(CrossModalIndex(model).fit(X), "y", "sun", 3)
    assert answer.level is answer.above is None


def test_questions_issue_no_warnings():
    index = index_of(TRANSFORMERS["doc2vec"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(index, "y", UNKNOWN[0], 3)


def test_an_empty_index_is_refused():
    with pytest.raises(ValueError, match="The index has no items"):
        ask(index_of(TRANSFORMERS["a vectorizer"]).remove(range(80)), "y", "sun", 3)


def test_metadata_as_text():
    metadata = {"title": "Rain", "year": 1827, "group": None}
    assert [metadata_text(metadata, key) for key in ("title", "year", "group", "audio")] == [
        "Rain",
        "1827",
        "",
        "",
    ]
