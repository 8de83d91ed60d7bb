"""The tables and the chart of "Should I use a surrogate?", from the JSON of a scoreboard.

    diffkeras-benchmark compare … --output benchmarks/results/scoreboard

measures it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from diffkeras.reporting.figures import legend_above
from diffkeras.reporting.style import BLUE, GREY, ORANGE, WIDTH, new_figure
from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import read_json
from diffkeras_benchmark.classical import WARM
from diffkeras_benchmark.learned import TOLERANCES
from diffkeras_benchmark.tables import conditions
from diffkeras_benchmark.verdicts import milliseconds, tied

BOARD = Path(__file__).parents[2] / "benchmarks" / "results" / "scoreboard" / "scoreboard.json"
HEAD = (
    "problem",
    "nodes",
    "images at once",
    "surrogate",
    "its error",
    "classical method",
    "error",
    "time ratio",
    "pays",
)
TEXTS = ("surrogate", "classical method", "pays")
PROVEN_HEAD = ("problem", "nodes", "images at once", "proven", "cold", "warm")
SLACK = 1 + 1e-6  # tolerances are relative to the computed field


class Verdict(NamedTuple):
    """The best surrogate without a proof, and the fastest classical method that is as exact."""

    surrogate: Mapping[str, Any]
    classical: Mapping[str, Any]
    ratio: float  # of their times
    pays: str


def read() -> dict[str, Any]:
    """The published scoreboard."""
    return read_json(BOARD)


def tables(board: Mapping[str, Any]) -> dict[str, str]:
    """What the page shows, in Markdown, by name."""
    verdicts = [row for problem in board["problems"] for row in verdict_rows(problem)]
    proven = [row for problem in board["problems"] for row in proven_rows(problem)]
    text = f"{markdown_table(HEAD, verdicts, TEXTS)}\n\n{conditions(board)}"
    return {"verdicts": text, "proven": markdown_table(PROVEN_HEAD, proven)}


def chart(problems: Sequence[Mapping[str, Any]]) -> Figure:
    """Ratios of times, surrogate to fastest classical method; left of 1 the surrogate is faster."""
    figure = new_figure(WIDTH, 4.8)
    axis = figure.subplots()
    for place, problem in enumerate(problems):
        for size, marker in zip(problem["pareto"], "os", strict=False):
            name = "one by one" if size == "1" else f"batches of {size}"
            dots = {"linestyle": "", "marker": marker}
            if found := verdict_of(problem, size):
                label = f"no proof, {name}" if not place else None
                axis.plot(found.ratio, place - 0.15, color=BLUE, label=label, **dots)
            if proven := proven_ratios(problem, size, min(TOLERANCES)):
                label = f"proven {min(TOLERANCES):g}, {name}" if not place else None
                axis.plot(max(proven), place + 0.15, color=ORANGE, label=label, **dots)
    axis.axvline(1, color=GREY, linewidth=1)
    names = [f"{p['problem'].replace('_', ' ')}, {p['side']}²" for p in problems]
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="time of the surrogate / fastest method")
    ticks = (0.5, 1, 2, 5, 10)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.grid(axis="x", alpha=0.3)
    return legend_above(figure)


def verdict_of(problem: Mapping[str, Any], size: str) -> Verdict | None:
    """The verdict on a problem in batches of a size; None if no surrogate was measured."""
    rows = {row["name"]: row for row in problem["methods"]}
    found = []
    for surrogate in problem["surrogates"]:
        for name, verdict in surrogate["verdicts"].items():
            if rows[name]["error"]["bound"] is None:  # proofs and refinement cost more
                own, best = rows[name], rows[verdict[size]["equal_error"]["name"]]
                ratio = milliseconds(own, size) / milliseconds(best, size)
                words = in_words(ratio, verdict[size]["break_even"], tie=tied(own, best, size))
                found.append(Verdict(own, best, ratio, words))
    return min(found, key=lambda verdict: verdict.ratio, default=None)


def verdict_rows(problem: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each size of batches: the best surrogate without proof, and whether it pays."""
    for size in problem["pareto"]:
        if found := verdict_of(problem, size):
            yield [
                *(problem["problem"], f"{problem['side']}×{problem['side']}", size),
                *(found.surrogate["name"], f"{found.surrogate['error']['mean']:.1e}"),
                *(found.classical["name"], f"{found.classical['error']['mean']:.1e}"),
                *(f"{found.ratio:.2g}", found.pays),
            ]


def proven_ratios(problem: Mapping[str, Any], size: str, tolerance: float) -> list[float]:
    """Time of the fastest surrogate that proves a tolerance for all images, as a multiple of the
    time of the fastest classical method: cold, and warm where that was measured."""
    proven = [
        row
        for row in problem["methods"]
        if row["error"]["bound"] and row["error"]["bound"]["largest"] <= tolerance * SLACK
    ]
    learned = [milliseconds(row, size) for row in proven if row["surrogate"]]
    warm = [row for row in proven if row["name"].endswith(WARM)]
    cold = [row for row in proven if not row["surrogate"] and row not in warm]
    if not learned:
        return []
    return [
        min(learned) / min(milliseconds(row, size) for row in rows) for rows in (cold, warm) if rows
    ]


def proven_rows(problem: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each tolerance and size of batches that a surrogate proves."""
    for tolerance in TOLERANCES:
        for size in problem["pareto"]:
            if ratios := [f"{x:.2g}" for x in proven_ratios(problem, size, tolerance)]:
                nodes = f"{problem['side']}×{problem['side']}"
                warm = ratios[1] if len(ratios) > 1 else ""
                yield [problem["problem"], nodes, size, f"{tolerance:g}", ratios[0], warm]


def in_words(ratio: float, break_even: float | None, *, tie: bool) -> str:
    """Whether a surrogate pays that takes `ratio` times as long as the classical method."""
    if tie:
        return "a tie"
    if ratio >= 1:
        return "never"
    if break_even is None:
        return "cost of training unknown"
    return f"after {break_even:,.0f} images"
