"""Place names in a plot so that none covers another one."""

import numpy as np

_DISTANCES = (5, 12, 20, 30, 42, 56, 72, 90)  # of a name from its point, in typographic points
_TURNS = np.deg2rad([0, 25, -25, 50, -50, 75, -75, 105, -105, 140, -140, 180])


def place_names(ax, points, names, colors):
    """Write each name close to its point where it covers neither names nor points, and return the texts.

    Points are tried in their order. A name prefers the direction away from the origin; a thin line joins
    it to its point if they are not adjacent. A name for which there is no room is left out.
    """
    ax.apply_aspect()  # now points have their place
    unit = ax.figure.dpi / 72
    at = ax.transData.transform(points) / unit
    origin = ax.transData.transform([[0.0, 0.0]])[0] / unit
    frame = ax.get_window_extent().extents / unit
    taken = np.vstack([np.hstack([at - 4, at + 4]), _legend(ax) / unit])
    texts = []
    for i, name in enumerate(names):
        text = _write(ax, points[i], name, colors[i])
        size = text.get_window_extent().size / unit
        boxes = _boxes(at[i], at[i] - origin, size)
        free = _are_free(boxes, np.delete(taken, i, axis=0), frame)
        if not free.any():
            text.remove()
            continue
        box = boxes[np.argmax(free)]
        taken = np.vstack([taken, box])
        _move(ax, text, points[i], at[i], box)
        texts.append(text)
    return texts


def _legend(ax):
    """Return the box of the legend in a row, or no row."""
    legend = ax.get_legend()
    return np.empty((0, 4)) if legend is None else legend.get_window_extent().extents[None]


def _write(ax, point, name, color):
    from matplotlib.patheffects import withStroke

    border = [withStroke(linewidth=2, foreground="white")]
    style = {"color": color, "fontsize": "small", "zorder": 4, "path_effects": border}
    where = {"textcoords": "offset points", "ha": "center", "va": "center"}
    return ax.annotate(name, point, xytext=(0, 0), parse_math=False, **where, **style)


def _move(ax, text, point, at, box):
    """Move a text to its box, and join it to its point if they are not adjacent."""
    text.xyann = (box[:2] + box[2:]) / 2 - at
    nearest = np.clip(at, box[:2], box[2:]) - at
    if np.hypot(*nearest) > 10:
        line = {"arrowstyle": "-", "color": "0.5", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", point, xytext=nearest, textcoords="offset points", arrowprops=line)


def _boxes(point, direction, size):
    """Return the places for a text of this size around a point, the best first, as boxes.

    A box is its left, lower, right and upper edge.
    """
    angle = np.arctan2(direction[1], direction[0]) + _TURNS
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centers = point + np.vstack([along * (distance + size / 2) for distance in _DISTANCES])
    return np.hstack([centers - size / 2, centers + size / 2])


def _are_free(boxes, taken, frame):
    """Return which boxes are inside the frame and cover none of the taken ones."""
    inside = (boxes[:, :2] > frame[:2]).all(axis=1) & (boxes[:, 2:] < frame[2:]).all(axis=1)
    lower, upper = boxes[:, None, :2], boxes[:, None, 2:]
    covers = ((lower < taken[:, 2:]) & (upper > taken[:, :2])).all(axis=2)
    return inside & ~covers.any(axis=1)


def spread(positions, gap, low, high):
    """Move sorted positions apart, to a distance of at least the gap, between two bounds."""
    moved = np.array(positions, dtype=float)
    floor = low
    for i in range(len(moved)):
        moved[i] = max(moved[i], floor)
        floor = moved[i] + gap
    ceiling = high
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved
