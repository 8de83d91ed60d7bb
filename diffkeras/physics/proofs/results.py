"""What proofs return."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.short_repr import ShortRepr
from diffkeras.physics.solution import BatchSolution, Solution, SolveStatistics


class Bounds(NamedTuple):
    """What a proof finds for one image.

    Attributes:
        field: (rows, columns), at least |field − u| of the field that it was asked about.
        corrected: (rows, columns), a better field; its fixed nodes have their values.
        corrected_bound: (rows, columns), at least |corrected − u|.
        stats: how it was corrected.
        allowance: what the bounds include for the rounding of transforms; 0 for enclosures, which
            include it node by node.
    """

    field: NDArray[np.float64]
    corrected: NDArray[np.float64]
    corrected_bound: NDArray[np.float64]
    stats: SolveStatistics
    allowance: float = 0.0


@dataclass(frozen=True, repr=False)
class Certificate(ShortRepr):
    """Proven bounds of a field's error, u being the exact solution of the lattice equation.

    Attributes:
        field: (rows, columns) float64, the field that was certified.
        problem: which it should solve.
        error_bound: at least max |field − u|, the largest of `node_bound`.
        node_bound: (rows, columns), at least |field − u| node by node.
        corrected: a better field, with its own bounds.
        allowance: what the bounds include for the rounding of transforms; 0 where the medium varies
            or uptake saturates, as enclosures include rounding node by node.
    """

    field: NDArray[np.float64]
    problem: Problem = dataclass_field(repr=False)
    error_bound: float
    node_bound: NDArray[np.float64]
    corrected: Solution
    allowance: float


@dataclass(frozen=True, repr=False)
class BatchCertificate(Certificate):
    """The certificates of a batch of fields.

    Attributes:
        field, node_bound: (batch, rows, columns).
        error_bound, allowance: the largest of all images.
        corrected: a `BatchSolution`.
        images: the certificate of each.
    """

    images: tuple[Certificate, ...] = dataclass_field(repr=False)

    @classmethod
    def of(
        cls, field: NDArray[np.float64], problem: Problem, images: Sequence[Certificate]
    ) -> "BatchCertificate":
        """The batch of one or more certificates."""
        corrected = [image.corrected for image in images]
        return cls(
            field,
            problem,
            max(image.error_bound for image in images),
            np.stack([image.node_bound for image in images]),
            BatchSolution.of(np.stack([one.field for one in corrected]), problem, corrected),
            max(image.allowance for image in images),
            tuple(images),
        )
