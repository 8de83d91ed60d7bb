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


@pytest.mark.parametrize("case", [*CASES, "encoder_decoder"])
def test_two_replicas_take_the_step_of_one(distributed_steps, case):
    one, two = (distributed_steps[case][replicas] for replicas in ("one", "two"))
    largest = np.abs(one["change"]).max()
    assert largest > 1e-4, "the step must change something, or equality says nothing"
    np.testing.assert_allclose(two["change"], one["change"], atol=1e-5 * largest, rtol=1e-4)
    assert all(np.isfinite(value) for value in one["logs"].values())
    assert two["logs"] == pytest.approx(one["logs"], rel=1e-5)


def test_every_error_and_weight_is_covered():
    full = [{"error": c} if isinstance(c, str) else c for c in CASES.values()]
    weights = [c["weight"] for c in full if "weight" in c]
    assert {c["error"] for c in full} >= set(LOSSES) - {"mae", "mse"}
    assert {w if isinstance(w, str) else w["name"] for w in weights} >= set(WEIGHTS)
