"""Encoders: the networks that they build, and what these compute."""

import math
import pickle

import numpy as np
import pytest
import torch
from _contract import each_check, run_check
from _deep_models import assert_same_states
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

import skdcca
from skdcca import DeepCCA
from skdcca.encoders import MLP, Encoder, ImageCNN, MelCNN, ModuleEncoder, SequenceEncoder
from skdcca.exceptions import UntrustedTypeError
from skdcca.losses import CCALoss


class Bottleneck(Encoder):
    """A user's encoder."""

    def __init__(self, width=8):
        self.width = width

    def build(self, shape, n_outputs):
        down, up = nn.Linear(math.prod(shape), self.width), nn.Linear(self.width, n_outputs)
        return nn.Sequential(nn.Flatten(), down, nn.Tanh(), up)


HEADS = ["mean", "attention", "gru"]
ENCODERS = [
    MLP(),
    MLP((), dropout=0.0),
    MLP([6], activation="tanh", batch_norm=False, input_noise=0.2),
    *(MelCNN(4, head=head) for head in HEADS),
    *(SequenceEncoder(6, head=head) for head in HEADS),
    ImageCNN(4, n_units=16),
    Bottleneck(width=5),
]
each_encoder = pytest.mark.parametrize("encoder", ENCODERS, ids=repr)


@pytest.fixture(autouse=True)
def same_weights():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def built(encoder, shape=(16, 64), n_outputs=3):
    """Return a network in evaluation mode, without dropout and noise."""
    return encoder.build(shape, n_outputs).eval()


@each_encoder
@each_check
def test_scikit_learn_contract(encoder, check):
    run_check(check, encoder)


@each_encoder
def test_copies_build_the_same_network(encoder):
    x = torch.randn(5, 16, 64)
    outputs = []
    for copy in (encoder, clone(encoder), pickle.loads(pickle.dumps(encoder)), eval(repr(encoder))):
        assert copy.get_params() == encoder.get_params()
        torch.manual_seed(1)
        outputs.append(built(copy)(x))
    assert all(torch.equal(output, outputs[0]) for output in outputs)
    # The encoder holds no weights, so the next network differs.
    assert not torch.equal(built(encoder)(x), outputs[0])
    assert vars(encoder) == clone(encoder).get_params()


def test_parameters_are_keys_of_a_grid():
    cca = DeepCCA(x_encoder=MLP(), y_encoder=Bottleneck())
    cca.set_params(x_encoder__dropout=0.3, y_encoder__width=2)
    parameters = clone(cca).get_params()
    assert parameters["x_encoder__dropout"] == cca.x_encoder.dropout == 0.3
    assert parameters["y_encoder__width"] == 2
    assert "x_encoder=MLP(dropout=0.3)" in repr(cca)
    with pytest.raises(ValueError, match="n_filters"):
        cca.set_params(x_encoder__n_filters=3)


def test_a_custom_encoder_is_trained():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    cca = DeepCCA(2, x_encoder=Bottleneck(5), fallback=None, n_networks=1, max_epochs=1)
    cca.fit(X, X[:, :3])
    assert (5, 4) in [weights.shape for weights in cca.x_state_.values()]
    with pytest.raises(NotImplementedError, match="Encoder must implement build"):
        Encoder().build((3,), 2)


@each_encoder
@pytest.mark.parametrize("shape", [(8, 64), (17, 131)])  # least and odd sizes
def test_shapes_of_the_outputs(encoder, shape):
    for n_outputs in (1, 7):
        output = encoder.build(shape, n_outputs)(torch.randn(5, *shape))
        assert output.shape == (5, n_outputs)
        assert output.isfinite().all()


