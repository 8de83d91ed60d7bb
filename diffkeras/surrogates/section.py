"""The section `model` of a configuration: the network, and the scale of its inputs and outputs."""

import json
from dataclasses import dataclass, field, make_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from diffkeras.nn.architectures import ARCHITECTURES
from diffkeras.nn.architectures.architecture import Architecture, LatticeRule
from diffkeras.nn.architectures.own import check_place, own_architecture
from diffkeras.system.messages import short
from diffkeras.system.section import Form, KeyProblem, Limits, Section, taken
from diffkeras.view.scales import TRANSFORMS, Transform, get_transform

SUMMARIES = "; ".join(f"{name}: {each.summary}" for name, each in ARCHITECTURES.items())


def _as_json(value: Any) -> Any:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be plain values, not {short(value)}: {error}") from None
    return value


def _transform(value: Any) -> str:
    return get_transform(taken(str, value)).name


@dataclass(frozen=True)
class _Architecture(Section):
    architecture: str = field(
        default="encoder_decoder",
        metadata={
            "description": f"Kind of network. {SUMMARIES}. Or module:function, an architecture of "
            "your own."
        },
    )
    arguments: Annotated[dict[str, Any], Form(_as_json)] = field(
        default_factory=dict,
        metadata={"description": "Keyword arguments of the function of your own."},
    )


def _parameters() -> list[tuple[str, Any, Any]]:
    """The parameters of all architectures, as fields of a dataclass."""
    found = []
    for parameter in dict.fromkeys(p for each in ARCHITECTURES.values() for p in each.parameters):
        meanings: dict[str, list[str]] = {}
        for name, architecture in ARCHITECTURES.items():
            if meaning := architecture.parameters.get(parameter):
                meanings.setdefault(meaning, []).append(name)
        text = " ".join(f"{', '.join(names)}: {m}." for m, names in meanings.items())
        one = field(default=parameter.default, metadata={"description": text})
        found.append((parameter.name, parameter.type, one))
    return found


if TYPE_CHECKING:

    class _Parameters(_Architecture):
        def __getattr__(self, name: str) -> Any: ...  # a parameter of an architecture

else:
    _Parameters = make_dataclass("_Parameters", _parameters(), bases=(_Architecture,), frozen=True)


@dataclass(frozen=True)
class ModelConfig(_Parameters):
    """The network and the scale of its inputs and outputs.

    It has the keys of all architectures; each architecture has its own.

    Attributes:
        fixed_values: Write the known values of the source image onto the sources of the predicted
            field. Only for physics.sources: fixed_value. Corrections always do.
        corrections: Number of corrections by the equation that the field goes through before it
            leaves the network. Only for physics.sources: fixed_value.
        transform: Scale of inputs and outputs: linear, sqrt, log or power.
    """

    fixed_values: bool = False
    corrections: Annotated[int, Limits(0, 100)] = 0
    transform: Annotated[str, Form(_transform, words=" | ".join(TRANSFORMS))] = "linear"

    def check(self) -> None:
        """Check that there is such an architecture, and the arguments of one's own."""
        name = self.architecture
        if self.is_own:
            try:
                check_place(name)
            except ValueError as error:
                raise KeyProblem(str(error), "architecture") from None
        elif name not in ARCHITECTURES:
            raise KeyProblem(
                f"must be {', '.join(ARCHITECTURES)}, or module:function of your own, not "
                f"{short(name)}",
                "architecture",
            )
        if self.arguments and not self.is_own:
            raise KeyProblem(
                f"are for a function of your own, and {name} has keys of its own; write them "
                "beside `architecture`",
                "arguments",
            )
        for argument in ("channels", "lattice"):
            if argument in self.arguments:
                raise KeyProblem(
                    f"{argument} follows from physics and data; leave it out", "arguments"
                )

    def get_transform(self) -> Transform:
        """The transform of source images and fields."""
        return get_transform(self.transform)

    @cached_property
    def definition(self) -> Architecture:
        """The architecture."""
        if self.is_own:
            return own_architecture(self.architecture)
        return ARCHITECTURES[self.architecture]

    @cached_property
    def is_own(self) -> bool:
        """Whether a function of the user builds the network."""
        return ":" in self.architecture

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the architecture, by name."""
        if self.is_own:
            return dict(self.arguments)
        return {p.name: getattr(self, p.name) for p in self.definition.parameters}

    @cached_property
    def keys_used(self) -> tuple[str, ...]:
        """The keys of this section that have an effect with this architecture."""
        used = {"architecture", "corrections", "transform"}
        used |= {"arguments"} if self.is_own else {*self.parameters}
        used |= set() if self.definition.knows_equation else {"fixed_values"}
        return tuple(key for key in self.to_dict() if key in used)

    @cached_property
    def solves_equation(self) -> bool:
        """Whether the field is corrected by the equation."""
        return self.corrections > 0

    @cached_property
    def lattices(self) -> LatticeRule:
        """The lattices that the network takes."""
        return self.definition.lattices(self.parameters)
