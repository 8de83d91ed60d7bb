"""What a study, or all shipped ones, would do and cost, in lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diffkeras.reporting.text import duration
from diffkeras.studies.cost import CostCounter, cost_in_words
from diffkeras.studies.plan import PlannedRun, of_shard, plan, time_left
from diffkeras.studies.study import Study
from diffkeras.studies.study_directory import budget_in_words, check_study_directory, failures
from diffkeras.studies.study_file import load_study, shipped_studies


def studies_in_words(runs_dir: Path, overrides: Mapping[str, Any], tflops: float) -> Iterator[str]:
    """What all shipped studies cost, each and together, by the speed of a GPU [TFLOP/s]."""
    counter, planned = CostCounter(), []
    for name in shipped_studies():
        loaded = load_study(name, overrides)
        planned.append((loaded, plan(loaded, runs_dir)))
        yield f"{name}, on {'×'.join(map(str, loaded.base.physics.lattice))} nodes"
        yield from (f"  {line}" for line in cost_in_words(counter.cost(planned[-1:]), tflops))
    yield "all together, with runs and data that several need once"
    yield from (f"  {line}" for line in cost_in_words(counter.cost(planned), tflops))


def runs_in_words(
    study: Study,
    directory: Path,
    runs_dir: Path,
    shard: tuple[int, int] | None,
    jobs: int,
    tflops: float,
) -> Iterator[str]:
    """The runs of a study, which are done, and what the others cost by a GPU's speed [TFLOP/s].

    Raises:
        RunError, OutputError: the directory holds another study, or can't be used.
    """
    check_study_directory(directory, study, runs_dir)
    runs = plan(study, runs_dir)
    own = of_shard(runs, shard)
    errors = failures(directory, own)
    for run in own:
        words = f"{run.identity}  {run.title}"
        if run.done:
            yield f"done     {words}"
        elif run.identity in errors:
            yield f"failed   {words}: {errors[run.identity]}"
        else:
            yield f"{'trained' if run.trained else 'to do':7}  {words}"
    yield budget_in_words([run.config for run in runs])
    yield from cost_in_words(CostCounter().cost([(study, own)]), tflops)
    yield _outlook(time_left(own, jobs), own)


def _outlook(seconds: float | None, runs: Sequence[PlannedRun]) -> str:
    if all(run.done for run in runs):
        return "nothing is left to do"
    if all(run.trained for run in runs):
        return "nothing is left to train; some runs are to be evaluated"
    if seconds is None:
        return "no time estimate yet: no run has finished"
    return f"at most {duration(seconds)} of training left, at the speed of the finished runs"
