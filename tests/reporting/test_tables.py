from diffkeras.reporting.tables import Cell, Table, mark_best, number


def test_the_smallest_figure_of_each_column_is_marked():
    rows = mark_best([("a", [0.25, None, 3.0]), ("b", [0.5, None, 1.0])])
    assert rows == [
        ["a", Cell("0.25", True), Cell("–", False), Cell("3", False)],
        ["b", Cell("0.5", False), Cell("–", False), Cell("1", True)],
    ]


def test_figures_that_are_printed_alike_are_both_the_smallest():
    rows = mark_best([("a", [2.9801e-8]), ("b", [2.9802e-8]), ("c", [2.99e-8])])
    assert [cell.best for _, cell in rows] == [True, True, False]


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


def test_numbers_have_three_digits():
    assert [number(v) for v in (0.0123456, 0, None, 1234.5)] == ["0.0123", "0", "–", "1.23e+03"]
