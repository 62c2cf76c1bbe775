"""Files of fitted models that run no code when they are opened, by an allow-list.

A file is a zip: the tree of nodes and the arrays of `skops.io`, and ``skdcca.json``, a header. Members
are stored as they are, not compressed, so that a small file cannot become a large one. What a file
names is checked here, before skops checks it too and builds it:

- a node of a kind that is not written here, or a name that is not on the list, refuses the whole file;
- an object is defined once, so that no number can put one object where another was checked;
- nothing is called while a file is loaded but ``__new__`` and ``__setstate__`` of the classes listed.

Nodes are written here, too, in the form of skops and not by it: so a file is the same whatever the
version of skops, plain lists and dicts are one node each, and what is refused is named by its place.
"""

import io
import json
import math
import os
import sys
import warnings
import zipfile
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib import import_module
from itertools import count
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from skdcca import __version__
from skdcca._cache import replaced

__all__ = ["load", "read_header", "save"]

FORMAT = 1
HEADER, SCHEMA = "skdcca.json", "schema.json"
# The version of skops' nodes that is written here; skops reads those that are older than itself.
_PROTOCOL = 2

# Names as files have them: public ones where there are any, so that files outlast a move of modules.
_CLASSES = {
    "skdcca": (
        "AudioDynamics",
        "AudioForm",
        "CrossModalIndex",
        "DeepCCA",
        "Doc2VecLyrics",
        "FaissNeighbors",
        "KernelCCA",
        "LinearCCA",
        "LyricsCharacters",
        "LyricsForm",
        "LyricsSequence",
        "MelCNNAudio",
        "MelSpectrogram",
        "TemporalSummary",
    ),
    "skdcca._kernel": ("_FourierMap", "_KernelMap"),
    "skdcca._moments": ("PairMoments",),
    "skdcca.encoders": ("MLP", "MelCNN", "SequenceEncoder"),
    "skdcca.losses": ("BarlowTwinsLoss", "CCALoss", "EYLoss", "InfoNCELoss", "VICRegLoss"),
    "sklearn.metrics._scorer": ("_MultimetricScorer", "_PassthroughScorer", "_Scorer"),
    "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest"),
}
_FUNCTIONS = {
    "skdcca.metrics": (
        "_recall_at_k_score",
        "mrr_scorer",
        "mrr_x_to_y",
        "mrr_y_to_x",
        "retrieval_scorer",
        "total_correlation_scorer",
    ),
}
# Whose public classes are on the list. Trees, neighbours and support vector machines are not: their
# compiled code follows the numbers of a fitted model wherever these point.
_SKLEARN = (
    "compose",
    "cross_decomposition",
    "decomposition",
    "feature_extraction",
    "feature_extraction.text",
    "feature_selection",
    "impute",
    "kernel_approximation",
    "linear_model",
    "model_selection",
    "pipeline",
    "preprocessing",
    "random_projection",
)
_SCALARS = ["bool_", "str_", "complex64", "complex128", "float16", "float32", "float64"]
_SCALARS += [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_SCALARS = tuple(f"numpy.{name}" for name in _SCALARS)
_KEYS = ("builtins.float", "builtins.int", "builtins.str")
_TYPES = (*_KEYS, "builtins.bool", *_SCALARS)
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
_BEGINNINGS = {
    b"\x80": "a pickle",
    b"\x78": "a compressed pickle",
    b"\x1f\x8b": "a gzip file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8": "a JPEG image",
    b"RIFF": "a WAVE file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
}


def save(obj, path, *, notes=None, trusted=()):
    """Save a fitted model or an index, so that `load` opens it without running code of the file.

    What is written is loaded once before it takes the place of an earlier file of that name, which
    stays as it is if anything fails.

    Parameters
    ----------
    obj : estimator
        A model of skdcca, a `Pipeline`, search or other estimator of scikit-learn around it, or a
        `skdcca.retrieval.CrossModalIndex`.
    path : str or path-like
        The file; by custom it ends in ``.skdcca``.
    notes : dict, default=None
        What to keep with the model, as JSON knows it: where the songs come from, what was measured.
    trusted : sequence of str, type or function, default=()
        Classes and functions outside the list that the object holds, such as an encoder of your own.
        `load` must be given the same.

    Raises
    ------
    TypeError
        If `obj` is no estimator.
    ValueError
        If it holds what `load` would refuse, each named with its place; if `notes` are no dict of JSON.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Open the file.

    Notes
    -----
    A cache (the parameter `memory` of any step) is not kept, as it belongs to a machine, and paths are
    kept as text.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.persistence import load, read_header, save
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> model = LinearCCA(2).fit(X, X[:, :2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skdcca")
    ...     save(model, path, notes={"songs": "none, but random numbers"})
    ...     again = load(path)
    ...     print(read_header(path)["notes"])
    {'songs': 'none, but random numbers'}
    >>> bool((again.transform(X) == model.transform(X)).all())
    True
    """
    if not isinstance(obj, BaseEstimator):
        raise TypeError(f"obj={obj!r}; it must be an estimator, an object and not a class")
    path, allowed = Path(path), _Allowed(trusted)
    buffer = io.BytesIO()
    with _explained(f"{path}: this {type(obj).__name__} cannot be saved"):
        header = _header(obj, notes)
        _write(obj, buffer, header, allowed)
        _build(buffer, allowed)
    try:
        with replaced(path) as unfinished:
            unfinished.write_bytes(buffer.getbuffer())
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def load(path, *, trusted=()):
    """Load what `save` wrote; nothing else in a file can be built or run.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : sequence of str, type or function, default=()
        Classes and functions that may be loaded beside those of skdcca, scikit-learn and NumPy on the
        list: full names such as ``"my_encoders.Deep"``, or the things themselves. Their modules are
        imported, and code of theirs runs.

    Returns
    -------
    obj : estimator
        As it was saved.

    Raises
    ------
    ValueError
        If the file names anything that is not on the list, with all such names; is no file of `save`,
        is damaged, or was written by a newer version of the format.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If another version of skdcca or scikit-learn wrote it.

    See Also
    --------
    save : Write the file.

    Notes
    -----
    This tells what a file can do when it is opened and when the model transforms and scores; it cannot
    tell whether the numbers in it are honest. To *fit* a model again is to trust the paths among its
    parameters: the one that `Doc2VecLyrics` calls `pretrained` is a pickle.

    Examples
    --------
    See `save`.
    """
    allowed = _Allowed(trusted)
    with open(path, "rb") as file, _explained(f"{path} cannot be loaded"):
        _check_beginning(file)
        obj, header = _build(file, allowed)
    _warn_of_versions(header, path)
    return obj


def read_header(path):
    """Read what a file of `save` says of itself, without loading the model.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    header : dict
        ``format``, a number; ``skdcca`` and ``scikit-learn``, the versions that wrote it; ``class``, the
        full name of the model's; ``notes``, a dict.

    Raises
    ------
    ValueError, OSError
        As for `load`.

    Examples
    --------
    See `save`.
    """
    with open(path, "rb") as file, _explained(f"{path} cannot be read"):
        _check_beginning(file)
        with _opened(file) as members:
            _check_members(members, file)
            return _read_header(members)


class _Refusal(ValueError):
    """A message that is meant for the user as it is."""


@contextmanager
def _explained(what):
    """Turn whatever goes wrong inside into a ValueError that begins with `what`."""
    try:
        yield
    except OSError:
        raise
    except _Refusal as error:
        raise ValueError(f"{what}: {error}") from error
    except ImportError as error:
        raise ValueError(f"{what}: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{what}: it holds itself, or too many things in each other") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{what}: it is damaged, or not what it seems ({reason})") from error


# What may be in a file


class _Allowed:
    """The list of what may be loaded, by full names, and those that the caller adds to it."""

    def __init__(self, trusted=()):
        if isinstance(trusted, (str, type)) or callable(trusted):
            raise ValueError(f"trusted={trusted!r}; it must be a list of names or classes")
        self.trusted = {name if isinstance(name, str) else _name(name) for name in trusted}
        for name in self.trusted:
            if not all(part.isidentifier() for part in name.split(".")) or "." not in name:
                raise ValueError(
                    f"trusted has {name!r}; it must be the full name of a class or function, such as "
                    '"my_encoders.Deep"'
                )

    def a_class(self, name):
        return name in self.trusted or _is_listed(name, _CLASSES) or _is_of_sklearn(name)

    def a_function(self, name):
        return (
            name in self.trusted
            or _is_listed(name, _FUNCTIONS)
            or _is_ufunc(name)
            or name in _metrics_of_sklearn()
        )

    def a_type(self, name):
        return name in self.trusted or name in _TYPES


def _is_listed(name, listed):
    module, _, own = name.rpartition(".")
    return own in listed.get(module, ())


def _is_of_sklearn(name):
    """Whether it is a public estimator or splitter of one of the packages named above."""
    module, _, own = name.rpartition(".")
    if module.removeprefix("sklearn.") not in _SKLEARN or own.startswith("_"):
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


def _public_name(thing):
    """Full name by the module from which users import it, of what is listed."""
    own, listed = thing.__name__, {**_CLASSES, **_FUNCTIONS}
    modules = [module for module, names in listed.items() if own in names]
    if isinstance(thing, np.ufunc):
        modules.append("numpy")
    elif (thing.__module__ or "").startswith("sklearn."):
        modules += [f"sklearn.{package}" for package in (*_SKLEARN, "metrics")]
    for module in modules:
        if _is_importable(thing, f"{module}.{own}"):
            return f"{module}.{own}"
    return _name(thing)


def _is_importable(thing, name):
    """Whether the name leads to it, and not to another or, as of a lambda, to nothing."""
    module, _, own = name.rpartition(".")
    return getattr(sys.modules.get(module), own, None) is thing


# Writing


def _header(obj, notes):
    notes = {} if notes is None else notes
    try:
        fits = isinstance(notes, dict) and all(isinstance(key, str) for key in notes)
        json.dumps(notes)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise _Refusal(f"notes={notes!r}; they must be a dict of str to what JSON knows")
    versions = {"skdcca": __version__, "scikit-learn": sklearn.__version__}
    return {"format": FORMAT, **versions, "class": _public_name(type(obj)), "notes": notes}


def _write(obj, file, header, allowed):
    with zipfile.ZipFile(file, "w") as members:
        _add(members, HEADER, json.dumps(header, indent=1).encode())
        writer = _Writer(members, allowed)
        schema = writer.node(obj, "")
        if writer.refused:
            raise _Refusal(
                f"{_listed(writer.refused)} would not load again. Set what you can to None or to a "
                "number or name by set_params; for classes and functions of your own, in a module, "
                "give trusted= to save and to load; or use joblib.dump, whose files run any code"
            )
        _add(members, SCHEMA, json.dumps(schema | {"protocol": _PROTOCOL}).encode())


def _add(members, name, content):
    # Without the time, the same model gives the same file.
    members.writestr(zipfile.ZipInfo(name), content)


def _listed(refused):
    """Names that were refused, each with the first place it is in."""
    named = (f"{name} (in {where})" if where else name for name, where in refused.items())
    return ", ".join(named)


class _Writer:
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
        name = _public_name(type(value))
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
        return node | {"content": self._dict(state, where, mark=".{}")}

    def _dict(self, value, where, mark="[{!r}]"):
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
        content = {str(k): self.node(v, where + mark.format(k)) for k, v in value.items()}
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
        return node | {"content": self._items(value, where), "shape": self.node(value.shape, where)}

    def _scalar(self, value, where):
        name = _scalar_name(type(value))
        if f"numpy.{name}" not in _SCALARS:
            return self.refuse(f"numpy.{name}", where)
        return _named("NdArrayNode", f"numpy.{name}") | self._npy(np.asarray(value))

    def _npy(self, array):
        name = f"{next(self.files)}.npy"
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            array = array.copy(order="K")  # products differ by rounding with the order in memory
        large = array.nbytes > 2**30
        with self.members.open(zipfile.ZipInfo(name), "w", force_zip64=large) as member:
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
        return {"type": "numpy", "file": name}

    def _masked(self, value, where):
        mask = np.ma.getmaskarray(value)
        content = {"data": self.node(np.asarray(value.data), where), "mask": self.node(mask, where)}
        return _named("MaskedArrayNode") | {"content": content}

    def _dtype(self, value, where):
        if value.kind not in _KINDS:
            return self.refuse(f"numpy.dtype {value}", where)
        return _named("DTypeNode") | {"content": self.node(np.empty(0, dtype=value), where)}

    def _random_state(self, value, where):
        return _named("RandomStateNode") | {
            "content": self.node(value.get_state(legacy=False), where)
        }

    def _bytes(self, value, where):
        name = f"{next(self.files)}.bin"
        _add(self.members, name, value)
        return _named("BytesNode") | {"file": name}

    def _slice(self, value, where):
        ends = {name: getattr(value, name) for name in ("start", "stop", "step")}
        if any(end is not None and type(end) is not int for end in ends.values()):
            return self.refuse("slice of other ends than int", where)
        return _named("SliceNode") | {"content": ends}

    def _function(self, value, where):
        name = _public_name(value)
        if not (self.allowed.a_function(name) and _is_importable(value, name)):
            return self.refuse(name, where)
        return _named("FunctionNode", name)

    def _type(self, value, where):
        name = f"numpy.{_scalar_name(value)}" if issubclass(value, np.generic) else _name(value)
        if not (self.allowed.a_type(name) and _is_importable(value, name)):
            return self.refuse(name, where)
        return _named("TypeNode", name)

    def _partial(self, value, where):
        parts = {"func": value.func, "args": value.args, "kwds": value.keywords}
        content = {name: self.node(part, f"{where}.{name}") for name, part in parts.items()}
        return _named("PartialNode") | {"content": content | {"namespace": _json_node(None)}}


_KINDS = "biufcSU"
_WRITERS = {
    tuple: _Writer._sequence,
    list: _Writer._sequence,
    set: _Writer._sequence,
    dict: _Writer._dict,
    bytes: _Writer._bytes,
    slice: _Writer._slice,
    partial: _Writer._partial,
    np.ndarray: _Writer._array,
    np.memmap: _Writer._array,
    np.ma.MaskedArray: _Writer._masked,
    np.random.RandomState: _Writer._random_state,
}
_WRITERS_BY_BASE = {
    np.generic: _Writer._scalar,
    np.dtype: _Writer._dtype,
    np.ufunc: _Writer._function,
    FunctionType: _Writer._function,
    BuiltinFunctionType: _Writer._function,
    type: _Writer._type,
}


def _is_plain(value):
    """Whether JSON gives back the same: one node serves for all of it."""
    kind = type(value)
    if kind is list:
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain, value.values()))
    return value is None or kind in (bool, int, float, str)


