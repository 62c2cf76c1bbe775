"""Training of two encoders on a common objective: what `DeepCCA` asks of torch and skorch."""

import copy
import inspect
import math
import threading
from contextlib import contextmanager

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, LRScheduler, PassthroughScoring
from torch import nn
from torch.utils.data import Dataset

from skdcca.losses import Objective

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
# Numbers of the input, and rows, that are encoded at a time: hidden layers may be far wider than it.
_BLOCK, _ROWS = 2**22, 4096
_ONE_AT_A_TIME = threading.RLock()


class Standardize(nn.Module):
    """Centre the channels (axis 1) of a view and scale them by their range, for units not to matter.

    Not by the standard deviation, which would blow up what is nearly always the same (the pixels at the
    edge of a picture, a rare word) into a wide noise. What lies more than a range from the mean, as
    nothing did that was learned from, is held there: of a channel that hardly varied then, an
    ordinary value would be thousands of ranges away.

    In float64, as a column of 3000 + 1000 x in float32 would lose its digits to the centring.
    """

    def __init__(self, shape):
        super().__init__()
        by_channel = (shape[0],) + (1,) * (len(shape) - 1)
        self.register_buffer("mean", torch.zeros(by_channel, dtype=torch.float64))
        self.register_buffer("range", torch.ones(by_channel, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones((), dtype=torch.float64))

    def learn(self, view, rows, name):
        """Mean and range of each channel, and the deviation of all that are left, block by block."""
        axes = (0, *range(2, view.ndim))
        blocks = _blocks(rows, view[0].size)
        share = np.array([len(block) for block in blocks]) / len(rows)
        mean = share @ [view[block].mean(axis=axes, dtype=float) for block in blocks]
        lowest = np.min([view[block].min(axis=axes) for block in blocks], axis=0)
        highest = np.max([view[block].max(axis=axes) for block in blocks], axis=0)
        width = np.subtract(highest, lowest, dtype=float)
        if not width.any():
            raise ValueError(
                f"{name} is constant: each of its columns has a single value in the {len(rows)} "
                "training rows, so nothing can be correlated with it"
            )
        width[width == 0] = np.inf  # a constant channel is 0
        self.mean.copy_(torch.from_numpy(mean.reshape(self.mean.shape)))
        self.range.copy_(torch.from_numpy(width.reshape(self.range.shape)))
        squares = [self(torch.from_numpy(view[block])).double().square().mean() for block in blocks]
        self.deviation.fill_(math.sqrt(share @ squares))

    def forward(self, x):
        return (((x - self.mean) / self.range).clamp(-1, 1) / self.deviation).float()


class TwoBranches(nn.Module):
    """The networks of both views."""

    def __init__(self, x_network, y_network):
        super().__init__()
        self.x_network = x_network
        self.y_network = y_network

    def forward(self, x, y):
        return self.x_network(x), self.y_network(y)


class Pairs(Dataset):
    """Rows of two views, for `Batches`."""

    def __init__(self, X, y, rows):
        self.X, self.y, self.rows = X, y, rows

    def __len__(self):
        return len(self.rows)


class Batches:
    """Batches of a shuffled epoch, each cut from the arrays at once.

    A `DataLoader` collates sample by sample, which costs as much as training a small network. All rows
    are spread evenly, so no batch has fewer than `batch_size` of them: the covariance of a short one
    is no estimate, and of one row NaN.
    """

    def __init__(self, pairs, batch_size):
        self.pairs = pairs
        self.n_batches = n_batches(len(pairs), batch_size)

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        shuffled = self.pairs.rows[torch.randperm(len(self.pairs)).numpy()]
        for rows in np.array_split(shuffled, self.n_batches):
            x, y = torch.from_numpy(self.pairs.X[rows]), torch.from_numpy(self.pairs.y[rows])
            yield {"x": x, "y": y}, None


def n_batches(n_rows, batch_size):
    """Number of batches that have at least `batch_size` rows, or the one there is."""
    return max(1, n_rows // batch_size)


class _Net(NeuralNet):
    """skorch's training loop for a loss over two encodings, without its printing."""

    @property
    def _default_callbacks(self):
        return [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
        ]

    def get_loss(self, y_pred, y_true, X=None, training=False):
        # Found at once, not after the last epoch.
        if not all(torch.isfinite(encodings).all() for encodings in y_pred):
            raise self._diverged("the encodings are not finite")
        loss = self.criterion_(*y_pred)
        if not isinstance(loss, torch.Tensor) or loss.ndim:
            given = f"shape {tuple(loss.shape)}" if hasattr(loss, "shape") else type(loss).__name__
            raise ValueError(f"the loss gives {given}; it must give a tensor of shape ()")
        if not torch.isfinite(loss):
            raise self._diverged(f"the loss is {loss.item()}")
        return loss

    def _diverged(self, found):
        return ValueError(
            f"training diverged in epoch {self.history[-1, 'epoch']}: {found}; take a smaller lr "
            f"({self.lr} now) or check the loss"
        )


class HeldOut(Callback):
    """Correlations after each epoch: of a linear model of the encodings, and on rows held out.

    The linear model is fitted on the encodings of the last batches, 20 rows for each component, which
    are at hand: to encode the training rows again would cost a third of an epoch.
    """

    def __init__(self, X, y, rows, linear):
        self.X, self.y, self.rows, self.linear = X, y, rows, linear

    def on_epoch_begin(self, net, **kwargs):
        self.last = []

    def on_batch_end(self, net, training=False, y_pred=None, **kwargs):
        self.last.append([encodings.detach() for encodings in y_pred])
        enough = 20 * y_pred[0].shape[1]
        while sum(len(zx) for zx, _ in self.last[1:]) >= enough:
            del self.last[0]

    def on_epoch_end(self, net, **kwargs):
        zx, zy = (torch.cat(parts).cpu().numpy() for parts in zip(*self.last, strict=True))
        linear = fit_linear(self.linear, zx, zy)
        held_out = linear.score(
            encode(net.module_.x_network, self.X, self.rows),
            encode(net.module_.y_network, self.y, self.rows),
        )
        net.history.record("train_correlation", float(linear.canonical_correlations_.sum()))
        net.history.record("valid_correlation", held_out)


class _Progress(Callback):
    """Bar over the epochs."""

    def on_train_begin(self, net, **kwargs):
        from tqdm.auto import tqdm

        done = len(net.history)
        self.bar = tqdm(total=net.max_epochs, initial=done, desc="DeepCCA", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        shown = {"loss": row["train_loss"]}
        if "valid_correlation" in row:
            shown |= {"train": row["train_correlation"], "held out": row["valid_correlation"]}
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items()})
        self.bar.update()

    def on_train_end(self, net, **kwargs):
        self.bar.close()


def train(
    module,
    objective,
    pairs,
    *,
    held_out,
    optimizer,
    lr,
    weight_decay,
    lr_schedule,
    batch_size,
    max_epochs,
    patience,
    device,
    callbacks,
    checkpoint,
    verbose,
):
    """Train the module in place, up to its best epoch on held-out rows if there are any.

    Returns the history, one dict an epoch, and whether training ended of itself.
    """
    used = [("held_out", held_out)] if held_out else []
    used += [
        callback if isinstance(callback, tuple) else (f"user_{i}", callback)
        for i, callback in enumerate(callbacks or [])
    ]
    if held_out:
        # load_best needs the callback even if it is never to stop.
        stopper = EarlyStopping(
            "valid_correlation",
            patience=patience or max_epochs + 1,
            threshold=0,
            lower_is_better=False,
            load_best=True,
        )
        used.append(("early_stopping", stopper))
    if lr_schedule == "cosine":
        n_steps = max_epochs * n_batches(len(pairs), batch_size)
        policy = torch.optim.lr_scheduler.LambdaLR
        schedule = LRScheduler(
            policy, lr_lambda=_Cosine(n_steps), step_every="batch", event_name=None
        )
        used.append(("lr_schedule", schedule))
    if checkpoint:
        used.append(("checkpoint", checkpoint))  # after all whose state it keeps
    if verbose:
        used.append(("progress", _Progress()))
    settings = {}
    given = getattr(optimizer, "keywords", {})  # of a functools.partial
    if "weight_decay" in inspect.signature(optimizer).parameters and "weight_decay" not in given:
        settings["optimizer__weight_decay"] = weight_decay
    net = _Net(
        module,
        criterion=objective,
        optimizer=optimizer,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=Batches,
        train_split=None,
        callbacks=used,
        device=device,
        verbose=0,
        **settings,
    )
    done = checkpoint.n_epochs if checkpoint else 0
    net.fit(pairs, epochs=max_epochs - done)  # also returns after Ctrl-C
    rows = [_scalars(row) for row in net.history if "dur" in row]
    stopped = held_out and stopper.misses_ >= stopper.patience
    return rows, stopped or len(rows) == max_epochs


class _Cosine:
    """Factor of the learning rate: up over the first tenth of the steps, then down to 0."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def __call__(self, step):
        rise = min(1.0, (step + 1) / (0.1 * self.n_steps))
        return rise * (1 + math.cos(math.pi * min(1.0, step / self.n_steps))) / 2


def _scalars(row):
    """What a history says in numbers and texts, less what skorch keeps for itself."""
    hidden = ("train_batch_count", "train_loss_best")
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in row.items()
        if name not in hidden
    }
    return {name: v for name, v in plain.items() if isinstance(v, (int, float, str))}


def check_callbacks(callbacks):
    """Refuse what skorch cannot call."""
    if callbacks is not None and not isinstance(callbacks, (list, tuple)):
        raise ValueError(
            f"callbacks={callbacks!r}; it must be a list of callbacks of skorch, or None"
        )
    for given in callbacks or []:
        callback = given[-1] if isinstance(given, tuple) and len(given) == 2 else given
        if not hasattr(callback, "on_train_begin"):
            raise ValueError(
                f"callbacks holds {given!r}; it must be a list of callbacks of skorch, or of pairs of a "
                "name and a callback"
            )


def encode(network, view, rows=None):
    """Outputs of a network for these rows, in blocks; float32."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    rows = np.arange(len(view)) if rows is None else rows
    network.eval()
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(view[block]).to(device)).cpu().numpy()
            for block in _blocks(rows, view[0].size)
        ]
    encodings = np.concatenate(parts)
    if not np.isfinite(encodings).all():
        raise ValueError(
            "the network gives numbers that are not finite: its training diverged (take a smaller lr), "
            "or the view is far outside what it was fitted with"
        )
    return encodings


