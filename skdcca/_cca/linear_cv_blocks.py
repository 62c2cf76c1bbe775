"""Search over linear models with rows that are read in blocks."""

from functools import partial

import numpy as np

from skdcca._cca.linear_cv_folds import LinearFold
from skdcca._cca.linear_cv_moments import PieceMoments, numbers_of_pieces
from skdcca._cca.linear_cv_template import FoldRows, Rows
from skdcca._cca.moments import PairMoments
from skdcca._utils.sklearn_compat import num_samples


class BlockFolds:
    """Folds of a search whose rows are read in blocks, once for the number of rows and once for moments.

    Parameters
    ----------
    search : LinearCCACV
        Estimator that validates the blocks.
    blocks : Blocks
        Blocks that can be read again.
    make_splits : callable
        Function that returns the splits of a number of rows.
    """

    pooled = False

    def __init__(self, search, blocks, make_splits):
        self._search, self._starts = search, _starts(blocks)
        splits = make_splits(blocks.n_rows)
        numbers = numbers_of_pieces(splits, blocks.n_rows)
        if numbers is None:
            raise ValueError(
                "`cv` must hold out each row once for blocks of rows, as KFold does, got "
                f"{search.cv!r}. Pass an integer, or whole arrays."
            )
        new = partial(MomentsByPiece, numbers)
        self._pieces = PieceMoments(splits, numbers, blocks.gather(new, self._checked).parts)
        self._n_folds = len(splits)

    def _checked(self, number, block):
        """Return the validated rows of a block with positive weights, and their positions."""
        X, y, *weight = self._search._validate_block(number, block)
        kept = np.arange(num_samples(block[0]))
        if len(block) == 3:
            kept = np.flatnonzero(np.asarray(block[2]) > 0)
        return X, y, weight[0] if weight else None, self._starts.get(number, 0) + kept

    def __len__(self):
        return self._n_folds

    def __iter__(self):
        for number in range(self._n_folds):
            yield self._fold(number)

    def _fold(self, number):
        train, test = self._pieces.of(number)
        if train.weight <= 1 or train.n_rows < 2 or test.n_rows < 1:
            raise ValueError(
                f"Fold {number} of `cv` must have rows with positive weights, got none."
            )
        return LinearFold(self._search.scale, FoldRows(), (train, test))

    def total(self):
        """Return the moments of all rows."""
        return self._pieces.total()


class MomentsByPiece:
    """Moments of each piece of the rows.

    Parameters
    ----------
    numbers : ndarray of int
        Number of the piece of each row.
    """

    def __init__(self, numbers):
        self._numbers = numbers
        self.parts = [PairMoments() for _ in range(numbers.max() + 1)]

    def add(self, X, y, weight, positions):
        """Add rows with their positions among all rows."""
        rows, numbers = Rows(X, y, weight), self._numbers[positions]
        for number in np.unique(numbers):
            self.parts[number].add(*rows.take(np.flatnonzero(numbers == number)))

    def merge(self, other):
        """Add the rows of another object."""
        for own, part in zip(self.parts, other.parts, strict=True):
            own.merge(part)
        return self


class _RowCounts:
    """Numbers of rows of all blocks."""

    def __init__(self):
        self.counts = {}

    def add(self, rows, number):
        self.counts[number] = len(rows)

    def merge(self, other):
        self.counts |= other.counts
        return self


def _starts(blocks):
    """Return the position of the first row of each block that is not empty."""
    counts = blocks.gather(_RowCounts, _count).counts
    ends = np.cumsum([counts[number] for number in sorted(counts)])
    return {number: end - counts[number] for number, end in zip(sorted(counts), ends, strict=True)}


def _count(number, block):
    return np.empty((num_samples(block[0]), 0)), number
