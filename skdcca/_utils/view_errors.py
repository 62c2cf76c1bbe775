"""Explain errors of views: text, class labels, lists of views, blocks with NaN."""

from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse


@contextmanager
def block_errors(number):
    """Raise errors inside the context as ValueError that gives the number of the block."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"block {number}: {error}") from error


@contextmanager
def text_errors(view, name, remedy):
    """Explain an error inside the context if the view contains text or dates.

    `remedy` is a function that takes what was found: "text", "labels", or the "column" of a table
    with text or a "date".
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        found = _column_without_numbers(view)
        if found is not None:
            kind, where = found
            content = "dates" if kind == "date" else "text"
            message = f"{name} contains {content} in the column {where}. {remedy(kind)}"
            raise ValueError(message) from error
        if not _holds_text(view):
            raise
        kind = "labels" if _are_labels(view) else "text"
        raise ValueError(f"{name} contains text. {remedy(kind)} ({error})") from error


def _column_without_numbers(view):
    """Return the first column of a table that contains text or dates, or None.

    It is returned as its kind, "column" or "date", and its name with a value.
    """
    for name in getattr(view, "columns", ()):
        values = np.asarray(view[name])
        if values.dtype.kind in "Mm":
            return "date", repr(name)
        texts = (value for value in values.flat if isinstance(value, str) and not _is_number(value))
        text = next(texts, None) if values.dtype.kind in "OU" else None
        if text is not None:
            return "column", f"{name!r}, such as {text[:30]!r}"
    return None


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _holds_text(view):
    try:
        values = np.asarray(view)
    except ValueError:  # rows of different lengths
        return False
    if values.dtype.kind == "O":
        return any(isinstance(value, str) for value in values.flat)
    return values.dtype.kind in "US"


def _are_labels(view):
    """Return True if the view is one column of strings that repeat, as class labels do."""
    values = np.asarray(view)
    return values.ndim == 1 and 2 * len(set(values.tolist())) <= len(values)


def refuse_list_of_views(view, model):
    """Raise ValueError if a view is a list of tables; `model` is the name of the model."""
    if not isinstance(view, list | tuple) or len(view) < 2:
        return
    if any(len(getattr(item, "shape", ())) != 2 for item in view):
        return
    if len(view) == 2:
        remedy = "Pass X and y, join two parts of one view by numpy.hstack, or use ViewsList."
    else:
        remedy = "Join those that belong together by numpy.hstack, and pass X and y."
    raise ValueError(
        f"Each view of {model} must be one table, got a list of {len(view)} tables. {remedy}"
    )


def refuse_sparse(name, model, remedy):
    """Raise TypeError because a model does not take a sparse view."""
    raise TypeError(
        f"{name} must be dense for {model}, got a sparse matrix. {remedy}, or use LinearCCA or "
        "KernelCCA(approximation='nystroem')."
    )


def raise_not_finite(view, name):
    """Raise ValueError if a row contains NaN or infinity; the error gives the first such row."""
    try:
        bad = _rows_not_finite(view)
    except (TypeError, ValueError):
        return
    if len(bad):
        raise ValueError(
            f"{name} contains NaN or infinity, first in row {bad[0]} of the block. Impute such rows, or "
            "remove them from both views."
        ) from None


def _rows_not_finite(view):
    if issparse(view):
        entries = view.tocoo()
        return np.unique(entries.row[~np.isfinite(entries.data)])
    numbers = np.asarray(view, dtype=np.float64)
    return np.flatnonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))


def describe(block):
    """Return the type of a block with its shape or length, for errors."""
    shape = f" of shape {block.shape}" if hasattr(block, "shape") else ""
    length = f" of length {len(block)}" if isinstance(block, (tuple, list)) else ""
    return f"{type(block).__name__}{shape}{length}"
