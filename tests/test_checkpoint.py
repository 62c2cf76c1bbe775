"""Trainings and files that are killed: what was written goes on to the same end, or is the old one."""

import json
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from skorch.callbacks import Callback

from skdcca import DeepCCA, LinearCCA, load, save
from skdcca._deep import checkpoint as _checkpoint
from skdcca.encoders import MLP

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6))
Y = X[:, :3] + RNG.normal(size=(300, 3))
NET = {"x_encoder": MLP((16,), dropout=0.2), "y_encoder": MLP((16,), dropout=0.2)}
NET |= {"n_components": 2, "max_epochs": 8, "batch_size": 64, "random_state": 0}


@pytest.fixture(autouse=True)
def _after_every_epoch(monkeypatch):
    monkeypatch.setattr(_checkpoint, "_SHARE", 1)


class DieAfter(Callback):
    def __init__(self, n_epochs, error=RuntimeError):
        self.n_epochs, self.error = n_epochs, error

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.n_epochs:  # the epoch that begins has its row
            raise self.error("killed")


def assert_same_model(one, other):
    for side in ("x_state_", "y_state_"):
        ours, theirs = getattr(one, side), getattr(other, side)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert without_time(one.history_) == without_time(other.history_)


def without_time(history):
    return [{name: value for name, value in row.items() if name != "dur"} for row in history]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"lr_schedule": "constant", "optimizer": "sgd"},
        {"loss": "infonce"},
        {"validation_fraction": 0, "optimizer": "adam"},
        {"patience": 2, "max_epochs": 40, "lr": 0.05},
    ],
    ids=["cosine", "sgd", "infonce", "nothing held out", "stops early"],
)
@pytest.mark.parametrize("epochs", [1, 4])
def test_it_goes_on_to_the_same_weights(params, epochs, tmp_path):
    params = {**NET, **params}
    whole = DeepCCA(**params).fit(X, Y)
    assert whole.n_epochs_ > epochs
    with pytest.raises(RuntimeError, match="killed"):
        DeepCCA(**params, checkpoint=tmp_path, callbacks=[DieAfter(epochs)]).fit(X, Y)
    seen = []

    class Count(Callback):
        def on_epoch_begin(self, net, **kwargs):
            seen.append(len(net.history))

    again = DeepCCA(**params, checkpoint=tmp_path, callbacks=[Count()]).fit(X, Y)
    assert_same_model(again, whole)
    assert seen[0] == epochs + 1  # those that were done are not done again


def test_a_finished_training_is_told_again_without_training(tmp_path):
    first = DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)
    again = DeepCCA(**NET, checkpoint=str(tmp_path), callbacks=[DieAfter(0)]).fit(X, Y)
    assert_same_model(again, first)


def test_without_a_seed_it_goes_on_with_the_seeds_it_began_with(tmp_path):
    params = {**NET, "random_state": None}
    with pytest.raises(RuntimeError, match="killed"):
        DeepCCA(**params, checkpoint=tmp_path, callbacks=[DieAfter(3)]).fit(X, Y)
    kept = (tmp_path / "training.pt").read_bytes()
    first = DeepCCA(**params, checkpoint=tmp_path).fit(X, Y)
    (tmp_path / "training.pt").write_bytes(kept)
    assert_same_model(DeepCCA(**params, checkpoint=tmp_path).fit(X, Y), first)


@pytest.mark.parametrize(
    ("params", "rows"),
    [
        ({"lr": 0.01}, slice(None)),
        ({"x_encoder__dropout": 0.1}, slice(None)),
        ({"random_state": 1}, slice(None)),
        ({"loss": "cca"}, slice(None)),
        ({}, slice(1, None)),
    ],
)
def test_other_data_or_parameters_are_refused(params, rows, tmp_path):
    DeepCCA(**{**NET, "max_epochs": 2}, checkpoint=tmp_path).fit(X, Y)
    before = (tmp_path / "training.pt").read_bytes()
    other = DeepCCA(**{**NET, "max_epochs": 2}, checkpoint=tmp_path).set_params(**params)
    with pytest.raises(ValueError, match="other data or other parameters"):
        other.fit(X[rows], Y[rows])
    assert (tmp_path / "training.pt").read_bytes() == before


def test_what_does_not_change_the_weights_may_differ(tmp_path):
    first = DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)
    again = DeepCCA(**NET, checkpoint=tmp_path, verbose=1, device="cpu").fit(X, Y)
    assert_same_model(again, first)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", pickle.dumps(print)])
def test_a_damaged_or_foreign_file_is_refused_and_nothing_of_it_runs(content, tmp_path):
    (tmp_path / "training.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"training.pt cannot be read .*; remove it to begin anew"):
        DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)


def test_bad_parameters_are_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    for params, message in [
        ({"checkpoint": tmp_path / "file"}, "it must be a folder"),
        ({"checkpoint": 3}, "checkpoint=3; it must be a folder"),
        ({"checkpoint": tmp_path, "warm_start": True}, "give one of them"),
        ({"checkpoint": tmp_path, "loss": lambda zx, zy: (zx * zy).mean()}, "lambda"),
    ]:
        with pytest.raises(ValueError, match=message):
            DeepCCA(**NET, **params).fit(X, Y)


def test_ctrl_c_leaves_the_best_so_far_and_the_checkpoint(tmp_path):
    whole = DeepCCA(**NET).fit(X, Y)
    stopped = DeepCCA(**NET, checkpoint=tmp_path, callbacks=[DieAfter(4, KeyboardInterrupt)])
    with pytest.warns(UserWarning, match="training was interrupted"):
        stopped.fit(X, Y)
    assert stopped.n_epochs_ == 4
    assert np.isfinite(stopped.transform(X)).all()
    assert_same_model(DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y), whole)


