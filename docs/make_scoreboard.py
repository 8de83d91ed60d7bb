"""Make the tables and pictures of "Should I use a surrogate?" from the JSON of a scoreboard.

    diffkeras-benchmark compare … --output scoreboard
    python docs/make_scoreboard.py scoreboard

Without an argument, the committed benchmarks/results/scoreboard/scoreboard.json is read; with one,
the problems of that directory's are put into it first, if machine and threads are the same. The
script writes results/scoreboard/verdicts.md, proven.md, a table and the costs of each problem,
results/scoreboard/PROBLEM_SIDE.md, and the pictures images/scoreboard/PROBLEM_SIDE.png.
"""

import docs.quiet_tensorflow  # noqa: F401

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diffkeras.system.atomic_files import read_json, write_json, write_text
from diffkeras_benchmark.classical import WARM
from diffkeras_benchmark.learned import TOLERANCES
from diffkeras_benchmark.tables import conditions, problem_figure, problem_page
from diffkeras_benchmark.verdicts import milliseconds, tied
from docs.phone_figures import WIDTH, write_pictures

DOCS = Path(__file__).parent
BOARD = DOCS.parent / "benchmarks" / "results" / "scoreboard" / "scoreboard.json"
HEAD = (
    "problem",
    "nodes",
    "images at once",
    "best surrogate",
    "classical, at its error",
    "verdict",
)
PROVEN_HEAD = (
    "problem",
    "nodes",
    "proven",
    "images at once",
    "fastest with a surrogate",
    "fastest classical, cold",
    "warm",
    "time of the surrogate / cold, warm",
)
SLACK = 1 + 1e-6  # tolerances are relative to the computed field


def main(docs: Path, board: Mapping[str, Any]) -> None:
    """Write what the page shows."""
    results = docs / "results" / "scoreboard"
    for problem in board["problems"]:
        name = f"{problem['problem']}_{problem['side']}"
        write_text(results / f"{name}.md", "\n\n".join(problem_page(problem)) + "\n")
        draw(problem, docs / "images" / "scoreboard" / f"{name}.png")
    rows = [row for problem in board["problems"] for row in verdict_rows(problem)]
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    write_text(results / "verdicts.md", f"{conditions(board)}\n\n{table}\n")
    proven = [row for problem in board["problems"] for row in proven_rows(problem)]
    lines = [PROVEN_HEAD, ["---"] * len(PROVEN_HEAD), *proven]
    write_text(results / "proven.md", "\n".join(f"| {' | '.join(x)} |" for x in lines) + "\n")


def draw(problem: Mapping[str, Any], path: Path) -> None:
    """Error against time, also for phones."""
    write_pictures(problem_figure(problem), path, narrow=problem_figure(problem, WIDTH))


def verdict_rows(problem: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each size of batches: the best surrogate without proof, and whether it pays."""
    rows = {row["name"]: row for row in problem["methods"]}
    for size in problem["pareto"]:
        found = [
            (found[size]["equal_error"]["milliseconds"] / milliseconds(rows[name], size), name)
            for surrogate in problem["surrogates"]
            for name, found in surrogate["verdicts"].items()
            if rows[name]["error"]["bound"] is None  # proofs and refinement cost more
        ]
        start = [problem["problem"], f"{problem['side']}×{problem['side']}", size]
        if not found:
            yield [*start, "none measured", "", "none measured"]
            continue
        ratio, name = max(found)
        verdicts = [s["verdicts"] for s in problem["surrogates"] if name in s["verdicts"]]
        verdict = verdicts[0][name][size]
        classical, own = verdict["equal_error"], rows[name]
        yield [
            *start,
            f"{name}: {own['error']['mean']:.1e} in {milliseconds(own, size):.3g} ms",
            f"{classical['name']}: {rows[classical['name']]['error']['mean']:.1e} in "
            f"{classical['milliseconds']:.3g} ms",
            in_words(ratio, verdict["break_even"], tie=tied(own, rows[classical["name"]], size)),
        ]


def proven_rows(problem: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each tolerance and size of batches: the fastest that proves it for all images."""
    for tolerance in TOLERANCES:
        for size in problem["pareto"]:
            proven = [
                row
                for row in problem["methods"]
                if row["error"]["bound"] and row["error"]["bound"]["largest"] <= tolerance * SLACK
            ]
            learned = [row for row in proven if row["surrogate"]]
            if not learned:
                continue
            warm = [row for row in proven if row["name"].endswith(WARM)]
            cold = [row for row in proven if row not in learned and row not in warm]
            best = [
                min(rows, key=lambda row: milliseconds(row, size)) if rows else None
                for rows in (learned, cold, warm)
            ]
            times = [
                "" if row is None else f"{row['name']}: {milliseconds(row, size):.3g} ms"
                for row in best
            ]
            own = milliseconds(best[0], size)
            ratios = [f"{own / milliseconds(row, size):.2g}" for row in best[1:] if row]
            side = f"{problem['side']}×{problem['side']}"
            yield [problem["problem"], side, f"{tolerance:g}", size, *times, ", ".join(ratios)]


def with_problems(board: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A scoreboard with the problems of another one, which must be of the same machine."""
    for key in ("machine", "device", "threads", "processes"):
        if board[key] != new[key]:
            raise SystemExit(f"{key} of the new scoreboard is {new[key]}, not {board[key]}")
    names = {(problem["problem"], problem["side"]) for problem in new["problems"]}
    kept = [p for p in board["problems"] if (p["problem"], p["side"]) not in names]
    load = max(board["load"], new["load"]) if kept else new["load"]
    return {**board, "load": load, "problems": [*kept, *new["problems"]]}


def in_words(ratio: float, break_even: float | None, *, tie: bool) -> str:
    """The verdict on a surrogate that is `ratio` times as fast as the classical method."""
    if tie:
        return f"a tie: {1 / ratio:.2g} times the time, within the noise"
    if ratio <= 1:
        return f"never pays: {1 / ratio:.2g} times the time"
    if break_even is None:
        return f"{ratio:.2g} times as fast; the cost of its training is not known"
    return f"pays after {break_even:,.0f} images"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("board", nargs="?", type=Path, help="directory of a scoreboard")
    given = parser.parse_args().board
    if given:
        write_json(BOARD, with_problems(read_json(BOARD), read_json(given / "scoreboard.json")))
    main(DOCS, read_json(BOARD))
