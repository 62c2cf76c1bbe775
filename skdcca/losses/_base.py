"""Base class of the losses, and the modules that compute them during training."""

import copy

from sklearn.base import BaseEstimator

from skdcca._utils.optional import needed_by
from skdcca._utils.process_group import SINGLE_PROCESS

with needed_by("skdcca.losses"):
    import torch
    from torch import nn

# Added to every variance before a division. It bounds the gradient of a dead output, and is far below
# the variance of any other output.
DEAD_VARIANCE = 1e-18


class Loss(BaseEstimator):
    """Base class of losses for `DeepCCA`.

    A subclass stores its parameters in ``__init__`` and implements ``__call__(zx, zy)``, which returns
    the loss of a batch. With ``DeepCCA(distributed=True)``, this method gets the encodings of the rows
    of all processes.

    Attributes
    ----------
    projection : {"raw", "weighted", "whitened"}, default="whitened"
        Projection that ``DeepCCA(projection="auto")`` uses with this loss. Set it to "raw" for a loss
        that is computed from cosines between the encodings.
    takes_labels : bool, default=False
        If True, the loss accepts the `labels` of ``DeepCCA.fit``, and must be implemented as
        ``__call__(zx, zy, labels=None)``, where `labels` is None or an integer tensor of shape
        ``(n_samples,)``. Samples with the same label belong to the same class.
    small_batches : bool, default=True
        If True, `DeepCCA` uses smaller batches than `default_batch_size` for fewer than 2,000 rows, so
        that an epoch has at least eight batches. Set it to False for a loss that is biased in small
        batches.

    See Also
    --------
    skdcca.DeepCCA : The estimator that minimizes the loss.

    Examples
    --------
    Minimize the distance between the encodings, and keep their standard deviations above 1:

    >>> import numpy as np
    >>> from skdcca import DeepCCA
    >>> from skdcca.losses import Loss
    >>> class DistanceLoss(Loss):
    ...     min_rows_per_component = 2
    ...     def __init__(self, variance=1.0):
    ...         self.variance = variance
    ...     def __call__(self, zx, zy):
    ...         spread = sum((1 - z.std(dim=0)).relu().mean() for z in (zx, zy))
    ...         return (zx - zy).square().mean() + self.variance * spread
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = DeepCCA(1, loss=DistanceLoss(), fallback=None, max_epochs=5).fit(X, X)
    >>> model.set_params(loss__variance=2.0).loss
    DistanceLoss(variance=2.0)
    """

    name = None
    projection = "whitened"
    takes_labels = False
    min_rows_per_component = 0
    small_batches = True

    def __call__(self, zx: torch.Tensor, zy: torch.Tensor) -> torch.Tensor:
        """Compute the loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views. Row i of each belongs to the same sample.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Loss to be minimized.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the shapes of the encodings do not match.
        """
        self._check_parameters()
        return self._compute(zx, zy, SINGLE_PROCESS)

    def build(self) -> nn.Module:
        """Build the module that computes the loss during training.

        Override this method if the loss has weights that are trained together with the encoders.

        Returns
        -------
        module : torch.nn.Module
            ``module(zx, zy)`` returns the loss of a batch.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        self._check_parameters()
        return LossModule(self)

    def default_batch_size(self, n_components: int) -> int:
        """Return the batch size that `DeepCCA` uses with ``batch_size=None``.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        batch_size : int
            Smallest number of rows in a batch.
        """
        return 256

    @classmethod
    def _from_name(cls, reg):
        """Create the loss that `DeepCCA` uses for this name; `reg` is a parameter of `DeepCCA`."""
        return cls()

    def _check_parameters(self):
        """Raise ValueError if a parameter is out of range."""

    def _compute(self, zx, zy, group):
        """Return the loss of the rows of a process group.

        Use ``group.sum_tensors`` to add up sums over local rows across processes, with
        ``reduce_gradients=True`` if each process then combines the totals with its local rows.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(zx, zy).")

    def _compute_in_group(self, zx, zy, group, *labels):
        """Return the loss of the rows of a process group.

        If a subclass overrides ``__call__``, it gets the gathered rows of all processes.
        """
        if type(self).__call__ in (Loss.__call__, LabeledLoss.__call__):
            return self._compute(zx, zy, group, *labels)
        return self(*group.gather_tensors(zx, zy), *labels)


