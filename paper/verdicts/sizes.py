"""Claims about the size of the training set."""

import numpy as np
import pandas as pd

from paper.analyses import fluctuation, size_laws, training_time, variance
from paper.analyses.variance import NAMES
from paper.analysis import rows_of
from paper.statistics.comparison import PERCENTILES
from paper.study_data import LOSS, SIZE, StudyData, TooFewRunsError
from paper.verdicts.verdict import (
    LEVEL,
    Verdict,
    decide,
    the_same_without_any_size,
)

PLAIN = "absolute"
CLEAR = size_laws.CLEAR
SMALL_FALL = -0.05  # exponent: over a factor of 80 in size, the spread falls by a fifth
OFF_THE_LINE = 0.1  # distance from the line, as a share of the training time


def _lead(data: StudyData) -> tuple[pd.DataFrame, tuple[float, float, float]]:
    """The share of the size minus the largest share of another factor or of the seed.

    Returns:
        The rows of the table for the lattice, by factor; the difference, and its 95 % generalized
        interval.
    """
    found = variance.shares_of(data, data.regions, "lattice")
    table, drawn, size = found.table.set_index("factor"), found.drawn, NAMES[SIZE]
    others = [name for name in drawn if name != size]
    differences = drawn[size] - np.max([drawn[name] for name in others], axis=0)
    low, high = np.percentile(differences, PERCENTILES)
    lead = table["share"][size] - table["share"][others].max()
    return table, (float(lead), float(low), float(high))


@the_same_without_any_size
def size_matters_most(data: StudyData) -> Verdict:
    """For the lattice MAE: the share of the variance of ln error that the size explains, minus the
    largest other share: of the loss, of size × loss, of the draw of the examples, or of the seed
    (of the two together where each draw has one seed of its own). Holds if the interval of this
    difference lies above 0, does not hold if it lies below 0."""
    table, (value, low, high) = _lead(data)
    shown = ("size", "loss", variance.OF_EXAMPLES, variance.WITHIN, variance.BOTH)
    known = [name for name in shown if name in table.index]
    shares = (
        f"{name} {row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"
        for name, row in table.loc[known].iterrows()
    )
    return Verdict(
        decide(holds=low > 0, fails=high < 0),
        f"share of the variance: {', '.join(shares)}; lead of the size {value:.0%} "
        f"[{low:.0%}, {high:.0%}]",
        key=f"lead of the size: {value:.0%} of the variance",
    )


@the_same_without_any_size
def error_falls_with_logarithm(data: StudyData) -> Verdict:
    """For the lattice MAE with the absolute loss. Holds if the AICc of the logarithm is smaller
    than that of the power law by at least 2, with an interval of the difference below 0, and the
    logarithm fits (p ≥ 0.05 of lack of fit). Does not hold if the AICc of the power law is smaller
    by at least 2, with an interval above 0, and the logarithm does not fit (p < 0.05)."""
    rows = rows_of(data.regions, {"region": "lattice"})
    if data.varies(LOSS):
        rows = rows_of(rows, {LOSS: PLAIN})
    ln_errors = size_laws.by_size(rows)
    if len(ln_errors) < size_laws.FEWEST_SIZES:
        raise TooFewRunsError(f"two laws need {size_laws.FEWEST_SIZES} sizes")
    row = size_laws.compare(ln_errors)
    value, low, high = (row[f"aicc_difference{end}"] for end in ("", "_low", "_high"))
    p = row["log_lack_of_fit_p"]
    outcome = decide(
        holds=value <= -CLEAR and high < 0 and p >= LEVEL,
        fails=value >= CLEAR and low > 0 and p < LEVEL,
    )
    return Verdict(
        outcome,
        f"AICc of the logarithm minus that of the power law {value:.3g} [{low:.3g}, {high:.3g}]; "
        f"lack of fit of the logarithm p = {p:.2g}, of the power law "
        f"p = {row['power_lack_of_fit_p']:.2g}",
        key=f"AICc of the logarithm minus that of a power law: {value:.3g}",
    )


@the_same_without_any_size
def spread_falls(data: StudyData) -> Verdict:
    """For the standard deviation of the lattice MAE over seeds, which is proportional to N^q for N
    examples: holds if the interval of q lies below 0, does not hold if it lies above −0.05, which
    is a fall by a fifth over a factor of 80. If both are so, it holds. All losses of the study are
    pooled. Where each draw of the examples has one seed of its own, it is the standard deviation
    over both together."""
    return _spread(data, "absolute")


@the_same_without_any_size
def spread_falls_relative_to_the_error(data: StudyData) -> Verdict:
    """The same for the standard deviation of ln error, which is that of the error divided by the
    error. It falls only if the spread falls faster than the error."""
    return _spread(data, "relative")


def _spread(data: StudyData, quantity: str) -> Verdict:
    table = fluctuation.table(data, ["lattice"])
    if LOSS in table and fluctuation.POOLED in set(table[LOSS]):
        table = table[table[LOSS] == fluctuation.POOLED]
    rows = table[table["quantity"] == quantity]
    value, low, high = (rows[f"exponent{end}"].iloc[0] for end in ("", "_low", "_high"))
    least, most = rows["sd"].iloc[0], rows["sd"].iloc[-1]
    unit = "" if quantity == "absolute" else " of the error"
    shown = (f"{sd:.2g}" if quantity == "absolute" else f"{sd:.1%}" for sd in (least, most))
    return Verdict(
        decide(holds=high < 0, fails=low > SMALL_FALL),
        f"exponent q = {value:.2g} [{low:.2g}, {high:.2g}]; standard deviation from the smallest "
        f"to the largest size: {' to '.join(shown)}{unit}",
        key=f"exponent {value:.2g} [{low:.2g}, {high:.2g}]",
    )


@the_same_without_any_size
def time_is_linear(data: StudyData) -> Verdict:
    """A straight line, a constant plus a time per example, is fitted to the times. Holds if it fits
    (p ≥ 0.05 of lack of fit, and of a quadratic term) and every size's mean time lies within 10 %
    of it, with its interval. Does not hold if it does not fit (p < 0.05 of lack of fit) and the
    interval of some size lies outside these 10 %."""
    row = training_time.table(data).iloc[0]
    low, high = row["deviation_low"], row["deviation_high"]
    fits = row["lack_of_fit_p"] >= LEVEL and row["curvature_p"] >= LEVEL
    outcome = decide(
        holds=fits and max(-low, high) < OFF_THE_LINE,
        fails=row["lack_of_fit_p"] < LEVEL and (low > OFF_THE_LINE or high < -OFF_THE_LINE),
    )
    slope, start, farthest = "seconds_per_example", "start_seconds", int(row["farthest_size"])
    return Verdict(
        outcome,
        f"{1e3 * row[slope]:.1f} ms per example [{1e3 * row[f'{slope}_low']:.1f}, "
        f"{1e3 * row[f'{slope}_high']:.1f}] and {row[start]:.3g} s [{row[f'{start}_low']:.3g}, "
        f"{row[f'{start}_high']:.3g}] at any size; lack of fit p = {row['lack_of_fit_p']:.2g}, "
        f"curvature p = {row['curvature_p']:.2g}; farthest from the line: {farthest} "
        f"examples, {row['deviation']:+.0%} [{low:+.0%}, {high:+.0%}]",
        key=f"farthest from the line: {row['deviation']:+.0%}",
    )
