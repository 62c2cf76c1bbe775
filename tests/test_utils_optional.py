"""Packages that are missing are named, with what installs them."""

import pickle
import sys

import pytest

from skdcca import Doc2VecLyrics
from skdcca._utils.optional import needed_by
from skdcca.exceptions import MissingDependencyError


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    match = "DeepCCA needs the package 'no_such_package'"
    with pytest.raises(MissingDependencyError, match=match) as error, needed_by("DeepCCA"):
        import no_such_package.inner  # noqa: F401
    assert "pip install no_such_package" in str(error.value)
    assert error.value.name == "no_such_package"
    assert isinstance(error.value, ImportError)


def test_an_extra_is_named():
    match = r'pip install "skdcca\[plot\]"'
    missing = pytest.raises(MissingDependencyError, match=match)
    with missing, needed_by("RecallDisplay", extra="plot"):
        import no_such_package  # noqa: F401


def test_other_faults_pass():
    with pytest.raises(ImportError) as error, needed_by("DeepCCA"):
        from math import no_such_name  # noqa: F401
    assert type(error.value) is ImportError


def test_the_error_passes_between_processes():
    again = pickle.loads(pickle.dumps(MissingDependencyError("so", name="torch")))
    assert (str(again), again.name) == ("so", "torch")


def test_gensim_has_no_wheels_for_python_3_14(monkeypatch):
    monkeypatch.setattr("sys.version_info", (3, 14, 0))
    for name in ["gensim", *(name for name in sys.modules if name.startswith("gensim."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"gensim has no wheels for Python 3\.14 yet"):
        Doc2VecLyrics(5, min_count=1).fit(["one fine day", "a day in May"])
