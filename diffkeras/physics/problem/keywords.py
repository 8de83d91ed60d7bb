"""Keyword arguments of functions that take a problem or a medium by its parts."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypedDict, TypeVar, get_args

from numpy.typing import ArrayLike

from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sides import BoundarySpec
from diffkeras.physics.problem.uptake import SaturatingUptake

Uptake = ArrayLike | SaturatingUptake  # k(x), or a rate φ(x, u)
F = TypeVar("F", bound=Callable[..., Any])


class MediumKeywords(TypedDict, total=False):
    """The attributes of a `Medium` as keyword arguments: `solve(image, decay=0.1)`."""

    diffusivity: ArrayLike | tuple[ArrayLike, ...]
    decay: ArrayLike
    step: float
    boundary: BoundarySpec


class ProblemKeywords(MediumKeywords, total=False):
    """The arguments of a `Problem`, which its short forms take: `solve(image, fixed=…)`."""

    source_image: Any
    production: ArrayLike | None
    uptake: Uptake | None
    fixed: ArrayLike | None
    medium: Medium | None


def show_keywords(function: F) -> F:
    """Show the names of `**keywords` in a function's signature, for `help` and notebooks.

    Its last parameter is `**name: Unpack[…]` of one of the TypedDicts above. The shown signature
    has no types, which are pages long for arrays.
    """
    signature = inspect.signature(function)
    *named, keywords = signature.parameters.values()
    (taken,) = get_args(keywords.annotation)
    defaults = {field.name: field.default for field in fields(Medium)}
    named += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name))
        for name in taken.__annotations__
        if name not in signature.parameters and name != "source_image"
    ]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in named]
    function.__signature__ = inspect.Signature(plain)  # type: ignore[attr-defined]  # `inspect` reads it
    return function
