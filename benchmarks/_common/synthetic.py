"""Synthetic data shared by the benchmarks."""

import numpy as np

N_COMPONENTS = 64
CORRELATIONS = np.linspace(0.95, 0.05, N_COMPONENTS)


def partners(X, noise):
    """Return rows whose canonical correlations with `X` are `CORRELATIONS`, one per column."""
    return CORRELATIONS * X + np.sqrt(1 - CORRELATIONS**2) * noise


def chord(rng, seconds):
    """Return a chord of three random pitches, sampled at the given times."""
    pitch = 220 * 2 ** (rng.integers(0, 24, size=(3, 1)) / 12)
    return np.sin(2 * np.pi * pitch * seconds).mean(axis=0)


N_FACTORS = 3
# Numbers of columns of both views, strength of the factors in X and y, and number of bent factors.
TRUTHS = {
    "linear": (15, 12, 0.5, 0.5, 0),
    "wide": (200, 200, 0.15, 0.15, 0),
    "mixed": (15, 12, 0.8, 0.8, 2),
    "non-linear": (15, 12, 0.8, 0.8, 3),
}


def factor_views(truth, n_rows, rng):
    """Return two views of `n_rows` rows that share three independent standard normal factors.

    X is a random linear map of the factors plus noise of variance 1, and so is y, except that the last
    factors are bent before they are mapped. A bent factor is not correlated with the factor itself, so
    a linear model cannot find it.
    """
    n_x, n_y, x_strength, y_strength, n_bent = TRUTHS[truth]
    factors = rng.normal(size=(n_rows, N_FACTORS))
    n_straight = N_FACTORS - n_bent
    shown = np.hstack([factors[:, :n_straight], bend(factors[:, n_straight:])])
    X = x_strength * factors @ rng.normal(size=(N_FACTORS, n_x))
    y = y_strength * shown @ rng.normal(size=(N_FACTORS, n_y))
    return X + rng.normal(size=X.shape), y + rng.normal(size=y.shape)


def bend(factors):
    """Return a smooth even function of standard normal factors that has mean 0 and variance 1."""
    return (np.sqrt(1 + factors**2) - 1.35453) / 0.40650
