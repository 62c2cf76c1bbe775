"""Find the items that are most like an item of the gallery."""

import numpy as np
from sklearn.preprocessing import normalize

from skdcca.metrics import comparison, with_unit_variance


def more_like(index, item, n):
    """Find the items most similar to an item, by the variates of one and the same view.

    In an index with groups, one item of each group is returned, and none of the group of the item.

    The items are compared by their first view (such as audio) if the item has it, and by the second
    view otherwise; items that lack this view are left out. The score is the cosine of the variates,
    weighted by the canonical correlations as in the model; it ranges from -1 to 1.

    Parameters
    ----------
    index : CrossModalIndex
        The fitted index.
    item : str or int
        Id of the item.
    n : int
        Number of items to return. If the index has fewer other items, all of them are returned.

    Returns
    -------
    scores : list of float
        Scores in descending order. Items with equal scores keep the order of the gallery.
    ids : list of str or of int
        Ids of the items, without `item`.
    """
    index._refuse_several_views()
    own = np.flatnonzero(index.ids_ == item)[0]
    groups = index.ids_ if index.groups_ is None else index.groups_
    view = _view_of(index, own)
    if view is None:
        return [], []
    z = np.asarray(getattr(index, f"z{view}_"), dtype=np.float64)
    has_view = np.arange(len(z))[index._places(view)]
    scores = np.zeros(len(z))
    rows = normalize(_weighted(z[has_view], view, **comparison(index.estimator)))
    scores[has_view] = rows @ rows[np.searchsorted(has_view, own)]
    order = has_view[np.argsort(-scores[has_view].round(10), kind="stable")]
    order = order[groups[order] != groups[own]]
    _, first = np.unique(groups[order], return_index=True)  # the best item of each group
    best = order[np.sort(first)][:n]
    return scores[best].tolist(), index.ids_[best].tolist()


def _view_of(index, place):
    """Return the first view that an item has, or None if it has neither."""
    for view in index._views():
        if index._have(view, [place])[0]:
            return view
    return None


def _weighted(z, view, correlations=None, power=None, deviations=None, product=False):
    """Return the variates of a view, weighted as the similarity of the model weights them."""
    if correlations is None:
        return z
    if deviations is not None:
        z = with_unit_variance(z, view, deviations)
    return z * np.clip(correlations, 0.0, None) ** (1.0 if power is None else power)
