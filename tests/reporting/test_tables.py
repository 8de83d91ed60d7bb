from diffkeras.reporting.tables import Cell, Table, mark_best


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
