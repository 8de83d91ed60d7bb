"""Checkpoints: all that a training run needs to continue as if it had never stopped."""

import hashlib
import json
import logging
import math
import re
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras

from diffkeras.errors import RunError
from diffkeras.system.atomic_files import check_space, names_unwritable, replacing, sync
from diffkeras.system.result_folders import remove_files

logger = logging.getLogger(__name__)

WEIGHTS = "weights.weights.h5"  # of the model and the optimizer
STATE = "state.json"
PARTIAL = ".partial"  # a checkpoint that is being written
NAME = re.compile(r"(\d{6})-(\d{10})")  # epochs, and steps of the next one
BEST = re.compile(r"best-\d{6}\.weights\.h5")
NUMBER_BYTES = 4  # the size of a float32
VARIABLE_BYTES = 4096  # what HDF5 takes for a variable besides its numbers, at most
KEPT = 2  # number of checkpoints: if the newest is damaged, training continues from the other


@dataclass
class TrainingState:
    """How far a training run has come, apart from the weights. Epochs are counted from 1."""

    epoch: int = 0  # number of completed ones
    step: int = 0  # number of completed steps of the current epoch
    initial_model: str = ""  # SHA-256 of the file of `training.initial_model`
    history: list[dict[str, float]] = field(default_factory=list)  # a row per completed epoch
    best_epoch: int = 0  # with the lowest validation error
    best_error: float = float("inf")  # its validation MAE
    best_digest: str = ""  # checksum of the file with its weights
    losses: list[float] = field(default_factory=list)  # of the epochs that were not undone
    rollbacks: list[int] = field(default_factory=list)  # the epochs that were undone
    metrics: dict[str, list] = field(default_factory=dict)  # accumulated over the current epoch
    weights_digest: str = ""  # checksum of the weights that belong to this state
    seconds: float = 0.0  # of training, over all interruptions
    epoch_seconds: float = 0.0  # of the steps of the current epoch, without validation
    zero_field_mae: float | None = None  # validation MAE of a field of zeros


def write_state(file: Path, state: TrainingState) -> None:
    """Write a state with a checksum."""
    text = json.dumps(asdict(state))  # Python's JSON restores every float, and NaN as well
    digest = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(json.dumps({"state": text, "digest": digest}), encoding="utf-8")


