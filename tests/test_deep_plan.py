"""Defaults of DeepCCA for small and for large data."""

import pytest

from skdcca import DeepCCA
from skdcca._deep.plan import make_plan, resolve_lr, resolve_max_epochs


@pytest.mark.parametrize(
    ("parameters", "n_rows", "shape", "expected"),
    [
        ({}, 8, (5,), (5, 0)),  # too few rows to hold any out
        ({}, 100, (5,), (5, 20)),
        ({}, 999, (5,), (5, 200)),
        ({}, 1000, (5,), (1, 100)),
        ({}, 100, (20, 30), (1, 10)),
        ({"loss": "infonce"}, 100, (5,), (1, 10)),
        ({"warm_start": True}, 100, (5,), (1, 10)),
        ({"checkpoint": "folder"}, 90, (5,), (1, 0)),  # nine rows are too few
        ({"validation_fraction": 0}, 100, (5,), (1, 0)),
        ({"n_networks": 3}, 1000, (5,), (3, 200)),
        ({"n_networks": 10}, 1000, (5,), (10, 100)),
        ({"n_networks": 3, "validation_fraction": 0}, 1000, (5,), (3, 0)),
    ],
)
def test_networks_and_held_out_rows(parameters, n_rows, shape, expected):
    assert make_plan(DeepCCA(**parameters), n_rows, shape)[:2] == expected


@pytest.mark.parametrize(
    ("n_rows", "shape", "reason"),
    [
        (500, (5,), ""),
        (500, (5, 6), "more than one axis"),
        (20_000, (15_000,), "10000 rows and more than 10000 columns"),
        (20_000, (5_000,), ""),
        (500, (100_000,), ""),
    ],
)
def test_large_views_are_not_compared(n_rows, shape, reason):
    found = make_plan(DeepCCA(), n_rows, shape).not_compared
    assert reason in found
    assert bool(reason) == bool(found)


def test_steps_and_rates():
    # Rows, batches of an epoch, networks.
    assert resolve_max_epochs(None, 200, 5, 5) == 60  # 300 steps
    assert resolve_max_epochs(None, 60, 1, 1) == 300
    assert resolve_max_epochs(None, 900, 20, 1) == 35
    assert resolve_max_epochs(None, 1000, 8, 1) == 125  # 1,000 steps
    assert resolve_max_epochs(None, 8000, 28, 1) == 36
    assert resolve_max_epochs(None, 100_000, 390, 1) == 35
    assert resolve_max_epochs(7, 100_000, 390, 1) == 7
    assert [resolve_lr(None, 1000, n) for n in (1, 5)] == [2e-3, 1e-3]
    assert resolve_lr(None, 999, 1) == 1e-3
    assert resolve_lr(0.1, 10_000, 1) == 0.1
