"""What the solvers return: a field, and how it was solved."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.short_repr import ShortRepr

Proof = Callable[[NDArray[np.floating]], float]  # a bound of a field's error


@dataclass(frozen=True)
class SolveStatistics:
    """How a field was solved.

    Attributes:
        method: what solved it; "transform" for a production without fixed nodes.
        ring_nodes: size of the ring system.
        iterations: products with the ring matrix; 0 where it was factorised. Of "newton-cg",
            iterations of conjugate gradients.
        residual: largest difference from the fixed nodes' values before they were put in, relative
            to the largest of them. By the discrete maximum principle no node's error exceeds it,
            but for the transforms' own rounding, which `Solution.error_bound` includes. With
            production it is relative to the largest |value| of the field, and includes an estimate
            of that rounding. Of "newton-cg" it is a proven bound of the error.
        precision: "float32" or "float64", in which it was computed.
        newton_steps: of "newton-cg", where uptake saturates; 0 for linear problems.
    """

    method: str
    ring_nodes: int
    iterations: int = 0
    residual: float = 0.0
    precision: str = "float64"
    newton_steps: int = 0


@dataclass(frozen=True, repr=False)
class Solution(ShortRepr):
    """A solved field with its statistics.

    Attributes:
        field: (rows, columns), float64, or float32 where the tolerance allows it; equal to the
            source image on the fixed nodes.
        stats: how it was solved.
        prove: what gives `error_bound` for the field.
    """

    field: NDArray[np.floating]
    stats: SolveStatistics
    prove: Proof = dataclasses.field(repr=False)

    @cached_property
    def error_bound(self) -> float:
        """At least the largest |field − u|, u being the exact solution of the lattice equation.

        It is proven, with all rounding. The method "newton-cg" has proven it already. For the
        others, `certify` proves it when it is first asked for, which takes about five times as long
        as the solution.
        """
        return self.prove(self.field)


@dataclass(frozen=True, repr=False)
class BatchSolution(Solution):
    """The fields of a batch of source images.

    Attributes:
        field: (batch, rows, columns).
        stats: of the batch: the largest ring and residual, the sums of iterations and steps; the
            method and the precision of the first image.
        image_stats: of each image.
    """

    image_stats: tuple[SolveStatistics, ...]

    @classmethod
    def of(
        cls, field: NDArray[np.floating], solved: Sequence[tuple[SolveStatistics, Proof]]
    ) -> "BatchSolution":
        """The batch of one or more solved images, (batch, rows, columns)."""
        each, proofs = zip(*solved, strict=True)
        stats = SolveStatistics(
            each[0].method,
            max(image.ring_nodes for image in each),
            sum(image.iterations for image in each),
            max(image.residual for image in each),
            each[0].precision,
            sum(image.newton_steps for image in each),
        )
        return cls(field, stats, partial(_largest_bound, proofs), each)


def _largest_bound(proofs: tuple[Proof, ...], fields: NDArray[np.floating]) -> float:
    return max(prove(field) for prove, field in zip(proofs, fields, strict=True))
