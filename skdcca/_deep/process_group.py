"""Train one model in a process group of ``torch.distributed``, each process on its local rows.

Losses and layers that need a whole batch use sums over the rows of all processes. The results and
gradients are therefore the same as in a single process that holds all rows:

- If all processes compute the same loss from a sum, its gradient needs no communication
  (`sum_tensors`, `gather_tensors`).
- If each process combines a sum with its local rows, for example by subtracting the mean, the gradients
  of the sum are summed as well (``sum_tensors(..., reduce_gradients=True)``).
- The gradients of the weights are computed from local rows, and then summed, not averaged.
"""

from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import torch
from torch import distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

# Time to wait for a process that neither answers nor ends.
_TIMEOUT = timedelta(minutes=30)


class ProcessGroup:
    """Context manager that fits one model in a process group of ``torch.distributed``.

    Every process enters the context with the number of its local rows. A process that fails before
    `check_same` sends its error to the others. A process that fails or dies later closes its
    connections, so that the others fail as well instead of waiting. The class has the same methods as
    `skdcca._utils.process_group.SingleProcess`.

    Parameters
    ----------
    n_rows : int
        Number of local rows.
    """

    distributed = True

    def __init__(self, n_rows):
        self._n_local = n_rows

    def __enter__(self):
        if not (dist.is_available() and dist.is_initialized()):
            raise ValueError(
                "torch.distributed must be initialized with distributed=True. Call "
                "torch.distributed.init_process_group in a script that torchrun starts, or set "
                "distributed=False."
            )
        cuda = torch.cuda.is_available() and dist.is_nccl_available()
        with _connection_errors():
            self._group = dist.new_group(
                backend="cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_TIMEOUT
            )
        self.rank, self.n_processes = dist.get_rank(), dist.get_world_size()
        self._checked = False
        ends = np.cumsum(self.all_gather_object(self._n_local))
        self._start, self._stop = ends[self.rank] - self._n_local, ends[self.rank]
        self._n_total = int(ends[-1])
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not self._checked:
            self.all_gather_object({"error": f"{type(error).__name__}: {error}"})
        # The connections close when no reference is left, so that processes that wait for this one fail.
        group, self._group = self._group, None
        dist.destroy_process_group(group)

    def check_same(self, **facts):
        """Raise an error if another process failed or passes different values."""
        gathered = self.all_gather_object(facts)
        self._checked = True
        for rank, other in enumerate(gathered):
            if "error" in other:
                raise RuntimeError(f"Process {rank} failed with {other['error']}")
            for name, value in other.items():
                if value != gathered[0][name]:
                    raise ValueError(
                        f"{name} must be the same in all processes, got {gathered[0][name]} in process "
                        f"0 and {value} in process {rank}."
                    )

    def total_rows(self, n_rows):
        """Return the total number of rows, given the number of local rows."""
        return self._n_total

    def local_rows(self, rows):
        """Select the rows that are local, and return their positions in this process."""
        return rows[(rows >= self._start) & (rows < self._stop)] - self._start

    def all_gather_object(self, value):
        """Return the values of all processes, ordered by rank."""
        values = [None] * self.n_processes
        with _connection_errors():
            dist.all_gather_object(values, value, group=self._group)
        return values

    def all_gather_list(self, values):
        """Return the lists of all processes as one list, ordered by rank."""
        return [value for local in self.all_gather_object(values) for value in local]

    def broadcast(self, value):
        """Return the value of process 0."""
        return self.all_gather_object(value)[0]

    def all_reduce(self, value):
        """Return the sum of a number or array over all processes."""
        return sum(self.all_gather_object(value))

    def count(self, n):
        """Return the sum of an integer over all processes."""
        return int(self.reduce_tensor(torch.tensor(n)))

    def gather_rows(self, array):
        """Return an array with the rows of all processes, ordered by rank."""
        return torch.cat(self.gather_parts(torch.from_numpy(array))).numpy()

    def gather_tensors(self, *tensors):
        """Return tensors with the rows of all processes; gradients flow to the local rows only."""
        return tuple(_GatherRows.apply(tensor, self) for tensor in tensors)

    def sum_tensors(self, *tensors, reduce_gradients=False):
        """Return the sums of tensors over all processes.

        Set ``reduce_gradients=True`` if each process combines the sums with its local rows: the
        gradients are then summed as well. Otherwise, all processes must compute the same from the sums.
        """
        # All tensors are sent in one message, because many messages cost more time than a long one.
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        sums = _Sum.apply(flat, self, reduce_gradients).split([t.numel() for t in tensors])
        return tuple(part.view(tensor.shape) for part, tensor in zip(sums, tensors, strict=True))

    def all_reduce_gradients(self, module, objective):
        """Replace the gradients of both modules with the gradients over the total rows."""
        self._reduce_gradients(module, 1)
        # The parameters of a loss have the same gradient in every process.
        self._reduce_gradients(objective, self.n_processes)

    def _reduce_gradients(self, module, divisor):
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        if not weights:
            return
        gradients = [
            (torch.zeros_like(weight) if weight.grad is None else weight.grad).reshape(-1)
            for weight in weights
        ]
        used = weights[0].new_tensor([weight.grad is not None for weight in weights])
        sizes = [weight.numel() for weight in weights] + [len(weights)]
        *summed, used = self.reduce_tensor(torch.cat([*gradients, used])).split(sizes)
        for weight, gradient, n_used in zip(weights, summed, used.tolist(), strict=True):
            # The optimizer ignores a weight without gradient, that is, one that no process used.
            if n_used:
                weight.grad = (gradient / divisor).to(weight.dtype).view(weight.shape)

    def broadcast_state(self, module):
        """Replace the weights of a module with the weights of process 0."""
        with _connection_errors():
            for value in module.state_dict().values():
                dist.broadcast(value, src=0, group=self._group)

    def convert_batch_norm(self, module):
        """Make batch normalization use the rows of all processes."""
        for name, layer in module.named_children():
            if isinstance(layer, _BatchNorm):
                setattr(module, name, DistributedBatchNorm.convert(layer, self))
            else:
                self.convert_batch_norm(layer)

    def batch_generator(self, seed, device):
        """Return the generator that draws the batches, the same in all processes."""
        # As in a single process, this generator continues the one that drew the weights. The default
        # generator is seeded by the rank, so that dropout differs between processes.
        generator = torch.Generator()
        generator.set_state(torch.get_rng_state())
        torch.default_generator.manual_seed(seed + self.rank)
        if torch.device(device).type == "cuda":
            with torch.cuda.device(torch.device(device)):
                torch.cuda.manual_seed(seed + self.rank)
        return generator

    def reduce_tensor(self, tensor):
        """Return the sum of a tensor over all processes, without a gradient."""
        tensor = tensor.clone(memory_format=torch.contiguous_format)
        with _connection_errors():
            dist.all_reduce(tensor, group=self._group)
        return tensor

    def gather_parts(self, rows):
        """Return the rows of each process, without gradients."""
        size = torch.tensor([len(rows)], device=rows.device)
        sizes = [torch.empty_like(size) for _ in range(self.n_processes)]
        with _connection_errors():
            dist.all_gather(sizes, size, group=self._group)
        sizes = [size.item() for size in sizes]
        # All processes must send the same number of rows, so shorter parts are padded.
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        with _connection_errors():
            dist.all_gather(parts, padded, group=self._group)
        return [part[:size] for part, size in zip(parts, sizes, strict=True)]


