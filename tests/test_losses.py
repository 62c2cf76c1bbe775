"""Losses against SciPy, statsmodels and the formulas of the papers, written plainly."""

import pickle
import pydoc
from inspect import signature

import numpy as np
import pytest
import torch
from _contract import each_check, run_check
from _views import scipy_correlations, shared_views
from scipy.linalg import hadamard, subspace_angles
from sklearn.base import clone
from statsmodels.multivariate.cancorr import CanCorr

from skdcca import DeepCCA, LinearCCA
from skdcca import losses as losses_module
from skdcca.exceptions import SmallBatchWarning
from skdcca.losses import (
    BarlowTwinsLoss,
    CCALoss,
    EYInfoNCELoss,
    EYLoss,
    InfoNCELoss,
    Loss,
    VICRegLoss,
    as_loss,
)

COMPARING = [EYLoss(), EYLoss(reg=0.1), BarlowTwinsLoss(), VICRegLoss()]
CONTRASTIVE = [InfoNCELoss(), InfoNCELoss(learn_temperature=False)]
COMBINED = [EYInfoNCELoss(), EYInfoNCELoss(weight=15.0, learn_temperature=False)]
SAME_WIDTH = [*COMPARING, *CONTRASTIVE, *COMBINED]
LOSSES = [CCALoss(reg=0), CCALoss(), CCALoss(reg=1.0), *SAME_WIDTH]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def two_views(n=40, p=4, q=4, seed=0):
    return shared_views(n, p, q, seed=seed)


X, Y = two_views()


def value(loss, zx, zy):
    return loss(torch.as_tensor(zx), torch.as_tensor(zy)).item()


