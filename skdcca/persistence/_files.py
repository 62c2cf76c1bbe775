"""Save fitted models to files, and load them without running code from the files.

A file is a zip archive with a header, ``skdcca.json``, and the nodes and arrays of `skops.io`. Its
members are not compressed, so that a small file cannot expand to a large one. `load` refuses all
other files. For a file of this form, it

- checks all nodes against the list of allowed types (`_allowed`, `_audit`) before it builds any of them;
- lets skops build them, which calls only ``__new__`` and ``__setstate__`` of the listed classes, and the
  functions of `_rebuilt`, which check their arguments;
- checks the numbers that compiled code would use without checking bounds (`_bounds`).

It does not refuse a valid model that is too large, such as a network with so many units that it
fills the memory.
"""

import io
import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from skdcca import __version__
from skdcca._utils.files import atomic_write
from skdcca._utils.validation import is_integer
from skdcca._utils.warnings import warn
from skdcca.exceptions import (
    DamagedFileError,
    FileVersionError,
    UntrustedTypeError,
    VersionWarning,
)
from skdcca.persistence._allowed import Allowed, public_name, rename
from skdcca.persistence._audit import Audit
from skdcca.persistence._bounds import check_parts, needs_check
from skdcca.persistence._nodes import (
    PROTOCOL,
    Refusal,
    TooNew,
    Untrusted,
    listed,
    name_of,
    trustable,
)
from skdcca.persistence._writer import Writer, add_member

FORMAT = 1
_HEADER, _SCHEMA = "skdcca.json", "schema.json"
# First bytes of other kinds of files.
_PICKLES = {b"\x80": "a pickle", b"\x78": "a compressed pickle"}
_OTHERS = {
    b"\x1f\x8b": "a gzip file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8": "a JPEG image",
    b"RIFF": "a WAVE file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
}


