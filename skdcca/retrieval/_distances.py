"""Rows whose distances rank a gallery as its scores do."""

import numpy as np

from skdcca.metrics import MOST, scoring_rows, with_unit_variance


def distance_rows(
    z, view="x", *, of_queries, correlations=None, power=None, deviations=None, product=False
):
    """Return rows whose Euclidean distances rank a gallery as the scores of `scoring_rows` do.

    The log-likelihood ratio is ``-|r w x - w y|**2 / 2`` plus a term that depends only on the query,
    where ``w**2 = 1 / (1 - r**2)`` and x is in the gallery. Other scores are products: an additional
    column gives all gallery rows the norm of the longest one [1]_. For cosines this norm is 1.

    .. [1] Y. Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation
       for inner-product spaces", RecSys 2014.
    """
    if deviations is not None:
        z = with_unit_variance(z, view, deviations)
    if correlations is not None and power is None:
        r = np.clip(correlations, 0.0, MOST)
        return z * ((1.0 if of_queries else r) / np.sqrt(1 - r**2))
    rows = scoring_rows(z, "x", correlations, power, product=product)
    if of_queries:
        return np.column_stack([rows, np.zeros(len(rows))])
    squares = np.einsum("ij,ij->i", rows, rows)
    longest = squares.max(initial=0.0) if product else 1.0
    return np.column_stack([rows, np.sqrt((longest - squares).clip(0))])
