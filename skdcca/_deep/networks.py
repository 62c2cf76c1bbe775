"""Build the networks of the views, scale their inputs and compute their outputs."""

import math
import threading
import weakref
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
# Networks of fitted models. The models themselves contain only arrays, so that they can be pickled.
_NETWORKS = weakref.WeakKeyDictionary()


class Standardize(nn.Module):
    """Layer that centers the channels (axis 1) of a view and scales them by their range.

    Scaling makes units irrelevant. Dividing by the standard deviation instead would turn nearly constant
    channels, such as pixels at the edge of an image or a rare word, into strong noise. A value that
    differs from the mean by more than the range, which cannot happen to training rows, is clipped:
    otherwise, an ordinary value of a channel that hardly varied in training could be thousands of ranges
    away from the mean.

    The computation is in float64, because centering a column with a large offset loses digits.
    """

    def __init__(self, shape):
        super().__init__()
        by_channel = (shape[0],) + (1,) * (len(shape) - 1)
        self.register_buffer("mean", torch.zeros(by_channel, dtype=torch.float64))
        self.register_buffer("range", torch.ones(by_channel, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones((), dtype=torch.float64))

    def fit(self, view, rows, name, group=SINGLE_PROCESS):
        """Compute the mean and range of each channel, and the deviation of all scaled values."""
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
                f"Every column of {name} is constant in the {group.count(len(rows))} training rows, so "
                "there is nothing to correlate. Pass columns that vary."
            )
        width[width == 0] = np.inf  # a constant channel becomes 0
        self.mean.copy_(torch.from_numpy(mean.reshape(self.mean.shape)))
        self.range.copy_(torch.from_numpy(width.reshape(self.range.shape)))
        squares = [self(x).double().square().mean().item() for (x,) in read([view], blocks)]
        self.deviation.fill_(math.sqrt(_mean(counts, squares, group)))

    def forward(self, x):
        """Return the scaled samples in float32."""
        scaled = x - self.mean
        # In place, because new tensors take longer than the arithmetic.
        return scaled.div_(self.range).clamp_(-1, 1).div_(self.deviation).float()


def _mean(counts, means, group):
    """Return the mean over the total rows, given the size and mean of each local block."""
    n = sum(counts)
    local = np.array(counts) / n @ means if n else 0.0
    return group.all_reduce(n / group.count(n) * local)


class TwoBranches(nn.Module):
    """Module that contains the networks of both views."""

    def __init__(self, x_network, y_network):
        super().__init__()
        self.x_network = x_network
        self.y_network = y_network

    def forward(self, x, y):
        """Return the encodings of both views."""
        return self.x_network(x), self.y_network(y)


class Branches(nn.Module):
    """Module that contains the networks of several views.

    Parameters
    ----------
    networks : list of torch.nn.Module
        Network of each view.
    n_outputs : int
        Number of outputs of each network.
    """

    def __init__(self, networks, n_outputs):
        super().__init__()
        self.n_outputs = n_outputs
        for i, network in enumerate(networks):
            self.add_module(f"network{i}", network)

    def forward(self, **views):
        """Return the encodings of all views, each for the rows that have the view."""
        # Some layers, such as batch normalization, fail without rows.
        return tuple(
            network(view) if len(view) else view.new_zeros((0, self.n_outputs))
            for network, view in zip(self.children(), views.values(), strict=True)
        )


def is_linear(network):
    """Return True if a network has one layer with weights, which is linear."""
    layers = [layer for layer in network.modules() if list(layer.parameters(recurse=False))]
    return len(layers) == 1 and isinstance(layers[0], nn.Linear)


@dataclass(frozen=True)
class Branch:
    """Description from which the network of one view is built.

    Attributes
    ----------
    view : str
        "X" or "y".
    encoder : Encoder
        Encoder that builds the network.
    shape : tuple of int
        Shape of one sample.
    n_outputs : int
        Number of outputs.
    parameter : str
        Parameter of the model that sets the encoder.
    """

    view: str
    encoder: Encoder
    shape: tuple
    n_outputs: int
    parameter: str = "encoder"

    def build(self):
        """Return a new network that includes its input scaling."""
        network = self.encoder.build(self.shape, self.n_outputs)
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"{type(self.encoder).__name__}.build must return a torch.nn.Module, got a "
                f"{type(network).__name__}."
            )
        return nn.Sequential(Standardize(self.shape), network)

    def rebuild(self, state):
        """Return the network with these weights, without advancing the random generator of torch."""
        with seeded(0, "cpu"):
            return load_state(self.build(), state)

    def check_outputs(self, network, view):
        """Raise ValueError if the network does not map samples of the view to encodings."""
        network_name = f"The network of {self.parameter}={type(self.encoder).__name__}(...)"
        try:
            found = encode(network, view, np.arange(2)).shape
        except RuntimeError as error:
            needed = ", ".join(map(str, ("n_samples", *self.shape)))
            raise ValueError(
                f"{network_name} must map float32 tensors of shape ({needed}) to (n_samples, "
                f"{self.n_outputs}), but it fails. Correct its layers. ({error})"
            ) from error
        if found != (2, self.n_outputs):
            remedy = (
                f" Set n_components={found[1]}, or change the network." if len(found) == 2 else ""
            )
            raise ValueError(
                f"{network_name} must return shape (2, {self.n_outputs}) for 2 samples and "
                f"n_components={self.n_outputs}, got {found}.{remedy}"
            )


def encode(network, view, rows=None):
    """Return the outputs of a network for the given or all rows in float32, computed in blocks."""
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
            "The network returns NaN or infinity, because its training diverged, or because the view is "
            "far outside the range of the training rows. Use a smaller lr, or scale the view."
        )
    return encodings


def resolve_device(device, *, must_exist=True):
    """Return the torch device of this name; "auto" is a GPU if available, otherwise the CPU."""
    if device is None:
        raise ValueError(
            "`device` must be 'auto' or the name of a torch device, got None. Use 'auto'."
        )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return check_device("device", device, must_exist=must_exist)


@contextmanager
def seeded(seed, device):
    """Seed torch inside the context, and restore its generators afterwards.

    Only one thread can enter at a time, because all threads share the generators of torch.
    """
    gpus = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with _ONE_AT_A_TIME, torch.random.fork_rng(gpus):
        # torch.manual_seed would also seed all other GPUs.
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


def fitted_network(model, view, state):
    """Return the network of a view of a fitted model, which is built from its weights on first use."""
    device = resolve_device(model.device, must_exist=False)
    networks = _NETWORKS.setdefault(model, {})
    built_from, network = networks.get((view, device), (None, None))
    if built_from is not state:
        network = model._fitted_branch(view).rebuild(state).to(device)
        networks[view, device] = state, network
    return network
