"""Searches and fits on a cluster of worker processes equal those in one process."""

import os

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import Doc2VecLyrics, KernelCCA, LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs
from skdcca.metrics import mrr_scorer

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None, protocol="tcp"
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


def test_a_search_of_raw_songs_equals_one_process(client):
    songs = make_songs(24, duration=1.0, sample_rate=8000, random_state=0)
    lyrics = Doc2VecLyrics(8, epochs=5, random_state=0)
    steps = [
        ("mel", MelSpectrogram(sample_rate=8000, n_mels=16, duration=1.0)),
        ("summary", TemporalSummary()),
        ("scale", StandardScaler()),
        ("cca", LinearCCA(2, y_transformer=lyrics, reg=0)),
    ]
    grid = {"cca__reg": [0.1, 10.0]}
    scoring = {"mrr": mrr_scorer, "process": lambda *_: os.getpid()}
    search = GridSearchCV(Pipeline(steps), grid, scoring=scoring, refit="mrr", cv=GroupKFold(2))
    here = search.fit(songs.audio, songs.lyrics, groups=songs.groups)
    with parallel_config("dask"):
        there = clone(search).fit(songs.audio, songs.lyrics, groups=songs.groups)
    processes = {int(there.cv_results_[f"split{i}_test_process"][0]) for i in range(2)}
    assert processes <= set(client.run(os.getpid).values())
    assert here.cv_results_["params"] == there.cv_results_["params"]
    scores = [name for name in here.cv_results_ if name.endswith("test_mrr")]
    assert len(scores) == 5  # two folds, mean, deviation, rank
    for name in scores:
        assert_array_equal(here.cv_results_[name], there.cv_results_[name], err_msg=name)
    assert_array_equal(here.predict(songs.audio), there.predict(songs.audio))


def lazy_views():
    def chunk(block_info=None):
        (start, stop), _ = block_info[None]["array-location"]
        rng = np.random.default_rng(start)
        shared = rng.normal(size=(stop - start, 2))
        return np.hstack([shared + rng.normal(size=(stop - start, 2)) for _ in range(3)])

    raw = da.map_blocks(chunk, chunks=((100,) * 10, (6,)), dtype=float, meta=np.empty((0, 0)))
    return raw[:, :4], raw[:, 4:]


@pytest.mark.parametrize(
    "model",
    [LinearCCA(2, reg=0), KernelCCA(2, approximation="nystroem", n_landmarks=30, random_state=0)],
    ids=["linear", "kernel"],
)
def test_a_fit_in_the_workers_equals_one_process(client, model):
    X, y = lazy_views()
    expected = clone(model).fit(X.compute(scheduler="sync"), y.compute(scheduler="sync"))
    ours = clone(model).fit(X, y)
    variates = ours.transform(X)
    atol = 1e-10 * np.abs(variates).max().compute()
    assert_allclose(variates.compute(), expected.transform(X.compute()), rtol=0, atol=atol)
    assert_allclose(ours.canonical_correlations_, expected.canonical_correlations_, atol=1e-10)
