"""Check arguments and raise errors that state the rule, the value and the remedy."""

from math import isfinite
from numbers import Integral, Real

import numpy as np

from skdcca._utils.optional import needed_by
from skdcca._utils.row_order import check_row_order
from skdcca._utils.sklearn_compat import num_samples


def is_integer(value, ge=1):
    """Return True if the value is an integer >= `ge` and not a bool; if `ge` is None, any integer."""
    integer = isinstance(value, Integral) and not isinstance(value, bool)
    return integer and (ge is None or value >= ge)


def is_number(value, *, ge=None, gt=None, le=None, lt=None):
    """Return True if the value is a finite real number within the bounds and not a bool."""
    if not isinstance(value, Real) or isinstance(value, bool) or not isfinite(value):
        return False
    low = (ge is None or value >= ge) and (gt is None or value > gt)
    return low and (le is None or value <= le) and (lt is None or value < lt)


def check_integer(name, value, *, ge=1, le=None, or_none=False):
    """Raise ValueError unless the value is an integer within the bounds."""
    if or_none and value is None:
        return
    if not is_integer(value, ge) or (le is not None and value > le):
        rule = "an integer" + _bounds(ge=ge, le=le) + (", or None" if or_none else "")
        raise ValueError(f"`{name}` must be {rule}, got {value!r}.")


def check_number(name, value, *, ge=None, gt=None, le=None, lt=None, or_none=False, remedy=""):
    """Raise ValueError unless the value is a finite number within the bounds."""
    if or_none and value is None:
        return
    if not is_number(value, ge=ge, gt=gt, le=le, lt=lt):
        rule = "a finite number" + _bounds(ge, gt, le, lt) + (", or None" if or_none else "")
        raise ValueError(f"`{name}` must be {rule}, got {value!r}.{remedy and ' ' + remedy}")


def check_option(name, value, options, *, otherwise=""):
    """Raise ValueError unless the value is one of the options.

    ``otherwise`` describes other allowed values, such as "or a callable".
    """
    if not any(_is_option(value, option) for option in options):
        listed = sorted(options, key=lambda option: (not isinstance(option, str), str(option)))
        allowed = f"one of {listed}" + (otherwise and f", {otherwise}")
        raise ValueError(f"`{name}` must be {allowed}, got {value!r}.")


def check_transformer(name, value):
    """Raise TypeError unless the value is a transformer or None."""
    able = all(hasattr(value, method) for method in ("get_params", "fit", "transform"))
    if value is not None and (isinstance(value, type) or not able):
        raise TypeError(
            f"`{name}` must be a transformer (an instance, not a class) or None, got {value!r}."
        )


def is_plain(view, min_rows=1, axes=(2,)):
    """Return True if a view is a finite array of floats that needs no check and no conversion.

    For small arrays, the checks of scikit-learn take much longer than this one, and longer than the
    work.
    """
    if type(view) is not np.ndarray or view.dtype.char not in "fd" or view.ndim not in axes:
        return False
    if not view.dtype.isnative or len(view) < min_rows or not view.size:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(view.sum()))  # False also for huge numbers, which are then checked


def check_pairs(X, y, item="sample", names=("X", "y")):
    """Raise ValueError unless row i of both views can be the same item.

    Both must have the same number of rows, and pandas objects must not have the same labels in
    another order.
    """
    plain = type(X) is type(y) is np.ndarray and X.ndim and y.ndim
    if plain and len(X) == len(y):
        return
    if (n_x := num_samples(X)) != (n_y := num_samples(y)):
        first, second = names
        raise ValueError(
            f"{first} and {second} must have the same number of {item}s, got {n_x} and {n_y}. Row i of "
            f"both must be the same {item}."
        )
    check_row_order(X, y, names)


def check_device(name, value, *, must_exist=True):
    """Return the torch device of this name, or None if the name is None.

    If this machine does not have the device, raise ValueError. With ``must_exist=False``, return
    the CPU instead.
    """
    if value is None:
        return None
    with needed_by(f"{name}={value!r}"):
        import torch
    try:
        device = torch.device(value)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"`{name}` must be the name of a torch device, such as 'cpu' or 'cuda', got {value!r}."
        ) from error
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if must_exist:
            raise ValueError(
                f"`{name}` must be a device of this machine, but torch finds no {value!r}. Use 'cpu'."
            ) from error
        return torch.device("cpu")
    return device


def _is_option(value, option):
    if option is None:
        return value is None
    if isinstance(option, bool):  # 1 == True, but 1 is not accepted for True
        return isinstance(value, bool | np.bool_) and value == option
    kind = str if isinstance(option, str) else Integral
    return isinstance(value, kind) and not isinstance(value, bool) and value == option


def _bounds(ge=None, gt=None, le=None, lt=None):
    """Return the bounds as text, such as " >= 1", " in [0, 1)" or ""."""
    low, high = ge if ge is not None else gt, le if le is not None else lt
    if low is not None and high is not None:
        return f" in {'[' if ge is not None else '('}{low}, {high}{']' if le is not None else ')'}"
    signs = {">=": ge, ">": gt, "<=": le, "<": lt}
    return "".join(f" {sign} {value}" for sign, value in signs.items() if value is not None)
