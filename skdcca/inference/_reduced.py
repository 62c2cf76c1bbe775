"""Find the linear model inside an estimator, and remove confounds from its views."""

from contextlib import suppress

import numpy as np
from scipy import linalg
from scipy.sparse import issparse
from sklearn.base import clone

from skdcca._cca import (
    BlockResidualSpace,
    LinearCCA,
    LinearCCACV,
    ResidualSpace,
    singular_views,
    warn_perfect_correlations,
)
from skdcca._utils.labels import label_numbers
from skdcca._utils.sklearn_compat import num_samples
from skdcca.inference._confounds import check_confounds
from skdcca.inference._exchange import shuffled
from skdcca.inference._residualizer import refuse_residualizers

# Outputs of the same numbers in another order may differ by this part of the largest one.
_ROUNDING = 1e-9


def linear_part(estimator, X, y):
    """Return the `LinearCCA` inside an estimator and X as this model takes it, or None.

    The estimator is a `LinearCCA`, or a `Pipeline` that ends in one and whose other steps do not depend
    on y. Whether they do is decided by their output: it must be the same with y, with y in another
    order, and without y. A `Residualizer` is refused.
    """
    refuse_residualizers(estimator)
    if _has_fixed_ridges(estimator):
        return estimator, X
    if not hasattr(estimator, "named_steps") or not _ends_in_linear(estimator):
        return None
    if len(estimator) > 1:
        X = _independent_output(estimator[:-1], X, y)
    return None if X is None else linear_part(estimator[-1], X, y)


def _ends_in_linear(estimator):
    while hasattr(estimator, "named_steps"):
        estimator = estimator[-1]
    return _has_fixed_ridges(estimator)


def _has_fixed_ridges(estimator):
    """Return True for a linear model whose ridges do not depend on which rows are pairs."""
    return isinstance(estimator, LinearCCA) and not isinstance(estimator, LinearCCACV)


def _independent_output(steps, X, y):
    """Return the output of steps after a fit, or None if it depends on y."""

    def output_with(*y):
        return clone(steps).fit(X, *y).transform(X)

    output = output_with(y)
    order = np.random.default_rng(0).permutation(num_samples(y))
    if not _equal(output, output_with(shuffled(y, order))):
        _refuse_random(output, output_with(y))
        return None
    # A supervised choice of columns may be the same in both orders, but is impossible without y.
    with suppress(AttributeError, TypeError, ValueError):
        if _equal(output, output_with()):
            return output
    return None


def _refuse_random(first, second):
    """Raise ValueError if two fits to the same data have different outputs."""
    if not _equal(first, second):
        raise ValueError(
            "The steps of `estimator` must be deterministic, but two fits to the same data gave "
            "different outputs. Set the random_state of each step."
        )


def _equal(first, second):
    """Return True if two outputs are equal up to rounding errors."""
    first, second = (view if issparse(view) else np.asarray(view) for view in (first, second))
    if first.shape != second.shape or issparse(first) != issparse(second):
        return False
    if issparse(first):
        return abs(first - second).max() <= _ROUNDING * abs(first).max()
    limit = _ROUNDING * np.abs(first).max()
    return np.allclose(first, second, rtol=0, atol=limit, equal_nan=True)


def reduced_views(estimator, X, y, confounds=None):
    """Return the decomposed views of a linear model without the part that confounds explain.

    Parameters
    ----------
    estimator : LinearCCA or Pipeline
        Model with a `linear_part`.
    X, y : array-like of length n_samples
        Two views.
    confounds : array-like of shape (n_samples, n_confounds), default=None
        Confounds. If None, the views are only centered.

    Returns
    -------
    x_view, y_view : SingularView
        The views: `left` has orthonormal columns, which `shrink` multiplies if there is a ridge. With
        confounds the rows are those of a `ResidualSpace`, and are not centered.
    n_effective : int
        Number of rows for all formulas of centered views: `n_samples` less the number of independent
        confounds.
    """
    model, features = _require_linear(estimator, X, y)
    if confounds is None:
        return *singular_views(model, features, y), num_samples(y)
    space = ResidualSpace(check_confounds(confounds, X))
    _check_rows_left(space, model, num_samples(X), "Use fewer confounds or more rows.")
    return *singular_views(model, features, y, space), space.n_rows + 1


def reduced_views_of_blocks(estimator, X, y, confounds, labels):
    """Return the views without what confounds and the means of blocks explain.

    The rows are those of a `BlockResidualSpace`. The result has the three values of `reduced_views` and
    the number of the block of each row.
    """
    model, features = _require_linear(estimator, X, y)
    space = BlockResidualSpace(check_confounds(confounds, X), label_numbers(labels))
    remedy = "Use fewer confounds, larger blocks or more rows."
    _check_rows_left(space, model, num_samples(X), remedy)
    return *singular_views(model, features, y, space), space.n_rows + 1, space.numbers


def correlations_of_views(x_view, y_view):
    """Return all canonical correlations of two decomposed views, without a ridge."""
    return np.clip(linalg.svdvals(x_view.left.T @ y_view.left), 0.0, 1.0)


def _require_linear(estimator, X, y):
    found = linear_part(estimator, X, y)
    if found is None:
        raise TypeError(
            f"`estimator` must be linear, got a {type(estimator).__name__}. Pass a LinearCCA, or a "
            "Pipeline that ends in one and whose other steps do not depend on y."
        )
    return found


def _check_rows_left(space, model, n_samples, remedy):
    needed = max(2, model.n_components or 0)
    if space.n_rows < needed:
        raise ValueError(
            f"`confounds` must leave {needed} or more rows, but {n_samples} rows less the mean and "
            f"{space.rank} independent confounds leave {space.n_rows}. {remedy}"
        )


def warn_perfect_views(views, n_effective, confounds):
    """Warn if correlations of reduced views are 1 whatever the data are."""
    counted, columns = "n_samples", "columns"
    if confounds is not None:
        counted, columns = "n_samples - n_confounds", "columns or confounds"
    remedy = f"Use LinearCCA(), which has a ridge, or pass fewer {columns}."
    warn_perfect_correlations(views, n_effective, remedy, counted)
