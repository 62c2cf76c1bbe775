"""Memory of a process, in bytes, read from Linux except for the peak of arrays."""

import resource
import threading
import tracemalloc
from pathlib import Path


def status(key, process="self"):
    """Read an entry of /proc/PROCESS/status.

    VmRSS is the resident memory, VmHWM its peak, and RssAnon its part outside files.
    """
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    value = next(line for line in lines if line.startswith(f"{key}:"))
    return int(value.split()[1]) * 1024


def greatest_resident(who=resource.RUSAGE_SELF):
    """Return the peak resident memory of this process, or of its finished children."""
    return resource.getrusage(who).ru_maxrss * 1024


def peak_of_arrays(work):
    """Return the peak allocation of Python and NumPy while `work` runs."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


class Peak:
    """Peak RssAnon of this process, sampled by a thread until `stop`.

    Parameters
    ----------
    every : float
        Seconds between two samples.
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
        """Stop sampling and return the peak."""
        self._stopped.set()
        self._thread.join()
        return self.greatest
