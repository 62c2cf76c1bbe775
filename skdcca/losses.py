"""Losses of deep canonical correlation analysis, over the encodings of two views.

A loss is a parameter object: an estimator without data, whose parameters are keys of a grid
(``loss__temperature``). It is called with two encodings, tensors of shape
``(n_samples, n_components)`` whose row `i` belongs to the same sample, and returns a scalar tensor to
minimize. Covariances are computed in float64 whatever the dtype of the encodings: in float32, nearly
dependent outputs have no digits left after whitening.

`CCALoss` and `EYLoss` maximize correlation; `InfoNCELoss` is made for retrieval. The user guide
compares the results of all of them. Subclass `Loss` to write another one.
"""

import copy
import math

from sklearn.base import BaseEstimator

from skdcca._utils.optional import needed_by
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.validation import check_number, check_option

with needed_by("skdcca.losses"):
    import torch
    from torch import nn
    from torch.nn import functional

__all__ = ["BarlowTwinsLoss", "CCALoss", "EYLoss", "InfoNCELoss", "Loss", "VICRegLoss"]

_PROJECTIONS = ("raw", "weighted", "whitened")
# Added to every variance before a division: it bounds the gradient of a dead output, and is far below
# the variance of any other.
_DEAD = 1e-18
# Lowest temperature: below it, the hardest row decides the loss of a batch.
_COLDEST = 0.01


