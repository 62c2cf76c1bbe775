"""Explain errors of a table of several views: its columns, and the view and row of a bad value."""

from collections import Counter
from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse

from skdcca._utils.view_errors import rows_that

# Names of columns that an error shows.
_MOST_NAMES = 5


def refuse_no_table(X):
    """Raise ValueError unless X can be one table whose columns have different names."""
    kind = None
    # A sparse matrix can be a dict, too.
    if X is None or (isinstance(X, str | dict) and not issparse(X)):
        kind = "None" if X is None else f"a {type(X).__name__}"
    elif isinstance(X, list | tuple) and X and all(np.ndim(item) == 2 for item in X):
        kind = f"a {type(X).__name__} of {len(X)} tables"
    if kind is not None:
        raise ValueError(
            f"X must be one table with the columns of all views, got {kind}. Join the views by "
            "numpy.hstack or pandas.concat, and set the columns of each one in `views`."
        )
    counts = Counter(getattr(X, "columns", ()))
    if any(count > 1 for count in counts.values()):
        name, count = counts.most_common(1)[0]
        raise ValueError(
            f"The columns of X must have different names, got {name!r} {count} times. Rename them."
        )


@contextmanager
def other_columns():
    """Add a remedy to errors of a table that has other columns than that of `fit`."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{str(error).strip().rstrip('.')}. Pass all columns of `fit` (NaN where a row lacks a "
            "view), or one view to transform_view."
        ) from error


def columns_error(name, columns, X):
    """Return the ValueError for columns of a view that X does not have."""
    names, n_columns = getattr(X, "columns", None), X.shape[1]
    wanted = columns if isinstance(columns, list | tuple) else [columns]
    if isinstance(columns, slice):
        wanted = [bound for bound in (columns.start, columns.stop) if bound is not None]
    wanted = list(wanted)
    if wanted and all(isinstance(one, str) for one in wanted):
        problem = _unknown_names(wanted, names)
    elif wanted and all(isinstance(one, bool | np.bool_) for one in wanted):
        problem = f"has a mask of {len(wanted)} columns, but X has {n_columns}"
    elif wanted and all(isinstance(one, int | np.integer) for one in wanted):
        bad = next((one for one in wanted if not -n_columns <= one < n_columns), wanted[0])
        problem = f"has the column {bad}, but X has columns from 0 to {n_columns - 1}"
    else:
        problem = f"must have names, positions, a slice or a mask as columns, got {columns!r:.60}"
    return ValueError(f"The view {name!r} {problem}. Change its columns in `views`.")


def _unknown_names(wanted, names):
    if names is None:
        return f"has the column {wanted[0]!r}, but X has no names. Pass a DataFrame"
    names = list(names)
    bad = next((one for one in wanted if one not in names), wanted[0])
    shown = ", ".join(repr(one) for one in names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        shown += f" and {len(names) - _MOST_NAMES} more"
    return f"has the column {bad!r}, which is not one of X: {shown}"


@contextmanager
def infinity_errors(name, view, has=None):
    """Name the view and the row of an error inside the context if the view contains infinity.

    `has` says which rows of the table have the view; `view` consists of these rows only.
    """
    try:
        yield
    except ValueError as error:
        bad = rows_that(np.isinf, view)
        if not len(bad):
            raise
        row = bad[0] if has is None else np.flatnonzero(has)[bad[0]]
        raise ValueError(
            f"The view {name!r} contains infinity, first in row {row}. Replace it by a number, or "
            "remove the row."
        ) from error


@contextmanager
def output_errors(name, transformer, output):
    """Explain an error inside the context if a transformer returned NaN or infinity."""
    try:
        yield
    except ValueError as error:
        is_returned = not isinstance(transformer, str)
        if not is_returned or not len(rows_that(lambda numbers: ~np.isfinite(numbers), output)):
            raise
        raise ValueError(
            f"The transformer of the view {name!r} must return finite numbers, but "
            f"{type(transformer).__name__} returned NaN or infinity. Let it begin with SimpleImputer()."
        ) from error


@contextmanager
def noted_errors(name):
    """Add a note with the name of the view to an error of its transformer."""
    try:
        yield
    except Exception as error:
        error.add_note(f"This error is of the transformer of the view {name!r}.")
        raise
