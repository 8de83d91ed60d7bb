"""Is the training time linear in the size of the training set?"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from statsmodels.formula.api import ols

from benchmarks.shared.print_style import print_axes, series_style
from paper.analysis import Analysis, grouped, rows_of
from paper.study_data import (
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
    label_of,
)

FEWEST_SIZES = 4
SECONDS = "step_seconds"
# column of the table → formula, and term of it
FITS = {
    "seconds_per_example": ("step_seconds ~ training_examples", "training_examples"),
    "start_seconds": ("step_seconds ~ training_examples", "Intercept"),
    "exponent": ("np.log(step_seconds) ~ np.log(training_examples)", "np.log(training_examples)"),
}
CURVE = "step_seconds ~ training_examples + I(training_examples**2)"


def applies(data: StudyData) -> bool:
    """Whether larger training sets were trained for more steps, and the time is known."""
    runs = data.overall
    return bool(
        data.size_varies
        and runs[SECONDS].notna().any()
        and runs.groupby(SIZE)["steps"].mean().is_monotonic_increasing
        and runs["steps"].nunique() > 1
    )


def table(data: StudyData) -> pd.DataFrame:
    """The time of the training steps (validation not counted) against the number of examples."""
    known = data.overall.dropna(subset=[SECONDS])
    rows = []
    for setting, runs in grouped(known, data.settings(without=SIZE_KEYS)):
        if runs[SIZE].nunique() < FEWEST_SIZES:
            continue
        row = {**setting, "runs": len(runs), "sizes": runs[SIZE].nunique()}
        for name, (formula, term) in FITS.items():
            fit = ols(formula, runs).fit(cov_type="HC3", use_t=True)
            low, high = fit.conf_int().loc[term]
            row |= {name: fit.params[term], f"{name}_low": low, f"{name}_high": high}
        line = ols(FITS["start_seconds"][0], runs).fit()
        curve = ols(CURVE, runs.astype({SIZE: float})).fit(cov_type="HC3", use_t=True)
        row["r_squared"] = line.rsquared
        row["largest_residual"] = (line.resid / line.fittedvalues).abs().max()
        rows.append({**row, "curvature_p": curve.pvalues.iloc[-1], **misfit(runs, line)})
    if not rows:
        raise TooFewRunsError(
            f"the fit of the training time needs {FEWEST_SIZES} sizes; no setting has as many"
        )
    return pd.DataFrame(rows)


@np.errstate(over="ignore")  # infinitely far from a line that reaches 0
def misfit(runs: pd.DataFrame, line: Any) -> dict[str, float]:
    """How far the mean times of the sizes lie from a line fitted by statsmodels, see `table`."""
    of_size = runs.groupby(SIZE)[SECONDS]
    within = float(((runs[SECONDS] - of_size.transform("mean")) ** 2).sum())
    df, sizes = len(runs) - of_size.ngroups, of_size.ngroups
    ratio = (line.ssr - within) / (sizes - 2) / (within / df) if df and within else np.nan
    logarithms = np.log(runs[SECONDS])
    apart = logarithms - logarithms.groupby(runs[SIZE]).transform("mean")
    # a line through strongly curved times may reach 0
    of_line = line.fittedvalues.groupby(runs[SIZE]).mean().clip(lower=np.finfo(float).tiny)
    means = logarithms.groupby(runs[SIZE]).mean() - np.log(of_line)
    farthest = means.abs().idxmax()
    scatter = np.sqrt((apart**2).sum() / df / of_size.size()[farthest]) if df else np.nan
    reach = stats.t.ppf(0.975, df) * scatter if df else np.nan
    return {
        "lack_of_fit_p": float(stats.f.sf(ratio, sizes - 2, df)) if df else np.nan,
        "farthest_size": int(farthest),
        "deviation": float(np.expm1(means[farthest])),
        "deviation_low": float(np.expm1(means[farthest] - reach)),
        "deviation_high": float(np.expm1(means[farthest] + reach)),
    }


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """Time against size with the lines, and below it the residuals, relative to the lines."""
    names = data.settings(without=SIZE_KEYS)
    drawn, axes = print_axes(2, 1, width=4.5, height=4.2, sharex=True, height_ratios=(2, 1))
    above, below = axes[:, 0]
    for index, (_, row) in enumerate(table.iterrows()):
        setting = {name: row[name] for name in names}
        runs = rows_of(data.overall, setting)
        sizes = np.array([0, *runs[SIZE]])
        line = row["start_seconds"] + row["seconds_per_example"] * sizes
        style = series_style(index) | {"linestyle": "none"}
        above.plot(runs[SIZE], runs[SECONDS], label=label_of(setting), **style)
        above.plot(sizes, line, color=style["color"])
        below.plot(runs[SIZE], 100 * (runs[SECONDS] / line[1:] - 1), **style)
    below.axhline(0, color="0.4", linewidth=1)
    above.set(ylabel="seconds in training steps", ylim=(0, None))
    below.set(xlabel="training examples", ylabel="residual [%]", xlim=(0, None))
    if names:
        above.legend()
    return drawn


ANALYSIS = Analysis(
    name="training_time",
    explains=(
        "The time of the training steps (validation not counted) against the number of examples. "
        "For runs with the same number of epochs. The line is fitted by ordinary least squares. "
        "seconds_per_example is its slope, over all epochs. start_seconds is its intercept: what "
        "a run costs at any size, above all the tracing of the graph in the first step. exponent "
        "is the slope of ln seconds against ln size, which would be 1 without start_seconds and "
        "is smaller with it. 95 % limits (_low, _high) are from HC3 standard errors (MacKinnon "
        "and White 1985), since longer times scatter more. curvature_p tests linearity: it is the "
        "p of a term in N² added to the line. largest_residual is the largest distance of a run "
        "from the line, relative to the line. lack_of_fit_p is the p of an F test of the sizes' "
        "mean times against the line, with the scatter within sizes as the yardstick (Draper and "
        "Smith 1998, section 2.1): below 0.05 the line misses them by more than repeated runs "
        "scatter. farthest_size is the size whose mean time lies farthest from the line, relative "
        "to it; deviation is how far, with a 95 % interval from the scatter of ln times within "
        "all sizes (Student's t), in which the line counts as known. An incomplete last minibatch "
        "is a step too, so tiny training sets take a little longer than their size says. Times "
        "are those of the machine that the report names, with what else it did."
    ),
    applies=applies,
    table=table,
    figure=figure,
)
