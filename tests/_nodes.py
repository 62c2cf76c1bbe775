"""Nodes of `skops.io` written by hand, and files whose nodes are changed."""

import io
import json
import zipfile

import numpy as np


def tampered(path, change=None, header=None, **members):
    """Change the schema, header or other members of a file; return its path."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents["schema.json"])
    if change is not None:
        change(schema)
    contents["schema.json"] = json.dumps(schema)
    contents["skdcca.json"] = json.dumps(json.loads(contents["skdcca.json"]) | (header or {}))
    contents |= members
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def node(loader, name, **more):
    """Return a node of a kind, of the type or function with a full name."""
    module, _, own = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": own, **more}


def text(value):
    """Return the node of a JSON value."""
    return node("JsonNode", "builtins.str", content=json.dumps(value))


def items(*values, loader="ListNode", name="builtins.list"):
    """Return the node of a list or another sequence of nodes."""
    return node(loader, name, content=list(values))


def mapping(content, key_types=None, name="builtins.dict"):
    """Return the node of a dict of nodes."""
    kinds = [node("TypeNode", "builtins.str")] * len(content) if key_types is None else key_types
    return node("DictNode", name, key_types=items(*kinds), content=content)


def reference(number, **more):
    """Return a reference to the node with a number."""
    names = {"__loader__": "CachedNode", "__module__": None, "__class__": None}
    return {**names, "__id__": number, **more}


def shape(*lengths):
    """Return the node of the shape of an array."""
    return items(*map(text, lengths), loader="TupleNode", name="builtins.tuple")


def random_state(pos):
    """Return the node of a random state that reads from a place of its table."""
    state = {"key": items(), "pos": pos, "state": text(1)}
    return node(
        "RandomStateNode",
        "numpy.random.RandomState",
        content=mapping({"bit_generator": text("MT19937"), "state": mapping(state)}),
    )


def nested_lists():
    """Return the text of lists in lists."""
    inner = text(1)
    for _ in range(3000):
        inner = (
            f'{{"__loader__": "ListNode", "__module__": "", "__class__": "", "content": [{inner}]}}'
        )
    return inner


def array_node(schema):
    """Return the first node that reads a member of the file."""
    return next(v for v in schema["content"]["content"].values() if v.get("file"))


def set_attribute(schema, name, value):
    """Give the saved model an attribute."""
    state = schema["content"]
    if name not in state["content"]:
        state["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    state["content"][name] = value


def npy_file(array=None, shape=None, dtype="<f8", body=b""):
    """Return the content of a file of an array, or of a header of any shape and dtype."""
    buffer = io.BytesIO()
    if array is not None:
        np.save(buffer, array, allow_pickle=True)
    else:
        header = {"shape": shape, "fortran_order": False, "descr": dtype}
        np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + body
