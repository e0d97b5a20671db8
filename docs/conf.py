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
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

import microdomain  # noqa: E402  (the line above says which)

project = "microdomain"
author = "The microdomain authors"
copyright = author
version = release = microdomain.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
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
    "secondary_sidebar_items": ["page-toc"],
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
    """Docstring lines as numpydoc wants them: descriptions on lines of their own.

    Parameters
    ----------
    lines : list of str

    Returns
    -------
    list of str
    """
    out: list[str] = []
    section = ""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if re.fullmatch(r"-{3,}", following) and line and not line.startswith(" "):
            section = _WORDS.get(line, line)
            out.append(section)
            continue
        if section in _NAMED and line and not line.startswith((" ", "-")):
            found = _INLINE.match(line)
            bare = None if found else _BARE.match(line)
            if found:
                out.append(f"{found[1]} : {found[2]}")
                out += [f"    {found[3]}"] if found[3] else []
                continue
            if bare:
                out += [bare[1], f"    {bare[2]}"]
                continue
        if section in _UNNAMED and line and not line.startswith((" ", "-", ">")):
            head, _, rest = re.sub(r" {2,}", "\0", line, count=1).partition("\0")
            out.append(head)
            out += [f"    {rest.strip()}"] if rest else []
            continue
        out.append(line)
    return out


def _on_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [
        line if line.startswith("    ") else _SIZE.sub(r"\\|\1\\|", line) for line in unfold(lines)
    ]


def _mathml(text: str, block: bool) -> str:
    from docutils.utils.math import latex2mathml, wrap_math_code

    return latex2mathml.tex2mathml(wrap_math_code(text, block), as_block=block)


def _inline_math(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(_mathml(node.astext(), block=False))
    raise SkipNode


def _block_math(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(f'<div class="math">{_mathml(node.astext(), block=True)}</div>')
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


def _write_notebooks(app: Any) -> None:
    """The scripts of `notebooks/` as pages, executed like any other."""
    import jupytext

    folder = HERE / "_generated" / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    scripts = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
    for stale in folder.glob("*.md"):
        if stale.stem not in scripts:
            stale.unlink()
    for name, path in scripts.items():
        target = folder / f"{name}.md"
        text = jupytext.writes(jupytext.read(path), fmt="md:myst")
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("validation_table", "", "env")
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    app.connect("autodoc-process-docstring", _on_docstring, priority=400)  # before numpydoc's 500
    app.connect("builder-inited", _write_validation_table, priority=100)
    app.connect("builder-inited", _write_notebooks, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
