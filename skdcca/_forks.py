"""What lets torch compute in a forked process, whoever forks it: for modules that use torch.

The threads of OpenMP, which torch computes with, are not there in the child, and with GNU's the first
computation would wait for them without end. With one thread torch asks for none; so do its own
loaders of data.
"""

import os
from functools import partial

import torch

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
