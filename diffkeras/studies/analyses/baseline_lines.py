"""Baselines in figures whose axis is an error."""

import textwrap

from matplotlib.axes import Axes

from diffkeras.studies.study_data import ALL, StudyData

CHARACTERS = 38  # below the narrowest axis, a third of a page


def draw_baselines(
    axis: Axes,
    data: StudyData,
    error: str = "mae",
    sources: str = ALL,
    test_set: str | None = None,
) -> None:
    """Draw the baselines as dotted lines across an axis of that error.

    Those that lie outside the axis are named below it, with their values. Call it last: it keeps
    the limits of the axis.

    Args:
        axis: whose y axis is the error.
        data: of the study.
        error: a name of `diffkeras.evaluation.errors.ERRORS`.
        sources: source count, or all.
        test_set: label; None for the main one.
    """
    low, high = axis.get_ylim()
    outside = []
    for method, value in baseline_errors(data, error, sources, test_set).items():
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
        else:
            outside.append(f"{method} {value:.2g}")
    axis.set_ylim(low, high)
    _name_below(axis, outside, -0.24)


def draw_baseline_ratios(axis: Axes, data: StudyData, reference: float, error: str = "mae") -> None:
    """Draw the baselines as dotted lines up an axis of that error divided by a reference's.

    Like `draw_baselines`, of the main test set and all source counts.
    """
    left, right = axis.get_xlim()
    outside = []
    for method, value in baseline_errors(data, error).items():
        ratio = value / reference
        if left <= ratio <= right:
            axis.axvline(ratio, color="0.4", linestyle=":", linewidth=1)
            axis.annotate(
                method,
                (ratio, 1),
                xycoords=axis.get_xaxis_transform(),
                xytext=(2, -3),
                textcoords="offset points",
                rotation=90,
                va="top",
                color="0.4",
                fontsize=6,
                zorder=1,
            )
        else:
            outside.append(f"{method} {ratio:.2g}")
    axis.set_xlim(left, right)
    _name_below(axis, outside, -0.16)


def baseline_errors(
    data: StudyData, error: str = "mae", sources: str = ALL, test_set: str | None = None
) -> dict[str, float]:
    """Method → its error, without those that have none."""
    baselines = data.baselines
    if baselines.empty:
        return {}
    test_set = data.test_sets[0] if test_set is None else test_set
    chosen = baselines[(baselines["test_set"] == test_set) & (baselines["sources"] == sources)]
    known = chosen[chosen[error].notna()]
    return dict(zip(known["method"], known[error].astype(float), strict=True))


def _name_below(axis: Axes, outside: list[str], place: float) -> None:
    if outside:
        axis.annotate(
            textwrap.fill(f"outside the axis: {', '.join(outside)}", CHARACTERS),
            (0, place),
            xycoords="axes fraction",
            color="0.4",
            fontsize=7,
            va="top",
        )
