"""Is the training time linear in the size of the training set?"""

from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from matplotlib.figure import Figure

from diffkeras.reporting.print_figures import print_axes, series_style
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.labels import label_of
from diffkeras.studies.statistics.run_groups import (
    groups,
    other_settings,
    rows_of,
    size_varies,
)
from diffkeras.studies.study_data import SIZE, StudyData, TooFewRunsError

FEWEST_SIZES = 4
SECONDS = "step_seconds"


def applies(data: StudyData) -> bool:
    """Whether larger training sets were trained for more steps, and the time is known."""
    runs = data.overall
    return bool(
        size_varies(data)
        and runs[SECONDS].notna().any()
        and runs.groupby(SIZE)["steps"].mean().is_monotonic_increasing
        and runs["steps"].nunique() > 1
    )


def table(data: StudyData) -> pd.DataFrame:
    """The fits of training time against size, a row for each setting.

    Columns: the settings, `runs`, `sizes`, `seconds_per_example` and `start_seconds` (slope and
    intercept of the line), `exponent` (slope of ln seconds against ln size), each with 95 % limits
    (`_low`, `_high`), `r_squared` of the line, `largest_residual` (relative to the line), and
    `curvature_p` (p of a term in N² added to the line).

    Raises:
        TooFewRunsError: no setting has four sizes.
    """
    rows: list[dict[str, Any]] = []
    for setting, runs in groups(data):
        known = runs.dropna(subset=[SECONDS])
        if known[SIZE].nunique() >= FEWEST_SIZES:
            rows.append(setting | fit_line(known))
    if not rows:
        raise TooFewRunsError(
            f"the fit of the training time needs {FEWEST_SIZES} sizes; no setting has as many"
        )
    return pd.DataFrame(rows)


def fit_line(runs: pd.DataFrame) -> dict[str, Any]:
    """One row of the table: ordinary least squares of seconds on the number of examples.

    The limits are robust to a scatter that grows with the time: HC3 standard errors (MacKinnon and
    White, Journal of Econometrics 29 (1985) 305) and the t distribution.
    """
    sizes, seconds = (runs[name].to_numpy(dtype=float) for name in (SIZE, SECONDS))
    line = _least_squares(seconds, sizes)
    curve = _least_squares(seconds, sizes, sizes**2)
    power = _least_squares(np.log(seconds), np.log(sizes))
    intercept, slope = line.conf_int()
    return {
        "runs": len(runs),
        "sizes": runs[SIZE].nunique(),
        **_with_interval("seconds_per_example", line.params[1], slope),
        **_with_interval("start_seconds", line.params[0], intercept),
        **_with_interval("exponent", power.params[1], power.conf_int()[1]),
        "r_squared": float(line.rsquared),
        "largest_residual": float(np.abs(line.resid / line.fittedvalues).max()),
        "curvature_p": float(curve.pvalues[2]),
    }


def _least_squares(values: np.ndarray, *predictors: np.ndarray) -> Any:
    columns = sm.add_constant(np.column_stack(predictors))
    return sm.OLS(values, columns).fit(cov_type="HC3", use_t=True)


def _with_interval(name: str, value: float, limits: np.ndarray) -> dict[str, float]:
    low, high = limits
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """Time against size with the lines, and below it what the lines leave, relative to them."""
    drawn, axes = print_axes(2, 1, width=4.5, height=4.2, sharex=True, height_ratios=(2, 1))
    above, below = axes[:, 0]
    for index, (_, row) in enumerate(table.iterrows()):
        setting = {name: row[name] for name in other_settings(data)}
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
    if other_settings(data):
        above.legend()
    return drawn


ANALYSIS = Analysis(
    name="training_time",
    title="Training time",
    explanation=(
        "The time that the training steps took (validation not counted) against the number of "
        "training examples, for runs with the same number of epochs. The line is fitted by "
        "ordinary least squares. seconds_per_example is its slope, over all epochs. start_seconds "
        "is its intercept: what a run costs at any size, above all the tracing of the graph "
        "in the first step. exponent is the slope of ln seconds against ln size, which would be 1 "
        "without start_seconds and is smaller with it. 95 % limits (_low, _high) are from HC3 "
        "standard errors (MacKinnon and White 1985), since longer times scatter more. curvature_p "
        "tests linearity: it is the p of a term in N² added to the line. largest_residual is the "
        "largest distance of a run from the line, relative to the line. An incomplete last "
        "minibatch is a step too, so tiny training sets take a little longer than their size says. "
        "Times are those of the machine that the report names, with what else it did."
    ),
    applies=applies,
    table=table,
    figure=figure,
)
