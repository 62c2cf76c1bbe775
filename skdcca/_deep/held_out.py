"""Choose the rows that are held out from training, by group where there are groups."""

from typing import NamedTuple

import numpy as np

from skdcca._utils.labels import check_complete, check_labels, label_numbers


class Split(NamedTuple):
    """Positions of rows among the rows of all processes.

    Attributes
    ----------
    training : ndarray of int
        Rows on which a network is trained, in random order.
    held_out : ndarray of int
        All other rows, in ascending order; empty if none are held out.
    """

    training: np.ndarray
    held_out: np.ndarray


def hold_out(order, n_held_out, groups=None):
    """Return the split that holds out this number of rows, or nearly so with groups.

    Parameters
    ----------
    order : ndarray of int
        All rows, in random order.
    n_held_out : int
        Number of rows to hold out.
    groups : ndarray of int, default=None
        Number of the group of every row. If None, each row is a group.
    """
    if not n_held_out:
        return Split(order, order[:0])
    if groups is None:
        return Split(order[n_held_out:], np.sort(order[:n_held_out]))
    chosen = _groups_with(groups[order], n_held_out)
    return _split(order, np.isin(groups[order], chosen))


def _groups_with(groups, n_rows):
    """Return groups that together have about as many rows, in the order of their first rows.

    A group that would exceed the number by more than a half is left out, unless all of them would:
    then it is the smallest group.
    """
    numbers, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    chosen, total = [], 0
    for i in np.argsort(first):
        if total >= n_rows or len(chosen) == len(numbers) - 1:
            break
        if total + sizes[i] <= 1.5 * n_rows:
            chosen.append(numbers[i])
            total += sizes[i]
    return chosen or [numbers[np.argmin(sizes)]]


def folds(order, n_folds, groups=None):
    """Return one split for each fold; every row is held out once.

    Groups are not divided, so there are at most as many folds as groups. The folds have nearly the
    same size unless a group is larger than a fold.
    """
    if groups is None:
        number = np.empty(len(order), dtype=int)
        for i, part in enumerate(np.array_split(np.arange(len(order)), n_folds)):
            number[part] = i
    else:
        number = _fold_of_rows(groups[order], n_folds)
    return [_split(order, number == i) for i in range(number.max() + 1)]


def _fold_of_rows(groups, n_folds):
    """Assign each group, from the largest to the smallest, to the fold with the fewest rows."""
    numbers, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    totals = np.zeros(min(n_folds, len(numbers)), dtype=int)
    fold_of = {}
    for i in np.lexsort((first, -sizes)):
        fold_of[numbers[i]] = lightest = int(np.argmin(totals))
        totals[lightest] += sizes[i]
    return np.array([fold_of[group] for group in groups])


def _split(order, is_held_out):
    return Split(order[~is_held_out], np.sort(order[is_held_out]))


def group_numbers(groups, X, process_group):
    """Return the number of the group of every row of all processes, or None without groups."""
    if groups is None:
        return None
    labels = process_group.all_gather_list(check_labels("groups", groups, X).tolist())
    check_complete("groups", labels)
    numbers = label_numbers(labels)
    if not numbers.any():
        raise ValueError(
            f"`groups` must have at least 2 different labels, got only {labels[0]!r}. Pass None to hold "
            "out rows at random."
        )
    return numbers
