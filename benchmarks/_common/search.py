"""Recall of a search."""

import numpy as np


def recall(found, right):
    """Return the mean fraction of correct positions that were found per row."""
    rows = zip(found, right, strict=True)
    return np.mean([len(set(row) & set(truth)) / len(truth) for row, truth in rows])
