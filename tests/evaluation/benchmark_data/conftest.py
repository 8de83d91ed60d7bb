import pytest

from diffkeras.evaluation.benchmark_data import splits
from diffkeras.evaluation.benchmark_data.problems import TRAINING_IMAGES, BenchmarkProblem
from diffkeras.evaluation.benchmark_data.splits import PublicSplit

HASHES: dict[str, str] = {}  # of tiny splits, which take a second to draw


@pytest.fixture
def tiny_split(monkeypatch):
    """Splits of few images on 32×32 nodes, with their hashes."""
    monkeypatch.setattr(BenchmarkProblem.config, "__defaults__", (4, 1))
    monkeypatch.setattr(BenchmarkProblem.shifted, "__defaults__", (4,))
    monkeypatch.setitem(TRAINING_IMAGES, 32, 6)
    hashes = dict(splits._hashes())
    monkeypatch.setattr(splits, "_hashes", lambda: hashes)

    def make(problem: str, split: str = "test") -> PublicSplit:
        tiny = PublicSplit(problem, 32, split)
        monkeypatch.setitem(splits.BENCHMARKS, tiny.benchmark, (problem, 32))
        if tiny.name not in HASHES:
            HASHES[tiny.name] = tiny.drawn_hash()
        hashes[tiny.name] = HASHES[tiny.name]
        return tiny

    return make
