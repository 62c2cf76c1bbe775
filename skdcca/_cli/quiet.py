"""Discard the output of C libraries on the terminal."""

import os
import sys
from contextlib import contextmanager


@contextmanager
def quiet_libraries(active=True):
    """Discard what C code writes to the standard error stream, such as notes on damaged MP3 frames.

    libmpg123 has no option for it that libsndfile passes on. What Python writes still appears: if
    `sys.stderr` is the stream of the process, a stream that writes to a copy of it takes its place.
    """
    kept = _copy(2) if active else None
    if kept is None:
        yield
        return
    original = sys.stderr
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        if _number(original) == 2:
            original.flush()
            sys.stderr = _stream_like(original, kept)
        os.dup2(nothing, 2)
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        sys.stderr = original
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _copy(number):
    """Return a copy of a file descriptor, or None if it is closed."""
    try:
        return os.dup(number)
    except OSError:
        return None


def _number(stream):
    """Return the file descriptor of a stream, or None if it has none."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _stream_like(stream, number):
    settings = {"encoding": stream.encoding, "errors": stream.errors}
    return open(number, "w", buffering=1, closefd=False, **settings)
