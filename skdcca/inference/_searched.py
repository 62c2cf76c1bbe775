"""Find searches that choose the number of components by their score."""

import numpy as np

from skdcca._utils.sklearn_compat import BaseSearchCV
from skdcca._utils.warnings import warn
from skdcca.exceptions import ComponentSearchWarning


def warn_searched_components(estimator):
    """Warn if the estimator is a search, fitted or not, whose candidates vary `n_components`."""
    is_grid = isinstance(estimator, BaseSearchCV)
    if _varies_components(estimator) if is_grid else _has_several_counts(estimator):
        warn(
            "The search chooses n_components by its score, which finds the true number in only 13 to 32 "
            "of 100 cases. Test a model with n_components=None, and keep its n_significant components.",
            ComponentSearchWarning,
        )


def _has_several_counts(estimator):
    """Return True for a `LinearCCACV`, or a model like it, with a list of numbers of components."""
    _, model = _last_step(estimator)
    counts = getattr(model, "n_components", None)
    return not isinstance(counts, str) and len(set(np.ravel(counts).tolist())) > 1


def _varies_components(search):
    candidates = getattr(search, "param_grid", getattr(search, "param_distributions", {}))
    grids = [candidates] if hasattr(candidates, "items") else list(candidates)
    name, model = _last_step(search.estimator)
    chosen = set()
    for grid in grids:
        counts = _counts(grid, name, getattr(model, "n_components", None))
        if counts is None:
            return True
        chosen |= counts
    return len(chosen) > 1


def _last_step(estimator):
    """Return the name of the last step of a `Pipeline` with "__", or "", and the step itself."""
    prefix = ""
    while hasattr(estimator, "steps"):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return prefix, estimator


def _counts(grid, prefix, default):
    """Return the numbers of components in a grid, or None for a random distribution."""
    values = grid.get(f"{prefix}n_components")
    if values is not None:
        return None if hasattr(values, "rvs") else set(values)
    models = grid.get(prefix.removesuffix("__"), ()) if prefix else ()
    return {getattr(model, "n_components", default) for model in models} or {default}
