"""Proofs of batches whose images have media of their own: no bound is violated, none is vacuous."""

from dataclasses import dataclass, replace
from functools import cache, partial
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
)
from random_uptake import random_saturation

from diffkeras.physics import Medium, TissueMaps, TissueSampler, sample_sources, solve
from diffkeras.tf_solver import TensorSolver
from diffkeras.tf_solver.bounds.varying import VaryingSolver

LATTICE, MEDIUM = (24, 31), Medium(2.0, 1 / 50, 0.5, ("absorbing", "periodic"))
REFERENCE = 1e-14  # relative error of `RandomProblem.exact`, and of float64 differences from it
SIZE = 25  # of a batch


@dataclass(frozen=True)
class Batch:
    """Random problems on one lattice, and the arguments of their solver."""

    problems: list[RandomProblem]
    solver: TensorSolver | VaryingSolver
    predictions: np.ndarray
    given: dict[str, Any]

    def part(self, chosen: np.ndarray) -> "Batch":
        problems = [p for p, wanted in zip(self.problems, chosen, strict=True) if wanted]
        given = {name: values[chosen] for name, values in self.given.items()}
        return replace(self, problems=problems, predictions=self.predictions[chosen], given=given)


def random_batch(kind: str, seed: int, size: int = SIZE) -> Batch:
    """Problems whose media differ in the decay alone, in their maps, or in their cells, too."""
    rng = np.random.default_rng(seed)
    lattice, boundary = random_lattice(rng), tuple(rng.choice(BOUNDARIES, 2).tolist())
    rate, step = (
        10 ** rng.choice([0.0, rng.uniform(-6, 6)]),
        10 ** rng.choice([0.0, rng.uniform(-1, 1)]),
    )
    share = rng.choice([1 / 400, 10 ** rng.uniform(-4, 1), 10 ** rng.uniform(-15, 3)])
    slowest = Medium(rate, share * rate / step**2, step, boundary)
    produces = kind == "decays" and seed % 2 == 1
    problems: list[RandomProblem] = []
    cells: list[dict[str, np.ndarray]] = []
    for k in range(size):
        if kind == "decays":
            medium = replace(slowest, decay=slowest.decay * 10 ** rng.uniform(0, 3))
        else:
            medium = replace(slowest, **maps(rng, lattice, slowest))
        if kind == "saturating":
            found = random_saturation(np.random.default_rng((seed, k)), medium, lattice)
            problem, own = found or (None, {})
            cells += [own] if found else []
        else:
            problem = random_problem((seed, k), produces=produces, lattice=lattice, medium=medium)
        problems += [] if problem is None else [problem]
    with np.errstate(over="ignore"):
        predictions = np.array([any_prediction(p, rng) for p in problems], np.float32)
    nothing = np.zeros(lattice)
    given = {
        "source_images": [nothing if p.image is None else p.image for p in problems],
        "fixed": [nothing.astype(bool) if p.fixed is None else p.fixed for p in problems],
    }
    media = [p.medium for p in problems]
    if kind != "decays":
        del given["fixed"]
        for name in ("diffusivity", "decay"):
            given[name] = [getattr(medium, name) for medium in media]
        given |= {name: [own[name] for own in cells] for name in (cells or [{}])[0]}
        solver: Any = VaryingSolver(lattice, slowest)
    else:
        given["decays"] = [medium.decay for medium in media]
        if produces:
            given["production"] = [p.production for p in problems]
        solver = TensorSolver(lattice, slowest, "float32")
    return Batch(problems, solver, predictions, {n: np.array(v) for n, v in given.items()})


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
    """Numbers of problems, and of batches that were refused at first."""
    found = refused = 0
    for seed in seeds:
        batch = random_batch(kind, seed, size)
        if not batch.problems:
            continue
        proof = batch.solver.certify(batch.predictions, **batch.given)
        assert_bounded(batch, proof.field, proof.error_bound)
        assert_bounded(batch, tf.constant(batch.predictions), proof.node_bound)
        proven = np.isfinite(proof.error_bound.numpy())
        contrasts = np.array([contrast(problem.medium) for problem in batch.problems])
        assert proven[contrasts < 1e6].all()
        sizes = np.array([problem.scale for problem in batch.problems])
        if kind == "saturating":  # tolerances are relative to what a bound leaves of the field
            proven &= proof.error_bound.numpy() < 0.4 * sizes
        found, batch = found + proven.size, batch.part(proven)
        tolerance = 10.0 ** np.random.default_rng(seed).integers(-7, -1, len(batch.problems))
        try:
            refined = batch.solver.refine(batch.predictions, tolerance=tolerance, **batch.given)
        except tf.errors.InvalidArgumentError as error:
            refused += 1
            tolerance = np.maximum(tolerance, promised(error))
            refined = batch.solver.refine(batch.predictions, tolerance=tolerance, **batch.given)
        assert_bounded(batch, refined.field, refined.error_bound)
        sizes = np.array([problem.scale for problem in batch.problems])
        assert (refined.error_bound.numpy() <= tolerance * sizes * (1 + 1e-6)).all()
    return found, refused


