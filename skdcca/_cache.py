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
    """Name of a temporary file that takes the place of `file` once it is complete."""
    unfinished = file.with_name(f".{file.name}.{uuid4().hex}.part")
    try:
        yield unfinished
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
