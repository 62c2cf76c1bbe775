"""Answer the queries of the page for an index of several views."""

from collections import Counter
from unicodedata import normalize

import numpy as np
from sklearn.utils import Bunch

from skdcca.retrieval import (
    ask,
    can_find_words,
    is_understood,
    item_groups,
    prepare_chance,
    several_views,
    tag_groups,
)
from skdcca.web import _limits
from skdcca.web._errors import refusal
from skdcca.web._gallery import Gallery
from skdcca.web._map import Plane, views_map
from skdcca.web._songs import as_text, split_tags
from skdcca.web._views import TAGS, Question, Views, view_kinds


class ViewGallery(Gallery):
    """Items of an index of several views, in the form that the page requests.

    A query of one view searches any other one. Items may lack views.

    Parameters
    ----------
    index : CrossModalIndex
        Fitted index of several views.
    """

    def _prepare(self):
        variates = self.index.variates_
        self.model = several_views(self.index.estimator)
        self.views = Views(view_kinds(self.model), variates)
        self.plane = Plane(variates, self.model)
        self.points = {name: self.plane.points(z, name) for name, z in variates.items()}
        if self._tags_are_texts():
            # Tags are no lyrics; the page shows and searches them by themselves.
            self.has_texts, self.songs.texts = False, [None] * len(self.songs.ids)
        self.tags = [self.songs.tags(position) for position in range(len(self.songs.ids))]
        self.answers = {
            "lyrics": self.has_texts or self._can_answer("text"),
            "sound": self._can_answer("sound"),
        }

    def _tags_are_texts(self):
        """Return True if the texts of the index, which `find_words` searches, are those of the tags."""
        if not self.views.takes_tags():
            return False
        other = next(name for name in self.points if name != TAGS)
        return can_find_words(self.index.pair(other, TAGS), "y")

    def _can_answer(self, kind):
        """Return True if a query of a kind has something to search."""
        return any(self.views.choices([name]) for name in self.views.of_kind(kind))

    def question(self, kind, view=None, find=None, tags=None):
        """Return the `Question` of a request.

        Parameters
        ----------
        kind : {"lyrics", "sound"}
            Kind of the request: a text or a clip.
        view : str, default=None
            View of the text or clip. If None, the usual one.
        find : str, default=None
            View to search. If None, the usual one.
        tags : str, default=None
            Tags to search by at the same time.

        Returns
        -------
        question : Question
            What `answer` takes.

        Raises
        ------
        HTTPException
            If there is no such view, it cannot be asked for, or there is nothing to search.
        """
        tags = normalize("NFC", as_text(tags or "")).strip()
        names = self._asked(kind, view, tags)
        found = self.views.find(find, names) if names else None
        only_words = kind == "lyrics" and self.has_texts and find is None and not tags
        if found is None and not only_words:
            raise refusal(409, "This index contains nothing else to search.")
        return Question(self._kind(kind, names, tags), names, found, tags)

    def _asked(self, kind, view, tags):
        """Return the names of the views of a query."""
        if kind == "sound":
            asked = self.views.sound_view(view)
        else:
            asked = self.views.text_view(view, self.has_texts)
        names = () if asked is None else (asked,)
        if not tags:
            return names
        _limits.check_text(tags, "tags")
        if TAGS in names:
            raise refusal(400, "Tags were given twice. Give them once.")
        return (*names, self.views.tags_view())

    def _kind(self, kind, names, tags):
        """Return the kind of a query by the view of its text; `tags` came in addition to it."""
        if kind == "sound":
            return "sound"
        if names == (TAGS,) and not tags:
            return "tags"
        of_text = [name for name in names if name != TAGS]
        return "lyrics" if of_text in ([], [self.views.words]) else "text"

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
        kind = question.kind
        query = normalize("NFC", query) if kind == "tags" else query
        with self.lock:
            names = self._understood(question, query)
            answer = self._ask(question, names, query, n)
            answer.words = self._words(question, names, query, n, answer)
        reply = self._reply(answer, kind, names[0] if len(names) == 1 else None)
        tags = split_tags(query if kind == "tags" else question.tags)
        if kind == "tags":
            reply["words"] = self._tagged(tags, n)
        return reply | {
            "views": names,
            "without": [name for name in question.views if name not in names],
            "find": question.find,
            "finds": self.views.choices(question.views),
            "tags": tags,
        }

    def _understood(self, question, query):
        """Return the views of a query whose texts have a word that the model knows.

        An unknown text would otherwise count in a query by two views as if it said something. A query of
        unknown texts only keeps its first view, and its answer says that nothing was understood.
        """
        names, find = question.views, question.find
        if len(names) < 2:
            return names
        texts = {TAGS: question.tags}
        if question.kind != "sound":
            texts[names[0]] = query
        known = [
            name
            for name in names
            if name not in texts or is_understood(self.model.pair(find, name), texts[name])
        ]
        return tuple(known or names[:1])

    def _ask(self, question, names, query, n):
        """Return the answer of the pair of views that a question is about."""
        find = question.find
        if find is None:
            return _no_answer()
        if len(names) == 2:
            row = np.array([[query, question.tags]], dtype=object)
            return self._ask_pair(names, find, "x", row, n)
        if self.views.kinds[names[0]] == "sound":
            return self._ask_pair(names[0], find, "x", query, n)
        text = question.tags if question.tags and names[0] == TAGS else query
        return self._ask_pair(find, names[0], "y", text, n)

    def _words(self, question, names, query, n, answer):
        """Return the songs with the words that were typed or heard."""
        if question.kind != "lyrics":
            return answer.words if question.kind == "sound" else []
        if question.find is not None and names == (self.views.words,):
            pair = self.index.pair(question.find, self.views.words)
            if can_find_words(pair, "y"):
                return answer.words  # `ask` has searched them, which takes most of its time
        return self.index.find_words(query, n)

    def _ask_pair(self, view, find, side, query, n):
        """Return the answer to a query of one side of a pair of views."""
        has_tags = TAGS in (*np.atleast_1d(view), find)
        groups = tag_groups(self.index) if has_tags else item_groups(self.index)
        return ask(self.index.pair(view, find), side, query, n, groups=groups)

    def _tagged(self, tags, n):
        """Return the songs that have tags of a query, those with the most of them first."""
        wanted = {tag.casefold() for tag in tags}
        counts = Counter()
        for position, own in enumerate(self.tags):
            counts[position] = len(wanted.intersection(tag.casefold() for tag in own))
        found = [position for position, count in counts.most_common(n) if count]
        return [
            {
                **self._card(position),
                "exact": counts[position] == len(wanted),
                "score": counts[position] / len(wanted),
                "start": None,
                "end": None,
                "line": [],
            }
            for position in found
        ]

    def like(self, position, n, view=None):
        """Return the songs that are most like a song, in the form of the answer to a query.

        Parameters
        ----------
        position : int
            Position of the song.
        n : int
            Number of results.
        view : str, default=None
            View by which the songs are compared. If None, the usual one that the song has.
        """
        has = [name for name, points in self.points.items() if points[position] is not None]
        view = self.views.view_of_song(view, has)
        # The correlations with the view that it searches weight the components.
        other = (*self.views.choices([view]), *(name for name in self.points if name != view))[0]
        pair = self.index.pair(view, other)
        return self._like(pair, position, n, self.points[view][position]) | {
            "find": view,
            "finds": self.views.alike(has),
            "tags": [],
        }

    def _card(self, position):
        points = {name: of_view[position] for name, of_view in self.points.items()}
        return {
            **self.songs.card(position),
            "tags": self.tags[position],
            "points": points,
        }

    def about(self):
        """Return the description of the index and the limits of the page."""
        views = [{"name": name, "kind": kind} for name, kind in self.views.kinds.items()]
        return super().about() | {
            "sides": {name: name in self.views.found for name in self.points},
            "views": views,
            "takes_tags": self.views.takes_tags(),
            "tags": self._common_tags(),
        }

    def _common_tags(self):
        """Return the most common tags, if tags can be asked for."""
        if not self.views.takes_tags() or not self.views.choices([TAGS]):
            return []
        counts = Counter(tag for own in self.tags for tag in own)
        return [tag for tag, _ in counts.most_common(_limits.COMMON_TAGS)]

    def _n_components(self):
        return next(iter(self.index.variates_.values())).shape[1]

    def map(self):
        """Return the positions of the songs on the map, by every view."""
        return views_map(self.points, self.songs.titles())

    def _try(self, line):
        question = self.question("lyrics")
        self.answer(question, line, 1)
        if question.kind == "lyrics" and question.find is not None:
            prepare_chance(self.index.pair(question.find, *question.views), self.lock)
        for tag in self._common_tags()[:1]:
            self.answer(self.question("lyrics", view=TAGS), tag, 1)


def _no_answer():
    """Return the answer for an index in which only words are searched."""
    empty = {"ids": [], "scores": [], "p": [], "above": None, "level": None, "z": None}
    return Bunch(**empty, understood=True, far=False, heard=None, notes=[])
