"""Surrogates of families: their bounds, greedy training, files, and what is refused."""

import functools
import warnings

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import ConvergenceError, DataError, PhysicsError
from diffkeras.physics.families.reduced_basis import corrections, kernel_regression
from diffkeras.physics.families.reduced_basis.kernel_regression import KernelRegression
from tests.helpers.random_families import random_family, tissue_family

TOLERANCES = (None, 1e-1, 1e-2, 1e-3, 1e-4, 1e-7)


@functools.cache
def trained(snapshots=40):
    return dk.ReducedBasis.train(tissue_family(), snapshots)


def check(basis, point, tolerance):
    """The prediction, whose bounds hold."""
    prediction = basis.predict(point, tolerance, extrapolate=True)
    problem = basis.family.problem_at(point, extrapolate=True)
    exact = dk.solve(problem, tolerance=1e-11)
    error = np.abs(prediction.field - exact.field)
    assert (error <= prediction.node_bound + exact.node_bound).all()
    assert prediction.error_bound >= error.max() - exact.error_bound
    values = problem.values.astype(prediction.field.dtype)
    assert np.array_equal(prediction.field[problem.fixed], values[problem.fixed])
    if tolerance is not None:
        assert prediction.error_bound <= tolerance * np.abs(prediction.field).max()
    return prediction


def outside(family, rng, count):
    """Points up to a factor of 2 out of each range."""
    low, high = np.log(family.low / 2), np.log(2 * family.high)
    return np.exp(rng.uniform(low, high, (count, len(family.names))))


def check_random_family(seed, draws):
    family = random_family(seed)
    rng = np.random.default_rng(seed)
    basis = dk.ReducedBasis.train(family, int(rng.integers(4, 16)), seed=seed)
    points = [*family.draw(draws, seed + 1), *outside(family, rng, draws)]
    for point in points:
        check(basis, point, TOLERANCES[rng.integers(len(TOLERANCES))])


@pytest.mark.parametrize("start", range(0, 30, 15))
def test_bounds_hold_in_families_of_any_kind(start):
    for seed in range(start, start + 15):
        check_random_family(seed, 3)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(60, 310, 25))
