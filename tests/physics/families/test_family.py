"""Families: the problems of their points, draws, derivatives, and what is refused."""

import re

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import PhysicsError
from tests.helpers.random_families import random_family
from tests.helpers.reduced_bases import check_prediction
from tests.helpers.rounding import same_solutions

VESSELS = np.zeros((12, 12))
VESSELS[2:4, 2:4] = 1.0
CELLS = np.zeros((12, 12), bool)
CELLS[6:10, 5:9] = True
PROBLEM = dk.Problem(VESSELS, uptake=dk.MichaelisMenten(0.1 * CELLS, 0.2), decay=0.01)


@pytest.mark.parametrize("part", ["diffusivity", "decay", "uptake.maximum", "uptake.constant"])
def test_parts_in_any_order_of_memory_are_replaced(part):
    maps = {name: np.full((12, 12), 0.1, order="F") for name in ("diffusivity", "decay")}
    law = dk.MichaelisMenten(np.full((12, 12), 0.1, order="F"), np.full((12, 12), 0.1, order="F"))
    own = dk.Problem(np.asfortranarray(VESSELS), uptake=law, **maps)
    family = dk.Family(own, {f"{part}[cells]": (0.05, 0.2)}, {"cells": np.asfortranarray(CELLS)})
    replaced = dk.parts_of(family.problem_at([0.2]))[part]
    assert np.array_equal(replaced, np.where(CELLS, 0.2, 0.1))
    check_prediction(dk.ReducedBasis.train(family, 4), [0.2], 1e-6)


def test_a_point_replaces_parts_on_its_region():
    family = dk.Family(
        PROBLEM,
        {
            "uptake.maximum[cells]": (0.01, 0.1),
            "decay": (0.001, 0.1),
            "decay[cells]": (0.01, 1),
            "values[vessels]": (0.5, 2),
            "production[cells]": (0, 0.1),
        },
        regions={"cells": CELLS, "vessels": VESSELS > 0},
    )
    problem = family.problem_at([0.05, 0.002, 0.5, 1.5, 0.03])
    assert np.array_equal(problem.uptake.maximum, 0.05 * CELLS)
    assert np.array_equal(problem.medium.decay, np.where(CELLS, 0.5, 0.002))
    assert np.array_equal(problem.values, 1.5 * VESSELS)
    assert np.array_equal(problem.production, 0.03 * CELLS)
    assert np.array_equal(problem.fixed, PROBLEM.fixed)
    whole = dk.Family(PROBLEM, {"values": (0.5, 2)}).problem_at([1.5])
    assert np.array_equal(whole.values, 1.5 * VESSELS)  # not on free nodes
    by_name = dict(zip(family.names, [0.05, 0.002, 0.5, 1.5, 0.03], strict=True))
    same = family.problem_at(by_name)
    for name, part in dk.parts_of(problem).items():
        assert np.array_equal(part, dk.parts_of(same)[name])
    with pytest.raises(dk.DiffkerasError, match="give one point"):
        family.problem_at(family.draw(3, seed=0))


@pytest.mark.parametrize("seed", range(40))
def test_quick_problems_are_those_that_are_checked(seed):
    family = random_family(seed)
    point = family.draw(2, seed)[1]
    quick, checked = family.quick_problem_at(point), family.problem_at(point)
    parts = dk.parts_of(quick)
    for name, part in dk.parts_of(checked).items():
        assert np.array_equal(part, parts[name]), name
    assert quick.medium == checked.medium
    fields = [dk.solve(problem, tolerance=1e-8).field for problem in (quick, checked)]
    assert same_solutions(*fields, tolerance=1e-8)


def test_draws_fill_the_ranges_evenly():
    family = dk.Family(
        PROBLEM,
        {"decay": (1e-4, 1e-2), "uptake.constant": (0.1, 0.5), "production[cells]": (-1, 0)},
        regions={"cells": CELLS},
        linear="uptake.constant",
    )
    points = family.draw(100, 5)
    assert points.shape == (100, 3)
    assert np.array_equal(points, family.draw(100, 5))
    assert not np.array_equal(points, family.draw(100, 6))
    assert family.contains(points).all()
    for column, middle in zip(points.T, (1e-3, 0.3, -0.5), strict=True):
        assert 45 <= (column < middle).sum() <= 55


