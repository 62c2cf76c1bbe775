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
    small_deep,
    texts,
)

from skdcca.plotting import CorrelationDisplay


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
