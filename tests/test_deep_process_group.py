"""DeepCCA and its losses in two processes with unequal shares, against one process with all rows."""

import multiprocessing
import os
import pickle
import re
import signal
import traceback
import warnings
from functools import partial
from inspect import signature

import numpy as np
import pytest
import torch
from _deep_models import assert_same_states, without_time
from _views import shared_views
from skorch.callbacks import Callback
from torch import distributed as dist
from torch import nn

from skdcca import DeepCCA
from skdcca._deep.process_group import DistributedBatchNorm, ProcessGroup
from skdcca._utils.process_group import SINGLE_PROCESS, SingleProcess
from skdcca.encoders import MLP, Encoder, MelCNN
from skdcca.exceptions import LinearFallbackWarning
from skdcca.losses import (
    BarlowTwinsLoss,
    CCALoss,
    EYInfoNCELoss,
    EYLoss,
    InfoNCELoss,
    Loss,
    VICRegLoss,
    as_loss,
    build_objective,
)

# Of 240 rows the first process has 170, the second 70.
N, FIRST = 240, 170


def distance(zx, zy):
    """A loss that is a function, written for a single process."""
    return (zx - zy).square().mean() - CCALoss()(zx, zy).square() / 10


class DistanceLoss(Loss):
    """A user's loss, written for a single process."""

    def __call__(self, zx, zy):
        return distance(zx, zy)


LOSSES = {
    "cca": CCALoss(),
    "ey": EYLoss(reg=0.1),
    "barlow_twins": BarlowTwinsLoss(),
    "vicreg": VICRegLoss(),
    "infonce": InfoNCELoss(),
    "infonce, fixed": InfoNCELoss(learn_temperature=False),
    "ey_infonce": EYInfoNCELoss(),
    "ey_infonce, fixed": EYInfoNCELoss(15, learn_temperature=False),
    "a user's loss": DistanceLoss(),
}


def views(n=N, dtype=np.float64):
    X, y = shared_views(n, noise=0.5)
    y[:, 0] += 0.02 * np.arange(n)  # the shares do not have the same means
    return X.astype(dtype), y.astype(dtype)


def row_weights(n=N):
    """Return weights of the rows, some of which are 0."""
    return np.random.default_rng(0).choice([0.0, 0.5, 1.0, 3.0], n)


