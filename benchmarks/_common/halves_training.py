"""Encoders, losses and callbacks of `two_halves.py`, from the plain values of its candidates."""

import torch
from skorch.callbacks import Callback
from torch import nn
from torch.nn import functional

from skdcca import LinearCCA
from skdcca.augmentation import Warp
from skdcca.encoders import MLP, Encoder, ImageCNN
from skdcca.losses import BarlowTwinsLoss, EYInfoNCELoss, Loss, VICRegLoss

from _common.internals import network_outputs

_NETWORKS = {
    MLP: ("hidden_layer_sizes", "activation", "dropout"),
    ImageCNN: ("n_filters", "n_units", "dropout"),
}


def deep_parameters(candidate, loss, *, images):
    """Return the parameters of `DeepCCA` for a candidate, which has those of all objects together.

    With `loss` None, the loss is the default one unless the candidate has another.
    """
    given = {name: value for name, value in candidate.items() if value is not None}
    network = ImageCNN if images else MLP
    encoder = network(**_take(given, *_NETWORKS[network]))
    if images:
        encoder = InBfloat16(encoder)
    given |= {"x_encoder": encoder, "y_encoder": encoder}
    loss = given.pop("loss", loss)
    settings = _take(given, "redundancy", "covariance", "weight", "temperature")
    if loss is not None:
        given["loss"] = _LOSSES[loss](**settings) if loss in _LOSSES else loss
    if "warp" in given:
        given["augmentation"] = Warp(**given.pop("warp"))
    if "average" in given:
        given["callbacks"] = [WeightAverage(given.pop("average"))]
    return given


def _take(given, *names):
    """Remove these values, if given, and return them."""
    return {name: given.pop(name) for name in names if name in given}


class InBfloat16(Encoder):
    """Encoder whose network is trained in bfloat16 and computes in float32 afterwards.

    Training is faster on CPUs that have instructions for it, and was as accurate.
    """

    def __init__(self, encoder):
        self.encoder = encoder

    def build(self, shape, n_outputs):
        return _Autocast(self.encoder.build(shape, n_outputs))


class _Autocast(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training):
            return self.network(x).float()


def networks_alone(model, train, test):
    """Return the sum of the correlations, and the scores of all pairs, of each network of a model.

    The networks have different seeds. Each has its own linear model, as a model of one network has.
    """
    outputs = [network_outputs(model, *views) for views in (train, test)]
    found = []
    for training, held_out in zip(*outputs, strict=True):
        linear = LinearCCA(model.n_components_, reg=model.reg, similarity=model.similarity)
        linear.fit(*training)
        found.append((linear.score(*held_out), linear.compare(*linear.transform(*held_out))))
    return found


class CCALayerLoss(Loss):
    """Ranking loss of the variates of a CCA layer.

    The encodings of a batch are mapped to their canonical variates, with gradients through the map, and
    the cosine of each pair should exceed those of all other rows by a margin.

    References
    ----------
    M. Dorfer, J. Schlueter, A. Vall, F. Korzeniowski and G. Widmer, "End-to-end cross-modality retrieval
    with CCA projections and pairwise ranking loss", International Journal of Multimedia Information
    Retrieval, 2018.
    """

    min_rows_per_component = 5

    def __init__(self, margin=0.5, reg=1e-2):
        self.margin = margin
        self.reg = reg

    def __call__(self, zx, zy):
        zx, zy = (z.double() - z.double().mean(dim=0) for z in (zx, zy))
        roots = [torch.linalg.cholesky(self._covariance(z)) for z in (zx, zy)]
        white = [
            torch.linalg.solve_triangular(root, z.T, upper=False).T
            for root, z in zip(roots, (zx, zy), strict=True)
        ]
        left, _, right = torch.linalg.svd(white[0].T @ white[1] / (len(zx) - 1))
        variates = white[0] @ left, white[1] @ right.T
        cosines = functional.normalize(variates[0]) @ functional.normalize(variates[1]).T
        own = cosines.diagonal()
        others = ~torch.eye(len(zx), dtype=torch.bool)
        violations = [(self.margin - own[:, None] + s).relu()[others] for s in (cosines, cosines.T)]
        return sum(violation.mean() for violation in violations)

    def _covariance(self, z):
        covariance = z.T @ z / (len(z) - 1)
        ridge = self.reg * covariance.diagonal().mean() + 1e-9
        return covariance + ridge * torch.eye(len(covariance)).to(covariance)


class WeightAverage(Callback):
    """Replace the weights at the end of training by their exponential moving average."""

    def __init__(self, decay):
        self.decay = decay

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.n_steps = 0
        self.average = [weight.detach().clone() for weight in net.module_.parameters()]

    @torch.no_grad()
    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.n_steps += 1
        decay = min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))  # short at the beginning
        for average, weight in zip(self.average, net.module_.parameters(), strict=True):
            average.lerp_(weight, 1 - decay)

    @torch.no_grad()
    def on_train_end(self, net, X=None, y=None, **kwargs):
        for average, weight in zip(self.average, net.module_.parameters(), strict=True):
            weight.copy_(average)


_LOSSES = {
    "barlow_twins": BarlowTwinsLoss,
    "cca_layer": CCALayerLoss,
    "ey_infonce": EYInfoNCELoss,
    "vicreg": VICRegLoss,
}