def save(
    obj: BaseEstimator,
    path: str | PathLike[str],
    *,
    notes: dict[str, Any] | None = None,
    trusted: Iterable[str | type | Callable] = (),
) -> None:
    """Save a fitted model or an index to a file that is safe to load.

    Use it to keep a model or to pass it on: unlike a pickle, the file contains only data, and `load`
    runs no code from it. A file holds everything that the model needs, so a `Pipeline` or a
    `skdcca.retrieval.CrossModalIndex` can be saved as a whole.

    The new file is first loaded as a test, and then it replaces any earlier file of this name. If
    anything fails, the earlier file remains unchanged.

    Parameters
    ----------
    obj : estimator
        A model of skdcca, a `skdcca.retrieval.CrossModalIndex`, or an estimator of scikit-learn that
        contains one, such as a `Pipeline` or a search.
    path : str or path-like
        Path of the file, by convention with the suffix ``.skdcca``.
    notes : dict, default=None
        JSON values to keep in the header of the file, such as the origin of the songs and the scores.
        `read_header` returns them without loading the model. If None, an empty dict is stored.
    trusted : sequence of str, type or function, default=()
        Classes and functions in `obj` that belong neither to skdcca nor to the allowed parts of
        scikit-learn and NumPy, such as an encoder of your own. Give their full names, such as
        ``"my_encoders.Deep"``, or the objects themselves. `load` needs the same names.

    Raises
    ------
    TypeError
        If `obj` is not an estimator, or `path` is not a path.
    UntrustedTypeError
        If `obj` contains types or functions that `load` would refuse. The error lists each of them
        and where it is.
    ValueError
        If `obj` cannot be saved for another reason, `notes` is not a dict of JSON values, or `trusted`
        contains anything but names, classes and functions.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Load the file.
    read_header : Read the header of the file.

    Notes
    -----
    The parameter `memory` of a step, its cache, is saved as None because a cache belongs to one machine.
    Path objects are saved as text, and pandas indexes as arrays. Saving the same model twice gives
    identical files.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import skdcca
    >>> from sklearn.datasets import load_linnerud
    >>> exercise, physiology = load_linnerud(return_X_y=True)
    >>> model = skdcca.LinearCCA(2).fit(exercise, physiology)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skdcca")
    ...     skdcca.save(model, path, notes={"data": "Linnerud, 20 men"})
    ...     again = skdcca.load(path)
    ...     print(skdcca.persistence.read_header(path)["notes"])
    {'data': 'Linnerud, 20 men'}
    >>> bool((again.transform(exercise) == model.transform(exercise)).all())
    True
    """
    if not isinstance(obj, BaseEstimator):
        raise TypeError(f"`obj` must be an estimator (an instance, not a class), got {obj!r}.")
    _check_path(path)
    path, allowed = Path(path), Allowed(trusted)
    buffer = io.BytesIO()
    with _explained(f"{path}: this {type(obj).__name__} cannot be saved", ValueError):
        header = _header(obj, notes)
        _write(obj, buffer, header, allowed)
        _build(buffer, allowed)
    try:
        with atomic_write(path) as unfinished:
            unfinished.write_bytes(buffer.getbuffer())
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def load(path: str | PathLike[str], *, trusted: Iterable[str | type | Callable] = ()) -> Any:
    """Load a model or an index from a file written by `save`.

    A file may contain only types and functions that are on a list of parts of skdcca, scikit-learn and
    NumPy, or in `trusted`. Everything in the file is checked before any of it is built, and no code
    from the file is run.

    Parameters
    ----------
    path : str or path-like
        Path of the file.
    trusted : sequence of str, type or function, default=()
        Further classes and functions that may be loaded: full names, such as ``"my_encoders.Deep"``,
        or the objects themselves. Their modules are imported and their code runs, so list only what
        you trust.

    Returns
    -------
    obj : estimator
        The saved model or index.

    Raises
    ------
    TypeError
        If `path` is not a path.
    UntrustedTypeError
        If the file contains types or functions that are not on the list. The error lists all of them.
    FileVersionError
        If a newer version of skdcca wrote the file in a format that this version cannot read.
    DamagedFileError
        If `save` did not write the file, or the file is damaged.
    ValueError
        If a trusted module cannot be imported, or `trusted` contains anything but names, classes and
        functions. UntrustedTypeError, FileVersionError and DamagedFileError are subclasses of
        ValueError.
    OSError
        If the file cannot be read.

    Warns
    -----
    VersionWarning
        If another version of skdcca or scikit-learn wrote the file.

    See Also
    --------
    save : Save a model or an index.
    read_header : Read the header of a file without loading the model.

    Notes
    -----
    The checks cover loading a file, and transforming and scoring with the model. They do not show
    whether its numbers are correct, or how much time and memory it takes. Before you *fit* a loaded
    model again, check the paths among its parameters, because `fit` of a `Doc2VecLyrics` loads the file
    `pretrained` as a pickle.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import skdcca
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skdcca")
    ...     skdcca.save(skdcca.LinearCCA(2, reg=0.1), path)
    ...     skdcca.load(path)
    LinearCCA(n_components=2, reg=0.1)
    """
    allowed = Allowed(trusted)
    _check_path(path)
    with open(path, "rb") as file, _explained(f"{path} cannot be loaded", DamagedFileError):
        _check_beginning(file)
        obj, header = _build(file, allowed)
    _warn_of_versions(header, path)
    return obj


def read_header(path: str | PathLike[str]) -> dict[str, Any]:
    """Read the header of a file written by `save`, without loading the model.

    Use it to see the class of a model, the versions that wrote it and its notes before loading it.

    Parameters
    ----------
    path : str or path-like
        Path of the file.

    Returns
    -------
    header : dict
        ``format``: an int, the version of the file format; ``skdcca`` and ``scikit-learn``: the
        versions of the packages that wrote the file; ``class``: the full name of the class of the
        model; ``notes``: the dict that was passed to `save`.

    Raises
    ------
    TypeError
        If `path` is not a path.
    FileVersionError
        If a newer version of skdcca wrote the file in a format that this version cannot read.
    DamagedFileError
        If `save` did not write the file, or the file is damaged.
    OSError
        If the file cannot be read.

    See Also
    --------
    load : Load the model.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import skdcca
    >>> from skdcca.persistence import read_header
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skdcca")
    ...     skdcca.save(skdcca.LinearCCA(), path, notes={"songs": "none yet"})
    ...     header = read_header(path)
    >>> header["class"], header["notes"]
    ('skdcca.LinearCCA', {'songs': 'none yet'})
    """
    _check_path(path)
    with open(path, "rb") as file, _explained(f"{path} cannot be read", DamagedFileError):
        _check_beginning(file)
        with _opened(file) as members:
            _check_members(members, file)
            return _read_header(members)


