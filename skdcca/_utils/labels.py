"""Check and number the labels of rows, such as groups and classes."""

import math

import numpy as np

from skdcca._utils.row_order import check_row_order
from skdcca._utils.sklearn_compat import num_samples


def check_labels(name, labels, X):
    """Return labels as an array; raise ValueError unless there is one for each row of X.

    Labels with an index, such as a Series, must have the row labels of X in the same order.
    """
    check_row_order(X, labels, names=("X", name))
    labels = np.asarray(labels)
    if labels.shape != (num_samples(X),):
        raise ValueError(
            f"`{name}` must have one label for each of {num_samples(X)} rows, got shape {labels.shape}. "
            "Pass one label for each row of X."
        )
    return labels


def check_complete(name, labels):
    """Raise ValueError if the label of a row is None or NaN."""
    for i, label in enumerate(labels):
        if label is None or (isinstance(label, float) and math.isnan(label)):
            raise ValueError(
                f"`{name}` must have a label for each row, got {label!r} in row {i}. Fill in the "
                "missing labels, or drop these rows."
            )


def numbers_of_rows(name, labels, X):
    """Return the number of the label of each row of X, after checking that there is one for each."""
    labels = check_labels(name, labels, X)
    check_complete(name, labels)
    return label_numbers(labels)


def halves(numbers, rng):
    """Return the rows of two random halves of the labels; with an odd number, the first has one less.

    `numbers` are those of `label_numbers`.
    """
    order = rng.permutation(numbers.max() + 1)
    first = order[numbers] < len(order) // 2
    return np.flatnonzero(first), np.flatnonzero(~first)


def label_numbers(labels):
    """Return a number for each label, as integers from 0; labels may be of several types."""
    numbers = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)
