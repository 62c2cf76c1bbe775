"""Read the views of a table for `MultiCCA`."""

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from skdcca._cca.linear import project
from skdcca._cca.multiview_views import (
    ViewColumns,
    check_common,
    check_present,
    fit_numbers,
    numbers,
    present_rows,
    table_dtype,
)
from skdcca._utils.sklearn_compat import num_samples, safe_indexing


class ViewTableMixin:
    """Mixin of `MultiCCA` that reads tables, and projects their views.

    Fitted models have the private attributes `_columns`, with the `ViewColumns` of each view by its
    name, and `_sizes`, with the numbers of columns that its transformer returns.
    """

    def _active(self):
        """Return the views that are not dropped, by name."""
        return {view[0]: view for view in self.views if not _is_dropped(view[1])}

    def _check_table(self, X, *, reset=False, min_rows=None):
        """Return the table with its columns checked; values are checked view by view."""
        min_rows = (2 if reset else 1) if min_rows is None else min_rows
        if not hasattr(X, "columns"):
            X = check_array(
                X,
                dtype=table_dtype(X),
                accept_sparse="csr",
                ensure_all_finite=False,
                ensure_min_samples=min_rows,
                estimator=self,
            )
        elif num_samples(X) < min_rows:
            raise ValueError(
                f"Found array with {num_samples(X)} sample(s) while a minimum of {min_rows} is required "
                f"by {type(self).__name__}."
            )
        return validate_data(self, X, reset=reset, skip_check_array=True)

    def _find_columns(self, X):
        return {
            name: ViewColumns(name, transformer, columns, X)
            for name, transformer, columns in self._active().values()
        }

    def _fit_views(self, X):
        """Fit the transformers; return which views the rows have, and the numbers of each view."""
        self._columns = self._find_columns(X)
        transformers = {name: view[1] for name, view in self._active().items()}
        present, selected = self._select(X, transformers)
        check_common(list(self._columns), present.T.astype(np.int64) @ present)
        self.transformers_, views = {}, []
        for name, view in selected.items():
            fitted, view = fit_numbers(name, transformers[name], view)
            self.transformers_[name] = fitted
            views.append(view)
        self._sizes = {name: view.shape[1] for name, view in zip(selected, views, strict=True)}
        return present, views

    def _find_sizes(self, X):
        """Find the numbers of columns of all views from the first block of rows."""
        present, selected = self._select(X, self.transformers_)
        for name, has in zip(selected, present.T, strict=True):
            if not has.any():
                raise ValueError(
                    f"must have a row with the view {name!r}, got none. Begin with rows that "
                    "have it."
                )
        self._sizes = {
            name: numbers(name, self.transformers_[name], view).shape[1]
            for name, view in selected.items()
        }

    def _views(self, X):
        """Return which views the rows have, and the numbers of each view, of the rows that have it."""
        present, selected = self._select(X, self.transformers_)
        views = [
            self._checked(name, numbers(name, self.transformers_[name], view))
            if num_samples(view)
            else np.empty((0, self._sizes[name]))
            for name, view in selected.items()
        ]
        return present, views

    def _select(self, X, transformers):
        """Return which views the rows have, and the columns of each view, of the rows that have it."""
        selected = {name: columns.select(X) for name, columns in self._columns.items()}
        present = np.column_stack(
            [present_rows(name, view, transformers[name]) for name, view in selected.items()]
        )
        check_present(present, list(selected))
        for (name, view), has in zip(selected.items(), present.T, strict=True):
            if not has.all():
                selected[name] = safe_indexing(view, np.flatnonzero(has))
        return present, selected

    def _checked(self, name, view):
        if view.shape[1] != self._sizes[name]:
            raise ValueError(
                f"The view {name!r} must have {self._sizes[name]} columns after its transformer, got "
                f"{view.shape[1]}."
            )
        return view

    def _variates(self, X):
        """Return the variates of shape (n_views, n_samples, n_components); NaN for missing views."""
        present, views = self._views(X)
        dtype = np.result_type(*(view.dtype for view in views if view.shape[0]))
        variates = np.full((len(views), len(present), self.n_components_), np.nan, dtype=dtype)
        for i, (name, view) in enumerate(zip(self._columns, views, strict=True)):
            if view.shape[0]:
                variates[i, present[:, i]] = self._project(name, view)
        return variates

    def _project(self, name, view):
        return project(self._checked(name, view), self.means_[name], self.weights_[name])


def _is_dropped(transformer):
    return isinstance(transformer, str) and transformer == "drop"


def without_zero_weights(X, weight):
    if weight is None or weight.all():
        return X, weight
    return safe_indexing(X, np.flatnonzero(weight)), weight[weight > 0]
