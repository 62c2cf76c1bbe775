"""Check representations."""

import numpy as np
from sklearn.utils import check_array

from skdcca._utils.validation import check_pairs

_EPS = np.finfo(np.float64).eps


def check_representations(X, Y, least, dtype):
    """Return both representations as arrays with at least `least` rows, or raise ValueError."""
    _check_shape("X", X)
    _check_shape("Y", Y)
    check_pairs(X, Y, names=("X", "Y"))
    X = check_array(X, dtype=dtype, input_name="X", ensure_min_samples=least)
    Y = check_array(Y, dtype=dtype, input_name="Y", ensure_min_samples=least)
    _check_varying("X", X)
    _check_varying("Y", Y)
    return X, Y


def _check_shape(name, view):
    shape = tuple(getattr(view, "shape", None) or np.shape(view))
    if len(shape) != 2:
        raise ValueError(
            f"`{name}` must have shape (n_samples, n_features), got {shape}. {_remedy(name, len(shape))}"
        )


def _remedy(name, n_axes):
    if n_axes < 2:
        return f"For one feature, pass {name}[:, None]."
    flat = f"Pass {name}.reshape(len({name}), -1)"
    if n_axes == 3:
        return f"{flat}, or the average of positions, {name}.mean(axis=1) or (axis=2)."
    if n_axes == 4:
        return (
            f"{flat}, or the average of positions, {name}.mean(axis=(2, 3)) if channels are first."
        )
    return f"{flat}."


def _check_varying(name, view):
    center = view.mean(axis=0, dtype=np.float64)
    # The mean of equal numbers may differ from them by rounding.
    if (np.abs(view - center) <= 2 * _EPS * np.abs(center)).all():
        raise ValueError(
            f"`{name}` must have a column that varies, got {len(view)} equal rows. Pass activations of "
            "different samples."
        )
