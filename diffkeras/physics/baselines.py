"""Baselines: fields of discs by less than the full system between them, and nothing learned.

Each disc k alone in the lattice has the ring R_k, the densities q_k there, and so a field A⁻¹q_k
that holds its value (`steady.uniform`). Holding several discs at their values is not additive:
a neighbour's field lifts a disc above its value. `superpose`, which adds the fields of single
discs, is too high, the more so the closer they are. `effective_strengths` keeps the pattern of q_k,
and finds its strength in the presence of the others, or also how it varies around the disc.
"""

from typing import Any, Unpack

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_lattice
from diffkeras.physics.linear.finite_volumes import Ring, find_ring
from diffkeras.physics.linear.ring import DenseRing, eliminate_constant
from diffkeras.physics.linear.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem.medium import Medium, MediumKeywords, show_keywords
from diffkeras.physics.problem.sources import Sources
from diffkeras.system.environment import blas_threads

NUMBERS = (1, 3)  # how many `effective_strengths` may find for each disc


@show_keywords
@blas_threads()
def superpose(
    sources: Sources,
    lattice: tuple[int, int],
    *,
    medium: Medium | None = None,
    **parts: Unpack[MediumKeywords],
) -> NDArray[np.float64]:
    """Sum of the discs' single-disc steady states, with each disc's own value on its nodes.

    It costs one transform pair and no system between discs.

    Args:
        sources: n discs that don't overlap.
        lattice: (rows, columns), which the result has in float64.
        medium: a uniform medium with a positive decay or an absorbing boundary; by default
            `Medium()`.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: another medium: each disc alone would fill the lattice with its value.

    Example:
        >>> import diffkeras as dk
        >>> one = dk.sample_sources(1, (32, 32), rng=0)
        >>> bool(abs(superpose(one, (32, 32)) - dk.solve(one).field).max() < 1e-10)
        True
    """
    medium, lattice = _checked("superpose", sources, lattice, Medium.of(medium, parts))
    operator = spectral_operator(lattice, medium.normalised())
    if operator.is_singular:
        raise PhysicsError(
            f"decay 0 with boundaries {medium.side_kinds}: the fields of single sources don't "
            "decay, so their sum means nothing; give a positive decay or an absorbing boundary"
        )
    labels, image = sources.labels(lattice), sources.image(lattice, np.float64)
    density, constant = np.zeros(lattice), 0.0
    for disc in _rings_of_discs(labels, operator):
        strengths, shift = DenseRing(operator, disc).solve(image[disc.nodes], 0.0)
        density[disc.nodes] = strengths
        constant += shift
    return np.where(labels > 0, image, operator.inverse(density) + constant)


@show_keywords
@blas_threads()
def effective_strengths(
    sources: Sources,
    lattice: tuple[int, int],
    *,
    numbers: int = 1,
    medium: Medium | None = None,
    **parts: Unpack[MediumKeywords],
) -> NDArray[np.float64]:
    """The field of discs that keep the density pattern they have alone, with effective strengths.

    With θ the angle around the disc's centre, the densities on the ring of disc k are

        q_k (a_k0 + a_k1 cos θ + a_k2 sin θ),

    or the first of these terms alone. Together they are B a, with a row of B for each ring node
    and a column for each number. The best a makes the error of G B a = c orthogonal to the columns
    (Galerkin), which minimises its energy norm:

        Bᵀ G B a = Bᵀ c,    c the values on the rings, G Green's function between their nodes.

    The field is A⁻¹B a, and each disc's nodes then hold its value.

    Args:
        sources: n discs that don't overlap; those outside the lattice are left out.
        lattice: (rows, columns), which the result has in float64.
        numbers: 1 or 3 for each disc.
        medium: a uniform medium; by default `Medium()`.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: another number, or a medium that varies.

    Example:
        >>> import diffkeras as dk
        >>> sources = dk.sample_sources(5, (64, 64), rng=0)
        >>> exact = dk.solve(sources).field
        >>> errors = [abs(effective_strengths(sources, (64, 64), numbers=m) - exact).max()
        ...           for m in (1, 3)]
        >>> bool(errors[1] < errors[0])
        True
    """
    if numbers not in NUMBERS:
        raise PhysicsError(
            f"numbers must be {' or '.join(map(str, NUMBERS))} for each disc, not {numbers!r:.60}"
        )
    medium, lattice = _checked("effective_strengths", sources, lattice, Medium.of(medium, parts))
    operator = spectral_operator(lattice, medium.normalised())
    labels, image = sources.labels(lattice), sources.image(lattice, np.float64)
    rings = _rings_of_discs(labels, operator)
    if not rings:
        return image
    ring = Ring(tuple(map(np.concatenate, zip(*(r.nodes for r in rings), strict=True))))
    matrix = operator.green_matrix(ring.nodes)
    basis = _patterns(sources, labels, rings, matrix, numbers)
    density, constant = _galerkin(operator, matrix, basis, image[ring.nodes])
    return np.where(labels > 0, image, operator.spread(ring.nodes, density) + constant)