def _scalar_name(kind):
    return {"bool": "bool_", "longlong": "int64", "ulonglong": "uint64"}.get(
        kind.__name__, kind.__name__
    )


def _json_node(value):
    return _named("JsonNode", "builtins.str") | {"content": json.dumps(value)}


def _named(loader, name=None):
    module, _, own = (name or _FIXED[loader]).rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": own}


# Reading


def _check_beginning(file):
    beginning = file.read(8)
    file.seek(0)
    if beginning.startswith(b"PK\x03\x04"):
        return
    found = "empty" if not beginning else "no file that skdcca.save wrote"
    for start, kind in _BEGINNINGS.items():
        if beginning.startswith(start):
            found = f"by its first bytes {kind}, and no file that skdcca.save wrote"
    if "pickle" in found:
        found += "; open it by joblib.load, and only if you trust where it comes from"
    raise _Refusal(f"it is {found}")


def _build(file, allowed):
    """Object and header of a file, which is checked in whole before anything is built."""
    from skops.io import load

    with _opened(file) as members:
        _check_members(members, file)
        header = _read_header(members)
        if SCHEMA not in members.namelist():
            raise _Refusal(f"it has no {SCHEMA}")
        schema = json.loads(members.read(SCHEMA))
        if schema["protocol"] < _PROTOCOL:
            raise _Refusal(f"its nodes are of version {schema['protocol']}, which was never used")
        audit = _Audit(members, allowed)
        audit.visit(schema, "")
        audit.check(header["class"])
    file.seek(0)
    with warnings.catch_warnings():
        # One warning for the file is enough.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        warnings.filterwarnings("ignore", r"this \w+ was pickled by skdcca", UserWarning)
        return load(file, trusted=sorted(audit.names)), header


