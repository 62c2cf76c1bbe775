"""Nodes of `skops.io` that are written and read, and the errors of both."""

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
# A reference to an object that is defined elsewhere, without the number of the object.
REFERENCE = {"__loader__": "CachedNode", "__module__": None, "__class__": None, "__id__": None}
# Kinds of dtype of arrays: numbers and text.
DTYPE_KINDS = "biufcSU"


class Refusal(ValueError):
    """A file or an object is refused; the message is a reason for the user."""


class TooNew(Refusal):
    """The file has a format that this version cannot read."""


class Untrusted(Refusal):
    """The file or object contains types or functions that are not on the list.

    `refused` has their names; `names` keeps those that can be passed as `trusted`.
    """

    def __init__(self, message, refused):
        super().__init__(message)
        self.names = [name for name in refused if is_full_name(name)]


def is_full_name(name):
    """Return True for a full name that can be passed as `trusted`."""
    return "." in name and all(part.isidentifier() for part in name.split("."))


def name_of(node):
    """Return the full name of the type or function of a node."""
    return f"{node['__module__']}.{node['__class__']}"


def listed(refused):
    """Return refused names, each with the first place where it was found, as text."""
    named = (f"{name} (in {where})" if where else name for name, where in refused.items())
    return ", ".join(named)


def is_slice_end(value):
    """Return True for the end of a slice that a file may contain."""
    return value is None or type(value) is int
