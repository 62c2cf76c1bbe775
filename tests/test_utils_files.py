"""Files that are written as a whole or not at all."""

import os

import numpy as np
import pytest
from _programs import run_killed, run_program

from skdcca import load
from skdcca._utils.files import atomic_write


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def write_half():
        with atomic_write(tmp_path / "file") as unfinished:
            unfinished.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


WRITING = """
    import pathlib
    import numpy as np
    from skdcca import CrossModalIndex, LinearCCA, load, save

    DELAY = 0.01, 0.15
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 30)), rng.normal(size=(2000, 20))

    def warm_up(place):
        pathlib.Path(place).mkdir()
        save(CrossModalIndex(LinearCCA().partial_fit(X, y)).fit(X), place + "/index")
        load(place + "/index")

    def main(place):
        '''Take in batch after batch, and write model and index after each.'''
        for _ in range(20):
            model = load(place + "/model") if pathlib.Path(place + "/model").exists() else LinearCCA()
            model.partial_fit(X, y)
            save(model, place + "/model", notes={"of": "model"})
            save(CrossModalIndex(model).fit(X), place + "/index")

    def check(place):
        "Number of rows that the model has seen."
        for name in ("model", "index"):
            if pathlib.Path(place, name).exists():
                found = load(place + "/" + name)
                assert np.isfinite(getattr(found, "zx_", getattr(found, "x_weights_", None))).all()
                if name == "model":
                    rows = found._moments.weight
        return rows if pathlib.Path(place, "model").exists() else 0
    """


def test_a_file_of_a_killed_process_is_the_old_or_the_new_one(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    seen = run_killed(WRITING, place, folder=tmp_path)
    assert seen == sorted(seen)
    assert len(set(seen)) > 1  # on a slow machine, few runs get far
    assert not np.any(np.mod(seen, 2000))  # complete batches only
    model = load(place / "model")
    model.partial_fit(X=np.zeros((40, 30)) + np.arange(30), y=np.ones((40, 20)))


FAILING = """
import resource, signal, sys
import numpy as np
from skdcca import LinearCCA, load, save

X = np.random.default_rng(0).normal(size=(500, 100))
path = sys.argv[1]
save(LinearCCA(2).fit(X, X), path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save(LinearCCA(50).fit(X, X), path)
except OSError as error:
    print("OSError", path in str(error))
print(load(path).n_components_)
"""


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """The size of files is limited, which fails the write itself midway, as a full disk does."""
    path = tmp_path / "model"
    assert run_program(FAILING, path).split() == ["OSError", "True", "2"]
    assert os.listdir(tmp_path) == ["model"]
