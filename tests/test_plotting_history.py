"""HistoryDisplay: curves, the best epoch, and models without a history."""

import numpy as np
import pytest
from _displays import HISTORY, X_TEST, X_TRAIN, Y_TRAIN, fitted_linear, new_axes, small_deep
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca.plotting import HistoryDisplay


@pytest.fixture(scope="module")
def linear():
    return fitted_linear()


def test_history_is_drawn_and_the_first_of_the_best_epochs_marked():
    display = HistoryDisplay(history=HISTORY).plot(new_axes())
    assert display.best_epoch_ == 2
    (loss, line), (train, held_out, at, star) = (
        display.loss_ax_.get_lines()[::-1],
        display.correlation_ax_.get_lines(),
    )
    np.testing.assert_array_equal(loss.get_ydata(), [2.0, 1.0, 0.5, 0.4])
    np.testing.assert_array_equal(train.get_ydata(), [0.5, 1.0, 1.5, 1.8])
    np.testing.assert_array_equal(held_out.get_ydata(), [0.4, 0.9, 0.9, 0.7])
    np.testing.assert_array_equal(held_out.get_xdata(), [1, 2, 3, 4])
    assert line.get_xdata()[0] == at.get_xdata()[0] == star.get_xdata()[0] == 2
    assert star.get_ydata()[0] == 0.9


def test_the_best_epoch_is_the_one_that_the_model_keeps():
    steady = {"lr_schedule": "constant", "lr": 0.05}
    model = small_deep(max_epochs=12, **steady).fit(X_TRAIN, Y_TRAIN)
    best = HistoryDisplay.from_estimator(model, ax=new_axes()).best_epoch_
    assert 1 < best < 12
    shorter = small_deep(max_epochs=best, **steady).fit(X_TRAIN, Y_TRAIN)
    np.testing.assert_allclose(shorter.transform(X_TEST), model.transform(X_TEST))


def test_history_through_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), small_deep())
    search = GridSearchCV(pipeline, {"deepcca__max_epochs": [3]}, cv=2).fit(X_TRAIN, Y_TRAIN)
    display = HistoryDisplay.from_estimator(search, ax=new_axes())
    assert display.history == search.best_estimator_[-1].history_
    assert len(display.loss_ax_.get_lines()[-1].get_xdata()) == 3


def test_without_held_out_rows_only_the_loss_is_drawn():
    model = small_deep(validation_fraction=0).fit(X_TRAIN, Y_TRAIN)
    display = HistoryDisplay.from_estimator(model, ax=new_axes())
    assert display.loss_ax_ is display.ax_
    assert display.correlation_ax_ is None
    assert display.best_epoch_ is None
    assert display.ax_.get_xlabel() == "epoch"
    assert len(display.ax_.get_lines()) == 1


def test_each_of_several_networks_has_a_line():
    history = [
        {"network": i, "epoch": epoch, "train_loss": i - epoch}
        for i in (0, 1)
        for epoch in (1, 2, 3)
    ]
    first, second = HistoryDisplay(history=history).plot(new_axes()).ax_.get_lines()
    np.testing.assert_array_equal(first.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(second.get_ydata(), [0, -1, -2])


def test_models_without_history_are_refused(linear):
    with pytest.raises(TypeError, match=r"LinearCCA has no history_.*Use a fitted DeepCCA"):
        HistoryDisplay.from_estimator(linear)
    with pytest.raises(
        TypeError, match="must contain a canonical correlation model, got StandardScaler"
    ):
        HistoryDisplay.from_estimator(StandardScaler())
