"""A model's reaction network in numbers: who reacts with whom, how fast, and what the solvers need of it.

Values of a cell stand in the order  ions (their c), mobile forms, forms that stay;  index v below.  Step r
changes  y' = sum_r N_r k_r prod_v y_v^p  (or a Hill law of one ion).  Every elementary derivative
d_rv = d rate_r / d y_v is at least 0, so with dbar_rv its least value over the cells

    J = sum_r N_r d_r,    Jbar = sum_r N_r dbar_r,

and both factors of M = (I - g (a D L2 + Jbar)) (I - g (J - Jbar)) have the signs of I - g J.  In the first
one the forms that stay (s) are eliminated in favour of those that move (m) by constant matrices:

    S = -g J_mm - g J_ms (I - g J_ss)^-1 g J_sm,    F = g J_ms (I - g J_ss)^-1,
    y_s = U r_s + W y_m,    U = (I - g J_ss)^-1,    W = U g J_sm         (all J here are Jbar).

Where all forms of a buffer diffuse alike, their sum stays what it was in every cell, and the free one,
a follower, changes by  y'_f = - sum_v w_fv y'_v.  So do stages and their errors: both systems are solved
without it, its column taken from those of the others,  A_ij - A_if w_fj.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from microdomain.model import TimedRate
from microdomain.network_algebra import Elimination

Terms = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Network:
    """The network of a plan; see the module's text.

    Attributes
    ----------
    ions : int
    mobile, still : tuple of str            names of the forms that move and that stay
    D : array (form,), um^2/ms
    content : int array (form, ion)         ions that one form holds
    store : bool array (form,)              forms that only count what a volume pump took up
    uses, changes : per step ((v, power), ..) and ((v, net count), ..)
    hill : per step the Hill exponent, 0 for mass action
    law : array (member, step + Hill steps) rate constants before all times, then K^n of the Hill laws
    timed : per member a tuple of (step, TimedRate)
    rest : array (member, form), uM
    shapes : per form its factor per cell [z, y, x], or None where it is the same everywhere
    followers : per form that follows others (v, ((v of another, w), ..)); the last of the mobile forms
    """

    ions: int
    mobile: tuple[str, ...]
    still: tuple[str, ...]
    D: np.ndarray
    content: np.ndarray
    store: np.ndarray
    uses: tuple[Terms, ...]
    changes: tuple[Terms, ...]
    hill: tuple[int, ...]
    law: np.ndarray
    timed: tuple[tuple[tuple[int, TimedRate], ...], ...]
    rest: np.ndarray
    shapes: tuple[Any, ...]
    followers: tuple[tuple[int, Terms], ...] = ()

    @property
    def forms(self) -> int:
        """Number of forms."""
        return len(self.mobile) + len(self.still)

    @property
    def moving(self) -> int:
        """Ions and mobile forms: values below this index diffuse."""
        return self.ions + len(self.mobile)

    @property
    def carried(self) -> int:
        """Ions and mobile forms that follow no others: values below this index are solved for."""
        return self.moving - len(self.followers)

    @cached_property
    def _weights(self) -> np.ndarray:
        """w of the module's text: int array (follower, carried)."""
        w = np.zeros((len(self.followers), self.carried), dtype=int)
        for k, (_, terms) in enumerate(self.followers):
            for v, n in terms:
                w[k, v] = n
        return w

    @property
    def values(self) -> int:
        """Ions and forms."""
        return self.ions + self.forms

    @cached_property
    def slopes(self) -> tuple[tuple[int, int], ...]:
        """(step, v) of every elementary derivative that is not 0 by structure."""
        return tuple((r, v) for r, used in enumerate(self.uses) for v, _ in used)

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """Per step the index of K^n in a row of `law`, or -1."""
        out, next_ = [], len(self.uses)
        for n in self.hill:
            out.append(next_ if n else -1)
            next_ += bool(n)
        return tuple(out)

    @cached_property
    def entries(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """(row, column) of J -> [(net count, index into `slopes`)]."""
        out: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for q, (r, v) in enumerate(self.slopes):
            for row, n in self.changes[r]:
                out.setdefault((row, v), []).append((n, q))
        return out

    @cached_property
    def closed(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """`entries` without the followers."""
        out: dict[tuple[int, int], list[tuple[int, int]]] = {}
        behind = dict(self.followers)
        for (row, v), terms in self.entries.items():
            if row not in behind:
                for other, w in behind.get(v, ((v, -1),)):
                    out.setdefault((row, other), []).extend((-w * n, q) for n, q in terms)
        return out

    @cached_property
    def pointwise(self) -> Elimination:
        """Solution order of the pointwise factor: forms first, ions last."""
        followers = [f for f, _ in self.followers]
        return Elimination.of(self.values, set(self.closed), last=range(self.ions), without=followers)

    @cached_property
    def modal(self) -> Elimination:
        """Solution order of the diffusion factor of ions and mobile forms."""
        return Elimination.of(self.carried, set(self.S), last=range(self.ions))

    @cached_property
    def _reach(self) -> np.ndarray:
        """Whether (I - g J_ss)^-1 has an entry, by structure."""
        n = len(self.still)
        reach = np.eye(n, dtype=bool)
        for row, column in self.entries:
            if row >= self.moving and column >= self.moving:
                reach[row - self.moving, column - self.moving] = True
        for _ in range(n):
            reach = reach @ reach
        return reach

    def _pattern(self, rows: range, columns: range) -> np.ndarray:
        here = [[(i, j) in self.entries for j in columns] for i in rows]
        return np.array(here, dtype=bool).reshape(len(rows), len(columns))

    @cached_property
    def S(self) -> tuple[tuple[int, int], ...]:
        """Entries of S, by structure."""
        m, s = range(self.moving), range(self.moving, self.values)
        full = self._pattern(m, m) | (self._pattern(m, s) @ self._reach @ self._pattern(s, m))
        return _pairs(self._without(full[: self.carried]))

    def _without(self, a: np.ndarray) -> np.ndarray:
        """Columns of what moves without the followers' own: [..., moving] -> [..., carried]."""
        kept, taken = a[..., : self.carried], a[..., self.carried :]
        return kept | (taken @ (self._weights != 0)) if a.dtype == bool else kept - taken @ self._weights

    @cached_property
    def F(self) -> tuple[tuple[int, int], ...]:
        """Entries of F: (carried, staying)."""
        return _pairs(self._pattern(range(self.carried), range(self.moving, self.values)) @ self._reach)

    @cached_property
    def U(self) -> tuple[tuple[int, int], ...]:
        """Entries of U: (staying, staying)."""
        return _pairs(self._reach)

    @cached_property
    def W(self) -> tuple[tuple[int, int], ...]:
        """Entries of W: (staying, carried)."""
        staying = range(self.moving, self.values)
        return _pairs(self._without(self._reach @ self._pattern(staying, range(self.moving))))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where in a member's bars the slopes' minima, S, F, U and W begin; "end" is their number."""
        out, at = {}, 0
        for word in ("slopes", "S", "F", "U", "W"):
            out[word] = at
            at += len(getattr(self, word))
        return out | {"end": at}

    # -- numbers -------------------------------------------------------------------------------

    @cached_property
    def varies(self) -> bool:
        """Whether any rate constant changes in time."""
        return any(self.timed)

    def law_at(self, t: np.ndarray, since: np.ndarray) -> np.ndarray:
        """Rate constants at a time per member, as seen by steps that began at `since` (ms)."""
        if not self.varies:
            return self.law
        out = self.law.copy()
        for m, steps in enumerate(self.timed):
            for r, rate in steps:
                out[m, r] = rate.value(t[m], since[m])
        return out

    def slope(self, q: int, law: Any, v: Any) -> Any:
        """Elementary derivative q; `law[index]` and `v[index]` may be numbers or arrays."""
        r, s = self.slopes[q]
        if self.hill[r]:
            n, K = self.hill[r], law[self.constants[r]]
            power = v[s] ** (n - 1)
            below = K + v[s] * power
            return law[r] * n * K * power / (below * below)
        out = law[r]
        for other, power in self.uses[r]:
            left = power - (other == s)
            if other == s and power > 1:
                out = out * power
            for _ in range(left):
                out = out * v[other]
        return out

    def rate(self, r: int, law: Any, v: Any) -> Any:
        """Rate of step r."""
        if self.hill[r]:
            s = self.uses[r][0][0]
            power = v[s] ** self.hill[r]
            return law[r] * power / (law[self.constants[r]] + power)
        out = law[r]
        for other, power in self.uses[r]:
            for _ in range(power):
                out = out * v[other]
        return out

    def bars(self, law: np.ndarray, low: np.ndarray, high: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Numbers of a step per member: least slopes, then the entries of S, F, U, W.

        Parameters
        ----------
        law : array (member, ..)            rate constants now
        low, high : arrays (member, v)      least and greatest value of every ion and form
        g : array (member,)                 gamma dt
        """
        k, low, high = law.T, np.maximum(low, 0.0).T, np.maximum(high, 0.0).T
        least = np.empty((g.size, len(self.slopes)))
        J = np.zeros((g.size, self.values, self.values))
        for q, (r, _) in enumerate(self.slopes):
            least[:, q] = self.slope(q, k, low)
            if self.hill[r]:
                # One hump: its least value is at an end.
                least[:, q] = np.minimum(least[:, q], self.slope(q, k, high))
        for (i, j), terms in self.entries.items():
            for n, q in terms:
                J[:, i, j] += n * least[:, q]
        J *= g[:, None, None]
        m = self.moving
        U = np.linalg.inv(np.eye(len(self.still)) - J[:, m:, m:])
        F, W = J[:, :m, m:] @ U, U @ J[:, m:, :m]
        S = -J[:, :m, :m] - F @ J[:, m:, :m]
        parts: list[Any] = [least]
        S, W = self._without(S[:, : self.carried]), self._without(W)
        for full, pairs in ((S, self.S), (F, self.F), (U, self.U), (W, self.W)):
            rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
            parts.append(full[:, rows, columns])
        return np.concatenate(parts, axis=1)

    def fastest(self, law: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Bound of the reactions' relaxation rates per member: minus the trace of J at the highest values."""
        k, v, out = law.T, np.maximum(high, 0.0).T, np.zeros(law.shape[0])
        for q, (r, s) in enumerate(self.slopes):
            lost = -dict(self.changes[r]).get(s, 0)
            if lost > 0 and not self.hill[r]:
                out = out + lost * self.slope(q, k, v)
            elif self.hill[r]:
                # The steepest part of a Hill law is below n / K.
                K = k[self.constants[r]] ** (1.0 / self.hill[r])
                out = out + k[r] * self.hill[r] / K
        return np.asarray(out)

    def take(self, members: np.ndarray) -> Network:
        """Some members only."""
        return replace(
            self,
            law=self.law[members],
            timed=tuple(self.timed[m] for m in members),
            rest=self.rest[members],
        )


def _pairs(pattern: np.ndarray) -> tuple[tuple[int, int], ...]:
    return tuple((int(i), int(j)) for i, j in np.argwhere(pattern))