def _checked(
    what: str, sources: Sources, lattice: Any, medium: Medium
) -> tuple[Medium, tuple[int, int]]:
    """Medium and lattice; an error for those that a baseline doesn't take, and for an image."""
    medium.require(what, "uniform", "plane", "plain")
    if not isinstance(sources, Sources):
        raise PhysicsError(
            f"give the discs as Sources, not as {type(sources).__name__}: an image doesn't tell "
            "which nodes form a disc"
        )
    return medium, check_lattice(lattice)


def _rings_of_discs(labels: NDArray[np.int32], operator: SpectralOperator) -> list[Ring]:
    """The ring that each disc has alone; discs that are hidden or outside are left out."""
    every = find_ring(labels, operator.medium.side_kinds)
    disc = labels[every.nodes]
    order = np.argsort(disc, kind="stable")
    cuts = np.flatnonzero(np.diff(disc[order])) + 1
    parts = np.split(order, cuts) if disc.size else []
    return [every.part(part) for part in parts]


def _patterns(
    sources: Sources,
    labels: NDArray[np.int32],
    rings: list[Ring],
    matrix: NDArray[np.floating],
    numbers: int,
) -> NDArray[np.float64]:
    """B, (m, discs · numbers): densities of single discs, times cosines and sines of the angle."""
    basis = np.zeros((len(matrix), len(rings) * numbers))
    start = 0
    for column, ring in enumerate(rings):
        part = slice(start, start + ring.size)
        start = part.stop
        # G⁻¹1 is proportional to the densities of the disc alone, also where A is deflated
        _, pattern, _ = scipy.linalg.lapack.dposv(matrix[part, part].T, np.ones(ring.size), lower=0)
        rows, columns = ring.nodes
        disc = labels[rows[0], columns[0]] - 1
        angle = np.arctan2(rows - sources.rows[disc], columns - sources.columns[disc])
        waves = [np.ones(ring.size), np.cos(angle), np.sin(angle)][:numbers]
        basis[part, column * numbers : (column + 1) * numbers] = (pattern * waves).T
    return basis


def _galerkin(
    operator: SpectralOperator,
    matrix: NDArray[np.floating],
    basis: NDArray[np.float64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Densities B a (m,), and the constant of their field where A is deflated (see `uniform`)."""
    # LAPACK reads columns first, to which the lower triangle is the upper one
    product = scipy.linalg.blas.dsymm(1.0, matrix.T, basis, lower=0)
    sides = basis.T @ np.stack((values, np.ones_like(values)), axis=1)
    # a small disc, or one that a wall cuts, may have fewer ring nodes than numbers; pivoting leaves
    # out columns that depend on the others
    factor, pivots, rank, _ = scipy.linalg.lapack.dpstrf(basis.T @ product, tol=-1.0, lower=0)
    chosen = pivots[:rank] - 1
    solved = scipy.linalg.cho_solve((factor[:rank, :rank], False), sides[chosen])
    of_values, of_ones = (basis[:, chosen] @ solved).T
    if not operator.is_deflated:
        return of_values, 0.0
    densities, constant = eliminate_constant(operator, of_values, of_ones)
    return densities.astype(np.float64, copy=False), constant
