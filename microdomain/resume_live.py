"""What channels that follow the local concentration carry from step to step, as arrays and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from microdomain.batch import Batch
from microdomain.feedback import Feedback


def captured_live(batch: Batch) -> dict[str, np.ndarray]:
    """State of the live channels of a batch: their fluxes up to now, their gates, and where steps end.

    Parameters
    ----------
    batch : Batch

    Returns
    -------
    dict                          name -> array
    """
    out: dict[str, np.ndarray] = {"aim": np.array(batch.aim)}
    for k, live in enumerate(batch.live):
        out[f"jumps_{k}"], out[f"stops_{k}"] = np.array(batch.jumps[k]), np.array(batch.stops[k])
        if live is not None:
            out |= {f"live_{k}_{name}": value for name, value in _parts(live).items()}
    return out


def restore_live(batch: Batch, saved: Mapping[str, np.ndarray]) -> None:
    """Put the live channels of a new batch where `captured_live` was called.

    Parameters
    ----------
    batch : Batch
    saved : dict
    """
    batch.aim = np.array(saved["aim"])
    for k, live in enumerate(batch.live):
        batch.jumps[k], batch.stops[k] = np.array(saved[f"jumps_{k}"]), np.array(saved[f"stops_{k}"])
        if live is not None:
            mark = f"live_{k}_"
            _put(live, {n.removeprefix(mark): v for n, v in saved.items() if n.startswith(mark)})


def _parts(live: Feedback) -> dict[str, np.ndarray]:
    history, rows = live.history, live.rows
    out = {
        "starts": history.starts[rows],
        "coefficients": history.coefficients[rows],
        "integrals": history.integrals[rows],
        "count": np.array(live.count),
        "u": np.array(live._u),
        "jump": np.array(live._jump),
        "tail": np.stack(live._tail),
    }
    for n, row in enumerate(rows):
        out[f"jumps_{n}"] = np.array(history.jumps[row])
    if live._before is not None:
        t, J, c = live._before
        out |= {"before_t": np.array(t), "before": np.stack([J, c])}
    for n, gate in enumerate(live.gates):
        if gate is not None:
            assert gate.live.stream is not None
            out[f"gate_{n}"] = np.array([gate.state, gate.left, gate.live.stream.draws], dtype=float)
            out[f"entered_{n}"] = np.array([(t, float(is_open)) for t, is_open in gate.entered])
    return out


def _put(live: Feedback, saved: Mapping[str, np.ndarray]) -> None:
    history, rows = live.history, live.rows
    pieces = saved["starts"].shape[1]
    if pieces > history.starts.shape[1]:
        history.make_room(pieces - history.starts.shape[1])
    history.starts[rows, pieces:] = np.inf
    for name in ("starts", "coefficients", "integrals"):
        getattr(history, name)[rows, :pieces] = saved[name]
    history.revision += 1
    for n, row in enumerate(rows):
        history.jumps[row] = np.array(saved[f"jumps_{n}"])
    live.count, live._jump = int(saved["count"]), float(saved["jump"])
    live._u, live._tail = np.array(saved["u"]), (np.array(saved["tail"][0]), np.array(saved["tail"][1]))
    live._before = None
    if "before" in saved:
        J, c = saved["before"]
        live._before = float(saved["before_t"]), np.array(J), np.array(c)
    live._key, live._nodes, live._stage = None, [], ([], live._u)
    for n, gate in enumerate(live.gates):
        if gate is not None:
            assert gate.live.stream is not None
            state, gate.left, draws = saved[f"gate_{n}"].tolist()
            gate.state = int(state)
            gate.live.stream.seek(int(draws))
            gate.entered = [(float(t), bool(is_open)) for t, is_open in saved[f"entered_{n}"]]