def test_bounds_hold_in_ten_thousand_draws(start):
    for seed in range(start, start + 25):
        check_random_family(seed, 20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_in_many_draws_of_one_tissue(seed):
    basis, rng = trained(80), np.random.default_rng(seed)
    points = [*basis.family.draw(250, seed + 20), *outside(basis.family, rng, 250)]
    for point in points:
        check(basis, point, TOLERANCES[rng.integers(len(TOLERANCES))])


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_bounds_hold_in_tissue(tolerance):
    basis = trained()
    rng = np.random.default_rng(1)
    inside = [check(basis, point, tolerance) for point in basis.family.draw(6, seed=9)]
    if tolerance is None or tolerance >= 1e-4:  # and not only by the solver
        assert all(prediction.stats.method == "reduced-basis" for prediction in inside)
    for point in outside(basis.family, rng, 4):
        check(basis, point, tolerance)


def test_bounds_of_predictions_are_near_their_errors():
    basis = trained()
    for point in basis.family.draw(6, seed=3):
        prediction = basis.predict(point)
        error = np.abs(prediction.field - dk.solve(prediction.problem).field).max()
        assert error <= prediction.error_bound <= 2 * error


def test_a_prediction_is_proven_once(monkeypatch):
    basis, proven = trained(), []
    bound_of = corrections.CertifiedCorrections.bound_of

    def counted(self, *arguments):
        proven.append(arguments)
        return bound_of(self, *arguments)

    monkeypatch.setattr(corrections.CertifiedCorrections, "bound_of", counted)
    for first in ("error_bound", "node_bound"):
        prediction = basis.predict(basis.family.draw(1, seed=4)[0])
        getattr(prediction, first)
        assert prediction.error_bound == prediction.node_bound.max()
    assert len(proven) == 2


@pytest.mark.filterwarnings("error")
def test_a_family_without_sources_is_predicted_exactly():
    family = dk.Family(dk.Problem(np.zeros((8, 8))), {"decay": (0.001, 0.1)})
    solution = dk.ReducedBasis.train(family, snapshots=20).predict([0.05], tolerance=1e-3)
    assert not solution.field.any()
    assert solution.error_bound == 0
    assert dk.ReducedBasis.train_to(family, 0.01, candidates=4).worst == 0


def test_a_field_that_corrections_make_0_is_not_within_a_tolerance():
    cells = np.zeros((12, 12), bool)
    cells[6:10, 5:9] = True
    problem = dk.Problem(production=0.1 * cells, decay=0.05)
    ranges = {"production[cells]": (0.0, 1.0), "decay": (0.01, 0.1)}
    basis = dk.ReducedBasis.train(dk.Family(problem, ranges, {"cells": cells}), 10, modes=2)
    for number in (0.0, 1e-9, 1e-4):  # so small ones that predictions are far off
        for tolerance in (0.5, 0.1, 1e-3):
            check(basis, [number, 0.03], tolerance)


@pytest.mark.filterwarnings("error")
def test_a_range_of_few_numbers_is_predicted():
    numbers = 0.1 * (1 + 2.0 ** np.array([-52, -51]))
    family = dk.Family(dk.Problem(np.eye(8)), {"decay": (0.1, numbers[1])})
    basis = dk.ReducedBasis.train(family, 100)
    check(basis, numbers[:1], 1e-3)


def test_errors_are_those_of_snapshots_that_are_left_out():
    family = tissue_family()
    basis = trained()
    errors = []
    for point in family.draw(20, seed=11):
        exact = dk.solve(family.problem_at(point)).field
        errors.append(np.abs(basis.fields(point) - exact).max() / exact.max())
    assert np.median(basis.errors) / 3 < np.median(errors) < 3 * np.median(basis.errors)


def test_more_snapshots_predict_better():
    assert np.median(trained(160).errors) < np.median(trained().errors) / 3


def test_a_batch_is_the_same_as_its_points():
    basis = trained()
    points = basis.family.draw(3, seed=2)
    batch = basis.predict(points, 1e-3)
    assert batch.field.shape == (3, 24, 24)
    for point, image, field in zip(points, batch.images, batch.field, strict=True):
        one = basis.predict(point, 1e-3)
        np.testing.assert_allclose(field, one.field, rtol=0, atol=1e-6)
        assert image.error_bound <= batch.error_bound
    fields = basis.fields(points)
    assert fields.shape == (3, 24, 24)
    assert fields.dtype == np.float32
    np.testing.assert_allclose(fields, basis.predict(points).field, atol=1e-6)
    by_name = dict(zip(basis.family.names, points[0], strict=True))
    assert np.array_equal(basis.predict(by_name).field, basis.predict(points[0]).field)


def test_the_scale_of_fixed_values_is_taken_out():
    basis = trained()
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
    ],
)
def test_only_a_family_that_scales_loses_an_input(names, inputs):
    values, cells = np.zeros((12, 12)), np.zeros((12, 12), bool)
    values[2:4, 2:4], cells[6:9, 6:9] = 1.0, True
    problem = dk.Problem(values, uptake=dk.MichaelisMenten(0.1 * cells, 0.2), decay=0.01)
    parameters = dict.fromkeys(names, (0.1, 1.0))
    regions = {"cells": cells} if any("[cells]" in name for name in names) else {}
    family = dk.Family(problem, parameters, regions=regions)
    assert family.scaling.inputs(family.draw(3, seed=0)).shape == (3, inputs)


def test_derivatives_go_through_predictions():
    basis = trained()
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
    basis = trained()
    rng = np.random.default_rng(0)
    free = ~basis.family.problem.fixed
    for size in (1e-12, 1e-3, 1.0, 1e6):
        fields = size * rng.random((2, 3, 24, 24)) ** rng.integers(0, 9) * free
        barriers = basis._fit.barriers._replace(fields=fields.astype(np.float32))
        basis_of = dk.ReducedBasis(basis.family, basis._fit._replace(barriers=barriers))
        for tolerance in (None, 1e-1, 1e-3):
            check(basis_of, basis.family.draw(1, seed=int(1 / size) % 97)[0], tolerance)