@pytest.mark.parametrize(
    ("kind", "seeds", "size"),
    [("decays", range(4), SIZE), ("maps", range(3), SIZE), ("saturating", range(2, 3), 130)],
)
def test_no_bound_is_violated(kind, seeds, size):
    found, _ = check_random_batches(kind, seeds, size)
    assert found > 40


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 1500, 50))
@pytest.mark.parametrize("kind", ["decays", "maps"])
def test_no_bound_is_violated_in_ten_thousand_problems(kind, start):
    found, refused = check_random_batches(kind, range(start, start + 50))
    assert found > 1000
    assert refused > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_no_bound_is_violated_in_a_thousand_tissues(seed):
    found, _ = check_random_batches("saturating", range(seed, seed + 1), 100)
    assert found > 40


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
        drawn.append({name: np.float32(values) for name, values in maps.given.items()})
        surroundings = TissueMaps(**drawn[-1]).within(MEDIUM)
        fields.append(solve(**surroundings.problem(image)).field)
    given = {name: np.stack([own[name] for own in drawn]) for name in drawn[0]}
    return np.stack(images), given, np.stack(fields)


NO_TISSUE = {"uptake": -1.0, "saturation": 0.0}
SATURATING = pytest.mark.parametrize("saturating", [False, True])


@SATURATING
def test_bounds_stay_near_the_true_error(saturating):
    images, media, exact = tissues_of(saturating)
    noise = np.random.default_rng(0).standard_normal(exact.shape)
    for prediction in (exact + 0.01 * noise, 0 * exact, 1.05 * exact):
        predicted = prediction.astype(np.float32)
        proof = VaryingSolver(LATTICE, MEDIUM).certify(predicted, images, **media)
        field, bound, node_bound = (part.numpy() for part in proof)
        true = np.abs(field - exact).max((1, 2))
        assert (true <= bound).all()
        errors = np.abs(predicted - exact)
        assert (errors <= node_bound).all()
        largest = errors.max((1, 2))
        assert (bound <= 0.4 * largest).all()
        assert (node_bound.max((1, 2)) <= 1.3 * largest).all()
        np.testing.assert_array_equal(field[images != 0], images[images != 0])


