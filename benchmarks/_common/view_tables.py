"""Tables of several views, whose columns are side by side and whose rows lack some views."""

from itertools import pairwise

import numpy as np


def columns_of(sizes):
    """Return the parameter `views` for columns side by side."""
    bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return [
        (f"view{i}", "passthrough", slice(low, high))
        for i, (low, high) in enumerate(pairwise(bounds))
    ]


def random_presence(n_rows, n_views, rate, rng):
    """Return which views each row has, if it lacks each at this rate; every row has at least one."""
    present = rng.random((n_rows, n_views)) >= rate
    empty = np.flatnonzero(~present.any(axis=1))
    present[empty, rng.integers(0, n_views, len(empty))] = True
    return present


def without_views(table, columns, present):
    """Return a copy of the table whose views are NaN where they are not present."""
    table = table.copy()
    for (_, _, side), has in zip(columns, present.T, strict=True):
        table[~has, side] = np.nan
    return table
