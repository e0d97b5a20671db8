"""The release sensors of a result as a table: how much, how fast, when, and how far from the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microdomain.report_text import milliseconds, table

if TYPE_CHECKING:
    from microdomain.results import Results

HEAD = (
    "member", "sensor", "released", "peak_rate_per_ms", "peak_time_ms", "latency_ms", "nearest_um", "mean_um",
    "open_channels",
)  # fmt: skip


def release_rows(results: Results) -> list[tuple[Any, ...]]:
    """One row for each member and sensor: `HEAD` names the columns.

    Parameters
    ----------
    results : Results             with recorded sensors

    Returns
    -------
    list of tuple
    """
    found, near = (_with_members(d) for d in (results.release(times=_ends(results)), results.coupling()))
    rows = []
    for m in range(results.members):
        name = results.member_names[m] if results.member_names else f"member {m}"
        for k, label in enumerate(found["sensor"].values):
            numbers = [float(found[n][m, k]) for n in ("released", "peak_rate", "peak_time", "latency")]
            apart = [float(near[n][m, k]) for n in ("nearest", "mean")]
            rows.append((name, str(label), *numbers, *apart, int(near["opened"][m])))
    return rows


def release_table(results: Results) -> str:
    """The same in words, distances in nm.

    Parameters
    ----------
    results : Results             with recorded sensors

    Returns
    -------
    str
    """
    head = ("sensor", "p", "peak /ms", "at", "half by", "nearest nm", "mean nm", "open")
    rows = []
    for name, label, p, rate, when, latency, nearest, mean, opened in release_rows(results):
        numbers = (f"{p:.4g}", f"{rate:.4g}", _time(when), _time(latency))
        rows.append((name, label, *numbers, _nm(nearest), _nm(mean), str(opened)))
    if results.members == 1:
        return table(head, [row[1:] for row in rows])
    return table(("member", *head), rows, right=range(2, len(head) + 1))


def release_section(results: Results) -> list[str]:
    """What the closing report says of sensors: nothing where there are none."""
    if "sensors" not in results._parts or results.partial:
        return []
    return [f"Release by the end of the run\n{release_table(results)}"]


def _ends(results: Results) -> Any:
    return results._parts["mouths"]["time"].values[[-1]]


def _with_members(data: Any) -> Any:
    data = data if "member" in data.dims else data.expand_dims("member")
    return data.transpose("member", "sensor", ...)


def _time(t: float) -> str:
    return "-" if np.isnan(t) else milliseconds(t)


def _nm(r: float) -> str:
    return "-" if np.isnan(r) else f"{1e3 * r:.1f}"
