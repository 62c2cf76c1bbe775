"""Files of models: what they answer, what they refuse, and that nothing of a refused file runs."""

import errno
import inspect
import io
import json
import os
import pickle
import pkgutil
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from functools import partial
from importlib import import_module
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from safetensors.numpy import load_file, save_file
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import LatentDirichletAllocation, TruncatedSVD
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.metrics import make_scorer
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
    Doc2VecLyrics,
    FaissNeighbors,
    KernelCCA,
    LinearCCA,
    LyricsCharacters,
    LyricsForm,
    LyricsSequence,
    MelCNNAudio,
    MelSpectrogram,
    TemporalSummary,
    _base,
    _nodes,
    metrics,
    persistence,
)
from skdcca.datasets import make_songs
from skdcca.encoders import MLP, Encoder, MelCNN, SequenceEncoder
from skdcca.losses import InfoNCELoss
from skdcca.metrics import embed, mrr_scorer, recall_at_k_scorer
from skdcca.persistence import load, read_header, save

OLD = Path(__file__).parent / "data" / "format-1"
N = 40


@pytest.fixture(scope="module")
def songs():
    return make_songs(N, duration=1.0, sample_rate=8000, random_state=0)


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    return X, X[:, :3] + 0.3 * rng.normal(size=(N, 3))


@pytest.fixture
def linear(views):
    return LinearCCA(2).fit(*views)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


def round_trip(model, path, **trusted):
    save(model, path, **trusted)
    return load(path, **trusted)


def same(ours, theirs):
    if isinstance(ours, tuple):
        return all(map(same, ours, theirs))
    return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


def deep(**parameters):
    return DeepCCA(2, **{"x_encoder": MLP((8,)), "max_epochs": 2, "random_state": 0} | parameters)


# Models answer as they did


def test_every_public_estimator_answers_the_same(songs, views, path):
    X, y = views
    audio, lyrics = songs.audio[:4], songs.lyrics
    sound = MelSpectrogram(sample_rate=8000, n_mels=8, duration=1.0).fit(audio)
    index = CrossModalIndex(LinearCCA(2).fit(X, y)).fit(X, y)
    fitted = {
        "LinearCCA": (LinearCCA(2).fit(X, y), X),
        "KernelCCA": (KernelCCA(2).fit(X, y), X),
        "DeepCCA": (deep().fit(X, y), X),
        "MelSpectrogram": (sound, audio),
        "TemporalSummary": (TemporalSummary(n_lags=8), sound.transform(audio)),
        "AudioDynamics": (AudioDynamics(n_mels=8), audio),
        "AudioForm": (AudioForm(), audio),
        "MelCNNAudio": (MelCNNAudio(), audio),
        "Doc2VecLyrics": (Doc2VecLyrics(5, epochs=5, random_state=0), lyrics),
        "LyricsForm": (LyricsForm(), lyrics),
        "LyricsSequence": (LyricsSequence(LyricsForm(), n_steps=2), lyrics),
        "LyricsCharacters": (LyricsCharacters(30), lyrics),
        "CrossModalIndex": (index, X),
        "FaissNeighbors": (None, None),  # below, as faiss may be missing
    }
    public = {name for name in skdcca.__all__ if _is_estimator(getattr(skdcca, name))}
    assert public == set(fitted)
    del fitted["FaissNeighbors"]
    for name, (model, rows) in fitted.items():
        if not hasattr(model, "n_components_") and name != "CrossModalIndex":
            model.fit(rows)
        again = round_trip(model, path)
        assert type(again) is type(model)
        ask = "query" if name == "CrossModalIndex" else "transform"
        assert same(getattr(model, ask)(rows), getattr(again, ask)(rows)), name


def _is_estimator(thing):
    return inspect.isclass(thing) and issubclass(thing, BaseEstimator)


def test_every_estimator_of_the_package_is_on_the_list():
    """A new class must be listed, or be a base that no model holds."""
    found = set()
    for module in pkgutil.walk_packages(skdcca.__path__, "skdcca."):
        if module.name.startswith(
            ("skdcca.web", "skdcca._cli.demo", "skdcca.plotting", "skdcca.__main__")
        ):
            continue
        for thing in vars(import_module(module.name)).values():
            if _is_estimator(thing) and thing.__module__ == module.name:
                found.add(thing.__name__)
    listed = {name for names in _nodes.CLASSES.values() for name in names}
    assert found - listed == {"BaseCCA", "Encoder", "_Loss", "_Net"}


def test_every_scorer_is_on_the_list():
    listed = _nodes.FUNCTIONS["skdcca.metrics"]
    takes = {
        name
        for name in metrics.__all__
        if list(inspect.signature(getattr(metrics, name)).parameters) == ["estimator", "X", "y"]
    }
    assert takes - {"embed", "pair_scores"} == set(listed) - {"_recall_at_k_score"}
    assert metrics.recall_at_k_scorer(1).func.__name__ in listed


def test_listed_names_are_things_of_those_names():
    for listed in (_nodes.CLASSES, _nodes.FUNCTIONS):
        for module, names in listed.items():
            for name in names:
                assert getattr(import_module(module), name).__name__ == name


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
def test_both_sides_scores_and_predictions(model, views, path):
    X, y = views
    model.fit(X, y)
    again = round_trip(model, path)
    assert same(embed(model, X, y), embed(again, X, y))
    assert same(model.predict(X), again.predict(X))
    assert model.score(X, y) == again.score(X, y)


def test_views_of_more_axes(songs, path):
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


def test_a_stream_goes_on_where_it_was(views, path):
    X, y = views
    streamed = LinearCCA(2).partial_fit(X[:20], y[:20])
    again = round_trip(streamed, path)
    for model in (streamed, again):
        model.partial_fit(X[20:], y[20:])
    assert same(streamed.transform(X), again.transform(X))


