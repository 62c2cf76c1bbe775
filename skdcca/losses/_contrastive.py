"""Losses that identify the partner of each row among the rows of the other view."""

import math

from skdcca._utils.optional import needed_by
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.validation import check_number
from skdcca.losses._base import LabeledLoss, check_pair, class_codes

with needed_by("skdcca.losses"):
    import torch
    from torch import nn
    from torch.nn import functional

# Lowest temperature. Below it, the most difficult row determines the loss of a batch.
COLDEST = 0.01


class InfoNCELoss(LabeledLoss):
    r"""Symmetric InfoNCE loss, the contrastive loss of CLIP, for retrieval.

    Each row of one view must be recognized among all rows of the other view in the batch, in both
    directions. The default temperature is a good start. The loss does not maximize correlation; for
    that, use `EYLoss`, or `EYInfoNCELoss` for both at once.

    With labels, it is the supervised contrastive loss across the views [3]_: each row must be recognized
    by all rows of its class.

    Parameters
    ----------
    temperature : float, default=0.07
        Divisor of the cosines, >= 0.01. It is the initial value if the temperature is learned.
    learn_temperature : bool, default=True
        Learn the temperature together with the encoders, as in CLIP [2]_; it never falls below 0.01. A
        direct call, ``InfoNCELoss()(zx, zy)``, always uses `temperature`.

    Raises
    ------
    ValueError
        When the loss is called or built, if `temperature` is out of range. When it is called, if the
        encodings have different shapes.

    Notes
    -----
    With :math:`s_{ij}` the cosine of row i of X and row j of y, and :math:`\tau` the temperature, the
    loss is the mean of the cross-entropies of both directions, Equation (4) of [1]_,

    .. math:: -\frac{1}{2n} \sum_i \Big( \log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ji} / \tau}} \Big).

    The mutual information of the views is at least ``log(n_samples)`` minus the loss, so only large
    batches can show that this information is large.

    With labels, the logarithms of a row are averaged over its partners :math:`P(i)`, the rows of its
    class in the other view, as in :math:`L^{sup}_{out}` of [3]_:

    .. math:: -\frac{1}{2n} \sum_i \frac{1}{|P(i)|} \sum_{p \in P(i)} \Big(
        \log \frac{e^{s_{ip} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{pi} / \tau}}{\sum_j e^{s_{ji} / \tau}} \Big).

    References
    ----------
    .. [1] A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive predictive
       coding", 2018, arXiv:1807.03748.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language supervision",
       ICML 2021.
    .. [3] P. Khosla et al., "Supervised contrastive learning", NeurIPS 2020.

    Examples
    --------
    The loss is almost 0 if each row is most similar to its partner, and large if it is not:

    >>> import torch
    >>> from skdcca.losses import InfoNCELoss
    >>> z = torch.eye(4)
    >>> print(f"{InfoNCELoss()(z, z):.3f} {InfoNCELoss()(z, z.roll(1, dims=0)):.3f}")
    0.000 14.286

    With labels, all rows of a class are partners, and they should be equally similar:

    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> same = torch.eye(2)[labels]
    >>> print(f"{InfoNCELoss()(z, z, labels):.3f} {InfoNCELoss()(same, same, labels):.3f}")
    7.143 0.693
    """

    name = "infonce"
    projection = "raw"

    def __init__(self, temperature: float = 0.07, learn_temperature: bool = True) -> None:
        self.temperature = temperature
        self.learn_temperature = learn_temperature

    def build(self) -> nn.Module:
        """Build the module that computes the loss during training and learns the temperature.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy)`` returns the loss of a batch.

        Raises
        ------
        ValueError
            If `temperature` is out of range.
        """
        if not self.learn_temperature:
            return super().build()
        self._check_parameters()
        return LearnedTemperature(self)

    def _check_parameters(self):
        check_number("temperature", self.temperature, ge=COLDEST)

    def _compute(self, zx, zy, group, labels=None):
        return self._compute_at(1 / self.temperature, zx, zy, group, labels)

    def _compute_at(self, scale, zx, zy, group, labels):
        return info_nce(scale, zx, zy, group, labels)


class LearnedTemperature(nn.Module):
    """Module that learns the temperature of a loss.

    The loss must have ``temperature`` and ``_compute_at(scale, zx, zy, group, labels)``, where the scale
    is the reciprocal of the temperature.
    """

    process_group = SINGLE_PROCESS

    def __init__(self, loss):
        super().__init__()
        self.loss = loss
        self.log_scale = nn.Parameter(torch.tensor(-math.log(loss.temperature)))

    def forward(self, zx, zy, labels=None):
        # Clipping inside the graph would make the gradient 0 beyond the bound.
        with torch.no_grad():
            self.log_scale.clamp_(max=-math.log(COLDEST))
        return self.loss._compute_at(self.log_scale.exp(), zx, zy, self.process_group, labels)


def info_nce(scale, zx, zy, group, labels=None):
    """Return the InfoNCE loss of the rows of a process group, for cosines times a scale."""
    check_pair(zx, zy, same_width=True)
    partners = None if labels is None else _partners(labels, zx)
    zx, zy = group.gather_tensors(zx, zy)
    scores = scale * functional.normalize(zx) @ functional.normalize(zy).T
    if partners is None:
        partners = torch.arange(len(zx), device=zx.device)
    there = functional.cross_entropy(scores, partners)
    return (there + functional.cross_entropy(scores.T, partners)) / 2


def _partners(labels, zx):
    """Return the share of each row among the partners of each row, in the dtype of the encodings."""
    codes, counts = class_codes(labels, zx)
    return (codes[:, None] == codes).to(zx.dtype) / counts[codes][:, None]
