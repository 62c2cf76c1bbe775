"""Explain errors of views: text, class labels, lists of views, blocks with NaN."""

from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse

# What to pass instead of a model of several views to what fits a clone of it.
REFIT = "Pass LinearCCA() and the columns of two views, because the model is fitted again"


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
        remedy = "Join them by numpy.hstack for MultiCCA, or to X and y."
    raise ValueError(
        f"Each view of {model} must be one table, got a list of {len(view)} tables. {remedy}"
    )


def refuse_several_views(name, estimator, remedy=None):
    """Raise TypeError if an estimator is or contains a model of several views, such as `MultiCCA`.

    `remedy` says what to pass instead; by default, a pair of the views of the fitted model.
    """
    model = innermost(estimator)
    if not hasattr(model, "transform_view") or hasattr(model, "transform_y"):
        return
    if remedy is None:
        # An unfitted model has no such attribute.
        pair = next(iter(getattr(model, "pair_correlations_", ())), ("audio", "lyrics"))
        remedy = f"Pass a pair of its views, such as model.pair{pair} of the fitted model"
    raise TypeError(
        f"`{name}` must be a two-view model, got {type(model).__name__} of several views. {remedy}."
    )


def innermost(estimator):
    """Return the last step of a Pipeline, and the estimator inside a search."""
    while not hasattr(estimator, "transform_y"):
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "estimator"):
            estimator = estimator.estimator
        else:
            break
    return estimator


def refuse_sparse(name, model, remedy):
    """Raise TypeError because a model does not take a sparse view."""
    raise TypeError(
        f"{name} must be dense for {model}, got a sparse matrix. {remedy}, or use LinearCCA or "
        "KernelCCA(approximation='nystroem')."
    )


def raise_not_finite(view, name):
    """Raise ValueError if a row contains NaN or infinity; the error gives the first such row."""
    bad = rows_that(lambda numbers: ~np.isfinite(numbers), view)
    if len(bad):
        raise ValueError(
            f"{name} contains NaN or infinity, first in row {bad[0]} of the block. Impute such rows, or "
            "remove them from both views."
        ) from None


@contextmanager
def finite_errors(view, name, remedy):
    """Add the row to an error inside the context if the view contains NaN or infinity.

    `remedy` says how to impute NaN.
    """
    try:
        yield
    except ValueError as error:
        for kind, is_bad in (("NaN", np.isnan), ("infinity", np.isinf)):
            bad = rows_that(is_bad, view)
            if len(bad):
                remedy = remedy if kind == "NaN" else "Replace it by a number"
                raise ValueError(
                    f"Input {name} contains {kind}, first in row {bad[0]}. {remedy}, or remove such "
                    "rows from both views."
                ) from error
        raise


def rows_that(is_bad, view):
    """Return the rows with a bad number; none if the view does not consist of numbers."""
    if issparse(view):
        entries = view.tocoo()
        return np.unique(entries.row[is_bad(entries.data)])
    try:
        numbers = np.asarray(view)
        numbers = numbers if numbers.dtype.kind in "fc" else numbers.astype(np.float64)
    except (TypeError, ValueError):
        return np.empty(0, dtype=int)
    return np.flatnonzero(is_bad(numbers).any(axis=tuple(range(1, numbers.ndim))))


def describe(block):
    """Return the type of a block with its shape or length, for errors."""
    shape = f" of shape {block.shape}" if hasattr(block, "shape") else ""
    length = f" of length {len(block)}" if isinstance(block, (tuple, list)) else ""
    return f"{type(block).__name__}{shape}{length}"
