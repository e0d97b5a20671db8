"""How the documentation is built: `sphinx-build -W docs docs/build`, offline, in about a minute.

Pages are MyST.  Those with code cells are executed by the build, so what they print is what the package
says today.  Nothing is fetched: no inventories of other sites, no fonts, and formulas become MathML here
instead of in the reader's browser.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]
# The kernels that execute the pages see this very tree, whether or not the package is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

import microdomain  # noqa: E402  (the line above says which)

project = "microdomain"
author = "The microdomain authors"
copyright = author
version = release = microdomain.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["build", "_generated/validation.md", "jupyter_execute", "**/README.md"]
suppress_warnings = ["mystnb.mime_priority"]
nitpicky = False

# -- pages -----------------------------------------------------------------------------------------
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "auto"
nb_execution_timeout = 60
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True

# -- reference -------------------------------------------------------------------------------------
autosummary_generate = False  # tables of what stands on the same page
autodoc_typehints = "none"  # the docstrings carry shapes and units, which types do not
autodoc_default_options = {"member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "code"

# -- look ------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "microdomain"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "microdomain"},
    "icon_links": [],
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "comparison": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars: dict[str, list[str]] = {
    "index": [],
    "tutorial": [],
    "comparison": [],
    "coming_from": [],
    "validation": [],
}

#: `name : type, unit        what it is`: the house puts a short description behind the type.
_INLINE = re.compile(r"^(\*{0,2}[A-Za-z_][\w, *]*\S) : (\S.*?)(?: {2,}(\S.*))?$")
_BARE = re.compile(r"^(\*{0,2}[A-Za-z_]\w*) {2,}(\S.*)$")
_NAMED = ("Parameters", "Other Parameters", "Attributes")
_UNNAMED = ("Returns", "Yields", "Raises", "Warns")
#: |z| means the size of z here, and a substitution to Sphinx.
_SIZE = re.compile(r"\|(\w+)\|")
#: Sections that numpydoc has another word for.
_WORDS = {"Sources": "References", "Source": "References"}


def unfold(lines: list[str]) -> list[str]:
    """Docstring lines as numpydoc wants them.

    Descriptions behind a type move to lines of their own; sources and examples that follow a section
    after an empty line get headings, where numpydoc would take them for entries of that section.

    Parameters
    ----------
    lines : list of str

    Returns
    -------
    list of str
    """
    out: list[str] = []
    section = ""

    def begin(heading: str) -> str:
        out.extend([heading, "-" * len(heading)])
        return heading

    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        outermost = bool(line) and not line.startswith(" ")
        if outermost and re.fullmatch(r"-{3,}", following):
            section = _WORDS.get(line, line)
            out.append(section)
            continue
        entries = section in _NAMED or section in _UNNAMED
        if outermost and number and not lines[number - 1]:
            if line.startswith(">>>") and (entries or section == "Notes"):
                section, entries = begin("Examples"), False
            elif entries and not (section in _NAMED and (_INLINE.match(line) or _BARE.match(line))):
                section, entries = begin("Notes"), False
        if not (entries and outermost) or line.startswith("-"):
            out.append(line)
        elif section in _NAMED:
            out += _entry(line)
        else:
            head, _, rest = re.sub(r" {2,}", "\0", line, count=1).partition("\0")
            out += [head, f"    {rest.strip()}"] if rest else [head]
    return out


def _entry(line: str) -> list[str]:
    found = _INLINE.match(line)
    if found:
        head = f"{found[1]} : {found[2]}"
        return [head, f"    {found[3]}"] if found[3] else [head]
    bare = _BARE.match(line)
    return [bare[1], f"    {bare[2]}"] if bare else [line]


def _on_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [line if line.startswith("    ") else _SIZE.sub(r"\\|\1\\|", line) for line in unfold(lines)]


def _mathml(text: str, block: bool) -> str:
    from docutils.utils.math import MathError, latex2mathml
    from sphinx.util import logging

    try:
        return latex2mathml.tex2mathml(text, as_block=block)
    except MathError as error:
        logging.getLogger(__name__).warning("The formula %r does not become MathML: %s", text, error)
        return ""


def _inline_math(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(_mathml(node.astext(), block=False))
    raise SkipNode


def _block_math(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(f'<div class="formula">{_mathml(node.astext(), block=True)}</div>')
    raise SkipNode


def _write_validation_table(app: Any) -> None:
    """The table of the validation page: the one that was given, or a new one."""
    import validation_table

    target = HERE / "_generated" / "validation.md"
    target.parent.mkdir(exist_ok=True)
    given = app.config.validation_table
    text = Path(given).read_text(encoding="utf-8") if given else validation_table.table()
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def _leave_notebooks(app: Any, config: Any) -> None:
    """`-D execute_notebooks=0` shows notebooks without outputs: they can be long, and have their own test."""
    if not config.execute_notebooks:
        config.nb_execution_excludepatterns = ["notebooks/*"]


def _set_up_kernels(app: Any) -> None:
    """The kernels show every matplotlib figure, and nobody's own IPython profile has a say."""
    from tempfile import mkdtemp

    profile = Path(mkdtemp(prefix="microdomain-docs-")) / "profile_default"
    profile.mkdir()
    (profile / "ipython_kernel_config.py").write_text(
        'c.IPKernelApp.matplotlib = "inline"\n', encoding="utf-8"
    )
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ.pop("MPLBACKEND", None)


def _clear_kernels(app: Any, exception: Exception | None) -> None:
    from shutil import rmtree

    rmtree(os.environ["IPYTHONDIR"], ignore_errors=True)


def _write_notebooks(app: Any) -> None:
    """The scripts of `notebooks/` as pages, executed like any other."""
    import jupytext

    folder = HERE / "notebooks"
    scripts = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
    for stale in folder.glob("*.md"):
        if stale.stem not in (*scripts, "index"):
            stale.unlink()
    for name, path in scripts.items():
        target = folder / f"{name}.md"
        text = jupytext.writes(jupytext.read(path), fmt="md:myst")
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("validation_table", "", "env")
    app.add_config_value("execute_notebooks", True, "env")
    app.connect("config-inited", _leave_notebooks)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    app.connect("autodoc-process-docstring", _on_docstring, priority=400)  # before numpydoc's 500
    app.connect("builder-inited", _write_validation_table, priority=100)
    app.connect("builder-inited", _write_notebooks, priority=100)
    app.connect("builder-inited", _set_up_kernels)
    app.connect("build-finished", _clear_kernels)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
