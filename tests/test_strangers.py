"""Files of strangers: a thousand that are damaged and many that were made to harm, opened and used.

All are written first, then loaded by a process of its own (`CHILD`), with its memory limited and every
file, program and module that it opens watched. An end is an answer, or a ValueError or an OSError.
"""

import importlib.util
import io
import json
import os
import pickle
import random
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_persistence import (
    ATTACKS,
    BEYOND,
    DAMAGES,
    _nest,
    _npy,
    _random_state,
    _set,
    items,
    mapping,
    node,
    tampered,
    text,
)

from skdcca import CrossModalIndex, Doc2VecLyrics, KernelCCA, LinearCCA, persistence
from skdcca.persistence import save

TESTS = Path(__file__).parent
OLD = TESTS / "data" / "format-1"
N_MUTANTS = 1000
MEGABYTES, SECONDS = 300, 10  # that a file may take
# What a model may raise that was changed so that it is whole in form and makes no sense: the place of a
# method in it is taken by a number, say. Nothing is answered, and nothing else happens.
SENSELESS = {
    "TypeError",
    "AttributeError",
    "IndexError",
    "KeyError",
    "RuntimeError",
    "UFuncTypeError",
}

CHILD = """
import json, os, resource, sys, time, warnings
from pathlib import Path

import numpy as np
from skdcca.persistence import load

folder, old = Path(sys.argv[1]), Path(sys.argv[2])
answers = np.load(old / "answers.npz")
views = {"X": answers["X"], "y": answers["y"], "lyrics": answers["lyrics"].tolist()}
warnings.simplefilter("ignore")
CHANGING = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate", "os.putenv",
    "subprocess.Popen", "socket.connect", "pickle.find_class", "ctypes.dlopen", "marshal.loads",
    "shutil.rmtree", "shutil.copyfile", "shutil.move")


def use(model, n_rows=3):
    rows = {name: values[:n_rows] for name, values in views.items()}
    endings = []
    steps = [("query", {"X": rows["X"]}), ("query", {"y": rows["y"]})]
    if not hasattr(model, "query"):
        last = model[-1] if hasattr(model, "steps") else model
        texts = hasattr(getattr(last, "y_transformer", None), "transform")
        steps = [("transform", {"X": rows["X"]})]
        if hasattr(last, "transform_y"):
            steps.append(("transform_y", {"y": rows["lyrics" if texts else "y"]}))
    for name, arguments in steps:
        asked = last if name == "transform_y" else model
        try:
            getattr(asked, name)(**arguments)
            endings.append("answer")
        except Exception as error:
            endings.append(type(error).__name__ if not isinstance(error, ValueError) else "ValueError")
    return endings


def opened(path):
    try:
        model = load(path)
    except (ValueError, OSError) as error:
        starved = isinstance(error.__cause__, MemoryError)
        return ["out of memory"] if starved else ["refused", str(error)]
    except Exception as error:
        return [type(error).__name__]
    return ["loaded", *use(model)]


for path in sorted(old.glob("*.skdcca")):  # so that all is imported that may be
    print(path.name, opened(path))
known, seen = {name.partition(".")[0] for name in sys.modules}, []


def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            seen.append(f"writes {path}")
        elif str(path).endswith((".pickle", ".d2v", "passwd")):
            seen.append(f"reads {path}")
    elif event in CHANGING:
        seen.append(f"{event} {arguments!r:.100}")
    elif event == "import" and arguments[0].partition(".")[0] not in known:
        seen.append(f"imports {arguments[0]}")


def fail(*arguments):
    seen.append(f"calls os.system {arguments}")


os.system = fail
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 2**30
resource.setrlimit(resource.RLIMIT_AS, (most, most))
sys.addaudithook(watch)


def memory(field):
    # Not ru_maxrss: a child begins with the peak of its parent.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


for path in sorted(folder.glob("*.skdcca")):
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    seen.clear()
    before, start = memory("VmRSS"), time.perf_counter()
    print(f"opens {path.name}", flush=True)
    ending = opened(path)
    found = {"ending": ending, "seen": list(seen), "seconds": time.perf_counter() - start}
    print(json.dumps({"name": path.name, "megabytes": memory("VmHWM") - before, **found}), flush=True)
"""