def read_state(file: Path) -> TrainingState:
    """A state; a RunError if it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        text = content["state"]
        if hashlib.sha256(text.encode()).hexdigest() != content["digest"]:
            raise ValueError("it has another checksum")
        return TrainingState(**json.loads(text))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{file} is damaged: {error}") from None


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, each a directory named after the epochs and steps done."""

    path: Path
    writes: bool = True  # whether this process writes them; if not, the chief does

    def place(self, epoch: int, step: int) -> Path:
        """The directory of the checkpoint after a number of epochs, and of steps of the next one.

        With other replicas, an epoch may have other steps, so these are not counted in all.
        """
        return self.path / f"{epoch:06d}-{step:010d}"

    def places(self) -> list[Path]:
        """All checkpoints, damaged ones included, the oldest first."""
        return sorted(place for place in self.path.glob("*") if NAME.fullmatch(place.name))

    def best_file(self, epoch: int) -> Path:
        """File with the weights of the model that was best up to an epoch."""
        return self.path / f"best-{epoch:06d}.weights.h5"

    def save(self, model: keras.Model, state: TrainingState) -> None:
        """Write a checkpoint, and remove those that are no longer needed."""
        if not self.writes:
            return
        place = self.place(state.epoch, state.step)
        partial = self.path / PARTIAL
        with names_unwritable(place):
            self._remove(partial)
            partial.mkdir(parents=True, exist_ok=True)
            _save_weights(model, partial / WEIGHTS)
            state.weights_digest = digest(partial / WEIGHTS)
            write_state(partial / STATE, state)
            for file in (partial / WEIGHTS, partial / STATE, partial):
                sync(file)
            self._remove(place)
            partial.rename(place)
            sync(self.path)
        self._prune()

    def save_best(self, model: keras.Model, epoch: int) -> str:
        """Write the weights of a model without its optimizer; the checksum of their file."""
        if not self.writes:
            return ""
        with replacing(self.best_file(epoch)) as partial:
            _save_weights(keras.Model(model.inputs, model.outputs), partial)
        return digest(self.best_file(epoch))

    def latest(self) -> Path | None:
        """The newest checkpoint that is not damaged; None if there is none.

        Newer ones, which are damaged, are removed: training will write them again.
        """
        damaged: list[Path] = []
        for place in reversed(self.places()):
            if not (damage := self._damage(place)):
                self._remove(*damaged)
                return place
            logger.warning(f"the checkpoint {place} is damaged ({damage}); trying the one before")
            damaged.append(place)
        if damaged:
            raise RunError(
                f"all checkpoints in {self.path} are damaged; to start from the first epoch, give "
                f"`diffkeras train` --restart or delete {self.path.parent}"
            )
        return None

    def backup(self) -> Path | None:
        """The newest checkpoint from the end of an epoch that is not damaged."""
        return next((place for place in reversed(self._ends()) if not self._damage(place)), None)

    def _ends(self) -> list[Path]:
        return [place for place in self.places() if position(place)[1] == 0]

    def _damage(self, place: Path) -> str:
        try:
            state = read_state(place / STATE)
            digests = {place / WEIGHTS: state.weights_digest}
            if state.best_epoch:
                digests[self.best_file(state.best_epoch)] = state.best_digest
            changed = [file.name for file, known in digests.items() if digest(file) != known]
        except (OSError, RunError) as error:
            return str(error)
        return f"{changed[0]} has another checksum" if changed else ""

    def _prune(self) -> None:
        places = self.places()
        kept = {*places[-KEPT:], *self._ends()[-1:]}
        self._remove(*(place for place in places if place not in kept))
        with suppress(RunError):  # a damaged one doesn't say which best model it needs
            needed = {self.best_file(read_state(place / STATE).best_epoch) for place in kept}
            self._remove_best_but(needed)

    def remove(self) -> None:
        """Delete all checkpoints, which a finished run no longer needs; other files stay."""
        self._remove(*self.places(), self.path / PARTIAL)
        self._remove_best_but(set())
        with suppress(OSError):
            self.path.rmdir()

    def _remove(self, *places: Path) -> None:
        names = [f"{place.name}/{name}" for place in places for name in (WEIGHTS, STATE)]
        remove_files(self.path, names)

    def _remove_best_but(self, needed: set[Path]) -> None:
        found = {file for file in self.path.glob("*") if BEST.fullmatch(file.name)}
        remove_files(self.path, [file.name for file in found - needed])


def position(place: Path) -> tuple[int, int]:
    """The completed epochs of a checkpoint, and the completed steps of the next one."""
    epoch, step = place.name.split("-")
    return int(epoch), int(step)


def read_weights(place: Path, model: keras.Model) -> None:
    """Set the weights of a model and of its built optimizer from a checkpoint."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Skipping ")  # what the file lacks
            model.load_weights(place / WEIGHTS)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        first, *_ = str(error).partition("\n")
        raise RunError(
            f"the checkpoint {place} doesn't fit the network, which may have changed since: {first}"
        ) from None


def digest(file: Path) -> str:
    """A file's checksum."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _save_weights(model: keras.Model, path: Path) -> None:
    """Save weights if the disk has space: HDF5 ends the process with a crash if it is full."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer else ())]
    numbers = sum(math.prod(variable.shape) for variable in variables)
    check_space(path.parent, NUMBER_BYTES * numbers + VARIABLE_BYTES * (len(variables) + 8))
    model.save_weights(path)
