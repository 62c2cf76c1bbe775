"""The site of the documentation: `make docs` builds it into docs/_build/html."""

import os
import re

from docutils import nodes
from docutils.parsers.rst import Directive

import skdcca
from skdcca._cli.parser import make_parser

project = "skdcca"
author = copyright = "The skdcca developers"
version = release = skdcca.__version__

extensions = [
    "myst_parser",  # the pages are markdown, which can be read in the repository and run by pytest
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
nitpicky = True

# Markdown: links to headings, as in the repository
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]

# Docstrings: what stands in single backticks links if it is a public name, and is code if not
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", ".*"), ("py:.*", r"(sklearn|torch)\..*")]
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "GL06",
    "GL07",
    "PR01",
    "PR02",
    "PR03",
    "RT03",
    "SS01",
    "SS04",
    "YD01",
}
numpydoc_validation_exclude = {r"\.(count|index)$"}  # methods that named tuples inherit
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # types are in the sections of parameters
toc_object_entries_show_parents = "hide"
autosummary_imported_members = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The gallery runs its examples; one that fails ends the build
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "abort_on_example_error": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "within_subsection_order": "FileNameSortKey",
}

html_theme = "pydata_sphinx_theme"
html_title = f"skdcca {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "logo": {"text": "skdcca"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {
    page: [] for page in ("index", "start", "moving", "coming_from_*", "paper", "cli", "benchmarks")
}
html_show_sourcelink = False


class CommandLine(Directive):
    """What ``skdcca COMMAND --help`` prints, a section for each command."""

    def run(self):
        """Sections made from the parser itself, so that they cannot go stale."""
        os.environ |= {"COLUMNS": "90", "NO_COLOR": "1"}
        parser = make_parser()
        (commands,) = (a.choices for a in parser._actions if a.dest == "command")
        helps = {"skdcca": parser} | {f"skdcca {name}": c for name, c in commands.items()}
        return [self._section(name, command.format_help()) for name, command in helps.items()]

    def _section(self, name, text):
        title, block = nodes.title(text=name), nodes.literal_block(text, text, language="text")
        return nodes.section("", title, block, ids=[nodes.make_id(name)], names=[name])


def link_public_name(app, env, node, content):
    """Find a class of skdcca from a page of another module: `DeepCCA` from that of the losses."""
    target = node.get("reftarget", "")
    if node.get("reftype") != "obj" or not target[:1].isupper():
        return None
    return env.domains.python_domain.resolve_xref(
        env, node.get("refdoc"), app.builder, "obj", f"skdcca.{target}", node, content
    )


def strip_code(app, doctree):
    """Leave out the blank line that ends an example in markdown: pytest needs it, a reader does not."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip("\n")
        block.rawsource, block.children = text, [nodes.Text(text)]


def escape_names(app, what, name, obj, options, lines):
    """Escape the last underscore of `n_components_` in the types of parameters: it means a link."""
    for i, line in enumerate(lines):
        if re.match(r"\s*[\w*, ]+ : ", line) or (i and set(lines[i - 1].strip()) == {"-"}):
            lines[i] = re.sub(r"(?<=\w)_(?=[^\w`]|$)", r"\_", line)


def skip_member(app, what, name, member, skip, options):
    """Leave out what scikit-learn gives to every estimator: its texts link within its own site."""
    theirs = str(getattr(member, "__module__", "")).startswith("sklearn.")
    return True if theirs or re.fullmatch("set_.*_request", name) else None


def setup(app):
    """Register what is above."""
    app.add_directive("command-line", CommandLine)
    app.connect("autodoc-process-docstring", escape_names, priority=400)  # before numpydoc
    app.connect("doctree-read", strip_code)
    app.connect("missing-reference", link_public_name)
    app.connect("autodoc-skip-member", skip_member)
