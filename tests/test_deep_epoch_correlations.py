"""Correlations after an epoch: those of `LinearCCA`, at less cost."""

import numpy as np
import pytest

from skdcca import LinearCCA
from skdcca._deep.epoch_correlations import sums_of_correlations


def encodings(n, k, columns, seed=0):
    """Return encodings of both views that share k factors, with columns of different scales."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, k))
    found = []
    for n_columns in columns:
        z = shared[:, :n_columns] + rng.normal(size=(n, n_columns))
        found.append((z * np.geomspace(0.01, 10, n_columns) + 3).astype(np.float32))
    return found


def by_linear_cca(linear, training, held_out, weight):
    linear.fit(*training)
    return linear.canonical_correlations_.sum(), linear.score(*held_out, weight)


@pytest.mark.parametrize("columns", [(1, 1), (6, 6), (6, 4)])
@pytest.mark.parametrize("reg", [0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_they_are_those_of_linear_cca(columns, reg, weighted):
    training, held_out = encodings(130, 6, columns), encodings(50, 6, columns, seed=1)
    weight = np.random.default_rng(2).uniform(size=50) if weighted else None
    linear = LinearCCA(reg=reg)
    expected = by_linear_cca(linear, training, held_out, weight)
    found = sums_of_correlations(linear, training, held_out, weight)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def constant(z):
    z[:, 1] = 5.0


def dependent(z):
    z[:, 1] = z[:, 0] - z[:, 2]


@pytest.mark.parametrize("spoil", [constant, dependent])
def test_dead_outputs(spoil):
    training, held_out = encodings(130, 4, (4, 4)), encodings(50, 4, (4, 4), seed=1)
    for views in (training, held_out):
        spoil(views[0])
    linear = LinearCCA(reg=1e-3)
    expected = by_linear_cca(linear, training, held_out, None)
    found = sums_of_correlations(linear, training, held_out)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_all_outputs_dead():
    training = encodings(130, 4, (4, 4))
    training[1][:] = 2.0
    with pytest.raises(ValueError, match="network of y returns the same encoding"):
        sums_of_correlations(LinearCCA(reg=1e-3), training, training)
