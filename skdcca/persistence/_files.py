"""Files of fitted models that run no code when they are opened, by an allow-list.

A file is a zip: ``skdcca.json``, a header; the tree of nodes and the arrays of `skops.io`. Members are
stored as they are, not compressed, so that a small file cannot become a large one. `load` refuses what
is not just so, then

- has all nodes checked, before any is built (`skdcca.persistence._nodes` says for what);
- lets skops build them, which calls nothing but ``__new__`` and ``__setstate__`` of the classes listed;
- looks at the numbers that compiled code would follow wherever they point.

What it cannot refuse is a model that is honest in form and absurd in size: a network of so many units,
say, that building it takes all memory.
"""

import io
import json
import os
import warnings
import zipfile
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from skdcca import __version__
from skdcca._utils.files import atomic_write
from skdcca._utils.validation import is_integer
from skdcca.persistence._nodes import (
    PROTOCOL,
    Allowed,
    Audit,
    Refusal,
    Writer,
    add_member,
    listed,
    public_name,
)

__all__ = ["load", "read_header", "save"]

FORMAT = 1
HEADER, SCHEMA = "skdcca.json", "schema.json"
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
    _check_path(path)
    path, allowed = Path(path), Allowed(trusted)
    buffer = io.BytesIO()
    with _explained(f"{path}: this {type(obj).__name__} cannot be saved"):
        header = _header(obj, notes)
        _write(obj, buffer, header, allowed)
        _build(buffer, allowed)
    try:
        with atomic_write(path) as unfinished:
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
    parameters: the one that `Doc2VecLyrics` calls `pretrained` is a pickle. Nor does it tell how much
    time and memory a model takes.

    Examples
    --------
    >>> import os, tempfile
    >>> from skdcca import LinearCCA
    >>> from skdcca.persistence import load, save
    >>> path = os.path.join(tempfile.mkdtemp(), "model.skdcca")
    >>> save(LinearCCA(2, reg=0.1), path)
    >>> load(path)
    LinearCCA(n_components=2, reg=0.1)
    """
    allowed = Allowed(trusted)
    _check_path(path)
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
    >>> import os, tempfile
    >>> from skdcca import LinearCCA
    >>> from skdcca.persistence import read_header, save
    >>> path = os.path.join(tempfile.mkdtemp(), "model.skdcca")
    >>> save(LinearCCA(), path, notes={"songs": "none yet"})
    >>> header = read_header(path)
    >>> header["class"], header["notes"]
    ('skdcca.LinearCCA', {'songs': 'none yet'})
    """
    _check_path(path)
    with open(path, "rb") as file, _explained(f"{path} cannot be read"):
        _check_beginning(file)
        with _opened(file) as members:
            _check_members(members, file)
            return _read_header(members)


def _check_path(path):
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"path={path!r}; it must be the name of a file, as str or path-like")


@contextmanager
def _explained(what):
    """Turn whatever goes wrong inside into a ValueError that begins with `what`."""
    try:
        yield
    except OSError:
        raise
    except (Refusal, ImportError) as error:
        raise ValueError(f"{what}: {_shown(error)}") from error
    except RecursionError as error:
        raise ValueError(f"{what}: it holds itself, or too many things in each other") from error
    except Exception as error:
        reason = _shown(f"{type(error).__name__}: {error}")
        raise ValueError(f"{what}: it is damaged, or not what it seems ({reason})") from error


