"""Files that are crafted to do harm, and some that look harmful and load."""

import io
import json
import os
import pickle
import stat
import struct
import warnings
import zipfile

import joblib
import numpy as np
import pytest
import torch
from _harmful_files import ATTACKS, BEYOND, DAMAGES
from _nodes import (
    array_node,
    mapping,
    nested_lists,
    node,
    npy_file,
    random_state,
    set_attribute,
    shape,
    tampered,
    text,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import CrossModalIndex, Doc2VecLyrics, KernelCCA, LinearCCA
from skdcca.persistence import save


class Harm:
    """An object whose pickle writes a file when it is read."""

    def __reduce__(self):
        return os.system, ("touch 'it ran'",)


def saved(model, path):
    """Return the content of the file of a model."""
    save(model, path)
    return path.read_bytes()


def fitted():
    """Return a small model."""
    X = np.random.default_rng(0).normal(size=(20, 7))
    return LinearCCA(2).fit(X, X[:, :3])


def with_change(change=None, header=None, model=None, **members):
    """Return a function that writes a model with a changed schema, header or member."""

    def write(path):
        save(model or fitted(), path)
        tampered(path, change, header, **members)

    return write


def with_content(content):
    """Return a function that writes a file with this content."""
    return lambda path: path.write_bytes(content)


def with_members(*extra, compression=zipfile.ZIP_STORED):
    """Return a function that writes a model with more members."""

    def write(path):
        save(fitted(), path)
        with zipfile.ZipFile(path, "a", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # duplicate names
            for info, content in extra:
                archive.writestr(info, content)

    return write


def symlink(name, target):
    """Return a member that is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target


def with_patch(at, value, size=4):
    """Return a function that writes a model and changes the first entry of the zip directory."""

    def write(path):
        content = bytearray(saved(fitted(), path))
        place = content.index(b"PK\x01\x02") + at
        content[place : place + size] = value.to_bytes(size, "little")
        path.write_bytes(content)

    return write


def overlapping_members(path):
    """Write a zip directory that lists one large member a thousand times, under different names."""
    kernel = bytes(20_000)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 20_000, 20_000, 1, 0) + b"a"
    entries = b"".join(
        struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 20_000, 20_000, 4, 0, 0, 0, 0, 0, 0
        )
        + b"%04d" % i
        for i in range(1000)
    )
    whole = local + kernel
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entries), len(whole), 0)
    path.write_bytes(whole + entries + end)


def nested_zip(path):
    """Write a model with a compressed zip file in another one."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(10**8))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    with_members(("inner.zip", outer.getvalue()), compression=zipfile.ZIP_DEFLATED)(path)


def zip_of(**members):
    """Return a function that writes a zip file with these members."""

    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name.replace("_json", ".json"), content)

    return write


def torch_pickle(path):
    """Write a file of torch."""
    torch.save(Harm(), path)


def joblib_pickle(compress):
    """Return a function that writes a compressed file of joblib."""
    return lambda path: joblib.dump(Harm(), path, compress=compress)


def harmful_pretrained(path):
    """Write a model that names a harmful file, which only `fit` would read."""
    mark = path.parent / "harm.pickle"
    mark.write_bytes(pickle.dumps(Harm()))
    lyrics = Doc2VecLyrics(pretrained=str(mark))
    save(make_pipeline(StandardScaler(), LinearCCA(2, y_transformer=lyrics)), path)


def index_with_metadata(metadata):
    """Return a function that writes an index with this text as its metadata."""

    def write(path):
        X = np.random.default_rng(0).normal(size=(20, 7))
        index = CrossModalIndex(LinearCCA(2).fit(X, X[:, :5])).fit(X, X[:, :5])
        save(index, path)
        value = node("JsonNode", "builtins.str", content=metadata)
        tampered(path, lambda schema: set_attribute(schema, "metadata_", value))

    return write


def saved_without_checks(name):
    """Return a function that writes a model with numbers out of bounds."""

    def write(path):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("skdcca.persistence._files.check_parts", lambda obj: None)
            save(BEYOND[name], path)

    return write


def with_attribute(value, name="reg"):
    """Return a function that writes a model with the node of an attribute."""
    return with_change(lambda schema: set_attribute(schema, name, value))


def with_object(name, **more):
    """Return a function that writes a model with an object as an attribute."""
    return with_attribute(node("ObjectNode", name, **more))


def with_value(content, name="reg"):
    """Return a function that writes a model with the JSON text of an attribute."""
    return with_attribute(node("JsonNode", "builtins.str", content=content), name)


def with_array(**member):
    """Return a function that writes a model with another array."""
    return with_change(**{"1.npy": npy_file(**member)})


def with_root(attack):
    """Return a function that writes a file whose only object is this node."""

    def change(schema):
        schema.clear()
        schema.update(attack, protocol=2)

    return with_change(change)


def array_of_pickles(path):
    """Write a model with an array of objects, which NumPy stores as a pickle."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm()], dtype=object), allow_pickle=True)
    with_change(**{"1.npy": buffer.getvalue()})(path)


# These load: the harm in them is out of reach.
HARMLESS = {
    "a path of Doc2VecLyrics": harmful_pretrained,
    "other members": with_members(("../../out", "x")),
    "absolute names": with_members(("/tmp/out of a test of skdcca", "x"), ("C:\\out", "x")),
    "links": with_members(symlink("link", "/etc/passwd"), symlink("../link", "../../out")),
    "a nested zip that is stored": with_members(("inner.zip", bytes(1000))),
    "long notes": with_change(header={"notes": {"a": "\x1b[31m" + 1000 * "x"}}),
    "a script in the metadata of an index": index_with_metadata(
        json.dumps(json.dumps(20 * [{"t": "<script>\x1b]0;"}]))
    ),
    "too many components": with_value("4611686018427387904", "n_components"),
    "objects of a huge shape, which nobody reads": with_attribute(
        node("NdArrayNode", "numpy.ndarray", type="json", content=[], shape=shape(2**40))
    ),
    "text for a number": with_value('"__import__(\\"os\\").system(\\"touch x\\")"'),
}

MARKER = "it ran"
HARMFUL = {
    **{f"{kind} in an attribute": with_attribute(attack(MARKER))
       for kind, attack in ATTACKS.items()},
    **{f"{kind} as the whole": with_root(attack(MARKER)) for kind, attack in ATTACKS.items()},
    **{kind: with_change(change) for kind, (change, _) in DAMAGES.items()},
    **{f"{kind} of a transformer": saved_without_checks(kind) for kind in BEYOND},
    **{f"a pickle of protocol {i}": with_content(pickle.dumps(Harm(), protocol=i)) for i in range(6)},
    **{f"joblib, {kind}": joblib_pickle(kind) for kind in ("zlib", "gzip", "bz2", "xz", "lzma")},
    "a pickle of torch": torch_pickle,
    "a pickle for a schema": with_change(**{"schema.json": pickle.dumps(Harm())}),
    "a pickle for a header": with_change(**{"skdcca.json": pickle.dumps(Harm())}),
    "a pickle for an array": with_change(**{"1.npy": pickle.dumps(Harm())}),
    "an array of pickles": array_of_pickles,
    "a zip of a pickle": zip_of(data=pickle.dumps(Harm())),
    "a zip in a zip": nested_zip,
    "a bomb": with_members(("bomb", bytes(10**8)), compression=zipfile.ZIP_DEFLATED),
    "a bomb of bzip2": with_members(("bomb", bytes(10**8)), compression=zipfile.ZIP_BZIP2),
    "members in each other": overlapping_members,
    "a huge size": with_patch(24, 2**32 - 2),
    "a huge compressed size": with_patch(20, 2**32 - 2),
    "both huge": with_patch(20, (2**31) << 32 | 2**31, 8),
    "more than 4 GB": with_patch(20, 2**64 - 1, 8),
    "a place past the end": with_patch(42, 2**31),
    "an encrypted member": with_patch(8, 1, 2),
    "an unknown compression": with_patch(10, 99, 2),
    "another name in the directory": with_patch(46, ord("x"), 1),
    "two schemas": with_members(("schema.json", "{}")),
    "two headers": with_members(("skdcca.json", "{}")),
    "an array that is a link": with_change(lambda s: array_node(s).update(file="../../../etc/passwd")),
    "an array that is a folder": with_change(lambda s: array_node(s).update(file="")),
    "an array that is the schema": with_change(lambda s: array_node(s).update(file="schema.json")),
    "an array of a terabyte": with_array(shape=(2**37,)),
    "an array whose size overflows": with_array(shape=(2**32, 2**32)),
    "an array whose size overflows to zero": with_array(shape=(2**61, 8)),
    "an array of no rows and many columns": with_array(shape=(0, 2**62, 2**62)),
    "an array of many axes": with_array(shape=100 * (1,), body=bytes(8)),
    "an array of empty values": with_array(shape=(2**60,), dtype="|V0"),
    "an array of long texts": with_array(shape=(1,), dtype="<U500000000"),
    "an array of objects": with_array(shape=(1,), dtype="|O", body=bytes(8)),
    "an array of records": with_array(shape=(1,), dtype=[("a", "|O")], body=bytes(8)),
    "an array of times": with_array(shape=(1,), dtype="<M8[s]", body=bytes(8)),
    "a header of an array that is code": with_change(
        **{
            "1.npy": b"\x93NUMPY\x01\x00\x40\x00"
            + b"__import__('os').system('touch x')".ljust(63)
            + b"\n"
        }
    ),
    "lists in lists": with_change(**{"schema.json": "[" * 100_000 + "]" * 100_000}),
    "nodes in nodes": lambda path: with_change(**{"schema.json": nested_lists()})(path),
    "a text of lists in lists": with_value("[" * 100_000 + "]" * 100_000),
    "a number of a million digits": with_value("9" * 10**6),
    "a text that is not JSON": with_value("open('it ran', 'w')"),
    "a random state": with_attribute(random_state(text(-1))),
    "a random state of another kind": with_attribute(node(
        "RandomStateNode", "numpy.random.RandomState",
        content=mapping({"bit_generator": text("evil_module"), "state": mapping({"pos": text(1)})}))),
    "a module to import": with_object("evil_module.submodule.Thing"),
    "a class in a class": with_object("skdcca.LinearCCA.__class__"),
    "a module of the package": with_object("skdcca.persistence.io"),
    "a decorated class": with_object("sklearn.pipeline.Pipeline.__init__.__globals__"),
    "a tokenizer that runs": with_attribute(node("FunctionNode", "builtins.exec")),
    "a state that is a function": with_object(
        "skdcca.LinearCCA", content=node("FunctionNode", "numpy.exp")),
    "a cache of its own": with_attribute(text("/tmp"), "memory"),
    "a cache of an inner object": with_object(
        "skdcca.MelSpectrogram", content=mapping({"memory": text("/tmp")})),
    "a header that lies about its class": with_change(header={"class": "skdcca.KernelCCA"}),
    "a header of a class of its own": with_change(header={"class": "evil_module.Estimator"}),
    "a header of a newer format": with_change(header={"format": 10**30}),
    "a header that is a list": with_change(**{"skdcca.json": "[]"}),
    "a header of lists in lists": with_change(**{"skdcca.json": "[" * 100_000}),
    "a schema that is a list": with_change(**{"schema.json": "[]"}),
    "no schema": zip_of(skdcca_json="{}"),
    "an empty zip": with_content(b"PK\x05\x06" + bytes(18)),
    "half a zip": lambda path: path.write_bytes(saved(fitted(), path)[:2000]),
    "metadata of an index that are not JSON": index_with_metadata("\"open('it ran')\""),
    "metadata of an index of lists in lists": index_with_metadata(json.dumps("[" * 100_000)),
    "metadata of an index for too many items": index_with_metadata(json.dumps(json.dumps(10**4 * [{}]))),
    "a kernel that is a module": lambda path: with_change(
        lambda s: set_attribute(s, "kernel", node("FunctionNode", "evil_module.function")),
        model=KernelCCA(2).fit(np.eye(9), np.eye(9)))(path),
}  # fmt: skip
