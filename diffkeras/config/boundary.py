"""`boundary` of `physics`: what the sides of the lattice do, as YAML has it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from diffkeras.config.validation_messages import short
from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number
from diffkeras.physics.problem.given_sides import GIVEN, GivenSide
from diffkeras.physics.problem.sides import canonical_boundary

AXES = 2


def _parse(value: Any) -> Any:
    """The boundary of a `Medium`, in the spelling that a dataset is known by."""
    try:
        boundary = canonical_boundary(_with_sides(value), AXES)
    except PhysicsError as error:
        raise ValueError(str(error)) from None
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
    kind = GIVEN.get(frozenset(value))
    if kind is None:
        raise ValueError(
            f"a side has a value, a flux, or a coefficient and a value, not {short(dict(value))}; "
            "give {value: 1.0}, {flux: 0.1} or {coefficient: 0.2, value: 1.0}"
        )
    # no -0.0
    return kind(**{n: check_number(f"the {n} of a side", v) + 0.0 for n, v in value.items()})


def _to_plain(boundary: Any) -> Any:
    if isinstance(boundary, GivenSide):
        return boundary.parts
    return [_to_plain(part) for part in boundary] if isinstance(boundary, tuple) else boundary


Boundaries = Annotated[Any, BeforeValidator(_parse), PlainSerializer(_to_plain)]