@pytest.mark.parametrize("seed", range(12))
def test_derivatives_by_parameters_are_those_of_differences(seed):
    family = random_family(seed)
    rng = np.random.default_rng(seed)
    point = np.sqrt(family.low * family.high)
    weights = rng.normal(size=family.problem.lattice)

    def total(values):
        return (weights * dk.solve(family.problem_at(values), tolerance=1e-12).field).sum()

    solution = dk.solve(family.problem_at(point), tolerance=1e-12)
    gradient = family.pull_back(solution.vjp(weights, 1e-12))
    for number, value in enumerate(point):
        step = np.zeros(len(point))
        step[number] = 1e-4 * value
        difference = (total(point + step) - total(point - step)) / (2 * step[number])
        scale = abs(weights).sum() * abs(solution.field).max() / value
        assert abs(gradient[number] - difference) < 1e-6 * scale, family.names[number]


@pytest.mark.parametrize("extrapolate", [False, True])
def test_a_rounding_beyond_an_end_is_that_end_except_of_0(extrapolate):
    family = dk.Family(PROBLEM, {"decay": (0.01, 0.1)})
    points = np.array([[0.01 * (1 - 5e-13)], [0.1 + 5e-14]])
    assert family.contains(points).all()
    assert np.array_equal(family.points(points, extrapolate=extrapolate), [[0.01], [0.1]])
    basis = dk.ReducedBasis.train(family, 4)
    solution = basis.predict(points[0], 1e-3, extrapolate=extrapolate)
    assert solution.problem.medium.decay == 0.01
    from_0 = dk.Family(PROBLEM, {"decay": (0.0, 0.1)})
    assert not from_0.contains([-5e-14])


