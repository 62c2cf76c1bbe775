"""Know the views of an index, and choose among them for a query of the page.

A text from the browser must never become a path that is opened. A view is therefore asked for with a
text only if its transformer is known to read texts, and with a clip only if it is known to read audio.
"""

from typing import NamedTuple

import numpy as np

from skdcca._utils.readers import reads
from skdcca.web._errors import refusal
from skdcca.web._map import known_rows

LYRICS, TAGS = "lyrics", "tags"  # names of views that the page knows


class Question(NamedTuple):
    """A query of the page: what it searches by, and what it searches.

    Attributes
    ----------
    kind : {"lyrics", "tags", "text", "sound"}
        Kind of the query, for the sentences of the page.
    views : tuple of str
        Views of the query, in an index of several views: one, or two for a query by both; none if only
        words are searched.
    find : str or None
        View that is searched, in an index of several views.
    tags : str
        Tags of a query by two views.
    """

    kind: str
    views: tuple[str, ...]
    find: str | None
    tags: str = ""


class Views:
    """Views of an index: what each of them takes, and which of them its items have.

    Parameters
    ----------
    kinds : dict of str to str
        Kind of each view, from `view_kinds`.
    variates : dict of str to ndarray
        Variates of the items by view, with NaN for those that lack it.
    """

    def __init__(self, kinds, variates):
        self.kinds = kinds
        # A view of an empty index counts as present; such an index refuses all queries by itself.
        self.found = [name for name, z in variates.items() if not len(z) or known_rows(z).any()]
        texts = [name for name in self.of_kind("text") if name != TAGS]
        # The view whose queries also search the words of the songs.
        self.words = LYRICS if LYRICS in texts else next(iter(texts), None)

    def of_kind(self, kind):
        """Return the names of the views of a kind, in the order of the model."""
        return [name for name, of_view in self.kinds.items() if of_view == kind]

    def takes_tags(self):
        """Return True if tags can be asked for."""
        return self.kinds.get(TAGS) == "text"

    def text_view(self, name, has_words):
        """Return the view of a text query, or None if it searches only the words of the songs."""
        if name is not None:
            return self._checked(name, "text")
        if self.words is not None or has_words:
            return self.words
        if self.takes_tags():
            return TAGS
        raise refusal(409, "The model of this index does not read texts. Choose a clip instead.")

    def sound_view(self, name):
        """Return the view of a clip."""
        if name is None:
            name = next(iter(self.of_kind("sound")), None)
        if name is None:
            raise refusal(409, "The model of this index does not hear clips. Type a line instead.")
        return self._checked(name, "sound")

    def tags_view(self):
        """Return the view of tags that come with another query."""
        if not self.takes_tags():
            raise refusal(409, "The model of this index does not read tags. Leave them out.")
        return TAGS

    def choices(self, asked):
        """Return the views that a query by other views can search, the usual one first."""
        has_sound = any(self.kinds[name] == "sound" for name in asked)
        left = [name for name in self.found if name not in asked]
        return self._sorted(left, first="text" if has_sound else "sound")

    def find(self, name, asked):
        """Return the view that a query by other views searches."""
        choices = self.choices(asked)
        if name is None:
            return next(iter(choices), None)
        if name in choices:
            return name
        self._check_known(name)
        if name in asked:
            raise refusal(400, "The view that is searched must not be one of the query.")
        raise refusal(409, f"No song of this index has the view {name!r}. Search another one.")

    def alike(self, has):
        """Return the views of a song by which it can be compared, the usual one first."""
        return self._sorted(has, first="sound")

    def view_of_song(self, name, has):
        """Return the view by which a song that has some of the views is compared with others."""
        if name is None:
            return self.alike(has)[0]
        self._check_known(name)
        if name not in has:
            raise refusal(409, f"This song lacks the view {name!r}. Compare by another one.")
        return name

    def _sorted(self, names, first):
        """Return names of views by their kinds, of which one is first, and lyrics before others."""
        kinds = [first, *(kind for kind in ("sound", "text", "other") if kind != first)]
        return sorted(names, key=lambda name: (kinds.index(self.kinds[name]), name != LYRICS))

    def _checked(self, name, kind):
        self._check_known(name)
        if self.kinds[name] != kind:
            what = "a text" if kind == "text" else "a clip"
            raise refusal(409, f"The view {name!r} cannot be asked for with {what}.")
        return name

    def _check_known(self, name):
        if name not in self.kinds:
            # The name from the request is not repeated, because it may be of any length.
            raise refusal(400, f"The view must be one of {', '.join(self.kinds)}.")


def view_kinds(model):
    """Return what each view of a fitted model takes in the page: "sound", "text" or "other".

    Only views of a single column are asked for, because a query is one clip or one text.
    """
    single = {name for name, _, columns in model.views if _is_single(columns)}
    return {
        name: reads(transformer) if name in single else "other"
        for name, transformer in model.transformers_.items()
    }


def _is_single(columns):
    return isinstance(columns, str | int | np.integer) and not isinstance(columns, bool)