class Loss(BaseEstimator):
    """Base class of losses: subclass it to write a loss for `DeepCCA`.

    A subclass stores its parameters in ``__init__`` and implements ``__call__(zx, zy)``. With
    ``DeepCCA(distributed=True)`` the encodings are those of all processes.

    Attributes
    ----------
    projection : {"weighted", "whitened", "raw"}
        Meaning of ``projection="auto"`` of `DeepCCA` with this loss, by default "weighted". "raw" is for
        losses of the cosines between the encodings.
    min_rows_per_component : int
        `DeepCCA` warns about batches with fewer rows for each component, by default 0.

    See Also
    --------
    skdcca.DeepCCA : The estimator that minimizes the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import DeepCCA
    >>> from skdcca.losses import Loss
    >>> class DistanceLoss(Loss):
    ...     min_rows_per_component = 2
    ...     def __init__(self, variance=1.0):
    ...         self.variance = variance
    ...     def __call__(self, zx, zy):
    ...         spread = sum((1 - z.std(dim=0)).relu().mean() for z in (zx, zy))
    ...         return (zx - zy).square().mean() + self.variance * spread
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = DeepCCA(1, loss=DistanceLoss(), max_epochs=5, random_state=0).fit(X, X)
    >>> model.set_params(loss__variance=2.0).loss
    DistanceLoss(variance=2.0)
    """

    name = None
    projection = "weighted"
    min_rows_per_component = 0

    def __call__(self, zx: torch.Tensor, zy: torch.Tensor) -> torch.Tensor:
        """Compute the loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views.

        Returns
        -------
        loss : torch.Tensor of shape ()
            The loss, to be minimized.
        """
        self._check_parameters()
        return self._compute(zx, zy, SINGLE_PROCESS)

    def build(self) -> nn.Module:
        """Build the module that is called in training.

        Override it if the loss has weights that are trained together with the encoders.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy)`` is the loss of a batch.
        """
        self._check_parameters()
        return _LossModule(self)

    def default_batch_size(self, n_components: int) -> int:
        """Return the batch size of ``batch_size=None``.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        batch_size : int
            Number of rows.
        """
        return 256

    @classmethod
    def _from_name(cls, reg):
        """Return the loss that `DeepCCA` uses for the name, given its parameter `reg`."""
        return cls()

    def _check_parameters(self):
        """Raise ValueError for parameters out of range."""

    def _compute(self, zx, zy, group):
        """Return the loss of the rows of a process group.

        Sums over local rows are reduced by ``group.sum_tensors``: plainly if all processes compute the
        same from them, with ``reduce_gradients=True`` if each goes on with its local rows.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(zx, zy)")

    def _compute_in_group(self, zx, zy, group):
        """Return the loss of the rows of a process group, for a subclass of any kind."""
        if type(self).__call__ is Loss.__call__:
            return self._compute(zx, zy, group)
        return self(*group.gather_tensors(zx, zy))


class CCALoss(Loss):
    r"""Minus the sum of the canonical correlations of the two encodings.

    It needs large batches: with `n` rows and `k` outputs the correlations of a batch are too high by
    about :math:`\sqrt{k / n}`, so use at least 20 rows for each output. `EYLoss` needs fewer.

    Parameters
    ----------
    reg : float, default=1e-3
        Ridge: `reg` times the mean variance of the outputs of a view is added to the variance of each
        output, so its effect does not depend on the scale of the outputs.

    Notes
    -----
    The objective of Andrew et al. [1]_. Both covariances are whitened by their Cholesky factors and the
    singular values of the whitened cross-covariance are summed. The usual form, by the inverse square
    root of an eigendecomposition, has the same value, but its gradient divides by the differences of
    eigenvalues. It is NaN where two of them are equal, as for dead outputs or for white outputs.

    The loss is invariant to an invertible linear map of either view, except for the ridge.

    References
    ----------
    .. [1] G. Andrew, R. Arora, J. Bilmes and K. Livescu, "Deep canonical correlation analysis",
       ICML 2013.

    Examples
    --------
    >>> import torch
    >>> from skdcca.losses import CCALoss
    >>> z = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> print(f"{CCALoss(reg=0)(z, 2 * z + 1):.3f}")
    -3.000
    """

    name = "cca"
    min_rows_per_component = 5  # the correlations of a batch are biased

    def __init__(self, reg: float = 1e-3) -> None:
        self.reg = reg

    def default_batch_size(self, n_components: int) -> int:
        """Return the batch size of ``batch_size=None``: 20 rows for each component, at least 1000.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        batch_size : int
            Number of rows.
        """
        return max(1000, 20 * n_components)

    @classmethod
    def _from_name(cls, reg):
        return cls(reg)

    def _check_parameters(self):
        check_number("reg", self.reg, ge=0)

    def _compute(self, zx, zy, group):
        n, zx, zy = _centered(zx, zy, group)
        xx, yy, xy = group.sum_tensors(zx.T @ zx, zy.T @ zy, zx.T @ zy)
        left, right = self._whitener(xx / (n - 1)), self._whitener(yy / (n - 1))
        cross = xy / (n - 1)
        half = torch.linalg.solve_triangular(left, cross, upper=False)
        white = torch.linalg.solve_triangular(right, half.T, upper=False)
        return -torch.linalg.svdvals(white).sum()

    def _whitener(self, covariance):
        """Return the Cholesky factor of a covariance with its ridge."""
        # Even with reg=0, duplicated outputs need a ridge above the rounding of float64.
        ridge = max(self.reg, 1e-10) * covariance.diagonal().mean() + _DEAD
        return torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)).to(covariance))


class EYLoss(Loss):
    r"""Eckart-Young loss of canonical correlation analysis, for small batches.

    Parameters
    ----------
    reg : float, default=0.0
        Ridge that is added to the covariance of both views. The loss fixes the scale of the outputs:
        their variance is at most 1/2.

    Notes
    -----
    The loss of Chapman, Wells and Aguila [1]_,

    .. math:: -2 \operatorname{tr}(C) + \operatorname{tr}(V^2), \quad
        C = \Sigma_{xy} + \Sigma_{yx}, \quad V = \Sigma_{xx} + \Sigma_{yy},

    needs no whitening. Its minimum over linear maps is minus the sum of the *squared* canonical
    correlations, at the leading canonical variates scaled to a variance of half of their correlation
    (and rotated). It is quadratic in the covariances, so the gradient of a small batch has little bias,
    unlike that of `CCALoss`.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. L. Aguila, "Unconstrained stochastic CCA: unifying multiview and
       self-supervised learning", ICLR 2024, arXiv:2310.01012.

    Examples
    --------
    >>> import torch
    >>> from skdcca.losses import EYLoss
    >>> z = torch.tensor([[1.0], [-1.0]]) / 2  # variance 1/2, correlation 1: the minimum
    >>> print(f"{EYLoss()(z, z):.3f}")
    -1.000
    """

    name = "ey"
    min_rows_per_component = 1

    def __init__(self, reg: float = 0.0) -> None:
        self.reg = reg

    def _check_parameters(self):
        check_number("reg", self.reg, ge=0)

    def _compute(self, zx, zy, group):
        n, zx, zy = _centered(zx, zy, group, same_width=True)
        scatter, product = group.sum_tensors(zx.T @ zx + zy.T @ zy, (zx * zy).sum())
        variance = scatter / (n - 1) + 2 * self.reg * torch.eye(zx.shape[1]).to(zx)
        return variance.square().sum() - 4 * product / (n - 1)


class BarlowTwinsLoss(Loss):
    r"""Barlow Twins: the cross-correlation matrix of the outputs should be the identity.

    Parameters
    ----------
    redundancy : float, default=5e-3
        Weight of the correlations off the diagonal, the paper's lambda.

    Notes
    -----
    :math:`\sum_i (1 - R_{ii})^2 + \lambda \sum_{i \ne j} R_{ij}^2` with R the correlations of the
    outputs of one view with those of the other [1]_.

    References
    ----------
    .. [1] J. Zbontar, L. Jing, I. Misra, Y. LeCun and S. Deny, "Barlow Twins: self-supervised learning
       via redundancy reduction", ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from skdcca.losses import BarlowTwinsLoss
    >>> z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> print(f"{BarlowTwinsLoss()(z, z):.3f} {BarlowTwinsLoss()(z, -z):.3f}")
    0.000 8.000
    """

    name = "barlow_twins"

    def __init__(self, redundancy: float = 5e-3) -> None:
        self.redundancy = redundancy

    def _check_parameters(self):
        check_number("redundancy", self.redundancy, ge=0)

    def _compute(self, zx, zy, group):
        n, zx, zy = _centered(zx, zy, group, same_width=True)
        squares = group.sum_tensors(
            zx.square().sum(dim=0), zy.square().sum(dim=0), reduce_gradients=True
        )
        zx, zy = (
            z / (square / n + _DEAD).sqrt() for z, square in zip((zx, zy), squares, strict=True)
        )
        correlation = group.sum_tensors(zx.T @ zy)[0] / n
        diagonal = correlation.diagonal()
        redundant = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.redundancy * redundant


class VICRegLoss(Loss):
    r"""VICReg: variance-invariance-covariance regularization.

    Parameters
    ----------
    invariance : float, default=25.0
        Weight of the mean squared difference of the two encodings.
    variance : float, default=25.0
        Weight of the hinge that keeps the standard deviation of each output above 1.
    covariance : float, default=1.0
        Weight of the squared covariances between the outputs of a view.

    Notes
    -----
    The loss of [1]_, with its default weights. The hinge is ``max(0, 1 - sqrt(variance + 1e-4))``; it
    and the covariances are summed over both views. The squared differences are averaged over all
    numbers, as in the authors' code (the formula of the paper divides by the number of rows only).

    References
    ----------
    .. [1] A. Bardes, J. Ponce and Y. LeCun, "VICReg: variance-invariance-covariance regularization for
       self-supervised learning", ICLR 2022.

    Examples
    --------
    >>> import torch
    >>> from skdcca.losses import VICRegLoss
    >>> z = torch.tensor([[2.0, 2.0], [2.0, -2.0], [-2.0, 2.0], [-2.0, -2.0]])
    >>> print(f"{VICRegLoss()(z, z):.3f} {VICRegLoss()(z, z + 1):.3f}")
    0.000 25.000
    """

    name = "vicreg"

    def __init__(
        self, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0
    ) -> None:
        self.invariance = invariance
        self.variance = variance
        self.covariance = covariance

    def _check_parameters(self):
        for name in ("invariance", "variance", "covariance"):
            check_number(name, getattr(self, name), ge=0)

    def _compute(self, zx, zy, group):
        _check_pair(zx, zy, same_width=True)
        apart = (zx.double() - zy.double()).square().sum()
        n, zx, zy = _centered(zx, zy, group)
        apart, xx, yy = group.sum_tensors(apart, zx.T @ zx, zy.T @ zy)
        spread = self._spread(xx / (n - 1)) + self._spread(yy / (n - 1))
        return self.invariance * (apart / (n * len(xx))) + spread

    def _spread(self, covariance):
        variances = covariance.diagonal()
        hinge = torch.relu(1 - (variances + 1e-4).sqrt()).mean()
        mixed = (covariance.square().sum() - variances.square().sum()) / len(covariance)
        return self.variance * hinge + self.covariance * mixed


class InfoNCELoss(Loss):
    r"""Symmetric InfoNCE: each row should find its partner among the rows of the batch, both ways.

    Parameters
    ----------
    temperature : float, default=0.07
        Divisor of the cosines, at least 0.01; the initial value if it is learned.
    learn_temperature : bool, default=True
        Learn the temperature together with the encoders, as CLIP [2]_ does; it stays above 0.01. A
        direct call ``InfoNCELoss()(zx, zy)`` uses `temperature`.

    Notes
    -----
    The mean of the cross-entropies of both directions [1]_, [2]_. A lower bound of the mutual
    information of the views is ``log(n_samples) - loss``, so larger batches can show more of it.

    References
    ----------
    .. [1] A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive predictive
       coding", 2018, arXiv:1807.03748.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language supervision",
       ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from skdcca.losses import InfoNCELoss
    >>> z = torch.eye(4)
    >>> print(f"{InfoNCELoss()(z, z):.3f} {InfoNCELoss()(z, z.roll(1, dims=0)):.3f}")
    0.000 14.286
    """

    name = "infonce"
    projection = "raw"

    def __init__(self, temperature: float = 0.07, learn_temperature: bool = True) -> None:
        self.temperature = temperature
        self.learn_temperature = learn_temperature

    def build(self) -> nn.Module:
        """Build the module that is called in training, with the temperature as its weight.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy)`` is the loss of a batch.
        """
        if not self.learn_temperature:
            return super().build()
        self._check_parameters()
        return _LearnedTemperature(self.temperature)

    def _check_parameters(self):
        check_number("temperature", self.temperature, ge=_COLDEST)

    def _compute(self, zx, zy, group):
        return _info_nce(zx, zy, 1 / self.temperature, group)


# The losses that `DeepCCA` takes by name.
LOSSES = {loss.name: loss for loss in map(globals().__getitem__, __all__) if loss.name is not None}


def as_loss(loss, reg):
    """Return the `Loss` of a name, a loss, a callable, a module or an object with ``build``.

    The loss of a name may use `reg`, the ridge of `DeepCCA`.
    """
    if isinstance(loss, str) or not callable(loss) or isinstance(loss, type):
        check_option("loss", loss, LOSSES, otherwise="or a callable (an object, not a class)")
        return LOSSES[loss]._from_name(reg)
    if not isinstance(loss, Loss):
        return _CallableLoss(loss)
    check_option(f"{type(loss).__name__}.projection", loss.projection, _PROJECTIONS)
    return loss


def build_objective(loss, group):
    """Build the module of a loss for training with the rows of a process group."""
    module = loss.build()
    if hasattr(module, "process_group"):
        module.process_group = group
        return module
    return _GatheredRows(module, group) if group.distributed else module


class _CallableLoss(Loss):
    """A callable, a module or an object with ``build``, with the defaults of `Loss`."""

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, zx, zy):
        return self.loss(zx, zy)

    def build(self):
        if hasattr(self.loss, "build"):
            return self.loss.build()
        if isinstance(self.loss, nn.Module):
            return copy.deepcopy(self.loss)  # training changes its weights
        return super().build()


class _LossModule(nn.Module):
    """A loss without weights, as a module."""

    process_group = SINGLE_PROCESS

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, zx, zy):
        return self.loss._compute_in_group(zx, zy, self.process_group)


class _LearnedTemperature(nn.Module):
    """InfoNCE that learns its temperature."""

    process_group = SINGLE_PROCESS

    def __init__(self, temperature):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, zx, zy):
        with torch.no_grad():  # within the graph, the gradient beyond the bound would be 0
            self.log_scale.clamp_(max=-math.log(_COLDEST))
        return _info_nce(zx, zy, self.log_scale.exp(), self.process_group)


class _GatheredRows(nn.Module):
    """A module that knows no process group, applied to the rows of all processes."""

    def __init__(self, loss, group):
        super().__init__()
        self.loss = loss
        self.group = group

    def forward(self, zx, zy):
        return self.loss(*self.group.gather_tensors(zx, zy))


def _info_nce(zx, zy, scale, group):
    _check_pair(zx, zy, same_width=True)
    zx, zy = group.gather_tensors(zx, zy)
    scores = scale * functional.normalize(zx) @ functional.normalize(zy).T
    partner = torch.arange(len(zx), device=zx.device)
    there = functional.cross_entropy(scores, partner)
    return (there + functional.cross_entropy(scores.T, partner)) / 2


def _centered(zx, zy, group, same_width=False):
    """Return the number of rows, and the local rows of both encodings, centered, in float64."""
    _check_pair(zx, zy, same_width)
    n = group.count(len(zx))
    if n < 2:
        raise ValueError(f"a batch of {n} rows has no covariance; at least 2 are needed")
    sums = [z.double().sum(dim=0) for z in (zx, zy)]
    sums = group.sum_tensors(*sums, reduce_gradients=True)
    return n, *(z.double() - total / n for z, total in zip((zx, zy), sums, strict=True))


def _check_pair(zx, zy, same_width):
    if zx.ndim != 2 or zy.ndim != 2 or len(zx) != len(zy):
        raise ValueError(
            f"the encodings have shapes {tuple(zx.shape)} and {tuple(zy.shape)}; they must be "
            "(n_samples, n_components) with the same rows"
        )
    if same_width and zx.shape[1] != zy.shape[1]:
        raise ValueError(
            f"the encodings have {zx.shape[1]} and {zy.shape[1]} components; this loss needs the same "
            "number in both"
        )
