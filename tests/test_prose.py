"""Rules of prose that a program can check; the rest is left to the reader of a change."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("skdcca", "benchmarks", "examples", "tools", "tests")
PROGRAMS = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
PROGRAMS.remove(Path(__file__))
PROGRAMS.remove(ROOT / "skdcca/datasets/_words.py")  # the words of synthetic songs
PACKAGE = [file for file in PROGRAMS if file.is_relative_to(ROOT / "skdcca")]
# Pages that are written after the rules; the others follow with the release.
PAGES = [
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs/contributing").glob("*.md")),
    *sorted((ROOT / "skdcca/web/page").iterdir()),
    ROOT / "tools/README.md",
]
PAGES.remove(ROOT / "docs/contributing/glossary.md")  # it lists what not to write

# A phrase, and what to write instead.
PHRASES = {
    r"(?:^|[.:] )Of (?!course\b)[a-z]": "begin with the subject",
    r", say\b(?! )": "for example, such as",
    r"\bwhole numbers?\b": "integer",
    r"\bfrom (?:0|1) to below\b": "in [0, 1)",
    r"\bis no [a-z]+ (?:of|that)\b": "is not a",
    r"\bplanted\b": "synthetic, known",
    r"\b(?:has|have|had|not|was|were|been|songs|rows) learned from\b": "training, held-out",
    r"\bheed(?:s|ed)?\b": "weight, account for",
    r"\btells? of\b|\btold of\b": "report, declare",
    r"\bfiles? of strangers\b": "untrusted files",
    r"\bg(?:o|oes|one) on with\b": "continue",
    r"\b(?:is|are) in place\b": "is recommended",
    r"\bbut for\b": "except",
    r"\bas (?:it|they) likes?\b": "freely",
    r"\bin a blink\b": "in a second",
    r"\bworth their middle\b": "share their average rank",
}
BRITISH = re.compile(
    r"\w*(?:ormalis|tandardis|egularis|ptimis(?:e|ing|ation)|eneralis|inimis|aximis|ynchronis|nitialis|"
    r"ecognis|ummaris|ategoris|ynthesis(?:e|ing)|nalys(?:e|ed|ing)\b|entr(?:ed|ing)\b|colour|ehaviour|"
    r"avour|neighbour|catalogue|\bgrey\b|odell(?:ed|ing)\b|abell(?:ed|ing)\b|ancell(?:ed|ing)\b)\w*",
    re.IGNORECASE,
)
# What is quoted, and names that others chose, such as `aria-labelledby` or `cancelled()`.
QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^' ]*'|https?://\S+|\w+[_-]\w+|\w+\(|\w+=")
MARKS = re.compile(r"^[\s#]*(?:[rf]{0,2}[\"']+)?|[\"'\s]+$")  # of comments and strings
NOT_IMPERATIVE = set(
    """
    A All An And Another Any As At Both By Each Every For From Here How If In It Its No None Not Of On
    One Other Others Same So Some That The Their These They This Those What When Where Whether Which Who
    Whose With
    """.split()
)


def functions(file):
    """Yield each function of a file that has a docstring, and the docstring."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and not any("property" in ast.unparse(d) for d in node.decorator_list):
                yield node, text


def messages(file):
    """Yield line number and text of the errors and warnings of a file that are written as literals."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or not call.args:
            continue
        if isinstance(node, ast.Raise) or getattr(call.func, "id", "") == "warn":
            yield node.lineno, literal(call.args[0])


def literal(node):
    """Return the text of a string, with {} for what it is filled in with."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) for part in node.values)
    return "{}"


def code_prose(text):
    """Yield line number and text of the comments and strings of a program, but not of its doctests."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            for i, line in enumerate(token.string.splitlines()):
                if not line.lstrip().startswith((">>>", "...")):
                    yield token.start[0] + i, MARKS.sub("", line)


def page_prose(text):
    """Yield line number and text of a page outside of its blocks of code."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


@cache
def prose(file):
    """Return the place of each line of prose of a file, and the line without what it quotes."""
    lines = code_prose if file.suffix == ".py" else page_prose
    text = file.read_text(encoding="utf-8")
    return [
        (f"{file.relative_to(ROOT)}:{number}: {line.strip()}", QUOTED.sub("``", line))
        for number, line in lines(text)
    ]


def found(pattern, files):
    """Return the places where a pattern is found in prose."""
    pattern = re.compile(pattern)
    return [place for file in files for place, line in prose(file) if pattern.search(line)]


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_phrase_reads_as_a_translation(phrase):
    assert found(phrase, PROGRAMS + PAGES) == [], f"write instead: {PHRASES[phrase]}"


def test_spelling_is_american():
    assert found(BRITISH, PROGRAMS + PAGES) == []


def test_summary_lines_are_imperatives():
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno} {text.splitlines()[0]}"
        for file in PACKAGE
        for node, text in functions(file)
        if text.split()[0].strip(",.:") in NOT_IMPERATIVE
    ]
    assert wrong == []


def test_errors_have_one_form():
    old = re.compile(r"^\w+=\{\}; (?:it|they) must|; it must be one of|^\w+=\{\}, but it ")
    wrong = [
        f"{file.relative_to(ROOT)}:{number} {text}"
        for file in PACKAGE
        for number, text in messages(file)
        if old.search(text)
    ]
    assert wrong == []


def test_errors_are_short():
    long = [
        f"{file.relative_to(ROOT)}:{number} {text}"
        for file in PACKAGE
        for number, text in messages(file)
        if len(text) > 220
    ]
    assert long == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("# Of many components the later ones are noise", r"(?:^|[.:] )Of (?!course\b)[a-z]"),
        ('x = "reg must be a whole number"', r"\bwhole numbers?\b"),
        ("# The header tells of 100 bytes", r"\btells? of\b|\btold of\b"),
        ("# Standardised columns, in grey", BRITISH),
        ('x = f"{n} rows but for one"', r"\bbut for\b"),
    ],
)
def test_the_rules_find_what_they_should(line, rule):
    lines = [QUOTED.sub("``", text) for _, text in code_prose(f"{line}\n")]
    assert any(re.search(rule, text) for text in lines)


def test_messages_are_found():
    found = [text for file in PACKAGE for _, text in messages(file)]
    assert len(found) > 200
    assert any(text.startswith("`reg` must be") for text in found)