@pytest.mark.parametrize("saturating", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_tolerances_are_met_or_refused(saturating):
    images, media, exact = tissues_of(saturating)
    refine = partial(VaryingSolver(LATTICE, MEDIUM).refine, np.zeros_like(images), images, **media)
    field, bound, rounds = (part.numpy() for part in refine(tolerance=1e-6))
    assert (np.abs(field - exact).max((1, 2)) <= bound).all()
    assert (bound <= 1e-6).all()
    assert ((rounds > 0) & (rounds < 4)).all()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        refine(tolerance=1e-9)
    assert promised(caught.value) < 1e-6


def test_nothing_is_proven_where_nothing_is_lost():
    _, media, _ = tissues_of(saturating=False)
    closed = VaryingSolver(LATTICE, replace(MEDIUM, boundary="reflecting"))
    images = np.zeros((3, *LATTICE), np.float32)
    images[1:, 3, 4] = 1.0
    given = {**media, "decay": np.zeros_like(media["decay"])}
    given["diffusivity"][2, :10] = 1e-30  # a region that hardly anything leaves or enters
    proof = closed.certify(np.ones_like(images), images, **given)
    np.testing.assert_array_equal(np.isfinite(proof.error_bound), [False, True, False])
    proof = closed.certify(np.ones_like(images), images, **media)
    assert proof.error_bound[0] == 0  # without a source and with a loss the field is 0
    assert (proof.field[0] == 0).numpy().all()
    everywhere = np.ones_like(images)
    proof = closed.certify(images, everywhere, **media)  # every node is fixed
    np.testing.assert_array_equal(proof.field, everywhere)
    assert (proof.error_bound.numpy() == 0).all()


def test_fields_are_proven_where_cells_alone_take_up():
    _, media, _ = tissues_of(saturating=True)
    medium = replace(MEDIUM, decay=0.0, boundary="reflecting")
    media = {**media, "decay": np.zeros_like(media["decay"])}
    images = np.zeros((3, *LATTICE), np.float32)
    proof = VaryingSolver(LATTICE, medium).refine(images, images, tolerance=1e-6, **media)
    for k, field in enumerate(proof.field.numpy()):
        own = TissueMaps(**{name: values[k] for name, values in media.items()})
        exact = solve(**own.within(medium).problem(images[k]), tolerance=1e-9)
        assert abs(field - exact.field).max() <= proof.error_bound[k] + exact.error_bound


def test_nothing_is_proven_of_values_that_no_tissue_has():
    images, media, exact = tissues_of(saturating=True)
    wrong = {name: values.copy() for name, values in media.items()}
    for k, (name, value) in enumerate(NO_TISSUE.items()):
        wrong[name][k, 5, 7] = value
    solver = VaryingSolver(LATTICE, MEDIUM)
    proof = solver.certify(exact, images, **wrong)
    np.testing.assert_array_equal(np.isinf(proof.error_bound), [True, True, False])
    wrong["production"][2, 5, 7] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"production must .*\[2 5 7\]"):
        solver.certify(exact, images, **wrong)


def test_lattices_follow_one_another_in_batches_of_one():
    """The function of multigrid is shared: it must not open the sides that a cycle needs."""
    for lattice in ((40, 40), (40, 50), (33, 33)):
        images = np.zeros((1, *lattice), np.float32)
        images[:, 5, 5] = 1.0
        solver, decay = VaryingSolver(lattice, MEDIUM), np.full_like(images, 0.5)
        assert solver.certify(images, images, decay=decay).error_bound < 2.0


@pytest.mark.slow  # the gradient of nested loops compiles for long
@SATURATING
def test_gradients_lead_to_smaller_bounds(saturating):
    images, media, exact = (
        tf.nest.map_structure(lambda values: values[:1, 8:16, 8:16], part)
        for part in tissues_of(saturating)
    )
    noise = np.random.default_rng(0).standard_normal(exact.shape)
    solver = VaryingSolver((8, 8), MEDIUM)

    @tf.function(autograph=False)
    def bounds(prediction):
        return solver.certify(prediction, images, **media).node_bound

    prediction = tf.constant(exact + 0.03 * noise)
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        total = tf.reduce_sum(bounds(prediction))
    gradient = tape.gradient(total, prediction)
    assert np.isfinite(gradient).all()
    lower = tf.reduce_sum(bounds(prediction - 1e-3 * gradient))
    assert float(lower) < float(total)


def test_values_that_prove_nothing_raise():
    images, media, _ = tissues_of(saturating=False)
    solver = VaryingSolver(LATTICE, MEDIUM)
    for value in (np.nan, 1e-40):
        wrong = np.where(images != 0, np.float32(value), 0)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be finite"):
            solver.certify(images, wrong, **media)
    assert solver.certify(images[:0], images[:0], **{n: v[:0] for n, v in media.items()})
