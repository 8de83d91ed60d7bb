import pytest

from diffkeras_benchmark import problems, splits
from diffkeras_benchmark.commands import main
from diffkeras_benchmark.problems import TRAINING_IMAGES, BenchmarkProblem
from diffkeras_benchmark.splits import PublicSplit
from tests.helpers.refusals import refusal_of

HASHES: dict[str, str] = {}  # of tiny splits, which take a second to draw


@pytest.fixture
def benchmark(runner):
    """`benchmark("data", "tissue_64", …)`: the command `diffkeras-benchmark`, in this process."""
    return lambda *words: runner.invoke(main, [str(word) for word in words])


@pytest.fixture
def denied(benchmark):
    """The one line in which the command says why it can't be done."""
    return lambda *words: refusal_of(benchmark(*words))


@pytest.fixture
def tiny_split(monkeypatch):
    """Splits of few images on 32×32 nodes, with their hashes."""
    monkeypatch.setattr(BenchmarkProblem.config, "__defaults__", (4, 1))
    monkeypatch.setattr(problems, "SHIFTED_IMAGES", 12)
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