def row_groups(n=N):
    """Return groups of three rows, some of which are divided between the processes."""
    return np.random.default_rng(0).permutation(np.arange(n) // 3)


def spectrograms():
    X, y = views()
    return np.einsum("ni,j->nij", X, np.linspace(0.5, 1, 16)), y


class Own(nn.Module):
    """A user's loss with a weight to learn."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, zx, zy):
        return self.scale.square() * (zx - zy).square().mean() + EYLoss()(zx, zy)


class Cumulative(Encoder):
    """Batch normalization with other settings; a layer that is not used; one that is not trained."""

    def build(self, shape, n_outputs):
        layers = nn.Sequential(
            nn.Linear(shape[0], 8),
            nn.BatchNorm1d(8, affine=False, momentum=None),
            nn.Tanh(),
            nn.Linear(8, n_outputs),
        )
        layers.register_parameter("unused", nn.Parameter(torch.ones(3)))
        layers[0].bias.requires_grad_(False)
        return layers


def deep(n_components=2, **params):
    encoder = MLP((16,), dropout=0)
    settings = {"x_encoder": encoder, "y_encoder": encoder, "max_epochs": 3, "batch_size": 40}
    settings |= {"fallback": None, "n_networks": 1, "loss": "ey"}
    # Adam would take steps of full size by the rounding of gradients that are 0, as of a bias before
    # batch normalization.
    settings |= {"optimizer": "sgd", "lr": 0.05, "random_state": 0, "device": "cpu"}
    return DeepCCA(n_components, **settings | params)


RATES = {"cca": 0.05, "ey": 0.05, "barlow_twins": 0.01, "vicreg": 1e-3}
FITS = {
    **{name: deep(loss=name, lr=lr) for name, lr in RATES.items()},
    # With two components some rows are soon near 0, and their direction is rounding.
    "infonce": deep(4, loss=InfoNCELoss(0.5), lr=0.01),
    "a function": deep(loss=distance),
    "a user's loss": deep(loss=DistanceLoss()),
    "a module": deep(loss=Own()),
    "stops early": deep(patience=1, max_epochs=30, lr_schedule="constant"),
    "nothing held out": deep(validation_fraction=0),
    "defaults": deep(batch_size=None, loss="cca"),
    "other layers": deep(x_encoder=Cumulative(), y_encoder=MLP((8,), dropout=0, batch_norm=False)),
    "tiny batches": deep(
        batch_size=4, max_epochs=1, lr=0.005
    ),  # of which a process often has no row
}
CNN = MelCNN(4, n_layers=1, dropout=0)


class FailIn(Callback):
    """Fail in one process, in the second batch."""

    def __init__(self, number, fail):
        self.number, self.fail, self.n_batches = number, fail, 0

    def on_batch_begin(self, net, **kwargs):
        self.n_batches += 1
        if dist.get_rank() == self.number and self.n_batches == 2:
            self.fail()


class Rows(Callback):
    """Record the first column of X in each batch."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_batch_begin(self, net, batch=None, **kwargs):
        self.seen.append(batch[0]["x"][:, 0].tolist())


def raises():
    raise MemoryError("no memory here")


def interrupts():
    raise KeyboardInterrupt


def own_rows(*views):
    rows = slice(FIRST) if dist.get_rank() == 0 else slice(FIRST, None)
    return [view[rows] for view in views]


def what_it_raises(model, X, y, sample_weight=None):
    try:
        model.fit(X, y, sample_weight)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def values(loss, zx, zy, group):
    """Return the value of a loss and its gradients."""
    zx, zy = (torch.tensor(z, requires_grad=True) for z in (zx, zy))
    module = build_objective(as_loss(loss, reg=0), group).double()
    value = module(zx, zy)
    value.backward()
    learned = [weight.grad.item() for weight in module.parameters()]
    return [value.item(), zx.grad.numpy(), zy.grad.numpy(), *learned]


def normalized(layer, x, group):
    """Return output, gradients and running moments of batch normalization."""
    x = torch.tensor(x, requires_grad=True)
    out = layer(x)
    weight = torch.linspace(0.1, 1, out[0].numel()).view(out[0].shape)
    (out**3 * weight).sum().backward()
    module = nn.ModuleList([layer])
    group.all_reduce_gradients(module, nn.Module())
    gradients = [p.grad.numpy() for p in layer.parameters()]
    moments = [m.double().numpy() for m in (layer.running_mean, layer.running_var)]
    return [out.detach().numpy(), x.grad.numpy(), *gradients, *moments, layer.num_batches_tracked]


def norm(of=nn.BatchNorm1d):
    torch.manual_seed(0)
    layer = of(4, dtype=torch.float64)
    nn.init.uniform_(layer.weight)
    return layer


def images(y):
    return y[:, :, None, None] * np.arange(1, 7).reshape(2, 3)


def in_each_process():
    """Return all that the tests compare, from one process of two."""
    X, y = views()
    mine = own_rows(X, y)
    found = {}
    with ProcessGroup(len(mine[0])) as group:
        group.check_same()
        zx, zy = own_rows(X[:, :4], y)
        found["losses"] = {name: values(loss, zx, zy, group) for name, loss in LOSSES.items()}
        found["losses"]["a function"] = values(distance, zx, zy, group)
        found["norm"] = normalized(DistributedBatchNorm.convert(norm(), group), zy, group)
        layer = DistributedBatchNorm.convert(norm(nn.BatchNorm2d), group)
        found["norm of images"] = normalized(layer, images(zy), group)
    found["local cca"] = CCALoss()(torch.tensor(zx), torch.tensor(zy)).item()
    for name, model in FITS.items():
        found[name] = pickle.dumps(model.set_params(distributed=True).fit(*mine))
    found["spectrograms"] = pickle.dumps(
        deep(x_encoder=CNN, distributed=True, max_epochs=2).fit(*own_rows(*spectrograms()))
    )
    (weight,) = own_rows(row_weights())
    found["weights"] = pickle.dumps(deep(distributed=True).fit(*mine, sample_weight=weight))
    (groups,) = own_rows(row_groups())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinearFallbackWarning)
        linear = deep(distributed=True, fallback="linear", max_epochs=1).fit(*mine, groups=groups)
    found["linear model"] = pickle.dumps(linear)
    warm = deep(distributed=True, warm_start=True)
    found["warm start"] = pickle.dumps(warm.fit(*mine).fit(*mine))
    # What the script has drawn before does not matter, and differs between the processes. The state of
    # NumPy, from which the first process draws its seed, is set so that every run is the same.
    torch.manual_seed(dist.get_rank())
    np.random.seed(1 + dist.get_rank())  # noqa: NPY002
    dropout = deep(
        distributed=True, x_encoder=MLP((16,)), random_state=None, callbacks=[rows := Rows()]
    )
    found["dropout, no seed"] = pickle.dumps(dropout.fit(*mine).set_params(callbacks=None))
    found["rows"] = rows.seen
    for loss in (*RATES, "infonce"):
        adam = deep(distributed=True, loss=loss, optimizer="adamw", lr=1e-3)
        found[f"adam, {loss}"] = adam.fit(*mine).history_
    found["alone among several"] = pickle.dumps(deep().fit(*mine))
    found["refused"] = refusals(mine)
    return found


