"""Studies: every combination of some factors, trained, evaluated and compared."""

import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from pydantic import ValidationError

from diffkeras.config import (
    Config,
    explain,
    find_config,
    fingerprint,
    load_config,
    read_yaml,
)
from diffkeras.distributed.process_group import refuse_cluster
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.reporting.text import duration, value_text
from diffkeras.studies.config import StudyConfig
from diffkeras.studies.report import Result, write_study
from diffkeras.studies.results import metrics_file, read_methods, read_state
from diffkeras.surrogates.run_directory import Run, by_key
from diffkeras.training.compiled_model import make_loss
from diffkeras.workflows.evaluate_run import evaluate
from diffkeras.workflows.generate_datasets import generate
from diffkeras.workflows.train_run import train

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """A study, ready to run.

    Attributes:
        name: names its directory.
        title: heading of the report.
        base: configuration that all runs share, but for the factors.
        factors: key → values.
        test: configuration whose source counts and test examples every run is tested on.
    """

    name: str
    title: str
    base: Config
    factors: dict[str, list[Any]]
    test: Config


@dataclass(frozen=True)
class Cell:
    """One combination of a study's factors.

    Attributes:
        title: the factors' values, for people.
        values: factor → value.
        config: the whole configuration.
        run_dir: where its run goes.
        done: whether it has been trained and evaluated.
    """

    title: str
    values: dict[str, Any]
    config: Config
    run_dir: Path
    done: bool

    @property
    def steps(self) -> int:
        """Optimisation steps, a measure of the work."""
        data, training = self.config.data, self.config.training
        examples = data.train_examples_used * len(data.sources)
        return training.epochs * -(-examples // training.batch_size)


def load_study(name: str, overrides: Mapping[str, Any] | None = None) -> Study:
    """The study in a YAML file (or a shipped one, by name).

    Args:
        name: a path, or e.g. "studies/losses_reduced".
        overrides: values by dotted key that replace the base's and the study's settings.

    Raises:
        ConfigurationError: no such file, unknown keys, or a factor's value that can't be used.
    """
    path = find_config(name)
    raw = read_yaml(path)
    if not isinstance(raw, Mapping) or "factors" not in raw:
        raise ConfigurationError(f"{path} is no study: it has no `factors`")
    try:
        section = StudyConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {explain(error, StudyConfig, raw)}") from None
    base_file = path.parent / section.base
    base = load_config(
        base_file if base_file.is_file() else section.base,
        {**section.settings, **(overrides or {})},
    )
    test = base
    if section.test_sources:
        test = base.with_overrides({"data.sources": list(section.test_sources)})
    study = Study(section.name, section.title or section.name, base, dict(section.factors), test)
    known: dict[str, Cell] = {}
    for cell in plan(study, Path()):
        loss = make_loss(cell.config).get_config()
        same = known.setdefault(
            fingerprint({**by_key(cell.config), "name": "", "training.loss": loss}), cell
        )
        if same is not cell:
            raise ConfigurationError(
                f"{path}: factors: {same.title!r} and {cell.title!r} are the same run; name each "
                "value once"
            )
    return study


def plan(study: Study, directory: Path) -> list[Cell]:
    """All runs of a study, the first factor varying slowest.

    Raises:
        ConfigurationError: a factor's value that can't be used.
    """
    cells = []
    for combination in itertools.product(*study.factors.values()):
        values = dict(zip(study.factors, combination, strict=True))
        config = study.base.with_overrides(values)
        slug = "_".join(_slug(f"{key.split('.')[-1]}-{value_text(v)}") for key, v in values.items())
        name = f"{slug[:80]}-{fingerprint(config.model_dump(mode='json'))}"
        config = config.with_overrides({"name": name})
        run_dir = directory / "runs" / name
        title = ", ".join(f"{key.split('.')[-1]} {value_text(v)}" for key, v in values.items())
        cells.append(Cell(title, values, config, run_dir, _is_done(run_dir, study)))
    return cells


def run_study(
    study: Study,
    data_dir: Path,
    directory: Path,
    *,
    workers: int = 1,
    show_progress: bool = False,
) -> Path:
    """Run what is missing, then write the table, the figures and the report.

    Args:
        study: what to run.
        data_dir: where the datasets lie; missing ones are made.
        directory: where the runs and the results go.
        workers: processes that solve, and threads that read.
        show_progress: whether to draw progress bars.

    Returns:
        `directory`, with `runs.csv`, `figures/`, `report.html`, and `runs/` with the runs.

    Raises:
        DataError, RunError: see `generate`, `train` and `evaluate`.
        ConfigurationError: the environment tells of a cluster.
    """
    refuse_cluster("a study")
    cells = plan(study, directory)
    todo = [cell for cell in cells if not cell.done]
    logger.info(f"{study.title}: {len(cells)} runs, {len(cells) - len(todo)} of them done already")
    for cell in todo:
        if metrics_file(cell.run_dir).exists():
            try:
                _methods(cell.run_dir, study)
            except RunError as error:
                logger.warning(f"{error}: evaluated again")
    for config in _data_needed(study, todo):
        generate(config, data_dir, workers=workers, show_progress=show_progress)
    started, steps_done = time.monotonic(), 0
    steps_all = sum(cell.steps for cell in todo)
    for number, cell in enumerate(todo, 1):
        left = ""
        if steps_done:
            seconds = (time.monotonic() - started) / steps_done * (steps_all - steps_done)
            left = f", about {duration(seconds)} left"
        logger.info(f"run {number} of {len(todo)}: {cell.title}{left}")
        _run_cell(cell, study, data_dir, workers, show_progress)
        steps_done += cell.steps
    results = [
        Result(
            cell.values,
            _methods(cell.run_dir, study),
            read_state(cell.run_dir),
            cell.config,
            cell.run_dir.relative_to(directory),
        )
        for cell in cells
    ]
    write_study(directory, study.title, study.base, study.factors, study.test, results)
    return directory


def _run_cell(cell: Cell, study: Study, data_dir: Path, workers: int, show_progress: bool) -> None:
    try:
        Run.open(cell.run_dir)
    except RunError:
        train(
            cell.config,
            data_dir,
            cell.run_dir,
            workers=workers,
            overwrite=True,  # a finished run that doesn't open is damaged
            show_progress=show_progress,
        )
    test = study.test.with_overrides({"name": cell.config.name})
    output = metrics_file(cell.run_dir).parent
    evaluate(cell.run_dir, data_dir, config=test, workers=workers, output=output)
    # graphs and weights of past runs would otherwise pile up
    keras.utils.clear_session()


def time_left(cells: Sequence[Cell]) -> float | None:
    """Seconds that the training of what is to do takes at most, at the speed of what is done.

    Returns:
        None where nothing is done, or nothing is left to do.
    """
    done = [(cell, read_state(cell.run_dir)) for cell in cells if cell.done]
    epochs = [
        (cell.steps / cell.config.training.epochs, state["epochs"], state["seconds"])
        for cell, state in done
        if state.get("epochs") and state.get("seconds")
    ]
    steps = sum(steps_an_epoch * count for steps_an_epoch, count, _ in epochs)
    left = sum(cell.steps for cell in cells if not cell.done)
    return sum(seconds for *_, seconds in epochs) / steps * left if steps and left else None


def _methods(run_dir: Path, study: Study) -> dict[str, Any]:
    test = study.test.data
    return read_methods(run_dir, test.sources, test.test_examples)


def _is_done(run_dir: Path, study: Study) -> bool:
    try:
        read_state(run_dir)
        _methods(run_dir, study)
    except RunError:
        return False
    return True


def _data_needed(study: Study, cells: list[Cell]) -> list[Config]:
    """One configuration per distinct datasets, with all the source counts it is needed for."""
    needed: dict[str, Config] = {}
    for config in [cell.config for cell in cells] + [study.test] * bool(cells):
        data = config.data
        counts = set(data.sources)
        key = fingerprint(data.model_dump(mode="json", exclude={"sources", "train_fraction"}))
        if key in needed:
            counts |= set(needed[key].data.sources)
        needed[key] = config.with_overrides({"data.sources": sorted(counts)})
    return list(needed.values())


def _slug(words: str) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in words.replace(" × ", "-")).strip(
        "-"
    )
