"""Training loop of skorch for a loss of encodings."""

import math

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PassthroughScoring

from skdcca._deep.augmentation import augment
from skdcca._deep.batches import Target
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca.exceptions import DivergenceError


class Net(NeuralNet):
    """Training loop of skorch for a loss of the encodings of all views, without printing.

    A step of a small network takes less than a millisecond, so the methods that skorch calls in every
    step are overridden by ones that do only what `train` needs.
    """

    process_group = SINGLE_PROCESS
    augmentation = None

    @property
    def _default_callbacks(self):
        return [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
        ]

    def run_single_epoch(self, iterator, training, prefix, step_fn, **params):
        if iterator is None:  # skorch also asks for an epoch over validation data, which it lacks
            return
        n_batches = 0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            self.history.record_batch(f"{prefix}_loss", step["loss"].item())
            # The mean loss of an epoch weights each batch by its number of rows in all processes.
            self.history.record_batch(f"{prefix}_batch_size", batch[1].n_rows)
            self.notify("on_batch_end", batch=batch, training=training, **step)
            n_batches += 1
        self.history.record(f"{prefix}_batch_count", n_batches)

    def train_step(self, batch, **params):
        views, (n_rows, *facts) = batch
        views = {name: view.to(self.device) for name, view in views.items()}
        # An optimizer may compute the loss several times in a step, always on the same augmented batch.
        if self.augmentation is not None:
            views = augment(self.augmentation, views)
        facts = [fact if fact is None else fact.to(self.device) for fact in facts]
        return super().train_step((views, Target(n_rows, *facts)))

    def train_step_single(self, batch, **params):
        self._set_training(True)
        views, target = batch
        encodings = self.module_(**views)
        loss = self.get_loss(encodings, target)
        loss.backward()
        self.process_group.all_reduce_gradients(self.module_, self.criterion_)
        return {"loss": loss, "y_pred": encodings}

    def get_loss(self, y_pred, y_true, X=None, training=False):
        # Checking every batch finds divergence at once, rather than after the last epoch.
        if self.process_group.distributed:
            # All processes must raise the error together, so they cannot wait for the loss to fail.
            self._check_encodings(y_pred)
        try:
            loss = self._compute_loss(y_pred, y_true)
            if math.isfinite(loss.item()):
                return loss
        except Exception:
            self._check_encodings(y_pred, SINGLE_PROCESS)  # a decomposition fails if there is NaN
            raise
        self._check_encodings(y_pred, SINGLE_PROCESS)
        raise self._diverged(f"the loss is {loss.item()}")

    def _compute_loss(self, encodings, target):
        labels = () if target.labels is None else (target.labels,)
        missing = {} if target.present is None else {"present": target.present}
        return check_loss(self.criterion_(*encodings, *labels, **missing))

    def _check_encodings(self, encodings, group=None):
        finite = all(torch.isfinite(part).all() for part in encodings)
        if (group or self.process_group).count(not finite):
            raise self._diverged("the encodings contain NaN or infinity")

    def _diverged(self, found):
        return DivergenceError(
            f"Training diverged in epoch {self.history[-1, 'epoch']} with lr={self.lr}: {found}. Use a "
            "smaller lr, or check the loss."
        )

    def _set_training(self, training=True):
        # Visiting every layer takes time, so it is done only after someone has changed the mode.
        visited = (self.module_, *self.module_.children(), self.criterion_)
        if any(getattr(module, "training", training) != training for module in visited):
            super()._set_training(training)


def check_loss(loss):
    """Return the loss of a batch, or raise ValueError if it is not a single number of torch."""
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        found = f"shape {tuple(loss.shape)}" if hasattr(loss, "shape") else type(loss).__name__
        raise ValueError(f"The loss must return a tensor of shape (), got {found}.")
    return loss


# Fraction of the steps in which the learning rate rises.
_WARM_UP = 0.05


class Cosine(Callback):
    """Callback that lets the learning rate rise for a twentieth of the steps, and then fall to 0."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_train_begin(self, net, **kwargs):
        """Set the learning rate of the first step."""
        self.highest = [group["lr"] for group in net.optimizer_.param_groups]
        self._set_rates(net.optimizer_, 0)

    def on_batch_end(self, net, training=True, **kwargs):
        """Set the learning rate of the next step."""
        self._set_rates(net.optimizer_, self.n_done + 1)

    def _set_rates(self, optimizer, n_done):
        self.n_done = n_done
        for group, highest in zip(optimizer.param_groups, self.highest, strict=True):
            group["lr"] = highest * self.factor(n_done)

    def factor(self, step):
        """Return the factor of the learning rate in a step, counted from 0."""
        rise = min(1.0, (step + 1) / (_WARM_UP * self.n_steps))
        return rise * (1 + math.cos(math.pi * min(1.0, step / self.n_steps))) / 2

    def state_dict(self):
        """Return the state for a checkpoint; the optimizer holds the learning rates themselves."""
        return {"n_done": self.n_done, "highest": self.highest}

    def load_state_dict(self, state):
        """Restore the state of a checkpoint."""
        self.n_done, self.highest = state["n_done"], state["highest"]
