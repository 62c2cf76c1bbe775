"""The layout of the package: floors, private doors, heavy imports and the size of modules.

The rules read the source files and import nothing. Each takes the folder of a package and returns
descriptions of the faults, so that it can be tried on a small tree that has one.
"""

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skdcca"

# From low to high: a wing imports from lower floors and from itself.
FLOORS = [
    ("exceptions",),
    ("_utils",),
    ("_audio", "_lyrics", "persistence", "encoders", "losses", "augmentation"),
    ("metrics",),
    ("base", "retrieval", "datasets", "plotting", "adapters"),
    ("_cca",),
    ("inference", "representation", "web"),
    ("_deep",),
    ("_cli",),
    ("__main__",),
]
# Libraries that take long to import or are optional, with the modules that import them at their top;
# a folder stands for all of its modules. Others import them inside functions.
HEAVY = {
    "torch": ["augmentation", "encoders", "losses", "_deep", "_audio.mel_cnn", "_audio.musicnn"],
    "skorch": ["_deep"],
    "faster_whisper": ["_audio.recognizer"],
    "ctranslate2": ["_audio.recognizer"],
    "tokenizers": ["_audio.recognizer"],
    "librosa": [],
    "soundfile": [],
    "gensim": [],
    "music21": [],
    "matplotlib": [],
    "faiss": [],
    "dask": [],
    "fastapi": [],
    "skops": [],
    "pandas": [],
}
SKLEARN_PRIVATE = ["_utils.sklearn_compat"]
MOST_LINES = 650


# Reading a package


@dataclass(frozen=True)
class Import:
    """One name that a module imports: `target` is the whole path of it, `module` the path before it."""

    module: str
    name: str | None
    line: int
    at_top: bool
    relative: bool = False

    @property
    def target(self):
        return f"{self.module}.{self.name}" if self.name else self.module


class Tree:
    """The modules of a package, by their dotted names inside it.

    The name of a wing stands for its `__init__`, and "__init__" for that of the package.
    """

    def __init__(self, package):
        self.package = package
        self.name = package.name
        self.paths = {}
        for path in sorted(package.rglob("*.py")):
            parts = path.relative_to(package).with_suffix("").parts
            if len(parts) > 1 and parts[-1] == "__init__":
                parts = parts[:-1]
            self.paths[".".join(parts)] = path
        self.stubs = {name: self._read_stub(name) for name in ["", *self.paths]}

    def _read_stub(self, name):
        """Return the homes of the lazy names of a wing, or of the package itself (name "")."""
        stub = self.package.joinpath(*name.split("."), "__init__.pyi")
        if not stub.exists():
            return {}
        found = {}
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                home = ".".join(part for part in (name, node.module) if part)
                found |= {alias.asname or alias.name: home for alias in node.names}
        return found

    def where(self, module, line):
        """Return the place of a fault."""
        path = self.paths[module].relative_to(self.package)
        return f"{path.as_posix()}:{line}"

    def inside(self, target):
        """Return a dotted name without that of the package, or None for another package."""
        first, _, rest = target.partition(".")
        return rest if first == self.name else None

    def module_of(self, target):
        """Return the module that defines a target; lazy names are looked up in the stubs."""
        rest = self.inside(target)
        if not rest:
            return None
        if rest in self.paths:
            return rest
        wing, _, name = rest.rpartition(".")
        home = self.stubs.get(wing, {}).get(name)
        if home is not None:
            return home if home in self.paths else name
        while rest and rest not in self.paths:
            rest = rest.rpartition(".")[0]
        return rest or None

    def imports(self, module):
        """Return all imports of a module."""
        tree = ast.parse(self.paths[module].read_text(encoding="utf-8"))
        found = list(_imports(tree, at_top=True))
        for node in ast.walk(tree):  # skdcca.load, after `import skdcca`
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == self.name:
                found.append(Import(self.name, node.attr, node.lineno, at_top=False))
        return found

    def own_imports(self):
        """Yield each module with each of its imports from the package itself."""
        for module in self.paths:
            for one in self.imports(module):
                if not one.relative and self.inside(one.target):
                    yield module, one


def _imports(node, at_top):
    """Yield the imports below a node; only those in functions are not at the top."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, None, child.lineno, at_top)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield Import(
                    child.module or "", alias.name, child.lineno, at_top, relative=child.level > 0
                )
        else:
            runs_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, at_top and not runs_later and not _for_types(child))


def _for_types(node):
    """Tell whether this is an ``if TYPE_CHECKING:``, which does not run."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def wing_of(module):
    return module.split(".")[0]


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