def test_greedy_training_stops_at_its_proven_worst_case():
    family = tissue_family(16)
    told = []
    basis = dk.ReducedBasis.train_to(
        family, 0.02, candidates=60, seed=1, report=lambda *each: told.append(each)
    )
    assert basis.worst <= 0.02
    assert told[-1] == (basis.snapshots, basis.worst)
    assert [number for number, _ in told] == sorted({number for number, _ in told})
    for point in family.draw(60 + told[0][0], seed=1)[told[0][0] :: 6]:
        exact = dk.solve(family.problem_at(point)).field
        assert np.abs(basis.fields(point) - exact).max() <= basis.worst * exact.max()


def test_a_worst_case_that_is_out_of_reach_is_an_error():
    with pytest.raises(ConvergenceError, match=r"with 20 snapshots.*allow more snapshots"):
        dk.ReducedBasis.train_to(tissue_family(16), 1e-6, most=20, candidates=20)
    with pytest.raises(ConvergenceError, match="snapshots the worst proven error"):
        dk.ReducedBasis.train_to(tissue_family(16), 1e-6, modes=2, candidates=10)


def test_a_singular_regression_is_an_error(monkeypatch):
    monkeypatch.setattr(kernel_regression, "NUGGET", -1e-6)
    monkeypatch.setattr(kernel_regression, "MOST_FITTED", 4)
    inputs = np.array([0.0, 1, 2, 3, 3, 3])[:, None]
    with pytest.raises(PhysicsError, match=r"of 6 snapshots is singular.*train on fewer"):
        KernelRegression.fit(inputs, np.sin(inputs))


def test_training_is_deterministic(tmp_path):
    for name in ("one", "two"):
        dk.ReducedBasis.train(tissue_family(16), 12).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_saved_basis_predicts_the_same(tmp_path):
    basis = trained()
    file = tmp_path / "basis.npz"
    basis.save(file)
    assert [path.name for path in tmp_path.iterdir()] == ["basis.npz"]
    loaded = dk.ReducedBasis.load(file, tissue_family())
    assert repr(loaded) == repr(basis)
    assert loaded.modes.shape == basis.modes.shape
    point = basis.family.draw(1, seed=0)[0]
    for tolerance in (None, 1e-2, 1e-4):
        one, two = basis.predict(point, tolerance), loaded.predict(point, tolerance)
        assert np.array_equal(one.field, two.field)
        assert np.array_equal(one.node_bound, two.node_bound)


