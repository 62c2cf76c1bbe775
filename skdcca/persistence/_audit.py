"""Audit of the nodes of a file, before `skops.io` builds any of them.

An object is built by ``__new__`` and ``__setstate__`` of its class or by a function of `_rebuilt`, and a
file cannot run anything else. The audit makes sure that

- every type and function is allowed (see `Allowed`), and appears only in a kind of node that
  `skdcca.persistence` writes;
- each object number belongs to exactly one node, so that no object can replace another one;
- no attribute of an object replaces a method, or a name that NumPy looks up in objects
  (such as ``__array_interface__``, which contains a memory address);
- no array is larger than its member of the zip file, and the number of nodes is limited.
"""

import json
import math
import warnings
from importlib import import_module
from inspect import getattr_static

import numpy as np

from skdcca.persistence._allowed import KEYS, SCALARS
from skdcca.persistence._nodes import (
    DTYPE_KINDS,
    FIXED,
    REBUILT,
    REFERENCE,
    Refusal,
    is_slice_end,
    name_of,
)
from skdcca.persistence._rebuilt import FUNCTIONS

# Maximum number of nodes in a file; a node counts again for each reference to it. Without this limit,
# a small file with nested lists of references could keep skops, or code that prints the object, busy
# forever.
_MOST_NODES = 10**6


class Audit:
    """Checker of all nodes of a file, before any of them is built.

    `names` collects the names that are allowed. `refused` maps each name that is not allowed to the
    first place where it was found. `files` collects the members that nodes read.
    """

    def __init__(self, members, allowed):
        self.members, self.allowed = members, allowed
        self.refused, self.names, self.files = {}, set(), set()
        self.n_nodes = 0
        self.sizes = {}  # number of nodes in each object, by the number of the object

    def visit(self, node, where):
        """Check a node and all nodes inside it."""
        loader, name = node["__loader__"], name_of(node)
        if loader == "CachedNode":
            if node.keys() != REFERENCE.keys():  # skops might read the rest instead of the number
                raise Refusal(f"its reference {where} contains more than a number")
            self._count(self.sizes.get(node["__id__"], 0))
            return
        number, before = node.get("__id__"), self.n_nodes
        self._define(number)
        self._count(1)
        check = _CHECKS.get(loader)
        if check is None or FIXED.get(loader, name) != name:
            self._refuse(f"{name} as {loader}", where)
        else:
            self.names.add(name)
            check(self, node, name, where)
        self.sizes[number] = self.n_nodes - before

    def _define(self, number):
        if number is None:
            return
        if type(number) is not int or number < 1 or number in self.sizes:
            raise Refusal(f"it has the invalid or repeated object number {number!r}")
        self.sizes[number] = 0

    def _count(self, n_nodes):
        self.n_nodes += n_nodes
        if self.n_nodes > _MOST_NODES:
            raise Refusal(
                f"it contains more than {_MOST_NODES} objects, or the same ones repeatedly"
            )

    def _refuse(self, name, where):
        self.refused.setdefault(name, where.lstrip("."))

    def _use(self, file):
        """Return the size of a member, and refuse a file in which several nodes read it."""
        if file in self.files:
            raise Refusal(f"its member {file} is read more than once")
        self.files.add(file)
        return self.members.getinfo(file).file_size

    def _json(self, node, name, where):
        if not isinstance(node["content"], str):
            raise Refusal(f"its node {where} is not text")

    def _items(self, node, name, where):
        for i, item in enumerate(node["content"]):
            self.visit(item, f"{where}[{i}]")

    def _dict(self, node, name, where):
        types = node["key_types"]
        if types["__loader__"] != "ListNode" or len(types["content"]) != len(node["content"]):
            raise Refusal(f"the dict {where} must have one type for each key")
        for key_type in types["content"]:
            kind = name_of(key_type)
            if key_type["__loader__"] != "TypeNode" or kind not in KEYS:
                self._refuse(f"{kind} as a type of keys", where)
        self.visit(types, where)
        for key, value in node["content"].items():
            self.visit(value, f"{where}.{key}")

    def _array(self, node, name, where):
        if name != "numpy.ndarray" and (name not in SCALARS or node["type"] != "numpy"):
            self._refuse(name, where)
        elif node["type"] != "json":
            _check_npy(self.members, node["file"], self._use(node["file"]))
        else:
            self._things(node, name, where)

    def _things(self, node, name, where):
        # With more dimensions, NumPy would call the objects to find out whether they are arrays.
        if node["shape"]["__loader__"] != "TupleNode" or len(node["shape"]["content"]) != 1:
            raise Refusal(f"the object array {where} has more than one dimension")
        self._items(node, name, where)
        self.visit(node["shape"], where)

    def _masked(self, node, name, where):
        self._content(node, where, data="NdArrayNode", mask="NdArrayNode")

    def _dtype(self, node, name, where):
        self.visit(node["content"], where)

    def _random_state(self, node, name, where):
        self.visit(node["content"], where)
        # NumPy reads this position of its table without checking bounds.
        place = node["content"]["content"]["state"]["content"]["pos"]
        if place["__loader__"] != "JsonNode" or json.loads(place["content"]) not in range(625):
            raise Refusal(f"the random state {where} has a position outside its table")

    def _bytes(self, node, name, where):
        self._use(node["file"])

    def _slice(self, node, name, where):
        if not all(map(is_slice_end, node["content"].values())):
            raise Refusal(f"the slice {where} has ends that are not integers")

    def _function(self, node, name, where):
        if not self.allowed.has_function(name):
            self._refuse(name, where)

    def _type(self, node, name, where):
        if not self.allowed.has_type(name):
            self._refuse(name, where)

    def _partial(self, node, name, where):
        # With nodes of other kinds, Python would call methods of the objects, such as `keys`.
        self._content(
            node, where, func=None, args="TupleNode", kwds="DictNode", namespace="JsonNode"
        )
        if node["content"]["namespace"]["content"] != "null":
            raise Refusal(f"the partial function {where} has extra attributes")

    def _content(self, node, where, **loaders):
        """Check that each part of a node is of the given kind and not a reference.

        If the kind is None, any node or reference is allowed.
        """
        for part, loader in loaders.items():
            inner = node["content"][part]
            if loader is not None and inner["__loader__"] != loader:
                raise Refusal(f"{where}.{part} is not a {loader}")
            self.visit(inner, f"{where}.{part}")

    def _rebuilt(self, node, name, where):
        if name not in FUNCTIONS:
            self._refuse(name, where)
        arguments = node["content"]
        if arguments["__loader__"] != "TupleNode":
            raise Refusal(f"the arguments of {where} are not a tuple")
        self.visit(arguments, where)

    def _object(self, node, name, where):
        allowed = self.allowed.has_class(name)
        if not allowed:
            self._refuse(name, where)
        if "content" not in node:
            return
        state = node["content"]
        if state["__loader__"] != "DictNode":
            raise Refusal(f"the state of {name} is not a dict")
        self.visit(state, where)
        place = where.lstrip(".") or name
        if not _is_null(state["content"].get("memory")):
            raise Refusal(f"{place} has a cache folder (memory), from which it could load pickles")
        hidden = [key for key in state["content"] if allowed and _hides(key, node)]
        if hidden:
            raise Refusal(f"{place} has attributes that replace methods: {', '.join(hidden)}")


