"""How much of the right answers a search finds."""

import numpy as np


def recall(found, right):
    """Return the mean share of the right places that were found, row by row."""
    rows = zip(found, right, strict=True)
    return np.mean([len(set(row) & set(truth)) / len(truth) for row, truth in rows])
