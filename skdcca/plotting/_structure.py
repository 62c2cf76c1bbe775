"""Loadings of fitted models, and the names of their columns."""

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._utils.columns import known_column_names
from skdcca.metrics import column_correlations, embed, inside
from skdcca.plotting._common import require_fields

VIEWS, KINDS = ["x", "y"], ["own", "cross"]


def structure_of(estimator, view, kind="own", X=None, y=None):
    """Return the loadings of a view and the names of its columns.

    Loadings that the model does not know are measured on the rows of X and y.
    """
    steps, model = inside(estimator)
    check_is_fitted(model)
    loadings = _known_loadings(model, view, kind)
    if loadings is None:
        if X is None or y is None:
            _refuse_without_rows(model, view)
        loadings = _measured_loadings(estimator, view, kind, X, y)
    return loadings, known_column_names(model, view, steps)


def intervals_of(result, view, kind="own"):
    """Return loadings, their intervals and names from a result of `canonical_correlation_intervals`."""
    field = f"{view}_loadings" if kind == "own" else f"{view}_cross_loadings"
    fields = [field, f"{field}_low", f"{field}_high"]
    require_fields(result, fields, "canonical_correlation_intervals for a LinearCCA")
    loadings, low, high = (np.asarray(result[name]) for name in fields)
    return loadings, (low, high), getattr(result, f"feature_names_{view}", None)


def structure_of_views(estimator, kind, X, y, feature_names):
    """Return loadings and names of both views, as arguments of a display.

    `feature_names` are those that the caller gave for X and y, or None.
    """
    found = {}
    for view, given in zip(VIEWS, feature_names, strict=True):
        loadings, known = structure_of(estimator, view, kind, X, y)
        found |= _arguments(view, loadings, given, known)
    return found


def intervals_of_views(result, kind, feature_names):
    """Return loadings, intervals and names of both views, as arguments of a display."""
    found = {}
    for view, given in zip(VIEWS, feature_names, strict=True):
        loadings, intervals, known = intervals_of(result, view, kind)
        found |= _arguments(view, loadings, given, known) | {f"{view}_intervals": intervals}
    return found


def _arguments(view, loadings, given, known):
    names = f"feature_names_{view}"
    chosen = choose_names(given, known, loadings, view, names)
    return {f"{view}_loadings": loadings, names: chosen}


def choose_names(given, known, loadings, view, argument="feature_names"):
    """Return the given names after checking that there is one for each column, or the known names."""
    if given is None:
        return known
    if len(given) != len(loadings):
        raise ValueError(
            f"`{argument}` must have one name for each of the {len(loadings)} columns of view "
            f"{view!r}, got {len(given)}."
        )
    return given


def names_or_numbers(names, loadings, view):
    """Return the names of the columns as an array, ``x0``, ``x1``, ... if they are unknown."""
    if names is None:
        return np.array([f"{view}{i}" for i in range(len(loadings))])
    return np.asarray(names)


def _known_loadings(model, view, kind):
    """Return the loadings that a fitted model knows, or None."""
    loadings = getattr(model, f"{view}_loadings_", None)
    if loadings is None or kind == "own":
        return loadings
    # What predicts a view from the other one is its covariance with the variates of the other one.
    covariance = getattr(model, f"_{view}_of_variates", None)
    if covariance is None:  # a file of an earlier version
        return None
    deviation = _deviation_of_variates(model, "y" if view == "x" else "x")
    scale = getattr(model, f"{view}_scale_")[:, None] * np.where(deviation > 0, deviation, 1.0)
    return np.clip(covariance / scale, -1.0, 1.0)


def _deviation_of_variates(model, view):
    """Return the standard deviations of the variates of the training rows."""
    weights, scale, loadings = (
        getattr(model, f"{view}_{name}_") for name in ("weights", "scale", "loadings")
    )
    return np.sum(weights * scale[:, None] * loadings, axis=0)


def _refuse_without_rows(model, view):
    if hasattr(model, f"{view}_loadings_"):
        raise ValueError(
            "`estimator` does not contain its cross-loadings, because an earlier version saved it. "
            "Pass X and y to measure them."
        )
    raise TypeError(
        f"{type(model).__name__} has no {view}_loadings_, because its components are not linear in the "
        "columns. Use a fitted LinearCCA, or pass X and y to measure them."
    )


def _measured_loadings(estimator, view, kind, X, y):
    """Return the correlations of the columns of a view with variates, 0 for constant columns."""
    zx, zy = embed(estimator, X, y)
    columns = _columns(*inside(estimator), view, X if view == "x" else y)
    variates = zx if (view == "x") == (kind == "own") else zy
    return column_correlations(columns, variates)[0]


def _columns(steps, model, view, rows):
    """Return the columns of a view as the model sees them."""
    if view == "y":
        steps = [] if model.y_transformer_ is None else [model.y_transformer_]
    for step in steps:
        rows = step.transform(rows)
    columns = check_array(
        rows, accept_sparse=["csr", "csc"], dtype=np.float64, ensure_2d=False, input_name=view
    )
    return columns[:, None] if columns.ndim == 1 else columns