@pytest.mark.parametrize(
    ("n", "p", "q"), [(300, 6, 4), (300, 4, 6), (50, 20, 25), (1000, 1, 3), (7, 3, 3)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cca_is_minus_the_sum_of_scipy_and_statsmodels(n, p, q, dtype):
    X, y = (view.astype(dtype) + dtype(100) for view in two_views(n, p, q))
    ours = value(CCALoss(reg=0), X, y)
    X, y = X.astype(np.float64), y.astype(np.float64)
    assert ours == pytest.approx(-scipy_correlations(X, y).sum(), abs=1e-6)
    assert ours == pytest.approx(-CanCorr(y, X).cancorr[: min(p, q)].sum(), abs=1e-6)


def test_cca_of_nearly_dependent_float32_outputs():
    X = two_views()[0].astype(np.float32)
    X[:, 3] = X[:, 0] + X[:, 3] / 100  # with a covariance in float32 this would be rounding
    expected = -scipy_correlations(X.astype(np.float64), Y).sum()
    assert value(CCALoss(reg=0), X, Y) == pytest.approx(expected, abs=1e-5)


def inverse_root(covariance, reg):
    ridge = reg * np.diag(covariance).mean()
    values, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    return vectors / np.sqrt(values) @ vectors.T


@pytest.mark.parametrize("reg", [1e-3, 0.1, 2.0])
def test_ridge_cca_is_the_textbook_formula(reg):
    X, y = two_views(300, 6, 4)
    y[:, 0] *= 5  # the ridge depends on the mean variance
    C = np.cov(X.T, y.T)
    white = inverse_root(C[:6, :6], reg) @ C[:6, 6:] @ inverse_root(C[6:, 6:], reg)
    expected = -np.linalg.svd(white, compute_uv=False).sum()
    assert value(CCALoss(reg), X, y) == pytest.approx(expected, abs=1e-9)


def test_cca_is_invariant_to_mixing_and_shifts():
    A, B = np.random.default_rng(1).normal(size=(2, 4, 4))
    mixed = value(CCALoss(reg=0), X @ A + 10, Y @ B - 3)
    assert mixed == pytest.approx(value(CCALoss(reg=0), X, Y), abs=1e-6)


@pytest.mark.parametrize(("x_scale", "y_scale"), [(1e-6, 1.0), (1.0, 1e6), (1e3, 1e-3)])
def test_the_ridge_of_cca_means_the_same_at_every_scale(x_scale, y_scale):
    scaled = value(CCALoss(reg=0.1), x_scale * X, y_scale * Y)
    assert scaled == pytest.approx(value(CCALoss(reg=0.1), X, Y), abs=1e-6)


def test_a_dead_unit_changes_nothing_for_the_others():
    zx, zy = torch.tensor(X, requires_grad=True), torch.tensor(Y)
    alive, dead = (CCALoss(reg=0)(zx, z) for z in (zy[:, :3], zy * torch.tensor([1, 1, 1, 0])))
    assert dead.item() == pytest.approx(alive.item(), abs=1e-6)
    ours, expected = (torch.autograd.grad(loss, zx)[0] for loss in (dead, alive))
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=0)


DEAD = [1.0, 0.0, 0.0, 2.0]
WHITE = hadamard(32).astype(np.float64)[:, 1:]  # equal variances, to the last digit
HARD = {
    "one dead unit": (X, Y * [1, 0, 1, 1]),
    "two dead units": (X, Y * DEAD + 3),
    "two dead units in both": (X * DEAD + 0.1, Y * DEAD),
    "a dead view": (X, 0 * Y + 0.1),  # 0.1 is not the mean of many 0.1, except for rounding
    "all zero": (0 * X, 0 * Y),
    "white": (WHITE[:, :4], WHITE[:, 2:6]),
    "two dead and two white units": (X[:32], WHITE[:, :4] * DEAD),
    "white and identical": (WHITE[:, :4], WHITE[:, :4]),
    "tiny": (1e-6 * X, 1e-6 * Y),
    "huge": (1e6 * X, 1e6 * Y),
    "tiny and huge": (1e-6 * X, 1e6 * Y),
    "duplicated": (X[:, [0, 0, 1, 1]], Y[:, [0, 1, 2, 2]]),
    "identical": (X, X),
    "fewer rows than outputs": (X[:3], Y[:3]),
    "two rows": (X[:2], Y[:2]),
}


@each_loss
@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite(loss, case, dtype):
    module = loss.build()
    for function in (loss, module):
        zx, zy = (torch.tensor(z, dtype=dtype, requires_grad=True) for z in HARD[case])
        result = function(zx, zy)
        result.backward()
        assert result.shape == ()
        assert -4 - 1e-9 <= result.item() < np.inf
        assert zx.grad.isfinite().all()
        assert zy.grad.isfinite().all()
    assert all(p.grad.isfinite() for p in module.parameters())


@pytest.mark.parametrize("case", ["two dead and two white units", "white"])
def test_the_textbook_form_has_no_gradient_there(case):
    # The cases above are therefore hard: their eigenvalues are equal to the last digit, while
    # rounding can separate those of other dead units.
    zx, zy = (torch.tensor(z, requires_grad=True) for z in HARD[case])
    roots = []
    for z in (zx, zy):
        values, vectors = torch.linalg.eigh(torch.cov(z.T) + 1e-3 * torch.eye(4))
        roots.append(vectors / values.sqrt() @ vectors.T)
    cross = (zx - zx.mean(dim=0)).T @ (zy - zy.mean(dim=0)) / (len(zx) - 1)
    result = -torch.linalg.svdvals(roots[0] @ cross @ roots[1]).sum()
    result.backward()
    assert result.isfinite()
    assert not zy.grad.isfinite().all()


@each_loss
@pytest.mark.parametrize("left", [WHITE[:8, [0, 1, 3]], two_views(8, 3, 3)[0] * [0.3, 1, 3]])
def test_gradients_are_the_differences(loss, left):
    # White columns, and columns on both sides of VICReg's hinge.
    right = two_views(8, 3, 3, seed=1)[1]
    views = [torch.tensor(z, requires_grad=True) for z in (left, right)]
    assert torch.autograd.gradcheck(loss, views)
    assert torch.autograd.gradcheck(loss.build().double(), views)


def test_ey_is_minus_the_sum_of_squares_at_the_scaled_variates():
    X, y = two_views(300, 6, 4)
    rho = CanCorr(y, X).cancorr
    np.testing.assert_allclose(rho, scipy_correlations(X, y), atol=1e-10)
    zx, zy = (z * np.sqrt(rho / 2) for z in LinearCCA(reg=0).fit(X, y).transform(X, y))
    assert value(EYLoss(), zx, zy) == pytest.approx(-(rho**2).sum(), abs=1e-10)
    assert value(EYLoss(), zx[:, :2], zy[:, :2]) == pytest.approx(-(rho[:2] ** 2).sum(), abs=1e-10)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    assert value(EYLoss(), zx @ turn, zy @ turn) == pytest.approx(-(rho**2).sum(), abs=1e-10)


def test_no_other_linear_map_is_below_the_minimum_of_ey():
    X, y = two_views(300, 6, 4)
    rho = scipy_correlations(X, y)[:2]
    fitted, rng = LinearCCA(2, reg=0).fit(X, y), np.random.default_rng(0)
    # Both near the minimum and far from it.
    for away in np.repeat([1e-4, 1e-2, 0.1, 1.0], 50):
        A = fitted.x_weights_ * np.sqrt(rho / 2) + away * rng.normal(size=(6, 2))
        B = fitted.y_weights_ * np.sqrt(rho / 2) + away * rng.normal(size=(4, 2))
        assert value(EYLoss(), X @ A, y @ B) > -(rho**2).sum() - 1e-12


def test_the_ridge_of_ey_is_added_to_the_covariance_of_both_views():
    C = np.cov(X.T, Y.T)
    total = C[:4, :4] + C[4:, 4:] + 2 * 0.3 * np.eye(4)
    expected = -4 * np.trace(C[:4, 4:]) + np.trace(total @ total)
    assert value(EYLoss(reg=0.3), X, Y) == pytest.approx(expected, rel=1e-12)


def trained_linear_encoders(loss, X, y):
    """Return the outputs of two linear maps trained on all rows."""
    X, y = torch.as_tensor(X), torch.as_tensor(y)
    A, B = (torch.randn(v.shape[1], 2, dtype=v.dtype, requires_grad=True) for v in (X, y))
    optimizer = torch.optim.LBFGS([A, B], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        result = loss(X @ A, y @ B)
        result.backward()
        return result

    optimizer.step(closure)
    return (X @ A).detach().numpy(), (y @ B).detach().numpy()


@pytest.mark.parametrize("loss", [CCALoss(reg=0), EYLoss()], ids=repr)
def test_linear_encoders_find_the_linear_solution(loss):
    X, y = two_views(300, 6, 4)
    rho = scipy_correlations(X, y)[:2]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learned = trained_linear_encoders(loss, X, y)
    minimum = -rho.sum() if isinstance(loss, CCALoss) else -(rho**2).sum()
    assert value(loss, *learned) == pytest.approx(minimum, abs=1e-6)
    for ours, variates in zip(learned, LinearCCA(2, reg=0).fit(X, y).transform(X, y), strict=True):
        assert subspace_angles(ours - ours.mean(axis=0), variates).max() < 1e-3


def test_barlow_twins_is_the_formula():
    R = np.corrcoef(X.T, Y.T)[:4, 4:]
    expected = 0.0
    for i in range(4):
        for j in range(4):
            expected += (1 - R[i, j]) ** 2 if i == j else 0.02 * R[i, j] ** 2
    ours = value(BarlowTwinsLoss(redundancy=0.02), 3 * X + 1, Y)
    assert ours == pytest.approx(expected, rel=1e-12)


def vicreg(zx, zy, invariance, variance, covariance):
    n, k = zx.shape
    # The mean over all numbers, as in the authors' program; the paper has the mean over rows.
    apart = sum((zx[r, i] - zy[r, i]) ** 2 for r in range(n) for i in range(k)) / (n * k)
    loss = invariance * apart
    for z in (zx, zy):
        C = np.cov(z.T)
        for i in range(k):
            loss += variance * max(0.0, 1 - np.sqrt(C[i, i] + 1e-4)) / k
            loss += covariance * sum(C[i, j] ** 2 for j in range(k) if j != i) / k
    return loss


@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_vicreg_is_the_formula(weights):
    zx, zy = X * [0.1, 0.5, 1, 2] + 1, Y * 0.3
    assert value(VICRegLoss(*weights), zx, zy) == pytest.approx(vicreg(zx, zy, *weights), rel=1e-12)


def info_nce(zx, zy, scale):
    n, losses = len(zx), []
    cosine = [[a @ b / np.sqrt((a @ a) * (b @ b)) for b in zy] for a in zx]
    for i in range(n):
        there = sum(np.exp(scale * cosine[i][j]) for j in range(n))
        back = sum(np.exp(scale * cosine[j][i]) for j in range(n))
        losses += [np.log(total) - scale * cosine[i][i] for total in (there, back)]
    return np.mean(losses)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_info_nce_is_the_formula(temperature):
    loss, expected = InfoNCELoss(temperature), info_nce(X + 0.5, Y, 1 / temperature)
    assert value(loss, X + 0.5, Y) == pytest.approx(expected, rel=1e-9)
    assert value(loss.build(), X + 0.5, Y) == pytest.approx(expected, rel=1e-5)  # learns in float32


@pytest.mark.parametrize("weight", [0, 0.5, 15])
def test_the_combined_loss_is_the_sum_and_does_not_depend_on_the_means(weight):
    contrast = info_nce(X - X.mean(axis=0), Y - Y.mean(axis=0), 1 / 0.2)
    expected = value(EYLoss(), X, Y) + weight * contrast
    loss = EYInfoNCELoss(weight, temperature=0.2)
    assert value(loss, X + 3, Y - 7) == pytest.approx(expected, rel=1e-9)
    assert value(loss.build(), X + 3, Y - 7) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_components", [1, 4])
def test_the_default_weight_depends_on_the_number_of_components(n_components):
    views = X[:, :n_components], Y[:, :n_components]
    expected = value(EYInfoNCELoss(weight=(n_components / 20) ** 2), *views)
    assert value(EYInfoNCELoss(), *views) == pytest.approx(expected, rel=1e-12)
    assert expected > value(EYLoss(), *views)


@pytest.mark.parametrize("loss", [InfoNCELoss(0.5), EYInfoNCELoss(10.0, 0.5)], ids=repr)
def test_the_temperature_is_learned(loss):
    module = loss.build()
    views = torch.as_tensor(X), torch.as_tensor(X)  # identical views: a lower temperature is better
    before = module(*views)
    before.backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    assert module(*views) < before
    (log_scale,) = module.parameters()
    assert log_scale > np.log(2)
    assert not list(loss.set_params(learn_temperature=False).build().parameters())


@pytest.mark.parametrize("log_scale", [4.7, 50.0])
def test_the_learned_scale_is_at_most_100(log_scale):
    module = InfoNCELoss().build()
    torch.nn.init.constant_(module.log_scale, log_scale)
    assert value(module, X, Y) == pytest.approx(info_nce(X, Y, 100), rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "zx", "zy", "message"),
    [
        (LOSSES, X, Y[:-1], r"got \(40, 4\) and \(39, 4\)"),
        (LOSSES, X[:, 0], Y[:, 0], r"got \(40,\) and \(40,\)"),
        (LOSSES, X, Y[:, :, None], r"got \(40, 4\) and \(40, 4, 1\)"),
        (
            [*COMPARING, *CONTRASTIVE, *COMBINED],
            X,
            Y[:, :3],
            "same number of components .*, got 4 and 3",
        ),
        (
            [CCALoss(), *COMPARING, *COMBINED],
            X[:1],
            Y[:1],
            "must have at least 2 rows for a covariance, got 1",
        ),
    ],
)
def test_bad_shapes_are_named(losses, zx, zy, message):
    for loss in losses:
        for function in (loss, loss.build()):
            with pytest.raises(ValueError, match=message):
                value(function, zx, zy)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (CCALoss(reg=-1), "`reg` must be a finite number >= 0, got -1"),
        (CCALoss(reg=np.nan), "`reg` must be .*got nan"),
        (EYLoss(reg=np.inf), "`reg` must be .*got inf"),
        (EYLoss(reg="auto"), "`reg` must be .*got 'auto'"),
        (BarlowTwinsLoss(redundancy=-0.1), "`redundancy` must be .*got -0.1"),
        (VICRegLoss(invariance=-1), "`invariance` must be .*got -1"),
        (VICRegLoss(variance=None), "`variance` must be .*got None"),
        (VICRegLoss(covariance=np.nan), "`covariance` must be .*got nan"),
        (InfoNCELoss(temperature=0), "`temperature` must be a finite number >= 0.01, got 0"),
        (InfoNCELoss(temperature=-0.07), "`temperature` must be .*got -0.07"),
        (EYInfoNCELoss(weight=-1), "`weight` must be .*>= 0, or None, got -1"),
        (EYInfoNCELoss(temperature=0), "`temperature` must be .*got 0"),
    ],
)
def test_bad_parameters_are_named(loss, message):
    for function in (loss, lambda zx, zy: loss.build()(zx, zy)):
        with pytest.raises(ValueError, match=message):
            value(function, X, Y)


