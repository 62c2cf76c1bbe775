"""Measure retrieval and correlation of two views in a common space.

Conventions
-----------
Variates ``zx`` and ``zy`` are arrays of shape ``(n_samples, n_components)``. Row i of both is the
same sample. Scores are an array of shape ``(n_queries, n_gallery)``; a higher score means more
similar.

At *instance level*, without labels, a query has one relevant item: the item with its own row
number. At *category level*, with labels, all items with the label of the query are relevant, and
the one with the best rank counts.

Tied items share their average rank, and the recall is averaged over all orders of tied items. A model
that gives every pair the same score is therefore never better than chance. Compare metrics with the
chance level, which depends on the size of the gallery; see `chance`.

Some functions take arrays. `embed`, `pair_scores` and the scorers take a fitted estimator, and find the
canonical correlation model inside a `Pipeline` or a search.
"""

# ruff: noqa: F401 (names that are not in __all__ are imported by other modules of skdcca)
from skdcca.metrics._joins import JOINS, group_means, group_numbers, join_scores
from skdcca.metrics._ranking import (
    both_directions,
    chance,
    median_rank,
    ranks,
    recall_at_k,
    reciprocal_rank,
    retrieval_metrics,
)
from skdcca.metrics._report import query_report, report_of_variates
from skdcca.metrics._scorers import (
    _recall_at_k_score,  # saved models refer to this name in this module
    compare,
    comparison,
    embed,
    inside,
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    pair_scores,
    recall_at_k_scorer,
    retrieval_scorer,
    total_correlation_scorer,
)
from skdcca.metrics._similarity import (
    MOST,
    column_correlations,
    score_decimals,
    scoring_rows,
    similarity,
    standardize,
    variate_correlations,
    with_unit_variance,
)

__all__ = [
    "both_directions",
    "chance",
    "embed",
    "join_scores",
    "median_rank",
    "mrr_scorer",
    "mrr_x_to_y",
    "mrr_y_to_x",
    "pair_scores",
    "query_report",
    "ranks",
    "recall_at_k",
    "recall_at_k_scorer",
    "reciprocal_rank",
    "retrieval_metrics",
    "retrieval_scorer",
    "similarity",
    "total_correlation_scorer",
    "variate_correlations",
]
