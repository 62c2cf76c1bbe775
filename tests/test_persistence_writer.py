"""Models of every kind give the same answers after they are saved and loaded."""

import inspect
import json
import os
import re
import zipfile
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from _programs import run_program
from _saved_models import N, deep, fitted_linear, round_trip, same, synthetic_songs, two_views
from safetensors.numpy import load_file, save_file
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

import skdcca
from skdcca import (
    AudioDynamics,
    AudioForm,
    CrossModalIndex,
    DeepCCA,
    DeepMultiCCA,
    Doc2VecLyrics,
    Excerpts,
    FaissNeighbors,
    KernelCCA,
    KernelCCACV,
    LinearCCA,
    LinearCCACV,
    LyricsCharacters,
    LyricsForm,
    LyricsSequence,
    MelCNNAudio,
    MelSpectrogram,
    MultiCCA,
    Residualizer,
    ScoreFusion,
    SharedSpace,
    SparseCCA,
    TemporalSummary,
)
from skdcca.encoders import MLP, MelCNN, SequenceEncoder
from skdcca.losses import InfoNCELoss
from skdcca.metrics import embed, mrr_scorer, recall_at_k_scorer
from skdcca.persistence import load, save


@pytest.fixture(scope="module")
def songs():
    return synthetic_songs()


@pytest.fixture(scope="module")
def views():
    return two_views()


@pytest.fixture
def linear():
    return fitted_linear()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


def test_every_public_estimator_gives_the_same_answers(songs, views, path):
    X, y = views
    audio, lyrics = songs.audio[:4], songs.lyrics
    sound = MelSpectrogram(sample_rate=8000, n_mels=8, duration=1.0).fit(audio)
    index = CrossModalIndex(LinearCCA(2).fit(X, y)).fit(X, y)
    two = [("a", "passthrough", [0]), ("b", "passthrough", [1, 2])]
    one = {"encoders": MLP((4,)), "n_networks": 1, "max_epochs": 1, "fallback": None}
    fitted = {
        "LinearCCA": (LinearCCA(2).fit(X, y), X),
        "KernelCCA": (KernelCCA(2).fit(X, y), X),
        "LinearCCACV": (LinearCCACV([1, 2], regs=[0.1, 1.0], cv=3).fit(X, y), X),
        "KernelCCACV": (KernelCCACV([1, 2], regs=[0.1, 1.0], cv=3).fit(X, y), X),
        "DeepCCA": (deep().fit(X, y), X),
        "DeepMultiCCA": (DeepMultiCCA(two, 1, **one), X),
        "MultiCCA": (MultiCCA(two), X),
        "SparseCCA": (SparseCCA(l1=0.3).fit(X, y), X),
        "SharedSpace": (SharedSpace(64).fit(lyrics, lyrics), lyrics),
        "ScoreFusion": (ScoreFusion([("linear", LinearCCA(2))], cv=2).fit(X, y), X),
        "Excerpts": (Excerpts(LinearCCA(1, y_transformer=LyricsForm())).fit(X[:4], lyrics[:4]), X),
        "MelSpectrogram": (sound, audio),
        "TemporalSummary": (TemporalSummary(n_lags=8), sound.transform(audio)),
        "AudioDynamics": (AudioDynamics(n_mels=8), audio),
        "AudioForm": (AudioForm(), audio),
        "MelCNNAudio": (MelCNNAudio(), audio),
        "Doc2VecLyrics": (Doc2VecLyrics(5, epochs=5, random_state=0), lyrics),
        "Residualizer": (Residualizer([0]), X),
        "LyricsForm": (LyricsForm(), lyrics),
        "LyricsSequence": (LyricsSequence(LyricsForm(), n_steps=2), lyrics),
        "LyricsCharacters": (LyricsCharacters(30), lyrics),
        "CrossModalIndex": (index, X),
        "ViewPair": (None, None),  # tested elsewhere, because it is not fitted
        "FaissNeighbors": (None, None),  # tested below, as faiss may be missing
        "WhisperAudio": (None, None),  # tested elsewhere, because they need a recognizer
        "WhisperWords": (None, None),
    }
    public = {name for name in skdcca.__all__ if _is_estimator(getattr(skdcca, name))}
    assert public == set(fitted)
    fitted = {name: value for name, value in fitted.items() if value[0] is not None}
    for name, (model, rows) in fitted.items():
        if not hasattr(model, "n_components_") and name != "CrossModalIndex":
            model.fit(rows)
        again = round_trip(model, path)
        assert type(again) is type(model)
        ask = "query" if name == "CrossModalIndex" else "transform"
        assert same(getattr(model, ask)(rows), getattr(again, ask)(rows)), name


