"""Training of reduced bases, plain and greedy; their files; and what is refused."""

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import ConvergenceError, DataError, PhysicsError
from diffkeras.physics.families import barrier_training, fit
from diffkeras.physics.families.fit import KernelRegression
from diffkeras.physics.families.training import Candidates
from tests.helpers.random_families import tissue_family
from tests.helpers.reduced_bases import check_prediction, tissue_basis
from tests.helpers.rounding import same_to_rounding


def test_errors_are_those_of_snapshots_that_are_left_out():
    family = tissue_family()
    basis = tissue_basis()
    errors = []
    for point in family.draw(20, seed=11):
        exact = dk.solve(family.problem_at(point)).field
        errors.append(np.abs(basis.fields(point) - exact).max() / exact.max())
    assert np.median(basis.errors) / 3 < np.median(errors) < 3 * np.median(basis.errors)


def test_more_snapshots_predict_better():
    assert np.median(tissue_basis(160).errors) < np.median(tissue_basis().errors) / 3


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
    monkeypatch.setattr(fit, "NUGGET", -1e-6)
    monkeypatch.setattr(fit, "MOST_FITTED", 4)
    inputs = np.array([0.0, 1, 2, 3, 3, 3])[:, None]
    with pytest.raises(PhysicsError, match=r"of 6 snapshots is singular.*train on fewer"):
        KernelRegression.fit(inputs, np.sin(inputs))


@pytest.mark.parametrize("wrong", [(), (0,), (1, 5), range(99)])
def test_barriers_that_cannot_be_made_are_left_out(wrong, monkeypatch):
    family, barrier_of, numbers = tissue_family(16), barrier_training.barrier_of, []

    def some(*arguments):
        numbers.append(len(numbers))
        return None if numbers[-1] in wrong else barrier_of(*arguments)

    monkeypatch.setattr(barrier_training, "barrier_of", some)
    basis = dk.ReducedBasis.train(family, 40)
    barriers, pairs = basis._fit.barriers, len(numbers) // 2
    assert pairs > 3
    left = max(pairs - len(wrong), 0)
    assert (0 if barriers is None else barriers.fields.shape[1]) == left
    check_prediction(basis, family.draw(1, seed=3)[0], 1e-3)


def test_second_corrections_of_samples_need_not_converge(monkeypatch):
    family, once_corrected, corrected = tissue_family(16), barrier_training._once_corrected, []

    def once(equations, field):
        if any(field is each for each in corrected):
            raise ConvergenceError("conjugate gradients stopped")
        result = once_corrected(equations, field)
        corrected.append(result[0])
        return result

    monkeypatch.setattr(barrier_training, "_once_corrected", once)
    basis = dk.ReducedBasis.train(family, 12)
    once_share, twice_share = basis._fit.barriers.correction_shares
    assert once_share > 0
    assert twice_share == 0
    check_prediction(basis, family.draw(1, seed=3)[0], 1e-3)


def test_training_twice_gives_the_same_basis():
    one, two = (dk.ReducedBasis.train(tissue_family(16), 12) for _ in range(2))
    points = one.family.draw(4, seed=3)
    assert one.rows.shape == two.rows.shape
    for galerkin in (False, True):
        fields = [basis.fields(points, galerkin=galerkin) for basis in (one, two)]
        np.testing.assert_allclose(*fields, rtol=0, atol=1e-5 * np.abs(fields).max())


def test_a_saved_basis_predicts_the_same(tmp_path):
    basis = tissue_basis()
    file = tmp_path / "basis.npz"
    basis.save(file)
    assert [path.name for path in tmp_path.iterdir()] == ["basis.npz"]
    loaded = dk.ReducedBasis.load(file, tissue_family())
    assert repr(loaded) == repr(basis)
    assert loaded.modes.shape == basis.modes.shape
    point = basis.family.draw(1, seed=0)[0]
    for tolerance in (None, 1e-2, 1e-4):
        one, two = basis.predict(point, tolerance), loaded.predict(point, tolerance)
        assert same_to_rounding(one.field.astype(np.float32), two.field.astype(np.float32))
        np.testing.assert_allclose(one.error_bound, two.error_bound, rtol=0.01)


