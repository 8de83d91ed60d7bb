"""What the parts of a training run share, and the signals that end it between two steps."""

import logging
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import keras

from diffkeras.config import Config
from diffkeras.distributed.process_group import ProcessGroup
from diffkeras.surrogates.run_directory import Run
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.training.compiled_model import CompiledModel

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Remembers a signal instead of acting on it, within a `with` block.

    A second signal acts at once. So does the first one when the block ends and nothing has handled
    it by setting `number` to 0.

    Attributes:
        number: of the signal; 0 if there was none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore()
        if self.number and kind is None:
            signal.raise_signal(self.number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            self._restore()
            signal.raise_signal(number)
        self.number = number
        logger.info(
            f"{signal.Signals(number).name}: stopping after this step with a checkpoint; a second "
            "signal stops at once"
        )

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


@dataclass(frozen=True)
class TrainingSession:
    """A training run in this process."""

    config: Config
    data_dir: Path
    group: ProcessGroup
    batches: TrainingBatches
    run: Run
    checkpoints: Checkpoints
    compiled: CompiledModel
    state: TrainingState
    interruption: Interruption
    show_progress: bool = False

    @property
    def model(self) -> keras.Model:
        """The network that is trained."""
        return self.compiled.model

    @property
    def epochs(self) -> int:
        """Number of epochs of the run."""
        return self.config.training.epochs

    @property
    def steps(self) -> int:
        """Number of steps of an epoch."""
        return self.batches.steps

    @property
    def steps_done(self) -> int:
        """Number of steps since the start of the run."""
        return self.state.epoch * self.steps + self.state.step

    @property
    def out_of_patience(self) -> bool:
        """Whether the validation error has not improved for `training.early_stopping` epochs."""
        patience = self.config.training.early_stopping
        return patience is not None and self.state.epoch - self.state.best_epoch >= patience
