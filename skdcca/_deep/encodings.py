"""Fit the linear model on the encodings of both views."""

import numpy as np

from skdcca._utils.process_group import SINGLE_PROCESS


def fit_linear(linear, zx, zy, group=SINGLE_PROCESS, weight=None):
    """Fit a linear model on the encodings of all processes of a group, with weights of the local rows.

    Raise ValueError if all encodings of a view are the same.
    """
    check_alive("X", zx, group)
    check_alive("y", zy, group)
    return fit_in_group(linear, zx, zy, group, weight)


def check_alive(view_name, encodings, group=SINGLE_PROCESS):
    """Raise ValueError if the encodings of a view are the same in all processes of a group."""
    ends = [encodings.min(axis=0), encodings.max(axis=0)] if len(encodings) else []
    if not np.ptp(group.all_gather_list(ends), axis=0).any():
        raise ValueError(
            f"The network of {view_name} returns the same encoding for every sample, because all of "
            "its outputs are dead. Use a smaller lr or another network."
        )


def fit_in_group(linear, zx, zy, group=SINGLE_PROCESS, weight=None):
    """Fit a linear model on the local rows of all processes of a group."""
    if group.distributed:
        block = (zx, zy) if weight is None else (zx, zy, weight)
        return linear.fit_blocks(LocalBlocks(lambda: [block], (zx, zy), len(zx), group))
    return linear.fit(zx, zy, weight)


class LocalBlocks:
    """Blocks for `LinearCCA.fit_blocks`: the local rows of each process, in one or more blocks.

    Parameters
    ----------
    blocks : callable
        Function that returns the blocks of local rows, ``(X, y)`` or ``(X, y, sample_weight)``.
    views : pair of ndarray
        Both views, of which the columns and dtypes are read.
    n_rows : int
        Number of local rows.
    group : process group
        Processes that hold the rows.
    """

    again = True

    def __init__(self, blocks, views, n_rows, group):
        self._blocks, self._views, self._group = blocks, views, group
        self.n_rows = group.all_reduce(n_rows)

    def first(self):
        """Return a block of ones with the columns and dtypes of the views."""
        return tuple(np.ones((2, view.shape[1]), dtype=view.dtype) for view in self._views)

    def gather(self, new, check):
        """Create an object with ``new()``, add the rows of all processes, and return it."""
        part = new()
        for block in self._blocks():
            if len(block[0]):
                part.add(*check(self._group.rank, block))
        total, *others = self._group.all_gather_object(part)
        for other in others:
            total.merge(other)
        return total
