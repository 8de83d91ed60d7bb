"""The start of a training run: its data, its directory, where it continues, its first weights."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from diffkeras._version import __version__
from diffkeras.config import Config
from diffkeras.data.reading.examples import explain_damage
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.surrogates.build import build_model, make_loss
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import changed_keys, flatten
from diffkeras.surrogates.surrogate import surrogate_of_run
from diffkeras.system.file_lock import locked
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.checkpoints import (
    STATE,
    Checkpoints,
    digest,
    position,
    read_state,
    read_weights,
)
from diffkeras.training.process_group import ProcessGroup
from diffkeras.training.session import TrainingSession

logger = logging.getLogger(__name__)


def common_settings(config: Config) -> dict[str, Any]:
    """What must be equal in all processes of a run, by name."""
    return {"diffkeras": __version__, **flatten(config.model_dump(mode="json"))}


@dataclass(frozen=True)
class InitialModel:
    """The weights from which a run starts.

    Attributes:
        weights: of the best model of another run.
        sha256: of their file.
    """

    weights: list[NDArray]
    sha256: str

    @classmethod
    def read(cls, config: Config) -> "InitialModel | None":
        """The model that `training.initial_model` names; None without one.

        Raises:
            RunError: there is no finished run of that name, or it is damaged.
            ConfigurationError: its network is another one.
        """
        name = config.training.initial_model
        if name is None:
            return None
        run = Run.open(Path(name))
        surrogate = surrogate_of_run(run)
        other = [
            change
            for change in changed_keys(surrogate.config, config, ("model.initial_weights",))
            if change.startswith("model.")
        ]
        there, here = surrogate.config.view.varying, config.view.varying
        if there != here:
            other.append(
                f"inputs besides the source image: {', '.join(there) or 'none'} there, "
                f"{', '.join(here) or 'none'} here (data.diffusion_length, data.tissue)"
            )
        if other:
            raise ConfigurationError(
                f"training.initial_model: the network of {name} is another one: {'; '.join(other)}"
            )
        return cls(surrogate.model.get_weights(), digest(run.weights_file))


def prepare(
    config: Config,
    data_dir: Path,
    run_dir: Path,
    group: ProcessGroup,
    threads: int | None,
    *,
    overwrite: bool,
    restart: bool,
) -> tuple[TrainingBatches, InitialModel | None]:
    """The batches of a run, and the model it starts from, once all processes have read them.

    Called before anything is written, so that a run that can't start leaves no directory. Whether
    the directory can be used is checked first, as reading a cache takes long.

    Args:
        config: the configuration.
        data_dir: where the datasets are.
        run_dir: the run directory. If it has checkpoints, no model to start from is read.
        group: the processes that train.
        threads: threads that read data; None for as many as tf.data finds best.
        overwrite: whether a finished run will be set aside.
        restart: whether an unfinished run will be set aside.
    """
    run = Run(run_dir)
    if group.is_chief:
        run.check(config, overwrite=overwrite, restart=restart)
        if not restart:
            _check_epochs(config, Checkpoints(run.checkpoints))
    resumes = not restart and run.can_go_on()
    # only now: a loss may hold a variable, and TensorFlow connects no processes after the first
    make_loss(config)
    if config.model.is_own:  # its errors are found here
        build_model(config)
    initial = None if resumes else InitialModel.read(config)
    with explain_damage(config, data_dir):  # a cache reads all examples here
        batches = TrainingBatches(config, data_dir, group, threads=threads)
        batches.training(0, 0)
    group.gather(0)  # no process begins the run before all have looked at the directory
    return batches, initial


@contextmanager
def begun_run(
    config: Config,
    run_dir: Path,
    group: ProcessGroup,
    *,
    overwrite: bool,
    restart: bool,
) -> Iterator[Run]:
    """The run directory, which the chief locks and begins.

    `run.json` will say how the run ended.

    Args:
        config: the configuration.
        run_dir: the run directory.
        group: the processes that train.
        overwrite: whether to set a finished run aside.
        restart: whether to set an unfinished run aside.
    """
    run = Run(run_dir)
    absolute = Path(os.path.abspath(run_dir))
    # not within the directory, which may be renamed under the lock
    lock = absolute.with_name(f".{absolute.name}.lock")
    with ExitStack() as stack:
        if group.is_chief:
            stack.enter_context(locked(lock, f"the run {run_dir}"))
            run = Run.begin(run_dir, config, overwrite=overwrite, restart=restart)
            stack.enter_context(run.recording_how_it_ends())
        yield run


def _check_epochs(config: Config, checkpoints: Checkpoints) -> None:
    done = 0
    for place in checkpoints.places():
        # not by the number of steps, because another configuration has other epochs
        with suppress(RunError):
            done = read_state(place / STATE)[0].epoch
    if done > config.training.epochs:
        raise ConfigurationError(
            f"training.epochs: {config.training.epochs}, but {done} epochs are done already; give "
            f"at least {done} to continue, or --restart to start again"
        )


def start_or_resume(session: TrainingSession, initial: InitialModel | None) -> None:
    """Set the state and the weights of a session to those in which training starts.

    Args:
        session: its model is compiled, with random weights. The chief chooses the newest undamaged
            checkpoint.
        initial: the weights to start from without a checkpoint; None for the random ones.
    """
    config, model = session.config, session.model
    if _resume(session):
        return
    if initial is not None:
        model.set_weights(initial.weights)
        session.state.initial_model = initial.sha256
        logger.info(f"starting from the weights of {config.training.initial_model}")


def _resume(session: TrainingSession) -> bool:
    """Continue from the newest checkpoint; whether there is one."""
    group = session.group
    place = session.checkpoints.latest() if group.is_chief else None
    epoch, step = (-1, 0) if place is None else position(place)
    (epoch, *_), (step, *_) = group.gather(epoch), group.gather(step)
    if epoch < 0:
        return False
    place = session.checkpoints.place(epoch, step)
    read_weights(place, session.model)
    state, _ = read_state(place / STATE)
    session.state = state
    # with other replicas, the epoch may be shorter than before; its end isn't to be missed
    state.step = min(state.step, session.steps - session.config.training.steps_per_execution)
    logger.info(f"resuming at epoch {state.epoch + 1}, step {state.step} of {session.steps}")
    return True
