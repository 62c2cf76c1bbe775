"""Look up losses by the names that `DeepCCA` accepts."""

from skdcca._utils.validation import check_option
from skdcca.losses._base import CallableLoss, Loss
from skdcca.losses._combined import EYInfoNCELoss
from skdcca.losses._contrastive import InfoNCELoss
from skdcca.losses._correlation import CCALoss, EYLoss
from skdcca.losses._redundancy import BarlowTwinsLoss, VICRegLoss

_PROJECTIONS = ("raw", "weighted", "whitened")
_CLASSES = (BarlowTwinsLoss, CCALoss, EYInfoNCELoss, EYLoss, InfoNCELoss, VICRegLoss)
LOSSES = {loss.name: loss for loss in _CLASSES}


def as_loss(loss, reg):
    """Return a `Loss`, given a name, a loss, a callable, a module or an object with ``build``.

    `reg` is the ridge of `DeepCCA`, which a loss that is given by name may use.
    """
    if isinstance(loss, str) or not callable(loss) or isinstance(loss, type):
        check_option("loss", loss, LOSSES, otherwise="or a callable (an instance, not a class)")
        return LOSSES[loss]._from_name(reg)
    if not isinstance(loss, Loss):
        return CallableLoss(loss)
    check_option(f"{type(loss).__name__}.projection", loss.projection, _PROJECTIONS)
    return loss
