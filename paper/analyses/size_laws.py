"""Does the error fall with the logarithm of the training-set size, or as a power of it?"""

from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from benchmarks.shared.print_style import PALETTE, log_ticks
from paper.analysis import Analysis, grouped, rows_of
from paper.drawing import baseline_errors, draw_lines, legend_above, region_panels
from paper.statistics.comparison import PERCENTILES
from paper.statistics.laws import LOGARITHM, POWER, Array, Samples
from paper.study_data import (
    REGION_ERRORS,
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
    label_of,
)

FEWEST_SIZES, FEWEST_RUNS = 4, 2
RESAMPLES = 1000
CLEAR = 2.0  # a smaller difference of AICc says nothing (Burnham and Anderson 2002, section 2.6)


def table(data: StudyData) -> pd.DataFrame:
    """Two laws for the error E against the number N of training examples, in each region."""
    names = [*data.settings(without=SIZE_KEYS), "region"]
    rows: list[dict[str, Any]] = []
    for setting, runs in grouped(data.regions, names):
        ln_errors = by_size(runs)
        if len(ln_errors) >= FEWEST_SIZES:
            rows.append({**setting, **compare(ln_errors)})
    if not rows:
        raise TooFewRunsError(
            f"the fits need {FEWEST_RUNS} seeds with a run at each of {FEWEST_SIZES} sizes; "
            "no setting has as many"
        )
    return pd.DataFrame(rows)


def by_size(runs: pd.DataFrame) -> dict[int, Array]:
    """Size → ln error of each independent unit, the same ones in the same order at all sizes.

    Units without a run at each size are left out. Without two others there are no sizes. `runs` are
    rows of `StudyData.regions` of one setting and region.
    """
    wide = runs.pivot_table("ln_error", "unit", SIZE).dropna()  # means over the runs of a unit
    if len(wide) < FEWEST_RUNS:
        return {}
    return {int(cast(int, size)): values.to_numpy() for size, values in wide.items()}


def compare(ln_errors: dict[int, Array]) -> dict[str, Any]:
    """One row of the table, without setting and region, from ln errors by size."""
    measured, samples = Samples.measured(ln_errors), Samples.resampled(ln_errors, RESAMPLES)
    row: dict[str, Any] = {"runs": sum(map(len, ln_errors.values())), "sizes": len(ln_errors)}
    differences, difference = np.zeros(RESAMPLES), 0.0
    for sign, prefix, law in ((1, "log", LOGARITHM), (-1, "power", POWER)):
        best, resampled = measured.fit(law), samples.fit(law)
        differences += sign * resampled.aicc
        difference += sign * float(best.aicc[0])
        for name, values in best.parameters.items():
            row |= _with_interval(f"{prefix}_{name}", values[0], resampled.parameters[name])
        row[f"{prefix}_lack_of_fit_p"] = float(best.lack_of_fit[0])
    row |= _with_interval("aicc_difference", difference, differences)
    row["log_weight"] = float(expit(-difference / 2))  # exp(−Δ/2) / (1 + exp(−Δ/2))
    better = LOGARITHM.name if difference < 0 else POWER.name
    row["better"] = better if abs(difference) >= CLEAR else "neither"
    return row


def _with_interval(name: str, value: float, resampled: Array) -> dict[str, float]:
    low, high = np.percentile(resampled, PERCENTILES)
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The error of all runs of the first setting against the size, and both fits, per region."""
    setting = {name: table[name].iloc[0] for name in data.settings(without=SIZE_KEYS)}
    runs = rows_of(data.overall, setting)
    drawn, panels = region_panels(y_label="mean absolute error", sharex=True)
    label = f"runs with {label_of(setting)}" if setting else "runs"
    rows = {row["region"]: row for row in rows_of(table, setting).to_dict("records")}
    for region, axis in panels.items():
        error = REGION_ERRORS[region]
        axis.set(xscale="log", yscale="log")
        axis.plot(runs[SIZE], runs[error], ".", color="0.3", label=label)
        if region in rows:
            _draw_fits(axis, rows[region])
        log_ticks(axis, "x")
        log_ticks(axis, "y")
        draw_lines(axis, baseline_errors(data, error))
    legend_above(drawn, panels[table["region"].iloc[0]])
    return drawn


def _draw_fits(axis: Axes, row: dict[Any, Any]) -> None:
    smallest, largest = axis.dataLim.intervalx
    n = np.geomspace(smallest, largest, 200)
    logarithm = row["log_a"] - row["log_b"] * np.log(n)
    power = row["power_floor"] + row["power_factor"] * n ** -row["power_exponent"]
    axis.plot(n, logarithm, color=PALETTE[0], label="a − b ln N")
    axis.plot(n, power, "--", color=PALETTE[1], label="floor + factor · N^(−exponent)")
    better = f"ΔAICc {row['aicc_difference']:.1f}\n{row['better']}"
    axis.text(0.03, 0.03, better, ha="left", va="bottom", transform=axis.transAxes, fontsize=7)


ANALYSIS = Analysis(
    name="size_laws",
    explains=(
        "Two laws for the error E against the number N of training examples, in each region. E = "
        "a − b ln N, as the paper finds, and a power law with a floor, E = floor + factor · "
        "N^(−exponent) (columns log_… and power_…). Both are fitted to ln E of all runs of a "
        "setting by least squares, because seeds change the error by a factor; neither may "
        "increase with N. aicc_difference is the AICc of the logarithm minus that of the power "
        "law (Akaike's criterion for small samples, Hurvich and Tsai 1989): below 0 the logarithm "
        "is better, above 0 the power law. A difference of less than 2 decides nothing, and the "
        "column better says neither (Burnham and Anderson 2002, section 2.6). The power law has "
        "one parameter more, so the logarithm is ahead by 2 to 5 where both fit equally well. "
        "log_weight is the Akaike weight of the logarithm. The better law can still be wrong: "
        "…_lack_of_fit_p is the p of an F test of the mean ln errors of the sizes against the "
        "fit; below 0.05 the law misses them by more than the scatter over seeds. All sizes have "
        "the same seeds. One that is better at all of them changes the level of the law and not "
        "its shape, so each seed has a level of its own (a randomised block design), and what is "
        "left is the scatter. Intervals (_low, _high) are 95 % percentile intervals of 1000 "
        "bootstrap resamples of the levels, and of what is left at each size; if that of "
        "aicc_difference contains 0, other seeds could have reversed the comparison. "
        "They contain the scatter over seeds. They contain that of another choice "
        "of examples only if examples were drawn several times (data.seed), each time with seeds "
        "of its own: then each draw counts as one seed, with its mean over its own. If draws "
        "share their seeds, each seed counts once, with its mean over the draws. The figure "
        "shows the first setting."
    ),
    applies=lambda data: data.size_varies,
    table=table,
    figure=figure,
)