@each_loss
@each_check
def test_scikit_learn_contract(loss, check):
    run_check(check, loss)


@each_loss
def test_copies_are_the_same_loss(loss):
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss)), eval(repr(loss))):
        assert copy is not loss
        assert copy.get_params() == loss.get_params()
        assert value(copy, X, Y) == value(loss, X, Y)


def test_parameters_are_keys_of_a_grid():
    cca = DeepCCA(loss=InfoNCELoss()).set_params(loss__temperature=0.5)
    assert cca.get_params()["loss__temperature"] == 0.5
    assert value(cca.loss, X, Y) == value(InfoNCELoss(0.5), X, Y)
    with pytest.raises(ValueError, match="temp"):
        InfoNCELoss().set_params(temp=1)


# Facts of a loss


@pytest.mark.parametrize(
    ("loss", "projection", "min_rows", "batch_sizes"),
    [
        (CCALoss(), "whitened", 5, [1000, 1200]),
        (EYLoss(), "whitened", 1, [256, 256]),
        (EYInfoNCELoss(), "whitened", 1, [256, 256]),
        (BarlowTwinsLoss(), "whitened", 0, [256, 256]),
        (VICRegLoss(), "whitened", 0, [256, 256]),
        (InfoNCELoss(), "raw", 0, [256, 256]),
        (as_loss(torch.nn.MSELoss(), reg=0), "whitened", 0, [256, 256]),
        (as_loss(lambda zx, zy: (zx - zy).sum(), reg=0), "whitened", 0, [256, 256]),
    ],
    ids=["cca", "ey", "ey_infonce", "barlow_twins", "vicreg", "infonce", "module", "function"],
)
def test_facts_of_each_loss(loss, projection, min_rows, batch_sizes):
    assert loss.projection == projection
    assert loss.min_rows_per_component == min_rows
    assert [loss.default_batch_size(k) for k in (2, 60)] == batch_sizes


