"""The numbers of roundings in all proofs, counted in the code that they are about.

An allowance for rounding has to be one roundoff more than the worst case; were it less, proofs
would not hold, and were it more, bounds would say less.
"""

import copy
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

import diffkeras as dk
from diffkeras.graph import fields as graph_fields
from diffkeras.nn.equation import equations as layer_equations
from diffkeras.physics import CappedUptake, Equations, MichaelisMenten
from diffkeras.physics import equations as equations_module
from diffkeras.physics.derivatives import adjoint
from diffkeras.physics.families.shared_equations import MATRIX
from diffkeras.physics.linear import finite_volumes as volumes_module
from diffkeras.physics.linear.finite_volumes import (
    EPSILON,
    EQUATION,
    EXTENDED,
    STENCIL,
    FiniteVolumes,
)
from diffkeras.physics.linear.steps import LinearSteps
from diffkeras.physics.proofs import enclosure as enclosure_module
from diffkeras.physics.proofs.enclosure import Enclosure
from diffkeras.physics.proofs.rounding import rounding_allowance
from diffkeras.physics.steady.newton import NewtonRun
from tests.helpers.traced_numbers import traced, tracing, worst

SIDES = ("absorbing", "reflecting", "periodic")
SAMPLES = 150
as_floats = np.vectorize(float, otypes=[float])


class Diagonals:
    """A matrix of traced numbers by its diagonals, in place of SciPy's."""

    def __init__(self, parts: tuple[NDArray, list[int]], shape: tuple[int, int]) -> None:
        (self.data, self.offsets), self.shape = parts, shape

    def __matmul__(self, vector: NDArray) -> NDArray:
        result, nodes = np.full(vector.size, 0.0, vector.dtype), vector.size
        for diagonal, offset in zip(self.data, self.offsets, strict=True):
            columns = np.arange(max(0, offset), min(nodes, nodes + offset))
            result[columns - offset] += diagonal[columns] * vector[columns]
        return result

    def sizes(self) -> "Diagonals":
        return Diagonals((np.abs(as_floats(self.data)), self.offsets), self.shape)


def random_numbers(rng, shape):
    """Traced numbers of all sizes and both signs."""
    return traced(rng.normal(size=shape) * 10.0 ** rng.uniform(-6, 6, shape))


def random_equations(rng, law=None):
    """Equations whose operator is computed from exact numbers, as are production and uptake."""
    lattice = tuple(rng.integers(2, 4, 3).tolist())
    kinds = [tuple(rng.choice(SIDES[:2], 2)) if rng.random() < 0.5 else "periodic" for _ in "zyx"]
    medium: Any = SimpleNamespace(
        diffusivities=[traced(10 ** rng.uniform(-4, 4, lattice)) for _ in lattice],
        decay=traced(10 ** rng.uniform(-9, 5, lattice)),
        step=traced(rng.uniform(0.5, 2)),
        side_kinds=kinds,
    )
    ones = np.ones(lattice)
    uptake = law(ones, 1.0) if law else None
    equations = Equations(dk.Problem(production=ones, uptake=uptake, boundary="reflecting"))
    with tracing(volumes_module):
        equations.volumes = volumes_module.finite_volumes(lattice, medium, 0.25)
    equations.production = random_numbers(rng, lattice)
    if law:
        parts = {name: traced(10 ** rng.uniform(-4, 4, lattice)) for name in uptake.parts}
        equations._uptake = uptake.with_unchecked_parts(parts)
    return equations


def in_floats(equations):
    """The same equations with floats in place of traced numbers, unchanged in value."""
    other, volumes = copy.copy(equations), equations.volumes
    other.volumes = FiniteVolumes(
        tuple(map(as_floats, volumes.couplings)), as_floats(volumes.row_sums)
    )
    other.production = as_floats(equations.production)
    if law := equations._uptake:
        parts = {name: as_floats(part) for name, part in law.parts.items()}
        other._uptake = law.with_unchecked_parts(parts)
    return other


def in_roundoffs(number, precision):
    """In place of `rounding_of`: roundoffs of size 1."""
    return number


