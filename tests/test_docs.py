"""The documentation: every public name has an entry and an example, and no link is broken."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import skdcca

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if not {"_build", "api", "gallery"} & set(page.relative_to(ROOT).parts[:-1])
)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def public_objects():
    """Return each public object once, by its longest name."""
    found = {}
    for name in skdcca.__all__:
        value = getattr(skdcca, name)
        if inspect.ismodule(value):
            found |= {id(getattr(value, n)): f"{value.__name__}.{n}" for n in value.__all__}
        else:
            found.setdefault(id(value), f"skdcca.{name}")
    return sorted(found.values())


def resolved(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def names_of_api_page():
    module, names = None, []
    for line in (ROOT / "docs/api.md").read_text().splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w+", line):
            names.append(f"{module}.{line.strip()}")
    return names


def test_every_public_name_is_on_the_api_page_once():
    shown = [id(resolved(name)) for name in names_of_api_page()]
    assert len(set(shown)) == len(shown)
    assert {name for name in public_objects() if id(resolved(name)) not in shown} == set()


def test_every_name_on_the_api_page_is_public():
    public = [id(resolved(name)) for name in public_objects()]
    assert {name for name in names_of_api_page() if id(resolved(name)) not in public} == set()


@pytest.mark.parametrize("name", public_objects())
def test_every_public_name_has_an_example(name):
    _, heading, examples = resolved(name).__doc__.partition("Examples\n    --------\n")
    assert heading, "no Examples block"
    assert ">>> " in examples


def prose(page):
    """Return the lines of a page outside its blocks of code."""
    inside, lines = False, []
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            lines.append(line)
    return lines


def anchors(page):
    """Return the anchors of headings, as GitHub and the site make them."""
    headings = [line.lstrip("#").strip() for line in prose(page) if re.match("#+ ", line)]
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in kept}


def links(page):
    return LINK.findall(re.sub("`[^`]*`", "", "\n".join(prose(page))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    broken = []
    for link in links(page):
        if "://" in link:
            if not re.fullmatch(r"https://[\w.-]+\.[a-z]+(/[\w./#?=&%~+-]*)?", link):
                broken.append(link)
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if path == "gallery/index.md":  # made with the site
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_links_are_found_at_all():
    found = {link for page in PAGES for link in links(page)}
    assert {"benchmarks.md#how-exact", "docs/demo.png", "../benchmarks.md#weighting"} <= found
    assert "how-exact" in anchors(ROOT / "docs/benchmarks.md")
