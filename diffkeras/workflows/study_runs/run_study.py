"""Run a study: train, evaluate and compare every combination of its factors."""

import contextlib
import logging
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diffkeras.config import Config
from diffkeras.distributed.process_group import check_single_process
from diffkeras.errors import InUseError, RunError
from diffkeras.reporting.text import duration
from diffkeras.studies.config import Study
from diffkeras.studies.output.write import write_study
from diffkeras.studies.plan import Cell, data_needed, lacking_baselines, plan
from diffkeras.studies.results import read_results
from diffkeras.studies.shard import Shard
from diffkeras.studies.study_directory import (
    FailedRun,
    begin_study,
    check_study_directory,
    check_writable,
    write_failed,
)
from diffkeras.studies.study_file import load_study
from diffkeras.system.atomic_files import check_directory
from diffkeras.system.environment import available_cores
from diffkeras.system.file_lock import locked, remove_stale
from diffkeras.workflows.generate_datasets import generate
from diffkeras.workflows.study_runs.one_run import do_run, lock_of
from diffkeras.workflows.study_runs.processes import run_in_processes
from diffkeras.workflows.study_runs.queue import RunQueue, RunTask

logger = logging.getLogger(__name__)

RUNS_DIR = Path("saved_models/studies/runs")
PATIENCE = 5.0  # seconds until what another process uses is tried again


def run_study(
    study: Study | str,
    data_dir: str | Path,
    directory: str | Path,
    *,
    runs_dir: str | Path = RUNS_DIR,
    jobs: int = 1,
    shard: Shard | None = None,
    processes: int = 1,
    threads: int | None = None,
    show_progress: bool = False,
) -> Path | None:
    """Run what is missing, then write the tables, the figures and the report.

    A run that fails doesn't keep the others from being done. Several processes can work on studies
    with the same `runs_dir` at the same time; each run is done by one of them.

    Args:
        study: what to run, or its file, or the name of a shipped one, for `load_study`.
        data_dir: where the datasets are; missing ones are generated.
        directory: where the results go.
        runs_dir: where the runs of all studies are. Each is named after what it computes, and is
            trained once.
        jobs: number of runs that are trained at the same time, each in a process of its own.
        shard: the part of the runs to be done; None for all.
        processes: processes that solve missing examples.
        threads: threads of each process that trains; by default the cores, divided by `jobs`.
        show_progress: whether to draw progress bars.

    Returns:
        `directory`, with `study.json`, the tables, the figures and the report; None if runs of
        other shards are missing.

    Raises:
        OutputError, RunError: the directory can't be used, or belongs to another study.
        RunError: some runs failed. The report of the others has been written.
        DataError: see `generate`.
        ConfigurationError: the environment describes a cluster.
        Interrupted: a signal came; the same call continues.
    """
    check_single_process("a study")
    study = load_study(study) if isinstance(study, str) else study
    data_dir, directory, runs_dir = Path(data_dir), Path(directory), Path(runs_dir)
    for path in (directory, runs_dir):
        check_writable(path)
    check_study_directory(directory, study, runs_dir)
    cells = plan(study, runs_dir)
    own = shard.of(cells) if shard else cells
    done = sum(cell.done for cell in own)
    part = f" in shard {shard}" if shard else ""
    logger.info(f"{study.title}: {len(own)} runs{part}, {done} of them done already")
    work = _Work(study, data_dir, directory, runs_dir, jobs, processes, threads, show_progress)
    failed, cells = work.do(cells, own, baselines=shard is None or shard.part == 1)
    write_failed(directory, failed)
    for cell in own:  # of a call that was killed just after it had done a run
        remove_stale(lock_of(cell.run_dir))
    missing = sum(not cell.done for cell in cells)
    complete = not missing or (shard is None and missing < len(cells))
    if complete:
        _write_results(directory, study, cells, failed)
    if failed:
        raise _failure(failed, len(own), directory)
    if not complete:
        logger.info(
            f"shard {shard} is done; {missing} runs of the others are missing. Copy the folders of "
            f"all shards in {runs_dir} into one, and run `diffkeras study` without --shard"
        )
    return directory if complete else None


