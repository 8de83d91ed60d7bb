from typing import Any

import pytest

from diffkeras.config import (
    format_counts,
    parse_counts,
)


@pytest.mark.parametrize(
    ("given", "counts", "text"),
    [
        ("1-20", tuple(range(1, 21)), "1-20"),
        ("1,5,20", (1, 5, 20), "1,5,20"),
        ("1-3,7", (1, 2, 3, 7), "1-3,7"),
        (" 3 - 4 , 1 ", (1, 3, 4), "1,3-4"),
        ("7,1-3", (1, 2, 3, 7), "1-3,7"),
        ("5", (5,), "5"),
        (5, (5,), "5"),
        ([20, 1], (1, 20), "1,20"),
        (["1-2", 4], (1, 2, 4), "1-2,4"),
    ],
)
def test_counts_are_read_and_written(given: Any, counts: tuple[int, ...], text: str) -> None:
    assert parse_counts(given) == counts
    assert format_counts(counts) == text
    assert parse_counts(text) == counts


@pytest.mark.parametrize(
    "text",
    ["", "a", "1-", "-1", "1,,2", "1.5", "²", "1-2-3", "5-1", "5-1,2", "1-100001", "١-٢", "1_0"],
)
def test_text_that_is_no_list_of_counts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"source count|backwards|more than"):
        parse_counts(text)


@pytest.mark.parametrize("given", ["1,2,1", "1-3,2", [20, 1, 20], "1-100000," * 1000 + "1"])
def test_a_count_that_is_named_twice_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="is named twice"):
        parse_counts(given)
