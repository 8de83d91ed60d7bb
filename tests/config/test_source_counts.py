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
        ("7,1-3,2", (1, 2, 3, 7), "1-3,7"),
        ("5", (5,), "5"),
        (5, (5,), "5"),
        ([20, 1, 1], (1, 20), "1,20"),
        (["1-2", 4], (1, 2, 4), "1-2,4"),
    ],
)
def test_counts_are_read_and_written(given: Any, counts: tuple[int, ...], text: str) -> None:
    assert parse_counts(given) == counts
    assert format_counts(counts) == text
    assert parse_counts(text) == counts


@pytest.mark.parametrize(
    "text", ["", "a", "1-", "-1", "1,,2", "1.5", "²", "1-2-3", "5-1", "5-1,2", "1-100001"]
)
def test_text_that_is_no_list_of_counts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"source count|backwards|more than"):
        parse_counts(text)
