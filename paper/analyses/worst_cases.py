"""How far above the errors of the test set a search gets, and whether the proven bounds hold."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.shared.print_style import PAGE, log_ticks, print_axes, series_style
from paper.analysis import Analysis, grouped
from paper.drawing import baseline_errors, draw_lines
from paper.study_data import (
    ALL,
    SEARCH_ERRORS,
    SEARCH_SUMS,
    StudyData,
    TooFewRunsError,
    certified_columns,
    label_of,
)

RATIOS = ("ratio", "random_ratio")  # median in the row of all, next to the smallest and the largest
# column → label, and number of `series_style`
OF_THE_NETWORK = {
    "start_error": ("start", 7),
    "test_max_error": ("largest of the test set", 2),
    "random_error": ("largest of random images", 5),
    "found_error": ("found", 1),
}
CERTIFIED = {"prediction": 1, "corrected": 3}  # certified field → the same number


def table(data: StudyData) -> pd.DataFrame:
    """Searches for images on which a surrogate is as wrong as possible."""
    assert data.searches is not None
    if data.searches.empty:
        raise TooFewRunsError("no search has finished yet")
    searches = data.searches.assign(
        search=data.searches["search"].astype(str),
        sources=data.searches["sources"].astype(str),
        random_ratio=data.searches["found_error"] / data.searches["random_error"],
    )
    errors = [*SEARCH_ERRORS, *certified_columns(searches)]
    rows: list[pd.DataFrame] = []
    for setting, group in grouped(searches, data.settings()):
        over_all = {"search": ALL, **group[errors].max(), **group[list(SEARCH_SUMS)].sum()}
        for name in RATIOS:
            over_all[name] = group[name].median()
            over_all |= {f"{name}_min": group[name].min(), f"{name}_max": group[name].max()}
        rows += [group, pd.DataFrame([setting | over_all])]
    ratios = [f"{name}{end}" for name in RATIOS for end in ("", "_min", "_max")]
    columns = [*data.factors, "run", "search", "sources", *errors, *ratios, *SEARCH_SUMS]
    joined = pd.concat(rows, ignore_index=True).reindex(columns=columns)
    text = dict.fromkeys([*data.factors, "run", "sources"], ALL)
    return joined.fillna(text).astype(dict.fromkeys(SEARCH_SUMS, "int64"))


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A line for each search: errors of the network, and certified errors with their bounds."""
    searches = table[table["search"] != ALL]
    height = 1.5 + 0.2 * len(searches)
    drawn, axes = print_axes(1, 2, width=PAGE, height=height, sharey=True)
    left, right = axes[0]
    places = np.arange(len(searches))
    for name, (label, style) in OF_THE_NETWORK.items():
        left.plot(searches[name], places, label=label, linestyle="none", **series_style(style))
    for name, style in CERTIFIED.items():
        look = series_style(style)
        # rounding alone may leave an error of 0, which has no logarithm
        errors, bounds = (
            searches[f"{kind}_of_{name}"].where(lambda values: values > 0)
            for kind in ("error", "bound")
        )
        right.plot(errors, places, label=name, linestyle="none", **look)
        bar = {**look, "marker": "|", "markersize": 9}
        right.plot(bounds, places, label=f"its bound, {name}", linestyle="none", **bar)
    # baselines far below would crowd at the edge
    lowest = 0.8 * float(searches[list(OF_THE_NETWORK)].to_numpy().min())
    left.set(xlim=(lowest, None), xlabel="largest error of any node", title="network")
    varied = [name for name in data.factors if data.varies(name)]
    labels = [
        ", ".join(
            filter(None, [label_of({name: row[name] for name in varied}), f"n = {row['sources']}"])
        )
        for _, row in searches.iterrows()
    ]
    left.set_yticks(places, labels)
    left.invert_yaxis()
    right.set(xscale="log", xlabel="largest error of any node", title="with proven bounds (bars)")
    log_ticks(right, "x", fewest=2)
    drawn.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    handles, names = right.get_legend_handles_labels()
    drawn.legend(handles[::2], names[::2], loc="outside upper right", ncols=3)
    draw_lines(left, baseline_errors(data, "max_error"), "x")
    return drawn


ANALYSIS = Analysis(
    name="worst_cases",
    explains=(
        "Searches for images on which a surrogate is as wrong as possible. Each search starts "
        "from one of the worst test images and changes positions and values of its discs by "
        "differential evolution, within the distribution that the data are drawn from, so that "
        "the surrogate's largest error over all nodes grows. `ratio` is the found error divided "
        "by the largest one of the test set, `random_ratio` the found error divided by the "
        "largest one on as many random images. Bounds are proven without the true field, on the "
        "found image, the start and the last images of the search; `violations` counts images of "
        "which a true error is larger than its bound on any node. The corrected field satisfies "
        "the equation outside the sources. Rows named all have the largest errors, the sums of "
        "numbers, and the medians of ratios with their ranges. In the figure an error of 0 has no "
        "mark."
    ),
    applies=lambda data: data.searches is not None,
    table=table,
    figure=figure,
)
