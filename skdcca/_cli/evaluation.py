"""Nested cross-validation of retrieval, and the tables of scores."""

import textwrap

import numpy as np
from sklearn.base import clone

from skdcca._utils.sklearn_compat import BaseSearchCV, safe_indexing
from skdcca.metrics import (
    both_directions,
    chance,
    compare,
    embed,
    inside,
    variate_correlations,
)

COLUMNS = ("mrr", "recall@1", "recall@10", "median_rank")


def evaluate(search, X, y, cv, groups=None, progress=None):
    """Fit a search to each training set and score retrieval on the held-out rows.

    Parameters
    ----------
    search : estimator
        Model, or search that cross-validates a pipeline within each training set.
    X, y : sequence
        Songs and lyrics.
    cv : splitter
        Splitter of the outer folds.
    groups : ndarray of shape (n_samples,), default=None
        Groups for both the outer and the inner folds.
    progress : callable, default=None
        Function to call without arguments after each fold.

    Returns
    -------
    folds : list of dict
        One dict for each fold, with the keys ``x_to_y`` and ``y_to_x`` (metrics as in
        `retrieval_metrics`), ``chance`` (chance level), ``n_gallery``, ``embedding`` (variates of the
        held-out rows), ``scores`` (of the held-out rows), ``test`` (positions of the held-out rows),
        ``params`` (parameters that the search chose) and ``inner_score`` (their score in the search).
    """
    folds = []
    groups = None if groups is None else np.asarray(groups)
    is_search = isinstance(search, BaseSearchCV)
    for train, test in cv.split(X, y, groups):
        inner = {"groups": groups[train]} if is_search and groups is not None else {}
        fitted = clone(search).fit(safe_indexing(X, train), safe_indexing(y, train), **inner)
        folds.append(_measure(fitted, X, y, test))
        if progress is not None:
            progress()
    return folds


def _measure(fitted, X, y, test):
    """Return the dict of one fold, as in `evaluate`."""
    zx, zy = embed(fitted, safe_indexing(X, test), safe_indexing(y, test))
    scores = compare(fitted, zx, zy)
    return {
        **both_directions(scores),
        "scores": scores,
        "n_gallery": len(test),
        "chance": chance(len(test)),
        "embedding": (zx, zy),
        "test": test,
        "params": getattr(fitted, "best_params_", {}),
        "inner_score": getattr(fitted, "best_score_", None),
    }


def mean_over_folds(folds):
    """Return the mean of each metric over the folds, for both directions and the chance level."""
    return {
        part: {name: float(np.mean([fold[part][name] for fold in folds])) for name in COLUMNS}
        for part in ("x_to_y", "y_to_x", "chance")
    }


def gallery_sizes(folds):
    """Return the gallery size as text; if it differs between folds, return its range."""
    sizes = [fold["n_gallery"] for fold in folds]
    if min(sizes) == max(sizes):
        return str(sizes[0])
    return f"{min(sizes)}-{max(sizes)}"


def table(rows, n_gallery):
    """Return the lines of a table with a row for each name, and both directions side by side."""
    head = f"{'':24}{'audio -> lyrics':^33}   {'lyrics -> audio':^33}"
    columns = f"{'MRR':>7}{'R@1':>8}{'R@10':>8}{'MedR':>9} "
    lines = [head, f"{f'gallery {n_gallery}':24}{columns}   {columns}"]
    for name, means in rows:
        chance_level = means["chance"]
        both = (means.get(direction, chance_level) for direction in ("x_to_y", "y_to_x"))
        lines.append(f"{name:24}" + "   ".join(map(_cells, both)))
    return lines


def _cells(metrics):
    shares = f"{metrics['mrr']:7.3f}{metrics['recall@1']:8.3f}{metrics['recall@10']:8.3f}"
    return f"{shares}{metrics['median_rank']:9.1f} "


def total_correlation(model, zx, zy):
    """Return the sum of the correlations of variates, or None if the model has no correlations."""
    if not hasattr(inside(model)[1], "canonical_correlations_"):
        return None
    return float(variate_correlations(zx, zy).sum())


def describe_queries(rows):
    """Return as text the table of `query_table` and what `query_summary` says of it."""
    return "\n".join([*query_table(rows), query_summary(rows)])


def query_table(rows):
    """Return the lines of a table with one row for each kind of query, from `query_report`."""
    head = f"gallery {rows[0]['n_gallery']}"
    lines = [f"{head:28}{'queries':>8}{'MRR':>8}{'R@10':>8}{'distinct first answers':>25}"]
    for view, direction in (("y", "lyrics -> audio"), ("x", "audio -> lyrics")):
        lines.append(direction)
        for row in rows:
            if row["view"] == view:
                shares = f"{row['n_queries']:8}{row['mrr']:8.3f}{row['recall@10']:8.3f}"
                lines.append(f"  {row['query']:26}{shares}{row['n_answers']:25}")
    level = chance(rows[0]["n_gallery"])
    return [*lines, f"{'chance':28}{'':8}{level['mrr']:8.3f}{level['recall@10']:8.3f}"]


def query_summary(rows):
    """Return a sentence on which kinds of queries find their song more often than chance."""
    found = [row["query"] for row in rows if row["mrr"] > _chance_limit(row)]
    lost = [row["query"] for row in rows if row["query"] not in found]
    if not found:
        return "No kind of query finds its song more often than chance."
    if len(lost) > len(found):
        return f"Found more often than by chance: {', '.join(found)} only."
    if lost:
        return textwrap.fill(f"Found no more often than by chance: {', '.join(lost)}.", 100)
    best, worst = (choose(rows, key=lambda row: row["mrr"]) for choose in (max, min))
    return (
        f"Every kind of query finds its song more often than chance: {best['query']} best, "
        f"{worst['query']} least."
    )


def _chance_limit(row):
    """Return the mean reciprocal rank that 5% of random rankings exceed, as many as the queries."""
    reciprocal = 1 / np.arange(1, row["n_gallery"] + 1)
    return reciprocal.mean() + 1.645 * reciprocal.std() / np.sqrt(row["n_queries"])