def test_a_network_is_trained_on_where_it_was(views, path):
    model = deep(warm_start=True).fit(*views)
    again = round_trip(model, path).fit(*views)
    assert same(model.fit(*views).transform(views[0]), again.transform(views[0]))


@pytest.mark.parametrize("dm", [0, 1])
def test_gensim_is_rebuilt_word_by_word(songs, path, dm):
    lyrics = Doc2VecLyrics(6, dm=dm, epochs=5, random_state=0).fit(songs.lyrics)
    again = round_trip(lyrics, path)
    assert same(lyrics.model_.wv.vectors, again.model_.wv.vectors)
    assert lyrics.model_.wv.key_to_index == again.model_.wv.key_to_index
    word = lyrics.model_.wv.index_to_key[0]
    assert lyrics.model_.wv.most_similar(word) == again.model_.wv.most_similar(word)
    assert same(again.transform(songs.lyrics), lyrics.transform(songs.lyrics))


@pytest.mark.parametrize("settings", [{"hs": 1, "negative": 0}, {"hs": 1, "dm": 1}, {"sample": 0}])
def test_gensim_models_of_other_kinds(songs, tmp_path, path, settings):
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    texts = [TaggedDocument(text.split(), [i]) for i, text in enumerate(songs.lyrics)]
    settings = {"vector_size": 6, "min_count": 1, "epochs": 2, "workers": 1, "seed": 1} | settings
    Doc2Vec(texts, **settings).save(str(tmp_path / "model.d2v"))
    lyrics = Doc2VecLyrics(pretrained=tmp_path / "model.d2v", random_state=0).fit(songs.lyrics)
    again = round_trip(lyrics, path)
    assert same(again.transform(songs.lyrics), lyrics.transform(songs.lyrics))
    assert again.pretrained == str(tmp_path / "model.d2v")


def test_gensim_trees_whose_paths_are_equally_long(tmp_path, path):
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    texts = [TaggedDocument(["one", "two", "three", "four"], [0])]
    settings = {"vector_size": 3, "min_count": 1, "workers": 1, "hs": 1, "negative": 0}
    Doc2Vec(texts, **settings).save(str(tmp_path / "model.d2v"))
    lyrics = Doc2VecLyrics(pretrained=str(tmp_path / "model.d2v"), random_state=0).fit(["one two"])
    assert {len(code) for code in lyrics.model_.wv.expandos["code"]} == {2}
    assert same(round_trip(lyrics, path).transform(["four"]), lyrics.transform(["four"]))


def test_gensim_gets_no_arrays_that_do_not_fit(songs):
    fitted = Doc2VecLyrics(6, epochs=2, random_state=0).fit(songs.lyrics)
    state = fitted.__getstate__()["model_"]
    for name in ("vectors", "outputs", "cum_table", "sample_int", "count"):
        with pytest.raises(ValueError, match=f"{name} of a Doc2Vec has shape"):
            Doc2VecLyrics().__setstate__({"model_": state | {name: state[name][:-1]}})
    with pytest.raises(ValueError, match="cum_table of a Doc2Vec must rise"):
        Doc2VecLyrics().__setstate__({"model_": state | {"cum_table": 0 * state["cum_table"]}})


def test_searches_over_models_with_their_results(songs, path):
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


def test_a_network_of_ones_own_weights(songs, tmp_path, path):
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


def test_an_index_with_its_names_and_notes(views, path):
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


def test_another_process_which_imports_skops_late_answers_the_same(songs, tmp_path):
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
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    found = np.load(tmp_path / "found.npz")
    for name, model in models.items():
        expected = embed(model, X, songs.lyrics if name == "words" else y)
        assert same(expected, (found[f"{name}.skdccax"], found[f"{name}.skdccay"])), name


