"""Answer the queries of the page with JSON values."""

import logging
import time
from threading import Lock

from skdcca.metrics import inside
from skdcca.retrieval import ask, hearing_step, more_like, opens_texts, prepare_chance
from skdcca.web import _limits
from skdcca.web._errors import refusal
from skdcca.web._map import Plane, song_map, spread
from skdcca.web._songs import Songs, as_text, marked, seconds
from skdcca.web._views import Question

_log = logging.getLogger(__name__)


class Gallery:
    """Items of an index of two views, in the form that the page requests.

    Parameters
    ----------
    index : CrossModalIndex
        Fitted index.
    """

    def __init__(self, index):
        self.index = index
        self.songs = Songs(index)
        self.has_texts = index.has_texts()
        self.lock = Lock()  # transformers need not be thread-safe
        self._prepare()

    def _prepare(self):
        """Set the points of the map, and the kinds of queries that the index can answer."""
        index, variates = self.index, {"sound": self.index.zx_, "lyrics": self.index.zy_}
        self.model = inside(index.estimator)[1]
        self.plane = Plane(variates, self.model)
        self.points = {
            side: None if z is None else self.plane.points(z, side) for side, z in variates.items()
        }
        hears = hearing_step(index.estimator) is not None
        self.opens_texts = opens_texts(index.estimator)
        self.answers = {
            "lyrics": not self.opens_texts and (self.points["sound"] is not None or self.has_texts),
            "sound": self.points["lyrics"] is not None or (self.has_texts and hears),
        }

    def question(self, kind, view=None, find=None, tags=None):
        """Return the `Question` of a request.

        Parameters
        ----------
        kind : {"lyrics", "sound"}
            Kind of query.
        view, find, tags : str, default=None
            Choices for an index of several views.

        Returns
        -------
        question : Question
            What `answer` takes.

        Raises
        ------
        HTTPException
            If the index cannot answer the query.
        """
        _check_two_views(view, find, tags)
        if kind == "lyrics" and self.opens_texts:
            raise refusal(409, "The second view of this model is files, so no text can search it.")
        if not self.answers[kind]:
            missing = "audio" if kind == "lyrics" else "lyrics"
            raise refusal(409, f"This index contains no {missing} to search.")
        return Question(kind, (), None)

    def answer(self, question, query, n):
        """Return the results of one query.

        Parameters
        ----------
        question : Question
            What is asked, from the method `question`.
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
            answer = ask(self.index, "y" if question.kind == "lyrics" else "x", query, n)
        return self._reply(answer, question.kind, question.kind)

    def _reply(self, answer, asked, side):
        """Return an answer of the index as JSON values; `side` is that of the query on the map."""
        for note in answer.notes:
            _log.info("the model warns: %s", note)
        above = answer.above or [None] * len(answer.ids)
        hits = zip(answer.ids, answer.scores, above, answer.p, strict=True)
        z = answer.z
        return {
            "asked": asked,
            "level": answer.level,
            "stands_out": above[0] if above else None,
            "understood": answer.understood,
            "far": answer.far,
            "heard": as_text(answer.heard or ""),
            "gallery": len(self.songs.ids),
            "query": None if z is None else self.plane.points(z, side)[0],
            "words": [self._match(match) for match in answer.words],
            "results": [self._hit(place, *hit) for place, hit in enumerate(hits, start=1)],
        }

    def like(self, position, n, view=None):
        """Return the songs that are most like a song, in the form of the answer to a query."""
        _check_two_views(view)
        points = self.points["sound"] or self.points["lyrics"]
        return self._like(self.index, position, n, points[position])

    def _like(self, index, position, n, query):
        """Return the songs like a song in an index of two views; `query` is its point on the map."""
        scores, ids = more_like(index, self.songs.ids[position], n)
        hits = enumerate(zip(ids, scores, strict=True), start=1)
        return {
            "asked": "like",
            "seed": self._card(position),
            "gallery": len(self.songs.ids),
            "query": query,
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
        return {
            "items": len(self.songs.ids),
            "sides": {side: points is not None for side, points in self.points.items()},
            "words": self.has_texts,
            "answers": self.answers,
            "views": None,
            "model": type(self.model).__name__,
            "components": self._n_components(),
            "formats": _limits.formats(),
            "limits": {
                "text": _limits.MAX_TEXT,
                "bytes": _limits.MAX_BYTES,
                "seconds": _limits.MAX_SECONDS,
            },
            "examples": self._examples(),
        }

    def _n_components(self):
        index = self.index
        return (index.zx_ if index.zx_ is not None else index.zy_).shape[1]

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
        return song_map(self.points, self.songs.titles())

    def warm_up(self):
        """Compute what is computed once, so that the first query of a user need not wait for it.

        Queries are judged by unrelated ones of the same length, the most common lengths first. A query
        that arrives meanwhile waits for one length at most.
        """
        examples = self._examples(1)
        if not examples or not self.answers["lyrics"]:
            return
        began = time.perf_counter()
        try:
            self._try(examples[0])
        except Exception:
            _log.exception("the index could not be prepared for queries")
        _log.info("ready for queries after %.2f s", time.perf_counter() - began)

    def _try(self, line):
        """Answer a line of lyrics, and find by what the answers to others are judged."""
        self.answer(self.question("lyrics"), line, 1)
        prepare_chance(self.index, self.lock)


def _check_two_views(*choices):
    """Refuse the choices of a request that only an index of several views has."""
    if any(choice is not None for choice in choices):
        raise refusal(409, "This index has two views. Leave out `view`, `find` and `tags`.")