# The rules


def misplaced_wings(package):
    """Find wings that are not in the table exactly once."""
    wings = {wing_of(module) for module in Tree(package).paths} - {"__init__"}
    placed = Counter(wing for floor in FLOORS for wing in floor)
    return sorted(
        [f"{wing} is in the table {placed[wing]} times" for wing in wings if placed[wing] != 1]
        + [f"{wing} is in the table only" for wing in placed if wing not in wings]
    )


def upward_imports(package):
    """Find imports from the same floor or from a higher one."""
    tree = Tree(package)
    floor = {wing: i for i, wings in enumerate(FLOORS) for wing in wings}
    found = []
    for module, one in tree.own_imports():
        source = tree.module_of(one.target)
        if source is None:
            continue
        here, there = wing_of(module), wing_of(source)
        if here != there and floor.get(there, 0) >= floor.get(here, len(FLOORS)):
            found.append(f"{tree.where(module, one.line)}: {here} imports {one.target} of {there}")
    return found


def private_imports(package):
    """Find imports from another wing of what is private there."""
    tree = Tree(package)
    found = []
    for module, one in tree.own_imports():
        wing, *rest = tree.inside(one.target).split(".")
        if wing == wing_of(module):
            continue
        closed = is_private(wing) and wing != "_utils"
        if (closed and _reaches_inside(tree, one)) or any(map(is_private, rest)):
            found.append(f"{tree.where(module, one.line)}: {one.target} is private")
    return found


def _reaches_inside(tree, one):
    """Tell whether an import names a module inside a wing, not the wing or a name that it offers."""
    module, target = tree.inside(one.module), tree.inside(one.target)
    return "." in module or ("." in target and target in tree.paths)


def circles(package):
    """Find groups of modules that import each other at their tops."""
    tree = Tree(package)
    needs = {module: set() for module in tree.paths}
    for module, one in tree.own_imports():
        source = tree.module_of(one.target)
        if not one.at_top or source is None:
            continue
        needs[module].add(source)
        # Python runs the `__init__` of a wing before its modules.
        if wing_of(source) != wing_of(module) and wing_of(source) in needs:
            needs[module].add(wing_of(source))
    reached = {module: _reachable(module, needs) for module in needs}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in needs
        if module in reached[module]
    }
    return [f"{', '.join(group)} import each other" for group in sorted(groups)]


def _reachable(start, needs):
    found, waiting = set(), [start]
    while waiting:
        for module in needs[waiting.pop()] - found:
            found.add(module)
            waiting.append(module)
    return found


def heavy_imports(package):
    """Find heavy libraries at the top of modules that are not in the table."""
    tree = Tree(package)
    found = []
    for module in tree.paths:
        for one in tree.imports(module):
            library = one.module.split(".")[0]
            allowed = HEAVY.get(library)
            if allowed is None or one.relative or not one.at_top:
                continue
            if not any(f"{module}.".startswith(f"{home}.") for home in allowed):
                found.append(f"{tree.where(module, one.line)}: {library} at the top")
    return found


def private_sklearn(package):
    """Find private names and modules of scikit-learn outside the module that may import them."""
    tree = Tree(package)
    return [
        f"{tree.where(module, one.line)}: {one.target} is private"
        for module in tree.paths
        if module not in SKLEARN_PRIVATE
        for one in tree.imports(module)
        if one.module.split(".")[0] == "sklearn" and any(map(is_private, one.target.split(".")))
    ]


def relative_imports(package):
    """Find relative imports; stubs need them, and are not read."""
    tree = Tree(package)
    return [
        f"{tree.where(module, one.line)}: a relative import of {one.name}"
        for module in tree.paths
        for one in tree.imports(module)
        if one.relative
    ]


def long_modules(package, most=MOST_LINES):
    """Find modules of more than `most` lines."""
    lengths = {
        path.relative_to(package).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(package.rglob("*.py"))
    }
    return [f"{name} has {n} lines" for name, n in lengths.items() if n > most]


# A tree without faults, and what to change of it for each fault

