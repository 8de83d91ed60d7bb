"""Run a study: train, evaluate and compare every combination of its factors."""

import logging
from pathlib import Path

import keras

from diffkeras.distributed.process_group import check_single_process
from diffkeras.errors import DataError, RunError
from diffkeras.evaluation.images import check_held_out
from diffkeras.reporting.text import duration
from diffkeras.studies.config import Study
from diffkeras.studies.grouping import Result
from diffkeras.studies.plan import Cell, data_needed, load_study, plan, read_methods, time_left
from diffkeras.studies.report import write_study
from diffkeras.surrogates.run_directory import Run
from diffkeras.workflows.evaluate_run import evaluate
from diffkeras.workflows.generate_datasets import generate
from diffkeras.workflows.train_run import train

logger = logging.getLogger(__name__)


def run_study(
    study: Study | str,
    data_dir: str | Path,
    directory: str | Path,
    *,
    workers: int = 1,
    show_progress: bool = False,
) -> Path:
    """Run what is missing, then write the table, the figures and the report.

    Args:
        study: what to run, or its file, or the name of a shipped one, for `load_study`.
        data_dir: where the datasets are; missing ones are generated.
        directory: where the runs and the results go.
        workers: processes that solve, and threads that read.
        show_progress: whether to draw progress bars.

    Returns:
        `directory`, with `runs.csv`, `figures/`, `report.html`, and `runs/` with the runs.

    Raises:
        DataError, RunError: see `generate`, `train` and `evaluate`.
        ConfigurationError: the environment describes a cluster.
    """
    check_single_process("a study")
    study = load_study(study) if isinstance(study, str) else study
    data_dir, directory = Path(data_dir), Path(directory)
    cells = plan(study, directory)
    todo = [cell for cell in cells if not cell.done]
    logger.info(f"{study.title}: {len(cells)} runs, {len(cells) - len(todo)} of them done already")
    for config in data_needed(study, todo):
        generate(config, data_dir, workers=workers, show_progress=show_progress)
    for number, cell in enumerate(todo, 1):
        seconds = time_left(plan(study, directory))
        left = f", at most {duration(seconds)} left" if seconds else ""
        logger.info(f"run {number} of {len(todo)}: {cell.title}{left}")
        _run_cell(cell, data_dir, workers, show_progress)
    results = [
        Result(cell, read_methods(cell.run_dir, cell.test), Run.open(cell.run_dir).state())
        for cell in cells
    ]
    write_study(directory, study, results)
    return directory


def _run_cell(cell: Cell, data_dir: Path, workers: int, show_progress: bool) -> None:
    try:
        check_held_out(Run.open(cell.run_dir), cell.test)
    except (DataError, RunError):
        train(
            cell.config,
            data_dir,
            cell.run_dir,
            threads=workers,
            overwrite=True,  # a finished run that gets here can't be used
            show_progress=show_progress,
        )
    test = cell.test.with_overrides({"name": cell.config.name})
    evaluate(cell.run_dir, data_dir, config=test, threads=workers)
    # graphs and weights of past runs would otherwise pile up
    keras.utils.clear_session()
