"""Training of DeepCCA: schedules, stopping, warm starts, interruptions and determinism."""

import copy
import pickle
import random
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from _deep_models import LOSS_NAMES, small, two_views
from _programs import run_program
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_wine
from skorch.callbacks import Callback
from torch import nn

from skdcca import LinearCCA
from skdcca._deep import steps
from skdcca.encoders import MLP
from skdcca.exceptions import DivergenceError, TrainingInterruptedWarning
from skdcca.losses import CCALoss


def test_best_weights_are_restored_and_training_stops(monkeypatch):
    monkeypatch.setattr(steps, "FEWEST_STEPS", 1)  # as with many batches in an epoch
    snapshots = []

    class Snapshot(Callback):
        def on_epoch_end(self, net, **kwargs):
            snapshots.append(copy.deepcopy(net.module_.x_network.state_dict()))

    X, y = two_views(n=150, p=20, q=20)
    X, y = X + np.random.default_rng(1).normal(size=X.shape), y
    fitted = small(
        x_encoder=MLP((128,), dropout=0),
        y_encoder=MLP((128,), dropout=0),
        lr=0.01,
        lr_schedule="constant",
        max_epochs=60,
        patience=4,
        validation_fraction=0.3,
        callbacks=[Snapshot()],
    ).fit(X, y)
    held_out = [row["valid_correlation"] for row in fitted.history_]
    best = int(np.argmax(held_out))
    assert fitted.n_epochs_ == len(held_out) == best + 5 < 60
    for name, value in snapshots[best].items():
        np.testing.assert_array_equal(fitted.x_state_[name], value.numpy())


def test_patience_none_never_stops_and_still_restores():
    X, y = two_views(n=150)
    fitted = small(max_epochs=8, patience=None, lr=0.05, lr_schedule="constant").fit(X, y)
    assert fitted.n_epochs_ == 8


def test_history():
    X, y = two_views()
    fitted = small(max_epochs=15).fit(X, y)
    assert [row["epoch"] for row in fitted.history_] == list(range(1, 16))
    for row in fitted.history_:
        assert set(row) == {
            "epoch",
            "train_loss",
            "train_correlation",
            "valid_correlation",
            "dur",
        }
    assert fitted.history_[-1]["train_loss"] < fitted.history_[0]["train_loss"]

    class Record(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("norm", np.float32(0.5))
            net.history.record("norm_best", True)

    noted = small(callbacks=[("mine", Record())], warm_start=True).fit(X, y).fit(X, y).history_
    assert [row["epoch"] for row in noted] == [1, 2, 3, 4, 5, 6]
    assert {type(row["norm"]) for row in noted} == {float}
    assert noted[0]["norm_best"] is True
    without = small(validation_fraction=0).fit(X, y)
    assert without.validation_correlations_ is None
    assert set(without.history_[0]) == {"epoch", "train_loss", "dur"}


def test_few_rows_hold_nothing_out():
    X, y = two_views(n=94)
    assert small().fit(X, y).validation_correlations_ is None
    X, y = two_views(n=95)
    assert small().fit(X, y).validation_correlations_ is not None


def test_held_out_rows_do_not_affect_the_weights():
    X, y = two_views(n=200)
    kept = {}

    class Keep(Callback):
        def on_train_begin(self, net, **kwargs):
            kept["rows"] = dict(net.callbacks_)["held_out"].rows

    # One epoch, because held-out rows choose the best of several.
    model = small(projection="whitened", max_epochs=1, callbacks=[Keep()])
    first = clone(model).fit(X, y)
    rows = kept["rows"]
    assert len(rows) == 20
    X[rows] = 100 * X[rows][::-1]  # other values, of another range
    second = clone(model).fit(X, y)
    np.testing.assert_array_equal(kept["rows"], rows)
    others = np.delete(X, rows, axis=0)
    np.testing.assert_array_equal(second.transform(others), first.transform(others))
    assert second.history_[0]["valid_correlation"] != first.history_[0]["valid_correlation"]


def test_cosine_schedule_rises_and_falls_to_nothing():
    rates = []

    class Rate(Callback):
        def on_batch_begin(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    X, y = two_views(n=100)
    small(batch_size=10, max_epochs=10, validation_fraction=0, lr=0.5, callbacks=[Rate()]).fit(X, y)
    assert len(rates) == 100
    assert np.argmax(rates) == 4  # a twentieth of the steps
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == pytest.approx(0.5, rel=0.03)
    assert rates[-1] < 0.001
    rates.clear()
    small(lr_schedule="constant", lr=0.5, callbacks=[Rate()]).fit(X, y)
    assert set(rates) == {0.5}


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("sgd", torch.optim.SGD),
        (torch.optim.RMSprop, torch.optim.RMSprop),
        (partial(torch.optim.SGD, momentum=0.9, weight_decay=0.5), torch.optim.SGD),
    ],
)
def test_optimizers(optimizer, kind):
    used = []

    class Keep(Callback):
        def on_train_begin(self, net, **kwargs):
            used.append(net.optimizer_)

    X, y = two_views()
    fitted = small(optimizer=optimizer, lr=0.01, max_epochs=20, callbacks=[Keep()]).fit(X, y)
    assert type(used[0]) is kind
    if isinstance(optimizer, partial):
        assert used[0].param_groups[0]["momentum"] == 0.9
        assert used[0].param_groups[0]["weight_decay"] == 0.5
    assert fitted.history_[-1]["train_loss"] < fitted.history_[0]["train_loss"]


