"""Which analyses a study gets, from how many runs on, and their figures."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.shared.print_style import print_svg
from paper.analyses import ANALYSES
from paper.study_data import SEARCH_NUMBERS, StudyData, TooFewRunsError
from paper.tests.synthetic_study import source_count_study, synthetic_study

BY_NAME = {analysis.name: analysis for analysis in ANALYSES}
ONE_SIZE, ONE_LOSS = {"fractions": (1.0,)}, {"losses": {"absolute": 1.0}}
VARIANTS = {"variants": {"a": lambda n: 1.0, "b": lambda n: 2.0}}
TWO_SETS = {"test_sets": {"near": 1.0, "far": 3.0}}
COUNTS = {label: dict.fromkeys((1, 2, 3), 1.0) for label in ("only 1", "only 2", "joint")}


def small(**changes: Any) -> StudyData:
    return synthetic_study(**{"images": 5, "sources": (1, 2), **changes})


def counts(seeds: int = 3) -> StudyData:
    return source_count_study(COUNTS, seeds=seeds)


def subsets(number: int = 3, seeds: int = 3) -> StudyData:
    """Runs on disjoint subsets of the training examples."""
    parts = {str(part): lambda n: 1.0 for part in range(number)}
    data = small(**ONE_SIZE, **ONE_LOSS, variants=parts, seeds=seeds)
    factors = {"data.train_part": list(parts), "training.seed": data.factors["training.seed"]}
    runs = data.runs.rename(columns={"variant": "data.train_part"})
    return StudyData(factors, runs, data.baselines, data.examples)


def searched(**columns: Any) -> StudyData:
    """Two searches of a run, or none."""
    data = small(**ONE_SIZE, **ONE_LOSS)
    about = {**{name: values[0] for name, values in data.factors.items()}, "run": "a"}
    rows = columns and {**about, **dict.fromkeys(SEARCH_NUMBERS, 0.5), **columns}
    return replace(data, searches=pd.DataFrame(rows))


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
        (lambda: of_unknown_times(small(**ONE_LOSS, epochs=8)), "variance size_laws fluctuation"),
        (lambda: small(**ONE_SIZE, **ONE_LOSS, **VARIANTS), "variance variants"),
        (counts, "variance trained_counts neighbour_counts"),
        (lambda: trained_on_several_counts(counts()), "variance trained_counts"),
        (subsets, "variance disjoint_subsets"),
        (lambda: subsets(seeds=1), ""),
        (searched, "worst_cases"),
    ],
)
def test_a_study_gets_the_analyses_of_what_it_varies(make, names):
    data = make()
    found = {name for name, analysis in BY_NAME.items() if analysis.applies(data)}
    assert found == {"errors", *names.split()}


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
        ("trained_counts", lambda: counts(seeds=1)),
        ("trained_counts", lambda: without_images(counts())),
        ("neighbour_counts", lambda: counts(seeds=1)),
        ("neighbour_counts", lambda: of_the_third_count(counts())),
        ("worst_cases", searched),
    ],
)
def test_too_few_runs_are_refused(name, make):
    with pytest.raises(TooFewRunsError):
        BY_NAME[name].table(make())


SEARCHES = {"search": [0, 1], "sources": ["1", "2"], "error_of_prediction": [0.0, 1.0]}
SEARCHES |= {"bound_of_prediction": 1.0, "error_of_corrected": 0.1, "bound_of_corrected": 0.2}


@pytest.mark.parametrize(
    ("name", "panels", "make"),
    [
        ("variance", 1, small),
        ("size_laws", 6, lambda: small(**ONE_LOSS)),
        ("fluctuation", 6, small),
        ("seed_sources", 6, lambda: small(**ONE_LOSS, seeds=3, order_seeds=3)),
        ("training_time", 2, lambda: small(epochs=8)),
        ("loss_comparisons", 6, small),
        ("trained_counts", 2, counts),
        ("neighbour_counts", 2, counts),
        ("variants", 4, lambda: small(**ONE_SIZE, **ONE_LOSS, **VARIANTS, **TWO_SETS)),
        ("disjoint_subsets", 1, subsets),
        ("worst_cases", 2, lambda: searched(**SEARCHES)),
    ],
)
def test_figures_are_drawn_from_committed_tables(name, panels, make):
    analysis, data = BY_NAME[name], make()
    text = dict.fromkeys(data.factors, str)
    committed = io.StringIO(analysis.table(data).to_csv(index=False))
    table = pd.read_csv(committed, dtype=text)
    figure = analysis.figure(table, without_images(data))
    assert len(figure.axes) == panels
    assert all(axis.has_data() for axis in figure.axes)
    assert print_svg(figure).startswith(b"<?xml")
