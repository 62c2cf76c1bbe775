"""Define the warnings and errors that callers may want to handle separately.

Every error is a subclass of a built-in one (`ValueError` or `ImportError`), and every warning a subclass
of `UserWarning`, so code that catches the built-in classes also works.
"""

__all__ = [
    "AudioFileWarning",
    "ChanceCorrelationWarning",
    "CheckpointWarning",
    "ComponentSearchWarning",
    "DamagedFileError",
    "DegenerateKernelWarning",
    "DivergenceError",
    "FewPermutationsWarning",
    "FewSamplesWarning",
    "FileVersionError",
    "InvalidSongsError",
    "LinearFallbackWarning",
    "ManifestWarning",
    "MissingDependencyError",
    "NoSoundError",
    "PerfectCorrelationWarning",
    "PrecisionWarning",
    "RankWarning",
    "ShortTrainingWarning",
    "SilentSongWarning",
    "SkippedSongsWarning",
    "SmallBatchWarning",
    "SpeechModelError",
    "TrainingInterruptedWarning",
    "UnknownTextWarning",
    "UntrustedTypeError",
    "VersionWarning",
]


class AudioFileWarning(UserWarning):
    """Warning issued when the header of a sound file is wrong, and what the file contains is used.

    Recorders that crash leave WAVE files whose header declares no audio, or more than there is.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import AudioFileWarning
    >>> warnings.simplefilter("error", AudioFileWarning)  # refuse such files
    """


class ChanceCorrelationWarning(UserWarning):
    """Warning issued when a component of `SparseCCA` has a held-out correlation no larger than chance.

    On rows that its fit has not seen, the best correlation of the cross-validation is no larger than
    that of unrelated views may be. The columns that the component selects then mean nothing.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca import SparseCCA
    >>> from skdcca.exceptions import ChanceCorrelationWarning
    >>> X, y = np.random.default_rng(0).normal(size=(2, 50, 30))  # unrelated
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", ChanceCorrelationWarning)
    ...     cca = SparseCCA().fit(X, y)
    >>> [warning.category.__name__ for warning in caught]
    ['ChanceCorrelationWarning']
    """


class CheckpointWarning(UserWarning):
    """Warning issued when `DeepCCA` cannot write its checkpoint; training continues.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import CheckpointWarning
    >>> warnings.simplefilter("error", CheckpointWarning)  # stop training instead
    """


class ComponentSearchWarning(UserWarning):
    """Warning issued when a search that chooses the number of components by its score is tested.

    The held-out score hardly changes once all real components are there, so its maximum is the true
    number in only 13 to 32 of 100 simulated data sets. `skdcca.canonical_correlation_test` of a model
    with ``n_components=None`` finds it in 94 to 96 of 100.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import ComponentSearchWarning
    >>> warnings.simplefilter("ignore", ComponentSearchWarning)  # the score is what matters here
    """


class DegenerateKernelWarning(UserWarning):
    """Warning issued when a kernel is numerically an identity matrix, or constant.

    With an identity matrix, no row resembles another, so the model cannot generalize. With a constant
    kernel, all rows resemble each other equally, so the model depends on the last digits of the kernel.
    Usually `gamma` is too large or too small for the units of the columns.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import DegenerateKernelWarning
    >>> warnings.simplefilter("error", DegenerateKernelWarning)  # refuse such a kernel
    """


class FewPermutationsWarning(UserWarning):
    """Warning issued when a permutation test has so few permutations that no p-value can be small.

    With fewer than 20 distinct orders of the rows, or with ``n_permutations`` below 19, p-values of 0.05
    or less are out of reach, whatever the data are.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca import LinearCCA, canonical_correlation_test
    >>> from skdcca.exceptions import FewPermutationsWarning
    >>> X, y = np.random.default_rng(0).normal(size=(2, 12, 2))
    >>> families = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]  # three have 3! = 6 orders
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", FewPermutationsWarning)
    ...     test = canonical_correlation_test(LinearCCA(), X, y, blocks=families, permute="whole")
    >>> [warning.category.__name__ for warning in caught]
    ['FewPermutationsWarning']
    """