def _check_path(path):
    if not isinstance(path, str | PathLike):
        raise TypeError(f"`path` must be a str or path-like, got {path!r}.")


@contextmanager
def _explained(what, error_class):
    """Convert errors in the context to public classes, with messages that begin with `what`.

    Untrusted types raise UntrustedTypeError, a file that is too new raises FileVersionError, an import
    that fails raises ValueError, and all other errors become `error_class`. OSError is raised unchanged.
    """
    try:
        yield
    except OSError:
        raise
    except Untrusted as error:
        raise UntrustedTypeError(f"{what}: {_printable(error)}", error.names) from error
    except TooNew as error:
        raise FileVersionError(f"{what}: {_printable(error)}") from error
    except ImportError as error:
        raise ValueError(f"{what}: {_printable(error)}") from error
    except Refusal as error:
        raise error_class(f"{what}: {_printable(error)}") from error
    except RecursionError as error:
        raise error_class(f"{what}: it contains itself or is nested too deeply") from error
    except Exception as error:
        reason = _printable(f"{type(error).__name__}: {error}")
        raise error_class(f"{what}: it is damaged or invalid ({reason})") from error


def _printable(message):
    """Return the text with control characters escaped, because it may quote a file."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(message))


# Writing


def _header(obj, notes):
    notes = {} if notes is None else notes
    if not _is_json(notes):
        raise Refusal(f"`notes` must be a dict of str to JSON values, got {notes!r}.")
    versions = {"skdcca": __version__, "scikit-learn": sklearn.__version__}
    return {"format": FORMAT, **versions, "class": public_name(type(obj)), "notes": notes}


def _is_json(notes):
    try:
        json.dumps(notes, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return isinstance(notes, dict) and all(isinstance(key, str) for key in notes)


def _write(obj, file, header, allowed):
    with zipfile.ZipFile(file, "w") as members:
        add_member(members, _HEADER, json.dumps(header, indent=1).encode())
        writer = Writer(members, allowed)
        schema = writer.node(obj, "")
        if writer.refused or writer.impossible:
            raise Untrusted(_why_refused(obj, writer, allowed), writer.refused)
        add_member(members, _SCHEMA, json.dumps(schema | {"protocol": PROTOCOL}).encode())


def _why_refused(obj, writer, allowed):
    """Return the reason why an object cannot be saved, with everything that the user can do."""
    if writer.impossible:
        why = f"no file can hold {listed(writer.impossible)}"
        if writer.refused:
            why += f", and `load` would refuse {listed(writer.refused)}"
        why += ". Replace them with set_params"
    else:
        names = trustable(writer.refused)
        why = (
            f"`load` would refuse {listed(writer.refused)}. If you trust their code, pass "
            f"trusted={names} to save and load. Otherwise, replace them with set_params"
        )
    if _is_writable(getattr(obj, "best_estimator_", None), allowed):
        why += ", save the best model alone with skdcca.save(search.best_estimator_, path)"
    if any("<" in what for what in writer.impossible):  # <lambda>, <locals>
        where = "at the top level of a module, which joblib.dump requires too"
        return f"{why}: define functions and classes {where}"
    return f"{why}, or use joblib.dump, whose files can run any code"


def _is_writable(model, allowed):
    if model is None:
        return False
    with zipfile.ZipFile(io.BytesIO(), "w") as members:
        writer = Writer(members, allowed)
        writer.node(model, "")
    return not (writer.refused or writer.impossible)


# Reading


def _check_beginning(file):
    beginning = file.read(8)
    file.seek(0)
    if beginning.startswith(b"PK\x03\x04"):
        return
    if not beginning:
        raise Refusal("it is empty")
    for start, kind in (_PICKLES | _OTHERS).items():
        if beginning.startswith(start):
            remedy = "; use joblib.load, but only if you trust its origin"
            raise Refusal(
                f"it begins like {kind} and is not a file of skdcca.save"
                f"{remedy if start in _PICKLES else ''}"
            )
    raise Refusal("it is not a file of skdcca.save")


def _build(file, allowed):
    """Check a whole file, then return its object and its header."""
    from skops.io import load

    with _opened(file) as members:
        _check_members(members, file)
        header = _read_header(members)
        schema, is_old = _read_schema(members)
        audit = _audited(members, schema, header, allowed)
        if is_old:
            file = _renamed(members, audit.files, schema)
    file.seek(0)
    with warnings.catch_warnings():
        # `load` issues a single warning for the whole file.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        warnings.simplefilter("ignore", VersionWarning)
        obj = load(file, trusted=sorted(audit.names))
    if needs_check(audit.names):
        check_parts(obj)
    return obj, header


def _read_schema(members):
    """Return the tree of nodes with current names, and True if any node had an older name."""
    if _SCHEMA not in members.namelist():
        raise Refusal(f"it has no {_SCHEMA}")
    renamed = []

    def updated(node):
        if rename(node):
            renamed.append(node)
        return node

    schema = json.loads(members.read(_SCHEMA), object_hook=updated)
    return schema, bool(renamed)


def _audited(members, schema, header, allowed):
    """Audit a file and return the audit, or raise Refusal unless everything is allowed."""
    protocol = schema["protocol"]
    if protocol != PROTOCOL:  # skops reads other versions too, whose nodes may have other meanings
        versions = f"its nodes have version {protocol!r} instead of {PROTOCOL}"
        if is_integer(protocol, ge=PROTOCOL):
            raise TooNew(f"{versions}; update skops and skdcca")
        raise Refusal(f"it is damaged: {versions}")
    audit = Audit(members, allowed)
    audit.visit(schema, "")
    if audit.refused:
        raise Untrusted(
            f"it contains types or functions that are not on the list: {listed(audit.refused)}. None of "
            f"their code was run. If you trust them, pass trusted={trustable(audit.refused)} to load",
            audit.refused,
        )
    if name_of(schema) != header["class"] or schema["__loader__"] != "ObjectNode":
        raise Refusal(
            f"it contains a {name_of(schema)}, but its header declares a {header['class']}"
        )
    return audit


def _renamed(members, names, schema):
    """Return a zip file in memory with the given schema and copies of the named members."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as target:
        add_member(target, _SCHEMA, json.dumps(schema).encode())
        for name in names:
            opened = target.open(zipfile.ZipInfo(name), "w", force_zip64=True)
            with members.open(name) as source, opened as sink:
                shutil.copyfileobj(source, sink)
    return copy


