"""CorrelationDisplay against the correlations of NumPy."""

import numpy as np
import pytest
from _displays import (
    X_TEST,
    X_TRAIN,
    Y_TEST,
    Y_TRAIN,
    X,
    Y,
    fitted_linear,
    fitted_search,
    new_axes,
    quick_axes,
    small_deep,
    texts,
)
from sklearn.utils import Bunch

from skdcca.plotting import CorrelationDisplay

CORRECTED = Bunch(
    correlations=np.array([0.9, 0.6, 0.5]),
    corrected=np.array([0.85, 0.4, 0.0]),
    low=np.array([0.7, 0.1, 0.0]),
    high=np.array([0.92, 0.6, 0.3]),
    detected=np.array([True, True, False]),
    threshold=0.35,
)
HELD_OUT = Bunch(
    correlations=np.array([0.9, 0.6]),
    held_out=np.array([[0.5, 0.1], [0.7, -0.3]]),
    held_out_mean=np.array([0.6, -0.1]),
    held_out_std=np.array([0.1, 0.2]),
)


@pytest.fixture(scope="module")
def linear():
    return fitted_linear()


@pytest.fixture(scope="module")
def wrapped():
    return fitted_search()


def test_correlations_are_those_of_numpy(linear):
    display = CorrelationDisplay.from_estimator(
        linear, X_TEST, Y_TEST, X_train=X_TRAIN, y_train=Y_TRAIN, ax=new_axes()
    )
    drawn = [(display.held_out_line_, X_TEST, Y_TEST), (display.train_line_, X_TRAIN, Y_TRAIN)]
    for line, some_x, some_y in drawn:
        zx, zy = linear.transform(some_x, some_y)
        expected = [np.corrcoef(zx[:, i], zy[:, i])[0, 1] for i in range(3)]
        np.testing.assert_allclose(line.get_ydata(), expected)
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    assert display.train_line_.get_linestyle() != display.held_out_line_.get_linestyle()
    assert display.train_line_.get_marker() != display.held_out_line_.get_marker()


def test_without_training_rows_the_correlations_are_the_models_own(wrapped):
    display = CorrelationDisplay.from_estimator(wrapped, X_TEST, Y_TEST, ax=new_axes())
    own = wrapped.best_estimator_[-1].canonical_correlations_
    np.testing.assert_array_equal(display.train_line_.get_ydata(), own)
    assert f"training rows, sum {own.sum():.2f}" in texts(display.ax_)
    assert f"held-out rows, sum {wrapped.score(X_TEST, Y_TEST):.2f}" in texts(display.ax_)


@pytest.mark.parametrize("projection", ["raw", "whitened"])
def test_canonical_variates_of_a_deep_model_are_measured(projection):
    model = small_deep(projection=projection).fit(X_TRAIN, Y_TRAIN)
    display = CorrelationDisplay.from_estimator(model, X_TEST, Y_TEST, ax=new_axes())
    assert display.held_out.sum() == pytest.approx(model.score(X_TEST, Y_TEST), abs=1e-6)


def test_negative_correlations_are_inside_the_axes():
    display = CorrelationDisplay.from_predictions([0.5, -0.7], ax=new_axes())
    assert display.train_line_ is None
    assert display.ax_.get_ylim()[0] < -0.7


def test_training_rows_of_one_view_are_refused(linear):
    with pytest.raises(
        ValueError, match=r"`X_train` and `y_train` must be given together.* got y_train=None"
    ):
        CorrelationDisplay.from_estimator(linear, X, Y, X_train=X)
    with pytest.raises(
        ValueError, match=r"`X_train` and `y_train` must be given together.* got X_train=None"
    ):
        CorrelationDisplay.from_estimator(linear, X, Y, y_train=Y)


def test_correlations_of_other_shapes_are_refused():
    with pytest.raises(
        ValueError, match="`train` must have 2 correlations, as many as `held_out`, got 1"
    ):
        CorrelationDisplay.from_predictions([0.5, 0.4], [0.9])
    with pytest.raises(ValueError, match=r"`held_out` must have one number .* got shape \(1, 2\)"):
        CorrelationDisplay.from_predictions([[0.5, 0.4]])


def error_bars(line):
    """Return the ends of the error bars of a line, of shape (n_components, 2)."""
    (container,) = [bars for bars in line.axes.containers if bars[0] is line]
    return np.array([segment[:, 1] for segment in container[2][0].get_segments()])


def test_corrected_correlations_have_their_intervals():
    display = CorrelationDisplay.from_intervals(CORRECTED, ax=quick_axes())
    np.testing.assert_array_equal(display.train_line_.get_ydata(), CORRECTED.correlations)
    np.testing.assert_array_equal(display.corrected_line_.get_ydata(), CORRECTED.corrected)
    ends = np.column_stack([CORRECTED.low, CORRECTED.high])
    np.testing.assert_allclose(error_bars(display.corrected_line_), ends)
    assert display.held_out_line_ is None
    assert {"corrected, with interval", "detection threshold 0.35"} <= set(texts(display.ax_))


def test_components_that_are_not_detected_are_crossed_out():
    display = CorrelationDisplay.from_intervals(CORRECTED, ax=quick_axes())
    assert display.undetected_.get_xdata().tolist() == [3]
    assert display.undetected_.get_marker() == "X"
    assert "not detected" in texts(display.ax_)
    all_found = Bunch(**CORRECTED | {"detected": np.ones(3, dtype=bool)})
    assert CorrelationDisplay.from_intervals(all_found, ax=quick_axes()).undetected_ is None


def test_held_out_correlations_have_the_deviation_of_folds():
    display = CorrelationDisplay.from_intervals(HELD_OUT, ax=quick_axes())
    np.testing.assert_array_equal(display.held_out_line_.get_ydata(), [0.6, -0.1])
    np.testing.assert_allclose(error_bars(display.held_out_line_), [[0.5, 0.7], [-0.3, 0.1]])
    np.testing.assert_array_equal(display.train_line_.get_ydata(), [0.9, 0.6])
    assert display.ax_.get_ylim()[0] < -0.3
    assert "held-out rows, with deviation of folds" in texts(display.ax_)


@pytest.mark.parametrize("result", [CORRECTED, HELD_OUT])
def test_legends_of_intervals_are_outside_the_axes(result):
    display = CorrelationDisplay.from_intervals(result, ax=new_axes())
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.y0 >= display.ax_.get_window_extent().y1
    assert legend.y1 <= display.figure_.bbox.y1


def test_results_without_correlations_are_refused():
    with pytest.raises(TypeError, match=r"must have held_out_mean, got a Bunch .*intervals\."):
        CorrelationDisplay.from_intervals(Bunch(correlations=[0.5]))
    with pytest.raises(
        ValueError, match="One of `held_out`, `corrected` and `train` must be given"
    ):
        CorrelationDisplay().plot(new_axes())
