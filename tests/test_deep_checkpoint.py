"""Checkpoints: killed trainings resume to the same weights."""

import os
import pickle

import numpy as np
import pytest
from _deep_models import DieAfter, assert_same_states, without_time
from _programs import run_killed
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback

from skdcca import DeepCCA, load
from skdcca._deep import checkpoint as _checkpoint
from skdcca._deep import steps
from skdcca.encoders import MLP
from skdcca.exceptions import CheckpointWarning, TrainingInterruptedWarning


@pytest.fixture(autouse=True)
def _after_every_epoch(monkeypatch):
    monkeypatch.setattr(_checkpoint, "_SHARE", 1)
    monkeypatch.setattr(steps, "FEWEST_STEPS", 1)  # training stops early by `patience` alone


RNG = np.random.default_rng(0)


X = RNG.normal(size=(300, 6))


Y = X[:, :3] + RNG.normal(size=(300, 3))


NET = {"x_encoder": MLP((16,), dropout=0.2), "y_encoder": MLP((16,), dropout=0.2)}
NET |= {"n_components": 2, "max_epochs": 8, "batch_size": 64, "random_state": 0}
NET |= {"fallback": None, "n_networks": 1, "loss": "ey"}


def assert_same_model(one, other):
    for side in ("x_state_", "y_state_"):
        assert_same_states(getattr(one, side), getattr(other, side))
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert without_time(one.history_) == without_time(other.history_)


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
def test_training_resumes_to_the_same_weights(params, epochs, tmp_path):
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
    assert seen[0] == epochs + 1  # finished epochs are not repeated


def test_a_finished_training_is_loaded_without_training(tmp_path):
    first = DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)
    again = DeepCCA(**NET, checkpoint=str(tmp_path), callbacks=[DieAfter(0)]).fit(X, Y)
    assert_same_model(again, first)


def test_without_a_seed_training_resumes_with_its_first_seeds(tmp_path):
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


class Shift(BaseEstimator):
    def __init__(self, size=1.0):
        self.size = size

    def __call__(self, x, y):
        return x + self.size, y


def test_augmentation_labels_and_groups_are_part_of_the_fingerprint():
    def of(size=1.0, **rows):
        model = DeepCCA(y_encoder=MLP()).get_params()
        augmentation = {"augmentation": Shift(size), "augmentation__size": size}
        return _checkpoint.fingerprint_of(model | augmentation, X, Y, **rows)

    codes = np.arange(len(X)) // 10
    different = {of(), of(2.0), of(labels=codes), of(groups=codes), of(sample_weight=codes)}
    assert len(different) == 5
    assert of(labels=codes) == of(labels=codes.copy())
    assert of(2.0) == of(2.0)


def test_parameters_that_do_not_affect_the_weights_may_differ(tmp_path):
    first = DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)
    again = DeepCCA(**NET, checkpoint=tmp_path, verbose=1, device="cpu").fit(X, Y)
    assert_same_model(again, first)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", pickle.dumps(print)])
def test_a_damaged_or_foreign_file_is_refused_and_not_executed(content, tmp_path):
    (tmp_path / "training.pt").write_bytes(content)
    with pytest.raises(
        ValueError,
        match=r"`checkpoint` must hold a readable training.pt, .* Remove the file to start again",
    ):
        DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)


def test_bad_parameters_are_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    for params, message in [
        ({"checkpoint": tmp_path / "file"}, "`checkpoint` must be a folder .*file"),
        ({"checkpoint": 3}, "`checkpoint` must be a folder or None, got 3"),
        (
            {"checkpoint": tmp_path, "warm_start": True},
            "`checkpoint` must be None .* Use only one of them",
        ),
        ({"checkpoint": tmp_path, "loss": lambda zx, zy: (zx * zy).mean()}, "lambda"),
    ]:
        with pytest.raises(ValueError, match=message):
            DeepCCA(**NET | params).fit(X, Y)


def test_ctrl_c_leaves_the_best_so_far_and_the_checkpoint(tmp_path):
    whole = DeepCCA(**NET).fit(X, Y)
    stopped = DeepCCA(**NET, checkpoint=tmp_path, callbacks=[DieAfter(4, KeyboardInterrupt)])
    with pytest.warns(TrainingInterruptedWarning, match="Training was interrupted"):
        stopped.fit(X, Y)
    assert stopped.n_epochs_ == 4
    assert np.isfinite(stopped.transform(X)).all()
    assert_same_model(DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y), whole)


def test_a_full_disk_warns_once_and_training_continues(tmp_path, monkeypatch):
    whole = DeepCCA(**NET).fit(X, Y)
    with pytest.raises(RuntimeError, match="killed"):
        DeepCCA(**NET, checkpoint=tmp_path, callbacks=[DieAfter(2)]).fit(X, Y)
    before = (tmp_path / "training.pt").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_checkpoint.torch, "save", full)
    with pytest.warns(CheckpointWarning, match="No space left on device") as caught:
        again = DeepCCA(**NET, checkpoint=tmp_path).fit(X, Y)
    assert len(caught) == 1
    assert_same_model(again, whole)
    assert (tmp_path / "training.pt").read_bytes() == before
    assert os.listdir(tmp_path) == ["training.pt"]


def test_unfinished_files_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".training.pt.0123.part").write_bytes(b"half")
    DeepCCA(**{**NET, "max_epochs": 1}, checkpoint=tmp_path).fit(X, Y)
    assert os.listdir(tmp_path) == ["training.pt"]


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
        net |= {"fallback": None, "batch_size": 256, "max_epochs": 400, "patience": None}
        return DeepCCA(3, **net, random_state=0, checkpoint=checkpoint)

    def warm_up(place):
        DeepCCA(1, fallback=None, max_epochs=1, checkpoint=place).fit(X[:50], y[:50])

    def main(place):
        save(model(place + "/state").fit(X, y).set_params(checkpoint=None), place + "/model")

    def check(place):
        "Number of epochs that are written."
        path = pathlib.Path(place, "state", "training.pt")
        return len(json.loads(torch.load(path)["history"])) if path.exists() else 0
    """


@pytest.mark.slow
def test_twenty_kills_and_the_same_weights(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    seen = run_killed(TRAINING, place, folder=tmp_path)
    assert seen == sorted(seen)
    assert len(set(seen)) > 5  # it was killed midway, and resumed
    whole = load(f"{place}-whole/model")  # never killed, with as many threads
    again = load(place / "model")
    for side in ("x_state_", "y_state_"):
        for name, value in getattr(whole, side).items():
            np.testing.assert_array_equal(getattr(again, side)[name], value)
    assert without_time(again.history_) == without_time(whole.history_)
    assert sorted(os.listdir(place)) == ["model", "state"]
