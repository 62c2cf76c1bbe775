"""Hold the rows of one fit, over all processes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdcca._deep.batches import Pairs, blocks_of_rows
from skdcca._deep.held_out import folds, hold_out
from skdcca._deep.row_weights import RowWeights
from skdcca._utils.process_group import SINGLE_PROCESS


@dataclass
class FitRows:
    """Rows of both views of one fit of `DeepCCA`, with what belongs to each row.

    Attributes
    ----------
    views : pair of ndarray
        Local rows of both views.
    device : torch.device
        Device on which to compute.
    process_group : process group, default=SINGLE_PROCESS
        Processes that fit the model.
    sample_weight : ndarray, default=None
        Weight of each local row, >= 0. Rows with weight 0 are not used. If None, all have weight 1.
    groups : ndarray of int, default=None
        Number of the group of each row of all processes. If None, each row is a group.
    labels : ndarray of int, default=None
        Number of the class of each local row.
    """

    views: tuple
    device: Any
    process_group: Any = SINGLE_PROCESS
    sample_weight: np.ndarray | None = None
    groups: np.ndarray | None = None
    labels: np.ndarray | None = None
    weights: RowWeights = field(init=False)

    def __post_init__(self):
        self.weights = RowWeights(self.sample_weight, self.process_group)
        if self.groups is not None and np.ptp(self.groups[self.shuffled(0)]) == 0:
            raise ValueError(
                "`groups` must have at least 2 different labels in the rows with positive weights, got "
                "1. Pass None to hold out rows at random."
            )

    @property
    def n_rows(self):
        """Number of local rows."""
        return len(self.views[0])

    def shuffled(self, seed):
        """Return the positions of the rows with positive weights, in random order."""
        return self.weights.shuffled(seed, self.process_group.total_rows(self.n_rows))

    def hold_out(self, seed, n_held_out):
        """Return a split that holds out about this number of rows."""
        split = hold_out(self.shuffled(seed), n_held_out, self.groups)
        self.weights.check_training_rows(split.training)
        return split

    def folds(self, seed, n_folds):
        """Return one split for each fold whose training rows vary in both views."""
        found = folds(self.shuffled(seed), n_folds, self.groups)
        return [split for split in found if self._can_train(split.training)]

    def _can_train(self, rows):
        weight = self.weights.of(rows)
        enough = len(rows) >= 2 and (weight is None or weight.sum() > 1)
        return enough and all(varies(view, np.sort(rows)) for view in self.views)

    def n_measured(self, splits):
        """Return the number of held-out rows on which correlations can be measured."""
        return sum(len(split.held_out) for split in splits)

    def of_view(self, number, rows):
        """Return the positions of local rows in the array of a view."""
        return rows

    def batches(self, split, generator):
        """Return the data set of the training rows."""
        shares = self.weights.unequal(split.training)
        return Pairs(
            *self.views, split.training, self.process_group, generator, shares, self.labels
        )

    def of_training(self, split):
        """Return the local training rows in ascending order, and their weights."""
        rows = np.sort(self.process_group.local_rows(split.training))
        return rows, self.weights.of_local(rows)

    def of_held_out(self, split):
        """Return the local held-out rows."""
        return self.process_group.local_rows(split.held_out)


def varies(view, rows):
    """Return True if a column varies in these rows; they are read in blocks, as far as needed."""
    first = view[rows[0]]
    return any((view[block] != first).any() for block in blocks_of_rows(rows, first.size))
