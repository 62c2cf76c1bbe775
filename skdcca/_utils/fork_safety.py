"""Make torch safe to use after a fork."""

import os
import sys
from functools import cache


@cache
def make_torch_fork_safe():
    """Let torch compute in processes that are forked from now on.

    The OpenMP threads of the parent do not exist in a forked child, and with GNU OpenMP the first
    computation there would wait for them forever. With one thread torch needs none; the workers of
    torch's own data loaders are limited in the same way.
    """
    if hasattr(os, "register_at_fork"):  # Windows has no fork
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread():
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
