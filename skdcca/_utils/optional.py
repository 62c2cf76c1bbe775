"""Packages that only some parts of skdcca need."""

from contextlib import contextmanager

from skdcca.exceptions import MissingDependencyError


@contextmanager
def needed_by(feature, extra=None):
    """Raise MissingDependencyError if an import inside finds no package.

    Parameters
    ----------
    feature : str
        Name of the class or module that needs the imports.
    extra : str, default=None
        Extra of skdcca that installs the packages, if there is one.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = error.name.partition(".")[0]
        install = f'"skdcca[{extra}]"' if extra else _REQUIREMENTS.get(package, package)
        raise MissingDependencyError(
            f"{feature} needs the package {package!r}, which is not installed: "
            f"pip install {install}.{_NOTES.get(package, '')}",
            name=error.name,
        ) from error


# What to install, where it is called otherwise than it is imported.
_REQUIREMENTS = {"sklearn": "scikit-learn"}
_NOTES = {
    "gensim": " gensim has no wheels for Python 3.14 yet: use Python 3.11 to 3.13, or LyricsForm or "
    "a TfidfVectorizer instead."
}
