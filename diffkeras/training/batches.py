"""The batches of a training: each replica's from the examples that are its share."""

from pathlib import Path

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import DataShares, mixed_dataset, steps_per_epoch, training_batches
from diffkeras.data.reading.input_wait_time import InputWaitTime
from diffkeras.distributed.multiworker_model import distribute
from diffkeras.distributed.process_group import Workers
from diffkeras.errors import ConfigurationError


class Feed:
    """Training and validation batches for all replicas.

    Attributes:
        steps: of an epoch.
        validation_steps: None where the validation batches end by themselves.
        waiting: measures the wait for training batches; None with several replicas.

    Raises:
        ConfigurationError: a batch, share or number of examples that the replicas don't divide.
    """

    def __init__(
        self, config: Config, data_dir: Path, workers: Workers, *, threads: int | None = None
    ) -> None:
        self._config, self._data_dir, self._threads = config, data_dir, threads
        self._strategy, self._replicas = workers.strategy, workers.replicas
        self._shares = _count_shares(config, self._replicas)
        self.waiting = InputWaitTime() if self._replicas == 1 else None
        self.steps = steps_per_epoch(config, shares=self._shares)
        self.validation_steps: int | None = None
        if self._replicas > 1:
            own = self._of_replica(0)
            self.validation_steps = int(own.cardinality())
        self._check()

    def _check(self) -> None:
        section = self._config.training
        examples = len(self._config.data.sources) * self._config.data.train_examples_used
        if not self.steps or section.batch_size > examples:
            raise ConfigurationError(
                f"training.batch_size: {section.batch_size} is more than all {examples} training "
                "examples; choose a smaller one"
            )
        if section.steps_per_execution > 1 and self._replicas > 1:
            raise ConfigurationError(
                f"training.steps_per_execution: {section.steps_per_execution} steps at once don't "
                f"work with {self._replicas} replicas (Keras feeds such a step no batch); choose 1"
            )
        if self.steps % section.steps_per_execution:
            raise ConfigurationError(
                f"training.steps_per_execution: {section.steps_per_execution} doesn't divide the "
                f"{self.steps} steps of an epoch; choose a divisor, or 1"
            )

    def training(self, epoch: int, step: int) -> tf.data.Dataset:
        """Training batches from an epoch and a step within it on, without end."""

        def batches(shares: DataShares) -> tf.data.Dataset:
            return training_batches(
                self._config,
                self._data_dir,
                epoch=epoch,
                step=step,
                shares=shares,
                workers=self._threads,
            )

        if self.waiting is not None:
            return self.waiting.measure(batches(DataShares.all(self._shares)))
        each = self._shares // self._replicas
        return distribute(
            self._strategy,
            lambda replica: batches(
                DataShares(range(replica * each, (replica + 1) * each), self._shares)
            ),
        )

    def validation(self) -> tf.data.Dataset:
        """Batches of the validation split; without end where `validation_steps` says how many."""
        if self._replicas == 1:
            return mixed_dataset(self._config, "validation", self._data_dir, workers=self._threads)
        return distribute(self._strategy, lambda replica: self._of_replica(replica).repeat())

    def _of_replica(self, replica: int) -> tf.data.Dataset:
        return mixed_dataset(
            self._config,
            "validation",
            self._data_dir,
            shares=DataShares(range(replica, replica + 1), self._replicas),
            workers=self._threads,
        )


def _count_shares(config: Config, replicas: int) -> int:
    shares = config.data.shares or replicas
    batch = config.training.batch_size
    if shares % replicas:
        raise ConfigurationError(
            f"data.shares: {shares} can't be dealt evenly to {replicas} replicas; choose a "
            f"multiple of {replicas}"
        )
    if batch % shares:
        what = f"{shares} shares" if config.data.shares else f"{replicas} replicas"
        raise ConfigurationError(
            f"training.batch_size: {batch} examples can't be shared evenly by {what}; choose a "
            f"multiple of {shares}"
        )
    fewest = {
        "data.train_examples": (config.data.train_examples_used, shares, "shares"),
        "data.validation_examples": (config.data.validation_examples, replicas, "replicas"),
    }
    for key, (examples, parts, what) in fewest.items():
        if examples < parts:
            raise ConfigurationError(
                f"{key}: {examples} example(s) a source count are fewer than the {parts} {what}"
            )
    return shares
