"""The text of the examples; they run when the site is built, which fails if an example does."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))


def test_there_are_at_least_ten():
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_explains_itself_and_draws(path):
    text = path.read_text(encoding="utf-8")
    title, line, _, prose = (
        ast.get_docstring(ast.parse(text), clean=False).strip("\n").split("\n", 3)
    )
    assert line == "=" * len(title)
    assert len(prose.split()) >= 25
    assert text.count("# %%\n") >= 3
    assert text.count("plt.show()") >= 1


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_uses_public_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "skdcca":
            public = import_module(node.module).__all__
            assert {alias.name for alias in node.names} <= set(public)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_figures_of_retrieval_stand_beside_chance(path):
    text = path.read_text(encoding="utf-8")
    if re.search(r"mrr_scorer\(|retrieval_scorer\(|retrieval_metrics\(", text):
        assert "chance(" in text
        assert "gallery" in text.lower()
