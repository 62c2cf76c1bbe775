"""Fit the linear model inside an estimator to all rows, or to what confounds leave of them."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from skdcca._cca import numbers_and_variates
from skdcca._utils.columns import known_column_names
from skdcca.inference._confounds import check_confounds
from skdcca.inference._held_out import (
    held_out_correlations,
    held_out_splits,
    without_perfect_warnings,
)
from skdcca.inference._reduced import linear_part, reduced_views, warn_perfect_views
from skdcca.inference._residualizer import Residualizer


def linear_fit(estimator, X, y, confounds=None):
    """Fit the linear model inside an estimator to the rows or to their residuals.

    Parameters
    ----------
    estimator : estimator
        Estimator that may have a `linear_part`.
    X, y : array-like of length n_samples
        Two views.
    confounds : array-like of shape (n_samples, n_confounds), default=None
        Variables that are regressed out of both views. The model of their residuals has fixed ridges,
        and no `y_transformer`.

    Returns
    -------
    fit : sklearn.utils.Bunch or None
        None if the estimator is not linear; otherwise

        - ``model``: the fitted `LinearCCA`; ``X``, ``y``, ``zx``, ``zy``: the rows that it was fitted
          to, and their variates;
        - ``views``, ``n``: the result of `reduced_views`;
        - ``n_components``: number of components, at most the rank of each view;
        - ``x_names``, ``y_names``: names of the columns, or None;
        - ``confounds``: the confounds as an array, or None;
        - ``unfitted``, ``tables``: the given model, and tables of `_partial_tables` or None.
    """
    found = linear_part(estimator, X, y)
    if found is None:
        return None
    model, features = found
    *views, n = reduced_views(model, features, y, confounds)
    warn_perfect_views(views, n, confounds)
    with without_perfect_warnings():
        fit = _fitted(model, features, y)
        x_names, y_names = _names(estimator, fit.model, features, X, y)
        fit.update(unfitted=model, tables=None, confounds=None)
        if confounds is not None:
            fit = _partial_fit(fit, check_confounds(confounds, X), views)
    k = min(fit.model.n_components_, *(view.rank for view in views))
    fit.update(views=views, n=n, n_components=k, x_names=x_names, y_names=y_names)
    return fit


def linear_held_out(fit, estimator, X, y, *, cv, groups, verbose=0):
    """Return the held-out correlations, or None if `cv` is None and the rows are too few.

    With confounds, they are regressed out of the training rows of each fold. The steps of a Pipeline and
    `y_transformer` are then fitted only once, to all rows.
    """
    splits = held_out_splits(cv, X, y, groups, n_confounds=len(fit.zx) - fit.n)
    if splits is None:
        return None
    if fit.tables is not None:
        (x_residualizer, X), (y_residualizer, y) = fit.tables
        model = clone(fit.unfitted).set_params(y_transformer=y_residualizer)
        estimator = make_pipeline(x_residualizer, model)
    held_out = held_out_correlations(estimator, X, y, cv=splits, groups=groups, verbose=verbose)
    return held_out[:, : fit.n_components]


def _fitted(model, X, y):
    model = clone(model).fit(X, y)
    X, y, zx, zy = numbers_and_variates(model, X, y)
    return Bunch(model=model, X=X, y=y, zx=zx, zy=zy)


def _partial_fit(fit, confounds, views):
    """Return the fit to the residuals of both views."""
    tables = _partial_tables(fit, confounds)
    X, y = (residualizer.fit_transform(table) for residualizer, table in tables)
    reg = tuple(view.reg for view in views)
    model = clone(fit.unfitted).set_params(reg=reg, y_reg=None, y_transformer=None)
    partial = _fitted(model, X, y)
    partial.update(unfitted=fit.unfitted, tables=tables, confounds=confounds)
    return partial


def _partial_tables(fit, confounds):
    """Return, for each view, a `Residualizer` and the table of its columns and the confounds."""
    tables = []
    for view in fit.X, fit.y:
        view = view.toarray() if issparse(view) else view
        residualizer = Residualizer(slice(view.shape[1], None))
        tables.append((residualizer, np.hstack([view, confounds])))
    return tables


def _names(estimator, model, features, X, y):
    """Return the names of the columns of both views, or None for those without names."""
    steps = [] if hasattr(features, "columns") else _steps_of(estimator)
    if steps:
        steps = [clone(make_pipeline(*steps)).fit(X, y)]
    return known_column_names(model, "x", steps), known_column_names(model, "y")


def _steps_of(estimator):
    """Return the steps before the model, also of a Pipeline that ends in a Pipeline."""
    steps = []
    while hasattr(estimator, "named_steps"):
        steps += [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
        estimator = estimator[-1]
    return steps
