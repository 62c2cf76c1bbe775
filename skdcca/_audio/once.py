"""Hear a query only once, although several steps of a model need its words."""

from contextlib import contextmanager
from contextvars import ContextVar

_heard = ContextVar("heard", default=None)


@contextmanager
def heard_once():
    """Hear the same songs only once within the context, in the current thread.

    Songs are the same if they are the same objects in a list, so this is for the query of an index,
    which is passed from step to step as it is.
    """
    token = _heard.set({})
    try:
        yield
    finally:
        _heard.reset(token)


def hear_once(songs, settings, hear):
    """Return the list ``hear()``, or within `heard_once` its result for the same songs and settings.

    `settings` is a tuple of objects that determine what is heard.
    """
    heard = _heard.get()
    if heard is None or not isinstance(songs, list):
        return hear()
    key = tuple(map(id, (*songs, *settings)))
    if key not in heard:
        # The songs are kept too, so that no other object gets their identity.
        heard[key] = hear(), [*songs, *settings]
    return heard[key][0]