def test_names_of_losses_come_from_their_classes():
    names = {"barlow_twins", "cca", "ey", "ey_infonce", "infonce", "vicreg"}
    assert set(losses_module.LOSSES) == names
    public = {getattr(losses_module, name) for name in losses_module.__all__} - {Loss}
    assert set(losses_module.LOSSES.values()) == public
    for name in names:
        assert as_loss(name, reg=0.1).name == name
    assert as_loss("cca", reg=0.1).reg == 0.1
    assert as_loss("ey", reg=0.1).reg == 0.0


@each_loss
def test_the_help_of_a_loss_shows_no_processes(loss):
    shown = pydoc.plain(pydoc.render_doc(type(loss)))
    assert "__call__(self, zx" in shown
    labels = ["labels"] if loss.takes_labels else []
    assert list(signature(type(loss).__call__).parameters) == ["self", "zx", "zy", *labels]
    for word in ("process", "group", "over="):
        assert word not in shown


class Scaled(Loss):
    """A user's loss with its own projection and batch size."""

    projection = "raw"
    min_rows_per_component = 60

    def __init__(self, scale=1.0):
        self.scale = scale

    def default_batch_size(self, n_components):
        return 50 * n_components

    def __call__(self, zx, zy):
        return self.scale * EYLoss()(zx, zy)


