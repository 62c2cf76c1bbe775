"""DeepCCA against planted factors, LinearCCA, skorch's own callbacks and known invariances."""

import copy
import gc
import io
import pickle
import pickletools
import random
import subprocess
import sys
import threading
import tracemalloc
import warnings
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from skdcca import DeepCCA, LinearCCA
from skdcca._deep import training as _training
from skdcca._deep.training import Standardize
from skdcca.encoders import MLP, Encoder, MelCNN
from skdcca.losses import CCALoss, InfoNCELoss
from skdcca.metrics import chance, mrr_scorer

LOSS_NAMES = ["barlow_twins", "cca", "ey", "infonce", "vicreg"]


def two_views(n=300, p=6, q=4, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    X = shared @ rng.normal(size=(2, p)) + 0.5 * rng.normal(size=(n, p))
    y = shared @ rng.normal(size=(2, q)) + 0.5 * rng.normal(size=(n, q))
    return X, y


def small(n_components=2, **parameters):
    """A DeepCCA that trains in a moment."""
    encoder = MLP((16,), dropout=0)
    settings = {"x_encoder": encoder, "y_encoder": encoder, "max_epochs": 3, "random_state": 0}
    return DeepCCA(n_components, **settings | parameters)


class Flat(Encoder):
    """A linear network for samples of any shape, without activation."""

    def build(self, shape, n_outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), n_outputs))


# What it learns


@pytest.mark.parametrize("loss", ["cca", "ey"])
def test_a_planted_nonlinear_factor_is_found_where_linear_finds_none(loss):
    rng = np.random.default_rng(0)
    factor = rng.uniform(-3, 3, size=3000)
    X = np.column_stack([np.sin(2 * factor), np.cos(2 * factor), rng.normal(size=3000)])
    y = np.column_stack([np.exp(-(factor**2)), rng.normal(size=(3000, 2))])
    X += 0.05 * rng.normal(size=X.shape)
    y += 0.02 * rng.normal(size=y.shape)
    X[:, 0] *= np.sign(rng.normal(size=3000))  # the sign carries nothing: what is linear is gone
    X[:, 1] = X[:, 1] ** 2
    train, test = slice(0, 2000), slice(2000, None)
    linear = LinearCCA(1).fit(X[train], y[train]).score(X[test], y[test])
    encoder = MLP((64, 64), dropout=0)
    deep = small(1, loss=loss, x_encoder=encoder, y_encoder=encoder, lr=0.01, max_epochs=40)
    deep.fit(X[train], y[train])
    assert deep.score(X[test], y[test]) > linear + 0.3
    # What was held out inside tells what to expect outside.
    assert abs(deep.validation_correlations_.sum() - deep.score(X[test], y[test])) < 0.1


def test_linear_encoders_span_the_linear_solution():
    X, y = two_views(n=2000)
    deep = DeepCCA(
        2,
        x_encoder=MLP(()),
        y_encoder=MLP(()),
        loss="cca",
        reg=0.0,
        batch_size=2000,
        lr=0.1,
        weight_decay=0.0,
        max_epochs=400,
        validation_fraction=0,
        projection="whitened",
        random_state=0,
    ).fit(X, y)
    linear = LinearCCA(2).fit(X, y)
    np.testing.assert_allclose(
        deep.canonical_correlations_, linear.canonical_correlations_, atol=1e-3
    )
    for ours, theirs in zip(deep.transform(X, y), linear.transform(X, y), strict=True):
        assert np.rad2deg(subspace_angles(ours, theirs).max()) < 3


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_every_loss_learns_a_shared_factor(loss):
    X, y = two_views(n=1200)
    model = small(loss=loss, max_epochs=25, batch_size=200, lr=0.01)
    fits = [clone(model).set_params(random_state=i).fit(X[:900], y[:900]) for i in range(3)]
    linear = LinearCCA(2).fit(X[:900], y[:900])
    correlation = np.median([fitted.score(X[900:], y[900:]) for fitted in fits])
    assert correlation > linear.score(X[900:], y[900:]) - 0.15
    found = np.median([mrr_scorer(fitted, X[900:], y[900:]) for fitted in fits])
    assert found > 2.5 * chance(300)["mrr"]


