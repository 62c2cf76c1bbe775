"""Fit the linear model on the encodings of both views."""

import numpy as np

from skdcca._utils.process_group import SINGLE_PROCESS


def fit_linear(linear, zx, zy, group=SINGLE_PROCESS, weight=None):
    """Fit a linear model on the encodings of all processes of a group, with weights of the local rows.

    Raise ValueError if all encodings of a view are the same.
    """
    for name, encodings in (("X", zx), ("y", zy)):
        ends = [encodings.min(axis=0), encodings.max(axis=0)] if len(encodings) else []
        if not np.ptp(group.all_gather_list(ends), axis=0).any():
            raise ValueError(
                f"The network of {name} returns the same encoding for every sample, because all of its "
                "outputs are dead. Use a smaller lr or another network."
            )
    return fit_in_group(linear, zx, zy, group, weight)


def fit_in_group(linear, zx, zy, group=SINGLE_PROCESS, weight=None):
    """Fit a linear model on the local rows of all processes of a group."""
    if group.distributed:
        return linear.fit_blocks(LocalBlocks(zx, zy, group, weight))
    return linear.fit(zx, zy, weight)


class LocalBlocks:
    """Blocks for `LinearCCA.fit_blocks`: one per process, with the encodings of its local rows."""

    again = True

    def __init__(self, zx, zy, group, weight=None):
        self._views, self._group = (zx, zy), group
        self._weight = () if weight is None else (weight,)
        self.n_rows = group.all_reduce(len(zx))

    def first(self):
        """Return a block of ones with the columns and dtypes of the encodings."""
        return tuple(np.ones((2, view.shape[1]), dtype=view.dtype) for view in self._views)

    def gather(self, new, check):
        """Create an object with ``new()``, add the encodings of all processes, and return it."""
        part = new()
        if len(self._views[0]):
            part.add(*check(self._group.rank, (*self._views, *self._weight)))
        total, *others = self._group.all_gather_object(part)
        for other in others:
            total.merge(other)
        return total
