"""Training of two encoders on a common objective: what `DeepCCA` asks of torch and skorch."""

import copy
import inspect
import math
import mmap
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, LRScheduler, PassthroughScoring
from torch import nn
from torch.utils.data import Dataset

from skdcca._deep.process_group import ALONE, Shares
from skdcca.losses import _Loss

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
# Numbers of the input, and rows, that are encoded at a time: hidden layers may be far wider than it.
_BLOCK, _ROWS = 2**22, 4096
# Of a file, blocks that are read at a time, while the one before is computed with.
_READERS = 4
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

    def learn(self, view, rows, name, over=ALONE):
        """Mean and range of each channel, and the deviation of all that are left, block by block."""
        axes = (0, *range(2, view.ndim))
        blocks = _blocks(rows, view[0].size) if len(rows) else []
        counts, (means, lowest, highest) = [len(block) for block in blocks], ([], [], [])
        for (x,) in read([view], blocks):
            x = x.numpy()
            means.append(x.mean(axis=axes, dtype=float))
            lowest.append(x.min(axis=axes))
            highest.append(x.max(axis=axes))
        mean = _mean(counts, means, over)
        lowest, highest = np.min(over.all(lowest), axis=0), np.max(over.all(highest), axis=0)
        width = np.subtract(highest, lowest, dtype=float)
        if not width.any():
            raise ValueError(
                f"{name} is constant: each of its columns has a single value in the "
                f"{over.count(len(rows))} training rows, so nothing can be correlated with it"
            )
        width[width == 0] = np.inf  # a constant channel is 0
        self.mean.copy_(torch.from_numpy(mean.reshape(self.mean.shape)))
        self.range.copy_(torch.from_numpy(width.reshape(self.range.shape)))
        squares = [self(x).double().square().mean().item() for (x,) in read([view], blocks)]
        self.deviation.fill_(math.sqrt(_mean(counts, squares, over)))

    def forward(self, x):
        return (((x - self.mean) / self.range).clamp(-1, 1) / self.deviation).float()


def _mean(counts, means, over):
    """Mean of all rows, from means of so many rows each."""
    n = sum(counts)
    here = np.array(counts) / n @ means if n else 0.0
    return over.sum(n / over.count(n) * here)


class TwoBranches(nn.Module):
    """The networks of both views."""

    def __init__(self, x_network, y_network):
        super().__init__()
        self.x_network = x_network
        self.y_network = y_network

    def forward(self, x, y):
        return self.x_network(x), self.y_network(y)


class Pairs(Dataset):
    """Rows of two views, for `Batches`: numbers of rows of all processes."""

    def __init__(self, X, y, rows, over=ALONE, shuffler=None):
        self.views, self.rows = (X, y), rows
        self.over, self.shuffler = over, shuffler

    def __len__(self):
        return len(self.rows)


class Batches:
    """Batches of a shuffled epoch, each cut from the arrays at once.

    A `DataLoader` collates sample by sample, which costs as much as training a small network. All rows
    are spread evenly, so no batch has fewer than `batch_size` of them: the covariance of a short one
    is no estimate, and of one row NaN. Of several processes each has the rows of a batch that are its
    own, and the number of all of them.
    """

    def __init__(self, pairs, batch_size):
        self.pairs = pairs
        self.n_batches = n_batches(len(pairs), batch_size)

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        pairs = self.pairs
        shuffled = pairs.rows[torch.randperm(len(pairs), generator=pairs.shuffler).numpy()]
        batches = np.array_split(shuffled, self.n_batches)
        own = [pairs.over.own(rows) for rows in batches]
        for rows, (x, y) in zip(batches, read(pairs.views, own), strict=True):
            yield {"x": x, "y": y}, len(rows) if pairs.over.several else None


