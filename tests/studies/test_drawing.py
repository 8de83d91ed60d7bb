from typing import Any

import pytest
from synthetic_study import synthetic_study

from diffkeras.reporting.print_figures import print_axes
from diffkeras.studies.drawing import (
    baseline_errors,
    draw_lines,
    draw_panel_baselines,
    reach_near,
)
from diffkeras.studies.study_data import StudyData


@pytest.fixture(scope="module")
def data() -> StudyData:
    return synthetic_study(
        fractions=(1.0,), seeds=2, images=2, test_sets={"uniform": 1.0, "edge": 2.0}
    )


def test_errors_are_of_the_asked_test_set_and_count(data: StudyData) -> None:
    assert baseline_errors(data)["superposition"] == pytest.approx(0.03)
    assert baseline_errors(data, "mae_sources")["superposition"] == pytest.approx(0.06)
    assert baseline_errors(data, test_set="edge")["superposition"] == pytest.approx(0.06)
    data.baselines.loc[data.baselines["sources"] == "4", "mae_r3"] = float("nan")
    assert baseline_errors(data, "mae_r3", "4") == {}
    empty = StudyData(data.factors, data.runs, data.baselines.iloc[:0])
    assert baseline_errors(empty) == {}


@pytest.mark.parametrize("along", ["x", "y"])
def test_lines_lie_at_the_errors_and_keep_the_limits(data: StudyData, along: Any) -> None:
    axis = print_axes()[1][0, 0]
    axis.set(**{f"{along}scale": "log", f"{along}lim": (0.01, 0.3)})
    draw_panel_baselines([(axis, "mae")], data, along)
    limits = axis.get_xlim() if along == "x" else axis.get_ylim()
    assert limits == (0.01, 0.3)
    places = [(line.get_xdata() if along == "x" else line.get_ydata())[0] for line in axis.lines]
    assert places == pytest.approx([0.03, 0.25])
    assert [text.get_text() for text in axis.texts] == ["superposition", "zero field"]


@pytest.mark.parametrize("along", ["x", "y"])
def test_lines_that_are_close_share_a_label(along: Any) -> None:
    axis = print_axes()[1][0, 0]
    axis.set(**{f"{along}scale": "log", f"{along}lim": (0.01, 10.0)})
    values = {"zeros": 1.0, "far": 0.02, "0 rounds": 0.99, "high": 1.01}
    assert draw_lines(axis, values, along) == {}
    assert [text.get_text() for text in axis.texts] == ["far", "0 rounds, zeros, high"]
    places = [text.xy[0 if along == "x" else 1] for text in axis.texts]
    assert places == [0.02, 0.99 if along == "x" else 1.01]
    assert len(axis.lines) == 4


def test_panels_share_one_line_about_what_is_outside(data: StudyData) -> None:
    figure, axes = print_axes(1, 2)
    for axis, title, low in zip(axes.flat, ("lattice", "R1: 0.2 to 1"), (0.02, 0.1), strict=True):
        axis.set(title=title, ylim=(low, 0.2 if low < 0.1 else 1.0))
    draw_panel_baselines(zip(axes.flat, ("mae", "mae_r1"), strict=True), data)
    words = figure.get_supxlabel().replace("\n", " ")
    assert (
        words
        == "Below the axes: 2 rounds, superposition (R1); above the axes: zero field (lattice)"
    )
    assert len(axes[0, 0].lines) == 1


def test_an_axis_is_widened_to_what_is_near() -> None:
    axis = print_axes()[1][0, 0]
    axis.set(yscale="log", ylim=(0.1, 1.0))
    reach_near(axis, [1e-6, 0.05, 2.0, 0.5, 4.0])
    widened = axis.get_ylim()
    assert 0.01 < widened[0] < 0.05 < 2.0 < widened[1] < 4.0
    reach_near(axis, [])
    assert axis.get_ylim() == widened