class FewSamplesWarning(UserWarning):
    """Warning issued when correlations are mostly chance, because there are few samples.

    The canonical correlations of unrelated representations grow with the number of features, and are 1
    if that is at least the number of samples. `svcca` and `pwcca` warn below 10 samples per direction,
    and `MultiCCA` warns if two views meet in fewer than 10 rows.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca.exceptions import FewSamplesWarning
    >>> from skdcca.representation import pwcca
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 40, 20))  # unrelated
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", FewSamplesWarning)
    ...     similarity = pwcca(X, Y)
    >>> similarity > 0.5, [warning.category.__name__ for warning in caught]
    (True, ['FewSamplesWarning'])
    """


class LinearFallbackWarning(UserWarning):
    """Warning issued when `DeepCCA` keeps a linear model, because its networks are not clearly better.

    `DeepCCA.decision_` has the figures. With ``fallback=None`` the networks are kept whatever they are.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import LinearFallbackWarning
    >>> warnings.simplefilter("ignore", LinearFallbackWarning)  # a linear model is welcome
    """


class ManifestWarning(UserWarning):
    """Warning issued when the columns or the sheet of a table of songs are guessed.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import ManifestWarning
    >>> warnings.simplefilter("error", ManifestWarning)  # require the documented names
    """


class PerfectCorrelationWarning(UserWarning):
    """Warning issued when canonical correlations are 1 whatever the data are.

    This happens without a ridge if the ranks of both views sum to more than the number of rows minus
    1. The model then fits noise, and its correlations on held-out rows are near 0.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.exceptions import PerfectCorrelationWarning
    >>> X, y = np.random.default_rng(0).normal(size=(2, 20, 15))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", PerfectCorrelationWarning)
    ...     cca = LinearCCA(n_components=1, reg=0).fit(X, y)
    >>> [warning.category.__name__ for warning in caught]
    ['PerfectCorrelationWarning']
    """


class PrecisionWarning(UserWarning):
    """Warning issued when covariances are too imprecise for directions that hardly vary.

    `LinearCCA.partial_fit`, and `LinearCCA.fit_blocks` with a generator, keep only covariances. If
    columns are nearly dependent, the directions in which they differ have a variance that is smaller
    than the rounding errors of the covariances. Blocks that can be read again have no such limit.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import PrecisionWarning
    >>> warnings.simplefilter("error", PrecisionWarning)  # refuse to lose a direction
    """


class RankWarning(UserWarning):
    """Warning issued when `n_components` exceeds the rank of the data.

    The components beyond the rank have correlation 0 and weights of 0.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca import LinearCCA
    >>> from skdcca.exceptions import RankWarning
    >>> X = np.arange(12.0).reshape(6, 2)  # rank 1: the second column is the first plus 1
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", RankWarning)
    ...     cca = LinearCCA(2).fit(X, X)
    >>> [warning.category.__name__ for warning in caught]
    ['RankWarning']
    """


class ShortTrainingWarning(UserWarning):
    """Warning issued when `DeepCCA` reaches `max_epochs` too early.

    The training had fewer than 300 gradient steps, or the held-out correlation was still rising in the
    last epoch of a constant learning rate.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import ShortTrainingWarning
    >>> warnings.simplefilter("ignore", ShortTrainingWarning)  # train for a few epochs on purpose
    """


class SilentSongWarning(UserWarning):
    """Warning issued when songs have no sound, or so little that their features mean little.

    Sound is counted from the first to the last sample that is at most 60 dB below the peak of the song.
    A song must have one second of it, or a quarter of `duration` if that is shorter.

    Parameters
    ----------
    message : str
        The message, which lists the songs.
    songs : sequence of int, default=()
        Positions of the songs in the list that was passed.

    Attributes
    ----------
    songs : list of int
        Positions of the songs.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdcca import MelSpectrogram
    >>> from skdcca.exceptions import SilentSongWarning
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(3 * 22050) / 22050)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", SilentSongWarning)
    ...     spectrograms = MelSpectrogram().fit_transform([tone, 0 * tone])
    >>> caught[0].message.songs
    [1]
    """

    def __init__(self, message, songs=()):
        super().__init__(message)
        self.songs = list(songs)


class SkippedSongsWarning(UserWarning):
    """Warning issued when songs of a table or folder cannot be used and are skipped.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import SkippedSongsWarning
    >>> warnings.simplefilter("ignore", SkippedSongsWarning)  # these songs are known to be unusable
    """


class SmallBatchWarning(UserWarning):
    """Warning issued when batches have too few rows to estimate correlations.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import SmallBatchWarning
    >>> warnings.simplefilter("error", SmallBatchWarning)  # refuse to train on such batches
    """


