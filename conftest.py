"""What holds for all tests, those of the pages and docstrings too."""

import os
from pathlib import Path

# Two processes that fill numba's cache at the same time may leave it so that it breaks both. Each has
# its own, and so have the processes that it starts.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    cache = Path(__file__).parent / ".pytest_cache" / "numba" / worker
    os.environ["NUMBA_CACHE_DIR"] = str(cache)
