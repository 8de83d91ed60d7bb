"""Which analyses a study gets, and from how many runs on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_study import source_count_study, synthetic_study

from diffkeras.studies.analyses import ANALYSES
from diffkeras.studies.study_data import StudyData, TooFewRunsError

ONE_SIZE, ONE_LOSS = {"fractions": (1.0,)}, {"losses": {"absolute": 1.0}}
VARIANTS = {"variants": {"a": lambda n: 1.0, "b": lambda n: 2.0}}
COUNTS = {label: dict.fromkeys((1, 2, 3), 1.0) for label in ("only 1", "only 2", "joint")}


def small(**changes: Any) -> StudyData:
    return synthetic_study(**{"images": 5, "sources": (1, 2), **changes})


def subsets(number: int = 3, seeds: int = 3) -> StudyData:
    """Runs on disjoint subsets of the training examples."""
    parts = {str(part): lambda n: 1.0 for part in range(number)}
    data = small(**ONE_SIZE, **ONE_LOSS, variants=parts, seeds=seeds)
    factors = {"data.train_part": list(parts), "training.seed": data.factors["training.seed"]}
    runs = data.runs.rename(columns={"variant": "data.train_part"})
    return StudyData(factors, runs, data.baselines, data.examples)


def without_images(data: StudyData) -> StudyData:
    """What a study's committed tables hold."""
    return replace(data, examples=None)


def of_unknown_times(data: StudyData) -> StudyData:
    return replace(data, runs=data.runs.assign(step_seconds=np.nan))


def trained_on_several_counts(data: StudyData) -> StudyData:
    runs = data.runs.replace({"trained_sources": {"1": "1-2", "2": "2-3"}})
    return replace(data, runs=runs)


def of_the_third_count(data: StudyData) -> StudyData:
    assert data.examples is not None
    return replace(data, examples=data.examples[data.examples["sources"] == 3])


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: small(**ONE_SIZE, **ONE_LOSS), ""),
        (lambda: small(**ONE_SIZE, seeds=1), "loss_comparisons"),
        (lambda: small(**ONE_SIZE), "variance loss_comparisons"),
        (lambda: small(**ONE_LOSS), "variance size_laws fluctuation"),
        (lambda: small(), "variance size_laws fluctuation loss_comparisons"),
        (lambda: small(**ONE_LOSS, order_seeds=2), "variance size_laws seed_sources"),
        (lambda: small(**ONE_LOSS, epochs=8), "variance size_laws fluctuation training_time"),
        (
            lambda: of_unknown_times(small(**ONE_LOSS, epochs=8)),
            "variance size_laws fluctuation",
        ),
        (lambda: small(**ONE_SIZE, **ONE_LOSS, **VARIANTS), "variance variants"),
        (lambda: source_count_study(COUNTS), "variance trained_counts neighbour_counts"),
        (
            lambda: trained_on_several_counts(source_count_study(COUNTS)),
            "variance trained_counts",
        ),
        (subsets, "variance variants disjoint_subsets"),
        (lambda: subsets(seeds=1), "variants"),
        (lambda: replace(small(**ONE_SIZE, **ONE_LOSS), searches=pd.DataFrame()), "worst_cases"),
    ],
)
def test_a_study_gets_the_analyses_of_what_it_varies(
    make: Callable[[], StudyData], names: str
) -> None:
    data = make()
    found = [analysis.name for analysis in ANALYSES if analysis.applies(data)]
    assert {*found} == {"errors", "source_counts", *names.split()}


def test_a_single_source_count_is_not_drawn_against_itself() -> None:
    data = small(**ONE_SIZE, **ONE_LOSS, sources=(3,))
    assert [analysis.name for analysis in ANALYSES if analysis.applies(data)] == ["errors"]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("size_laws", lambda: small(fractions=(0.1, 0.5, 1.0))),
        ("size_laws", lambda: small(seeds=1)),
        ("fluctuation", lambda: small(seeds=2)),
        ("seed_sources", lambda: small(**ONE_LOSS, seeds=4, order_seeds=2)),
        ("training_time", lambda: small(fractions=(0.1, 0.5, 1.0), epochs=8)),
        ("disjoint_subsets", lambda: subsets(number=2)),
        ("disjoint_subsets", lambda: subsets(seeds=1)),
        ("loss_comparisons", lambda: small(**ONE_SIZE, seeds=1)),
        ("loss_comparisons", lambda: without_images(small(**ONE_SIZE))),
        ("variants", lambda: small(**ONE_SIZE, **ONE_LOSS, **VARIANTS, seeds=1)),
        ("trained_counts", lambda: source_count_study(COUNTS, seeds=1)),
        ("trained_counts", lambda: without_images(source_count_study(COUNTS))),
        ("neighbour_counts", lambda: source_count_study(COUNTS, seeds=1)),
        ("neighbour_counts", lambda: without_images(source_count_study(COUNTS))),
        ("neighbour_counts", lambda: of_the_third_count(source_count_study(COUNTS))),
        ("worst_cases", lambda: replace(small(), searches=pd.DataFrame())),
    ],
)
def test_too_few_runs_are_refused(name: str, make: Callable[[], StudyData]) -> None:
    [analysis] = [analysis for analysis in ANALYSES if analysis.name == name]
    with pytest.raises(TooFewRunsError):
        analysis.table(make())
