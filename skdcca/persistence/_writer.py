"""Write an object as nodes of `skops.io`, with its arrays as members of a zip file.

The nodes are written here rather than by skops, for three reasons: files do not depend on the version of
skops; plain lists and dicts take only one node each; and errors name the place of each refused type.
"""

import json
import sys
import zipfile
from functools import partial
from itertools import count
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType

import numpy as np
from sklearn.base import BaseEstimator

from skdcca.persistence._allowed import SCALARS, full_name, is_importable, public_name
from skdcca.persistence._nodes import DTYPE_KINDS, FIXED, REBUILT, REFERENCE, is_slice_end
from skdcca.persistence._rebuilt import arguments_of


def add_member(members, name, content):
    """Add a member without a timestamp to a zip file, so that the same model gives the same file."""
    members.writestr(zipfile.ZipInfo(name), content)


class Writer:
    """Writer of objects as nodes, with arrays and bytes as members of a zip file.

    `refused` maps each type or function that is not allowed, but could be trusted, to the first place
    where it was found. `impossible` does the same for objects that no file can hold.
    """

    def __init__(self, members, allowed):
        self.members, self.allowed = members, allowed
        self.refused, self.impossible = {}, {}
        self.numbers, self.kept = {}, []
        self.files = count(1)

    def node(self, value, where):
        """Return the node of a value, or a reference if the value was written before."""
        value = _portable(value)
        if _is_plain(value):
            return _json_node(value)
        number = self.numbers.get(id(value))
        if number is not None:
            return REFERENCE | {"__id__": number}
        self.kept.append(value)  # keeps the object alive, so that its id is not reused
        self.numbers[id(value)] = len(self.kept)
        return {**self._definition(value, where), "__id__": self.numbers[id(value)]}

    def _definition(self, value, where):
        kind = type(value)
        if kind in _WRITERS:
            return _WRITERS[kind](self, value, where)
        for base, write in _WRITERS_BY_BASE.items():
            if isinstance(value, base):
                return write(self, value, where)
        rebuilt = arguments_of(value)
        if rebuilt is not None:
            return self._rebuilt(*rebuilt, where)
        return self._object(value, where)

    def refuse(self, name, where):
        """Record a type or function that is not allowed, and return an empty node."""
        self.refused.setdefault(name, where.lstrip("."))
        return _json_node(None)

    def reject(self, what, where):
        """Record an object that no file can hold, and return an empty node."""
        self.impossible.setdefault(what, where.lstrip("."))
        return _json_node(None)

    def _object(self, value, where):
        name = public_name(type(value))
        if not is_importable(type(value), name):
            return self.reject(name, where)
        if self.allowed.has_class(name):
            return self._object_node(value, name, where)
        self.refuse(name, where)
        try:  # find everything inside too, so that one error lists all names to trust
            return self._object_node(value, name, where)
        except Exception:
            return self.reject(f"{name} with a state that cannot be read", where)

    def _object_node(self, value, name, where):
        if _has_own_content(value):
            return self.reject(name, where)
        state = value.__getstate__()
        node = _named("ObjectNode", name)
        if state is None:
            return node
        if not isinstance(state, dict):
            return self.reject(f"{name} with slots or a state that is not a dict", where)
        return node | {"content": self._dict(_without_memory(state), where)}

    def _rebuilt(self, function, arguments, where):
        content = self._sequence(tuple(arguments), where)
        return _named(REBUILT, full_name(function)) | {"content": content}

    def _dict(self, value, where):
        types = {type(key) for key in value}
        strange = types - {str, int, float}
        if strange:
            return self.reject(f"dict with keys of {full_name(strange.pop())}", where)
        if len({str(key) for key in value}) < len(value):
            return self.reject("dict with keys that are the same as text", where)
        # Write the vocabulary of a vectorizer as one node, not one array for each column number.
        columns = all(isinstance(column, np.integer) for column in value.values())
        if where.endswith(".vocabulary_") and types == {str} and columns:
            return _json_node({word: int(column) for word, column in value.items()})
        types = [_named("TypeNode", full_name(type(key))) for key in value]
        content = {str(key): self.node(of, f"{where}.{key}") for key, of in value.items()}
        key_types = _named("ListNode") | {"content": types}
        return _named("DictNode") | {"key_types": key_types, "content": content}

    def _sequence(self, value, where):
        loader = {list: "ListNode", tuple: "TupleNode", set: "SetNode"}[type(value)]
        return _named(loader) | {"content": self._items(value, where)}

    def _items(self, values, where):
        return [self.node(item, f"{where}[{i}]") for i, item in enumerate(values)]

    def _array(self, value, where):
        value = np.asarray(value)
        if value.dtype.kind in DTYPE_KINDS:
            return _named("NdArrayNode", "numpy.ndarray") | self._npy(value)
        if value.dtype != object or value.ndim != 1:
            return self.reject(
                f"numpy.ndarray of dtype {value.dtype} and {value.ndim} dimensions", where
            )
        node = _named("NdArrayNode", "numpy.ndarray") | {"type": "json"}
        shape = self._sequence(value.shape, where)
        return node | {"content": self._items(value, where), "shape": shape}

    def _scalar(self, value, where):
        name = _scalar_name(type(value))
        if name not in SCALARS:
            return self.reject(name, where)
        return _named("NdArrayNode", name) | self._npy(np.asarray(value))

    def _npy(self, array):
        name = f"{next(self.files)}.npy"
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            array = array.copy(order="K")  # the order in memory changes the rounding of products
        large = array.nbytes > 2**30
        with self.members.open(zipfile.ZipInfo(name), "w", force_zip64=large) as member:
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
        return {"type": "numpy", "file": name}

    def _masked(self, value, where):
        parts = {"data": value.data, "mask": np.ma.getmaskarray(value)}
        content = {name: self._array(part, where) for name, part in parts.items()}
        return _named("MaskedArrayNode") | {"content": content}

    def _dtype(self, value, where):
        return _named("DTypeNode") | {"content": self._array(np.empty(0, dtype=value), where)}

    def _random_state(self, value, where):
        state = self._dict(value.get_state(legacy=False), where)
        return _named("RandomStateNode") | {"content": state}

    def _bytes(self, value, where):
        name = f"{next(self.files)}.bin"
        add_member(self.members, name, value)
        return _named("BytesNode") | {"file": name}

    def _slice(self, value, where):
        ends = {name: getattr(value, name) for name in ("start", "stop", "step")}
        if not all(map(is_slice_end, ends.values())):
            return self.reject("slice of other ends than int", where)
        return _named("SliceNode") | {"content": ends}

    def _function(self, value, where):
        name = public_name(value)
        if not is_importable(value, name):
            return self.reject(name, where)
        if not self.allowed.has_function(name):
            return self.refuse(name, where)
        return _named("FunctionNode", name)

    def _type(self, value, where):
        name = _scalar_name(value) if issubclass(value, np.generic) else full_name(value)
        if not is_importable(value, name):
            return self.reject(name, where)
        if not self.allowed.has_type(name):
            return self.refuse(name, where)
        return _named("TypeNode", name)

    def _partial(self, value, where):
        content = {
            "func": self.node(value.func, f"{where}.func"),
            "args": self._sequence(value.args, f"{where}.args"),
            "kwds": self._dict(value.keywords, f"{where}.kwds"),
            "namespace": _json_node(None),
        }
        return _named("PartialNode") | {"content": content}


