"""Losses of deep canonical correlation analysis.

A loss is called with the encodings of two views, tensors of shape ``(n_samples, n_components)`` whose
row i is the same sample, and returns a scalar tensor to be minimized. It is a parameter object: an
estimator without data, whose parameters can be set in a grid search (``loss__temperature``).

`EYLoss`, the default of `DeepCCA`, and `CCALoss` maximize correlation. `InfoNCELoss` is made for
retrieval. The user guide compares the results of all losses. Subclass `Loss` to write another one.

Covariances are computed in float64 for encodings of any dtype, because in float32 nearly dependent
outputs lose all digits when they are whitened.
"""

from skdcca.losses._base import Loss
from skdcca.losses._base import build_objective as build_objective  # for DeepCCA
from skdcca.losses._contrastive import InfoNCELoss
from skdcca.losses._correlation import CCALoss, EYLoss
from skdcca.losses._named import LOSSES as LOSSES  # for DeepCCA
from skdcca.losses._named import as_loss as as_loss
from skdcca.losses._redundancy import BarlowTwinsLoss, VICRegLoss

__all__ = ["BarlowTwinsLoss", "CCALoss", "EYLoss", "InfoNCELoss", "Loss", "VICRegLoss"]
