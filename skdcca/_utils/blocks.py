"""Views that come in blocks of rows: iterators, dask arrays and memory-mapped files, all in one way.

What is gathered over blocks is an object with ``add(X, y, ...)``, which takes rows in, and
``merge(other)``, which takes in what another one has gathered.
"""

import copy
import itertools
import mmap
import sys
from functools import partial

import numpy as np
from sklearn.utils import gen_batches

from skdcca._utils.sklearn_compat import num_samples, safe_indexing

# Numbers of a block of a memory-mapped file: of 32 MB in float64.
_NUMBERS = 2**22
# Of a tree of dask: what is merged at once.
_BRANCHES = 8


def is_dask(view):
    """Whether this is a dask array; dask is not imported to find out."""
    dask_array = sys.modules.get("dask.array")
    return dask_array is not None and isinstance(view, dask_array.Array)


def blocks_of(*views):
    """Return blocks of views of which one is a dask array or a memory-mapped file, else None."""
    if any(map(is_dask, views)):
        return DaskBlocks(*views)
    if any(isinstance(view, np.memmap) for view in views):
        return Blocks(partial(_slices, views), n_rows=num_samples(views[0]))
    return None


def _slices(views):
    row_size = sum(int(np.prod(np.shape(view)[1:])) for view in views)
    for rows in gen_batches(num_samples(views[0]), max(1, _NUMBERS // max(1, row_size))):
        yield tuple(safe_indexing(view, rows) for view in views)
        for view in views:
            _let_go(view)


def _let_go(view):
    """Of a file, let go of the pages that were read: the process would hold them while there is memory.

    They stay in the cache of the system. Only of files that cannot be written to: of others, changes
    that are kept in memory alone would be lost.
    """
    if isinstance(view, np.memmap) and view.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        view._mmap.madvise(mmap.MADV_DONTNEED)


def as_blocks(blocks):
    """Return blocks that a user gave, as an iterable or function, or what gathers itself already."""
    return blocks if hasattr(blocks, "gather") else Blocks(blocks)


class Blocks:
    """Tuples ``(X, y)`` or ``(X, y, sample_weight)``, one after another, from any iterable or function.

    ``again`` tells whether they can be read more than once.
    """

    def __init__(self, blocks, n_rows=None):
        if not callable(blocks) and not hasattr(blocks, "__iter__"):
            raise TypeError(
                f"blocks is {blocks!r}; it must be an iterable of pairs (X, y), or a function without "
                "arguments that returns one"
            )
        self.again = callable(blocks) or iter(blocks) is not blocks
        self._blocks, self.n_rows = blocks, n_rows

    def __iter__(self):
        return iter(self._blocks() if callable(self._blocks) else self._blocks)

    def first(self):
        """The first block, which is not lost."""
        blocks = iter(self)
        for block in blocks:
            if not self.again:
                self._blocks = itertools.chain([block], blocks)
            return block
        raise ValueError("blocks is empty: it must give at least one pair (X, y)")

    def gather(self, new, check):
        """All blocks, as ``check(number, block)`` gives them, added to one ``new()``."""
        total, n_rows = new(), 0
        for number, block in enumerate(self):
            _add(total, check(number, block))
            n_rows += num_samples(block[0])
        if self.n_rows not in (None, n_rows):
            raise ValueError(
                f"blocks gave {self.n_rows} rows at first and {n_rows} when they were read again: "
                "they must be the same each time"
            )
        self.n_rows = n_rows
        return total

    def rows(self, chosen, check):
        """The rows with these ascending numbers."""
        found, start = [], 0
        for number, block in enumerate(self):
            X, y = check(number, block)
            low, high = np.searchsorted(chosen, [start, start + len(X)])
            within = chosen[low:high] - start
            found.append((X[within], y[within]))
            start += len(X)
        return tuple(np.concatenate(views) for views in zip(*found, strict=True))


class DaskBlocks:
    """The chunks of rows of dask arrays: gathered where they are, and merged in a tree."""

    again = True

    def __init__(self, X, *others):
        views = [_whole_rows(_dask_array(view)) for view in (X, *others)]
        self._views = [view.rechunk({0: views[0].chunks[0]}) for view in views]
        self.n_rows = len(views[0])

    def first(self):
        """A block that has nothing but the columns and types of all."""
        return tuple(np.ones((2, *view.shape[1:]), dtype=view.dtype) for view in self._views)

    def gather(self, new, check):
        """As `Blocks.gather`; merged in the order of the rows, so that it is the same each time."""
        import dask

        gathered = dask.delayed(_gathered, pure=False)
        merged = dask.delayed(_merged, pure=False)
        # Arguments of all tasks, as one node of the graph each.
        new, check = dask.delayed(new, traverse=False), dask.delayed(check, traverse=False)
        chunks = [view.to_delayed(optimize_graph=False).ravel() for view in self._views]
        parts = [
            gathered(new, check, i, block) for i, block in enumerate(zip(*chunks, strict=True))
        ]
        while len(parts) > 1:
            parts = [merged(parts[i : i + _BRANCHES]) for i in range(0, len(parts), _BRANCHES)]
        return parts[0].compute()

    def rows(self, chosen, check):
        """The rows with these ascending numbers."""
        import dask

        return check("of landmarks", dask.compute(*(view[chosen] for view in self._views)))


def _dask_array(view):
    import dask.array

    if not is_dask(view):
        return dask.array.from_array(np.asarray(view))
    if np.isnan(view.shape[0]):
        raise ValueError(
            f"{view!r} does not know its number of rows: call its method compute_chunk_sizes() first"
        )
    return view


def _whole_rows(view):
    return view.rechunk(dict.fromkeys(range(1, view.ndim), -1))


def _gathered(new, check, number, block):
    return _add(new(), check(number, block))


def _add(total, views):
    if views[0].shape[0]:
        total.add(*views)
    return total


def _merged(parts):
    # A copy, as dask may keep what it gives to a task.
    total = copy.deepcopy(parts[0])
    for part in parts[1:]:
        total.merge(part)
    return total


def map_rows(function, view, n_columns, dtype=None):
    """A dask array of `function` of the blocks of another, not computed yet.

    It has `n_columns` columns, or is 1-D for None. With no `dtype` it is of float32 for float32, and of
    float64 for all else.
    """
    view = _whole_rows(view)
    dtype = dtype or (np.float32 if view.dtype == np.float32 else np.float64)
    columns = () if n_columns is None else (n_columns,)
    n_axes = 1 + len(columns)
    return view.map_blocks(
        function,
        dtype=dtype,
        chunks=(view.chunks[0], *columns),
        drop_axis=list(range(n_axes, view.ndim)),
        new_axis=list(range(view.ndim, n_axes)),
        meta=np.empty((0,) * n_axes, dtype=dtype),
    )
