"""Run directories: all that is needed to use, evaluate and repeat a training run."""

import csv
import itertools
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config, find_config, parse_config
from diffkeras.errors import ConfigurationError, Interrupted, OutputError, RunError, WorkerError
from diffkeras.identity import changed_keys, keys_that_stop, run_identity
from diffkeras.system.atomic_files import (
    PARTIAL,
    names_unwritable,
    read_json,
    write_json,
    write_text,
)
from diffkeras.system.environment import machine, source_commit, versions
from diffkeras.system.yaml_io import read_yaml

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "shipped_models"  # runs that come with diffkeras
DATA = Path("data")  # where commands look for datasets
RUN_FILE, CONFIG, HISTORY, WEIGHTS = "run.json", "config.yaml", "history.csv", "weights.npz"
FORMAT = 2  # version of run directories
BEGUN = {RUN_FILE, CONFIG, "logs", "checkpoints"}  # what a run without a checkpoint has


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: the directory. It holds `run.json` (state, seed, versions, summary), `config.yaml`,
            `history.csv`, `weights.npz`, `saved_model/`, `logs/` for TensorBoard, and
            `evaluation/` once it has been evaluated.
    """

    path: Path

    @classmethod
    def begin(
        cls, path: Path, config: Config, *, overwrite: bool = False, restart: bool = False
    ) -> "Run":
        """Start a run in a directory, or continue the unfinished run in it.

        `overwrite` first renames a finished run to `<path>.previous`, `restart` an unfinished one.
        """
        run = cls(path)
        run.check(config, overwrite=overwrite, restart=restart)
        with names_unwritable(path):
            if (path / RUN_FILE).is_file():
                names = {entry.name for entry in path.iterdir()} - BEGUN
                more = any(not name.startswith(PARTIAL) for name in names)
                if run.is_finished or restart or (more and not run.can_go_on()):
                    run.set_aside()
            path.mkdir(parents=True, exist_ok=True)
        # first, because a call that is killed leaves a directory that the next one must know
        run.write_state("running", seed=config.training.seed)
        write_text(path / CONFIG, config.to_yaml())
        return run

    def check(self, config: Config, *, overwrite: bool = False, restart: bool = False) -> None:
        """Raise a RunError, before any work, if `begin` can't start or continue a run here."""
        path = self.path
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file; choose another --run-dir")
        with names_unwritable(path):
            entries = list(path.iterdir()) if path.exists() else []
        if all(entry.name.startswith(PARTIAL) for entry in entries):
            return
        if not (path / RUN_FILE).is_file():
            name = min(entry.name for entry in entries)
            raise RunError(f"{path} holds {name} but no diffkeras run; choose another --run-dir")
        try:
            finished = self.is_finished
        except RunError as error:
            raise RunError(f"{error}; delete {path}, or choose another --run-dir") from None
        renamed = f"(the old run is renamed to {_free_name(path).name})"
        if finished and not overwrite:
            differing = changed_keys(self.config(), config)
            other = f" of another configuration: {'; '.join(differing)}" if differing else ""
            raise RunError(
                f"{path} holds a finished run{other}; choose another --run-dir, or give "
                f"--overwrite to train again {renamed}"
            )
        if finished or restart or not self.can_go_on():
            return
        own = self.config()
        if run_identity(own) != run_identity(config) and (stop := keys_that_stop(own, config)):
            raise RunError(
                f"{path} holds an unfinished run of another configuration: {'; '.join(stop)}. Use "
                f"its configuration to go on, --restart to start again {renamed}, or another "
                "--run-dir"
            )

    @property
    def is_finished(self) -> bool:
        """Whether training has ended, and its results are there."""
        return bool(self.state()["state"] == "finished")

    def holds(self, config: Config) -> bool:
        """Whether it is finished, and trained what a configuration asks for."""
        if not (self.path / RUN_FILE).is_file() or not self.is_finished:
            return False
        return run_identity(self.config()) == run_identity(config)

    def can_go_on(self) -> bool:
        """Whether it is an unfinished run with a checkpoint."""
        begun = (self.path / RUN_FILE).is_file() and any(self.checkpoints.glob("[0-9]*"))
        return begun and not self.is_finished

    def set_aside(self) -> Path:
        """Rename the directory, so that another run can take its place; its new name."""
        return self.path.rename(_free_name(self.path))

    @classmethod
    def open(cls, path: Path) -> "Run":
        """A finished run: its directory, or the name of a shipped surrogate."""
        path = find_run(path)
        if not os.path.isdir(path):  # where pathlib raises an error for long names
            raise RunError(
                f"there is no run directory {str(path)!s:.200}; `diffkeras train` writes one, and "
                f"these come with diffkeras: {', '.join(shipped_surrogates())}"
            )
        if not (path / RUN_FILE).is_file():
            hides = str(path) in shipped_surrogates()
            also = f"; it hides the shipped surrogate {path}" if hides else ""
            raise RunError(f"{path} holds no diffkeras run: {RUN_FILE} is missing{also}")
        run = cls(path)
        if not run.is_finished:
            raise RunError(f"the run in {path} is not finished; run `diffkeras train` again")
        for name in (CONFIG, HISTORY, WEIGHTS):
            if not (path / name).is_file():
                raise RunError(f"the run directory {path} is damaged: {path / name} is missing")
        return run

    @property
    def weights_file(self) -> Path:
        """The weights of the best model."""
        return self.path / WEIGHTS

    def history(self) -> list[dict[str, float]]:
        """Losses and metrics of each epoch; none if an unfinished run has no file yet.

        Raises:
            RunError: it is damaged.
        """
        file = self.path / HISTORY
        if not file.exists():
            return []
        try:
            with open(file, encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines))
            return [{k: float(v) if v else math.nan for k, v in row.items()} for row in rows]
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise RunError(f"the run directory {self.path} is damaged: {file}: {error}") from None

    @property
    def saved_model(self) -> Path:
        """The best model for TensorFlow programs without diffkeras."""
        return self.path / "saved_model"

    @property
    def logs(self) -> Path:
        """TensorBoard's directory."""
        return self.path / "logs"

    @property
    def checkpoints(self) -> Path:
        """What an unfinished run needs to go on; deleted when it is finished."""
        return self.path / "checkpoints"

    def result(self, name: str) -> Path:
        """Where a command writes a result of this run by default; a RunError for shipped ones."""
        if self.path.parent == SHIPPED:
            raise RunError(
                f"{self.path.name} comes with diffkeras, and nothing is written into its "
                "directory; say by --output where the result goes"
            )
        return self.path / name

    def config(self) -> Config:
        """The configuration of the run."""
        file = self.path / CONFIG
        if not file.is_file() or not file.stat().st_size:  # an empty one would have all defaults
            raise RunError(f"the run directory {self.path} is damaged: {file} is missing or empty")
        try:
            return parse_config(read_yaml(file), str(file))
        except ConfigurationError as error:
            raise RunError(f"the run directory {self.path} is damaged: {error}") from None

    def state(self) -> dict[str, Any]:
        """The content of `run.json`.

        Raises:
            RunError: it is missing, damaged, of another program, or of another version.
        """
        file = self.path / RUN_FILE
        content: Any = read_json(file)
        if not isinstance(content, dict) or not {"state", "versions", "machine"} <= content.keys():
            raise RunError(f"{file} is damaged, or written by another program")
        if content.get("format") != FORMAT:
            raise RunError(
                f"{self.path} is a run of another version of diffkeras, which this one doesn't "
                f"read; train again by `diffkeras train --config {self.path / CONFIG} --run-dir "
                f"{self.path}-again`"
            )
        return content

    def write_state(self, state: str, **details: Any) -> None:
        """Write `run.json`: state, details, versions of the libraries, machine, and commit."""
        content = {
            "format": FORMAT,
            "state": state,
            **details,
            "versions": versions(),
            "machine": machine(),
            "commit": source_commit(),
        }
        write_json(self.path / RUN_FILE, content)

    def data_dir(self) -> Path:
        """Where the datasets of its training are, if they are still there, else `data`."""
        recorded = self.state().get("data_dir")
        if recorded and Path(recorded).is_dir():
            return Path(recorded)
        if recorded:
            logger.warning(f"the data of the training were in {recorded}, which is gone")
        return DATA

    @contextmanager
    def recording_how_it_ends(self) -> Iterator[None]:
        """Write "interrupted" or "failed" and the reason into `run.json` if the block raises."""
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, Interrupted | KeyboardInterrupt | WorkerError)
            # the error itself, such as a full disk, may keep run.json from being written
            with suppress(RunError, OutputError):
                before = self.state()
                if before["state"] != "finished":
                    state = "interrupted" if stopped else "failed"
                    reason = str(error) or type(error).__name__
                    self.write_state(state, seed=before.get("seed"), reason=reason)
            raise


def _free_name(path: Path) -> Path:
    """A name to which a finished run can be renamed without replacing anything."""
    ends = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    places = (path.with_name(f"{path.name}.previous{end}") for end in ends)
    return next(place for place in places if not place.exists())


def shipped_surrogates() -> tuple[str, ...]:
    """The names of the surrogates that come with diffkeras."""
    return tuple(sorted(file.parent.name for file in SHIPPED.glob("*/weights.npz")))


def find_run(run: Path) -> Path:
    """The directory of a run: a path that exists, or else the name of a shipped surrogate."""
    return SHIPPED / run if str(run) in shipped_surrogates() and not run.exists() else run


def shipped_config(run: Path) -> str | None:
    """The name of the configuration that a shipped surrogate was trained with; None of others."""
    if run.parent != SHIPPED:
        return None
    try:
        find_config(name := f"models/{run.name}")
    except ConfigurationError:
        return run.name
    return name