@each_encoder
def test_every_weight_is_trained(encoder):
    x_network, y_network = (encoder.build((8, 256), 3) for _ in range(2))
    views = torch.randn(2, 50, 8, 256)
    CCALoss()(x_network(views[0]), y_network(views[1])).backward()
    for network in (x_network, y_network):
        for name, parameter in network.named_parameters():
            assert parameter.grad.isfinite().all(), name
            # Biases before a centering have no gradient, except for rounding.
            assert "weight" not in name or parameter.grad.abs().max() > 1e-5, name


def layers(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("parameters", "hidden"),
    [
        ({}, [nn.BatchNorm1d, nn.GELU, nn.Dropout]),
        ({"activation": "relu"}, [nn.BatchNorm1d, nn.ReLU, nn.Dropout]),
        ({"dropout": 0, "activation": "leaky_relu"}, [nn.BatchNorm1d, nn.LeakyReLU]),
        ({"batch_norm": False, "activation": "tanh"}, [nn.Tanh, nn.Dropout]),
        ({"batch_norm": False, "dropout": 0, "activation": "gelu"}, [nn.GELU]),
        ({"batch_norm": False, "dropout": 0, "activation": "silu"}, [nn.SiLU]),
        ({"batch_norm": False, "dropout": 0, "activation": "sigmoid"}, [nn.Sigmoid]),
    ],
)
def test_layers_of_the_mlp(parameters, hidden):
    network = built(MLP((6, 5), **parameters), (2, 4))
    assert [type(layer) for layer in network] == [nn.Flatten, *2 * [nn.Linear, *hidden], nn.Linear]
    assert [tuple(m.weight.shape) for m in layers(network, nn.Linear)] == [(6, 8), (5, 6), (3, 5)]
    assert all(layer.p == 0.2 for layer in layers(network, nn.Dropout))


@pytest.mark.parametrize(
    ("shape", "grid"),
    [
        ((28, 14), (7, 4)),
        ((8, 4), (2, 1)),
        ((1, 1), (1, 1)),
        ((3, 28, 28), (7, 7)),
        ((2, 100, 17), (8, 5)),
    ],
)
def test_images_of_any_size(shape, grid):
    network = built(ImageCNN(4, n_units=6), shape)
    assert network(torch.randn(5, *shape)).shape == (5, 3)
    channels = [convolution.in_channels for convolution in layers(network, nn.Conv2d)]
    assert channels == [shape[0] if len(shape) == 3 else 1, 4, 8]
    dense, last = layers(network, nn.Linear)
    assert dense.in_features == 16 * grid[0] * grid[1]
    assert (dense.out_features, last.in_features, last.out_features) == (6, 6, 3)
    assert len(layers(network, nn.GELU)) == 4
    assert len(layers(network, nn.BatchNorm2d)) == 3


def test_deep_cca_of_images():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(60, 8, 6)).cumsum(axis=2)
    networks = {"x_encoder": ImageCNN(2, n_units=8), "y_encoder": ImageCNN(2, n_units=8)}
    cca = DeepCCA(2, **networks, loss="ey_infonce", n_networks=1, max_epochs=1, random_state=0)
    for views in (np.split(images, 2, axis=2), [images[:, None, :4], images[:, None, 4:]]):
        assert cca.fit(*views).transform(views[0]).shape == (60, 2)


def test_no_hidden_layer_is_a_linear_map():
    a, b = torch.randn(2, 20, 6)

    def excess(network):
        return (network(a + b) + network(0 * a) - network(a) - network(b)).abs().max()

    assert excess(MLP(()).build((6,), 4)) < 1e-5  # also in training: nothing is left out
    assert excess(built(MLP((8,)), (6,), 4)) > 0.01


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_input_noise_masks_its_share_in_training_only(share):
    network = MLP((), input_noise=share).build((200,), 200)
    nn.init.eye_(network[-1].weight)  # the network is the identity
    nn.init.zeros_(network[-1].bias)
    x = 1 + torch.rand(500, 200)
    masked = network(x)
    assert torch.equal(masked, torch.where(masked == 0, 0, x)), "the others have changed"
    assert (masked == 0).float().mean() == pytest.approx(share, abs=0.01)
    assert not torch.equal(network(x) == 0, masked == 0), "the same numbers every time"
    assert torch.equal(network.eval()(x), x)


