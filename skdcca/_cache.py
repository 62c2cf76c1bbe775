"""Where files are kept that cost time to make."""

import os
from pathlib import Path


def cache_folder(folder=None):
    """Folder of the cache: `folder`, else the variable SKDCCA_CACHE, else ``~/.cache/skdcca``."""
    return Path(folder or os.environ.get("SKDCCA_CACHE") or Path.home() / ".cache" / "skdcca")