def _shown(message):
    """Text without what a terminal would obey, as names of a file are in it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(message))


# Writing


def _header(obj, notes):
    notes = {} if notes is None else notes
    try:
        fits = isinstance(notes, dict) and all(isinstance(key, str) for key in notes)
        json.dumps(notes, allow_nan=False)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise Refusal(f"notes={notes!r}; they must be a dict of str to what JSON knows")
    versions = {"skdcca": __version__, "scikit-learn": sklearn.__version__}
    return {"format": FORMAT, **versions, "class": public_name(type(obj)), "notes": notes}


def _write(obj, file, header, allowed):
    with zipfile.ZipFile(file, "w") as members:
        add_member(members, HEADER, json.dumps(header, indent=1).encode())
        writer = Writer(members, allowed)
        schema = writer.node(obj, "")
        if writer.refused:
            raise Refusal(
                f"{listed(writer.refused)} would not load again. Set what you can to None or to a "
                "number or name by set_params; for classes and functions of your own, in a module, "
                "give trusted= to save and to load; or use joblib.dump, whose files run any code"
            )
        add_member(members, SCHEMA, json.dumps(schema | {"protocol": PROTOCOL}).encode())


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
    raise Refusal(f"it is {found}")


def _build(file, allowed):
    """Object and header of a file, which is checked in whole before anything is built."""
    from skops.io import load

    with _opened(file) as members:
        _check_members(members, file)
        header = _read_header(members)
        names = _check_nodes(members, header, allowed)
    file.seek(0)
    with warnings.catch_warnings():
        # One warning for the file is enough.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        warnings.filterwarnings("ignore", r"this \w+ was pickled by skdcca", UserWarning)
        obj = load(file, trusted=names)
    if any(name.rpartition(".")[2] in _BOUNDS for name in names):
        _check_parts(obj)
    return obj, header


def _check_nodes(members, header, allowed):
    """Names in a file, all of which are allowed."""
    if SCHEMA not in members.namelist():
        raise Refusal(f"it has no {SCHEMA}")
    schema = json.loads(members.read(SCHEMA))
    if schema["protocol"] != PROTOCOL:  # skops would read others, whose nodes may mean other things
        raise Refusal(
            f"it is damaged, or its nodes are of version {schema['protocol']!r} and not {PROTOCOL}: "
            "update skops and skdcca"
        )
    audit = Audit(members, allowed)
    audit.visit(schema, "")
    if audit.refused:
        raise Refusal(
            f"it names what is not on the list: {listed(audit.refused)}. If you know that it is yours "
            "and what it does, give load the names as trusted=[...]; nothing of it was run. A model "
            "with other things in it can be kept by joblib, whose files run any code"
        )
    root = f"{schema['__module__']}.{schema['__class__']}"
    if root != header["class"] or schema["__loader__"] != "ObjectNode":
        raise Refusal(f"it holds a {root}, but says that it holds a {header['class']}")
    return sorted(audit.names)


def _opened(file):
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise Refusal(f"it begins as it should, but is cut off or damaged ({error})") from error


def _check_members(members, file):
    """Refuse members that would be larger than the file, all together, or that hide another."""
    infos = members.infolist()
    size = file.seek(0, os.SEEK_END)
    if len({info.filename for info in infos}) < len(infos):
        raise Refusal("it has two members of one name")
    if any(info.compress_type or info.flag_bits & 1 for info in infos):
        raise Refusal("it has members that are compressed or encrypted; skdcca.save writes none")
    stored = all(info.file_size == info.compress_size for info in infos)
    if not stored or sum(info.file_size for info in infos) > size:
        raise Refusal("its members are larger than the file")


def _read_header(members):
    if HEADER not in members.namelist():
        raise Refusal(f"it is a zip file without {HEADER}, so skdcca.save did not write it")
    header = json.loads(members.read(HEADER))
    number, notes = header["format"], header["notes"]
    names = [header[name] for name in ("skdcca", "scikit-learn", "class")]
    if not (is_integer(number) and isinstance(notes, dict) and all(map(_is_name, names))):
        raise Refusal(f"its {HEADER} is not what skdcca.save writes")
    if number > FORMAT:
        raise Refusal(
            f"it is of format {number}, by skdcca {header['skdcca']}, and skdcca {__version__} "
            f"reads those up to {FORMAT}: install a newer skdcca"
        )
    return header


def _is_name(value):
    return isinstance(value, str) and value.isprintable()


def _warn_of_versions(header, path):
    ours = {"skdcca": __version__, "scikit-learn": sklearn.__version__}
    other = [f"{name} {header[name]}" for name in ours if header[name] != ours[name]]
    if other:
        now = " and ".join(f"{name} {version}" for name, version in ours.items())
        warnings.warn(
            f"{path} was saved by {' and '.join(other)} and is loaded by {now}: check that the model "
            "answers as before, or fit it again",
            stacklevel=3,
        )


# What was built


def _check_parts(obj):
    """Refuse parts of scikit-learn whose numbers point outside of what they make."""
    for part in _parts(obj):
        check = _BOUNDS.get(type(part).__name__)
        if check is not None and not check(part):
            raise Refusal(
                f"its {type(part).__name__} has numbers that do not fit, or a strange method"
            )


def _parts(obj):
    """All that is in it, once."""
    seen, ahead = {}, [obj]
    while ahead:
        part = ahead.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        yield part
        if isinstance(part, dict):
            ahead += part.values()
        elif isinstance(part, np.ndarray):
            ahead += (
                np.asarray(part).tolist() if part.dtype.kind == "O" else []
            )  # what is masked, too
        elif isinstance(part, (list, tuple, set)):
            ahead += part
        elif isinstance(part, partial):
            ahead += [part.func, part.args, part.keywords]
        else:
            ahead += getattr(part, "__dict__", {}).values()


def _words_fit(vectorizer):
    columns = getattr(vectorizer, "vocabulary_", {}).values()
    return sorted(columns) == list(range(len(columns)))


def _categories_fit(encoder):
    """Whether every category has a column of those that the encoder makes."""
    categories = getattr(encoder, "categories_", None)
    if categories is None:
        return True
    mapped = indices = dropped = [None] * len(categories)
    if encoder._infrequent_enabled:
        mapped, indices = encoder._default_to_infrequent_mappings, encoder._infrequent_indices
    if encoder._drop_idx_after_grouping is not None:
        dropped = encoder._drop_idx_after_grouping
    n_columns = list.copy(encoder._n_features_outs)  # of an array, the sum would be another
    columns = zip(categories, n_columns, mapped, indices, dropped, strict=True)
    return all(_columns_fit(*column) for column in columns)


def _columns_fit(values, n_columns, mapping, indices, dropped):
    if mapping is None and indices is not None:
        return False  # unknown values become the first of them
    places = np.arange(len(values)) if mapping is None else np.asarray(mapping)
    if dropped is not None:
        places = places[places != dropped]
        places = places - (places > dropped)
    ascending = values.dtype.kind in "OUS" or np.array_equal(
        values, np.sort(values), equal_nan=True
    )
    return ascending and places.min(initial=0) >= 0 and places.max(initial=-1) < n_columns


def _method_is_known(scorer):
    methods = scorer._response_method
    methods = {methods} if isinstance(methods, str) else set(methods)
    return methods <= {"predict", "predict_proba", "predict_log_proba", "decision_function"}


def _hashes(hasher):
    return is_integer(hasher.n_features)


_BOUNDS = {
    "CountVectorizer": _words_fit,
    "DictVectorizer": _words_fit,
    "FeatureHasher": _hashes,
    "HashingVectorizer": _hashes,
    "OneHotEncoder": _categories_fit,
    "TfidfVectorizer": _words_fit,
    "_Scorer": _method_is_known,
}
