"""The statistics of studies, one question or two related ones a module."""

from paper.analyses import (
    errors,
    fluctuation,
    loss_comparisons,
    size_laws,
    trained_counts,
    training_time,
    variance,
    variance_components,
    variants,
    worst_cases,
)
from paper.analysis import Analysis

# in the order of the report; each applies to the studies that vary what it is about
ANALYSES: tuple[Analysis, ...] = (
    errors.ANALYSIS,
    variance.ANALYSIS,
    size_laws.ANALYSIS,
    fluctuation.ANALYSIS,
    variance_components.SEED_SOURCES,
    training_time.ANALYSIS,
    loss_comparisons.ANALYSIS,
    trained_counts.TRAINED_COUNTS,
    trained_counts.NEIGHBOUR_COUNTS,
    variants.ANALYSIS,
    variance_components.DISJOINT_SUBSETS,
    worst_cases.ANALYSIS,
)
