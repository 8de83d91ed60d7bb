"""The five-point equations of batches of media, on every backend.

They are those of `physics.equations.finite_volumes`, to the rounding of the arrays.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from keras import ops

from diffkeras.physics.problem.sides import AxisSides, both_sides
from diffkeras.physics.problem.uptake import michaelis_menten_rate, michaelis_menten_slope


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
        return michaelis_menten_rate(self.maximum, self.constant, field, ops)

    def slope(self, field: Any) -> Any:
        """dφ/du."""
        return michaelis_menten_slope(self.maximum, self.constant, field, ops)


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
        boundaries: of both axes: absorbing, reflecting or periodic, or a pair (low, high). What
            sides with given numbers add comes from `given_terms`.
        ones: (batch, rows, columns).
    """
    drain, couplings = decay, []
    for axis, (rate, boundary) in enumerate(zip(rates, boundaries, strict=True), 1):
        low, high = edges(ones, axis)
        beyond = following(rate, axis)
        coupling = 2 * rate * beyond / (rate + beyond)
        wraps = boundary == "periodic" and ones.shape[axis] != 1  # no node is next to itself
        couplings.append(coupling if wraps else coupling * (1 - high))
        for side, edge in zip(both_sides(boundary), (low, high), strict=True):
            if side == "absorbing":
                drain = drain + rate * edge
    return LinearEquations((couplings[0], couplings[1]), drain)


def given_terms(
    sides: Sequence[AxisSides], diffusivities: Sequence[Any], step: float, ones: Any
) -> Iterator[tuple[Any, Any]]:
    """What each side with given numbers adds to the decay and the production of all nodes.

    Both are (batch, rows, columns), and 0 on nodes that are not next to the side.

    Args:
        sides: of both axes, see `GivenSide.terms`.
        diffusivities: D along the rows and along the columns, of shapes that `ones` broadcasts.
        step: h.
        ones: (batch, rows, columns).
    """
    for axis, (pair, diffusivity) in enumerate(zip(sides, diffusivities, strict=True), 1):
        for side, end, edge in zip(both_sides(pair), (0, -1), edges(ones, axis), strict=True):
            if not isinstance(side, str):
                values = diffusivity * ones
                beside = values[:, end] if axis == 1 else values[:, :, end]
                drained, supplied = (
                    ops.expand_dims(term + ops.zeros_like(beside), axis) * edge
                    for term in side.terms(beside, step)
                )
                yield drained, supplied


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
