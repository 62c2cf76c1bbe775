"""The layout that CONTRIBUTING.md draws: every module has its floor and imports only from below."""

import ast
import re
from pathlib import Path

import pytest

import skdcca

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FLOORS = [
    re.split(r", ", names)
    for names in re.findall(r"^    (\w+(?:, \w+)*) {2,}\S", TEXT, re.MULTILINE)
]
FLOOR = {module: i for i, names in enumerate(FLOORS) for module in names}
TORCH = re.search(r"^torch stands at the top of (.*?);", TEXT, re.MULTILINE | re.DOTALL)[1]
HEAVY = ("torch", "skorch", *re.search(r"heavy \((.*?)\)", TEXT)[1].split(", "))


def sources():
    """Path of every file of the package by its module, a sub-package being one."""
    for path in sorted((ROOT / "skdcca").rglob("*.py")):
        parts = path.relative_to(ROOT / "skdcca").with_suffix("").parts
        if parts != ("__init__",):
            yield parts[0], path


def imports(path, at_the_top=False):
    """Full names of all that a file imports, anywhere in it or at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_the_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name):
    """Module of the package that a name comes from; None for the package itself."""
    _, first, *_ = name.split(".")
    if first in FLOOR:
        return first
    home = getattr(getattr(skdcca, first), "__module__", None)
    return home.split(".")[1] if home else None


def test_every_module_has_its_floor():
    assert sorted(FLOOR) == sorted({module for module, _ in sources()})
    assert sum(map(len, FLOORS)) == len(FLOOR)


@pytest.mark.parametrize("path", [path for _, path in sources()], ids=lambda path: path.name)
def test_imports_lead_down(path):
    here = path.relative_to(ROOT / "skdcca").with_suffix("").parts[0]
    used = {module_of(name) for name in imports(path) if name.startswith("skdcca.")} - {None, here}
    up = {module for module in used if FLOOR[module] <= FLOOR[here]}
    assert not up, f"{here} imports {up}, which stand no lower in CONTRIBUTING.md"


def test_heavy_libraries_are_imported_where_it_is_said():
    found = {
        (module, name.split(".")[0])
        for module, path in sources()
        for name in imports(path, at_the_top=True)
        if name.split(".")[0] in HEAVY
    }
    assert {name for _, name in found} == {"torch", "skorch"}
    assert {module for module, _ in found} == set(re.findall(r"`(\w+)`", TORCH))
