"""Run a study: train, evaluate and compare every combination of its factors."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diffkeras.config import Config
from diffkeras.data.generate_datasets import generate
from diffkeras.errors import DiffkerasError, Interrupted, InUseError, RunError
from diffkeras.evaluation.evaluate_run import evaluate_baselines
from diffkeras.reporting.text import duration
from diffkeras.studies.cost import check_batches, data_in_words
from diffkeras.studies.plan import baselines_of, data_needed, of_shard, plan
from diffkeras.studies.report import write_study
from diffkeras.studies.results import check_baselines, passes, read_results
from diffkeras.studies.runs.one_run import do_run, lock_of
from diffkeras.studies.runs.processes import run_in_processes
from diffkeras.studies.runs.queue import RETRY, RunQueue, RunTask
from diffkeras.studies.study import PlannedRun, Study
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
from diffkeras.system.tensorflow_setup import visible_gpus
from diffkeras.training.process_group import check_single_process

logger = logging.getLogger(__name__)

RUNS_DIR = Path("saved_models/studies/runs")


@dataclass(frozen=True)
class RunOptions:
    """How the runs of a study are done.

    Attributes:
        jobs: number of runs that are trained at the same time, each in a process of its own. If
            there are GPUs, each process sees one of them; a single job trains on all of them.
        shard: (K, N) to do only the runs of `of_shard`; None for all.
        processes: processes that solve missing examples.
        threads: threads of each process that trains; by default the cores, divided by `jobs`.
        show_progress: whether to draw progress bars.
        command: the command line for the report, if one started the study.
    """

    jobs: int = 1
    shard: tuple[int, int] | None = None
    processes: int = 1
    threads: int | None = None
    show_progress: bool = False
    command: str = ""

    @property
    def replicas(self) -> int:
        """The number of GPUs that train a run together, or 1."""
        return max(1, len(visible_gpus())) if self.jobs == 1 else 1


def run_study(
    study: Study | str | Path,
    data_dir: str | Path,
    directory: str | Path,
    *,
    runs_dir: str | Path = RUNS_DIR,
    options: RunOptions | None = None,
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
        options: how the runs are done; by default one after the other, without progress bars.

    Returns:
        `directory`, with `study.json`, the tables, the figures and the report; None if runs of
        other shards are missing.

    Raises:
        OutputError, RunError: the directory can't be used, or belongs to another study.
        RunError: some runs failed. The report of the others has been written.
        RunError: no run has the files of a finished one after this call.
        DataError: see `generate`.
        ConfigurationError: the environment describes a cluster, or the batches of a run can't be
            divided among the GPUs.
        Interrupted: a signal came; the same call continues.
    """
    check_single_process("a study")
    options = options or RunOptions()
    study = study if isinstance(study, Study) else load_study(study)
    data_dir, directory, runs_dir = Path(data_dir), Path(directory), Path(runs_dir)
    for path in (directory, runs_dir, data_dir):
        check_writable(path)
    check_study_directory(directory, study, runs_dir)
    runs = plan(study, runs_dir)
    own = of_shard(runs, options.shard)
    done = sum(run.done for run in own)
    part = " in shard {}/{}".format(*options.shard) if options.shard else ""
    logger.info(f"{study.title}: {len(own)} runs{part}, {done} of them done already")
    todo = [run for run in own if not run.done]
    measures = options.shard is None or options.shard[0] == 1
    baselines = baselines_of(study, runs_dir, measured=False) if measures else {}
    failed: list[FailedRun] = []
    if todo or baselines:
        check_batches(todo, options.replicas)
        runner = _Runner(study, data_dir, directory, runs_dir, options)
        failed = runner.run(own, baselines)
        runs = plan(study, runs_dir)
    write_failed(directory, failed)
    for run in own:  # of a call that was killed just after it had done a run
        remove_stale(lock_of(run.run_dir))
    missing = sum(not run.done for run in runs)
    complete = not missing or (options.shard is None and missing < len(runs))
    if complete:
        measured = baselines_of(study, runs_dir, measured=True)
        _write_results(directory, study, runs, failed, measured, options.command)
    if failed:
        raise _failure(failed, len(own), directory)
    if not complete:
        if options.shard is None:
            raise RunError(f"{_what_is_missing(runs)}; run the same command again")
        logger.info(
            f"the runs{part} are done, {missing} of other shards are missing. Copy the folders of "
            f"all shards in {runs_dir} into one, and run `diffkeras study` without --shard"
        )
    return directory if complete else None