def test_an_optimizer_without_weight_decay():
    X, y = two_views()
    encoder = MLP((), dropout=0)
    fitted = small(
        x_encoder=encoder, y_encoder=encoder, loss="cca", optimizer=torch.optim.LBFGS, lr=0.1
    ).fit(X, y)
    assert fitted.score(X, y) > LinearCCA(2, reg=0).fit(X, y).score(X, y) - 0.1


def test_adam_is_fused_and_faster_for_linear_networks():
    kept = []

    class Keep(Callback):
        def on_train_begin(self, net, **kwargs):
            kept.append(net.optimizer_)

    X, y = two_views()
    for optimizer in ("adamw", "adam", "sgd", torch.optim.AdamW):
        small(x_encoder=MLP(()), optimizer=optimizer, callbacks=[Keep()]).fit(X, y)
    for optimizer in kept[:2]:
        assert optimizer.defaults["fused"]
        linear, other = optimizer.param_groups
        assert linear["lr"] == pytest.approx(50 * other["lr"])
        assert sorted(weight.numel() for weight in linear["params"]) == [2, 12]
        assert len(other["params"]) == 6
    for optimizer in kept[2:]:
        (group,) = optimizer.param_groups
        assert not optimizer.defaults["fused"]
        assert len(group["params"]) == 8


@pytest.mark.parametrize("encoder", [MLP(()), nn.Linear(6, 5)])
def test_linear_networks_reach_the_linear_solution(encoder):
    X = load_wine().data
    X, y = X[:, :6], X[:, 6:12]
    bases = [np.linalg.qr(view - view.mean(axis=0))[0] for view in (X, y)]
    expected = np.linalg.svd(bases[0].T @ bases[1])[1][:5].sum()
    model = small(5, x_encoder=encoder, y_encoder=MLP(()), batch_size=32, max_epochs=60)
    fitted = model.set_params(validation_fraction=0).fit(X, y)
    assert expected - 0.1 < fitted.canonical_correlations_.sum() < expected


def test_weight_decay_shrinks_the_weights():
    X, y = two_views()
    norms = [
        np.linalg.norm(
            small(weight_decay=decay, lr=0.01, batch_size=30).fit(X, y).x_state_["1.1.weight"]
        )
        for decay in (0.0, 10.0)
    ]
    assert norms[1] < 0.9 * norms[0]


