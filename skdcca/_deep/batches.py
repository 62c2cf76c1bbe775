"""Read the rows of views, in shuffled batches or in consecutive blocks."""

import mmap
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from skdcca._utils.process_group import SINGLE_PROCESS

# A block has at most _BLOCK_SIZE numbers and _BLOCK_ROWS rows. The rows are limited as well, because
# hidden layers may be far wider than the input.
_BLOCK_SIZE, _BLOCK_ROWS = 2**22, 4096
# Number of threads that read the next blocks of a file while the current one is used.
_READERS = 4


class Pairs(Dataset):
    """Data set of the training rows of two views, which `Batches` reads.

    Parameters
    ----------
    X, y : ndarray
        Local rows of both views.
    rows : ndarray of int
        Positions of the training rows among the rows of all processes.
    group : process group, default=SINGLE_PROCESS
        Processes that hold the rows.
    generator : torch.Generator, default=None
        Generator that shuffles the rows. If None, the default generator of torch is used.
    weight : ndarray of shape (n_training_rows,), default=None
        Weight of each training row, > 0. If None, all rows have the same weight.
    labels : ndarray of int64 of shape (n_local_rows,), default=None
        Label of each local row. If None, rows have no labels.
    """

    def __init__(self, X, y, rows, group=SINGLE_PROCESS, generator=None, weight=None, labels=None):
        self.views, self.rows, self.weight = (X, y), rows, weight
        self.group, self.generator, self.labels = group, generator, labels

    def __len__(self):
        return len(self.rows)

    def read(self, blocks):
        """Yield both views of each block of local rows by name; all rows have both."""
        for x, y in read(self.views, blocks):
            yield {"x": x, "y": y}, None


class Target(NamedTuple):
    """Number of rows and labels of a batch, and the views that its rows have.

    Attributes
    ----------
    n_rows : int
        Total number of rows in the batch, over all processes.
    labels : torch.Tensor of shape (n_local_rows,) or None
        Labels of the local rows.
    present : torch.Tensor of shape (n_rows, n_views) or None, default=None
        Whether a row has a view. If None, all rows have all views.
    """

    n_rows: int
    labels: torch.Tensor | None
    present: torch.Tensor | None = None


class Batches:
    """Batches of one shuffled epoch.

    All rows of a batch are taken from the arrays at once. A `DataLoader` would collate them sample by
    sample, which can take longer than training a small network. The rows are spread evenly over the
    batches, so that no batch has fewer than `batch_size` rows: the covariance of a small batch is a poor
    estimate, and the covariance of a single row is NaN. In a process group, each process gets its local
    rows of the batch. A `Target` comes with each batch.

    With weights, an epoch has the same number of rows, drawn in proportion to their weights: a row whose
    weight is twice the mean is in two batches of the epoch. Losses therefore need no weights.
    """

    def __init__(self, pairs, batch_size):
        self.pairs = pairs
        self.n_batches = count_batches(len(pairs), batch_size)

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        pairs, batches = self.pairs, self._draw()
        local = [pairs.group.local_rows(rows) for rows in batches]
        for rows, of_process, (views, present) in zip(
            batches, local, pairs.read(local), strict=True
        ):
            labels = None
            if pairs.labels is not None:
                labels = torch.from_numpy(pairs.labels[of_process])
            yield views, Target(len(rows), labels, present)

    def _draw(self):
        """Return the rows of each batch of the next epoch."""
        pairs, n = self.pairs, self.n_batches
        order = torch.randperm(len(pairs), generator=pairs.generator).numpy()
        if pairs.weight is None:
            return np.array_split(pairs.rows[order], n)
        order = order[systematic_sample(pairs.weight[order], pairs.generator)]
        # Copies of a row follow each other, so that this puts them into different batches.
        return [pairs.rows[order[i::n]] for i in range(n)]


def systematic_sample(weight, generator=None):
    """Draw as many positions as there are weights, in proportion to the weights.

    A position whose weight is w times the mean is drawn w times, rounded up or down at random. The
    positions are in ascending order.
    """
    n, ends = len(weight), np.cumsum(weight)
    offset = torch.rand(1, generator=generator, dtype=torch.float64).item()
    points = (offset + np.arange(n)) * (ends[-1] / n)
    return np.minimum(np.searchsorted(ends, points, side="right"), n - 1)


def count_batches(n_rows, batch_size):
    """Return the number of batches in an epoch: ``n_rows // batch_size``, but at least 1."""
    return max(1, n_rows // batch_size)


def blocks_of_rows(rows, size):
    """Split rows into blocks, given the size of a sample; without rows, return one empty block."""
    step = max(1, min(_BLOCK_ROWS, _BLOCK_SIZE // size))
    return [rows[i : i + step] for i in range(0, max(1, len(rows)), step)]


def read(views, blocks):
    """Yield a list with one tensor per view for each block of rows.

    Blocks of memory-mapped files are read ahead in threads, so that reading overlaps with computing.
    """
    return read_parts(views, [[rows] * len(views) for rows in blocks])


def read_parts(views, blocks):
    """Yield the tensors of each block as `read` does; a block has the rows of each view."""

    def read_block(parts):
        return [
            torch.from_numpy(_take_rows(view, rows))
            for view, rows in zip(views, parts, strict=True)
        ]

    return _map_ahead(read_block, blocks) if any(map(in_file, views)) else map(read_block, blocks)


def _map_ahead(function, items):
    """Yield ``function(item)`` for each item in order, while threads compute the next results."""
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


def _take_rows(view, rows):
    """Return a copy of these rows; a file is read in the order of its rows."""
    if not in_file(view):
        return view[rows]
    order = np.argsort(rows)
    found = np.empty((len(rows), *view.shape[1:]), view.dtype)
    found[order] = view[rows[order]]
    return found


def in_file(view):
    """Return True if an array, or the array of which it is a slice, is memory-mapped."""
    while isinstance(view, np.ndarray) and not isinstance(view, np.memmap):
        view = view.base
    return isinstance(view, (np.memmap, mmap.mmap))
