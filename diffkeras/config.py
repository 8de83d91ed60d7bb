"""Configurations: five sections, read from YAML, every value checked.

A configuration defines what is computed. The command line names the directories of data and runs,
so that a configuration means the same on any machine. Each section is a dataclass beside the room
that uses it; here are the whole, the values in it that exclude each other, and how it is read.
"""

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, is_dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from diffkeras.data.section import OF_NO_STREAM, DataConfig, PhysicsConfig
from diffkeras.errors import ConfigurationError, PhysicsError
from diffkeras.evaluation.section import Baseline, EvaluationConfig
from diffkeras.physics import ExampleRecipe, Medium
from diffkeras.physics.linear.spectral import SpectralOperator
from diffkeras.physics.problem.sides import sides_in_words, smallest_given
from diffkeras.surrogates.section import ModelConfig
from diffkeras.system.messages import short
from diffkeras.system.section import Form, KeyProblem, Section, keys_of
from diffkeras.system.yaml_io import read_yaml, to_yaml
from diffkeras.training.section import TrainingConfig, long_form
from diffkeras.view.network_view import NetworkView

LOSS = ["training", "loss"]
STUDY_KEYS = frozenset({"factors", "variants", "draws"})  # each study has one of them
CLOSE = 0.7  # of names that are probably confused, for difflib
MOST_COMPARED = 100  # comparing longer names with the shipped ones takes too long


def _name(name: Any) -> Any:
    if isinstance(name, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            f"{short(name)} can't name a directory; take letters, digits, '.', '_' and '-', a "
            "letter or digit first"
        )
    return name


Name = Annotated[str, Form(_name, words="text")]


