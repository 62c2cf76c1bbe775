"""Train the networks of all views on a common loss with skorch."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping

from skdcca._deep.batches import Batches
from skdcca._deep.epoch_correlations import sums_of_correlations
from skdcca._deep.net import Cosine, Net
from skdcca._deep.networks import encode, is_linear
from skdcca._deep.steps import count_steps, patience_of
from skdcca._utils.process_group import SINGLE_PROCESS

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
_ADAPTIVE = (torch.optim.Adam, torch.optim.AdamW)
# Adam changes a weight by about the learning rate in each step. In a wide network, many small changes
# add up, but the few weights of a linear network must become as large as those of a linear model.
_LINEAR_RATE = 50


@dataclass(frozen=True)
class TrainingSettings:
    """Parameters of a deep model that control the training; see the docstring of `DeepCCA`."""

    optimizer: str | Callable
    lr: float
    weight_decay: float
    lr_schedule: str
    batch_size: int
    max_epochs: int
    patience: int | None
    callbacks: list | None
    verbose: int
    device: Any
    augmentation: Callable | None = None
    model: str = "DeepCCA"


def train(module, objective, pairs, settings, *, held_out=None, checkpoint=None):
    """Train the module in place; if rows are held out, restore the weights of the best epoch.

    Parameters
    ----------
    module : TwoBranches or Branches
        Networks of all views.
    objective : torch.nn.Module
        Loss to be minimized.
    pairs : Pairs
        Training rows.
    settings : TrainingSettings
        Parameters of the training.
    held_out : HeldOut, default=None
        Callback that measures the correlations on held-out rows. If None, no rows are held out.
    checkpoint : Checkpoint, default=None
        Callback that saves the state of the training run and restores it. If None, nothing is saved.

    Returns
    -------
    history : list of dict
        One entry for each epoch.
    complete : bool
        False if the training was interrupted.
    """
    stopper = _early_stopping(settings, len(pairs)) if held_out else None
    net = Net(
        module,
        criterion=objective,
        lr=settings.lr,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_train=Batches,
        train_split=None,
        callbacks=_callbacks(pairs, settings, held_out, stopper, checkpoint),
        device=settings.device,
        verbose=0,
        **_optimizer(module, objective, settings),
    )
    net.process_group, net.augmentation = pairs.group, settings.augmentation
    n_done = checkpoint.n_epochs if checkpoint else 0
    net.fit(pairs, epochs=settings.max_epochs - n_done)  # also returns after Ctrl-C
    history = [_plain_values(row) for row in net.history if "dur" in row]
    stopped = stopper is not None and stopper.misses_ >= stopper.patience
    complete = stopped or len(history) == settings.max_epochs
    if pairs.group.distributed and not complete:
        raise KeyboardInterrupt  # the other processes are in the middle of an epoch
    return history, complete


def _optimizer(module, objective, settings):
    """Return the optimizer arguments of the net."""
    optimizer, arguments = settings.optimizer, {}
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]
        if optimizer in _ADAPTIVE:
            arguments = _adaptive(module, objective, settings)
    given = getattr(optimizer, "keywords", {})  # the arguments of a functools.partial
    if "weight_decay" in inspect.signature(optimizer).parameters and "weight_decay" not in given:
        arguments["optimizer__weight_decay"] = settings.weight_decay
    return {"optimizer": optimizer, **arguments}


def _adaptive(module, objective, settings):
    """Return arguments that make Adam faster, and train linear networks to their optimum."""
    weights = [*module.parameters(), *getattr(objective, "parameters", list)()]
    fused = all(weight.is_floating_point() for weight in weights)
    faster = {"lr": _LINEAR_RATE * settings.lr}
    linear = [name for name, network in module.named_children() if is_linear(network)]
    return {
        # The step is one pass over the weights instead of ten.
        "optimizer__fused": fused and torch.device(settings.device).type in ("cpu", "cuda"),
        "optimizer__param_groups": [(f"{name}.*", faster) for name in linear],
    }


def _early_stopping(settings, n_rows):
    """Return the callback that stops training and restores the best epoch."""
    return EarlyStopping(
        "valid_correlation",
        # Without a limit, the callback is still needed to restore the best epoch.
        patience=patience_of(settings, n_rows) or settings.max_epochs + 1,
        threshold=0,
        lower_is_better=False,
        load_best=True,
    )


def _callbacks(pairs, settings, held_out, stopper, checkpoint):
    """Return the callbacks by name, in the order in which they are called."""
    callbacks = [("held_out", held_out)] if held_out else []
    for i, callback in enumerate(settings.callbacks or []):
        callbacks.append(callback if isinstance(callback, tuple) else (f"user_{i}", callback))
    if stopper:
        callbacks.append(("early_stopping", stopper))
    if settings.lr_schedule == "cosine":
        callbacks.append(("lr_schedule", Cosine(count_steps(settings, len(pairs)))))
    if checkpoint:
        callbacks.append(("checkpoint", checkpoint))  # after all callbacks whose state it saves
    if settings.verbose and pairs.group.rank == 0:
        callbacks.append(("progress", _Progress(settings.model)))
    return callbacks


def check_callbacks(callbacks):
    """Raise ValueError unless all objects are callbacks of skorch."""
    rule = "`callbacks` must be a list of skorch callbacks, or of pairs (name, callback), or None"
    if callbacks is None:
        return
    if not isinstance(callbacks, (list, tuple)):
        raise ValueError(f"{rule}, got {callbacks!r}. Pass a list.")
    for given in callbacks:
        callback = given[-1] if isinstance(given, tuple) and len(given) == 2 else given
        if not hasattr(callback, "on_train_begin"):
            raise ValueError(f"{rule}, got a list that contains {given!r}. Remove it.")


class HeldOut(Callback):
    """Record the correlations on training rows and on held-out rows after each epoch.

    A linear model on the encodings gives the correlations. It is fitted on the last batches of the
    epoch, with at least 20 rows for each component, because the encodings of these batches are already
    available. Encoding all training rows would take a third of an epoch.

    Parameters
    ----------
    X, y : ndarray
        Local rows of both views.
    rows : ndarray of int
        Positions of the local held-out rows.
    linear : LinearCCA
        Linear model to be fitted.
    group : process group, default=SINGLE_PROCESS
        Processes that hold the rows.
    weight : ndarray, default=None
        Weights of all held-out rows, in the order of the processes. If None, they are the same.
    """

    def __init__(self, X, y, rows, linear, group=SINGLE_PROCESS, weight=None):
        self.X = X
        self.y = y
        self.rows = rows
        self.linear = linear
        self.group = group
        self.weight = weight

    def on_epoch_begin(self, net, **kwargs):
        """Discard the batches of the previous epoch."""
        self.last = []

    def on_batch_end(self, net, batch=None, training=False, y_pred=None, **kwargs):
        """Keep the encodings of the last batches."""
        self.last.append((batch[1].n_rows, *(encodings.detach() for encodings in y_pred)))
        enough = 20 * y_pred[0].shape[1]
        while sum(n for n, *_ in self.last[1:]) >= enough:
            del self.last[0]

    def on_epoch_end(self, net, **kwargs):
        """Record the sums of the correlations."""
        _, *last = zip(*self.last, strict=True)
        training = [self.group.gather_rows(torch.cat(parts).cpu().numpy()) for parts in last]
        held_out = [
            self.group.gather_rows(encode(net.module_.x_network, self.X, self.rows)),
            self.group.gather_rows(encode(net.module_.y_network, self.y, self.rows)),
        ]
        found = sums_of_correlations(self.linear, training, held_out, self.weight)
        # All processes use the values of process 0, because machines may differ in the last digit.
        trained, held_out = self.group.broadcast(found)
        net.history.record("train_correlation", trained)
        net.history.record("valid_correlation", held_out)


class _Progress(Callback):
    """Show a progress bar over the epochs."""

    def __init__(self, model):
        self.model = model

    def on_train_begin(self, net, **kwargs):
        from tqdm.auto import tqdm

        n_done = len(net.history)
        self.bar = tqdm(total=net.max_epochs, initial=n_done, desc=self.model, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        shown = {"loss": row["train_loss"]}
        if "valid_correlation" in row:
            shown |= {"train": row["train_correlation"], "held out": row["valid_correlation"]}
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()})
        self.bar.update()

    def on_train_end(self, net, **kwargs):
        self.bar.close()


def _plain_values(row):
    """Return the numbers and texts in an entry of the history, except values only skorch needs."""
    hidden = ("train_batch_count", "train_loss_best")
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in row.items()
        if name not in hidden
    }
    return {name: v for name, v in plain.items() if isinstance(v, (int, float, str))}
