"""Make the rows and the models of the folds of a search."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import indexable

from skdcca._cca.checks import without_zero_weights
from skdcca._cca.linear_cv_moments import as_slice
from skdcca._utils.sklearn_compat import safe_indexing

# Attributes that the validation of the views sets.
_VALIDATED = (
    "n_features_in_",
    "feature_names_in_",
    "n_features_y_",
    "y_transformer_",
    "_y_names",
    "_y_is_vector",
    "_y_dtype",
)


class Rows(NamedTuple):
    """Rows of both views and their weights, which are None if all of them are 1."""

    X: Any
    y: Any
    weight: np.ndarray | None

    def take(self, rows):
        """Return some of the rows."""
        return Rows(self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows])

    def weighted(self):
        """Return the rows with positive weights."""
        return Rows(*without_zero_weights(*self))

    @property
    def total(self):
        """Sum of the weights."""
        return self.X.shape[0] if self.weight is None else self.weight.sum()


class FoldRows(NamedTuple):
    """Rows of one fold; nothing, if the rows are read in blocks and only their moments are known.

    Attributes
    ----------
    new_model : callable
        Function of parameters that returns a model which is not fitted, with what the validation knows
        of the views.
    train : callable
        Function that returns the training `Rows` with positive weights.
    test : Rows
        Held-out rows.
    passed : callable
        Function that returns the held-out rows as they were passed, which scorers take.
    """

    new_model: Callable | None = None
    train: Callable | None = None
    test: Rows | None = None
    passed: Callable | None = None


class AllRows:
    """The rows of all folds.

    Parameters
    ----------
    search : LinearCCACV or KernelCCACV
        Estimator that has validated its views.
    passed : pair
        The views as they were passed.
    rows : Rows
        The validated views.
    splits : list of pair of ndarray of int
        Positions of the training rows and of the held-out rows.
    are_kernels : pair of bool, default=(False, False)
        Which views are kernels, whose columns are those of the training rows.
    """

    def __init__(self, search, passed, rows, splits, are_kernels=(False, False)):
        self.search, self.rows, self.splits, self._are_kernels = search, rows, splits, are_kernels
        self._views = indexable(*passed)
        # Otherwise the transformer would see the held-out rows of a fold.
        self.by_fold = search.y_transformer is not None or any(are_kernels)
        self.new_model = partial(new_model, search, search)

    def fold(self, number):
        """Return the `FoldRows` of a split."""
        train, test = self.splits[number]
        passed = partial(self._passed, test, train)
        if not self.by_fold:
            return FoldRows(
                self.new_model,
                lambda: self.rows.take(as_slice(train)).weighted(),
                self.rows.take(as_slice(test)),
                passed,
            )
        model = self.search._new_model()
        X, y = model._validate(*self._passed(train, train), reset=True)
        x_test, y_test = passed()
        test_rows = Rows(model._validate_x(x_test), model._validate_y(y_test), self._weight(test))
        rows = Rows(X, y, self._weight(train)).weighted()
        return FoldRows(partial(new_model, self.search, model), lambda: rows, test_rows, passed)

    def _weight(self, rows):
        return None if self.rows.weight is None else self.rows.weight[rows]

    def _passed(self, rows, train):
        """Return rows of both views as they were passed, with the columns of the training rows."""
        return tuple(
            np.asarray(view)[np.ix_(rows, train)] if is_kernel else safe_indexing(view, rows)
            for view, is_kernel in zip(self._views, self._are_kernels, strict=True)
        )


def new_model(search, validated, **parameters):
    """Return a model that is not fitted, with what an estimator has recorded about its views."""
    model = search._new_model(**parameters)
    known = vars(validated)
    vars(model).update({name: known[name] for name in _VALIDATED if name in known})
    return model
