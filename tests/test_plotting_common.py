"""What all displays have in common: axes, figures, missing packages and refused arguments."""

import sys

import matplotlib
import numpy as np
import pytest
from _displays import HISTORY, SCORES, X_TEST, X_TRAIN, Y_TEST, X, Y, fitted_linear, new_axes
from _programs import run_program
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from skdcca import LinearCCA
from skdcca.exceptions import MissingDependencyError
from skdcca.plotting import (
    BiplotDisplay,
    CorrelationDisplay,
    HelioDisplay,
    HistoryDisplay,
    LoadingsDisplay,
    RecallDisplay,
    SampleSizeDisplay,
    ScreeDisplay,
    SimilarityDisplay,
    SpaceDisplay,
)


@pytest.fixture(scope="module")
def linear():
    return fitted_linear()


VIEWS = {"x_loadings": X_TRAIN[:9] / 9, "y_loadings": X_TRAIN[9:14] / 9}
CURVES = ("n_samples", "power", "in_sample", "held_out", "weight_agreement")
# Each display, made from numbers without a model.
DRAWN = {
    "CorrelationDisplay": lambda ax: CorrelationDisplay.from_predictions([0.5], [0.9], ax=ax),
    "RecallDisplay": lambda ax: RecallDisplay.from_predictions(SCORES, ax=ax),
    "HistoryDisplay": lambda ax: HistoryDisplay(history=HISTORY).plot(ax),
    "SpaceDisplay": lambda ax: SpaceDisplay.from_predictions(X, X, ax=ax),
    "LoadingsDisplay": lambda ax: LoadingsDisplay(loadings=X_TRAIN[:9] / 9).plot(ax),
    "SimilarityDisplay": lambda ax: SimilarityDisplay.from_predictions(SCORES, ax=ax),
    "ScreeDisplay": lambda ax: ScreeDisplay(
        correlations=np.array([0.9, 0.2]), p_values=[0.01, 0.4], null_distribution=[[0.3, 0.3]] * 9
    ).plot(ax),
    "BiplotDisplay": lambda ax: BiplotDisplay(**VIEWS).plot(ax),
    "HelioDisplay": lambda ax: HelioDisplay(**VIEWS).plot(ax),
    "SampleSizeDisplay": lambda ax: SampleSizeDisplay(
        **dict.fromkeys(CURVES, np.array([0.2, 0.5, 0.8])), required={"power": 0.5}
    ).plot(ax),
}


@pytest.mark.parametrize("name", DRAWN)
def test_given_axes_are_used_without_pyplot(name):
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    before = dict(matplotlib.rcParams)
    display = DRAWN[name](right)
    assert type(display).__name__ == name
    assert display.ax_ is right
    assert display.figure_ is figure
    assert plt.get_fignums() == []
    assert not left.has_data()
    figure.draw_without_rendering()  # warnings are errors
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", DRAWN)
def test_without_axes_a_new_figure_in_constrained_layout_is_made(name):
    display = DRAWN[name](None)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.figure_.get_layout_engine().adjust_compatible is False  # constrained
    display.figure_.draw_without_rendering()
    plt.close(display.figure_)


@pytest.mark.parametrize("name", DRAWN)
def test_a_display_can_be_drawn_again(name):
    display, again = DRAWN[name](new_axes()), new_axes()
    assert display.plot(again) is display
    assert display.ax_ is again


@pytest.mark.parametrize("name", DRAWN)
def test_drawings_stay_inside_the_figure(name):
    figure = DRAWN[name](new_axes()).figure_
    figure.draw_without_rendering()
    left, bottom, right, top = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert min(left, bottom) >= 0
    assert right <= width
    assert top <= height


@pytest.mark.parametrize(
    "name",
    [
        "CorrelationDisplay",
        "RecallDisplay",
        "HistoryDisplay",
        "ScreeDisplay",
        "SampleSizeDisplay",
    ],
)
def test_legends_cover_no_points(name):
    display = DRAWN[name](new_axes())
    display.figure_.draw_without_rendering()
    ax = getattr(display, "correlation_ax_", display.ax_)
    legend = ax.get_legend().get_window_extent()
    for line in ax.get_lines():
        points = line.get_transform().transform(line.get_xydata())
        assert not legend.count_contains(points)


@pytest.mark.parametrize("name", DRAWN)
def test_missing_matplotlib_names_the_extra(name, monkeypatch):
    ax = new_axes()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for where in (None, ax):
        with pytest.raises(MissingDependencyError, match=rf'{name} .*pip install "skdcca\[plot\]"'):
            DRAWN[name](where)


@pytest.mark.parametrize(
    "display",
    [
        BiplotDisplay,
        CorrelationDisplay,
        HelioDisplay,
        RecallDisplay,
        SpaceDisplay,
        SimilarityDisplay,
    ],
)
def test_missing_matplotlib_is_named_before_any_work(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="skdcca"):
        display.from_estimator(LinearCCA(), X, Y)  # not even fitted


def test_the_module_imports_without_matplotlib_and_torch():
    code = "import sys, skdcca.plotting; print({'matplotlib', 'torch'} & set(sys.modules))"
    assert run_program(code).strip() == "set()"


@pytest.mark.parametrize("n", [1, 2, 30])
def test_ticks_of_components_and_epochs_are_integers(n):
    correlations = CorrelationDisplay.from_predictions(np.full(n, 0.5), ax=new_axes())
    history = HistoryDisplay(history=[HISTORY[0] | {"epoch": i + 1} for i in range(n)])
    for ax in (correlations.ax_, history.plot(new_axes()).correlation_ax_):
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == round(tick) for tick in ticks)


@pytest.mark.parametrize("display", [RecallDisplay, SimilarityDisplay])
@pytest.mark.parametrize("scores", [np.ones((3, 4)), [[1.0]]])
def test_scores_that_are_not_square_are_refused(display, scores):
    with pytest.raises(ValueError, match=r"`scores` must be square, .* got shape \(\d, \d\)"):
        display.from_predictions(scores)


@pytest.mark.parametrize("display", [RecallDisplay, SimilarityDisplay])
def test_views_of_other_lengths_are_refused(display, linear):
    with pytest.raises(ValueError, match=r"`scores` must be square, .* got shape \(60, 50\)"):
        display.from_estimator(linear, X_TEST, Y_TEST[:50])


@pytest.mark.parametrize("names", ["xy", ("audio",)])
def test_names_must_be_a_pair(names):
    for draw in (RecallDisplay.from_predictions, SimilarityDisplay.from_predictions):
        with pytest.raises(ValueError, match=r"`names` must be a pair, .* got"):
            draw(SCORES, names=names)
    with pytest.raises(ValueError, match=r"`names` must be a pair, .* got"):
        SpaceDisplay.from_predictions(X, X, names=names)
    assert plt.get_fignums() == []  # no empty figure is left behind


def test_unfitted_models_are_refused():
    for display in (HistoryDisplay, LoadingsDisplay, BiplotDisplay, HelioDisplay):
        with pytest.raises(NotFittedError):
            display.from_estimator(LinearCCA())