def test_old_files_load_for_ever():
    answers = np.load(OLD / "answers.npz")
    X, y = answers["X"], answers["y"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* was saved by skdcca", UserWarning)
        models = {file.stem: load(file) for file in OLD.glob("*.skdcca")}
    assert sorted(models) == ["deep", "index", "kernel", "landmarks", "linear"]
    scores, ids = models.pop("index").query(y=y, n_neighbors=3)
    np.testing.assert_allclose(scores, answers["scores"], atol=1e-4)
    np.testing.assert_array_equal(ids, answers["ids"])
    for name, model in models.items():
        found = embed(model, X, answers["lyrics"].tolist() if name == "linear" else y)
        # Other processors and libraries round differently, most of all in the steps of Doc2vec.
        np.testing.assert_allclose(found[0], answers[f"{name}_zx"], atol=1e-4)
        np.testing.assert_allclose(found[1], answers[f"{name}_zy"], atol=1e-3)


def test_fixtures_are_small():
    assert sum(file.stat().st_size for file in OLD.iterdir()) < 300_000


# The file


def test_the_header_says_what_it_is(linear, path):
    save(linear, path, notes={"songs": 12, "measured": {"mrr": 0.5}})
    assert read_header(path) == {
        "format": 1,
        "skdcca": skdcca.__version__,
        "scikit-learn": __import__("sklearn").__version__,
        "class": "skdcca.LinearCCA",
        "notes": {"songs": 12, "measured": {"mrr": 0.5}},
    }


def test_the_same_model_gives_the_same_file(linear, tmp_path):
    for name in "ab":
        save(linear, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as members:
        assert {info.date_time[0] for info in members.infolist()} == {1980}


def test_skops_itself_reads_the_file(linear, views, path):
    save(linear, path)
    names = skops.io.get_untrusted_types(file=path)
    assert names == ["numpy.dtype", "skdcca.LinearCCA"]
    assert same(skops.io.load(path, trusted=names).transform(views[0]), linear.transform(views[0]))


def test_an_array_that_is_held_twice_is_written_once(views, path):
    X, y = views
    weights = np.ones((300, 300))
    once = LinearCCA(2).fit(X, y)
    once.extra_, once.again_ = weights, [weights, (weights,)]
    again = round_trip(once, path)
    assert path.stat().st_size < 1.1 * weights.nbytes
    assert again.extra_ is again.again_[0] is again.again_[1][0]


def test_large_models_are_no_forest_of_nodes(path):
    rng = np.random.default_rng(0)
    words = ["".join(letters) for letters in rng.choice(list("abcdefghij"), (6000, 6))]
    texts = [" ".join(rng.choice(words, 300)) for _ in range(100)]
    # Columns are NumPy integers then.
    model = TfidfVectorizer(max_features=5000).fit(texts)
    again = round_trip(model, path)
    assert (again.transform(texts) != model.transform(texts)).nnz == 0
    assert _n_nodes(path) < 100
    save(Doc2VecLyrics(20, epochs=1, random_state=0).fit(texts), path)
    assert _n_nodes(path) < 100


def _n_nodes(path):
    with zipfile.ZipFile(path) as members:
        return members.read("schema.json").count(b"__loader__")


def test_paths_are_text_and_caches_are_left_behind(songs, tmp_path, path):
    sound = MelSpectrogram(sample_rate=8000, n_mels=8, duration=1.0)
    model = make_pipeline(sound, memory=joblib.Memory(tmp_path / "pipeline", verbose=0))
    sound.set_params(memory=tmp_path / "songs")
    model.fit(songs.audio[:2])
    again = round_trip(model, path)
    assert again.memory is None
    assert again[0].memory is None
    assert sound.memory == tmp_path / "songs"
    assert same(again.transform(songs.audio[:2]), model.transform(songs.audio[:2]))


@pytest.mark.parametrize("notes", [[1], {"array": np.ones(2)}, {1: 2}, "words"])
def test_notes_must_be_json(linear, path, notes):
    with pytest.raises(ValueError, match=r"notes=.* dict of str to what JSON knows"):
        save(linear, path, notes=notes)
    assert not path.exists()


@pytest.mark.parametrize("obj", [LinearCCA, [1], None, np.ones(2)])
def test_only_estimators_are_saved(path, obj):
    with pytest.raises(TypeError, match="must be an estimator"):
        save(obj, path)


def test_other_versions_warn_once(views, path, monkeypatch):
    model = make_pipeline(StandardScaler(), deep())
    search = GridSearchCV(model, {"deepcca__reg": [1e-3]}, cv=2).fit(*views)
    save(search, path)
    monkeypatch.setattr(persistence, "__version__", "99.0")
    monkeypatch.setattr(_base, "__version__", "99.0")
    monkeypatch.setattr(persistence.sklearn, "__version__", "98.0")
    monkeypatch.setattr("sklearn.base.__version__", "98.0")
    with pytest.warns(UserWarning, match="was saved by") as caught:
        load(path)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert f"by skdcca {skdcca.__version__} and scikit-learn" in message
    assert "is loaded by skdcca 99.0 and scikit-learn 98.0" in message
    assert caught[0].filename == __file__


def test_joblib_and_pickle_work_as_before(songs, tmp_path):
    model = LinearCCA(2, y_transformer=Doc2VecLyrics(4, epochs=4, random_state=0))
    model.fit(songs.audio_mood, songs.lyrics)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for again in (pickle.loads(pickle.dumps(model)), mapped, round_trip(mapped, tmp_path / "m")):
        assert same(again.transform_y(songs.lyrics), model.transform_y(songs.lyrics))


# Writing is all or nothing


def test_a_failed_write_leaves_the_old_file(linear, views, path, monkeypatch):
    save(linear, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for target in ("os.replace", "os.fsync", "pathlib.Path.write_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(target, full)
            with pytest.raises(OSError, match=r"No space left.*model\.skdcca") as raised:
                save(KernelCCA(2).fit(*views), path)
            assert raised.value.errno == errno.ENOSPC
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]


def test_file_and_folder_reach_the_disk(linear, path, monkeypatch):
    events = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        "os.fsync", lambda f: (events.append(os.path.isdir(f"/proc/self/fd/{f}")), sync(f))
    )
    monkeypatch.setattr("os.replace", lambda a, b: (events.append("replace"), replace(a, b)))
    save(linear, path)
    assert events == [False, "replace", True]


def test_a_missing_folder_and_a_folder(linear, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/model"):
        save(linear, tmp_path / "nowhere" / "model")
    with pytest.raises(OSError, match=str(tmp_path)):
        save(linear, tmp_path)
    for read in (load, read_header):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            read(tmp_path / "nowhere")
        with pytest.raises(IsADirectoryError, match=str(tmp_path)):
            read(tmp_path)
    assert not list(tmp_path.iterdir())


# What is not on the list


class Own(Encoder):
    def build(self, shape, n_outputs):
        return MLP((4,)).build(shape, n_outputs)


def own_function(x):
    return x + 1


def test_an_encoder_of_ones_own_is_named_and_can_be_trusted(views, path):
    X, y = views
    model = make_pipeline(StandardScaler(), deep(x_encoder=Own())).fit(X, y)
    name = f"{__name__}.Own"
    with pytest.raises(ValueError, match=rf"{name} \(in steps\[1\]\[1\]\.x_encoder\).*trusted"):
        save(model, path)
    assert not path.exists()
    for trusted in ([name], (Own,)):
        save(model, path, trusted=trusted)
        with pytest.raises(ValueError, match=rf"{name} \(in"):
            load(path)
        assert same(load(path, trusted=trusted).transform(X), model.transform(X))


@pytest.mark.parametrize(
    ("trusted", "message"),
    [
        ("my.Own", "must be a list"),
        (Own, "must be a list"),
        (["Own"], "full name"),
        (["a b.c"], "full name"),
        ([3], "must be a name, a class or a function"),
    ],
)
def test_trusted_must_be_full_names(linear, path, trusted, message):
    with pytest.raises(ValueError, match=message):
        save(linear, path, trusted=trusted)


def test_functions_of_ones_own(views, path):
    model = make_pipeline(FunctionTransformer(own_function), LinearCCA(2)).fit(*views)
    with pytest.raises(ValueError, match=rf"{__name__}\.own_function \(in steps\[0\]\[1\]\.func\)"):
        save(model, path)
    again = round_trip(model, path, trusted=[own_function])
    assert same(again.transform(views[0]), model.transform(views[0]))


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
        ({"extra": loop}, "holds itself"),
        ({"extra": DecisionTreeRegressor()}, "DecisionTreeRegressor"),
    ]


@pytest.mark.parametrize(("state", "message"), _refused())
def test_what_would_not_load_is_named_before_it_is_written(path, state, message):
    model = deep()
    vars(model).update(state)
    path.write_text("an old file")
    with pytest.raises(ValueError, match=message):
        save(model, path)
    assert path.read_text() == "an old file"
    assert os.listdir(path.parent) == [path.name]


def test_names_that_lead_elsewhere_are_refused(linear, path):
    fake = type("LinearCCA", (LinearCCA,), {"__module__": "skdcca._cca.linear"})
    with pytest.raises(ValueError, match=r"skdcca\._linear\.LinearCCA"):
        save(fake(), path)


# Files that were made to harm


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module that leaves a mark if it is so much as imported."""
    folder = tmp_path / "path"
    folder.mkdir()
    marker = tmp_path / "it ran"
    code = f"""
open({str(marker)!r}, "a").close()
class Estimator:
    pass
def function(*args):
    open({str(marker)!r}, "a").close()
"""
    (folder / "evil_module.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    return marker


def tampered(path, change=None, header=None, **members):
    """The file with its schema, header or other members changed."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents["schema.json"])
    if change is not None:
        change(schema)
    contents["schema.json"] = json.dumps(schema)
    contents["skdcca.json"] = json.dumps(json.loads(contents["skdcca.json"]) | (header or {}))
    contents |= members
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def node(loader, name, **more):
    module, _, own = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": own, **more}


def text(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value))


def items(*values, loader="ListNode", name="builtins.list"):
    return node(loader, name, content=list(values))


def mapping(content, key_types=None, name="builtins.dict"):
    kinds = [node("TypeNode", "builtins.str")] * len(content) if key_types is None else key_types
    return node("DictNode", name, key_types=items(*kinds), content=content)


def call(marker):
    return items(text(f"touch '{marker}'"), loader="TupleNode", name="builtins.tuple")


ATTACKS = {
    "function os.system": lambda m: node("FunctionNode", "os.system"),
    "function posix.system": lambda m: node("FunctionNode", "posix.system"),
    "function builtins.eval": lambda m: node("FunctionNode", "builtins.eval"),
    "function numpy.load": lambda m: node("FunctionNode", "numpy.load"),
    "function sklearn.datasets.load_files": lambda m: node(
        "FunctionNode", "sklearn.datasets.load_files"
    ),
    "function skdcca._lyrics.doc2vec._load_pretrained": lambda m: node(
        "FunctionNode", "skdcca._lyrics.doc2vec._load_pretrained"
    ),
    "function evil_module.function": lambda m: node("FunctionNode", "evil_module.function"),
    "type builtins.eval": lambda m: node("TypeNode", "builtins.eval"),
    "type evil_module.Estimator": lambda m: node("TypeNode", "evil_module.Estimator"),
    "type numpy.void": lambda m: node("TypeNode", "numpy.void"),
    "partial posix.system": lambda m: node(
        "PartialNode",
        "functools.partial",
        content={
            "func": node("FunctionNode", "posix.system"),
            "args": call(m),
            "kwds": mapping({}),
            "namespace": text(None),
        },
    ),
    "method skdcca.LinearCCA": lambda m: node(
        "MethodNode",
        "skdcca.LinearCCA",
        content={"func": "fit", "obj": node("ObjectNode", "skdcca.LinearCCA")},
    ),
    "operator.methodcaller": lambda m: node(
        "OperatorFuncNode", "operator.methodcaller", attrs=call(m)
    ),
    "reduce posix.system": lambda m: node(
        "ReduceNode", "posix.system", __reduce__={"args": call(m)}, content=text(None)
    ),
    "constructor subprocess.Popen": lambda m: node(
        "ConstructorFromReduceNode", "subprocess.Popen", content=call(m)
    ),
    "loss evil_module.Estimator": lambda m: node(
        "LossNode", "evil_module.Estimator", __reduce__={"args": call(m)}, content=text(None)
    ),
    "tree sklearn.tree._tree.Tree": lambda m: node(
        "TreeNode", "sklearn.tree._tree.Tree", __reduce__={"args": call(m)}, content=text(None)
    ),
    "object evil_module.Estimator": lambda m: node("ObjectNode", "evil_module.Estimator"),
    "object joblib.memory.Memory": lambda m: node("ObjectNode", "joblib.memory.Memory"),
    "object sklearn.svm.SVC": lambda m: node("ObjectNode", "sklearn.svm.SVC"),
    "object sklearn.base.BaseEstimator": lambda m: node("ObjectNode", "sklearn.base.BaseEstimator"),
    "object skdcca.encoders.Encoder": lambda m: node("ObjectNode", "skdcca.encoders.Encoder"),
    "object skdcca._audio.mel_cnn._VGG": lambda m: node("ObjectNode", "skdcca._audio.mel_cnn._VGG"),
    "object skdcca.LinearCCA.fit": lambda m: node("ObjectNode", "skdcca.LinearCCA.fit"),
    "object gensim.models.doc2vec.Doc2Vec": lambda m: node(
        "ObjectNode", "gensim.models.doc2vec.Doc2Vec"
    ),
    "list evil_module.Estimator": lambda m: items(name="evil_module.Estimator"),
    "list builtins.map": lambda m: items(text(1), name="builtins.map"),
    "tuple evil_module.Estimator": lambda m: items(loader="TupleNode", name="evil_module.Estimator"),
    "dict evil_module.Estimator": lambda m: mapping({}, name="evil_module.Estimator"),
    "array evil_module.Estimator": lambda m: node(
        "NdArrayNode", "evil_module.Estimator", type="json", content=[], shape=text(1)
    ),
    "keys builtins.eval": lambda m: mapping({"1": text(1)}, [node("TypeNode", "builtins.eval")]),
    "keys builtins.bool": lambda m: mapping({"1": text(1)}, [node("TypeNode", "builtins.bool")]),
    "keys numpy.exp": lambda m: mapping({"1": text(1)}, [node("FunctionNode", "numpy.exp")]),
    "generator numpy.random._generator.Generator": lambda m: node(
        "RandomGeneratorNode", "numpy.random._generator.Generator", content={}
    ),
    "sparse scipy.sparse.csr_matrix": lambda m: node(
        "SparseMatrixNode", "scipy.sparse.csr_matrix", type="scipy", file="1.npy"
    ),
    "nested evil_module.Estimator": lambda m: items(
        items(node("ObjectNode", "skdcca.encoders.MLP", content=mapping({"a": items(
            node("ObjectNode", "evil_module.Estimator"))})))
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ATTACKS)
@pytest.mark.parametrize("place", ["attribute", "root"])
def test_nothing_of_a_harmful_file_runs(linear, path, evil, kind, place):
    save(linear, path)
    attack = ATTACKS[kind](evil)

    def change(schema):
        if place == "attribute":
            return _set(schema, "reg", attack)
        schema.clear()
        return schema.update(attack, protocol=2)

    tampered(path, change)
    name = kind.split()[-1].rpartition(".")[2]
    with pytest.raises(ValueError, match=name) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert not evil.exists(), "code of the file ran"
    assert "evil_module" not in sys.modules


def _set(schema, name, value):
    state = schema["content"]
    if name not in state["content"]:
        state["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    state["content"][name] = value


def test_the_attacks_would_work_were_they_not_refused(linear, path, evil, monkeypatch):
    """Otherwise the test above shows nothing."""
    save(linear, path)
    tampered(
        path, lambda schema: _set(schema, "reg", ATTACKS["object evil_module.Estimator"](evil))
    )
    skops.io.load(path, trusted=["skdcca.LinearCCA", "numpy.dtype", "evil_module.Estimator"])
    assert evil.exists()
    del sys.modules["evil_module"]


@pytest.mark.parametrize("module", ["pipeline", "compose"])
def test_modules_named_like_those_of_scikit_learn_are_not_imported(linear, path, evil, module):
    shutil.copy(evil.parent / "path" / "evil_module.py", evil.parent / "path" / f"{module}.py")
    save(linear, path)
    attack = node("ObjectNode", f"{module}.Estimator")
    with pytest.raises(ValueError, match=rf"{module}\.Estimator \(in reg\)"):
        load(tampered(path, lambda schema: _set(schema, "reg", attack)))
    assert not evil.exists(), "code of the file ran"


def test_methods_that_a_file_names_are_not_called(linear, path, evil):
    """What takes a name of a method, and calls it when a model transforms or scores."""
    scorer = _changed(make_scorer(np.add), {"_response_method": "fit"})
    pretrained = Doc2VecLyrics(pretrained=str(evil))
    for harm in (scorer, make_pipeline(FunctionTransformer(partial(scorer, pretrained)), linear)):
        search = GridSearchCV(linear, {"reg": [1]}, scoring=harm)
        with pytest.raises(ValueError, match=r"_Scorer has numbers that do not fit, or a strange"):
            save(search, path)
    for name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        save(linear, path)
        attack = node("ObjectNode", f"sklearn.model_selection.{name}")
        with pytest.raises(ValueError, match=name):
            load(tampered(path, lambda schema, attack=attack: _set(schema, "reg", attack)))


def test_names_of_a_file_do_not_steer_the_terminal(linear, path):
    save(linear, path)
    tampered(path, lambda s: _set(s, "reg", node("ObjectNode", "a\x1b[31m\n.b")))
    with pytest.raises(ValueError, match="not on the list") as raised:
        load(path)
    assert str(raised.value).isprintable()
    assert r"a\x1b[31m\n.b" in str(raised.value)


def _encoder(**attributes):
    return _changed(OneHotEncoder(sparse_output=False).fit([[1], [2], [3]]), attributes)


def _changed(model, attributes):
    vars(model).update(attributes)
    return model


def _vectorizer(model=None, **attributes):
    return _changed((model or TfidfVectorizer()).fit(["one two"]), attributes)


# Each of them crashed the process, or wrote past the end of an array, when it transformed.
BEYOND = {
    "columns": _encoder(_n_features_outs=[1]),
    "too few columns": _encoder(_n_features_outs=[]),
    "categories": _encoder(categories_=[np.array([3.0, 1.0, 2.0])]),
    "dropped": _encoder(_drop_idx_after_grouping=np.array([5], dtype=object), _n_features_outs=[2]),
    "infrequent": _encoder(
        _infrequent_enabled=True,
        _infrequent_indices=[np.array([0])],
        _default_to_infrequent_mappings=[np.array([0, 10**8, 1])],
    ),
    "unknown": _encoder(
        _infrequent_enabled=True,
        _infrequent_indices=[np.array([10**8])],
        _default_to_infrequent_mappings=[None],
    ),
    "in a masked array": StandardScaler(
        with_mean=np.ma.masked_array([_encoder(_n_features_outs=[1])], mask=[True], dtype=object)
    ),
    "an array of numbers of columns": _encoder(_n_features_outs=np.array([3])),
    "nested": make_pipeline(FeatureUnion([("a", _encoder(_n_features_outs=[1]))])),
    "in a function": FunctionTransformer(partial(np.add, _encoder(_n_features_outs=[1]))),
    "in an array": StandardScaler(with_mean=np.array([_encoder(_n_features_outs=[1])])),
    "words": _vectorizer(vocabulary_={"one": 10**8, "two": 1}),
    "words twice": _vectorizer(CountVectorizer(), vocabulary_={"one": 1, "two": 1}),
    "keys": _changed(DictVectorizer().fit([{"a": 1}]), {"vocabulary_": {"a": -1}}),
    "no columns": HashingVectorizer(n_features=0),
    "no columns of dicts": FeatureHasher(n_features=0),
}


@pytest.mark.parametrize("kind", BEYOND)
def test_numbers_that_point_outside(path, kind):
    with pytest.raises(ValueError, match=r"numbers that do not fit|damaged"):
        save(BEYOND[kind], path)


def test_a_list_of_names_is_given_at_once(linear, path, evil):
    save(linear, path)

    def change(schema):
        _set(schema, "reg", items(*(ATTACKS[kind](evil) for kind in ATTACKS)))

    with pytest.raises(ValueError, match="evil_module") as raised:
        load(tampered(path, change))
    for name in ("posix.system", "builtins.eval", "evil_module.Estimator", "joblib.memory.Memory"):
        assert name in str(raised.value)
    assert not evil.exists()


def test_a_pickle_of_another_name(path, evil):
    class Harm:
        def __reduce__(self):
            return os.system, (f"touch '{evil}'",)

    for protocol in range(2, 6):
        path.write_bytes(pickle.dumps(Harm(), protocol=protocol))
        for read in (load, read_header):
            with pytest.raises(ValueError, match=r"a pickle.*joblib\.load.*only if you trust"):
                read(path)
    assert not evil.exists()


def _reference(number, **more):
    return {"__loader__": "CachedNode", "__module__": None, "__class__": None} | {
        "__id__": number, **more
    }  # fmt: skip


def _redefine(schema):
    """One number for what is checked and for what would be built in its place."""
    schema["content"]["__id__"] = 900
    _set(schema, "first", {**items(node("FunctionNode", "numpy.exp")), "__id__": 901})
    keys = {**items(node("TypeNode", "builtins.str")), "__id__": 901}
    _set(schema, "second", {**mapping({"1": text(1)}), "key_types": keys})


def _refer(schema):
    _set(schema, "first", {**items(node("FunctionNode", "numpy.exp")), "__id__": 901})
    keys = _reference(901, content=[node("TypeNode", "builtins.str")])
    _set(schema, "second", {**mapping({"1": text(1)}), "key_types": keys})


def _refer_to_state(schema):
    """A random state that is checked here, in place of which another would be built."""
    honest, real = _random_state(text(1)), _random_state(text(100_000))
    _set(schema, "first", {**real["content"], "__id__": 901})
    honest["content"] |= _reference(901)
    _set(schema, "second", honest)


def _hide_memory(schema):
    _set(schema, "first", node("JsonNode", "builtins.str", content='"folder"', __id__=901))
    _set(schema, "memory", _reference(901))


def _random_state(pos):
    state = {"key": items(), "pos": pos, "state": text(1)}
    return node(
        "RandomStateNode",
        "numpy.random.RandomState",
        content=mapping({"bit_generator": text("MT19937"), "state": mapping(state)}),
    )


def _hold_itself(schema):
    _set(schema, "reg", {**items(_reference(902)), "__id__": 902})


def _nest(schema):
    inner = text(1)
    for _ in range(3000):
        inner = (
            f'{{"__loader__": "ListNode", "__module__": "", "__class__": "", "content": [{inner}]}}'
        )
    return inner


def _array_of(schema):
    return next(v for v in schema["content"]["content"].values() if v.get("file"))


def _again_and_again(schema):
    """Few nodes that stand for 2**40 when they are printed."""
    _set(schema, "a0", {**items(text(1), text(2)), "__id__": 900})
    for i in range(1, 40):
        last = _reference(899 + i)
        _set(schema, f"a{i}", {**items(last, last), "__id__": 900 + i})


def _masked(data):
    mask = node("NdArrayNode", "numpy.ndarray", type="json", content=[], shape=_shape(0))
    content = {"data": data, "mask": mask}
    return node("MaskedArrayNode", "numpy.ma.MaskedArray", content=content)


def _shape(*lengths):
    return items(*map(text, lengths), loader="TupleNode", name="builtins.tuple")


def _partial(**parts):
    whole = {"func": node("FunctionNode", "numpy.exp"), "args": _shape()}
    whole |= {"kwds": mapping({}), "namespace": text(None)}
    return node("PartialNode", "functools.partial", content=whole | parts)


def _table(*lengths):
    return node(
        "NdArrayNode",
        "numpy.ndarray",
        type="json",
        content=[node("ObjectNode", "skdcca.LinearCCA")],
        shape=_shape(*lengths),
    )


# What NumPy would take for an array of four numbers at that address.
ADDRESS = {"data": _shape(8, False), "shape": _shape(4), "typestr": text("<f8"), "version": text(3)}

DAMAGES = {
    "an address": (
        lambda s: _set(s, "__array_interface__", mapping(ADDRESS)),
        "in the place of methods: __array_interface__",
    ),
    "a method": (
        lambda s: _set(s, "transform", node("FunctionNode", "numpy.exp")),
        r"skdcca\.LinearCCA has attributes in the place of methods: transform",
    ),
    "a mask of a thing": (
        lambda s: _set(s, "reg", _masked(node("ObjectNode", "skdcca.LinearCCA"))),
        r"reg\.data is no NdArrayNode",
    ),
    "a table of things": (lambda s: _set(s, "reg", _table(1, 1)), "more than one dimension"),
    "a point of a thing": (lambda s: _set(s, "reg", _table()), "more than one dimension"),
    "keywords of a thing": (
        lambda s: _set(s, "reg", _partial(kwds=node("ObjectNode", "skdcca.LinearCCA"))),
        r"reg\.kwds is no DictNode",
    ),
    "arguments of a thing": (
        lambda s: _set(s, "reg", _partial(args=node("ObjectNode", "skdcca.LinearCCA"))),
        r"reg\.args is no TupleNode",
    ),
    "a partial function with attributes": (
        lambda s: _set(s, "reg", _partial(namespace=text({"a": 1}))),
        "has attributes",
    ),
    "the same again and again": (_again_and_again, "again and again"),
    "no object": (lambda s: s.update(items()), r"holds a builtins\.list"),
    "an object number defined twice": (_redefine, "number 901 more than once"),
    "keys by reference": (_refer, "have no types"),
    "a reference that says more": (
        lambda s: s["content"].update(_reference(901, content=[], key_types=[])),
        "no dict",
    ),
    "a state by reference": (_refer_to_state, "holds more than a number"),
    "a number that is none": (lambda s: s.update(__id__=1.0), "number 1.0"),
    "an unknown number": (lambda s: _set(s, "reg", _reference(999)), "damaged"),
    "a reference to itself": (_hold_itself, "holds itself"),
    "keys without types": (lambda s: s["content"]["key_types"]["content"].pop(), "no types"),
    "a folder for pickles": (lambda s: _set(s, "memory", text("folder")), "cache folder"),
    "a hidden folder": (_hide_memory, "cache folder"),
    "a random state out of bounds": (
        lambda s: _set(s, "reg", _random_state(text(100_000))),
        "points outside",
    ),
    "a slice of texts": (
        lambda s: _set(s, "reg", node("SliceNode", "builtins.slice", content={"start": "a"})),
        "slice",
    ),
    "no class": (lambda s: s.pop("__class__"), "damaged"),
    "no content": (lambda s: s["content"].pop("content"), "damaged"),
    "a list for a state": (lambda s: s.update(content=items()), "no dict"),
    "an old protocol": (lambda s: s.update(protocol=0), "version 0"),
    "a protocol to come": (lambda s: s.update(protocol=99), "update skops"),
    "a protocol that is none": (lambda s: s.update(protocol="2"), "damaged"),
    "another class": (lambda s: s.update(__class__="KernelCCA"), r"holds a skdcca\.KernelCCA"),
    "an array read twice": (
        lambda s: _set(s, "reg", {**_array_of(s), "__id__": 990}),
        "read more than once",
    ),
    "an array that is not there": (lambda s: _array_of(s).update(file="x.npy"), "damaged"),
    "an array outside": (lambda s: _array_of(s).update(file="/etc/passwd"), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_schemas_that_are_none(linear, path, damage):
    save(linear, path)
    change, message = DAMAGES[damage]
    with pytest.raises(ValueError, match=message):
        load(tampered(path, change))


def _npy(array=None, shape=None, dtype="<f8", body=b""):
    buffer = io.BytesIO()
    if array is not None:
        np.save(buffer, array, allow_pickle=True)
    else:
        header = {"shape": shape, "fortran_order": False, "descr": dtype}
        np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + body


@pytest.mark.parametrize(
    "content",
    [
        _npy(shape=(10**12,)),
        _npy(shape=(2,), body=b"12345678"),
        _npy(shape=(-1,), body=b""),
        _npy(shape=(10**15,), dtype="<U0"),
        _npy(np.array([print], dtype=object)),
        _npy(np.zeros(2, dtype=[("a", int)])),
        _npy(np.ones(2)) + b"more",
        pickle.dumps(print),
        b"",
        b"PK\x03\x04",
    ],
)
def test_arrays_that_are_none(linear, path, content):
    save(linear, path)
    with pytest.raises(ValueError, match=r"array|damaged"):
        load(tampered(path, **{"1.npy": content}))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"format": 2, "skdcca": "3.1"}, r"format 2, by skdcca 3\.1.*install a newer"),
        ({"format": 0}, "not what skdcca.save writes"),
        ({"format": "1"}, "not what skdcca.save writes"),
        ({"notes": 3}, "not what skdcca.save writes"),
        ({"class": None}, "not what skdcca.save writes"),
        ({"skdcca": "1\x1b[0m"}, "not what skdcca.save writes"),
        ({"scikit-learn": [1]}, "not what skdcca.save writes"),
    ],
)
def test_headers_that_are_none(linear, path, header, message):
    save(linear, path)
    tampered(path, header=header)
    for read in (load, read_header):
        with pytest.raises(ValueError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n123", "a PNG image"),
        (b"some words", "no file that skdcca.save wrote"),
        (b"\x78\x9c1234", r"compressed pickle.*joblib\.load"),
        (b"PK\x03\x04" + 100 * b"x", "cut off or damaged"),
    ],
)
def test_files_of_other_kinds(path, content, message):
    path.write_bytes(content)
    for read in (load, read_header):
        with pytest.raises(ValueError, match=message) as raised:
            read(path)
        assert str(path) in str(raised.value)


