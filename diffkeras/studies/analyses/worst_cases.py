"""How far above the errors of the test set a search gets, and whether the proven bounds hold."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from diffkeras.reporting.print_figures import PAGE, print_axes, series_style
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import draw_panel_baselines
from diffkeras.studies.labels import label_of
from diffkeras.studies.statistics.run_groups import grouped
from diffkeras.studies.study_data import SEARCH_ERRORS, SEARCH_SUMS, StudyData, TooFewRunsError

ALL_SEARCHES = "all"
RATIOS = ("ratio", "random_ratio")  # median in the row of all, next to the smallest and the largest
# column → label, colour and marker of `series_style`
OF_THE_NETWORK = {
    "start_error": ("start", 7),
    "test_max_error": ("largest of the test set", 2),
    "random_error": ("largest of random images", 5),
    "found_error": ("found", 1),
}
CERTIFIED = {
    "prediction": ("prediction", 1),
    "corrected": ("corrected", 3),
}


def table(data: StudyData) -> pd.DataFrame:
    """A row for each search, and one over the searches of each setting.

    The latter has "all" for the search, the largest errors, the sums of numbers, and of the ratios
    the median, the smallest and the largest.
    """
    assert data.searches is not None
    if data.searches.empty:
        raise TooFewRunsError("no search has finished yet")
    searches = data.searches.assign(
        search=data.searches["search"].astype(str),
        sources=data.searches["sources"].astype(str),
        random_ratio=data.searches["found_error"] / data.searches["random_error"],
    )
    rows: list[pd.DataFrame] = []
    for setting, found in grouped(searches, data.settings()):
        rows += [found, pd.DataFrame([{**setting, **_over_searches(found)}])]
    columns = [*data.factors, "run", "search", "sources", *SEARCH_ERRORS, "ratio", "ratio_min"]
    columns += ["ratio_max", "random_ratio", "random_ratio_min", "random_ratio_max", *SEARCH_SUMS]
    joined = pd.concat(rows, ignore_index=True).reindex(columns=columns)
    text = [*data.factors, "run", "sources"]
    return joined.fillna(dict.fromkeys(text, ALL_SEARCHES)).astype(
        dict.fromkeys(SEARCH_SUMS, "int64")
    )


def _over_searches(found: pd.DataFrame) -> dict[str, object]:
    summary: dict[str, object] = {"search": ALL_SEARCHES}
    summary |= {name: found[name].max() for name in SEARCH_ERRORS}
    summary |= {name: found[name].sum() for name in SEARCH_SUMS}
    for name in RATIOS:
        summary[name] = found[name].median()
        summary |= {f"{name}_min": found[name].min(), f"{name}_max": found[name].max()}
    return summary


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A line for each search: errors of the network, and certified errors with their bounds."""
    searches = table[table["search"] != ALL_SEARCHES]
    height = 1.5 + 0.2 * len(searches)
    drawn, axes = print_axes(1, 2, width=PAGE, height=height, sharey=True)
    left, right = axes[0]
    places = np.arange(len(searches))
    for name, (label, style) in OF_THE_NETWORK.items():
        left.plot(searches[name], places, label=label, linestyle="none", **series_style(style))
    for name, (label, style) in CERTIFIED.items():
        look = series_style(style)
        # rounding alone may leave an error of 0, which has no logarithm
        errors, bounds = (
            searches[f"{kind}_of_{name}"].where(lambda values: values > 0)
            for kind in ("error", "bound")
        )
        right.plot(errors, places, label=label, linestyle="none", **look)
        bar = {**look, "marker": "|", "markersize": 9}
        right.plot(bounds, places, label=f"its bound, {label}", linestyle="none", **bar)
    # baselines far below would crowd at the edge
    lowest = 0.8 * float(searches[list(OF_THE_NETWORK)].to_numpy().min())
    left.set(xlim=(lowest, None), xlabel="largest error of any node", title="network")
    left.set_yticks(places, _labels(searches, data))
    left.invert_yaxis()
    right.set(xscale="log", xlabel="largest error of any node", title="with proven bounds (bars)")
    right.xaxis.set_major_locator(LogLocator(numticks=6))
    right.xaxis.set_minor_locator(NullLocator())
    drawn.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    handles, labels = right.get_legend_handles_labels()
    drawn.legend(handles[::2], labels[::2], loc="outside upper right", ncols=3)
    draw_panel_baselines([(left, "max_error")], data, along="x")
    return drawn


def _labels(searches: pd.DataFrame, data: StudyData) -> list[str]:
    varied = [name for name in data.factors if data.varies(name)]
    return [
        ", ".join(filter(None, [label_of({k: row[k] for k in varied}), f"n = {row['sources']}"]))
        for _, row in searches.iterrows()
    ]


ANALYSIS = Analysis(
    "worst_cases",
    "Worst cases",
    "Each search starts from one of the worst test images and changes positions and values of its "
    "discs by differential evolution, within the distribution that the data are drawn from, so "
    "that the surrogate's largest error over all nodes grows. `ratio` is the found error divided "
    "by the largest one of the test set, `random_ratio` the found error divided by the largest one "
    "on as many random images. Bounds are proven without the true field, on the found image, "
    "the start and the last images of the search; `violations` counts images of which a true "
    "error is larger than its bound on any node. The corrected field satisfies the equation "
    "outside the sources. "
    "Rows named all have the largest errors, the sums of numbers, and the medians of ratios with "
    "their ranges. In the figure an error of 0 has no mark.",
    lambda data: data.searches is not None,
    table,
    figure,
)
