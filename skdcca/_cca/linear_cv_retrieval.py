"""Score retrieval within a fold, without the checks that the public functions repeat for every cell."""

from functools import partial

import numpy as np

from skdcca.base import comparison_arguments
from skdcca.metrics import (
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    recall_at_k,
    recall_at_k_scorer,
    score_decimals,
    scoring_rows,
)

_RECALL = recall_at_k_scorer(1).func
_EPS = np.finfo(np.float64).eps


def retrieval_metric(scoring):
    """Return the function of a matrix of scores that a scorer computes, or None for other scorers."""
    if scoring is mrr_scorer:
        return mrr
    if scoring is mrr_x_to_y:
        return _mrr_of_rows
    if scoring is mrr_y_to_x:
        return _mrr_of_columns
    if getattr(scoring, "func", None) is _RECALL:
        return partial(_recall, **scoring.keywords)
    return None


def mrr(scores):
    """Return the mean reciprocal rank of both directions."""
    return (_mrr_of_rows(scores) + _mrr_of_columns(scores)) / 2


def _mrr_of_rows(scores):
    return _reciprocal_rank(scores, np.diagonal(scores)[:, None], axis=1)


def _mrr_of_columns(scores):
    return _reciprocal_rank(scores, np.diagonal(scores), axis=0)


def _reciprocal_rank(scores, own, axis):
    better = np.count_nonzero(scores > own, axis=axis)
    tied = np.count_nonzero(scores == own, axis=axis)
    return np.mean(1 / (better + (tied + 1) / 2))


def _recall(scores, k):
    return (recall_at_k(scores, k) + recall_at_k(scores.T, k)) / 2


def pair_scores(zx, zy, kind, correlations):
    """Return the scores of all pairs, with the correlations of the training rows."""
    if kind == "cosine":
        return _cosines(zx, zy)
    if kind == "likelihood":
        return pair_likelihoods(zx, zy, correlations=correlations)
    power = comparison_arguments(kind)["power"]
    weights = np.clip(correlations, 0.0, None) ** power
    return _cosines(zx * weights, zy * weights)


def _cosines(x, y):
    return _product(_unit_rows(x), _unit_rows(y), score_decimals())


def _unit_rows(rows):
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    # The same limit as in `sklearn.preprocessing.normalize`.
    return rows / np.where(length < 10 * _EPS, 1.0, length)[:, None]


def pair_likelihoods(zx, zy, **measured):
    """Return the log-likelihood ratios of all pairs, with correlations and perhaps deviations."""
    x, y = scoring_rows(zx, "x", **measured), scoring_rows(zy, "y", **measured)
    return _product(x, y, score_decimals(**measured))


def _product(x, y, decimals):
    scores = (x @ y.T).round(decimals)
    if not np.isfinite(scores).all():
        raise ValueError(
            "The scores overflow, because the variates are too large. Scale the views."
        )
    return scores
