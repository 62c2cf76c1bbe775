"""Nodes of the files of `skdcca.persistence`: what may be among them, their writing and their audit.

They are nodes of `skops.io`, which builds what was checked here. An object is built by ``__new__`` and
``__setstate__`` of its class, so that is all that a file could run; the audit sees to it that

- every name is on the list, and in a kind of node that is written here;
- a number of an object stands for one node, so that none is put in the place of another;
- no attribute of an object takes the place of a method, or of what NumPy asks things for
  (``__array_interface__`` is an address in memory);
- no array is larger than its member, and nothing repeats itself without end.

Nodes are written here, too, and not by skops: so a file is the same whatever its version, plain lists
and dicts are one node each, and what is refused is named by its place.
"""

import json
import math
import sys
import warnings
import zipfile
from collections.abc import Iterable
from functools import lru_cache, partial
from importlib import import_module
from inspect import getattr_static
from itertools import count
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType

import numpy as np

# The version of skops' nodes that is written and checked here.
PROTOCOL = 2
# Nodes of a file, each as often as it is referred to: lists of references to lists of references would
# take skops, and what prints them, for ever.
_MOST_NODES = 10**6

# Names as files have them: public ones where there are any, so that files outlast a move of modules.
CLASSES = {
    "skdcca": (
        "AudioDynamics AudioForm CrossModalIndex DeepCCA Doc2VecLyrics FaissNeighbors KernelCCA "
        "LinearCCA LyricsCharacters LyricsForm LyricsSequence MelCNNAudio MelSpectrogram TemporalSummary"
    ).split(),
    "skdcca.adapters": ["ViewsList"],
    "skdcca._kernel": ["_FourierMap", "_KernelMap"],
    "skdcca._moments": ["PairMoments"],
    "skdcca.encoders": ["MLP", "MelCNN", "SequenceEncoder"],
    "skdcca.losses": ["BarlowTwinsLoss", "CCALoss", "EYLoss", "InfoNCELoss", "VICRegLoss"],
    "sklearn.metrics._scorer": ["_MultimetricScorer", "_PassthroughScorer", "_Scorer"],
    "sklearn.utils._metadata_requests": ["MetadataRequest", "MethodMetadataRequest"],
}
FUNCTIONS = {
    "skdcca.metrics": (
        "_recall_at_k_score mrr_scorer mrr_x_to_y mrr_y_to_x retrieval_scorer total_correlation_scorer"
    ).split()
}
# Whose public classes are on the list. Trees, neighbours and support vector machines are not: their
# compiled code follows the numbers of a fitted model wherever these point.
_SKLEARN = (
    "compose cross_decomposition decomposition feature_extraction feature_extraction.text "
    "feature_selection impute kernel_approximation linear_model model_selection pipeline preprocessing "
    "random_projection"
)
_SKLEARN = [f"sklearn.{package}" for package in _SKLEARN.split()]
# Of these, the one follows such numbers too, and the others call any method by its name.
_UNLISTED = ("MultiLabelBinarizer", "FixedThresholdClassifier", "TunedThresholdClassifierCV")
_SCALARS = "bool_ str_ complex64 complex128 float16 float32 float64 int8 int16 int32 int64 "
_SCALARS += "uint8 uint16 uint32 uint64"
_SCALARS = [f"numpy.{name}" for name in _SCALARS.split()]
_KEYS = ["builtins.float", "builtins.int", "builtins.str"]
# Kinds of node that can have one name only.
_FIXED = {
    "BytesNode": "builtins.bytes",
    "DTypeNode": "numpy.dtype",
    "DictNode": "builtins.dict",
    "ListNode": "builtins.list",
    "MaskedArrayNode": "numpy.ma.MaskedArray",
    "PartialNode": "functools.partial",
    "RandomStateNode": "numpy.random.RandomState",
    "SetNode": "builtins.set",
    "SliceNode": "builtins.slice",
    "TupleNode": "builtins.tuple",
}
_REFERENCE = {"__loader__": "CachedNode", "__module__": None, "__class__": None, "__id__": None}
# Of arrays: numbers and text.
_KINDS = "biufcSU"


class Refusal(ValueError):
    """A message that is meant for the user as it is."""


