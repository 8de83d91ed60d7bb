"""Media that vary, and images with media of their own: no bound is violated, none is vacuous."""

import gc
import weakref
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from random_problems import (
    BOUNDARIES,
    RandomProblem,
    any_prediction,
    promised,
    random_lattice,
    random_problem,
    random_sides,
    random_walls,
)
from random_uptake import random_saturation

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, TissueSampler, sample_sources, solve
from diffkeras.physics.problem.maps import problem_of_maps
from diffkeras.tf_solver import TensorSolver

LATTICE, MEDIUM = (24, 31), Medium(2.0, 1 / 50, 0.5, ("absorbing", "periodic"))
REFERENCE = 1e-14  # relative error of `RandomProblem.exact`, and of float64 differences from it
SIZE = 25  # of a batch


@dataclass(frozen=True)
class Batch:
    """Random problems on one lattice, and the arguments of their solver."""

    problems: list[RandomProblem]
    solver: TensorSolver
    predictions: np.ndarray
    inputs: dict[str, Any]

    @property
    def sizes(self) -> np.ndarray:
        return np.array([problem.scale for problem in self.problems])

    def part(self, chosen: np.ndarray) -> "Batch":
        problems = [p for p, wanted in zip(self.problems, chosen, strict=True) if wanted]
        inputs = {name: values[chosen] for name, values in self.inputs.items()}
        return replace(self, problems=problems, predictions=self.predictions[chosen], inputs=inputs)


def random_batch(kind: str, seed: int, size: int = SIZE) -> Batch:
    """Problems whose media differ in the decay alone, in their maps, or in their cells, too.

    With "sides", maps vary within random sides with values and fluxes.
    """
    rng = np.random.default_rng(seed)
    lattice = random_lattice(rng)
    rate, step = (
        10 ** rng.choice([0.0, rng.uniform(-6, 6)]),
        10 ** rng.choice([0.0, rng.uniform(-1, 1)]),
    )
    boundary: Any = tuple(rng.choice(BOUNDARIES, 2).tolist())
    if kind == "sides":
        boundary = random_sides(rng, lattice, 1.0, rate / step)
    share = rng.choice([1 / 400, 10 ** rng.uniform(-4, 1), 10 ** rng.uniform(-15, 3)])
    slowest = Medium(rate, share * rate / step**2, step, boundary)
    produces = kind == "sides" or (kind == "decays" and seed % 2 == 1)
    problems: list[RandomProblem] = []
    cells: list[dict[str, np.ndarray]] = []
    for k in range(size):
        if kind == "decays":
            medium = replace(slowest, decay=slowest.decay * 10 ** rng.uniform(0, 3))
        else:
            medium = replace(slowest, **maps(rng, lattice, slowest))
        if kind == "saturating":
            drawn = random_saturation(np.random.default_rng((seed, k)), medium, lattice)
            problem, own = drawn or (None, {})
            cells += [own] if drawn else []
        else:
            problem = random_problem((seed, k), produces=produces, lattice=lattice, medium=medium)
        problems += [] if problem is None else [problem]
    with np.errstate(over="ignore"):
        predictions = np.array([any_prediction(p, rng) for p in problems], np.float32)
    nothing = np.zeros(lattice)
    inputs: dict[str, Any] = {
        "source_images": [nothing if p.image is None else p.image for p in problems],
        "fixed": [nothing.astype(bool) if p.fixed is None else p.fixed for p in problems],
        "decay": [problem.medium.decay for problem in problems],
    }
    if kind != "decays":
        inputs["diffusivity"] = [problem.medium.diffusivity for problem in problems]
    if produces:
        inputs["production"] = [problem.production for problem in problems]
    inputs |= {name: [own[name] for own in cells] for name in (cells or [{}])[0]}
    solver = TensorSolver(lattice, slowest, "float32")
    return Batch(problems, solver, predictions, {n: np.array(v) for n, v in inputs.items()})


