"""Training steps on one replica equal those on two, for the same global batch."""

import json
from pathlib import Path

import numpy as np
import pytest
from loss_cases import LOSSES as CASES
from new_process import NewProcess

from diffkeras.nn.losses import LOSSES, WEIGHTS

pytestmark = pytest.mark.slow  # quick: tests of training on two replicas and in two processes

SCRIPT = Path(__file__).with_name("distribution_script.py")


@pytest.fixture(scope="module")
def distributed_steps(tmp_path_factory):
    """Steps on one and on two replicas, in a process of their own with two logical devices."""
    output = tmp_path_factory.mktemp("steps") / "output"
    return json.loads(NewProcess(SCRIPT, output=output).succeed().splitlines()[-1])


@pytest.fixture
def step(distributed_steps, request):
    case = distributed_steps[request.param]
    return {n: (np.array(case[n]["change"]), case[n]["logs"]) for n in ("one", "two")}


@pytest.mark.parametrize("step", [*CASES, "encoder_decoder"], indirect=True)
def test_two_replicas_take_the_step_of_one(step):
    (change, logs), (change_on_two, logs_on_two) = step["one"], step["two"]
    largest = np.abs(change).max()
    assert largest > 1e-4, "the step must change something, or equality says nothing"
    np.testing.assert_allclose(change_on_two, change, atol=1e-5 * largest, rtol=1e-4)
    assert logs_on_two.keys() == logs.keys()
    for key, value in logs.items():
        assert logs_on_two[key] == pytest.approx(value, rel=1e-5), key


@pytest.mark.parametrize("step", ["scalar"], indirect=True)
def test_a_loss_that_returns_a_scalar_takes_twice_the_step(step):
    np.testing.assert_allclose(step["two"][0], 2.0 * step["one"][0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("step", ["encoder_decoder"], indirect=True)
def test_metrics_are_logged_and_finite(step):
    logs = step["one"][1]
    expected = {"mae", "mae_r1", "relative_l2", "max_error", "mae_worst_count"}
    assert expected | {f"evaluated {name}" for name in expected} <= logs.keys()
    assert all(np.isfinite(value) for value in logs.values())


def test_every_error_and_weight_is_covered():
    full = [{"error": c} if isinstance(c, str) else c for c in CASES.values()]
    weights = [c["weight"] for c in full if "weight" in c]
    assert {c["error"] for c in full} >= set(LOSSES) - {"mae", "mse"}
    assert {w if isinstance(w, str) else w["name"] for w in weights} >= set(WEIGHTS)
