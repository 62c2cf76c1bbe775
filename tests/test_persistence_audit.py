"""Files with harmful or invalid nodes: none is built, and no code of them runs."""

import pickle
import shutil
import sys

import numpy as np
import pytest
import skops.io
from _harmful_files import ATTACKS, DAMAGES, write_evil_module
from _nodes import items, node, npy_file, set_attribute, tampered
from _saved_models import fitted_linear

from skdcca.exceptions import DamagedFileError, FileVersionError, UntrustedTypeError
from skdcca.persistence import load, save


@pytest.fixture
def linear():
    return fitted_linear()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """Return the path of the file that `evil_module` leaves if it is imported."""
    folder = tmp_path / "path"
    folder.mkdir()
    marker = write_evil_module(folder)
    monkeypatch.syspath_prepend(folder)
    return marker


@pytest.mark.parametrize("kind", ATTACKS)
@pytest.mark.parametrize("place", ["attribute", "root"])
def test_harmful_files_run_no_code(linear, path, evil, kind, place):
    save(linear, path)
    attack = ATTACKS[kind](evil)

    def change(schema):
        if place == "attribute":
            return set_attribute(schema, "reg", attack)
        schema.clear()
        return schema.update(attack, protocol=2)

    tampered(path, change)
    name = kind.split()[-1].rpartition(".")[2]
    with pytest.raises(UntrustedTypeError, match=name) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert not evil.exists(), "code of the file ran"
    assert "evil_module" not in sys.modules


def test_attacks_succeed_without_the_audit(linear, path, evil, monkeypatch):
    """Otherwise the test above would prove nothing."""
    save(linear, path)
    attack = ATTACKS["object evil_module.Estimator"](evil)
    tampered(path, lambda schema: set_attribute(schema, "reg", attack))
    skops.io.load(path, trusted=["skdcca.LinearCCA", "numpy.dtype", "evil_module.Estimator"])
    assert evil.exists()
    del sys.modules["evil_module"]


def test_files_with_older_names_are_audited_like_others(linear, path, evil):
    """Other names in such a file are checked too."""
    save(linear, path)

    def change(schema):
        set_attribute(schema, "first", node("ObjectNode", "skdcca._kernel._KernelMap"))
        set_attribute(schema, "second", node("ObjectNode", "evil_module.Estimator"))

    with pytest.raises(UntrustedTypeError, match=r"evil_module\.Estimator \(in second\)") as raised:
        load(tampered(path, change))
    assert raised.value.names == ["evil_module.Estimator"]
    save(linear, path)
    unknown = node("ObjectNode", "skdcca._kernel._Other")
    tampered(path, lambda schema: set_attribute(schema, "first", unknown))
    with pytest.raises(UntrustedTypeError, match=r"skdcca\._kernel\._Other"):
        load(path)
    assert not evil.exists()


@pytest.mark.parametrize("module", ["pipeline", "compose"])
def test_modules_named_like_those_of_scikit_learn_are_not_imported(linear, path, evil, module):
    shutil.copy(evil.parent / "path" / "evil_module.py", evil.parent / "path" / f"{module}.py")
    save(linear, path)
    attack = node("ObjectNode", f"{module}.Estimator")
    with pytest.raises(ValueError, match=rf"{module}\.Estimator \(in reg\)"):
        load(tampered(path, lambda schema: set_attribute(schema, "reg", attack)))
    assert not evil.exists(), "code of the file ran"


def test_all_refused_names_are_listed_at_once(linear, path, evil):
    save(linear, path)

    def change(schema):
        set_attribute(schema, "reg", items(*(ATTACKS[kind](evil) for kind in ATTACKS)))

    with pytest.raises(ValueError, match="evil_module") as raised:
        load(tampered(path, change))
    for name in ("posix.system", "builtins.eval", "evil_module.Estimator", "joblib.memory.Memory"):
        assert name in str(raised.value)
    assert not evil.exists()


def test_errors_escape_control_characters_of_names(linear, path):
    save(linear, path)
    tampered(path, lambda s: set_attribute(s, "reg", node("ObjectNode", "a\x1b[31m\n.b")))
    with pytest.raises(ValueError, match="not on the list") as raised:
        load(path)
    assert str(raised.value).isprintable()
    assert r"a\x1b[31m\n.b" in str(raised.value)


@pytest.mark.parametrize("damage", DAMAGES)
def test_invalid_schemas_are_refused(linear, path, damage):
    save(linear, path)
    change, message = DAMAGES[damage]
    error_class = FileVersionError if damage == "a newer protocol" else ValueError
    with pytest.raises(error_class, match=message):
        load(tampered(path, change))


@pytest.mark.parametrize(
    "content",
    [
        npy_file(shape=(10**12,)),
        npy_file(shape=(2,), body=b"12345678"),
        npy_file(shape=(-1,), body=b""),
        npy_file(shape=(10**15,), dtype="<U0"),
        npy_file(np.array([print], dtype=object)),
        npy_file(np.zeros(2, dtype=[("a", int)])),
        npy_file(np.ones(2)) + b"more",
        pickle.dumps(print),
        b"",
        b"PK\x03\x04",
    ],
)
def test_invalid_arrays_are_refused(linear, path, content):
    save(linear, path)
    with pytest.raises(DamagedFileError, match=r"array|damaged"):
        load(tampered(path, **{"1.npy": content}))