class Allowed:
    """The list of what may be loaded, by full names, and those that the caller adds to it."""

    def __init__(self, trusted=()):
        if isinstance(trusted, (str, type)) or not isinstance(trusted, Iterable):
            raise ValueError(f"trusted={trusted!r}; it must be a list of names or classes")
        self.trusted = {name if isinstance(name, str) else _name(name) for name in trusted}
        for name in self.trusted:
            if not all(part.isidentifier() for part in name.split(".")) or "." not in name:
                raise ValueError(
                    f"trusted has {name!r}; it must be the full name of a class or function, such as "
                    '"my_encoders.Deep"'
                )

    def a_class(self, name):
        return name in self.trusted or _is_listed(name, CLASSES) or _is_of_sklearn(name)

    def a_function(self, name):
        known = _is_listed(name, FUNCTIONS) or name in _metrics_of_sklearn()
        return name in self.trusted or known or _is_ufunc(name)

    def a_type(self, name):
        return name in (*self.trusted, *_KEYS, "builtins.bool", *_SCALARS)


def _is_listed(name, listed):
    module, _, own = name.rpartition(".")
    return own in listed.get(module, ())


def _is_of_sklearn(name):
    """Whether it is a public estimator or splitter of one of the packages named above."""
    module, _, own = name.rpartition(".")
    if module not in _SKLEARN or own.startswith("_") or own in _UNLISTED:
        return False
    found = vars(import_module(module)).get(own)
    return isinstance(found, type) and (hasattr(found, "fit") or hasattr(found, "split"))


def _is_ufunc(name):
    module, _, own = name.rpartition(".")
    return module == "numpy" and isinstance(vars(np).get(own), np.ufunc)


@lru_cache
def _metrics_of_sklearn():
    """Functions behind scikit-learn's own scorers."""
    from sklearn.metrics import get_scorer, get_scorer_names

    functions = (get_scorer(name)._score_func for name in get_scorer_names())
    return frozenset(f"sklearn.metrics.{function.__name__}" for function in functions)


def _name(thing):
    """Full name of a class or function by the module that defines it."""
    if not hasattr(thing, "__qualname__"):
        raise ValueError(f"trusted has {thing!r}; it must be a name, a class or a function")
    return f"{getattr(thing, '__module__', None) or 'builtins'}.{thing.__qualname__}"


def public_name(thing):
    """Full name by the module from which users import it, of what is listed."""
    own = thing.__name__
    modules = [module for module, names in (CLASSES | FUNCTIONS).items() if own in names]
    names = (f"{module}.{own}" for module in (*modules, *_SKLEARN, "sklearn.metrics", "numpy"))
    found = next((name for name in names if _is_importable(thing, name)), None)
    return _name(thing) if found is None else found


def _is_importable(thing, name):
    """Whether the name leads to it, and not to another or, as of a lambda, to nothing."""
    module, _, own = name.rpartition(".")
    return getattr(sys.modules.get(module), own, None) is thing


def listed(refused):
    """Names that were refused, each with the first place it is in."""
    named = (f"{name} (in {where})" if where else name for name, where in refused.items())
    return ", ".join(named)


# Writing


def add_member(members, name, content):
    """Add to a zip file, without the time: the same model gives the same file."""
    members.writestr(zipfile.ZipInfo(name), content)


