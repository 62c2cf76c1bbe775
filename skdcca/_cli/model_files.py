"""Load model and index files, and check that an output file can be written."""

import tempfile
from pathlib import Path

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skdcca._cli.parser import VIEWS
from skdcca._cli.song_views import has_views, view_names
from skdcca.metrics import inside
from skdcca.persistence import load, read_header
from skdcca.retrieval import several_views


def load_model(path):
    """Return a fitted model and the header of its file; raise ValueError for an index."""
    check_input(path, "skdcca fit")
    header = read_header(path)
    if _holds_index(header):
        raise ValueError(f"{path} holds an index. Give the model that it was built with.")
    model = load(path)
    _check_model(model, path, header)
    if has_views(model) and not set(view_names(model)) <= set(VIEWS):
        raise ValueError(
            f"{path} has the views {', '.join(view_names(model))}, which are not those of songs. Give a "
            "model written by skdcca fit --model views."
        )
    return model, header


def load_index(path):
    """Return an index and the header of its file; raise ValueError for a model."""
    check_input(path, "skdcca index")
    header = read_header(path)
    if not _holds_index(header):
        raise ValueError(f"{path} holds a model. Make an index first, with skdcca index.")
    index = load(path)
    _check_model(index.estimator, path, header)
    return index, header


def is_model(estimator):
    """Return True if the estimator contains a fitted model of two views, or is one of several."""
    try:
        check_is_fitted(several_views(estimator) or inside(estimator)[1])
    except (TypeError, NotFittedError):
        return False
    return True


def check_input(path, made_by):
    """Raise an error unless the path is a file; `made_by` is the command that writes such files."""
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder. Give a file written by {made_by}.")
    if not Path(path).exists():
        raise FileNotFoundError(
            f"No such file or folder: {path}. Give a file written by {made_by}."
        )


def check_output(path, *inputs, overwrite=False):
    """Raise an error early if the output cannot be written.

    An input of the command, or a file that skdcca did not write, is never overwritten, and a file of
    an earlier run only with `overwrite`.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"-o {path} is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"-o {path}: the folder {path.parent} does not exist; create it.")
    if path.exists():
        _check_replaceable(path, inputs, overwrite)
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(
            f"-o {path}: the folder {path.parent} is not writable ({error.strerror}); choose another."
        ) from error


def _check_replaceable(path, inputs, overwrite):
    if any(Path(given).exists() and path.samefile(given) for given in inputs):
        raise ValueError(f"-o {path} is an input of the command; give the output another name.")
    try:
        read_header(path)
    except ValueError as error:
        raise ValueError(
            f"-o {path} exists and was not written by skdcca; give another name, or delete the file."
        ) from error
    if not overwrite:
        raise FileExistsError(f"-o {path} exists; give another name, or --overwrite to replace it.")


def _holds_index(header):
    return header["class"].endswith(".CrossModalIndex")


def _check_model(estimator, path, header):
    if not is_model(estimator):
        raise ValueError(
            f"{path} holds {header['class']}, which is not a fitted model of two views. Give a file "
            "written by skdcca fit."
        )