def test_unrelated_views_show_it_on_the_held_out_rows_only():
    rng = np.random.default_rng(0)
    fitted = small(
        3,
        x_encoder=MLP((64,)),
        y_encoder=MLP((64,)),
        lr=0.01,
        batch_size=50,
        max_epochs=60,
        patience=None,
        validation_fraction=0.3,
        lr_schedule="constant",
    ).fit(rng.normal(size=(300, 10)), rng.normal(size=(300, 10)))
    last = fitted.history_[-1]
    assert last["train_correlation"] > 1.5
    assert abs(last["valid_correlation"]) < 0.7


def test_correlations_are_those_of_the_variates():
    X, y = two_views()
    fitted = small(projection="whitened", validation_fraction=0, reg=0).fit(X, y)
    zx, zy = fitted.transform(X, y)
    measured = [np.corrcoef(a, b)[0, 1] for a, b in zip(zx.T, zy.T, strict=True)]
    np.testing.assert_allclose(measured, fitted.canonical_correlations_, atol=1e-5)
    np.testing.assert_allclose(np.cov(zx.T), np.eye(2), atol=1e-3)
    assert fitted.score(X, y) == pytest.approx(np.sum(measured), abs=1e-5)


def test_units_and_offsets_do_not_matter():
    X, y = two_views()
    rescaled = 3000 + X * np.array([1e3, 1e-3, 1, 1, 1e6, 1e-6])
    rescaled[:, 5] -= 3000
    seen = []  # what reaches the networks
    for view in (X, rescaled):
        standardize = Standardize((6,))
        standardize.learn(view, np.arange(300), "X")
        seen.append(standardize(torch.from_numpy(view)).numpy())
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-5)
    assert np.square(seen[0]).mean() == pytest.approx(1, abs=1e-6)
    # Training amplifies their rounding.
    one = small(projection="whitened").fit(X, y).transform(X)
    other = small(projection="whitened").fit(rescaled, y).transform(rescaled)
    np.testing.assert_allclose(other, one, atol=0.1)


def test_a_column_that_hardly_varied_does_not_run_away():
    X, y = two_views(n=600)
    spoiled = np.column_stack([X, np.zeros(600)])
    spoiled[0, -1] = 1e-6  # all that training shows of it
    fitted = small(max_epochs=20, lr=0.01).fit(spoiled[:400], y[:400])
    expected = fitted.score(spoiled[400:], y[400:])
    spoiled[400:420, -1] = 1.0
    assert fitted.score(spoiled[400:], y[400:]) > expected - 0.3
    # Near the range of the training rows nothing is held back.
    nearby = X.mean(axis=0) + 0.9 * np.ptp(X, axis=0) * np.array([[1.0], [0.95]])
    whitened = small(projection="whitened").fit(X, y).transform(nearby)
    assert np.ptp(whitened, axis=0).min() > 1e-3


# Projections


def test_projections_are_one_model_seen_in_three_ways():
    X, y = two_views(n=400)
    by_name = {name: small(projection=name).fit(X, y) for name in ("whitened", "weighted", "raw")}
    whitened, weighted, raw = (by_name[name].transform(X) for name in by_name)
    held_out = by_name["weighted"].validation_correlations_
    np.testing.assert_allclose(weighted, whitened * np.clip(held_out, 0, None) ** 2, rtol=1e-6)
    np.testing.assert_allclose(by_name["raw"].linear_.transform(raw), whitened, atol=1e-5)
    assert len({fitted.score(X, y) for fitted in by_name.values()}) == 1
    assert len({mrr_scorer(fitted, X, y) for fitted in by_name.values()}) == 3


def test_auto_projection_follows_the_loss():
    X, y = two_views(n=100)
    assert small(loss="infonce").fit(X, y).projection_ == "raw"
    assert small(loss="cca").fit(X, y).projection_ == "weighted"
    assert small(loss=InfoNCELoss(0.5), projection="whitened").fit(X, y).projection_ == "whitened"


