"""Small models for files, and their round trip."""

from pathlib import Path

import numpy as np

from skdcca import DeepCCA, LinearCCA
from skdcca.datasets import make_songs
from skdcca.encoders import MLP
from skdcca.persistence import load, save

FORMAT_1 = Path(__file__).parent / "data" / "format-1"
N = 40


def two_views():
    """Return views of numbers, the second of which follows the first."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 5))
    return X, X[:, :3] + 0.3 * rng.normal(size=(N, 3))


def synthetic_songs():
    """Return as many songs as the views have rows."""
    return make_songs(N, duration=1.5, sample_rate=8000, random_state=0)


def fitted_linear():
    """Return a model fitted on the views."""
    return LinearCCA(2).fit(*two_views())


def deep(**parameters):
    """Return a DeepCCA of one network that trains in a moment."""
    settings = {"x_encoder": MLP((8,)), "fallback": None, "n_networks": 1}
    settings |= {"max_epochs": 2, "random_state": 0}
    return DeepCCA(2, **settings | parameters)


def round_trip(model, path, **trusted):
    """Return a model as it is saved and loaded."""
    save(model, path, **trusted)
    return load(path, **trusted)


def same(ours, theirs):
    """Return True if arrays, or tuples of them, are equal bit for bit."""
    if isinstance(ours, tuple):
        return all(map(same, ours, theirs))
    return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
