"""The tables in the pages are as they are made from the rows and from the code."""

import csv
import os
from pathlib import Path

import pytest

from benchmarks.shared.tables import CAPTION
from docs.tables import BLOCK, ROOT, pages, sources, table

SLOW = ("findings", "verdicts", "costs")  # of many studies: seconds each


def tables() -> list[pytest.ParameterSet]:
    return [
        pytest.param(page, source, marks=[pytest.mark.slow] if source in SLOW else [])
        for page in pages()
        for source in sources(page)
    ]


@pytest.mark.parametrize(
    ("page", "source"),
    tables(),
    ids=lambda part: str(part.relative_to(ROOT)) if isinstance(part, Path) else part,
)
def test_the_table_of_a_page_is_as_it_is_made_now(page, source):
    """Otherwise run `make docs-tables`."""
    shown = {found[1]: found[2].strip() for found in BLOCK.finditer(page.read_text())}
    assert shown[source] == table(source, page).strip()


def test_each_table_of_a_page_has_both_comments():
    """A page that names a source without an end would keep old figures."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        number = len(sources(page))
        assert text.count("<!-- table: ") == text.count("<!-- end of table -->") == number, page


@pytest.fixture
def page(tmp_path):
    """A page beside a folder with a measured table and a text."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "rows").mkdir()
    with (tmp_path / "rows" / "times.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["method", "time", "rank", "note", CAPTION],
                ["solve", "1", "", "exact", "one machine"],
                ["predict", "2", "", "fast", "one machine"],
            ]
        )
    (tmp_path / "rows" / "card.md").write_text(
        "See [a](other.md#part), [b](https://example.org) and [c](#here).\n"
    )
    return tmp_path / "docs" / "page.md"


def test_empty_columns_are_left_out(page):
    assert table("../rows/times.csv", page).split("\n") == [
        "| method | time | note |",
        "| --- | ---: | --- |",
        "| solve | 1 | exact |",
        "| predict | 2 | fast |",
        "",
        "one machine.",
    ]


def test_a_comment_leaves_columns_out_and_makes_columns_of_rows(page):
    lines = table("../rows/times.csv; without: note; transposed", page).split("\n")
    assert lines[0] == "| method | solve | predict |"
    assert lines[2:4] == ["| time | 1 | 2 |", ""]
    link = f"[times.csv](..{os.sep}rows/times.csv)".replace(os.sep, "/")
    assert lines[4] == f"one machine. All columns: {link}."


def test_links_of_a_text_lead_from_the_page(page):
    assert table("../rows/card.md", page).strip() == (
        "See [a](../rows/other.md#part), [b](https://example.org) and [c](#here)."
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("../rows/none.csv", r"page.md: there is no table '../rows/none.csv'"),
        ("nothing", r"page.md: there is no table 'nothing'"),
        ("../rows/times.csv; without: colour", r"page.md: times.csv has no column 'colour'"),
    ],
)
def test_wrong_comments_are_errors(source, message, page):
    with pytest.raises(ValueError, match=message):
        table(source, page)
