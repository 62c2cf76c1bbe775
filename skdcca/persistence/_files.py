"""Files of fitted models, which run no code of their own when they are loaded.

A file is a zip that holds ``skdcca.json``, a header, and the nodes and arrays of `skops.io`. Members are
stored without compression, so that a small file cannot become a large one. `load` refuses other files,
then

- checks all nodes against the list of what is allowed (`_allowed`, `_audit`), before any is built;
- lets skops build them, which calls nothing but ``__new__`` and ``__setstate__`` of the listed classes;
- checks the numbers that compiled code would follow wherever they point (`_bounds`).

It cannot refuse a model that is honest in form and absurd in size, such as a network with so many units
that building it takes all memory.
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
from skdcca.persistence._nodes import PROTOCOL, Refusal, TooNew, Untrusted, listed, name_of
from skdcca.persistence._writer import Writer, add_member

FORMAT = 1
_HEADER, _SCHEMA = "skdcca.json", "schema.json"
# First bytes of other files.
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
    """Save a fitted model or an index to a file that `load` opens without running code of the file.

    The new file is loaded once before it replaces an earlier one of the same name. If anything fails,
    the earlier file stays as it is.

    Parameters
    ----------
    obj : estimator
        A model of skdcca, a `Pipeline`, search or other estimator of scikit-learn around it, or a
        `skdcca.retrieval.CrossModalIndex`.
    path : str or path-like
        The file, by convention with the ending ``.skdcca``.
    notes : dict, default=None
        JSON values to keep with the model, such as the origin of the songs and the scores.
    trusted : sequence of str, type or function, default=()
        Classes and functions outside the list that the object holds, such as an encoder of your own.
        `load` must be given the same.

    Raises
    ------
    TypeError
        If `obj` is not an estimator.
    UntrustedTypeError
        If it holds types or functions that `load` would refuse; each is named with its place.
    ValueError
        If it cannot be saved for another reason, or `notes` are not a dict of JSON values.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Load the file.

    Notes
    -----
    A cache (the parameter `memory` of any step) is not saved, as it belongs to one machine. Path
    objects are saved as text.

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
    """Load a file of `save`; nothing else in a file can be built or run.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : sequence of str, type or function, default=()
        Classes and functions that may be loaded besides those of skdcca, scikit-learn and NumPy on the
        list: full names such as ``"my_encoders.Deep"``, or the objects themselves. Their modules are
        imported, and their code runs.

    Returns
    -------
    obj : estimator
        The object that was saved.

    Raises
    ------
    UntrustedTypeError
        If the file names types or functions that are not on the list; all of them are named.
    FileVersionError
        If the file has a newer format than this version of skdcca reads.
    DamagedFileError
        If `save` did not write the file, or it is damaged.
    ValueError
        If a trusted module cannot be imported; base class of the errors above.
    OSError
        If the file cannot be read.

    Warns
    -----
    VersionWarning
        If another version of skdcca or scikit-learn wrote the file.

    See Also
    --------
    save : Write the file.

    Notes
    -----
    The checks limit what a file can do when it is loaded and when the model transforms and scores. They
    cannot tell whether its numbers are honest, nor how much time and memory the model takes. *Fitting* a
    loaded model again means trusting the paths among its parameters: `pretrained` of `Doc2VecLyrics` is
    loaded as a pickle.

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
    with open(path, "rb") as file, _explained(f"{path} cannot be loaded", DamagedFileError):
        _check_beginning(file)
        obj, header = _build(file, allowed)
    _warn_of_versions(header, path)
    return obj


def read_header(path: str | PathLike[str]) -> dict[str, Any]:
    """Read the header of a file of `save`, without loading the model.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    header : dict
        ``format``, a number; ``skdcca`` and ``scikit-learn``, the versions that wrote the file;
        ``class``, the full name of the model's class; ``notes``, a dict.

    Raises
    ------
    FileVersionError
        If the file has a newer format than this version of skdcca reads.
    DamagedFileError
        If `save` did not write the file, or it is damaged.
    OSError
        If the file cannot be read.

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
    """Raise errors of the public classes for whatever goes wrong inside; they begin with `what`.

    `error_class` is that of the errors that are not about the version or the types of a file.
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
        raise error_class(f"{what}: it holds itself, or is nested too deeply") from error
    except Exception as error:
        reason = _printable(f"{type(error).__name__}: {error}")
        raise error_class(f"{what}: it is damaged, or not what it seems ({reason})") from error


def _printable(message):
    """Return the text with control characters escaped, as it may quote a file."""
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
        if writer.refused:
            raise Untrusted(
                f"{listed(writer.refused)} would not load again. Set what you can to None or to a "
                "number or name by set_params; give trusted= to save and load for classes and functions "
                "of your own that are in a module; or use joblib.dump, whose files run any code",
                writer.refused,
            )
        add_member(members, _SCHEMA, json.dumps(schema | {"protocol": PROTOCOL}).encode())


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
            remedy = "; open it by joblib.load, and only if you trust its origin"
            raise Refusal(
                f"it is {kind} by its first bytes, and not a file of skdcca.save"
                f"{remedy if start in _PICKLES else ''}"
            )
    raise Refusal("it is not a file of skdcca.save")


def _build(file, allowed):
    """Return the object and header of a file, which is checked as a whole before anything is built."""
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
        # `load` issues one warning for the whole file.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        warnings.simplefilter("ignore", VersionWarning)
        obj = load(file, trusted=sorted(audit.names))
    if needs_check(audit.names):
        check_parts(obj)
    return obj, header


def _read_schema(members):
    """Return the tree of nodes, by today's names, and whether one of them has an older name."""
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
    """Return the audit of a file in which everything is allowed."""
    protocol = schema["protocol"]
    if protocol != PROTOCOL:  # skops would read others, whose nodes may mean other things
        versions = f"its nodes are of version {protocol!r} and not {PROTOCOL}"
        if is_integer(protocol, ge=PROTOCOL):
            raise TooNew(f"{versions}: update skops and skdcca")
        raise Refusal(f"it is damaged: {versions}")
    audit = Audit(members, allowed)
    audit.visit(schema, "")
    if audit.refused:
        raise Untrusted(
            f"it names what is not on the list: {listed(audit.refused)}. If you know these names and "
            "what they do, give them to load as trusted=[...]; nothing of them was run. A model that "
            "holds other objects can be saved by joblib, whose files run any code",
            audit.refused,
        )
    if name_of(schema) != header["class"] or schema["__loader__"] != "ObjectNode":
        raise Refusal(f"it holds a {name_of(schema)}, but its header says {header['class']}")
    return audit


def _renamed(members, names, schema):
    """Return a copy, in memory, of the members that nodes read, with the given nodes."""
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
        raise Refusal(f"it begins as it should, but is truncated or damaged ({error})") from error


def _check_members(members, file):
    """Refuse members that are larger than the file, all together, or that hide another."""
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
    if _HEADER not in members.namelist():
        raise Refusal(f"it is a zip file without {_HEADER}, so skdcca.save did not write it")
    header = json.loads(members.read(_HEADER))
    number, notes = header["format"], header["notes"]
    names = [header[name] for name in ("skdcca", "scikit-learn", "class")]
    if not (is_integer(number) and isinstance(notes, dict) and all(map(_is_name, names))):
        raise Refusal(f"its {_HEADER} is not what skdcca.save writes")
    if number > FORMAT:
        raise TooNew(
            f"it is of format {number}, by skdcca {header['skdcca']}, and skdcca {__version__} reads "
            f"formats up to {FORMAT}: install a newer skdcca"
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
            f"{path} was saved by {' and '.join(other)} and is loaded by {now}: check that the model "
            "answers as before, or fit it again",
            VersionWarning,
        )
