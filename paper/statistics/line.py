"""A straight line through times: its slope, and how far the sizes lie from it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class Line:
    """A line through the times of runs, fitted by least squares.

    Attributes:
        slope, start: of the line, per unit of x and at x = 0.
        misfit: p of the F test of the means at each x against the line, with the scatter at each x
            as the yardstick (Draper and Smith, Applied Regression Analysis, 1998, section 2.1).
        curvature: p of a quadratic term.
        farthest: the x whose mean ln time lies farthest from the line.
        deviation, low, high: how far, relative to the line, with its 95 % interval from the scatter
            of ln times at all x.
    """

    slope: float
    start: float
    misfit: float
    curvature: float
    farthest: int
    deviation: float
    low: float
    high: float


def line_through(x: pd.Series, times: pd.Series) -> Line:
    """The line through (runs,) times."""
    groups = times.groupby(x)
    df, sizes = len(times) - groups.ngroups, groups.ngroups
    within = float(((times - groups.transform("mean")) ** 2).sum())
    fits = [np.polynomial.Polynomial.fit(x, times, degree) for degree in (1, 2)]
    left, curved = (float(((times - fit(x)) ** 2).sum()) for fit in fits)
    start, slope = fits[0].convert().coef
    ratio = (left - within) / (sizes - 2) / (within / df)
    logarithms = np.log(times)
    of_line = np.maximum(fits[0](np.array(list(groups.groups), float)), np.finfo(float).tiny)
    means = logarithms.groupby(x).mean() - np.log(of_line)
    farthest = means.abs().idxmax()
    apart = logarithms - logarithms.groupby(x).transform("mean")
    reach = stats.t.ppf(0.975, df) * np.sqrt((apart**2).sum() / df / groups.size()[farthest])
    low, deviation, high = np.expm1(means[farthest] + reach * np.array([-1, 0, 1]))
    curvature = stats.f.sf((left - curved) / (curved / (len(times) - 3)), 1, len(times) - 3)
    return Line(
        float(slope),
        float(start),
        float(stats.f.sf(ratio, sizes - 2, df)),
        float(curvature),
        int(farthest),
        float(deviation),
        float(low),
        float(high),
    )
