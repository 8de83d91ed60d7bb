"""What studies cost before anything starts: runs, images, operations, disk."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffkeras.config import SPLITS, Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.errors import ConfigurationError
from diffkeras.studies.plan import data_needed
from diffkeras.studies.study import PlannedRun, Study
from diffkeras.system.fingerprint import fingerprint

BYTES = 4  # the size of a float32
TRAINING = 3  # operations of a training step / those of the prediction: forward, and two backward
COPIES = 2  # a finished run keeps its weights in weights.npz and in the SavedModel
OVERHEAD = 1.02  # size of a record over that of its field: the sources take little


@dataclass(frozen=True)
class Network:
    """One network on one lattice.

    Attributes:
        parameters: trainable ones.
        flop: floating-point operations of the prediction of one image, as TensorFlow counts them
            in the built model. It doesn't count Fourier transforms.
    """

    parameters: int
    flop: int


@dataclass(frozen=True)
class Cost:
    """What is still to be done of some studies.

    Attributes:
        runs: number of training runs.
        images: number of images that they train on, over all steps.
        validation_images: number of predictions for validation, over all epochs.
        test_images: number of predictions for evaluations and searches.
        flop: floating-point operations of all these.
        examples: number of examples of the datasets that they need.
        data_bytes: of these datasets on the disk.
        run_bytes: of the finished runs.
        parameters: of the smallest and of the largest network.
    """

    runs: int
    images: int
    validation_images: int
    test_images: int
    flop: float
    examples: int
    data_bytes: int
    run_bytes: int
    parameters: tuple[int, int]

    def gpu_hours(self, tflops: float) -> float:
        """Hours of a device that computes so many TFLOP/s, for all operations."""
        return self.flop / (tflops * 1e12) / 3600


@dataclass
class CostCounter:
    """Adds up the cost of studies. Runs and datasets that several of them need count once."""

    _networks: dict[str, Network] = field(default_factory=dict)

    def network(self, config: Config) -> Network:
        """The network of a configuration; each is built once."""
        sections = {"model": config.model, "physics": config.physics}
        key = fingerprint({k: v.model_dump(mode="json") for k, v in sections.items()}, 12)
        if key not in self._networks:
            self._networks[key] = count_operations(config)
        return self._networks[key]

    def cost(self, planned: Iterable[tuple[Study, Sequence[PlannedRun]]]) -> Cost:
        """The cost of what is missing of studies, each with its runs from `plan`."""
        planned = list(planned)
        runs = {run.identity: run for _, own in planned for run in own if not run.trained}
        networks = {name: self.network(run.config) for name, run in runs.items()}
        images = {
            name: run.config.steps * run.config.training.batch_size for name, run in runs.items()
        }
        checks = {name: _validation_images(run.config) for name, run in runs.items()}
        flop = sum(
            network.flop * (TRAINING * images[name] + checks[name])
            for name, network in networks.items()
        )
        test_images = 0
        for run, number in _tests(planned).values():
            test_images += number
            flop += number * self.network(run.config).flop
        stored = _stored(planned)
        sizes = [network.parameters for network in networks.values()] or [0]
        return Cost(
            runs=len(runs),
            images=sum(images.values()),
            validation_images=sum(checks.values()),
            test_images=test_images,
            flop=float(flop),
            examples=sum(number for number, _ in stored.values()),
            data_bytes=_bytes(stored),
            run_bytes=COPIES * BYTES * sum(network.parameters for network in networks.values()),
            parameters=(min(sizes), max(sizes)),
        )


def _validation_images(config: Config) -> int:
    return config.training.epochs * config.data.validation_examples * len(config.data.sources)


def _tests(
    planned: Sequence[tuple[Study, Sequence[PlannedRun]]],
) -> dict[str, tuple[PlannedRun, int]]:
    """Directory of each missing evaluation or search → its run, and its number of images."""
    found: dict[str, tuple[PlannedRun, int]] = {}
    for study, runs in planned:
        for run in runs:
            for label in run.tests.keys() - run.evaluated:
                data = study.test_sets[label].data
                number = data.test_examples * len(data.sources)
                found[str(run.tests[label])] = run, number
            if run.search is not None and not run.searched and study.worst_cases:
                settings = study.worst_cases
                found[str(run.search)] = run, 2 * settings.starts * settings.evaluations
    return found


def data_in_words(configs: Sequence[Config]) -> str:
    """The datasets of `data_needed`, in words."""
    from diffkeras.reporting.text import format_bytes

    stored = _datasets(configs)
    names = {name for name, _ in stored}
    examples = sum(number for number, _ in stored.values())
    return (
        f"{len(names)} datasets with {examples:,} examples, {format_bytes(_bytes(stored))} in all"
    )


def check_batches(runs: Sequence[PlannedRun], replicas: int) -> None:
    """Raise a ConfigurationError, before any work, if the batches of a run don't fit.

    A batch can't be divided among the GPUs that train it together, or has too many examples.
    """
    from diffkeras.training.batches import check_batch

    for run in runs:
        try:
            check_batch(run.config, 1 if run.trained else replicas)
        except ConfigurationError as error:
            advice = "; or do one run per GPU, with --jobs" if replicas > 1 else ""
            raise ConfigurationError(f"{run.title}: {error}{advice}") from None


def _bytes(stored: Mapping[tuple[str, str], tuple[int, int]]) -> int:
    return round(OVERHEAD * sum(number * size for number, size in stored.values()))


def _stored(
    planned: Sequence[tuple[Study, Sequence[PlannedRun]]],
) -> dict[tuple[str, str], tuple[int, int]]:
    return _datasets([config for study, runs in planned for config in data_needed(study, runs)])


def _datasets(configs: Iterable[Config]) -> dict[tuple[str, str], tuple[int, int]]:
    """Dataset and split → number of examples, and bytes of the fields of each."""
    stored: dict[tuple[str, str], tuple[int, int]] = {}
    for config in configs:
        for count in config.data.sources:
            dataset = DatasetConfig.of(count, config)
            size = BYTES * int(np.prod(config.physics.lattice)) * len(dataset.kind.given)
            for split in SPLITS:
                before = stored.get((dataset.name, split), (0, 0))[0]
                stored[dataset.name, split] = max(before, config.data.examples(split)), size
    return stored


def count_operations(config: Config) -> Network:
    """Parameters, and operations of the prediction of one image, from the built model."""
    import tensorflow as tf

    from diffkeras.surrogates.build import build_model

    model = build_model(config)
    shape = (1, *config.physics.lattice, model.input_shape[-1])
    call = tf.function(lambda images: model(images, training=False))
    graph = call.get_concrete_function(tf.TensorSpec(shape)).graph
    options: dict[str, Any] = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it advises against its own profiler
    try:
        counted = tf.compat.v1.profiler.profile(graph, options=options)
    finally:
        logger.setLevel(level)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return Network(parameters, int(counted.total_float_ops))


def cost_in_words(cost: Cost, tflops: float) -> list[str]:
    """Lines for people: what is to be trained, predicted and stored."""
    from diffkeras.reporting.text import format_bytes

    least, most = cost.parameters
    networks = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return [
        f"to train: {cost.runs:,} runs of {networks} parameters, on {cost.images:,} images in all, "
        f"and {cost.validation_images:,} predictions for validation",
        f"to test: {cost.test_images:,} predictions",
        f"operations: {cost.flop:.3g} FLOP, {cost.gpu_hours(tflops):,.2g} hours at {tflops:g} "
        "TFLOP/s",
        f"disk: {format_bytes(cost.data_bytes)} for {cost.examples:,} examples, "
        f"{format_bytes(cost.run_bytes)} for the runs",
    ]
