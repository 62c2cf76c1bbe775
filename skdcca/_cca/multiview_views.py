"""Read the views of a table: their columns, the rows that lack them, and their transformers."""

from itertools import pairwise

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array

from skdcca._cca.checks import is_ridge
from skdcca._cca.multiview_errors import columns_error, noted_errors, output_errors
from skdcca._cca.shrinkage import SHRINKAGES
from skdcca._utils.sklearn_compat import get_column_indices, safe_indexing
from skdcca._utils.view_errors import text_errors

_FLOATS = (np.float64, np.float32)


def check_triples(views):
    """Raise an error unless `views` is a list of valid ``(name, transformer, columns)``."""
    is_list = isinstance(views, list | tuple) and len(views) > 0
    if not is_list or not all(_is_triple(view) for view in views):
        raise ValueError(
            "`views` must be a list of triples (name, transformer, columns), got "
            f"{views!r:.60}. Pass the table of all views to fit."
        )
    for name, transformer, _ in views:
        able = all(hasattr(transformer, method) for method in ("get_params", "fit", "transform"))
        named = isinstance(transformer, str) and transformer in ("passthrough", "drop")
        if not named and (isinstance(transformer, type) or not able):
            raise TypeError(
                f"The transformer of the view {name!r} must be 'passthrough', 'drop' or a transformer "
                f"(an instance, not a class), got {transformer!r}."
            )


def check_ridges(reg, names):
    """Return the ridge of each view, or the name of the rule that chooses it."""
    ridges = reg
    if isinstance(reg, dict):
        if set(reg) != set(names):
            raise ValueError(
                f"`reg` must have one ridge for each of the views {names}, got {sorted(reg, key=str)}."
            )
        ridges = [reg[name] for name in names]
    elif not isinstance(reg, tuple | list | np.ndarray):
        ridges = [reg] * len(names)
    if len(ridges) != len(names) or not all(is_ridge(ridge, SHRINKAGES) for ridge in ridges):
        rules = ", ".join(repr(rule) for rule in sorted(SHRINKAGES))
        raise ValueError(
            f"`reg` must be {rules}, or a finite number >= 0, or one of them for each of "
            f"{len(names)} views, got {reg!r}."
        )
    return list(ridges)


def _is_triple(view):
    return isinstance(view, list | tuple) and len(view) == 3 and isinstance(view[0], str)


class ViewColumns:
    """Columns of one view in the table.

    Attributes
    ----------
    indices : list of int
        Numbers of the columns.
    is_vector : bool
        True if the view is a single column that its transformer takes as a vector, such as texts.
    """

    def __init__(self, name, transformer, columns, X):
        columns = columns(X) if callable(columns) else columns
        if isinstance(columns, bool | np.bool_):
            raise columns_error(name, columns, X)
        try:
            indices = get_column_indices(X, columns)
        except Exception as error:  # of scikit-learn, or of the library of the table
            raise columns_error(name, columns, X) from error
        self.indices = [int(index) for index in np.atleast_1d(indices)]
        is_single = isinstance(columns, str) or np.isscalar(columns)
        # There is nothing to read texts, so that a single column is a view of numbers.
        self.is_vector = bool(is_single and transformer != "passthrough")
        if not self.indices:
            raise ValueError(
                f"The view {name!r} must have a column, got none of the {X.shape[1]} feature(s) of X. "
                "Change its columns in `views`."
            )

    def select(self, X):
        """Return the columns of a table, or its single column as a vector."""
        if self.is_vector:
            return safe_indexing(X, self.indices[0], axis=1)
        first, last = self.indices[0], self.indices[-1]
        if isinstance(X, np.ndarray) and self.indices == list(range(first, last + 1)):
            return X[:, first : last + 1]  # no copy of a large table
        return safe_indexing(X, self.indices, axis=1)

    def select_named(self, name, view, table_names):
        """Return the columns of one view that was passed alone; `table_names` are those of `fit`.

        A table may have other columns too.
        """
        if view is None or isinstance(view, str):
            found = "None" if view is None else "a str"
            raise ValueError(
                f"The view {name!r} must be a sequence of rows, got {found}. Pass a list."
            )
        if hasattr(view, "columns") and table_names is not None:
            return self._by_names(name, view, [table_names[index] for index in self.indices])
        is_vector = n_axes(view) == 1
        if is_vector and self.is_vector:
            return view
        if is_vector and len(self.indices) == 1:
            view = np.asarray(view).reshape(-1, 1)
        if not hasattr(view, "columns"):
            view = check_array(
                view,
                accept_sparse="csr",
                dtype=table_dtype(view),
                ensure_all_finite=False,
                input_name=name,
            )
        if view.shape[1] != len(self.indices):
            raise ValueError(
                f"The view {name!r} must have {len(self.indices)} columns, got {view.shape[1]}."
            )
        return safe_indexing(view, 0, axis=1) if self.is_vector else view

    def _by_names(self, name, table, wanted):
        missing = [column for column in wanted if column not in list(table.columns)]
        if missing:
            raise ValueError(
                f"The view {name!r} must have the columns {wanted}, but {missing} are missing."
            )
        return safe_indexing(table, wanted[0] if self.is_vector else wanted, axis=1)


