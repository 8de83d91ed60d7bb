"""A solved field, how it was solved, and proven bounds of its error."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.bounds import Proof
from diffkeras.physics.short_repr import ShortRepr
from diffkeras.physics.solvers.statistics import SolveStatistics


@dataclass(frozen=True, repr=False)
class Solution(ShortRepr):
    """The field of a problem, with proven bounds of its error.

    Attributes:
        field: (rows, columns), float64, or float32 where the tolerance allows it; equal to the
            values of the fixed nodes there. It can't be changed, so that the bounds hold; `copy()`
            it where another one is needed.
        problem: what it solves.
        stats: how it was solved.
        proof: what proves its bounds, used by the two properties below.
    """

    field: NDArray[np.floating]
    problem: Problem = dataclass_field(repr=False)
    stats: SolveStatistics
    proof: Proof = dataclass_field(repr=False)

    def __post_init__(self) -> None:
        self.field.setflags(write=False)

    @cached_property
    def error_bound(self) -> float:
        """At least the largest |field − u|, u being the exact solution of the lattice equation.

        It is proven, with all rounding: with the field by the method "newton-cg", and otherwise
        when it is first read, which takes less time than the solution in double precision, and a
        few times as long in single precision.
        """
        return self.proof.error_bound(self.field, self.problem)

    @cached_property
    def node_bound(self) -> NDArray[np.float64]:
        """At least |field − u| node by node, (rows, columns).

        It is proven with the field by the method "newton-cg", and otherwise by `certify` when it is
        first read.
        """
        return self.proof.node_bound(self.field, self.problem)


class ProofOfImages(NamedTuple):
    """Of a batch, by the proofs of its images."""

    images: tuple[Solution, ...]

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """The largest one of the images'."""
        return max(image.error_bound for image in self.images)

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """Those of the images, (batch, rows, columns)."""
        return np.stack([image.node_bound for image in self.images])


@dataclass(frozen=True, repr=False)
class BatchSolution(Solution):
    """The fields of a batch.

    Attributes:
        field: (batch, rows, columns).
        stats: of the batch: the largest ring and residual, the sums of iterations and steps; the
            method and the precision of the first image.
        images: the solution of each image; `error_bound` is the largest of theirs, and `node_bound`
            has the shape of the field.
    """

    images: tuple[Solution, ...] = dataclass_field(default=(), repr=False)

    @classmethod
    def of(
        cls, field: NDArray[np.floating], problem: Problem, images: Sequence[Solution]
    ) -> "BatchSolution":
        """The batch of one or more solutions, whose fields are in (batch, rows, columns)."""
        images = tuple(images)
        each = [image.stats for image in images]
        stats = SolveStatistics(
            each[0].method,
            max(image.ring_nodes for image in each),
            sum(image.iterations for image in each),
            max(image.residual for image in each),
            each[0].precision,
            sum(image.newton_steps for image in each),
        )
        return cls(field, problem, stats, ProofOfImages(images), images)
