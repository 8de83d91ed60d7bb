"""The lattice operator A = −h²∇²_h + γh²/D and its inverse, as products of matrices.

The eigenvectors of A are products of one mode per axis: sines on an axis that absorbs, cosines on
one that reflects, and cos + sin (Hartley) on a periodic one. With S the orthonormal modes of an
axis as columns, and Λ the eigenvalues, A⁻¹X = S_r (Λ⁻¹ ∘ (S_rᵀ X S_c)) S_cᵀ. Matrix products run on
every backend, in every exported format and for any lattice, also one that is known only when the
graph runs. They take O(side³) operations. `diffkeras.physics` has the fast transforms.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from keras import ops

from diffkeras.nn.arguments import one_of, positive

BOUNDARIES = ("absorbing", "reflecting", "periodic")
FULL_TURN = 2 * math.pi


@dataclass(frozen=True)
class Operator:
    """Base of the lattice operators of layers."""

    @classmethod
    def of(cls, values: Self | Mapping[str, Any]) -> Self:
        """The operator itself, or the one of a layer's saved configuration."""
        return cls(**values) if isinstance(values, Mapping) else values

    def get_config(self) -> dict[str, Any]:
        """The attributes, with lists for tuples, as a layer saves them."""
        return {name: _as_lists(value) for name, value in asdict(self).items()}


def _as_lists(value: Any) -> Any:
    return list(map(_as_lists, value)) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class UniformOperator(Operator):
    """A in a uniform medium, on a lattice of any size, in float32.

    Where no axis absorbs, constant fields have the eigenvalue γ. If it is far below the others, A⁻¹
    loses digits, and without decay A has no inverse.

    On GPUs, TensorFloat-32 rounds the factors of products to ten bits. Switch it off there.

    Attributes:
        decay: γh²/D. (Only this ratio matters to fields of fixed values.)
        boundaries: absorbing, reflecting or periodic, of axis 0 and of axis 1.
        lengths: shortest and longest diffusion length in lattice steps, if that of each image is in
            the second channel of the network's input (see `representation.network_input`). Then
            γh²/D is h²/ℓ², and `decay` is not used.

    Raises:
        ValueError: a decay or length that is not positive, or an unknown boundary.
    """

    decay: float = 1 / 400
    boundaries: Sequence[str] = ("absorbing", "absorbing")
    lengths: Sequence[float] | None = None

    def __post_init__(self) -> None:
        pairs: dict[str, Any] = {
            "boundaries": [one_of("boundary", name, BOUNDARIES) for name in self.boundaries],
        }
        if self.lengths is not None:
            pairs["lengths"] = [positive("length", value) for value in self.lengths]
        for name, pair in pairs.items():
            if len(pair) != 2:
                raise ValueError(f"{name} must be two values, one for each axis, got {pair}")
            object.__setattr__(self, name, tuple(pair))
        if self.decay:
            positive("decay", self.decay)
        elif "absorbing" not in self.boundaries:
            raise ValueError("decay must be above 0 if no boundary absorbs, got 0")

    def decay_of(self, network_input: Any) -> Any:
        """γh²/D of each image (batch, 1, 1), or the number that all have.

        `network_input` is (batch, rows, columns, channels).
        """
        if self.lengths is None:
            return self.decay
        shortest, longest = self.lengths
        share = (network_input[:, :1, :1, 1] + 1) / 2
        return ops.exp(-2 * (math.log(shortest) + share * math.log(longest / shortest)))

    def apply(self, field: Any, decay: Any) -> Any:
        """A u of fields (batch, rows, columns), by the five-point stencil."""
        result = decay * field
        for axis, boundary in enumerate(self.boundaries, 1):
            before, after = neighbours(field, axis, boundary)
            result = result + (2 * field - before - after)
        return result

    def inverse(self, density: Any, decay: Any) -> Any:
        """A⁻¹q of densities (batch, rows, columns), one transform pair."""

        def factors(along: Any, across: Any) -> Any:
            rows, columns = (4 * ops.square(ops.sin(angle / 2)) for angle in (along, across))
            return 1 / (rows[:, None] + columns + decay)

        return self._scale_modes(density, factors)

    def convolve(self, values: Any, window: Any) -> Any:
        """The convolution of values (batch, rows, columns) with a symmetric window.

        Beyond the boundaries the values go on as fields do, so modes are eigenvectors and the
        convolution is one transform pair.

        `window` is (reach + 1, reach + 1): the numbers for offsets 0 … reach along both axes.
        """
        reach = window.shape[0]

        def factors(along: Any, across: Any) -> Any:
            offset = ops.arange(reach, dtype="float32")
            twice = ops.where(offset > 0, 2.0, 1.0)  # for offsets on both sides
            rows, columns = (ops.cos(angle[:, None] * offset) * twice for angle in (along, across))
            return ops.matmul(rows, ops.matmul(window, ops.transpose(columns)))

        return self._scale_modes(values, factors)

    def _scale_modes(self, values: Any, factors: Callable[[Any, Any], Any]) -> Any:
        """One transform pair; `factors` are those of modes, from their angles on both axes."""
        sides = ops.shape(values)[1:]
        (rows, along), (columns, across) = (
            modes(side, boundary) for side, boundary in zip(sides, self.boundaries, strict=True)
        )
        coefficients = ops.matmul(ops.transpose(rows), ops.matmul(values, columns))
        coefficients = coefficients * factors(along, across)
        return ops.matmul(rows, ops.matmul(coefficients, ops.transpose(columns)))

    def ring(self, fixed: Any) -> Any:
        """1 on fixed nodes that have a free neighbour, else 0, both (batch, rows, columns) float.

        No free node lies beyond a boundary that absorbs or reflects.
        """
        enclosed = fixed
        for axis, boundary in enumerate(self.boundaries, 1):
            wall = "periodic" if boundary == "periodic" else "reflecting"
            before, after = neighbours(fixed, axis, wall)
            enclosed = enclosed * before * after
        return fixed - enclosed


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


def modes(side: Any, boundary: str) -> tuple[Any, Any]:
    """Orthonormal eigenvectors of −δ² on an axis, (nodes, modes), and their angles θ, (modes,).

    θ is the phase per step, so −δ² has the eigenvalues 4 sin²(θ/2) (see `physics.operators.axis`).
    `side` is the number of nodes, a tensor where it is not known yet.
    """
    number = ops.arange(side, dtype="int32")
    j, k = number[:, None], number[None, :]
    nodes = ops.cast(side, "float32")

    # the phase is reduced to one turn before it is multiplied by π, which is exact
    def turns(phase: Any, period: Any) -> Any:
        return FULL_TURN * ops.cast(phase % period, "float32") / ops.cast(period, "float32")

    if boundary == "absorbing":
        waves = ops.sin(turns((j + 1) * (k + 1), 2 * (side + 1))) * ops.sqrt(2 / (nodes + 1))
        return waves, turns(number + 1, 2 * (side + 1))
    if boundary == "reflecting":
        norm = ops.where(k > 0, ops.sqrt(2 / nodes), ops.sqrt(1 / nodes))
        return ops.cos(turns((2 * j + 1) * k, 4 * side)) * norm, turns(number, 2 * side)
    angle = turns(j * k, side)
    return (ops.cos(angle) + ops.sin(angle)) / ops.sqrt(nodes), turns(number, side)
