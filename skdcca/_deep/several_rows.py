"""Hold the rows of several views, of which some rows lack some."""

from dataclasses import dataclass

import numpy as np
import torch

from skdcca._cca import pairs_of
from skdcca._deep.batches import Pairs, read_parts
from skdcca._deep.rows import FitRows, varies


@dataclass
class SeveralRows(FitRows):
    """Rows of several views, in a single process.

    The array of a view has only the rows that have the view, in their order.

    Attributes
    ----------
    present : ndarray of bool, of shape (n_rows, n_views)
        Views that each row has.
    names : list of str
        Names of the views.
    """

    present: np.ndarray | None = None
    names: tuple = ()

    def __post_init__(self):
        super().__post_init__()
        self.is_complete = bool(self.present.all())
        self.position = self.present.cumsum(axis=0) - 1

    @property
    def n_rows(self):
        """Number of rows."""
        return len(self.present)

    @property
    def share(self):
        """Fraction of the rows that a pair of views has in common, on average."""
        return float(_of_pairs(self.n_common(slice(None))).mean() / self.n_rows)

    def n_common(self, rows):
        """Return the number of rows that each pair of views has in common, of the given rows."""
        return count_common(self.present[rows])

    def n_measured(self, splits):
        """Return the number of held-out rows of the pair of views that has most of them."""
        rows = np.concatenate([split.held_out for split in splits]) if splits else []
        return int(_of_pairs(self.n_common(rows)).max()) if len(rows) else 0

    def of_view(self, number, rows):
        """Return the positions of rows in the array of a view; rows that lack it are left out."""
        if self.is_complete:
            return rows
        return self.position[rows[self.present[rows, number]], number]

    def hold_out(self, seed, n_held_out):
        """Return a split that holds out about this number of rows."""
        split = super().hold_out(seed, n_held_out)
        if n_held_out:
            self._check_common(split.training)
        return split

    def _check_common(self, rows):
        counts = self.n_common(rows)
        for i, j in pairs_of(len(self.names)):
            if counts[i, j] < 2:
                raise ValueError(
                    f"The views {self.names[i]!r} and {self.names[j]!r} must meet in at least two "
                    f"training rows, got {counts[i, j]}. Pass more rows that have both, or set "
                    "validation_fraction=0."
                )

    def batches(self, split, generator):
        """Return the data set of the training rows."""
        return ViewRows(self, split, generator)

    def _can_train(self, rows):
        weight = self.weights.of(rows)
        has = self.present[rows]
        totals = has.T @ (has * (np.ones(len(rows)) if weight is None else weight)[:, None])
        enough = (self.n_common(rows) >= 2).all() and (totals > 1).all()
        return bool(enough) and all(
            varies(view, np.sort(self.of_view(i, rows))) for i, view in enumerate(self.views)
        )


class ViewRows(Pairs):
    """Data set of the training rows of several views, which `Batches` reads.

    Parameters
    ----------
    rows : SeveralRows
        All rows.
    split : Split
        The training rows are read.
    generator : torch.Generator or None
        Generator that shuffles the rows. If None, the default generator of torch is used.
    """

    def __init__(self, rows, split, generator):
        shares = rows.weights.unequal(split.training)
        super().__init__(
            None, None, split.training, rows.process_group, generator, shares, rows.labels
        )
        self.all_rows = rows

    def read(self, blocks):
        """Yield the views of each block of rows by name, and which rows have them."""
        rows = self.all_rows
        names = [f"the view {name!r}" for name in rows.names]
        if rows.is_complete:
            parts, present = [[block] * len(names) for block in blocks], [None] * len(blocks)
        else:
            present = [_usable(rows.present[block]) for block in blocks]
            parts = [
                [rows.position[block[has[:, i]], i] for i in range(len(names))]
                for block, has in zip(blocks, present, strict=True)
            ]
            present = [torch.from_numpy(has) for has in present]
        for views, has in zip(read_parts(rows.views, parts), present, strict=True):
            yield dict(zip(names, views, strict=True)), has


def count_common(present):
    """Return the number of rows that each pair of views has in common."""
    has = present.astype(np.int64)
    return has.T @ has


def _usable(present):
    """Leave out a view that a single row of a batch has, which no loss and no layer could use."""
    return present & (present.sum(axis=0) > 1)


def _of_pairs(matrix):
    """Return the entries above the diagonal."""
    return matrix[np.triu_indices(len(matrix), 1)]
