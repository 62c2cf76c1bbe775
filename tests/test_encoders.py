"""Encoders: what is built for which parameters, and what the networks do with their input."""

import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils import estimator_checks
from torch import nn

from skdcca import DeepCCA
from skdcca.encoders import MLP, Encoder, MelCNN, SequenceEncoder
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
    Bottleneck(width=5),
]
each_encoder = pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
NO_FIT_CHECKS = (
    "estimator_cloneable estimator_repr estimator_tags_renamed get_params_invariance mixin_order "
    "no_attributes_set_in_init parameters_default_constructible set_params valid_tag_types"
).split()


@pytest.fixture(autouse=True)
def same_weights():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def built(encoder, shape=(16, 64), n_outputs=3):
    """Network as it is after training; `train` brings dropout and the noise back."""
    return encoder.build(shape, n_outputs).eval()


@each_encoder
@pytest.mark.parametrize("check", NO_FIT_CHECKS)
def test_scikit_learn_contract(encoder, check):
    getattr(estimator_checks, f"check_{check}")(type(encoder).__name__, encoder)


@each_encoder
def test_copies_build_the_same_network(encoder):
    x = torch.randn(5, 16, 64)
    outputs = []
    for copy in (encoder, clone(encoder), pickle.loads(pickle.dumps(encoder)), eval(repr(encoder))):
        assert copy.get_params() == encoder.get_params()
        torch.manual_seed(1)
        outputs.append(built(copy)(x))
    assert all(torch.equal(output, outputs[0]) for output in outputs)
    # The parameter object holds no weights: the next network is another one.
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


def test_a_users_encoder_is_trained():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    cca = DeepCCA(2, x_encoder=Bottleneck(5), max_epochs=1, random_state=0).fit(X, X[:, :3])
    assert (5, 4) in [weights.shape for weights in cca.x_state_.values()]
    with pytest.raises(NotImplementedError, match="Encoder has no build"):
        Encoder().build((3,), 2)


@each_encoder
@pytest.mark.parametrize("shape", [(8, 64), (17, 131)])  # one band and frame are left of the first
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
            # The mean is taken away after some biases: these have no gradient but rounding.
            assert "weight" not in name or parameter.grad.abs().max() > 1e-5, name


def layers(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("parameters", "hidden"),
    [
        ({}, [nn.BatchNorm1d, nn.ReLU, nn.Dropout]),
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


def test_no_hidden_layer_is_a_linear_map():
    a, b = torch.randn(2, 20, 6)

    def excess(network):
        return (network(a + b) + network(0 * a) - network(a) - network(b)).abs().max()

    assert excess(MLP(()).build((6,), 4)) < 1e-5  # also in training: nothing is left out
    assert excess(built(MLP((8,)), (6,), 4)) > 0.01


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_input_noise_masks_its_share_in_training_only(share):
    network = MLP((), input_noise=share).build((200,), 200)
    nn.init.eye_(network[-1].weight)  # what goes in comes out
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
def test_only_the_recurrent_head_knows_the_order_in_time(head):
    x = torch.randn(10, 16, 64)
    # No filter and no pool reaches from one frame to another.
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
    # What sounds in the third quarter changes the third step alone, and quarters that change places
    # do so in the output.
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
        (MelCNN(), (8, 63), "8 bands and 63 frames is too small for 3 layers that pool by .2, 4."),
        (MelCNN(), (7, 64), "7 bands and 64 frames is too small"),
        (MelCNN(), (640,), r"a sample here has \(640,\)"),
        (MelCNN(), (1, 16, 64), r"a sample here has \(1, 16, 64\)"),
        (MelCNN(kernel_size=4), (16, 64), "kernel_size=4; it must be odd"),
        (MelCNN(kernel_size=(3, 2)), (16, 64), r"kernel_size=\(3, 2\); it must be odd"),
        (MelCNN(kernel_size=(3, 3, 3)), (16, 64), r"kernel_size=\(3, 3, 3\)"),
        (MelCNN(pool_size=0), (16, 64), "pool_size=.*0"),
        (MelCNN(n_filters=1.5), (16, 64), "n_filters=.*1.5"),
        (MelCNN(n_layers=0), (16, 64), "n_layers=.*0"),
        (MelCNN(head="max"), (16, 64), "head='max'; it must be one of .'attention', 'gru', 'mean'"),
        (MelCNN(dropout=1.0), (16, 64), "dropout=1.0"),
        (SequenceEncoder(), (6,), r"a sample here has \(6,\)"),
        (SequenceEncoder(0), (6, 4), "n_units=0"),
        (SequenceEncoder(head="max"), (6, 4), "head='max'"),
        (SequenceEncoder(dropout=1), (6, 4), "dropout=1"),
        (SequenceEncoder(n_layers=0), (6, 4), "n_layers=0"),
        (SequenceEncoder(kernel_size=2), (6, 4), "kernel_size=2; it must be odd"),
        (SequenceEncoder(pool_size=1.5), (6, 4), "pool_size=1.5"),
        (SequenceEncoder(n_layers=2, pool_size=3), (6, 8), "8 steps is too short for 2 layers"),
        (SequenceEncoder(head="steps", n_steps=0), (6, 4), "n_steps=0"),
        (
            SequenceEncoder(head="steps", n_steps=2),
            (6, 4),
            "n_steps=2 steps as many outputs, and 3",
        ),
        (
            MelCNN(head="steps", n_steps=1024),
            (16, 64),
            "n_steps=1024, but the layers leave 1 steps",
        ),
        (
            MelCNN(head="steps", n_steps=2),
            (16, 128),
            "n_steps=2 steps as many outputs, and 3 cannot",
        ),
        (SequenceEncoder(head="steps"), (6, 19), "n_steps=20, but the layers leave 19 steps"),
        (MLP((8, 0)), (6,), r"hidden_layer_sizes=\(8, 0\)"),
        (MLP((8, True)), (6,), r"hidden_layer_sizes=\(8, True\)"),
        (MLP(activation="softplus"), (6,), "activation='softplus'; it must be one of .*'tanh'"),
        (MLP(dropout=-0.1), (6,), "dropout=-0.1"),
        (MLP(dropout=np.nan), (6,), "dropout=nan"),
        (MLP(input_noise=1), (6,), "input_noise=1; it must be a share"),
        (MLP(input_noise="some"), (6,), "input_noise='some'"),
    ],
    ids=repr,
)
def test_bad_parameters_are_named(encoder, shape, message):
    with pytest.raises(ValueError, match=message):
        encoder.build(shape, 3)
