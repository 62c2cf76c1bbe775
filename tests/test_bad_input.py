"""Bad input of every kind to everything public: refused early, by name and with a remedy, or survived.

A case of `REFUSED` says what error is raised and what its message must hold: the culprit (argument and
value, file or row), then the remedy. Unless it is `late`, nothing that costs time may run before.
A case of `FINE` is unusual and legitimate: its result is finite and of the shape given.
"""

import csv
import os
import re
import struct
import tracemalloc
import warnings
from collections import namedtuple
from inspect import signature
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile
from sklearn.exceptions import NotFittedError

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
    canonical_correlation_test,
    metrics,
)
from skdcca._cli import main
from skdcca.datasets import load_songs, make_songs

RATE = 22050
# Older versions of soundfile cannot be asked for an mp3 of constant rate.
CONSTANT_RATE = "compression_level" in signature(soundfile.write).parameters
LYRICS = ["la la love you", "sing a song of love", "love me do", "the song and the dance"] * 3
# What a PNG, a pickle and a table in Latin-1 begin with.
PNG, PICKLE, LATIN = b"\x89PNG\r\n\x1a\n" + bytes(200), b"\x80\x04K\x01.", "für".encode("latin-1")


def noise(n=RATE // 2, seed=0):
    return (0.1 * np.random.default_rng(seed).normal(size=n)).astype(np.float32)


def flac_that_claims(path, seconds):
    """A second of sound, whose header tells of more: its samples are the last 36 of 64 bits."""
    soundfile.write(path, noise(RATE), RATE, format="FLAC")
    content = bytearray(path.read_bytes())
    head = int.from_bytes(content[18:26], "big")
    content[18:26] = (head & ~(2**36 - 1) | seconds * RATE).to_bytes(8, "big")
    path.write_bytes(content)


def wav_that_claims(path, n_bytes):
    soundfile.write(path, noise(), RATE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", n_bytes)
    path.write_bytes(content)


def write_table(path, rows, columns=("audio", "lyrics")):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Folder with one file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    for name, content in {"empty.wav": b"", "png.wav": PNG, "sound.raw": bytes(99)}.items():
        (folder / name).write_bytes(content)
    for i in range(12):
        soundfile.write(folder / f"good{i}.wav", noise(seed=i), RATE)
    broken = noise()
    broken[5000] = np.nan
    sounds = {
        "none": noise(0),
        "one": noise(1),
        "silent": np.zeros(RATE // 2),
        "eight": np.tile(noise()[:, None], 8),
    }
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.wav", sound, RATE)
    soundfile.write(folder / "nan.wav", broken, RATE, subtype="FLOAT")
    soundfile.write(folder / "loud.wav", 1e30 * noise().astype(float), RATE, subtype="FLOAT")
    soundfile.write(folder / "eight_bits.wav", noise(), RATE, subtype="PCM_U8")
    soundfile.write(folder / "fast.wav", noise(96000), 192000)
    soundfile.write(folder / "whole.flac", noise(4 * RATE), RATE)
    constant = {"compression_level": 0.0} if CONSTANT_RATE else {}
    soundfile.write(folder / "whole.mp3", noise(8 * RATE), 2 * RATE, **constant)
    for kind in ("aiff", "au"):
        soundfile.write(folder / f"whole.{kind}", noise(), RATE)
    for name in ("whole.flac", "whole.mp3", "good0.wav", "whole.aiff", "whole.au"):
        content = (folder / name).read_bytes()
        (folder / f"cut_{name}").write_bytes(content[: len(content) // 2])
    flac_that_claims(folder / "ten_hours.flac", 36000)
    wav_that_claims(folder / "ten_hours.wav", RATE * 2 * 36000)
    wav_that_claims(folder / "streamed.wav", 2**32 - 1)  # as ffmpeg writes into a pipe
    (folder / "folder.wav").mkdir()
    (folder / "link.wav").symlink_to(folder / "nowhere.wav")
    (folder / "latin.csv").write_bytes(b"audio,lyrics\ngood0.wav," + LATIN)
    (folder / "nothing.csv").write_bytes(b"")
    (folder / "header.csv").write_text("audio,lyrics\n")
    (folder / "columns.csv").write_text("file,text\ngood0.wav,la\n")
    (folder / "pickle.skdcca").write_bytes(PICKLE)
    return folder


@pytest.fixture(scope="module")
def world(files, tmp_path_factory):
    """What the cases need: views, models fitted to them, an index, files, and what the command made."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    y = X[:, :2] + rng.normal(size=(30, 2))
    linear = LinearCCA(1).fit(X, y)
    folder = tmp_path_factory.mktemp("made")
    model = str(folder / "model.skdcca")
    rows = [(files / f"good{i}.wav", text) for i, text in enumerate(LYRICS)]
    table = write_table(folder / "songs.csv", rows)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("SKDCCA_CACHE", str(folder / "cache"))
        assert main(["fit", table, "-o", model, "--quiet"]) == 0
        assert main(["index", model, table, "-o", str(folder / "songs.index"), "--quiet"]) == 0
    bad = X.copy()
    bad[3, 1] = np.nan
    return SimpleNamespace(
        X=X,
        y=y,
        X_nan=bad,
        y_inf=np.where(np.arange(60).reshape(30, 2) == 7, np.inf, y),
        linear=linear,
        index=CrossModalIndex(linear).fit(X, y, ids=[f"song{i}" for i in range(30)]),
        faiss=FaissNeighbors().fit(X),
        words=Doc2VecLyrics(4, epochs=2, random_state=0).fit(LYRICS),
        files=files,
        file=lambda name: str(files / name),
        folder=folder,
        table=table,
        model=model,
        songs_index=str(folder / "songs.index"),
    )


@pytest.fixture
def no_work(monkeypatch):
    """Let everything that costs time fail."""

    def work(*args, **kwargs):
        raise AssertionError("work was done before the input was checked")

    for name in (
        "librosa.stft",
        "librosa.feature.melspectrogram",
        "gensim.models.doc2vec.Doc2Vec.train",
        "skdcca._cca.linear.leading_svd",
        "skdcca._cca.kernel.leading_svd",
        "skdcca._deep.estimator.train",
        "skdcca.inference._permutation.linalg.svd",
        "skdcca.datasets._planted.synthesise",
        "skdcca.persistence._write",
    ):
        monkeypatch.setattr(name, work)


Case = namedtuple("Case", "name call error culprit remedy late", defaults=("", False))

VIEWS = [
    (LinearCCA, {}),
    (KernelCCA, {}),
    (DeepCCA, {"max_epochs": 1, "random_state": 0}),
]
OF_VIEWS = [
    ("NaN in X", lambda w: (w.X_nan, w.y), ValueError, "Input X contains NaN", "imputer"),
    ("infinity in y", lambda w: (w.X, w.y_inf), ValueError, "Input y contains infinity", ""),
    ("another length", lambda w: (w.X, w.y[:9]), ValueError, "X has 30 .* y has 9", "same sample"),
    ("no rows", lambda w: (w.X[:0], w.y[:0]), ValueError, "0 sample", "minimum of 2"),
    ("one row", lambda w: (w.X[:1], w.y[:1]), ValueError, "1 sample", "minimum of 2"),
    ("one axis", lambda w: (w.X[:, 0], w.y), ValueError, "1D array", "reshape"),
    ("no X", lambda w: (None, w.y), ValueError, "X is None", "needs the first view"),
    ("no y", lambda w: (w.X, None), ValueError, "y is None", "the second view"),
    (
        "text as X",
        lambda w: (LYRICS[:2], w.y[:2]),
        ValueError,
        "X holds text .*la la",
        "step before",
    ),
    ("text as y", lambda w: (w.X[:3], LYRICS[:3]), ValueError, "y holds text", "Doc2VecLyrics"),
    (
        "an array of text as y",
        lambda w: (w.X[:3], np.array(LYRICS[:3])),
        ValueError,
        "y holds text .*la la",
        "Doc2VecLyrics",
    ),
    ("complex X", lambda w: (w.X + 1j, w.y), ValueError, "Complex data not supported", ""),
]
OF_MODELS = [
    ({"n_components": 0}, "n_components=0", "from 1"),
    ({"n_components": "2"}, "n_components='2'", "whole number"),
    ({"n_components": 99}, "n_components=99", "at most"),
    ({"reg": -1.0}, "reg=-1.0", "from 0"),
    ({"reg": "a"}, "reg='a'", "number"),
]
PARAMETERS = [
    (LinearCCA, {"reg": True}, "reg=True", "finite number"),
    (LinearCCA, {"reg": (1, 2, 3)}, r"reg=\(1, 2, 3\)", "a pair"),
    (LinearCCA, {"similarity": "dot"}, "similarity='dot'", "cosine"),
    (KernelCCA, {"kernel": "rgb"}, "kernel='rgb'", "rbf"),
    (KernelCCA, {"gamma": 0}, "gamma=0", "above 0"),
    (KernelCCA, {"approximation": "x"}, "approximation='x'", "nystroem"),
    (KernelCCA, {"approximation": "rff", "random_state": "a"}, "'a'", "seed"),
    (KernelCCA, {"n_landmarks": 0}, "n_landmarks=0", "from 1"),
    (DeepCCA, {"loss": "x"}, "loss='x'", "infonce"),
    (DeepCCA, {"lr": 0}, "lr=0", "above 0"),
    (DeepCCA, {"max_epochs": 1.5}, "max_epochs=1.5", "whole number"),
    (DeepCCA, {"validation_fraction": 1}, "validation_fraction=1", "below 1"),
    (DeepCCA, {"x_encoder": "mlp"}, "x_encoder='mlp'", "MLP"),
    (DeepCCA, {"batch_size": 1}, "batch_size=1", "from 2"),
    (DeepCCA, {"device": "gpu"}, "device='gpu'", "cuda"),
]


class Untouchable:
    """A transformer of lyrics that takes hours."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        raise AssertionError("lyrics were transformed before the parameters were checked")

    transform = fit_transform = fit


def fitting(model, parameters):
    return lambda w: model(**parameters, y_transformer=Untouchable()).fit(
        w.X, LYRICS * 2 + LYRICS[:6]
    )


def of_models():
    for model, base in VIEWS:
        name = model.__name__
        for what, views, *expected in OF_VIEWS:

            def call(w, model=model, base=base, views=views):
                return model(**base).fit(*views(w))

            yield Case(f"{name}, {what}", call, *expected)
        for parameters, culprit, remedy in OF_MODELS:
            call = fitting(model, base | parameters)
            yield Case(f"{name}, {parameters}", call, ValueError, culprit, remedy)
        for wrong in ("a", Doc2VecLyrics):

            def call(w, m=model, b=base, t=wrong):
                return m(**b, y_transformer=t).fit(w.X, w.y)

            shown = getattr(wrong, "__name__", wrong)
            yield Case(
                f"{name}, y_transformer={shown}", call, TypeError, "y_transformer=.*", "transformer"
            )
        yield Case(
            f"{name}, not fitted",
            lambda w, model=model: model().transform(w.X),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )
    for model, parameters, culprit, remedy in PARAMETERS:
        call = fitting(model, parameters)
        yield Case(f"{model.__name__}, {parameters}", call, ValueError, culprit, remedy)


MODELS = [
    *of_models(),
    Case(
        "constant X",
        lambda w: LinearCCA().fit(np.ones((30, 3)), w.y),
        ValueError,
        "every column of X is constant",
        "nothing to correlate",
    ),
    Case(
        "constant y of a kernel",
        lambda w: KernelCCA().fit(w.X, np.ones((30, 2))),
        ValueError,
        "all rows of y are the same",
        "standardise",
    ),
    Case(
        "numbers that overflow in a kernel",
        lambda w: KernelCCA().fit(1e300 * w.X, w.y),
        ValueError,
        "gamma='scale' of X",
        "scale the view",
    ),
    Case(
        "other columns",
        lambda w: w.linear.transform(w.X[:, :2]),
        ValueError,
        "X has 2 features",
        "expecting 3",
    ),
    Case(
        "other columns of y",
        lambda w: w.linear.transform_y(w.y[:, :1]),
        ValueError,
        "y has 1 features",
        "fitted with 2",
    ),
    Case(
        "no y to transform",
        lambda w: w.linear.transform_y(None),
        ValueError,
        "y is None",
        "second view",
    ),
    Case(
        "weights of another length",
        lambda w: LinearCCA().fit(w.X, w.y, sample_weight=[1, 2]),
        ValueError,
        r"sample_weight.shape == \(2,\)",
        "expected",
    ),
    Case(
        "negative weights",
        lambda w: LinearCCA().fit(w.X, w.y, sample_weight=-np.ones(30)),
        ValueError,
        "Negative values .* `sample_weight`",
    ),
    Case(
        "one row to begin a stream",
        lambda w: LinearCCA(1).partial_fit(w.X[:1], w.y[:1]),
        ValueError,
        "1 sample",
        "minimum of 2",
    ),
    Case(
        "score of one row",
        lambda w: w.linear.score(w.X[:1], w.y[:1]),
        ValueError,
        "1 sample",
        "minimum of 2",
    ),
]

AUDIO = {
    "MelSpectrogram": lambda **k: MelSpectrogram(**{"n_mels": 20, "duration": 0.5, **k}),
    "AudioForm": lambda **k: AudioForm(**k),
    "AudioDynamics": lambda **k: AudioDynamics(**{"n_mels": 20, **k}),
    "MelCNNAudio": lambda **k: MelCNNAudio(**k),
}
# Song: what is wrong with it, and whether only its sound tells.
SONGS = [
    ("an empty file", "empty.wav", r"empty.wav' cannot be read as audio", "convert it"),
    ("a PNG that is called wav", "png.wav", r"png.wav' cannot be read as audio", "convert it"),
    ("raw samples", "sound.raw", r"sound.raw' cannot be read as audio .*no header", "convert it"),
    ("a folder", "folder.wav", r"folder.wav' is not a file", ""),
    ("a link to nowhere", "link.wav", r"there is no file .*link.wav", ""),
    ("no samples", "none.wav", r"none.wav' holds no sound", ""),
    ("ten hours in a header", "ten_hours.flac", r"ten_hours.flac' .*36000 s", "convert it"),
    (
        "ten hours, WAVE",
        "ten_hours.wav",
        r"ten_hours.wav' .*it is cut off: .* 1587600000",
        "leave it",
    ),
    (
        "a cut WAVE file",
        "cut_good0.wav",
        r"cut_good0.wav' .*it is cut off: .* 22050",
        "leave it out",
    ),
    ("a cut AIFF file", "cut_whole.aiff", r"cut_whole.aiff' .*it is cut off", "leave it out"),
    ("a cut AU file", "cut_whole.au", r"cut_whole.au' .*it is cut off", "leave it out"),
]
LATE_SONGS = [
    ("NaN samples", "nan.wav", r"nan.wav' holds NaN", "leave it out"),
    ("samples that overflow", "loud.wav", r"loud.wav' goes up to .*e\+29", "divide"),
]
WAVEFORMS = [
    ("bytes", b"a.wav", r"type \|S5", "a path as str"),
    ("None", None, "type object", "a path as str"),
    ("16-bit integers", np.arange(99, dtype=np.int16), "type int16", "divide"),
    ("no samples", np.zeros(0), r"shape \(0,\)", "not empty"),
    ("NaN", np.full(RATE, np.nan), "holds NaN", ""),
    ("numbers that overflow", np.full(RATE, 1e200), r"goes up to 1e\+200", r"in \[-1, 1\]"),
    ("channels last", (np.zeros((RATE, 2)), RATE), r"shape \(22050, 2\)", "transpose"),
    ("a rate of 0", (np.zeros(RATE), 0), "sample rate is 0", "above 0"),
    ("a rate in words", (np.zeros(RATE), "44100"), "sample rate is '44100'", "number of Hz"),
]
LISTS = [
    ("None", None, "X is a NoneType"),
    ("a path", "song.wav", "X is a str"),
    ("bytes", b"song.wav", "X is a bytes"),
    ("a generator", (song for song in ["song.wav"]), "X is a generator"),
    ("one waveform", np.zeros(RATE), "X is one waveform"),
    ("no songs", [], "0 sample"),
]
OF_AUDIO = [
    ("MelSpectrogram", {"sample_rate": 22050.5}, "sample_rate=22050.5", "whole number"),
    ("MelSpectrogram", {"n_mels": 0}, "n_mels=0", "from 1"),
    ("MelSpectrogram", {"hop_length": "a"}, "hop_length='a'", "whole number"),
    ("MelSpectrogram", {"fmin": "low"}, "fmin='low'", "0 <= fmin"),
    ("MelSpectrogram", {"fmax": 1e5}, "fmax=100000.0", "sample_rate / 2"),
    ("MelSpectrogram", {"duration": -1}, "duration=-1", "above 0"),
    ("MelSpectrogram", {"duration": np.nan}, "duration=nan", "above 0"),
    ("MelSpectrogram", {"duration": 0.01}, "duration of 0.01 s", "n_fft=2048"),
    ("MelSpectrogram", {"offset": "middle"}, "offset='middle'", "center"),
    ("MelSpectrogram", {"offset": 9.0}, r"song 0: offset=9.0 s", "it has 1.00 s"),
    ("MelSpectrogram", {"memory": 5}, "memory='5'", "string"),
    ("MelSpectrogram", {"n_jobs": "all"}, "n_jobs", "int"),
    ("AudioForm", {"sample_rate": 10}, "sample_rate=10", "1000 Hz"),
    ("AudioForm", {"sample_rate": None}, "sample_rate=None", "whole number"),
    ("AudioDynamics", {"n_mels": 1.5}, "n_mels=1.5", "whole number"),
    ("AudioDynamics", {"sample_rate": 100}, "sample_rate=100", "1000 Hz"),
    ("MelCNNAudio", {"weights": "MTT"}, "weights='MTT'", "MTT_musicnn"),
    ("MelCNNAudio", {"pooling": "median"}, "pooling='median'", "mean_std"),
    ("MelCNNAudio", {"pooling": "sequence"}, "n_segments", "from 1"),
    ("MelCNNAudio", {"offset": -1}, "offset=-1", "center"),
]
OF_SUMMARIES = [
    ("NaN", lambda s: np.nan * s, {}, "Input X contains NaN", "imputer"),
    ("two axes", lambda s: s[0], {}, r"X has shape \(4, 20\)", "n_frames"),
    ("few frames", lambda s: s[:, :, :5], {}, r"X has shape \(3, 4, 5\)", "16 frames"),
    ("no bands", lambda s: s[:, :0], {}, r"X has shape \(3, 0, 20\)", "n_mels"),
    ("numbers that overflow", lambda s: 1e200 * s, {}, r"X has a number of 1e\+200", "decibels"),
    ("an unknown statistic", lambda s: s, {"statistics": ["median"]}, "'median'", "rhythm"),
    ("no statistics", lambda s: s, {"statistics": None}, "statistics=None", "rhythm"),
    ("no lags", lambda s: s, {"n_lags": 0}, "n_lags=0", "from 1"),
]


def of_audio():
    for name, make in AUDIO.items():
        for late, songs in ((False, SONGS), (True, LATE_SONGS)):
            for what, file, culprit, remedy in songs:

                def call(w, make=make, file=file):
                    return make().fit_transform([w.file(file)])

                yield Case(
                    f"{name}, {what}", call, ValueError, f"song 0: .*{culprit}", remedy, late
                )
        for what, song, culprit, remedy in WAVEFORMS:

            def call(w, make=make, song=song):
                return make().fit_transform([song])

            yield Case(
                f"{name}, a waveform: {what}", call, ValueError, f"song 0: .*{culprit}", remedy
            )
        for what, songs, culprit in LISTS:

            def call(w, make=make, songs=songs):
                return make().fit_transform(songs)

            yield Case(f"{name}, as X {what}", call, ValueError, culprit, "list|no songs")
        yield Case(
            f"{name}, not fitted",
            lambda w, make=make: make().transform([noise()]),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )
    for name, parameters, culprit, remedy in OF_AUDIO:

        def call(w, n=name, p=parameters):
            return AUDIO[n](**p).fit_transform([noise(RATE)])

        yield Case(f"{name}, {parameters}", call, ValueError, culprit, remedy)
    for what, change, parameters, culprit, remedy in OF_SUMMARIES:

        def call(w, c=change, p=parameters):
            return TemporalSummary(**p).fit(c(np.ones((3, 4, 20))))

        yield Case(f"TemporalSummary, {what}", call, ValueError, culprit, remedy)
    for name in ("AudioForm", "AudioDynamics", "MelCNNAudio"):

        def call(w, name=name):
            return AUDIO[name]().fit_transform([w.file("silent.wav")])

        yield Case(
            f"{name}, silence", call, ValueError, r"silent.wav' is silent", "leave it out", True
        )
    cut = {"flac": "cut_whole.flac' is damaged"}
    if CONSTANT_RATE:
        cut["mp3"] = "cut_whole.mp3' ends before its header says"
    for name in AUDIO:
        # The beginning is intact, and an excerpt of it may be used.
        settings = {"duration": None} if name == "MelSpectrogram" else {}
        for kind, culprit in cut.items():

            def call(w, make=AUDIO[name], settings=settings, kind=kind):
                return make(**settings).fit_transform([w.file(f"cut_whole.{kind}")])

            yield Case(f"{name}, half of a {kind}", call, ValueError, culprit, "leave it out", True)


TEXTS = {
    "Doc2VecLyrics": lambda **k: Doc2VecLyrics(
        **{"vector_size": 4, "epochs": 2, "random_state": 0, **k}
    ),
    "LyricsForm": lambda **k: LyricsForm(),
    "LyricsSequence": lambda **k: LyricsSequence(
        **{"transformer": LyricsForm(), "n_steps": 2, **k}
    ),
    "LyricsCharacters": lambda **k: LyricsCharacters(**{"n_characters": 16, **k}),
}
OF_TEXTS = [
    (
        "empty texts",
        ["", *LYRICS, " \n", "\u3000"],
        ValueError,
        "3 of 15 .* rows 0, 13, 14",
        "leave",
    ),
    ("bytes", [*LYRICS, b"la"], TypeError, "row 12 is bytes", "not str"),
    ("None", [None, *LYRICS, None], TypeError, "row 0 is NoneType, row 13 is NoneType", ""),
    ("NaN", [*LYRICS, np.nan], TypeError, "row 12 is float", ""),
    ("one text as X", "la la la", TypeError, "lyrics are a str", "list of str"),
    ("None as X", None, TypeError, "lyrics are a NoneType", "list of str"),
    ("a generator as X", (text for text in LYRICS), TypeError, "a generator", "list of str"),
    ("a set as X", set(LYRICS), TypeError, "lyrics are a set", "list of str"),
    ("no texts", [], ValueError, "0 sample", "no lyrics"),
]
OF_LYRICS = [
    ("Doc2VecLyrics", {"vector_size": 0}, ValueError, "vector_size=0", "from 1"),
    ("Doc2VecLyrics", {"window": "5"}, ValueError, "window='5'", "whole number"),
    ("Doc2VecLyrics", {"dm": 2}, ValueError, "dm=2", "0 or 1"),
    ("Doc2VecLyrics", {"min_count": 99}, ValueError, "min_count=99", "lower min_count"),
    ("Doc2VecLyrics", {"pretrained": "no.d2v"}, ValueError, "pretrained='no.d2v'", "no such file"),
    ("Doc2VecLyrics", {"pretrained": 5}, ValueError, "pretrained=5", "path"),
    ("Doc2VecLyrics", {"tokenizer": "words"}, ValueError, "tokenizer='words'", "function"),
    ("Doc2VecLyrics", {"tokenizer": str.upper}, TypeError, "the str 'LA LA", "list of words"),
    ("Doc2VecLyrics", {"tokenizer": len}, TypeError, "tokenizer gave 14", "list of words"),
    ("Doc2VecLyrics", {"random_state": "a"}, ValueError, "'a'", "seed"),
    ("LyricsSequence", {"n_steps": 0}, ValueError, "n_steps=0", "from 1"),
    ("LyricsSequence", {"transformer": "form"}, TypeError, "transformer='form'", "a transformer"),
    ("LyricsSequence", {"transformer": LyricsForm}, TypeError, "LyricsForm", "not a class"),
    ("LyricsCharacters", {"n_characters": -1}, ValueError, "n_characters=-1", "from 1"),
    ("LyricsCharacters", {"stretch": "yes"}, ValueError, "stretch='yes'", "True or False"),
    ("LyricsCharacters", {"min_df": 2}, ValueError, "min_df=2", "from 0 to 1"),
]


def of_texts():
    for name, make in TEXTS.items():
        for what, texts, *expected in OF_TEXTS:

            def call(w, make=make, texts=texts):
                return make().fit(texts)

            yield Case(f"{name}, {what}", call, *expected)
        yield Case(
            f"{name}, not fitted",
            lambda w, make=make: make().transform(LYRICS),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )
    for name, parameters, *expected in OF_LYRICS:

        def call(w, n=name, p=parameters):
            return TEXTS[n](**p).fit(LYRICS)

        yield Case(f"{name}, {parameters}", call, *expected)


INDEX = [
    ("no model", lambda w: CrossModalIndex("a").fit(w.X), TypeError, "str embeds no", "Pipeline"),
    (
        "a model that is not fitted",
        lambda w: CrossModalIndex(LinearCCA()).fit(w.X),
        NotFittedError,
        "LinearCCA",
        "fit",
    ),
    ("no view", lambda w: CrossModalIndex(w.linear).fit(), ValueError, "X, y or both", ""),
    (
        "another length",
        lambda w: CrossModalIndex(w.linear).fit(w.X, w.y[:3]),
        ValueError,
        "X has 30 .* y has 3",
        "same item",
    ),
    (
        "an id twice",
        lambda w: CrossModalIndex(w.linear).fit(w.X[:3], ids=["a", "b", "a"]),
        ValueError,
        "'a' more than once",
        "its own",
    ),
    (
        "ids of two kinds",
        lambda w: CrossModalIndex(w.linear).fit(w.X[:2], ids=["a", 1]),
        ValueError,
        "ids has 'a', 1",
        "all must be",
    ),
    (
        "few ids",
        lambda w: CrossModalIndex(w.linear).fit(w.X, ids=["a"]),
        ValueError,
        "1 ids",
        "30 items",
    ),
    (
        "a number for ids",
        lambda w: CrossModalIndex(w.linear).fit(w.X, ids=1.5),
        ValueError,
        "ids=1.5",
        "list of ids",
    ),
    (
        "a number for metadata",
        lambda w: CrossModalIndex(w.linear).fit(w.X, metadata=5),
        ValueError,
        "metadata=5",
        "list of dicts",
    ),
    (
        "metadata that are no dict",
        lambda w: CrossModalIndex(w.linear).fit(w.X[:2], metadata=[{}, 2]),
        ValueError,
        "item 1 is 2",
        "dict of str",
    ),
    (
        "no search",
        lambda w: CrossModalIndex(w.linear, neighbors="a").fit(w.X),
        ValueError,
        "neighbors='a'",
        "FaissNeighbors",
    ),
    ("queries of NaN", lambda w: w.index.query(w.X_nan), ValueError, "Input X contains NaN", ""),
    ("both views", lambda w: w.index.query(w.X, w.y), ValueError, "X or y", "one of them"),
    (
        "no neighbours",
        lambda w: w.index.query(w.X, n_neighbors=0),
        ValueError,
        "n_neighbors=0",
        "from 1",
    ),
    (
        "many neighbours",
        lambda w: w.index.query(w.X, n_neighbors=31),
        ValueError,
        "n_neighbors=31",
        "30 items",
    ),
    (
        "an id that is there",
        lambda w: w.index.add(w.X[:1], w.y[:1], ids=["song1"]),
        ValueError,
        "'song1'",
        "remove them first",
    ),
    ("an unknown id", lambda w: w.index.remove(["x"]), ValueError, "'x', not in the index", ""),
    (
        "a share in words",
        lambda w: w.index.chance_score("x", "all"),
        ValueError,
        "quantile='all'",
        "from 0 to 1",
    ),
    ("no lists", lambda w: FaissNeighbors(0).fit(w.X), ValueError, "n_lists=0", "from 1"),
    (
        "NaN for faiss",
        lambda w: FaissNeighbors().fit(w.X_nan),
        ValueError,
        "Input X contains NaN",
        "",
    ),
    (
        "large numbers for faiss",
        lambda w: FaissNeighbors().fit(1e20 * w.X),
        ValueError,
        "X has a number of",
        "1e15",
    ),
    (
        "many neighbours by faiss",
        lambda w: w.faiss.kneighbors(w.X, 31),
        ValueError,
        "31",
        "30 vectors",
    ),
    (
        "other columns for faiss",
        lambda w: w.faiss.kneighbors(w.X[:, :2]),
        ValueError,
        "X has 2 features",
        "3",
    ),
]

EYE = np.eye(3)
METRICS = [
    ("NaN scores", lambda w: metrics.ranks(np.nan * EYE), ValueError, "scores contains NaN", ""),
    (
        "scores that are not square",
        lambda w: metrics.ranks(EYE[:2]),
        ValueError,
        r"scores has shape \(2, 3\)",
        "give query_labels",
    ),
    (
        "few labels",
        lambda w: metrics.ranks(EYE, [1]),
        ValueError,
        r"query_labels has shape \(1,\)",
        r"\(3,\)",
    ),
    (
        "a label without an item",
        lambda w: metrics.ranks(EYE, [1, 2, 3], [1, 1, 2]),
        ValueError,
        "row 2",
        "leave them out",
    ),
    (
        "a rank of 0",
        lambda w: metrics.reciprocal_rank([0.5]),
        ValueError,
        "minimum 0.5",
        "at least 1",
    ),
    ("no ranks", lambda w: metrics.median_rank([]), ValueError, "0 sample", "minimum of 1"),
    ("k of 0", lambda w: metrics.recall_at_k(EYE, 0), ValueError, r"k=\[0\]", "from 1"),
    ("k of True", lambda w: metrics.recall_at_k(EYE, True), ValueError, r"k=\[True\]", "from 1"),
    (
        "k in words, in a scorer",
        lambda w: metrics.recall_at_k_scorer("ten"),
        ValueError,
        r"k=\['ten'\]",
        "from 1",
    ),
    ("no gallery", lambda w: metrics.chance(0), ValueError, "n_gallery=0", "from 1"),
    (
        "a gallery in words",
        lambda w: metrics.chance("a"),
        ValueError,
        "n_gallery='a'",
        "whole number",
    ),
    ("half a song", lambda w: metrics.chance(10.5), ValueError, "n_gallery=10.5", "whole number"),
    (
        "no right answers",
        lambda w: metrics.chance(9, n_right=[]),
        ValueError,
        r"n_right=\[\]",
        "from 1",
    ),
    (
        "more right answers than items",
        lambda w: metrics.chance(9, n_right=10),
        ValueError,
        "10",
        "no more",
    ),
    (
        "other components",
        lambda w: metrics.similarity(EYE, EYE[:, :2]),
        ValueError,
        r"zy \(3, 2\)",
        "same number",
    ),
    (
        "a negative power",
        lambda w: metrics.similarity(EYE, EYE, [0.5] * 3, power=-1),
        ValueError,
        "power=-1",
        "from 0",
    ),
    (
        "one row",
        lambda w: metrics.variate_correlations(EYE[:1], EYE[:1]),
        ValueError,
        "1 sample",
        "minimum of 2",
    ),
    ("no model", lambda w: metrics.embed(None, EYE), TypeError, "NoneType embeds no", "Pipeline"),
    (
        "no such test",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y, method="t"),
        ValueError,
        "method='t'",
        "wilks",
    ),
    (
        "no permutations",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y, n_permutations=0),
        ValueError,
        "n_permutations=0",
        "from 1",
    ),
    (
        "a test of nothing",
        lambda w: canonical_correlation_test("a", w.X, w.y),
        TypeError,
        "estimator='a'",
        r"LinearCCA\(\)",
    ),
    (
        "a test of a class",
        lambda w: canonical_correlation_test(KernelCCA, w.X, w.y),
        TypeError,
        "estimator=<class .*KernelCCA",
        "not a class",
    ),
    (
        "a test with no seed",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y, random_state="a"),
        ValueError,
        "'a'",
        "seed",
    ),
    (
        "a test of few rows",
        lambda w: canonical_correlation_test(LinearCCA(), w.X[:4], w.y[:4], method="wilks"),
        ValueError,
        "has 4 for 3",
        "more rows",
        True,
    ),
    (
        "a test of two lengths",
        lambda w: canonical_correlation_test(LinearCCA(), w.X, w.y[:4]),
        ValueError,
        "X has 30 .* y has 4",
        "same sample",
    ),
]


def table_of(rows, columns=("audio", "lyrics")):
    """Call of `load_songs` on a table beside the files."""
    return lambda w: load_songs(write_table(w.files / "songs_of_a_case.csv", rows, columns))


DATA = [
    ("no path", lambda w: load_songs(None), TypeError, "path=None", "table or of a folder"),
    (
        "a file that is missing",
        lambda w: load_songs(w.file("no.csv")),
        FileNotFoundError,
        "no.csv",
        "folder of songs",
    ),
    ("a PNG", lambda w: load_songs(w.file("png.wav")), ValueError, "png.wav", r"\.csv"),
    ("no header", lambda w: load_songs(w.file("nothing.csv")), ValueError, "nothing.csv", "audio"),
    (
        "no songs",
        lambda w: load_songs(w.file("header.csv")),
        ValueError,
        "header.csv",
        "add one row",
    ),
    (
        "other columns",
        lambda w: load_songs(w.file("columns.csv")),
        ValueError,
        "columns.csv lacks the column audio and the column lyrics",
        "file",
    ),
    (
        "Latin-1",
        lambda w: load_songs(w.file("latin.csv")),
        ValueError,
        "latin.csv",
        "save it again",
    ),
    (
        "what to do",
        lambda w: load_songs(w.table, on_error="ask"),
        ValueError,
        "on_error='ask'",
        "skip",
    ),
    ("no lyrics", table_of([("good0.wav", "")]), ValueError, "line 2: no lyrics given", "Correct"),
    ("no audio", table_of([("", "la")]), ValueError, "line 2: no audio file given", "Correct"),
    (
        "an id twice",
        table_of([("good0.wav", "la", "a"), ("good1.wav", "la", "a")], ("audio", "lyrics", "id")),
        ValueError,
        "line 3: id 'a' is already that of line 2",
        "its own",
    ),
    (
        "raw samples",
        table_of([("sound.raw", "la")]),
        ValueError,
        r"line 2: .*sound.raw \(it has no header",
        "Correct",
    ),
    (
        "ten hours in a header",
        table_of([("ten_hours.flac", "la")]),
        ValueError,
        "line 2: .*36000 s",
        "Correct",
    ),
    (
        "columns exchanged",
        table_of([("la la " * 900, "good0.wav")]),
        ValueError,
        r"line 2: audio file not found: .*letters\)",
        "Correct",
    ),
    (
        "the home of a stranger",
        table_of([("~nobody_of_this_name/a.wav", "la")]),
        ValueError,
        "line 2: audio file not found: .*nobody_of_this_name",
        "Correct",
    ),
    (
        "a NUL character in the name of a text",
        table_of([("good0.wav", "a\0b.txt")], ("audio", "lyrics_path")),
        ValueError,
        "line 2: lyrics file cannot be read",
        "Correct",
    ),
    (
        "a folder as text",
        table_of([("good0.wav", "folder.wav")], ("audio", "lyrics_path")),
        ValueError,
        "line 2: lyrics file cannot be read: .*folder.wav",
        "Correct",
    ),
    (
        "a megabyte in a cell",
        table_of([("good0.wav", "la " * 350_000)]),
        ValueError,
        "songs_of_a_case.csv cannot be read",
        "column lyrics_path",
    ),
    ("no songs made", lambda w: make_songs(0), ValueError, "n_songs == 0", ">= 1"),
    ("half a song made", lambda w: make_songs(1.5), TypeError, "n_songs .* float", "int"),
    ("strength of 2", lambda w: make_songs(2, strength=2), ValueError, "strength == 2", "<= 1"),
    (
        "strength of NaN",
        lambda w: make_songs(2, strength=np.nan),
        ValueError,
        "strength == nan",
        "finite",
    ),
    (
        "endless songs",
        lambda w: make_songs(2, duration=np.inf),
        ValueError,
        "duration == inf",
        "finite",
    ),
    ("songs of 0 s", lambda w: make_songs(2, duration=0), ValueError, "duration == 0", "> 0"),
    ("many groups", lambda w: make_songs(2, n_groups=3), ValueError, "n_groups == 3", "<= 2"),
    (
        "saving text",
        lambda w: skdcca.save("a", w.folder / "x"),
        TypeError,
        "obj='a'",
        "an estimator",
    ),
    (
        "saving a class",
        lambda w: skdcca.save(LinearCCA, w.folder / "x"),
        TypeError,
        "LinearCCA",
        "not a class",
    ),
    (
        "notes",
        lambda w: skdcca.save(w.linear, w.folder / "x", notes=5),
        ValueError,
        "notes=5",
        "dict of str",
    ),
    ("loading nothing", lambda w: skdcca.load(w.folder / "x"), FileNotFoundError, "x'", ""),
    (
        "loading an empty file",
        lambda w: skdcca.load(w.file("empty.wav")),
        ValueError,
        "empty.wav",
        "empty",
    ),
    ("loading a PNG", lambda w: skdcca.load(w.file("png.wav")), ValueError, "png.wav", "PNG"),
    (
        "loading a pickle",
        lambda w: skdcca.load(w.file("pickle.skdcca")),
        ValueError,
        "pickle.skdcca",
        "joblib.load",
    ),
    ("loading a folder", lambda w: skdcca.load(w.files), IsADirectoryError, "files", "directory"),
]


def named(kind, rows):
    return [Case(f"{kind}, {name}", *rest) for name, *rest in rows]


REFUSED = {
    "models": MODELS,
    "audio": list(of_audio()),
    "texts": list(of_texts()),
    "index": named("index", INDEX),
    "metrics": named("metrics", METRICS),
    "data": named("data", DATA),
}

# Arguments, where {...} stands for what the fixture has; the exit status; what the message holds.
COMMANDS = {
    "nothing to read": ("fit {no} -o {out}", 2, r"no.csv' does not exist.*folder of songs"),
    "a share of 2": ("fit {table} -o {out} --hold-out 2", 2, "--hold-out 2.0; .*below 1"),
    "a share in words": ("fit {table} -o {out} --hold-out half", 2, "--hold-out: .*'half'"),
    "a seed below 0": ("fit {table} -o {out} --seed -1", 2, "--seed"),
    "no such kind": ("fit {table} -o {out} --model big", 2, "--model: .*'big' .*linear"),
    "a folder to write": ("fit {table} -o {folder}", 2, "is a folder; give the name of a file"),
    "a folder that is not there": ("fit {table} -o {folder}/no/m", 2, "folder .*no does not exist"),
    "the input to write": ("fit {table} -o {table}", 2, "is what is read; give .* another name"),
    "a PNG to write": ("fit {table} -o {png}", 2, "is no file of skdcca; give another name"),
    "one song": ("fit {one} -o {out}", 2, "1 songs to learn from; it takes 10"),
    "no model": ("evaluate {no} {table}", 2, "No such file .*no.csv"),
    "an index for a model": ("evaluate {index} {table}", 2, "holds an index; give the model"),
    "a model for an index": ("search {model} love", 2, "holds a model; make an index"),
    "a PNG for a model": ("index {png} {table} -o {out}", 2, "PNG image"),
    "an empty line": ("search {index} {blank}", 2, "line of lyrics is empty"),
    "no songs asked for": ("search {index} love -n 0", 2, "'0' is no whole number from 1"),
    "a PNG for a sound": ("search {index} --audio {png}", 2, "png.wav' .*convert it"),
    "raw samples": ("search {index} --audio {raw}", 2, "sound.raw' .*convert it"),
    "a folder for a sound": ("search {index} --audio {folder}", 2, "is not a file"),
    "a PNG to inspect": ("inspect {png}", 2, "png.wav cannot be read: .*PNG"),
    "a port of 70000": ("serve {index} --port 70000", 2, "port=70000; .*65535"),
    "no such command": ("sing", 2, "'sing' .*choose from"),
}


# Of a song of half a second; 22 frames of 512 samples.
SOUNDS = {
    "silence": "silent.wav",
    "one sample": "one.wav",
    "eight channels": "eight.wav",
    "8 bits": "eight_bits.wav",
    "192 kHz": "fast.wav",
    "a WAVE file written as a stream": "streamed.wav",
}
WIDTHS = {
    "MelSpectrogram": (20, 22),
    "AudioForm": (16,),
    "AudioDynamics": (201,),
    "MelCNNAudio": (200,),
}
NOT_MEASURED = {"AudioForm": ["silence"], "AudioDynamics": ["silence"]}
NOT_MEASURED["MelCNNAudio"] = ["silence", "one sample"]
STRANGE = {
    "emoji": "🎵🎶 ❤️ 👩‍👩‍👧",
    "right to left": "שלום עליכם مرحبا بالعالم",
    "NUL characters": "love\0song\0",
    "nothing but NUL characters": "\0\0",
    "stop-words": "the and of a",
    "a megabyte": ("love song " * 105_000)[: 2**20],
    "a word of a megabyte": "a" * 2**20,
    "accents without letters": "\u0301\u0301",
    "half a surrogate pair": "love \ud800 song",
    "no spaces": "愛" * 500,
}
SHAPES = {"Doc2VecLyrics": (4,), "LyricsForm": (21,), "LyricsSequence": (21, 2)}


def of_sounds():
    for name, make in AUDIO.items():
        for what, file in SOUNDS.items():
            if what not in NOT_MEASURED.get(name, []):

                def call(w, make=make, file=file):
                    return make().fit_transform([w.file(file)])

                yield f"{name}, {what}", call, (1, *WIDTHS[name])


def of_strange_texts():
    for name, make in TEXTS.items():
        for what, text in STRANGE.items():

            def call(w, make=make, text=text):
                return make().fit(LYRICS).transform([text, "love"])

            yield f"{name}, {what}", call, (2, *SHAPES.get(name, (18, 16)))


FINE = [
    *of_sounds(),
    *of_strange_texts(),
    ("huge numbers", lambda w: LinearCCA(1).fit(1e300 * w.X, w.y).transform(1e300 * w.X), (30, 1)),
    (
        "tiny numbers",
        lambda w: LinearCCA(1).fit(1e-300 * w.X, w.y).transform(1e-300 * w.X),
        (30, 1),
    ),
    (
        "a column twice",
        lambda w: LinearCCA(1).fit(w.X[:, [0, 0]], w.y).transform(w.X[:, [0, 0]]),
        (30, 1),
    ),
    ("two rows", lambda w: LinearCCA(1).fit(w.X[:2], w.y[:2]).transform(w.X[:1]), (1, 1)),
    ("zeros to compare", lambda w: metrics.similarity(np.zeros((2, 3)), EYE), (2, 3)),
]

CASES = [case for cases in REFUSED.values() for case in cases] + list(COMMANDS) + FINE


def test_there_are_many_cases_and_each_is_another():
    names = [case if isinstance(case, str) else case[0] for case in CASES]
    assert len(names) == len(set(names))
    assert len(CASES) >= 80
    assert all(len(cases) >= 20 for cases in [*REFUSED.values(), COMMANDS, FINE])


def each(cases):
    return pytest.mark.parametrize("case", [pytest.param(case, id=case[0]) for case in cases])


@each([case for cases in REFUSED.values() for case in cases])
def test_is_refused_by_name_and_with_a_remedy(case, world, request):
    if not case.late:
        request.getfixturevalue("no_work")
    with pytest.raises(case.error) as error:
        case.call(world)
    message = str(error.value)
    assert re.search(case.culprit, message, re.DOTALL), message
    assert re.search(case.remedy, message, re.DOTALL), message
    assert len(message) < 3000


@each(COMMANDS.items())
def test_the_command_says_what_to_do(case, world, capsys, no_work):
    _, (line, status, message) = case
    one = write_table(world.files / "one.csv", [("good0.wav", "la la")])
    paths = {
        "table": world.table,
        "model": world.model,
        "index": world.songs_index,
        "no": world.file("no.csv"),
        "out": str(world.folder / "out"),
        "folder": str(world.folder),
        "png": world.file("png.wav"),
        "raw": world.file("sound.raw"),
        "one": one,
        "blank": " ",
    }
    try:
        found = main([word.format(**paths) for word in line.split()])
    except SystemExit as end:  # argparse
        found = end.code
    shown = capsys.readouterr().err
    assert found == status, shown
    assert re.search(message, shown, re.DOTALL), shown
    assert "Traceback" not in shown
    assert not os.path.exists(paths["out"])


@each(FINE)
@pytest.mark.filterwarnings("ignore:.* that the model knows")
@pytest.mark.filterwarnings("ignore:n_components=1, but the data have only")
def test_is_strange_but_fine(case, world):
    _, call, shape = case
    result = call(world)
    assert result.shape == shape
    assert np.isfinite(result).all()


# Batches: three bad of five


def three_of_five(files, bad):
    return [str(files / name) for name in ("good0.wav", bad[0], "good1.wav", bad[1], bad[2])]


@pytest.mark.parametrize(
    "bad", [["png.wav", "link.wav", "sound.raw"], ["nan.wav", "loud.wav", "cut_whole.flac"]]
)
@pytest.mark.parametrize("name", AUDIO)
def test_all_bad_songs_of_a_batch_are_told_at_once(name, bad, files):
    transformer = AUDIO[name](**({"duration": None} if name == "MelSpectrogram" else {}))
    with pytest.raises(ValueError, match="3 of 5 songs cannot be used") as error:
        transformer.fit_transform(three_of_five(files, bad))
    lines = str(error.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["song 1", "song 3", "song 4"]
    assert all(file in line for file, line in zip(bad, lines, strict=True))


@pytest.mark.parametrize("name", TEXTS)
def test_all_bad_texts_of_a_batch_are_told_at_once(name):
    with pytest.raises(ValueError, match="3 of 5 lyrics are blank, in rows 1, 3, 4"):
        TEXTS[name]().fit(["la", "", "la", " ", "\n"])
    with pytest.raises(
        TypeError, match=r"3 of 5 .* row 1 is int, row 3 is NoneType, row 4 is bytes"
    ):
        TEXTS[name]().fit(["la", 1, "la", None, b"la"])


def test_all_bad_songs_of_a_table_are_told_at_once(files, tmp_path, capsys, no_work):
    songs = three_of_five(files, ["png.wav", "link.wav", "sound.raw"])
    table = write_table(tmp_path / "songs.csv", [(song, "la la") for song in songs])
    with pytest.raises(ValueError, match=r"3 of 5 songs of .*songs.csv cannot be used") as error:
        load_songs(table)
    assert main(["fit", table, "-o", str(tmp_path / "model")]) == 2
    for message in (str(error.value), capsys.readouterr().err):
        for line, name in ((3, "png.wav"), (5, "link.wav"), (6, "sound.raw")):
            assert re.search(rf"line {line}: .*{name}", message)


def test_all_songs_with_bad_sound_are_told_at_once_by_the_command(
    files, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "cache"))
    bad = ["nan.wav", "loud.wav", "cut_whole.flac"]
    rows = [(files / name, "la la") for name in [*bad, *(f"good{i}.wav" for i in range(9))]]
    table = write_table(tmp_path / "songs.csv", rows)
    assert main(["fit", table, "-o", str(tmp_path / "model"), "--quiet"]) == 2
    shown = capsys.readouterr().err
    assert "3 of 12 songs cannot be used" in shown
    assert all(name in shown for name in bad)


BAD_ROWS = {
    3: ("png.wav", "la", "b"),
    5: ("good1.wav", "", "d"),
    6: ("ten_hours.flac", "la", "e"),
    7: ("good2.wav", "la", "a"),
    8: ("", "", "g"),
    9: ("folder.wav", "la", "h"),
    10: ("link.wav", "la", "i"),
    11: ("none.wav", "la", "j"),
    12: ("sound.raw", "la", "k"),
}


def test_what_is_skipped_is_told_completely(files, tmp_path):
    good = {
        2: ("good0.wav", "la la", "a"),
        4: ("silent.wav", "🎵", "c"),
        13: ("eight.wav", "שלום", "l"),
    }
    rows = [row for _, row in sorted((BAD_ROWS | good).items())]
    rows = [(str(files / audio) if audio else "", *rest) for audio, *rest in rows]
    table = write_table(tmp_path / "songs.csv", rows, ("audio", "lyrics", "id"))
    with pytest.warns(UserWarning, match="9 of 12 songs .* are left out") as told:
        songs = load_songs(table, on_error="skip")
    assert songs.ids == ["a", "c", "l"]
    # Every row is among the songs or among the skipped; the one with two faults is there twice.
    where = [f"line {line}" for line in BAD_ROWS]
    assert list(dict.fromkeys(place for place, _ in songs.skipped)) == where
    assert len(songs.skipped) == len(BAD_ROWS) + 1
    assert all(f"{place}: {reason}" in str(told[0].message) for place, reason in songs.skipped)


def test_what_is_skipped_of_a_folder_is_told_completely(files, tmp_path):
    for name in ("good0.wav", "good1.wav", "png.wav"):
        (tmp_path / name).write_bytes((files / name).read_bytes())
    for name in ("good0.txt", "png.txt", "alone.txt"):
        (tmp_path / name).write_text("la la")
    with pytest.warns(UserWarning, match="3 of 4 songs"):
        songs = load_songs(tmp_path, on_error="skip")
    assert songs.ids == ["good0"]
    assert [place for place, _ in songs.skipped] == ["alone.txt", "good1.wav", "png.wav"]


# A header's word, and permission


@pytest.mark.parametrize("name", AUDIO)
def test_no_room_is_made_for_the_ten_hours_of_a_header(name, files):
    transformer = AUDIO[name](**({"duration": None} if name == "MelSpectrogram" else {}))
    transformer.fit_transform([noise()])  # what is imported and kept is not counted
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"ten_hours.flac' .*36000 s"):
            transformer.fit_transform([noise(), str(files / "ten_hours.flac")])
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_long_silence_in_a_small_file_is_taken_at_its_word(tmp_path):
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8000, dtype=np.int16))
    assert path.stat().st_size < 8000 * 3600 / 8
    mel = MelSpectrogram(sample_rate=8000, duration=1.0, offset=3500.0)
    assert np.isfinite(mel.fit_transform([str(path)])).all()


