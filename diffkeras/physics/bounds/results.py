"""What `certify` and `refine` return."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.short_repr import ShortRepr


@dataclass(frozen=True, repr=False)
class Certificate(ShortRepr):
    """A corrected field, and proven bounds of its and the prediction's errors.

    Attributes:
        field: (rows, columns) float64, the corrected field; its fixed nodes hold their values.
        error_bound: at least max |field − u|, u being the exact solution of the lattice equation.
        field_bound: (rows, columns), at least |field − u| node by node; 0 on the fixed nodes.
        node_bound: (rows, columns), at least |prediction − u| node by node.
        mismatch: B, the largest mismatch on the ring before its nodes were set to their values.
            `error_bound` is at most B + `allowance`. In a medium that varies, where the
            corrected field satisfies the equation only nearly, the bound may be larger.
        allowance: what the bounds include for rounding, beyond B.
    """

    field: NDArray[np.float64]
    error_bound: float
    field_bound: NDArray[np.float64]
    node_bound: NDArray[np.float64]
    mismatch: float
    allowance: float

    @property
    def prediction_bound(self) -> float:
        """At least max |prediction − u|, the largest of `node_bound`."""
        return float(self.node_bound.max())


@dataclass(frozen=True, repr=False)
class BatchCertificate(Certificate):
    """The certificates of a batch of predictions.

    Attributes:
        field, field_bound, node_bound: (batch, rows, columns).
        error_bound, mismatch, allowance: the largest of all images.
        images: the certificate of each.
    """

    images: tuple[Certificate, ...]

    @classmethod
    def of(cls, images: Sequence[Certificate]) -> "BatchCertificate":
        """The batch of one or more certificates."""
        return cls(
            np.stack([image.field for image in images]),
            max(image.error_bound for image in images),
            np.stack([image.field_bound for image in images]),
            np.stack([image.node_bound for image in images]),
            max(image.mismatch for image in images),
            max(image.allowance for image in images),
            tuple(images),
        )


@dataclass(frozen=True, repr=False)
class Refinement(ShortRepr):
    """A field with a proven error bound.

    Attributes:
        field: (rows, columns) float64; its fixed nodes hold their values.
        error_bound: at least max |field − u|, u being the exact solution of the lattice equation.
        rounds: transform pairs after the first correction; iterations of conjugate gradients in a
            medium that varies or with saturating uptake.
        history: the bound after the first correction and after each round, without the allowance;
            in a medium that varies, of the prediction and after each run of iterations.
        method: "rounds", "direct" if the ring system was solved instead, or "newton-cg" in a medium
            that varies or with saturating uptake.
        allowance: what `error_bound` includes for rounding.
    """

    field: NDArray[np.float64]
    error_bound: float
    rounds: int
    history: tuple[float, ...]
    method: str
    allowance: float


@dataclass(frozen=True, repr=False)
class BatchRefinement(Refinement):
    """The refinements of a batch of predictions.

    Attributes:
        field: (batch, rows, columns).
        error_bound, rounds, allowance: the largest of all images.
        history: the largest bound of all images after the first correction and after each round.
        method: "rounds", "direct", or "direct, rounds" where images differ.
        images: the refinement of each.
    """

    images: tuple[Refinement, ...]

    @classmethod
    def of(cls, images: Sequence[Refinement]) -> "BatchRefinement":
        """The batch of one or more refinements."""
        most = max(len(image.history) for image in images)
        return cls(
            np.stack([image.field for image in images]),
            max(image.error_bound for image in images),
            max(image.rounds for image in images),
            tuple(
                max(image.history[min(i, len(image.history) - 1)] for image in images)
                for i in range(most)
            ),
            ", ".join(sorted({image.method for image in images})),
            max(image.allowance for image in images),
            tuple(images),
        )
