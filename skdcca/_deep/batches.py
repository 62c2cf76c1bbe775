"""Read the rows of two views, in shuffled batches or in consecutive blocks."""

import mmap
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch.utils.data import Dataset

from skdcca._utils.process_group import SINGLE_PROCESS

# Blocks that are encoded have at most this many numbers. The rows are limited too, because hidden layers
# may be far wider than the input.
_BLOCK_SIZE, _BLOCK_ROWS = 2**22, 4096
# Blocks of a file that are read ahead while the previous one is used.
_READERS = 4


class Pairs(Dataset):
    """Training rows of two views, as the data set of `Batches`.

    Parameters
    ----------
    X, y : ndarray
        Local rows of both views.
    rows : ndarray of int
        Numbers of the training rows of all processes.
    group : process group, default=SINGLE_PROCESS
        Processes that hold the rows.
    generator : torch.Generator, default=None
        Generator that shuffles the rows. If None, it is the default generator of torch.
    """

    def __init__(self, X, y, rows, group=SINGLE_PROCESS, generator=None):
        self.views, self.rows = (X, y), rows
        self.group, self.generator = group, generator

    def __len__(self):
        return len(self.rows)


class Batches:
    """Batches of one shuffled epoch.

    Each batch is indexed from the arrays at once, because a `DataLoader` collates sample by sample,
    which costs as much as training a small network. The rows are spread evenly, so that no batch has
    fewer than `batch_size` rows: the covariance of a small batch is a poor estimate, and that of one row
    is NaN. In a process group, each process gets its local rows of a batch, and the total number of rows
    in it.
    """

    def __init__(self, pairs, batch_size):
        self.pairs = pairs
        self.n_batches = count_batches(len(pairs), batch_size)

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        pairs = self.pairs
        shuffled = pairs.rows[torch.randperm(len(pairs), generator=pairs.generator).numpy()]
        batches = np.array_split(shuffled, self.n_batches)
        local = [pairs.group.local_rows(rows) for rows in batches]
        for rows, (x, y) in zip(batches, read(pairs.views, local), strict=True):
            yield {"x": x, "y": y}, len(rows) if pairs.group.distributed else None


def count_batches(n_rows, batch_size):
    """Return the largest number of batches with at least `batch_size` rows each; at least 1."""
    return max(1, n_rows // batch_size)


def blocks_of_rows(rows, size):
    """Split rows of samples of this size into blocks; return one empty block for no rows."""
    step = max(1, min(_BLOCK_ROWS, _BLOCK_SIZE // size))
    return [rows[i : i + step] for i in range(0, max(1, len(rows)), step)]


def read(views, blocks):
    """Yield one tensor for each view, for each block of rows.

    Blocks of memory-mapped files are read ahead in threads, so that reading overlaps with computing.
    """

    def read_block(rows):
        return [torch.from_numpy(_take_rows(view, rows)) for view in views]

    return _map_ahead(read_block, blocks) if any(map(_in_file, views)) else map(read_block, blocks)


def _map_ahead(function, items):
    """Yield ``function(item)`` in order, while threads compute the next ones."""
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
    """Return a copy of these rows, reading a file in its own order."""
    if not _in_file(view):
        return view[rows]
    order = np.argsort(rows)
    found = np.empty((len(rows), *view.shape[1:]), view.dtype)
    found[order] = view[rows[order]]
    return found


def _in_file(view):
    """Return True if an array is memory-mapped, or a view of one that is."""
    while isinstance(view, np.ndarray) and not isinstance(view, np.memmap):
        view = view.base
    return isinstance(view, (np.memmap, mmap.mmap))
