"""Warnings and errors that callers can tell apart by their class.

Every error is also the built-in one that fits it (`ValueError`, `ImportError`), and every warning a
`UserWarning`, so code that does not know these classes keeps working.
"""

__all__ = [
    "CheckpointWarning",
    "DamagedFileError",
    "DivergenceError",
    "FileVersionError",
    "InvalidSongsError",
    "MissingDependencyError",
    "RankWarning",
    "SkippedSongsWarning",
    "SmallBatchWarning",
    "TrainingInterruptedWarning",
    "UnknownTextWarning",
    "UntrustedTypeError",
    "VersionWarning",
]


class CheckpointWarning(UserWarning):
    """The state of a training cannot be written; training continues.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import CheckpointWarning
    >>> warnings.simplefilter("error", CheckpointWarning)  # stop instead
    """


class RankWarning(UserWarning):
    """A view has fewer independent directions than `n_components`.

    The components past the rank have a correlation of 0 and weights of 0.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.exceptions import RankWarning
    >>> X = np.arange(12.0).reshape(6, 2)  # the second column is the first plus 1
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", RankWarning)
    ...     cca = LinearCCA(2).fit(X, X)
    >>> [warning.category.__name__ for warning in caught]
    ['RankWarning']
    """


class SkippedSongsWarning(UserWarning):
    """Songs of a table or folder cannot be used and were left out.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import SkippedSongsWarning
    >>> warnings.simplefilter("ignore", SkippedSongsWarning)  # the faults are known
    """


class SmallBatchWarning(UserWarning):
    """A batch has too few rows to estimate the correlations of its components.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import SmallBatchWarning
    >>> warnings.simplefilter("error", SmallBatchWarning)
    """


class TrainingInterruptedWarning(UserWarning):
    """Training ended early, by Ctrl-C or a callback; the model is the best one so far.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import TrainingInterruptedWarning
    >>> warnings.simplefilter("error", TrainingInterruptedWarning)  # do not accept such a model
    """


class UnknownTextWarning(UserWarning):
    """A text has no word or character that the model knows, so its features are 0.

    Examples
    --------
    >>> import warnings
    >>> from skdcca import Doc2VecLyrics
    >>> from skdcca.exceptions import UnknownTextWarning
    >>> doc2vec = Doc2VecLyrics(5, min_count=1, random_state=0).fit(["one fine day", "a day in May"])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", UnknownTextWarning)
    ...     vectors = doc2vec.transform(["qwertz"])
    >>> [warning.category.__name__ for warning in caught]
    ['UnknownTextWarning']
    """


class VersionWarning(UserWarning):
    """A model was saved by another version of skdcca or scikit-learn.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import VersionWarning
    >>> warnings.simplefilter("error", VersionWarning)  # refuse models of other versions
    """


class DamagedFileError(ValueError):
    """A file was not written by `skdcca.save`, or is truncated or damaged.

    Examples
    --------
    >>> import os, tempfile
    >>> import skdcca
    >>> from skdcca.exceptions import DamagedFileError
    >>> path = os.path.join(tempfile.mkdtemp(), "model.skdcca")
    >>> with open(path, "wb") as file:
    ...     _ = file.write(b"not a model")
    >>> try:
    ...     skdcca.load(path)
    ... except DamagedFileError:
    ...     print("fit it again")
    fit it again
    """


class DivergenceError(ValueError):
    """Training diverged: the loss or the encodings are not finite.

    Examples
    --------
    >>> from skdcca.exceptions import DivergenceError
    >>> def fit_with_smaller_steps(model, X, y):
    ...     try:
    ...         return model.fit(X, y)
    ...     except DivergenceError:
    ...         return model.set_params(lr=model.lr / 10).fit(X, y)
    """


class FileVersionError(ValueError):
    """A file has a format that is newer than this version of skdcca.

    Examples
    --------
    >>> from skdcca.exceptions import FileVersionError
    >>> issubclass(FileVersionError, ValueError)
    True
    """


class InvalidSongsError(ValueError):
    """Songs cannot be used.

    The message is the summary, the remedy and the faults, so that a program with its own remedy can
    raise the error again.

    Parameters
    ----------
    summary : str
        How many songs cannot be used.
    faults : sequence of str, default=()
        What is wrong, with the song named.
    remedy : str, default=""
        What to do about it, as a sentence.
    n_usable : int, default=0
        Number of songs that can be used.
    n_listed : int, default=None
        Number of faults in the message, by default all.

    Attributes
    ----------
    summary : str
        How many songs cannot be used, such as "3 of 30 songs cannot be used".
    faults : list of str
        All faults, without the remedy.
    n_usable : int
        Number of songs that can be used.

    Examples
    --------
    >>> from skdcca.exceptions import InvalidSongsError
    >>> fault = "b.wav: the file is empty"
    >>> error = InvalidSongsError("1 of 2 songs cannot be used", [fault], remedy="Remove the song.")
    >>> print(error)
    1 of 2 songs cannot be used. Remove the song.
      b.wav: the file is empty
    >>> error.summary, error.faults
    ('1 of 2 songs cannot be used', ['b.wav: the file is empty'])
    """

    def __init__(self, summary, faults=(), *, remedy="", n_usable=0, n_listed=None):
        self.summary = summary
        self.faults = list(faults)
        self.n_usable = n_usable
        listed = self.faults[:n_listed]
        if len(listed) < len(self.faults):
            listed.append("...")
        ending = ":" if listed else ""
        first_line = f"{summary}. {remedy}" if remedy else f"{summary}{ending}"
        super().__init__("\n  ".join([first_line, *listed]))


class MissingDependencyError(ImportError):
    """A package that is needed is not installed; the message says how to install it.

    Examples
    --------
    >>> from skdcca.exceptions import MissingDependencyError
    >>> try:
    ...     from skdcca import DeepCCA as Model
    ... except MissingDependencyError:
    ...     from skdcca import LinearCCA as Model
    """


class UntrustedTypeError(ValueError):
    """A file, or an object to be saved, holds types that are not on the list of allowed ones.

    Attributes
    ----------
    names : list of str
        Full names of the types and functions, as `trusted` takes them.

    Examples
    --------
    >>> import os, tempfile
    >>> import skdcca
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from skdcca.exceptions import UntrustedTypeError
    >>> try:
    ...     skdcca.save(make_pipeline(SVC()), os.path.join(tempfile.mkdtemp(), "model.skdcca"))
    ... except UntrustedTypeError as error:
    ...     print(error.names)
    ['sklearn.svm._classes.SVC']
    """

    def __init__(self, message, names=()):
        super().__init__(message)
        self.names = list(names)
