"""The playground's JavaScript computes what diffkeras does, and its bounds hold."""

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import diffkeras as dk
from docs.tests.helpers.playground_engine import DOCS, engine
from tests.helpers.lean_runs import eagerly

SURROGATES = ("tissue", "saturating_tissue")
BOUNDARIES = ("reflecting", "absorbing", "periodic")
SETTINGS = {"surrogate": "tissue", "decay": 0.001, "boundary": "reflecting"}
STROKES: list[tuple[str, int, int, float, float]] = [
    ("slow", 5, 5, 3.5, 0.3),
    ("erase", 6, 5, 2, 0.0),
    ("cell", 3, 3, 3, 0.05),
    ("vessel", 9, 9, 2.5, 0.5),
]
PRODUCER = ("producer", 20, 20, 2, 0.01)
# Conjugate gradients in single precision, as Keras computes them, and in double precision
SINGLE = 2e-6

Parts = dict[str, Any]


def problem_of(parts: Parts) -> dk.Problem:
    """The same problem in Python."""
    uptake = parts.get("uptake")
    fixed = parts.get("fixed")
    return dk.Problem(
        parts["image"],
        fixed=None if fixed is None else fixed != 0,
        production=parts.get("production"),
        diffusivity=parts["diffusivity"],
        decay=parts["decay"],
        uptake=None if uptake is None else dk.MichaelisMenten(uptake, parts["saturation"]),
        boundary=parts["boundary"],
    )


