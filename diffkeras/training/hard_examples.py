"""A second stage of training, in which hard examples join.

The first stage is a run of its own. Its best model is measured on all training examples that it was
not trained on. Those of each source count with the largest mean absolute error join the ones that
the first stage used.

Source: the published program of the authors of arXiv 2302.03786, which joins the 2,000 examples
with the largest error to others and continues training.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data import explain_damage, raw_dataset
from diffkeras.data.dataset_config import check_versions
from diffkeras.distributed.process_group import check_single_process
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.surrogates.inputs import problem_of_examples
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import WITHOUT_EFFECT, changed_keys, run_identity
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.atomic_files import read_json, write_json
from diffkeras.training.batches import TrainingBatches

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HardExamples:
    """Training examples that join, of one source count.

    Attributes:
        numbers: of the examples, that with the largest error first.
        errors: mean absolute error of the first stage's best model on each of them.
        left: number of examples among which they were chosen.
        mean_error: over all of those.
    """

    numbers: list[int]
    errors: list[float]
    left: int
    mean_error: float


def choose(
    config: Config, surrogate: Surrogate, data_dir: Path, threads: int | None = None
) -> dict[int, HardExamples]:
    """Source count → the training examples that join those of a surrogate's training.

    Args:
        config: of the whole run; its training examples must be stored.
        surrogate: the best model of the first stage.
        data_dir: where the datasets are.
        threads: threads that read data; by default as many as tf.data finds best.
    """
    chosen = {}
    with explain_damage(config, data_dir):
        for count in config.data.sources:
            numbers, errors = _measure(config, count, surrogate, data_dir, threads)
            places = _choose_places(config, count, errors)
            chosen[count] = HardExamples(
                numbers[places].tolist(), errors[places].tolist(), errors.size, float(errors.mean())
            )
    return chosen


def _choose_places(config: Config, count: int, errors: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the chosen examples stand among those left, that with the largest error first."""
    hard = config.training.hard_examples
    assert hard is not None
    by_error = np.argsort(-errors, kind="stable")
    if hard.choice == "hardest":
        return by_error[: hard.number]
    random = np.random.default_rng([config.training.seed_of_order, count])
    return by_error[np.sort(random.choice(errors.size, hard.number, replace=False))]


def _measure(
    config: Config, count: int, surrogate: Surrogate, data_dir: Path, threads: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers and errors of the training examples that the first stage does not use."""
    used = config.data.train_numbers
    left = [range(used.start), range(used.stop, config.data.train_examples)]
    errors = []
    for part in filter(len, left):
        examples = raw_dataset(config, count, "train", data_dir, numbers=part, threads=threads)
        for batch in examples.batch(config.evaluation.batch_size).as_numpy_iterator():
            fields = surrogate.network_fields(problem_of_examples(config, batch))
            errors.append(np.abs(fields - batch["field"][..., 0]).mean(axis=(1, 2)))
    numbers = np.array([number for part in left for number in part], np.int64)
    return numbers, np.concatenate(errors).astype(np.float64)


def write_choice(file: Path, config: Config, chosen: dict[int, HardExamples]) -> None:
    """Write which examples join, with their errors, for people and for a run that continues."""
    hard = config.training.hard_examples
    assert hard is not None
    write_json(
        file,
        {"choice": hard.choice, "examples": {str(n): asdict(own) for n, own in chosen.items()}},
    )


def joined_numbers(file: Path, config: Config) -> dict[int, list[int]]:
    """Source count → ascending numbers of the examples of the second stage.

    Args:
        file: of `write_choice`.
        config: of the run.
    """
    content = read_json(file)
    try:
        added = {count: content["examples"][str(count)]["numbers"] for count in config.data.sources}
        joined = {n: sorted({*config.data.train_numbers, *own}) for n, own in added.items()}
    except (KeyError, TypeError) as error:
        raise RunError(f"{file} is damaged: {error!r}; train again with --restart") from None
    if any(len(numbers) != config.examples_per_count for numbers in joined.values()):
        raise RunError(
            f"{file} is damaged: it does not hold the examples of this run; train again with "
            "--restart"
        )
    return joined


@dataclass(frozen=True)
class FirstStage:
    """The first stage of a run with hard examples, which is a run of its own.

    Attributes:
        config: its configuration, which is that of the whole run without hard examples.
        whole: configuration of the whole run.
        path: its run directory.
    """

    config: Config
    whole: Config
    path: Path

    @classmethod
    def of(cls, config: Config, run_dir: Path, given: str | Path | None) -> "FirstStage | None":
        """The first stage of a run, by default next to the run; None for a run of one stage.

        Raises:
            ConfigurationError: a first stage is given for a run of one stage, or there are several
                processes.
            RunError: see `open`, if it is given.
        """
        path = Path(given or f"{os.path.abspath(run_dir)}-first_stage")
        if config.first_stage is None:
            if given is None:
                return None
            raise ConfigurationError(
                "training.hard_examples: it is null, so the run has no first stage such as "
                f"{path}; set its number and epochs, or give no first stage"
            )
        check_single_process("training on hard examples")
        stage = cls(config.first_stage, config, path)
        if given is not None:
            stage.open()
        return stage

    def open(self) -> Run:
        """The finished run.

        Raises:
            RunError: there is none in that directory, or one of another configuration.
            DataError: it was trained on an earlier version of the data.
        """
        run = Run.open(self.path)
        found = run.config()
        if run_identity(found) != run_identity(self.config):
            raise RunError(
                f"the run in {self.path} can't be the first stage, which is the same configuration "
                "without hard examples: "
                f"{'; '.join(changed_keys(found, self.config, WITHOUT_EFFECT))}"
            )
        versions = run.state().get("dataset_versions")
        check_versions(versions, self.config, self.path, "the latter with --overwrite")
        return run

    def join(
        self, run: Run, batches: TrainingBatches, data_dir: Path, train: Callable[[], object]
    ) -> list[NDArray] | None:
        """Let hard examples join the batches of the second stage.

        Args:
            run: the whole run, which remembers the choice.
            batches: of the second stage.
            data_dir: where the datasets are.
            train: trains the first stage, if it is not finished.

        Returns:
            The weights of the first stage's best model; None if the choice was made before.
        """
        weights = None
        if not run.hard_examples.is_file():
            try:
                self.open()
            except RunError:
                logger.info(f"first stage: {self.path}")
                train()
            weights = self._choose(run, data_dir, batches.threads)
        batches.numbers = joined_numbers(run.hard_examples, self.whole)
        return weights

    def _choose(self, run: Run, data_dir: Path, threads: int | None) -> list[NDArray]:
        surrogate = load_surrogate(self.open().path)
        chosen = choose(self.whole, surrogate, data_dir, threads)
        write_choice(run.hard_examples, self.whole, chosen)
        own = np.mean([errors for examples in chosen.values() for errors in examples.errors])
        of_all = np.mean([examples.mean_error for examples in chosen.values()])
        logger.info(
            f"second stage: {sum(len(examples.numbers) for examples in chosen.values())} more "
            f"training examples; mean absolute error {own:.3g} on them, {of_all:.3g} on all that "
            "were left"
        )
        return surrogate.model.get_weights()
