import time

import pytest

from diffkeras.config.baselines import BASELINES, OF_PRODUCTION
from diffkeras.evaluation import methods
from diffkeras.reporting.figures import COLORS, MARKERS


def test_every_baseline_has_a_method_for_what_its_sources_do() -> None:
    assert tuple(methods.BASELINES["fixed_value"]) == BASELINES
    assert tuple(methods.BASELINES["production"]) == OF_PRODUCTION


def test_every_method_can_be_drawn_and_told_apart() -> None:
    baselines = [m for table in methods.BASELINES.values() for m in table.values()]
    labels = {methods.SURROGATE, methods.SOURCES_SET, *(m.label for m in baselines)}
    assert labels == set(COLORS) == set(MARKERS)
    assert len(set(COLORS.values())) == len(labels)


@pytest.mark.parametrize(
    ("gpu", "clock", "words"),
    [(False, time.process_time, "CPU time"), (True, time.perf_counter, "wall time")],
)
def test_with_a_gpu_the_clock_counts_the_time_that_passes(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, clock: object, words: str
) -> None:
    monkeypatch.setattr(methods, "_gpus", lambda: gpu)
    assert methods.choose_clock() is clock
    assert words in methods.describe_clock()
