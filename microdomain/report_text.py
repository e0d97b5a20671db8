"""Numbers and tables in words, as reports, pictures and commands print them."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: The time (ms) from which on a frame means a steady state: twelve days.
STEADY = 1e9


def millivolts(E: float) -> str:
    """A voltage with its sign; a dash for NaN.

    >>> millivolts(36.04)
    '+36.04 mV'
    """
    return "-" if math.isnan(E) else f"{E:+.2f} mV"


def concentration(c: float) -> str:
    """A concentration with the unit that suits its size.

    >>> concentration(0.0682), concentration(66.14), concentration(2000.0)
    ('68.2 nM', '66.14 uM', '2 mM')
    """
    if abs(c) >= 1e3:
        return f"{1e-3 * c:.4g} mM"
    return f"{c:.4g} uM" if abs(c) >= 1.0 else f"{1e3 * c:.4g} nM"


def milliseconds(t: float) -> str:
    """A time given in ms, with the unit that suits its size; that of a steady state is no time.

    >>> milliseconds(0.001), milliseconds(2.0), milliseconds(0.0)
    ('1 us', '2 ms', '0 ms')
    """
    if t >= STEADY:
        return "steady state"
    if 0 < abs(t) < 0.0995:
        return f"{1e3 * t:.4g} us" if abs(t) >= 1e-4 else f"{1e6 * t:.4g} ns"
    return f"{t:.6g} ms"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(0.0412), duration(6.0), duration(754.2)
    ('0.041 s', '6 s', '12 min 34 s')
    """
    if seconds < 99.5:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] | None = None) -> str:
    """Columns as wide as their longest entry; nothing is ever cut.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequences of str
    right : sequence of int       columns that stand to the right; all but the first unless given

    Returns
    -------
    str

    >>> print(table(("nm", "uM"), [("5", "60.3"), ("10", "30.1")], right=(0, 1)))
    nm    uM
     5  60.3
    10  30.1
    """
    right = range(1, len(head)) if right is None else right
    widths = [max(len(str(row[k])) for row in (head, *rows)) for k in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [
            f"{text:>{width}}" if k in right else f"{text:<{width}}"
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
