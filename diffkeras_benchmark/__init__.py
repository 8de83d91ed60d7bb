"""A public benchmark for models of steady diffusion: data, comparisons and a leaderboard.

A dataset of diffkeras is made for training there: TFRecord files that tf.data reads, of any
configuration. A split of the benchmark is made for comparing models of any program: a `.npz` that
NumPy reads, of problems that are the same everywhere. So it has what a dataset lacks, a published
hash of its inputs and a proven bound of each field. Both come from one configuration and the same
recipe. Names are loaded when they are first used, and none of them needs TensorFlow to be imported.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "BenchmarkSplit": "diffkeras_benchmark.archive",
    "compare": "diffkeras_benchmark.comparison",
    "load": "diffkeras_benchmark.data",
    "make_leaderboard": "diffkeras_benchmark.leaderboard",
    "write_split": "diffkeras_benchmark.data",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
