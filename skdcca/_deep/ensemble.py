"""Join several networks of a view into one."""

from dataclasses import dataclass

import torch
from torch import nn

from skdcca._deep.networks import Branch, load_state, seeded


class _Whitening(nn.Module):
    """Layer that turns the outputs of a network into the variates of its linear model."""

    def __init__(self, n_outputs):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_outputs, dtype=torch.float64))
        self.register_buffer("weights", torch.eye(n_outputs, dtype=torch.float64))

    def forward(self, z):
        return (z.double() - self.mean) @ self.weights


class _Joined(nn.Module):
    """Networks side by side; their outputs are concatenated."""

    def __init__(self, networks):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x):
        return torch.cat([network(x) for network in self.networks], dim=1)


@dataclass(frozen=True)
class JoinedBranch:
    """Description from which several networks of one view are built, with the methods of `Branch`.

    Attributes
    ----------
    branch : Branch
        Description of each network.
    n_networks : int
        Number of networks.
    """

    branch: Branch
    n_networks: int

    def build(self):
        """Return the joined networks; each has its own scaling and whitening."""
        n_outputs = self.branch.n_outputs
        parts = [(self.branch.build(), _Whitening(n_outputs)) for _ in range(self.n_networks)]
        return _Joined([nn.Sequential(*part) for part in parts])

    def rebuild(self, state):
        """Return the joined networks with these weights."""
        with seeded(0, "cpu"):
            return load_state(self.build(), state)


def joined_state(states, means, weights):
    """Return the weights of a `_Joined`, given those of each network and of its linear model."""
    joined = {}
    for i, (state, mean, weight) in enumerate(zip(states, means, weights, strict=True)):
        joined |= {f"networks.{i}.0.{name}": value for name, value in state.items()}
        joined |= {f"networks.{i}.1.mean": mean, f"networks.{i}.1.weights": weight}
    return joined
