"""Several processes that train one model, each on its own rows, by `torch.distributed`.

A loss or a layer that needs the whole batch gets sums over the rows of all processes, so that
everything is as it would be in one process that has all rows:

- where every process computes the same from a sum, up to the loss, its gradient is that of one process
  already (`total`, `gather`);
- where each goes on with its own rows, as after the mean is taken away, the gradients are summed
  too (`shared`);
- the gradients of the weights, each of the rows of a process, are summed and not averaged.
"""

from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import torch
from torch import distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

# How long a process that neither answers nor ends is waited for.
_PATIENCE = timedelta(minutes=30)


class Alone:
    """One process, whose rows are all there are."""

    number = 0
    several = False

    def agree(self, **facts):
        """Nothing to agree about."""

    def of_all(self, n_rows):
        """Number of rows of all processes, of which so many are here."""
        return n_rows

    def own(self, rows):
        """Those of these rows of all processes that are here, by their place here."""
        return rows

    def objects(self, value):
        """What every process has for this value, in their order."""
        return [value]

    def all(self, values):
        """What all processes have in such a list."""
        return [value for own in self.objects(values) for value in own]

    def first(self, value):
        """The value of the first process."""
        return value

    def sum(self, value):
        """Sum of numbers or arrays over the processes."""
        return value

    def count(self, n):
        """Sum of a whole number over the processes."""
        return n

    def rows(self, array):
        """The rows that all processes have, one process after the other."""
        return array

    def gather(self, *encodings):
        """The same, of tensors with the same rows, for a loss."""
        return encodings

    def total(self, *parts):
        """Sums of tensors over the processes, of which all compute the same."""
        return parts

    def shared(self, *parts):
        """Sums of tensors over the processes, of which each computes what its own rows need."""
        return parts

    def sum_gradients(self, module, objective):
        """Make the gradients of all processes one."""

    def share_state(self, module):
        """Take the weights of the first process."""

    def share_layers(self, module):
        """Let layers that need the whole batch have it."""

    def shuffler(self, seed, device):
        """Generator of the batches, which are drawn alike everywhere."""


ALONE = Alone()


class Together(Alone):
    """The processes of `torch.distributed`, with a group of their own, which a failure closes.

    Entered by every process with the number of its rows, and left when the model is fitted. A process
    that fails before `agree` tells the others why; one that fails later, or dies, ends their waiting.
    """

    several = True

    def __init__(self, n_rows):
        self._n_rows = n_rows

    def __enter__(self):
        if not (dist.is_available() and dist.is_initialized()):
            raise ValueError(
                "distributed=True, but this process is none of several: call "
                "torch.distributed.init_process_group first and start the script by torchrun, or leave "
                "distributed=False"
            )
        cuda = torch.cuda.is_available() and dist.is_nccl_available()
        with self._others_told():
            self._group = dist.new_group(
                backend="cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_PATIENCE
            )
        self.number, self._agreed = dist.get_rank(), False
        ends = np.cumsum(self.objects(self._n_rows))
        self._start, self._stop = ends[self.number] - self._n_rows, ends[self.number]
        self._n_rows = int(ends[-1])
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not self._agreed:
            self.objects({"error": f"{type(error).__name__}: {error}"})
        # Not referred to any more, its connections are closed, and whoever waits for this process
        # is told so.
        group, self._group = self._group, None
        dist.destroy_process_group(group)

    @contextmanager
    def _others_told(self):
        """Say of an error of a connection what it means."""
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"another process failed, ended or did not answer, so this one (rank {dist.get_rank()}) "
                "cannot go on: the error is in the output of the other"
            ) from error

    def agree(self, **facts):
        """Refuse what is not the same everywhere, and fail where another process has failed."""
        told = self.objects(facts)
        self._agreed = True
        for number, other in enumerate(told):
            if "error" in other:
                raise RuntimeError(f"process {number} refused its rows with {other['error']}")
            for name, value in other.items():
                if value != told[0][name]:
                    raise ValueError(
                        f"{name} is {told[0][name]} in process 0 and {value} in process {number}; it "
                        "must be the same in all"
                    )

    def of_all(self, n_rows):
        return self._n_rows

    def own(self, rows):
        return rows[(rows >= self._start) & (rows < self._stop)] - self._start

    def objects(self, value):
        values = [None] * dist.get_world_size()
        with self._others_told():
            dist.all_gather_object(values, value, group=self._group)
        return values

    def first(self, value):
        return self.objects(value)[0]

    def sum(self, value):
        return sum(self.objects(value))

    def count(self, n):
        return int(self._summed(torch.tensor(n)))

    def rows(self, array):
        return torch.cat(self._all_rows(torch.from_numpy(array))).numpy()

    def gather(self, *encodings):
        return tuple(_Gather.apply(z, self) for z in encodings)

    def total(self, *parts):
        return self._sums(parts, shared=False)

    def shared(self, *parts):
        return self._sums(parts, shared=True)

    def _sums(self, parts, shared):
        """In one message, as it takes longer to send one than to send many numbers."""
        sums = _Sum.apply(torch.cat([part.reshape(-1) for part in parts]), self, shared)
        sums = sums.split([part.numel() for part in parts])
        return tuple(total.view(part.shape) for total, part in zip(sums, parts, strict=True))

    def _summed(self, tensor):
        tensor = tensor.clone(memory_format=torch.contiguous_format)
        with self._others_told():
            dist.all_reduce(tensor, group=self._group)
        return tensor

    def _all_rows(self, rows):
        size = torch.tensor([len(rows)], device=rows.device)
        sizes = [torch.empty_like(size) for _ in range(dist.get_world_size())]
        with self._others_told():
            dist.all_gather(sizes, size, group=self._group)
        sizes = [size.item() for size in sizes]
        # All must send as many: the shorter ones are filled up.
        filled = rows.new_zeros((max(sizes), *rows.shape[1:]))
        filled[: len(rows)] = rows
        parts = [torch.empty_like(filled) for _ in sizes]
        with self._others_told():
            dist.all_gather(parts, filled, group=self._group)
        return [part[:size] for part, size in zip(parts, sizes, strict=True)]

    def sum_gradients(self, module, objective):
        # The parameters of a loss have the same gradient everywhere.
        n_processes = dist.get_world_size()
        for part, share in ((module, 1), (objective, n_processes)):
            weights = [weight for weight in part.parameters() if weight.requires_grad]
            if not weights:
                continue
            gradients = [
                (torch.zeros_like(weight) if weight.grad is None else weight.grad).reshape(-1)
                for weight in weights
            ]
            used = weights[0].new_tensor([weight.grad is not None for weight in weights])
            *summed, used = self._summed(torch.cat([*gradients, used])).split(
                [weight.numel() for weight in weights] + [len(weights)]
            )
            for weight, gradient, n_used in zip(weights, summed, used.tolist(), strict=True):
                # What no process used has none, and is left alone by the optimizer.
                if n_used:
                    weight.grad = (gradient / share).to(weight.dtype).view(weight.shape)

    def share_state(self, module):
        with self._others_told():
            for value in module.state_dict().values():
                dist.broadcast(value, src=0, group=self._group)

    def share_layers(self, module):
        for name, layer in module.named_children():
            if isinstance(layer, _BatchNorm):
                setattr(module, name, _SharedBatchNorm.of(layer, self))
            else:
                self.share_layers(layer)

    def shuffler(self, seed, device):
        # The batches go on with the generator of the weights, as in one process. Dropout takes as many
        # numbers as there are rows here, and must not be the same for the rows of each process.
        shuffler = torch.Generator()
        shuffler.set_state(torch.get_rng_state())
        torch.default_generator.manual_seed(seed + self.number)
        if torch.device(device).type == "cuda":
            with torch.cuda.device(torch.device(device)):
                torch.cuda.manual_seed(seed + self.number)
        return shuffler


