"""DeepCCA models that train in a moment, and comparisons of their training."""

import numpy as np
import pytest
import torch
from _views import shared_views
from skorch.callbacks import Callback
from torch import nn

from skdcca import DeepCCA
from skdcca.encoders import MLP, Encoder

LOSS_NAMES = ["barlow_twins", "cca", "ey", "infonce", "vicreg"]
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def two_views(n=300, p=6, q=4):
    """Return views whose shared factors a network finds within a few epochs."""
    return shared_views(n, p, q, noise=0.5)


def small(n_components=2, **parameters):
    """Return a DeepCCA of one network that trains in a moment and is kept."""
    encoder = MLP((16,), dropout=0)
    settings = {"x_encoder": encoder, "y_encoder": encoder, "max_epochs": 3, "random_state": 0}
    settings |= {"fallback": None, "n_networks": 1, "batch_size": 256, "loss": "ey"}
    return DeepCCA(n_components, **settings | parameters)


class Flat(Encoder):
    """A linear network for samples of any shape, without activation."""

    def build(self, shape, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), n_outputs))


class DieAfter(Callback):
    """Raise an error after this number of epochs."""

    def __init__(self, n_epochs, error=RuntimeError):
        self.n_epochs, self.error = n_epochs, error

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > self.n_epochs:  # the epoch that begins has its row
            raise self.error("killed")


class Sizes(Callback):
    """Record the sizes of the batches that were trained on."""

    def on_train_begin(self, net, **kwargs):
        self.sizes = []

    def on_batch_begin(self, net, batch=None, **kwargs):
        self.sizes.append(len(batch[0]["x"]))


def without_time(history):
    """Return the rows of a history without the durations."""
    return [{name: value for name, value in row.items() if name != "dur"} for row in history]


def assert_same_states(one, other):
    """Check that two states of a network are equal bit for bit."""
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