def n_batches(n_rows, batch_size):
    """Number of batches that have at least `batch_size` rows, or the one there is."""
    return max(1, n_rows // batch_size)


class _Net(NeuralNet):
    """skorch's training loop for a loss over two encodings, without its printing."""

    over = ALONE

    @property
    def _default_callbacks(self):
        return [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
        ]

    def get_loss(self, y_pred, y_true, X=None, training=False):
        # Found at once, not after the last epoch.
        finite = all(torch.isfinite(encodings).all() for encodings in y_pred)
        if self.over.count(not finite):
            raise self._diverged("the encodings are not finite")
        loss = self.criterion_(*y_pred)
        if not isinstance(loss, torch.Tensor) or loss.ndim:
            given = f"shape {tuple(loss.shape)}" if hasattr(loss, "shape") else type(loss).__name__
            raise ValueError(f"the loss gives {given}; it must give a tensor of shape ()")
        if not torch.isfinite(loss):
            raise self._diverged(f"the loss is {loss.item()}")
        return loss

    def train_step_single(self, batch, **params):
        step = super().train_step_single(batch, **params)
        self.over.sum_gradients(self.module_, self.criterion_)
        return step

    def on_batch_end(self, net, batch=None, **kwargs):
        if self.over.several:  # batches weigh in the loss of an epoch by all of their rows
            self.history.record_batch("train_batch_size", batch[1])

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

    def __init__(self, X, y, rows, linear, over=ALONE):
        self.X, self.y, self.rows, self.linear, self.over = X, y, rows, linear, over

    def on_epoch_begin(self, net, **kwargs):
        self.last = []

    def on_batch_end(self, net, batch=None, training=False, y_pred=None, **kwargs):
        n_rows = batch[1] if self.over.several else len(y_pred[0])
        self.last.append((n_rows, *(encodings.detach() for encodings in y_pred)))
        enough = 20 * y_pred[0].shape[1]
        while sum(n for n, *_ in self.last[1:]) >= enough:
            del self.last[0]

    def on_epoch_end(self, net, **kwargs):
        _, *last = zip(*self.last, strict=True)
        zx, zy = (self.over.rows(torch.cat(parts).cpu().numpy()) for parts in last)
        linear = fit_linear(self.linear, zx, zy)
        held_out = linear.score(
            self.over.rows(encode(net.module_.x_network, self.X, self.rows)),
            self.over.rows(encode(net.module_.y_network, self.y, self.rows)),
        )
        found = float(linear.canonical_correlations_.sum()), held_out
        # The first process decides, as machines may differ in the last digit.
        trained, held_out = self.over.first(found)
        net.history.record("train_correlation", trained)
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
    over=ALONE,
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
    if verbose and over.number == 0:
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
    net.over = over
    done = checkpoint.n_epochs if checkpoint else 0
    net.fit(pairs, epochs=max_epochs - done)  # also returns after Ctrl-C
    rows = [_scalars(row) for row in net.history if "dur" in row]
    stopped = held_out and stopper.misses_ >= stopper.patience
    complete = stopped or len(rows) == max_epochs
    if over.several and not complete:
        raise KeyboardInterrupt  # the others are elsewhere: no model can be made together
    return rows, complete


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
            network(block.to(device)).cpu().numpy()
            for (block,) in read([view], _blocks(rows, view[0].size))
        ]
    encodings = np.concatenate(parts)
    if not np.isfinite(encodings).all():
        raise ValueError(
            "the network gives numbers that are not finite: its training diverged (take a smaller lr), "
            "or the view is far outside what it was fitted with"
        )
    return encodings


def fit_linear(linear, zx, zy, over=ALONE):
    """Fit a linear model on encodings, with an error of our own where all of them are the same."""
    for name, encodings in (("X", zx), ("y", zy)):
        ends = [encodings.min(axis=0), encodings.max(axis=0)] if len(encodings) else []
        if not np.ptp(over.all(ends), axis=0).any():
            raise ValueError(
                f"the network of {name} gives the same numbers for every sample: all its outputs are "
                "dead; take a smaller lr or another network"
            )
    if over.several:
        return linear.fit_blocks(Shares(zx, zy, over))
    return linear.fit(zx, zy)


def _blocks(rows, size):
    """Blocks of rows of samples of this size; one of none for no rows."""
    step = max(1, min(_ROWS, _BLOCK // size))
    return [rows[i : i + step] for i in range(0, max(1, len(rows)), step)]


def read(views, blocks):
    """Tensors of these rows of the views, block by block.

    What lies in a file is read ahead by threads, which wait for the disk while others compute.
    """

    def one(rows):
        return [torch.from_numpy(_rows_of(view, rows)) for view in views]

    return _ahead(one, blocks) if any(map(_in_file, views)) else map(one, blocks)


def _ahead(function, items):
    """What a function gives for each item, in order, the next ones made while one is used."""
    pool, waiting = ThreadPoolExecutor(_READERS), deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > _READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _rows_of(view, rows):
    """A copy of these rows; of a file, read in the order in which they lie there."""
    if not _in_file(view):
        return view[rows]
    order = np.argsort(rows)
    found = np.empty((len(rows), *view.shape[1:]), view.dtype)
    found[order] = view[rows[order]]
    return found


def _in_file(view):
    """Whether an array is memory-mapped, or a part of one that is."""
    while isinstance(view, np.ndarray) and not isinstance(view, np.memmap):
        view = view.base
    return isinstance(view, (np.memmap, mmap.mmap))


def as_module(loss, over=ALONE):
    """A loss of ours, a module (copied, as training may change it) or a plain callable as a module."""
    if isinstance(loss, _Loss):
        module = loss.build()
        module.over = over
        return module
    if hasattr(loss, "build"):
        module = loss.build()
    else:
        module = copy.deepcopy(loss) if isinstance(loss, nn.Module) else _Plain(loss)
    return _OfAllRows(module, over) if over.several else module


class _Plain(nn.Module):
    """A plain callable as a module."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, zx, zy):
        return self.loss(zx, zy)


class _OfAllRows(nn.Module):
    """A loss that knows nothing of processes, on the encodings of all of them."""

    def __init__(self, loss, over):
        super().__init__()
        self.loss, self.over = loss, over

    def forward(self, zx, zy):
        return self.loss(*self.over.gather(zx, zy))


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
