"""Count how often permuted correlations reach the observed ones, without computing them."""

from functools import cache
from itertools import islice

import numpy as np
from scipy.linalg import lapack
from threadpoolctl import ThreadpoolController

# A batch of permuted views holds at most this many numbers (2 MB), to stay in the cache.
_NUMBERS = 2**18


def count_reached(zx, zy, limits, orders):
    """Count the permutations in which the largest correlation left reaches the limit of a component.

    Each permutation has the cross-covariance ``cross = zx.T @ zy[order]``, and component k the largest
    singular value of its trailing block ``cross[k:, k:]``. The counts are those of a loop over all
    singular values, because singular values and limits both fall from one component to the next:
    one comparison often decides about many components.

    Parameters
    ----------
    zx, zy : ndarray of shape (n_rows, p) and (n_rows, q)
        Whitened views, rotated so that ``zx.T @ zy`` is diagonal.
    limits : ndarray of shape (n_components,)
        Limits in descending order. A limit <= 0 is always reached.
    orders : iterable of ndarray of shape (n_rows,)
        Orders of the rows of `zy`.

    Returns
    -------
    counts : ndarray of shape (n_components,)
        Number of permutations that reach each limit.
    """
    squares = np.maximum(limits, 0.0) ** 2
    counts = np.zeros(len(limits), dtype=np.int64)
    with one_thread():
        for crosses in _crosses(zx, zy, orders):
            if crosses.shape[1] < crosses.shape[2]:
                crosses = crosses.transpose(0, 2, 1)  # makes the products of columns small
            for cross, least in zip(crosses, _least_squares(crosses, len(limits)), strict=True):
                counts += _TrailingBlocks(cross, least).reached(squares)
    return counts


def trailing_norms(zx, zy, n_components, orders):
    """Return the largest singular values that `count_reached` compares, a row for each permutation."""
    with one_thread():
        rows = [
            [np.linalg.norm(cross[k:, k:], 2) for k in range(n_components)]
            for crosses in _crosses(zx, zy, orders)
            for cross in crosses
        ]
    return np.array(rows)


def one_thread():
    """Limit BLAS to one thread, because several threads slow down such small products."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller():
    return ThreadpoolController()  # looks through all libraries, which takes milliseconds


def _crosses(zx, zy, orders):
    """Yield the cross-covariances of batches of permutations."""
    orders = iter(orders)
    step = max(1, _NUMBERS // zy.size)
    while batch := list(islice(orders, step)):
        yield np.matmul(zx.T, np.take(zy, np.array(batch), axis=0))


def _least_squares(crosses, n_components):
    """Return lower bounds of the squared singular values: the largest squared norm of a row or column.

    The result has a row for each matrix and a column for each of its trailing blocks. A row of a large
    block has a small part of its norm: if only large blocks are compared, the bounds are 0.
    """
    if n_components < crosses.shape[2] / 2:
        return np.zeros((len(crosses), n_components))
    squares = np.square(crosses)
    rows = np.maximum.accumulate(_sums_to_the_end(squares, 2)[:, ::-1], axis=1)[:, ::-1]
    columns = np.maximum.accumulate(_sums_to_the_end(squares, 1)[:, :, ::-1], axis=2)[:, :, ::-1]
    k = np.arange(n_components)
    return np.maximum(rows[:, k, k], columns[:, k, k])


def _sums_to_the_end(array, axis):
    return np.flip(np.cumsum(np.flip(array, axis), axis=axis), axis)


class _TrailingBlocks:
    """Trailing blocks of one matrix, with lower bounds of their squared singular values."""

    def __init__(self, cross, least):
        self._cross, self._least = cross, least

    def reached(self, squares):
        """Return which blocks have a squared singular value that reaches theirs of `squares`."""
        reached = np.zeros(len(squares), dtype=bool)
        waiting = [(0, len(squares) - 1)]
        while waiting:
            first, last = waiting.pop()
            # The smallest block reaches the highest limit, so all blocks between do.
            if self._reaches(last, squares[first]):
                reached[first : last + 1] = True
            # Otherwise, if the largest block does not reach the lowest limit, none does.
            elif first < last and self._reaches(first, squares[last]):
                middle = (first + last) // 2
                waiting += [(first, middle), (middle + 1, last)]
        return reached

    def _reaches(self, k, square):
        """Return True if block k has a squared singular value >= `square`."""
        if self._least[k] >= square:
            return True
        block = self._cross[k:, k:]
        products = block.T @ block
        np.negative(products, out=products)
        products.ravel()[:: len(products) + 1] += square
        # The matrix square * I - block.T @ block has a Cholesky factor if and only if all squared
        # singular values are smaller. It is symmetric, so its transpose needs no copy.
        _, failed = lapack.dpotrf(products.T, overwrite_a=1, clean=0)
        return failed > 0
