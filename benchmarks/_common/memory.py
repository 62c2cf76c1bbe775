"""Memory of a process, in bytes. All but the peak of arrays is read from Linux."""

import resource
import threading
import tracemalloc
from pathlib import Path


def status(key, process="self"):
    """Read an entry of /proc/PROCESS/status.

    VmRSS is resident, VmHWM the peak of it, and RssAnon the part of it that is not in files.
    """
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    value = next(line for line in lines if line.startswith(f"{key}:"))
    return int(value.split()[1]) * 1024


def greatest_resident(who=resource.RUSAGE_SELF):
    """Return the peak of resident memory of this process, or of its children that ended."""
    return resource.getrusage(who).ru_maxrss * 1024


def peak_of_arrays(work):
    """Return the peak of what Python and NumPy allocate while `work` runs."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


class Peak:
    """The peak of RssAnon of this process, watched by a thread until `stop`.

    Parameters
    ----------
    every : float
        Seconds between two looks.
    """

    def __init__(self, every):
        self.greatest = 0
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stopped.wait(self._every):
            self.greatest = max(self.greatest, status("RssAnon"))

    def stop(self):
        """Stop watching and return the peak."""
        self._stopped.set()
        self._thread.join()
        return self.greatest