def test_a_subclass_needs_only_to_be_callable():
    rng = np.random.default_rng(0)
    views = rng.normal(size=(2, 200, 3))
    deep = DeepCCA(2, loss=Scaled(), fallback=None, max_epochs=2, random_state=0)
    with pytest.warns(SmallBatchWarning, match=r"Batches of 100 rows .* for 2 components"):
        fitted = deep.fit(*views)
    assert fitted.batch_size_ == 100
    assert fitted.projection_ == "raw"
    assert clone(deep).set_params(loss__scale=2.0).loss.scale == 2.0
    with pytest.raises(NotImplementedError, match="Loss must implement __call__"):
        value(Loss(), *views)

    class Misnamed(Scaled):
        projection = "white"

    with pytest.raises(ValueError, match=r"`Misnamed.projection` must be one of .*got 'white'"):
        deep.set_params(loss=Misnamed()).fit(*views)


def test_a_subclass_of_a_loss_is_trained_by_its_own_call():
    class Penalized(EYLoss):
        def __call__(self, zx, zy):
            return super().__call__(zx, zy) + 7

    assert value(Penalized().build(), X, Y) == pytest.approx(value(EYLoss(), X, Y) + 7)


def test_attributes_of_other_losses_are_not_taken_for_facts():
    class WithHead(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.projection = torch.nn.Linear(2, 2)

        def forward(self, zx, zy):
            return (self.projection(zx) - zy).square().mean()

    views = np.random.default_rng(0).normal(size=(2, 100, 3))
    deep = DeepCCA(2, loss=WithHead(), fallback=None, max_epochs=1, random_state=0).fit(*views)
    assert deep.projection_ == "whitened"
