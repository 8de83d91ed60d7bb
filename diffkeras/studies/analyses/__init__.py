"""The statistics of studies, one question a module."""

from diffkeras.studies.analyses import errors, loss_comparisons, source_counts
from diffkeras.studies.analyses.analysis import Analysis, TooFewRunsError

__all__ = ["ANALYSES", "Analysis", "TooFewRunsError"]

# in the order of the report; each applies to the studies that vary what it is about
ANALYSES: tuple[Analysis, ...] = (
    errors.ANALYSIS,
    source_counts.ANALYSIS,
    loss_comparisons.ANALYSIS,
)