def _what_is_missing(runs: Sequence[PlannedRun]) -> str:
    missing = next(run for run in runs if not run.done)
    tests = ", ".join(label for label in missing.tests if label not in missing.evaluated)
    part = f"evaluation on {tests}" if missing.trained else "trained model"
    return f"the {part} of {missing.title} is missing in {missing.run_dir}"


@dataclass(frozen=True)
class _Runner:
    """Does what is missing of a study, as far as it is this process's."""

    study: Study
    data_dir: Path
    directory: Path
    runs_dir: Path
    options: RunOptions

    def run(self, runs: Sequence[PlannedRun], baselines: Mapping[str, Path]) -> list[FailedRun]:
        """Do runs that aren't done, and measure baselines by test set; the runs that failed."""
        begin_study(self.directory, self.study)
        needed = data_needed(self.study, [run for run in runs if not run.done], baselines)
        if needed:
            logger.info(f"the study needs {data_in_words(needed)}; what is missing is generated")
        for config in needed:
            self._generate(config)
        check_directory(self.runs_dir)
        queue = RunQueue(runs)
        if self.options.jobs == 1:
            self._run_here(queue)
        elif not queue.empty:
            run_in_processes(
                queue,
                self._task,
                self.options.jobs,
                self.options.threads,
                show_progress=self.options.show_progress,
            )
        for label, path in baselines.items():
            try:
                self._measure_baselines(self.study.test_sets[label], path)
            except Interrupted:
                raise
            except DiffkerasError as error:
                queue.failed.append(FailedRun(f"baselines on {label}", path.name, str(error)))
        return queue.failed

    def _measure_baselines(self, test: Config, path: Path) -> None:
        def measure() -> None:
            with locked(path.with_name(f".{path.name}.lock"), f"the directory {path}"):
                if not passes(check_baselines, path, test):
                    evaluate_baselines(test, self.data_dir, path, threads=self.options.threads)

        check_directory(path.parent)
        _when_free(measure)

    def _generate(self, config: Config) -> None:
        _when_free(
            lambda: generate(
                config,
                self.data_dir,
                processes=self.options.processes,
                show_progress=self.options.show_progress,
            )
        )

    def _run_here(self, queue: RunQueue) -> None:
        while not queue.empty:
            run = queue.take()
            if run is None:
                time.sleep(RETRY)
                continue
            if not queue.was_in_use(run):
                seconds = queue.seconds_left()
                remaining = f", at most {duration(seconds)} left" if seconds else ""
                number = queue.finished + 1
                logger.info(f"run {number} of {queue.total}: {run.title}{remaining}")
            task = self._task(run, self.options.threads or available_cores())
            queue.note(run, do_run(task, show_progress=self.options.show_progress))

    def _task(self, run: PlannedRun, threads: int) -> RunTask:
        return RunTask(run, self.study, self.data_dir, threads)


def _write_results(
    directory: Path,
    study: Study,
    planned: Sequence[PlannedRun],
    failed: Sequence[FailedRun],
    baselines: Mapping[str, Path],
    command: str,
) -> None:
    runs = [run for run in planned if run.done]
    data = read_results(runs, study.factors_as_text, baselines)
    begin_study(directory, study)  # so that it is known as a study's if this fails
    place = Path(os.path.abspath(directory))
    lock = place.with_name(f".{place.name}.lock")

    def write() -> None:
        # the same study in another process may end at the same time
        with locked(lock, f"the directory {directory}"):
            write_study(
                directory,
                study,
                data,
                runs,
                failed=failed,
                planned=len(planned),
                command=command,
            )

    _when_free(write)


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
            time.sleep(RETRY)


def _failure(failed: Sequence[FailedRun], number: int, directory: Path) -> RunError:
    first = "; ".join(f"{run.title}: {run.error}" for run in failed[:3])
    more = "; …" if len(failed) > 3 else ""
    return RunError(
        f"{len(failed)} of {number} runs failed, see {directory / 'failed.csv'}; the same command "
        f"tries them again. {first}{more}"
    )
