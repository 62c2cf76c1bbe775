"""Check the items of an index, its search and the state that a file restores."""

import numpy as np

from skdcca.retrieval._items import listed


def check_finite(z, name, has=True):
    """Return variates after checking that the rows that have the view are finite."""
    bad = np.flatnonzero(~np.isfinite(z).all(axis=1) & has).tolist()
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


def check_restored_views(state):
    """Check what the state of an index has of several views; it may come from an untrusted file."""
    n_items, variates, kept = len(state["ids_"]), state["variates_"], state["_kept_pairs"]
    tables = variates.values() if isinstance(variates, dict) else [variates]
    if variates is not None and not all(_is_table(z) and len(z) == n_items for z in tables):
        raise ValueError(
            "variates_ of a CrossModalIndex must be tables with a row for each id, or None"
        )
    present = state["_present"]
    if not (isinstance(present, dict) and all(_are_places(of, n_items) for of in present.values())):
        raise ValueError("the places in a CrossModalIndex must be those of items")
    if not (isinstance(kept, list) and all(map(_is_kept_pair, kept))):
        raise ValueError("the pairs of a CrossModalIndex must be searches and tables of numbers")


def _are_places(places, n_items):
    is_array = isinstance(places, np.ndarray) and places.ndim == 1 and places.dtype.kind == "i"
    return is_array and bool(np.all((places >= 0) & (places < n_items)))


def _is_kept_pair(kept):
    """Return True for a list of two views and the searches and backgrounds of their index."""
    if not (isinstance(kept, list) and len(kept) == 3 and isinstance(kept[2], dict)):
        return False
    view, find, of = kept
    names = [*(view if isinstance(view, list) else [view]), find]
    searches, tables = of.get("_searches"), of.get("_backgrounds")
    return (
        all(isinstance(name, str) for name in names)
        and set(of) == {"_searches", "_backgrounds", "_compared_by"}
        and isinstance(searches, dict)
        and all(hasattr(type(search), "kneighbors") for search in searches.values())
        and isinstance(tables, dict)
        and all(map(_is_table, tables.values()))
    )


def _is_table(z):
    return isinstance(z, np.ndarray) and z.dtype.kind == "f" and z.ndim == 2


def _is_labels(labels, n):
    is_array = isinstance(labels, np.ndarray) and labels.shape == (n,)
    return is_array and labels.dtype.kind in "iuU"
