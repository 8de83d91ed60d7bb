"""Predictions of reduced bases, also of the shipped ones, with points out of the ranges."""

import pickle
import re

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics.families.shipped import FAMILIES, file_of
from tests.helpers.random_families import random_family
from tests.helpers.reduced_bases import check_prediction, tissue_basis
from tests.helpers.rounding import same_to_rounding

MOST_BYTES = 2_000_000  # of a shipped family
TOLERANCES = (None, 1e-1, 1e-2, 1e-3, 1e-4, 1e-7)


def outside(family, rng, count):
    """Points up to a factor of 2 out of each range."""
    low, high = np.log(family.low / 2), np.log(2 * family.high)
    return np.exp(rng.uniform(low, high, (count, len(family.names))))


def check_draws(basis, seed, draws):
    rng = np.random.default_rng(seed)
    for point in [*basis.family.draw(draws, seed + 1), *outside(basis.family, rng, draws)]:
        check_prediction(basis, point, TOLERANCES[rng.integers(len(TOLERANCES))])


def check_random_family(seed, draws):
    snapshots = 4 + seed % 12
    check_draws(dk.ReducedBasis.train(random_family(seed), snapshots, seed=seed), seed, draws)


@pytest.mark.parametrize("start", range(0, 30, 15))
def test_bounds_hold_in_families_of_any_kind(start):
    for seed in range(start, start + 15):
        check_random_family(seed, 3)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(60, 310, 25))
def test_bounds_hold_in_ten_thousand_draws(start):
    for seed in range(start, start + 25):
        check_random_family(seed, 20)
    check_draws(tissue_basis(80), start, 100)  # and in two thousand of one tissue


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_bounds_hold_in_tissue(tolerance):
    basis = tissue_basis()
    rng = np.random.default_rng(1)
    inside = [check_prediction(basis, point, tolerance) for point in basis.family.draw(6, seed=9)]
    if tolerance is None or tolerance >= 1e-4:  # and not only by the solver
        assert all(prediction.stats.method == "reduced-basis" for prediction in inside)
    for point in outside(basis.family, rng, 4):
        check_prediction(basis, point, tolerance)


def test_bounds_of_predictions_are_near_their_errors():
    basis = tissue_basis()
    for point in basis.family.draw(6, seed=3):
        prediction = basis.predict(point)
        error = np.abs(prediction.field - dk.solve(prediction.problem).field).max()
        assert error <= prediction.error_bound <= 2 * error


@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_proofs_go_to_another_process_without_what_predictions_share(tolerance):
    basis = tissue_basis()
    prediction = basis.predict(basis.family.draw(1, seed=4)[0], tolerance)
    exact = dk.solve(prediction.problem, tolerance=1e-9)
    for _ in ("not proven yet, without a tolerance", "proven"):
        assert len(pickle.dumps(prediction.proof)) < 2 * prediction.field.nbytes
        copied = pickle.loads(pickle.dumps(prediction))
        error = np.abs(copied.field - exact.field)
        assert (error <= copied.node_bound + exact.node_bound).all()
        assert error.max() - exact.error_bound <= copied.error_bound < 3 * prediction.error_bound
    assert copied.error_bound == prediction.error_bound


@pytest.mark.filterwarnings("error")
def test_a_family_without_sources_is_predicted_exactly():
    family = dk.Family(dk.Problem(np.zeros((8, 8))), {"decay": (0.001, 0.1)})
    solution = dk.ReducedBasis.train(family, snapshots=20).predict([0.05], tolerance=1e-3)
    assert not solution.field.any()
    assert solution.error_bound == 0
    assert dk.ReducedBasis.train_to(family, 0.01, candidates=4).worst == 0


@pytest.mark.filterwarnings("ignore:the field is 0 everywhere")
def test_a_field_that_corrections_make_0_is_not_within_a_tolerance():
    cells = np.zeros((12, 12), bool)
    cells[6:10, 5:9] = True
    problem = dk.Problem(production=0.1 * cells, decay=0.05)
    ranges = {"production[cells]": (0.0, 1.0), "decay": (0.01, 0.1)}
    basis = dk.ReducedBasis.train(dk.Family(problem, ranges, {"cells": cells}), 10, modes=2)
    for number in (0.0, 1e-9, 1e-4):  # so small ones that predictions are far off
        for tolerance in (0.5, 0.1, 1e-3):
            check_prediction(basis, [number, 0.03], tolerance)


def test_several_points_are_as_one_by_one():
    basis = tissue_basis()
    points = basis.family.draw(3, seed=2)
    for point, solution in zip(points, basis.predict_many(points, 1e-3), strict=True):
        one = basis.predict(point, 1e-3)
        np.testing.assert_allclose(solution.field, one.field, rtol=0, atol=1e-6)
        # products of several points round otherwise, in single precision
        assert solution.error_bound == pytest.approx(one.error_bound, rel=0.3)
    with pytest.raises(dk.DiffkerasError, match="predict_many takes several"):
        basis.predict(points)
    fields = basis.fields(points)
    assert fields.shape == (3, 24, 24)
    assert fields.dtype == np.float32
    for field, solution in zip(fields, basis.predict_many(points), strict=True):
        np.testing.assert_allclose(field, solution.field, atol=1e-6)
    by_name = dict(zip(basis.family.names, points[0], strict=True))
    assert same_to_rounding(basis.predict(by_name).field.astype(np.float32), fields[0])


