"""SampleSizeDisplay: curves and required numbers against a plan made by hand."""

import numpy as np
import pytest
from _displays import new_axes, quick_axes, texts
from sklearn.utils import Bunch

from skdcca.plotting import SampleSizeDisplay

N = np.array([10, 20, 50, 100, 200, 500, 1000])
CURVE = Bunch(
    n_samples=N,
    power=1 - np.exp(-N / 100),
    in_sample=0.3 + np.exp(-N / 80) / 2,
    held_out=0.3 - np.exp(-N / 90) / 4,
    weight_agreement=N / (N + 100),
)
PLAN = Bunch(curve=CURVE, n_samples=900, n_samples_power=230, n_samples_weights=900)


def test_curves_and_required_numbers_are_those_of_the_plan():
    display = SampleSizeDisplay.from_result(PLAN, ax=quick_axes())
    assert set(display.lines_) == {"power", "in_sample", "held_out", "weight_agreement"}
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), N)
        np.testing.assert_array_equal(line.get_ydata(), CURVE[name])
    at = {reason: line.get_xdata()[0] for reason, line in display.required_lines_.items()}
    assert at == {"power": 230, "weights": 900}
    assert {"n = 230 for power", "n = 900 for weights"} <= set(texts(display.ax_))
    assert display.ax_.get_xscale() == "log"


def test_lines_differ_in_style_and_marker():
    display = SampleSizeDisplay.from_result(PLAN, ax=quick_axes())
    lines = display.lines_.values()
    assert len({line.get_linestyle() for line in lines}) == 4
    assert len({line.get_marker() for line in lines}) == 4
    power, weights = display.required_lines_.values()
    assert power.get_linestyle() != weights.get_linestyle()


def test_ticks_are_plain_numbers():
    ax = SampleSizeDisplay.from_result(PLAN, ax=new_axes()).ax_
    ax.figure.draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert {"10", "100", "1000"} <= set(ticks)


def test_a_plan_without_required_numbers_has_no_vertical_lines():
    display = SampleSizeDisplay(**CURVE).plot(quick_axes())
    assert display.required_lines_ == {}


def test_other_results_are_refused():
    with pytest.raises(TypeError, match=r"`result` must have curve.*result of cca_sample_size"):
        SampleSizeDisplay.from_result(Bunch(n_samples=3))
    with pytest.raises(TypeError, match="`result` must have power, got a Bunch without it"):
        SampleSizeDisplay.from_result(Bunch(**PLAN | {"curve": Bunch(n_samples=N)}))
