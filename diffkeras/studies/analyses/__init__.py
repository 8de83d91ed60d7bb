"""The statistics of studies, one question a module."""

from diffkeras.studies.analyses import (
    errors,
    fluctuation,
    seed_sources,
    size_laws,
    source_counts,
    training_time,
    variance,
    worst_cases,
)
from diffkeras.studies.analyses.analysis import Analysis, TooFewRunsError
from diffkeras.studies.analyses.comparisons import (
    disjoint_subsets,
    loss_comparisons,
    neighbour_counts,
    trained_counts,
    variants,
)

__all__ = ["ANALYSES", "Analysis", "TooFewRunsError"]

# in the order of the report; each applies to the studies that vary what it is about
ANALYSES: tuple[Analysis, ...] = (
    errors.ANALYSIS,
    variance.ANALYSIS,
    size_laws.ANALYSIS,
    fluctuation.ANALYSIS,
    seed_sources.ANALYSIS,
    training_time.ANALYSIS,
    source_counts.ANALYSIS,
    loss_comparisons.ANALYSIS,
    trained_counts.ANALYSIS,
    neighbour_counts.ANALYSIS,
    variants.ANALYSIS,
    disjoint_subsets.ANALYSIS,
    worst_cases.ANALYSIS,
)
