"""Run directories: where a training leaves all that is needed to use, judge and repeat it."""

import itertools
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config, load_config, long_form, read_yaml
from diffkeras.errors import ConfigurationError, Interrupted, RunError, WorkerLostError
from diffkeras.reporting.text import value_text
from diffkeras.system.atomic_files import read_json, write_json, write_text
from diffkeras.system.environment import machine, versions

MARK = "run.json"
OWN = (
    MARK,
    "config.yaml",
    "history.csv",
    "model.keras",
    "saved_model",
    "logs",
    "checkpoints",
    "evaluation",
)
# the last line of config.yaml, by which one that is cut off is known
END = "# end of the configuration"


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: the directory. It holds `run.json` (state, seed, versions, summary), `config.yaml`,
            `history.csv`, `model.keras`, `saved_model/`, `logs/` for TensorBoard, and
            `evaluation/` once it has been evaluated.
    """

    path: Path

    @classmethod
    def begin(
        cls, path: Path, config: Config, *, overwrite: bool = False, restart: bool = False
    ) -> "Run":
        """A new run directory, or that of an unfinished run that is to go on.

        Args:
            path: where.
            config: the full configuration.
            overwrite: move a finished run out of the way, to `<path>.previous`.
            restart: delete an unfinished run instead of going on with it.

        Raises:
            RunError: a finished run, an unfinished one of another configuration, or something else
                lies there, or it can't be written.
        """
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file; choose another --run-dir")
        run = cls(path)
        try:
            if path.exists() and any(path.iterdir()):
                run._make_way(config, overwrite, restart)
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"the run directory {path} can't be written: {error}") from None
        write_text(path / "config.yaml", f"{config.to_yaml()}{END}\n")
        run.write_state("running", seed=config.training.seed)
        return run

    def _make_way(self, config: Config, overwrite: bool, restart: bool) -> None:
        path = self.path
        if not (path / MARK).is_file():
            raise RunError(f"{path} holds files but no diffkeras run; choose another --run-dir")
        # other programs write a file of that name, too
        foreign = RunError(f"{path / MARK} is not diffkeras'; choose another --run-dir")
        try:
            state = self.state()
        except RunError as error:
            raise RunError(f"{error}; choose another --run-dir, or delete {path}") from None
        if "state" not in state or "diffkeras" not in (state.get("versions") or {}):
            raise foreign
        finished = state["state"] == "finished"
        if finished:
            if not overwrite:
                raise RunError(
                    f"{path} holds a finished run; choose another --run-dir, or give --overwrite "
                    f"to start anew (the old run is kept as {_free_name(path).name})"
                )
            path.rename(_free_name(path))
        elif restart or not any(self.checkpoints.glob("[0-9]*")):
            self._remove_own()
        elif differing := differences(self.config(), config):
            raise RunError(
                f"{path} holds an unfinished run of another configuration: "
                f"{'; '.join(differing)}. Give its configuration to go on, --restart to lose it "
                "and start anew, or another --run-dir"
            )

    def _remove_own(self) -> None:
        """Delete what a training writes, and nothing else that somebody put there."""
        for name in OWN:
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """A finished run.

        Raises:
            RunError: missing, empty, foreign or unfinished.
        """
        if not path.is_dir():
            raise RunError(f"there is no run directory {path}; `diffkeras train` makes one")
        mark = path / MARK
        if not mark.is_file():
            what = "holds no diffkeras run" if any(path.iterdir()) else "is empty"
            raise RunError(f"the run directory {path} {what}: {MARK} is missing")
        run = cls(path)
        if run.state().get("state") != "finished":
            raise RunError(f"the run in {path} is not finished; run `diffkeras train` again")
        if not run.model_file.is_file():
            raise RunError(f"the run directory {path} is damaged: {run.model_file} is missing")
        return run

    @property
    def model_file(self) -> Path:
        """The best model, as Keras saves it."""
        return self.path / "model.keras"

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
        """Where training keeps what it needs to go on; gone once it is finished."""
        return self.path / "checkpoints"

    @property
    def evaluation(self) -> Path:
        """Where `evaluate` writes by default."""
        return self.path / "evaluation"

    def config(self) -> Config:
        """The configuration of the run.

        Raises:
            RunError: missing or damaged.
        """
        file = self.path / "config.yaml"
        if not file.is_file():
            raise RunError(f"the run directory {self.path} is damaged: {file} is missing")
        try:
            if read_yaml(file) is None:
                raise ConfigurationError(f"{file} is empty")
            config = load_config(file)
            # keys that this version has and the run's didn't take their defaults: those alone
            end = self.state().get("config_end")
            if end and not file.read_text(encoding="utf-8").rstrip().endswith(end):
                raise ConfigurationError(f"{file} is cut off: its last line, {end!r}, is missing")
            return config
        except ConfigurationError as error:
            raise RunError(f"the run directory {self.path} is damaged: {error}") from None

    def state(self) -> dict[str, Any]:
        """The content of `run.json`.

        Raises:
            RunError: missing or damaged.
        """
        content = read_json(self.path / MARK)
        if not isinstance(content, dict):
            raise RunError(f"{self.path / MARK} is damaged")
        return content

    def write_state(self, state: str, **details: Any) -> None:
        """Write `run.json`: the state, what is given, and the versions of all that matters."""
        write_json(
            self.path / MARK,
            {
                "state": state,
                **details,
                "config_end": END,
                "versions": versions(),
                "machine": machine(),
            },
        )

    @contextmanager
    def noting_how_it_ends(self) -> Iterator[None]:
        """Have `run.json` say "interrupted" or "failed", and why, where work stops unfinished."""
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, Interrupted | KeyboardInterrupt | WorkerLostError)
            before = self.state()
            if before.get("state") == "finished":
                raise
            details = {"seed": before["seed"]} if "seed" in before else {}
            reason = str(error) or type(error).__name__
            self.write_state("interrupted" if stopped else "failed", **details, reason=reason)
            raise


# keys that training may go on under other values of: they don't change what it computes
FREE_KEYS = (
    "name",
    "evaluation.",
    "data.cache",
    "data.test_examples",
    "training.checkpoint_minutes",
    "training.early_stopping",
    "training.zero_field_epochs",
)


def differences(old: Config, new: Config) -> list[str]:
    """The keys that keep a run of one configuration from going on under another, with values.

    More or fewer epochs don't, as long as the learning rate's course doesn't depend on them.
    """
    before, after = (by_key(config) for config in (old, new))
    free: tuple[str, ...] = FREE_KEYS
    if all(c.training.schedule == "constant" and not c.training.warmup for c in (old, new)):
        free += ("training.epochs",)
    return [
        f"{key} {value_text(before[key])} there, {value_text(after[key])} here"
        for key in before
        if before[key] != after[key] and not key.startswith(free)
    ]


def by_key(config: Config) -> dict[str, Any]:
    """The values of a configuration by dotted key, the loss, however it is spelt, as one."""
    sections = config.model_dump(mode="json")
    loss = sections["training"].pop("loss")
    return {**flatten(sections), "training.loss": long_form(loss)}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def _free_name(path: Path) -> Path:
    """Where a finished run can be set aside without replacing anything."""
    for number in itertools.count(1):
        place = path.with_name(f"{path.name}.previous" + (f"-{number}" if number > 1 else ""))
        if not place.exists():
            return place
    raise AssertionError("itertools.count doesn't end")