def _is_null(node):
    return node is None or (node["__loader__"], node.get("content")) == ("JsonNode", "null")


def _hides(key, node):
    """Return True if an attribute would replace a method, or a name that NumPy looks up."""
    if key.startswith("__"):
        return True
    found = getattr(import_module(node["__module__"]), node["__class__"])
    return hasattr(getattr_static(found, key, None), "__get__")


_CHECKS = {
    "BytesNode": Audit._bytes,
    REBUILT: Audit._rebuilt,
    "DTypeNode": Audit._dtype,
    "DictNode": Audit._dict,
    "FunctionNode": Audit._function,
    "JsonNode": Audit._json,
    "ListNode": Audit._items,
    "MaskedArrayNode": Audit._masked,
    "NdArrayNode": Audit._array,
    "ObjectNode": Audit._object,
    "PartialNode": Audit._partial,
    "RandomStateNode": Audit._random_state,
    "SetNode": Audit._items,
    "SliceNode": Audit._slice,
    "TupleNode": Audit._items,
    "TypeNode": Audit._type,
}


def _check_npy(members, file, size):
    """Refuse a member unless it is exactly one array of numbers or text."""
    with members.open(file) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise Refusal(f"its array {file} has another version of NumPy's format")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy reads headers of Python 2 with a warning
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        expected = math.prod(shape) * dtype.itemsize
        if dtype.kind not in DTYPE_KINDS or dtype.itemsize == 0 or min(shape, default=0) < 0:
            raise Refusal(f"its array {file} has the dtype {dtype} and the shape {shape}")
        if size - member.tell() != expected:
            raise Refusal(
                f"its array {file} has {size - member.tell()} bytes instead of {expected}"
            )