REFUSED = {
    "a name that is no part": ({"viscosity": (1, 2)}, {}, "no part.*decay, step"),
    "a region that isn't given": ({"decay[tumour]": (1, 2)}, {}, "needs the region 'tumour'"),
    "another shape": ({"decay[a]": (1, 2)}, {"a": np.ones((5, 5))}, r"shape \(5, 5\)"),
    "an empty region": ({"decay[a]": (1, 2)}, {"a": 0 * CELLS}, "is empty"),
    "fixed nodes": ({"decay[a]": (1, 2)}, {"a": VESSELS > 0}, r"4 fixed nodes.*\(2, 2\).*mask & ~"),
    "free nodes": ({"values[a]": (1, 2)}, {"a": CELLS}, "16 free nodes.*mask & problem.fixed"),
    "a region of a number": ({"step[a]": (1, 2)}, {"a": CELLS}, "no map of the lattice"),
    "an unused region": ({"decay": (1, 2)}, {"a": CELLS}, "no part names the region 'a'"),
    "an overlap": (
        {"decay[a]": (1, 2), "decay[b]": (1, 2)},
        {"a": CELLS, "b": CELLS},
        "overlap on 16 nodes",
    ),
    "a reversed range": ({"decay": (0.2, 0.1)}, {}, "swap its ends"),
    "a range of one value": ({"decay": (0.2, 0.2)}, {}, "no parameter"),
    "a range that isn't finite": ({"decay": (0.2, np.inf)}, {}, "must be finite"),
    "no range": ({"decay": 0.2}, {}, r"pair \(low, high\)"),
    "a negative decay": ({"decay": (-1, 1)}, {}, "ranges contain decay -1, which makes no problem"),
    "a large diffusivity": ({"diffusivity": (1, 1e40)}, {}, r"ranges contain diffusivity 1e\+40"),
    "no parameter": ({}, {}, "at least one parameter"),
    "a list of parameters": ([("decay", (1, 2))], {}, r"parameters must be \(low, high\) by name"),
    "a list of regions": ({"decay": (1, 2)}, [CELLS], "regions must be masks by name"),
    "a number as a name": ({"decay": (1, 2), 3: (1, 2)}, {}, "are texts, not 3"),
    "a number as a region": ({"decay[1]": (1, 2)}, {1: CELLS}, "are texts, not 1"),
    "an open bracket": ({"decay[a": (1, 2)}, {"a": CELLS}, r"closing bracket; write 'decay\[a\]'"),
    "a mask with gaps": ({"decay[a]": (1, 2)}, {"a": CELLS + np.nan}, "must hold finite numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_families_are_refused(case):
    parameters, regions, message = REFUSED[case]
    with pytest.raises(PhysicsError, match=message):
        dk.Family(PROBLEM, parameters, regions=regions)


def test_a_diffusivity_acts_on_fixed_nodes_too():
    family = dk.Family(PROBLEM, {"diffusivity[wall]": (0.1, 1)}, regions={"wall": VESSELS > 0})
    assert family.problem_at([0.5]).medium.diffusivity[2, 2] == 0.5


OTHER = np.zeros((12, 12), bool)
OTHER[:2, 9:] = True
CLOSED = dk.Problem(
    production=0.01 * CELLS,
    decay=0,
    boundary="reflecting",
    uptake=dk.MichaelisMenten(np.full((12, 12), 1.0), 0.1),
)
FULL = dk.MichaelisMenten(np.full((12, 12), 0.01), 0.1)
ROBIN = (dk.Robin(0.5, 0.0), dk.Robin(0.5, 0.0)), "periodic"
CORNERS = {
    "no decay in a closed lattice": (
        dk.Problem(production=0.01 * CELLS, decay=0.01, boundary="reflecting"),
        {"decay": (0, 0.1)},
        "contain decay 0, which makes no problem: there is no",
    ),
    "cells that can't take up all": (
        dk.Problem(production=0.001 * CELLS, uptake=FULL, decay=0, boundary="reflecting"),
        {"uptake.maximum": (1e-3, 0.1), "production[cells]": (1e-4, 5e-2)},
        r"contain uptake\.maximum 0.001, production",
    ),
    "sides that let nothing out": (
        dk.Problem(production=0.01 * CELLS, decay=0, boundary=ROBIN),
        {f"boundary.{side}.coefficient": (0, 1) for side in ("top", "bottom")},
        r"contain boundary\.top\.coefficient 0, boundary",
    ),
    "diffusivities that differ too much": (
        dk.Problem(VESSELS, diffusivity=np.ones((12, 12)), decay=0.01),
        {"diffusivity[cells]": (1, 1e5), "diffusivity[other]": (1e-5, 1)},
        "from 1e-05 to 100000",
    ),
    "a decay too fast beside diffusion": (
        dk.Problem(VESSELS),
        {"decay": (1, 1e4), "diffusivity": (1e-4, 1), "step": (1, 1e2)},
        "rate of diffusion",
    ),
    "a decay too slow": (
        dk.Problem(VESSELS),
        {"decay": (1e-14, 1), "diffusivity": (1, 1e8), "step": (0.1, 1)},
        "rate of diffusion",
    ),
    "an uptake too steep": (
        dk.Problem(VESSELS, uptake=dk.MichaelisMenten(CELLS, 0.1)),
        {"uptake.maximum": (1, 1e6), "uptake.constant": (1e-6, 1)},
        "largest slope 1e",
    ),
    "a negative production too large beside diffusion": (
        dk.Problem(VESSELS, decay=0.01),
        {"production[cells]": (-1e27, 1), "diffusivity": (1e-3, 1), "step": (1e-3, 1e3)},
        r"2.68e\+35 in the time h²/D",
    ),
    "negative productions that nothing supplies": (
        CLOSED,
        {"production[cells]": (-0.01, 0.3), "production[other]": (-0.01, 0.3)},
        "sum to -0.22",
    ),
}


@pytest.mark.parametrize("case", CORNERS)
def test_ranges_with_a_corner_that_is_no_problem_are_refused(case):
    own, parameters, message = CORNERS[case]
    known = {"cells": CELLS, "other": OTHER}
    regions = {name: mask for name, mask in known.items() if f"[{name}]" in "".join(parameters)}
    with pytest.raises(PhysicsError, match=r"the ranges contain .*makes no problem") as raised:
        dk.Family(own, parameters, regions)
    assert re.search(message, str(raised.value))


def test_all_points_of_a_family_are_problems_and_others_are_refused():
    outcomes = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        problem = random_family(seed).problem
        names = [
            name
            for name, part in dk.parts_of(problem).items()
            if np.all(np.asarray(part) >= 0) and (name != "values" or problem.fixed.any())
        ]
        chosen = rng.choice(names, min(3, len(names)), replace=False)
        middle, width = rng.choice([-6, 0, 6], len(chosen)), rng.uniform(1, 7, len(chosen))
        ranges = {
            name: (10.0 ** (m - w), 10.0 ** (m + w))
            for name, m, w in zip(chosen, middle, width, strict=True)
        }
        try:
            family = dk.Family(problem, ranges)
        except PhysicsError:
            outcomes.append(False)
            continue
        outcomes.append(True)
        ends = np.where(rng.random((20, len(chosen))) < 0.5, family.low, family.high)
        for point in (*ends, *family.draw(8, seed)):
            family.problem_at(point)  # which checks everything
    assert 0.2 < np.mean(outcomes) < 0.8


def test_what_makes_no_problem_in_a_range_from_0_is_not_predicted_either():
    family = dk.Family(PROBLEM, {"decay": (0, 0.1)})
    basis = dk.ReducedBasis.train(family, 6)
    for call in (family.problem_at, basis.predict, lambda point: basis.predict(point, 1e-3)):
        for number in (0.0, 1e-9):
            call([number])
        with pytest.raises(PhysicsError, match=r"decay must be 0, .* here it is 1e-25 times that"):
            call([1e-25])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([0.01, 2], "in the order of decay, not"),
        ({"uptake.constant": 1.0}, "has no parameter 'uptake.constant'"),
        ({}, "needs 'decay'"),
        ({"decay": [[0.01]]}, "not \\(1, 1, 1\\)"),
        ([0.5], "decay is 0.5, out of its range 0.001 to 0.1; extrapolate=True"),
        (np.float32([0.1]), r"decay is 0.10000000149\d*, out of its range 0.001 to 0.1;"),
        ([np.nan], "decay must be finite, not nan"),
        (["much"], "holds <U4 values"),
    ],
)
def test_bad_points_are_refused(parameters, message):
    family = dk.Family(PROBLEM, {"decay": (0.001, 0.1)})
    with pytest.raises(PhysicsError, match=message):
        family.problem_at(parameters)
    assert family.problem_at([0.5], extrapolate=True).medium.decay == 0.5


