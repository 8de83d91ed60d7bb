"""Study files: their keys, reading and checking them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from pathlib import Path
from typing import Annotated, Any

from diffkeras.config import (
    STUDY_KEYS,
    Name,
    find_config,
    is_section,
    load_config,
    origin_of,
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
TEST_SET_KEYS = ("data.sources", "data.radius", "data.values", "data.seed", "data.test_examples")
TEST_SET_SECTIONS = ("data.placement.", "evaluation.")


def _by_single_key(changed: Any) -> Any:
    """Values by dotted key; a mapping for a section is taken apart."""
    if not isinstance(changed, Mapping):
        return changed
    return {k: v for key, value in changed.items() for k, v in settings(key, value).items()}


def _label(text: Any) -> Any:
    # figures take what is between two $ for a formula
    if isinstance(text, str) and not (text and text == text.strip() and text.isprintable()):
        raise ValueError(f"{text!r}: write a name in one line, without spaces around it")
    if "$" in str(text):
        raise ValueError(f"{text!r}: write a name without $")
    return text


Overrides = Annotated[dict[str, Any], Form(_by_single_key, words="mapping")]
Label = Annotated[str, Form(_label, words="text")]


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
    variants: dict[Label, Overrides] = field(default_factory=dict)
    draws: dict[Seed, list[Seed]] = field(default_factory=dict)
    test_sets: dict[Label, Overrides] = field(default_factory=lambda: {"test": {}})

    def check(self) -> None:
        """Check each factor, variant, draw and test set, and that each key is set in one place."""
        for key, problems in (
            ("factors", self._problems_of_factors()),
            ("variants", self._problems_of_variants()),
            ("draws", self._problems_of_draws()),
            ("test_sets", self._problems_of_test_sets()),
            ("factors", self._problems_of_number()),
        ):
            for problem in problems:
                raise KeyProblem(problem, key)

    def _problems_of_factors(self) -> Iterator[str]:
        for key, values in self.factors.items():
            if not values:
                yield f"factor {key} has no values"
            if is_section(key):
                yield f"{key} is a section; name dotted keys of values, as in {key}.KEY"
            named: dict[str, Any] = {}
            for value in values:
                text = value_text(value)
                if text in named:
                    yield (
                        f"factor {key}: {named[text]!r} and {value!r} are both called {text!r} in "
                        "tables; name one of them only, or use variants, which have their own names"
                    )
                named[text] = value
            yield from _problems_of_key(key, "can't be a factor")

    def _problems_of_variants(self) -> Iterator[str]:
        for label, changed in self.variants.items():
            for key in changed:
                yield from _problems_of_key(key, f"can't be set by the variant {label}")
                for factor in self.factors:
                    if f"{factor}.".startswith(f"{key}.") or f"{key}.".startswith(f"{factor}."):
                        yield f"factor {factor} is also set by variants; keep it in one place"

    def _problems_of_draws(self) -> Iterator[str]:
        draw_of: dict[int, int] = {}
        for draw, seeds in self.draws.items():
            if not seeds:
                yield f"draw {draw} has no seeds; name at least one, as in {draw}: [0]"
            for seed in seeds:
                if draw_of.setdefault(seed, draw) != draw:
                    yield (
                        f"{SEED} {seed} is named by the draws {draw_of[seed]} and {draw}, but each "
                        f"needs seeds of its own; to share them, make {DRAW} and {SEED} factors"
                    )
        varied = {*self.factors, *chain(*self.variants.values())}
        for key in varied & {DRAW, SEED} if self.draws else ():
            yield f"{key} is also set by factors or variants; keep it in one place"

    def _problems_of_test_sets(self) -> Iterator[str]:
        if not self.test_sets:
            yield "name at least one test set, or leave the key out"
        for label, changed in self.test_sets.items():
            for key in changed:
                if key not in TEST_SET_KEYS and not key.startswith(TEST_SET_SECTIONS):
                    yield (
                        f"{key} can't be set by the test set {label}, which has the physics of the "
                        f"runs and trains nothing; it can set {', '.join(TEST_SET_KEYS)} and what "
                        "is in data.placement and evaluation"
                    )

    def _problems_of_number(self) -> Iterator[str]:
        if not self.factors and not self.variants and not self.draws:
            yield "name at least one factor or variant"
        of_draws = sum(map(len, self.draws.values())) or 1
        runs = prod(map(len, (*self.factors.values(), self.variants or [None]))) * of_draws
        if runs > MOST_RUNS:
            yield f"{runs} runs are more than {MOST_RUNS}; name fewer values"


def _problems_of_key(key: str, refused: str) -> Iterator[str]:
    if key == "name":
        yield f"name {refused}: a study names its runs itself"
    if key.startswith(OF_THE_TEST_SET):
        yield f"{key} {refused}: a study compares on one test set"


def load_study(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """The study in a YAML file (or a shipped one, by name).

    Args:
        name: a path, or e.g. "studies/losses_reduced".
        overrides: values by dotted key that replace the base's and the study's settings.

    Raises:
        ConfigurationError: no such file, no study, a key or value that can't be used, or two runs
            or test sets that are the same.
    """
    path = find_config(name, study=True)
    raw, origin = read_yaml(path), origin_of(path)
    if not isinstance(raw, Mapping) or STUDY_KEYS.isdisjoint(raw):
        raise ConfigurationError(
            f"{origin} is no study: it has no `factors`, `variants` or `draws`"
        )
    try:
        return _study(StudyConfig.read(raw), path, overrides or {})
    except ConfigurationError as error:
        raise ConfigurationError(f"{origin}: {error}") from None


def _study(section: StudyConfig, path: Path, overrides: Mapping[str, Any]) -> Study:
    base_file = path.parent / section.base
    changed = {**section.settings, **overrides}
    base = load_config(base_file if base_file.is_file() else section.base, changed)
    # pictures may name source counts that the test set has not, and are not drawn
    own: dict[str, Any] = {"evaluation.pictures": None}
    own |= {BOUNDS: 0} if BOUNDS not in changed else {}
    tests = {}
    for label, of_test in section.test_sets.items():
        try:
            tests[label] = base.with_overrides({**own, **of_test})
        except ConfigurationError as error:
            raise ConfigurationError(f"test_sets: {label}: {error}") from None
    study = Study(
        section.name,
        section.title or section.name,
        base,
        dict(section.factors),
        tests,
        dict(section.variants),
        dict(section.draws),
        section.question,
    )
    runs = [(label_of(values), run_identity(config)) for values, config in study.combinations]
    _check_distinct(runs, "factors", "run")
    _check_distinct([(k, identity_of_tests(v)) for k, v in tests.items()], "test_sets", "test set")
    return study


def _check_distinct(identities: Sequence[tuple[str, str]], key: str, what: str) -> None:
    known: dict[str, str] = {}
    for label, identity in identities:
        same = known.setdefault(identity, label)
        if same is not label:
            raise ConfigurationError(
                f"{key}: {same!r} and {label!r} are the same {what}; name each once"
            )