def _is_estimator(thing):
    return inspect.isclass(thing) and issubclass(thing, BaseEstimator)


@pytest.mark.parametrize(
    "model",
    [
        LinearCCA(similarity="likelihood"),
        KernelCCA(2, kernel="poly"),
        KernelCCA(2, approximation="nystroem", n_landmarks=20, random_state=0),
        KernelCCA(2, approximation="rff", n_landmarks=20, random_state=0),
        deep(loss=InfoNCELoss(0.1)),
        deep(loss="cca", projection="whitened", y_encoder=MLP((4, 4), activation="gelu")),
        deep(random_state=np.random.RandomState(0)),
        make_pipeline(StandardScaler(), FunctionTransformer(np.tanh), LinearCCA(2)),
    ],
    ids=lambda model: re.sub(r" at 0x\w+", "", str(model)),  # the same in every process
)
def test_both_views_scores_and_predictions_stay_the_same(model, views, path):
    X, y = views
    model.fit(X, y)
    again = round_trip(model, path)
    assert same(embed(model, X, y), embed(again, X, y))
    assert same(model.predict(X), again.predict(X))
    assert model.score(X, y) == again.score(X, y)


def test_models_of_views_with_more_axes(songs, path):
    X = np.random.default_rng(0).normal(size=(N, 8, 16)).astype(np.float32)
    model = DeepCCA(
        2,
        x_encoder=MelCNN(2, n_layers=1),
        y_encoder=SequenceEncoder(4),
        y_transformer=LyricsSequence(LyricsForm(), n_steps=4),
        max_epochs=1,
        random_state=0,
    ).fit(X, songs.lyrics)
    again = round_trip(model, path)
    assert same(embed(model, X, songs.lyrics), embed(again, X, songs.lyrics))


def test_partial_fit_continues_after_loading(views, path):
    X, y = views
    streamed = LinearCCA(2).partial_fit(X[:20], y[:20])
    again = round_trip(streamed, path)
    for model in (streamed, again):
        model.partial_fit(X[20:], y[20:])
    assert same(streamed.transform(X), again.transform(X))


def test_warm_start_continues_after_loading(views, path):
    model = deep(warm_start=True).fit(*views)
    again = round_trip(model, path).fit(*views)
    assert same(model.fit(*views).transform(views[0]), again.transform(views[0]))


@pytest.mark.parametrize("dm", [0, 1])
def test_doc2vec_models_are_restored(songs, path, dm):
    lyrics = Doc2VecLyrics(6, dm=dm, epochs=5, random_state=0).fit(songs.lyrics)
    again = round_trip(lyrics, path)
    assert same(lyrics.model_.wv.vectors, again.model_.wv.vectors)
    assert lyrics.model_.wv.key_to_index == again.model_.wv.key_to_index
    word = lyrics.model_.wv.index_to_key[0]
    assert lyrics.model_.wv.most_similar(word) == again.model_.wv.most_similar(word)
    assert same(again.transform(songs.lyrics), lyrics.transform(songs.lyrics))


@pytest.mark.parametrize("settings", [{"hs": 1, "negative": 0}, {"hs": 1, "dm": 1}, {"sample": 0}])
def test_doc2vec_models_with_other_settings_are_restored(songs, tmp_path, path, settings):
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    texts = [TaggedDocument(text.split(), [i]) for i, text in enumerate(songs.lyrics)]
    settings = {"vector_size": 6, "min_count": 1, "epochs": 2, "workers": 1, "seed": 1} | settings
    Doc2Vec(texts, **settings).save(str(tmp_path / "model.d2v"))
    lyrics = Doc2VecLyrics(pretrained=tmp_path / "model.d2v", random_state=0).fit(songs.lyrics)
    again = round_trip(lyrics, path)
    assert same(again.transform(songs.lyrics), lyrics.transform(songs.lyrics))
    assert again.pretrained == str(tmp_path / "model.d2v")