def test_damaged_files_and_other_families_are_refused(tmp_path):
    file, family = tmp_path / "basis.npz", tissue_family()

    def refused(message):
        with pytest.raises(DataError, match=message):
            dk.ReducedBasis.load(file, family)

    refused("can't be read as a basis")
    tissue_basis().save(file)
    content, arrays = file.read_bytes(), dict(np.load(file))
    with pytest.raises(DataError, match="basis of another family"):
        dk.ReducedBasis.load(file, tissue_family(16))
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    for damaged in (b"", content[:-100], content[: len(content) // 2], b"\x93NUMPY", changed):
        file.write_bytes(damaged)
        refused("can't be read as a basis")
    np.savez(file, **{**arrays, "format": 3})
    refused(r"has format 3, .* again with `ReducedBasis.train`")
    for name in ("format", "mean", "weights", "correction_shares"):
        without = {key: array for key, array in arrays.items() if key != name}
        np.savez(file, **without)
        refused(f"read as a basis: {name} is missing")
        for wrong in (arrays[name] * np.nan, arrays[name] + 1j, arrays[name].astype(str)):
            np.savez(file, **{**without, name: wrong})
            refused(f"{name} contains other things than real numbers")
    for name in ("mean", "points", "weights", "usual_row_sums", "correction_shares"):
        np.savez(file, **{**arrays, name: arrays[name][..., :-1]})
        refused(r"read as a basis: \w+ has the shape \(.*\), not ")


def test_another_number_of_fast_modes_is_refused_or_breaks_no_bound(tmp_path):
    file, family = tmp_path / "basis.npz", tissue_family(16)
    dk.ReducedBasis.train(family, 12).save(file)
    arrays = dict(np.load(file))
    own, modes = int(arrays["fast_modes"]), len(arrays["modes"])
    for number in (-1, 0, modes + 1, own + 0.5, np.inf):
        np.savez(file, **{**arrays, "fast_modes": number})
        with pytest.raises(DataError, match=f"fast_modes is {number}, .* from 1 to {modes}"):
            dk.ReducedBasis.load(file, family)
    for number in {1, own - 1, modes}:
        np.savez(file, **{**arrays, "fast_modes": number})
        edited = dk.ReducedBasis.load(file, family)
        assert len(edited.modes) == number
        check_prediction(edited, family.draw(1, seed=number)[0], 1e-2)


def test_fields_too_large_for_single_precision_are_an_error():
    cells = np.zeros((8, 8), bool)
    cells[3:5, 3:5] = True
    problem = dk.Problem(production=1e20 * cells, decay=1e-9, boundary="reflecting")
    ranges = {"production[cells]": (1e20, 1e29), "decay": (1e-12, 1e-10)}
    family = dk.Family(problem, ranges, {"cells": cells})
    message = r"with production\[cells\] .*, decay .*largest \|value\| is .* at most 1e\+30: choose"
    with pytest.raises(PhysicsError, match=message):
        dk.ReducedBasis.train(family, 8, tolerance=1e-8)


def test_bad_arguments_are_refused(tmp_path):
    family, train, train_to = tissue_family(16), dk.ReducedBasis.train, dk.ReducedBasis.train_to
    for call, message in (
        (lambda: train(family, 5, modes=6), "6 modes is larger than 5 snapshots"),
        (lambda: train(family, 1), "snapshots must be a whole number from 2"),
        (lambda: train(family, 5, modes=0), "modes must be a whole number from 1"),
        (lambda: train(family, 5, tolerance=2), "tolerance must lie between"),
        (lambda: train(family, 5, processes=0), "processes must be a whole number from 1"),
        (lambda: train(family.problem), "one of a Family, not of Problem"),
        (lambda: train_to(family.problem, 0.1), "one of a Family, not of Problem"),
        (lambda: train_to(family, np.nan), r"worst must lie between .* and 1 \(rel.*\), not nan"),
        (lambda: dk.ReducedBasis.load(tmp_path / "a.npz", None), "one of a Family, not of None"),
        (lambda: tissue_basis().save(tmp_path / "basis.h5"), r"to a \.npz file, not to .*\.h5"),
    ):
        with pytest.raises(PhysicsError, match=message):
            call()
    assert not [*tmp_path.iterdir()]


def test_large_bounds_are_chosen_first_and_copies_of_a_point_once():
    points = tissue_family().draw(6, seed=3)
    points[1::2] = points[1]

    def chosen(bounds, number):
        pool = Candidates(tissue_family(), points[: len(bounds)], 1e-3)
        pool.bounds[:] = bounds
        return [pool.chosen(number) for _ in range(3)]

    first, then, last = chosen([5e3, np.inf, 0.9e-3, 1e-6, 1.1e-3], 5)
    np.testing.assert_array_equal(first, points[[1, 0, 4]])
    np.testing.assert_array_equal(then, points[[2]])
    assert not len(last)
    first, *_ = chosen([0.01, 0.5, 0.02, 0.4, 0.03, 0.3], 6)
    assert len(first) == len(np.unique(first, axis=0)) == 4
    np.testing.assert_array_equal(first[0], points[1])


def test_next_to_a_snapshot_with_a_large_bound_are_further_ones():
    family = dk.Family(dk.Problem(np.eye(8)), {"decay": (1, 16)}, linear="decay")
    pool = Candidates(family, np.array([[9.0], [2.0], [8.0], [16.0], [9.0]]), 1e-3)
    pool.bounds[:] = [0.5, 1e-6, 1e-6, 1e-6, 1e-6]
    for first in (9.0, 8.0):
        assert pool.chosen(1) == first
