"""The two solvers of LinearCCA on difficult views, against orthonormal bases."""

import numpy as np
import pytest
from _views import orthonormal_correlations, shared_views
from numpy.testing import assert_allclose

from skdcca import LinearCCA
from skdcca._cca import linear_views as _linear_views

CASES = {
    "plain": lambda X, y: (X, y),
    "swapped": lambda X, y: (y, X),
    "shift": lambda X, y: (X + 1e6, y),
    "whole view large": lambda X, y: (X * 1e6, y),
    "whole view small": lambda X, y: (X * 1e-9, y),
    "one column large": lambda X, y: (X * np.r_[1e8, np.ones(5)], y),
    "duplicated": lambda X, y: (np.column_stack([X, X[:, :2]]), y),
    "constant": lambda X, y: (np.column_stack([X, np.full(len(X), 0.1)]), y),
    "wide": lambda X, y: (X[:5], y[:5]),
    "identical": lambda X, y: (X, X @ np.triu(np.ones((6, 6)))),
    "one column": lambda X, y: (X, y[:, :1]),
    "two rows": lambda X, y: (X[:2], y[:2]),
}


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_difficult_cases_against_the_oracle(case, dtype):
    X, y = CASES[case](*shared_views(400))
    X, y = X.astype(dtype), y.astype(dtype)
    shift = 1e6 if case == "shift" else 0.0  # known, so that the oracle keeps its digits
    expected = orthonormal_correlations(X.astype(float) - shift, y.astype(float))
    found = LinearCCA(reg=0).fit(X, y).canonical_correlations_
    assert_allclose(found, expected, atol=1e-10 if dtype is np.float64 else 1e-5)


def test_the_solver_is_exact_on_both_sides_of_its_limit(monkeypatch):
    X, y = shared_views(400)
    for gap in (1e-1, 1e-2, 1e-3, 1e-6):
        near = np.column_stack([X, X[:, 0] + gap * np.random.default_rng(1).normal(size=400)])
        found = LinearCCA(reg=0).fit(near, y).canonical_correlations_
        assert_allclose(found, orthonormal_correlations(near, y), atol=1e-10)
    used = []
    solve = LinearCCA._solve_by_views
    monkeypatch.setattr(
        LinearCCA, "_solve_by_views", lambda self, *views: (used.append(1), solve(self, *views))
    )
    LinearCCA(reg=0).fit(X, y)
    assert not used
    LinearCCA(reg=0).fit(near, y)
    assert used
    monkeypatch.setattr(_linear_views, "_WORST_CONDITION", 1.0)
    LinearCCA(reg=0).fit(X, y)
    assert len(used) == 2
