"""Whether a model has a steady state that the solver knows, said before it is solved."""

from __future__ import annotations

from microdomain.model import Fixed, Gaussian, Held, Hold, Model, Open, Table
from microdomain.model.tissue import uneven_parts
from microdomain.steady_problem import NoSteadyState
from microdomain.steady_pumps import greatest_outflow

#: What to do about it, in the words of a script and of a scenario.
MENDS = {
    "gate": (
        "Give gate=Open(), or use simulate.",
        'Give gate = { kind = "open" } or the flag --open, or use `microdomain run`.',
    ),
    "current": (
        "Give current=Fixed(0.1), in pA, or use simulate.",
        'Give current = { kind = "fixed", i = "0.1 pA" }, or use `microdomain run`.',
    ),
    "voltage": (
        "Give voltage=Hold(-20.0), in mV, or use simulate.",
        'Give voltage = { kind = "hold", V = "-20 mV" }, or use `microdomain run`.',
    ),
    "walls": (
        "Hold a wall, e.g. walls=Walls(x=Held(), y=Held()), give uptake={{{ion!r}: 0.4}} in 1/ms, or march "
        "in time with simulate.",
        'Hold a wall, e.g. [model.walls] with x = "held" and y = "held", give [model.uptake] with '
        '{ion} = "0.4 /ms", or march in time with `microdomain run`.',
    ),
}


def check_steady(model: Model, scenario: bool = False) -> None:
    """Refuse a model that has no steady state, with the reason and the mend.

    Parameters
    ----------
    model : Model
    scenario : bool                 name the mend in the words of a scenario file

    Raises
    ------
    NoSteadyState
    """
    for what, name in uneven_parts(model):
        raise NoSteadyState(
            f"steady_state knows no {what}, and this model has {name!r}. March to the steady state with "
            f"simulate, or leave the {what} out."
        )
    model.plain_buffers_only("steady_state knows", " Use simulate(), for a steady state with a long `until`.")
    mend = {name: words[scenario] for name, words in MENDS.items()}
    known: dict[str, float] = {}
    felt: set[str] = set()
    for channel in model.resolved_channels:
        law = channel.current
        if not isinstance(channel.gate, Open):
            raise NoSteadyState(
                f"Channel '{channel.name}' has the gate {type(channel.gate).__name__}: a steady state needs "
                f"channels that stay open. {mend['gate']}"
            )
        if isinstance(law, Fixed):
            if isinstance(law.i, Gaussian | Table):
                raise NoSteadyState(
                    f"Channel '{channel.name}' carries a current that varies in time: a steady state needs a "
                    f"constant one. {mend['current']}"
                )
            if law.i:
                known[channel.ion] = known.get(channel.ion, 0.0) + law.i
            continue
        if not isinstance(model.voltage, Hold):
            raise NoSteadyState(
                f"Channel '{channel.name}' carries a {type(law).__name__} current and the voltage moves: a "
                f"steady state needs one that stays. {mend['voltage']}"
            )
        felt.add(channel.ion)
    walls = (*model.walls.x, *model.walls.y, *model.walls.z)
    if any(isinstance(wall, Held) for wall in walls):
        return
    for ion in dict.fromkeys((*known, *sorted(felt))):
        net = known.get(ion, 0.0)
        if any(pump.ion == ion and pump.law.terms.steepest > 0 for pump in model.pumps):
            most = greatest_outflow(model, ion)
            if net > most and not model.uptake_rate(ion):
                raise NoSteadyState(
                    f"{net:g} pA of {ion!r} flow into a closed box whose pumps carry {most:.3g} pA at "
                    "most: there is no steady state. Give smaller currents, stronger pumps, or hold a wall."
                )
            continue
        if not model.uptake_rate(ion) and (net or ion in felt):
            what = f"A current of {ion!r} flows" if ion in felt else f"{net:g} pA of {ion!r} flow"
            raise NoSteadyState(
                f"{what} into a closed box and nothing takes them out, so there is no steady state. "
                + mend["walls"].format(ion=ion)
            )
