"""Networks of the two views: their input scaling, their weights as arrays, and their outputs."""

import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from skdcca._deep.batches import blocks_of_rows, read
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.validation import check_device
from skdcca.encoders import Encoder
from skdcca.exceptions import DivergenceError

_ONE_AT_A_TIME = threading.RLock()


class Standardize(nn.Module):
    """Center the channels (axis 1) of a view and scale them by their range, so that units do not matter.

    The standard deviation would turn nearly constant channels, such as the pixels at the edge of a
    picture or a rare word, into strong noise. Values more than a range from the mean, which the training
    rows do not have, are clipped: in a channel that hardly varied in training, an ordinary value would
    be thousands of ranges away.

    Computed in float64: a column of 3000 + 1000 x in float32 would lose its digits to the centering.
    """

    def __init__(self, shape):
        super().__init__()
        by_channel = (shape[0],) + (1,) * (len(shape) - 1)
        self.register_buffer("mean", torch.zeros(by_channel, dtype=torch.float64))
        self.register_buffer("range", torch.ones(by_channel, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones((), dtype=torch.float64))

    def fit(self, view, rows, name, group=SINGLE_PROCESS):
        """Set mean and range of each channel and the deviation of all scaled values, block by block."""
        axes = (0, *range(2, view.ndim))
        blocks = blocks_of_rows(rows, view[0].size) if len(rows) else []
        counts = [len(block) for block in blocks]
        means, lowest, highest = [], [], []
        for (x,) in read([view], blocks):
            x = x.numpy()
            means.append(x.mean(axis=axes, dtype=float))
            lowest.append(x.min(axis=axes))
            highest.append(x.max(axis=axes))
        mean = _mean(counts, means, group)
        lowest = np.min(group.all_gather_list(lowest), axis=0)
        highest = np.max(group.all_gather_list(highest), axis=0)
        width = np.subtract(highest, lowest, dtype=float)
        if not width.any():
            raise ValueError(
                f"{name} is constant: each of its columns has a single value in the "
                f"{group.count(len(rows))} training rows, so it has no correlations"
            )
        width[width == 0] = np.inf  # a constant channel becomes 0
        self.mean.copy_(torch.from_numpy(mean.reshape(self.mean.shape)))
        self.range.copy_(torch.from_numpy(width.reshape(self.range.shape)))
        squares = [self(x).double().square().mean().item() for (x,) in read([view], blocks)]
        self.deviation.fill_(math.sqrt(_mean(counts, squares, group)))

    def forward(self, x):
        """Scale samples to float32."""
        return (((x - self.mean) / self.range).clamp(-1, 1) / self.deviation).float()


def _mean(counts, means, group):
    """Return the mean of all rows, given the means of blocks and their numbers of rows."""
    n = sum(counts)
    local = np.array(counts) / n @ means if n else 0.0
    return group.all_reduce(n / group.count(n) * local)


class TwoBranches(nn.Module):
    """The networks of both views."""

    def __init__(self, x_network, y_network):
        super().__init__()
        self.x_network = x_network
        self.y_network = y_network

    def forward(self, x, y):
        """Return the encodings of both views."""
        return self.x_network(x), self.y_network(y)


@dataclass(frozen=True)
class Branch:
    """What is needed to build the network of one view.

    Attributes
    ----------
    view : str
        "X" or "y".
    encoder : Encoder
        Builds the network.
    shape : tuple of int
        Shape of one sample.
    n_outputs : int
        Number of outputs.
    """

    view: str
    encoder: Encoder
    shape: tuple
    n_outputs: int

    def build(self):
        """Return a new network with its input scaling."""
        network = self.encoder.build(self.shape, self.n_outputs)
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"{type(self.encoder).__name__}.build returned a {type(network).__name__}; it must "
                "return a torch.nn.Module"
            )
        return nn.Sequential(Standardize(self.shape), network)

    def rebuild(self, state):
        """Return the network with these weights; torch's generator is left as it was."""
        with seeded(0, "cpu"):
            return load_state(self.build(), state)

    def check_outputs(self, network, view):
        """Raise an error if the network does not map samples of the view to encodings."""
        network_name = (
            f"the network of {self.view.lower()}_encoder={type(self.encoder).__name__}(...)"
        )
        try:
            found = encode(network, view, np.arange(2)).shape
        except RuntimeError as error:
            needed = ", ".join(map(str, ("n_samples", *self.shape)))
            raise ValueError(
                f"{network_name} fails for samples of shape {self.shape} ({error}). It must map float32 "
                f"of shape ({needed}) to (n_samples, {self.n_outputs})."
            ) from error
        if found != (2, self.n_outputs):
            remedy = (
                f" Set n_components={found[1]}, or change the network." if len(found) == 2 else ""
            )
            raise ValueError(
                f"{network_name} returns shape {found} for 2 samples. It must be (2, n_outputs) with "
                f"n_outputs={self.n_outputs}, the number of components.{remedy}"
            )


def encode(network, view, rows=None):
    """Return the outputs of a network for these rows, computed in blocks; float32."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    rows = np.arange(len(view)) if rows is None else rows
    network.eval()
    with torch.inference_mode():
        parts = [
            network(block.to(device)).cpu().numpy()
            for (block,) in read([view], blocks_of_rows(rows, view[0].size))
        ]
    encodings = np.concatenate(parts)
    if not np.isfinite(encodings).all():
        raise DivergenceError(
            "the network returns numbers that are not finite: its training diverged (use a smaller lr), "
            "or the view is far outside the range of the training rows"
        )
    return encodings


def resolve_device(device, *, must_exist=True):
    """Return the torch device of this name; "auto" is a GPU if there is one, else the CPU."""
    if device is None:
        raise ValueError("`device` must be 'auto' or the name of a torch device, got None.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return check_device("device", device, must_exist=must_exist)


@contextmanager
def seeded(seed, device):
    """Seed torch inside the context and restore the generators of the caller afterwards.

    One thread at a time: torch has one generator, and fits in other threads would draw from it, too.
    """
    gpus = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with _ONE_AT_A_TIME, torch.random.fork_rng(gpus):
        # torch.manual_seed would also seed the generators of all other GPUs.
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield


def state_of(network):
    """Return the weights of a network as arrays."""
    return {name: value.numpy(force=True).copy() for name, value in network.state_dict().items()}


def load_state(network, state):
    """Set the weights of a network to copies of these arrays."""
    network.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return network
