"""A step that fails for a pump or a reaction says so."""

import numpy as np
import pytest

import microdomain as md
from microdomain import batch
from microdomain.batch import Batch, StepError
from microdomain.begin import initial_state
from microdomain.plan import lay
from microdomain.step_faults import culprit

CALCIUM = md.Ion("Ca", z=2, D=0.22, rest=0.1)
LOBE = md.TwoSite("N", 100, k_T=0.77, koff_T=160, k_R=32, koff_R=22, D=0.05)
MODEL = md.Model(
    box=((0, 0.2), (0, 0.2), (0, 0.2)), ions=[CALCIUM], buffers=[LOBE],
    pumps=[md.Pump(md.LinearPump(0.2), face="z+", name="NCX"),
           md.Pump(md.HillPump(0.1, 0.4), face="z+", name="PMCA"),
           md.Pump(md.LinearPump(0.2), face="x-", name="side")],
)  # fmt: skip
GRID = md.Grid.uniform(MODEL, 0.05)


def told(name, cell, value, model=MODEL):
    plan = lay([model], GRID)
    y = initial_state(plan)
    plan.coarse(y)[(0, plan.names.index(name), *cell)] = value
    return culprit(plan, 0, y[0], np.zeros((1, *GRID.shape)))


def test_a_pump_is_named_where_it_pumps():
    text = told("Ca", (3, 1, 2), -0.2)
    assert text == (
        " 'Ca' falls below zero at (0.125, 0.075, 0.175) um, beside pumps 'NCX', 'PMCA': "
        "give finer cells there, or a weaker pump."
    )
    assert "beside pump 'side': give" in told("Ca", (1, 1, 0), -0.2)


def test_a_pump_on_a_patch_elsewhere_is_not_named():
    """Its patch ends at x = 0.05: the next cell (0.05 to 0.1) is beside it, the last one is not."""
    patch = md.Rectangle((0.025, 0.1), (0.05, 0.2))
    small = md.Pump(md.LinearPump(0.2), face="z-", patch=patch, name="small")
    one = md.Model(box=MODEL.box, ions=[CALCIUM], pumps=[small])
    for x, beside in ((0, True), (1, True), (3, False)):
        assert ("'small'" in told("Ca", (1, 1, x), -0.2, one)) is beside, x


def test_a_form_names_its_reactions():
    assert told("N.2", (0, 1, 2), -0.2).endswith("; look at reaction 'Ca + N.1 <-> N.2'.")
    assert "reactions 'Ca + N.free <-> N.1', 'Ca + N.1 <-> N.2'" in told("N.1", (0, 1, 2), np.nan)


def test_nobody_is_blamed_without_cause():
    assert told("Ca", (0, 1, 2), 5.0) == ""
    bare = md.Model(box=MODEL.box, ions=[CALCIUM])
    assert told("Ca", (0, 1, 2), -0.2, bare) == ""


def test_the_error_of_a_run_says_so(monkeypatch):
    attempt = Batch._attempt

    def spoilt(self, active, dt):
        trial = attempt(self, active, dt)
        self.plan.coarse(trial.y)[0, 0, -1, 1, 2] = trial.lowest[:] = -0.2
        return trial

    monkeypatch.setattr(Batch, "_attempt", spoilt)
    monkeypatch.setattr(batch, "SHORTEST", 1e-6)
    with pytest.raises(StepError, match=r"rates\. 'Ca' falls below zero at .*'NCX', 'PMCA'"):
        md.simulate(MODEL, GRID, until=1.0, device="numpy")
