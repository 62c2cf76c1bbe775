"""Where files are kept that cost time to make."""

import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def cache_folder(folder=None):
    """Folder of the cache: `folder`, else the variable SKDCCA_CACHE, else ``~/.cache/skdcca``."""
    return Path(folder or os.environ.get("SKDCCA_CACHE") or Path.home() / ".cache" / "skdcca")


@contextmanager
def replaced(file):
    """Name of a temporary file that takes the place of `file` once it is complete, and on the disk."""
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
    """Let the name of a new file outlast a loss of power; Windows opens no folders."""
    if os.name == "nt":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