def test_a_file_without_permission(files, tmp_path, monkeypatch):
    path = str(files / "good0.wav")
    monkeypatch.setattr(os, "access", lambda file, mode: False)
    for make in AUDIO.values():
        with pytest.raises(ValueError, match=r"good0.wav' .*no permission to read it"):
            make().fit([path])
    table = write_table(tmp_path / "songs.csv", [(path, "la")])
    with pytest.raises(ValueError, match=r"line 2: .*good0.wav \(there is no permission"):
        load_songs(table)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read anything")
def test_a_file_that_the_system_refuses(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, noise(), RATE)
    path.chmod(0)
    with pytest.raises(ValueError, match=r"song.wav' .*no permission to read it"):
        MelSpectrogram().fit([str(path)])


def test_no_work_is_told_by_its_fixture(no_work):
    """The fixture would notice: every transformer and model trips over it."""
    calls = [lambda make=make: make().fit_transform([noise()]) for make in AUDIO.values()]
    calls += [lambda: TEXTS["Doc2VecLyrics"]().fit(LYRICS), lambda: make_songs(1, duration=0.1)]
    X = np.random.default_rng(0).normal(size=(30, 3))
    calls += [lambda m=m, p=p: m(**p).fit(X, X) for m, p in VIEWS]
    for call in calls:
        with pytest.raises(AssertionError, match="work was done"):
            call()
    assert librosa.stft is librosa.feature.melspectrogram
