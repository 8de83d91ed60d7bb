"""Several runs of a study at the same time, each in a process of its own."""

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool

from diffkeras.errors import Interrupted
from diffkeras.studies.runs.one_run import do_run_in_child
from diffkeras.studies.runs.outcome import Outcome
from diffkeras.studies.runs.queue import RunQueue, RunTask
from diffkeras.studies.study import PlannedRun
from diffkeras.system.environment import available_cores
from diffkeras.system.interruption import Interruption
from diffkeras.system.process_pool import ProcessPool
from diffkeras.system.progress import progress_bar
from diffkeras.system.tensorflow_setup import visible_gpus

INTERRUPTED_ALONE = "a signal to the process that trained it ended it; its checkpoint is kept"
DIED = "the process that trained it died; if memory ran out, use fewer --jobs"
POLL = 1.0  # seconds between two looks at the progress of the runs

MakeTask = Callable[[PlannedRun, int], RunTask]


def run_in_processes(
    queue: RunQueue, make_task: MakeTask, jobs: int, threads: int | None, *, show_progress: bool
) -> None:
    """Do all runs of a queue, `jobs` at a time, with a number of threads each.

    By default they share the cores. If there are GPUs, each process sees one of them; several share
    one only if there are more processes than GPUs. A process that dies loses its run only, and is
    replaced. Processes end with this one.

    Raises:
        Interrupted: SIGINT or SIGTERM; the runs have saved checkpoints.
    """
    jobs = min(jobs, queue.total)
    threads = threads or max(1, available_cores() // jobs)
    steps: dict[str, int] = {}  # of each run, for the progress bar
    with (
        Interruption() as interruption,
        progress_bar(queue.steps, "Training", "steps", shown=show_progress) as bar,
        _Children(threads, visible_gpus()) as children,
    ):
        while not queue.empty or children.running:
            if interruption.number:
                children.interrupt()
                if not children.running:
                    break
            else:
                while len(children.running) < jobs and (run := queue.take()):
                    children.start(run, make_task(run, threads))
            for run, outcome in children.ended():
                if outcome.state == "interrupted" and not interruption.number:
                    outcome = Outcome("failed", INTERRUPTED_ALONE)
                queue.note(run, outcome)
                steps[run.identity] = 0 if run.trained else run.config.steps
            steps |= {run.identity: _steps_done(run) for _, run in children.running.values()}
            words = f"{queue.finished} of {queue.total} runs done, {len(children.running)} in work"
            bar.set_description(words, False)
            bar.update(sum(steps.values()) - bar.n)
        number, interruption.number = interruption.number, 0
    if number:
        raise Interrupted("stopped; the runs continue from their checkpoints", number)


def _steps_done(run: PlannedRun) -> int:
    """Steps of the epochs that a run has finished; 0 if it was trained before."""
    if not run.trained:
        with contextlib.suppress(OSError):
            epochs = (run.run_dir / "history.csv").read_bytes().count(b"\n") - 1
            return min(run.config.steps, max(0, epochs) * run.config.steps_per_epoch)
    return 0


class _Children:
    """Processes that train, one run each at a time, with a number of threads and one GPU each.

    Attributes:
        running: result to come → the pool of one process that computes it, and its run.
    """

    def __init__(self, threads: int, gpus: Sequence[str] = ()) -> None:
        self.running: dict[Future[Outcome], tuple[ProcessPool, PlannedRun]] = {}
        self._threads = threads
        self._gpus = gpus
        self._idle: list[ProcessPool] = []
        self._interrupted = False

    def __enter__(self) -> "_Children":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in (*self._idle, *(pool for pool, _ in self.running.values())):
            pool.shutdown()

    def start(self, run: PlannedRun, task: RunTask) -> None:
        """Give a run to an idle process, or to a new one."""
        pool = self._idle.pop() if self._idle else self._new()
        self.running[pool.submit(do_run_in_child, task)] = pool, run

    def _new(self) -> ProcessPool:
        module, pools = do_run_in_child.__module__, [pool for pool, _ in self.running.values()]
        # the first of the GPUs that the fewest processes have
        used = [pool.gpu for pool in pools]
        gpu = min(self._gpus, key=used.count, default=None)
        return ProcessPool(1, module=module, threads=self._threads, trains=True, gpu=gpu)

    def ended(self) -> list[tuple[PlannedRun, Outcome]]:
        """The runs that ended within a moment, and how."""
        if not self.running:
            time.sleep(POLL)
        done, _ = wait(self.running, POLL, FIRST_COMPLETED)
        outcomes = []
        for future in done:
            pool, run = self.running.pop(future)
            try:
                outcomes.append((run, future.result()))
                self._idle.append(pool)
            except BrokenProcessPool:
                pool.shutdown()
                death = Outcome("interrupted") if self._interrupted else Outcome("failed", DIED)
                outcomes.append((run, death))
        return outcomes

    def interrupt(self) -> None:
        """Ask all to end with a checkpoint."""
        if not self._interrupted:
            for pool, _ in self.running.values():
                pool.interrupt()
        self._interrupted = True