class TrainingInterruptedWarning(UserWarning):
    """Warning issued when Ctrl-C or a callback interrupts training.

    The fitted model has the weights of the best epoch so far. If no rows are held out or no epoch
    is complete, it has the weights of the last batch.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import TrainingInterruptedWarning
    >>> warnings.simplefilter("error", TrainingInterruptedWarning)  # refuse such a model
    """


class UnknownTextWarning(UserWarning):
    """Warning issued when a text has no known word or character, so that its features are 0.

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
    """Warning issued on loading a model saved with another version of skdcca or scikit-learn.

    Examples
    --------
    >>> import warnings
    >>> from skdcca.exceptions import VersionWarning
    >>> warnings.simplefilter("error", VersionWarning)  # refuse models from other versions
    """


class DamagedFileError(ValueError):
    """Error raised when a file was not written by `skdcca.save`, or is truncated or damaged.

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
    """Error raised when the loss or the encodings of a network contain NaN or infinity.

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
    """Error raised when a file has a newer format than this version of skdcca can read.

    Examples
    --------
    >>> import skdcca
    >>> from skdcca.exceptions import FileVersionError
    >>> def load_or_exit(path):
    ...     try:
    ...         return skdcca.load(path)
    ...     except FileVersionError:
    ...         raise SystemExit("Upgrade skdcca to load this model.")
    """


class InvalidSongsError(ValueError):
    """Error raised when songs cannot be used.

    The message consists of the summary, the remedy and one line for each fault. The summary and the
    faults are also attributes, so that a program can raise the error again with its own remedy.

    Parameters
    ----------
    summary : str
        Clause that states how many songs cannot be used, without a period at the end.
    faults : sequence of str, default=()
        One entry for each fault, such as "b.wav: the file is empty".
    remedy : str, default=""
        Full sentence that tells the user how to fix the problem.
    n_usable : int, default=0
        Number of songs that can be used.
    n_listed : int, default=None
        Maximum number of faults to list in the message. If None, all are listed.
    songs : sequence of int, default=()
        Positions of the songs that cannot be used in the list that was passed.

    Attributes
    ----------
    summary : str
        The summary, such as "3 of 30 songs cannot be used".
    faults : list of str
        All faults, including those that the message does not list.
    n_usable : int
        Number of songs that can be used.
    songs : list of int
        Positions of the songs that cannot be used; empty if they come from a table or a folder.

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

    def __init__(self, summary, faults=(), *, remedy="", n_usable=0, n_listed=None, songs=()):
        self.summary = summary
        self.faults = list(faults)
        self.n_usable = n_usable
        self.songs = list(songs)
        listed = self.faults[:n_listed]
        if len(listed) < len(self.faults):
            listed.append("...")
        ending = ":" if listed else ""
        first_line = f"{summary}. {remedy}" if remedy else f"{summary}{ending}"
        super().__init__("\n  ".join([first_line, *listed]))


class MissingDependencyError(ImportError):
    """Error raised when a required package is not installed; the message says how to install it.

    Examples
    --------
    >>> from skdcca.exceptions import MissingDependencyError
    >>> try:
    ...     from skdcca import DeepCCA as Model
    ... except MissingDependencyError:
    ...     from skdcca import LinearCCA as Model
    """


class NoSoundError(ValueError):
    """Error raised when the audio of a query has no sound, or less than a second of it.

    Examples
    --------
    >>> from skdcca.exceptions import NoSoundError
    >>> def search_or_explain(index, clip):
    ...     try:
    ...         return index.query(X=[clip])
    ...     except NoSoundError:
    ...         return "Nothing can be heard in this clip. Record it again."
    """


class SpeechModelError(ValueError):
    """Error raised when there is no speech recognizer by a name or in a folder.

    The name may be unknown, the folder may have been moved, or there may be no network to download the
    model.

    Examples
    --------
    >>> from skdcca.exceptions import SpeechModelError
    >>> def hear_or_leave_out(words, songs):
    ...     try:
    ...         return words.transcribe(songs)
    ...     except SpeechModelError:
    ...         return None
    """


class UntrustedTypeError(ValueError):
    """Error raised when a file, or an object to be saved, contains types that are not trusted.

    Parameters
    ----------
    message : str
        The message.
    names : sequence of str, default=()
        Full names of the types and functions that are not trusted.

    Attributes
    ----------
    names : list of str
        Full names of the types and functions that are not trusted. Pass the names that you trust to
        `skdcca.load` or `skdcca.save` as `trusted`.

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
