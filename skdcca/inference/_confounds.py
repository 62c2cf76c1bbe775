"""Check confounds."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from skdcca._utils.validation import check_pairs
from skdcca._utils.view_errors import text_errors


def check_confounds(confounds, X):
    """Return confounds as an array of floats with a row for each row of X."""
    if issparse(confounds):
        raise TypeError("`confounds` must be dense, got a sparse matrix. Pass confounds.toarray().")
    check_pairs(X, confounds, names=("X", "confounds"))
    refuse_categories(confounds, None, _numeric_remedy)
    with text_errors(confounds, "confounds", _numeric_remedy):
        checked = check_array(
            confounds,
            dtype=np.float64,
            ensure_2d=False,
            allow_nd=True,
            ensure_min_features=0,
            input_name="confounds",
        )
    if checked.ndim > 2:
        raise ValueError(
            "`confounds` must have shape (n_samples, n_confounds) or (n_samples,), got "
            f"{checked.shape}. Pass one column for each confound."
        )
    if not checked.size:
        raise ValueError(
            f"`confounds` must have a column, got shape {checked.shape}. Pass None if there are none."
        )
    return checked.reshape(len(checked), -1)


def refuse_categories(table, columns, remedy):
    """Raise ValueError if a confound is a category or a date, whose numbers have no meaning.

    `columns` are the positions of the confounds among the columns of a table, or None for all. `remedy`
    is a function that takes the kind, as that of `text_errors`.
    """
    for name, values in _columns(table, columns):
        kind = _kind_without_numbers(values)
        if kind is not None:
            found = "dates" if kind == "date" else "categories"
            subject = "`confounds`" if name is None else f"The confound {name!r}"
            raise ValueError(f"{subject} must be numeric, got {found}. {remedy(kind)}")


def _columns(table, columns):
    """Yield the names and values of columns; an array or a Series is one column."""
    if not hasattr(table, "columns"):
        yield getattr(table, "name", None), table
        return
    names = list(table.columns)
    for i in range(len(names)) if columns is None else columns:
        # Names of a pandas table need not be unique.
        yield names[i], table.iloc[:, i] if hasattr(table, "iloc") else table[names[i]]


def _kind_without_numbers(values):
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "name", None) == "category":
        return "column"
    # Tables of some libraries have types of their own for dates.
    kind = dtype.kind if hasattr(dtype, "kind") else np.asarray(values[:0]).dtype.kind
    return "date" if kind in "Mm" else None


def _numeric_remedy(kind):
    if kind == "date":
        return "Turn them into numbers first, such as days."
    return "Turn them into indicator columns, such as by pandas.get_dummies, or pass labels as `blocks`."
