"""Retrieval and correlation metrics of two views in one space.

Conventions
-----------
Two *embeddings* ``zx`` and ``zy`` are arrays of shape ``(n_samples, n_components)`` whose row `i`
belongs to the same sample. *Scores* are an array of shape ``(n_queries, n_gallery)``; a higher score
means more alike. At *instance level* a query has one right answer: the item of the gallery with its row
number. At *category level*, with labels, every item with the label of the query is right, and the first
of them counts.

Tied items share their average rank, and the recall is its average over the orders of the tied items.
So a model that gives every pair the same score is never better than chance. A metric means little
without the level of chance and the size of the gallery: see `chance`.

The functions on arrays do not know estimators. `embed` and the scorers look through a `Pipeline` or a
fitted search to the canonical correlation model inside.
"""

# ruff: noqa: F401 (the names outside of __all__ are for the rest of skdcca)
from skdcca.metrics._ranking import (
    both_directions,
    chance,
    median_rank,
    ranks,
    recall_at_k,
    reciprocal_rank,
    retrieval_metrics,
)
from skdcca.metrics._scorers import (
    _recall_at_k_score,  # saved models name it by this module
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
    score_decimals,
    scoring_rows,
    similarity,
    standardize,
    variate_correlations,
)

__all__ = [
    "both_directions",
    "chance",
    "embed",
    "median_rank",
    "mrr_scorer",
    "mrr_x_to_y",
    "mrr_y_to_x",
    "pair_scores",
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