_WRITERS = {
    tuple: Writer._sequence,
    list: Writer._sequence,
    set: Writer._sequence,
    dict: Writer._dict,
    bytes: Writer._bytes,
    slice: Writer._slice,
    partial: Writer._partial,
    np.ndarray: Writer._array,
    np.memmap: Writer._array,
    np.ma.MaskedArray: Writer._masked,
    np.random.RandomState: Writer._random_state,
}
_WRITERS_BY_BASE = {
    np.generic: Writer._scalar,
    np.dtype: Writer._dtype,
    np.ufunc: Writer._function,
    FunctionType: Writer._function,
    BuiltinFunctionType: Writer._function,
    type(np.mean): Writer._function,
    type: Writer._type,
}


def _has_own_content(value):
    """Return True if the attributes of an object do not say all: for compiled types and containers."""
    kind = type(value)
    if isinstance(value, BaseEstimator):
        return False
    own = kind.__reduce__ is not object.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__
    return own or isinstance(value, dict | list | set | tuple | str | bytes | int | float)


def _without_memory(state):
    """Return the state of an object without its cache, and without a loss that only `fit` uses."""
    dropped = {name: None for name in ("memory", "_loss_function_") if state.get(name) is not None}
    return {**state, **dropped}


def _portable(value):
    """Return a path as text and an index of pandas as an array; return other values unchanged."""
    if isinstance(value, PurePath):
        return str(value)
    pandas = sys.modules.get("pandas")
    return value.to_numpy() if pandas and isinstance(value, pandas.Index) else value


def _is_plain(value):
    """Return True if JSON keeps the value unchanged, so that one node can hold all of it."""
    kind = type(value)
    if kind is list:
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain, value.values()))
    return value is None or kind in (bool, int, float, str)


def _scalar_name(kind):
    short = {"bool": "bool_", "longlong": "int64", "ulonglong": "uint64"}
    return f"numpy.{short.get(kind.__name__, kind.__name__)}"


def _json_node(value):
    return _named("JsonNode", "builtins.str") | {"content": json.dumps(value)}


def _named(loader, name=None):
    module, _, own = (name or FIXED[loader]).rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": own}
