"""Studies whose true law is known, for tests of statistics and of reports.

The errors of a run are exact by construction: over all images, the mean absolute error of a region
is `REGION_FACTORS[region] × factors × law(size) × (1 + noise of its seeds)`, where `factors` is the
product of those of the loss, the variant and the test set. Errors grow with the source count n as
1 + n.
"""

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffkeras.evaluation.errors import ERRORS
from paper.study_data import (
    ALL,
    DRAW,
    LOSS,
    SEED,
    SIZE,
    STUDY_FILE,
    TRAINED_SOURCES,
    VARIANT,
    StudyData,
    write_table,
)

FRACTION = "data.train_fraction"
FRACTIONS = (0.0125, 0.05, 0.125, 0.25, 0.5, 1.0)
REGION_FACTORS = {
    "mae": 1.0,
    "mae_sources": 2.0,
    "mae_field": 0.9,
    "mae_r1": 1.2,
    "mae_r2": 0.8,
    "mae_r3": 0.6,
    "relative_l2": 5.0,
    "max_error": 20.0,
}
BASELINES = {"superposition": 0.03, "2 rounds": 1e-6, "zero field": 0.25}  # lattice MAE


def log_law(size: float) -> float:
    """Error a − b ln N of N training examples: 0.080 at 15, 0.036 at 1200."""
    return 0.107 - 0.01 * math.log(size)


@dataclass(frozen=True)
class Design:
    """What a synthetic study varies, and the truth about it.

    Attributes:
        fractions: of the training examples, of which there are 240 for each source count.
        losses: loss → factor of its error.
        seeds: number of seeds of the weights.
        draws: number of draws of the training examples; 1: `data.seed` is no factor.
        own_seeds: whether each draw has as many seeds of its own, and not the same as the others.
        variants: label → its factor for a tested source count.
        trained: label of a variant → the source counts it is trained on, as text; default: all.
        test_sets: label → factor of its error, the main one first.
        sources: source counts.
        law: error against the number of training examples of all source counts.
        noise: relative standard deviation over seeds of the weights at the smallest size.
        draw_noise: the same over draws of the examples, alike for all losses and seeds.
        fall: the standard deviations fall as size^(−fall).
        epochs: None: every run has 400 steps of 16 examples. Otherwise the number of epochs.
    """

    fractions: Sequence[float] = FRACTIONS
    losses: Mapping[str, float] = field(
        default_factory=lambda: {"absolute": 1.0, "squared": 1.15, "huber(delta=0.1)": 1.05}
    )
    seeds: int = 3
    draws: int = 1
    own_seeds: bool = False
    variants: Mapping[str, Callable[[int], float]] = field(default_factory=dict)
    trained: Mapping[str, str] = field(default_factory=dict)
    test_sets: Mapping[str, float] = field(default_factory=lambda: {"test": 1.0})
    sources: Sequence[int] = (1, 2, 3, 4, 5)
    law: Callable[[float], float] = log_law
    noise: float = 0.05
    draw_noise: float = 0.0
    fall: float = 0.25
    epochs: int | None = None

    @property
    def factors(self) -> dict[str, list[str]]:
        found = {
            FRACTION: [f"{value}" for value in self.fractions],
            LOSS: list(self.losses),
            VARIANT: list(self.variants),
            DRAW: [str(draw) for draw in range(self.draws)],
            SEED: [str(seed) for seed in range(self.seeds * (self.draws if self.own_seeds else 1))],
        }
        if self.draws == 1:
            del found[DRAW]
        return {key: values for key, values in found.items() if values}

    def size(self, values: Mapping[str, str]) -> int:
        return round(240 * float(values[FRACTION])) * len(self.sources)

    def truth(self, values: Mapping[str, str], count: int) -> float:
        """The lattice MAE without noise of a run with these values, on images of a source count.

        The mean over the counts is `law(size)` times the factors.
        """
        factor = self.losses[values[LOSS]] * (1 + count) / (1 + np.mean(self.sources))
        if self.variants:
            factor *= self.variants[values[VARIANT]](count)
        return factor * self.law(self.size(values))


def synthetic_study(design: Design | None = None, **changes: Any) -> StudyData:
    """A study of a design, or of the default one (6 sizes × 3 losses × 3 seeds) with changes."""
    design = design or Design(**changes)
    rng = np.random.default_rng(0)
    noises: dict[tuple[str, ...], float] = {}
    rows: list[dict[str, Any]] = []
    for number, combination in enumerate(itertools.product(*design.factors.values())):
        values = dict(zip(design.factors, combination, strict=True))
        if design.own_seeds and int(values[SEED]) // design.seeds != int(values[DRAW]):
            continue
        trained = design.trained.get(values.get(VARIANT, ""), _in_words(design.sources))
        run = {**values, "run": f"{number:012x}", TRAINED_SOURCES: trained}
        run |= _cost(design, design.size(values), rng)
        noise = 1 + _noise(design, values, noises, rng)
        truth = {str(n): noise * design.truth(values, n) for n in design.sources}
        truth = {ALL: float(np.mean(list(truth.values()))), **truth}
        rows += [
            {**run, "test_set": test_set, "sources": sources}
            | {name: error * factor * REGION_FACTORS[name] for name in ERRORS}
            for test_set, factor in design.test_sets.items()
            for sources, error in truth.items()
        ]
    return StudyData(design.factors, pd.DataFrame(rows), _baselines(design))


def _noise(
    design: Design,
    values: Mapping[str, str],
    known: dict[tuple[str, ...], float],
    rng: np.random.Generator,
) -> float:
    """Independent noise of the seeds for each setting and size, and of the draws for each size."""
    setting = tuple(value for key, value in values.items() if key != SEED)
    smallest = design.size({FRACTION: str(min(design.fractions))})
    scale = (design.size(values) / smallest) ** -design.fall
    place = (*setting, SEED, values[SEED])
    if place not in known:
        known[place] = float(rng.normal(scale=design.noise))
    total = known[place] * scale
    if DRAW in values:
        place = (values[FRACTION], DRAW, values[DRAW])
        if place not in known:
            known[place] = float(rng.normal(scale=design.draw_noise))
        total += known[place]
    return total


def _cost(design: Design, size: int, rng: np.random.Generator) -> dict[str, float]:
    steps = 400 if design.epochs is None else design.epochs * -(-size // 16)
    seconds = 0.02 * steps * (1 + rng.normal(scale=0.01))
    return {
        SIZE: size,
        "steps": steps,
        "step_seconds": seconds,
        "seconds": seconds + 3,
        "best_epoch": design.epochs or 8,
    }


def _baselines(design: Design) -> pd.DataFrame:
    rows = [
        {
            "method": method,
            "test_set": test_set,
            "sources": sources,
            **{name: mae * factor * REGION_FACTORS[name] for name in ERRORS},
        }
        for method, mae in BASELINES.items()
        for test_set, factor in design.test_sets.items()
        for sources in (ALL, *map(str, design.sources))
    ]
    return pd.DataFrame(rows)


def source_count_study(
    factors: dict[str, dict[int, float]], noise: float = 0.02, seeds: int = 3
) -> StudyData:
    """Variants of a known factor on each tested source count: "only 1", "only 2" and "joint"."""
    return synthetic_study(
        fractions=[1.0],
        losses={"absolute": 1.0},
        variants={label: by_count.__getitem__ for label, by_count in factors.items()},
        trained={"only 1": "1", "only 2": "2", "joint": "1-3"},
        sources=(1, 2, 3),
        noise=noise,
        seeds=seeds,
    )


def _in_words(counts: Sequence[int]) -> str:
    first, last = min(counts), max(counts)
    return f"{first}-{last}" if last > first else f"{first}"


def write_study(directory: Path, data: StudyData) -> None:
    """The files of a finished study, as far as `read_study` reads them."""
    directory.mkdir(parents=True, exist_ok=True)
    write_table(directory / "runs.csv", data.runs)
    write_table(directory / "baselines.csv", data.baselines)
    if data.searches is not None:
        write_table(directory / "searches.csv", data.searches)
    (directory / STUDY_FILE).write_text(json.dumps({"factors": data.factors}))