HARMLESS = {
    "__init__.py": "",
    "__init__.pyi": "from . import metrics\nfrom ._cca.linear import LinearCCA as LinearCCA\n",
    "metrics/__init__.py": "from skdcca.metrics._ranking import ranks\n",
    "metrics/_ranking.py": "import sklearn\nfrom skdcca._utils.validation import check_number\n",
    "_utils/__init__.py": "",
    "_utils/validation.py": "from skdcca.exceptions import InputError\n",
    "_utils/sklearn_compat.py": "from sklearn.utils import _safe_indexing as safe_indexing\n",
    "exceptions.py": "",
    "_cca/__init__.py": "",
    "_cca/__init__.pyi": "from .linear import LinearCCA as LinearCCA\n",
    "_cca/linear.py": "from skdcca.metrics import ranks\nfrom skdcca._cca.moments import _add\n",
    "_cca/moments.py": "def f():\n    import pandas\n    from skdcca._cca.linear import LinearCCA\n",
    "inference.py": "from skdcca import metrics\nfrom skdcca._cca import LinearCCA\n",
    "_deep/__init__.py": "with needed_by('DeepCCA'):\n    import torch\n",
}
FAULTS = {
    upward_imports: [
        {"metrics/_ranking.py": "from skdcca._cca import LinearCCA\n"},
        {"metrics/_ranking.py": "def f():\n    import skdcca._cca\n"},
        {"metrics/_ranking.py": "from skdcca import LinearCCA\n"},
        {"metrics/_ranking.py": "import skdcca\n\nmodel = skdcca.LinearCCA()\n"},
        {"encoders.py": "from skdcca import metrics\n"},
        {"exceptions.py": "from skdcca._utils.validation import check_number\n"},
    ],
    private_imports: [
        {"inference.py": "from skdcca._cca.linear import LinearCCA\n"},
        {"inference.py": "import skdcca._cca.linear\n"},
        {"inference.py": "from skdcca._cca import linear\n"},
        {"inference.py": "from skdcca.metrics._ranking import ranks\n"},
        {"inference.py": "from skdcca.metrics import _ranking\n"},
        {"inference.py": "def f():\n    from skdcca.metrics import _ranks\n"},
        {"inference.py": "from skdcca._utils.validation import _check\n"},
        {"inference.py": "from skdcca._cca import _linear_cca\n"},
    ],
    circles: [
        {"_cca/moments.py": "from skdcca._cca.linear import LinearCCA\n"},
        {"_cca/moments.py": "from skdcca._cca import LinearCCA\n"},
        {"_cca/moments.py": "from skdcca import LinearCCA\n"},
        {"metrics/_ranking.py": "from skdcca.metrics import ranks\n"},
        {"exceptions.py": "if True:\n    from skdcca._utils.validation import check_number\n"},
    ],
    heavy_imports: [
        {"__init__.py": "import torch\n"},
        {"inference.py": "import pandas\n"},
        {"metrics/_ranking.py": "with needed_by('ranks'):\n    from torch import nn\n"},
        {"_cca/linear.py": "class A:\n    import librosa.feature\n"},
        {"_audio/mel_cnn_other.py": "import torch\n"},
    ],
    private_sklearn: [
        {"inference.py": "from sklearn.utils import _safe_indexing\n"},
        {"inference.py": "def f():\n    from sklearn.utils._set_output import wrap\n"},
        {"_utils/validation.py": "import sklearn.utils._mask\n"},
    ],
    relative_imports: [
        {"inference.py": "from . import metrics\n"},
        {"_cca/linear.py": "def f():\n    from .moments import PairMoments\n"},
        {"__init__.py": "from ._cca.linear import LinearCCA\n"},
    ],
    long_modules: [{"inference.py": "a = 1\n" * (MOST_LINES + 1)}],
    misplaced_wings: [{"elsewhere.py": ""}, {"_wing/__init__.py": ""}],
}


def write(folder, files):
    package = folder / "skdcca"
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize("rule", FAULTS, ids=lambda rule: rule.__name__)
def test_package(rule):
    found = rule(PACKAGE)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", FAULTS, ids=lambda rule: rule.__name__)
def test_no_false_alarm(rule, tmp_path):
    files = HARMLESS
    if rule is misplaced_wings:  # every wing of the table must be there
        files = {f"{wing}.py": "" for floor in FLOORS for wing in floor}
    assert rule(write(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("rule", "fault"),
    [(rule, fault) for rule, faults in FAULTS.items() for fault in faults],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_fault_is_found(rule, fault, tmp_path):
    before = rule(write(tmp_path / "before", HARMLESS))
    after = rule(write(tmp_path / "after", {**HARMLESS, **fault}))
    assert len(after) > len(before)


def test_wing_twice_in_the_table(tmp_path, monkeypatch):
    package = write(tmp_path, {f"{wing}.py": "" for floor in FLOORS for wing in floor})
    monkeypatch.setattr("test_layout.FLOORS", [*FLOORS, ("metrics",)], raising=True)
    assert misplaced_wings(package) == ["metrics is in the table 2 times"]
