"""The house stays in order: imports point downward, the heavy ones stay in their rooms, files stay short."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "microdomain"

# From the bottom up, and from left to right within a line: a file imports only what stands before it.
# A family (oracles.py and oracles_walls.py, the folder model/) is one entry; inside it no circles.
ORDER = [
    *("units", "quantities"),
    "electro",
    *("model", "finite_volume", "grid"),
    *("oracles", "history", "gates", "fluxes", "window", "near_field", "network"),
    *("wall_pumps", "mask", "mouths"),
    *("sites", "plan"),
    *("backends", "wall_reading", "reading", "laws", "feedback", "weights", "state"),
    "steppers",
    *("frames", "store", "vtkxml"),
    *("ledger", "record", "sensors", "release", "optics", "maps", "compare", "export", "results"),
    *("begin", "step_faults", "batch", "closing", "recorder", "checkpoint", "resume", "progress"),
    *("pace", "setting", "estimate", "forecast"),
    *("simulate", "steady"),
    *("presets", "examples", "surfaces", "scenario", "sweep"),
    "report",
    "devices",
    *("view", "cli"),
]

# Who may import what costs time, needs a device or needs a screen.
ROOMS = {
    "cupy": {"backends/cuda.py"},
    "cupyx": {"backends/cuda.py"},
    "cupy_backends": {"backends/cuda.py"},
    **{name: {"view/", "surfaces.py"} for name in ("pyvista", "trame", "trame_vtk", "vtk", "matplotlib")},
}
LONGEST = 320

FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in FILES}


def family(module):
    """Entry of ORDER that a module belongs to; None for the front door."""
    if module == "microdomain":
        return None
    name = module.split(".")[1]
    while name not in ORDER and "_" in name:
        name = name.rpartition("_")[0]
    return name


def imported(node, path):
    """Full names that one import statement asks for."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    base = node.module or ""
    if node.level:
        package = list(path.relative_to(ROOT).parent.parts)
        base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
    within = {f"{base}.{alias.name}" for alias in node.names}
    return {name if name in MODULES else base for name in within}


@cache
def imports(path):
    """(name, line, whether a type checker alone reads it) of every import in a file, wherever it stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    types_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    return [
        (name, node.lineno, id(node) in types_only)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in sorted(imported(node, path))
    ]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_import_points_downward(path):
    me = family(module_of(path))
    if me is None:
        return  # the front door names everything and loads nothing; test_light.py watches it
    assert me in ORDER, f"{me} has no place in the order of the house; give it one in ORDER"
    for name, line, _ in imports(path):
        if not name.startswith("microdomain."):
            continue
        other = family(name)
        assert other in ORDER, f"{path.name}:{line} imports {name}, which has no place in ORDER"
        assert ORDER.index(other) <= ORDER.index(me), (
            f"{path.name}:{line} imports {name}, which stands above it"
        )


def test_no_file_imports_itself_by_a_detour():
    graph = {
        module_of(path): {name for name, _, types in imports(path) if name in MODULES and not types}
        for path in FILES
    }
    graph.pop("microdomain")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These files import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_heavy_imports_stay_in_their_rooms(path):
    inside = path.relative_to(PACKAGE).as_posix()
    for name, line, types in imports(path):
        rooms = ROOMS.get(name.split(".")[0])
        allowed = rooms is None or types or any(inside.startswith(room) for room in rooms)
        assert allowed, f"{inside}:{line} imports {name}; only {sorted(rooms or ())} may"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_tells_one_story(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{path.name} has {lines} lines; split what it tells"


def test_kernels_hold_no_python():
    """An import package named `kernels` would clash; the wheel's mapping holds only without it."""
    folder = ROOT / "kernels"
    assert not list(folder.rglob("*.py")) if folder.exists() else True


def test_no_promise_left_open():
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for folder in ("microdomain", "kernels", "tests", "benchmarks", "notebooks")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".c", ".h", ".cu", ".toml", ".md"}
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert not found
