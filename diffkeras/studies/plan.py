"""The runs of a study: which there are, what they need, and how long they take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from diffkeras.config import Config, explain, find_config, fingerprint, load_config, read_yaml
from diffkeras.errors import ConfigurationError, DataError, RunError
from diffkeras.evaluation.images import check_held_out
from diffkeras.evaluation.methods import describe_methods
from diffkeras.reporting.text import value_text
from diffkeras.studies.config import Study, StudyConfig
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import run_identity
from diffkeras.system.atomic_files import read_json
from diffkeras.training.compiled_model import make_loss

LOSS = "training.loss"
BOUNDS = "evaluation.bounds"  # take long, so a study computes none unless it says so


@dataclass(frozen=True)
class Cell:
    """One combination of a study's factors.

    Attributes:
        title: the factors' values, for people.
        values: factor → value.
        config: the full configuration.
        test: what it is evaluated on. Only the first run is compared with the baselines, which are
            the same for all.
        run_dir: directory of its run.
        done: whether it has been trained and evaluated.
    """

    title: str
    values: dict[str, Any]
    config: Config
    test: Config
    run_dir: Path
    done: bool

    @property
    def training_examples(self) -> int:
        """Training examples over all source counts."""
        return self.config.data.train_examples_used * len(self.config.data.sources)

    @property
    def steps(self) -> int:
        """Optimisation steps, a measure of the work."""
        training = self.config.training
        return training.epochs * -(-self.training_examples // training.batch_size)


def load_study(name: str, overrides: Mapping[str, Any] | None = None) -> Study:
    """The study in a YAML file (or a shipped one, by name).

    Args:
        name: a path, or e.g. "studies/losses_reduced".
        overrides: values by dotted key that replace the base's and the study's settings.
    """
    path = find_config(name)
    raw = read_yaml(path)
    if not isinstance(raw, Mapping) or not {"factors", "variants"} & raw.keys():
        raise ConfigurationError(f"{path} is no study: it has no `factors` and no `variants`")
    try:
        section = StudyConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {explain(error, StudyConfig, raw)}") from None
    base_file = path.parent / section.base
    changed = {**section.settings, **(overrides or {})}
    base = load_config(base_file if base_file.is_file() else section.base, changed)
    own_bounds = {BOUNDS: 0} if BOUNDS not in changed else {}
    study = Study(
        section.name,
        section.title or section.name,
        base,
        dict(section.factors),
        {
            label: _test_set(base, {**own_bounds, **own}, f"{path}: test_sets: {label}")
            for label, own in section.test_sets.items()
        },
        dict(section.variants),
        section.question,
        section.worst_cases,
    )
    _check_distinct(study, path)
    return study


def _test_set(base: Config, changed: Mapping[str, Any], where: str) -> Config:
    try:
        # pictures may name source counts that the test set has not, and are not drawn
        return base.with_overrides({"evaluation.pictures": None, **changed})
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def plan(study: Study, directory: Path) -> list[Cell]:
    """All runs of a study, the first factor varying slowest."""
    cells: list[Cell] = []
    without_baselines = study.test.with_overrides({"evaluation.baselines": []})
    for values, config in study.combinations():
        slug = "_".join(_slug(f"{key.split('.')[-1]}-{value_text(v)}") for key, v in values.items())
        name = f"{slug[:80]}-{fingerprint(config.model_dump(mode='json'))}"
        config = config.with_overrides({"name": name})
        run_dir = directory / "runs" / name
        test = without_baselines if cells else study.test
        done = _is_done(run_dir, test)
        cells.append(Cell(label_of(values), values, config, test, run_dir, done))
    return cells


def label_of(values: Mapping[str, Any]) -> str:
    """Factors and their values, for people."""
    return ", ".join(
        value_text(v) if k == LOSS else f"{k.split('.')[-1].replace('_', ' ')} {value_text(v)}"
        for k, v in values.items()
    )


def read_methods(run_dir: Path, test: Config) -> dict[str, Any]:
    """Method → "all" or source count → errors of a run, on the test set of `test`."""
    file = Run(run_dir).evaluation / "metrics.json"
    content = read_json(file)
    try:
        methods = content["methods"]
        images = {
            method: {count: errors["images"] for count, errors in by_count.items()}
            for method, by_count in methods.items()
        }
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{file} is damaged: it holds no errors of methods") from None
    # "all" is a mean over the source counts, so other counts would change it
    wanted = dict.fromkeys(map(str, test.data.sources), test.data.test_examples)
    wanted["all"] = sum(wanted.values())
    if any(images.get(method) != wanted for method in describe_methods(test)):
        raise RunError(f"{file} is of another test set, or of other methods, than the study's")
    return methods


def _is_done(run_dir: Path, test: Config) -> bool:
    """Whether a run has been trained, and evaluated on a study's test set."""
    try:
        check_held_out(Run.open(run_dir), test)
        read_methods(run_dir, test)
    except (DataError, RunError):
        return False
    return True


def data_needed(study: Study, cells: Sequence[Cell]) -> list[Config]:
    """Configurations of the datasets that runs need, each dataset in one of them."""
    needed: dict[str, Config] = {}
    for config in [cell.config for cell in cells] + [study.test] * bool(cells):
        data = config.data
        counts = set(data.sources)
        key = fingerprint(data.model_dump(mode="json", exclude={"sources", "train_fraction"}))
        if key in needed:
            counts |= set(needed[key].data.sources)
        needed[key] = config.with_overrides({"data.sources": sorted(counts)})
    return list(needed.values())


def time_left(cells: Sequence[Cell]) -> float | None:
    """Seconds that the remaining training takes at most, at the speed of the finished runs.

    Returns:
        None if no run is finished, or all are.
    """
    done = [(cell, Run.open(cell.run_dir).state()) for cell in cells if cell.done]
    epochs = [
        (cell.steps / cell.config.training.epochs, state["epochs"], state["seconds"])
        for cell, state in done
        if state.get("epochs") and state.get("seconds")
    ]
    steps = sum(steps_an_epoch * count for steps_an_epoch, count, _ in epochs)
    left = sum(cell.steps for cell in cells if not cell.done)
    return sum(seconds for *_, seconds in epochs) / steps * left if steps and left else None


def _check_distinct(study: Study, path: Path) -> None:
    known: dict[str, str] = {}
    try:
        for values, config in study.combinations():
            title = label_of(values)
            make_loss(config)  # an unknown loss is an error that names the key
            same = known.setdefault(run_identity(config), title)
            if same is not title:
                raise ConfigurationError(
                    f"factors: {same!r} and {title!r} are the same run; name each value once"
                )
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _slug(words: str) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in words.replace(" × ", "-")).strip(
        "-"
    )