def largest_share(found, sizes):
    """The largest error in unit roundoffs, as a share of sizes."""
    sizes = as_floats(sizes)
    return (worst(found)[sizes > 0] / sizes[sizes > 0]).max(initial=0.0)


def seen(share):
    """The largest of the shares of random samples."""
    return max(share(np.random.default_rng([0, seed])) for seed in range(SAMPLES))


def test_roundings_of_the_stencil():
    def share(rng):
        volumes = random_equations(rng).volumes
        return largest_share(*volumes.apply_with_sizes(random_numbers(rng, volumes.row_sums.shape)))

    assert seen(share) == pytest.approx(STENCIL - 1, abs=0.01)


def test_what_is_rounded_down_is_no_more_than_the_exact_one():
    def share(rng):
        equations = random_equations(rng)
        field = random_numbers(rng, equations.lattice)
        result, sizes = equations.volumes.apply_with_sizes(field)
        with mock.patch.object(volumes_module, "rounding_of", in_roundoffs):
            lowered = in_floats(equations).volumes.apply_rounded_down(as_floats(field))
        return (worst(result - sizes * 1e-9) / (as_floats(result) - lowered)).max()

    assert seen(share) == pytest.approx(1 - 1 / (STENCIL + 1), abs=1e-3)


@pytest.mark.parametrize("law", [None, MichaelisMenten, CappedUptake])
def test_roundings_of_the_equations(law):
    def share(rng):
        equations = random_equations(rng, law)
        field = random_numbers(rng, equations.lattice)
        with mock.patch.object(equations_module, "rounding_of", in_roundoffs):
            plain = in_floats(equations)
            _, allowed = plain.residual_with_rounding(as_floats(field), np.float64)
        return (worst(equations.residual(field)) / allowed * equations.roundings).max()

    # later, the sum of |F| and its rounding is one more
    sums = 2 if law else 1
    assert seen(share) == pytest.approx(STENCIL - 1 + sums, abs=0.02)
    assert STENCIL + sums + 1 <= EQUATION <= STENCIL + 3


def test_roundings_of_uptake():
    def share(rng):
        field, shares = random_numbers(rng, (20,)), []
        for law in (MichaelisMenten(1.0, 1.0), CappedUptake(1.0, 1.0)):
            parts = {name: traced(10 ** rng.uniform(-6, 6, 20)) for name in law.parts}
            law = law.with_unchecked_parts(parts)
            found = law.rate(field), law.slope(field)
            shares += [largest_share(each, np.abs(each)) for each in found]
        return max(shares)

    assert seen(share) == pytest.approx(MichaelisMenten.rounding - 1, abs=0.01)
    assert CappedUptake.rounding == MichaelisMenten.rounding


def test_roundings_of_equations_that_share_a_matrix():
    def share(rng):
        volumes = random_equations(rng).volumes
        lattice = volumes.row_sums.shape
        with mock.patch.object(volumes_module.sp, "dia_array", Diagonals), tracing(volumes_module):
            matrix = volumes.matrix(np.dtype(object))
        field = random_numbers(rng, lattice)
        added = volumes.row_sums * 10.0 ** rng.uniform(-9, 0.5, lattice)
        found = (matrix @ field.ravel()).reshape(lattice) + added * field
        size = np.abs(as_floats(field))
        sizes = (matrix.sizes() @ size.ravel()).reshape(lattice) + as_floats(added) * size
        return largest_share(found, sizes)

    # with s, φ, the sum of |F| and its rounding, and one more
    assert seen(share) == pytest.approx(EQUATION + MATRIX - 4, abs=0.5)