def select_views(model, table, columns):
    """Return the columns of some views of a table by their names.

    Parameters
    ----------
    model : estimator
        Fitted model, for the names and the number of the columns of its table.
    table : {DataFrame, array-like, sparse matrix}
        The table of `fit`, or the columns of the views side by side.
    columns : dict of str to ViewColumns
        The views.
    """
    names = getattr(model, "feature_names_in_", None)
    is_table = n_axes(table) == 2 and np.shape(table)[1] == model.n_features_in_
    if len(columns) == 1 and not is_table:
        return {name: of.select_named(name, table, names) for name, of in columns.items()}
    if hasattr(table, "columns") and names is not None:
        return {name: of.select_named(name, table, names) for name, of in columns.items()}
    if not hasattr(table, "columns"):
        table = check_array(
            table, accept_sparse="csr", dtype=table_dtype(table), ensure_all_finite=False
        )
    if table.shape[1] == model.n_features_in_:
        return {name: of.select(table) for name, of in columns.items()}
    bounds = np.cumsum([0, *(len(of.indices) for of in columns.values())]).tolist()
    if table.shape[1] != bounds[-1]:
        raise ValueError(
            f"A table of the views {list(columns)} must have {bounds[-1]} columns, or all "
            f"{model.n_features_in_} columns of `fit`, got {table.shape[1]}."
        )
    sides = zip(columns.items(), pairwise(bounds), strict=True)
    return {
        name: of.select_named(name, safe_indexing(table, slice(*side), axis=1), names)
        for (name, of), side in sides
    }


def n_axes(rows):
    """Return the number of axes of rows; rows of different lengths, such as waveforms, have one."""
    try:
        return np.ndim(rows)
    except ValueError:
        return 1


def table_dtype(rows):
    """Return the dtype of a table that `check_array` makes of rows: of lists with texts, object."""
    if hasattr(rows, "dtype"):
        return None
    try:
        kind = np.asarray(rows).dtype.kind
    except ValueError:  # rows of different lengths, which `check_array` refuses
        return object
    return None if kind in "biufc" else object


def present_rows(name, view, transformer):
    """Return the rows that have the view; a row that has only a part of it is an error.

    Such rows are no error if the transformer declares by its tags that it takes NaN.
    """
    nulls = _nulls(view)
    if nulls.ndim == 1:
        return ~nulls
    lacks = nulls.all(axis=1)
    partial = np.flatnonzero(nulls.any(axis=1) & ~lacks)
    if len(partial) and not _takes_nan(transformer):
        raise ValueError(
            f"Row {partial[0]} has only a part of the view {name!r} ({len(partial)} such rows): some of "
            "its columns are NaN or None. Impute them by the transformer of the view, or remove the row."
        )
    return ~lacks


def _takes_nan(transformer):
    """Return True if a transformer takes NaN, by its tags, or those of the first step that it calls."""
    if isinstance(transformer, str):
        return False
    if hasattr(transformer, "steps"):
        steps = [step for _, step in transformer.steps if step not in (None, "passthrough")]
        return bool(steps) and _takes_nan(steps[0])
    if isinstance(transformer, FrozenEstimator):
        return _takes_nan(transformer.estimator)
    parts = getattr(transformer, "transformers", None)
    if parts:
        return any(_takes_nan(part) for _, part, _ in parts)
    return get_tags(transformer).input_tags.allow_nan


def _nulls(view):
    """Return which entries are null, as `pandas.isna` does; an empty text is not null."""
    if issparse(view):
        return _nulls_of_sparse(view)
    if hasattr(view, "isna"):
        return np.asarray(view.isna())
    array = view if isinstance(view, np.ndarray) else _as_array(view)
    if array.dtype.kind in "fc":
        return np.isnan(array)
    if array.dtype.kind in "mM":
        return np.isnat(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, dtype=bool)
    return np.frompyfunc(_is_null, 1, 1)(array).astype(bool)


def _as_array(view):
    """Return a vector of the items of a list, or the array of a table."""
    if not isinstance(view, list | tuple):
        return np.asarray(view)
    array = np.empty(len(view), dtype=object)
    array[:] = view
    return array


def _nulls_of_sparse(view):
    # A row that stores NaN in all of its columns lacks the view.
    coordinates = view.tocoo()
    counts = np.zeros((view.shape[0], 2), dtype=bool)
    n_null = np.bincount(coordinates.row[np.isnan(coordinates.data)], minlength=view.shape[0])
    counts[:, 0], counts[:, 1] = n_null > 0, n_null == view.shape[1]
    return counts


