"""Plan a fit of a deep model: how many networks there are, and which rows are held out from them."""

from typing import NamedTuple

from skdcca._deep.linear_model import why_no_linear_model
from skdcca._deep.steps import FEWEST_STEPS
from skdcca.losses import as_loss

# If fewer rows than this would be held out, none are, because their correlations would be meaningless.
FEWEST_HELD_OUT = 10
# With fewer rows, a tenth of them is too small to judge a model, so every row is held out once.
_ENOUGH_ROWS = 1000
N_FOLDS = 5
# Epochs and gradient steps on many rows; the larger number of both counts. With more epochs, rows are
# correlated equally well but retrieved worse.
_EPOCHS, _STEPS = 35, 1000
# Learning rates of a single network on many rows, and of all others.
_FAST, _SLOW = 2e-3, 1e-3


class Plan(NamedTuple):
    """How a model is fitted.

    Attributes
    ----------
    n_networks : int
        Number of networks of each view.
    n_held_out : int
        Number of rows that each network holds out.
    not_compared : str
        Why the networks are not compared with a linear model; empty if they are.
    """

    n_networks: int
    n_held_out: int
    not_compared: str

    @property
    def linear_at_once(self):
        """True if there are too few rows to train and judge networks."""
        return not self.not_compared and not self.n_held_out


def make_plan(model, n_rows, x_shape, y_shape=(1,), has_labels=False):
    """Return the plan of a fit.

    Parameters
    ----------
    model : DeepCCA
        Model with valid parameters.
    n_rows : int
        Number of rows with positive weights, of all processes.
    x_shape, y_shape : tuple of int
        Shapes of one sample of each view.
    has_labels : bool, default=False
        True if labels are passed.
    """
    return plan_for_shapes(model, n_rows, (x_shape, y_shape), has_labels)


def plan_for_shapes(model, n_rows, shapes, has_labels=False):
    """Return the plan of a fit, given the shape of a sample of each view."""
    is_raw = resolve_projection(model) == "raw"
    n_networks = model.n_networks
    if n_networks is None:
        alone = is_raw or model.distributed or model.warm_start or model.checkpoint is not None
        alone = alone or not model.validation_fraction or any(len(shape) > 1 for shape in shapes)
        n_networks = 1 if alone or n_rows >= _ENOUGH_ROWS else N_FOLDS
    not_compared = _why_not_compared(model, shapes, n_rows, is_raw, has_labels)
    n_held_out = _count_held_out(model.validation_fraction, n_rows, n_networks)
    if not n_held_out and n_rows >= FEWEST_HELD_OUT:
        not_compared = not_compared or "no rows are held out"
    return Plan(n_networks, n_held_out, not_compared)


def _count_held_out(fraction, n_rows, n_networks):
    """Return the number of rows that each network holds out; 0 if they would be too few."""
    if n_rows < FEWEST_HELD_OUT or not fraction:
        return 0
    if n_networks > 1:
        return -(-n_rows // n_folds(n_networks))
    n_held_out = round(fraction * n_rows)
    return n_held_out if n_held_out >= FEWEST_HELD_OUT else 0


def n_folds(n_networks):
    """Return the number of folds, of which each network holds out one."""
    return max(N_FOLDS, n_networks)


def resolve_projection(model):
    """Return the projection of a model with valid parameters."""
    if model.projection == "auto":
        return as_loss(model.loss, model.reg).projection
    return model.projection


def _why_not_compared(model, shapes, n_rows, is_raw, has_labels):
    if model.fallback is None:
        return "fallback=None"
    if is_raw:
        return "the projection is raw, so the aim is not correlation"
    if has_labels:
        return "labels are given, so the aim is not the correlation of pairs"
    if model.warm_start:
        return "warm_start=True"
    if not model.validation_fraction:
        return "no rows are held out"
    return why_no_linear_model(shapes, n_rows, model.distributed)


def resolve_max_epochs(max_epochs, n_rows, n_batches, n_networks):
    """Return the number of epochs; if None, it gives enough gradient steps."""
    if max_epochs is not None:
        return max_epochs
    n_steps = FEWEST_STEPS if n_rows < _ENOUGH_ROWS else _STEPS
    n_epochs = -(-n_steps // n_batches)
    if n_networks > 1 and n_rows < _ENOUGH_ROWS:
        return n_epochs  # these networks do not stop early, and more steps make them worse
    return max(_EPOCHS, n_epochs)


def resolve_lr(lr, n_rows, n_networks):
    """Return the learning rate; if None, it suits the number of rows."""
    if lr is not None:
        return lr
    return _FAST if n_networks == 1 and n_rows >= _ENOUGH_ROWS else _SLOW