def test_a_full_disk_is_told_once_and_training_goes_on(tmp_path, monkeypatch):
    whole = DeepCCA(**NET).fit(X, Y)
    with pytest.raises(RuntimeError, match="killed"):
        DeepCCA(**NET, checkpoint=tmp_path, callbacks=[DieAfter(2)]).fit(X, Y)
    before = (tmp_path / "training.pt").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_checkpoint.torch, "save", full)
    with pytest.warns(UserWarning, match="No space left on device") as told:
        again = DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)
    assert len(told) == 1
    assert_same_model(again, whole)
    assert (tmp_path / "training.pt").read_bytes() == before
    assert os.listdir(tmp_path) == ["training.pt"]


def test_what_a_killed_process_left_unfinished_is_cleared_away(tmp_path):
    (tmp_path / ".training.pt.0123.part").write_bytes(b"half")
    DeepCCA(**{**NET, "max_epochs": 1}, checkpoint=tmp_path).fit(X, Y)
    assert os.listdir(tmp_path) == ["training.pt"]


# Real processes, killed by the signal that none can catch. The parent forks them before any thread runs.
KILLS = textwrap.dedent(
    """
    import json, os, random, signal, sys, time
    import numpy as np, torch
    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[2])
    import work

    work.warm_up(sys.argv[1] + "-warm")  # modules are imported once, and not in every child
    random.seed(0)
    kills, attempts, seen = 0, 0, []
    while True:
        attempts += 1
        child = os.fork()
        if child == 0:
            work.main(sys.argv[1])
            os._exit(0)
        time.sleep(random.uniform(*work.DELAY))
        if kills < 20:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        seen.append(work.check(sys.argv[1]))
        if kills == 20 and os.WIFEXITED(status) or attempts > 200:
            break
    status = os.waitstatus_to_exitcode(status)
    os.mkdir(sys.argv[1] + "-whole")
    if os.fork() == 0:
        work.main(sys.argv[1] + "-whole")
        os._exit(0)
    os.wait()
    print(json.dumps({"kills": kills, "status": status, "seen": seen}))
    """
)


def killed(work, place, *, folder):
    """Run `work`, killing it at random times, 20 times; then to its end."""
    (folder / "work.py").write_text(textwrap.dedent(work))
    (folder / "kills.py").write_text(KILLS)
    command = [sys.executable, str(folder / "kills.py"), str(place), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout.splitlines()[-1])
    assert counted["kills"] == 20
    assert counted["status"] == 0
    return counted


TRAINING = """
    import json, pathlib
    import numpy as np, torch
    from skdcca import DeepCCA, save
    from skdcca._deep import checkpoint as _checkpoint
    from skdcca.encoders import MLP

    DELAY = 0.05, 0.4
    _checkpoint._SHARE = 1
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 20))
    y = X[:, :5] + rng.normal(size=(1000, 5))

    def model(checkpoint):
        net = {"x_encoder": MLP((64,), dropout=0.2), "y_encoder": MLP((64,))}
        return DeepCCA(3, **net, max_epochs=400, patience=None, random_state=0, checkpoint=checkpoint)

    def warm_up(place):
        DeepCCA(1, max_epochs=1, checkpoint=place).fit(X[:50], y[:50])

    def main(place):
        save(model(place + "/state").fit(X, y).set_params(checkpoint=None), place + "/model")

    def check(place):
        "Number of epochs that are written."
        path = pathlib.Path(place, "state", "training.pt")
        return len(json.loads(torch.load(path)["history"])) if path.exists() else 0
    """


def test_twenty_kills_and_the_same_weights(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    seen = killed(TRAINING, place, folder=tmp_path)["seen"]
    assert seen == sorted(seen)
    assert len(set(seen)) > 5  # killed in the midst of it, and gone on with
    whole = load(f"{place}-whole/model")  # never killed, with as many threads
    again = load(place / "model")
    for side in ("x_state_", "y_state_"):
        for name, value in getattr(whole, side).items():
            np.testing.assert_array_equal(getattr(again, side)[name], value)
    assert without_time(again.history_) == without_time(whole.history_)
    assert sorted(os.listdir(place)) == ["model", "state"]


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


def test_files_that_are_written_when_killed_are_the_old_or_the_new_one(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    seen = killed(WRITING, place, folder=tmp_path)["seen"]
    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    assert not np.any(np.mod(seen, 2000))  # whole batches only
    model = load(place / "model")
    model.partial_fit(X=np.zeros((40, 30)) + np.arange(30), y=np.ones((40, 20)))  # and goes on


def test_a_real_failing_write_leaves_the_old_file(tmp_path):
    """The size of files is limited, as on a full disk: the write itself fails, half-way."""
    code = textwrap.dedent(
        """
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
            print("told", path in str(error))
        print(load(path).n_components_)
        """
    )
    path = tmp_path / "model"
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["told", "True", "2"]
    assert os.listdir(tmp_path) == ["model"]


def test_saved_partial_fit_goes_on_to_the_same_end(tmp_path):
    whole = LinearCCA().partial_fit(X[:100], Y[:100])
    save(whole, tmp_path / "model")
    whole.partial_fit(X[100:], Y[100:])
    again = load(tmp_path / "model").partial_fit(X[100:], Y[100:])
    np.testing.assert_array_equal(again.x_weights_, whole.x_weights_)
    np.testing.assert_array_equal(again.canonical_correlations_, whole.canonical_correlations_)
