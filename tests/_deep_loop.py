"""Call the training loop of DeepCCA alone, on small networks."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from skdcca import LinearCCA
from skdcca._deep.batches import Pairs
from skdcca._deep.networks import Branch, TwoBranches, seeded
from skdcca._deep.training import HeldOut, TrainingSettings, train
from skdcca.encoders import MLP
from skdcca.losses import EYLoss

SETTINGS = TrainingSettings(
    optimizer="adamw",
    lr=1e-3,
    weight_decay=1e-2,
    lr_schedule="cosine",
    batch_size=30,
    max_epochs=3,
    patience=None,
    callbacks=None,
    verbose=0,
    device=torch.device("cpu"),
)


class Objective(nn.Module):
    """The loss "ey", with a record of the labels that it gets."""

    def __init__(self):
        super().__init__()
        self.labels = []

    def forward(self, zx, zy, *labels):
        self.labels.append(labels)
        return EYLoss()(zx, zy)


def run_loop(X, y, *, n_held_out=0, labels=None, objective=None, module=None, **changes):
    """Train on all but the last rows; return the module, the history and whether it is complete."""
    rows, held_out = np.split(np.arange(len(X)), [len(X) - n_held_out])
    with seeded(0, "cpu"):
        if module is None:
            branches = [
                Branch(name, MLP((8,)), v.shape[1:], 2)
                for name, v in zip("Xy", (X, y), strict=True)
            ]
            module = TwoBranches(*(branch.build() for branch in branches))
            module.x_network[0].fit(X, rows, "X")
            module.y_network[0].fit(y, rows, "y")
        history, complete = train(
            module,
            objective or Objective(),
            Pairs(X, y, rows, labels=labels),
            replace(SETTINGS, **changes),
            held_out=HeldOut(X, y, held_out, LinearCCA(reg=1e-3)) if n_held_out else None,
        )
    return module, history, complete
