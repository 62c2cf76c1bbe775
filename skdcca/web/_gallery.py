"""Convert the content of an index to JSON values for the web page."""

import logging
import warnings
from threading import Lock

import numpy as np

from skdcca.metrics import inside
from skdcca.retrieval import ask
from skdcca.web import _limits
from skdcca.web._sounds import is_sound

_log = logging.getLogger(__name__)


class Gallery:
    """Items of an index, in the form that the page requests.

    Parameters
    ----------
    index : CrossModalIndex
        Fitted index.
    """

    def __init__(self, index):
        self.index = index
        self.ids = index.ids_.tolist()
        self.positions = {name: position for position, name in enumerate(self.ids)}
        self.points = {
            side: None if z is None else _plane(z)
            for side, z in (("sound", index.zx_), ("lyrics", index.zy_))
        }
        self.levels = {"lyrics": index.chance_score("y"), "sound": index.chance_score("x")}
        self.lock = Lock()  # transformers need not be thread-safe

    def search(self, kind, view, query, n):
        """Return the results of one query.

        Parameters
        ----------
        kind : {"lyrics", "sound"}
            Kind of query.
        view : {"x", "y"}
            View of the model that the query belongs to.
        query : str
            Text, or path of an audio file.
        n : int
            Number of results.

        Returns
        -------
        answer : dict
            Results, as JSON values for the page.
        """
        with self.lock:
            answer = ask(self.index, view, query, n, self.levels[kind])
            point = self._place(view, query)
        for note in answer.notes:
            _log.info("the model warns: %s", note)
        above = answer.above or [None] * len(answer.ids)
        results = []
        for place, hit in enumerate(zip(answer.ids, answer.scores, above, strict=True), start=1):
            results.append({"place": place, **self._result(*hit)})
        return {
            "asked": kind,
            "level": answer.level,
            "stands_out": above[0],
            "understood": answer.understood,
            "gallery": len(self.ids),
            "query": point,
            "results": results,
        }

    def _place(self, view, query):
        """Return the position of a query on the map."""
        views = {"X": [query]} if view == "x" else {"y": [query]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the answer already contains them
            return _plane(self.index.embed(**views))[0]

    def _result(self, name, score, above):
        """Return one result with everything that the page shows."""
        position = self.positions[name]
        points = {}
        for side, of_all in self.points.items():
            points[side] = None if of_all is None else of_all[position]
        return {
            "id": name if isinstance(name, int) else as_text(name),
            "position": position,
            "title": self.title(name),
            "group": self.metadata(name, "group"),
            "score": score,
            "above_chance": above,
            "excerpt": _excerpt(self.metadata(name, "lyrics")),
            "has_audio": self.sound_file(position) is not None,
            **points,
        }

    def metadata(self, name, key):
        """Return one metadata value of an item as text, or "" if it is missing."""
        value = self.index.metadata_.get(name, {}).get(key)
        return "" if value is None else as_text(value)

    def title(self, name):
        """Return the title of an item, or its id if it has none."""
        return self.metadata(name, "title").strip() or as_text(name)

    def sound_file(self, position):
        """Return the path of the audio of the item at a position, or None if there is no audio."""
        path = self.index.metadata_.get(self.ids[position], {}).get("audio")
        return path if isinstance(path, str) and is_sound(path) else None

    def about(self):
        """Return the description of the index and the limits of the page."""
        z = self.index.zx_ if self.index.zx_ is not None else self.index.zy_
        return {
            "items": len(self.ids),
            "sides": {side: points is not None for side, points in self.points.items()},
            "model": type(inside(self.index.estimator)[1]).__name__,
            "components": z.shape[1],
            "levels": self.levels,
            "formats": _limits.formats(),
            "limits": {
                "text": _limits.MAX_TEXT,
                "bytes": _limits.MAX_BYTES,
                "seconds": _limits.MAX_SECONDS,
            },
            "examples": self._examples(),
        }

    def _examples(self, n=3):
        """Return example queries: one line from the lyrics of each of `n` songs."""
        examples = []
        for position in _spread(len(self.ids), n):
            for line in self.metadata(self.ids[position], "lyrics").split("\n"):
                if 8 <= len(line.strip()) <= 90:
                    examples.append(line.strip())
                    break
        return examples

    def map(self):
        """Return the positions of the items on the map, evenly subsampled if there are too many."""
        sides = {side: points for side, points in self.points.items() if points is not None}
        shown = _spread(len(self.ids), _limits.MAX_POINTS // len(sides))
        points = {side: [found[position] for position in shown] for side, found in sides.items()}
        return {
            "items": len(self.ids),
            "positions": shown,
            "titles": [self.title(self.ids[position]) for position in shown],
            "sound": points.get("sound"),
            "lyrics": points.get("lyrics"),
        }


def as_text(value):
    """Return str(value) without lone surrogates (from file names), which UTF-8 cannot encode."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _plane(z):
    """Return the first two variates of each row; with one component, the second value is 0."""
    plane = np.zeros((len(z), 2))
    plane[:, : z.shape[1]] = z[:, :2]
    return plane.round(4).tolist()


def _spread(n_items, n):
    """Return at most `n` positions, evenly spaced from the first to the last."""
    positions = np.linspace(0, n_items - 1, min(n, n_items)).round().astype(int)
    return np.unique(positions).tolist()


def _excerpt(lyrics):
    lines = [line.strip() for line in lyrics.splitlines() if line.strip()]
    excerpt = "\n".join(lines[: _limits.EXCERPT_LINES])
    if len(excerpt) > _limits.EXCERPT_LETTERS:
        return excerpt[: _limits.EXCERPT_LETTERS].rstrip() + "…"
    if len(lines) > _limits.EXCERPT_LINES:
        return excerpt + " …"
    return excerpt
