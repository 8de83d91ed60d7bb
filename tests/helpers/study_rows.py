"""The rows of studies whose errors are known, for tests of tables and reports."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.evaluations import ALL
from diffkeras.studies.plan import DRAW, SEED, SEEDS
from diffkeras.studies.results import SIZE, TRAINED_SOURCES, StudyData

FRACTION = "data.train_fraction"
EXAMPLES, COUNTS = 1200, (1, 2)  # at a fraction of 1; source counts of the test images
METHODS = {"superposition": 0.03, "zero field": 0.25}


def study_rows(
    factors: Mapping[str, Sequence[str]],
    error: Callable[[dict[str, str]], float],
    *,
    noise: float = 0.0,
    draws: Mapping[str, Sequence[str]] | None = None,
    test_sets: Sequence[str] = ("test",),
) -> StudyData:
    """A study of every combination of the factors' values.

    Args:
        factors: name → values, as text.
        error: the lattice MAE of a run of these values; other errors are multiples of it.
        noise: relative standard deviation over seeds.
        draws: draw of the examples → its own seeds; other combinations are left out.
        test_sets: labels; the errors of each are twice the errors of the one before.
    """
    rng = np.random.default_rng(0)
    runs = []
    multiples = dict(zip(ERRORS, range(1, len(ERRORS) + 1), strict=True))
    for number, combination in enumerate(itertools.product(*factors.values())):
        values = dict(zip(factors, combination, strict=True))
        if draws is not None and values[SEED] not in draws[values[DRAW]]:
            continue
        size = round(EXAMPLES * float(values.get(FRACTION, 1)))
        about = {**values, "run": f"{number:012x}", SIZE: size, TRAINED_SOURCES: "1-2"}
        about |= {"steps": 400, "step_seconds": 8.0, "seconds": 11.0, "best_epoch": 8}
        level = error(values) * (np.exp(rng.normal(scale=noise)) if {*SEEDS} & {*values} else 1.0)
        for place, label in enumerate(test_sets):
            for sources in (ALL, *map(str, COUNTS)):
                mae = level * 2**place * (1.0 if sources == ALL else float(sources) / 1.5)
                errors = {name: mae * multiple for name, multiple in multiples.items()}
                runs.append({**about, "test_set": label, "sources": sources, **errors})
    methods = [
        {"method": name, "test_set": label, "sources": sources}
        | {error: mae * multiple for error, multiple in multiples.items()}
        for name, mae in METHODS.items()
        for label in test_sets
        for sources in (ALL, *map(str, COUNTS))
    ]
    named = {name: list(values) for name, values in factors.items()}
    return StudyData(named, pd.DataFrame(runs), pd.DataFrame(methods))


def falling(values: Mapping[str, str]) -> float:
    """0.04 at the fraction 1, falling as its square root."""
    return 0.04 * float(values[FRACTION]) ** -0.5


SEEDS_OF_THREE = {SEED: ("0", "1", "2")}
