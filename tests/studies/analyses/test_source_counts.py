import numpy as np
import pytest
from synthetic_study import log_law, synthetic_study

from diffkeras.studies.analyses.source_counts import ANALYSIS

VARIANTS = {"only 1": lambda n: 1 + 0.5 * (n - 1), "joint": lambda n: 1.0}


def test_every_tested_count_has_its_error() -> None:
    data = synthetic_study(
        fractions=(1.0,), losses={"absolute": 1.0}, variants=VARIANTS, noise=0, images=4
    )
    table = ANALYSIS.table(data)
    assert table["sources"].tolist() == [1, 2, 3, 4, 5] * 2
    for label, law in VARIANTS.items():
        found = table[table["variant"] == label]
        for count, mean in zip(found["sources"], found["mean"], strict=True):
            expected = log_law(1200) * (1 + count) / 4 * law(count)
            assert mean == pytest.approx(expected, rel=0.02)
    lines = {line.get_label(): line for line in ANALYSIS.draw(table, data).axes[0].lines}
    np.testing.assert_allclose(
        np.asarray(lines["joint"].get_ydata()), table[table["variant"] == "joint"]["mean"]
    )


def test_baselines_are_drawn_for_each_count_and_named_where_they_are_outside() -> None:
    data = synthetic_study(fractions=(1.0,), images=2)
    figure = ANALYSIS.draw(ANALYSIS.table(data), data)
    assert [text.get_text() for text in figure.axes[0].texts] == ["superposition"]
    line = figure.axes[0].lines[-1]
    assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(np.asarray(line.get_ydata()), 0.03)
    assert figure.get_supxlabel() == "Below the axes: 2 rounds; above the axes: zero field"


def test_of_several_sizes_the_largest_is_on_the_left() -> None:
    data = synthetic_study(fractions=(0.0125, 1.0), images=2)
    table = ANALYSIS.table(data)
    left, right = ANALYSIS.draw(table, data).axes
    assert left.get_title() == "1200 training examples"
    first = next(line for line in left.lines if line.get_label() == "absolute")
    by_size = {line.get_label(): line for line in right.lines}
    assert list(by_size) == ["15", "1200"]
    np.testing.assert_allclose(
        np.asarray(first.get_ydata()), np.asarray(by_size["1200"].get_ydata())
    )
