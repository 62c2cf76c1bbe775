"""Build objects whose state is unsafe or private from a few checked arguments.

A file stores the name of one of these functions and its arguments, and `load` calls the function. For
example, a frozen distribution of SciPy compiles text from its state, so a file contains only its name
and its numbers. Every function must be safe for any arguments that a file can contain.
"""

from numbers import Real
from types import MethodDescriptorType

import numpy as np
from scipy import sparse
from scipy.interpolate import BSpline
from sklearn.utils import Bunch

_SPARSE = {kind.__name__: kind for kind in (
    sparse.csc_array, sparse.csc_matrix, sparse.csr_array, sparse.csr_matrix
)}  # fmt: skip
# Methods that tokenizers and preprocessors of texts use, such as ``tokenizer=str.split``.
_STR_METHODS = ("casefold", "lower", "split", "splitlines", "strip", "swapcase", "title", "upper")


def bspline(knots, coefficients, degree, extrapolate):
    """Return a spline; raise ValueError or TypeError unless its arrays fit together."""
    _check_arrays(knots, coefficients)
    return BSpline(knots, coefficients, degree, extrapolate)


def bunch(content):
    """Return a `sklearn.utils.Bunch` with the content of a dict.

    Its keys are also attributes, so ValueError is raised for names that Python or NumPy may look up.
    """
    if any(key.startswith("_") for key in content):
        raise ValueError("a key begins with an underscore")
    return Bunch(**content)


def distribution(name, args, keywords):
    """Return a frozen distribution of `scipy.stats`; raise ValueError if an argument is no number."""
    from scipy import stats

    found = getattr(stats, name)
    if not isinstance(found, (stats.rv_continuous, stats.rv_discrete)):
        raise ValueError(f"{name} is not a distribution")
    if not _are_numbers(args, keywords):
        raise ValueError(f"{name} has arguments that are not numbers")
    return found(*args, **keywords)


def sparse_rows(kind, data, indices, indptr, shape):
    """Return a compressed sparse matrix; raise ValueError if an index is out of bounds."""
    _check_arrays(data, indices, indptr)
    matrix = _SPARSE[kind]((data, indices, indptr), shape=tuple(shape))
    matrix.check_format(full_check=True)
    return matrix


def str_method(name):
    """Return a method of str that takes only a text, such as ``str.lower``."""
    if name not in _STR_METHODS:
        raise ValueError(f"{name} is not an allowed method of str")
    return getattr(str, name)


def arguments_of(value):
    """Return the function that rebuilds a value and its arguments, or None if there is none."""
    if type(value) is BSpline and value.axis == 0:
        return bspline, (value.t, value.c, value.k, value.extrapolate)
    if type(value) is Bunch:
        return bunch, (dict(value),)
    if type(value) in _SPARSE.values():
        parts = value.data, value.indices, value.indptr, value.shape
        return sparse_rows, (type(value).__name__, *parts)
    if type(value) is MethodDescriptorType:
        known = value.__objclass__ is str and value.__name__ in _STR_METHODS
        return (str_method, (value.__name__,)) if known else None
    return _distribution_arguments(value)


def _distribution_arguments(value):
    """Return the arguments of a frozen distribution, or None for other objects."""
    from scipy import stats

    dist = getattr(value, "dist", None)
    if not isinstance(dist, (stats.rv_continuous, stats.rv_discrete)):
        return None
    public = getattr(stats, str(dist.name), None)
    if type(public) is not type(dist) or not _are_numbers(value.args, value.kwds):
        return None
    return distribution, (dist.name, value.args, value.kwds)


def _are_numbers(args, keywords):
    return all(isinstance(value, (Real, np.bool_)) for value in (*args, *keywords.values()))


def _check_arrays(*arrays):
    """Raise TypeError unless all values are plain arrays of numbers."""
    if any(type(array) is not np.ndarray or array.dtype.kind not in "biufc" for array in arrays):
        raise TypeError("a part is not an array of numbers")


FUNCTIONS = {
    f"skdcca.persistence._rebuilt.{function.__name__}": function
    for function in (bspline, bunch, distribution, sparse_rows, str_method)
}