def _opened(file):
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise _Refusal(f"it begins as it should, but is cut off or damaged ({error})") from error


def _check_members(members, file):
    """Refuse members that would be larger than the file, all together, or that hide another."""
    listed = members.infolist()
    size = file.seek(0, os.SEEK_END)
    if len({info.filename for info in listed}) < len(listed):
        raise _Refusal("it has two members of one name")
    if any(info.compress_type or info.flag_bits & 1 for info in listed):
        raise _Refusal("it has members that are compressed or encrypted; skdcca.save writes none")
    if any(info.file_size != info.compress_size for info in listed) or (
        sum(info.file_size for info in listed) > size
    ):
        raise _Refusal("its members are larger than the file")


def _read_header(members):
    if HEADER not in members.namelist():
        raise _Refusal(f"it is a zip file without {HEADER}, so skdcca.save did not write it")
    header = json.loads(members.read(HEADER))
    number = header["format"]
    if type(number) is not int or number < 1 or not isinstance(header["notes"], dict):
        raise _Refusal(f"its {HEADER} is not what skdcca.save writes")
    if number > FORMAT:
        raise _Refusal(
            f"it is of format {number}, by skdcca {header.get('skdcca')}, and skdcca {__version__} "
            f"reads those up to {FORMAT}: install a newer skdcca"
        )
    return header