def test_negative_held_out_correlations_weigh_nothing():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(2, 200, 3))
    unrelated = small(3, max_epochs=1)
    measured, weights = [], []
    for seed in range(10):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            unrelated.set_params(random_state=seed).fit(X, y)
        measured.append(unrelated.validation_correlations_)
        weights.append(unrelated.component_weights_)
    measured, weights = np.array(measured), np.array(weights)
    assert (measured < -0.1).any()
    np.testing.assert_array_equal(weights[measured < 0], 0)
    np.testing.assert_allclose(weights[measured > 0], measured[measured > 0] ** 2)


def test_both_views_are_weighted_and_without_held_out_rows_by_the_training_ones():
    X, y = two_views(n=400)
    whitened = small(projection="whitened", validation_fraction=0).fit(X, y)
    weighted = small(validation_fraction=0).fit(X, y)
    correlations = weighted.canonical_correlations_
    np.testing.assert_array_equal(weighted.component_weights_, correlations**2)
    for view in (0, 1):
        np.testing.assert_allclose(
            weighted.transform(X, y)[view],
            whitened.transform(X, y)[view] * correlations**2,
            rtol=1e-6,
        )


# What is held out


def test_held_out_rows_teach_nothing():
    X, y = two_views(n=200)
    kept = {}

    class Keep(Callback):
        def on_train_begin(self, net, **kwargs):
            kept["rows"] = dict(net.callbacks_)["held_out"].rows

    # Of one epoch, as they choose the best of several.
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


def test_the_ridge_reaches_the_linear_model():
    X, y = two_views()
    correlations = [
        small(reg=reg, validation_fraction=0).fit(X, y).canonical_correlations_[0]
        for reg in (0.0, 1.0)
    ]
    # The same networks, as "ey" knows no ridge: r becomes r v / (v + reg mean(v)).
    assert correlations[1] < 0.8 * correlations[0]


def test_score_heeds_weights():
    X, y = two_views()
    fitted = small().fit(X, y)
    kept = np.arange(300) % 3 == 0
    assert fitted.score(X, y, kept.astype(float)) == pytest.approx(fitted.score(X[kept], y[kept]))
    assert fitted.score(X, y) != pytest.approx(fitted.score(X[kept], y[kept]))


# Batches


def test_default_batches():
    X, y = two_views(n=1500)
    model = DeepCCA(
        x_encoder=MLP((64,), dropout=0),
        y_encoder=MLP((64,), dropout=0),
        max_epochs=1,
        random_state=0,
    )
    assert clone(model).fit(X, y).batch_size_ == 256
    model.set_params(loss="cca")
    assert clone(model).fit(X, y).batch_size_ == 1000
    assert clone(model).set_params(n_components=60).fit(X, y).batch_size_ == 1200
    assert clone(model).fit(X[:600], y[:600]).batch_size_ == 540  # all that are not held out


def test_blocks_of_a_long_transform(monkeypatch):
    X, y = two_views()
    fitted = small().fit(X, y)
    expected = fitted.transform(X)
    monkeypatch.setattr(_training, "_ROWS", 7)
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-6)
    # Mean and range come from blocks, the last of which is shorter.
    again = small().fit(X, y)
    np.testing.assert_allclose(again.x_state_["0.mean"], fitted.x_state_["0.mean"], rtol=1e-12)
    np.testing.assert_allclose(
        again.x_state_["0.deviation"], fitted.x_state_["0.deviation"], rtol=1e-6
    )


class Sizes(Callback):
    """Sizes of the batches that were trained on."""

    def on_train_begin(self, net, **kwargs):
        self.sizes = []

    def on_batch_begin(self, net, batch=None, **kwargs):
        self.sizes.append(len(batch[0]["x"]))