def test_warm_start_continues():
    X, y = two_views()
    fitted = small(warm_start=True, max_epochs=5, validation_fraction=0).fit(X, y)
    before = fitted.x_state_
    once = fitted.transform(X)
    fitted.set_params(lr=1e-12).fit(X, y)
    assert fitted.n_epochs_ == len(fitted.history_) == 10
    np.testing.assert_allclose(fitted.x_state_["1.1.weight"], before["1.1.weight"], atol=1e-6)
    # The running means of batch normalization still move a little.
    np.testing.assert_allclose(fitted.transform(X), once, atol=0.5)
    cold = fitted.set_params(warm_start=False).fit(X, y)
    assert cold.n_epochs_ == 5
    with pytest.raises(ValueError, match="features"):
        fitted.set_params(warm_start=True).fit(X[:, :3], y)
    with pytest.raises(ValueError, match=r"`n_components` must be the 2 .*warm_start=True, got 3"):
        fitted.set_params(n_components=3).fit(X, y)
    with pytest.raises(
        ValueError, match=r"`x_encoder` must be the fitted MLP\(.*\(16,\).*got MLP\(.*\(99,\)"
    ):
        fitted.set_params(n_components=2, x_encoder=MLP((99,), dropout=0)).fit(X, y)


def test_a_failed_fit_leaves_the_model_unchanged():
    X, y = two_views()
    fitted = small().fit(X, y)
    before, shown = fitted.transform(X), vars(fitted).copy()

    def breaks(zx, zy):
        raise RuntimeError("no memory")

    fitted.loss = breaks
    with pytest.raises(RuntimeError, match="no memory"):
        fitted.fit(X[:, :3], y)
    assert vars(fitted) == shown | {"loss": breaks}
    np.testing.assert_array_equal(fitted.transform(X), before)


def test_warm_start_keeps_the_fitted_transformer_of_y():
    X, y = two_views()

    class Random(TransformerMixin, BaseEstimator):
        def fit(self, y, _=None):
            self.turn_ = np.random.default_rng().normal(size=(4, 4))
            return self

        def transform(self, y):
            return y @ self.turn_

    fitted = small(warm_start=True, y_transformer=Random()).fit(X, y)
    before = fitted.y_transformer_.turn_
    np.testing.assert_array_equal(fitted.fit(X, y).y_transformer_.turn_, before)


def test_interruption_leaves_the_best_so_far():
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 4:
                raise KeyboardInterrupt

    X, y = two_views()
    interrupted = r"interrupted .* after 4 of 30 epochs.*best epoch so far"
    with pytest.warns(TrainingInterruptedWarning, match=interrupted) as caught:
        fitted = small(max_epochs=30, callbacks=[Interrupt()]).fit(X, y)
    assert caught[0].filename == __file__
    assert fitted.n_epochs_ == 4
    assert np.isfinite(fitted.score(X, y))


def test_divergence_is_an_error_at_once():
    X, y = two_views()

    def nan(zx, zy):
        return (zx.sum() + zy.sum()) * float("nan")

    with pytest.raises(
        DivergenceError, match=r"diverged in epoch 1 with lr=0.001: the loss is nan.*smaller lr"
    ):
        small(loss=nan).fit(X, y)
    encoder = MLP((8,), batch_norm=False)
    explosive = small(x_encoder=encoder, y_encoder=encoder, optimizer="sgd", lr=1e30)
    with pytest.raises(DivergenceError, match="the encodings contain NaN or infinity"):
        # The decomposition of such encodings fails with another error.
        clone(explosive).set_params(loss="cca", batch_size=50).fit(X, y)
    for fraction in (0, 0.1):
        with pytest.raises(
            DivergenceError,
            match=r"(the encodings contain|The network returns) NaN or infinity",
        ):
            explosive.set_params(validation_fraction=fraction).fit(X, y)


def test_every_batch_is_computed_in_training_mode():
    modes = []

    class Mode(Callback):
        def on_batch_end(self, net, **kwargs):
            modes.append({layer.training for layer in net.module_.modules()})
            net.module_.y_network.eval()  # like the measurement of held-out rows

    small(batch_size=100, callbacks=[Mode()]).fit(*two_views())
    assert modes == [{True}] * 6