def _warn_of_versions(header, path):
    ours = {"skdcca": __version__, "scikit-learn": sklearn.__version__}
    other = [f"{name} {header.get(name)}" for name in ours if header.get(name) != ours[name]]
    if other:
        now = " and ".join(f"{name} {version}" for name, version in ours.items())
        warnings.warn(
            f"{path} was saved by {' and '.join(other)} and is loaded by {now}: check that the model "
            "answers as before, or fit it again",
            stacklevel=3,
        )


class _Audit:
    """Check of all nodes of a file, before any is built.

    What is not allowed is kept in `refused`, its place by its name, and the rest in `names`.
    """

    def __init__(self, members, allowed):
        self.members, self.allowed = members, allowed
        self.refused, self.names, self.defined, self.files = {}, set(), set(), set()
        self.root = None

    def check(self, root):
        """Refuse the file if anything in it is refused; its object must be of the class `root`."""
        if self.refused:
            raise _Refusal(
                f"it names what is not on the list: {_listed(self.refused)}. If you know that it is "
                "yours and what it does, give load the names as trusted=[...]; nothing of it was run. A "
                "model with other things in it can be kept by joblib, whose files run any code"
            )
        if self.root != root:
            raise _Refusal(f"it holds a {self.root}, but says that it holds a {root}")

    def visit(self, node, where):
        """Check a node and what is inside it."""
        loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if self.root is None:
            self.root = name
        if loader == "CachedNode":
            if node.keys() != _REFERENCE.keys():  # or what it points to is not what is checked here
                raise _Refusal(f"its reference {where} holds more than a number")
            return
        self._check_number(node.get("__id__"))
        check = _CHECKS.get(loader)
        if check is None or _FIXED.get(loader, name) != name:
            self._refuse(f"{name} as {loader}", where)
            self._look_inside(node, where)
        else:
            self.names.add(name)
            check(self, node, name, where)

    def _check_number(self, number):
        if number is None:
            return
        if type(number) is not int or number < 1 or number in self.defined:
            raise _Refusal(f"it defines the object number {number!r} more than once")
        self.defined.add(number)

    def _refuse(self, name, where):
        self.refused.setdefault(name, where.lstrip("."))

    def _look_inside(self, value, where):
        """Name all that is inside of what is refused, too."""
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, dict) and "__loader__" in part:
                self.visit(part, where)
            elif isinstance(part, (dict, list)):
                self._look_inside(part, where)
        if isinstance(value, dict) and isinstance(value.get("func"), str):
            self._refuse(value["func"], where)

    def _use(self, file):
        """Size of a member that no other node reads."""
        if file in self.files:
            raise _Refusal(f"its member {file} is read more than once")
        self.files.add(file)
        return self.members.getinfo(file).file_size

    def _json(self, node, name, where):
        if not isinstance(node["content"], str):
            raise _Refusal(f"its node {where} is no text")

    def _items(self, node, name, where):
        for i, item in enumerate(node["content"]):
            self.visit(item, f"{where}[{i}]")

    def _dict(self, node, name, where):
        types = node["key_types"]
        if types["__loader__"] != "ListNode" or len(types["content"]) != len(node["content"]):
            raise _Refusal(f"the keys of {where} have no types")
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
        if node["type"] == "json":
            self._items(node, name, where)
            self.visit(node["shape"], where)
        else:
            _check_npy(self.members, node["file"], self._use(node["file"]))

    def _masked(self, node, name, where):
        for part in ("data", "mask"):
            self.visit(node["content"][part], where)

    def _inside(self, node, name, where):
        self.visit(node["content"], where)

    def _random_state(self, node, name, where):
        self.visit(node["content"], where)
        # NumPy reads that place of its table without looking.
        place = node["content"]["content"]["state"]["content"]["pos"]
        if place["__loader__"] != "JsonNode" or json.loads(place["content"]) not in range(625):
            raise _Refusal(f"the random state {where} points outside of its table")

    def _bytes(self, node, name, where):
        self._use(node["file"])

    def _slice(self, node, name, where):
        ends = node["content"].values()
        if any(end is not None and type(end) is not int for end in ends):
            raise _Refusal(f"the slice {where} has other ends than numbers")

    def _function(self, node, name, where):
        if not self.allowed.a_function(name):
            self._refuse(name, where)

    def _type(self, node, name, where):
        if not self.allowed.a_type(name):
            self._refuse(name, where)

    def _partial(self, node, name, where):
        for part in ("func", "args", "kwds", "namespace"):
            self.visit(node["content"][part], f"{where}.{part}")

    def _object(self, node, name, where):
        if not self.allowed.a_class(name):
            self._refuse(name, where)
        if "content" not in node:
            return
        state = node["content"]
        if state["__loader__"] != "DictNode":
            raise _Refusal(f"the state of {name} is no dict")
        memory = state["content"].get("memory")
        if memory is not None and (memory["__loader__"], memory.get("content")) != (
            "JsonNode",
            "null",
        ):
            raise _Refusal(
                f"{where.lstrip('.') or name} has a cache folder (memory), where it would open pickles"
            )
        self.visit(state, where)


_CHECKS = {
    "BytesNode": _Audit._bytes,
    "DTypeNode": _Audit._inside,
    "DictNode": _Audit._dict,
    "FunctionNode": _Audit._function,
    "JsonNode": _Audit._json,
    "ListNode": _Audit._items,
    "MaskedArrayNode": _Audit._masked,
    "NdArrayNode": _Audit._array,
    "ObjectNode": _Audit._object,
    "PartialNode": _Audit._partial,
    "RandomStateNode": _Audit._random_state,
    "SetNode": _Audit._items,
    "SliceNode": _Audit._slice,
    "TupleNode": _Audit._items,
    "TypeNode": _Audit._type,
}


def _check_npy(members, file, size):
    """Refuse what is no array of numbers or text of just the size of its member."""
    with members.open(file) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise _Refusal(f"its array {file} is of another version of NumPy's format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        expected = math.prod(shape) * dtype.itemsize
        if dtype.kind not in _KINDS or dtype.itemsize == 0 or min(shape, default=0) < 0:
            raise _Refusal(f"its array {file} has the dtype {dtype} and the shape {shape}")
        if size - member.tell() != expected:
            raise _Refusal(f"its array {file} has {size - member.tell()} bytes of {expected}")