def _fuzz():
    """tools/fuzz.py, which has the mutations, and the targets that found files are replayed by."""
    file = TESTS.parent / "tools" / "fuzz.py"
    spec = importlib.util.spec_from_file_location("fuzz", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FUZZ = _fuzz()


def opened_by_a_child(folder):
    """What became of each file, by its name; and that nothing else did."""
    work = folder.parent / "cwd"
    work.mkdir()
    (work / "evil_module.py").write_text("open('it ran', 'a').close()\n")
    before = _listing(folder.parent)
    one_thread = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(work), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, folder, OLD],
        cwd=work,
        env=os.environ | one_thread,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]}\n{done.stderr}"
    assert _listing(folder.parent) == before
    found = [json.loads(line) for line in lines if line.startswith("{")]
    for one in found:
        assert not one["seen"], one
        assert one["megabytes"] < MEGABYTES, one
        assert one["seconds"] < SECONDS, one
    return {one["name"].removesuffix(".skdcca"): one["ending"] for one in found}


def _listing(folder):
    return {path: path.lstat().st_size for path in folder.rglob("*")}


# Damaged


def mutant(number):
    rng = random.Random(number)
    files = sorted(OLD.glob("*.skdcca"))
    change = FUZZ._scratched if number % 5 == 0 else FUZZ.mutated
    return change(files[rng.randrange(len(files))].read_bytes(), rng)


def test_a_thousand_damaged_files_are_refused_or_answer(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for i in range(N_MUTANTS):
        (folder / f"{i:04}.skdcca").write_bytes(mutant(i))
    endings = opened_by_a_child(folder)
    assert len(endings) == N_MUTANTS
    counts = Counter(ending[0] for ending in endings.values())
    assert set(counts) == {"refused", "loaded"}
    assert counts["loaded"] > 100, "too much is refused at the door to test what is behind it"
    reasons = " ".join(ending[1] for ending in endings.values() if ending[0] == "refused")
    for reached in ("not on the list", "bytes of", "defines the object number", "holds more than"):
        assert reached in reasons
    used = Counter(
        one for ending in endings.values() if ending[0] == "loaded" for one in ending[1:]
    )
    assert used["answer"] > 100
    senseless = {kind: n for kind, n in used.items() if kind not in ("answer", "ValueError")}
    assert set(senseless) <= SENSELESS
    assert sum(senseless.values()) < 0.1 * used.total()


# Made to harm


class Harm:
    """A pickle that would leave a mark, wherever it is read."""

    def __reduce__(self):
        return os.system, ("touch 'it ran'",)


def _saved(model, path):
    save(model, path)
    return path.read_bytes()


def _linear():
    X = np.random.default_rng(0).normal(size=(20, 7))
    return LinearCCA(2).fit(X, X[:, :3])


def _changed(change=None, header=None, model=None, **members):
    """How to write a model with something in it changed, as in the tests of `persistence`."""

    def write(path):
        save(model or _linear(), path)
        tampered(path, change, header, **members)

    return write


def _bytes(content):
    return lambda path: path.write_bytes(content)


def _members(*extra, compression=zipfile.ZIP_STORED):
    """How to write a model with members added to it."""

    def write(path):
        save(_linear(), path)
        with zipfile.ZipFile(path, "a", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two of one name
            for info, content in extra:
                archive.writestr(info, content)

    return write


def _symlink(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target


def _patched(at, value, size=4):
    """How to write a model whose first entry in the zip's directory says something else."""

    def write(path):
        content = bytearray(_saved(_linear(), path))
        place = content.index(b"PK\x01\x02") + at
        content[place : place + size] = value.to_bytes(size, "little")
        path.write_bytes(content)

    return write


def _overlapping(path):
    """A directory that has one large member a thousand times, each by another name."""
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


def _nested_zip(path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(10**8))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", inner.getvalue())
    _members(("inner.zip", outer.getvalue()), compression=zipfile.ZIP_DEFLATED)(path)


def _zip_of(**members):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name.replace("_json", ".json"), content)

    return write


def _torch(path):
    torch.save(Harm(), path)


def _joblib(compress):
    return lambda path: joblib.dump(Harm(), path, compress=compress)


def _pretrained(path):
    """It loads, and what it names is read by nothing but `fit`."""
    mark = path.parent / "harm.pickle"
    mark.write_bytes(pickle.dumps(Harm()))
    lyrics = Doc2VecLyrics(pretrained=str(mark))
    save(make_pipeline(StandardScaler(), LinearCCA(2, y_transformer=lyrics)), path)


def _index(metadata):
    def write(path):
        X = np.random.default_rng(0).normal(size=(20, 7))
        index = CrossModalIndex(LinearCCA(2).fit(X, X[:, :5])).fit(X, X[:, :5])
        save(index, path)
        tampered(
            path, lambda s: _set(s, "metadata_", node("JsonNode", "builtins.str", content=metadata))
        )

    return write


def _without_checks(name):
    """One of those that crash when they transform, written by force."""

    def write(path):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(persistence, "_check_parts", lambda obj: None)
            save(BEYOND[name], path)

    return write


def _thing(name, **more):
    return _changed(lambda s: _set(s, "reg", node("ObjectNode", name, **more)))


def _value(content, name="reg"):
    return _changed(lambda s: _set(s, name, node("JsonNode", "builtins.str", content=content)))


def _array(**member):
    return _changed(**{"1.npy": _npy(**member)})


def _root(attack):
    def change(schema):
        schema.clear()
        schema.update(attack, protocol=2)

    return _changed(change)


def _in_the_place_of_a_pickle(path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm()], dtype=object), allow_pickle=True)
    _changed(**{"1.npy": buffer.getvalue()})(path)


