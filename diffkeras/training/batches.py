"""The batches of a training run: each replica reads its own share of the examples."""

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import mixed_dataset
from diffkeras.data.batches import DataShares, training_batches
from diffkeras.errors import ConfigurationError
from diffkeras.training.process_group import ProcessGroup


class TrainingBatches:
    """Training and validation batches for all replicas.

    Attributes:
        steps: number of training batches of an epoch.
        at_once: number of steps per call of TensorFlow.
        validation_steps: number of validation batches; None where the dataset ends by itself.
    """

    def __init__(
        self, config: Config, data_dir: Path, group: ProcessGroup, *, threads: int | None = None
    ) -> None:
        self._config, self._data_dir, self._threads = config, data_dir, threads
        self._strategy, self._replicas = group.strategy, group.replicas
        self._shares = check_batch(config, self._replicas)
        self.steps = config.steps_per_epoch_in(self._shares)
        # with several replicas, Keras would feed several steps at once no batch
        self.at_once = config.training.steps_per_execution if self._replicas == 1 else 1
        if self.steps % self.at_once:
            raise ConfigurationError(
                f"training.steps_per_execution: {self.at_once} doesn't divide the {self.steps} "
                "steps of an epoch; choose a divisor, or 1"
            )
        self.validation_steps: int | None = None
        if self._replicas > 1:
            share = DataShares(range(1), self._replicas)
            examples = len(config.data.sources) * len(share.of(config.data.validation_examples))
            self.validation_steps = math.ceil(examples / len(share.of(config.training.batch_size)))
        # the last one is kept: a cache reads all examples when it is made
        self.training = lru_cache(maxsize=1)(self._training)

    def _training(self, epoch: int, step: int) -> tf.data.Dataset:
        """Training batches without end, from a step of an epoch on."""
        each = self._shares // self._replicas

        def of_replica(replica: int) -> tf.data.Dataset:
            shares = DataShares(range(replica * each, (replica + 1) * each), self._shares)
            options: Any = {"epoch": epoch, "step": step, "threads": self._threads}
            return training_batches(self._config, self._data_dir, shares=shares, **options)

        return distribute(self._strategy, of_replica)

    def validation(self) -> tf.data.Dataset:
        """Batches of the validation split; without end where `validation_steps` is set."""

        def of_replica(replica: int) -> tf.data.Dataset:
            shares = DataShares(range(replica, replica + 1), self._replicas)
            options: Any = {"shares": shares, "threads": self._threads}
            batches = mixed_dataset(self._config, "validation", self._data_dir, **options)
            return batches if self.validation_steps is None else batches.repeat()

        return of_replica(0) if self._replicas == 1 else distribute(self._strategy, of_replica)


def check_batch(config: Config, replicas: int) -> int:
    """The number of shares of the examples; an error if batches or examples can't be shared."""
    data, batch = config.data, config.training.batch_size
    shares, what = data.shares or replicas, "shares" if data.shares else "replicas"
    for key, number, parts, of_what in (
        ("data.shares", shares, replicas, "replicas"),
        ("training.batch_size", batch, shares, what),
    ):
        if number % parts:
            raise ConfigurationError(
                f"{key}: {number} can't be divided evenly among {parts} {of_what}; choose a "
                f"multiple of {parts}"
            )
    for key, number, parts, of_what in (
        ("data.train_examples", data.train_examples_used, shares, "shares"),
        ("data.validation_examples", data.validation_examples, replicas, "replicas"),
    ):
        if number < parts:
            raise ConfigurationError(
                f"{key}: {number} per source count are fewer than the {parts} {of_what}"
            )
    # what is left of a count when it is shared evenly is not trained on
    examples = len(data.sources) * (data.train_examples_used // shares) * shares
    if not config.training.steps_per_epoch and batch > examples:
        raise ConfigurationError(
            f"training.batch_size: {batch} is more than all {examples} training examples; choose "
            "a smaller one"
        )
    return shares


def distribute(
    strategy: tf.distribute.Strategy, make: Callable[[int], tf.data.Dataset]
) -> tf.data.Dataset:
    """Batches for each replica, read by the process in which the replica runs.

    `make` makes the batches of replica r. Batch k must have the same size for all replicas.
    """

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * local
        own = [make(replica) for replica in range(first, first + local)]
        if local == 1:
            return own[0]
        # TensorFlow hands successive batches to successive replicas
        return tf.data.Dataset.choose_from_datasets(own, tf.data.Dataset.range(local).repeat())

    return strategy.distribute_datasets_from_function(of_process)
