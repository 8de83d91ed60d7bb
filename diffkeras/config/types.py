"""Types of configuration values: names, source counts, lattices, positive numbers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from diffkeras.config.validation_messages import short

Quantity = Annotated[float, Field(ge=1e-30, le=1e30, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BatchSize = Annotated[int, Field(gt=0, le=1_000_000)]
# per source count: the files of more would take longer to list than anyone waits
Examples = Annotated[int, Field(gt=0, le=10_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
LARGEST_COUNT = 100_000  # of sources: a slip of the keyboard shouldn't fill the memory
LARGEST_NUMBER = 2**63 - 1  # what TensorFlow and the file formats hold


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            f"{short(name)} can't name a directory; take letters, digits, '.', '_' and '-', a "
            "letter or digit first"
        )
    return name


Name = Annotated[str, AfterValidator(_check_name)]


def parse_counts(text: Any) -> Any:
    """Source counts from "1-20", "1,5,20", "1-3,7", a number, or a list of those.

    Returns:
        An ascending tuple without repeats; anything else comes back as it is, to be refused.
    """
    if type(text) is int:
        return _limited((text,))
    if isinstance(text, str):
        counts: set[int] = set()
        for part in text.split(","):
            first, dash, last = (word.strip() for word in part.partition("-"))
            if not first.isdecimal() or (dash and not last.isdecimal()):
                raise ValueError(
                    f'{short(text)} is no list of source counts; write e.g. "1-20" or "1,5"'
                )
            if max(len(first), len(last)) > len(str(LARGEST_NUMBER)):
                raise ValueError(f"{short(part)} is more than {LARGEST_COUNT} sources")
            low, high = int(first), int(last or first)
            if low > high:
                raise ValueError(f"{part.strip()!r} runs backwards; write {high}-{low}")
            counts.update(range(low, _limited((high,))[0] + 1))
        return tuple(sorted(counts))
    if isinstance(text, list | tuple) and any(isinstance(part, str) for part in text):
        return parse_counts(",".join(str(part) for part in text))
    if isinstance(text, list | tuple) and all(type(part) is int for part in text):
        return _limited(tuple(sorted(set(text))))
    return text


def _limited(counts: tuple[int, ...]) -> tuple[int, ...]:
    for count in counts:
        if count > LARGEST_COUNT:
            raise ValueError(f"{short(count)} is more than {LARGEST_COUNT} sources")
    return counts


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
    tuple[PositiveInt, PositiveInt],
    BeforeValidator(_square),
    PlainSerializer(lambda v: v[0] if v[0] == v[1] else list(v)),
]
SourceCounts = Annotated[
    tuple[PositiveInt, ...],
    BeforeValidator(parse_counts),
    PlainSerializer(format_counts, return_type=str),
]


class Section(BaseModel):
    """Base of the sections: immutable, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _plain_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML reads yes, no, on and off as truth values, and Pydantic those as 1 and 0
        field = cls.model_fields[info.field_name or ""]
        truth = bool in (field.annotation, *get_args(field.annotation))
        if isinstance(value, bool) and not truth:
            raise ValueError(f"{str(value).lower()} is a truth value, which has no place here")
        if isinstance(value, int | float) and not isinstance(value, bool) and truth:
            raise ValueError(f"{short(value)} is a number; write true or false")
        section = isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for number in () if section else _whole_numbers(value):
            if abs(number) > LARGEST_NUMBER:
                raise ValueError(f"{short(number)} is beyond what 64 bits hold")
        return value


def _whole_numbers(value: Any) -> Iterator[int]:
    """All whole numbers in plain data, however deep."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _whole_numbers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _whole_numbers(part)
