"""The file of a study, and the study that it describes."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from diffkeras.config import Config, Name, Section, SourceCounts, is_section

# keys that decide the test set, on which all runs are compared
OF_THE_TEST_SET = (
    "physics.",
    "evaluation.",
    "data.diffusion_length",
    "data.divide_by_maximum",
    "data.test_examples",
)


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
    """

    name: Name
    """Name of the study and of its directory."""
    title: str = ""
    """Title of the report."""
    base: str
    """Configuration that the runs start from: a file, or a shipped name."""
    settings: dict[str, Any] = Field({})
    """Values that replace those of the base, by key."""
    factors: dict[str, list[Any]]
    """Values of each varied key. Every combination is one run."""
    test_sources: SourceCounts | None = None
    """Source counts that every run is tested on. null: those of the base."""

    @field_validator("factors")
    @classmethod
    def _some_values(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if not value:
            raise ValueError("name at least one factor")
        for key, values in value.items():
            if not values:
                raise ValueError(f"factor {key} has no values")
            if is_section(key):
                raise ValueError(f"{key} is a section; name dotted keys of values, as in {key}.KEY")
            if any(values.index(v) != i for i, v in enumerate(values)):
                raise ValueError(f"factor {key} names a value twice")
            if key == "name":
                raise ValueError("name can't be a factor: a study names its runs itself")
            if key.startswith(OF_THE_TEST_SET):
                raise ValueError(f"{key} can't be a factor: a study compares on one test set")
        return value


@dataclass(frozen=True)
class Study:
    """A study, ready to run.

    Attributes:
        name: name of its directory.
        title: heading of the report.
        base: configuration that all runs share, except for the factors.
        factors: key → values.
        test: configuration of the test set of every run.
    """

    name: str
    title: str
    base: Config
    factors: dict[str, list[Any]]
    test: Config
