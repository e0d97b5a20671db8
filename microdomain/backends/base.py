"""What a backend does: the operations of a step on one plan, on one device.

`reference.py` says in NumPy what each operation means; the others must agree with it to 1e-13.
Vectors are state vectors ``[member, size]`` of a `Plan`; scalars per member are NumPy arrays on
the host.  A backend never decides anything: when to step, what to accept and what to record is
the business of `steppers` and `simulate`.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from microdomain.plan import Plan


class Unavailable(RuntimeError):
    """A backend cannot be used here; the text is a clause that says why and what to do."""


class Operations(Protocol):
    """Operations on the state vectors of one plan.

    Attributes
    ----------
    name : str                      "numpy", "compiled" or "cuda"
    precision : str                 of states and tables: "float64" or "float32"
    plan : Plan
    xp : module                     NumPy's interface to arrays on the device
    walls : walls.Walls or None     what crosses the walls through pumps
    """

    name: str
    precision: str
    plan: Plan
    xp: Any
    walls: Any

    def vector(self, y: np.ndarray) -> Any:
        """Bring host vectors to the device."""

    def host(self, y: Any) -> np.ndarray:
        """Bring device vectors to the host, float64."""

    def near(self, weights: np.ndarray, law: np.ndarray | None = None) -> Any:
        """Near field at one time per member, from the folded weights ``[pair, Q]``.

        With it go the network's rate constants `law` at that time; None: those before all times.

        Returns an object of the backend's own: the cell averages of sum_k c_k per ion and its
        ripple in the refined cells.
        """

    def rhs(self, y: Any, near: Any, blob: np.ndarray) -> Any:
        """Right-hand side: 4th-order diffusion, reactions, uptake, kappa c_k and blobs ``[pair]``."""

    def advance(self, y: Any, near: Any, blob: np.ndarray, scale: np.ndarray, plus: Any = None) -> Any:
        """scale[member] * F(y) + plus; `plus` may be used up."""

    def linearise(self, y: Any, near: Any) -> Any:
        """Pointwise reaction Jacobian at (y, near): p = k_on free, q = k_on c + k_off."""

    def factor(self, jacobian: Any, g: np.ndarray, a: float) -> Any:
        """Prepare M = (I - g (a D L2 + Jbar)) (I - g (J - Jbar)) for g = gamma dt ``[member]``."""

    def solve(self, factor: Any, r: Any) -> tuple[Any, Any]:
        """Solve M k = r; returns k and z = (I - g (J - Jbar)) k, which the ledger needs.

        Only the ions' part of z is meant, beside held walls that of all that moves but of forms which hold no
        ion and follow others; the next solve may overwrite it.
        """

    def stage(
        self, factor: Any, y: Any, near: Any, blob: np.ndarray, scale: np.ndarray, plus: Any = None
    ) -> tuple[Any, Any]:
        """Solve M k = scale[member] * F(y) + plus: `advance` and `solve` of one member after the other."""

    def combine(self, y: Any, terms: list[tuple[Any, Any]]) -> Any:
        """y + sum of coefficient * vector; a coefficient is a float or an array ``[member]``."""

    def mix(self, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray) -> tuple[Any, Any]:
        """y + sum a_j v_j and sum b_j v_j in one pass over at most four vectors."""

    def scale(self, y: Any, factor: np.ndarray) -> Any:
        """factor[member] * y."""

    def norm(self, error: Any, old: Any, new: Any, near_old: Any, near_new: Any, rtol: float) -> np.ndarray:
        """Largest |error| / (rtol |value| + atol) per member; the value of an ion is its c."""

    def lowest(self, y: Any, near: Any) -> np.ndarray:
        """Smallest free concentration per member: of every ion, bound and free buffer, in uM."""

    def close_step(
        self, y: Any, vectors: list[Any], a: np.ndarray, b: np.ndarray, amount: np.ndarray, plus: Any,
        near_old: Any, near_new: Any, rtol: float,
    ) -> tuple[Any, np.ndarray, np.ndarray]:  # fmt: skip
        """The end of a step: new = y + sum a_j v_j + plus + blobs of `amount`, in one pass over memory.

        At most four vectors; `plus` (or None) may be used up.  Returns new, `norm` of the error sum b_j v_j
        and `lowest` of new.
        """

    def speed(self, y: Any, near: Any) -> np.ndarray:
        """Upper bound of the right-hand side's spectral radius per member, 1/ms (for RKC2)."""

    def amounts(self, y: Any) -> np.ndarray:
        """Integral over the box of every species ``[member, species]``, uM um^3, near field left out."""

    def free(self, y: Any) -> np.ndarray:
        """The same of the ions alone ``[member, ion]``."""

    def layers(self, y: Any, weights: np.ndarray) -> np.ndarray:
        """Sums over z of the ions' fields times ``weights[k, z]``: host array [member, ion, k, y, x], uM."""

    def outflow(self, y: Any, order: int) -> np.ndarray:
        """Amount per ms that diffusion carries out through held walls ``[member, species]``."""

    def excess(self, y: Any, near: Any) -> np.ndarray:
        """Integral of c - rest per ion ``[member, ion]``, uM um^3: what linear uptake acts on."""

    def add_blobs(self, y: Any, amount: np.ndarray) -> Any:
        """Add ``amount[pair]`` uM um^3 to the ion's grid part, in the shape of the pair's blobs.

        `y` may be used up.
        """

    def wait(self) -> None:
        """Return when all that was asked for is done."""

    def select(self, y: Any, members: np.ndarray) -> Any:
        """Rows of some members (a copy)."""

    def assign(self, y: Any, members: np.ndarray, rows: Any) -> None:
        """Write rows of some members in place."""