@contextmanager
def _connection_errors():
    """Convert a failed connection into an error that explains that another process failed."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            f"Process {dist.get_rank()} cannot continue, because another process failed, ended or did "
            "not answer. Look for the cause in the output of the other process."
        ) from error


class _Sum(torch.autograd.Function):
    """Autograd function that sums a tensor over all processes."""

    @staticmethod
    def forward(ctx, tensor, group, reduce_gradients):
        ctx.group, ctx.reduce_gradients = group, reduce_gradients
        return group.reduce_tensor(tensor)

    @staticmethod
    def backward(ctx, gradient):
        if ctx.reduce_gradients:
            gradient = ctx.group.reduce_tensor(gradient)
        return gradient, None, None


class _GatherRows(torch.autograd.Function):
    """Autograd function that concatenates the rows of all processes."""

    @staticmethod
    def forward(ctx, rows, group):
        parts = group.gather_parts(rows)
        start = sum(map(len, parts[: group.rank]))
        ctx.local = slice(start, start + len(rows))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient):
        return gradient[ctx.local], None


class DistributedBatchNorm(_BatchNorm):
    """Batch normalization with the mean and variance over the rows of all processes.

    It works on any device, whereas `torch.nn.SyncBatchNorm` works on GPUs only.
    """

    @classmethod
    def convert(cls, layer, group):
        """Return a distributed layer that shares the weights of a batch normalization layer of torch."""
        converted = cls.__new__(cls)
        nn.Module.__init__(converted)
        vars(converted).update(vars(layer))
        converted.process_group = group
        return converted

    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        """Normalize a batch."""
        if not self.training:
            return super().forward(x)
        axes = [0, *range(2, x.ndim)]
        wide = x.double()
        count = x.new_tensor(x.numel() // x.shape[1], dtype=torch.float64)
        mean, square, count = self.process_group.sum_tensors(
            wide.sum(axes), wide.square().sum(axes), count, reduce_gradients=True
        )
        count = count.item()
        if count < 2:
            raise ValueError(
                f"A batch must have at least 2 rows to be normalized, got {count:.0f}. Use a larger "
                "batch_size."
            )
        mean, square = mean / count, square / count
        variance = (square - mean.square()).clamp(min=0)
        self._update_moments(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        columns = (1, -1) + (1,) * (x.ndim - 2)
        normal = ((wide - mean.view(columns)) * scale.view(columns)).to(x.dtype)
        if self.weight is None:
            return normal
        return normal * self.weight.view(columns) + self.bias.view(columns)

    def _update_moments(self, mean, variance):
        """Update the running mean and variance, as torch does."""
        if self.running_mean is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked.item()
        for running, value in ((self.running_mean, mean), (self.running_var, variance)):
            running.mul_(1 - share).add_(share * value.to(running.dtype))
