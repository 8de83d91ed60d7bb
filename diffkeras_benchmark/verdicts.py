"""What follows from errors and times: equal error, equal time, break-even.

After McGreivy and Hakim (2024): a surrogate is compared with the fastest classical method that is
at least as exact, and with the most exact one that takes at most its time. Errors are mean errors,
which favours surrogates: their largest errors lie far above.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from diffkeras.evaluation.error_time import Point

Row = Mapping[str, Any]  # of a method: "name", "surrogate", "error", "times"


def milliseconds(row: Row, size: str) -> float:
    """Time per image in batches of a size."""
    return float(row["times"][size]["median"])


def points_of(rows: Sequence[Row], size: str) -> list[Point]:
    """Error and time of methods in batches of a size."""
    return [
        Point(row["name"], milliseconds(row, size), row["error"]["mean"], bool(row["surrogate"]))
        for row in rows
    ]


def tied(one: Row, other: Row, size: str) -> bool:
    """Whether two methods take the same time within the noise: the middle halves of their times
    overlap."""
    (low, high), (least, most) = (row["times"][size]["quartiles"] for row in (one, other))
    return bool(low <= most and least <= high)


def verdict(row: Row, rows: Sequence[Row], size: str, cost: float | None) -> dict[str, Any]:
    """A learned method against the classical ones, in batches of a size.

    "equal_error" is the fastest with at most its error; "equal_time" the most exact in at most its
    time, or None; "break_even" the images after which `cost` (seconds) is paid for, or None.
    """
    own_time, own_error = milliseconds(row, size), row["error"]["mean"]
    classical = [other for other in rows if other["surrogate"] is None]
    exact = [other for other in classical if other["error"]["mean"] <= own_error]
    fastest = min(exact, key=lambda other: milliseconds(other, size))
    in_time = [other for other in classical if milliseconds(other, size) <= own_time]
    result: dict[str, Any] = {
        "equal_error": {"name": fastest["name"], "milliseconds": milliseconds(fastest, size)},
        "equal_time": None,
        "break_even": None,
    }
    if in_time:
        best = min(in_time, key=lambda other: other["error"]["mean"])
        result["equal_time"] = {"name": best["name"], "mean_error": best["error"]["mean"]}
    saved = (milliseconds(fastest, size) - own_time) / 1e3
    if saved > 0 and cost is not None:
        result["break_even"] = cost / saved
    return result
