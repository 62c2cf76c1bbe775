"""Settings of property tests: the same examples in every run, and nothing stored."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis.configuration import set_hypothesis_home_dir

# The same examples on every machine, however slow it is.
STEADY = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

# Hypothesis writes notes about the modules that it sees during collection, unless it has no folder.
set_hypothesis_home_dir(os.devnull)


def holds(**strategies):
    """Return a decorator that runs a test on examples of these strategies."""
    return lambda test: STEADY(given(**strategies)(test))