@pytest.mark.parametrize(
    ("encoder", "filters", "left"),
    [
        # Halved three times, and divided by four three times, rounded down.
        (MelCNN(), [(16, 1, 3, 3), (32, 16, 3, 3), (64, 32, 3, 3)], (64 * 4, 2)),
        (MelCNN(4, n_layers=2, kernel_size=(5, 1)), [(4, 1, 5, 1), (8, 4, 5, 1)], (8 * 9, 8)),
        (MelCNN(3, n_layers=1, pool_size=3), [(3, 1, 3, 3)], (3 * 12, 43)),
        (
            MelCNN(3, n_layers=1, kernel_size=[1, 7], pool_size=[1, 1]),
            [(3, 1, 1, 7)],
            (3 * 38, 131),
        ),
    ],
    ids=repr,
)
@pytest.mark.parametrize("head", HEADS)
def test_filters_and_sequence_of_the_convolutions(encoder, filters, left, head):
    network = built(clone(encoder).set_params(head=head), (38, 131))
    assert [tuple(m.weight.shape) for m in layers(network, nn.Conv2d)] == filters
    assert [m.num_features for m in layers(network, nn.BatchNorm2d)] == [f[0] for f in filters]
    assert network[:-3](torch.randn(2, 38, 131)).shape == (2, *left)
    assert [layer.p for layer in layers(network, nn.Dropout)] == [0.1]


@pytest.mark.parametrize("head", HEADS)
def test_only_the_recurrent_head_depends_on_the_order_in_time(head):
    x = torch.randn(10, 16, 64)
    # No filter or pool reaches across frames.
    cnn = MelCNN(4, n_layers=2, kernel_size=(3, 1), pool_size=(2, 1), head=head)
    for network in (built(cnn), built(SequenceEncoder(8, head=head))):
        output = network(x)
        for other in (x.flip(2), x[:, :, torch.randperm(64)]):
            change = (network(other) - output).abs().max() / output.std()
            assert change > 0.05 if head == "gru" else change < 1e-4


def test_sequence_encoder_convolves_pools_and_leaves_out_between_layers():
    network = built(
        SequenceEncoder(8, n_layers=3, kernel_size=5, pool_size=2, dropout=0.3), (6, 41)
    )
    convolutions = [tuple(m.weight.shape) for m in layers(network, nn.Conv1d)]
    assert convolutions == [(8, 6, 5), (8, 8, 5), (8, 8, 5)]
    assert network[:-3](torch.randn(2, 6, 41)).shape == (2, 8, 5)
    assert [layer.p for layer in layers(network, nn.Dropout)] == [0.3] * 3


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [
        (SequenceEncoder(8, head="steps", n_steps=4), (6, 40)),
        (MelCNN(4, n_layers=1, kernel_size=1, pool_size=1, head="steps", n_steps=4), (6, 40)),
    ],
    ids=repr,
)
def test_steps_are_in_their_place_in_time(encoder, shape):
    network = clone(encoder).build(shape, 12).eval()
    x = torch.randn(3, *shape)
    output = network(x).reshape(3, 3, 4)  # outputs of a step, steps
    # A change in the third quarter changes only the third step, and a shift in time shifts the
    # output.
    other = x.clone()
    other[:, :, 20:30] += 1
    change = (network(other).reshape(3, 3, 4) - output).abs().amax(dim=(0, 1))
    assert change[2] > 1e-3
    assert change[[0, 1, 3]].max() < 1e-6
    turned = network(x.roll(10, dims=2)).reshape(3, 3, 4)
    torch.testing.assert_close(turned, output.roll(1, dims=2))


