"""Checkpoints, from which an interrupted training run continues."""

import json
import time
from pathlib import Path

import joblib
import torch
from skorch.callbacks import Callback
from torch import nn

from skdcca._deep.networks import state_of
from skdcca._utils.files import atomic_write
from skdcca._utils.warnings import warn
from skdcca.exceptions import CheckpointWarning

# Increase this number whenever training gives different results, so that old files are refused.
_FORMAT = 2
# Parameters left out of the hash: they do not affect the weights, except for `y_transformer`, whose
# output is hashed instead.
_IRRELEVANT = ("callbacks", "checkpoint", "device", "verbose", "y_transformer")
# Writing takes at most 1 / _SHARE of the training time.
_SHARE = 20


class Checkpoint(Callback):
    """Write the state of a training run after an epoch, and restore it.

    One file holds everything that later epochs depend on: weights, optimizer, schedule, early stopping,
    history and random state. A new file replaces the previous one only when it is complete, so there is
    always a file to continue from.

    Parameters
    ----------
    folder : str or path-like
        Folder of the file. It is created if it does not exist.
    fingerprint : str
        Hash of the data and parameters. A file with another hash is refused.
    """

    def __init__(self, folder, fingerprint):
        self.folder = folder
        self.fingerprint = fingerprint

    @property
    def file(self):
        """Path of the checkpoint."""
        return Path(self.folder) / "training.pt"

    def open(self, seeds, device):
        """Read the file and return its seeds; if there is no file, return the given seeds."""
        self.seeds, self.state, self.next_write, self.warned = list(seeds), None, 0.0, False
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        for unfinished in Path(self.folder).glob(f".{self.file.name}.*.part"):
            unfinished.unlink(missing_ok=True)  # left by a process that was killed
        if self.file.exists():
            self.state = self._read(device)
            self.seeds = self.state["seeds"]
        return self.seeds

    def _read(self, device):
        try:
            state = torch.load(self.file, map_location=device, weights_only=True)
            fingerprint = state["fingerprint"]
        except Exception as error:
            # The message of torch is omitted, because it suggests weights_only=False, which is unsafe.
            raise ValueError(
                f"`checkpoint` must hold a readable {self.file.name}, got {type(error).__name__} for "
                f"{str(self.folder)!r}. Remove the file to start again."
            ) from error
        if fingerprint != self.fingerprint:
            raise ValueError(
                f"`checkpoint` {str(self.folder)!r} belongs to other data or other parameters. Use the "
                "same ones to continue, or another folder to start again."
            )
        return state

    @property
    def n_epochs(self):
        """Number of epochs completed in the file that was read."""
        return 0 if self.state is None else len(json.loads(self.state["history"]))

    def on_train_begin(self, net, **kwargs):
        """Restore the state that `open` read, after all other callbacks are initialized."""
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
        """Write the state, unless it was last written too recently."""
        began = time.perf_counter()
        if began < self.next_write:
            return
        try:
            with atomic_write(self.file) as unfinished:
                torch.save(self._state(net), unfinished)
        except OSError as error:
            self._warn(error)
        ended = time.perf_counter()
        self.next_write = ended + (_SHARE - 1) * (ended - began)

    def _warn(self, error):
        if not self.warned:
            warn(
                f"The checkpoint in {str(self.folder)!r} cannot be written ({error}). Training "
                "continues, and the previous checkpoint is kept.",
                CheckpointWarning,
            )
        self.warned = True

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
        """Return the objects with a state dict, by name."""
        parts = {"module": net.module_, "objective": net.criterion_, "optimizer": net.optimizer_}
        if schedule := dict(net.callbacks_).get("lr_schedule"):
            parts["schedule"] = schedule
        return parts


def fingerprint_of(params, X, y, sample_weight=None, *, groups=None, labels=None):
    """Return a hash of everything that the weights depend on."""
    relevant = {
        name: _identity(value)
        for name, value in params.items()
        if name.partition("__")[0] not in _IRRELEVANT
    }
    try:
        return joblib.hash([_FORMAT, relevant, X, y, sample_weight, groups, labels])
    except Exception as error:
        raise ValueError(
            "Parameters must be picklable with `checkpoint`, which compares them when it continues. Use "
            f"a function or class of a module instead of a lambda. ({error})"
        ) from error


def _identity(value):
    """Return a value to hash for a parameter; equal modules have different pickles, so replace them."""
    if isinstance(value, nn.Module):
        return type(value).__qualname__, repr(value), state_of(value)
    params = value.get_params() if hasattr(value, "get_params") else {}
    if any(isinstance(param, nn.Module) for param in params.values()):
        return type(value).__qualname__, {name: _identity(param) for name, param in params.items()}
    return value
