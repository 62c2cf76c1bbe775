"""Find the items that are most like an item of the gallery."""

import numpy as np
from sklearn.preprocessing import normalize

from skdcca.metrics import comparison


def more_like(index, item, n):
    """Find the items most similar to an item, by the variates of one and the same view.

    In an index with groups, one item of each group is returned, and none of the group of the item.

    The items are compared by their first view (such as audio) if the gallery has it, and by the
    second view otherwise. The score is the cosine of the variates, weighted by the canonical
    correlations as in the model; it ranges from -1 to 1.

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
    own = np.flatnonzero(index.ids_ == item)[0]
    groups = index.ids_ if index.groups_ is None else index.groups_
    z = index.zx_ if index.zx_ is not None else index.zy_
    rows = normalize(_weighted(np.asarray(z, dtype=np.float64), **comparison(index.estimator)))
    scores = rows @ rows[own]
    order = np.argsort(-scores.round(10), kind="stable")
    order = order[groups[order] != groups[own]]
    _, first = np.unique(groups[order], return_index=True)  # the best item of each group
    best = order[np.sort(first)][:n]
    return scores[best].tolist(), index.ids_[best].tolist()


def _weighted(z, correlations=None, power=None, product=False):
    """Return the variates, weighted as the similarity of the model weights them."""
    if correlations is None:
        return z
    return z * np.clip(correlations, 0.0, None) ** (1.0 if power is None else power)
