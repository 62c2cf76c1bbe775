"""Find the linear model inside an estimator, and remove confounds from its views."""

from contextlib import suppress

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import check_array

from skdcca._cca import LinearCCA, ResidualSpace, singular_views
from skdcca._utils.labels import label_numbers
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_pairs
from skdcca._utils.view_errors import text_errors
from skdcca.inference._exchange import shuffled
from skdcca.inference._residualizer import refuse_residualizers


def linear_part(estimator, X, y):
    """Return the `LinearCCA` inside an estimator and X as this model takes it, or None.

    The estimator is a `LinearCCA`, or a `Pipeline` that ends in one and whose other steps do not depend
    on y. Whether they do is decided by their output: it must be the same with y, with y in another
    order, and without y. A `Residualizer` is refused.
    """
    refuse_residualizers(estimator)
    if isinstance(estimator, LinearCCA):
        return estimator, X
    if not hasattr(estimator, "named_steps") or not _ends_in_linear(estimator):
        return None
    if len(estimator) > 1:
        X = _independent_output(estimator[:-1], X, y)
    return None if X is None else linear_part(estimator[-1], X, y)


def _ends_in_linear(estimator):
    while hasattr(estimator, "named_steps"):
        estimator = estimator[-1]
    return isinstance(estimator, LinearCCA)


def _independent_output(steps, X, y):
    """Return the output of steps after a fit, or None if it depends on y."""
    output = clone(steps).fit(X, y).transform(X)
    order = np.random.default_rng(0).permutation(num_samples(y))
    if not _equal(output, clone(steps).fit(X, shuffled(y, order)).transform(X)):
        return None
    # A supervised choice of columns may be the same in both orders, but is impossible without y.
    with suppress(AttributeError, TypeError, ValueError):
        if _equal(output, clone(steps).fit(X).transform(X)):
            return output
    return None


def _equal(first, second):
    if issparse(first) and issparse(second):
        return first.shape == second.shape and (first != second).nnz == 0
    return np.array_equal(np.asarray(first), np.asarray(second))


def reduced_views(estimator, X, y, confounds=None, blocks=None):
    """Return the decomposed views of a linear model without the part that confounds explain.

    Parameters
    ----------
    estimator : LinearCCA or Pipeline
        Model with a `linear_part`.
    X, y : array-like of length n_samples
        Two views.
    confounds : array-like of shape (n_samples, n_confounds), default=None
        Confounds. If None, the views are only centered.
    blocks : ndarray of shape (n_samples,), default=None
        Labels whose indicators are confounds, too.

    Returns
    -------
    x_view, y_view : SingularView
        The views: `left` has orthonormal columns, which `shrink` multiplies if there is a ridge. With
        confounds the rows are those of a `ResidualSpace`, and are not centered.
    n_effective : int
        Number of rows for all formulas of centered views: `n_samples` less the number of independent
        confounds.
    """
    found = linear_part(estimator, X, y)
    if found is None:
        raise TypeError(
            f"`estimator` must be linear, got a {type(estimator).__name__}. Pass a LinearCCA, or a "
            "Pipeline that ends in one and whose other steps do not depend on y."
        )
    model, features = found
    if confounds is None:
        return *singular_views(model, features, y), num_samples(y)
    space = ResidualSpace(_design(confounds, X, blocks))
    _check_rows_left(space, model, num_samples(X))
    return *singular_views(model, features, y, space), space.n_rows + 1


def _design(confounds, X, blocks):
    """Return the confounds as numbers, with the indicators of blocks."""
    confounds = check_confounds(confounds, X)
    if blocks is None:
        return confounds
    numbers = label_numbers(blocks)
    return np.hstack([confounds, np.eye(numbers.max() + 1)[numbers]])


def check_confounds(confounds, X):
    """Return confounds as an array of floats with a row for each row of X."""
    check_pairs(X, confounds, names=("X", "confounds"))
    with text_errors(confounds, "confounds", _numeric_remedy):
        confounds = check_array(
            confounds, dtype=np.float64, ensure_2d=False, input_name="confounds"
        )
    return confounds.reshape(len(confounds), -1)


def _numeric_remedy(kind):
    if kind == "date":
        return "Turn them into numbers first, such as days."
    return (
        "Turn it into indicator columns, such as by pandas.get_dummies, or pass labels as `blocks`."
    )


def _check_rows_left(space, model, n_samples):
    needed = max(2, model.n_components or 0)
    if space.n_rows < needed:
        raise ValueError(
            f"`confounds` must leave {needed} or more rows, but {n_samples} rows less the mean and "
            f"{space.rank} independent confounds leave {space.n_rows}. Use fewer confounds, larger "
            "blocks or more rows."
        )
