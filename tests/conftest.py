"""Fixtures that test modules share."""

import numpy as np
import pytest


@pytest.fixture
def unchanged_generator():
    """Fail a test that changes the state of NumPy's global generator."""
    before = np.random.get_state()  # noqa: NPY002
    yield
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(after[1], before[1])
    assert after[2:] == before[2:]


@pytest.fixture(scope="session")
def sound_files(tmp_path_factory):
    """Return a folder with a sound file of each kind, good and bad."""
    from _bad_files import write_files

    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    return folder


@pytest.fixture(scope="session")
def world(sound_files, tmp_path_factory):
    """Return what cases of bad input need: views, fitted models, an index and files."""
    from _bad_input import make_world

    return make_world(sound_files, tmp_path_factory.mktemp("made"))


@pytest.fixture
def no_work(monkeypatch):
    """Make everything fail that costs time."""
    from _bad_input import WORK

    def work(*args, **kwargs):
        raise AssertionError("work was done before the input was checked")

    for name in WORK:
        monkeypatch.setattr(name, work, raising=True)
