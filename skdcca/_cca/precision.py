"""Find the directions of a view for which its covariances have too few correct digits."""

from functools import partial

import numpy as np

# A direction whose variance does not exceed the rounding errors of the view by this factor is an exact
# dependency of columns, such as that of indicator columns, and nothing is lost with it.
_EXACT = 100


def count_imprecise(views, gather=None):
    """Return the number of imprecise directions of both views.

    Parameters
    ----------
    views : pair of GramView
        The views, with their ridges.
    gather : callable, default=None
        Function that adds all rows to a new object. With it, directions that have no variance at all
        are not counted. If None, the rows cannot be read again.
    """
    directions = [view.imprecise() for view in views]
    counts = [len(noise) for _, noise in directions]
    if gather is None or not any(counts):
        return [max(0, n - view.n_empty) for n, view in zip(counts, views, strict=True)]
    variances = gather(partial(DirectionVariances, views, directions)).variances()
    return [
        np.count_nonzero(variance > _EXACT * noise)
        for variance, (_, noise) in zip(variances, directions, strict=True)
    ]


class DirectionVariances:
    """Variances of both views in some directions, computed from their rows."""

    def __init__(self, views, directions):
        self._weights, self._centers = [], []
        for view, (right, _) in zip(views, directions, strict=True):
            weights = np.zeros((len(view.mean), right.shape[1]))
            weights[view.kept] = right / view.scale[view.kept, None]
            self._weights.append(weights)
            self._centers.append(view.mean @ weights)
        self._total, self._squares = 0.0, [0.0] * len(views)

    def add(self, X, y, sample_weight=None):
        """Add rows of both views, with positive weights."""
        return self.add_views((X, y), sample_weight)

    def add_views(self, views, sample_weight=None):
        """Add rows of one view or of several, with positive weights."""
        weight = np.ones(views[0].shape[0]) if sample_weight is None else sample_weight
        self._total += weight.sum()
        for i, view in enumerate(views):
            variates = view @ self._weights[i] - self._centers[i]
            self._squares[i] = self._squares[i] + weight @ variates**2
        return self

    def merge(self, other):
        """Add the rows of another `DirectionVariances`."""
        self._total += other._total
        self._squares = [a + b for a, b in zip(self._squares, other._squares, strict=True)]
        return self

    def variances(self):
        """Return the variances of both views, in their directions."""
        return [squares / (self._total - 1) for squares in self._squares]
