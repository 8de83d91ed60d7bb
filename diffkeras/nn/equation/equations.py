"""The five-point equations of batches of media, on every backend.

They are those of `physics.equations.finite_volumes`, to the rounding of the arrays.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops


class LinearEquations(NamedTuple):
    """(A u)_i = σ_i u_i + Σ_k κ_ik (u_i − u_k) of a batch of media.

    Attributes:
        couplings: κ ≥ 0 between each node and the next along the rows and along the columns,
            (batch, rows, columns) each; 0 beyond a wall.
        drain: σ ≥ 0, (batch, rows, columns).
    """

    couplings: tuple[Any, Any]
    drain: Any

    def apply(self, field: Any) -> Any:
        """A u of fields (batch, rows, columns), by differences, which lose no digits."""
        result = self.drain * field
        for axis, coupling in enumerate(self.couplings, 1):
            flow = coupling * (field - following(field, axis))
            result = result + flow - previous(flow, axis)
        return result

    def diagonal(self) -> Any:
        """A's diagonal, (batch, rows, columns)."""
        result = self.drain
        for axis, coupling in enumerate(self.couplings, 1):
            result = result + coupling + previous(coupling, axis)
        return result

    def among(self, free: Any) -> "LinearEquations":
        """The equations of the free nodes alone, with all coefficients 0 on the others.

        What flows to a node that isn't free is a drain of its neighbour. `free` is 1 or 0,
        (batch, rows, columns).
        """
        drain, couplings = self.drain, []
        for axis, coupling in enumerate(self.couplings, 1):
            beyond = following(free, axis)
            drain = drain + coupling * (1 - beyond) + previous(coupling * (1 - free), axis)
            couplings.append(coupling * free * beyond)
        return LinearEquations((couplings[0], couplings[1]), drain * free)


class Uptake(NamedTuple):
    """φ(u) = v u/(K + u), with its tangent at 0 below; v and K of (batch, rows, columns)."""

    maximum: Any
    constant: Any

    def rate(self, field: Any) -> Any:
        """φ(u)."""
        return self.maximum * field / (self.constant + ops.maximum(field, 0.0))

    def slope(self, field: Any) -> Any:
        """dφ/du."""
        return self.maximum * self.constant / (self.constant + ops.maximum(field, 0.0)) ** 2


def equations_of(
    rates: Sequence[Any], decay: Any, boundaries: Sequence[Any], ones: Any
) -> LinearEquations:
    """The equations of media, in the precision and unit of their rates.

    Across the face between two nodes flows the harmonic mean of their diffusivities, and at a wall
    that absorbs or has a value the node's own (Patankar 1980, §4.2-3).

    Args:
        rates: D/h² along the rows and along the columns, each (batch, rows, columns), or with
            sides of 1 where it doesn't vary. So are the couplings.
        decay: γ, likewise.
        boundaries: those of `LatticeOperator`; their values and fluxes belong to the right-hand
            side.
        ones: (batch, rows, columns).
    """
    drain, couplings = decay, []
    for axis, (rate, boundary) in enumerate(zip(rates, boundaries, strict=True), 1):
        low, high = edges(ones, axis)
        beyond = following(rate, axis)
        coupling = 2 * rate * beyond / (rate + beyond)
        wraps = boundary == "periodic" and ones.shape[axis] != 1  # no node is next to itself
        couplings.append(coupling if wraps else coupling * (1 - high))
        for side, edge in zip(both(boundary), (low, high), strict=True):
            drained, _ = side_terms(side, rate)
            drain = drain + drained * edge
    return LinearEquations((couplings[0], couplings[1]), drain)


def side_terms(side: Any, diffusivity: Any) -> tuple[Any, Any]:
    """What a side adds to the drain and the production of the nodes next to it.

    Sides are those of `LatticeOperator`; see `physics.problem.sides.GivenSide.terms`.
    """
    if isinstance(side, str):
        return (diffusivity if side == "absorbing" else 0.0), 0.0
    if "flux" in side:
        return 0.0, side["flux"]
    rate = diffusivity
    if "coefficient" in side:
        rate = side["coefficient"] / (1 + side["coefficient"] / (2 * diffusivity))
    return rate, rate * side["value"]


def both(boundary: Any) -> tuple[Any, Any]:
    """The low and the high side of an axis."""
    return boundary if isinstance(boundary, tuple) else (boundary, boundary)


def edges(ones: Any, axis: int) -> tuple[Any, Any]:
    """1 on the first nodes along an axis and on the last ones, else 0; 1 along the other axis."""
    line = ones[:, :, :1] if axis == 1 else ones[:, :1]
    before, after = neighbours(line, axis, "absorbing")
    return 1 - before, 1 - after


def following(values: Any, axis: int) -> Any:
    """The values of the next nodes along axis 1 or 2; the first follows the last."""
    cut = (slice(None),) * axis
    return ops.concatenate([values[(*cut, slice(1, None))], values[(*cut, slice(None, 1))]], axis)


def previous(values: Any, axis: int) -> Any:
    """The values of the previous nodes along axis 1 or 2; the last precedes the first."""
    cut = (slice(None),) * axis
    return ops.concatenate([values[(*cut, slice(-1, None))], values[(*cut, slice(None, -1))]], axis)


def neighbours(values: Any, axis: int, boundary: str) -> tuple[Any, Any]:
    """The values of the previous and of the next node along axis 1 or 2, ghost nodes included."""
    cut = (slice(None),) * axis
    first, last = values[(*cut, slice(None, 1))], values[(*cut, slice(-1, None))]
    if boundary == "periodic":
        first, last = last, first
    elif boundary == "absorbing":
        first, last = ops.zeros_like(first), ops.zeros_like(last)
    before = ops.concatenate([first, values[(*cut, slice(None, -1))]], axis)
    return before, ops.concatenate([values[(*cut, slice(1, None))], last], axis)
