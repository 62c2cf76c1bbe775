"""Compute the moments of all training rows and held-out rows of a cross-validation in one pass."""

import copy
from itertools import islice

import numpy as np

from skdcca._cca.moments import PairMoments

# With more folds, the rows of a fold are subtracted from all rows, and nothing of the folds is kept.
MANY_FOLDS = 20
# A variance of which less than this fraction remains has lost digits in the subtraction.
_LEAST_REMAINDER = 0.01


class SplitMoments:
    """Moments of the training rows and of the held-out rows of splits.

    If the splits are made of few disjoint pieces of the rows, as those of K-fold cross-validation are,
    each row is read once.

    Parameters
    ----------
    rows : Rows
        All rows.
    splits : list of pair of ndarray of int
        Positions of the training rows and of the held-out rows.
    """

    def __init__(self, rows, splits):
        self._rows, self._splits = rows, splits
        n_rows, n_columns = rows.X.shape[0], max(rows.X.shape[1], rows.y.shape[1])
        self._is_tall = [_n_weighted(rows, train) > n_columns for train, _ in splits]
        self._all, self._pieces = None, None
        if not any(self._is_tall):
            return
        if len(splits) > MANY_FOLDS:
            self._all = _moments_of(rows)
            return
        numbers = numbers_of_pieces(splits, n_rows)
        if numbers is not None:
            pieces = [np.flatnonzero(numbers == i) for i in range(numbers.max() + 1)]
            moments = [_moments_of(rows.take(as_slice(piece))) for piece in pieces]
            self._pieces = PieceMoments(splits, numbers, moments)

    def of(self, number):
        """Return the moments of a split, or None if it has no more training rows than columns."""
        if not self._is_tall[number]:
            return None
        if self._pieces is not None:
            return self._pieces.of(number)
        train, test = (self._rows.take(as_slice(part)) for part in self._splits[number])
        held_out, rest = _moments_of(test), None
        if self._all is not None and _is_partition(self._splits[number], self._rows.X.shape[0]):
            rest = subtract(self._all, held_out)
        return _moments_of(train) if rest is None else rest, held_out

    def total(self):
        """Return the moments of all rows, or None if they are not known."""
        return self._all if self._pieces is None else self._pieces.total()


class PieceMoments:
    """Moments of splits that are made of disjoint pieces of the rows.

    Parameters
    ----------
    splits : list of pair of ndarray of int
        Positions of the training rows and of the held-out rows.
    numbers : ndarray of int
        Number of the piece of each row.
    moments : list of PairMoments
        Moments of the pieces.
    """

    def __init__(self, splits, numbers, moments):
        self._moments = moments
        self._pieces = [[np.unique(numbers[rows]) for rows in split] for split in splits]
        self._complements, self._next = None, 0

    def of(self, number):
        """Return the moments of the training rows and of the held-out rows of a split.

        Splits in ascending order are fastest.
        """
        train, test = self._pieces[number]
        training = self._complement(number) if self._are_folds() else self._merged(train)
        return training, self._merged(test)

    def total(self):
        """Return the moments of all rows."""
        return self._merged(range(len(self._moments)))

    def _are_folds(self):
        """Return True if each piece is held out by one split, which is fitted on all others."""
        n, held_out = len(self._moments), [test[0] for _, test in self._pieces]
        sizes = {(len(train), len(test)) for train, test in self._pieces}
        return sizes == {(n - 1, 1)} and sorted(held_out) == list(range(n))

    def _complement(self, number):
        """Return the moments of all rows but the held-out ones."""
        if self._complements is None or number != self._next:
            parts = [self._moments[test[0]] for _, test in self._pieces]
            self._complements = islice(_complements(parts, PairMoments()), number, None)
        self._next = number + 1
        return next(self._complements)

    def _merged(self, chosen):
        if len(chosen) == 1:
            return self._moments[chosen[0]]
        return _merge([self._moments[i] for i in chosen])


def _moments_of(rows):
    weighted = rows.weighted()
    return PairMoments().add(*weighted) if weighted.X.shape[0] else PairMoments()


def moments_of_parts(train, test):
    """Return the moments of training rows and held-out rows, or None if columns are not fewer."""
    n_rows, n_columns = train.X.shape[0], max(train.X.shape[1], train.y.shape[1])
    return None if n_rows <= n_columns else (_moments_of(train), _moments_of(test))


def _n_weighted(rows, train):
    return len(train) if rows.weight is None else np.count_nonzero(rows.weight[train])


def _is_partition(split, n_rows):
    """Return True if each row is either a training row or held out."""
    is_in = np.zeros(n_rows, dtype=bool)
    for rows in split:
        is_in[rows] = True
    return is_in.all() and sum(map(len, split)) == n_rows


def as_slice(positions):
    """Return consecutive positions as a slice, which copies no rows."""
    if len(positions) and (np.diff(positions) == 1).all():
        return slice(positions[0], positions[-1] + 1)
    return positions


def numbers_of_pieces(splits, n_rows):
    """Return for each row the number of its piece, or None if there are too many pieces.

    Rows of a piece are together in every split.
    """
    piece = np.zeros(n_rows, dtype=np.int64)
    for split in splits:
        n_pieces = piece.max() + 1
        for number, rows in enumerate(split, start=1):
            if len(np.unique(rows)) < len(rows):
                return None
            piece[rows] += number * n_pieces
        piece = np.unique(piece, return_inverse=True)[1]
        if piece.max() > 2 * len(splits):
            return None
    return piece


def _merge(parts):
    total = PairMoments()
    for part in parts:
        total.merge(part)
    return total


def _complements(parts, others):
    """Yield, for each part, the merger of all other parts and `others`; nothing is subtracted.

    Each half of the parts has the other half in common, so that few mergers are needed.
    """
    if len(parts) == 1:
        yield others
        return
    middle = len(parts) // 2
    for own, other in ((parts[:middle], parts[middle:]), (parts[middle:], parts[:middle])):
        yield from _complements(own, _merge([others, *other]))


def subtract(total, part):
    """Return the moments of all rows but a part, or None if digits would be lost."""
    rest, unit = copy.copy(total), total._unit
    mean, scatter = part._in_units(unit)
    step = mean + (part.origin / unit - total.origin / unit) - total._mean
    rest.weight, rest.n_rows = total.weight - part.weight, total.n_rows - part.n_rows
    rest._mean = total._mean - step * (part.weight / rest.weight)
    between = np.sqrt(total.weight * part.weight / rest.weight) * step
    rest._scatter = total._scatter - scatter - np.triu(np.outer(between, between))
    before, after = np.diagonal(total._scatter), np.diagonal(rest._scatter)
    return None if (after < _LEAST_REMAINDER * before).any() else rest
