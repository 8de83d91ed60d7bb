"""Does the fluctuation of the error over seeds fall with the size of the training set?"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.reporting.print_figures import PALETTE, log_ticks
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import region_panels
from diffkeras.studies.statistics.run_groups import (
    REGION_ERRORS,
    groups,
    ln_errors_by_size,
    other_settings,
    rows_of,
    seeds_of,
    size_varies,
)
from diffkeras.studies.statistics.spreads import Spread, design_effect, exponent
from diffkeras.studies.study_data import SIZE, StudyData, TooFewRunsError

FEWEST_SEEDS, FEWEST_SIZES = 3, 2
POOLED = "all"  # in place of the value of each setting
QUANTITIES = {"relative": "of ln error", "absolute": "of the error"}
COLORS = dict(zip(QUANTITIES, PALETTE, strict=False))


def applies(data: StudyData) -> bool:
    """Whether sizes and one seed vary. Runs that share one of two seeds are not independent."""
    return size_varies(data) and len(seeds_of(data)) == 1


def table(data: StudyData) -> pd.DataFrame:
    """The standard deviation over seeds, per region, setting and size, and pooled over settings.

    Columns: the settings ("all" where pooled), `region`, `quantity` ("relative": of ln error;
    "absolute": of the error), `training_examples`, `df`, `sd`, `low`, `high`, and in each row of a
    setting the `exponent` of the dependence on the size, with `exponent_low` and `exponent_high`.

    Raises:
        TooFewRunsError: no setting has three seeds at two sizes.
    """
    rows: list[dict[str, Any]] = []
    for region, error in REGION_ERRORS.items():
        found = []
        for setting, runs in groups(data):
            ln_errors = ln_errors_by_size(runs, error, FEWEST_SEEDS)
            if len(ln_errors) >= FEWEST_SIZES:
                found.append((setting, ln_errors))
        for quantity in QUANTITIES:
            rows += [
                {**setting, "region": region, "quantity": quantity, **row}
                for setting, part in _spreads(found, quantity, other_settings(data))
                for row in part
            ]
    if not rows:
        raise TooFewRunsError(
            f"the spread over seeds needs {FEWEST_SEEDS} seeds at {FEWEST_SIZES} sizes; "
            "no setting has as many"
        )
    return pd.DataFrame(rows)


def _spreads(
    found: list[tuple[dict[str, str], dict[int, np.ndarray]]], quantity: str, names: list[str]
) -> list[tuple[dict[str, str], list[dict[str, Any]]]]:
    """(setting, rows of its sizes), the last of them pooled over the settings."""
    series = []
    for _, ln_errors in found:
        samples = ln_errors if quantity == "relative" else _exponentials(ln_errors)
        series.append([Spread.of(size, values) for size, values in samples.items()])
    rows = [
        (setting, _rows(part, [part])) for (setting, _), part in zip(found, series, strict=True)
    ]
    if len(found) > 1:
        by_size: dict[int, list[Spread]] = {}
        for spread in sorted((s for part in series for s in part), key=lambda s: s.size):
            by_size.setdefault(spread.size, []).append(spread)
        effect = _design_effect([ln_errors for _, ln_errors in found])
        pooled = [Spread.pooled(parts, effect) for parts in by_size.values()]
        rows.append((dict.fromkeys(names, POOLED), _rows(pooled, series, effect)))
    return rows


def _exponentials(ln_errors: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    return {size: np.exp(values) for size, values in ln_errors.items()}


def _design_effect(settings: list[dict[int, np.ndarray]]) -> float:
    """That of settings which share their seeds, from the sizes at which all have the same runs."""
    sizes = [
        size
        for size, values in settings[0].items()
        if all(len(other.get(size, ())) == len(values) for other in settings)
    ]
    if not sizes:
        return float(len(settings))  # as if all settings had the same deviations
    parts = [np.stack([errors[size] for errors in settings]) for size in sizes]
    centred = [part - part.mean(axis=1, keepdims=True) for part in parts]
    scaled = np.concatenate([part / max(part.std(), 1e-300) for part in centred], axis=1)
    return design_effect(scaled, scaled.shape[1] - len(sizes))


def _rows(
    spreads: list[Spread], series: list[list[Spread]], effect: float = 1.0
) -> list[dict[str, Any]]:
    slope, slope_low, slope_high = exponent(series, effect)
    return [
        {
            SIZE: spread.size,
            "df": spread.df,
            "sd": np.sqrt(spread.variance),
            **dict(zip(("low", "high"), spread.interval, strict=True)),
            "exponent": slope,
            "exponent_low": slope_low,
            "exponent_high": slope_high,
        }
        for spread in spreads
    ]


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The standard deviations against the size, per region; pooled over several settings."""
    shown = rows_of(table, dict.fromkeys(other_settings(data), POOLED))
    shown = table if shown.empty else shown
    drawn, panels = region_panels("standard deviation over seeds")
    for region, axis in panels.items():
        for quantity in QUANTITIES:
            _draw(axis, shown[(shown["region"] == region) & (shown["quantity"] == quantity)])
        axis.set(yscale="log")
        low, high = axis.get_ylim()
        axis.set_ylim(low, high * (high / low) ** 0.3)  # room for the legend
        log_ticks(axis, "x")
        log_ticks(axis, "y")
    if len(shown) < len(table):
        drawn.suptitle("pooled over the settings", fontsize=8)
    return drawn


