"""Types of configuration values: names, source counts, lattices, positive numbers."""

import re
from collections.abc import Iterable, Iterator
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

from diffkeras.config.validation_messages import short, underflows

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
LARGEST_COUNT = 100_000  # of sources


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
        return _ascending(value)
    if isinstance(value, str):
        return _ascending(count for part in value.split(",") for count in _parse_range(part))
    return value


def _ascending(counts: Iterable[int]) -> tuple[int, ...]:
    found: set[int] = set()
    for count in counts:
        if count in found:
            raise ValueError(f"{count} is named twice; name each source count once")
        found.add(count)
    return tuple(sorted(found))


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
    def _numbers_look_like_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what Pydantic would take for a number: true for 1, and "1_000"."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds = (annotation, *get_args(annotation))
        for part in _leaves(value):
            if isinstance(part, bool) and bool not in kinds:
                raise ValueError(f"{str(part).lower()} is a truth value, which has no place here")
            if isinstance(part, str) and str not in kinds and is_unusual_number(part):
                raise ValueError(f"{short(part)} is an unusual number; write it in digits 0 to 9")
            if isinstance(part, str) and str not in kinds and underflows(part):
                raise ValueError(
                    f"{short(part)} is so small that it would be 0; write 0 or a larger one"
                )
        return value

    @field_validator("*")
    @classmethod
    def _zero_has_no_sign(cls, value: Any) -> Any:
        """0.0 for -0.0, which would be another text and so name another dataset."""
        return _with_plain_zeros(value)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _with_plain_zeros(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_with_plain_zeros, value))
    return value + 0.0 if isinstance(value, float) else value


def is_unusual_number(text: str) -> bool:
    """Whether Python takes a text for a number that people don't write so, as 1_000 or ١٢."""
    if "_" not in text and text.isascii():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