class LabeledLoss(Loss):
    """Base class of losses that can be trained with labels."""

    takes_labels = True

    def __call__(
        self, zx: torch.Tensor, zy: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute the loss of a batch.

        Parameters
        ----------
        zx, zy : torch.Tensor of shape (n_samples, n_components)
            Encodings of the two views. Row i of each belongs to the same sample.
        labels : torch.Tensor of shape (n_samples,), default=None
            Class of each sample, as integers. If None, each sample is a class of its own.

        Returns
        -------
        loss : torch.Tensor of shape ()
            Loss to be minimized.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the shapes of the encodings or labels do not match.
        """
        self._check_parameters()
        return self._compute(zx, zy, SINGLE_PROCESS, labels)

    def _compute(self, zx, zy, group, labels=None):
        """Return the loss of the rows of a process group; with labels, there is a single process."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(zx, zy, labels).")


class CallableLoss(Loss):
    """Loss that wraps a callable, a module or an object with ``build``."""

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, zx, zy):
        return self.loss(zx, zy)

    def build(self):
        if hasattr(self.loss, "build"):
            return self.loss.build()
        if isinstance(self.loss, nn.Module):
            return copy.deepcopy(self.loss)  # training would change the weights of the original
        return super().build()


def build_objective(loss, group):
    """Build the module of a loss for training with the rows of a process group."""
    module = loss.build()
    if hasattr(module, "process_group"):
        module.process_group = group
        return module
    return _GatheredRows(module, group) if group.distributed else module


class LossModule(nn.Module):
    """Module of a loss without weights."""

    process_group = SINGLE_PROCESS

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, zx, zy, labels=None):
        given = () if labels is None else (labels,)
        return self.loss._compute_in_group(zx, zy, self.process_group, *given)


class _GatheredRows(nn.Module):
    """Module that gathers the rows of all processes, for a loss without support for process groups."""

    def __init__(self, loss, group):
        super().__init__()
        self.loss = loss
        self.group = group

    def forward(self, zx, zy):
        return self.loss(*self.group.gather_tensors(zx, zy))


def centered(zx, zy, group, same_width=False):
    """Return the total number of rows, and the centered local rows of both encodings in float64."""
    check_pair(zx, zy, same_width)
    n = group.count(len(zx))
    check_rows(n)
    sums = [z.double().sum(dim=0) for z in (zx, zy)]
    sums = group.sum_tensors(*sums, reduce_gradients=True)
    return n, *(z.double() - total / n for z, total in zip((zx, zy), sums, strict=True))


def check_rows(n):
    if n < 2:
        raise ValueError(
            f"A batch must have at least 2 rows for a covariance, got {n}. Use a larger batch."
        )


def class_codes(labels, zx):
    """Return the class of each row, numbered from 0, and the number of rows of each class."""
    if labels.shape != (len(zx),) or labels.is_floating_point():
        raise ValueError(
            f"`labels` must be integers of shape ({len(zx)},), one for each row, got "
            f"{str(labels.dtype).removeprefix('torch.')} of shape {tuple(labels.shape)}."
        )
    _, codes, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    return codes, counts


def check_pair(zx, zy, same_width):
    if zx.ndim != 2 or zy.ndim != 2 or len(zx) != len(zy):
        raise ValueError(
            "The encodings must have shape (n_samples, n_components) with the same rows, got "
            f"{tuple(zx.shape)} and {tuple(zy.shape)}."
        )
    if same_width and zx.shape[1] != zy.shape[1]:
        raise ValueError(
            "Both encodings must have the same number of components with this loss, got "
            f"{zx.shape[1]} and {zy.shape[1]}."
        )
