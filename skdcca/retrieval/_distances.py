"""Rows whose distances rank a gallery as its scores do."""

import numpy as np

from skdcca.metrics import MOST, scoring_rows


def distance_rows(z, *, of_queries, correlations=None, power=None):
    """Return rows whose Euclidean distances rank a gallery as the scores of `scoring_rows` do.

    The log-likelihood ratio is ``-|r w x - w y|**2 / 2`` plus a term that depends only on the query,
    where ``w**2 = 1 / (1 - r**2)`` and x is in the gallery. The cosine ranks like the distance between
    rows of norm 1; an additional column gives rows of zeros this norm too.
    """
    if correlations is not None and power is None:
        r = np.clip(correlations, 0.0, MOST)
        return z * ((1.0 if of_queries else r) / np.sqrt(1 - r**2))
    rows = scoring_rows(z, "x", correlations, power)
    missing = 1 - np.einsum("ij,ij->i", rows, rows)
    return np.column_stack([rows, np.zeros(len(rows)) if of_queries else np.sqrt(missing.clip(0))])
