"""All methods on tiny lattices, with a surrogate that nobody trained."""

import keras
import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.evaluation.methods import different_physics
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras_benchmark import tensorflow_methods
from diffkeras_benchmark.problems import PROBLEMS
from diffkeras_benchmark.scores import Effort, Entry, ProblemScores
from diffkeras_benchmark.tables import problem_figure, scoreboard_markdown
from tests.helpers.lean_runs import quick_graphs

# rounds; each number is a graph, which takes seconds to build
ROUNDS, CYCLES, STEPS = (4, 8), (3, 6), (6,)
# of batches; errors are measured on two images, and each size is a graph, too
SIZES = dict.fromkeys(PROBLEMS, (2,)) | {"fixed_values": (1, 2)}


def half_surrogate(config: Config, name: str = "half") -> Entry:
    """A surrogate whose field is half of the source image."""
    channels = 1 + len(config.view.maps)
    half = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Sequential([keras.Input((None, None, channels)), half])
    half.set_weights([np.reshape([0.5] + [0.0] * (channels - 1), (1, 1, channels, 1))])
    return Entry(name, Surrogate(model, config), 100.0, 50, "a machine")


@pytest.fixture(
    scope="module",
    # graphs of multigrid cycles take half a minute to build
    params=[pytest.param(p, marks=pytest.mark.slow) if "tissue" in p else p for p in PROBLEMS],
)
def measured(request):
    """The scores of one problem on 16×16 nodes."""
    config = PROBLEMS[request.param].config(16)
    entries, effort = [half_surrogate(config)], Effort(SIZES[request.param], 2, 1)
    with pytest.MonkeyPatch.context() as patch, quick_graphs():
        patch.setattr(tensorflow_methods, "ROUNDS", ROUNDS)
        patch.setattr(tensorflow_methods, "CYCLES", CYCLES)
        patch.setattr(tensorflow_methods, "STEPS", STEPS)
        scores, ticks = ProblemScores(request.param, 16, entries, effort), list[int]()
        found = scores.measure(ticks.append)
    assert sum(ticks) == scores.steps
    return found


def test_errors_are_what_the_methods_promise(measured):
    errors = {row["name"]: row["error"] for row in measured["methods"]}
    assert errors["exact solver"]["largest"] == 0
    assert errors["solve to 1e-06"]["largest"] < 1e-6
    if measured["problem"] == "saturating_tissue":
        for name in ("solve to 0.001", "solve to 0.001, warm"):
            assert errors[name]["bound"]["largest"] <= 1e-3 * (1 + 1e-6)
        assert "PyAMG, 1e-06" not in errors  # a method for linear equations
    else:
        assert errors["PyAMG, 1e-06"]["largest"] < 1e-4
    assert all(error["bound"] is None or not error["bound"]["broken"] for error in errors.values())
    if "tissue" in measured["problem"]:
        assert errors["solve to 0.01"]["bound"]["largest"] <= 1e-2
    else:
        if measured["problem"] != "mixed_walls":  # sides that differ
            assert errors["TensorSolver, float32"]["largest"] < 2e-5
        assert errors["exact solver, certified"]["bound"]["largest"] < 1e-9
    assert errors["half to 0.01"]["bound"]["largest"] <= 1e-2
    assert errors["half"]["mean"] > 0.1
    assert errors["half, certified"]["bound"]["largest"] >= errors["half"]["largest"]


def test_rounds_of_conjugate_gradients_converge(measured):
    errors = {row["name"]: row["error"]["mean"] for row in measured["methods"]}
    for problem, method, numbers in (
        ("fixed_values", "plain CG", ROUNDS),
        ("tissue", "multigrid CG", CYCLES),
        ("saturating_tissue", "Newton with multigrid", STEPS),
    ):
        if measured["problem"] == problem:
            found = [errors[f"{method}, {rounds} rounds"] for rounds in numbers]
            assert found == sorted(found, reverse=True)
            assert found[-1] < 1e-4


def test_times_verdicts_and_tables_cover_every_method(measured):
    for row in measured["methods"]:
        for size in map(str, SIZES[measured["problem"]]):
            assert row["times"][size]["median"] > 0
    board = {
        "problems": [measured],
        "machine": "a machine",
        "device": "the CPU",
        "threads": 1,
        "processes": 1,
        "load": 0.5,
        "diffkeras": "1",
    }
    text = scoreboard_markdown(board)
    for row in measured["methods"]:
        name = f"*{row['name']}*" if row["surrogate"] else row["name"]
        assert f"| {name} |" in text
    for found in measured["surrogates"]:
        assert found["examples"] == 50
        assert found["data_seconds"] > 0
        assert {*found["verdicts"]["half"]} == {*map(str, SIZES[measured["problem"]])}
        assert "100 s of training" in text or "2 min of training" in text
    figure = problem_figure(measured)
    assert len(figure.axes) == len(SIZES[measured["problem"]])


def test_surrogates_of_other_physics_take_no_part(tiny):
    config = PROBLEMS["fixed_values"].config(16)
    assert different_physics(config.with_overrides({"physics.lattice": 32}), config) == []
    for problem in ("production", "tissue", "saturating_tissue"):
        assert different_physics(config, PROBLEMS[problem].config(16))
    assert different_physics(tiny, config)
    several = config.with_overrides({"data.diffusion_length": [2, 5]})
    assert "data.diffusion_length" in different_physics(several, config)[0]
