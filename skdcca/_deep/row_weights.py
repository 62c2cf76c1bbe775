"""Hold the weights of the rows of one training run, over all processes."""

import numpy as np
from sklearn.utils import check_random_state


class RowWeights:
    """Weights of the rows of all processes, or equal weights of all rows.

    Parameters
    ----------
    sample_weight : ndarray or None
        Weight of each local row, >= 0. If None, all rows have the same weight, and methods that
        return weights return None.
    group : process group
        Processes that hold the rows.
    """

    def __init__(self, sample_weight, group):
        self._local = sample_weight
        self._total = None if sample_weight is None else group.gather_rows(sample_weight)

    def shuffled(self, seed, n_rows):
        """Return the positions of the rows with positive weights among all rows, in random order."""
        random = check_random_state(seed)
        if self._total is None:
            return random.permutation(n_rows)
        positive = np.flatnonzero(self._total)
        return positive[random.permutation(len(positive))]

    def check_training_rows(self, rows):
        """Raise ValueError if the weights of the training rows are too small for the linear model."""
        total = np.inf if self._total is None else self._total[rows].sum()
        if total <= 1:
            raise ValueError(
                f"`sample_weight` must sum to more than 1 in the training rows, got {total:.3g}. Pass "
                "larger weights: a weight of 2 counts as two rows."
            )

    def of(self, rows):
        """Return the weights of rows, given by their positions among all rows."""
        return None if self._total is None else self._total[rows]

    def of_local(self, rows):
        """Return the weights of rows, given by their positions in this process."""
        return None if self._local is None else self._local[rows]

    def unequal(self, rows):
        """Return the weights of rows, or None if they are all the same."""
        weight = self.of(rows)
        return None if weight is None or np.ptp(weight) == 0 else weight