def test_files_of_skops_and_torch(linear, path):
    skops.io.dump(StandardScaler(), path)
    with pytest.raises(ValueError, match=r"a zip file without skdcca\.json"):
        load(path)


def test_every_cut_is_noticed(linear, path):
    save(linear, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=str(path)):
            load(path)


def test_changed_bytes_are_an_error_or_change_nothing_else(linear, path):
    save(linear, path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 53):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert type(load(path)) is LinearCCA
        except (ValueError, OSError) as error:
            assert str(path) in str(error)  # noqa: PT017


def _rewritten(path, compression=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(path) as archive:
        contents = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in [*contents, *extra]:
            archive.writestr(name, content)
    return path


def test_bombs_do_not_go_off(linear, path):
    save(linear, path)
    bomb = bytes(10**8)
    with pytest.raises(ValueError, match="compressed or encrypted"):
        load(_rewritten(path, zipfile.ZIP_DEFLATED, [("bomb", bomb)]))
    save(linear, path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        _rewritten(path, extra=[("schema.json", b"{}")])
    with pytest.raises(ValueError, match="two members of one name"):
        load(path)
    # A directory that says more than there is.
    for sizes in [(10**9, 10**9), (10, 10**9)]:
        save(linear, path)
        content = bytearray(path.read_bytes())
        at = content.rindex(b"PK\x01\x02") + 20
        content[at : at + 8] = b"".join(size.to_bytes(4, "little") for size in sizes)
        path.write_bytes(content)
        with pytest.raises(ValueError, match="larger than the file"):
            load(path)


def test_members_that_lead_out_of_the_folder_are_never_written(linear, path, tmp_path):
    save(linear, path)
    load(_rewritten(path, extra=[("../../out", b"x"), ("/tmp/out", b"x")]))
    assert os.listdir(tmp_path) == [path.name]


def test_deep_nesting_is_an_error(linear, path):
    save(linear, path)
    shutil.copy(path, f"{path}.copy")
    nested = "[" * 100_000 + "]" * 100_000
    with pytest.raises(ValueError, match="too many things in each other"):
        load(tampered(path, **{"schema.json": nested}))


def test_a_trusted_module_that_is_missing_is_named(linear, path):
    save(linear, path)
    tampered(path, lambda s: _set(s, "reg", node("ObjectNode", "no_such_module.Thing")))
    with pytest.raises(ValueError, match="No module named 'no_such_module'"):
        load(path, trusted=["no_such_module.Thing"])


def test_a_file_of_a_list_is_none(linear, path):
    save(linear, path)
    tampered(path, lambda s: s.update(items()), header={"class": "builtins.list"})
    with pytest.raises(ValueError, match=r"holds a builtins\.list"):
        load(path)


@pytest.fixture(scope="module")
def index(views):
    X, y = views
    metadata = [{"row": i} for i in range(N)]
    return CrossModalIndex(LinearCCA(2).fit(X, y)).fit(X, y, metadata=metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata_": "no JSON"}, "Expecting value"),
        ({"metadata_": "[]"}, r"40 ids_ and \{0\}"),
        ({"metadata_": json.dumps(N * [1])}, "must be dicts"),
        ({"metadata_": {}}, "must be str"),
        ({"ids_": np.array(N * ["a"], dtype=object)}, "ids_ of a CrossModalIndex"),
        ({"ids_": np.zeros((N, 2), int)}, "ids_ of a CrossModalIndex"),
        ({"ids_": list(range(N))}, "ids_ of a CrossModalIndex"),
        ({"zx_": "words"}, "must be tables of numbers"),
        ({"zx_": np.zeros(N)}, "must be tables of numbers"),
        ({"zy_": np.zeros((N, 2), dtype="U1")}, "must be tables of numbers"),
        ({"zy_": np.zeros((N + 1, 2))}, r"40 ids_ and \{41\}"),
        ({"neighbors": make_pipeline(Doc2VecLyrics(pretrained="a pickle"))}, "neighbors of a"),
        ({"_searches": {"x": LinearCCA()}}, "neighbors of a"),
    ],
)
def test_states_that_are_no_index(index, change, message):
    state = index.__getstate__() | change
    with pytest.raises((ValueError, TypeError), match=message):
        CrossModalIndex(None).__setstate__(state)


@pytest.mark.parametrize(
    "change",
    [
        {"centroids_": np.zeros((3, 4), np.float32)},
        {"codebook_": np.zeros((1, 1), np.float32)},
        {"codebook_": np.zeros((4, 16))},
        {"codebook_": "words"},
        {"_vectors": np.zeros((10, 4), np.float32)},
        {"_vectors": np.zeros((100, 400), np.float32)},
        {"n_samples_fit_": 10**12},
        {"n_lists_": 10**12},
        {"n_features_in_": 10**6},
    ],
    ids=str,
)
def test_faiss_gets_no_arrays_that_do_not_fit(change):
    pytest.importorskip("faiss")
    vectors = np.random.default_rng(0).normal(size=(100, 4))
    state = FaissNeighbors().fit(vectors).__getstate__()
    with pytest.raises(ValueError, match=r"\w+_ of FaissNeighbors|_vectors of FaissNeighbors"):
        FaissNeighbors().__setstate__(state | change)


@pytest.mark.parametrize("path", [None, 5, b"model"])
def test_what_is_no_path_is_named(path):
    model = LinearCCA().fit(np.eye(4), np.eye(4)[::-1])
    for call in (lambda: save(model, path), lambda: load(path), lambda: read_header(path)):
        with pytest.raises(TypeError, match=r"path=.*; it must be the name of a file"):
            call()


def test_notes_and_trusted_of_wrong_types_are_named(tmp_path):
    model = LinearCCA().fit(np.eye(4), np.eye(4)[::-1])
    with pytest.raises(ValueError, match="notes="):
        save(model, tmp_path / "model", notes={"a": np.nan})
    with pytest.raises(ValueError, match="trusted=5; it must be a list"):
        save(model, tmp_path / "model", trusted=5)
    assert not list(tmp_path.iterdir())
