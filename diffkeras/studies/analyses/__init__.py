"""The statistics of studies, one question a module."""

from diffkeras.studies.analyses import (
    errors,
    fluctuation,
    loss_comparisons,
    neighbour_counts,
    size_laws,
    source_counts,
    trained_counts,
    training_time,
    variance,
    variance_components,
    variants,
    worst_cases,
)
from diffkeras.studies.analysis import Analysis

# in the order of the report; each applies to the studies that vary what it is about
ANALYSES: tuple[Analysis, ...] = (
    errors.ANALYSIS,
    variance.ANALYSIS,
    size_laws.ANALYSIS,
    fluctuation.ANALYSIS,
    variance_components.SEED_SOURCES,
    training_time.ANALYSIS,
    source_counts.ANALYSIS,
    loss_comparisons.ANALYSIS,
    trained_counts.ANALYSIS,
    neighbour_counts.ANALYSIS,
    variants.ANALYSIS,
    variance_components.DISJOINT_SUBSETS,
    worst_cases.ANALYSIS,
)