@dataclass(frozen=True)
class _Work:
    """The runs of a study that this process does."""

    study: Study
    data_dir: Path
    directory: Path
    runs_dir: Path
    jobs: int
    processes: int
    threads: int | None
    show_progress: bool

    def do(
        self, cells: list[Cell], own: Sequence[Cell], *, baselines: bool
    ) -> tuple[list[FailedRun], list[Cell]]:
        """Do those own runs that aren't done, and measure baselines if no run has.

        Returns:
            the failed runs, and all runs of the study as they are then.
        """
        lacking = lacking_baselines(self.study, cells) * baselines
        failed = self._do(own, lacking)
        now = cells if all(cell.done for cell in own) else plan(self.study, self.runs_dir)
        # the runs were done before by another study, or that which was to measure them failed
        if baselines and (lacking := lacking_baselines(self.study, now)):
            names = {cell.identity for cell in own}
            able = [cell for cell in now if cell.done and cell.identity in names]
            if able:
                again = replace(able[0], evaluated=frozenset())
                failed += self._do([again], lacking)
                now = plan(self.study, self.runs_dir)
        return failed, now

    def _do(self, cells: Sequence[Cell], lacking: Sequence[str]) -> list[FailedRun]:
        todo = [cell for cell in cells if not cell.done]
        if not todo:
            return []
        for config in data_needed(self.study, todo):
            self._generate(config)
        check_directory(self.runs_dir)
        begin_study(self.directory, self.study)
        queue = RunQueue(self.study, cells, lacking)
        if self.jobs == 1:
            self._run_here(queue)
        else:
            run_in_processes(
                queue, self._task, self.jobs, self.threads, show_progress=self.show_progress
            )
        return queue.failed

    def _generate(self, config: Config) -> None:
        _when_free(
            lambda: generate(
                config, self.data_dir, processes=self.processes, show_progress=self.show_progress
            )
        )

    def _run_here(self, queue: RunQueue) -> None:
        while not queue.empty:
            cell = queue.take()
            if cell is None:
                time.sleep(PATIENCE)
                continue
            if not queue.was_in_use(cell):
                seconds = queue.seconds_left()
                left = f", at most {duration(seconds)} left" if seconds else ""
                number = queue.finished + 1
                logger.info(f"run {number} of {queue.total}: {cell.title}{left}")
            task = self._task(queue, cell, self.threads or available_cores())
            queue.note(cell, do_run(task, show_progress=self.show_progress))

    def _task(self, queue: RunQueue, cell: Cell, threads: int) -> RunTask:
        study, search = self.study, None
        if study.worst_cases and cell.search:
            search = study.test, study.worst_cases, cell.search
        tests = queue.tests_of(cell)
        return RunTask(cell.config, cell.run_dir, tests, self.data_dir, threads, search)


def _write_results(
    directory: Path, study: Study, cells: Sequence[Cell], failed: Sequence[FailedRun]
) -> None:
    runs = [cell for cell in cells if cell.done]
    data = read_results(runs, study.factors_as_text)
    begin_study(directory, study)  # so that it is known as a study's if this fails
    with contextlib.ExitStack() as stack:
        # the same study in another process may end at the same time
        lock, what = directory / ".study.lock", f"the directory {directory}"
        _when_free(lambda: stack.enter_context(locked(lock, what)))
        write_study(
            directory, study, data, runs, failed=failed, planned=len(cells), command=_command()
        )


def _when_free(do: Callable[[], object]) -> None:
    """Do something; if another process uses what it needs, wait until that ends."""
    waits = False
    while True:
        try:
            do()
            return
        except InUseError as error:
            if not waits:
                logger.info(f"waiting: {error}")
            waits = True
            time.sleep(PATIENCE)


def _command() -> str:
    """The command line of this process, if it is diffkeras'."""
    program = Path(sys.argv[0])
    by_module = program.name == "__main__.py" and program.parent.name == "diffkeras"
    known = by_module or program.stem == "diffkeras"
    return shlex.join(["diffkeras", *sys.argv[1:]]) if known else ""


def _failure(failed: Sequence[FailedRun], number: int, directory: Path) -> RunError:
    first = "; ".join(f"{run.title}: {run.error}" for run in failed[:3])
    more = "; …" if len(failed) > 3 else ""
    return RunError(
        f"{len(failed)} of {number} runs failed, see {directory / 'failed.csv'}; the same command "
        f"tries them again. {first}{more}"
    )
