"""Limit the threads of numerical libraries, and describe the processor that they run on."""

import os
import platform
import re
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits


def use_one_thread():
    """Limit this process, and the peers that it starts, to one thread of BLAS and OpenMP.

    CPU seconds of several threads are mostly waiting: the threads of small products wait for each other
    without sleeping. With one thread they equal wall seconds, also on a machine with other work. The
    processor and the kernels of OpenBLAS are printed, because they decide the figures.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
    print(f"{machine()}, one thread\n", flush=True)


def machine():
    """Return the processor, and the linear algebra of NumPy with the core that its kernels are for."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine()
    blas = [of for of in threadpool_info() if of["user_api"] == "blas"]
    kernels = {f"{of['internal_api']} {of.get('architecture')}" for of in blas}
    return f"{name}, {' and '.join(sorted(kernels)) or 'no fast linear algebra'}"
