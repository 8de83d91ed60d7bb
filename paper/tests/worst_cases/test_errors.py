from types import SimpleNamespace

import numpy as np
import pytest

from diffkeras import solve
from diffkeras.errors import RunError
from paper.worst_cases import errors as module
from paper.worst_cases.errors import candidate_errors, certify_candidates
from paper.worst_cases.image_space import ImageSpace
from tests.helpers.known_networks import surrogate_of

READINGS = {
    "fixed values": {},
    "production": {"physics.sources": "production", "data.placement.overlap": True},
    "divided": {"physics.sources": "production", "data.divide_by_maximum": True},
}


@pytest.fixture(params=READINGS)
def config(request, tiny):
    return tiny.with_overrides(READINGS[request.param])


def test_bounds_hold_and_errors_are_true(config):
    space, rng = ImageSpace(config.recipe(2)), np.random.default_rng(0)
    candidates = [space.sample(rng) for _ in range(6)]
    # a network that predicts the same field whatever it is given
    predicted = rng.uniform(0, 1, (1, 16, 16)).astype(np.float32)
    surrogate = surrogate_of(predicted, config)
    found = certify_candidates(surrogate, space, candidates)
    assert (found["certified_images"], found["violations"]) == (6, 0)
    images = [one.image(space.recipe.lattice) for one in candidates]
    divided = space.recipe.divide_by_maximum
    largest = 0.0
    for candidate, image in zip(candidates, images, strict=True):
        exact = solve(space.problem(candidate), tolerance=1e-12).field
        off = abs(surrogate.predict(image).field - exact).max()
        largest = max(largest, off / exact.max() if divided else off)
    assert found["error_of_prediction"] == pytest.approx(largest, rel=1e-6)
    assert found["error_of_prediction"] <= found["bound_of_prediction"] * (1 + 1e-9)
    assert found["error_of_corrected"] <= found["bound_of_corrected"] + 1e-11


def test_a_bound_that_is_too_small_is_counted(config, monkeypatch):
    space, rng = ImageSpace(config.recipe(2)), np.random.default_rng(0)
    candidates = [space.sample(rng) for _ in range(4)]
    surrogate = surrogate_of(rng.uniform(0, 1, (1, 16, 16)).astype(np.float32), config)
    solve, solved = module.solve, []

    def wrong_at_first(*arguments, **options):
        solution = solve(*arguments, **options)
        solved.append(solution)
        if len(solved) > 3:
            return solution
        field = solution.field.copy()
        field[7, 7] += 0.5  # a field that no bound was proven for
        return SimpleNamespace(field=field, error_bound=solution.error_bound)

    monkeypatch.setattr(module, "solve", wrong_at_first)
    assert certify_candidates(surrogate, space, candidates)["violations"] == 3


def test_predictions_that_are_not_finite_are_refused(tiny):
    space = ImageSpace(tiny.recipe(1))
    surrogate = surrogate_of(np.full((1, 16, 16), np.nan), tiny)
    with pytest.raises(RunError, match="not finite"):
        candidate_errors(surrogate, space, [space.sample(np.random.default_rng(0))])