@pytest.mark.parametrize("law", [None, MichaelisMenten])
def test_roundings_of_the_adjoint(law):
    def share(rng):
        equations = random_equations(rng, law)
        field = traced(10.0 ** rng.uniform(-6, 6, equations.lattice))
        weights, values = (random_numbers(rng, equations.lattice) for _ in range(2))
        nothing = mock.patch.object(Equations, "change_of_slope", return_value=0.0)
        shares = []
        for rounding in (lambda *_: 1e-9, in_roundoffs):
            with nothing, mock.patch.object(adjoint, "rounding_of", rounding):
                residual = adjoint.Adjoint(equations, field, weights, values)._residual(field)
            shares.append(residual)
        return (worst(shares[0]) / as_floats(shares[1] - shares[0])).max() * equations.roundings

    # of A as far as its last sum, with w, φ' λ and the rounding itself
    assert seen(share) == pytest.approx(STENCIL + (2 if law else 1), abs=0.02)
    assert STENCIL + 3 <= EQUATION


def test_roundings_with_a_remainder():
    def share(rng):
        equations = random_equations(rng)
        field, remainder = (random_numbers(rng, equations.lattice) for _ in range(2))
        remainder *= 2.0 ** rng.integers(-60, 60)
        applied, sizes = equations.volumes.apply_with_sizes(remainder)
        found = np.abs(equations.residual(field) - applied) + 1e-9 * sizes
        enclosure = Enclosure(in_floats(equations), LinearSteps(equations))
        large = [
            mock.patch.object(module, "rounding_of", lambda number, _: number * 1e9)
            for module in (equations_module, enclosure_module)
        ]
        with large[0], large[1]:
            parts = as_floats(field), np.dtype(float), as_floats(remainder)
            residual, size = enclosure._scaled_residual(*parts)
        return (worst(found) / (residual * size * 1e-9)).max()

    assert seen(share) == pytest.approx(1 - 1 / (STENCIL + 2), abs=0.005)


def test_roundings_in_graphs():
    ops = SimpleNamespace(abs=np.abs, concatenate=np.concatenate, zeros_like=lambda a: 0.0 * a)

    def share(rng):
        lattice = (1, *rng.integers(2, 4, 2).tolist())
        step, ones = traced(rng.uniform(0.5, 2)), np.ones(lattice)
        rates = [traced(np.full((1, 1, 1), rng.uniform(0.1, 9))) / step**2 for _ in range(2)]
        kinds = [rng.choice(SIDES) for _ in range(2)]
        decay = traced(np.full((1, 1, 1), 10 ** rng.uniform(-9, 5)))
        field, production = random_numbers(rng, lattice), random_numbers(rng, lattice)
        with mock.patch.object(layer_equations, "ops", ops):
            equations = layer_equations.equations_of(rates, decay, kinds, ones)
            found, sizes = equations.apply(field) - production, equations.sizes(field)
        return largest_share(found, sizes + np.abs(production))

    # the sum of |Af − s| and its rounding is one more
    count = graph_fields.ROUNDING / (np.finfo(float).eps / 2)
    assert seen(share) == pytest.approx(count - 2, abs=0.05)


def test_least_slopes_and_changes_of_slope_include_their_rounding():
    def slope(parts, field):
        v, k, u = parts[0], parts[1], max(field, 0)
        return v * k / (k + u) ** 2

    rng = np.random.default_rng(0)
    shape = (100, 100)
    numbers = rng.uniform(0.5, 2, (4, *shape))
    numbers[2:] *= [[[2.0**-30]], [[2.0**-90]]]  # which change no slope, so that rounding is all
    maximum, constant, field, radius = numbers
    uptake = MichaelisMenten(maximum, constant)
    equations = Equations(dk.Problem(production=field, uptake=uptake))
    least = equations.least_slope(field, radius) * equations.unit
    change = equations.change_of_slope(field, radius) * equations.unit
    exact = [
        (
            slope(parts, parts[2]),
            slope(parts, parts[2] + parts[3]),
            slope(parts, parts[2] - parts[3]),
        )
        for parts in (list(map(Fraction, each)) for each in numbers.reshape(4, -1).T)
    ]
    here, above, below = (
        np.array(each, object).reshape(shape) for each in zip(*exact, strict=True)
    )
    assert (least <= above).all()
    assert (change >= np.maximum(below - here, here - above)).all()
    roundoffs = here * (np.finfo(float).eps / 2)
    assert np.mean((here - least) / roundoffs) == pytest.approx(uptake.rounding + 1, abs=0.4)
    assert np.mean(change / roundoffs) == pytest.approx(2 * (uptake.rounding + 2), abs=0.4)