@dataclass(frozen=True)
class Config(Section):
    """A whole configuration.

    Attributes:
        name: Name of the configuration. Run directories are named after it.
        physics: The diffusion problem.
        data: The datasets and how they are read.
        model: The network.
        training: How it is trained.
        evaluation: How it is evaluated.

    Raises:
        ConfigurationError: a wrong value, or values that exclude each other.
    """

    name: Name = "diffkeras"
    physics: PhysicsConfig = field(default=PhysicsConfig())
    data: DataConfig = field(default=DataConfig())
    model: ModelConfig = field(default=ModelConfig())
    training: TrainingConfig = field(default=TrainingConfig())
    evaluation: EvaluationConfig = field(default=EvaluationConfig())

    def check(self) -> None:
        """Check the values of different sections that exclude each other."""
        self.data.check_lengths(self.physics)
        self._check_recipe()
        self.evaluation.baselines_for(self.physics, self.data)
        self.evaluation.check_pictures(self.data.sources)
        if self.training.symmetries and self.data.stream:
            raise KeyProblem(OF_NO_STREAM, "training", "symmetries")
        self._check_sides()
        self._check_network()

    def _check_recipe(self) -> None:
        """Check that examples can be drawn and solved."""
        try:
            self.recipe(self.data.sources[0])
        except PhysicsError as error:
            path = (error.argument or "").split(".")
            for name in ("data", "physics"):
                if path[0] in keys_of(type(getattr(self, name))):
                    sources = f" (physics.sources: {self.physics.sources})"
                    about = sources if "sources" in error.problem else ""
                    raise KeyProblem(f"{error.problem}{about}", name, *path) from None
            media = [name for name in ("tissue", "diffusion_length") if getattr(self.data, name)]
            raise KeyProblem(str(error), *(["data", *media] if media else ["physics"])) from None

    def _check_network(self) -> None:
        """Check that the network can learn these fields."""
        physics, model = self.physics, self.model
        try:
            model.lattices.check(physics.lattice)
        except PhysicsError as error:
            problem = f"{error}, {model.lattices.remedy}"
            raise KeyProblem(problem, "physics", "lattice") from None
        if model.fixed_values and physics.produces:
            raise KeyProblem(
                "sources that produce don't fix the value of the field, so none is known there; "
                "choose false, or physics.sources: fixed_value",
                "model",
                "fixed_values",
            )
        if problem := self._problem_of_corrections():
            raise KeyProblem(problem, "model", "corrections")

    def _problem_of_corrections(self) -> str:
        """What is wrong with the number of corrections; "" if nothing is."""
        model = self.model
        if not model.solves_equation:
            if not model.definition.knows_equation:
                return ""
            return (
                f"{model.architecture} consists of corrections alone, so 0 would leave nothing; "
                "choose at least 1"
            )
        if self.physics.produces:
            return (
                "for sources that produce, one correction gives the exact field, for any "
                "prediction: it is one transform pair of the production; use `diffkeras solve`, "
                "or choose corrections: 0 and another architecture"
            )
        if model.transform != "linear":
            return (
                f"{model.corrections} need fields on the linear scale, on which the equation is "
                f"linear; choose model.transform: linear, not {model.transform}"
            )
        medium = self.view.slowest_medium
        if not self.view.maps and SpectralOperator(self.physics.lattice, medium).is_deflated:
            return (
                "in single precision, transforms lose too many digits where no boundary absorbs "
                f"and the decay is as small as {float(medium.decay):g}; choose a larger decay, an "
                "absorbing boundary, or a network without transforms"
            )
        return ""

    def _check_sides(self) -> None:
        """Check that what is done with fields can be done with sides like these."""
        data, model, symmetries = self.data, self.model, self.training.symmetries
        outline = Medium(boundary=self.physics.boundary)
        has_values = not outline.has_homogeneous_sides
        differ = any(isinstance(side, tuple) for side in outline.sides)
        without, equal = "sides without a given value or flux", "the same at both sides of an axis"
        needs = (
            (
                f"model.corrections: {model.corrections}",
                f"{without}, {equal}, where media don't vary (data.tissue)",
                model.solves_equation and not self.view.maps and (has_values or differ),
            ),
            ("data.divide_by_maximum: true", without, data.divide_by_maximum and has_values),
            ("training.symmetries: true", equal, symmetries and differ),
            (
                "model.transform: log",
                "values and fluxes from 0 on, as it takes no fields below -1",
                model.transform == "log" and has_values and smallest_given(outline.sides) < 0,
            ),
        )
        for setting, needed, conflict in needs:
            if conflict:
                raise KeyProblem(
                    f"{setting} needs {needed}, not {sides_in_words(outline.sides)}; choose other "
                    f"sides, or change {setting.partition(':')[0]}",
                    "physics",
                    "boundary",
                )

    def baselines(self) -> tuple[Baseline, ...]:
        """The baselines of an evaluation, in the order in which they are shown."""
        return self.evaluation.baselines_for(self.physics, self.data)

    def recipe(self, count: int) -> ExampleRecipe:
        """How the examples of a source count are drawn and solved, for any program.

        Example:
            >>> example = load_config("quickstart").recipe(3).example("train", 0)
            >>> example.source_image.shape, example.field.shape
            ((64, 64), (64, 64))
        """
        return self.data.recipe(count, self.physics)

    @cached_property
    def view(self) -> NetworkView:
        """What the network sees of problems."""
        return NetworkView(
            self.recipe(self.data.sources[0]),
            self.data.sources,
            self.model.get_transform(),
            any_lattice=self.model.definition.knows_equation,
        )

    @cached_property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; without `data.shares`, as on one replica."""
        return self.steps_per_epoch_in(self.data.shares or 1)

    def steps_per_epoch_in(self, shares: int) -> int:
        """Steps of an epoch: of one pass over the training examples, or as many as are configured.

        With several shares, a last batch of a pass that is smaller than the others is left out; 0
        if the examples don't fill one.
        """
        batch, counts = self.training.batch_size, len(self.data.sources)
        if self.training.steps_per_epoch:
            return self.training.steps_per_epoch
        if shares == 1:
            return math.ceil(counts * self.data.train_examples_used / batch)
        return counts * (self.data.train_examples_used // shares) // (batch // shares)

    @property
    def steps(self) -> int:
        """Optimisation steps of a run."""
        return self.training.epochs * self.steps_per_epoch

    def to_yaml(self, without: Iterable[str] = ()) -> str:
        """The configuration as YAML, which `load_config` reads back; some sections left out."""
        values = self.to_dict()
        return to_yaml({name: part for name, part in values.items() if name not in without})

    def with_overrides(self, overrides: Mapping[str, Any]) -> "Config":
        """A copy with values replaced, given by dotted keys such as "training.learning_rate".

        Raises:
            ConfigurationError: an unknown key, or a value that can't be used.
        """
        raw = self.to_dict()
        for key, value in overrides.items():
            set_key(raw, key, value)
        return parse_config(raw)


def is_section(dotted: str) -> bool:
    """Whether a dotted key names a section, such as "training" or "data.placement"."""
    section: Any = Config
    for part in dotted.split("."):
        section = keys_of(section).get(part)
    return is_dataclass(section)


def settings(dotted: str, value: Any) -> dict[str, Any]:
    """A value by its dotted key; a mapping for a section as the values in it, by their keys."""
    if not is_section(dotted):
        return {dotted: value}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{dotted}: a section must be a mapping, not {short(value)}; set one of its keys, as "
            f"in {dotted}.KEY"
        )
    return {
        k: v for key, part in value.items() for k, v in settings(f"{dotted}.{key}", part).items()
    }


def set_key(raw: dict[str, Any], dotted: str, value: Any) -> None:
    """Set `raw["a"]["b"]` for the dotted key "a.b"; a mapping for a section is merged into it."""
    for key, part in settings(dotted, value).items():
        *path, last = key.split(".")
        node = raw
        for depth, name in enumerate(path, 1):
            child = node.get(name)
            if path[:depth] == LOSS:  # in which a name may stand for a mapping
                child = long_form(TrainingConfig.loss if child is None else child)
            node[name] = child = {} if child is None else child
            if not isinstance(child, dict):
                raise ConfigurationError(f"{key}: {name} is a value, not a section")
            node = child
        node[last] = deepcopy(part)  # which later keys may change


def parse_config(raw: Any, origin: str = "") -> Config:
    """A configuration from plain data; `origin` is the name of their file, for error messages."""
    try:
        return Config.read(raw)
    except ValueError as error:  # ConfigurationError is one
        raise ConfigurationError(f"{origin}: {error}" if origin else str(error)) from None


def shipped_configs() -> Path:
    """The folder of the configurations that diffkeras ships."""
    shipped = Path(str(resources.files("diffkeras") / "configs"))
    if not shipped.is_dir():  # an editable install keeps the folder where it stands in the checkout
        shipped = Path(__file__).resolve().parents[1] / "configs"
    return shipped


def origin_of(path: Path) -> str:
    """How errors name the file of a configuration: a shipped one by its name."""
    if not path.is_relative_to(shipped := shipped_configs()):
        return str(path)
    return f"configuration {path.relative_to(shipped).with_suffix('').as_posix()}"


def find_config(name: str | Path, *, study: bool = False) -> Path:
    """The file of a configuration or study: a path, or the name of one that diffkeras ships."""
    if not isinstance(name, str | Path):
        raise ConfigurationError(
            f"give the name of a file, or of a shipped configuration, not {short(name)}; "
            "to use values, make a Config"
        )
    path = Path(name)
    if os.path.isfile(path):  # where pathlib raises an error, such as for long names, it says no
        return path
    shipped = shipped_configs()
    candidate = shipped / (f"{name}" if str(name).endswith(".yaml") else f"{name}.yaml")
    if not path.is_absolute() and os.path.isfile(candidate):
        return candidate
    if os.path.isdir(path):
        raise ConfigurationError(f"{path} is a directory; give the file of a configuration in it")
    names = [
        path.relative_to(shipped).with_suffix("").as_posix()
        for path in shipped.rglob("*.yaml")
        if (path.parent.name == "studies") == study
    ]
    alike = get_close_matches(str(name)[:MOST_COMPARED], names, n=3, cutoff=0.0)
    missing = f"there is no {'study' if study else 'configuration'} file {short(str(name))}"
    beside = {each.stem: each for each in _yaml_files(path.parent)}
    if there := get_close_matches(path.stem[:MOST_COMPARED], beside, n=1, cutoff=CLOSE):
        raise ConfigurationError(f"{missing}; do you mean {beside[there[0]]}?")
    raise ConfigurationError(
        f"{missing}; give a path, or the name of one of the {len(names)} shipped ones, such as "
        f"{', '.join(alike)}"
    )


def _yaml_files(directory: Path) -> list[Path]:
    """The YAML files in a directory; none if it can't be read."""
    try:
        return sorted(each for each in directory.iterdir() if each.suffix in (".yaml", ".yml"))
    except OSError:
        return []