def maps(
    rng: np.random.Generator, lattice: tuple[int, ...], medium: Medium
) -> dict[str, np.ndarray]:
    """Diffusivities over up to eight decades, by nodes or regions, and decays that may be 0."""
    decades = rng.choice([0.0, 1.0, 3.0, 7.9])
    coarse = rng.uniform(-decades / 2, decades / 2, (-(-lattice[0] // 5), -(-lattice[1] // 5)))
    regions = np.kron(coarse, np.ones((5, 5)))[: lattice[0], : lattice[1]]
    nodes = rng.uniform(-decades / 2, decades / 2, lattice)
    decays = 10 ** rng.uniform(0, 2, lattice) * rng.choice([1.0, rng.choice([0.0, 1.0])], lattice)
    diffusivity = medium.diffusivity * 10 ** (regions if rng.random() < 0.5 else nodes)
    return {"diffusivity": diffusivity, "decay": medium.decay * decays}


def assert_bounded(batch: Batch, fields: Any, bounds: Any) -> None:
    """No field is further from its exact one than its bounds, node by node or for the image."""
    for problem, field, bound in zip(batch.problems, fields.numpy(), bounds.numpy(), strict=True):
        assert not np.isnan(bound).any()
        usable = np.isfinite(field)
        errors = problem.errors(field)[usable] * problem.scale
        most = np.broadcast_to(bound, field.shape)[usable].astype(np.longdouble)
        assert (errors <= most + (REFERENCE + problem.doubt) * problem.scale).all()


def contrast(medium: Medium) -> float:
    return float(np.max(medium.diffusivity) / np.min(medium.diffusivity))


def check_random_batches(kind: str, seeds: range, size: int = SIZE) -> tuple[int, int]:
    """Numbers of problems, and of batches whose tolerances were refused at first."""
    proven_fields = refused = 0
    for seed in seeds:
        batch = random_batch(kind, seed, size)
        if not batch.problems:
            continue
        proof = batch.solver.certify(batch.predictions, **batch.inputs)
        assert_bounded(batch, proof.corrected.field, proof.corrected.node_bound)
        assert_bounded(batch, proof.field, proof.node_bound)
        proven = np.isfinite(proof.corrected.error_bound.numpy())
        contrasts = np.array([contrast(problem.medium) for problem in batch.problems])
        assert proven[contrasts < 1e6].all()
        if kind in ("saturating", "sides"):  # tolerances are of what a bound leaves of the field
            proven &= proof.corrected.error_bound.numpy() < 0.4 * batch.sizes
        proven_fields, batch = proven_fields + proven.size, batch.part(proven)
        tolerance = 10.0 ** np.random.default_rng(seed).integers(-7, -1, len(batch.problems))
        options = {"initial": batch.predictions, **batch.inputs}
        try:
            solution = batch.solver.solve(**options, tolerance=tolerance)
        except tf.errors.InvalidArgumentError as error:
            refused += 1
            tolerance = np.maximum(tolerance, promised(error))
            solution = batch.solver.solve(**options, tolerance=tolerance)
        assert_bounded(batch, solution.field, solution.node_bound)
        bounds = solution.node_bound.numpy().max((1, 2))
        np.testing.assert_array_equal(solution.error_bound, bounds)
        assert (bounds <= tolerance * batch.sizes * (1 + 1e-6)).all()
    return proven_fields, refused


@pytest.mark.parametrize(
    ("kind", "seeds", "size"),
    [
        ("decays", range(2), SIZE),
        ("maps", range(1), SIZE),
        ("sides", range(1), SIZE),
        ("saturating", range(2, 3), 80),
    ],
)
def test_no_bound_is_violated(kind, seeds, size):
    proven_fields, _ = check_random_batches(kind, seeds, size)
    assert proven_fields > 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["decays", "maps", "sides"])
def test_no_bound_is_violated_in_many_problems(kind):
    proven_fields, refused = check_random_batches(kind, range(1000, 1008), size=60)
    assert proven_fields > 300
    assert refused > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1004))
def test_no_bound_is_violated_in_hundreds_of_tissues(seed):
    proven_fields, _ = check_random_batches("saturating", range(seed, seed + 1), 100)
    assert proven_fields > 40


@pytest.mark.parametrize("seeds", [(0, 7, 10), pytest.param(range(30), marks=pytest.mark.slow)])
def test_solutions_in_fixed_media_are_proven(seeds):
    """Media that vary or have sides of any kind, also axes of their own, as one problem each."""
    proven = 0
    for seed in seeds:
        problem = random_walls(seed)
        medium = None if problem is None else problem.medium
        if medium is None or (medium.is_uniform and medium.has_equal_sides):
            continue
        lattice = problem.exact.shape
        parts = problem.image, problem.fixed, problem.production
        inputs = [part if part is None else part[None] for part in parts]
        inputs[0] = np.zeros((1, *lattice)) if inputs[0] is None else inputs[0]
        solution = TensorSolver(lattice, medium).solve(*inputs)
        errors = problem.errors(solution.field[0].numpy()) * problem.scale
        slack = (REFERENCE + problem.doubt) * problem.scale
        assert (errors <= solution.node_bound[0].numpy() + slack).all()
        proven += float(solution.error_bound[0]) <= 1e-6 * problem.scale
    assert proven > len(seeds) / 4


