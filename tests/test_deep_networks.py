"""Networks of DeepCCA: input scaling, encoders, outputs, types and shapes."""

import numpy as np
import pytest
import torch
from _deep_models import LOSS_NAMES, Flat, small, two_views
from sklearn.base import clone
from torch import nn

from skdcca import DeepCCA
from skdcca._deep.networks import Standardize
from skdcca.encoders import MLP, Encoder, MelCNN
from skdcca.exceptions import RankWarning


def test_units_and_offsets_do_not_matter():
    X, y = two_views()
    rescaled = 3000 + X * np.array([1e3, 1e-3, 1, 1, 1e6, 1e-6])
    rescaled[:, 5] -= 3000
    seen = []  # what reaches the networks
    for view in (X, rescaled):
        standardize = Standardize((6,))
        standardize.fit(view, np.arange(300), "X")
        seen.append(standardize(torch.from_numpy(view)).numpy())
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-5)
    assert np.square(seen[0]).mean() == pytest.approx(1, abs=1e-6)
    # Training amplifies their rounding.
    one = small(projection="whitened").fit(X, y).transform(X)
    other = small(projection="whitened").fit(rescaled, y).transform(rescaled)
    np.testing.assert_allclose(other, one, atol=0.1)


def test_columns_that_hardly_varied_in_training_are_clipped():
    X, y = two_views(n=600)
    spoiled = np.column_stack([X, np.zeros(600)])
    spoiled[0, -1] = 1e-6  # the only variation in the training rows
    fitted = small(max_epochs=20, lr=0.01).fit(spoiled[:400], y[:400])
    expected = fitted.score(spoiled[400:], y[400:])
    spoiled[400:420, -1] = 1.0
    assert fitted.score(spoiled[400:], y[400:]) > expected - 0.3
    # Values near the range of the training rows are not clipped.
    nearby = X.mean(axis=0) + 0.9 * np.ptp(X, axis=0) * np.array([[1.0], [0.95]])
    whitened = small(projection="whitened").fit(X, y).transform(nearby)
    assert np.ptp(whitened, axis=0).min() > 1e-3


def test_views_of_any_dimension():
    X, y = two_views(n=120, p=24, q=12)
    flat = small(x_encoder=Flat(), y_encoder=Flat())
    for x_shape, y_shape in [((24,), (3, 4)), ((4, 6), (12,)), ((2, 3, 4), (2, 2, 3))]:
        Xd, yd = X.reshape(-1, *x_shape), y.reshape(-1, *y_shape)
        fitted = clone(flat).fit(Xd, yd)
        zx, zy = fitted.transform(Xd, yd)
        assert zx.shape == zy.shape == (120, 2)
        assert fitted.x_shape_ == x_shape
        with pytest.raises(ValueError, match=r"must have shape \(.*in `fit`, got \(|features"):
            fitted.transform(np.zeros((3, *x_shape, 2)))
        with pytest.raises(ValueError, match=r"must have shape \(.*in `fit`, got \(|features"):
            fitted.transform_y(np.zeros((3, *y_shape, 2)))
    with pytest.raises(ValueError, match=r"`x_encoder` .*\(2, 3, 2, 2\), got None"):
        DeepCCA(2, y_transformer="not yet asked").fit(X.reshape(-1, 2, 3, 2, 2), y)


def test_default_encoders_and_components():
    X, y = two_views(n=60, p=16 * 64, q=3)
    fitted = DeepCCA(fallback=None, max_epochs=1, random_state=0).fit(X.reshape(-1, 16, 64), y)
    assert isinstance(fitted.x_encoder_, MelCNN)
    assert isinstance(fitted.y_encoder_, MLP)
    assert fitted.n_components_ == 3
    alone = DeepCCA(fallback=None, n_networks=1, max_epochs=1)
    assert alone.fit(X[:25], y[:25]).n_components_ == 2  # a tenth of the samples
    assert alone.fit(X, y[:, 0]).n_components_ == 1
    rng = np.random.default_rng(0)
    networks = {"x_encoder": MLP((64,), dropout=0), "y_encoder": MLP((64,), dropout=0)}
    many = DeepCCA(**networks, fallback=None, n_networks=1, max_epochs=1)
    assert many.fit(*rng.normal(size=(2, 600, 60))).n_components_ == 50
    assert (
        many.set_params(validation_fraction=0.5).fit(*rng.normal(size=(2, 600, 60))).n_components_
        == 30
    )
    # A network can return more components than the view has columns.
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


def test_build_must_return_a_module():
    class Wrong(Encoder):
        def build(self, shape, n_outputs):
            return "network"

    with pytest.raises(TypeError, match=r"Wrong\.build must return .*, got a str"):
        small(x_encoder=Wrong()).fit(*two_views())


class Partly(Encoder):
    """A linear network in which only some outputs are alive."""

    def __init__(self, n_alive):
        self.n_alive = n_alive

    def build(self, shape, n_outputs):
        mask = nn.Linear(n_outputs, n_outputs, bias=False)
        nn.init.zeros_(mask.weight)
        mask.weight.data[range(self.n_alive), range(self.n_alive)] = 1.0
        return nn.Sequential(nn.Linear(shape[0], n_outputs), mask.requires_grad_(False))


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_dead_outputs_warn_and_keep_their_columns(loss):
    X, y = two_views()
    with pytest.warns(RankWarning, match="The last 2 components"):
        fitted = small(3, loss=loss, x_encoder=Partly(1)).fit(X, y)
    assert fitted.canonical_correlations_[0] > 0.1
    np.testing.assert_array_equal(fitted.canonical_correlations_[1:], 0)
    assert np.isfinite(fitted.transform(X)).all()
    assert fitted.transform(X).shape == (300, 3)
    for fraction in (0, 0.1):
        with pytest.raises(ValueError, match="network of X returns the same encoding"):
            small(3, loss=loss, x_encoder=Partly(0), validation_fraction=fraction).fit(X, y)


def test_a_wrong_number_of_outputs_is_refused():
    class Wide(Encoder):
        def build(self, shape, n_outputs):
            return nn.Linear(shape[0], n_outputs + 1)

    with pytest.raises(
        ValueError, match=r"Wide.*\(2, 2\) for 2 samples.*n_components=2, got \(2, 3\)"
    ):
        small(x_encoder=Wide()).fit(*two_views())


def test_encoders_are_cloned_not_shared():
    encoder = MLP((8,))
    fitted = small(x_encoder=encoder, y_encoder=encoder).fit(*two_views())
    assert fitted.x_encoder_ is not encoder
    assert not [name for name in vars(encoder) if name.endswith("_")]
