"""Properties of the nodes of `skops.io`, and errors raised when a file or an object is refused."""

# Version of the nodes of skops.
PROTOCOL = 2
# Kinds of nodes that can have only one name.
FIXED = {
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
# Kind of a node whose object is returned by a function of `_rebuilt`.
REBUILT = "ConstructorFromReduceNode"
# Reference to an object that another node defines; `__id__` is then set to the object number.
REFERENCE = {"__loader__": "CachedNode", "__module__": None, "__class__": None, "__id__": None}
# Kinds of dtypes that arrays may have: numbers and text.
DTYPE_KINDS = "biufcSU"


class Refusal(ValueError):
    """A file or an object is refused; the message tells the user why."""


class TooNew(Refusal):
    """The file has a format that this version cannot read."""


class Untrusted(Refusal):
    """The file or object contains types or functions that are not on the list.

    `refused` contains their names, and `names` only the names that can be passed as `trusted`.
    """

    def __init__(self, message, refused):
        super().__init__(message)
        self.names = trustable(refused)


def is_full_name(name):
    """Return True if the name is a full name, which can be passed as `trusted`."""
    return "." in name and all(part.isidentifier() for part in name.split("."))


def trustable(refused):
    """Return the refused names that can be passed as `trusted`."""
    return [name for name in refused if is_full_name(name)]


def name_of(node):
    """Return the full name of the type or function of a node."""
    return f"{node['__module__']}.{node['__class__']}"


def listed(refused):
    """Return refused names, each with the first place where it was found, as text."""
    named = (f"{name} (in {where})" if where else name for name, where in refused.items())
    return ", ".join(named)


def is_slice_end(value):
    """Return True if the value may be an end of a slice in a file."""
    return value is None or type(value) is int
