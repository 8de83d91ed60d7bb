"""The scoreboard in Markdown, and the pictures of its problems."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from diffkeras.evaluation.error_time import error_time_figure
from diffkeras.reporting.text import duration, markdown_table
from diffkeras_benchmark.verdicts import milliseconds, points_of, tied

Scores = Mapping[str, Any]  # as of `ProblemScores.measure`


def scoreboard_markdown(board: Mapping[str, Any]) -> str:
    """A page with the tables of all problems."""
    parts = ["# Scoreboard", conditions(board)]
    for problem in board["problems"]:
        parts += [f"## {title(problem)}", *problem_page(problem)]
    return "\n\n".join(parts) + "\n"


def title(problem: Scores) -> str:
    """Name and lattice."""
    return f"{problem['problem']}, {problem['side']}×{problem['side']} nodes"


def problem_page(problem: Scores) -> list[str]:
    """The paragraphs and tables of a problem."""
    parts = [images_in_words(problem), methods_table(problem)]
    if problem["surrogates"]:
        parts += [verdicts_table(problem), costs_in_words(problem)]
    return parts


def problem_figure(problem: Scores) -> Figure:
    """Error against time, a panel for each size of batches."""
    rows = [row for row in problem["methods"] if row["name"] != "zero field"]
    panels = {}
    for size in problem["pareto"]:
        images = "one image at a time" if size == "1" else f"batches of {size}"
        panels[f"{title(problem)}, {images}"] = points_of(rows, size)
    return error_time_figure(panels, "mean error / largest value")


def conditions(board: Mapping[str, Any]) -> str:
    """Machine, device, threads and load, in a paragraph."""
    return (
        f"Wall-clock times on {board['machine']}; "
        + (
            f"TensorFlow on {board['device']} with {board['threads']} thread(s), the other methods "
            "in one thread"
            if board["device"]
            else "all methods in one thread, without TensorFlow's"
        )
        + (
            f", `solve` in {board['processes']} processes for batches"
            if board["processes"] > 1
            else ""
        )
        + f". Load average {board['load']:.1f} at the start. diffkeras {board['diffkeras']}."
    )


def images_in_words(problem: Scores) -> str:
    """What the images are, in a paragraph."""
    low, high = problem["sources"]
    where = f" of the test set `{problem['test_set']}`" if problem["test_set"] else ""
    sides = {tuple(surrogate["trained_on"]) for surrogate in problem["surrogates"]}
    return (
        f"{problem['description']} {problem['images']} images{where} with {low} to {high} sources; "
        f"times are medians of {problem['rounds']} rounds (middle half of the rounds). Errors are "
        "relative to the largest value of each field: their mean over all nodes, and the largest. "
        "The bound is the largest that is proven. **Bold** times are on the Pareto front."
        + (
            f" Surrogates were trained on {', '.join(f'{r}×{c}' for r, c in sorted(sides))} nodes."
            if sides
            else ""
        )
    )


def methods_table(problem: Scores) -> str:
    """A row for each method, by rising error."""
    sizes = list(problem["pareto"])
    head = ["method", "mean error", "largest error", "proven bound", *map(_heading, sizes)]
    rows = []
    for row in sorted(problem["methods"], key=lambda row: row["error"]["mean"]):
        error = row["error"]
        bound = "" if error["bound"] is None else _error(error["bound"]["largest"])
        times = [_time(row, size, problem["pareto"][size]) for size in sizes]
        name = f"*{row['name']}*" if row["surrogate"] else row["name"]
        rows.append([name, _error(error["mean"]), _error(error["largest"]), bound, *times])
    return markdown_table(head, rows)


def verdicts_table(problem: Scores) -> str:
    """A row for each learned method and batch size."""
    head = ["surrogate", "images at once", "ms", "at its error", "in its time", "pays after"]
    by_name = {row["name"]: row for row in problem["methods"]}
    rows = [
        [
            f"*{name}*",
            size,
            f"{milliseconds(by_name[name], size):.3g}",
            *_verdict(
                verdict,
                surrogate,
                tie=tied(by_name[name], by_name[verdict["equal_error"]["name"]], size),
            ),
        ]
        for surrogate in problem["surrogates"]
        for name, by_size in surrogate["verdicts"].items()
        for size, verdict in by_size.items()
    ]
    return markdown_table(head, rows)


def costs_in_words(problem: Scores) -> str:
    """What the surrogates cost before their first image, in a paragraph."""
    costs = []
    for surrogate in problem["surrogates"]:
        training = (
            "unknown training time"
            if surrogate["training_seconds"] is None
            else f"{duration(surrogate['training_seconds'])} of training on "
            f"{surrogate['training_machine']}"
        )
        costs.append(
            f"{surrogate['name']}: {training}, {duration(surrogate['data_seconds'])} for "
            f"{surrogate['examples']:,} examples"
        )
    return (
        "*At its error*: the fastest classical method with at most the mean error of the "
        "surrogate. *In its time*: the most exact one that takes at most its time. *Pays after*: "
        "the number of images after which training and data are paid for; *a tie* if the middle "
        "halves of the two times overlap, so that the difference is within the noise. Before the "
        f"first image, the surrogates cost ({'; '.join(costs)}). The examples are counted at the "
        "time of `solve`, per node of the lattice that they are on."
    )


def _verdict(verdict: Mapping[str, Any], surrogate: Mapping[str, Any], *, tie: bool) -> list[str]:
    exact, in_time = verdict["equal_error"], verdict["equal_time"]
    if tie:
        pays = "a tie"
    elif verdict["break_even"] is not None:
        pays = f"{verdict['break_even']:,.0f} images"
    else:
        pays = "never" if surrogate["training_seconds"] is not None else "unknown, or never"
    return [
        f"{exact['name']}, {exact['milliseconds']:.3g} ms",
        "none" if in_time is None else f"{in_time['name']}, {_error(in_time['mean_error'])}",
        pays,
    ]


def _heading(size: str) -> str:
    return "ms, one image" if size == "1" else f"ms per image of {size}"


def _time(row: Mapping[str, Any], size: str, front: Sequence[str]) -> str:
    low, high = row["times"][size]["quartiles"]
    text = f"{milliseconds(row, size):.3g}"
    text = f"**{text}**" if row["name"] in front else text
    return f"{text} ({low:.2g}–{high:.2g})"


def _error(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}"
