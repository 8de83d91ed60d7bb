"""What a study does and costs, before anything starts: runs, images, disk, and the time left."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.section import SPLITS
from diffkeras.reporting.text import duration, format_bytes
from diffkeras.studies.plan import PlannedRun, Study, data_needed, of_shard, plan, time_left
from diffkeras.studies.study_directory import check_study_directory, failures
from diffkeras.system.messages import low_to_high

BYTES = 4  # the size of a float32
COPIES = 2  # a finished run keeps its weights in weights.npz and in the SavedModel
OVERHEAD = 1.02  # size of a record over its field's size: the sources take little


@dataclass(frozen=True)
class Cost:
    """What the unfinished runs of some studies need.

    Attributes:
        runs: number of training runs.
        images: number of images that they train on, over all steps.
        test_images: number of predictions for evaluations.
        examples: number of examples of the datasets that they need, including existing ones.
        data_bytes: of these datasets on the disk.
        run_bytes: of the finished runs.
        parameters: of the smallest and of the largest network.
    """

    runs: int
    images: int
    test_images: int
    examples: int
    data_bytes: int
    run_bytes: int
    parameters: tuple[int, int]


def cost_of(planned: Iterable[tuple[Study, Sequence[PlannedRun]]]) -> Cost:
    """The cost of what is missing of studies, each with its runs from `plan`.

    Runs and datasets that several studies need count once.
    """
    planned = list(planned)
    runs = {run.identity: run.config for _, own in planned for run in own if not run.trained}
    tests = {
        run.tests[label]: study.test_sets[label].data
        for study, own in planned
        for run in own
        for label in run.tests.keys() - run.evaluated
    }
    examples, data_bytes = _size(
        config for study, own in planned for config in data_needed(study, own)
    )
    networks = {_network(config): config for config in runs.values()}
    parameters = {network: _parameters(config) for network, config in networks.items()}
    return Cost(
        runs=len(runs),
        images=sum(config.steps * config.training.batch_size for config in runs.values()),
        test_images=sum(data.test_examples * len(data.sources) for data in tests.values()),
        examples=examples,
        data_bytes=data_bytes,
        run_bytes=COPIES * BYTES * sum(parameters[_network(config)] for config in runs.values()),
        parameters=(min(parameters.values(), default=0), max(parameters.values(), default=0)),
    )


def _network(config: Config) -> str:
    """A text that is equal for configurations of the same network."""
    return repr((config.model, config.physics, config.data.diffusion_length, config.data.tissue))


def _parameters(config: Config) -> int:
    """The number of trainable parameters of the network of a configuration."""
    from diffkeras.surrogates.build import build_model

    return sum(int(np.prod(each.shape)) for each in build_model(config).trainable_variables)


def _size(configs: Iterable[Config]) -> tuple[int, int]:
    """Number of examples, and bytes; of several sizes of one dataset, the largest."""
    examples: dict[tuple[str, str], int] = {}
    sizes: dict[str, int] = {}  # of an example [bytes]
    for config in configs:
        for count in config.data.sources:
            dataset = DatasetConfig.of(count, config)
            sizes[dataset.name] = BYTES * int(np.prod(config.physics.lattice)) * len(dataset.given)
            for split in SPLITS:
                key = dataset.name, split
                examples[key] = max(examples.get(key, 0), config.data.examples(split))
    size = sum(number * sizes[name] for (name, _), number in examples.items())
    return sum(examples.values()), round(OVERHEAD * size)


def cost_in_words(found: Cost) -> list[str]:
    """Lines for people: what is to be trained, predicted and stored."""
    weights = low_to_high(*found.parameters, ",")
    return [
        f"to train: {found.runs:,} runs of {weights} parameters, on {found.images:,} images",
        f"to test: {found.test_images:,} predictions",
        f"disk: {format_bytes(found.run_bytes)} for the runs, {format_bytes(found.data_bytes)} for "
        f"{found.examples:,} examples, including those that exist already",
    ]


def dry_run(
    study: Study, directory: Path, runs_dir: Path, shard: tuple[int, int] | None, jobs: int
) -> Iterator[str]:
    """Lines for people: the runs of a study, which are done, and what the others cost."""
    check_study_directory(directory, study, runs_dir)
    runs = plan(study, runs_dir)
    own = of_shard(runs, shard)
    errors = failures(directory, own)
    for run in own:
        words = f"{run.identity}  {run.title}"
        if run.identity in errors:
            yield f"failed   {words}: {errors[run.identity]}"
        else:
            state = "done" if run.done else "trained" if run.trained else "to do"
            yield f"{state:7}  {words}"
    yield budget_in_words([run.config for run in runs])
    yield from cost_in_words(cost_of([(study, own)]))
    if seconds := time_left(own, jobs):
        left = duration(seconds)
        yield f"time: about {left} of training left, at the speed of the finished runs"
    elif not all(run.trained for run in own):
        yield "time: not known until a run has finished"


def budget_in_words(configs: Sequence[Config]) -> str:
    """Whether all runs train for equally many steps, equally many epochs, or neither."""
    steps = sorted({config.steps for config in configs})
    epochs = sorted({config.training.epochs for config in configs})
    batches = {config.training.batch_size for config in configs}
    batch = low_to_high(min(batches), max(batches))
    if len(steps) == 1:
        return f"Equal steps: every run trains for {steps[0]} steps of {batch} examples."
    ranges = f"{steps[0]} to {steps[-1]} steps of {batch} examples"
    if len(epochs) == 1 and not any(config.training.steps_per_epoch for config in configs):
        return f"Equal epochs: every run trains for {epochs[0]} epochs, which are {ranges}."
    return f"Neither equal steps nor equal epochs: runs train for {ranges}."