def _draw(axis: Axes, rows: pd.DataFrame) -> None:
    """The standard deviations of one region and quantity, and the line of their exponent."""
    if rows.empty:
        return
    first = rows.iloc[0]
    color = COLORS[first["quantity"]]
    reach = [rows["sd"] - rows["low"], rows["high"] - rows["sd"]]
    axis.errorbar(rows[SIZE], rows["sd"], reach, fmt="o", color=color, capsize=2)
    ln_sizes = np.log(rows[SIZE].to_numpy(dtype=float))
    middle = np.average(np.log(rows["sd"]), weights=rows["df"])
    line = middle + first["exponent"] * (ln_sizes - np.average(ln_sizes, weights=rows["df"]))
    reached = f"{first['exponent']:.2f} [{first['exponent_low']:.2f}, {first['exponent_high']:.2f}]"
    label = f"{QUANTITIES[first['quantity']]}: N^{reached}"
    axis.plot(rows[SIZE], np.exp(line), color=color, label=label)
    axis.legend(fontsize=6, loc="upper right")


ANALYSIS = Analysis(
    name="fluctuation",
    title="Fluctuation over seeds",
    explanation=(
        "The standard deviation over seeds, which change the initial weights and the order of "
        "the minibatches, against the number of training examples. relative is that of ln error, "
        "which for a small one is the standard deviation divided by the error; absolute is that "
        "of the error itself. If the error falls with the size and the relative one stays the "
        "same, the absolute one falls too, so the relative one tells whether training becomes "
        "more repeatable than a smaller error alone explains. low and high are 95 % limits from "
        "the χ² distribution, for normally distributed (ln) errors. Three seeds say little, so "
        "the rows all pool the variances within the settings. The same seeds are used for all "
        "settings and one may be better for all of them, so df is smaller there than the sum of "
        "the settings' by the design effect of their correlation (Kish 1965). exponent is q in "
        "sd ~ N^q, from a gamma regression of the variances on ln N with an intercept for each "
        "setting (McCullagh and Nelder 1989; Aitkin 1987); it is negative where the fluctuation "
        "falls, and the fall is beyond chance where its 95 % limits are both negative. All runs "
        "of a size share their training examples, so what another choice of examples would "
        "change is not part of it."
    ),
    applies=applies,
    table=table,
    figure=figure,
)