@pytest.mark.parametrize("n", [60, 61, 62, 64, 99, 119, 25])
@pytest.mark.parametrize("loss", ["cca", "infonce"])
def test_no_short_batch_and_every_row(n, loss):
    X, y = two_views(n)
    sizes = Sizes()
    fitted = small(
        5, loss=loss, batch_size=30, validation_fraction=0, callbacks=[sizes], max_epochs=2
    ).fit(X, y)
    first, second = np.array_split(sizes.sizes, 2)
    assert first.sum() == second.sum() == n
    assert first.min() >= min(30, n)
    assert first.max() - first.min() <= 1
    zx, zy = fitted.transform(X, y)
    assert zx.shape == zy.shape == (n, 5)
    assert np.isfinite(zx).all()
    assert np.isfinite(zy).all()


def test_every_epoch_sees_every_training_row_and_no_held_out_one():
    seen = []

    class Rows(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            seen.append(batch[0]["x"][:, 0].numpy().astype(int))

    X, y = two_views(n=200)
    X[:, 0] = np.arange(200)
    small(batch_size=30, validation_fraction=0.2, max_epochs=2, callbacks=[Rows()]).fit(X, y)
    epochs = np.concatenate(seen).reshape(2, 160)
    assert set(epochs[0]) == set(epochs[1])
    assert len(set(epochs[0])) == 160
    assert list(epochs[0]) != list(epochs[1])


def test_small_batches_are_warned_of():
    X, y = two_views(n=200)
    few = r"batches of 20 rows .* of 5 components.*larger batch"
    with pytest.warns(UserWarning, match=few) as caught:
        small(5, batch_size=20, loss="cca").fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="more samples"):
        small(5, loss="cca").fit(X[:20], y[:20])
    with pytest.warns(UserWarning, match=r"batches of 10 rows .* of 12 components"):
        small(12, batch_size=10, loss="ey").fit(X, y)
    small(5, batch_size=20, loss="ey").fit(X, y)
    small(5, batch_size=4, loss="infonce").fit(X, y)  # no covariance, no warning


def test_one_row_is_transformed_as_among_others():
    X, y = two_views()
    fitted = small().fit(X, y)
    alone = np.concatenate([fitted.transform(row[None]) for row in X[:5]])
    np.testing.assert_allclose(alone, fitted.transform(X)[:5], atol=1e-6)


# Training


def test_best_weights_are_restored_and_training_stops():
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


