"""Find rows of two tables that are not pairs, by the labels of their rows."""

import numpy as np

# Two indexes with fewer common labels than this fraction are taken to be unrelated.
_LEAST_COMMON = 0.3


def check_row_order(X, y, names=("X", "y")):
    """Raise ValueError if two pandas objects have the same row labels in another order.

    Both are paired by position, so equal labels in different rows mean that the rows are not pairs.
    Objects without labels, and indexes that are equal or unrelated, raise no error.
    """
    x_index, y_index = _index_of(X), _index_of(y)
    if x_index is None or y_index is None or x_index.equals(y_index):
        return
    if len(x_index) != len(y_index) or not _is_reordered(x_index, y_index):
        return
    first, second = names
    remedy = f"{second}.loc[{first}.index]" if x_index.is_unique else "tables with equal indexes"
    raise ValueError(
        f"{first} and {second} must have their rows in the same order, got common labels in another "
        f"order. Pass {remedy}, or {second}.to_numpy() to pair rows by position."
    )


def _index_of(view):
    # A list has an attribute `index` too, but it is a method.
    index = getattr(view, "index", None)
    return index if hasattr(index, "equals") and hasattr(index, "factorize") else None


def _is_reordered(x_index, y_index):
    """Return True if the labels that two indexes of equal length share have different orders."""
    codes, _ = x_index.append(y_index).factorize(use_na_sentinel=False)
    x_codes, y_codes = np.split(codes, 2)
    if np.array_equal(np.sort(x_codes), np.sort(y_codes)):
        return not np.array_equal(x_codes, y_codes)
    if not (x_index.is_unique and y_index.is_unique):
        return False
    # A default index numbers the rows of its own table only, after a reset.
    if _is_default(x_index) or _is_default(y_index):
        return False
    # The labels are the same in part, as in two folds of reordered tables. In a table with a lag or
    # without some of the rows, the common labels keep their order.
    position = np.full(codes.max() + 1, -1)
    position[y_codes] = np.arange(len(y_codes))
    common = position[x_codes]
    common = common[common >= 0]
    return len(common) >= _LEAST_COMMON * len(x_codes) and bool((np.diff(common) < 0).any())


def _is_default(index):
    labels = np.asarray(index)
    return labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels)))
