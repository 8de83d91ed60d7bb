"""The first stage of a run with hard examples, and what the second one takes from it."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.distributed.process_group import check_single_process
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.surrogates.config_differences import changed_keys
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import WITHOUT_EFFECT, run_identity
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.second_stage.hard_examples import choose, joined_numbers, write_choice

logger = logging.getLogger(__name__)


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
        """
        run = Run.open(self.path)
        found = run.config()
        if run_identity(found) != run_identity(self.config):
            raise RunError(
                f"the run in {self.path} can't be the first stage, which is the same configuration "
                "without hard examples: "
                f"{'; '.join(changed_keys(found, self.config, WITHOUT_EFFECT))}"
            )
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
