"""Run a study: train, evaluate and compare every combination of its factors."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from diffkeras.data.generate_datasets import generate
from diffkeras.errors import (
    ConfigurationError,
    DiffkerasError,
    Interrupted,
    InUseError,
    RunError,
)
from diffkeras.evaluation.evaluate import evaluate_baselines
from diffkeras.reporting.text import duration
from diffkeras.studies.cost import data_in_words
from diffkeras.studies.evaluations import check_baselines, passes
from diffkeras.studies.one_run import RunTask, do_run, lock_of
from diffkeras.studies.plan import PlannedRun, Study, baselines_of, data_needed, of_shard, plan
from diffkeras.studies.processes import RETRY, RunQueue, run_in_processes
from diffkeras.studies.report import write_study
from diffkeras.studies.results import read_results
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
from diffkeras.training.batches import check_batch
from diffkeras.training.process_group import check_single_process

logger = logging.getLogger(__name__)

RUNS_DIR = Path("saved_models/studies/runs")


def run_study(
    study: Study | str | Path,
    data_dir: str | Path,
    directory: str | Path,
    *,
    runs_dir: str | Path = RUNS_DIR,
    jobs: int = 1,
    shard: tuple[int, int] | None = None,
    processes: int = 1,
    threads: int | None = None,
    show_progress: bool = False,
    command: str = "",
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
        jobs: number of runs that are trained at the same time, each in a process of its own. If
            there are GPUs, each process sees one of them; a single job trains on all of them.
        shard: (K, N) to do only every N-th run, from number K on; None for all.
        processes: processes that solve missing examples.
        threads: threads of each process that trains; by default the cores, divided by `jobs`.
        show_progress: whether to draw progress bars.
        command: the command line for the report, if one started the study.

    Returns:
        `directory`, with `study.json`, the tables, the figures and the report; None if runs of
        other shards are missing.

    Raises:
        OutputError, RunError: the directory can't be used, or belongs to another study.
        RunError: some runs failed. The report of the others has been written.
        RunError: no run has the files of a finished one after this call.
        DataError: see `diffkeras.data.generate`.
        ConfigurationError: the environment describes a cluster, or the batches of a run can't be
            divided among the GPUs.
        Interrupted: a signal came; the same call continues.
    """
    check_single_process("a study")
    study = study if isinstance(study, Study) else load_study(study)
    data_dir, directory, runs_dir = Path(data_dir), Path(directory), Path(runs_dir)
    for path in (directory, runs_dir, data_dir):
        check_writable(path)
    check_study_directory(directory, study, runs_dir)
    runs = plan(study, runs_dir)
    own = of_shard(runs, shard)
    done = sum(run.done for run in own)
    part = " in shard {}/{}".format(*shard) if shard else ""
    logger.info(f"{study.title}: {len(own)} runs{part}, {done} of them done already")
    todo = [run for run in own if not run.done]
    measures = shard is None or shard[0] == 1
    baselines = baselines_of(study, runs_dir, measured=False) if measures else {}
    failed: list[FailedRun] = []
    if todo or baselines:
        check_batches(todo, max(1, len(visible_gpus())) if jobs == 1 else 1)
        work = _Work(study, data_dir, jobs, processes, threads, show_progress)
        begin_study(directory, study)
        work.generate(todo, baselines)
        check_directory(runs_dir)
        failed = work.do_runs(own) + work.measure_baselines(baselines)
        runs = plan(study, runs_dir)
    write_failed(directory, failed)
    for run in own:  # of a call that was killed just after it had done a run
        remove_stale(lock_of(run.run_dir))
    missing = sum(not run.done for run in runs)
    complete = not missing or (shard is None and missing < len(runs))
    if complete:
        measured = baselines_of(study, runs_dir, measured=True)
        _write_results(directory, study, runs, failed, measured, command)
    if failed:
        raise _failure(failed, len(own), directory)
    if not complete:
        if shard is None:
            raise RunError(f"{_what_is_missing(runs)}; run the same command again")
        logger.info(
            f"the runs{part} are done, {missing} of other shards are missing. Copy the folders of "
            f"all shards in {runs_dir} into one, and run `diffkeras study` without --shard"
        )
    return directory if complete else None


def check_batches(runs: Sequence[PlannedRun], replicas: int) -> None:
    """Raise a ConfigurationError, before any work, if the batches of a run don't fit.

    A batch can't be divided among the GPUs that train it together, or has too many examples.
    """
    for run in runs:
        try:
            check_batch(run.config, 1 if run.trained else replicas)
        except ConfigurationError as error:
            advice = "; or do one run per GPU, with --jobs" if replicas > 1 else ""
            raise ConfigurationError(f"{run.title}: {error}{advice}") from None


def _what_is_missing(runs: Sequence[PlannedRun]) -> str:
    missing = next(run for run in runs if not run.done)
    tests = ", ".join(label for label in missing.tests if label not in missing.evaluated)
    part = f"evaluation on {tests}" if missing.trained else "trained model"
    return f"the {part} of {missing.title} is missing in {missing.run_dir}"


@dataclass(frozen=True)
class _Work:
    """What this process does of a study; the fields are arguments of `run_study`."""

    study: Study
    data_dir: Path
    jobs: int
    processes: int
    threads: int | None
    show_progress: bool

    def generate(self, todo: Sequence[PlannedRun], baselines: Mapping[str, Path]) -> None:
        """Solve the missing examples of runs and of the test sets of baselines."""
        needed = data_needed(self.study, todo, baselines)
        if needed:
            logger.info(f"the study needs {data_in_words(needed)}; what is missing is generated")
        options: dict[str, Any] = {"processes": self.processes, "show_progress": self.show_progress}
        for config in needed:
            _when_free(partial(generate, config, self.data_dir, **options))

    def do_runs(self, runs: Sequence[PlannedRun]) -> list[FailedRun]:
        """Do those that aren't done; the runs that failed."""
        queue = RunQueue(runs)
        if self.jobs == 1:
            self._one_by_one(queue)
        elif not queue.empty:
            run_in_processes(
                queue, self._task, self.jobs, self.threads, show_progress=self.show_progress
            )
        return queue.failed

    def _one_by_one(self, queue: RunQueue) -> None:
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
            task = self._task(run, self.threads or available_cores())
            queue.note(run, do_run(task, show_progress=self.show_progress))

    def _task(self, run: PlannedRun, threads: int) -> RunTask:
        return RunTask(run, self.study, self.data_dir, threads)

    def measure_baselines(self, baselines: Mapping[str, Path]) -> list[FailedRun]:
        """Measure baselines, test set → directory; those that failed."""
        failed = []
        for label, path in baselines.items():
            try:
                check_directory(path.parent)
                _when_free(partial(self._measure, label, path))
            except Interrupted:
                raise
            except DiffkerasError as error:
                failed.append(FailedRun(f"baselines on {label}", path.name, str(error)))
        return failed

    def _measure(self, label: str, path: Path) -> None:
        test = self.study.test_sets[label]
        with locked(path.with_name(f".{path.name}.lock"), f"the directory {path}"):
            if not passes(check_baselines, path, test):
                evaluate_baselines(test, self.data_dir, path, threads=self.threads)


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
            answer = write_study(
                directory, study, data, runs, failed=failed, planned=len(planned), command=command
            )
        logger.info(f"{study.title}: {len(runs)} of {len(planned)} runs finished. {answer}")

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