def test_other_bad_arguments_are_refused():
    ranges = {"decay": (0.001, 0.1)}
    cells = dk.Family(PROBLEM, {"uptake.constant": (0.1, 1)})
    regional = dk.Family(PROBLEM, {"decay[a]": (0.001, 0.1)}, regions={"a": CELLS})
    both = dk.Family(PROBLEM, {**ranges, "uptake.constant": (0.1, 1)})
    other = dk.solve(dk.Problem(np.eye(8), decay=0.1)).vjp(np.ones((8, 8)))
    own = dk.solve(PROBLEM).vjp(np.ones(PROBLEM.lattice))
    for call, message in (
        (lambda: dk.Family(VESSELS, ranges), "needs a Problem, not"),
        (lambda: dk.Family(PROBLEM, ranges, linear=["growth"]), "linear names 'growth'"),
        (lambda: dk.Family(PROBLEM, ranges, linear=3), "linear must be names of .*, not 3"),
        (lambda: cells.draw(0, 0), "count"),
        (
            lambda: both.points({"decay": [0.01, 0.02], "uptake.constant": [1.0]}),
            r"one array \(n,\) of each, not \(2,\), \(1,\)",
        ),
        (lambda: cells.pull_back(other), r"another problem, on \(8, 8\) nodes"),
        (lambda: regional.pull_back(own), r"one number.*and decay\[a\] has nodes of its own"),
        (lambda: cells.pull_back({}), r"no uptake\.constant"),
        (lambda: cells.pull_back(3), "needs the derivatives of `vjp`, not 3"),
    ):
        with pytest.raises(PhysicsError, match=message):
            call()


def test_its_fingerprint_changes_with_everything_that_matters():
    ranges = {"decay[a]": (0.1, 1)}
    same = [dk.Family(PROBLEM, ranges, regions={"a": CELLS}) for _ in range(2)]
    assert same[0].fingerprint == same[1].fingerprint
    others = [
        dk.Family(PROBLEM, {"decay[a]": (0.1, 2)}, regions={"a": CELLS}),
        dk.Family(PROBLEM, ranges, regions={"a": CELLS}, linear=["decay[a]"]),
        dk.Family(PROBLEM, ranges, regions={"a": np.roll(CELLS, 1)}),
        dk.Family(dk.with_parts(PROBLEM, {"step": 2.0}), ranges, regions={"a": CELLS}),
    ]
    assert len({same[0].fingerprint, *(other.fingerprint for other in others)}) == 5


def test_its_fingerprint_stays_when_the_class_of_its_uptake_moves(monkeypatch):
    before, after = (dk.Family(PROBLEM, {"decay": (0.1, 1)}) for _ in range(2))
    known = before.fingerprint
    monkeypatch.setattr(dk.MichaelisMenten, "__module__", "elsewhere")
    assert after.fingerprint == known
