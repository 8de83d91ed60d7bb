"""Claims about the size of the training set."""

import numpy as np

from paper.statistics.laws import CLEAR, Comparison, compare
from paper.statistics.line import Line, line_through
from paper.statistics.ratios import PERCENTILES, SEEN, ratios
from paper.statistics.shares import BOTH, NAMES, OF_EXAMPLES, WITHIN, shares_of
from paper.statistics.spread import spread_of
from paper.study_data import LOSS, SIZE, StudyData, TooFewRunsError
from paper.verdicts.verdict import (
    LEVEL,
    MARGIN,
    Verdict,
    decide,
    the_same_without_any_size,
)

PLAIN = "absolute"
FEWEST_SIZES = 4
SMALL_FALL = -0.05  # exponent: over a factor of 80 in size, the spread falls by a fifth
SEEN_FALL = 0.25  # exponent that a study should see: half of what averaging alone would give
SEEN_SHARE = 0.25  # of the variance
OFF_THE_LINE = 0.1  # distance from the line, as a share of the training time


def plain(data: StudyData) -> StudyData:
    """The runs with the absolute loss."""
    runs = data.runs
    runs = runs[runs[LOSS] == PLAIN] if data.varies(LOSS) else runs
    return StudyData(data.factors, runs, data.baselines)


@the_same_without_any_size
def more_data_helps(data: StudyData) -> Verdict:
    """For the lattice MAE with the absolute loss, the largest size against the smallest. Holds if
    the interval of the ratio lies below 1, and no size has a clearly larger error than the one
    before it. Does not hold if the interval lies above 0.95."""
    found = plain(data)
    wide = found.ln_errors(SIZE)[found.sizes]
    ratio = ratios(wide, found.sizes[0])[str(found.sizes[-1])]
    rises = [
        ratios(wide, before)[str(after)].low > 1
        for before, after in zip(found.sizes, found.sizes[1:], strict=False)
    ]
    return Verdict(
        decide(
            holds=ratio.high < 1 and not any(rises),
            fails=ratio.low > 1 - MARGIN,
            powerless=ratio.seen > MARGIN,
        ),
        f"the error falls {1 / ratio.value:.1f}-fold",
        f"error of the largest / of the smallest size: {ratio}",
        ratio.seen_in_words,
    )


@the_same_without_any_size
def size_matters_most(data: StudyData) -> Verdict:
    """For the lattice MAE: the share of the variance of ln error that the size explains, minus the
    largest other share: of the loss, of size × loss, of the draw of the examples, or of the seed
    (of the two together where each draw has one seed of its own). Holds if the interval of this
    difference lies above 0, does not hold if it lies below 0."""
    found = shares_of(data)
    table, drawn, size = found.table.set_index("factor"), found.drawn, NAMES[SIZE]
    others = [name for name in drawn if name != size]
    differences = drawn[size] - np.max([drawn[name] for name in others], axis=0)
    low, high = np.percentile(differences, PERCENTILES)
    lead = table["share"][size] - table["share"][others].max()
    known = [name for name in ("size", "loss", OF_EXAMPLES, WITHIN, BOTH) if name in table.index]
    shares = (
        f"{name} {row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"
        for name, row in table.loc[known].iterrows()
    )
    seen = SEEN * (high - low) / 2
    return Verdict(
        decide(holds=low > 0, fails=high < 0, powerless=seen > SEEN_SHARE),
        f"it explains {table['share'][size]:.0%} of the variance",
        f"shares of the variance: {', '.join(shares)}; lead of the size {lead:.0%} "
        f"[{low:.0%}, {high:.0%}]",
        f"a lead of {seen:.0%}" if seen < 1 else "no lead",
    )


def laws_of(data: StudyData) -> Comparison:
    """The two laws for the lattice MAE with the absolute loss."""
    found = plain(data)
    wide = found.ln_errors(SIZE)[found.sizes].dropna()
    if len(found.sizes) < FEWEST_SIZES or len(wide) < 2:
        raise TooFewRunsError(f"two laws need {FEWEST_SIZES} sizes and two seeds")
    return compare({size: wide[size].to_numpy() for size in found.sizes})


