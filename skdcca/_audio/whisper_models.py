"""Find, identify and load Whisper models."""

import os
from importlib.util import find_spec
from threading import Lock

from skdcca._audio.songs import file_digest
from skdcca._utils.optional import needed_by
from skdcca.exceptions import SpeechModelError

VARIABLE = "SKDCCA_WHISPER"
_FILES = ("config.json", "model.bin", "tokenizer.json")
_DEFAULT = "base"

# The codes of the languages that Whisper knows; all are ISO 639-1 but "haw", "jw" and "yue".
LANGUAGES = frozenset(
    """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr
    ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa
    pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
    """.split()
)

_LOADED = {}  # at most one model, because a large one takes gigabytes
_INHERITED = []
_LOADING = Lock()


# ---- finding ----------------------------------------------------------------------------------


def find_whisper():
    """Return a Whisper model that can be used without a network, or None.

    Nothing is downloaded.

    Returns
    -------
    model : str or None
        The value of the environment variable ``SKDCCA_WHISPER`` if it is set; otherwise ``"base"`` if
        faster-whisper has downloaded it before. None if there is neither, or if faster-whisper is not
        installed.

    Raises
    ------
    SpeechModelError
        If the environment variable is set to something that is not a model.
    """
    if find_spec("faster_whisper") is None:
        return None
    named = os.environ.get(VARIABLE)
    if named:
        resolve_model(named, download=False, name=f"The environment variable {VARIABLE}")
        return named
    try:
        resolve_model(_DEFAULT, download=False)
    except SpeechModelError:
        return None
    return _DEFAULT


def resolve_model(model, *, download=True, name="`model`"):
    """Return the folder of a model, which is downloaded if it is a name.

    Parameters
    ----------
    model : str or path-like
        Name or folder of a model.
    download : bool, default=True
        If False, a name is accepted only if the model has been downloaded before.
    name : str, default="`model`"
        Name of the setting in an error.

    Raises
    ------
    MissingDependencyError
        If faster-whisper is not installed.
    SpeechModelError
        If there is no such model, or it cannot be downloaded.
    """
    with needed_by("WhisperWords and WhisperAudio", "speech"):
        from faster_whisper import available_models
    path = os.fspath(model)
    names = sorted(available_models())
    if os.path.isdir(path) and (path not in names or not _missing_files(path)):
        return _checked_folder(path, name)
    if path in names:
        return _download(path, name) if download else _downloaded(path, name)
    raise SpeechModelError(
        f"{name} must be a folder that has a Whisper model, or one of {names}, got {path!r}. If the "
        "folder was moved, set `model` to its new place."
    )


def _checked_folder(folder, name):
    missing = _missing_files(folder)
    if missing:
        raise SpeechModelError(
            f"{name} must be a folder that has {', '.join(_FILES)}, got {folder!r} without "
            f"{', '.join(missing)}. Use a Whisper model that was converted for CTranslate2."
        )
    return os.path.abspath(folder)


def _missing_files(folder):
    return [name for name in _FILES if not os.path.isfile(os.path.join(folder, name))]


def _downloaded(model, name):
    """Return the folder of a model that was downloaded before."""
    from faster_whisper import download_model

    try:
        folder = download_model(model, local_files_only=True)
    except Exception as error:  # it depends on the version of huggingface_hub
        raise SpeechModelError(
            f"{name} must be a model that is on this machine, got {model!r}, which has not been "
            "downloaded yet."
        ) from error
    return _checked_folder(folder, name)


def _download(model, name):
    """Return the folder of a model, and download it if that has not been done before."""
    from faster_whisper import download_model

    try:
        return _downloaded(model, name)
    except SpeechModelError:
        pass
    try:
        folder = download_model(model)
    except Exception as error:  # of the network, of the server, or of the disk
        raise SpeechModelError(
            f"{name} {model!r} cannot be downloaded ({type(error).__name__}). Connect to the internet "
            "once, or set `model` to the folder of a Whisper model."
        ) from error
    return _checked_folder(folder, name)


def check_language(language):
    """Raise ValueError if a language is neither None nor a code that Whisper knows."""
    if language is not None and (not isinstance(language, str) or language not in LANGUAGES):
        raise ValueError(
            '`language` must be None or a code that Whisper knows, such as "en", "es" or "zh", got '
            f"{language!r}. None finds the language of each song."
        )


# ---- loading ----------------------------------------------------------------------------------


def model_digest(folder):
    """Return a string that identifies the weights of a model, wherever its folder is."""
    return file_digest(os.path.join(folder, "model.bin"))


def load_recognizer(folder, n_workers=1):
    """Return the recognizer of a folder; it is loaded only once per process.

    Parameters
    ----------
    folder : str
        Folder of the model.
    n_workers : int, default=1
        Number of threads that may use it at the same time, with one core each.
    """
    with _LOADING:
        key = (folder, model_digest(folder), n_workers)
        if key not in _LOADED:
            from skdcca._audio.recognizer import open_recognizer

            _LOADED.clear()
            _LOADED[key] = open_recognizer(folder, n_workers)
        return _LOADED[key]


def _leave_to_parent():
    """Forget the model in a forked process.

    Its threads do not survive the fork, and freeing it would wait for them without end.
    """
    global _LOADING
    _INHERITED.append(dict(_LOADED))
    _LOADED.clear()
    _LOADING = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
