import pytest

from benchmarks.shared.print_style import print_axes
from paper.drawing import baseline_errors, draw_lines, scale_error_axis
from paper.study_data import StudyData
from paper.tests.synthetic_study import synthetic_study


def test_baselines_are_of_the_test_set_and_count():
    data = synthetic_study(
        fractions=(1.0,), seeds=2, images=2, test_sets={"uniform": 1.0, "edge": 2.0}
    )
    assert baseline_errors(data)["superposition"] == pytest.approx(0.03)
    assert baseline_errors(data, "mae_sources")["superposition"] == pytest.approx(0.06)
    assert baseline_errors(data, test_set="edge")["superposition"] == pytest.approx(0.06)
    data.baselines.loc[data.baselines["sources"] == "4", "mae_r3"] = float("nan")
    assert baseline_errors(data, "mae_r3", "4") == {}
    empty = StudyData(data.factors, data.runs, data.baselines.iloc[:0])
    assert baseline_errors(empty) == {}


@pytest.mark.parametrize("along", ["x", "y"])
def test_lines_keep_the_limits_and_share_a_label_if_they_are_close(along):
    axis = print_axes()[1][0, 0]
    axis.set(**{f"{along}scale": "log", f"{along}lim": (0.01, 10.0)})
    draw_lines(axis, {"zeros": 1.0, "far": 0.02, "mean": 0.99, "high": 1.01, "off": 20.0}, along)
    assert (axis.get_xlim() if along == "x" else axis.get_ylim()) == (0.01, 10.0)
    assert [text.get_text() for text in axis.texts] == ["far", "mean, zeros, high"]
    places = [text.xy[0 if along == "x" else 1] for text in axis.texts]
    assert places == [0.02, 0.99 if along == "x" else 1.01]
    assert len(axis.lines) == 4


def test_an_axis_is_widened_to_what_is_near():
    axis = print_axes()[1][0, 0]
    axis.set(yscale="log", ylim=(0.1, 1.0))
    scale_error_axis(axis, {"a": 1e-6, "b": 0.05, "c": 2.0, "d": 0.5, "e": 4.0})
    low, high = axis.get_ylim()
    assert 0.01 < low < 0.05 < 2.0 < high < 4.0
    assert len(axis.lines) == 3
