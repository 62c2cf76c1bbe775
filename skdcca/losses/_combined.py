"""Loss for correlation and retrieval at once."""

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_number
from skdcca.losses._base import LabeledLoss, centered
from skdcca.losses._contrastive import COLDEST, LearnedTemperature, info_nce
from skdcca.losses._correlation import eckart_young

with needed_by("skdcca.losses"):
    from torch import nn

# Number of components with which the default weight is 1. The Eckart-Young loss is a sum over
# components; little of the InfoNCE loss is left with many components, and much with few.
_COMPONENTS_OF_WEIGHT_1 = 20


class EYInfoNCELoss(LabeledLoss):
    r"""Sum of the Eckart-Young and the InfoNCE loss, for correlation and retrieval at once.

    `EYLoss` reaches the highest correlations and `InfoNCELoss` is designed for retrieval. Their sum is
    close to both. A small `weight` favors correlation, a large one retrieval.

    Parameters
    ----------
    weight : float, default=None
        Weight, >= 0, of the InfoNCE loss. If None, it is ``(n_components / 20) ** 2``: 6.25 with 50
        components, 0.06 with 5. With few components, samples cannot be told apart, and a larger weight
        would cost correlation.
    temperature : float, default=0.1
        Divisor of the cosines, >= 0.01. It is the initial value if the temperature is learned.
    learn_temperature : bool, default=True
        Learn the temperature together with the encoders; it never falls below 0.01. A direct call,
        ``EYInfoNCELoss()(zx, zy)``, always uses `temperature`.

    Raises
    ------
    ValueError
        When the loss is called or built, if a parameter is out of range. When it is called, if the
        encodings have different shapes, or if there are fewer than two rows.

    See Also
    --------
    EYLoss : Correlation alone.
    InfoNCELoss : Retrieval alone.

    Notes
    -----
    The cosines of the InfoNCE loss are those of the encodings minus their mean in the batch. The
    correlations do not depend on this mean, so it would have no meaning in the cosines.

    With labels, both losses use them: the loss is that of cluster CCA plus the supervised contrastive
    loss.

    Examples
    --------
    Without the InfoNCE loss, it is the Eckart-Young loss:

    >>> import torch
    >>> from skdcca.losses import EYInfoNCELoss, EYLoss
    >>> z = torch.tensor([[1.0], [-1.0]]) / 2
    >>> print(f"{EYInfoNCELoss(weight=0)(z, z):.3f} {EYLoss()(z, z):.3f}")
    -1.000 -1.000
    >>> print(f"{EYInfoNCELoss(weight=2)(z, -z):.3f}")
    43.000

    >>> from skdcca import DeepCCA
    >>> deep = DeepCCA(n_components=5, loss="ey_infonce")
    >>> deep.set_params(loss=EYInfoNCELoss(weight=15)).get_params()["loss__weight"]
    15
    """

    name = "ey_infonce"
    min_rows_per_component = 1

    def __init__(
        self,
        weight: float | None = None,
        temperature: float = 0.1,
        learn_temperature: bool = True,
    ) -> None:
        self.weight = weight
        self.temperature = temperature
        self.learn_temperature = learn_temperature

    def build(self) -> nn.Module:
        """Build the module that computes the loss during training and learns the temperature.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy, labels=None)`` returns the loss of a batch.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        if not self.learn_temperature:
            return super().build()
        self._check_parameters()
        return LearnedTemperature(self)

    def _check_parameters(self):
        check_number("weight", self.weight, ge=0, or_none=True)
        check_number("temperature", self.temperature, ge=COLDEST)

    def _compute(self, zx, zy, group, labels=None):
        return self._compute_at(1 / self.temperature, zx, zy, group, labels)

    def _compute_at(self, scale, zx, zy, group, labels):
        correlation = eckart_young(zx, zy, group, labels)
        weight = self.weight
        if weight is None:
            weight = (zx.shape[1] / _COMPONENTS_OF_WEIGHT_1) ** 2
        _, zx, zy = centered(zx, zy, group)
        return correlation + weight * info_nce(scale, zx, zy, group, labels)
