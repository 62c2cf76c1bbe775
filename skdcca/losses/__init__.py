"""Losses of deep canonical correlation analysis.

A loss is called with the encodings of two views and returns a scalar tensor to be minimized. Encodings
are tensors of shape ``(n_samples, n_components)``, and row i of each belongs to the same sample. Like
the kernel of a Gaussian process, a loss only stores parameters, which a grid search can set
(``loss__temperature``).

`EYLoss` and `CCALoss` maximize correlation. `InfoNCELoss` is designed for retrieval, and
`EYInfoNCELoss`, the default of `DeepCCA`, for both at once. The user guide compares the results of all
losses. To write another loss, subclass `Loss`.

With ``DeepCCA.fit(X, y, labels=...)``, `EYLoss`, `InfoNCELoss` and `EYInfoNCELoss` bring all samples of
a class together instead of the pairs alone.

Covariances are computed in float64 for encodings of any dtype, because whitening nearly dependent
outputs in float32 would lose all significant digits.
"""

from skdcca.losses._base import Loss
from skdcca.losses._base import build_objective as build_objective  # for DeepCCA
from skdcca.losses._combined import EYInfoNCELoss
from skdcca.losses._contrastive import InfoNCELoss
from skdcca.losses._correlation import CCALoss, EYLoss
from skdcca.losses._named import LOSSES as LOSSES  # for DeepCCA
from skdcca.losses._named import as_loss as as_loss
from skdcca.losses._redundancy import BarlowTwinsLoss, VICRegLoss

__all__ = [
    "BarlowTwinsLoss",
    "CCALoss",
    "EYInfoNCELoss",
    "EYLoss",
    "InfoNCELoss",
    "Loss",
    "VICRegLoss",
]