@cache
def tissues_of(saturating: bool) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Source images, the maps of their media, and their fields."""
    sampler = TissueSampler(cells=(5, 20), cell_radius=(1, 3), regions=(2, 4))
    if saturating:
        more: Any = {"saturation": (0.05, 0.2), "secreting_cells": (1, 3), "secretion": 0.02}
        sampler = replace(sampler, **more)
    images, drawn, fields = [], [], []
    for seed in range(3):
        image = sample_sources(2, LATTICE, radius=2, rng=seed).image(LATTICE).astype(np.float32)
        maps = sampler.sample(LATTICE, rng=seed).maps(LATTICE, MEDIUM)
        images.append(image)
        drawn.append({name: np.float32(values) for name, values in maps.items()})
        fields.append(solve(problem_of_maps(image, MEDIUM, drawn[-1])).field)
    inputs = {name: np.stack([own[name] for own in drawn]) for name in drawn[0]}
    return np.stack(images), inputs, np.stack(fields)


def errors_of(solution: Any, exact: np.ndarray) -> np.ndarray:
    return np.abs(solution.field.numpy().astype(np.float64) - exact)


SATURATING = pytest.mark.parametrize("saturating", [False, True])


@SATURATING
def test_bounds_stay_near_the_true_error(saturating):
    images, media, exact = tissues_of(saturating)
    noise = np.random.default_rng(0).standard_normal(exact.shape)
    for field in (exact + 0.01 * noise, 0 * exact, 1.05 * exact):
        prediction = field.astype(np.float32)
        proof = TensorSolver(LATTICE, MEDIUM).certify(prediction, images, **media)
        corrected, bound, _ = (part.numpy() for part in proof.corrected)
        assert (np.abs(corrected - exact).max((1, 2)) <= bound).all()
        errors, node_bound = np.abs(prediction - exact), proof.node_bound.numpy()
        assert (errors <= node_bound).all()
        most = errors.max((1, 2))
        assert (bound <= 0.5 * most).all()
        assert (node_bound.max((1, 2)) <= 1.5 * most).all()
        np.testing.assert_array_equal(proof.error_bound, node_bound.max((1, 2)))
        np.testing.assert_array_equal(corrected[images != 0], images[images != 0])


@SATURATING
def test_tolerances_are_met_or_refused(saturating):
    images, media, exact = tissues_of(saturating)
    solver = TensorSolver(LATTICE, MEDIUM)
    for initial in (None, 1.01 * exact, np.full_like(exact, np.nan)):
        solution = solver.solve(images, **media, initial=initial, tolerance=1e-6)
        assert solution.field.dtype == tf.float32
        assert (errors_of(solution, exact) <= solution.node_bound.numpy() + REFERENCE).all()
        assert (solution.error_bound.numpy() <= 1e-6).all()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        solver.solve(images, **media, tolerance=1e-9)
    assert promised(caught.value) < 1e-6
    # float64 fields hold more
    solution = solver.solve(images.astype(float), **media, tolerance=1e-9)
    assert (errors_of(solution, exact) <= solution.node_bound.numpy() + 1e-9).all()


def test_a_problem_is_solved_in_its_medium_with_its_uptake():
    rng = np.random.default_rng(0)
    image = sample_sources(2, LATTICE, radius=2, rng=1).image(LATTICE)
    problems = [
        dk.Problem(image, diffusivity=rng.uniform(1, 9, LATTICE), uptake=rng.random(LATTICE)),
        dk.Problem(image, uptake=dk.MichaelisMenten(rng.random(LATTICE), 0.3), decay=0.0),
        dk.Problem(image, decay=0.01, boundary=((dk.Robin(0.2, 1.0), "absorbing"), "periodic")),
        dk.Problem(image, decay=0.01),
    ]
    for problem in problems:
        exact = solve(problem).field
        solver = TensorSolver(like=problem)
        solution = solver.solve(np.stack([image, image]), tolerance=1e-5)
        assert np.abs(solution.field[1] - exact).max() <= solution.error_bound[1] <= 1e-5
        proof = solver.certify(exact[None], image[None])
        assert proof.error_bound[0] < 1e-6
    with pytest.raises(PhysicsError, match="not both"):
        TensorSolver(LATTICE, like=problems[0])
    with pytest.raises(PhysicsError, match="CappedUptake"):
        TensorSolver(like=dk.Problem(image, uptake=dk.physics.CappedUptake(0.2, 0.1)))


def test_traced_graphs_go_with_their_solver_and_stay_in_functions_that_call_them():
    images = np.zeros((2, 3, 4), np.float32)
    images[:, 1, 1] = 1.0
    solvers, diffusivity = [], np.linspace(1, 2, 12).reshape(3, 4)

    def field(images):
        solvers.append(TensorSolver((3, 4), diffusivity=diffusivity))
        return solvers[-1].solve(images, tolerance=1e-5).field

    graph = tf.function(field, autograph=False).get_concrete_function(tf.TensorSpec((None, 3, 4)))
    traced = [weakref.ref(solvers.pop()._steps)]
    exact = field(images)
    traced.append(weakref.ref(solvers.pop()._steps))
    gc.collect()
    assert [steps() for steps in traced] == [None, None]
    np.testing.assert_allclose(graph(tf.constant(images)), exact, atol=2e-5)


def test_nothing_is_proven_where_nothing_is_lost():
    _, media, _ = tissues_of(saturating=False)
    closed = TensorSolver(LATTICE, replace(MEDIUM, boundary="reflecting"))
    images = np.zeros((3, *LATTICE), np.float32)
    images[1:, 3, 4] = 1.0
    inputs = {**media, "decay": np.zeros_like(media["decay"])}
    inputs["diffusivity"][2, :10] = 1e-30  # a region that hardly anything leaves or enters
    bound = closed.certify(np.ones_like(images), images, **inputs).error_bound
    np.testing.assert_array_equal(np.isfinite(bound), [False, True, False])
    solution = closed.solve(images, **inputs)  # without a tolerance there is no error
    np.testing.assert_array_equal(np.isfinite(solution.error_bound), [False, True, False])
    proof = closed.certify(np.ones_like(images), images, **media).corrected
    assert proof.error_bound[0] < 1e-37  # without a source and with a loss the field is 0
    assert (proof.field[0] == 0).numpy().all()
    everywhere = np.ones_like(images)
    proof = closed.certify(images, everywhere, **media).corrected  # every node is fixed
    np.testing.assert_array_equal(proof.field, everywhere)
    assert (proof.error_bound.numpy() == 0).all()


def test_fields_are_proven_where_cells_alone_take_up():
    _, media, _ = tissues_of(saturating=True)
    medium = replace(MEDIUM, decay=0.0, boundary="reflecting")
    media = {**media, "decay": np.zeros_like(media["decay"])}
    images = np.zeros((3, *LATTICE), np.float32)
    solution = TensorSolver(LATTICE, medium).solve(images, tolerance=1e-6, **media)
    for k, field in enumerate(solution.field.numpy()):
        own = problem_of_maps(images[k], medium, {name: v[k] for name, v in media.items()})
        exact = solve(own, tolerance=1e-9)
        assert abs(field - exact.field).max() <= solution.error_bound[k] + exact.error_bound


WRONG = {"uptake": -1.0, "saturation": 0.0, "diffusivity": 0.0, "decay": -1.0, "production": np.nan}


def test_values_that_no_tissue_has_raise():
    images, media, exact = tissues_of(saturating=True)
    solver = TensorSolver(LATTICE, MEDIUM)
    for name, value in WRONG.items():
        wrong = {"decay": np.full_like(images, 0.1), **media}
        wrong[name] = wrong[name].copy()
        wrong[name][2, 5, 7] = value
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{name} must .*\[2 5 7\]"):
            solver.certify(exact, images, **wrong)
    with pytest.raises(PhysicsError, match="together"):
        solver.certify(exact, images, uptake=media["uptake"])
    with pytest.raises(PhysicsError, match="decay must have shape"):
        solver.certify(exact, images, decay=np.ones((3, 2, 2)))
    with pytest.raises(TypeError, match="'decays'"):
        solver.certify(exact, images, decays=[1.0])
    with pytest.raises(PhysicsError, match="the medium has arrays"):
        TensorSolver((24, 30), decay=np.ones(LATTICE))


@pytest.mark.slow  # XLA compiles for long
def test_without_checks_nothing_is_proven_of_values_that_no_tissue_has():
    images, media, exact = tissues_of(saturating=True)
    solver = TensorSolver(LATTICE, MEDIUM)
    certify = tf.function(solver.certify, autograph=False, jit_compile=True)
    wrong: dict[str, Any] = {"decay": np.full_like(images, 0.1), **media}
    for k, name in enumerate(("uptake", "saturation")):
        wrong[name] = wrong[name].copy()
        wrong[name][k, 5, 7] = WRONG[name]
    wrong |= {"field": exact, "source_images": images}
    proof = certify(**{name: tf.constant(values) for name, values in wrong.items()})
    np.testing.assert_array_equal(np.isinf(proof.error_bound), [True, True, False])


def test_lattices_follow_one_another_in_batches_of_one():
    """The function of conjugate gradients is shared: it must not open the sides of the lattice."""
    for lattice in ((10, 10), (10, 13), (7, 7)):
        images = np.zeros((1, *lattice), np.float32)
        images[:, 5, 5] = 1.0
        solver, decay = TensorSolver(lattice, MEDIUM), np.full_like(images, 0.5)
        assert solver.certify(images, images, decay=decay).error_bound < 2.0


@pytest.mark.parametrize(
    ("saturating", "in_graph"),
    [
        (True, False),
        pytest.param(True, True, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_exact_fields(saturating, in_graph):
    images, media, exact = (
        tf.nest.map_structure(lambda values: values[:1, 8:16, 8:16], part)
        for part in tissues_of(saturating)
    )
    solver = TensorSolver((8, 8), MEDIUM)
    inputs = {"source_images": images, "production": 0 * images, **media}
    inputs = {name: tf.constant(values, tf.float64) for name, values in inputs.items()}
    weights = np.random.default_rng(0).standard_normal(exact.shape)

    def totals(**inputs):
        field = solver.solve(**inputs, tolerance=1e-9).field
        return tf.reduce_sum(weights * field, (1, 2))

    totals = tf.function(totals, autograph=False, reduce_retracing=True) if in_graph else totals
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = totals(**inputs)
    gradients = tape.gradient(value, inputs)
    changed, slopes = {name: [] for name in inputs}, {}
    for name, gradient in gradients.items():
        direction = np.random.default_rng(1).random(exact.shape)
        change = direction * (inputs[name] if name != "production" else 1e-2)
        slopes[name] = float(tf.reduce_sum(gradient * change))
        for sign in (1e-3, -1e-3):
            for other, values in inputs.items():
                changed[other].append(values + sign * change if other == name else values)
    ends = totals(**{name: tf.concat(values, 0) for name, values in changed.items()}).numpy()
    for name, (up, down) in zip(gradients, ends.reshape(-1, 2), strict=True):
        assert (up - down) / 2e-3 == pytest.approx(slopes[name], rel=2e-3, abs=1e-6), name


def test_a_bound_s_gradient_leads_to_a_smaller_one():
    images, media, exact = tissues_of(saturating=False)
    solver = TensorSolver(LATTICE, MEDIUM)
    field = tf.constant(exact + 0.03 * np.random.default_rng(0).standard_normal(exact.shape))
    with tf.GradientTape() as tape:
        tape.watch(field)
        total = tf.reduce_sum(solver.certify(field, images, **media).node_bound)
    moved = field - 1e-3 * tape.gradient(total, field)
    assert tf.reduce_sum(solver.certify(moved, images, **media).node_bound) < total


def test_source_values_that_prove_nothing_raise():
    images, media, _ = tissues_of(saturating=False)
    solver = TensorSolver(LATTICE, MEDIUM)
    for value in (np.nan, 1e-40):
        wrong = np.where(images != 0, np.float32(value), 0)
        for call in (
            lambda w: solver.certify(images, w, **media),
            lambda w: solver.solve(w, **media, tolerance=0.1),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be finite"):
                call(wrong)
    assert solver.certify(images[:0], images[:0], **{n: v[:0] for n, v in media.items()})