MARKER = "it ran"
LOAD = {"a path of Doc2VecLyrics": _pretrained, "other members": _members(("../../out", "x"))}
LOAD |= {
    "absolute names": _members(("/tmp/out of a test of skdcca", "x"), ("C:\\out", "x")),
    "links": _members(_symlink("link", "/etc/passwd"), _symlink("../link", "../../out")),
    "a nested zip that is stored": _members(("inner.zip", bytes(1000))),
    "notes that say much": _changed(header={"notes": {"a": "\x1b[31m" + 1000 * "x"}}),
    "evil words in an index": _index(json.dumps(json.dumps(20 * [{"t": "<script>\x1b]0;"}]))),
    "too many components": _value("4611686018427387904", "n_components"),
    "things of a huge shape, which nobody reads": _changed(
        lambda s: _set(
            s,
            "reg",
            node(
                "NdArrayNode",
                "numpy.ndarray",
                type="json",
                content=[],
                shape=items(text(2**40), loader="TupleNode", name="builtins.tuple"),
            ),
        )
    ),
    "text for a number": _value('"__import__(\\"os\\").system(\\"touch x\\")"'),
}
HARM = {
    **{f"{kind} in an attribute": _changed(lambda s, a=attack: _set(s, "reg", a(MARKER)))
       for kind, attack in ATTACKS.items()},
    **{f"{kind} as the whole": _root(attack(MARKER)) for kind, attack in ATTACKS.items()},
    **{kind: _changed(change) for kind, (change, _) in DAMAGES.items()},
    **{f"{kind} of a transformer": _without_checks(kind) for kind in BEYOND},
    **{f"a pickle of protocol {i}": _bytes(pickle.dumps(Harm(), protocol=i)) for i in range(6)},
    **{f"joblib, {kind}": _joblib(kind) for kind in ("zlib", "gzip", "bz2", "xz", "lzma")},
    "a pickle of torch": _torch,
    "a pickle for a schema": _changed(**{"schema.json": pickle.dumps(Harm())}),
    "a pickle for a header": _changed(**{"skdcca.json": pickle.dumps(Harm())}),
    "a pickle for an array": _changed(**{"1.npy": pickle.dumps(Harm())}),
    "an array of pickles": _in_the_place_of_a_pickle,
    "a zip of a pickle": _zip_of(data=pickle.dumps(Harm())),
    "a zip in a zip": _nested_zip,
    "a bomb": _members(("bomb", bytes(10**8)), compression=zipfile.ZIP_DEFLATED),
    "a bomb of bzip2": _members(("bomb", bytes(10**8)), compression=zipfile.ZIP_BZIP2),
    "members in each other": _overlapping,
    "a huge size": _patched(24, 2**32 - 2),
    "a huge compressed size": _patched(20, 2**32 - 2),
    "both huge": _patched(20, (2**31) << 32 | 2**31, 8),
    "more than 4 GB": _patched(20, 2**64 - 1, 8),
    "a place past the end": _patched(42, 2**31),
    "an encrypted member": _patched(8, 1, 2),
    "an unknown compression": _patched(10, 99, 2),
    "another name in the directory": _patched(46, ord("x"), 1),
    "two schemas": _members(("schema.json", "{}")),
    "two headers": _members(("skdcca.json", "{}")),
    "an array that is a link": _changed(lambda s: _file(s, "../../../etc/passwd")),
    "an array that is a folder": _changed(lambda s: _file(s, "")),
    "an array that is the schema": _changed(lambda s: _file(s, "schema.json")),
    "an array of a terabyte": _array(shape=(2**37,)),
    "an array whose size overflows": _array(shape=(2**32, 2**32)),
    "an array of overflow to nothing": _array(shape=(2**61, 8)),
    "an array of no rows and many": _array(shape=(0, 2**62, 2**62)),
    "an array of many axes": _array(shape=100 * (1,), body=bytes(8)),
    "an array of nothing": _array(shape=(2**60,), dtype="|V0"),
    "an array of long texts": _array(shape=(1,), dtype="<U500000000"),
    "an array of objects": _array(shape=(1,), dtype="|O", body=bytes(8)),
    "an array of records": _array(shape=(1,), dtype=[("a", "|O")], body=bytes(8)),
    "an array of times": _array(shape=(1,), dtype="<M8[s]", body=bytes(8)),
    "a header of an array that is code": _changed(
        **{
            "1.npy": b"\x93NUMPY\x01\x00\x40\x00"
            + b"__import__('os').system('touch x')".ljust(63)
            + b"\n"
        }
    ),
    "lists in lists": _changed(**{"schema.json": "[" * 100_000 + "]" * 100_000}),
    "nodes in nodes": lambda path: _changed(**{"schema.json": _nest(None)})(path),
    "a text of lists in lists": _value("[" * 100_000 + "]" * 100_000),
    "a number of a million digits": _value("9" * 10**6),
    "a text that is no JSON": _value("open('it ran', 'w')"),
    "a random state": _changed(lambda s: _set(s, "reg", _random_state(text(-1)))),
    "a random state of another kind": _changed(lambda s: _set(s, "reg", node(
        "RandomStateNode", "numpy.random.RandomState",
        content=mapping({"bit_generator": text("evil_module"), "state": mapping({"pos": text(1)})})))),
    "a module to import": _thing("evil_module.submodule.Thing"),
    "a class in a class": _thing("skdcca.LinearCCA.__class__"),
    "a module of the package": _thing("skdcca.persistence.io"),
    "a decorated class": _thing("sklearn.pipeline.Pipeline.__init__.__globals__"),
    "a tokenizer that runs": _changed(lambda s: _set(s, "reg", node("FunctionNode", "builtins.exec"))),
    "a state that is a function": _thing("skdcca.LinearCCA", content=node("FunctionNode", "numpy.exp")),
    "a cache of its own": _changed(lambda s: _set(s, "memory", text("/tmp"))),
    "a cache deep in it": _thing("skdcca.MelSpectrogram", content=mapping({"memory": text("/tmp")})),
    "a header that lies about its class": _changed(header={"class": "skdcca.KernelCCA"}),
    "a header of a class of its own": _changed(header={"class": "evil_module.Estimator"}),
    "a header of a format to come": _changed(header={"format": 10**30}),
    "a header that is a list": _changed(**{"skdcca.json": "[]"}),
    "a header of lists in lists": _changed(**{"skdcca.json": "[" * 100_000}),
    "a schema that is a list": _changed(**{"schema.json": "[]"}),
    "no schema": _zip_of(skdcca_json="{}"),
    "an empty zip": _bytes(b"PK\x05\x06" + bytes(18)),
    "half a zip": lambda path: path.write_bytes(_saved(_linear(), path)[:2000]),
    "notes of an index that are no JSON": _index("\"open('it ran')\""),
    "notes of an index of lists in lists": _index(json.dumps("[" * 100_000)),
    "notes of an index for too many": _index(json.dumps(json.dumps(10**4 * [{}]))),
    "a kernel that is a module": lambda path: _changed(
        lambda s: _set(s, "kernel", node("FunctionNode", "evil_module.function")),
        model=KernelCCA(2).fit(np.eye(9), np.eye(9)))(path),
}  # fmt: skip


