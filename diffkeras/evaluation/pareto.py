"""Methods in the plane of error and time, and those that no other one beats in both."""

from collections.abc import Iterable
from typing import NamedTuple


class Point(NamedTuple):
    """A method in the plane of error and time.

    Attributes:
        name: of the method.
        milliseconds: per image.
        error: mean error.
        learned: whether it starts from a surrogate.
    """

    name: str
    milliseconds: float
    error: float
    learned: bool = False


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """The points than which no other is both faster and more exact, by rising time."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.milliseconds, point.error)):
        if not front or point.error < front[-1].error:
            front.append(point)
    return front