def test_cosine_schedule_rises_and_falls_to_nothing():
    rates = []

    class Rate(Callback):
        def on_batch_begin(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    X, y = two_views(n=100)
    small(batch_size=10, max_epochs=10, validation_fraction=0, lr=0.5, callbacks=[Rate()]).fit(X, y)
    assert len(rates) == 100
    assert np.argmax(rates) == 9
    assert rates[0] < 0.06
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
    assert fitted.score(X, y) > LinearCCA(2).fit(X, y).score(X, y) - 0.1


def test_weight_decay_shrinks_the_weights():
    X, y = two_views()
    norms = [
        np.linalg.norm(
            small(weight_decay=decay, lr=0.01, batch_size=30).fit(X, y).x_state_["1.1.weight"]
        )
        for decay in (0.0, 10.0)
    ]
    assert norms[1] < 0.9 * norms[0]


def test_warm_start_goes_on():
    X, y = two_views()
    fitted = small(warm_start=True, max_epochs=5, validation_fraction=0).fit(X, y)
    before = fitted.x_state_
    once = fitted.transform(X)
    fitted.set_params(lr=1e-12).fit(X, y)
    assert fitted.n_epochs_ == len(fitted.history_) == 10
    np.testing.assert_allclose(fitted.x_state_["1.1.weight"], before["1.1.weight"], atol=1e-6)
    # The running means of batch normalisation still move a little.
    np.testing.assert_allclose(fitted.transform(X), once, atol=0.5)
    cold = fitted.set_params(warm_start=False).fit(X, y)
    assert cold.n_epochs_ == 5
    with pytest.raises(ValueError, match="features"):
        fitted.set_params(warm_start=True).fit(X[:, :3], y)
    with pytest.raises(ValueError, match=r"n_components=3 with warm_start=True.* 2 outputs"):
        fitted.set_params(n_components=3).fit(X, y)
    with pytest.raises(
        ValueError, match=r"x_encoder=MLP\(.*\(99,\).*to go on with is MLP\(.*\(16,\)"
    ):
        fitted.set_params(n_components=2, x_encoder=MLP((99,), dropout=0)).fit(X, y)


def test_a_fit_that_fails_leaves_what_was_fitted():
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
    interrupted = r"interrupted, .* after 4 of 30 epochs.*best so far"
    with pytest.warns(UserWarning, match=interrupted) as caught:
        fitted = small(max_epochs=30, callbacks=[Interrupt()]).fit(X, y)
    assert caught[0].filename == __file__
    assert fitted.n_epochs_ == 4
    assert np.isfinite(fitted.score(X, y))


def test_divergence_is_told_at_once():
    X, y = two_views()

    def nan(zx, zy):
        return (zx.sum() + zy.sum()) * float("nan")

    with pytest.raises(ValueError, match=r"diverged in epoch 1: the loss is nan.*lr \(0.001"):
        small(loss=nan).fit(X, y)
    encoder = MLP((8,), batch_norm=False)
    explosive = small(x_encoder=encoder, y_encoder=encoder, optimizer="sgd", lr=1e30)
    for fraction in (0, 0.1):
        with pytest.raises(
            ValueError, match=r"(the encodings are|the network gives numbers that are) not finite"
        ):
            explosive.set_params(validation_fraction=fraction).fit(X, y)


def test_silent_by_default_and_a_bar_when_asked(capsys):
    X, y = two_views()
    small().fit(X, y)
    assert capsys.readouterr() == ("", "")
    small(verbose=1).fit(X, y)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "held out=" in shown
    assert "train=" in shown


def test_losses_of_ones_own():
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
def test_a_loss_must_give_a_scalar_tensor(loss, given):
    with pytest.raises(ValueError, match=f"the loss gives {given}"):
        small(loss=loss).fit(*two_views())


# Shapes


def test_views_of_any_dimension():
    X, y = two_views(n=120, p=24, q=12)
    flat = small(x_encoder=Flat(), y_encoder=Flat())
    for x_shape, y_shape in [((24,), (3, 4)), ((4, 6), (12,)), ((2, 3, 4), (2, 2, 3))]:
        Xd, yd = X.reshape(-1, *x_shape), y.reshape(-1, *y_shape)
        fitted = clone(flat).fit(Xd, yd)
        zx, zy = fitted.transform(Xd, yd)
        assert zx.shape == zy.shape == (120, 2)
        assert fitted.x_shape_ == x_shape
        with pytest.raises(ValueError, match=r"shape \(.*fitted with|features"):
            fitted.transform(np.zeros((3, *x_shape, 2)))
        with pytest.raises(ValueError, match=r"shape \(.*fitted with|features"):
            fitted.transform_y(np.zeros((3, *y_shape, 2)))
    with pytest.raises(ValueError, match=r"x_encoder=None.*\(2, 3, 4\)"):
        DeepCCA(2, y_transformer="not yet asked").fit(X.reshape(-1, 2, 3, 4), y)


def test_default_encoders_and_components():
    X, y = two_views(n=60, p=16 * 64, q=3)
    fitted = DeepCCA(max_epochs=1, random_state=0).fit(X.reshape(-1, 16, 64), y)
    assert isinstance(fitted.x_encoder_, MelCNN)
    assert isinstance(fitted.y_encoder_, MLP)
    assert fitted.n_components_ == 3
    assert DeepCCA(max_epochs=1).fit(X[:25], y[:25]).n_components_ == 2  # a tenth of the samples
    assert DeepCCA(max_epochs=1).fit(X, y[:, 0]).n_components_ == 1
    rng = np.random.default_rng(0)
    many = DeepCCA(x_encoder=MLP((64,), dropout=0), y_encoder=MLP((64,), dropout=0), max_epochs=1)
    assert many.fit(*rng.normal(size=(2, 600, 60))).n_components_ == 50
    assert (
        many.set_params(validation_fraction=0.5).fit(*rng.normal(size=(2, 600, 60))).n_components_
        == 30
    )
    # More components than columns: a network makes them.
    assert small(5).fit(X[:, :3], y[:, :1]).transform(X[:, :3]).shape == (60, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(dtype):
    X, y = (view.astype(dtype) for view in two_views())
    for projection in ("weighted", "raw"):
        zx, zy = small(projection=projection).fit(X, y).transform(X, y)
        assert zx.dtype == zy.dtype == dtype


def test_constant_views_are_refused_and_constant_columns_harmless():
    X, y = two_views()
    with pytest.raises(ValueError, match="X is constant"):
        small().fit(np.full_like(X, 0.1), y)
    with pytest.raises(ValueError, match="y is constant"):
        small().fit(X, np.full_like(y, 1e9))
    learning = {"lr": 0.01, "max_epochs": 20}
    expected = small(**learning).fit(X, y).score(X, y)
    with_constant = np.column_stack([X, np.full(len(X), 0.1)])
    fitted = small(**learning).fit(with_constant, y)
    assert abs(fitted.score(with_constant, y) - expected) < 0.5
    assert np.isfinite(fitted.transform(with_constant)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "ccca"}, "loss='ccca'"),
        ({"loss": 3}, "loss=3"),
        ({"projection": "white"}, "projection='white'"),
        ({"lr_schedule": "linear"}, "lr_schedule='linear'"),
        ({"optimizer": "adamm"}, "optimizer='adamm'"),
        ({"lr": 0}, "lr=0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"reg": -1}, "reg=-1"),
        ({"weight_decay": "a"}, "weight_decay='a'"),
        ({"batch_size": 1}, "batch_size=1"),
        ({"max_epochs": 0}, "max_epochs=0"),
        ({"patience": 0}, "patience=0"),
        ({"validation_fraction": 1.0}, "validation_fraction=1.0"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"device": "mps"}, "device='mps', but torch finds no such device"),
        ({"device": "meta"}, "device='meta', but torch finds no such device"),
        ({"random_state": "a"}, "'a' cannot be used to seed"),
        ({"loss": CCALoss}, "loss=<class.*an object, not a class"),
        ({"loss": InfoNCELoss(temperature=-1)}, "temperature=-1"),
        ({"optimizer": nn.Linear}, "optimizer=<class"),
        ({"x_encoder": MLP}, "x_encoder=<class"),
        ({"callbacks": ["print"]}, "callbacks holds 'print'"),
        ({"validation_fraction": 0.999}, "holds out 300 of 300 samples"),
        ({"x_encoder": nn.Linear(2, 2)}, "x_encoder=Linear"),
        ({"y_encoder": "mlp"}, "y_encoder='mlp'"),
        ({"n_components": 0}, "n_components=0"),
        ({"n_components": 500}, "n_components=500 is too large: at most 269"),
    ],
)
def test_bad_parameters_are_refused_before_the_second_view_is_transformed(parameters, message):
    class Hours(TransformerMixin, BaseEstimator):
        def fit_transform(self, y):
            raise AssertionError("hours of work")

        transform = fit = fit_transform

    X, y = two_views()
    with pytest.raises(ValueError, match=message):
        small(y_transformer=Hours()).set_params(**parameters).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told():
    X, y = two_views()
    with pytest.raises(ValueError, match="device='cuda:0', but torch finds no such device"):
        small(device="cuda:0").fit(X, y)


