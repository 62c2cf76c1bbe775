"""Editors and type checkers see every public name."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import _every_class
import pytest

import skdcca

SCRIPT = Path(_every_class.__file__)


# Each call in it is a type error.
WRONG = """import skdcca
skdcca.LinearCCA(n_component=2)
skdcca.LinearCCA(reg={})
skdcca.metrics.chance('many')
skdcca.NoSuchName
skdcca.datasets.make_songs(n_songs='12')
"""


def public_names():
    """Yield the names of public classes and functions, with their modules."""
    for name in skdcca.__all__:
        value = getattr(skdcca, name)
        if inspect.ismodule(value):
            yield from (f"{name}.{own}" for own in value.__all__)
        else:
            yield name


@pytest.fixture(scope="module")
def type_errors(tmp_path_factory):
    """Return the lines with type errors in the script and in `WRONG`, by the name of the file.

    One run of pyright on both files takes half the time of two.
    """
    wrong = tmp_path_factory.mktemp("types") / "wrong.py"
    wrong.write_text(WRONG)
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run([*command, str(SCRIPT), str(wrong)], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == 2
    lines = {SCRIPT.name: [], wrong.name: []}
    for error in report["generalDiagnostics"]:
        lines[Path(error["file"]).name].append(error["range"]["start"]["line"] + 1)
    return lines


def test_a_script_of_every_class_has_no_type_errors(type_errors):
    assert type_errors[SCRIPT.name] == []


def test_type_errors_are_found(type_errors):
    assert type_errors["wrong.py"] == [2, 3, 4, 5, 6]


def test_the_script_runs(tmp_path, capsys):
    import matplotlib

    matplotlib.use("Agg")
    _every_class.main(str(tmp_path))
    assert "(8, 2)" in capsys.readouterr().out


def test_the_script_has_every_estimator():
    text = SCRIPT.read_text(encoding="utf-8")
    classes = [name for name in public_names() if name[0].isupper()]
    assert {name for name in classes if f"skdcca.{name}(" not in text} == set()


def test_the_stub_lists_what_is_there():
    assert "__version__" in skdcca.__dir__() or skdcca.__version__
    listed = set(skdcca.__all__)
    assert {"LinearCCA", "DeepCCA", "CrossModalIndex", "save", "metrics", "exceptions"} <= listed
    for name in listed:
        assert getattr(skdcca, name) is not None
    assert (Path(skdcca.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        ("skdcca.LinearCCA(", ["n_components", "reg", "similarity", "y_transformer"]),
        ("skdcca.DeepCCA(", ["x_encoder", "loss", "max_epochs"]),
        ("skdcca.MelSpectrogram(", ["duration", "n_mels"]),
        ("skdcca.CrossModalIndex(", ["estimator", "neighbors"]),
        ("skdcca.canonical_correlation_test(", ["estimator", "n_permutations"]),
        ("skdcca.save(", ["obj", "path", "notes", "trusted"]),
        ("skdcca.metrics.similarity(", ["zx", "zy", "correlations"]),
        ("skdcca.datasets.make_songs(", ["n_songs", "strength"]),
        ("skdcca.LinearCCA().fit(", ["X", "y", "sample_weight"]),
    ],
)
def test_editors_show_signatures(call, parameters):
    import jedi

    (signature, *_) = jedi.Script(f"import skdcca\n{call}").get_signatures()
    shown = [parameter.name for parameter in signature.params]
    assert set(parameters) <= set(shown)


def test_editors_complete_names():
    import jedi

    completions = {c.name for c in jedi.Script("import skdcca\nskdcca.").complete()}
    assert {"LinearCCA", "KernelCCA", "DeepCCA", "load", "metrics"} <= completions
