import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diffkeras.errors import DiffkerasError
from diffkeras.system.process_pool import AHEAD, ProcessPool, run_tasks, shared_pool
from tests.helpers import worker_tools
from tests.helpers.worker_tools import (
    die,
    fail,
    process_number,
    square,
    square_and_tick,
    threads,
    wait_long,
    work_unless_zero,
)


@pytest.fixture(scope="module")
def pool():
    with ProcessPool(2) as pool:
        yield pool


def test_results_and_exceptions_come_in_order_and_tasks_are_drawn_as_needed(pool):
    numbers = itertools.count()
    results = pool.imap(square, numbers)
    assert list(itertools.islice(results, 20)) == [number**2 for number in range(20)]
    results.close()
    assert next(numbers) <= 20 + AHEAD * 2
    with pytest.raises(ArithmeticError, match="no luck with 3"):
        list(pool.imap(fail, [3, 4]))
    assert list(pool.imap(square, [5])) == [25]


def test_each_worker_uses_one_thread(pool):
    [found] = pool.imap(threads, [0])
    assert found
    assert set(found) == {1}


def test_a_dead_worker_is_an_error_that_says_what_to_do():
    with ProcessPool(2) as pool, pytest.raises(DiffkerasError, match="use fewer processes"):
        list(pool.imap(die, [1, 2]))
    with pytest.raises(DiffkerasError, match="use fewer processes"):
        list(run_tasks(die_at_task, [1, 2], 2))


def die_at_task(number: int, tick: object) -> None:
    die(number)


def test_closing_ends_busy_workers(tmp_path):
    with ProcessPool(2) as pool:
        workers = list(pool.imap(process_number, [str(tmp_path)] * 2))
        pool.submit(wait_long, str(tmp_path / "ended"))
    assert not (tmp_path / "ended").exists()
    assert not any(_is_alive(worker) for worker in workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_count_their_progress(workers):
    counts: list[int] = []
    done = dict(run_tasks(square_and_tick, [1, 2, 3, 4], workers, counts.append))
    assert done == {1: 1, 2: 4, 3: 9, 4: 16}
    assert sum(counts) == 10


def test_an_error_in_this_process_ends_the_workers_and_a_slow_task_holds_back_no_other():
    begun = time.monotonic()

    def interrupt(number: int) -> None:
        if number:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_tasks(work_unless_zero, [1, 0], 2, interrupt))
    assert time.monotonic() - begun < 60


def test_a_shared_pool_stays_and_is_replaced_once_it_is_broken():
    first = shared_pool(2)
    results = first.imap(square, range(9))
    assert next(results) == 0
    assert use_shared_pool(workers=1) == [9]  # as another thread may
    assert list(results) == [1, 4, 9, 16, 25, 36, 49, 64]
    assert shared_pool(2) is first
    with pytest.raises(DiffkerasError):
        list(first.imap(die, [1]))
    assert use_shared_pool() == [9]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_a_pool_of_its_own():
    assert use_shared_pool() == [9]
    child = multiprocessing.get_context("fork").Process(target=use_shared_pool)
    child.start()
    child.join(60)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    assert child.exitcode == 0


def use_shared_pool(workers: int = 2) -> list[int]:
    return list(shared_pool(workers).imap(square, [3]))


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL],
)
def test_workers_end_with_their_parent(number):
    script = Path(worker_tools.__file__)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        workers = [int(word) for word in process.stdout.readline().split()]
        assert len(set(workers)) == 2
        process.send_signal(number)
        process.wait(30)
    end = time.monotonic() + 20
    while any(_is_alive(worker) for worker in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


SLOW_START = """
import pathlib, sys, time
from diffkeras.system.process_pool import ProcessPool
if __name__ == "__mp_main__":  # what a worker runs before anything else
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(1)
if __name__ == "__main__":
    try:
        with ProcessPool(1) as pool:
            list(pool.imap(abs, range(1)))
            time.sleep(30)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_a_worker_that_starts_ignores_an_interrupt(tmp_path):
    script, started = tmp_path / "script.py", tmp_path / "started"
    script.write_text(SLOW_START)
    words = [sys.executable, str(script), str(started)]
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        end = time.monotonic() + 60
        while not started.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
