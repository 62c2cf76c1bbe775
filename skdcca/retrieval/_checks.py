"""Check the items of an index, its search and the state that a file restores."""

import numpy as np

from skdcca.retrieval._items import listed


def check_finite(z, name):
    bad = np.flatnonzero(~np.isfinite(z).all(axis=1)).tolist()
    if bad:
        raise ValueError(
            f"The variates of {name} must be finite, got NaN or infinity in rows {listed(bad)}. Check "
            "these rows and the model."
        )
    return z


def check_neighbors(neighbors):
    able = hasattr(neighbors, "fit") and hasattr(neighbors, "kneighbors")
    if neighbors is not None and not able:
        raise ValueError(
            "`neighbors` must be a nearest neighbor estimator, such as FaissNeighbors(), or None, got "
            f"{neighbors!r}."
        )


def check_restored(state, metadata):
    """Check the state of an index, which may come from an untrusted file."""
    ids, views = state["ids_"], [state["zx_"], state["zy_"]]
    if not _is_labels(ids, np.size(ids)):
        raise ValueError(
            "ids_ of a CrossModalIndex must be a one-dimensional array of str or of int"
        )
    if not all(z is None or _is_table(z) for z in views):
        raise ValueError("zx_ and zy_ of a CrossModalIndex must be tables of numbers, or None")
    lengths = {len(of) for of in (metadata, *views) if of is not None} - {len(ids)}
    if lengths:
        raise ValueError(
            f"a CrossModalIndex has {len(ids)} ids_, but {lengths} variates or metadata_"
        )
    groups = state["groups_"]
    if groups is not None and not _is_labels(groups, len(ids)):
        raise ValueError("groups_ of a CrossModalIndex must be an array with a label for each id")
    if not all(of is None or isinstance(of, dict) for of in metadata):
        raise ValueError("metadata_ of a CrossModalIndex must be dicts")
    if not isinstance(state["_texts"], str | None):
        raise ValueError("_texts of a CrossModalIndex must be a JSON text, or None")
    tables = state["_backgrounds"]
    if not (isinstance(tables, dict) and all(map(_is_table, tables.values()))):
        raise ValueError("the backgrounds of a CrossModalIndex must be tables of numbers")
    # A query may refit these estimators, and `fit` of any other class might open files.
    searches = [state["neighbors"], *state["_searches"].values()]
    if not all(of is None or hasattr(type(of), "kneighbors") for of in searches):
        raise ValueError("neighbors of a CrossModalIndex must be nearest neighbor estimators")


def _is_table(z):
    return isinstance(z, np.ndarray) and z.dtype.kind == "f" and z.ndim == 2


def _is_labels(labels, n):
    is_array = isinstance(labels, np.ndarray) and labels.shape == (n,)
    return is_array and labels.dtype.kind in "iuU"
