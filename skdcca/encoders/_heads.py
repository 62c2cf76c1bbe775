"""Layers that turn the steps of a sequence into the outputs of an encoder."""

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_integer, check_number, check_option

with needed_by("skdcca.encoders"):
    import torch
    from torch import nn


class _MeanHead(nn.Module):
    """Head that averages a tensor of shape ``(n_samples, width, n_steps)`` over the steps."""

    def __init__(self, width):
        super().__init__()
        self.n_features = width

    def forward(self, x):
        return x.mean(dim=2)


class _AttentionHead(nn.Module):
    """Head that averages the steps, each weighted by a learned score."""

    def __init__(self, width):
        super().__init__()
        self.n_features = width
        self.score = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, x):
        weight = self.score(x.transpose(1, 2)).softmax(dim=1)
        return (x @ weight).squeeze(2)


class _GRUHead(nn.Module):
    """Head that returns the last states of a recurrent unit in both directions."""

    def __init__(self, width):
        super().__init__()
        n_units = max(1, width // 2)
        self.n_features = 2 * n_units
        self.unit = nn.GRU(width, n_units, batch_first=True, bidirectional=True)

    def forward(self, x):
        _, (there, back) = self.unit(x.transpose(1, 2))
        return torch.cat([there, back], dim=1)


_HEADS = {"mean": _MeanHead, "attention": _AttentionHead, "gru": _GRUHead}


def build_head(encoder, width, length, n_outputs):
    """Return layers that map ``(n_samples, width, length)`` to ``(n_samples, n_outputs)``."""
    check_option("head", encoder.head, (*_HEADS, "steps"))
    check_number("dropout", encoder.dropout, ge=0, lt=1)
    if encoder.head in _HEADS:
        over_time = _HEADS[encoder.head](width)
        return over_time, nn.Dropout(encoder.dropout), nn.Linear(over_time.n_features, n_outputs)
    check_integer("n_steps", encoder.n_steps)
    if encoder.n_steps > length:
        raise ValueError(
            f"`n_steps` must be <= {length}, the number of steps after pooling, got {encoder.n_steps}. "
            "Use a smaller n_steps or pool_size."
        )
    if n_outputs % encoder.n_steps:
        raise ValueError(
            f"`n_components` must be a multiple of n_steps={encoder.n_steps} with head='steps', got "
            f"{n_outputs}. Use {encoder.n_steps}, {2 * encoder.n_steps}, {3 * encoder.n_steps}, ..."
        )
    return (
        nn.AdaptiveAvgPool1d(encoder.n_steps),
        nn.Dropout(encoder.dropout),
        nn.Conv1d(width, n_outputs // encoder.n_steps, 1),
        nn.Flatten(),
    )
