"""A solve sets the threads of BLAS and of transforms, and restores them."""

import threading
from typing import Any

import numpy as np
import pytest
from scipy.fft import get_workers
from threadpoolctl import ThreadpoolController, threadpool_limits

from diffkeras.physics import certify, solve
from diffkeras.physics.linear.spectral import SpectralOperator
from diffkeras.physics.linear.steps import LinearSteps
from diffkeras.system.environment import blas_threads
from diffkeras.system.process_pool import run_tasks

CONTROLLER = ThreadpoolController()
IMAGE = np.zeros((24, 24))
IMAGE[8:12, 9:14] = 1.0


def threads() -> set[int]:
    return {
        library["num_threads"] for library in CONTROLLER.info() if library["user_api"] == "blas"
    }


@pytest.fixture(autouse=True)
def environment():
    """An environment that asks for two threads."""
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def seen(monkeypatch):
    """The threads whenever a ring matrix is computed or a linear step is taken."""
    numbers: list[set[int]] = []

    def spy_on(kind: type, name: str) -> None:
        original = getattr(kind, name)

        def spy(*arguments: Any) -> Any:
            numbers.append(threads() | {get_workers()})
            return original(*arguments)

        monkeypatch.setattr(kind, name, spy)

    spy_on(SpectralOperator, "green_matrix")
    spy_on(LinearSteps, "solve")
    return numbers


@pytest.mark.parametrize(
    ("function", "number"),
    [
        (lambda: solve(IMAGE), 1),
        (lambda: solve(IMAGE, threads=2), 2),
        (lambda: certify(0 * IMAGE, IMAGE).error_bound, 1),
    ],
)
def test_a_solve_sets_the_threads_of_blas_and_restores_them(function, number, seen):
    function()
    assert seen == [{number}] * len(seen) != []
    assert threads() == {2}


def test_a_task_uses_one_thread_and_its_result_is_used_with_all():
    for _, used in run_tasks(lambda task, tick: threads(), [1, 2], workers=1):
        assert used == {1}
        assert threads() == {2}


def test_of_solves_at_the_same_time_the_first_one_restores_them():
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with blas_threads():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with blas_threads():
        thread.start()
        assert entered.wait(10)
        assert threads() == {1}
    leave.set()
    thread.join()
    assert threads() == {2}
    with blas_threads():
        assert threads() == {1}
