"""Losses that align the outputs of both views and decorrelate the outputs within each view."""

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_number
from skdcca.losses._base import DEAD_VARIANCE, Loss, centered, check_pair

with needed_by("skdcca.losses"):
    import torch


class BarlowTwinsLoss(Loss):
    r"""Barlow Twins loss, which brings the cross-correlation matrix close to the identity.

    Corresponding outputs of both views become correlated, and all other pairs of outputs uncorrelated.

    Parameters
    ----------
    redundancy : float, default=5e-3
        Weight, >= 0, of the squared correlations between different outputs, called :math:`\lambda` in
        the paper.

    Raises
    ------
    ValueError
        When the loss is called, if `redundancy` is negative, if the encodings have different shapes, or
        if there are fewer than two rows.

    Notes
    -----
    With R the matrix of correlations between the outputs of X and the outputs of y, the loss is
    Equation (1) of [1]_:

    .. math:: \sum_i (1 - R_{ii})^2 + \lambda \sum_{i \ne j} R_{ij}^2.

    References
    ----------
    .. [1] J. Zbontar, L. Jing, I. Misra, Y. LeCun and S. Deny, "Barlow Twins: self-supervised learning
       via redundancy reduction", ICML 2021.

    Examples
    --------
    Equal encodings reach the minimum of 0. With the opposite sign, each of the two outputs adds 4:

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
        n, zx, zy = centered(zx, zy, group, same_width=True)
        squares = group.sum_tensors(
            zx.square().sum(dim=0), zy.square().sum(dim=0), reduce_gradients=True
        )
        zx, zy = (
            z / (square / n + DEAD_VARIANCE).sqrt()
            for z, square in zip((zx, zy), squares, strict=True)
        )
        correlation = group.sum_tensors(zx.T @ zy)[0] / n
        diagonal = correlation.diagonal()
        redundant = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.redundancy * redundant


class VICRegLoss(Loss):
    r"""VICReg loss: variance-invariance-covariance regularization.

    It brings the two encodings of a sample together, keeps the standard deviation of each output above 1
    and makes the outputs of a view uncorrelated.

    Parameters
    ----------
    invariance : float, default=25.0
        Weight, >= 0, of the mean squared difference between the two encodings.
    variance : float, default=25.0
        Weight, >= 0, of the term that keeps the standard deviation of each output above 1.
    covariance : float, default=1.0
        Weight, >= 0, of the squared covariances between different outputs of a view.

    Raises
    ------
    ValueError
        When the loss is called, if a weight is negative, if the encodings have different shapes, or if
        there are fewer than two rows.

    Notes
    -----
    The defaults are those of [1]_. With the weights :math:`\lambda`, :math:`\mu` and :math:`\nu` in the
    order of the parameters, n samples and k outputs, the loss is Equation (6) of [1]_,

    .. math::
        \frac{\lambda}{n k} \sum_{i, j} (x_{ij} - y_{ij})^2 + \sum_{z \in \{x, y\}} \Big(
        \frac{\mu}{k} \sum_j \max\big(0, 1 - \sqrt{\Sigma^z_{jj} + 10^{-4}}\big) +
        \frac{\nu}{k} \sum_{i \ne j} (\Sigma^z_{ij})^2 \Big),

    where :math:`\Sigma^z` is the covariance matrix of a view. The first term is divided by n and k, as
    in the code of the authors; the equation in the paper divides it by n only.

    References
    ----------
    .. [1] A. Bardes, J. Ponce and Y. LeCun, "VICReg: variance-invariance-covariance regularization for
       self-supervised learning", ICLR 2022.

    Examples
    --------
    The loss of equal, uncorrelated encodings is 0; shifting one view by 1 adds the weight `invariance`:

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
        check_pair(zx, zy, same_width=True)
        apart = (zx.double() - zy.double()).square().sum()
        n, zx, zy = centered(zx, zy, group)
        apart, xx, yy = group.sum_tensors(apart, zx.T @ zx, zy.T @ zy)
        spread = self._spread(xx / (n - 1)) + self._spread(yy / (n - 1))
        return self.invariance * (apart / (n * len(xx))) + spread

    def _spread(self, covariance):
        variances = covariance.diagonal()
        hinge = torch.relu(1 - (variances + 1e-4).sqrt()).mean()
        mixed = (covariance.square().sum() - variances.square().sum()) / len(covariance)
        return self.variance * hinge + self.covariance * mixed