class Shares:
    """Encodings of which each process has its rows, as blocks for a `LinearCCA`."""

    again = True

    def __init__(self, zx, zy, over):
        self._views, self._over = (zx, zy), over
        self.n_rows = over.sum(len(zx))

    def first(self):
        """A block that has nothing but the columns and types of all."""
        return tuple(np.ones((2, view.shape[1]), dtype=view.dtype) for view in self._views)

    def gather(self, new, check):
        """What all processes have gathered, merged in their order."""
        part = new()
        if len(self._views[0]):
            part.add(*check(self._over.number, self._views))
        total, *others = self._over.objects(part)
        for other in others:
            total.merge(other)
        return total


class _Sum(torch.autograd.Function):
    """Sum over the processes."""

    @staticmethod
    def forward(ctx, part, over, shared):
        ctx.over, ctx.shared = over, shared
        return over._summed(part)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.over._summed(gradient) if ctx.shared else gradient, None, None


class _Gather(torch.autograd.Function):
    """Rows of all processes."""

    @staticmethod
    def forward(ctx, rows, over):
        parts = over._all_rows(rows)
        start = sum(map(len, parts[: over.number]))
        ctx.own = slice(start, start + len(rows))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient):
        return gradient[ctx.own], None


class _SharedBatchNorm(_BatchNorm):
    """Batch normalisation by the moments of the rows of all processes, on any device.

    That of torch, `torch.nn.SyncBatchNorm`, is for GPUs alone.
    """

    @classmethod
    def of(cls, layer, over):
        """One with the very weights of a layer of torch."""
        shared = cls.__new__(cls)
        nn.Module.__init__(shared)
        vars(shared).update(vars(layer))
        shared.over = over
        return shared

    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        axes = [0, *range(2, x.ndim)]
        wide = x.double()
        count = x.new_tensor(x.numel() // x.shape[1], dtype=torch.float64)
        mean, square, count = self.over.shared(wide.sum(axes), wide.square().sum(axes), count)
        count = count.item()
        if count < 2:
            raise ValueError(
                f"a batch of {count:.0f} rows cannot be normalised; at least 2 are needed"
            )
        mean, square = mean / count, square / count
        variance = (square - mean.square()).clamp(min=0)
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        columns = (1, -1) + (1,) * (x.ndim - 2)
        normal = ((wide - mean.view(columns)) * scale.view(columns)).to(x.dtype)
        if self.weight is None:
            return normal
        return normal * self.weight.view(columns) + self.bias.view(columns)

    def _follow(self, mean, variance):
        """Let the running moments follow, as those of torch do."""
        if self.running_mean is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1 / self.num_batches_tracked.item()
        for running, value in ((self.running_mean, mean), (self.running_var, variance)):
            running.mul_(1 - share).add_(share * value.to(running.dtype))
