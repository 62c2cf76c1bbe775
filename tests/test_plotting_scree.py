"""ScreeDisplay against quantiles of NumPy, and the marks of significant components."""

import numpy as np
import pytest
from _displays import quick_axes, texts
from sklearn.utils import Bunch

from skdcca.plotting import ScreeDisplay

RNG = np.random.default_rng(0)


def result_of(k, n_found, null=True, method="permutation"):
    """Return a test of k components, of which the first n_found are significant."""
    p_values = np.where(np.arange(k) < n_found, 0.01, 0.4)
    found = Bunch(correlations=np.linspace(0.9, 0.1, k), p_values=p_values, method=method)
    if null:
        found.null_distribution_ = RNG.uniform(0, 0.5, size=(40, k))
    return found


@pytest.mark.parametrize(("k", "n_found"), [(1, 1), (4, 2), (50, 0)])
def test_the_band_ends_at_quantiles_of_the_permutations(k, n_found):
    result = result_of(k, n_found)
    display = ScreeDisplay.from_test(result, ax=quick_axes())
    values, edges, baseline = display.band_.get_data()
    np.testing.assert_allclose(values, np.quantile(result.null_distribution_, 0.95, axis=0))
    np.testing.assert_allclose(baseline, np.quantile(result.null_distribution_, 0.05, axis=0))
    np.testing.assert_array_equal(edges, np.arange(k + 1) + 0.5)
    assert texts(display.ax_)[0] == "permuted pairs, 5 % to 95 %"


@pytest.mark.parametrize(("k", "n_found"), [(1, 1), (4, 2), (50, 0)])
def test_significant_components_are_filled_and_the_others_hollow(k, n_found):
    result = result_of(k, n_found)
    display = ScreeDisplay.from_test(result, ax=quick_axes())
    np.testing.assert_array_equal(display.significant_.get_ydata(), result.correlations[:n_found])
    np.testing.assert_array_equal(display.others_.get_xdata(), np.arange(n_found + 1, k + 1))
    assert display.others_.get_markerfacecolor() == "white"
    assert display.significant_.get_markerfacecolor() != "white"
    legend = texts(display.ax_)
    assert f"significant at 0.05: {n_found} of {k}" in legend
    assert ("not significant" in legend) == (n_found < k)


def test_components_after_one_that_is_not_significant_are_not_marked():
    display = ScreeDisplay(correlations=[0.5, 0.4, 0.3], p_values=[0.01, 0.2, 0.01])
    assert display.plot(quick_axes()).significant_.get_xdata().tolist() == [1]
    assert display.plot(quick_axes(), alpha=0.25).significant_.get_xdata().tolist() == [1, 2, 3]


def test_tests_by_a_formula_have_no_band():
    display = ScreeDisplay.from_test(result_of(3, 2, null=False, method="wilks"), ax=quick_axes())
    assert display.band_ is None
    assert len(texts(display.ax_)) == 2


def test_a_missing_null_distribution_is_named():
    with pytest.raises(ValueError, match=r"must have null_distribution_.*null_distribution=True"):
        ScreeDisplay.from_test(result_of(3, 2, null=False))


def test_other_arguments_are_refused():
    with pytest.raises(TypeError, match="`result` must have correlations, got a dict without it"):
        ScreeDisplay.from_test({"p_values": [0.1]})
    with pytest.raises(ValueError, match=r"`alpha` must be a finite number in \(0, 0.5\), got 0.5"):
        ScreeDisplay.from_test(result_of(3, 2), alpha=0.5)