def test_doc2vec_trees_with_paths_of_one_length_are_restored(tmp_path, path):
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    texts = [TaggedDocument(["one", "two", "three", "four"], [0])]
    settings = {"vector_size": 3, "min_count": 1, "workers": 1, "hs": 1, "negative": 0}
    Doc2Vec(texts, **settings).save(str(tmp_path / "model.d2v"))
    lyrics = Doc2VecLyrics(pretrained=str(tmp_path / "model.d2v"), random_state=0).fit(["one two"])
    assert {len(code) for code in lyrics.model_.wv.expandos["code"]} == {2}
    assert same(round_trip(lyrics, path).transform(["four"]), lyrics.transform(["four"]))


def test_searches_are_restored_with_their_results(songs, path):
    X = songs.audio_mood
    words = FeatureUnion(
        [("words", Doc2VecLyrics(4, epochs=4, random_state=0)), ("form", LyricsForm())]
    )
    model = Pipeline([("scale", StandardScaler()), ("cca", LinearCCA(2, y_transformer=words))])
    grid = [
        {"cca__reg": [0.1, 1.0], "cca__y_transformer__words__vector_size": [4, 5]},
        {"cca": [KernelCCA(2, y_transformer=words)], "cca__kernel": ["rbf", "poly"]},
    ]
    scoring = {"mrr": mrr_scorer, "recall": recall_at_k_scorer(3)}
    search = GridSearchCV(model, grid, scoring=scoring, refit="mrr", cv=GroupKFold(2))
    search.fit(X, songs.lyrics, groups=songs.groups)
    again = round_trip(search, path)
    assert same(embed(search, X, songs.lyrics), embed(again, X, songs.lyrics))
    assert search.best_params_.keys() == again.best_params_.keys()
    for name, values in search.cv_results_.items():
        found = again.cv_results_[name]
        assert type(found) is type(values)
        if name.startswith("param_"):
            np.testing.assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(values))
            assert found.dtype == values.dtype
            assert repr(found.tolist()) == repr(values.tolist())
        else:
            assert repr(found) == repr(values)
    assert again.score(X, songs.lyrics) == search.score(X, songs.lyrics)


@pytest.mark.parametrize("scoring", [None, "r2"])
def test_scorers_of_scikit_learn(views, path, scoring):
    search = GridSearchCV(LinearCCA(), {"n_components": [1, 2]}, scoring=scoring, cv=2)
    assert round_trip(search.fit(*views), path).score(*views) == search.score(*views)


def test_transformers_of_scikit_learn(songs, path):
    text = make_pipeline(TfidfVectorizer(min_df=2), TruncatedSVD(3, random_state=0))
    topics = make_pipeline(CountVectorizer(), LatentDirichletAllocation(2, random_state=0))
    for model in (text, topics):
        model.fit(songs.lyrics)
        again = round_trip(model, path)
        assert same(model.transform(songs.lyrics), again.transform(songs.lyrics))
    table = pd.DataFrame({"number": [1.0, 2.0, 4.0], "text": ["a", "b", "a"]})
    columns = ColumnTransformer(
        [("scale", StandardScaler(), ["number"]), ("code", OneHotEncoder(), ["text"])]
    ).fit(table)
    again = round_trip(columns, path)
    assert same(columns.transform(table), again.transform(table))
    assert list(again.get_feature_names_out()) == list(columns.get_feature_names_out())


@pytest.mark.parametrize(
    "model",
    [
        OneHotEncoder(),
        OneHotEncoder(drop="first"),
        OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
        OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist"),
        OneHotEncoder(max_categories=2, drop=["a", 2]),
    ],
    ids=str,
)
def test_encoders_of_categories(model, path):
    table = pd.DataFrame({"text": list("aaabbc"), "number": [1, 1, 1, 2, 2, 2]})
    again = round_trip(model.fit(table), path)
    assert (again.transform(table) != model.transform(table)).nnz == 0


def test_transformers_that_make_sparse_rows(path):
    words, rows = ["one two", "two three"], [{"a": 1.0, "b": 2.0}, {"b": 1.0}]
    for model, X in [
        (HashingVectorizer(n_features=32), words),
        (CountVectorizer(vocabulary=["one", "two"]), words),
        (DictVectorizer(), rows),
        (FeatureHasher(8), rows),
        (KBinsDiscretizer(2, quantile_method="averaged_inverted_cdf"), np.arange(6.0)[:, None]),
    ]:
        again = round_trip(model.fit(X), path)
        assert (again.transform(X) != model.transform(X)).nnz == 0