def fit_linear(linear, zx, zy):
    """Fit a linear model on encodings, with an error of our own where all of them are the same."""
    for name, encodings in (("X", zx), ("y", zy)):
        if not np.ptp(encodings, axis=0).any():
            raise ValueError(
                f"the network of {name} gives the same numbers for every sample: all its outputs are "
                "dead; take a smaller lr or another network"
            )
    return linear.fit(zx, zy)


def _blocks(rows, size):
    """Blocks of rows of samples of this size."""
    step = max(1, min(_ROWS, _BLOCK // size))
    return [rows[i : i + step] for i in range(0, len(rows), step)]


def as_module(loss):
    """A loss of ours, a module (copied, as training may change it) or a plain callable as a module."""
    if hasattr(loss, "build"):
        return loss.build()
    return copy.deepcopy(loss) if isinstance(loss, nn.Module) else Objective(loss)


def resolve_device(device, must_exist=True):
    """Device of this name, or the CPU."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        known = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device={device!r}; {error}") from error
    try:
        torch.zeros(1, device=known).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if must_exist:
            raise ValueError(
                f"device={device!r}, but torch finds no such device here; take 'auto' or 'cpu'"
            ) from error
        return "cpu"
    return device


@contextmanager
def seeded(seed, device):
    """Seed torch for a while; the caller's generators are left as they were.

    One thread at a time: torch has one generator, which fits in other threads would draw from too.
    """
    gpus = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with _ONE_AT_A_TIME, torch.random.fork_rng(gpus):
        # Not torch.manual_seed, which reaches the generators of every GPU.
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield


def state_of(network):
    """Weights of a network as arrays."""
    return {name: value.numpy(force=True).copy() for name, value in network.state_dict().items()}


def load_state(network, state):
    """Set the weights of a network to these arrays, which are copied."""
    network.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return network
