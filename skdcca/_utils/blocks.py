"""Read views in blocks of rows, from iterables, dask arrays and memory-mapped files.

The statistics of all rows are accumulated in an object with two methods: ``add(X, y, ...)`` adds
rows, and ``merge(other)`` adds the rows that another object of the same class has accumulated.
"""

import copy
import itertools
import mmap
import sys
from functools import partial

import numpy as np
from scipy.sparse import issparse

from skdcca._utils.sklearn_compat import num_samples, safe_indexing

# A block of a memory-mapped file holds at most this many numbers (32 MB in float64).
_NUMBERS = 2**22
# Each task of the dask graph merges at most this many parts.
_BRANCHES = 8


def slices_of(n, size):
    """Yield slices of at most `size` numbers that cover ``range(n)``, as `gen_batches` does.

    The function of scikit-learn checks its arguments for longer than the work on a small block takes.
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def is_dask(view):
    """Return True if the view is a dask array, without importing dask."""
    dask_array = sys.modules.get("dask.array")
    return dask_array is not None and isinstance(view, dask_array.Array)


def blocks_of(*views):
    """Return blocks of rows if any view is a dask array or a memory-mapped file, else None."""
    if any(is_dask(view) for view in views):
        return DaskBlocks(*views)
    if any(isinstance(view, np.memmap) for view in views):
        return Blocks(partial(_slices, views), n_rows=num_samples(views[0]))
    return None


def _slices(views):
    row_size = sum(int(np.prod(np.shape(view)[1:])) for view in views)
    step = max(1, _NUMBERS // max(1, row_size))
    for rows in slices_of(num_samples(views[0]), step):
        yield tuple(safe_indexing(view, rows) for view in views)
        for view in views:
            _release_pages(view)


def _release_pages(view):
    """Release the pages of a memory-mapped file that would otherwise stay in the process's memory.

    The pages remain in the cache of the operating system. Files that are not read-only are skipped,
    because changes that exist only in memory would be lost.
    """
    if isinstance(view, np.memmap) and view.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        view._mmap.madvise(mmap.MADV_DONTNEED)


def as_blocks(blocks):
    """Wrap an iterable or a function in `Blocks`; return an object that has ``gather`` unchanged."""
    return blocks if hasattr(blocks, "gather") else Blocks(blocks)


class Blocks:
    """Blocks of rows from an iterable, or from a function that returns one.

    Parameters
    ----------
    blocks : iterable or callable
        Tuples ``(X, y)`` or ``(X, y, sample_weight)``, or a function without arguments that returns an
        iterable of such tuples.
    n_rows : int, default=None
        Total number of rows. If None, `gather` counts them.

    Attributes
    ----------
    again : bool
        True if the blocks can be read more than once.
    """

    def __init__(self, blocks, n_rows=None):
        if not callable(blocks) and not hasattr(blocks, "__iter__"):
            raise TypeError(
                "`blocks` must be an iterable of pairs (X, y), or a function without arguments that "
                f"returns one, got {blocks!r}."
            )
        self.again = callable(blocks) or iter(blocks) is not blocks
        self._blocks, self.n_rows = blocks, n_rows

    def __iter__(self):
        return iter(self._blocks() if callable(self._blocks) else self._blocks)

    def first(self):
        """Return the first block without losing it for the next iteration."""
        blocks = iter(self)
        for block in blocks:
            if not self.again:
                self._blocks = itertools.chain([block], blocks)
            return block
        raise ValueError("`blocks` is empty. It must yield at least one pair (X, y).")

    def gather(self, new, check):
        """Add every block to an object and return the object.

        ``new()`` creates the object, and ``check(number, block)`` returns the validated block.
        """
        total, n_rows = new(), 0
        for number, block in enumerate(self):
            _add(total, check(number, block))
            n_rows += num_samples(block[0])
        if self.n_rows not in (None, n_rows):
            raise ValueError(
                f"`blocks` must yield the same rows each time, got {self.n_rows} rows at first and "
                f"{n_rows} later. Pass a list, or a function that returns the same blocks."
            )
        self.n_rows = n_rows
        return total

    def rows(self, chosen, check):
        """Return both views of the rows with these ascending numbers."""
        found, start = [], 0
        for number, block in enumerate(self):
            X, y = check(number, block)
            low, high = np.searchsorted(chosen, [start, start + X.shape[0]])
            within = chosen[low:high] - start
            found.append([as_dense(view[within]) for view in (X, y)])
            start += X.shape[0]
        return tuple(np.concatenate(views) for views in zip(*found, strict=True))


def as_dense(rows):
    """Return rows as a dense array."""
    return rows.toarray() if issparse(rows) else rows


class DaskBlocks:
    """Blocks of rows of dask arrays, with the same methods and attributes as `Blocks`.

    Each dask worker adds its own blocks, and the results are merged in a tree.
    """

    again = True

    def __init__(self, X, *others):
        views = [_in_whole_rows(_as_dask_array(view)) for view in (X, *others)]
        self._views = [view.rechunk({0: views[0].chunks[0]}) for view in views]
        self.n_rows = len(views[0])

    def first(self):
        """Return a block of two rows of ones with the columns and dtypes of the views."""
        return tuple(np.ones((2, *view.shape[1:]), dtype=view.dtype) for view in self._views)

    def gather(self, new, check):
        """Do the same as `Blocks.gather` with dask; parts are merged in the order of their rows."""
        import dask

        gathered = dask.delayed(_gathered, pure=False)
        merged = dask.delayed(_merged, pure=False)
        # Each argument that all tasks share becomes a single node of the graph.
        new = dask.delayed(new, traverse=False)
        check = dask.delayed(check, traverse=False)
        chunks = [view.to_delayed(optimize_graph=False).ravel() for view in self._views]
        parts = [
            gathered(new, check, number, block)
            for number, block in enumerate(zip(*chunks, strict=True))
        ]
        while len(parts) > 1:
            starts = range(0, len(parts), _BRANCHES)
            parts = [merged(parts[start : start + _BRANCHES]) for start in starts]
        return parts[0].compute()

    def rows(self, chosen, check):
        """Return both views of the rows with these ascending numbers."""
        import dask

        block = dask.compute(*(view[chosen] for view in self._views))
        return check("of landmarks", block)


def _as_dask_array(view):
    import dask.array

    if not is_dask(view):
        return dask.array.from_array(np.asarray(view))
    if np.isnan(view.shape[0]):
        raise ValueError(
            f"{view!r} has an unknown number of rows. Call its method compute_chunk_sizes() first."
        )
    return view


def _in_whole_rows(view):
    """Return a dask array whose chunks contain all columns."""
    return view.rechunk(dict.fromkeys(range(1, view.ndim), -1))


def _gathered(new, check, number, block):
    return _add(new(), check(number, block))


def _add(total, views):
    if views[0].shape[0]:
        total.add(*views)
    return total


def _merged(parts):
    # Dask may reuse the arguments of a task, so the others are merged into a copy of the first part.
    total = copy.deepcopy(parts[0])
    for part in parts[1:]:
        total.merge(part)
    return total


def map_rows(function, view, n_columns, dtype=None):
    """Apply a function lazily to each block of rows of a dask array.

    Parameters
    ----------
    function : callable
        Function that takes a block of rows and returns an array with the same number of rows.
    view : dask array
        View with the rows.
    n_columns : int or None
        Number of columns of the result. If None, the result is one-dimensional.
    dtype : dtype, default=None
        Type of the result. If None, the result is float32 for a float32 view and float64 otherwise.

    Returns
    -------
    result : dask array
        Results for all rows, not yet computed.
    """
    view = _in_whole_rows(view)
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
