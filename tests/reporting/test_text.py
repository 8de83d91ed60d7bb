"""Numbers in words, and tables."""

from decimal import Decimal

import numpy as np
import pytest

from diffkeras.reporting.text import Cell, Table, mark_best, rounded_up, value_text
from diffkeras.system.messages import low_to_high


@pytest.mark.parametrize("digits", [2, 3, 6])
def test_bounds_in_few_digits_are_bounds(digits):
    rng = np.random.default_rng(digits)
    numbers = rng.normal(size=2000) * 10.0 ** rng.uniform(-290, 290, 2000)
    for number in [0.0, 1.0, 0.123, 9.999999999, *numbers.tolist()]:
        above = rounded_up(number, digits)
        assert Decimal(number) <= Decimal(above)
        assert float(above) == pytest.approx(number, rel=10.0 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("absolute", "absolute"),
        ({"error": "huber", "delta": 0.1}, "huber(delta=0.1)"),
        ({"error": "absolute", "weight": {"name": "step", "amplitude": 10}}, None),
        ([1, 5], "1,5"),
        (0.5, "0.5"),
    ],
)
def test_values_in_words(value, text):
    assert value_text(value) == (text or "absolute × step(amplitude=10)")


def test_a_range_is_one_number_where_its_ends_are_written_alike():
    assert low_to_high(0.1, 2.5) == "0.1 to 2.5"
    assert low_to_high(1000.0, 1000.0000001) == "1000"
    assert low_to_high(5_000, 50_000, ",") == "5,000 to 50,000"


def test_the_smallest_figure_of_each_column_is_marked():
    rows = mark_best([("a", [0.25, None, 3.0]), ("b", [0.5, None, 1.0])])
    assert rows == [
        ["a", Cell("0.25", True), Cell("–", False), Cell("3", False)],
        ["b", Cell("0.5", False), Cell("–", False), Cell("1", True)],
    ]


def test_columns_of_text_are_aligned():
    table = Table(["method", "MAE"], [["zero field", Cell("0.5")], ["x", "12.25"]])
    assert table.to_text().splitlines() == [
        "method        MAE",
        "-----------------",
        "zero field    0.5",
        "x           12.25",
    ]


def test_tables_are_latex_too():
    table = Table(["method", "error_%"], [["zero & field", Cell("–")], ["x_1", Cell("12.2", True)]])
    lines = table.to_latex().splitlines()
    assert lines[:2] == [r"\begin{tabular}{lr}", r"\toprule"]
    assert lines[2:6] == [
        r"method & error\_\% \\",
        r"\midrule",
        r"zero \& field & – \\",
        r"x\_1 & \textbf{12.2} \\",
    ]