def test_build_must_give_a_module():
    class Wrong(Encoder):
        def build(self, shape, n_outputs):
            return "network"

    with pytest.raises(TypeError, match=r"Wrong\.build gave a str"):
        small(x_encoder=Wrong()).fit(*two_views())


class Partly(Encoder):
    """A linear network of which only some outputs live."""

    def __init__(self, n_alive):
        self.n_alive = n_alive

    def build(self, shape, n_outputs):
        mask = nn.Linear(n_outputs, n_outputs, bias=False)
        nn.init.zeros_(mask.weight)
        mask.weight.data[range(self.n_alive), range(self.n_alive)] = 1.0
        return nn.Sequential(nn.Linear(shape[0], n_outputs), mask.requires_grad_(False))


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_dead_outputs_are_told_and_keep_their_columns(loss):
    X, y = two_views()
    with pytest.warns(UserWarning, match="the last 2 components have correlation 0"):
        fitted = small(3, loss=loss, x_encoder=Partly(1)).fit(X, y)
    assert fitted.canonical_correlations_[0] > 0.1
    np.testing.assert_array_equal(fitted.canonical_correlations_[1:], 0)
    assert np.isfinite(fitted.transform(X)).all()
    assert fitted.transform(X).shape == (300, 3)
    for fraction in (0, 0.1):
        with pytest.raises(ValueError, match="network of X gives the same numbers"):
            small(3, loss=loss, x_encoder=Partly(0), validation_fraction=fraction).fit(X, y)


