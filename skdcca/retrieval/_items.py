"""Check the ids and metadata of the items of a gallery."""

import json

import numpy as np

from skdcca._utils.validation import is_integer

# Number of values that an error message lists; the rest are only counted.
_LISTED = 5


def check_ids(ids):
    """Return ids as an array of str or of int, after checking that they are unique."""
    if isinstance(ids, str) or not hasattr(ids, "__iter__"):
        raise ValueError(f"`ids` must be a list of str or of int, got {ids!r}.")
    ids = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    are_names = bool(ids) and all(isinstance(i, str) for i in ids)
    if not are_names and not all(map(_is_int64, ids)):
        raise ValueError(
            f"`ids` must all be str or all be 64-bit integers, got {listed(ids)}. Convert larger "
            "integers to str."
        )
    stripped = [i for i in ids if are_names and i.endswith("\0")]
    if stripped:
        raise ValueError(
            f"`ids` must not end in a NUL character, which NumPy strips, got {listed(stripped)}."
        )
    found = np.array(ids, dtype=str if are_names else np.int64)
    values, counts = np.unique(found, return_counts=True)
    repeated = values[counts > 1].tolist()
    if repeated:
        raise ValueError(f"`ids` must be unique, got {listed(repeated)} more than once.")
    return found


def _is_int64(value):
    # The greatest integer is excluded, because the next automatic id must fit too.
    return is_integer(value, ge=-(2**63)) and value < 2**63 - 1


def check_metadata(metadata, ids):
    """Return a dict of ids to copies of their metadata, after checking that they are JSON values."""
    if metadata is None:
        return {}
    if isinstance(metadata, str | dict) or not hasattr(metadata, "__iter__"):
        raise ValueError(
            f"`metadata` must be a list of dicts, one for each item, got {metadata!r}."
        )
    metadata = list(metadata)
    if len(metadata) != len(ids):
        raise ValueError(
            f"`metadata` must have one dict for each of {len(ids)} items, got {len(metadata)}."
        )
    return {i: _json_copy(of, i) for i, of in zip(ids.tolist(), metadata, strict=True)}


def _json_copy(value, item):
    try:
        copy = json.loads(json.dumps(value, allow_nan=False))
        if isinstance(value, dict) and copy == value:
            return copy
    except (TypeError, ValueError, RecursionError):
        pass
    raise ValueError(
        f"`metadata` of item {item!r} must be a dict of str to JSON values, got {value!r}. Use "
        "text, finite numbers, True, False, None, and lists and dicts of them."
    )


def listed(values):
    """Return the first values and the number of the rest, as text for a message."""
    shown = ", ".join(map(repr, values[:_LISTED]))
    rest = len(values) - _LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown
