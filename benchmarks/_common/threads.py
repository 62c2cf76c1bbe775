"""Limit the threads of numerical libraries."""

import os

from threadpoolctl import threadpool_limits


def use_one_thread():
    """Limit this process, and the peers that it starts, to one thread of BLAS and OpenMP.

    CPU seconds of several threads are mostly waiting: the threads of small products wait for each other
    without sleeping. With one thread they equal wall seconds, also on a machine with other work.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