def test_damaged_files_and_other_families_are_refused(tmp_path):
    file = tmp_path / "basis.npz"
    with pytest.raises(DataError, match="can't be read as a basis"):
        dk.ReducedBasis.load(file, tissue_family())
    trained().save(file)
    content = file.read_bytes()
    with pytest.raises(DataError, match="basis of another family"):
        dk.ReducedBasis.load(file, tissue_family(16))
    for damaged in (b"", content[:-100], content[: len(content) // 2], b"\x93NUMPY" + content):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match="can't be read as a basis"):
            dk.ReducedBasis.load(file, tissue_family())
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    file.write_bytes(changed)
    with pytest.raises(DataError, match="can't be read as a basis"):
        dk.ReducedBasis.load(file, tissue_family())
    file.write_bytes(content)
    arrays = dict(np.load(file))
    np.savez(file, **{**arrays, "format": 2})
    with pytest.raises(DataError, match=r"has format 2, .* again with `ReducedBasis.train`"):
        dk.ReducedBasis.load(file, tissue_family())
    for name in ("mean", "weights", "correction_shares"):
        without = {key: array for key, array in arrays.items() if key != name}
        np.savez(file, **without)
        with pytest.raises(DataError, match=f"read as a basis: {name} is missing"):
            dk.ReducedBasis.load(file, tissue_family())
        for wrong in (arrays[name] * np.nan, arrays[name] + 1j, arrays[name].astype(str)):
            np.savez(file, **{**without, name: wrong})
            with pytest.raises(DataError, match=f"{name} holds other things than real numbers"):
                dk.ReducedBasis.load(file, tissue_family())
    for name in ("mean", "points", "weights", "usual_row_sums", "correction_shares"):
        np.savez(file, **{**arrays, name: arrays[name][..., :-1]})
        with pytest.raises(DataError, match=r"read as a basis: \w+ has the shape \(.*\), not "):
            dk.ReducedBasis.load(file, tissue_family())
    file.unlink()
    np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="can't be read as a basis"):
        dk.ReducedBasis.load(tmp_path / "basis.npz.npy", tissue_family())


def test_another_number_of_fast_modes_is_refused_or_breaks_no_bound(tmp_path):
    file, family = tmp_path / "basis.npz", tissue_family(16)
    dk.ReducedBasis.train(family, 12).save(file)
    arrays = dict(np.load(file))
    own, modes = int(arrays["fast_modes"]), len(arrays["modes"])
    for number in (-1, 0, modes + 1, own + 0.5, np.inf):
        np.savez(file, **{**arrays, "fast_modes": number})
        with pytest.raises(DataError, match=f"fast_modes is {number}, .* from 1 to {modes}"):
            dk.ReducedBasis.load(file, family)
    for number in {*range(1, modes + 1)} - {own}:
        np.savez(file, **{**arrays, "fast_modes": number})
        edited = dk.ReducedBasis.load(file, family)
        assert len(edited.modes) == number
        for tolerance in (None, 1e-2, 1e-4):
            check(edited, family.draw(1, seed=number)[0], tolerance)


def test_fields_too_large_for_single_precision_are_an_error():
    cells = np.zeros((8, 8), bool)
    cells[3:5, 3:5] = True
    problem = dk.Problem(production=1e20 * cells, decay=1e-9, boundary="reflecting")
    ranges = {"production[cells]": (1e20, 1e29), "decay": (1e-12, 1e-10)}
    family = dk.Family(problem, ranges, {"cells": cells})
    message = r"with production\[cells\] .*, decay .*largest \|value\| is .* at most 1e\+30: choose"
    with pytest.raises(PhysicsError, match=message):
        dk.ReducedBasis.train(family, 8, tolerance=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"snapshots": 5, "modes": 6}, "6 modes is larger than 5 snapshots"),
        ({"snapshots": 1}, "snapshots must be a whole number from 2"),
        ({"snapshots": 5, "modes": 0}, "modes must be a whole number from 1"),
        ({"snapshots": 5, "method": "grid"}, "method 'grid' is unknown"),
        ({"snapshots": 5, "tolerance": 2}, "tolerance must lie between"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(PhysicsError, match=message):
        dk.ReducedBasis.train(tissue_family(16), **arguments)


def test_bases_of_no_family_are_refused(tmp_path):
    problem = tissue_family(16).problem
    with pytest.raises(PhysicsError, match="one of a Family, not of Problem"):
        dk.ReducedBasis.train(problem)
    with pytest.raises(PhysicsError, match="one of a Family, not of Problem"):
        dk.ReducedBasis.train_to(problem, 0.1)
    with pytest.raises(PhysicsError, match="one of a Family, not of None"):
        dk.ReducedBasis.load(tmp_path / "basis.npz", None)
    with pytest.raises(PhysicsError, match=r"worst must lie between .* and 1, not nan"):
        dk.ReducedBasis.train_to(tissue_family(16), np.nan)


def test_points_out_of_the_ranges_need_to_be_asked_for():
    basis = trained()
    point = 1.5 * basis.family.high
    with pytest.raises(PhysicsError, match="out of its range"):
        basis.predict(point)
    assert basis.predict(point, 1e-3, extrapolate=True).error_bound < 1e-2
    negative = basis.family.low.copy()
    negative[4] = -1.0  # the logarithm of the scale
    check(basis, negative, 1e-3)
    for number in range(len(negative)):  # no logarithm, and with the scale no division either
        nothing = basis.family.low.copy()
        nothing[number] = 0.0
        if basis.family.names[number] != "uptake.constant":
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check(basis, nothing, 1e-3)
    with pytest.raises(PhysicsError, match="tolerance"):
        basis.predict(basis.family.low, 2.0)