class Writer:
    """Nodes of an object, in skops' format; arrays and bytes become members of a zip file.

    What is not allowed is kept in `refused`, its place by its name.
    """

    def __init__(self, members, allowed):
        self.members, self.allowed = members, allowed
        self.refused, self.numbers, self.kept = {}, {}, []
        self.files = count(1)

    def node(self, value, where):
        """Node of a value, or a reference to that which it has already."""
        if isinstance(value, PurePath):
            value = str(value)
        if _is_plain(value):
            return _json_node(value)
        number = self.numbers.get(id(value))
        if number is not None:
            return _REFERENCE | {"__id__": number}
        self.kept.append(value)  # or its id could become that of another
        self.numbers[id(value)] = len(self.kept)
        return {**self._definition(value, where), "__id__": self.numbers[id(value)]}

    def _definition(self, value, where):
        kind = type(value)
        if kind in _WRITERS:
            return _WRITERS[kind](self, value, where)
        for base, write in _WRITERS_BY_BASE.items():
            if isinstance(value, base):
                return write(self, value, where)
        return self._object(value, where)

    def refuse(self, name, where):
        self.refused.setdefault(name, where.lstrip("."))
        return _json_node(None)

    def _object(self, value, where):
        name = public_name(type(value))
        if not (self.allowed.a_class(name) and _is_importable(type(value), name)):
            return self.refuse(name, where)
        state = value.__getstate__()
        node = _named("ObjectNode", name)
        if state is None:
            return node
        if not isinstance(state, dict):
            return self.refuse(f"{name} with slots or a state that is no dict", where)
        if state.get("memory") is not None:
            state = {**state, "memory": None}
        return node | {"content": self._dict(state, where)}

    def _dict(self, value, where):
        types = {type(key) for key in value}
        if strange := types - {str, int, float}:
            return self.refuse(f"dict with keys of {_name(strange.pop())}", where)
        if len({str(key) for key in value}) < len(value):
            return self.refuse("dict with keys that are the same as text", where)
        # Columns of the words of a vectorizer, each of which would be an array of one number.
        columns = all(isinstance(column, np.integer) for column in value.values())
        if where.endswith(".vocabulary_") and types == {str} and columns:
            return _json_node({word: int(column) for word, column in value.items()})
        types = [_named("TypeNode", _name(type(key))) for key in value]
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
        if value.dtype.kind in _KINDS:
            return _named("NdArrayNode", "numpy.ndarray") | self._npy(value)
        if value.dtype != object or value.ndim != 1:
            return self.refuse(
                f"numpy.ndarray of dtype {value.dtype} and {value.ndim} dimensions", where
            )
        node = _named("NdArrayNode", "numpy.ndarray") | {"type": "json"}
        shape = self._sequence(value.shape, where)
        return node | {"content": self._items(value, where), "shape": shape}

    def _scalar(self, value, where):
        name = _scalar_name(type(value))
        if name not in _SCALARS:
            return self.refuse(name, where)
        return _named("NdArrayNode", name) | self._npy(np.asarray(value))

    def _npy(self, array):
        name = f"{next(self.files)}.npy"
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            array = array.copy(order="K")  # products differ by rounding with the order in memory
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
        if not all(map(_is_end, ends.values())):
            return self.refuse("slice of other ends than int", where)
        return _named("SliceNode") | {"content": ends}

    def _function(self, value, where):
        name = public_name(value)
        if not (self.allowed.a_function(name) and _is_importable(value, name)):
            return self.refuse(name, where)
        return _named("FunctionNode", name)

    def _type(self, value, where):
        name = _scalar_name(value) if issubclass(value, np.generic) else _name(value)
        if not (self.allowed.a_type(name) and _is_importable(value, name)):
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
    type: Writer._type,
}


def _is_plain(value):
    """Whether JSON gives back the same: one node serves for all of it."""
    kind = type(value)
    if kind is list:
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain, value.values()))
    return value is None or kind in (bool, int, float, str)


def _is_end(value):
    return value is None or type(value) is int


def _scalar_name(kind):
    short = {"bool": "bool_", "longlong": "int64", "ulonglong": "uint64"}
    return f"numpy.{short.get(kind.__name__, kind.__name__)}"


def _json_node(value):
    return _named("JsonNode", "builtins.str") | {"content": json.dumps(value)}


def _named(loader, name=None):
    module, _, own = (name or _FIXED[loader]).rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": own}


# Reading


