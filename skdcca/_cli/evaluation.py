"""Cross-validated retrieval, hyper-parameters chosen inside the training folds, as one table."""

import numpy as np
from sklearn.base import clone

from skdcca._utils.sklearn_compat import BaseSearchCV, safe_indexing
from skdcca.metrics import both_directions, chance, compare, embed

COLUMNS = ("mrr", "recall@1", "recall@10", "median_rank")


def evaluate(search, X, y, cv, groups=None, progress=None):
    """Fit the search on each training part and measure retrieval in the part held out.

    Parameters
    ----------
    search : estimator
        A search over a pipeline, whose own folds are made of the training part alone, or a model.
    X, y : sequence
        Songs and lyrics.
    cv : splitter
        The outer folds.
    groups : ndarray of shape (n_samples,), default=None
        Groups for both the outer and the inner folds.
    progress : callable, default=None
        Called after each fold.

    Returns
    -------
    folds : list of dict
        A dict a fold: ``x_to_y``, ``y_to_x`` (as in `retrieval_metrics`), ``chance``,
        ``n_gallery``, ``embedding`` and ``scores`` (of the held-out rows), ``test`` (those rows),
        ``params`` and ``inner_score`` (those chosen, and how they fared inside, if there was a
        search).
    """
    folds = []
    groups = None if groups is None else np.asarray(groups)
    for train, test in cv.split(X, y, groups):
        searched = isinstance(search, BaseSearchCV)
        grouped = {"groups": groups[train]} if groups is not None and searched else {}
        fitted = clone(search).fit(safe_indexing(X, train), safe_indexing(y, train), **grouped)
        zx, zy = embed(fitted, safe_indexing(X, test), safe_indexing(y, test))
        scores = compare(fitted, zx, zy)
        folds.append(
            {
                **both_directions(scores),
                "scores": scores,
                "n_gallery": len(test),
                "chance": chance(len(test)),
                "embedding": (zx, zy),
                "test": test,
                "params": getattr(fitted, "best_params_", {}),
                "inner_score": getattr(fitted, "best_score_", None),
            }
        )
        if progress is not None:
            progress()
    return folds


def mean_over_folds(folds):
    """Mean of each metric, by direction, and of the level of chance."""
    return {
        part: {name: float(np.mean([fold[part][name] for fold in folds])) for name in COLUMNS}
        for part in ("x_to_y", "y_to_x", "chance")
    }


def gallery_sizes(folds):
    """Number of songs to choose from, as text: one number, or the smallest and the largest."""
    sizes = [fold["n_gallery"] for fold in folds]
    return str(sizes[0]) if min(sizes) == max(sizes) else f"{min(sizes)}-{max(sizes)}"


def table(rows, n_gallery):
    """Lines of a table: rows of (name, means), audio to lyrics and lyrics to audio side by side."""
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
