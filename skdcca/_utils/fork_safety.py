"""Make torch safe to use after a fork."""

import os
import sys
from functools import cache


@cache
def make_torch_fork_safe():
    """Limit torch to one thread in processes that are forked from now on.

    A forked child does not inherit the OpenMP threads of its parent, and with GNU OpenMP its first
    computation would wait for these threads forever. With a single thread, torch does not need
    them. The workers of torch's own data loaders are limited to one thread in the same way.
    """
    if hasattr(os, "register_at_fork"):  # Windows has no fork
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread():
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