def test_networks_with_user_weights_are_restored(songs, tmp_path, path):
    shipped = Path(skdcca.__file__).parent / "weights" / "MTT_musicnn.safetensors"
    with open(shipped, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    own = {name: array + 0 for name, array in load_file(shipped).items()}
    own["hidden.bias"] = own["hidden.bias"] + 1
    save_file(own, tmp_path / "own.safetensors", header["__metadata__"])
    audio = MelCNNAudio(tmp_path / "own.safetensors").fit(songs.audio[:2])
    save(audio, path)
    (tmp_path / "own.safetensors").unlink()
    assert same(load(path).transform(songs.audio[:2]), audio.transform(songs.audio[:2]))


def test_an_index_is_restored_with_ids_and_metadata(views, path):
    X, y = views
    model = LinearCCA(2).fit(X, y)
    metadata = [{"title": f"song {i}", "tags": ["a", None, 1.5]} for i in range(N)]
    for ids in (None, [f"s{i}" for i in range(N)]):
        index = CrossModalIndex(model).fit(X, y, ids=ids, metadata=metadata)
        again = round_trip(index, path)
        assert same(index.query(X=X), again.query(X=X))
        assert index.metadata_ == again.metadata_
        assert same(
            index.remove(index.ids_[:5]).query(y=y), again.remove(again.ids_[:5]).query(y=y)
        )


def test_an_index_with_faiss(views, path):
    pytest.importorskip("faiss")
    X, y = views
    index = CrossModalIndex(LinearCCA(2).fit(X, y), neighbors=FaissNeighbors()).fit(X)
    index.query(y=y)
    assert same(index.query(y=y), round_trip(index, path).query(y=y))


def test_another_process_gives_the_same_answers(songs, tmp_path):
    X = songs.audio_mood
    y = X**2
    words = Doc2VecLyrics(4, epochs=4, random_state=0)
    models = {
        "linear": LinearCCA(2).fit(X, y),
        "exact": KernelCCA(2).fit(X, y),
        "nystroem": KernelCCA(2, approximation="nystroem", n_landmarks=9, random_state=0).fit(X, y),
        "rff": KernelCCA(2, approximation="rff", n_landmarks=9, random_state=0).fit(X, y),
        "deep": deep().fit(X, y),
        "words": make_pipeline(StandardScaler(), LinearCCA(2, y_transformer=words)),
        "search": GridSearchCV(LinearCCA(2), {"reg": [0.1, 1]}, scoring=mrr_scorer, cv=2),
    }
    models["words"].fit(X, songs.lyrics)
    models["search"].fit(X, y)
    for name, model in models.items():
        save(model, tmp_path / f"{name}.skdcca")
    joblib.dump((X, y, songs.lyrics), tmp_path / "views.joblib")
    code = (
        "import glob, joblib, sys, numpy as np; from skdcca.metrics import embed;"
        "from skdcca.persistence import load; assert 'skops' not in sys.modules;"
        "X, y, lyrics = joblib.load('views.joblib'); found = {};\n"
        "for path in glob.glob('*.skdcca'):\n"
        "    z = embed(load(path), X, lyrics if path.startswith('words') else y)\n"
        "    found |= {path + side: of for side, of in zip('xy', z)}\n"
        "np.savez('found.npz', **found)"
    )
    run_program(code, cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    for name, model in models.items():
        expected = embed(model, X, songs.lyrics if name == "words" else y)
        assert same(expected, (found[f"{name}.skdccax"], found[f"{name}.skdccay"])), name


def test_attributes_may_be_named_like_parts_of_a_node(linear, path):
    """They are not read as the name of a node."""
    linear.extra_ = {"__module__": np.ones(2), "__class__": "skdcca._kernel"}
    again = round_trip(linear, path)
    assert same(again.extra_["__module__"], np.ones(2))
    assert again.extra_["__class__"] == "skdcca._kernel"


def test_the_same_model_gives_the_same_file(linear, tmp_path):
    for name in "ab":
        save(linear, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as members:
        assert {info.date_time[0] for info in members.infolist()} == {1980}


def test_shared_arrays_are_written_once(views, path):
    X, y = views
    weights = np.ones((300, 300))
    once = LinearCCA(2).fit(X, y)
    once.extra_, once.again_ = weights, [weights, (weights,)]
    again = round_trip(once, path)
    assert path.stat().st_size < 1.1 * weights.nbytes
    assert again.extra_ is again.again_[0] is again.again_[1][0]


def test_large_models_need_few_nodes(path):
    rng = np.random.default_rng(0)
    words = ["".join(letters) for letters in rng.choice(list("abcdefghij"), (6000, 6))]
    texts = [" ".join(rng.choice(words, 300)) for _ in range(100)]
    # With `max_features`, the columns of the vocabulary are NumPy integers.
    model = TfidfVectorizer(max_features=5000).fit(texts)
    again = round_trip(model, path)
    assert (again.transform(texts) != model.transform(texts)).nnz == 0
    assert _n_nodes(path) < 100
    save(Doc2VecLyrics(20, epochs=1, random_state=0).fit(texts), path)
    assert _n_nodes(path) < 100


def _n_nodes(path):
    with zipfile.ZipFile(path) as members:
        return members.read("schema.json").count(b"__loader__")


def test_paths_become_text_and_caches_are_dropped(songs, tmp_path, path):
    sound = MelSpectrogram(sample_rate=8000, n_mels=8, duration=1.0)
    model = make_pipeline(sound, memory=joblib.Memory(tmp_path / "pipeline", verbose=0))
    sound.set_params(memory=tmp_path / "songs")
    model.fit(songs.audio[:2])
    again = round_trip(model, path)
    assert again.memory is None
    assert again[0].memory is None
    assert sound.memory == tmp_path / "songs"
    assert same(again.transform(songs.audio[:2]), model.transform(songs.audio[:2]))


def _refused():
    from skorch.callbacks import EpochScoring
    from torch import nn, optim

    class Local(BaseEstimator):
        pass

    loop = []
    loop.append((loop,))
    return [
        ({"optimizer": optim.SGD}, r"torch\.optim\.sgd\.SGD \(in optimizer\)"),
        ({"optimizer": partial(optim.SGD, momentum=0.9)}, r"\(in optimizer\.func\)"),
        ({"callbacks": [EpochScoring("r2")]}, r"skorch\.callbacks\.\S+ \(in callbacks\[0\]\)"),
        ({"loss": lambda a, b: 0}, r"<lambda> \(in loss\)"),
        ({"x_encoder": Local()}, r"Local \(in x_encoder\)"),
        ({"x_encoder": nn.Linear(2, 2)}, r"torch\.nn\.modules\.linear\.Linear \(in x_encoder\)"),
        ({"extra": open}, r"io\.open|_io"),
        ({"extra": {1: "a", "1": "b"}}, "same as text"),
        ({"extra": {True: 1}}, r"dict with keys of builtins\.bool \(in extra\)"),
        ({"extra": {(1, 2): 1}}, r"keys of builtins\.tuple"),
        ({"extra": np.array([["a", None]])}, "dtype object and 2 dimensions"),
        ({"extra": np.datetime64("2020")}, r"numpy\.datetime64"),
        ({"extra": np.ones(2, "m8[s]")}, "dtype timedelta"),
        ({"extra": np.longdouble(1)}, r"numpy\.longdouble|float128"),
        ({"extra": eval}, r"eval \(in extra\)"),
        ({"extra": "a".upper}, r"\(in extra\)"),
        ({"extra": LinearCCA().fit}, r"method \(in extra\)"),
        ({"extra": 1j}, r"builtins\.complex"),
        ({"extra": np.random.default_rng(0)}, r"Generator \(in extra\)"),
        ({"extra": loop}, "contains itself"),
        ({"extra": DecisionTreeRegressor()}, "DecisionTreeRegressor"),
    ]


@pytest.mark.parametrize(("state", "message"), _refused())
def test_objects_that_would_not_load_are_refused_by_save(path, state, message):
    model = deep()
    vars(model).update(state)
    path.write_text("an old file")
    with pytest.raises(ValueError, match=message):
        save(model, path)
    assert path.read_text() == "an old file"
    assert os.listdir(path.parent) == [path.name]


def test_names_of_other_objects_are_refused(linear, path):
    fake = type("LinearCCA", (LinearCCA,), {"__module__": "skdcca._cca.linear"})
    with pytest.raises(ValueError, match=r"skdcca\._cca\.linear\.LinearCCA"):
        save(fake(), path)
