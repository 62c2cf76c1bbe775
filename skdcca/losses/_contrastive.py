"""Losses that identify the partner of each row among the rows of the other view."""

import math

from skdcca._utils.optional import needed_by
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.validation import check_number
from skdcca.losses._base import Loss, check_pair

with needed_by("skdcca.losses"):
    import torch
    from torch import nn
    from torch.nn import functional

# Lowest temperature. Below it, the most difficult row determines the loss of a batch.
_COLDEST = 0.01


class InfoNCELoss(Loss):
    r"""Symmetric InfoNCE loss, the contrastive loss of CLIP, for retrieval.

    Each row of one view must be recognized among all rows of the other view in the batch, in both
    directions. The default temperature is a good start. The loss does not maximize correlation; for
    that, use `EYLoss`.

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

    References
    ----------
    .. [1] A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive predictive
       coding", 2018, arXiv:1807.03748.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language supervision",
       ICML 2021.

    Examples
    --------
    The loss is almost 0 if each row is most similar to its partner, and large if it is not:

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
        return _LearnedTemperature(self.temperature)

    def _check_parameters(self):
        check_number("temperature", self.temperature, ge=_COLDEST)

    def _compute(self, zx, zy, group):
        return _info_nce(zx, zy, 1 / self.temperature, group)


class _LearnedTemperature(nn.Module):
    """Module of the InfoNCE loss with a learned temperature."""

    process_group = SINGLE_PROCESS

    def __init__(self, temperature):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, zx, zy):
        # Clipping inside the graph would make the gradient 0 beyond the bound.
        with torch.no_grad():
            self.log_scale.clamp_(max=-math.log(_COLDEST))
        return _info_nce(zx, zy, self.log_scale.exp(), self.process_group)


def _info_nce(zx, zy, scale, group):
    check_pair(zx, zy, same_width=True)
    zx, zy = group.gather_tensors(zx, zy)
    scores = scale * functional.normalize(zx) @ functional.normalize(zy).T
    partner = torch.arange(len(zx), device=zx.device)
    there = functional.cross_entropy(scores, partner)
    return (there + functional.cross_entropy(scores.T, partner)) / 2