@the_same_without_any_size
def error_falls_with_logarithm(data: StudyData) -> Verdict:
    """For the lattice MAE with the absolute loss, a − b ln N against a power of N, two parameters
    each. Holds if the AICc of the logarithm is smaller by at least 2, with an interval of the
    difference below 0. Does not hold if that of the power law is smaller by at least 2, with an
    interval below 0."""
    laws = laws_of(data)
    holds = laws.difference <= -CLEAR and laws.high < 0
    fails = laws.difference >= CLEAR and laws.low > 0
    ahead = "logarithm" if laws.difference < 0 else "power law"
    interval = f"{laws.difference:.1f} [{laws.low:.1f}, {laws.high:.1f}]"
    return Verdict(
        decide(holds=holds, fails=fails, powerless=laws.low < -CLEAR and laws.high > CLEAR),
        f"a {ahead} leads by {abs(laws.difference):.1f} in AICc",
        f"AICc of the logarithm minus that of the power law {interval}; exponent "
        f"{-laws.exponent:.2f}; lack of fit of the logarithm p = {laws.misfit['log']:.2g}, of the "
        f"power law p = {laws.misfit['power']:.2g}",
        f"an AICc of {SEEN * (laws.high - laws.low) / 2:.0f}",
    )


@the_same_without_any_size
def spread_falls(data: StudyData) -> Verdict:
    """For the standard deviation of the lattice MAE over seeds, which is proportional to N^q for N
    examples: holds if the interval of q lies below 0, does not hold if it lies above −0.05, which
    is a fall by a fifth over a factor of 80. If both are so, it holds. All losses of the study are
    pooled. Where each draw of the examples has one seed of its own, it is the standard deviation
    over both together."""
    return _spread(data, relative=False)


@the_same_without_any_size
def spread_falls_relative_to_the_error(data: StudyData) -> Verdict:
    """The same for the standard deviation of ln error, which is that of the error divided by the
    error. It falls only if the spread falls faster than the error."""
    return _spread(data, relative=True)


def _spread(data: StudyData, *, relative: bool) -> Verdict:
    found = spread_of(data, relative=relative)
    first, last = found.by_size["sd"].iloc[[0, -1]]
    ends = f"{first:.0%} to {last:.0%} of the error" if relative else f"{first:.2g} to {last:.2g}"
    seen = SEEN * (found.high - found.low) / 2
    return Verdict(
        decide(holds=found.high < 0, fails=found.low > SMALL_FALL, powerless=seen > SEEN_FALL),
        f"it goes from {ends}",
        f"exponent {found.exponent:.2f} [{found.low:.2f}, {found.high:.2f}]; standard deviation "
        f"from the smallest to the largest size: {ends}",
        f"an exponent of ±{seen:.2f}",
    )


def line_of(data: StudyData) -> Line:
    """The line through the times of the training steps against the number of examples."""
    runs = data.overall.dropna(subset=["step_seconds"])
    if runs[SIZE].nunique() < 3:
        raise TooFewRunsError("a line through times needs three sizes")
    return line_through(runs[SIZE], runs["step_seconds"])


@the_same_without_any_size
def time_is_linear(data: StudyData) -> Verdict:
    """A straight line, a constant plus a time per example, is fitted to the times. Holds if it fits
    (p ≥ 0.05 of lack of fit, and of a quadratic term) and every size's mean time lies within 10 %
    of it, with its interval. Does not hold if it does not fit (p < 0.05 of lack of fit) and the
    interval of some size lies outside these 10 %."""
    line = line_of(data)
    fits = line.misfit >= LEVEL and line.curvature >= LEVEL
    outside = line.low > OFF_THE_LINE or line.high < -OFF_THE_LINE
    seen = SEEN * (line.high - line.low) / 2
    return Verdict(
        decide(
            holds=fits and max(-line.low, line.high) < OFF_THE_LINE,
            fails=line.misfit < LEVEL and outside,
            powerless=seen > OFF_THE_LINE,
        ),
        f"{line.farthest:,} examples lie {line.deviation:+.0%} off a line",
        f"{1e3 * line.slope:.1f} ms per example and {line.start:.2f} s at any size; lack of fit "
        f"p = {line.misfit:.2g}, curvature p = {line.curvature:.2g}; farthest from the line: "
        f"{line.farthest:,} examples, {line.deviation:+.0%} [{line.low:+.0%}, {line.high:+.0%}]",
        f"{seen:.0%} of the time",
    )
