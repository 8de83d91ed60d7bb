"""What the parts of a training run share."""

from dataclasses import dataclass, field
from pathlib import Path

import keras

from diffkeras.config import Config
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.interruption import Interruption
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.training.compiled_model import CompiledModel
from diffkeras.training.process_group import ProcessGroup


@dataclass
class TrainingSession:
    """A training run in this process, and how far it has come."""

    config: Config
    data_dir: Path
    group: ProcessGroup
    batches: TrainingBatches
    run: Run
    compiled: CompiledModel
    interruption: Interruption
    show_progress: bool = False
    state: TrainingState = field(default_factory=TrainingState)

    def __post_init__(self) -> None:
        self.model: keras.Model = self.compiled.model
        self.checkpoints = Checkpoints(self.run.checkpoints, writes=self.group.is_chief)
        self.epochs, self.steps = self.config.training.epochs, self.batches.steps  # of an epoch

    @property
    def steps_done(self) -> int:
        """Number of steps since the start of the run."""
        return self.state.epoch * self.steps + self.state.step

    @property
    def out_of_patience(self) -> bool:
        """Whether the validation error has not improved for `training.early_stopping` epochs."""
        patience = self.config.training.early_stopping
        return patience is not None and self.state.epoch - self.state.best_epoch >= patience
