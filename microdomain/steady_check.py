"""Whether a model has a steady state that the solver knows, said before it is solved."""

from __future__ import annotations

from math import isclose

from microdomain.model import Fixed, Gaussian, Held, Hold, Model, Open, Table
from microdomain.model.tissue import uneven_parts
from microdomain.steady_problem import NoSteadyState
from microdomain.steady_pumps import outflow_range

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
    "pumps": (
        "Give smaller currents, other pumps, or hold a wall without pumps, e.g. walls=Walls(x=Held()).",
        "Give smaller currents, other [[model.pumps]], or hold a wall without pumps, e.g. [model.walls] with "
        'x = "held".',
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
    for ion in dict.fromkeys((*known, *sorted(felt), *(pump.ion for pump in model.pumps))):
        if not model.uptake_rate(ion):
            why = _why_unbalanced(model, ion, known.get(ion, 0.0), ion in felt)
            if why:
                by = "pumps" if any(pump.ion == ion for pump in model.pumps) else "walls"
                raise NoSteadyState(f"{why}, so there is no steady state. {mend[by].format(ion=ion)}")


def _why_unbalanced(model: Model, ion: str, net: float, felt: bool) -> str:
    """What keeps an ion from balancing in a closed box without uptake; "" where nothing does.

    `net` is the constant current of its channels, pA; `felt` says whether others follow the concentration.
    """
    least, most = outflow_range(model, ion)
    if least == most:
        inflow = 0.0 if isclose(net, most) else net - most
        if felt:
            return f"A current of {ion!r} flows into a closed box and nothing takes them out"
        if inflow > 0:
            return f"{inflow:.3g} pA of {ion!r} flow into a closed box and nothing takes them out"
        if inflow < 0:
            return f"{-inflow:.3g} pA of {ion!r} flow out of a closed box and nothing brings them back"
        return f"As much {ion!r} flows into a closed box as out of it at every concentration" if net else ""
    if net >= most or isclose(net, most):
        flow = f"{net:.3g} pA of {ion!r} flow into a closed box whose pumps"
        if most > 0:
            return f"{flow} carry {most:.3g} pA at most"
        return f"The pumps of {ion!r} let {-most:.3g} pA or more into a closed box"
    if not felt and least < 0 and (net <= least or isclose(net, least)):
        return f"{-net:.3g} pA of {ion!r} flow out of a closed box whose pumps let in {-least:.3g} pA at most"
    return ""
