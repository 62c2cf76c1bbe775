"""Draw the permutations of rows under which pairs are exchangeable."""

import numpy as np

from skdcca._utils.labels import check_complete, check_labels, label_numbers
from skdcca._utils.sklearn_compat import safe_indexing
from skdcca._utils.warnings import warn
from skdcca.exceptions import FewPermutationsWarning

# With fewer orders than this, that of the data included, a p-value of 0.05 is out of reach.
_LEAST_ORDERS = 20


class FreeOrders:
    """Orders of all rows. `sets` has the number of members of each set that is permuted."""

    def __init__(self, n_rows):
        self.sets = [n_rows]

    def draw(self, rng):
        """Return a random order of the rows."""
        return rng.permutation(self.sets[0])


class OrdersWithin:
    """Orders that permute the rows inside each block."""

    def __init__(self, numbers):
        self._numbers = numbers
        self._rows = np.argsort(numbers, kind="stable")
        self.sets = np.bincount(numbers)
        if self.sets.max() == 1:
            raise ValueError(
                "`blocks` must have a block of two or more rows with permute='within', got "
                f"{len(numbers)} blocks of one row. Pass labels that several rows share, or None."
            )

    def draw(self, rng):
        """Return a random order of the rows."""
        order = np.empty(len(self._rows), dtype=np.intp)
        order[self._rows] = np.lexsort((rng.random_sample(len(order)), self._numbers))
        return order


class OrdersOfWholes:
    """Orders that permute blocks of equal size, whose rows stay together and in their order."""

    def __init__(self, numbers, labels):
        sizes = np.bincount(numbers)
        if len(sizes) == 1:
            raise ValueError(
                "`blocks` must have two or more blocks with permute='whole', got one block of "
                f"{len(numbers)} rows. Pass other labels, or set permute='within'."
            )
        if (sizes != sizes[0]).any():
            other = np.flatnonzero(sizes != sizes[0])[0]
            one, two = (labels[np.argmax(numbers == i)] for i in (0, other))
            raise ValueError(
                f"`blocks` must have equal sizes with permute='whole', got {sizes[0]} rows of {one!s} "
                f"and {sizes[other]} of {two!s}. Drop rows or blocks, or set permute='within'."
            )
        self._rows = np.argsort(numbers, kind="stable").reshape(len(sizes), -1)
        self.sets = [len(sizes)]

    def draw(self, rng):
        """Return a random order of the rows."""
        order = np.empty(self._rows.size, dtype=np.intp)
        order[self._rows] = self._rows[rng.permutation(len(self._rows))]
        return order


def check_blocks(blocks, X):
    """Return the labels of blocks, one for each row of X."""
    labels = check_labels("blocks", blocks, X)
    check_complete("blocks", labels)
    return labels


def orders_of_rows(n_rows, labels, permute):
    """Return the orders that permute all rows, rows within blocks, or whole blocks."""
    if labels is None:
        return FreeOrders(n_rows)
    numbers = label_numbers(labels)
    if permute == "whole":
        return OrdersOfWholes(numbers, labels)
    return OrdersWithin(numbers)


def warn_if_few(orders):
    """Warn if there are so few distinct orders that no p-value can be small."""
    n_orders = 1
    for size in orders.sets:
        for factor in range(2, size + 1):
            n_orders *= factor
            if n_orders >= _LEAST_ORDERS:
                return
    warn(
        f"The rows have only {n_orders} distinct orders, so p-values are about {1 / n_orders:.2g} or "
        "larger. Use more rows or other blocks.",
        FewPermutationsWarning,
    )


def warn_if_few_drawn(n_permutations):
    """Warn if so few permutations are drawn that no p-value can be small."""
    if 1 + n_permutations < _LEAST_ORDERS:
        warn(
            f"With {n_permutations} permutations, p-values are {1 / (1 + n_permutations):.2g} or "
            f"larger. Use {_LEAST_ORDERS - 1} or more permutations; 1000 are usual.",
            FewPermutationsWarning,
        )


def check_orders(permutations, n_samples):
    """Return orders of rows that the caller chose, as an array of integers."""
    orders = np.asarray(permutations)
    if orders.ndim != 2 or orders.shape[1] != n_samples or not len(orders):
        raise ValueError(
            f"`permutations` must have shape (n_permutations, {n_samples}), got {orders.shape}. Pass "
            "an order of the rows of y in each row."
        )
    if orders.dtype.kind not in "iu":
        raise ValueError(
            f"`permutations` must contain integers, got {orders.dtype}. Pass row numbers from 0."
        )
    wrong = (np.sort(orders, axis=1) != np.arange(n_samples)).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"`permutations` must have each number from 0 to {n_samples - 1} once in each row, got "
            f"{orders[wrong.argmax()]!s:.40} in row {wrong.argmax()}. Use rng.permutation({n_samples})."
        )
    return orders.astype(np.intp)


def shuffled(y, order):
    """Return the rows of y in another order; the labels of a pandas object stay with those of X."""
    rows = safe_indexing(y, order)
    return rows.set_axis(y.index) if hasattr(y, "set_axis") else rows
