"""Halves of MNIST digits, from `mnist10k.npz` in the benchmark data."""

import numpy as np

N_TRAIN = 8000
N_CHOOSE = 6400  # training rows to fit on when hyperparameters are chosen on the others


def halves(data, choosing):
    """Return the left and right halves of the training digits and of the test digits.

    With `choosing`, both are subsets of the training digits.
    """
    with np.load(data / "mnist10k.npz") as archive:
        pixels = archive["X"].reshape(-1, 28, 28).astype(np.float32) / 255
    views = [half.reshape(len(half), -1) for half in np.split(pixels, 2, axis=2)]
    pairs = [_split(view, choosing) for view in views]
    return [train for train, _ in pairs], [test for _, test in pairs]


def labels_of_digits(data, choosing):
    """Return the digits that the training images and the test images show, from 0 to 9."""
    with np.load(data / "mnist10k.npz") as archive:
        return _split(archive["y"].astype(int), choosing)


def _split(rows, choosing):
    first, last = (N_CHOOSE, N_TRAIN) if choosing else (N_TRAIN, len(rows))
    return rows[:first], rows[first:last]
