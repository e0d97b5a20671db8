"""A reaction network as C: straight-line code from its structure, indices and counts only.

What `reference_network.py` does in array code, statement by statement, for one cell or one mode.  No name
of a user reaches the text.
"""

from __future__ import annotations

from microdomain.network import Network
from microdomain.network_algebra import Elimination

_NONE = """#define NETWORK 0
#define MOVING_FORMS 0
#define STAYING_FORMS 0
#define LAWS 0
#define NETWORK_BARS 0
#define FOLDS 0
#define FOLLOWERS 0
"""


def network_constants(network: Network | None) -> str:
    """The preprocessor lines of a plan's network, zeros where it has none.

    Parameters
    ----------
    network : Network or None

    Returns
    -------
    str
    """
    if network is None:
        return _NONE
    return f"""#define NETWORK 1
#define MOVING_FORMS {len(network.mobile)}
#define STAYING_FORMS {len(network.still)}
#define LAWS {network.law.shape[1]}
#define NETWORK_BARS {network.places["end"]}
#define FOLDS {len(network.F)}
#define FOLD_AT {network.places["F"]}
#define FOLLOWERS {len(network.followers)}
"""


def network_functions(network: Network | None) -> str:
    """The functions of a plan's network, written with the macros of plan.h; nothing where it has none.

    Parameters
    ----------
    network : Network or None

    Returns
    -------
    str
    """
    if network is None:
        return ""
    parts = [_rates, _pointwise, _modes, _fold, _unfold, _follow]
    return "\n".join(part(network) for part in parts)


def _function(head: str, lines: list[str]) -> str:
    return f"INLINE void {head} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def _product(factors: list[str]) -> str:
    return " * ".join(factors)


def _rate(network: Network, r: int) -> str:
    if network.hill[r]:
        s = network.uses[r][0][0]
        power = _product([f"v[{s}]"] * network.hill[r])
        return f"LAW({r}) * ({power}) / (LAW({network.constants[r]}) + {power})"
    return _product([f"LAW({r})"] + [f"v[{s}]" for s, n in network.uses[r] for _ in range(n)])


def _slope(network: Network, q: int) -> str:
    r, s = network.slopes[q]
    if network.hill[r]:
        n, K = network.hill[r], f"LAW({network.constants[r]})"
        power = _product([f"v[{s}]"] * (n - 1)) if n > 1 else "(real)1"
        below = f"({K} + v[{s}] * {power})"
        return f"LAW({r}) * {n} * {K} * {power} / ({below} * {below})"
    own = dict(network.uses[r])[s]
    factors = [f"LAW({r})"] + ([f"{own}"] if own > 1 else [])
    factors += [f"v[{o}]" for o, n in network.uses[r] for _ in range(n - (o == s))]
    return _product(factors)


def _times(n: int, what: str) -> str:
    """A signed multiple of something, to be appended to a sum."""
    return f"{'-' if n < 0 else '+'} {what if abs(n) == 1 else f'{abs(n)} * {what}'}"


def _rates(network: Network) -> str:
    """out = d/dt of every value."""
    lines = [f"const real r{r} = {_rate(network, r)};" for r in range(len(network.uses))]
    for v in range(network.values):
        terms = [_times(n, f"r{r}") for r, moved in enumerate(network.changes) for s, n in moved if s == v]
        lines.append(f"out[{v}] = 0 {' '.join(terms)};")
    return _function("network_rates(const double *law, const real *v, real *out)", lines)


def _elimination(steps: Elimination, entry: dict[tuple[int, int], str]) -> list[str]:
    """x = A^-1 x, with A's entries as expressions."""
    lines = [f"real a{i}_{j} = {value};" for (i, j), value in entry.items()]
    known = set(entry)
    for p, rows, across in steps.pivots:
        lines.append(f"const real one{p} = 1 / a{p}_{p};")
        for i in rows:
            part = f"part{i}_{p}"
            lines.append(f"const real {part} = a{i}_{p} * one{p};")
            for j in across:
                new = "" if (i, j) in known else "real "
                begin = f"a{i}_{j} " if (i, j) in known else ""
                lines.append(f"{new}a{i}_{j} = {begin}- {part} * a{p}_{j};")
                known.add((i, j))
            lines.append(f"x[{i}] -= {part} * x[{p}];")
    for p, _, across in reversed(steps.pivots):
        rest = " ".join(f"- a{p}_{j} * x[{j}]" for j in across)
        lines.append(f"x[{p}] = (x[{p}] {rest}) * one{p};")
    return lines


def _pointwise(network: Network) -> str:
    """(diag(total) - g (J - Jbar)) x = r, x in place."""
    lines = [
        f"const real d{q} = g * ({_slope(network, q)} - NETBAR({q}));" for q in range(len(network.slopes))
    ]
    entry = {(v, v): f"total[{v}]" if v < network.ions else "1" for v, _, _ in network.pointwise.pivots}
    for place, terms in network.closed.items():
        sum_ = " ".join(_times(-n, f"d{q}") for n, q in terms)
        entry[place] = f"{entry.get(place, '0')} {sum_}"
    head = "network_solve(const double *law, const double *bar, real g, const real *v, const real *total,"
    head += " real *x)"
    return _function(head, lines + _elimination(network.pointwise, entry) + _following(network))


def _modes(network: Network) -> str:
    """(diagonal + S) x = r of ions and mobile forms that follow no others, x in place."""
    begin = network.places["S"]
    entry = {place: f"NETBAR({begin + k})" for k, place in enumerate(network.S)}
    for v in range(network.carried):
        entry[v, v] = f"{entry[v, v]} + diagonal[{v}]" if (v, v) in entry else f"diagonal[{v}]"
    head = "network_modes(const double *bar, const real *diagonal, real *x)"
    return _function(head, _elimination(network.modal, entry))


def _fold(network: Network) -> str:
    """x += F staying, the entries of F given (or zeros)."""
    lines = [f"x[{i}] += fold[{k}] * staying[{j}];" for k, (i, j) in enumerate(network.F)]
    return _function("network_fold(const real *fold, const real *staying, real *x)", lines)


def _unfold(network: Network) -> str:
    """staying = U staying + W x."""
    n, U, W = len(network.still), network.places["U"], network.places["W"]
    sums: list[list[str]] = [[] for _ in range(n)]
    for k, (i, j) in enumerate(network.U):
        sums[i].append(f"NETBAR({U + k}) * staying[{j}]")
    for k, (i, j) in enumerate(network.W):
        sums[i].append(f"NETBAR({W + k}) * x[{j}]")
    lines = [f"const real y{i} = {' + '.join(terms)};" for i, terms in enumerate(sums)]
    lines += [f"staying[{i}] = y{i};" for i in range(n)]
    return _function("network_unfold(const double *bar, const real *x, real *staying)", lines)


def _follow(network: Network) -> str:
    """Change of the followers by what the others change by."""
    return _function("network_follow(real *x)", _following(network) or ["(void)x;"])


def _following(network: Network) -> list[str]:
    return [
        f"x[{f}] = 0 {' '.join(_times(-w, f'x[{v}]') for v, w in terms)};" for f, terms in network.followers
    ]
