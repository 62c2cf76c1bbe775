"""One question to an index: what is understood, and what is above chance."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from skdcca import (
    CrossModalIndex,
    Doc2VecLyrics,
    LinearCCA,
    LyricsForm,
    ScoreFusion,
    SharedSpace,
)
from skdcca._utils.warnings import warn
from skdcca.exceptions import UnknownTextWarning
from skdcca.metrics import embed
from skdcca.retrieval import ask, can_find_words, metadata_text, prepare_chance
from skdcca.retrieval._question import hearing_step

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
    assert answer.level == index.chance_score("y", like=LYRICS[3])
    assert answer.p == index.p_values("y", scores[0], ids[0], like=LYRICS[3])
    assert answer.above == [score > answer.level for score in answer.scores]
    np.testing.assert_array_equal(answer.z, index.embed(y=LYRICS[3:4]))
    assert answer.words == index.find_words(LYRICS[3], 7) != []
    assert answer.heard is None
    assert answer.far is False
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


def test_groups_of_the_metadata_are_left_out():
    index = index_of(TRANSFORMERS["a vectorizer"])
    groups = [int(count) for count in COUNTS[:, 0] > 2]
    index.metadata_ = {i: {"group": group} for i, group in enumerate(groups)}
    answer = ask(index, "y", LYRICS[3], 4)
    known = {"groups": groups, "like": LYRICS[3]}
    assert answer.p == index.p_values("y", answer.scores, answer.ids, **known)
    assert answer.level == index.chance_score("y", **known)


def test_a_query_far_outside_is_told():
    model = LinearCCA(2).fit(X, X**2)
    index = CrossModalIndex(model).fit(X, X**2)
    assert ask(index, "x", 1000 * X[0], 3).far is True
    assert ask(index, "x", X[0], 3).far is False


def test_a_text_finds_words_where_there_is_no_audio():
    index = index_of(TRANSFORMERS["a vectorizer"])
    lyrics_only = CrossModalIndex(index.estimator).fit(y=LYRICS)
    answer = ask(lyrics_only, "y", LYRICS[3], 5)
    assert answer.words == lyrics_only.find_words(LYRICS[3], 5) != []
    assert answer.ids == answer.scores == answer.p == []
    assert answer.level is answer.above is answer.z is None
    assert can_find_words(lyrics_only, "y")
    assert not can_find_words(lyrics_only, "x")
    wordless = CrossModalIndex(index.estimator).fit(y=LYRICS, texts=80 * [None])
    with pytest.raises(ValueError, match="Queries of y search the view x"):
        ask(wordless, "y", "sun", 5)


class Transcript(NamedTuple):
    text: str


class Hears(TransformerMixin, BaseEstimator):
    """Turn the names of sounds into the words in them, and count how often it is asked."""

    def fit(self, X, y=None):
        self.n_asked_ = 0
        return self

    def transcribe(self, X):
        self.n_asked_ += 1
        return [Transcript(name.removesuffix(".wav")) for name in X]

    def transform(self, X):
        return [transcript.text for transcript in self.transcribe(X)]


SOUNDS = [f"{text}.wav" for text in LYRICS]


@pytest.fixture(scope="module")
def hearing():
    steps = Hears(), TfidfVectorizer(), TruncatedSVD(4, random_state=0)
    model = make_pipeline(*steps, LinearCCA(2, reg=1.0, y_transformer=tfidf()))
    return CrossModalIndex(model.fit(SOUNDS, LYRICS)).fit(SOUNDS, LYRICS)


def test_the_words_in_an_audio_query_are_searched(hearing):
    answer = ask(hearing, "x", SOUNDS[3], 5)
    assert answer.heard == LYRICS[3]
    assert answer.words == hearing.find_words(LYRICS[3], 5) != []
    assert len(answer.ids) == 5
    assert can_find_words(hearing, "x")
    silent = ask(hearing, "x", ".wav", 5)
    assert silent.heard == ""
    assert silent.words == []


def test_an_audio_query_finds_words_where_there_are_no_lyrics(hearing):
    index = CrossModalIndex(hearing.estimator).fit(SOUNDS, texts=LYRICS)
    answer = ask(index, "x", SOUNDS[3], 5)
    assert answer.words == index.find_words(LYRICS[3], 5) != []
    assert answer.ids == []


@pytest.mark.parametrize(
    "wrap",
    [
        lambda step: step,
        lambda step: make_pipeline("passthrough", make_pipeline(step, StandardScaler())),
        FrozenEstimator,
        lambda step: Bunch(best_estimator_=make_pipeline(step)),
        lambda step: Bunch(estimators_=[StandardScaler(), make_pipeline(step)]),
    ],
)
def test_the_step_that_hears_is_found(wrap):
    step = Hears()
    assert hearing_step(wrap(step)) is step


def test_models_without_such_a_step_hear_nothing():
    assert hearing_step(make_pipeline(StandardScaler(), LinearCCA())) is None


@pytest.mark.parametrize("view", ["x", "y"])
def test_a_query_is_embedded_once(hearing, view, monkeypatch):
    queries = {"x": SOUNDS[3], "y": LYRICS[3]}
    ask(hearing, view, queries[view], 5)  # the unrelated queries are embedded now
    embedded = []
    monkeypatch.setattr(
        "skdcca.retrieval._index.embed",
        lambda model, X=None, y=None: embedded.append(X or y) or embed(model, X, y),
    )
    ask(hearing, view, queries[view], 5)
    assert embedded == [[queries[view]]]


def test_one_model_of_a_fusion_that_knows_the_words_is_enough():
    letters = make_union(tfidf(analyzer="char", ngram_range=(2, 2)))
    models = [("words", LinearCCA(2, y_transformer=tfidf()))]
    models.append(("letters", LinearCCA(2, y_transformer=letters)))
    fusion = ScoreFusion(models, weights=[0.5, 0.5]).fit(X[:60], LYRICS[:60])
    index = CrossModalIndex(fusion).fit(X, LYRICS)
    assert ask(index, "y", "moonraining", 5).understood
    assert not ask(index, "y", "qwxyz", 5).understood


def test_words_of_a_shared_space():
    space = SharedSpace(vectorizer=TfidfVectorizer()).fit(LYRICS[:60], LYRICS[:60])
    index = CrossModalIndex(space).fit(LYRICS, LYRICS)
    assert ask(index, "y", "sun", 5).understood
    assert not ask(index, "y", UNKNOWN[0], 5).understood


def test_a_text_without_letters_is_not_understood():
    index = CrossModalIndex(SharedSpace(64).fit(LYRICS[:60], LYRICS[:60])).fit(LYRICS, LYRICS)
    answer = ask(index, "y", "\N{GRINNING FACE}", 5)
    assert not answer.understood
    assert answer.above == 5 * [False]
    assert ask(index, "y", "sun", 5).understood


def test_a_model_of_numbers_answers_by_words():
    index = CrossModalIndex(LinearCCA(2).fit(X, X)).fit(X, X, texts=LYRICS)
    answer = ask(index, "y", LYRICS[7], 5)
    assert answer.words[0].id == 7
    assert answer.ids == answer.scores == answer.p == []
    assert answer.level is answer.above is answer.z is None
    prepare_chance(index)
    assert index.chance_score("y", like=LYRICS[7]) == index.chance_score("y")


def test_metadata_as_text():
    metadata = {"title": "Rain", "year": 1827, "group": None}
    assert [metadata_text(metadata, key) for key in ("title", "year", "group", "audio")] == [
        "Rain",
        "1827",
        "",
        "",
    ]
