"""Check the parameters of deep models, before anything is computed."""

from os import PathLike
from pathlib import Path

from sklearn.utils import check_random_state
from torch import optim

from skdcca._deep.networks import resolve_device
from skdcca._deep.plan import resolve_projection
from skdcca._deep.training import OPTIMIZERS, check_callbacks
from skdcca._utils.labels import check_complete, check_labels, label_numbers
from skdcca._utils.validation import check_integer, check_number, check_option
from skdcca.encoders import as_encoder
from skdcca.losses import as_loss


def check_parameters(model):
    """Raise an error if a parameter of a `DeepCCA` is invalid."""
    check_training_parameters(model)
    check_encoder("x_encoder", model.x_encoder)
    check_encoder("y_encoder", model.y_encoder)
    _check_distributed(model)
    _check_warm_start(model)


def check_training_parameters(model):
    """Raise an error if a parameter that all deep models have is invalid."""
    check_number("reg", model.reg, ge=0)
    check_number("lr", model.lr, gt=0, or_none=True)
    check_number("weight_decay", model.weight_decay, ge=0)
    check_number("validation_fraction", model.validation_fraction, ge=0, lt=1)
    check_integer("max_epochs", model.max_epochs, or_none=True)
    check_integer("n_networks", model.n_networks, or_none=True)
    check_integer("patience", model.patience, or_none=True)
    check_integer("batch_size", model.batch_size, ge=2, or_none=True)
    check_option("projection", model.projection, ("auto", "weighted", "whitened", "raw"))
    check_option("fallback", model.fallback, ("linear", None))
    check_option("lr_schedule", model.lr_schedule, ("cosine", "constant"))
    check_random_state(model.random_state)
    as_loss(model.loss, model.reg).build()  # also checks the parameters of the loss
    resolve_device(model.device)
    check_callbacks(model.callbacks)
    _check_augmentation(model.augmentation)
    _check_optimizer(model.optimizer)
    _check_checkpoint(model)
    _check_n_networks(model)


def class_numbers(labels, X, model):
    """Return the number of the class of each row, or None without labels."""
    if labels is None:
        return None
    labels = check_labels("labels", labels, X).tolist()
    if model.distributed:
        raise ValueError("`labels` must be None with distributed=True. Use a single process.")
    if not as_loss(model.loss, model.reg).takes_labels:
        raise ValueError(
            f"`labels` must be None with loss={model.loss!r}, which does not use them. Use the loss "
            "'ey', 'ey_infonce' or 'infonce'."
        )
    check_complete("labels", labels)
    return label_numbers(labels)


def shared_facts(model, X, y):
    """Return the values that must be the same in all processes."""
    params = {name: repr(value) for name, value in model.get_params(deep=False).items()}
    # These may differ: they concern a single process, or are taken from process 0.
    for name in ("callbacks", "device", "random_state", "verbose"):
        del params[name]
    comparable = {f"`{name}`": value for name, value in params.items() if " at 0x" not in value}
    views = {"A sample of X": X, "A sample of y": y}
    return comparable | {
        name: f"{view.dtype} of shape {view.shape[1:]}" for name, view in views.items()
    }


def _check_augmentation(augmentation):
    if augmentation is not None and (isinstance(augmentation, type) or not callable(augmentation)):
        raise ValueError(
            "`augmentation` must be a callable (an instance, not a class) or None, got "
            f"{augmentation!r}."
        )


def _check_n_networks(model):
    """Raise ValueError if several networks are combined with an option for a single one."""
    if model.n_networks in (None, 1):
        return
    single = {
        "checkpoint": model.checkpoint is not None,
        "distributed=True": model.distributed,
        "projection='raw'": resolve_projection(model) == "raw",
        "warm_start=True": model.warm_start,
    }
    for option, is_used in single.items():
        if is_used:
            raise ValueError(
                f"`n_networks` must be 1 or None with {option}, got {model.n_networks}. Use only one of "
                "them."
            )


def _check_warm_start(model):
    n_networks = getattr(model, "n_networks_", 0)
    if model.warm_start and n_networks > 1:
        raise ValueError(
            f"`warm_start` must be False after a fit of {n_networks} networks, got True. Only a single "
            "network can be trained further: begin with n_networks=1."
        )


def _check_optimizer(optimizer):
    other_class = isinstance(optimizer, type) and not issubclass(optimizer, optim.Optimizer)
    if other_class or not callable(optimizer):
        otherwise = "a class of torch.optim, or a functools.partial of one"
        check_option("optimizer", optimizer, OPTIMIZERS, otherwise=otherwise)


def check_encoder(name, given):
    encoder = as_encoder(given)
    if isinstance(encoder, type) or not (encoder is None or hasattr(encoder, "build")):
        raise ValueError(
            f"`{name}` must be an encoder, a torch.nn.Module or None, got {encoder!r}. Pass an "
            "instance, such as MLP(), not a class."
        )


def _check_checkpoint(model):
    folder = model.checkpoint
    if folder is None:
        return
    if model.warm_start:
        raise ValueError(
            f"`checkpoint` must be None with warm_start=True, got {str(folder)!r}. Use only one of "
            "them, because both continue a training run."
        )
    if not isinstance(folder, (str, PathLike)) or Path(folder).is_file():
        raise ValueError(
            f"`checkpoint` must be a folder or None, got {folder!r}. Pass the path of a folder."
        )


def _check_distributed(model):
    if not model.distributed:
        return
    if model.y_transformer is not None:
        raise ValueError(
            f"`y_transformer` must be None with distributed=True, got {model.y_transformer!r}. Fit it "
            "beforehand on all rows, and pass its output as y."
        )
    if model.checkpoint is not None:
        raise ValueError(
            f"`checkpoint` must be None with distributed=True, got {str(model.checkpoint)!r}. Use only "
            "one of them."
        )
