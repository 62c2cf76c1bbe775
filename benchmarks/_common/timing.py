"""Time function calls."""

import time
from typing import Any, NamedTuple

import numpy as np


class Timed(NamedTuple):
    """CPU seconds and wall seconds of a call, and its result."""

    cpu: float
    wall: float
    result: Any


def timed(work, *arguments, **parameters):
    """Call `work` once and time it."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work(*arguments, **parameters)
    return Timed(time.process_time() - cpu, time.perf_counter() - wall, result)


def least_seconds(calls, rounds, pause=0.0):
    """Time the calls in turn, `rounds` times.

    Return the minimum wall seconds of each call, and the results of an untimed warm-up round. `pause`
    is the number of seconds to wait before each call, until the threads of the previous one are idle.
    """
    results = [call() for call in calls]
    seconds = [np.inf] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            time.sleep(pause)
            seconds[i] = min(seconds[i], timed(call).wall)
    return seconds, results