def _opened(file):
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise Refusal(f"it is a truncated or damaged zip file ({error})") from error


def _check_members(members, file):
    """Refuse members that share a name, are compressed or encrypted, or are larger than the file."""
    infos = members.infolist()
    size = file.seek(0, os.SEEK_END)
    if len({info.filename for info in infos}) < len(infos):
        raise Refusal("it has two members with the same name")
    if any(info.compress_type or info.flag_bits & 1 for info in infos):
        raise Refusal("it has compressed or encrypted members, which skdcca.save never writes")
    stored = all(info.file_size == info.compress_size for info in infos)
    if not stored or sum(info.file_size for info in infos) > size:
        raise Refusal("its members are larger than the file")


def _read_header(members):
    if _HEADER not in members.namelist():
        raise Refusal(f"it is a zip file without {_HEADER}, so it is not a file of skdcca.save")
    header = json.loads(members.read(_HEADER))
    number, notes = header["format"], header["notes"]
    names = [header[name] for name in ("skdcca", "scikit-learn", "class")]
    if not (is_integer(number) and isinstance(notes, dict) and all(map(_is_name, names))):
        raise Refusal(f"its {_HEADER} is not a header of skdcca.save")
    if number > FORMAT:
        raise TooNew(
            f"it has format {number}, written by skdcca {header['skdcca']}, but skdcca {__version__} "
            f"reads only formats up to {FORMAT}; install a newer version of skdcca"
        )
    return header


def _is_name(value):
    return isinstance(value, str) and value.isprintable()


def _warn_of_versions(header, path):
    ours = {"skdcca": __version__, "scikit-learn": sklearn.__version__}
    other = [f"{name} {header[name]}" for name in ours if header[name] != ours[name]]
    if other:
        now = " and ".join(f"{name} {version}" for name, version in ours.items())
        warn(
            f"{path} was saved with {' and '.join(other)} and is loaded with {now}. Check that the "
            "results have not changed, or fit the model again.",
            VersionWarning,
        )
