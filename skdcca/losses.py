"""Objectives of deep canonical correlation analysis, over the encodings of two views.

Every loss is a parameter object: an estimator without data, whose parameters are keys of a grid
(``loss__temperature``). It is called with two encodings, tensors of shape
``(n_samples, n_components)`` whose row `i` belongs to the same sample, and gives a scalar tensor to
be minimised. Covariances are computed in float64 whatever the type of the encodings: in float32 a
nearly dependent output has no digits left after whitening.

Which one? `CCALoss` and `EYLoss` maximise correlation; `InfoNCELoss` serves retrieval. The user
guide has the table of what each reaches.
"""

import math
from numbers import Real

import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn import functional

from skdcca._deep.process_group import ALONE

__all__ = ["BarlowTwinsLoss", "CCALoss", "EYLoss", "InfoNCELoss", "VICRegLoss"]

# Added to every variance before a division: it bounds the gradient of a dead output, and is far below
# the variance of any that lives.
_DEAD = 1e-18
# Least temperature: below, a batch is decided by its one hardest row.
_COLDEST = 0.01


class _Loss(BaseEstimator):
    """Base of the losses: a subclass has parameters and ``__call__(zx, zy, over=ALONE)``.

    What it sums over the rows it sums over all processes: by ``over.total``, or by ``over.shared`` if it
    goes on with the rows.
    """

    def build(self):
        """Module for training, with the parameters of the loss that are learned, if any.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy)`` is the scalar loss.
        """
        return Objective(self)


class Objective(nn.Module):
    """A loss without parameters to learn, as a module."""

    over = ALONE

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, zx, zy):
        return self.loss(zx, zy, self.over)


class CCALoss(_Loss):
    r"""Minus the sum of the canonical correlations of the two encodings.

    It needs the whole batch: with `n` rows and `k` outputs the correlations of a batch are too high by
    about :math:`\sqrt{k / n}`, so batches of at least 20 rows an output are in place; `EYLoss` makes do
    with less.

    Parameters
    ----------
    reg : float, default=1e-3
        Ridge: `reg` times the mean variance of the outputs of a view is added to the variance of each,
        so a value means the same at every scale of the outputs.

    Notes
    -----
    The objective of Andrew et al. [1]_. Both covariances are whitened by their Cholesky factors and the
    singular values of the whitened cross-covariance are summed. The usual form, by the inverse square
    root of an eigendecomposition, has the same value, but its gradient divides by the differences of
    eigenvalues: it is NaN where two of them tie, as for dead outputs, or for outputs that are white
    already.

    The loss is invariant to an invertible linear map of either view (up to the ridge).

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

    def __init__(self, reg=1e-3):
        self.reg = reg

    def __call__(self, zx, zy, over=ALONE):
        """Loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views, at least two rows.
        over : processes, default=ALONE
            Those that have the rows of the batch; `DeepCCA` gives it.

        Returns
        -------
        loss : torch.Tensor of shape ()
            At least ``-n_components``, float64.
        """
        _check_number(self.reg, "reg", least=0)
        n, zx, zy = _centred(zx, zy, over)
        xx, yy, xy = over.total(zx.T @ zx, zy.T @ zy, zx.T @ zy)
        left, right = self._whitener(xx / (n - 1)), self._whitener(yy / (n - 1))
        cross = xy / (n - 1)
        half = torch.linalg.solve_triangular(left, cross, upper=False)
        white = torch.linalg.solve_triangular(right, half.T, upper=False)
        return -torch.linalg.svdvals(white).sum()

    def _whitener(self, covariance):
        """Cholesky factor of a covariance with its ridge."""
        # Without any ridge, duplicated outputs still need one above the rounding of float64.
        ridge = max(self.reg, 1e-10) * covariance.diagonal().mean() + _DEAD
        return torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)).to(covariance))


class EYLoss(_Loss):
    r"""Eckart-Young loss of canonical correlation analysis, made for small batches.

    Parameters
    ----------
    reg : float, default=0.0
        Ridge: added to the covariance of both views. The loss fixes the scale of the outputs, so this
        is in units of their variance, which is at most 1/2.

    Notes
    -----
    The loss of Chapman, Wells and Aguila [1]_,

    .. math:: -2 \operatorname{tr}(C) + \operatorname{tr}(V^2), \quad
        C = \Sigma_{xy} + \Sigma_{yx}, \quad V = \Sigma_{xx} + \Sigma_{yy},

    needs no whitening. Its minimum over linear maps is minus the sum of the *squared* canonical
    correlations, at the leading canonical variates scaled to a variance of half of their correlation
    (and rotated). Being quadratic in the covariances, its gradient in a batch is hardly
    biased, where that of `CCALoss` makes up correlations from a small one.

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

    def __init__(self, reg=0.0):
        self.reg = reg

    def __call__(self, zx, zy, over=ALONE):
        """Loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views, as many components each, at least two rows.
        over : processes, default=ALONE
            Those that have the rows of the batch; `DeepCCA` gives it.

        Returns
        -------
        loss : torch.Tensor of shape ()
            At least ``-n_components``, float64.
        """
        _check_number(self.reg, "reg", least=0)
        n, zx, zy = _centred(zx, zy, over, same_width=True)
        scatter, product = over.total(zx.T @ zx + zy.T @ zy, (zx * zy).sum())
        variance = scatter / (n - 1) + 2 * self.reg * torch.eye(zx.shape[1]).to(zx)
        return variance.square().sum() - 4 * product / (n - 1)


