"""Study files: reading and checking them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from diffkeras.config import Config, explain, find_config, load_config
from diffkeras.config.config import STUDY_KEYS
from diffkeras.errors import ConfigurationError
from diffkeras.studies.config import StudyConfig
from diffkeras.studies.plan import test_id
from diffkeras.studies.study import Study
from diffkeras.studies.study_data import label_of
from diffkeras.surrogates.build import make_loss
from diffkeras.surrogates.run_identity import run_identity
from diffkeras.system.yaml_io import read_yaml

BOUNDS = "evaluation.bounds"  # they take long, so a study computes none unless it says so


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
        dict(section.draws),
        section.question,
    )
    try:
        for _, config in study.combinations:
            make_loss(config)  # an unknown loss is an error that names the key
        runs = [(label_of(values), run_identity(config)) for values, config in study.combinations]
        _check_distinct(runs, "factors", "run")
        tests = [(label, test_id(test)) for label, test in study.test_sets.items()]
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
