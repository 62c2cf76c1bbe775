"""Losses with labels, against loops over all pairs of a class."""

import numpy as np
import pytest
import torch
from _views import shared_views
from scipy.special import log_softmax

from skdcca.losses import BarlowTwinsLoss, CCALoss, EYInfoNCELoss, EYLoss, InfoNCELoss, Loss

LABELED = [
    EYLoss(),
    EYLoss(reg=0.1),
    InfoNCELoss(),
    EYInfoNCELoss(),
    EYInfoNCELoss(15.0, 0.3, False),
]
each_loss = pytest.mark.parametrize("loss", LABELED, ids=repr)
X, Y = (torch.as_tensor(view) for view in shared_views(30, 4, 4, seed=0))
# Classes of 1 to 12 rows, whose codes are neither consecutive nor sorted.
LABELS = torch.tensor([7, 2, 2, 5, 7, 2] * 5)
LABELS[3] = 11


def pairs():
    """Return the rows of all pairs of the same class."""
    found = [(i, j) for i in range(30) for j in range(30) if LABELS[i] == LABELS[j]]
    return np.transpose(found)


@pytest.mark.parametrize("reg", [0.0, 0.1])
def test_ey_with_labels_is_ey_of_all_pairs_of_a_class(reg):
    i, j = pairs()
    assert EYLoss(reg)(X, Y, LABELS).item() == pytest.approx(EYLoss(reg)(X[i], Y[j]).item())


def test_ey_with_labels_is_cluster_cca():
    i, j = pairs()
    C = np.cov(X[i].T, Y[j].T)
    V = C[:4, :4] + C[4:, 4:]
    expected = -4 * np.trace(C[:4, 4:]) + np.trace(V @ V)
    assert EYLoss()(X, Y, LABELS).item() == pytest.approx(expected, rel=1e-12)


def supervised_contrastive(zx, zy, temperature):
    """Return the loss of one direction, Equation (2) of Khosla et al., with y as the other view."""
    zx, zy = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (zx, zy))
    total = 0.0
    for i in range(len(zx)):
        logs = log_softmax([zx[i] @ other / temperature for other in zy])
        partners = [p for p in range(len(zy)) if LABELS[p] == LABELS[i]]
        total -= sum(logs[p] for p in partners) / len(partners)
    return total / len(zx)


def both_ways(zx, zy, temperature):
    return np.mean([supervised_contrastive(*views, temperature) for views in ((zx, zy), (zy, zx))])


def test_info_nce_with_labels_is_supervised_contrastive():
    loss, expected = InfoNCELoss(0.2), both_ways(X.numpy(), Y.numpy(), 0.2)
    assert loss(X, Y, LABELS).item() == pytest.approx(expected, rel=1e-9)
    assert loss.build()(X, Y, LABELS).item() == pytest.approx(expected, rel=1e-5)


def test_the_combined_loss_gives_the_labels_to_both():
    centered = (X - X.mean(dim=0)).numpy(), (Y - Y.mean(dim=0)).numpy()
    expected = EYLoss()(X, Y, LABELS).item() + 3 * both_ways(*centered, 0.2)
    loss = EYInfoNCELoss(3, temperature=0.2)
    assert loss(X, Y, LABELS).item() == pytest.approx(expected, rel=1e-9)
    assert loss.build()(X, Y, LABELS).item() == pytest.approx(expected, rel=1e-5)


@each_loss
def test_classes_of_one_sample_are_no_labels(loss):
    assert loss.takes_labels
    distinct = torch.arange(30).flip(0)
    for function in (loss, loss.build()):
        expected = function(X, Y)
        torch.testing.assert_close(function(X, Y, distinct), expected)
        torch.testing.assert_close(function(X, Y, labels=None), expected)


@each_loss
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e6])
def test_gradients_with_labels_are_finite_and_the_differences(loss, scale):
    views = [(scale * view[:8]).requires_grad_() for view in (X, Y)]
    labels = LABELS[:8]
    loss(*views, labels).backward()
    assert all(view.grad.isfinite().all() for view in views)
    if scale == 1:
        assert torch.autograd.gradcheck(lambda zx, zy: loss(zx, zy, labels), views)
        module = loss.build().double()
        assert torch.autograd.gradcheck(lambda zx, zy: module(zx, zy, labels), views)


@each_loss
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:-1], r"integers of shape \(30,\), .* got int64 of shape \(29,\)"),
        (LABELS[:, None], r"got int64 of shape \(30, 1\)"),
        (LABELS.double(), r"got float64 of shape \(30,\)"),
    ],
)
def test_bad_labels_are_named(loss, labels, message):
    for function in (loss, loss.build()):
        with pytest.raises(ValueError, match=message):
            function(X, Y, labels)


def test_a_users_loss_can_take_labels():
    class Apart(Loss):
        takes_labels = True

        def __call__(self, zx, zy, labels=None):
            return (zx - zy).square().mean() + (0 if labels is None else labels.sum())

    module = Apart().build()
    assert module(X, Y, LABELS) == module(X, Y) + LABELS.sum()


@pytest.mark.parametrize("loss", [CCALoss(), BarlowTwinsLoss()], ids=repr)
def test_other_losses_take_no_labels(loss):
    assert not loss.takes_labels
    with pytest.raises(TypeError):
        loss(X, Y, LABELS)
