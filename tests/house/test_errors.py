"""Every sentence that the package raises is met by a test: three words in a row of it stand in one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Stands for what a sentence is filled with.
GAP = "\0"
WORD = re.compile(r"[`'=./-]*\w[\w'`=./-]*")


def text(node):
    """A literal text with gaps for what it is filled with."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left) + text(node.right)
    if isinstance(node, ast.IfExp):
        return text(node.body) + GAP + text(node.orelse)
    return GAP


def threes(sentence):
    """All runs of three words between the gaps of a sentence."""
    for part in sentence.split(GAP):
        words = [word.strip(".").lower() for word in WORD.findall(part)]
        yield from (" ".join(words[k : k + 3]) for k in range(len(words) - 2))


@cache
def known():
    """Runs of three words in all texts of the tests; in a pattern, ``.*`` is a gap."""
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant | ast.JoinedStr):
                plain = re.sub(r"\.[*+]", GAP, text(node))
                found |= set(threes(re.sub(r"\\(.)", r"\1", plain)))
    return found


def raised():
    """(file, line, sentence) of every raise with a text of its own."""
    for path in sorted((ROOT / "microdomain").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                for argument in node.exc.args:
                    if any(threes(text(argument))):
                        yield path.relative_to(ROOT).as_posix(), node.lineno, text(argument)


def test_every_sentence_is_met_by_a_test():
    every = list(raised())
    assert len(every) > 400
    unmet = [
        f"{file}:{line}: {sentence.replace(GAP, '{}')}"
        for file, line, sentence in every
        if not set(threes(sentence)) & known()
    ]
    assert unmet == []


@pytest.mark.parametrize(
    ("source", "met"),
    [
        ("f'{who}: a wrong {word} is there, mend it.'", False),
        ("f'{who}: the model says nothing about it.'", True),
        ("'the model' + ' says ' + other", True),
    ],
)
def test_the_search_finds_what_it_should(source, met):
    there = set(threes("X: the model says no"))
    assert bool(set(threes(text(ast.parse(source, mode="eval").body))) & there) is met
