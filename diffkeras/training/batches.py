"""The batches of a training run: each replica reads its own share of the examples."""

import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import DataShares, mixed_dataset, steps_per_epoch, training_batches
from diffkeras.distributed.multiworker_model import distribute
from diffkeras.distributed.process_group import ProcessGroup
from diffkeras.errors import ConfigurationError


class TrainingBatches:
    """Training and validation batches for all replicas.

    Attributes:
        steps: number of training batches of an epoch.
        validation_steps: number of validation batches; None where the dataset ends by itself.
        threads: that read data; None for as many as tf.data finds best.
        waiting: measures the wait for training batches; None with several replicas.
        numbers: source count → ascending numbers of its training examples; None for those of the
            configuration, without hard examples.
    """

    def __init__(
        self, config: Config, data_dir: Path, group: ProcessGroup, *, threads: int | None = None
    ) -> None:
        self._config, self._data_dir, self.threads = config, data_dir, threads
        self._strategy, self._replicas = group.strategy, group.replicas
        self._shares = _count_shares(config, self._replicas)
        self.waiting = InputWaitTime() if self._replicas == 1 else None
        self.numbers: dict[int, list[int]] | None = None
        self.steps = steps_per_epoch(config, shares=self._shares)
        self.validation_steps: int | None = None
        if self._replicas > 1:
            self.validation_steps = int(self._validation_of(0).cardinality())
        self._check()

    def _check(self) -> None:
        section = self._config.training
        examples = len(self._config.data.sources) * self._config.examples_per_count
        if not section.steps_per_epoch and (not self.steps or section.batch_size > examples):
            raise ConfigurationError(
                f"training.batch_size: {section.batch_size} is more than all {examples} training "
                "examples; choose a smaller one"
            )
        if section.steps_per_execution > 1 and self._replicas > 1:
            raise ConfigurationError(
                f"training.steps_per_execution: {section.steps_per_execution} steps at once don't "
                f"work with {self._replicas} replicas, because Keras feeds such a step no batch; "
                "choose 1"
            )
        if self.steps % section.steps_per_execution:
            raise ConfigurationError(
                f"training.steps_per_execution: {section.steps_per_execution} doesn't divide the "
                f"{self.steps} steps of an epoch; choose a divisor, or 1"
            )

    def training(self, epoch: int, step: int) -> tf.data.Dataset:
        """Training batches without end, from a step of an epoch on."""

        def batches(shares: DataShares) -> tf.data.Dataset:
            return training_batches(
                self._config,
                self._data_dir,
                epoch=epoch,
                step=step,
                shares=shares,
                threads=self.threads,
            )

        if self.waiting is not None:
            measured = self.waiting.measure(batches(DataShares.all(self._shares)))
            # a strategy that fetched batches ahead to its GPU would be what waits for them
            on_host = tf.distribute.InputOptions(experimental_fetch_to_device=False)
            return self._strategy.distribute_datasets_from_function(lambda _: measured, on_host)
        each = self._shares // self._replicas
        return distribute(
            self._strategy,
            lambda replica: batches(
                DataShares(range(replica * each, (replica + 1) * each), self._shares)
            ),
        )

    def validation(self) -> tf.data.Dataset:
        """Batches of the validation split; without end where `validation_steps` is set."""
        if self._replicas == 1:
            return mixed_dataset(self._config, "validation", self._data_dir, threads=self.threads)
        return distribute(self._strategy, lambda replica: self._validation_of(replica).repeat())

    def _validation_of(self, replica: int) -> tf.data.Dataset:
        return mixed_dataset(
            self._config,
            "validation",
            self._data_dir,
            shares=DataShares(range(replica, replica + 1), self._replicas),
            threads=self.threads,
        )


def _count_shares(config: Config, replicas: int) -> int:
    shares = config.data.shares or replicas
    batch = config.training.batch_size
    if shares % replicas:
        raise ConfigurationError(
            f"data.shares: {shares} can't be divided evenly among {replicas} replicas; choose a "
            f"multiple of {replicas}"
        )
    if batch % shares:
        what = f"{shares} shares" if config.data.shares else f"{replicas} replicas"
        raise ConfigurationError(
            f"training.batch_size: {batch} examples can't be divided evenly among {what}; choose a "
            f"multiple of {shares}"
        )
    fewest = {
        "data.train_examples": (config.data.train_examples_used, shares, "shares"),
        "data.validation_examples": (config.data.validation_examples, replicas, "replicas"),
    }
    for key, (examples, parts, what) in fewest.items():
        if examples < parts:
            raise ConfigurationError(
                f"{key}: {examples} example(s) per source count are fewer than the {parts} {what}"
            )
    return shares


class InputWaitTime:
    """Seconds that training has waited for batches, measured in the pipeline itself.

    A clock is read when a batch is requested, and again when it is there. This works on one device:
    distributed training prefetches batches to its devices, and the clocks would time that.
    """

    def __init__(self) -> None:
        self._requested = self._seconds = 0.0

    def measure(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """The same batches, timed."""

        # Python reads the clock, because tf.timestamp doesn't run with deterministic operations.
        def request(number: np.int64) -> np.int64:
            self._requested = time.monotonic()
            return number

        def receive(number: np.int64) -> np.int64:
            self._seconds += time.monotonic() - self._requested
            return number

        before, after = (
            tf.data.Dataset.counter().map(lambda k, f=f: tf.numpy_function(f, [k], tf.int64))
            for f in (request, receive)
        )
        timed = tf.data.Dataset.zip((before, batches, after)).map(lambda _, batch, __: batch)
        options = tf.data.Options()
        # Otherwise the clocks would be read ahead, in other threads.
        options.experimental_optimization.inject_prefetch = False
        options.experimental_optimization.map_parallelization = False
        return timed.with_options(options)

    def take(self) -> float:
        """Seconds waited since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds
