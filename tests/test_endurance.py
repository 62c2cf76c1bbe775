"""Long and shared use: threads, processes, many fits and clips, and the state of the process."""

import gc
import multiprocessing
import os
import pickle
import random
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import sklearn
import soundfile
import torch
from _programs import run_program
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

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
    MultiCCA,
    TemporalSummary,
)
from skdcca._audio import songs
from skdcca.encoders import MLP

RATE = 8000
TEXTS = [
    "one fine day in May\na day of sun and rain",
    "a day in one year\nthe rain is gone",
    "fine weather, one fine day\nthe sun is out",
    "in May a day of rain\nand a year of sun",
] * 5
# Some parts of these texts have no word that the model knows, which must not warn.
RARE = [f"{text}\nla la la" for text in TEXTS]


def pairs(n=120):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 8))
    return X, X[:, :5] + 0.5 * rng.normal(size=(n, 5))


def sounds(n=20, seconds=1.0):
    rng = np.random.default_rng(0)
    return [(0.1 * rng.normal(size=int(seconds * RATE)), RATE) for _ in range(n)]


def small_deep():
    return DeepCCA(
        2,
        x_encoder=MLP((16,)),
        y_encoder=MLP((16,)),
        fallback=None,
        n_networks=1,
        max_epochs=2,
        device="cpu",
        random_state=0,
    )


def several_views():
    """Return a model of three views of a table with eight columns."""
    sides = {"a": slice(0, 3), "b": slice(3, 6), "c": slice(6, 8)}
    return MultiCCA([(name, "passthrough", side) for name, side in sides.items()], 2)


def search():
    """Return a pipeline from audio to lyrics, as the command line builds it."""
    return make_pipeline(
        MelSpectrogram(sample_rate=RATE, n_fft=512, n_mels=20, duration=1.0),
        TemporalSummary(),
        StandardScaler(),
        LinearCCA(
            2, reg=1.0, y_transformer=Doc2VecLyrics(8, min_count=1, epochs=3, random_state=0)
        ),
    )


# ---- threads ---------------------------------------------------------------------------------


def both(model, X, y):
    return [model.transform(X), model.transform_y(y)]


def paired(model):
    X, y = pairs()
    model.fit(X, y)
    return lambda: both(model, X, y)


def of_songs():
    model = search().fit(sounds(), TEXTS)
    return lambda: [model.transform(sounds()), model[-1].transform_y(TEXTS)]


def single(transformer, X):
    transformer.fit(X)
    return lambda: [transformer.transform(X)]


SHARED = {
    "LinearCCA": lambda: paired(LinearCCA(2)),
    "MultiCCA": lambda: single(several_views(), pairs()[0]),
    "KernelCCA": lambda: paired(
        KernelCCA(2, approximation="nystroem", n_landmarks=40, random_state=0)
    ),
    "DeepCCA": lambda: paired(small_deep()),
    "songs": of_songs,
    "MelSpectrogram": lambda: single(
        MelSpectrogram(sample_rate=RATE, duration=1.0, n_jobs=2), sounds()
    ),
    "MelCNNAudio": lambda: single(MelCNNAudio(), sounds(3, 3.0)),
    "LyricsSequence": lambda: single(
        LyricsSequence(Doc2VecLyrics(8, epochs=3, random_state=0), n_steps=4), RARE
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_two_threads_share_a_fitted_model(name):
    ask = SHARED[name]()
    alone = ask()
    before = process_state()
    start = threading.Barrier(2)

    def repeated(_):
        start.wait()
        return [ask() for _ in range(8)]

    with ThreadPoolExecutor(2) as threads:
        for answers in threads.map(repeated, range(2)):
            for answer in answers:
                for ours, expected in zip(answer, alone, strict=True):
                    # Up to single precision, because BLAS may have another number of threads.
                    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    assert changes(before) == []


def test_threads_that_overlap_give_blas_its_threads_back(monkeypatch):
    transformer = MelSpectrogram(sample_rate=RATE, duration=1.0).fit(sounds(1))
    working = {name: threading.Event() for name in ("first", "second")}
    resume = {name: threading.Event() for name in working}
    load_song = songs.load_song

    def slow(*arguments):
        name = threading.current_thread().name
        working[name].set()
        assert resume[name].wait(10)
        return load_song(*arguments)

    monkeypatch.setattr("skdcca._audio.mel.load_song", slow)
    threads = {
        name: threading.Thread(target=transformer.transform, args=[sounds(1)], name=name)
        for name in working
    }
    # As in versions of threadpoolctl in which every thread sets the limit of the process.
    process = {"threads": 2}

    @contextmanager
    def limits(n_threads, user_api):
        before, process["threads"] = process["threads"], n_threads
        yield
        process["threads"] = before

    monkeypatch.setattr(songs, "threadpool_limits", limits)
    for name, thread in threads.items():  # the second starts before the first ends
        thread.start()
        assert working[name].wait(10)
        assert process["threads"] == 1
    for name, thread in threads.items():
        resume[name].set()
        thread.join(10)
    assert process["threads"] == 2


@pytest.mark.parametrize("view", ["x", "y"])
def test_first_queries_at_once(view):
    X, y = pairs()
    fitted = pickle.dumps(CrossModalIndex(LinearCCA(3).fit(X, y)).fit(X, y))
    queries = {"X": X[:9]} if view == "x" else {"y": y[:9]}
    expected = pickle.loads(fitted).query(**queries)
    for _ in range(10):
        index, start = pickle.loads(fitted), threading.Barrier(4)

        def first(_, index=index, start=start):
            start.wait()
            return index.query(**queries)

        with ThreadPoolExecutor(4) as threads:
            for scores, ids in threads.map(first, range(4)):
                np.testing.assert_array_equal(ids, expected[1])
                np.testing.assert_array_equal(scores, expected[0])


class SlowNeighbors(NearestNeighbors):
    def fit(self, X, y=None):
        time.sleep(0.2)
        return super().fit(X, y)


def test_first_queries_of_both_views_at_once(monkeypatch):
    """One thread builds the gallery of its view while the other begins with its own."""
    X, y = pairs()
    model = LinearCCA(3).fit(X, y)
    index = CrossModalIndex(model, neighbors=SlowNeighbors()).fit(X, y)
    model.set_params(similarity="cosine" if model.similarity != "cosine" else 4)
    expected = [clone_of(index).query(X=X[:9]), clone_of(index).query(y=y[:9])]
    start, hashed = threading.Barrier(2), joblib.hash

    class Compared(str):
        """Both threads find that the parameter differs, before either continues."""

        __hash__ = str.__hash__
        first = True

        def __eq__(self, other):
            found = str.__eq__(self, other)
            if self.first:
                self.first = False
                start.wait(5)
                time.sleep(0.1 * (threading.current_thread().name == "second"))
            return found

        def __ne__(self, other):
            return not self == other

    monkeypatch.setattr(joblib, "hash", lambda *how, **k: Compared(hashed(*how, **k)))
    answers = [None, None]

    def ask(at, queries):
        answers[at] = index.query(**queries)

    threads = [
        threading.Thread(target=ask, args=(0, {"X": X[:9]}), name="first"),
        threading.Thread(target=ask, args=(1, {"y": y[:9]}), name="second"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for (scores, ids), (expected_scores, expected_ids) in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_array_equal(scores, expected_scores)


def clone_of(index):
    return pickle.loads(pickle.dumps(index))


# ---- processes -------------------------------------------------------------------------------

COMMON = """
import numpy as np, torch
from sklearn.base import clone
from skdcca import DeepCCA, KernelCCA, LinearCCA, MelSpectrogram
from skdcca.encoders import MLP

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 60))
y = X[:, :50] + rng.normal(size=(400, 50))

small = dict(x_encoder=MLP((64,)), y_encoder=MLP((64,)), max_epochs=2, device="cpu", random_state=0)
small |= dict(fallback=None, n_networks=1)
models = [LinearCCA(2), KernelCCA(2, n_landmarks=50, random_state=0), DeepCCA(2, **small)]
songs = [(0.1 * rng.normal(size=8000), 8000) for _ in range(4)]
mel = MelSpectrogram(sample_rate=8000, duration=1.0, n_jobs=2)


def work(models=models):
    rows = [model.transform(X) for model in models]
    return rows + [mel.fit_transform(songs).reshape(4, -1)]


def check(found):
    for answer in found:
        for ours, expected in zip(answer, alone):
            np.testing.assert_allclose(ours, expected, atol=1e-4)
    print("the same")


for model in models:
    model.fit(X, y)
alone = work()
torch.randn(600, 600) @ torch.randn(600, 600)
X @ X.T
"""
FORK = """
import multiprocessing


def child(_):
    for model in models:
        clone(model).fit(X, y)
    return work()


with multiprocessing.get_context("fork").Pool(2) as pool:
    check(pool.map_async(child, range(2)).get(60))
"""
LOKY = """
from joblib import Parallel, delayed


def transform(model):
    return model.transform(X)


found = Parallel(n_jobs=2, backend="loky")(delayed(transform)(model) for model in models)
check([found])
"""


def run_apart(code):
    """Return what a program prints; a deadlock ends it after 90 s."""
    # Two threads: a single one of OpenMP would have nothing to wait for.
    return run_program(code, flags=["-W", "ignore"], env={"OMP_NUM_THREADS": "2"}, timeout=90)


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)
def test_forked_processes_fit_and_transform():
    assert run_apart(COMMON + FORK) == "the same\n"


@pytest.mark.slow
def test_loky_workers_transform():
    program = COMMON.replace("alone = work()", "alone = work()[:3]") + LOKY
    assert run_apart(program) == "the same\n"


# ---- many times ------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts files by Linux's /proc")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_clips_leave_no_file_open(tmp_path, n_jobs):
    rng = np.random.default_rng(0)
    files = []
    for i in range(300):
        files.append(str(tmp_path / f"{i}.{'flac' if i % 2 else 'wav'}"))
        soundfile.write(files[-1], 0.1 * rng.normal(size=2000), RATE)
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes((tmp_path / "0.wav").read_bytes()[:44])
    transformer = MelSpectrogram(sample_rate=RATE, n_fft=512, duration=0.2, n_jobs=n_jobs)
    transformer.fit_transform(files[:2])
    before = len(os.listdir("/proc/self/fd"))
    transformer.fit_transform(files)
    for _ in range(20):
        with pytest.raises(ValueError, match="1 of 1 songs cannot be used"):
            transformer.transform([str(damaged)])
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "model",
    [
        LinearCCA(2),
        KernelCCA(2, approximation="nystroem", n_landmarks=40, random_state=0),
        small_deep(),
    ],
)
def test_fits_leave_no_memory_behind(model):
    X, y = pairs()
    tracemalloc.start()
    try:
        before = memory_after(10, model, X, y)
        n_before = n_tensors()
        grown = memory_after(20, model, X, y) - before
    finally:
        tracemalloc.stop()
    # Caches of Python and torch take a few kB; a copy of X per fit would take 154 kB.
    assert grown < 100_000
    assert n_tensors() <= n_before


def memory_after(n_fits, model, X, y):
    for _ in range(n_fits):
        clone(model).fit(X, y).transform(X)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def n_tensors():
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


# ---- state of the process --------------------------------------------------------------------


def blas_threads():
    return {
        library["filepath"]: library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


def process_state():
    """Return the settings that the whole process shares."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "BLAS": blas_threads(),
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "NumPy's generator": (name, keys.tolist(), rest),
        "torch's generator": torch.random.get_rng_state().tolist(),
        "Python's generator": random.getstate(),
        "warnings": list(warnings.filters),
        "errors of NumPy": np.geterr(),
        "gradients": torch.is_grad_enabled(),
        "type of numbers": torch.get_default_dtype(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "scikit-learn": sklearn.get_config(),
        "environment": dict(os.environ, PYTEST_CURRENT_TEST=""),
    }


def changes(before):
    after = process_state()
    # Libraries that were loaded in between have no earlier state.
    after["BLAS"] = {name: n for name, n in after["BLAS"].items() if name in before["BLAS"]}
    return [name for name, value in before.items() if after[name] != value]


def in_index(model, neighbors=None):
    X, y = pairs()
    return CrossModalIndex(model.fit(X, y), neighbors=neighbors).fit(X, y).query(X=X)


def transformed(estimator, X, y=None):
    estimator.fit(X, y)
    estimator.transform(X)
    if hasattr(estimator, "transform_y"):
        estimator.transform_y(y)


SPECTROGRAMS = np.random.default_rng(0).normal(size=(20, 6, 50))
CALLS = {
    "LinearCCA": lambda: transformed(LinearCCA(2), *pairs()),
    "KernelCCA": lambda: transformed(KernelCCA(2), *pairs()),
    "MultiCCA": lambda: transformed(several_views(), pairs()[0]),
    "KernelCCA, landmarks": lambda: transformed(KernelCCA(2, approximation="nystroem"), *pairs()),
    "DeepCCA": lambda: transformed(small_deep().set_params(random_state=None), *pairs()),
    "DeepCCA, a fixed seed": lambda: transformed(small_deep(), *pairs()),
    "MelSpectrogram": lambda: transformed(MelSpectrogram(duration=0.5), sounds(3)),
    "MelSpectrogram, threads": lambda: transformed(
        MelSpectrogram(duration=0.5, n_jobs=2), sounds(9)
    ),
    "TemporalSummary": lambda: transformed(TemporalSummary(), SPECTROGRAMS),
    "AudioDynamics": lambda: transformed(AudioDynamics(), sounds(3, 3.0)),
    "AudioForm": lambda: transformed(AudioForm(), sounds(3, 3.0)),
    "MelCNNAudio": lambda: transformed(MelCNNAudio(), sounds(2, 3.0)),
    "Doc2VecLyrics": lambda: transformed(Doc2VecLyrics(5, epochs=2, random_state=0), TEXTS),
    "LyricsForm": lambda: transformed(LyricsForm(), TEXTS),
    "LyricsCharacters": lambda: transformed(LyricsCharacters(), TEXTS),
    "LyricsSequence": lambda: transformed(
        LyricsSequence(Doc2VecLyrics(5, epochs=2, random_state=0), n_steps=4), TEXTS
    ),
    "songs": lambda: transformed(search(), sounds(), TEXTS),
    "CrossModalIndex": lambda: in_index(LinearCCA(2)),
    "FaissNeighbors": lambda: in_index(LinearCCA(2), FaissNeighbors()),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_the_process_unchanged(name):
    if name == "FaissNeighbors":
        pytest.importorskip("faiss", reason='needs the extra: pip install "skdcca[faiss]"')
    seeded = name not in ("DeepCCA", "KernelCCA, landmarks")
    before = process_state()
    CALLS[name]()
    # Without a seed, the seed is drawn from NumPy's generator.
    assert [what for what in changes(before) if seeded or what != "NumPy's generator"] == []


def test_a_failed_call_leaves_the_process_unchanged():
    X, y = pairs()
    before = process_state()
    for model in (LinearCCA(9), KernelCCA(0), small_deep().set_params(batch_size=1)):
        with pytest.raises(ValueError, match=r"."):
            model.fit(X, y)
    silent = np.zeros(3 * RATE)
    with pytest.raises(ValueError, match="1 of 2 songs cannot be used"):
        MelCNNAudio().fit([silent + 0.1]).transform([silent + 0.1, silent])
    assert changes(before) == []
