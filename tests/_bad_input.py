"""Cases of bad input: what is called, and what the error must say.

The message must hold the culprit (argument and value, file or row) and then the remedy. Nothing that
costs time may run before the error, unless a case is `late`.
"""

import re
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from _songs import write_table

from skdcca import CrossModalIndex, Doc2VecLyrics, FaissNeighbors, LinearCCA
from skdcca._cli import main

LYRICS = ["la la love you", "sing a song of love", "love me do", "the song and the dance"] * 3

# All that costs time, by the names under which it is called.
WORK = (
    "skdcca._audio.spectra._power_blocks",
    "gensim.models.doc2vec.Doc2Vec.train",
    "skdcca._cca.linear.leading_svd",
    "skdcca._cca.kernel.leading_svd",
    "skdcca._cca.multiview.fit_in_memory",
    "skdcca._cca.sparse_path.starting_weights",
    "skdcca._deep.run.train",
    "skdcca.inference._permutation.linalg.svd",
    "skdcca.datasets._synthetic.synthesize",
    "skdcca.persistence._files._write",
)


class Case(NamedTuple):
    """A call that is refused."""

    name: str
    call: Callable
    error: type
    culprit: str
    remedy: str = ""
    late: bool = False


class Untouchable:
    """A transformer of lyrics that must not be fitted."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        raise AssertionError("lyrics were transformed before the parameters were checked")

    transform = fit_transform = fit


def make_world(files, folder):
    """Return views, models fitted to them, an index, files, and what the command line made."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    y = X[:, :2] + rng.normal(size=(30, 2))
    linear = LinearCCA(1).fit(X, y)
    model = str(folder / "model.skdcca")
    rows = [(files / f"good{i}.wav", text) for i, text in enumerate(LYRICS)]
    table = write_table(folder / "songs.csv", rows)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("SKDCCA_CACHE", str(folder / "cache"))
        assert main(["fit", table, "-o", model, "--model", "linear", "--quiet"]) == 0
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


def named(kind, rows):
    """Return cases whose names begin with their kind."""
    return [Case(f"{kind}, {name}", *rest) for name, *rest in rows]


def each(cases):
    """Return a decorator that runs a test on each case, which begins with its name."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case[0]) for case in cases])


def check_cases(*lists):
    """Check that each list has many cases, and that no two cases have one name."""
    names = [case[0] for cases in lists for case in cases]
    assert len(names) == len(set(names))
    assert all(len(cases) >= 20 for cases in lists)


def check_refused(case, world, request):
    """Check that a case is refused by the right error, with the culprit and a remedy."""
    if not case.late:
        request.getfixturevalue("no_work")
    with pytest.raises(case.error) as error:
        case.call(world)
    message = str(error.value)
    assert re.search(case.culprit, message, re.DOTALL), message
    assert re.search(case.remedy, message, re.DOTALL), message
    assert len(message) < 3000


def check_accepted(case, world):
    """Check that an unusual case has a finite result of the right shape."""
    _, call, shape = case
    result = call(world)
    assert result.shape == shape
    assert np.isfinite(result).all()
