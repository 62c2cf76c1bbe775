"""Answer the queries of the page with JSON values."""

import logging
import time
from threading import Lock

from skdcca.metrics import inside
from skdcca.retrieval import ask, hearing_step, more_like, prepare_chance
from skdcca.web import _limits
from skdcca.web._map import Plane, song_map, spread
from skdcca.web._songs import Songs, as_text, marked, seconds

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
        self.songs = Songs(index)
        self.plane = Plane(index)
        self.points = {
            side: None if z is None else self.plane.points(z, side)
            for side, z in (("sound", index.zx_), ("lyrics", index.zy_))
        }
        has_texts = index.has_texts()
        hears = hearing_step(index.estimator) is not None
        # The kinds of queries that the index can answer.
        self.answers = {
            "lyrics": self.points["sound"] is not None or has_texts,
            "sound": self.points["lyrics"] is not None or (has_texts and hears),
        }
        self.has_texts = has_texts
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
            Number of results in each of the two lists.

        Returns
        -------
        answer : dict
            Results, as JSON values for the page.
        """
        with self.lock:
            answer = ask(self.index, view, query, n)
        for note in answer.notes:
            _log.info("the model warns: %s", note)
        above = answer.above or [None] * len(answer.ids)
        hits = zip(answer.ids, answer.scores, above, answer.p, strict=True)
        return {
            "asked": kind,
            "level": answer.level,
            "stands_out": above[0] if above else None,
            "understood": answer.understood,
            "far": answer.far,
            "heard": as_text(answer.heard or ""),
            "gallery": len(self.songs.ids),
            "query": None if answer.z is None else self.plane.points(answer.z, kind)[0],
            "words": [self._match(match) for match in answer.words],
            "results": [self._hit(place, *hit) for place, hit in enumerate(hits, start=1)],
        }

    def like(self, position, n):
        """Return the songs that are most like a song, in the form of the answer to a query."""
        scores, ids = more_like(self.index, self.songs.ids[position], n)
        hits = enumerate(zip(ids, scores, strict=True), start=1)
        return {
            "asked": "like",
            "seed": self._card(position),
            "gallery": len(self.songs.ids),
            "query": (self.points["sound"] or self.points["lyrics"])[position],
            "results": [self._hit(place, *hit) for place, hit in hits],
        }

    def _card(self, position):
        points = {}
        for side, of_all in self.points.items():
            points[side] = None if of_all is None else of_all[position]
        return {**self.songs.card(position), **points}

    def _hit(self, place, name, score, above=None, p=None):
        """Return one result by sound with everything that the page shows."""
        card = self._card(self.songs.positions[name])
        return {"place": place, **card, "score": score, "above_chance": above, "p": p}

    def _match(self, match):
        """Return one result by words with everything that the page shows."""
        return {
            **self._card(self.songs.positions[match.id]),
            "exact": match.exact,
            "score": match.score,
            "start": seconds(match.start),
            "end": seconds(match.end),
            "line": marked(match.line, match.marks),
        }

    def about(self):
        """Return the description of the index and the limits of the page."""
        z = self.index.zx_ if self.index.zx_ is not None else self.index.zy_
        return {
            "items": len(self.songs.ids),
            "sides": {side: points is not None for side, points in self.points.items()},
            "words": self.has_texts,
            "answers": self.answers,
            "model": type(inside(self.index.estimator)[1]).__name__,
            "components": z.shape[1],
            "formats": _limits.formats(),
            "limits": {
                "text": _limits.MAX_TEXT,
                "bytes": _limits.MAX_BYTES,
                "seconds": _limits.MAX_SECONDS,
            },
            "examples": self._examples(),
        }

    def _examples(self, n=5):
        """Return example queries: one line from the words of each of `n` songs."""
        examples = []
        for position in spread(len(self.songs.ids), n):
            text, _ = self.songs.words(position)
            for line in text.split("\n"):
                if 8 <= len(line.strip()) <= 90:
                    examples.append(line.strip())
                    break
        return examples

    def map(self):
        """Return the positions of the songs on the map."""
        titles = [self.songs.title(position) for position in range(len(self.songs.ids))]
        return song_map(self.points, titles)

    def warm_up(self):
        """Compute what is computed once, so that the first query of a user need not wait for it.

        Queries are judged by unrelated ones of the same length, the most common lengths first. A query
        that arrives meanwhile waits for one length at most.
        """
        examples = self._examples(1)
        if not examples:
            return
        began = time.perf_counter()
        try:
            self.search("lyrics", "y", examples[0], 1)
            prepare_chance(self.index, self.lock)
        except Exception:
            _log.exception("the index could not be prepared for queries")
        _log.info("ready for queries after %.2f s", time.perf_counter() - began)
