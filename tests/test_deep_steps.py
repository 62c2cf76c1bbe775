"""Gradient steps of DeepCCA: patience, and the warning that there are too few."""

import warnings

import pytest
from _deep_loop import run_loop
from _deep_models import small, two_views
from skorch.callbacks import Callback

from skdcca._deep import steps
from skdcca._deep.steps import epochs_of
from skdcca.exceptions import ShortTrainingWarning, TrainingInterruptedWarning


class Falling(Callback):
    """Replace the held-out correlation by one that falls from the first epoch on, or rises."""

    def __init__(self, sign=-1):
        self.sign = sign

    def on_epoch_end(self, net, **kwargs):
        net.history.record("valid_correlation", self.sign * len(net.history))


def test_epochs_of():
    assert epochs_of(300, 95, 30) == 100
    assert epochs_of(300, 20, 30) == 300
    assert epochs_of(300, 200_000, 32) == 1


@pytest.mark.parametrize(("patience", "n_epochs"), [(2, 5), (6, 7), (None, 9)])
def test_patience_has_a_floor_of_gradient_steps(patience, n_epochs, monkeypatch):
    assert steps.FEWEST_STEPS == 300
    monkeypatch.setattr(steps, "FEWEST_STEPS", 10)  # 4 epochs of 3 batches
    _, history, complete = run_loop(
        *two_views(n=110), n_held_out=20, max_epochs=9, patience=patience, callbacks=[Falling()]
    )
    assert complete
    assert len(history) == n_epochs  # the first epoch is the best


@pytest.mark.parametrize("n_networks", [1, 2])
def test_short_training_warns_once_with_the_epochs_that_suffice(n_networks, monkeypatch):
    X, y = two_views(n=90)
    model = small(batch_size=30, n_networks=n_networks, validation_fraction=0)
    with pytest.warns(
        ShortTrainingWarning, match=r"only 9 gradient steps.*max_epochs=100\."
    ) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    monkeypatch.setattr(steps, "FEWEST_STEPS", 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ShortTrainingWarning)
        model.fit(X, y)


@pytest.mark.parametrize(("sign", "schedule"), [(1, "constant"), (1, "cosine"), (-1, "constant")])
def test_a_rise_in_the_last_epoch_warns_with_a_constant_rate(sign, schedule, monkeypatch):
    monkeypatch.setattr(steps, "FEWEST_STEPS", 6)
    model = small(batch_size=30, lr_schedule=schedule, callbacks=[Falling(sign)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*two_views(n=100))
    expected = sign == 1 and schedule == "constant"
    assert [w.category for w in caught] == [ShortTrainingWarning] * expected
    if expected:
        assert "still rose in the last of 3 epochs (9 gradient steps)" in str(caught[0].message)


def test_an_interrupted_training_does_not_warn():
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        small(callbacks=[Interrupt()]).fit(*two_views(n=90))
    assert [w.category for w in caught] == [TrainingInterruptedWarning]
