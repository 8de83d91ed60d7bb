"""Types of configuration values: names, source counts, lattices, positive numbers, boundaries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
)

from diffkeras.config.validation_messages import unknown_key
from diffkeras.physics.arguments import check_number
from diffkeras.physics.problem.given_sides import GIVEN, GivenSide, plain_sides, side_of
from diffkeras.physics.problem.sides import canonical_boundary
from diffkeras.system.messages import short

Quantity = Annotated[float, Field(ge=1e-30, le=1e30, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Radius = Annotated[float, Field(ge=0, le=1e6)]  # lattice steps
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Side = Annotated[int, Field(gt=0, le=10_000_000)]
# per source count: listing the files of more would take hours
Examples = Annotated[int, Field(gt=0, le=10_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
# methods that an evaluation can measure next to the surrogate
Baseline = Literal[
    "superposition",
    "one_number",
    "three_numbers",
    "mean_medium",
    "exact_solver",
    "zero_field",
]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
LARGEST_COUNT = 100_000
AXES = 2


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            f"{short(name)} can't name a directory; take letters, digits, '.', '_' and '-', a "
            "letter or digit first"
        )
    return name


Name = Annotated[str, AfterValidator(_check_name)]


def parse_counts(value: Any) -> Any:
    """Source counts from "1-20", "1,5,20", a number, or a list of those, ascending.

    Anything else is returned as it is, for Pydantic to raise an error.
    """
    if type(value) is int:
        return (value,)
    if isinstance(value, list | tuple) and any(isinstance(part, str) for part in value):
        value = ",".join(str(part) for part in value)
    if isinstance(value, list | tuple) and all(type(part) is int for part in value):
        return _ascending((count,) for count in value)
    if isinstance(value, str):
        return _ascending(map(_parse_range, value.split(",")))
    return value


def _ascending(parts: Iterable[Iterable[int]]) -> tuple[int, ...]:
    counts: set[int] = set()
    for part in parts:
        if twice := counts.intersection(part):
            raise ValueError(f"{min(twice)} is named twice; name each source count once")
        counts.update(part)
    return tuple(sorted(counts))


def _parse_range(text: str) -> range:
    """The counts of "5" or of "1-20"."""
    first, dash, last = (word.strip() for word in text.partition("-"))
    # isdecimal takes the digits of all scripts
    if not text.isascii() or not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f'{short(text)} is no list of source counts; write e.g. "1-20" or "1,5"')
    low, high = int(first), int(last or first)
    if low > high:
        raise ValueError(f"{text.strip()!r} runs backwards; write {high}-{low}")
    if high > LARGEST_COUNT:  # don't build a huge set for a typing error
        raise ValueError(f"{short(high)} is more than {LARGEST_COUNT} sources")
    return range(low, high + 1)


def format_counts(counts: Iterable[int]) -> str:
    """The shortest text that `parse_counts` reads back, e.g. "1-20" or "1,5-7"."""
    ranges: list[list[int]] = []
    for count in sorted(set(counts)):
        if ranges and count == ranges[-1][1] + 1:
            ranges[-1][1] = count
        else:
            ranges.append([count, count])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)


def _square(value: Any) -> Any:
    return (value, value) if type(value) is int else value


Lattice = Annotated[
    tuple[Side, Side],
    BeforeValidator(_square),
    PlainSerializer(lambda v: v[0] if v[0] == v[1] else list(v)),
]
SourceCounts = Annotated[
    tuple[Annotated[int, Field(gt=0, le=LARGEST_COUNT)], ...],
    Field(min_length=1),
    BeforeValidator(parse_counts),
    PlainSerializer(format_counts, return_type=str),
]


class Section(BaseModel):
    """Base of the sections: immutable, and unknown keys raise an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name or ""].annotation
        if bool not in (annotation, *get_args(annotation)):
            for part in value if isinstance(value, list | tuple) else (value,):
                if isinstance(part, bool):
                    raise ValueError(f"expected another type, not {str(part).lower()}")
        return value


def section_of(sampler: type) -> BeforeValidator:
    """A section with the arguments of a sampler, a dataclass that checks them, as its keys."""
    keys = [field.name for field in fields(sampler)]

    def parse(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        for key in value:
            if key not in keys:
                raise ValueError(unknown_key(key, keys, shown=f" {short(key)}"))
        return sampler(**value)

    return BeforeValidator(parse)


def _parse(value: Any) -> Any:
    """The boundary of a `Medium`, in the spelling that a dataset is known by."""
    boundary = canonical_boundary(_with_sides(value), AXES)
    if isinstance(boundary, GivenSide):
        return (boundary,) * AXES
    # a list of two names has always been another spelling than one name, and names other datasets
    pairs = isinstance(value, list | tuple) and any(isinstance(v, list | tuple) for v in value)
    if (pairs or isinstance(value, Mapping)) and isinstance(boundary[0], str):
        return boundary[0] if len(set(boundary)) == 1 else boundary
    return boundary


def _with_sides(value: Any) -> Any:
    """The value with sides in place of mappings such as {value: 1.0} and {flux: 0.1}."""
    if isinstance(value, list | tuple):
        return tuple(map(_with_sides, value))
    if not isinstance(value, Mapping):
        return value
    if not frozenset.union(*GIVEN) & value.keys():
        return {name: _with_sides(side) for name, side in value.items()}
    side = side_of(value)
    for name, number in value.items():
        check_number(f"the {name} of a side", number)  # and no array, which a text can't hold
    return side


Boundaries = Annotated[Any, BeforeValidator(_parse), PlainSerializer(plain_sides)]
