"""The scoreboard: surrogates and classical methods on the same problems."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras._version import __version__
from diffkeras.errors import ConfigurationError, DataError, RunError
from diffkeras.evaluation.measurement import describe_device
from diffkeras.evaluation.methods.subject import different_physics
from diffkeras.reporting.style import to_png
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import run_identity
from diffkeras.surrogates.surrogate import surrogate_of_run
from diffkeras.system.atomic_files import (
    names_unwritable,
    read_json,
    write_bytes,
    write_json,
    write_text,
)
from diffkeras.system.environment import available_cores, machine
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import (
    check_replaceable,
    claim,
    remove_files,
    replacing_files,
)
from diffkeras.system.tensorflow_setup import limit_threads
from diffkeras_benchmark.problems import PROBLEMS, get_problem
from diffkeras_benchmark.scores import Effort, Entry, ProblemScores
from diffkeras_benchmark.tables import problem_figure, scoreboard_markdown

logger = logging.getLogger(__name__)

SCOREBOARD_FILE = "scoreboard.json"
TABLE = "scoreboard.md"
FILES = (SCOREBOARD_FILE, TABLE)  # besides pictures


@dataclass(frozen=True)
class Scoreboard:
    """The result of a comparison.

    Attributes:
        path: its directory, with `scoreboard.md`, `scoreboard.json` and a picture of each problem.
        content: of `scoreboard.json`.
        text: of `scoreboard.md`.
    """

    path: Path
    content: dict[str, Any]
    text: str


def compare(
    output: str | Path,
    *,
    problems: Sequence[str] = tuple(PROBLEMS),
    sides: Sequence[int] = (64,),
    surrogates: Sequence[str | Path] = (),
    effort: Effort = Effort(),  # noqa: B008 - it is frozen
    processes: int | None = None,
    threads: int | None = None,
    show_progress: bool = False,
) -> Scoreboard:
    """Measure errors and times of surrogates and classical methods on the same images.

    Results are written after each problem. Called again in the same way after an interruption, it
    measures the problems that are missing.

    The images are the first ones of the public test sets. Where TensorFlow sees a GPU, networks and
    `TensorSolver` run on it, and all other methods on the CPU.

    Args:
        output: directory of the results.
        problems: names of problems.
        sides: nodes of a side of the lattices.
        surrogates: run directories, or names of shipped surrogates. Each takes part in the problems
            whose physics it was trained on.
        effort: sizes of batches, numbers of images and of rounds.
        processes: of `solve`, for batches; by default all cores.
        threads: of TensorFlow; by default all cores.
        show_progress: whether to draw a progress bar.

    Raises:
        ConfigurationError: an unknown problem, two surrogates of one name, a lattice out of range,
            or TensorFlow runs already with another number of threads.
        DataError: a surrogate of the physics of none of the problems.
        RunError: a surrogate can't be used, or a `scoreboard.json` in `output` is damaged.
        OutputError: `output` can't be written, or holds other files.
    """
    path = Path(output)
    if not (problems and sides):
        raise ConfigurationError("name at least one problem, and one side of the lattices")
    for name in problems:
        get_problem(name)
    check_replaceable(path, TABLE, FILES)
    processes = processes or available_cores()
    if threads is not None:
        limit_threads(threads)
    load = os.getloadavg()[0]
    entries = [_entry(Path(surrogate)) for surrogate in surrogates]
    _check_names(entries)
    scores = [
        ProblemScores(name, side, entries, effort, processes if processes > 1 else None)
        for name in problems
        for side in sides
    ]
    _check_fit(entries, scores)
    conditions = {
        "diffkeras": __version__,
        "machine": machine(),
        "device": describe_device(),
        "threads": threads or available_cores(),
        "processes": processes,
        "protocol": {**vars(effort), "batch_sizes": list(effort.batch_sizes)},
        "surrogates": {each.name: run_identity(each.surrogate.config) for each in entries},
        "wanted": [[score.name, score.side] for score in scores],
    }
    content = _interrupted(path, conditions) or {**conditions, "load": load, "problems": []}
    measured = [[problem["problem"], problem["side"]] for problem in content["problems"]]
    left = [score for score in scores if [score.name, score.side] not in measured]
    with progress_bar(
        sum(score.steps for score in left), "Comparing", "steps", shown=show_progress
    ) as bar:
        for score in left:
            content["problems"].append(score.measure(bar.update))
            _write_board(path, content)
    if not left:  # the earlier call was stopped when it had measured all
        _write_board(path, content)
    logger.info(f"compared methods on {len(content['problems'])} problem(s)")
    return Scoreboard(path, content, scoreboard_markdown(content))


def _interrupted(path: Path, conditions: Mapping[str, Any]) -> dict[str, Any] | None:
    """The board of an interrupted call of the same conditions, with the problems it measured."""
    if not (path / SCOREBOARD_FILE).is_file():
        return None
    board = read_json(path / SCOREBOARD_FILE)
    problems = board.get("problems") if isinstance(board, dict) else None
    if not isinstance(problems, list) or not all(
        isinstance(each, dict) and {"problem", "side"} <= each.keys() for each in problems
    ):
        raise RunError(
            f"{path / SCOREBOARD_FILE} is damaged, or written by another program; choose another "
            "directory, or delete it"
        )
    same = all(board.get(key) == value for key, value in conditions.items())
    measured = len(problems) == len(conditions["wanted"])
    if not same or (measured and (path / TABLE).is_file()):
        return None
    logger.info(f"continuing {path}, which has {len(problems)} problem(s)")
    return board


def _write_board(path: Path, content: Mapping[str, Any]) -> None:
    """Write what was measured, then the table and the pictures of it."""
    with names_unwritable(path / TABLE):
        remove_files(path, [TABLE])
    claim(path, SCOREBOARD_FILE, TABLE)
    write_json(path / SCOREBOARD_FILE, content)  # by itself, since it may be the work of hours
    with replacing_files(path, last=TABLE) as partial:
        write_json(partial / SCOREBOARD_FILE, content)
        for problem in content["problems"]:
            png = to_png(problem_figure(problem))
            write_bytes(partial / f"{problem['problem']}_{problem['side']}.png", png)
        write_text(partial / TABLE, scoreboard_markdown(content))


def _entry(path: Path) -> Entry:
    run = Run.open(path)
    surrogate = surrogate_of_run(run)
    state, data = run.state(), surrogate.config.data
    passes = state["epochs"] if data.stream else 1  # a stream has new examples in each epoch
    each = passes * data.train_examples_used + data.validation_examples
    return Entry(
        path.name,
        surrogate,
        state.get("seconds"),
        each * len(data.sources),
        state["machine"],
    )


def _check_names(entries: Sequence[Entry]) -> None:
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"two surrogates have the name {name}; rename the directory of one of them"
            )


def _check_fit(entries: Sequence[Entry], scores: Sequence[ProblemScores]) -> None:
    for entry in entries:
        if not any(entry in score.entries for score in scores):
            different = {
                score.config.name: different_physics(entry.surrogate.config, score.config)
                for score in scores
            }
            raise DataError(
                f"{entry.name} was trained on other physics than the problems, of which there are "
                f"{', '.join(PROBLEMS)}. "
                + ". ".join(f"{name}: {'; '.join(reasons)}" for name, reasons in different.items())
            )