def load_config(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration in a YAML file (or a shipped one, by name), with values replaced.

    Args:
        name: a path, or e.g. "quickstart".
        overrides: values by dotted key, e.g. {"training.epochs": 3}; they win over the file.

    Raises:
        ConfigurationError: no such file, no YAML, unknown keys, keys of another architecture, wrong
            types, impossible values.

    Example:
        >>> load_config("quickstart", {"training.epochs": 3}).training.epochs
        3
    """
    if not isinstance(overrides, Mapping | None):
        raise ConfigurationError(
            f"overrides must be a mapping of keys to values, not {short(overrides)}"
        )
    path = find_config(name)
    raw, origin = read_yaml(path), origin_of(path)
    if raw is None:
        raise ConfigurationError(f"{origin} is empty; write {{}} for the default of every key")
    if isinstance(raw, dict) and not STUDY_KEYS.isdisjoint(raw):
        raise ConfigurationError(
            f"{origin} is a study; run it by `diffkeras study --config {name}`"
        )
    if not overrides or not isinstance(raw, dict):
        return _checked_keys(parse_config(raw, origin), _model_keys(raw), origin)
    changed = deepcopy(raw)
    changes = ", ".join(f"{key}={short(value)}" for key, value in overrides.items())
    try:
        for key, value in overrides.items():
            set_key(changed, key, value)
        config = parse_config(changed)
    except ConfigurationError as error:
        parse_config(raw, origin)  # an error of the file alone names no override
        raise ConfigurationError(f"{origin} with {changes}: {error}") from None
    own = [key for name, value in overrides.items() for key in settings(name, value)]
    # the file may have keys of the architecture that an override replaces
    if "model.architecture" not in own:
        _checked_keys(config, _model_keys(raw), origin)
    return _checked_keys(config, own, f"{origin} with {changes}")


def _model_keys(raw: Any) -> Iterator[str]:
    """The dotted keys of the section `model` in a file, but for those that have their defaults.

    None of a file that lists the keys of all architectures, as `Config.to_yaml` does.
    """
    section = (raw or {}).get("model") or {}
    if section.keys() >= keys_of(ModelConfig).keys():
        return iter(())
    return (f"model.{key}" for key, v in section.items() if v != getattr(ModelConfig, key, {}))


def _checked_keys(config: Config, keys: Iterable[str], origin: str) -> Config:
    """The configuration; a ConfigurationError for a key that another architecture has."""
    model = config.model
    for key in keys:
        section, _, name = key.partition(".")
        if section == "model" and name.partition(".")[0] not in model.keys_used:
            raise ConfigurationError(
                f"{origin}: {key}: the architecture {model.architecture} has no such key, but "
                f"{', '.join(model.keys_used)}"
            )
    return config