def random_parts(rng: np.random.Generator, largest: int) -> Parts:
    """A problem of any kind that the JavaScript takes, with jumps of the diffusivity up to 1e6."""
    lattice = tuple(int(side) for side in rng.integers(1, largest, 2))
    jumps = rng.choice([0.0, 1.0, 6.0])
    blocks = (
        rng.uniform(-jumps, 0, (3, 3)) if rng.random() < 0.5 else rng.uniform(-jumps, 0, lattice)
    )
    rows, columns = (np.arange(side) * blocks.shape[k] // side for k, side in enumerate(lattice))
    parts: Parts = {
        "image": rng.uniform(0, 1, lattice) * (rng.random(lattice) < rng.choice([0.02, 0.2])),
        "production": rng.uniform(0, 0.02, lattice) * (rng.random(lattice) < rng.choice([0, 0.1])),
        "diffusivity": 10.0 ** blocks[np.ix_(rows, columns)],
        "decay": 10.0 ** rng.uniform(-4, -1, lattice) * (rng.random(lattice) < 0.7) + 1e-4,
        "boundary": str(rng.choice(BOUNDARIES)),
    }
    if rng.random() < 0.3:  # some nodes hold the value 0
        parts["fixed"] = 1.0 * ((parts["image"] != 0) | (rng.random(lattice) < 0.05))
    if rng.random() < 0.5:
        parts["uptake"] = rng.uniform(0, 0.5, lattice) * (rng.random(lattice) < 0.4)
        parts["saturation"] = 10.0 ** rng.uniform(-2, 1, lattice)
    return parts


def predictions(parts: Parts, exact: NDArray, rng: np.random.Generator) -> list[NDArray]:
    """Fields that are wrong in several ways: of a surrogate, everywhere, at one node, by noise."""
    size = max(float(abs(exact).max()), 1e-3)
    peak = exact.copy()
    peak[tuple(rng.integers(0, exact.shape))] += size
    noise = 10.0 ** rng.uniform(-6, 0) * size * rng.normal(size=exact.shape)
    surrogate = SURROGATES["uptake" in parts]
    return [
        engine().predict(parts, surrogate),
        np.zeros_like(exact),
        0.9 * exact,
        peak,
        exact + noise,
        np.full_like(exact, 0.5 * size),
    ]


def violations(seeds: range, largest: int) -> tuple[int, dict[float, int], float]:
    """How many nodes were checked, at how many the bound times a factor is below the true error,
    and the median of the largest bound over the largest true error."""
    nodes, below, ratios = 0, {1.0: 0, 0.98: 0}, []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        parts = random_parts(rng, largest)
        solution = dk.solve(problem_of(parts), tolerance=1e-12)
        doubt = solution.error_bound  # of the true error
        for field in predictions(parts, solution.field, rng):
            bound = engine().certify(parts, field)
            assert not np.isnan(bound).any(), seed
            error = abs(field - solution.field)
            nodes += error.size
            for factor in below:
                below[factor] += int((error - doubt > factor * bound).sum())
            if error.max() > 100 * doubt:
                ratios.append(bound.max() / error.max())
    return nodes, below, float(np.median(ratios))


@pytest.mark.parametrize(
    ("seeds", "largest", "least_nodes"),
    [
        (range(15), 20, 8_000),
        pytest.param(range(1000, 1500), 64, 1_000_000, marks=pytest.mark.slow),
    ],
)
def test_no_bound_is_below_a_true_error(seeds, largest, least_nodes):
    nodes, below, ratio = violations(seeds, largest)
    assert nodes >= least_nodes
    assert below[1.0] == 0
    assert below[0.98] > nodes / 1000  # a bound that is a little smaller is not one
    assert ratio < 1.5


def test_fields_are_those_of_solve():
    for seed in range(100, 130):
        parts = random_parts(np.random.default_rng(seed), 24)
        field, bound = engine().solve(parts)
        solution = dk.solve(problem_of(parts), tolerance=1e-12)
        difference = abs(field - solution.field).max()
        assert difference <= bound + solution.error_bound, seed
        assert bound <= 1e-6 * max(field.max(), 1e-300), seed


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_predictions_are_those_of_the_shipped_surrogates(surrogate):
    strokes = [*STROKES, PRODUCER] if surrogate == "saturating_tissue" else STROKES
    parts, _ = drawn(33, "vessel tree", strokes, SETTINGS | {"surrogate": surrogate})
    with eagerly():
        expected = dk.load_surrogate(surrogate).predict(problem_of(parts)).field
    field = engine().predict(parts, surrogate)
    assert abs(field - expected).max() < SINGLE
    assert abs(field - dk.solve(problem_of(parts)).field).max() > 10 * SINGLE  # it isn't exact


def drawn(
    side: int, preset: str, strokes: list, settings: dict[str, Any]
) -> tuple[Parts, dict[str, str]]:
    """The parts of a drawing, and its program."""
    found = engine().call("drawn", side, preset, strokes, settings)
    parts = found.pop("parts")
    del parts["rows"], parts["columns"]
    shaped = {
        name: np.array(value).reshape(side, side) if isinstance(value, list) else value
        for name, value in parts.items()
    }
    return shaped, found


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("preset", ["vessel tree", "one vessel", "spheroid", "empty"])
def test_the_copied_program_makes_the_same_problem(preset, surrogate, boundary, capsys):
    settings = {"surrogate": surrogate, "decay": 0.001, "boundary": boundary}
    parts, found = drawn(24, preset, [*STROKES, PRODUCER], settings)
    names: dict[str, Any] = {}
    program, _, prediction = found["python"].partition("prediction = ")
    exec(program, names)
    problem, own = names["problem"], problem_of(parts)
    assert np.array_equal(problem.values, own.values)
    assert np.array_equal(problem.fixed, own.fixed)
    assert np.array_equal(problem.production, own.production)
    field, bound = engine().solve(parts)
    assert abs(field - names["solution"].field).max() <= bound + names["solution"].error_bound
    # it predicts where `predict` does, which doesn't take what a surrogate was not trained for
    is_trained_for = boundary == "reflecting" and surrogate == "saturating_tissue"
    assert (f'load_surrogate("{surrogate}")' in prediction) == is_trained_for


@pytest.mark.parametrize("change", ["clear", "spheroid"])
def test_a_step_is_undone(change):
    before, after, restored = engine().call("undone", 24, "one vessel", STROKES, change)
    assert before != after
    assert before == restored


def test_a_drawing_keeps_its_places_on_a_finer_lattice():
    coarse, fine = (engine().call("resized", 32, "spheroid", STROKES, side) for side in (32, 64))
    for one, two in zip(coarse, fine, strict=True):
        blocks = np.reshape(two, (32, 2, 32, 2)).mean((1, 3))
        alike = np.isclose(blocks, np.reshape(one, (32, 32)), atol=1e-12)
        assert alike.mean() > 0.85  # all but the rims


def test_scripts_name_files_of_the_package_that_exist():
    scripts = (DOCS / "_static" / "playground").glob("*.js")
    text = "".join(script.read_text(encoding="utf-8") for script in scripts)
    named = set(re.findall(r"diffkeras/[a-z_/]+\.py", text))
    assert len(named) > 3
    assert [name for name in named if not (DOCS.parent / name).is_file()] == []


def plain(**parts: Any) -> Parts:
    """A uniform medium of 6×6 nodes without sources, but for the given parts."""
    ones = np.ones((6, 6))
    empty = {"image": 0 * ones, "diffusivity": ones, "decay": 0.01 * ones, "boundary": "reflecting"}
    return empty | parts


ONE_FREE = np.ones((6, 6))
ONE_FREE[2, 3] = 0
JUMPS = 10.0 ** (6.0 * (np.indices((6, 6)).sum(0) % 2) - 6)
CORNER = 1.0 * (np.indices((6, 6)).sum(0) == 0)


@pytest.mark.parametrize(
    "parts",
    [
        plain(),
        plain(image=np.ones((6, 6))),
        plain(image=ONE_FREE),
        plain(image=CORNER, diffusivity=JUMPS),
        plain(image=CORNER, decay=np.zeros((6, 6))),
        plain(production=np.ones((6, 6)), decay=np.zeros((6, 6)), boundary="absorbing"),
        {name: v[:1, :1] if name != "boundary" else v for name, v in plain().items()},
    ],
    ids=["empty", "all fixed", "one free", "jumps", "no decay", "production", "one node"],
)
def test_extremes_are_solved_and_bounded(parts):
    field, bound = engine().solve(parts)
    assert abs(field - dk.solve(problem_of(parts), tolerance=1e-13).field).max() <= bound + 1e-13
    assert bound <= 1e-6
    wrong = engine().certify(parts, field + 0.1)
    assert ((wrong >= 0.1 - bound - 1e-12) & (wrong < 0.2)).all()


@pytest.mark.parametrize("uptake", [0.0, 0.5])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_nothing_is_proven_of_a_prediction_that_is_not_finite(number, uptake):
    ones = np.ones((6, 6))
    parts = plain(image=CORNER, uptake=uptake * ones, saturation=ones)
    field = 0.5 * ones
    field[3, 3] = number
    free = CORNER == 0
    assert (engine().certify(parts, field)[free] == np.inf).all()


@pytest.mark.parametrize("limit", [None, 0.5])
@pytest.mark.parametrize("boundary", ["reflecting", "periodic"])
def test_nothing_is_proven_where_there_is_no_steady_state(boundary, limit):
    """What is released is neither lost nor, beyond a limit, taken up."""
    ones = np.ones((6, 6))
    parts = plain(production=ones, decay=0 * ones, boundary=boundary)
    if limit is not None:
        parts |= {"uptake": limit * ones, "saturation": ones}
    field, bound = engine().solve(parts)
    assert np.isfinite(field).all()
    assert bound == np.inf
    prediction = engine().predict(parts, SURROGATES[limit is not None])
    assert np.isfinite(prediction).all()
    assert (engine().certify(parts, prediction) == np.inf).all()
