"""Read the views of a table for `MultiCCA`."""

from contextlib import nullcontext

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from skdcca._cca.linear import project
from skdcca._cca.multiview_errors import infinity_errors, other_columns, refuse_no_table
from skdcca._cca.multiview_views import (
    ViewColumns,
    check_common,
    check_present,
    fit_numbers,
    has_a_part,
    numbers,
    present_rows,
    table_dtype,
)
from skdcca._utils.sklearn_compat import num_samples, safe_indexing
from skdcca._utils.view_errors import block_errors


class ViewTableMixin:
    """Mixin of models of several views that reads tables, and projects their views.

    Fitted models have the private attributes `_columns`, with the `ViewColumns` of each view by its
    name, and `_sizes`, with the numbers of columns that its transformer returns. If `_takes_arrays` is
    True, samples of a view may have more axes, such as spectrograms, and must be dense.
    """

    _takes_arrays = False

    def _active(self):
        """Return the views that are not dropped, by name."""
        return {view[0]: view for view in self.views if not _is_dropped(view[1])}

    def _check_table(self, X, *, reset=False, min_rows=None):
        """Return the table with its columns checked; values are checked view by view."""
        min_rows = (2 if reset else 1) if min_rows is None else min_rows
        refuse_no_table(X)
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
        with nullcontext() if reset else other_columns():
            return validate_data(self, X, reset=reset, skip_check_array=True)

    def _set_columns(self, X):
        """Set the columns of the views, and those of the views that are dropped."""
        found = {view[0]: (view[1], ViewColumns(*view, X)) for view in self.views}
        self._columns = {name: of for name, (kind, of) in found.items() if not _is_dropped(kind)}
        self._dropped_columns = [of for kind, of in found.values() if _is_dropped(kind)]

    def _fit_views(self, X):
        """Fit the transformers; return which views the rows have, and the numbers of each view."""
        self._set_columns(X)
        transformers = {name: view[1] for name, view in self._active().items()}
        present, selected = self._select(X, transformers)
        check_common(list(self._columns), present.T.astype(np.int64) @ present)
        self.transformers_, views = {}, []
        for (name, view), has in zip(selected.items(), present.T, strict=True):
            with infinity_errors(name, view, has):
                fitted, view = fit_numbers(
                    name, transformers[name], view, arrays=self._takes_arrays
                )
            self.transformers_[name] = fitted
            views.append(view)
        self._set_shapes([view.shape[1:] for view in views])
        return present, views

    def _set_shapes(self, shapes):
        """Record the shape of a sample of each view."""
        self._sizes = {name: shape[0] for name, shape in zip(self._columns, shapes, strict=True)}

    def _shape_of(self, name):
        """Return the shape of a sample of a view."""
        return (self._sizes[name],)

    def _find_sizes(self, blocks, check):
        """Find the numbers of columns of all views from the first blocks that have them.

        ``check(number, block)`` returns the rows of a block.
        """
        self._sizes = {
            name: len(columns.indices)
            for name, columns in self._columns.items()
            if self.transformers_[name] == "passthrough"
        }
        once = not blocks.again or not hasattr(blocks, "__iter__")
        for number, block in enumerate([blocks.first()] if once else blocks):
            if len(self._sizes) == len(self._columns):
                break
            with block_errors(number):
                _, selected = self._select(check(block), self.transformers_)
                for name, view in selected.items():
                    if name not in self._sizes and num_samples(view):
                        self._sizes[name] = self._numbers(name, view).shape[1]
        for name in self._columns:
            if name not in self._sizes:
                raise ValueError(
                    f"The first of `blocks` must have a row with the view {name!r}, got none. Begin "
                    "with rows that have it, or pass a list of blocks."
                )
        self._sizes = {name: self._sizes[name] for name in self._columns}

    def _views(self, X):
        """Return which views the rows have, and the numbers of each view, of the rows that have it."""
        present, selected = self._select(X, self.transformers_)
        views = [
            self._checked(name, self._numbers(name, view, has))
            if num_samples(view)
            else np.empty((0, *self._shape_of(name)))
            for (name, view), has in zip(selected.items(), present.T, strict=True)
        ]
        return present, views

    def _select(self, X, transformers):
        """Return which views the rows have, and the columns of each view, of the rows that have it."""
        selected = {name: columns.select(X) for name, columns in self._columns.items()}
        present = np.column_stack(
            [present_rows(name, view, transformers[name]) for name, view in selected.items()]
        )
        self._check_present(X, present)
        for (name, view), has in zip(selected.items(), present.T, strict=True):
            if not has.all():
                selected[name] = safe_indexing(view, np.flatnonzero(has))
        return present, selected

    def _check_present(self, X, present):
        """Raise ValueError if a row has none of the views; one that is dropped is enough."""
        has_any = present.any(axis=1)
        for columns in getattr(self, "_dropped_columns", ()):
            if not has_any.all():
                has_any |= has_a_part(columns.select(X))
        check_present(has_any, list(self._columns))

    def _numbers(self, name, view, has=None):
        """Return the output of the fitted transformer of a view, of the rows that have it."""
        with infinity_errors(name, view, has):
            return numbers(name, self.transformers_[name], view, arrays=self._takes_arrays)

    def _checked(self, name, view):
        if view.shape[1] != self._sizes[name]:
            raise ValueError(
                f"The view {name!r} must have {self._sizes[name]} columns after its transformer, got "
                f"{view.shape[1]}."
            )
        return view

    def _variates(self, X, of_view=None):
        """Return the variates of shape (n_views, n_samples, n_components); NaN for missing views.

        `of_view` is called with the name and the numbers of a view; if None, it is `_project`.
        """
        of_view = of_view or self._project
        present, views = self._views(X)
        dtype = np.result_type(*(view.dtype for view in views if view.shape[0]))
        variates = np.full((len(views), len(present), self.n_components_), np.nan, dtype=dtype)
        for i, (name, view) in enumerate(zip(self._columns, views, strict=True)):
            if view.shape[0]:
                variates[i, present[:, i]] = of_view(name, view)
        return variates

    def _project(self, name, view):
        return project(self._checked(name, view), self.means_[name], self.weights_[name])


def _is_dropped(transformer):
    return isinstance(transformer, str) and transformer == "drop"


def without_zero_weights(X, weight):
    if weight is None or weight.all():
        return X, weight
    return safe_indexing(X, np.flatnonzero(weight)), weight[weight > 0]


def without_empty_rows(present, weight):
    """Leave out rows that have none of the views, but only one that is dropped."""
    has_any = present.any(axis=1)
    if has_any.all():
        return present, weight
    return present[has_any], None if weight is None else weight[has_any]
