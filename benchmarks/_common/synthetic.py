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
