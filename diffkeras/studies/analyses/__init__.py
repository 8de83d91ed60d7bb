"""The statistics of studies, one question a module."""

from diffkeras.studies.analyses.analysis import Analysis, TooFewRunsError
from diffkeras.studies.analyses.loss_comparisons import ANALYSIS as LOSS_COMPARISONS

__all__ = ["ANALYSES", "Analysis", "TooFewRunsError"]

# in the order of the report; each applies to the studies that vary what it is about
ANALYSES: tuple[Analysis, ...] = (LOSS_COMPARISONS,)
