"""Study files: their keys, reading and checking them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Annotated, Any

from diffkeras.config import (
    STUDY_KEYS,
    Config,
    Name,
    find_config,
    is_section,
    load_config,
    settings,
)
from diffkeras.data.section import Seed
from diffkeras.errors import ConfigurationError
from diffkeras.identity import identity_of_tests, run_identity
from diffkeras.reporting.text import value_text
from diffkeras.studies.plan import DRAW, SEED, Study, label_of
from diffkeras.system.section import Form, KeyProblem, Section
from diffkeras.system.yaml_io import read_yaml

BOUNDS = "evaluation.bounds"  # they take long, so a study computes none unless it says so
MOST_RUNS = 10_000  # listing more would take minutes
# keys that the common test set depends on, so runs can't differ in them
OF_THE_TEST_SET = (
    "physics.",
    "evaluation.",
    "data.diffusion_length",
    "data.divide_by_maximum",
    "data.test_examples",
)
# keys that a test set may set; its physics is the runs'
TEST_SET_KEYS = (
    "data.sources",
    "data.radius",
    "data.values",
    "data.seed",
    "data.test_examples",
)
TEST_SET_SECTIONS = ("data.placement.", "evaluation.")


def _by_single_key(changed: Any) -> Any:
    """Values by dotted key; a mapping for a section is taken apart."""
    if not isinstance(changed, Mapping):
        return changed
    return {k: v for key, value in changed.items() for k, v in settings(key, value).items()}


Overrides = Annotated[dict[str, Any], Form(_by_single_key, words="mapping")]


@dataclass(frozen=True)
class StudyConfig(Section):
    """A study file.

    Example:

    ```yaml
    name: losses
    base: quickstart
    settings: {training.epochs: 10}
    factors:
      training.loss: [absolute, squared]
      training.seed: [0, 1, 2]
    ```

    Attributes:
        name: Name of the study and of its directory.
        base: Configuration that the runs start from: a file, or a shipped name.
        title: Title of the report.
        question: The question that the study answers, in one sentence. The report prints it.
        settings: Values of the base to replace, by key.
        factors: Values of each varied key. Every combination is one run.
        variants: One more factor, whose values set several keys each: label → values by key.
        draws: Draws of the training examples, each with training seeds of its own: `data.seed` →
            values of `training.seed`. As factors, these two would combine every draw with the same
            seeds.
        test_sets: Test sets of every run: label → values of the base to replace, by key.
            The first one is the main one.
    """

    name: Name
    base: str
    title: str = ""
    question: str = ""
    settings: Overrides = field(default_factory=dict)
    factors: dict[str, list[Any]] = field(default_factory=dict)
    variants: dict[str, Overrides] = field(default_factory=dict)
    draws: dict[Seed, list[Seed]] = field(default_factory=dict)
    test_sets: dict[str, Overrides] = field(default_factory=lambda: {"test": {}})

    def check(self) -> None:
        """Check each factor, variant, draw and test set, and that each key is set in one place."""
        for key, check in (
            ("factors", self._check_factors),
            ("variants", self._check_variants),
            ("draws", self._check_draws),
            ("test_sets", self._check_test_sets),
            ("factors", self._check_number),
        ):
            try:
                check()
            except ValueError as error:
                raise KeyProblem(str(error), key) from None

    def _check_factors(self) -> None:
        for key, values in self.factors.items():
            if not values:
                raise ValueError(f"factor {key} has no values")
            if is_section(key):
                raise ValueError(f"{key} is a section; name dotted keys of values, as in {key}.KEY")
            texts = [value_text(single) for single in values]
            for place, text in enumerate(texts):
                if text in texts[:place]:
                    raise ValueError(
                        f"factor {key}: {values[texts.index(text)]!r} and {values[place]!r} are "
                        f"both called {text!r} in tables; name one of them only, or use variants, "
                        "which have their own names"
                    )
            _check_varied(key, "can't be a factor")

    def _check_variants(self) -> None:
        _check_labels(self.variants, "variant")
        for label, changed in self.variants.items():
            for key in changed:
                _check_varied(key, f"can't be set by the variant {label}")
                for factor in self.factors:
                    if f"{factor}.".startswith(f"{key}.") or f"{key}.".startswith(f"{factor}."):
                        raise ValueError(
                            f"factor {factor} is also set by variants; keep it in one place"
                        )

    def _check_draws(self) -> None:
        draw_of: dict[int, int] = {}
        for draw, seeds in self.draws.items():
            if not seeds:
                raise ValueError(f"draw {draw} has no seeds; name at least one, as in {draw}: [0]")
            for seed in seeds:
                if draw_of.setdefault(seed, draw) != draw:
                    raise ValueError(
                        f"{SEED} {seed} is named by the draws {draw_of[seed]} and {draw}, but each "
                        f"needs seeds of its own; to share them, make {DRAW} and {SEED} factors"
                    )
        varied = [*self.factors, *(key for changed in self.variants.values() for key in changed)]
        for key in (DRAW, SEED) if self.draws else ():
            if key in varied:
                raise ValueError(f"{key} is also set by factors or variants; keep it in one place")

    def _check_test_sets(self) -> None:
        if not self.test_sets:
            raise ValueError("name at least one test set, or leave the key out")
        _check_labels(self.test_sets, "test set")
        for label, changed in self.test_sets.items():
            for key in changed:
                if key not in TEST_SET_KEYS and not key.startswith(TEST_SET_SECTIONS):
                    raise ValueError(
                        f"{key} can't be set by the test set {label}: it has the physics of the "
                        f"runs and trains nothing; a test set can set "
                        f"{', '.join(TEST_SET_KEYS)} and what is in data.placement and evaluation"
                    )

    def _check_number(self) -> None:
        if not self.factors and not self.variants and not self.draws:
            raise ValueError("name at least one factor or variant")
        of_draws = sum(map(len, self.draws.values())) or 1
        runs = prod(map(len, (*self.factors.values(), self.variants or [None]))) * of_draws
        if runs > MOST_RUNS:
            raise ValueError(f"{runs} runs are more than {MOST_RUNS}; name fewer values")


def _check_labels(labels: Mapping[str, Any], what: str) -> None:
    for label in labels:
        # figures take what is between two $ for a formula
        if not label or label != label.strip() or not label.isprintable() or "$" in label:
            raise ValueError(
                f"{what} {label!r}: write a name in one line, without spaces around it, control "
                "characters and $"
            )


def _check_varied(key: str, refused: str) -> None:
    if key == "name":
        raise ValueError(f"name {refused}: a study names its runs itself")
    if key.startswith(OF_THE_TEST_SET):
        raise ValueError(f"{key} {refused}: a study compares on one test set")


def load_study(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """The study in a YAML file (or a shipped one, by name).

    Args:
        name: a path, or e.g. "studies/losses_reduced".
        overrides: values by dotted key that replace the base's and the study's settings.

    Raises:
        ConfigurationError: no such file, no study, a key or value that can't be used, or two runs
            or test sets that are the same.
    """
    path = find_config(name)
    raw = read_yaml(path)
    if not isinstance(raw, Mapping) or STUDY_KEYS.isdisjoint(raw):
        raise ConfigurationError(f"{path} is no study: it has no `factors`, `variants` or `draws`")
    try:
        section = StudyConfig.read(raw)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
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
        dict(section.draws),
        section.question,
    )
    try:
        runs = [(label_of(values), run_identity(config)) for values, config in study.combinations]
        _check_distinct(runs, "factors", "run")
        tests = [(label, identity_of_tests(test)) for label, test in study.test_sets.items()]
        _check_distinct(tests, "test_sets", "test set")
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return study


def _test_set(base: Config, changed: Mapping[str, Any], where: str) -> Config:
    try:
        # pictures may name source counts that the test set has not, and are not drawn
        return base.with_overrides({"evaluation.pictures": None, **changed})
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _check_distinct(identities: Sequence[tuple[str, str]], key: str, what: str) -> None:
    known: dict[str, str] = {}
    for label, identity in identities:
        same = known.setdefault(identity, label)
        if same is not label:
            raise ConfigurationError(
                f"{key}: {same!r} and {label!r} are the same {what}; name each once"
            )
