"""Training that goes on where it was when its process died."""

import json
import time
import warnings
from pathlib import Path

import joblib
import torch
from skorch.callbacks import Callback

from skdcca._utils.files import atomic_write

# Raise it whenever training comes out differently, so that old files are not gone on with.
_FORMAT = 1
# What does not change the weights; the second view is known by its numbers.
_FREE = ("callbacks", "checkpoint", "device", "verbose", "y_transformer")
# Writing takes one part in so many of the time, at most.
_SHARE = 20


class Checkpoint(Callback):
    """Writes the state of a training after an epoch, and sets it again.

    Whatever later epochs depend on is in one file: weights, optimizer, schedule, early stopping, history
    and random state. It takes the place of the one before once it is complete, so that there is always
    one that can be gone on with.

    Parameters
    ----------
    folder : str or path-like
        Where the file is; made if it does not exist.
    fingerprint : str
        Of data and parameters; a file with another one is refused.
    """

    def __init__(self, folder, fingerprint):
        self.folder = folder
        self.fingerprint = fingerprint

    @property
    def file(self):
        return Path(self.folder) / "training.pt"

    def open(self, seeds, device):
        """Read the file, if there is one; returns its seeds, else those given."""
        self.seeds, self.state, self.next_write, self.told = list(seeds), None, 0.0, False
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        for unfinished in Path(self.folder).glob(f".{self.file.name}.*.part"):
            unfinished.unlink(missing_ok=True)  # of a process that was killed
        if self.file.exists():
            self.state = self._read(device)
            self.seeds = self.state["seeds"]
        return self.seeds

    def _read(self, device):
        try:
            state = torch.load(self.file, map_location=device, weights_only=True)
            fingerprint = state["fingerprint"]
        except Exception as error:
            # Not with torch's message, whose advice is to let the file run what it holds.
            raise ValueError(
                f"checkpoint={str(self.folder)!r}: {self.file.name} cannot be read "
                f"({type(error).__name__}); remove it to begin anew"
            ) from error
        if fingerprint != self.fingerprint:
            raise ValueError(
                f"checkpoint={str(self.folder)!r} holds a training of other data or other parameters; "
                "give the same ones to go on with it, another folder, or remove it to begin anew"
            )
        return state

    @property
    def n_epochs(self):
        """Number of epochs that are done."""
        return 0 if self.state is None else len(json.loads(self.state["history"]))

    def on_train_begin(self, net, **kwargs):
        """Set the state that was read, after all other callbacks have begun."""
        if self.state is None:
            return
        for name, part in self._parts(net).items():
            part.load_state_dict(self.state[name])
        for row in json.loads(self.state["history"]):
            net.history.append({**row, "batches": []})
        if stopper := dict(net.callbacks_).get("early_stopping"):
            vars(stopper).update(self.state["early_stopping"])
        torch.set_rng_state(self.state["random"].cpu())
        if torch.device(net.device).type == "cuda":
            torch.cuda.set_rng_state(self.state["random_cuda"].cpu(), net.device)
        self.state = None  # it may be as large as the networks

    def on_epoch_end(self, net, **kwargs):
        """Write, unless the last writing is too short ago."""
        began = time.perf_counter()
        if began < self.next_write:
            return
        try:
            with atomic_write(self.file) as unfinished:
                torch.save(self._state(net), unfinished)
        except OSError as error:
            if not self.told:
                warnings.warn(
                    f"checkpoint={str(self.folder)!r} cannot be written ({error}); training goes on, "
                    "and what was written before is kept",
                    stacklevel=2,
                )
            self.told = True
        ended = time.perf_counter()
        self.next_write = ended + (_SHARE - 1) * (ended - began)

    def _state(self, net):
        state = {name: part.state_dict() for name, part in self._parts(net).items()}
        rows = [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
        state |= {"fingerprint": self.fingerprint, "seeds": self.seeds}
        state |= {"history": json.dumps(rows, default=float), "random": torch.get_rng_state()}
        if stopper := dict(net.callbacks_).get("early_stopping"):
            names = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
            state["early_stopping"] = {name: getattr(stopper, name) for name in names}
        if torch.device(net.device).type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(net.device)
        return state

    def _parts(self, net):
        """What has a state as torch keeps it, by name."""
        parts = {"module": net.module_, "objective": net.criterion_, "optimizer": net.optimizer_}
        if schedule := dict(net.callbacks_).get("lr_schedule"):
            parts["schedule"] = schedule.lr_scheduler_
        return parts


def fingerprint_of(estimator, X, y):
    """Fingerprint of all that the weights depend on."""
    params = {
        name: value
        for name, value in estimator.get_params().items()
        if name.partition("__")[0] not in _FREE
    }
    try:
        return joblib.hash([_FORMAT, params, X, y])
    except Exception as error:
        raise ValueError(
            "checkpoint knows a training by its parameters, which must be picklable: give a function or "
            f"class in a module instead of a lambda ({error})"
        ) from error
