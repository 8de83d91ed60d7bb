"""Does the error fall with the logarithm of the training-set size, or as a power of it?"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from diffkeras.reporting.print_figures import PALETTE, log_ticks
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import draw_panel_baselines, region_panels
from diffkeras.studies.labels import label_of
from diffkeras.studies.statistics.laws import LOGARITHM, POWER, Array, Samples, fit_law
from diffkeras.studies.statistics.run_groups import (
    REGION_ERRORS,
    first_setting,
    groups,
    ln_errors_by_size,
    rows_of,
    size_varies,
)
from diffkeras.studies.study_data import SIZE, StudyData, TooFewRunsError

FEWEST_SIZES, FEWEST_RUNS = 4, 2
RESAMPLES = 1000
CLEAR = 2.0  # a smaller difference of AICc says nothing (Burnham and Anderson 2002, section 2.6)
INTERVAL = (2.5, 97.5)  # percentiles


def table(data: StudyData) -> pd.DataFrame:
    """The fits of both laws for each region and setting.

    Columns: the settings, `region`, `runs`, `sizes`, the parameters of a − b·ln N (`log_a`,
    `log_b`) and of floor + factor·N^(−exponent) (`power_floor`, `power_factor`, `power_exponent`)
    with 95 % intervals (`_low`, `_high`), the p of their lack of fit, `aicc_difference` (logarithm
    minus power law) with its interval, the Akaike weight of the logarithm, and the `better` law.

    Raises:
        TooFewRunsError: no setting has four sizes with two runs each.
    """
    rows: list[dict[str, Any]] = []
    for setting, runs in groups(data):
        for region, error in REGION_ERRORS.items():
            ln_errors = ln_errors_by_size(runs, error, FEWEST_RUNS)
            if len(ln_errors) >= FEWEST_SIZES:
                rows.append({**setting, "region": region, **compare(ln_errors)})
    if not rows:
        raise TooFewRunsError(
            f"the fits need {FEWEST_SIZES} sizes with {FEWEST_RUNS} runs each; "
            "no setting has as many"
        )
    return pd.DataFrame(rows)


def compare(ln_errors: dict[int, Array]) -> dict[str, Any]:
    """One row of the table, without setting and region, from ln errors by size."""
    samples = Samples.resampled(ln_errors, RESAMPLES)
    row: dict[str, Any] = {"runs": sum(map(len, ln_errors.values())), "sizes": len(ln_errors)}
    differences, difference, largest = np.zeros(RESAMPLES), 0.0, max(ln_errors)
    for sign, prefix, law in ((1, "log", LOGARITHM), (-1, "power", POWER)):
        best, resampled = fit_law(law, ln_errors), samples.fit(law)
        differences += sign * resampled.aicc
        difference += sign * best.aicc
        spread = law.parameters(np.exp(resampled.levels), largest, *resampled.shapes.T)
        for name, value in best.parameters.items():
            row |= _with_interval(f"{prefix}_{name}", value, spread[name])
        row[f"{prefix}_lack_of_fit_p"] = best.lack_of_fit
    row |= _with_interval("aicc_difference", difference, differences)
    row["log_weight"] = float(expit(-difference / 2))  # exp(−Δ/2) / (1 + exp(−Δ/2))
    better = LOGARITHM.name if difference < 0 else POWER.name
    row["better"] = better if abs(difference) >= CLEAR else "neither"
    return row


def _with_interval(name: str, value: float, resampled: Array) -> dict[str, float]:
    low, high = np.percentile(resampled, INTERVAL)
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The error of all runs of the first setting against the size, and both fits, per region."""
    setting = first_setting(table, data)
    runs = rows_of(data.overall, setting)
    drawn, panels = region_panels("mean absolute error")
    label = f"runs with {label_of(setting)}" if setting else "runs"
    rows = {row["region"]: row for row in rows_of(table, setting).to_dict("records")}
    for region, axis in panels.items():
        axis.plot(runs[SIZE], runs[REGION_ERRORS[region]], ".", color="0.3", label=label)
        if region in rows:
            _draw_fits(axis, rows[region])
        axis.set(yscale="log")
        log_ticks(axis, "x")
        log_ticks(axis, "y")
    draw_panel_baselines([(axis, REGION_ERRORS[r]) for r, axis in panels.items()], data)
    first = panels[table["region"].iloc[0]]
    drawn.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return drawn


def _draw_fits(axis: Axes, row: dict[Any, Any]) -> None:
    smallest, largest = axis.dataLim.intervalx
    n = np.geomspace(smallest, largest, 200)
    logarithm = row["log_a"] - row["log_b"] * np.log(n)
    power = row["power_floor"] + row["power_factor"] * n ** -row["power_exponent"]
    axis.plot(n, logarithm, color=PALETTE[0], label="a − b ln N")
    axis.plot(n, power, "--", color=PALETTE[1], label="floor + factor · N^(−exponent)")
    better = f"ΔAICc {row['aicc_difference']:.1f}\n{row['better']}"
    axis.text(0.97, 0.97, better, ha="right", va="top", transform=axis.transAxes, fontsize=7)


ANALYSIS = Analysis(
    name="size_laws",
    title="Logarithm or power law",
    explanation=(
        "Two laws for the error E against the number N of training examples: E = a − b ln N, as "
        "the paper finds, and a power law with a floor, E = floor + factor · N^(−exponent) "
        "(columns log_… and power_…). Both are fitted to ln E of all runs of a setting by least "
        "squares, because seeds change the error by a factor; neither may increase with N. "
        "aicc_difference is the AICc of the logarithm minus that of the power law (Akaike's "
        "criterion for small samples, Hurvich and Tsai 1989): below 0 the logarithm is better, "
        "above 0 the power law. A difference of less than 2 decides nothing, and the column "
        "better says neither (Burnham and Anderson 2002, section 2.6). The power law has one "
        "parameter more, so the logarithm is ahead by 2 to 5 where both fit equally well. "
        "log_weight is the Akaike weight of the logarithm. A law can be the better one and "
        "still be wrong: …_lack_of_fit_p is the p of an F test of the mean ln errors of the "
        "sizes against the fit; below 0.05 the law misses them by more than the scatter over "
        f"seeds. Intervals (_low, _high) are 95 % percentile intervals of {RESAMPLES} bootstrap "
        "resamples of the runs within each size; if that of aicc_difference contains 0, other "
        "seeds could have turned the comparison. They contain the scatter over seeds, but not "
        "that of another choice of training examples, which all runs of a size share. The "
        "figure shows the first setting."
    ),
    applies=size_varies,
    table=table,
    figure=figure,
)