def test_silent_by_default_and_a_bar_when_asked(capsys):
    X, y = two_views()
    small().fit(X, y)
    assert capsys.readouterr() == ("", "")
    small(verbose=1).fit(X, y)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "held out=" in shown
    assert "train=" in shown


def test_custom_losses():
    X, y = two_views()

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, zx, zy):
            return self.scale.square() * (zx - zy).square().mean() + CCALoss()(zx, zy)

    mine = Scaled()
    small(loss=mine, lr=0.1).fit(X, y)
    assert mine.scale.item() == 2.0  # a copy was trained
    by_name, by_object = (small(loss=loss, reg=0.1) for loss in ("cca", CCALoss(0.1)))
    np.testing.assert_array_equal(by_name.fit(X, y).transform(X), by_object.fit(X, y).transform(X))
    as_function = small(loss=lambda zx, zy: CCALoss(0.1)(zx, zy), reg=0.1).fit(X, y)
    np.testing.assert_array_equal(as_function.transform(X), by_name.transform(X))


@pytest.mark.parametrize(
    ("loss", "given"),
    [(lambda zx, zy: zx * zy, r"shape \(270, 2\)"), (lambda zx, zy: 1.0, "float")],
)
def test_a_loss_must_return_a_scalar_tensor(loss, given):
    with pytest.raises(ValueError, match=f"The loss must return .*, got {given}"):
        small(loss=loss).fit(*two_views())


# Determinism


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_two_fits_are_bitwise_equal(loss):
    encoder = MLP((16,), dropout=0.3, input_noise=0.1)
    X, y = two_views()
    fits = [small(x_encoder=encoder, loss=loss).fit(X, y) for _ in range(2)]
    for name, value in fits[0].x_state_.items():
        np.testing.assert_array_equal(value, fits[1].x_state_[name])
    np.testing.assert_array_equal(fits[0].transform(X), fits[1].transform(X))
    other = small(x_encoder=encoder, loss=loss, random_state=1).fit(X, y)
    assert not np.array_equal(other.transform(X), fits[0].transform(X))


FIT = """
import hashlib
from _deep_models import small, two_views
from skdcca.encoders import MLP

encoder = MLP((16,), dropout=0.3, input_noise=0.1)
fitted = small(x_encoder=encoder, loss="infonce").fit(*two_views())
print(hashlib.sha256(b"".join(v.tobytes() for v in fitted.x_state_.values())).hexdigest())
"""


@pytest.mark.slow
def test_two_processes_are_bitwise_equal():
    hashes = {run_program(FIT) for _ in range(2)}
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


def test_fits_in_two_threads_equal_those_in_one():
    X, y = two_views()
    model = small(x_encoder=MLP((16,), dropout=0.3), max_epochs=10)
    state = torch.get_rng_state()
    fits = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(clone(model).fit)(X, y) for _ in range(4)
    )
    expected = model.fit(X, y).transform(X)
    for fitted in fits:
        np.testing.assert_array_equal(fitted.transform(X), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_generators_and_threads_of_the_caller_are_unchanged():
    X, y = two_views()
    model = small(loss="infonce", x_encoder=MLP((16,), dropout=0.3))
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    n_threads = torch.get_num_threads()
    grad, deterministic = torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()
    pickle.loads(pickle.dumps(model.fit(X, y))).transform(X)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]
    assert torch.get_num_threads() == n_threads
    assert torch.is_grad_enabled() == grad
    assert torch.are_deterministic_algorithms_enabled() == deterministic


def _fit_and_count(X, y):
    small().fit(X, y)
    return torch.get_num_threads()


def test_threads_do_not_multiply_in_the_workers_of_a_search():
    n_threads = joblib.Parallel(n_jobs=2)(
        joblib.delayed(_fit_and_count)(*two_views()) for _ in range(2)
    )
    assert max(n_threads) <= max(1, joblib.cpu_count() // 2)