def test_wrong_number_of_outputs_is_told():
    class Wide(Encoder):
        def build(self, shape, n_outputs):
            return nn.Linear(shape[0], n_outputs + 1)

    with pytest.raises(ValueError, match=r"Wide.*\(2, 3\) for 2 samples.*n_outputs=2"):
        small(x_encoder=Wide()).fit(*two_views())


# Determinism


FIT = """
import sys, hashlib, numpy as np
sys.path.insert(0, {path!r})
from test_deep import small, two_views
from skdcca.encoders import MLP
fitted = small(x_encoder=MLP((16,), dropout=0.3, input_noise=0.1), loss={loss!r}).fit(*two_views())
print(hashlib.sha256(b"".join(v.tobytes() for v in fitted.x_state_.values())).hexdigest())
"""


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


def test_two_processes_are_bitwise_equal():
    code = FIT.format(path=__file__.rsplit("/", 1)[0], loss="infonce")
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


def test_fits_in_two_threads_are_those_in_one():
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


def test_the_callers_generators_and_threads_are_left_alone():
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


def test_threads_do_not_multiply_in_the_workers_of_a_search():
    n_threads = joblib.Parallel(n_jobs=2)(
        joblib.delayed(_fit_and_count)(*two_views()) for _ in range(2)
    )
    assert max(n_threads) <= max(1, joblib.cpu_count() // 2)


def _fit_and_count(X, y):
    small().fit(X, y)
    return torch.get_num_threads()


# Persistence


def test_pickles_hold_arrays_and_no_tensors(tmp_path):
    X, y = two_views()
    fitted = small(loss="infonce", callbacks=[Sizes()]).fit(X, y)
    fitted.transform(X)  # networks are rebuilt, and not pickled
    fitted.set_params(callbacks=None)
    data = pickle.dumps(fitted)
    names = [str(value) for _, value, _ in pickletools.genops(io.BytesIO(data)) if value]
    assert not [name for name in names if name.startswith(("torch", "skorch"))]
    joblib.dump(fitted, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for again in (pickle.loads(data), mapped, copy.deepcopy(fitted)):
        np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
        np.testing.assert_array_equal(again.transform_y(y), fitted.transform_y(y))
        assert again.score(X, y) == fitted.score(X, y)
    assert len(data) < 50_000, "training data or optimizer state is kept"


def test_loads_in_a_process_that_never_saw_the_training(tmp_path):
    X, y = two_views()
    fitted = small().fit(X, y)
    joblib.dump(fitted, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import joblib, numpy as np, sys; model = joblib.load('model.joblib');"
        "np.save('z.npy', model.transform(np.load('X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), fitted.transform(X))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_model_of_a_gpu_works_without_one():
    X, y = two_views()
    fitted = small().fit(X, y)
    expected = fitted.transform(X)
    fitted.device = "cuda:0"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)


def test_clone_and_set_params_after_fitting():
    X, y = two_views()
    fitted = small().fit(X, y)
    before = fitted.transform(X)
    again = clone(fitted)
    assert not hasattr(again, "x_state_")
    np.testing.assert_array_equal(again.fit(X, y).transform(X), before)
    # Parameters for the next fit do not touch what is fitted.
    fitted.set_params(x_encoder__hidden_layer_sizes=(99,), n_components=4, projection="raw")
    np.testing.assert_array_equal(fitted.transform(X), before)
    refitted = fitted.fit(X, y)
    assert refitted.transform(X).shape == (300, 4)


def test_encoders_are_cloned_not_shared():
    encoder = MLP((8,))
    fitted = small(x_encoder=encoder, y_encoder=encoder).fit(*two_views())
    assert fitted.x_encoder_ is not encoder
    assert not [name for name in vars(encoder) if name.endswith("_")]


def test_search_over_its_own_keys():
    grid = {
        "x_encoder__hidden_layer_sizes": [(4,), (8,)],
        "loss": [CCALoss(), InfoNCELoss()],
        "lr": [1e-3, 1e-2],
    }
    search = GridSearchCV(small(), grid, cv=2).fit(*two_views())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) == 8
    search = GridSearchCV(small(loss=InfoNCELoss()), {"loss__temperature": [0.05, 1.0]}, cv=2)
    assert len(set(search.fit(*two_views()).cv_results_["mean_test_score"])) == 2


@pytest.mark.parametrize("params", [{"callbacks": 5}, {"lr": True}, {"reg": True}])
def test_parameters_of_a_wrong_type_are_named(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"{name}="):
        DeepCCA(**params).fit(np.eye(20), np.eye(20))


# Views in files


@pytest.fixture(scope="module")
def in_files(tmp_path_factory):
    """Views, of which one is larger than all that is made of it, and the same memory-mapped."""
    folder = tmp_path_factory.mktemp("views")
    X, y = (view.astype(np.float32) for view in two_views(n=10_000, p=400, q=4))
    for name, view in (("X", X), ("y", y)):
        np.save(folder / f"{name}.npy", view)
    mapped = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in "Xy"]
    return X, y, *mapped


