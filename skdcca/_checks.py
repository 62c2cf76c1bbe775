"""Checks of parameters that several estimators have."""

from numbers import Integral


def is_whole(value, least=1):
    """Whether this is a whole number, and no less than `least` if given; True and False are none."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and (least is None or value >= least)


def check_transformer(name, value):
    """Refuse what is no transformer; None is for the caller to know."""
    able = all(hasattr(value, method) for method in ("get_params", "fit", "transform"))
    if value is not None and (isinstance(value, type) or not able):
        raise TypeError(
            f"{name}={value!r}; it must be a transformer (an object, not a class), or None"
        )


def check_whole(name, value, least=1, or_none=False):
    """Refuse what is no whole number from `least`."""
    if not (is_whole(value, least) or (or_none and value is None)):
        end = ", or None" if or_none else ""
        raise ValueError(f"{name}={value!r}; it must be a whole number from {least}{end}")


def check_device(value, name="device", must_exist=True):
    """Device of torch by this name; where there is none, an error, or the CPU. None stays None."""
    if value is None:
        return None
    import torch

    try:
        known = torch.device(value)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"{name}={value!r}; it must be the name of a device of torch, such as 'cpu' or 'cuda'"
        ) from error
    try:
        torch.zeros(1, device=known).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if must_exist:
            raise ValueError(
                f"{name}={value!r}, but torch finds no such device here; take 'cpu' or None"
            ) from error
        return torch.device("cpu")
    return known