def test_what_is_proven_is_never_too_large_for_the_tolerance():
    """Corrections end at a bound that meets it, also at tolerances where 1 + tolerance matters."""
    basis, tolerance = tissue_basis(), 0.5
    point = basis.family.draw(1, seed=4)[0]
    equations = dk.physics.Equations(basis.family.problem_at(point))
    exact = dk.solve(equations).field
    for factor in np.linspace(0.5, 1.5, 41):
        found = basis._refinement.solve_from(equations, factor * exact, tolerance)
        assert found.stats.method == "reduced-basis", factor


def test_the_scale_of_fixed_values_is_taken_out():
    basis = tissue_basis()
    family, point = basis.family, basis.family.draw(1, seed=4)[0]
    concentrations = [0, 1, 2, 4]
    point[concentrations] = family.low[concentrations] * 1.5
    double = point.copy()
    double[concentrations] *= 2
    np.testing.assert_allclose(basis.fields(double), 2 * basis.fields(point), rtol=1e-5)
    assert basis.family.scaling.inputs(point[None]).shape == (1, 4)


@pytest.mark.parametrize(
    ("names", "inputs"),
    [
        (("uptake.maximum[cells]", "uptake.constant", "values"), 2),
        (("uptake.maximum[cells]", "values"), 2),  # the constant is one, too
        (("decay", "values"), 2),
        (("uptake.maximum[cells]", "uptake.constant", "values", "production[cells]"), 4),
        (("uptake.maximum", "uptake.constant[free]", "values"), 2),  # no constant on fixed nodes
    ],
)
def test_only_a_family_that_scales_loses_an_input(names, inputs):
    values, cells = np.zeros((12, 12)), np.zeros((12, 12), bool)
    values[2:4, 2:4], cells[6:9, 6:9] = 1.0, True
    problem = dk.Problem(values, uptake=dk.MichaelisMenten(0.1 * cells, 0.2), decay=0.01)
    parameters = dict.fromkeys(names, (0.1, 1.0))
    known = {"cells": cells, "free": values == 0}
    regions = {name: mask for name, mask in known.items() if f"[{name}]" in "".join(names)}
    family = dk.Family(problem, parameters, regions=regions)
    assert family.scaling.inputs(family.draw(3, seed=0)).shape == (3, inputs)


def test_derivatives_go_through_predictions():
    basis = tissue_basis()
    point = basis.family.draw(1, seed=8)[0]
    weights = np.random.default_rng(0).normal(size=(24, 24))
    exact = dk.solve(basis.family.problem_at(point))
    gradients = [
        basis.family.pull_back(solution.vjp(weights))
        for solution in (basis.predict(point, 1e-8), exact)
    ]
    np.testing.assert_allclose(*gradients, rtol=1e-5)
    quantity = basis.predict(point, 1e-3).quantity(weights)
    assert abs(quantity.value - (weights * exact.field).sum()) <= quantity.error_bound


def test_barriers_that_are_none_prove_nothing_wrong():
    basis = tissue_basis()
    rng = np.random.default_rng(0)
    free = ~basis.family.problem.fixed
    for size in (1e-12, 1e-3, 1.0, 1e6):
        fields = size * rng.random((2, 3, 24, 24)) ** rng.integers(0, 9) * free
        barriers = basis._fit.barriers._replace(fields=fields.astype(np.float32))
        basis_of = dk.ReducedBasis(basis.family, basis._fit._replace(barriers=barriers))
        for tolerance in (None, 1e-1, 1e-3):
            check_prediction(basis_of, basis.family.draw(1, seed=int(1 / size) % 97)[0], tolerance)


@pytest.mark.filterwarnings("error", "ignore:the field is 0 everywhere")
def test_points_out_of_the_ranges_need_to_be_asked_for():
    basis = tissue_basis()
    with pytest.raises(PhysicsError, match="out of its range"):
        basis.predict(1.5 * basis.family.high)
    check_prediction(basis, 1.5 * basis.family.high, 1e-3)
    # no logarithm, and with the scale, the last one, no division either
    for number, name in enumerate(basis.family.names):
        for value in (0.0, -1.0) if number == 4 else (0.0,):
            point = basis.family.low.copy()
            point[number] = value
            if name != "uptake.constant":
                check_prediction(basis, point, 1e-3)
    with pytest.raises(PhysicsError, match="tolerance"):
        basis.predict(basis.family.low, 2.0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_shipped_family_proves_its_fields(name):
    basis = dk.load_family(name)
    assert file_of(name).stat().st_size <= MOST_BYTES
    assert f"share of its largest value: {np.median(basis.errors):.1e} (median)" in repr(basis)
    for point in basis.family.draw(4, seed=3):
        for tolerance in (None, 1e-2, 1e-3, 1e-5):
            check_prediction(basis, point, tolerance)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_card_has_the_ranges_of_its_family(name):
    card = file_of(name).with_suffix(".md").read_text(encoding="utf-8")
    for parameter in FAMILIES[name]().parameters:
        assert f"| `{parameter.name}` | {parameter.low:g} | {parameter.high:g} |" in card


def test_an_unknown_name_is_refused():
    for name in ("tumor", ["tumour"]):
        with pytest.raises(DataError, match=rf"no shipped family {re.escape(repr(name))}, but tum"):
            dk.load_family(name)
