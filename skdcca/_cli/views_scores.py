"""Scores of the views of songs for each other."""

from itertools import combinations

import numpy as np

from skdcca._cli.song_views import view_names


def pairs_of(model):
    """Return the pairs of the views of a model."""
    return list(combinations(view_names(model), 2))


def rows_with(variates, names):
    """Return which songs have all of the views."""
    return np.all([~np.isnan(variates[name][:, 0]) for name in names], axis=0)


def scores_of(model, variates, view, find):
    """Return the scores of one view, or of several together, of each song for another view of each.

    Parameters
    ----------
    model : MultiCCA
        Fitted model.
    variates : dict of str to ndarray of shape (n_songs, n_components)
        Variates of each view; NaN where a song lacks it.
    view : str or tuple of str
        View of the queries, or several views together.
    find : str
        View that is searched.

    Returns
    -------
    scores : ndarray of shape (n_found, n_found)
        Scores of the songs that have all of these views, as queries and as gallery.
    """
    names = (view,) if isinstance(view, str) else view
    both = rows_with(variates, [*names, find])
    pair = model.pair(view, find)
    z = {name: of_view[both] for name, of_view in variates.items()}
    return pair.compare(*pair.join_views(z))
