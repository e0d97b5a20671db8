"""The documentation keeps its word: its code runs, its links lead somewhere, its numbers hold."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import microdomain as md

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: The build writes the notebooks' pages beside their index.
WRITTEN = re.compile(r"(_generated|build|jupyter_execute)/|notebooks/(?!index\.md)")
PAGES = sorted(p for p in DOCS.rglob("*.md") if not WRITTEN.match(p.relative_to(DOCS).as_posix()))
NAMES = [p.relative_to(DOCS).as_posix() for p in PAGES]
FENCE = re.compile(r"^```(\{?[\w-]*\}?)[^\n]*\n(.*?)^```$", re.M | re.S)
#: What the build needs; jupytext makes pages of the notebooks, ipykernel executes all of them.
NEEDED = ("sphinx", "pydata_sphinx_theme", "myst_nb", "numpydoc", "jupytext", "ipykernel", "matplotlib")
LACKING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


def blocks(path, kind):
    """The fenced blocks of one kind, options of code cells left out."""
    found = [text for word, text in FENCE.findall(path.read_text(encoding="utf-8")) if word == kind]
    return [re.sub(r"\A(:[\w-]+:[^\n]*\n)+\n?", "", text) for text in found]


def run(arguments, folder, **more):
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"} | more,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


def with_code():
    """Pages with cells; the build executes them all, so without one each runs here."""
    for path, name in zip(PAGES, NAMES, strict=True):
        if blocks(path, "{code-cell}") and (LACKING or name == "tutorial.md"):
            yield pytest.param(path, id=name)


@pytest.mark.slow
@pytest.mark.skipif("matplotlib" in LACKING, reason="the pages draw, and matplotlib is not installed")
@pytest.mark.parametrize("path", list(with_code()))
def test_every_cell_runs(path, tmp_path):
    run(["-W", "error", "-c", "\n".join(blocks(path, "{code-cell}"))], tmp_path)


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_all_python_is_in_cells(path):
    """Code that nothing executes would rot."""
    known = {"{code-cell}", "{eval-rst}", "{toctree}", "{include}", "sh", "toml", "text"}
    words = [word for word, _ in FENCE.findall(path.read_text(encoding="utf-8"))]
    assert [word for word in words if word not in known] == []


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_shell_commands_are_the_readmes(path):
    """Those of the README are executed by its own test and by CI."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for text in blocks(path, "sh") for line in text.splitlines()]
    assert [line for line in commands if line not in readme] == []


SCENARIO = """
[model]
box = [["-1 um", "1 um"], ["-1 um", "1 um"], ["0 um", "1 um"]]
[model.ions.Ca]
z = 2
D = "220 um^2/s"
rest = "100 nM"
[run]
until = "1 ms"
"""


@pytest.mark.parametrize(
    "text", [pytest.param(t, id=n) for p, n in zip(PAGES, NAMES, strict=True) for t in blocks(p, "toml")]
)
def test_scenario_tables_are_read(text, tmp_path):
    """Each is taken into a scenario that lacks it, and is found in the model."""
    (tmp_path / "gold.csv").write_text("x_nm,y_nm\n-20,0\n20,0\n", encoding="utf-8")
    (tmp_path / "it.toml").write_text(SCENARIO + text, encoding="utf-8")
    model = md.load(tmp_path / "it.toml").model
    table = tomllib.loads(text)["model"]
    assert {b.name for b in model.buffers} == set(table.get("buffers", {}))
    assert len(model.resolved_channels) == 2 * len(table.get("channels", []))


@pytest.fixture(scope="module")
def cases():
    sys.path.insert(0, str(DOCS))  # as Sphinx does: the table has a second file beside it
    spec = importlib.util.spec_from_file_location("validation_table", DOCS / "validation_table.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["validation_table"] = module
    spec.loader.exec_module(module)
    return module.measure(), module.text


@pytest.mark.slow
def test_every_number_of_the_validation_page_holds(cases):
    measured, text = cases
    assert len(measured) >= 20
    assert [case.row() for case in measured if not case.holds] == []
    assert all(case.row() in text(measured) for case in measured)


@pytest.fixture(scope="module")
def site(cases, tmp_path_factory):
    if LACKING:
        pytest.skip(f'{", ".join(LACKING)} not installed: pip install "microdomain[docs,view]" jupytext')
    folder = tmp_path_factory.mktemp("site")
    measured, text = cases
    (folder / "table.md").write_text(text(measured), encoding="utf-8")
    given = ["-D", f"validation_table={folder / 'table.md'}", "-D", "execute_notebooks=0"]
    run(
        ["-m", "sphinx", "-W", "-q", "-j", "2", "-b", "html", *given, str(DOCS), str(folder / "html")], folder
    )
    return folder / "html"


class Seen(HTMLParser):
    """The links and anchors of a page, and what a browser would fetch to show it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.anchors = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        has = dict(attributes)
        self.anchors |= {has[key] for key in ("id", "name") if has.get(key)}
        if tag == "a" and has.get("href"):
            self.links.append(has["href"])
        shown = tag == "link" and {"stylesheet", "icon", "preload"} & set((has.get("rel") or "").split())
        if has.get("src") or shown:
            self.fetched.append(has.get("src") or has["href"])


def leads_nowhere(page, link, seen):
    """Whether a link within the site has no target."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link == "#":
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return True
    return bool(parts.fragment) and target in seen and unquote(parts.fragment) not in seen[target].anchors


def pages_of(site):
    """Every page of the site; what lies in _static is the theme's own."""
    return {path: Seen(path) for path in site.rglob("*.html") if "_static" not in path.parts}


@pytest.mark.slow
def test_links_lead_somewhere(site):
    seen = pages_of(site)
    assert len(seen) > 20
    lost = [
        f"{page.relative_to(site)}: {link}"
        for page, has in seen.items()
        for link in [*has.links, *has.fetched]
        if leads_nowhere(page, link, seen)
    ]
    assert lost == []


@pytest.mark.slow
def test_no_page_fetches_from_elsewhere(site):
    fetched = {link for page in pages_of(site).values() for link in page.fetched}
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    fetched |= {link for style in styles for link in re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", style)}
    assert fetched
    assert [link for link in fetched if urlsplit(link).scheme in ("http", "https") or link[:2] == "//"] == []


@pytest.mark.slow
def test_the_reference_has_every_public_name(site):
    inventory = (site / "objects.inv").read_bytes()
    listed = zlib.decompress(inventory.split(b"\n", 4)[4]).decode().splitlines()
    names = {line.split(" ", 1)[0] for line in listed}
    rooms = {"units", "electro", "oracles", "sensors", "optics", "surfaces", "sweep", "view", "__version__"}
    wanted = {f"microdomain.{name}" for name in md.__all__ if name not in rooms}
    for room in (md.electro, md.oracles, md.optics, md.sweep, md.view):
        wanted |= {f"{room.__name__}.{name}" for name in room.__all__}
    wanted |= {f"microdomain.sensors.{name}" for name in ("release", "equilibrium", "Release")}
    assert sorted(wanted - names) == []


@pytest.mark.slow
def test_docstrings_came_through(site):
    """Descriptions behind a type stand on their own; no shape or unit was lost on the way."""
    text = re.sub(r"<[^>]+>", "", (site / "reference" / "model.html").read_text(encoding="utf-8"))
    text = re.sub(r"\s+", " ", text)
    assert "k_onfloat, 1/(uM ms)" in text.replace("k_on ", "k_on")
    assert "binding rate; 1e8 /(M s) is 0.1 /(uM ms)" in text
