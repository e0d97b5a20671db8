"""Every kernel compiles to machine code of three generations of cards, without a card and without spills."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "agree"))

from plans import random_plan

from microdomain.backends import sources

#: V100, A100, H100.
CARDS = ("sm_70", "sm_80", "sm_90")


@pytest.fixture(scope="module")
def nvrtc():
    try:
        from cupy_backends.cuda.libs import nvrtc

        nvrtc.getVersion()
    except (ImportError, RuntimeError) as reason:
        pytest.skip(f"NVRTC is not here: {reason}")
    return nvrtc


def compiled(nvrtc, text, card):
    """The cubin's size and, per kernel, (registers, bytes spilled)."""
    program = nvrtc.createProgram(text, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, ("--std=c++17", f"-arch={card}", "--ptxas-options=-v"))
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    log = nvrtc.getProgramLog(program)
    blocks = re.split(r"Compiling entry function '(\w+)'", log)[1:]
    found = {}
    for name, block in zip(blocks[::2], blocks[1::2], strict=True):
        spilled = sum(int(n) for n in re.findall(r"(\d+) bytes spill", block))
        found[name] = (int(re.search(r"Used (\d+) registers", block).group(1)), spilled)
    return len(nvrtc.getCUBIN(program)), found


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("case", ["two ions, three members", "network: mobile, with refined buffers"])
def test_registers_without_spills(nvrtc, card, precision, case, record_property):
    plan = random_plan(case, 1)
    if card == "sm_70" and nvrtc.getVersion() >= (13, 0):
        pytest.skip("CUDA 13 knows no V100")
    size, found = compiled(nvrtc, sources.text(plan, precision), card)
    record_property("registers", found)
    assert size > 0
    assert set(found) == set(sources.signatures())
    assert {name: spilled for name, (_, spilled) in found.items() if spilled} == {}
    # A block of 256 threads must find its registers: 65536 per processor.
    assert max(np.array([registers for registers, _ in found.values()])) < 256, found
