"""Import packages that only some parts of skdcca need."""

import sys
from contextlib import contextmanager

from skdcca.exceptions import MissingDependencyError

# Packages whose name to install differs from the name to import.
_REQUIREMENTS = {"skorch": "torch skorch", "sklearn": "scikit-learn"}


@contextmanager
def needed_by(feature, extra=None):
    """Raise MissingDependencyError if a package imported inside the context is not installed.

    Parameters
    ----------
    feature : str
        Name of the class or module that needs the package.
    extra : str, default=None
        Extra of skdcca that installs the package. If None, no extra installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = error.name.partition(".")[0]
        raise MissingDependencyError(
            f"{feature} needs the package {package!r}, which is not installed. "
            f"{_remedy(package, extra)}.",
            name=error.name,
        ) from error


def _remedy(package, extra):
    if package == "gensim" and sys.version_info >= (3, 14):
        return (
            "Use Python 3.11 to 3.13, because gensim has no wheels for Python 3.14 yet, or use "
            "LyricsForm or a TfidfVectorizer instead"
        )
    return (
        f'Run `pip install "skdcca[{extra}]"`'
        if extra
        else f"Run `pip install {_REQUIREMENTS.get(package, package)}`"
    )
