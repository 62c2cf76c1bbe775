"""Write files atomically, and locate the cache folder."""

import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def cache_folder(folder=None):
    """Return `folder`, or by default the value of SKDCCA_CACHE, or ``~/.cache/skdcca``."""
    return Path(folder or os.environ.get("SKDCCA_CACHE") or Path.home() / ".cache" / "skdcca")


@contextmanager
def atomic_write(file):
    """Yield the path of a temporary file, which replaces `file` if the context ends without an error."""
    unfinished = file.with_name(f".{file.name}.{uuid4().hex}.part")
    try:
        yield unfinished
        with open(unfinished, "rb+") as complete:
            os.fsync(complete.fileno())
        os.replace(unfinished, file)
        _sync_folder(file.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync_folder(folder):
    """Write the entries of a folder to disk, so that a new file survives a loss of power."""
    if os.name == "nt":  # Windows cannot open folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
