"""Define the mixin with what all deep models do alike around a training run."""

import numpy as np
from sklearn.utils import check_random_state

from skdcca._deep.batches import count_batches
from skdcca._deep.checkpoint import Checkpoint, fingerprint_of
from skdcca._deep.ensemble import JoinedBranch
from skdcca._deep.plan import resolve_lr, resolve_max_epochs, resolve_projection
from skdcca._deep.run import Training, resolve_batch_size
from skdcca._deep.training import TrainingSettings
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca.base import WEIGHTING_POWER
from skdcca.losses import as_loss


class TrainedMixin:
    """Mixin of deep models, whose parameters of the training have the same names."""

    def _draw_seeds(self, views, rows, device, process_group=SINGLE_PROCESS):
        """Set the seed of the held-out rows; return the seed of the training run and the checkpoint.

        A training run that continues from a checkpoint keeps the seeds with which it began.
        `views` are two arrays, or lists of them, and `rows` the weight, group and label of each row.
        """
        random = check_random_state(self.random_state)
        if self._continues():
            return process_group.broadcast(random.randint(2**31 - 1)), None
        checkpoint = None
        if self.checkpoint is not None:
            fingerprint = fingerprint_of(self._relevant_params(), *views, **rows)
            checkpoint = Checkpoint(self.checkpoint, fingerprint)
        seeds = random.randint(2**31 - 1), random.randint(2**31 - 1)
        if checkpoint is not None:
            seeds = checkpoint.open(seeds, device)
        self._split_seed, seed = process_group.broadcast(seeds)
        return seed, checkpoint

    def _relevant_params(self):
        """Return the parameters that a checkpoint compares."""
        return self.get_params()

    def _resolve_n_components(self, shapes, n_training):
        """Return the number of components; if None, it suits the views and the training rows."""
        most = [*(int(np.prod(shape)) for shape in shapes), 50]
        if resolve_projection(self) != "raw":
            most.append(n_training // 10)
        return int(self.n_components or max(1, min(most)))

    def _fitted_branch(self, view):
        """Return the description of the fitted network, or of several that are joined."""
        branch = self._branch(view)
        return branch if self.n_networks_ == 1 else JoinedBranch(branch, self.n_networks_)

    def _training(self, branches, kind, device, plan, *, n_rows, n_training, share=1):
        """Return the networks, the loss and the settings of the training."""
        loss, n_components = as_loss(self.loss, self.reg), self.n_components_
        self.batch_size_ = resolve_batch_size(
            self.batch_size, n_training, n_components, loss, share
        )
        n_batches = count_batches(n_training, self.batch_size_)
        settings = TrainingSettings(
            optimizer=self.optimizer,
            lr=resolve_lr(self.lr, n_rows, plan.n_networks),
            weight_decay=self.weight_decay,
            lr_schedule=self.lr_schedule,
            batch_size=self.batch_size_,
            max_epochs=resolve_max_epochs(self.max_epochs, n_rows, n_batches, plan.n_networks),
            patience=self.patience,
            callbacks=self.callbacks,
            verbose=self.verbose,
            device=device,
            augmentation=self.augmentation,
            model=type(self).__name__,
        )
        return Training(branches, loss, settings, self.reg, kind)

    def _set_history(self, history):
        """Append the epochs of a training run to those of earlier ones."""
        n_done = len(self.history_)
        self.history_ = self.history_ + [row | {"epoch": n_done + row["epoch"]} for row in history]
        self.n_epochs_ = max((row["epoch"] for row in self.history_), default=0)

    def _set_projection(self):
        """Set the projection, and the factors by which `transform` multiplies the variates."""
        self.projection_ = resolve_projection(self)
        self.component_weights_ = np.ones(self.n_components_)
        if self.projection_ == "weighted":
            self.component_weights_ = self._measured_correlations().clip(0) ** WEIGHTING_POWER

    def _measured_correlations(self):
        """Return the correlations of held-out rows, or of the training rows if none are held out."""
        held_out = self.validation_correlations_
        return self.canonical_correlations_ if held_out is None else held_out
