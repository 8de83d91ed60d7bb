"""Run a study: train, evaluate and compare every combination of its factors."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from diffkeras.config import Config
from diffkeras.data.generate_datasets import generate
from diffkeras.errors import ConfigurationError, DiffkerasError, Interrupted, InUseError, RunError
from diffkeras.evaluation.evaluate import evaluate_baselines
from diffkeras.reporting.text import duration
from diffkeras.studies.evaluations import check_baselines, passes
from diffkeras.studies.plan import (
    PlannedRun,
    Study,
    baselines_of,
    data_needed,
    of_shard,
    plan,
    time_left,
)
from diffkeras.studies.processes import RETRY, RunQueue, RunTask, do_run, lock_of, run_in_processes
from diffkeras.studies.report import write_study
from diffkeras.studies.results import read_results
from diffkeras.studies.study_directory import (
    FailedRun,
    begin_study,
    check_study_directory,
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
        shard: (K, N) to do only part K of N parts of the runs, see `of_shard`; None for all.
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
        check_directory(path)
    check_study_directory(directory, study, runs_dir)
    runs = plan(study, runs_dir)
    own = of_shard(runs, shard)
    todo = [run for run in own if not run.done]
    part = " in shard {}/{}".format(*shard) if shard else ""
    logger.info(
        f"{study.title}: {len(own)} runs{part}, {len(own) - len(todo)} of them done already"
    )
    measures = shard is None or shard[0] == 1
    baselines = baselines_of(study, runs_dir, measured=False) if measures else {}
    failed: list[FailedRun] = []
    if todo or baselines:
        check_batches(todo, max(1, len(visible_gpus())) if jobs == 1 else 1)
        begin_study(directory, study)
        make = partial(
            generate, data_dir=data_dir, processes=processes, show_progress=show_progress
        )
        for config in data_needed(study, todo, baselines):
            _when_free(partial(make, config))
        queue = RunQueue(own)

        def task(run: PlannedRun, threads: int) -> RunTask:
            return RunTask(run, study, data_dir, threads)

        if jobs == 1:
            _one_by_one(queue, task, threads or available_cores(), show_progress)
        elif queue.left:
            run_in_processes(queue, task, jobs, threads, show_progress=show_progress)
        failed = queue.failed + _measure_baselines(study, baselines, data_dir, threads)
        runs = plan(study, runs_dir)
    write_failed(directory, failed)
    for run in own:  # of a call that was killed just after it had done a run
        remove_stale(lock_of(run.run_dir))
    done = [run for run in runs if run.done]
    complete = len(done) == len(runs) or (shard is None and bool(done))
    if complete:
        measured = baselines_of(study, runs_dir, measured=True)
        data = read_results(done, study.factors_as_text, measured)
        begin_study(directory, study)  # so that it is known as a study's if this fails
        answer = write_study(
            directory, study, data, done, failed=failed, planned=len(runs), command=command
        )
        logger.info(f"{study.title}: {len(done)} of {len(runs)} runs finished. {answer}")
    if failed:
        first = "; ".join(f"{run.title}: {run.error}" for run in failed[:3])
        raise RunError(
            f"{len(failed)} of {len(own)} runs failed, see {directory / 'failed.csv'}; the same "
            f"command tries them again. {first}{'; …' if len(failed) > 3 else ''}"
        )
    if complete:
        return directory
    if shard is None:
        raise RunError(f"{runs_dir} has no whole run of this study; run the same command again")
    logger.info(
        f"the runs{part} are done, {len(runs) - len(done)} of other shards are missing. Copy the "
        f"folders of all shards in {runs_dir} into one, and run `diffkeras study` without --shard"
    )
    return None


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


def _one_by_one(
    queue: RunQueue,
    make_task: Callable[[PlannedRun, int], RunTask],
    threads: int,
    show_progress: bool,
) -> None:
    """Do all runs of a queue in this process."""
    while queue.left:
        run = queue.take()
        if run is None:
            time.sleep(RETRY)
            continue
        if not queue.was_in_use(run):
            seconds = time_left([*queue.runs.values()])
            remaining = f", about {duration(seconds)} left" if seconds else ""
            logger.info(f"run {queue.finished + 1} of {queue.total}: {run.title}{remaining}")
        queue.note(run, do_run(make_task(run, threads), show_progress=show_progress))


def _measure_baselines(
    study: Study, places: Mapping[str, Path], data_dir: Path, threads: int | None
) -> list[FailedRun]:
    """Measure the baselines of test sets, label → directory; those that failed."""
    failed = []
    for label, path in places.items():
        try:
            _when_free(partial(_measure, study.test_sets[label], path, data_dir, threads))
        except Interrupted:
            raise
        except DiffkerasError as error:
            failed.append(FailedRun(f"baselines on {label}", path.name, str(error)))
    return failed


def _measure(test: Config, path: Path, data_dir: Path, threads: int | None) -> None:
    with locked(path.with_name(f".{path.name}.lock"), f"the directory {path}"):
        if not passes(check_baselines, path, test):
            evaluate_baselines(test, data_dir, path, threads=threads)


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
