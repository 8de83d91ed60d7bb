"""Metrics on the linear scale, accumulated over batches."""

from diffkeras.nn.metrics.errors import (
    MaximumError,
    RegionMeanAbsoluteError,
    RelativeL2Error,
    SourceCountError,
    default_metrics,
    region_metrics,
)
from diffkeras.nn.metrics.linear_scale import LinearScaleMean, LinearScaleMetric
from diffkeras.nn.metrics.loss_terms import TERMS, UnweightedError

__all__ = [
    "TERMS",
    "LinearScaleMean",
    "LinearScaleMetric",
    "MaximumError",
    "RegionMeanAbsoluteError",
    "RelativeL2Error",
    "SourceCountError",
    "UnweightedError",
    "default_metrics",
    "region_metrics",
]
