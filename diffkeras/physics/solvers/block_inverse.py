"""The preconditioner of the ring system in three dimensions: blocks, and what acts between them.

Rings in space are surfaces. A node has many near ones there, and the sparse factors that serve in
the plane (`preconditioner`) would be large. But most sources are compact, and the field of one is
smooth at the others. So with blocks of near nodes, usually whole sources,

    G ≈ D + P F Pᵀ,    D: G within each block,    F: G between the centres of different blocks,

with a column of ones for each block in P. Blocks that are alone and have the value 1 have
the densities D⁻¹P, and their sums C = PᵀD⁻¹P are the blocks' capacities. With V = D⁻¹P C^(−½),
Woodbury's formula gives

    G⁻¹ ≈ D⁻¹ − V (1 − (1 + S)⁻¹) Vᵀ,    S = C^(½) F C^(½).

It is symmetric, and positive definite if 1 + S is, which Cholesky's method tells. Blocks of one
shape share their part of D⁻¹, if no wall is near.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotri, spotrf, spotri, spotrs

from diffkeras.physics.equations.finite_volumes import Ring
from diffkeras.physics.equations.spectral import SpectralOperator

MOST_BLOCKS = 2048  # whose dense system takes as long as some transforms
WALL_REACH = 2  # up to which a wall changes the field of a block much


@dataclass(frozen=True, eq=False)
class _Alike:
    """Blocks of one shape.

    Attributes:
        nodes: (blocks, n), their numbers in the ring.
        inverse: D⁻¹ of each, (n, n).
        capacity: C of each.
        density: V of each, (n,).
    """

    nodes: NDArray[np.intp]
    inverse: NDArray[np.float32]
    capacity: float
    density: NDArray[np.float32]

    @classmethod
    def of(cls, operator: SpectralOperator, ring: Ring, blocks: list[NDArray[np.intp]]) -> "_Alike":
        nodes = ring.part(blocks[0]).nodes
        factor, failed = operator.green_factor(nodes, np.float32)
        if not failed:
            triangle, _ = spotri(factor, overwrite_c=True)
        else:
            factor, _ = operator.green_factor(nodes)
            triangle, _ = dpotri(factor, overwrite_c=True)
        inverse = np.triu(triangle.astype(np.float32, copy=False))
        inverse += np.triu(inverse, 1).T
        density = inverse.sum(axis=1)
        capacity = float(density.sum())
        return cls(np.stack(blocks), inverse, capacity, density / np.float32(np.sqrt(capacity)))


class BlockInverse:
    """About G⁻¹ of a ring, from blocks of its nodes that cover it."""

    def __init__(
        self, operator: SpectralOperator, ring: Ring, blocks: list[NDArray[np.intp]]
    ) -> None:
        groups: dict[bytes, list[NDArray[np.intp]]] = {}
        for block in blocks:
            groups.setdefault(_shape(operator, ring, block), []).append(block)
        self._groups = [_Alike.of(operator, ring, group) for group in groups.values()]
        self._factor: NDArray[np.float32] | None = None
        if 1 < len(blocks) <= MOST_BLOCKS:
            self._factor = self._between_blocks(operator, ring)

    def apply(self, single: NDArray[np.float32]) -> NDArray[np.float32]:
        """About G⁻¹r, (m,), in single precision."""
        result = np.empty_like(single)
        for group in self._groups:
            result[group.nodes] = single[group.nodes] @ group.inverse
        if self._factor is not None:
            shares = np.concatenate([single[group.nodes] @ group.density for group in self._groups])
            solved, _ = spotrs(self._factor, shares)
            shares -= solved
            start = 0
            for group in self._groups:
                part = shares[start : (start := start + len(group.nodes))]
                result[group.nodes] -= part[:, None] * group.density
        return result

    def _between_blocks(self, operator: SpectralOperator, ring: Ring) -> NDArray[np.float32] | None:
        """Cholesky's factor of 1 + S, (blocks, blocks); None if that isn't positive definite."""
        centres = [
            np.concatenate([i[group.nodes].mean(axis=1).round() for group in self._groups])
            for i in ring.nodes
        ]
        centre = Ring(tuple(i.astype(np.int32) for i in centres))
        matrix = np.tril(operator.green_matrix(centre.nodes, np.float32))
        roots = np.concatenate(
            [np.full(len(group.nodes), np.sqrt(group.capacity)) for group in self._groups]
        ).astype(np.float32)
        matrix *= roots[:, None]
        matrix *= roots
        np.fill_diagonal(matrix, 1.0)
        factor, failed = spotrf(matrix.T, overwrite_a=True)
        return None if failed else factor


def _shape(operator: SpectralOperator, ring: Ring, block: NDArray[np.intp]) -> bytes:
    """The same for blocks of one shape that have no wall near, or have it at one distance."""
    parts = []
    for coordinates, axis in zip(ring.part(block).nodes, operator.axes, strict=True):
        low, high = coordinates.min(), coordinates.max()
        parts.append(coordinates - low)
        if axis.boundary != "periodic":
            parts.append(np.minimum([low, axis.nodes - 1 - high], WALL_REACH).astype(np.int32))
    return np.concatenate(parts).tobytes()