def test_attention_is_the_mean_weighted_by_the_softmax_of_the_scores():
    network = built(MelCNN(4, head="attention"))
    nn.init.normal_(network[-3].score[-1].weight)  # far from the plain mean
    sequence = network[:-3](torch.randn(5, 16, 256))
    (V, b), (w, c) = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in layers(network[-3], nn.Linear)
    )
    for x, ours in zip(sequence.detach().numpy(), network[-3](sequence), strict=True):
        scores = np.array([w @ np.tanh(V @ x[:, t] + b) + c for t in range(x.shape[1])]).ravel()
        weights = np.exp(scores) / np.exp(scores).sum()
        expected = sum(weights[t] * x[:, t] for t in range(len(weights)))
        np.testing.assert_allclose(ours.detach(), expected, atol=1e-5)
        assert abs(expected - x.mean(axis=1)).max() > 1e-3


@pytest.mark.parametrize(
    ("encoder", "shape", "message"),
    [
        (
            MelCNN(),
            (8, 63),
            "8 bands and 63 frames is too small for n_layers=3 with pool_size=.2, 4.",
        ),
        (MelCNN(), (7, 64), "7 bands and 64 frames is too small"),
        (MelCNN(), (640,), r"Samples must have shape .*, got shape \(640,\)"),
        (MelCNN(), (1, 16, 64), r"Samples must have shape .*, got shape \(1, 16, 64\)"),
        (MelCNN(kernel_size=4), (16, 64), "`kernel_size` must be odd, got 4"),
        (MelCNN(kernel_size=(3, 2)), (16, 64), r"`kernel_size` must be odd, got \(3, 2\)"),
        (
            MelCNN(kernel_size=(3, 3, 3)),
            (16, 64),
            r"`kernel_size` must be an integer >= 1 or a pair.*got \(3, 3, 3\)",
        ),
        (MelCNN(pool_size=0), (16, 64), "`pool_size` must be an integer >= 1 or a pair.*got 0"),
        (MelCNN(n_filters=1.5), (16, 64), "`n_filters` must be an integer >= 1, got 1.5"),
        (MelCNN(n_layers=0), (16, 64), "`n_layers` must be an integer >= 1, got 0"),
        (
            MelCNN(head="max"),
            (16, 64),
            "`head` must be one of .'attention', 'gru', 'mean', 'steps'.*'max'",
        ),
        (ImageCNN(), (640,), r"Samples must have shape .*, got shape \(640,\)"),
        (ImageCNN(), (1, 2, 16, 64), r"Samples must have shape .*got shape \(1, 2, 16, 64\)"),
        (ImageCNN(0), (16, 64), "`n_filters` must be an integer >= 1, got 0"),
        (ImageCNN(n_units=1.5), (16, 64), "`n_units` must be an integer >= 1, got 1.5"),
        (ImageCNN(dropout=-0.1), (16, 64), r"`dropout` must be .*got -0.1"),
        (MelCNN(dropout=1.0), (16, 64), r"`dropout` must be a finite number in \[0, 1\), got 1.0"),
        (SequenceEncoder(), (6,), r"Samples must have shape .*, got shape \(6,\)"),
        (SequenceEncoder(0), (6, 4), "`n_units` must be an integer >= 1, got 0"),
        (SequenceEncoder(head="max"), (6, 4), "`head` must be .*got 'max'"),
        (SequenceEncoder(dropout=1), (6, 4), "`dropout` must be .*got 1"),
        (SequenceEncoder(n_layers=0), (6, 4), "`n_layers` must be .*got 0"),
        (SequenceEncoder(kernel_size=2), (6, 4), "`kernel_size` must be odd, got 2"),
        (SequenceEncoder(pool_size=1.5), (6, 4), "`pool_size` must be .*got 1.5"),
        (SequenceEncoder(n_layers=2, pool_size=3), (6, 8), "8 steps is too short for n_layers=2"),
        (SequenceEncoder(head="steps", n_steps=0), (6, 4), "`n_steps` must be .*got 0"),
        (
            SequenceEncoder(head="steps", n_steps=2),
            (6, 4),
            "a multiple of n_steps=2 .*, got 3",
        ),
        (
            MelCNN(head="steps", n_steps=1024),
            (16, 64),
            "`n_steps` must be <= 1, .*, got 1024",
        ),
        (
            MelCNN(head="steps", n_steps=2),
            (16, 128),
            "a multiple of n_steps=2 .*, got 3",
        ),
        (
            SequenceEncoder(head="steps"),
            (6, 19),
            "`n_steps` must be <= 19, .*, got 20",
        ),
        (MLP((8, 0)), (6,), r"`hidden_layer_sizes` must be a tuple.*got \(8, 0\)"),
        (MLP((8, True)), (6,), r"`hidden_layer_sizes` must be a tuple.*got \(8, True\)"),
        (MLP(activation="softplus"), (6,), "`activation` must be one of .*'tanh'.*got 'softplus'"),
        (MLP(dropout=-0.1), (6,), "`dropout` must be .*got -0.1"),
        (MLP(dropout=np.nan), (6,), "`dropout` must be .*got nan"),
        (MLP(input_noise=1), (6,), r"`input_noise` must be a finite number in \[0, 1\), got 1"),
        (MLP(input_noise="some"), (6,), "`input_noise` must be .*got 'some'"),
    ],
    ids=repr,
)
def test_bad_parameters_are_named(encoder, shape, message):
    with pytest.raises(ValueError, match=message):
        encoder.build(shape, 3)


