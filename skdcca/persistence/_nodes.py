"""The nodes of `skops.io` that are written and read, and the errors of both."""

# Version of skops' nodes.
PROTOCOL = 2
# Kinds of node that can have one name only.
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
# A reference to an object that is defined elsewhere; its number is added.
REFERENCE = {"__loader__": "CachedNode", "__module__": None, "__class__": None, "__id__": None}
# Kinds of dtype of arrays: numbers and text.
DTYPE_KINDS = "biufcSU"


class Refusal(ValueError):
    """A reason to refuse a file or an object, in words for the user."""


class TooNew(Refusal):
    """The file has a format that this version cannot read."""


class Untrusted(Refusal):
    """The file or object holds types or functions that are not on the list.

    `refused` has the names; those that can be trusted are kept.
    """

    def __init__(self, message, refused):
        super().__init__(message)
        self.names = [name for name in refused if is_full_name(name)]


def is_full_name(name):
    """Return True for a full name as `trusted` takes it."""
    return "." in name and all(part.isidentifier() for part in name.split("."))


def name_of(node):
    """Return the full name of the type or function that a node names."""
    return f"{node['__module__']}.{node['__class__']}"


def listed(refused):
    """Return refused names in words, each with the first place that holds it."""
    named = (f"{name} (in {where})" if where else name for name, where in refused.items())
    return ", ".join(named)


def is_slice_end(value):
    """Return True for an end of a slice that files may hold."""
    return value is None or type(value) is int
