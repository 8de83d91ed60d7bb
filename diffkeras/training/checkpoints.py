"""Checkpoints: all that a training needs to go on as if it had never stopped."""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras

from diffkeras.errors import RunError
from diffkeras.nn.metrics import MaximumError
from diffkeras.system.atomic_files import names_unwritable, replacing, sync

logger = logging.getLogger(__name__)

WEIGHTS = "weights.weights.h5"  # of the model and the optimizer
STATE = "state.json"
KEPT = 2  # checkpoints, so that a damaged one has another before it

Accumulators = Mapping[str, keras.metrics.Metric]


@dataclass
class TrainingState:
    """Where a training stands, apart from the weights.

    Attributes:
        epoch: epochs completed.
        step: steps done of the epoch after them.
        seed: of the training.
        history: losses and metrics of each completed epoch.
        best_epoch: the one with the lowest validation error, from 1; 0 before the first.
        best_error: that error.
        best_digest: checksum of the file with its weights.
        losses: training losses of the epochs that were not undone.
        rollbacks: the epochs that were undone, from 1.
        metrics: accumulators of the metrics over the steps of the epoch.
        seconds: spent so far, over all interruptions.
    """

    epoch: int = 0
    step: int = 0
    seed: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_error: float = float("inf")
    best_digest: str = ""
    losses: list[float] = field(default_factory=list)
    rollbacks: list[int] = field(default_factory=list)
    metrics: dict[str, list] = field(default_factory=dict)
    seconds: float = 0.0

    def out_of_patience(self, patience: int | None) -> bool:
        """Whether so many epochs brought no better validation error; None for never."""
        return patience is not None and self.epoch - self.best_epoch >= patience


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, each a directory named after the steps done.

    Attributes:
        path: where they lie.
        steps: of an epoch.
        writes: whether this process writes them; if not, another one does.
    """

    path: Path
    steps: int
    writes: bool = True

    def place(self, steps: int) -> Path:
        """The checkpoint after a number of steps in all."""
        return self.path / f"{steps:010d}"

    def best_file(self, epoch: int) -> Path:
        """Weights of the model that was best up to an epoch."""
        return self.path / f"best-{epoch:06d}.weights.h5"

    def save(self, model: keras.Model, state: TrainingState) -> None:
        """Write a checkpoint, and remove those that are no longer needed.

        Raises:
            OutputError: it can't be written.
        """
        if not self.writes:
            return
        place = self.place(state.epoch * self.steps + state.step)
        partial = self.path / ".partial"
        with names_unwritable(place):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            weights = partial / WEIGHTS
            model.save_weights(weights)
            # Python's JSON writes each float so that it comes back to the last bit, and NaN too
            text = json.dumps({**asdict(state), "weights_digest": digest(weights)})
            content = {"state": text, "digest": hashlib.sha256(text.encode()).hexdigest()}
            (partial / STATE).write_text(json.dumps(content), encoding="utf-8")
            for file in (weights, partial / STATE):
                sync(file)
            shutil.rmtree(place, ignore_errors=True)
            partial.rename(place)
            sync(self.path)
        self._prune()

    def save_best(self, model: keras.Model, epoch: int) -> str:
        """Write the weights of a model without its optimizer; their file's checksum."""
        if not self.writes:
            return ""
        with replacing(self.best_file(epoch)) as partial:
            keras.Model(model.inputs, model.outputs).save_weights(partial)
        return digest(self.best_file(epoch))

    def latest(self) -> Path | None:
        """The newest undamaged checkpoint; None if there is none."""
        for place in reversed(self.places()):
            if damage := self._damage(place):
                logger.warning(
                    f"the checkpoint {place} is damaged ({damage}); trying the one before"
                )
            else:
                return place
        return None

    def discard_after(self, place: Path) -> None:
        """Remove checkpoints that are newer than one from which training goes on."""
        for newer in self.places():
            if self.writes and newer.name > place.name:
                shutil.rmtree(newer, ignore_errors=True)

    def backup(self) -> Path | None:
        """The newest checkpoint from the end of an epoch."""
        ends = [place for place in self.places() if int(place.name) % self.steps == 0]
        return ends[-1] if ends else None

    def places(self) -> list[Path]:
        """All checkpoints, damaged ones too, the oldest first."""
        return sorted(p for p in self.path.glob("[0-9]*") if p.is_dir() and p.name.isdecimal())

    def _damage(self, place: Path) -> str:
        try:
            state, weights_digest = _read(place)
            if weights_digest != digest(place / WEIGHTS):
                return f"{WEIGHTS} has another checksum"
            if state.best_epoch and self.best_is_damaged(state):
                return f"{self.best_file(state.best_epoch).name} has another checksum"
        except (OSError, ValueError) as error:
            return " ".join(str(error).split())
        return ""

    def best_is_damaged(self, state: TrainingState) -> bool:
        """Whether the best model isn't what was written.

        Raises:
            OSError: it can't be read.
        """
        return digest(self.best_file(state.best_epoch)) != state.best_digest

    def _prune(self) -> None:
        kept = set(self.places()[-KEPT:])
        kept |= {place for place in [self.backup()] if place}
        for place in self.places():
            if place not in kept:
                shutil.rmtree(place, ignore_errors=True)
        needed = set()
        for place in kept:
            try:
                needed.add(self.best_file(read_state(place).best_epoch))
            except RunError:
                return  # a damaged one says nothing: remove nothing
        for file in self.path.glob("best-*.weights.h5"):
            if file not in needed:
                file.unlink(missing_ok=True)


def read_state(place: Path) -> TrainingState:
    """The state in a checkpoint.

    Raises:
        RunError: damaged.
    """
    try:
        return _read(place)[0]
    except ValueError as error:
        raise RunError(f"the checkpoint {place} is damaged: {error}") from None


def _read(place: Path) -> tuple[TrainingState, str]:
    """The state in a checkpoint, and the checksum of its weights; ValueError if damaged."""
    try:
        content = json.loads((place / STATE).read_text(encoding="utf-8"))
        text = content["state"]
        if hashlib.sha256(text.encode()).hexdigest() != content["digest"]:
            raise ValueError(f"{STATE} has another checksum")
        values = json.loads(text)
        weights_digest = values.pop("weights_digest")
        return TrainingState(**values), weights_digest
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def read_weights(place: Path, model: keras.Model) -> None:
    """Set the weights of a model and of its built optimizer to those of a checkpoint.

    Raises:
        RunError: of another network.
    """
    try:
        model.load_weights(place / WEIGHTS)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"the checkpoint {place} doesn't fit the network: {error}") from None


def read_accumulators(metrics: Accumulators) -> dict[str, list]:
    """What metrics have gathered so far, over all replicas."""
    return {
        name: [float(metric.result())]
        if isinstance(metric, MaximumError)
        else [keras.ops.convert_to_numpy(v).tolist() for v in metric.variables]
        for name, metric in metrics.items()
    }


def write_accumulators(metrics: Accumulators, values: Mapping[str, list], replicas: int) -> None:
    """Give metrics back what they had gathered; replicas share sums, and all know a maximum."""
    for name, metric in metrics.items():
        # TensorFlow gives each replica an equal part of what is assigned
        factor = replicas if isinstance(metric, MaximumError) else 1
        for variable, value in zip(metric.variables, values.get(name, []), strict=False):
            variable.assign(keras.ops.multiply(value, factor))


def digest(file: Path) -> str:
    """A file's checksum."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
