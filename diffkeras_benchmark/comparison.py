"""The scoreboard: surrogates and classical methods on the same problems."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffkeras as dk
from diffkeras import __version__
from diffkeras.errors import ConfigurationError, DataError, RunError
from diffkeras.system.environment import available_cores, machine
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import check_replaceable, replacing_files
from diffkeras.system.tensorflow_setup import describe_device, limit_threads, load_tensorflow
from diffkeras_benchmark.classical import has_tensorflow
from diffkeras_benchmark.learned import different_physics
from diffkeras_benchmark.problems import PROBLEMS, get_problem
from diffkeras_benchmark.scores import Effort, Entry, ProblemScores
from diffkeras_benchmark.tables import problem_figure, scoreboard_markdown

logger = logging.getLogger("diffkeras.benchmark")  # which the command prints

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
    for name in problems:
        get_problem(name)
    check_replaceable(path, TABLE, FILES)
    logger.info(f"preparing the methods for {len(problems) * len(sides)} problem(s)")
    processes = processes or available_cores()
    if has_tensorflow() or surrogates:
        load_tensorflow()
        if threads is not None:
            limit_threads(threads)
    else:
        logger.warning("TensorFlow isn't installed, so methods that need it are left out")
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
        "device": describe_device() if has_tensorflow() else None,
        "threads": threads or available_cores(),
        "processes": processes,
        "protocol": {**vars(effort), "batch_sizes": list(effort.batch_sizes)},
        "surrogates": {each.name: each.surrogate.config.to_yaml() for each in entries},
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
    logger.info(f"compared methods on {len(content['problems'])} problem(s)")
    return Scoreboard(path, content, scoreboard_markdown(content))


def _interrupted(path: Path, conditions: Mapping[str, Any]) -> dict[str, Any] | None:
    """The board of an interrupted call of the same conditions, with the problems it measured."""
    if not (file := path / SCOREBOARD_FILE).is_file():
        return None
    try:
        board: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{file} is damaged: {error}; delete it") from None
    same = all(board.get(key) == value for key, value in conditions.items())
    if not same or len(board["problems"]) == len(conditions["wanted"]):
        logger.info(f"replacing the earlier scoreboard in {path}")
        return None
    logger.info(f"continuing {path}, which has {len(board['problems'])} problem(s)")
    return board


def _write_board(path: Path, content: Mapping[str, Any]) -> None:
    """Write what was measured, then the table and the pictures of it."""
    with replacing_files(path, last=TABLE) as partial:
        board = json.dumps(content, indent=2, ensure_ascii=False)
        (partial / SCOREBOARD_FILE).write_text(board + "\n", encoding="utf-8")
        for problem in content["problems"]:
            picture = partial / f"{problem['problem']}_{problem['side']}.png"
            problem_figure(problem).savefig(picture, dpi=120)
        (partial / TABLE).write_text(scoreboard_markdown(content), encoding="utf-8")


def _entry(path: Path) -> Entry:
    from diffkeras.surrogates.run_directory import Run  # TensorFlow

    run, surrogate = Run.open(path), dk.load_surrogate(path)
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
                score.config.name: different_physics(entry.surrogate, score.config)
                for score in scores
            }
            raise DataError(
                f"{entry.name} was trained on other physics than the problems, of which there are "
                f"{', '.join(PROBLEMS)}. "
                + ". ".join(f"{name}: {'; '.join(reasons)}" for name, reasons in different.items())
            )