class Audit:
    """Check of all nodes of a file, before any is built.

    What is not allowed is kept in `refused`, its place by its name, and the rest in `names`.
    """

    def __init__(self, members, allowed):
        self.members, self.allowed = members, allowed
        self.refused, self.names, self.files = {}, set(), set()
        self.n_nodes, self.sizes = 0, {}  # of the objects by their numbers

    def visit(self, node, where):
        """Check a node and what is inside it."""
        loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if loader == "CachedNode":
            if node.keys() != _REFERENCE.keys():  # or what it points to is not what is checked here
                raise Refusal(f"its reference {where} holds more than a number")
            self._count(self.sizes.get(node["__id__"], 0))
            return
        number, before = node.get("__id__"), self.n_nodes
        self._define(number)
        self._count(1)
        check = _CHECKS.get(loader)
        if check is None or _FIXED.get(loader, name) != name:
            self._refuse(f"{name} as {loader}", where)
        else:
            self.names.add(name)
            check(self, node, name, where)
        self.sizes[number] = self.n_nodes - before

    def _define(self, number):
        if number is None:
            return
        if type(number) is not int or number < 1 or number in self.sizes:
            raise Refusal(f"it defines the object number {number!r} more than once")
        self.sizes[number] = 0

    def _count(self, n_nodes):
        self.n_nodes += n_nodes
        if self.n_nodes > _MOST_NODES:
            raise Refusal(f"it holds more than {_MOST_NODES} things, or the same again and again")

    def _refuse(self, name, where):
        self.refused.setdefault(name, where.lstrip("."))

    def _use(self, file):
        """Size of a member that no other node reads, or few bytes would become many."""
        if file in self.files:
            raise Refusal(f"its member {file} is read more than once")
        self.files.add(file)
        return self.members.getinfo(file).file_size

    def _json(self, node, name, where):
        if not isinstance(node["content"], str):
            raise Refusal(f"its node {where} is no text")

    def _items(self, node, name, where):
        for i, item in enumerate(node["content"]):
            self.visit(item, f"{where}[{i}]")

    def _dict(self, node, name, where):
        types = node["key_types"]
        if types["__loader__"] != "ListNode" or len(types["content"]) != len(node["content"]):
            raise Refusal(f"the keys of {where} have no types")
        for key_type in types["content"]:
            kind = f"{key_type['__module__']}.{key_type['__class__']}"
            if key_type["__loader__"] != "TypeNode" or kind not in _KEYS:
                self._refuse(f"{kind} as a type of keys", where)
        self.visit(types, where)
        for key, value in node["content"].items():
            self.visit(value, f"{where}.{key}")

    def _array(self, node, name, where):
        if name != "numpy.ndarray" and (name not in _SCALARS or node["type"] != "numpy"):
            self._refuse(name, where)
        elif node["type"] != "json":
            _check_npy(self.members, node["file"], self._use(node["file"]))
        else:
            self._things(node, name, where)

    def _things(self, node, name, where):
        # Of more dimensions NumPy would ask the things in it whether they are arrays.
        if node["shape"]["__loader__"] != "TupleNode" or len(node["shape"]["content"]) != 1:
            raise Refusal(f"the array {where} of things has more than one dimension")
        self._items(node, name, where)
        self.visit(node["shape"], where)

    def _masked(self, node, name, where):
        self._content(node, where, data="NdArrayNode", mask="NdArrayNode")

    def _dtype(self, node, name, where):
        self.visit(node["content"], where)

    def _random_state(self, node, name, where):
        self.visit(node["content"], where)
        # NumPy reads that place of its table without looking.
        place = node["content"]["content"]["state"]["content"]["pos"]
        if place["__loader__"] != "JsonNode" or json.loads(place["content"]) not in range(625):
            raise Refusal(f"the random state {where} points outside of its table")

    def _bytes(self, node, name, where):
        self._use(node["file"])

    def _slice(self, node, name, where):
        if not all(map(_is_end, node["content"].values())):
            raise Refusal(f"the slice {where} has other ends than numbers")

    def _function(self, node, name, where):
        if not self.allowed.a_function(name):
            self._refuse(name, where)

    def _type(self, node, name, where):
        if not self.allowed.a_type(name):
            self._refuse(name, where)

    def _partial(self, node, name, where):
        # Of other things Python would call `keys` and the like.
        self._content(
            node, where, func=None, args="TupleNode", kwds="DictNode", namespace="JsonNode"
        )
        if node["content"]["namespace"]["content"] != "null":
            raise Refusal(f"the partial function {where} has attributes")

    def _content(self, node, where, **loaders):
        """Check parts that must be of a kind each, and no references."""
        for part, loader in loaders.items():
            inner = node["content"][part]
            if loader is not None and inner["__loader__"] != loader:
                raise Refusal(f"{where}.{part} is no {loader}")
            self.visit(inner, f"{where}.{part}")

    def _object(self, node, name, where):
        allowed = self.allowed.a_class(name)
        if not allowed:
            self._refuse(name, where)
        if "content" not in node:
            return
        state = node["content"]
        if state["__loader__"] != "DictNode":
            raise Refusal(f"the state of {name} is no dict")
        self.visit(state, where)
        place = where.lstrip(".") or name
        if not _is_null(state["content"].get("memory")):
            raise Refusal(f"{place} has a cache folder (memory), where it would open pickles")
        hidden = [key for key in state["content"] if allowed and _hides(key, node)]
        if hidden:
            raise Refusal(f"{place} has attributes in the place of methods: {', '.join(hidden)}")


def _is_null(node):
    return node is None or (node["__loader__"], node.get("content")) == ("JsonNode", "null")


def _hides(key, node):
    """Whether an attribute would be taken for a method, of the class or for NumPy."""
    if key.startswith("__"):
        return True
    found = getattr(import_module(node["__module__"]), node["__class__"])
    return hasattr(getattr_static(found, key, None), "__get__")


_CHECKS = {
    "BytesNode": Audit._bytes,
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
    """Refuse what is no array of numbers or text of just the size of its member."""
    with members.open(file) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise Refusal(f"its array {file} is of another version of NumPy's format")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy reads headers of Python 2, and says so
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        expected = math.prod(shape) * dtype.itemsize
        if dtype.kind not in _KINDS or dtype.itemsize == 0 or min(shape, default=0) < 0:
            raise Refusal(f"its array {file} has the dtype {dtype} and the shape {shape}")
        if size - member.tell() != expected:
            raise Refusal(f"its array {file} has {size - member.tell()} bytes of {expected}")
