"""The commands of the electrochemistry: nernst, ghk, donnan, pump, pumpleak.

Plain click commands in `COMMANDS`; NumPy and the rest load only when one runs.  Quantities carry their
unit ("100 nM", "37 degC", "-70 mV"); a plain number is in house units (um, ms, uM, mV, K).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from microdomain.cli_quantities import CONCENTRATION, TIME, VOLTAGE, IonValue, Quantity

temperature_option = click.option(
    "--temperature", type=Quantity("temperature"), default="37 degC", show_default=True, help="Temperature."
)


@contextmanager
def _plain_sentences() -> Iterator[None]:
    """A formula's refusal becomes bad input (exit code 2), its warning one line on stderr."""
    import warnings

    from microdomain.electro.warn import ElectroWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ElectroWarning)
        try:
            yield
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    for warning in caught:
        click.echo(f"warning: {warning.message}", err=True)


def _rows(rows: list[tuple[str, str]]) -> None:
    """Two columns: a name, and its value with the unit."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")


def _sides(ion: str, inside: float | None, outside: float | None, z: int | None) -> tuple[int, float, float]:
    """Charge and both concentrations of an ion; the default solutions fill what is not given."""
    from microdomain.electro.solutions import CHARGES, NEURON

    known = NEURON.get(ion)
    if z is None and ion not in CHARGES:
        raise click.UsageError(f"{ion} is not among {', '.join(CHARGES)}: give its charge number with --z.")
    if known is None and (inside is None or outside is None):
        raise click.UsageError(
            f"{ion} has no default concentrations: give --inside and --outside "
            f"(defaults exist for {', '.join(NEURON)})."
        )
    return (
        CHARGES[ion] if z is None else z,
        known.inside if inside is None and known else float(inside or 0.0),
        known.outside if outside is None and known else float(outside or 0.0),
    )


@click.command(name="nernst")
@click.argument("ion")
@click.option("--inside", type=CONCENTRATION, help='Concentration inside, "100 nM"; a plain number is in uM.')
@click.option("--outside", type=CONCENTRATION, help='Concentration outside, "2 mM"; a plain number is in uM.')
@click.option("--z", type=int, help="Charge number, for an ion that is not known by name.")
@click.option("--voltage", type=VOLTAGE, help="Also give the driving force at this membrane potential (mV).")
@click.option("--strength-inside", type=CONCENTRATION, help="Ionic strength inside: use activities (Davies).")
@click.option(
    "--strength-outside", type=CONCENTRATION, help="Ionic strength outside: use activities (Davies)."
)
@temperature_option
def nernst_command(
    ion: str,
    inside: float | None,
    outside: float | None,
    z: int | None,
    voltage: float | None,
    strength_inside: float | None,
    strength_outside: float | None,
    temperature: float,
) -> None:
    """Equilibrium potential of ION (Na, K, Cl, Ca, ... or any name with --z)."""
    from microdomain import electro

    with _plain_sentences():
        charge, c_in, c_out = _sides(ion, inside, outside, z)
        activity = None
        if strength_inside is not None or strength_outside is not None:
            activity = electro.Davies(inside=strength_inside, outside=strength_outside)
        E = electro.nernst(c_in, c_out, charge, temperature, activity)
        rows = [(f"E_{ion}", f"{E:+.4f} mV")]
        if voltage is not None:
            rows.append(("V - E", f"{electro.driving_force(voltage, E):+.4f} mV"))
        _rows(rows)


@click.command(name="ghk")
@click.argument("permeabilities", metavar="[ION=P]...", nargs=-1, type=IonValue("permeability"))
@click.option("--inside", multiple=True, type=IonValue("concentration"), help='"K=140 mM"; repeat.')
@click.option("--outside", multiple=True, type=IonValue("concentration"), help='"K=5 mM"; repeat.')
@click.option("--voltage", type=VOLTAGE, help="Also give the currents at this membrane potential.")
@temperature_option
def ghk_command(
    permeabilities: tuple[tuple[str, float], ...],
    inside: tuple[tuple[str, float], ...],
    outside: tuple[tuple[str, float], ...],
    voltage: float | None,
    temperature: float,
) -> None:
    """Reversal potential of a membrane or channel that passes several ions: K=1 Na=0.04 Cl=0.45.

    Plain numbers are relative. With --voltage permeabilities are absolute ("Ca=2.6e-13 cm^3/s") and the
    currents are in pA, inward negative.
    """
    from microdomain import electro

    with _plain_sentences():
        chosen = dict(permeabilities or (("K", 1.0), ("Na", 0.04), ("Cl", 0.45)))
        for ion in {**dict(inside), **dict(outside)}:
            if ion not in chosen:
                raise click.UsageError(f"{ion} has concentrations but no permeability: add {ion}=NUMBER.")
        ions = [_sides(ion, dict(inside).get(ion), dict(outside).get(ion), None) for ion in chosen]
        P = list(chosen.values())
        z, c_in, c_out = (list(column) for column in zip(*ions, strict=True))
        rows = [("E_rev", f"{electro.ghk_voltage(P, z, c_in, c_out, temperature):+.4f} mV")]
        if voltage is not None:
            for ion, p, side in zip(chosen, P, ions, strict=True):
                current = electro.ghk_current(p, *side, voltage, temperature)
                rows.append((f"I_{ion}", f"{current:+.6g} pA"))
            total = electro.ghk_total(P, z, c_in, c_out, voltage, temperature)
            rows.append(("I", f"{total:+.6g} pA"))
        _rows(rows)


@click.command(name="donnan")
@click.option("--salt", type=CONCENTRATION, required=True, help='Monovalent salt outside, "150 mM".')
@click.option("--impermeant", type=CONCENTRATION, required=True, help="Molecules that stay inside.")
@click.option("--charge", type=float, required=True, help="Their mean charge number.")
@click.option(
    "--outside-impermeant", type=CONCENTRATION, help="Let the cell swell, with these molecules outside."
)
@temperature_option
def donnan_command(
    salt: float, impermeant: float, charge: float, outside_impermeant: float | None, temperature: float
) -> None:
    """Donnan equilibrium: what charged molecules that cannot leave do to salt, voltage and water."""
    from microdomain import electro

    with _plain_sentences():
        found: Any
        if outside_impermeant is None:
            found = electro.donnan(salt, impermeant, charge, temperature)
            last = [
                ("osmolarity", f"{found.excess / 1e3:+.4f} mM above outside"),
                ("pressure", f"{found.pressure:.4f} kPa"),
            ]
        else:
            found = electro.donnan_free(salt, impermeant, charge, outside_impermeant, temperature)
            burst = "infinite: the cell bursts" if found.swelling == float("inf") else f"{found.swelling:.6f}"
            last = [("impermeant", f"{found.impermeant / 1e3:.4f} mM"), ("volume ratio", burst)]
        _rows(
            [
                ("V", f"{found.voltage:+.4f} mV"),
                ("cation", f"{found.cation / 1e3:.4f} mM"),
                ("anion", f"{found.anion / 1e3:.4f} mM"),
                ("ratio", f"{found.ratio:.6f}"),
                *last,
            ]
        )


@click.command(name="pump")
@click.option("--voltage", type=VOLTAGE, default="-70 mV", show_default=True, help="Membrane potential.")
@click.option("--inside", multiple=True, type=IonValue("concentration"), help='"Na=12 mM"; repeat.')
@click.option("--outside", multiple=True, type=IonValue("concentration"), help='"K=5 mM"; repeat.')
@click.option("--atp", type=CONCENTRATION, default="8 mM", show_default=True)
@click.option("--adp", type=CONCENTRATION, default="1 mM", show_default=True)
@click.option("--pi", type=CONCENTRATION, default="4 mM", show_default=True, help="Inorganic phosphate.")
@temperature_option
def pump_command(
    voltage: float,
    inside: tuple[tuple[str, float], ...],
    outside: tuple[tuple[str, float], ...],
    atp: float,
    adp: float,
    pi: float,
    temperature: float,
) -> None:
    """What the pumps and the exchanger must do, and what ATP gives."""
    from microdomain import electro

    with _plain_sentences():
        for ion in {**dict(inside), **dict(outside)}:
            if ion not in ("Na", "K", "Ca"):
                raise click.UsageError(f"{ion} is not pumped here: give Na, K or Ca.")
        (_, na_in, na_out), (_, k_in, k_out), (_, ca_in, ca_out) = (
            _sides(ion, dict(inside).get(ion), dict(outside).get(ion), None) for ion in ("Na", "K", "Ca")
        )
        work = electro.sodium_pump_work(na_in, na_out, k_in, k_out, voltage, temperature)
        energy = electro.atp_energy(atp, adp, pi, temperature)
        turn = electro.sodium_pump_reversal(na_in, na_out, k_in, k_out, energy, temperature)
        calcium = electro.calcium_pump_work(ca_in, ca_out, voltage, temperature)
        E_Na, E_Ca = (electro.nernst(*side, temperature) for side in ((na_in, na_out, 1), (ca_in, ca_out, 2)))
        floor = electro.exchanger_floor(na_in, na_out, ca_out, voltage, temperature)
        _rows(
            [
                ("Na/K pump, work per cycle", f"{work:.4f} kJ/mol"),
                ("ATP hydrolysis", f"{energy:.4f} kJ/mol"),
                ("efficiency", f"{100 * electro.efficiency(work, energy):.2f} %"),
                ("Na/K pump reverses at", f"{turn:+.4f} mV"),
                ("Ca pump, work per ion", f"{calcium:.4f} kJ/mol"),
                ("Na/Ca exchanger reverses at", f"{electro.exchanger_reversal(E_Na, E_Ca):+.4f} mV"),
                ("exchanger's lowest Ca inside", f"{1e3 * floor:.4f} nM"),
            ]
        )


def _cell_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that describe a pump-leak cell."""
    options = [
        click.option("--pump", type=float, default=5e-3, show_default=True, help="Pump current, pA/um^2."),
        click.option("--g-na", type=float, default=1e-4, show_default=True, help="Sodium leak, nS/um^2."),
        click.option("--g-k", type=float, default=3e-3, show_default=True, help="Potassium leak, nS/um^2."),
        click.option("--g-cl", type=float, default=2e-3, show_default=True, help="Chloride leak, nS/um^2."),
        click.option("--sodium", type=CONCENTRATION, default="147 mM", show_default=True, help="Outside."),
        click.option("--potassium", type=CONCENTRATION, default="3 mM", show_default=True, help="Outside."),
        click.option("--impermeant", type=CONCENTRATION, default="50 mM", show_default=True),
        click.option("--charge", type=float, default=-1.0, show_default=True, help="Of the impermeants."),
        click.option("--outside-impermeant", type=CONCENTRATION, default="0 mM", show_default=True),
        click.option("--kcc2", type=float, default=0.0, show_default=True, help="Strength, nS/um^2."),
        click.option("--nkcc1", type=float, default=0.0, show_default=True, help="Strength, nS/um^2."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="pumpleak")
@_cell_options
@click.option("--until", type=TIME, help="Follow the cell for this long, from its steady state.")
@click.option("--off", type=TIME, nargs=2, help="The pump stops between these two times.")
@click.option("--rows", type=click.IntRange(2), default=11, show_default=True, help="Lines of the table.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the course to a file.")
@temperature_option
def pumpleak_command(
    until: float | None,
    off: tuple[float, float] | None,
    rows: int,
    plot: Path | None,
    temperature: float,
    **given: float,
) -> None:
    """A cell with leaks and a pump: its steady state, or its course when the pump stops."""
    from microdomain import electro

    with _plain_sentences():
        cell = electro.PumpLeak(
            g_Na=given["g_na"],
            g_K=given["g_k"],
            g_Cl=given["g_cl"],
            pump=given["pump"],
            Na_out=given["sodium"],
            K_out=given["potassium"],
            impermeant=given["impermeant"],
            impermeant_out=given["outside_impermeant"],
            charge=given["charge"],
            kcc2=given["kcc2"],
            nkcc1=given["nkcc1"],
            temperature=temperature,
        )
        if until is None:
            if off or plot:
                raise click.UsageError("--off and --plot need a course: give --until.")
            rest = electro.steady_state(cell)
            named = {"V": rest.V, "E_Na": rest.E_Na, "E_K": rest.E_K, "E_Cl": rest.E_Cl}
            table = [(name, f"{value:+.4f} mV") for name, value in named.items()]
            amounts = {"Na": rest.Na, "K": rest.K, "Cl": rest.Cl, "impermeant": rest.impermeant}
            table += [(name, f"{value / 1e3:.4f} mM") for name, value in amounts.items()]
            _rows([*table, ("volume ratio", f"{rest.swelling:.6f}")])
            return
        episodes = [electro.Episode(*off, {"pump": 0.0})] if off else []
        course = electro.evolve(cell, until, episodes)
        _print_course(course, rows)
        if plot:
            _draw_course(course, plot)
            click.echo(f"drawn: {plot}", err=True)


def _print_course(course: Any, rows: int) -> None:
    """`rows` evenly chosen lines of a course."""
    names = ("V", "Na", "K", "Cl", "E_Cl")
    click.echo(
        f"{'time s':>12}{'V mV':>12}{'Na mM':>12}{'K mM':>12}{'Cl mM':>12}{'E_Cl mV':>12}{'volume':>12}"
    )
    last = len(course.time) - 1
    for line in sorted({round(i * last / (rows - 1)) for i in range(rows)}):
        values = [getattr(course, n)[line] / (1.0 if n in ("V", "E_Cl") else 1e3) for n in names]
        numbers = "".join(f"{value:>12.4f}" for value in values)
        click.echo(f"{course.time[line] / 1e3:>12.4g}{numbers}{course.swelling[line]:>12.6f}")


def _draw_course(course: Any, path: Path) -> None:
    """The course as a picture, in a file."""
    from microdomain.view.electro_plots import course_figure

    try:
        figure = course_figure(course)
    except ImportError as error:
        raise click.UsageError('--plot needs matplotlib: pip install "microdomain[view]".') from error
    figure.savefig(path)


COMMANDS = [nernst_command, ghk_command, donnan_command, pump_command, pumpleak_command]