def refusals(mine):
    X, y = mine
    spoiled = X.copy()
    second = dist.get_rank() == 1
    if second:
        spoiled[3, 2] = np.nan
    shared = partial(deep, distributed=True)
    return {
        "NaN": what_it_raises(shared(), spoiled, y),
        "another lr": what_it_raises(shared(lr=0.1 if second else 0.2), X, y),
        "another width": what_it_raises(shared(), X[:, : 6 - second], y),
        "weights in one": what_it_raises(shared(), X, y, np.ones(len(X)) if second else None),
        "diverges": what_it_raises(shared(optimizer="sgd", lr=1e30), X, y),
        "too many components": what_it_raises(shared(n_components=216), X, y),
        "constant": what_it_raises(shared(), np.ones_like(X), y),
        "raises": what_it_raises(shared(callbacks=[FailIn(1, raises)]), X, y),
        "Ctrl-C": what_it_raises(shared(callbacks=[FailIn(0, interrupts)]), X, y),
        "y_transformer": what_it_raises(shared(y_transformer=DeepCCA()), X, y),
    }


def work(number, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/init", rank=number, world_size=2)
    try:
        found = in_each_process()
        # The last, as the second process does not come back.
        death = FailIn(1, lambda: os.kill(os.getpid(), signal.SIGKILL))
        (folder / f"found-{number}").write_bytes(pickle.dumps(found))
        raised = what_it_raises(deep(distributed=True, callbacks=[death]), *own_rows(*views()))
        (folder / f"raised-{number}").write_text(raised)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # the group can no longer be destroyed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(i, folder)) for i in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        process.kill()
    assert [process.exitcode for process in processes] == [0, -signal.SIGKILL]
    return folder


@pytest.fixture(scope="module")
def both(folder):
    return [pickle.loads((folder / f"found-{i}").read_bytes()) for i in range(2)]


# Losses


@pytest.mark.parametrize("name", [*LOSSES, "a function"])
def test_a_loss_of_two_processes_equals_one(both, name):
    X, y = views()
    ours = [found["losses"][name] for found in both]
    expected, *gradients = values(LOSSES.get(name, distance), X[:, :4], y, SINGLE_PROCESS)
    for value, *_ in ours:
        assert value == pytest.approx(expected, abs=1e-10)
    for view, gradient in enumerate(gradients[:2], 1):
        found = np.concatenate([found[view] for found in ours])
        np.testing.assert_allclose(found, gradient, rtol=0, atol=1e-10)
    # The weights of a loss have the whole gradient in each process.
    for theirs in ours:
        for found, gradient in zip(theirs[3:], gradients[2:], strict=True):
            assert found == pytest.approx(gradient, abs=1e-10)


def test_the_mean_of_the_losses_of_each_process_differs(both):
    X, y = views()
    whole = values(CCALoss(), X[:, :4], y, SINGLE_PROCESS)[0]
    assert abs(np.mean([found["local cca"] for found in both]) - whole) > 0.01


# Layers


@pytest.mark.parametrize(
    ("name", "layer", "make"),
    [("norm", nn.BatchNorm1d, np.asarray), ("norm of images", nn.BatchNorm2d, images)],
)
def test_batch_normalization_equals_torch_on_all_rows(both, name, layer, make):
    expected = normalized(norm(layer), make(views()[1]), SINGLE_PROCESS)
    first, second = (found[name] for found in both)
    for ours, theirs, whole in zip(first[:2], second[:2], expected[:2], strict=True):
        np.testing.assert_allclose(np.concatenate([ours, theirs]), whole, rtol=0, atol=1e-8)
    for process in (first, second):
        for ours, whole in zip(process[2:], expected[2:], strict=True):
            np.testing.assert_allclose(ours, whole, rtol=1e-8, atol=1e-8)


# Models


def load(both, name):
    return [pickle.loads(found[name]) for found in both]


def assert_equal_models(one, other):
    for side in ("x_state_", "y_state_"):
        assert_same_states(getattr(one, side), getattr(other, side))
    assert without_time(one.history_) == without_time(other.history_)
    X, y = views()
    for ours, theirs in zip(one.transform(X, y), other.transform(X, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def assert_close_models(ours, whole, X, y):
    assert ours.n_epochs_ == whole.n_epochs_
    assert ours.batch_size_ == whole.batch_size_
    for name in ("train_loss", "train_correlation", "valid_correlation"):
        course, expected = ([row.get(name, 0) for row in m.history_] for m in (ours, whole))
        np.testing.assert_allclose(course, expected, rtol=1e-6, atol=1e-6, err_msg=name)
    for side in ("x_state_", "y_state_"):
        for name, value in getattr(whole, side).items():
            np.testing.assert_allclose(getattr(ours, side)[name], value, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(
        ours.canonical_correlations_, whole.canonical_correlations_, atol=1e-5
    )
    for one, other in zip(ours.transform(X, y), whole.transform(X, y), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    np.testing.assert_allclose(ours.predict(X), whole.predict(X), atol=1e-2)
    assert ours.score(X, y) == pytest.approx(whole.score(X, y), abs=1e-5)


@pytest.mark.parametrize("name", FITS)
def test_two_processes_train_as_one_that_has_all_rows(both, name):
    X, y = views()
    first, second = load(both, name)
    assert_equal_models(first, second)
    assert_close_models(first, FITS[name].set_params(distributed=False).fit(X, y), X, y)


def test_two_processes_decide_as_one(both):
    first, second = load(both, "linear model")
    X, y = views()
    with pytest.warns(LinearFallbackWarning):
        whole = deep(fallback="linear", max_epochs=1).fit(X, y, groups=row_groups())
    assert first.decision_ == second.decision_
    assert first.decision_["model"] == whole.decision_["model"] == "linear"
    for name in ("networks", "linear", "standard_error", "n_rows"):
        assert first.decision_[name] == pytest.approx(whole.decision_[name], abs=1e-5), name
    for ours in (first, second):
        for one, other in zip(ours.transform(X, y), whole.transform(X, y), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
        np.testing.assert_allclose(ours.predict(X), whole.predict(X), atol=1e-9)


def test_two_processes_with_weights_train_as_one(both):
    first, second = load(both, "weights")
    assert_equal_models(first, second)
    X, y = views()
    assert_close_models(first, deep().fit(X, y, sample_weight=row_weights()), X, y)


@pytest.mark.parametrize("loss", [*RATES, "infonce"])
def test_the_losses_of_all_epochs_equal_one_process_with_adam(both, loss):
    expected = deep(loss=loss, optimizer="adamw", lr=1e-3).fit(*views()).history_
    for found in both:
        ours, theirs = (
            [row["train_loss"] for row in history] for history in (found[f"adam, {loss}"], expected)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_convolutions_and_warm_start(both):
    X, y = spectrograms()
    whole = deep(x_encoder=CNN, max_epochs=2).fit(X, y)
    assert_close_models(load(both, "spectrograms")[0], whole, X, y)
    X, y = views()
    first, second = load(both, "warm start")
    assert_equal_models(first, second)
    assert_close_models(first, deep(warm_start=True).fit(X, y).fit(X, y), X, y)


def test_without_a_seed_and_with_dropout_both_end_with_one_model(both):
    first, second = load(both, "dropout, no seed")
    assert_equal_models(first, second)
    X, y = views()
    assert first.score(X, y) > 1


def test_every_epoch_sees_every_training_row_once_in_full_batches(both):
    seen = [a + b for a, b in zip(*(found["rows"] for found in both), strict=True)]
    assert set(map(len, seen)) == {43, 44}  # 216 rows in five batches
    epochs = np.concatenate(seen).reshape(3, 216)
    for epoch in epochs:
        assert len(set(epoch)) == 216
        assert set(epoch) == set(epochs[0])
    assert set(epochs[0]) <= set(views()[0][:, 0])


def test_other_processes_are_ignored_by_default(both):
    X, y = views()
    shares = slice(FIRST), slice(FIRST, None)
    for rows, model in zip(shares, load(both, "alone among several"), strict=True):
        alone = deep().fit(X[rows], y[rows])
        assert without_time(model.history_) == without_time(alone.history_)


# Errors


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        (
            "NaN",
            ["RuntimeError: Process 1 .*ValueError: Input X contains NaN", "ValueError: .*NaN"],
        ),
        (
            "another lr",
            ["ValueError: `lr` must be the same .*, got 0.2 in process 0 and 0.1 in process 1"] * 2,
        ),
        (
            "another width",
            [r"ValueError: A sample of X must be .*, got float64 of shape \(6,\) in process 0"] * 2,
        ),
        (
            "weights in one",
            ["ValueError: Passing sample_weight must be the same .*, got False in process 0"] * 2,
        ),
        (
            "diverges",
            ["DivergenceError: Training diverged|DivergenceError: The network returns"] * 2,
        ),
        ("too many components", ["ValueError: `n_components` must be <= 215 .*, got 216"] * 2),
        ("constant", ["ValueError: Every column of X is constant in the 216 training rows"] * 2),
        (
            "raises",
            [
                "RuntimeError: Process 0 cannot continue, because another process failed",
                "MemoryError: no memory here",
            ],
        ),
        (
            "Ctrl-C",
            [
                "KeyboardInterrupt",
                "RuntimeError: Process 1 cannot continue, because another process failed",
            ],
        ),
        (
            "y_transformer",
            ["ValueError: `y_transformer` must be None with distributed=True, got DeepCCA"] * 2,
        ),
    ],
)
def test_an_error_is_raised_in_every_process(both, name, messages):
    for found, message in zip(both, messages, strict=True):
        assert re.match(message, found["refused"][name]), found["refused"][name]


def test_a_process_that_dies_ends_the_others(folder):
    assert (
        (folder / "raised-0")
        .read_text()
        .startswith(
            "RuntimeError: Process 0 cannot continue, because another process failed, ended"
        )
    )
    assert not (folder / "raised-1").exists()


def test_a_single_process_has_the_methods_of_a_group():
    public = [name for name in dir(SingleProcess) if not name.startswith("_")]
    group = ProcessGroup(1)
    group.rank, group.n_processes = 0, 1  # set when it is entered
    for name in public:
        assert callable(getattr(group, name)) == callable(getattr(SINGLE_PROCESS, name)), name
        if callable(getattr(group, name)):
            ours, theirs = (signature(getattr(g, name)) for g in (group, SINGLE_PROCESS))
            assert ours == theirs, name


def test_one_process_cannot_be_several(tmp_path):
    X, y = views()
    with pytest.raises(ValueError, match=r"must be initialized with distributed=True.*torchrun"):
        deep(distributed=True).fit(X, y)
    with pytest.raises(
        ValueError, match=r"`distributed` must be one of \[False, True\], got 'yes'"
    ):
        deep(distributed="yes").fit(X, y)