# Modules as encoders


def network(n_outputs=2, width=8):
    return nn.Sequential(
        nn.Linear(5, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Linear(width, n_outputs)
    )


def module_views():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    return X, X[:, :3] + 0.1 * rng.normal(size=(200, 3))


def of_modules(**params):
    # One network, whose weights are not compared with a linear model.
    defaults = {"x_encoder": network(), "max_epochs": 2, "random_state": 0}
    return DeepCCA(2, fallback=None, n_networks=1, **defaults | params)


def state(module):
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def test_a_module_is_copied_and_reinitialized_from_random_state():
    X, y = module_views()
    module = network()
    before = state(module)
    fitted = of_modules(x_encoder=module).fit(X, y)
    assert_same_states(state(module), before)
    # The weights depend on the seed, not on those of the given module.
    again = of_modules(x_encoder=network()).fit(X, y)
    assert_same_states(again.x_state_, fitted.x_state_)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    other = of_modules(x_encoder=module, random_state=1).fit(X, y)
    assert not np.array_equal(other.x_state_["1.0.weight"], fitted.x_state_["1.0.weight"])
    # The network equals that of an encoder.

    class Built(Encoder):
        def build(self, shape, n_outputs):
            return network()

    assert fitted.x_state_.keys() == of_modules(x_encoder=Built()).fit(X, y).x_state_.keys()


class Bias(nn.Module):
    """A layer that cannot be reset."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.full((2,), value))

    def forward(self, x):
        return x + self.value


def test_weights_that_are_kept_or_cannot_be_reset_are_those_given():
    module = nn.Sequential(nn.Linear(5, 2), Bias(3.0)).double()
    for encoder, kept in (
        (ModuleEncoder(module), False),
        (ModuleEncoder(module, keep_weights=True), True),
    ):
        built = encoder.build((5,), 2)
        assert built[1].value.tolist() == [3.0, 3.0]
        assert torch.equal(built[0].weight, module[0].weight.float()) == kept
        assert built(torch.zeros(4, 5)).dtype == torch.float32
    X, y = module_views()
    kept = ModuleEncoder(module, keep_weights=True)
    fits = [
        of_modules(x_encoder=kept, lr=1e-12, weight_decay=0, random_state=seed).fit(X, y)
        for seed in range(2)
    ]
    for fitted in fits:
        np.testing.assert_allclose(
            fitted.x_state_["1.0.weight"], state(module)["0.weight"], atol=1e-6
        )


def test_a_module_may_reset_its_children():
    class Zero(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 2)

        def reset_parameters(self):
            nn.init.zeros_(self.linear.weight)

        def forward(self, x):
            return self.linear(x)

    assert not ModuleEncoder(Zero()).build((5,), 2).linear.weight.any()


def test_modules_are_parameters_as_others_are():
    X, y = module_views()
    model = of_modules()
    expected = clone(model).fit(X, y).transform(X)
    assert clone(model).get_params()["x_encoder"] is not model.x_encoder
    for copied in (clone(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copied.fit(X, y).transform(X), expected)
    fitted = model.fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), expected)
    grid = {"x_encoder": [nn.Linear(5, 2), network(), network(width=20)]}
    search = GridSearchCV(of_modules(), grid, cv=2).fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 3
    by_encoder = of_modules(x_encoder=ModuleEncoder(network()))
    by_encoder.set_params(x_encoder__keep_weights=True)
    assert by_encoder.get_params()["x_encoder__keep_weights"] is True
    assert repr(by_encoder.x_encoder).startswith("ModuleEncoder(Sequential(")
    assert repr(by_encoder.x_encoder).endswith("keep_weights=True)")


def test_a_warm_start_continues_a_module():
    X, y = module_views()
    model = of_modules(warm_start=True).fit(X, y)
    assert model.fit(X, y).n_epochs_ == 4
    assert model.set_params(x_encoder=network()).fit(X, y).n_epochs_ == 6
    with pytest.raises(
        ValueError,
        match=r"(?s)must be the fitted ModuleEncoder\(.* with warm_start=True, got ModuleEncoder\(",
    ):
        model.set_params(x_encoder=network(width=9)).fit(X, y)


def test_a_checkpoint_recognizes_a_module(tmp_path):
    X, y = module_views()
    first = of_modules(checkpoint=tmp_path).fit(X, y)
    again = clone(first).fit(X, y)  # another copy of the same module
    assert_same_states(again.x_state_, first.x_state_)
    assert again.history_[0] == first.history_[0]  # read from the file, with its duration
    wrapped = ModuleEncoder(first.x_encoder, keep_weights=True)
    for other in (network(), network(width=9), wrapped):
        with pytest.raises(ValueError, match="other data or other parameters"):
            clone(first).set_params(x_encoder=other).fit(X, y)
    folder = tmp_path / "wrapped"
    second = of_modules(x_encoder=wrapped, checkpoint=folder).fit(X, y)
    assert clone(second).fit(X, y).history_[0] == second.history_[0]


def test_modules_that_do_not_fit_are_named():
    X, y = module_views()
    shape = r"\(2, 2\) for 2 samples.*n_components=2, got \(2, 3\).*n_components=3"
    wide = f"of x_encoder=ModuleEncoder.* {shape}"
    with pytest.raises(ValueError, match=wide):
        of_modules(x_encoder=network(3)).fit(X, y)
    narrow = r"of y_encoder=ModuleEncoder.* shape \(n_samples, 3\) to \(n_samples, 2\)"
    with pytest.raises(ValueError, match=narrow):
        of_modules(y_encoder=network()).fit(X, y)
    with pytest.raises(
        ValueError, match=r"`keep_weights` must be one of \[False, True\], got 'all'"
    ):
        of_modules(x_encoder=ModuleEncoder(network(), keep_weights="all")).fit(X, y)


def test_save_names_a_module_and_the_remedy(tmp_path):
    fitted = of_modules().fit(*module_views())
    with pytest.raises(UntrustedTypeError, match=r"Sequential \(in x_encoder\).*joblib.dump"):
        skdcca.save(fitted, tmp_path / "model")
