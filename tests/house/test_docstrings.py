"""Docstrings are there, name every argument, and their examples run."""

import ast
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import microdomain

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "microdomain").rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]
MODULES = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in NAMES]

PROTOCOL = {
    method.name
    for path in FILES
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
    for method in node.body
    if isinstance(method, ast.FunctionDef)
}


def public(body):
    return [
        node
        for node in body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    ]


def arguments(function):
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [each.arg for each in every if each.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_everything_public_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    missing = [] if ast.get_docstring(tree) or not tree.body else ["the file itself"]
    for node in public(tree.body):
        # The tables of the scenario schema are described by the classes that they build.
        if not ast.get_docstring(node) and not node.name.endswith("Table"):
            missing.append(node.name)
        if isinstance(node, ast.ClassDef):
            # What a protocol has described its implementations need not say again.
            missing += [
                f"{node.name}.{method.name}"
                for method in public(node.body)
                if not ast.get_docstring(method) and method.name not in PROTOCOL
            ]
    assert not missing


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_parameters_section_names_every_argument(path):
    """A docstring that lists its arguments lists them all; a function's says what comes back, too."""
    faults = []
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        text = ast.get_docstring(node) or ""
        if not re.search(r"^Parameters\n-{3,}$", text, re.M):
            continue
        faults += [f"{node.name}: {name}" for name in arguments(node) if not re.search(rf"\b{name}\b", text)]
        nothing = node.returns is None or ast.unparse(node.returns) in ("None", "NoReturn")
        told = nothing or node not in tree.body or ">>>" in text
        if not told and not re.search(r"^(Returns|Yields)\n-{3,}$", text, re.M):
            faults.append(f"{node.name}: what it returns")
    assert not faults


def front_door():
    """Functions and classes that a script meets: the names of the package, its electro and its oracles."""
    places = [microdomain, microdomain.electro, microdomain.oracles]
    for place in places:
        names = getattr(place, "__all__", None) or [name for name in dir(place) if not name.startswith("_")]
        for name in names:
            each = getattr(place, name)
            if inspect.isfunction(each) or inspect.isclass(each):
                yield f"{place.__name__}.{name}", each


def test_what_a_script_meets_explains_its_arguments():
    """Three or more arguments: a section for them, or a word on whose they are."""
    faults = []
    for name, each in front_door():
        if inspect.isclass(each) and issubclass(each, (Warning, Exception)):
            continue
        count = len(inspect.signature(each).parameters)
        if count >= 3 and not re.search(r"(?i)parameters|arguments|attributes\n", each.__doc__ or ""):
            faults.append(name)
    assert not faults


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    outcome = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0