def _file(schema, name):
    array = next(v for v in schema["content"]["content"].values() if v.get("file"))
    array["file"] = name


def test_files_that_were_made_to_harm_do_nothing(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    kinds = [*HARM, *LOAD]
    for i, write in enumerate((HARM | LOAD).values()):
        write(folder / f"{i:04}.skdcca")
    endings = dict(zip(kinds, opened_by_a_child(folder).values(), strict=True))
    assert len(endings) >= 150
    assert {kind for kind, ending in endings.items() if ending[0] != "refused"} == set(LOAD)
    for kind in LOAD:
        assert set(endings[kind][1:]) <= {"answer", "ValueError"}, kind
    assert not os.path.exists("/tmp/out of a test of skdcca")


# What the child would tell of, were it to happen while a file is opened.
ILL = [
    ("os.system('true')", "os.system"),
    ("open('it ran', 'w')", "writes it ran"),
    ("open('harm.pickle', 'rb')", "reads harm.pickle"),
    ("import evil_module", "imports evil_module"),
    ("__import__('subprocess').run(['true'])", "subprocess.Popen"),
    ("__import__('pickle').loads(b'cbuiltins\\nlen\\n.')", "pickle.find_class"),
    ("kept = bytearray(400 * 2**20)", "megabytes"),
]


def test_the_watch_sees_what_it_is_to_see(tmp_path):
    """Otherwise the tests above show nothing."""
    for i in range(len(ILL)):
        (tmp_path / f"{i}.skdcca").write_bytes(b"")
    (tmp_path / "evil_module.py").write_text("")
    (tmp_path / "harm.pickle").write_text("")
    opening = "    ending = opened(path)"
    child = CHILD.replace(
        opening, f"    exec({[code for code, _ in ILL]!r}[int(path.stem)])\n{opening}"
    )
    found = subprocess.run(
        [sys.executable, "-c", child, tmp_path, OLD],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    for (_, told), line in zip(ILL, lines, strict=True):
        if told == "megabytes":
            assert line["megabytes"] > MEGABYTES
        else:
            assert told in str(line["seen"])


# Found by fuzzing


@pytest.mark.parametrize(
    ("target", "file"),
    [(target, file) for target in FUZZ.TARGETS for file in FUZZ.found(target)],
    ids=lambda value: getattr(value, "name", value),
)
def test_files_that_were_found_by_fuzzing(target, file):
    assert FUZZ.TARGETS[target](file.read_bytes()) in ("well", "warned", "refused")


@pytest.mark.parametrize("target", FUZZ.TARGETS)
def test_seeds_of_fuzzing_end_well(target):
    endings = [FUZZ.TARGETS[target](data) for data in FUZZ.seeds(target)]
    assert "well" in endings
