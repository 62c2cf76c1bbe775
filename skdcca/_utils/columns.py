"""Name and choose the columns of a view, for tables and pictures."""

import numpy as np
from sklearn.pipeline import make_pipeline


def known_feature_names(transformer):
    """Return the names of the output columns of a transformer, or None if they are unknown."""
    try:
        return transformer.get_feature_names_out()
    except (AttributeError, TypeError, ValueError):  # not all transformers name their columns
        return None


def known_column_names(model, view, steps=()):
    """Return the names of the columns of a view of a fitted model, or None if they are unknown.

    Columns without a name of their own have the one that a transformer gives them: the fitted `steps`
    before the model for view "x", and its `y_transformer` for view "y".
    """
    if view == "x":
        names = getattr(model, "feature_names_in_", None)
        transformer, n_columns = make_pipeline(*steps) if steps else None, model.n_features_in_
    else:
        names = getattr(model, "y_feature_names_in_", None)
        transformer, n_columns = model.y_transformer_, model.n_features_y_
    if names is None:
        names = known_feature_names(transformer)
    return names if names is None or len(names) == n_columns else None


def strongest(loadings, n_features):
    """Return the indices of the columns with the greatest absolute loading, in descending order."""
    return np.argsort(-np.abs(loadings).max(axis=1), kind="stable")[:n_features]


def shorten(name, n=24):
    """Return a name of at most n characters, without its middle: names often differ at their end."""
    name = str(name)
    if len(name) <= n:
        return name
    end = (n - 1) // 2
    return f"{name[: n - 1 - end].rstrip()}…{name[-end:].lstrip()}"
