"""Baselines in figures whose axis is an error."""

from matplotlib.axes import Axes

from diffkeras.studies.study_data import ALL, StudyData


def draw_baselines(axis: Axes, data: StudyData, error: str = "mae", sources: str = ALL) -> None:
    """Draw the baselines of the main test set as dotted lines across an axis of that error.

    Those that lie outside the axis are named below it, with their values. Call it last: it keeps
    the limits of the axis.
    """
    baselines = data.baselines
    if baselines.empty:
        return
    chosen = baselines[
        (baselines["test_set"] == data.test_sets[0]) & (baselines["sources"] == sources)
    ]
    low, high = axis.get_ylim()
    outside = []
    for method, value in zip(chosen["method"], chosen[error], strict=True):
        if low <= value <= high:
            axis.axhline(value, color="0.4", linestyle=":", linewidth=1)
            axis.annotate(
                method,
                (1, value),
                xycoords=axis.get_yaxis_transform(),
                xytext=(-3, 2),
                textcoords="offset points",
                ha="right",
                color="0.4",
                fontsize=7,
            )
        elif value == value:
            outside.append(f"{method} {value:.2g}")
    axis.set_ylim(low, high)
    if outside:
        axis.annotate(
            f"outside the axis: {', '.join(outside)}",
            (0, -0.24),
            xycoords="axes fraction",
            color="0.4",
            fontsize=7,
            va="top",
        )