def test_memory_mapped_views_give_the_same_model_bit_for_bit(in_files):
    X, y, X_file, y_file = in_files
    model = small(x_encoder=MLP((16,), dropout=0.2), max_epochs=2)
    here, there = clone(model).fit(X, y), clone(model).fit(X_file, y_file)
    for name in ("x_state_", "y_state_"):
        for ours, theirs in zip(
            getattr(here, name).values(), getattr(there, name).values(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(here.transform(X, y), there.transform(X_file, y_file), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(here.predict(X), there.predict(X_file))
    # A part of a file is one as well, and so is a file on one side.
    half = clone(model).fit(X[:3000], y[:3000])
    np.testing.assert_array_equal(
        clone(model).fit(X_file[:3000], y[:3000]).transform(X), half.transform(X)
    )


def test_memory_mapped_views_are_not_copied(in_files, monkeypatch):
    monkeypatch.setattr(_training, "_ROWS", 256)  # blocks far smaller than the file
    *_, X, y = in_files
    model = small(max_epochs=1)
    clone(model).fit(X[:1000], y[:1000])  # what is imported or cached
    tracemalloc.start()
    model.fit(X, y).score(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes / 3


def test_the_threads_that_read_end_with_the_training(in_files):
    *_, X, y = in_files

    def breaks(zx, zy):
        raise RuntimeError("no memory")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no memory"):
        small(loss=breaks).fit(X, y)
    with pytest.warns(UserWarning, match="interrupted"):
        small(loss=Interrupting()).fit(X, y)
    gc.collect()
    assert threading.active_count() == before


def test_an_error_in_reading_a_file_reaches_the_caller(in_files, monkeypatch):
    *_, X, y = in_files
    rows_of = _training._rows_of

    def fails(view, rows):
        if len(rows) == 256:  # of a batch
            raise OSError("the disk is gone")
        return rows_of(view, rows)

    monkeypatch.setattr(_training, "_rows_of", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        small(validation_fraction=0).fit(X[:2560], y[:2560])


class Interrupting:
    """A loss at which Ctrl-C comes in the third batch."""

    n_batches = 0

    def __call__(self, zx, zy):
        self.n_batches += 1
        if self.n_batches == 3:
            raise KeyboardInterrupt
        return CCALoss()(zx, zy)