@pytest.mark.parametrize("seed", range(3))
def test_the_last_roundings_of_a_field_are_in_its_bound(seed):
    """Division of fixed values by the scale, conversion to float64, multiplication by the scale.

    Where values are a little more than half of the scale, and that is a little more than a power of
    2, each is off by a unit roundoff at worst.
    """
    rng = np.random.default_rng(seed)
    scale, decay, pairs = rng.uniform(1, 1.02), 2.0 ** -rng.integers(5, 9), 3000
    held = scale * rng.uniform(0.5, 0.51, pairs)
    held[0] = scale
    free = np.tile([False, True, False], pairs)[None]  # each between two fixed nodes of its own
    image = np.where(free, 0.0, np.repeat(held, 3))
    problem = dk.Problem(image, fixed=~free, decay=decay, boundary="reflecting")
    equations = Equations(problem)
    assert equations.scale == scale
    run = NewtonRun(equations)
    bound = run._run(lambda: 0.0)  # as small as rounding allows
    field, bound = (each[free] for each in equations.leave(run.rounded(), bound))
    exact = [2 * Fraction(value) / (2 + Fraction(decay)) for value in held.tolist()]
    errors = [abs(Fraction(one) - other) for one, other in zip(field, exact, strict=True)]
    assert all(error <= Fraction(most) for error, most in zip(errors, bound, strict=True))
    if np.finfo(EXTENDED).eps < EPSILON:  # otherwise the rounding of the equation is more
        assert (np.array(errors, float) / bound).max() > 0.85


def test_the_allowance_of_one_node_covers_its_rounding():
    rng, zeros = np.random.default_rng(0), 0
    for _ in range(400):
        problem = dk.Problem(
            production=np.full((1, 1), rng.uniform(0.5, 2)), decay=rng.uniform(0.1, 2)
        )
        equations = Equations(problem)
        rate = float(equations.volumes.row_sums.item())
        produced = float(equations.production.item())
        field = np.array([[np.nextafter(produced / rate, rng.choice([0, 9]))]])
        exact = Fraction(produced) / Fraction(rate)
        zeros += rate * field.item() == produced
        error = abs(Fraction(field.item()) - exact)
        assert error <= Fraction(rounding_allowance(equations, field))
    assert zeros > 10  # where what is left of A f = s isn't seen


def test_the_allowance_of_a_closed_lattice_covers_the_rounding_of_the_mean():
    rng, unseen = np.random.default_rng(0), []
    for _ in range(400):
        rate, decay = rng.uniform(0.5, 2), rng.uniform(0.5, 1) * 2.0**-40
        production = np.full((4, 4), rate)
        problem = dk.Problem(production=production, decay=decay, boundary="reflecting")
        equations = Equations(problem)
        produced, decay = float(equations.production[0, 0]), equations.operator.decay
        near = produced / decay * (1 + rng.integers(-2, 3) * 2.0**-53)
        field = np.full((4, 4), near)
        error = abs(Fraction(near) - Fraction(produced) / Fraction(decay))
        allowance = rounding_allowance(equations, field)
        assert error <= Fraction(allowance)
        if decay * (16 * near) == 16 * produced:
            unseen.append(float(error) / allowance)
    assert max(unseen) > 0.15


def test_the_allowance_of_a_closed_lattice_covers_what_varies():
    for lattice in ((1, 16), (2, 9), (1, 1, 24)):
        signs = np.where(np.arange(lattice[-1]) < lattice[-1] // 2, 1.0, -1.0)
        source = np.broadcast_to(signs - signs.mean(), lattice)
        problem = dk.Problem(production=1 + 0 * source, decay=1e-12, boundary="reflecting")
        equations = Equations(problem)
        exact = equations.operator.inverse(source) * 1e-3  # mean 0
        field = dk.solve(problem).field + exact
        assert rounding_allowance(equations, field) >= np.abs(exact).max()