def _is_null(value):
    if value is None:
        return True
    if isinstance(value, float | np.floating | np.datetime64 | np.timedelta64):
        return bool(value != value)
    return type(value).__name__ in ("NAType", "NaTType")


def has_a_part(view):
    """Return the rows that have the view or a part of it."""
    nulls = _nulls(view)
    return ~nulls if nulls.ndim == 1 else ~nulls.all(axis=1)


def check_present(has_any, names):
    """Raise ValueError if a row has none of the views."""
    empty = np.flatnonzero(~has_any)
    if len(empty):
        raise ValueError(
            f"Row {empty[0]} has none of the views {names} ({len(empty)} such rows). Remove it."
        )


def check_common(names, n_common):
    """Raise ValueError if a view or a pair of views has fewer than two rows."""
    for i, name in enumerate(names):
        if n_common[i, i] < 2:
            raise ValueError(
                f"The view {name!r} must have at least two rows, got {n_common[i, i]}. Pass rows that "
                "have it, or leave the view out."
            )
        for j in range(i):
            if n_common[i, j] < 2:
                raise ValueError(
                    f"The views {names[j]!r} and {name!r} must meet in at least two rows, got "
                    f"{n_common[i, j]}. Pass rows that have both, or leave one of them out."
                )


def check_view_weights(names, weights):
    """Raise ValueError if the weights of the rows of a view sum to 1 or less."""
    for name, weight in zip(names, weights, strict=True):
        if weight <= 1:
            raise ValueError(
                f"The weights of the rows of the view {name!r} must sum to more than 1, got "
                f"{weight:.3g}. Pass larger weights: a weight of 2 counts as two rows."
            )


def fit_numbers(name, transformer, view, *, arrays=False):
    """Fit a clone of a transformer; return it, and its output as floats.

    With ``arrays=True`` a sample may have more than one axis, but the output must not be sparse.
    """
    if isinstance(transformer, str):
        return transformer, _as_numbers(name, view, transformer, arrays=arrays)
    fitted = clone(transformer)
    if isinstance(fitted, FrozenEstimator):
        return fitted, numbers(name, fitted, view, arrays=arrays)
    has_fit_transform = hasattr(fitted, "fit_transform")
    with noted_errors(name):
        output = (
            fitted.fit_transform(view) if has_fit_transform else fitted.fit(view).transform(view)
        )
    return fitted, _as_numbers(name, output, fitted, _n_rows(view), arrays=arrays)


def numbers(name, transformer, view, *, arrays=False):
    """Return the output of a fitted transformer as floats."""
    if isinstance(transformer, str):
        return _as_numbers(name, view, transformer, arrays=arrays)
    with noted_errors(name):
        output = transformer.transform(view)
    return _as_numbers(name, output, transformer, _n_rows(view), arrays=arrays)


def _n_rows(view):
    return view.shape[0] if hasattr(view, "shape") else len(view)


def _as_numbers(name, output, transformer, n_rows=None, *, arrays=False):
    if arrays and issparse(output):
        raise TypeError(
            f"The view {name!r} must be dense for networks, got a sparse matrix. Let its transformer "
            "end in TruncatedSVD(), or use MultiCCA."
        )
    if _has_dates(output):
        raise ValueError(f"The view {name!r} contains dates. {_remedy(name, 'date')}")
    texts = text_errors(output, f"The view {name!r}", lambda kind: _remedy(name, kind))
    with texts, output_errors(name, transformer, output):
        array = check_array(
            output,
            dtype=_FLOATS,
            accept_sparse="csr",
            allow_nd=arrays,
            ensure_2d=False,
            ensure_min_samples=0,
            input_name=f"view {name!r}",
        )
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    if n_rows is not None and array.shape[0] != n_rows:
        raise ValueError(
            f"The transformer of the view {name!r} must return one row for each sample, but "
            f"{type(transformer).__name__} returned {array.shape[0]} rows for {n_rows} samples."
        )
    return array


def _has_dates(output):
    dtypes = [output.dtype] if hasattr(output, "dtype") else getattr(output, "dtypes", ())
    return any(getattr(dtype, "kind", None) in ("m", "M") for dtype in dtypes)


def _remedy(name, kind):
    if kind == "date":
        return f"Set the transformer of {name!r} to one that turns dates into numbers."
    return (
        f"Set the transformer of {name!r} to one that returns numbers, such as TfidfVectorizer() for a "
        "column of texts or OneHotEncoder() for labels."
    )


def is_fitted_already(transformer):
    """Return True if a transformer needs no fit, so that a table can be read in blocks."""
    if isinstance(transformer, str | FrozenEstimator):
        return True
    return not get_tags(transformer).requires_fit
