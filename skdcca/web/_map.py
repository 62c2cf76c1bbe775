"""Lay out the songs of an index as points of a map."""

import numpy as np
from sklearn.decomposition import PCA

from skdcca.web import _limits

# Rows of each view from which the axes are computed.
_FITTED = 500


class Plane:
    """Two directions in the space of the variates, which are the axes of the map.

    They are the first two canonical variates. Other models do not order their components; for them,
    the directions are the principal ones of the gallery, without the difference of the views.

    Parameters
    ----------
    variates : dict of str to ndarray or None
        Variates of the items of each side of the map, or None for a side that the index lacks.
    model : estimator
        Fitted model of the index.
    """

    def __init__(self, variates, model):
        given = {side: _without_unknown(z) for side, z in variates.items() if z is not None}
        given = {side: z for side, z in given.items() if len(z)}
        is_ordered = hasattr(model, "canonical_correlations_")
        self.axes = None
        if given and not is_ordered and min(_sizes(given)) > 2:
            self.means = {side: np.mean(z, axis=0) for side, z in given.items()}
            rows = [z[spread(len(z), _FITTED)] - self.means[side] for side, z in given.items()]
            pca = PCA(2, svd_solver="randomized", random_state=0).fit(np.concatenate(rows))
            self.axes = pca.components_

    def points(self, z, side):
        """Return the points of the rows of a side as lists of two numbers.

        With one component, the second number is 0. The point of an item that lacks the view is None.
        """
        points = np.zeros((len(z), 2))
        if self.axes is not None:
            points[:] = (z - self.means.get(side, 0.0)) @ self.axes.T
        else:
            points[:, : z.shape[1]] = z[:, :2]
        known = known_rows(z)
        if known.all():
            return points.round(4).tolist()
        rows = zip(points.round(4).tolist(), known.tolist(), strict=True)
        return [point if is_known else None for point, is_known in rows]


def known_rows(z):
    """Return which rows of variates are known; those of an item that lacks the view are NaN."""
    return ~np.isnan(z[:, 0])


def _without_unknown(z):
    known = known_rows(z)
    return z if known.all() else z[known]  # no copy of a large gallery


def _sizes(variates):
    return {size for z in variates.values() for size in z.shape}


def spread(n_items, n):
    """Return at most `n` positions, evenly spaced from the first to the last."""
    positions = np.linspace(0, n_items - 1, min(n, n_items)).round().astype(int)
    return np.unique(positions).tolist()


def frame(points):
    """Return the center of some points and their typical distance from it.

    Both are medians, so that a few far points do not squeeze all others into one spot: the page draws a
    point at the share d / sqrt(1 + d^2) of the radius of the map, where d is the distance in units of
    the typical one. A point at infinity lies at the rim.

    Parameters
    ----------
    points : list of [float, float] or None
        All points, None for items that have none.

    Returns
    -------
    frame : dict
        ``center``: the median of each coordinate; ``radius``: the median distance from it, or another
        positive number if more than half of the points coincide.
    """
    points = [point for point in points if point is not None]
    if not points:
        return {"center": [0.0, 0.0], "radius": 1.0}
    points = np.asarray(points, dtype=np.float64)
    center = np.median(points, axis=0)
    distances = np.hypot(*(points - center).T)
    radius = np.median(distances) or distances.max() or 1.0
    return {"center": center.tolist(), "radius": float(radius)}


def song_map(points, titles):
    """Return the map, evenly subsampled if there are too many songs.

    Parameters
    ----------
    points : dict
        Points of the sides "sound" and "lyrics", or None for a side that the index lacks.
    titles : list of str
        Titles of all songs.

    Returns
    -------
    map : dict
        JSON values for the page.
    """
    sides = {side: found for side, found in points.items() if found is not None}
    songs, kept = _thinned(sides, titles)
    return {
        **songs,
        "sound": kept.get("sound"),
        "lyrics": kept.get("lyrics"),
        "frames": _frames(kept),
    }


def views_map(points, titles):
    """Return the map of an index of several views, evenly subsampled if there are too many songs.

    Parameters
    ----------
    points : dict
        Points of each view, with None for songs that lack it.
    titles : list of str
        Titles of all songs.

    Returns
    -------
    map : dict
        JSON values for the page.
    """
    songs, kept = _thinned(points, titles)
    return {**songs, "views": kept, "frames": _frames(kept)}


def _frames(points):
    return {side: frame(found) for side, found in points.items()}


def _thinned(points, titles):
    """Return the positions and titles of the songs that are shown, and their points by side."""
    shown = spread(len(titles), max(1, _limits.MAX_POINTS // len(points)))
    songs = {
        "items": len(titles),
        "positions": shown,
        "titles": [titles[position] for position in shown],
    }
    return songs, {side: [found[at] for at in shown] for side, found in points.items()}
