import time

import pytest

from diffkeras.evaluation import timing


def test_without_a_gpu_the_clock_counts_the_time_of_all_threads() -> None:
    assert timing.choose_clock() is time.process_time
    assert "CPU time" in timing.describe_clock()


def test_with_a_gpu_it_is_the_time_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_gpus", lambda: True)
    assert timing.choose_clock() is time.perf_counter
    assert "wall time" in timing.describe_clock()
