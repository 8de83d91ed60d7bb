"""`diffkeras.json`, which says what an export computes, with one schema for all of them."""

from typing import Any, Literal

import keras
import tensorflow as tf
from pydantic import BaseModel, Field

from diffkeras._version import __version__

FORMAT = 1  # version of `diffkeras.json`: counts up when a key gets another meaning, or goes


Kind = Literal["surrogate", "solver", "basis"]


class Versions(BaseModel, extra="forbid"):
    """What an export was written with."""

    diffkeras: str
    tensorflow: str
    keras: str


class TrainedOn(BaseModel, extra="forbid"):
    """The examples that a surrogate was trained on."""

    source_counts: list[int] = Field(description="numbers of discs in an image")
    radii: list[float] = Field(
        min_length=2,
        max_length=2,
        description="the smallest and the largest radius of discs, in lattice steps",
    )
    divide_by_maximum: bool = Field(description="whether fields were divided by their maximum")
    tissue: dict[str, Any] | None = Field(description="the section data.tissue")


class Description(BaseModel, extra="forbid"):
    """What an export computes. `docs/savedmodel.md` has the keys in words."""

    format: Literal[1]
    kind: Kind
    versions: Versions
    physics: dict[str, Any] = Field(
        description="lattice ([rows, columns]), step, diffusivity, decay, boundary, sources, and "
        "ranges of what varies; of a basis parameters (name: [low, high]), and no sources"
    )
    equation: str = Field(description="which the fields satisfy")
    functions: dict[str, list[str]] = Field(description="names of the inputs of each function")
    proof_lattice: list[int] | None = Field(
        description="[rows, columns] on which `certified` and `refined` work; null without them"
    )
    input: str = Field(description="shapes, types and scale in words")
    output: str = Field(description="shapes, types and scale in words")
    model: dict[str, Any] | None = Field(description="of a surrogate: its section model, numbers")
    trained_on: TrainedOn | None = Field(description="of a surrogate")


def describe_export(kind: Kind, **content: Any) -> dict[str, Any]:
    """The content of `diffkeras.json`: `content`, and what has made it.

    Raises:
        pydantic.ValidationError: `content` doesn't follow the schema.
    """
    versions = Versions(
        diffkeras=__version__, tensorflow=tf.__version__, keras=keras.__version__
    ).model_dump()
    described = {"format": FORMAT, "kind": kind, "versions": versions, **content}
    Description.model_validate(described)
    return described