class BarlowTwinsLoss(_Loss):
    r"""Barlow Twins: the correlations between the outputs of both views should be the identity.

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

    def __init__(self, redundancy=5e-3):
        self.redundancy = redundancy

    def __call__(self, zx, zy, over=ALONE):
        """Loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views, as many components each, at least two rows.
        over : processes, default=ALONE
            Those that have the rows of the batch; `DeepCCA` gives it.

        Returns
        -------
        loss : torch.Tensor of shape ()
            At least 0, float64.
        """
        _check_number(self.redundancy, "redundancy", least=0)
        n, zx, zy = _centred(zx, zy, over, same_width=True)
        squares = over.shared(zx.square().sum(dim=0), zy.square().sum(dim=0))
        zx, zy = (
            z / (square / n + _DEAD).sqrt() for z, square in zip((zx, zy), squares, strict=True)
        )
        correlation = over.total(zx.T @ zy)[0] / n
        diagonal = correlation.diagonal()
        redundant = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.redundancy * redundant


class VICRegLoss(_Loss):
    r"""VICReg: variance-invariance-covariance regularisation.

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
    numbers, as the authors' program has it (the formula of the paper divides by the rows only).

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

    def __init__(self, invariance=25.0, variance=25.0, covariance=1.0):
        self.invariance = invariance
        self.variance = variance
        self.covariance = covariance

    def __call__(self, zx, zy, over=ALONE):
        """Loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views, as many components each, at least two rows.
        over : processes, default=ALONE
            Those that have the rows of the batch; `DeepCCA` gives it.

        Returns
        -------
        loss : torch.Tensor of shape ()
            At least 0, float64.
        """
        for name in ("invariance", "variance", "covariance"):
            _check_number(getattr(self, name), name, least=0)
        _check_pair(zx, zy, same_width=True)
        apart = (zx.double() - zy.double()).square().sum()
        n, zx, zy = _centred(zx, zy, over)
        apart, xx, yy = over.total(apart, zx.T @ zx, zy.T @ zy)
        spread = self._spread(xx / (n - 1)) + self._spread(yy / (n - 1))
        return self.invariance * (apart / (n * len(xx))) + spread

    def _spread(self, covariance):
        variances = covariance.diagonal()
        hinge = torch.relu(1 - (variances + 1e-4).sqrt()).mean()
        mixed = (covariance.square().sum() - variances.square().sum()) / len(covariance)
        return self.variance * hinge + self.covariance * mixed


class InfoNCELoss(_Loss):
    r"""Symmetric InfoNCE: each row should find its partner among those of the batch, both ways.

    Parameters
    ----------
    temperature : float, default=0.07
        What the cosines are divided by, at least 0.01; where training starts if it is learned.
    learn_temperature : bool, default=True
        Learn the temperature with the encoders, as CLIP [2]_ does; it stays above 0.01. In a direct call
        ``InfoNCELoss()(zx, zy)``, where nothing is learned, it is `temperature`.

    Notes
    -----
    The mean of the cross-entropies of both directions [1]_, [2]_. A lower bound of the mutual
    information of the views is ``log(n_samples) - loss``, so larger batches can tell more.

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

    def __init__(self, temperature=0.07, learn_temperature=True):
        self.temperature = temperature
        self.learn_temperature = learn_temperature

    def __call__(self, zx, zy, over=ALONE):
        """Loss of a batch, at the temperature that was given.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views, as many components each.
        over : processes, default=ALONE
            Those that have the rows of the batch; `DeepCCA` gives it.

        Returns
        -------
        loss : torch.Tensor of shape ()
            At least 0, of the encodings' type; chance is ``log(n_samples)``.
        """
        _check_number(self.temperature, "temperature", least=_COLDEST)
        return _info_nce(zx, zy, 1 / self.temperature, over)

    def build(self):
        """Module for training, with the temperature as its parameter.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy)`` is the scalar loss.
        """
        _check_number(self.temperature, "temperature", least=_COLDEST)
        return _InfoNCE(self.temperature) if self.learn_temperature else Objective(self)


class _InfoNCE(nn.Module):
    """InfoNCE that learns its temperature."""

    over = ALONE

    def __init__(self, temperature):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, zx, zy):
        with torch.no_grad():  # not in the graph, where the gradient past the bound would be 0
            self.log_scale.clamp_(max=-math.log(_COLDEST))
        return _info_nce(zx, zy, self.log_scale.exp(), self.over)


def _info_nce(zx, zy, scale, over):
    _check_pair(zx, zy, same_width=True)
    zx, zy = over.gather(zx, zy)
    scores = scale * functional.normalize(zx) @ functional.normalize(zy).T
    partner = torch.arange(len(zx), device=zx.device)
    there = functional.cross_entropy(scores, partner)
    return (there + functional.cross_entropy(scores.T, partner)) / 2


def _centred(zx, zy, over, same_width=False):
    """Number of rows, and both encodings in float64 with means of 0."""
    _check_pair(zx, zy, same_width)
    n = over.count(len(zx))
    if n < 2:
        raise ValueError(f"a batch of {n} rows has no covariance; at least 2 are needed")
    totals = over.shared(*(z.double().sum(dim=0) for z in (zx, zy)))
    return n, *(z.double() - total / n for z, total in zip((zx, zy), totals, strict=True))


def _check_pair(zx, zy, same_width):
    if zx.ndim != 2 or zy.ndim != 2 or len(zx) != len(zy):
        raise ValueError(
            f"the encodings have shapes {tuple(zx.shape)} and {tuple(zy.shape)}; they must be "
            "(n_samples, n_components) with the same rows"
        )
    if same_width and zx.shape[1] != zy.shape[1]:
        raise ValueError(
            f"the encodings have {zx.shape[1]} and {zy.shape[1]} components; this loss compares them "
            "one with one"
        )


def _check_number(value, name, least):
    if not isinstance(value, Real) or not least <= value < math.inf:
        raise ValueError(f"{name}={value!r}; it must be a finite number from {least}")
